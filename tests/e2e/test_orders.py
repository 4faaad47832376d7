"""Orders over HTTP that are paid by credit and by coins: made, sent, called off, given back; each refusal. What is paid
on a page of Stripe's is in test_checkout, and fetching files in test_files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal

ORDERS: Final = "/v1/orders"
WHY: Final = ("--reason", "an end-to-end test", "--yes")
HOME: Final = {"name": "Clara", "line1": "1 Main St", "city": "Springfield", "postal_code": "62701", "country": "US"}
POSTAGE: Final = 595
PIECES: Final = 5


def known(stage: Stage, product: str) -> str:
    """The product, once it is known here."""
    looked = f"/v1/products/{product}"
    until("the product being known", lambda: stage.api().send("GET", looked).status == 200, seconds=SOON)
    return product


def asked(product: str, quantity: int = 1, rail: str = "credit", **more: Any) -> Json:
    sent = {} if rail == "coins" else {"address": HOME, "shipping_rate": "standard"}
    where = "ios" if rail == "coins" else "web"
    return {"items": [{"product": product, "quantity": quantity}], "rail": rail, "where": where} | sent | more


@pytest.fixture(scope="module")
def deck(stage: Stage, desk: StripeDesk) -> str:
    product = known(stage, desk.sells("A deck of cards", 1_500, f"prd_{uuid4().hex[:20]}", shippable=True))
    stage.admin("products", "stock", product, "--left", str(PIECES), *WHY)
    return product


def left(stage: Stage, product: str) -> int:
    return int(stage.api().get(f"/v1/products/{product}")["left"])


def test_things_are_bought_from_credit_sent_and_given_back(stage: Stage, deck: str) -> None:
    buyer = stage.client(10_000)
    key, body = new_key(), asked(deck, 2, expected_total=3_000 + POSTAGE)
    made = buyer.api.post(ORDERS, body, key=key)
    assert buyer.api.post(ORDERS, body, key=key) == made
    assert (made["state"], made["total"]["amount"]) == ("paid", 3_000 + POSTAGE)
    assert (made["shipping"]["address"]["line1"], made["checkout_url"]) == ("1 Main St", None)
    assert (buyer.credit(), left(stage, deck)) == (6_405, PIECES - 2)
    other = buyer.api.post(ORDERS, asked(deck), key=new_key())
    assert buyer.api.get(f"{ORDERS}?limit=1")["items"] == [other]
    waits = stage.admin("orders", "list", "--to-ship")["rows"]
    assert [each["id"] for each in waits if each["buyer"] == buyer.id] == [made["id"], other["id"]]

    sent = ("--carrier", "USPS", "--tracking", "9400 1000")
    stage.admin("orders", "ship", made["id"], *sent, *WHY)
    assert refusal(buyer.api.send("POST", f"{ORDERS}/{made['id']}/cancel")) == (409, "invalid_state")
    stage.admin("orders", "deliver", made["id"], *WHY)
    stage.admin("orders", "refund", made["id"], "--item", "1:1", "--restock", "--ref", "t1", *WHY, by="ann-orders")
    arrived = buyer.api.get(f"{ORDERS}/{made['id']}")
    (item,) = arrived["items"]
    assert (arrived["state"], item["tracking"], item["refunded"]) == ("delivered", "9400 1000", 1)
    assert (arrived["refunded"]["amount"], arrived["refunds"][0]["done"]) == (1_500, True)

    off = buyer.api.post(f"{ORDERS}/{other['id']}/cancel")
    assert (off["state"], buyer.api.post(f"{ORDERS}/{other['id']}/cancel")) == ("refunded", off)
    assert (buyer.credit(), left(stage, deck)) == (10_000 - 1_500 - POSTAGE, PIECES - 1)


def test_a_readers_file_is_bought_for_coins_and_they_have_their_share(
    stage: Stage, desk: StripeDesk, tmp_path: Path
) -> None:
    buyer, reader = stage.client(), stage.reader()
    book = tmp_path / "runes.pdf"
    book.write_bytes(b"%PDF-1.7\n" + bytes(100))
    told = {"shippable": False, "metadata": {"seller": reader.id, "coins": "501"}}
    product = desk.sells("A book of runes", 900, f"prd_{uuid4().hex[:20]}", **told)
    until(
        "the product being known",
        lambda: stage.office.run("products", "show", product, "--local", "--json")[0] == 0,
        seconds=SOON,
    )
    stage.admin("products", "file", product, str(book), *WHY)
    assert refusal(buyer.api.send("POST", ORDERS, asked(product, rail="coins"), key=new_key())) == (
        402,
        "insufficient_funds",
    )
    stage.admin("coins", "grant", buyer.id, "--coins", "600", "--ref", product, *WHY)
    made = buyer.api.post(ORDERS, asked(product, rail="coins"), key=new_key())
    assert (made["state"], made["total"]) == ("fulfilled", {"amount": 501, "currency": "coins"})
    (sale,) = reader.api.get("/v1/reader/sales")["items"]
    assert (sale["order"], sale["earned"]["amount"], "buyer" in sale) == (made["id"], 350, False)
    assert reader.api.get("/v1/reader/earnings")["balance"]["amount"] == 350
    stage.admin("orders", "refund", made["id"], "--ref", "t2", *WHY, by="ann-orders")
    assert buyer.api.get("/v1/wallet")["coins"]["amount"] == 600
    assert reader.api.get("/v1/reader/earnings")["balance"]["amount"] == 0
    own = asked(product, rail="coins")
    assert refusal(reader.api.send("POST", ORDERS, own, key=new_key())) == (403, "forbidden")


@pytest.fixture(scope="module")
def poor(stage: Stage) -> Phone:
    return stage.client()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"items": []}, (422, "invalid")),
        ({"items": [{"product": "{deck}", "quantity": 21}]}, (422, "invalid")),
        ({"items": [{"product": "{deck}"}, {"product": "{deck}"}]}, (422, "invalid")),
        ({"items": [{"product": "prd_none"}]}, (404, "not_found")),
        ({"items": [{"product": "{deck}", "quantity": PIECES + 1}], "rail": "stripe"}, (409, "out_of_stock")),
        ({"address": None}, (422, "invalid")),
        ({"address": HOME | {"country": "Narnia"}}, (422, "invalid")),
        ({"shipping_rate": "drone"}, (422, "invalid")),
        ({"rail": "coins", "where": "ios"}, (403, "forbidden")),
        ({"rail": "gold"}, (422, "invalid")),
        ({"coupon": "NONE-SUCH"}, (422, "invalid")),
        ({"expected_total": 1_500}, (409, "invalid_state")),
        ({}, (402, "insufficient_funds")),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_takes_nothing(
    stage: Stage, deck: str, poor: Phone, changes: Json, why: tuple[int, str]
) -> None:
    body = asked(deck) | changes
    body["items"] = [each | {"product": each["product"].replace("{deck}", deck)} for each in body["items"]]
    before = left(stage, deck)
    assert refusal(poor.api.send("POST", ORDERS, body, key=new_key())) == why
    assert (left(stage, deck), poor.api.get(ORDERS)["items"]) == (before, [])


def test_an_order_is_its_buyers_alone(stage: Stage, deck: str, poor: Phone) -> None:
    buyer = stage.client(5_000)
    made = buyer.api.post(ORDERS, asked(deck), key=new_key())
    for method, path in (("GET", f"{ORDERS}/{{}}"), ("POST", f"{ORDERS}/{{}}/cancel")):
        assert refusal(poor.api.send(method, path.format(made["id"]))) == (403, "forbidden")
        assert refusal(poor.api.send(method, path.format("ord_none"))) == (404, "not_found")
        assert refusal(stage.api().send(method, path.format(made["id"]))) == (401, "unauthenticated")
    assert refusal(stage.api().send("GET", ORDERS)) == (401, "unauthenticated")
    assert refusal(poor.api.send("GET", "/v1/reader/sales")) == (403, "forbidden")
    assert refusal(buyer.api.send("POST", ORDERS, asked(deck))) == (400, "idempotency_key_required")
    assert buyer.api.post(f"{ORDERS}/{made['id']}/cancel")["state"] == "refunded"


def test_an_admin_calls_off_what_is_not_paid_yet(stage: Stage, deck: str, poor: Phone) -> None:
    before = left(stage, deck)
    made = poor.api.post(ORDERS, asked(deck, rail="stripe"), key=new_key())
    stage.admin("orders", "cancel", made["id"], *WHY)
    (row,) = stage.admin("orders", "show", made["id"])["rows"]
    assert (row["state"], left(stage, deck)) == ("cancelled", before)
