"""What Stripe says of a product, and whether it can be sold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.shop.model.file import File
from chalicelib.shop.model.product import Filters, Product, is_id, matches, read

GUIDE = File("upl_1", "guide.pdf", "application/pdf", 10, "0" * 64)
PRICE = {"id": "price_1", "active": True, "type": "one_time", "currency": "usd", "unit_amount": 900}


def told(**changes: Any) -> dict[str, Any]:
    """A tarot deck as Stripe tells of it."""
    said: dict[str, Any] = {
        "id": "prod_1",
        "active": True,
        "created": 1_700_000_000,
        "default_price": PRICE,
        "description": "78 cards.",
        "images": ["https://files.test/a.png"],
        "metadata": {},
        "name": "Tarot",
        "shippable": True,
    }
    return said | changes


def seen(was: Product | None = None, **changes: Any) -> Product:
    found = read("prod_1", told(**changes), was)
    assert found
    return found


def fault(**changes: Any) -> str | None:
    found = seen(**changes)
    assert found.fault is None or not found.on_sale("stripe")
    return found.fault


def test_a_product_is_what_stripe_says() -> None:
    assert seen() == Product(
        id="prod_1",
        name="Tarot",
        description="78 cards.",
        images=("https://files.test/a.png",),
        kind="physical",
        price=900,
        price_id="price_1",
        coins=None,
        seller=None,
        active=True,
        file=None,
        state="approved",
        fault=None,
        created_at=1_700_000_000_000,
        rev=1,
    )


@pytest.mark.parametrize(
    ("shippable", "kind"), [(True, "physical"), (False, "digital"), (None, "digital"), ("true", "digital")]
)
def test_a_thing_is_what_can_be_shipped(shippable: object, kind: str) -> None:
    assert seen(shippable=shippable).kind == kind


def test_what_is_ours_of_a_product_stays() -> None:
    was = replace(seen(), file=GUIDE, state="stopped", created_at=5, rev=7, name="Old", price=1)
    assert seen(was) == replace(seen(), file=GUIDE, state="stopped", created_at=5, rev=7)


def test_a_product_that_is_gone_is_off_sale_and_otherwise_as_it_was() -> None:
    was = replace(seen(), rev=3)
    assert read("prod_1", None, was) == replace(was, active=False)
    assert read("prod_1", None, None) is None


def test_a_readers_product_that_we_lost_was_approved_if_it_is_active() -> None:
    metadata = {"seller": "usr_rosa"}
    assert [seen(metadata=metadata, active=each).state for each in (True, False)] == ["approved", "draft"]
    assert seen(active=False).state == "approved"


@pytest.mark.parametrize("price", [None, PRICE | {"active": False}, PRICE | {"active": 1}, "price_1", 5])
def test_without_an_active_price_it_is_not_sold_for_money_and_has_no_fault(price: object) -> None:
    found = seen(default_price=price)
    assert (found.price, found.price_id, found.fault, found.on_sale("stripe")) == (None, None, None, False)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "recurring"}, "its price recurs"),
        ({"transform_quantity": {"divide_by": 10, "round": "up"}}, "its price is of packages"),
        ({"currency": "eur"}, "its price is in another currency"),
        ({"unit_amount": 49}, "its price is out of bounds"),
        ({"unit_amount": 1_000_001}, "its price is out of bounds"),
        ({"unit_amount": None}, "its price is out of bounds"),
        ({"unit_amount": True}, "its price is out of bounds"),
        ({"unit_amount": "900"}, "its price is out of bounds"),
        ({"id": ""}, "its price has no name"),
        ({"id": None}, "its price has no name"),
        ({"id": "p" * 256}, "its price has no name"),
    ],
)
def test_a_price_that_nobody_can_be_asked_for_takes_it_off_sale(change: dict[str, Any], why: str) -> None:
    found = seen(default_price=PRICE | change)
    assert (found.fault, found.price, found.price_id, found.listed) == (why, None, None, False)


@pytest.mark.parametrize("amount", [50, 1_000_000])
def test_a_price_may_be_from_50_cents_to_10_000_dollars(amount: int) -> None:
    found = seen(default_price=PRICE | {"unit_amount": amount, "id": "p" * 255})
    assert (found.price, found.fault) == (amount, None)


@pytest.mark.parametrize("coins", ["0", "-1", "1.5", "١", "1000001", "10000000", "", "5 ", 5, ["5"]])
def test_coins_that_are_no_number_take_it_off_sale(coins: object) -> None:
    assert fault(metadata={"coins": coins}, shippable=False) == "its coins are no number"


@pytest.mark.parametrize("coins", ["1", "1000000"])
def test_coins_are_a_number_up_to_a_million(coins: str) -> None:
    found = seen(metadata={"coins": coins}, shippable=False)
    assert (found.coins, found.fault) == (int(coins), None)


def test_a_thing_is_not_sold_for_coins() -> None:
    assert fault(metadata={"coins": "5"}) == "a thing is not sold for coins"
    assert seen(metadata={"coins": "5"}).coins is None


@pytest.mark.parametrize("seller", ["", "rosa", "usr_", "usr_é", "usr_" + "a" * 61, 5, "usr_a b"])
def test_a_seller_who_is_nobody_takes_it_off_sale(seller: object) -> None:
    assert fault(metadata={"seller": seller}) == "its seller is nobody"
    assert seen(metadata={"seller": seller}).seller is None


def test_a_fault_leaves_it_its_sellers() -> None:
    found = seen(metadata={"seller": "usr_rosa", "coins": "none"}, shippable=False)
    assert (found.seller, found.fault, found.coins) == ("usr_rosa", "its coins are no number", None)


@pytest.mark.parametrize("name", [None, "", " ", "\u200b", 5])
def test_a_product_without_a_name_is_called_as_its_id_and_off_sale(name: object) -> None:
    found = seen(name=name)
    assert (found.name, found.fault) == ("prod_1", "no name")


def test_all_that_is_wrong_is_told() -> None:
    assert fault(name="", default_price=PRICE | {"currency": "eur", "type": "recurring"}) == (
        "its price recurs, its price is in another currency, no name"
    )


def test_texts_are_cleaned_and_cut() -> None:
    found = seen(name=" Ta\u202erot\n deck" + "x" * 300, description="a\r\nb\x07" + "y" * 6_000)
    assert (found.name[:10], len(found.name)) == ("Tarot deck", 250)
    assert (found.description[:4], len(found.description)) == ("a\nby", 5_000)


def test_what_is_no_text_is_none() -> None:
    assert (seen(description=None).description, seen(description=["a"]).description) == ("", "")


@pytest.mark.parametrize("metadata", [None, "x", []])
def test_metadata_that_is_none_says_nothing(metadata: object) -> None:
    found = seen(metadata=metadata)
    assert (found.seller, found.coins, found.fault) == (None, None, None)


def test_eight_images_at_most_are_shown_each_at_an_https_address() -> None:
    good = [f"https://files.test/{number}.png" for number in range(9)]
    bad = ["http://a.test/x", "javascript:alert(1)", "https://a.test/x y", "https://ä.test/x", "https://a.test/\n", 5]
    long = "https://" + "a" * 2_041
    assert seen(images=[*bad, *good]).images == tuple(good[:8])
    assert seen(images=[long, long[:-1]]).images == (long[:-1],)
    assert seen(images={"https://a.test/x": 1}).images == ()


@pytest.mark.parametrize(
    ("created", "at"), [(0, 0), (1, 1_000), (2**33, 2**33 * 1_000), (2**33 + 1, 0), (-1, 0), ("5", 0), (True, 0)]
)
def test_when_it_was_made_is_a_moment_or_the_first(created: object, at: int) -> None:
    assert seen(created=created).created_at == at


@pytest.mark.parametrize(("active", "sold"), [(True, True), (False, False), ("true", False), (1, False)])
def test_only_what_is_active_is_sold(active: object, sold: bool) -> None:
    assert seen(active=active).on_sale("stripe") is sold


def test_a_digital_product_is_sold_once_it_has_a_file() -> None:
    bare = seen(shippable=False)
    assert (bare.offered, bare.listed) == (False, False)
    assert (replace(bare, file=GUIDE).offered, replace(bare, file=GUIDE).listed) == (True, True)


@pytest.mark.parametrize("state", ["draft", "stopped"])
def test_only_what_is_approved_is_sold(state: Any) -> None:
    assert not replace(seen(), state=state).listed


def test_each_rail_needs_its_price() -> None:
    both = replace(seen(shippable=False, metadata={"coins": "900"}), file=GUIDE)
    for rail, price, coins in (("stripe", 900, None), ("credit", 900, None), ("coins", None, 900)):
        only = replace(both, price=price, price_id="price_1" if price else None, coins=coins)
        assert [each for each in ("stripe", "credit", "coins") if only.on_sale(each)] == (
            ["coins"] if rail == "coins" else ["stripe", "credit"]
        )
        assert only.listed
    assert not replace(both, price_id=None, coins=None).listed


@pytest.mark.parametrize("name", ["prod_1", "a", "A-b_9", "x" * 64])
def test_ids_of_products(name: str) -> None:
    assert is_id(name)


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 65, "prod_1\n", None, 5])
def test_what_no_path_can_hold_is_no_id(name: object) -> None:
    assert not is_id(name)


# --- looking for some ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, True),
        ({"kind": "physical"}, True),
        ({"kind": "digital"}, False),
        ({"seller": "usr_rosa"}, True),
        ({"seller": "usr_rita"}, False),
        ({"q": ""}, True),
        ({"q": "TARÓT"}, True),
        ({"q": "tar card"}, True),
        ({"q": "78"}, True),
        ({"q": "arot"}, False),
        ({"q": "tarot moon"}, False),
    ],
)
def test_what_is_looked_for_is_found_by_kind_seller_and_words(filters: dict[str, Any], found: bool) -> None:
    assert matches(seen(metadata={"seller": "usr_rosa"}), Filters("web", **filters)) is found


def test_of_a_description_the_beginning_is_looked_through() -> None:
    long = "a" * 299
    assert matches(seen(description=f"{long} moon"), Filters("web", q="moon")) is False
    assert matches(seen(description=f"{long[5:]} moon"), Filters("web", q="moon")) is True
