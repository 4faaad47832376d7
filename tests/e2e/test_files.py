"""Digital goods over HTTP: a reader's file from its announcement to the buyer, and everybody who may not have it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import requests

from chalicelib.kernel.time import DAY
from chalicelib.shop.file_store import file_rows
from infra.local.phone import Answer, Json, Phone, new_key
from tests.e2e.stage import SOON, Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
PDF: Final = b"%PDF-1.7\n" + bytes(range(256)) * 12_000
"""Three megabytes."""
NEW: Final = b"%PDF-1.7\n" + b"new" * 100


def announce(phone: Phone, product: str, content: bytes = PDF, **more: Any) -> Answer:
    wanted = {
        "name": "The Moon.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
    }
    return phone.api.send("POST", f"/v1/reader/products/{product}/file", wanted | more)


def posted(form: Json, content: bytes, **fields: str) -> int:
    """The status with which the bucket answers."""
    return requests.post(form["url"], data=form["fields"] | fields, files={"file": content}, timeout=SOON).status_code


def put(phone: Phone, product: str, upload: str) -> Answer:
    return phone.api.send("PUT", f"/v1/reader/products/{product}/file", {"upload": upload})


def link(phone: Phone, order: str, item: str = "1", key: str | None = None) -> Answer:
    return phone.api.send("POST", f"/v1/orders/{order}/items/{item}/download", key=key or new_key())


def opened(phone: Phone, made: Json) -> Answer:
    return phone.api.send("GET", f"/v1/downloads/{made['id']}")


@pytest.fixture(scope="module")
def reader(stage: Stage) -> Phone:
    return stage.reader()


@pytest.fixture(scope="module")
def buyer(stage: Stage) -> Phone:
    buyer = stage.client()
    stage.admin("coins", "grant", buyer.id, "--coins", "2000", "--ref", uuid4().hex, *WHY)
    return buyer


def offered(reader: Phone, **more: Any) -> str:
    """The id of a new draft of the reader's."""
    terms = {"name": "The Moon", "description": "A book.", "kind": "digital", "price": 500, "coins": 500}
    return str(reader.api.post("/v1/reader/products", terms | more)["id"])


def ordered(phone: Phone, product: str, rail: str = "coins") -> Json:
    where = "ios" if rail == "coins" else "web"
    order: Json = phone.api.post("/v1/orders", {"items": [{"product": product}], "rail": rail, "where": where})
    return order


@pytest.fixture(scope="module")
def product(stage: Stage, reader: Phone) -> str:
    """On sale, with its file."""
    product = offered(reader)
    form = announce(reader, product).json
    assert posted(form, PDF) == 204
    assert put(reader, product, form["id"]).status == 200
    stage.admin("products", "approve", product, *WHY)
    return product


@pytest.fixture(scope="module")
def order(buyer: Phone, product: str) -> str:
    made = ordered(buyer, product)
    assert made["state"] == "fulfilled"
    return str(made["id"])


def test_a_file_is_taken_up_as_what_was_announced_and_no_other_way(stage: Stage, reader: Phone, buyer: Phone) -> None:
    product = offered(reader)
    assert refusal(announce(buyer, product)) == (403, "forbidden"), "no reader"
    assert refusal(announce(stage.reader(), product)) == (403, "forbidden"), "another's"
    assert refusal(announce(reader, "prd_none")) == (404, "not_found")
    path = f"/v1/reader/products/{product}/file"
    for method in ("POST", "PUT"):
        assert refusal(stage.api().send(method, path, {})) == (401, "unauthenticated")
    wrong: list[Json] = [{"size": 0}, {"size": 100 * 1024 * 1024 + 1}, {"media_type": "text/html"}, {"sha256": "00"}]
    for each in [*wrong, {"name": "..."}, {"name": ""}]:
        assert refusal(announce(reader, product, **each)) == (422, "invalid"), each

    form = announce(reader, product).json
    assert posted(form, PDF + b"x") >= 400
    assert posted(form, PDF, key=f"products/{product}/{form['id']}") >= 400
    assert posted(form, PDF, **{"x-amz-checksum-sha256": "x"}) >= 400
    assert refusal(put(reader, product, form["id"])) == (404, "not_found"), "nothing was uploaded"
    if posted(form, PDF[:-1] + b"x") < 300:  # the local S3 checks no digest of a form
        refused = put(reader, product, form["id"])
        assert refusal(refused) == (422, "invalid")
        assert refused.json["errors"][0]["field"] == "sha256"

    form = announce(reader, product).json
    assert posted(form, PDF) == 204
    assert refusal(put(reader, offered(reader), form["id"])) == (404, "not_found"), "of another product"
    taken = [put(reader, product, form["id"]) for _ in range(2)]
    assert [each.status for each in taken] == [200, 200]
    assert taken[0].json == taken[1].json


