"""The catalogue over HTTP: Stripe's products and what changes them, a reader's from draft to sale; each refusal."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from infra.local.phone import Json, new_key
from infra.local.waiting import until
from tests.e2e.stage import RULE_EVENT, SOON, Stage, StripeDesk, refusal

PRODUCTS = "/v1/products"
OWN = "/v1/reader/products"
WHY = ("--reason", "an end-to-end test", "--yes")
MOON = {"name": "Moon calendar", "description": "A year of moons.", "kind": "physical", "price": 900}


def seen(stage: Stage, product: str) -> Json | None:
    """The product, as somebody without a token sees it; None where it is not found."""
    answer = stage.api().send("GET", f"{PRODUCTS}/{product}")
    assert answer.status in (200, 404)
    return answer.json if answer.status == 200 else None


def becomes(stage: Stage, product: str, **wanted: object) -> Json:
    """The product, once it is so."""

    def look() -> Json | None:
        found = seen(stage, product)
        return found if found and all(found[name] == value for name, value in wanted.items()) else None

    return until(f"{product} being {wanted}", look, seconds=SOON)


def test_what_changes_at_stripe_changes_what_is_sold(stage: Stage, desk: StripeDesk) -> None:
    name = f"Tarot {uuid4().hex[:8]}"
    product = desk.sells(name, 2_500, shippable=True, description="78 cards.")
    shown = becomes(stage, product, name=name)
    assert shown == {
        "id": product,
        "name": name,
        "description": "78 cards.",
        "images": [],
        "kind": "physical",
        "price": {"amount": 2_500, "currency": "usd"},
        "coins": None,
        "seller": None,
        "available": False,
        "left": 0,
        "rails": ["credit", "stripe"],
    }
    stage.admin("products", "stock", product, "--left", "11", *WHY)
    becomes(stage, product, available=True, left=None)
    found = stage.api().get(f"{PRODUCTS}?q={name.replace(' ', '%20')}&kind=physical&where=ios")
    assert [each["id"] for each in found["items"]] == [product]
    stage.admin("products", "change", product, "--price", "2900", *WHY)
    becomes(stage, product, price={"amount": 2_900, "currency": "usd"})
    desk.v1.products.update(product, params={"active": False})
    until("it being off sale", lambda: seen(stage, product) is None, seconds=SOON)
    desk.v1.products.update(product, params={"active": True})
    becomes(stage, product, name=name)
    stage.admin("products", "stop", product, *WHY)
    assert seen(stage, product) is None


def test_what_no_event_told_of_is_repaired_by_a_sync(stage: Stage, desk: StripeDesk) -> None:
    stale, gone = (desk.sells("Cup", 1_500, shippable=True) for _ in range(2))
    missing = f"prod_{uuid4().hex}"
    for product in (stale, gone):
        becomes(stage, product, name="Cup")
        told = {"product.created": product, "price.created": desk.v1.products.retrieve(product).default_price}
        for kind, thing in told.items():  # one that came later would repair what follows
            desk.delivered(desk.event(kind, str(thing))["id"])
    desk.silently(stale, name="Chalice")
    desk.silently(gone)
    desk.silently(missing, name="Bowl", shippable=True, active=True, unit_amount=700)
    facts = [stage.admin("products", "show", each)["rows"][0]["name"] for each in (stale, gone)]
    assert facts == ["Cup", "Cup"]
    (counts,) = stage.admin("products", "sync", *WHY)["rows"]
    assert (counts["failed"], counts["ended_at"] is not None) == (0, True)
    assert all(counts[what] >= 1 for what in ("added", "changed", "gone"))
    shown = [stage.admin("products", "show", each)["rows"][0] for each in (stale, gone, missing)]
    assert [(each["name"], each["active_at_stripe"]) for each in shown] == [
        ("Chalice", True),
        ("Cup", False),
        ("Bowl", True),
    ]
    answer = stage.stack.aws("lambda").invoke(
        FunctionName="soulseer-dev-sync_catalogue", Payload=json.dumps(RULE_EVENT).encode()
    )
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"done": True}


def test_a_readers_product_from_draft_to_sale(stage: Stage, desk: StripeDesk) -> None:
    reader, stranger = stage.reader(), stage.reader()
    key = new_key()
    draft = reader.api.post(OWN, MOON, key=key)
    assert reader.api.post(OWN, MOON, key=key) == draft
    product = draft["id"]
    assert (draft["state"], draft["on_sale"], draft["waiting"], draft["stock"]) == ("draft", False, False, 0)
    told = desk.v1.products.retrieve(product)
    assert (told.active, told.shippable, told.metadata["seller"]) == (False, True, reader.id)
    assert seen(stage, product) is None
    path = f"{OWN}/{product}"
    assert reader.api.get(path) == draft
    assert reader.api.get(OWN)["items"] == [draft]
    digital = reader.api.call("PATCH", path, {"kind": "digital", "coins": 900, "stock": 5})
    assert (digital["kind"], digital["coins"], digital["stock"]) == ("digital", 900, 5)
    reader.api.call("PATCH", path, {"kind": "physical", "coins": 0, "name": "Moon wheel"})
    for phone, sent, why in (
        (stranger, {"price": 1_000}, (403, "forbidden")),
        (reader, {"on_sale": True}, (409, "invalid_state")),
        (reader, {"price": 99}, (422, "invalid")),
        (reader, {"stock": 5}, (422, "invalid")),
        (reader, {"seller": "usr_1"}, (422, "invalid")),
    ):
        assert refusal(phone.api.send("PATCH", path, sent)) == why
    stage.admin("products", "approve", product, *WHY)
    shown = becomes(stage, product, name="Moon wheel")
    assert shown["seller"]["id"] == reader.id
    listed = stage.api().get(f"{PRODUCTS}?seller={reader.id}")
    assert listed == {"items": [shown], "next_cursor": None}
    assert refusal(reader.api.send("PATCH", path, {"name": "Sun"})) == (409, "invalid_state")
    assert reader.api.call("PATCH", path, {"price": 1_000, "on_sale": False})["on_sale"] is False
    assert seen(stage, product) is None
    assert desk.v1.products.retrieve(product, params={"expand": ["default_price"]}).default_price.unit_amount == 1_000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"price": 50_001}, (422, "invalid")),
        ({"coins": 5}, (422, "invalid")),
        ({"name": "\u200b"}, (422, "invalid")),
        ({"kind": "magic"}, (422, "invalid")),
    ],
)
def test_what_cannot_be_sold_is_refused(stage: Stage, changes: Json, why: tuple[int, str]) -> None:
    reader = stage.reader()
    assert refusal(reader.api.send("POST", OWN, MOON | changes, key=new_key())) == why
    assert reader.api.get(OWN)["items"] == []


def test_who_sells_nothing_is_refused(stage: Stage) -> None:
    client = stage.client()
    for method, path, body in (("GET", OWN, None), ("POST", OWN, MOON), ("PATCH", f"{OWN}/prd_1", {})):
        assert refusal(client.api.send(method, path, body, key=new_key())) == (403, "forbidden")
        assert refusal(stage.api().send(method, path, body)) == (401, "unauthenticated")
    assert refusal(stage.api().send("GET", f"{PRODUCTS}/prd_none")) == (404, "not_found")
    for query in ("kind=magic", "where=fridge", "limit=0", "cursor=no", f"q={'x' * 201}"):
        assert refusal(stage.api().send("GET", f"{PRODUCTS}?{query}")) == (422, "invalid")