def test_after_the_approval_an_admin_alone_sets_the_file_and_buyers_get_the_new_one(
    stage: Stage, reader: Phone, buyer: Phone, tmp_path: Path
) -> None:
    product = offered(reader)
    form = announce(reader, product).json
    assert posted(form, PDF) == 204
    assert put(reader, product, form["id"]).status == 200
    stage.admin("products", "approve", product, *WHY)
    assert refusal(announce(reader, product, NEW)) == (409, "invalid_state")
    order = ordered(buyer, product)["id"]
    path = tmp_path / 'The "new" moon.pdf'
    path.write_bytes(NEW)
    (row,) = stage.admin("products", "file", product, str(path), *WHY)["rows"]
    assert (row["name"], row["size"]) == ("The _new_ moon.pdf", len(NEW))
    given = requests.get(opened(buyer, link(buyer, order).json).json["url"], timeout=SOON)
    assert given.content == NEW
    assert given.headers["Content-Disposition"] == 'attachment; filename="The _new_ moon.pdf"'


def test_only_the_buyer_downloads_and_ten_times(stage: Stage, reader: Phone, buyer: Phone, order: str) -> None:
    stranger = stage.client()
    path = f"/v1/orders/{order}/items/1/download"
    assert refusal(buyer.api.send("POST", path)) == (400, "idempotency_key_required")
    assert refusal(stage.api().send("POST", path, key=new_key())) == (401, "unauthenticated")
    for other in (stranger, reader):
        assert refusal(link(other, order)) == (403, "forbidden")
    assert refusal(link(buyer, order, "2")) == (404, "not_found")
    assert refusal(link(buyer, "ord_none")) == (404, "not_found")

    key = new_key()
    made, again = link(buyer, order, key=key), link(buyer, order, key=key)
    assert (made.status, made.json, made.json["left"]) == (201, again.json, 10)
    assert made.json["url"] == f"{stage.stack.api_url}/v1/downloads/{made.json['id']}"
    assert refusal(stage.api().send("GET", f"/v1/downloads/{made.json['id']}")) == (401, "unauthenticated")
    for other in (stranger, reader, Phone(stage.api(stage.stack.tokens["admin"]))):
        assert refusal(opened(other, made.json)) == (403, "forbidden")
    assert refusal(opened(buyer, {"id": "dow_none"})) == (404, "not_found")

    first = opened(buyer, made.json).json
    assert (first["name"], first["size"], first["left"]) == ("The Moon.pdf", len(PDF), 9)
    given = requests.get(first["url"], timeout=SOON)
    assert (given.status_code, sha256(given.content).hexdigest()) == (200, first["sha256"])
    assert given.headers["Content-Type"] == "application/pdf"
    assert given.headers["Content-Disposition"] == 'attachment; filename="The Moon.pdf"'
    rest = requests.get(first["url"], headers={"Range": "bytes=3000000-"}, timeout=SOON)
    assert rest.content == PDF[3_000_000:], "what was cut off goes on"
    lefts = [opened(buyer, made.json).json["left"] for _ in range(2)]
    assert refusal(opened(buyer, made.json)) == (410, "link_expired"), "three openings"
    others = [link(buyer, order).json for _ in range(3)]
    lefts += [opened(buyer, others[number // 3]).json["left"] for number in range(7)]
    assert lefts == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert refusal(opened(buyer, others[2])) == (410, "link_expired"), "ten downloads"
    assert refusal(link(buyer, order)) == (410, "link_expired")
    assert buyer.api.get(f"/v1/orders/{order}")["items"][0]["downloads"] == 10


def test_what_is_over_or_given_back_or_not_paid_is_not_downloaded(stage: Stage, buyer: Phone, product: str) -> None:
    order = ordered(buyer, product)["id"]
    over, made = link(buyer, order).json, link(buyer, order).json
    rows = file_rows(stage.world)
    was = rows.download(over["id"])
    assert was
    stage.world.tables.write(rows.replace(replace(was, created_at=was.created_at - DAY, rev=was.rev + 1), was))
    assert refusal(opened(buyer, over)) == (410, "link_expired"), "a day later"
    assert opened(buyer, made).status == 200
    stage.admin("orders", "refund", order, "--ref", "t1", *WHY, by="ann-files")
    assert refusal(opened(buyer, made)) == (410, "link_expired")
    assert refusal(link(buyer, order)) == (410, "link_expired")

    pending = ordered(buyer, product, "stripe")["id"]
    assert refusal(link(buyer, pending)) == (409, "invalid_state")
    buyer.api.post(f"/v1/orders/{pending}/cancel")
    assert refusal(link(buyer, pending)) == (410, "link_expired")
