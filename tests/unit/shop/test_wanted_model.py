"""What is wanted of a product: its bounds, what its reader may change, and what an admin decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.shop.model import wanted as model
from chalicelib.shop.model.product import Product
from chalicelib.shop.model.wanted import Changes, Terms, Wanted
from tests.support.stall import GUIDE, terms
from tests.support.worlds import NOON

ROSA = "usr_rosa"
OWN = terms(seller=ROSA)
PLATFORMS = terms()


def product(**changes: Any) -> Product:
    made = model.made("prd_1", terms(seller=ROSA, coins=900), NOON)
    sold = replace(made, price_id="price_1", active=True, state="approved", file=GUIDE)
    return replace(sold, **changes)


def waits(**changes: Any) -> Wanted:
    return replace(Wanted("prd_1", "wnt_1", OWN, NOON), **changes)


def refused(wanted: Terms, cents_per_100: int = 100) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as said:
        model.written(wanted, cents_per_100)
    return [(each["field"], each["message"]) for each in said.value.errors]


# --- bounds --------------------------------------------------------------------------------------


def test_terms_are_cleaned() -> None:
    wanted = replace(OWN, name=" Moon \u202e calendar", description="a\r\n\r\n\r\nb ")
    assert model.written(wanted, 100) == replace(OWN, name="Moon calendar", description="a\n\nb")


@pytest.mark.parametrize("price", [100, 50_000])
def test_a_reader_asks_from_one_to_500_dollars(price: int) -> None:
    assert model.written(replace(OWN, price=price), 100).price == price


@pytest.mark.parametrize("price", [99, 50_001, None])
def test_a_reader_asks_neither_less_nor_more(price: int | None) -> None:
    assert refused(replace(OWN, price=price)) == [("price", "from 100 to 50000 cents")]


@pytest.mark.parametrize("price", [50, 1_000_000])
def test_the_platform_asks_for_what_stripe_takes(price: int) -> None:
    assert model.written(replace(PLATFORMS, price=price), 100).price == price


@pytest.mark.parametrize("price", [49, 1_000_001, None])
def test_and_for_nothing_else(price: int | None) -> None:
    if price is not None:
        assert refused(replace(PLATFORMS, price=price, coins=1_000_000)) == [("price", "from 50 to 1000000 cents")]
    assert refused(replace(PLATFORMS, price=price)) == [("price", "from 50 to 1000000 cents")]


def test_the_platform_may_sell_for_coins_alone() -> None:
    only = replace(PLATFORMS, price=None, coins=1)
    assert model.written(only, 70) == only
    assert refused(replace(only, seller=ROSA)) == [("price", "from 100 to 50000 cents")]
    assert refused(replace(only, kind="physical")) == [("coins", "only what is digital is sold for coins")]


@pytest.mark.parametrize("name", ["", " ", "\u200b", "x" * 251])
def test_a_name_is_seen_and_fits(name: str) -> None:
    assert refused(replace(OWN, name=name)) == [("name", "1 to 250 visible characters")]
    for fits in ("x", "x" * 250):
        assert model.written(replace(OWN, name=fits, description="y"), 100).name == fits


@pytest.mark.parametrize("description", ["", "\u200b", "x" * 5_001])
def test_a_reader_says_what_it_is(description: str) -> None:
    assert refused(replace(OWN, description=description)) == [("description", "1 to 5000 visible characters")]
    assert model.written(replace(OWN, description="x" * 5_000), 100).description == "x" * 5_000


def test_the_platform_need_not_say_more_than_the_name() -> None:
    assert model.written(replace(PLATFORMS, description=""), 100).description == ""
    assert refused(replace(PLATFORMS, description="x" * 5_001)) == [("description", "1 to 5000 visible characters")]


def test_coins_are_worth_a_readers_part_of_the_price() -> None:
    """70 % of 901 cents are 630; 899 coins of 0.7 cents are worth 629, and 900 are 630."""
    assert model.written(replace(OWN, price=901, coins=900), 70).coins == 900
    assert refused(replace(OWN, price=901, coins=899), 70) == [
        ("coins", "worth at least 630 cents: so much is a reader's part of the price")
    ]


@pytest.mark.parametrize("coins", [0, -5, 1_000_001])
def test_coins_are_one_to_a_million(coins: int) -> None:
    assert refused(replace(OWN, coins=coins)) == [("coins", "from 1 to 1000000")]
    assert model.written(replace(OWN, coins=1_000_000), 100).coins == 1_000_000


def test_a_thing_is_not_sold_for_coins() -> None:
    assert refused(replace(OWN, kind="physical", coins=900)) == [("coins", "only what is digital is sold for coins")]
    assert model.written(replace(OWN, kind="physical"), 100).kind == "physical"


def test_all_that_is_wrong_is_told() -> None:
    assert [field for field, _ in refused(replace(OWN, name="", description="", price=1))] == [
        "name",
        "description",
        "price",
    ]


@pytest.mark.parametrize(
    ("own", "metadata"),
    [(OWN, {"seller": ROSA, "coins": ""}), (replace(PLATFORMS, coins=5), {"seller": "", "coins": "5"})],
)
def test_stripe_keeps_seller_and_coins_and_forgets_what_is_empty(own: Terms, metadata: dict[str, str]) -> None:
    assert own.metadata == metadata


# --- changing ------------------------------------------------------------------------------------


def test_what_is_not_named_stays() -> None:
    assert model.changed(OWN, Changes()) == OWN


def test_everything_can_change_but_the_seller() -> None:
    changes = Changes("Sun", "All suns.", "physical", 1_200, 1_300, on_sale=True)
    assert model.changed(OWN, changes) == Terms("Sun", "All suns.", "physical", 1_200, 1_300, ROSA, active=True)


def test_no_coins_is_not_for_coins() -> None:
    with_coins = replace(OWN, coins=900)
    assert model.changed(with_coins, Changes(coins=0)).coins is None
    assert model.changed(with_coins, Changes()).coins == 900


def test_off_sale_is_not_active() -> None:
    assert model.changed(replace(OWN, active=True), Changes(on_sale=False)).active is False
    assert model.changed(replace(OWN, active=True), Changes()).active is True


def test_terms_of_a_product_are_what_stripe_has_of_it() -> None:
    assert model.terms_of(product()) == terms(seller=ROSA, coins=900, active=True)


def test_a_draft_may_change_whole_but_is_not_sold() -> None:
    draft = product(state="draft")
    model.must_be_changeable(draft, Changes("Sun", "All suns.", "physical", 1_200, 0))
    model.must_be_changeable(draft, Changes(on_sale=False))
    with pytest.raises(InvalidState, match=r"^An admin looks at it first\.$"):
        model.must_be_changeable(draft, Changes(on_sale=True))


@pytest.mark.parametrize(
    "changes",
    [
        Changes(price=1),
        Changes(coins=0),
        Changes(on_sale=True),
        Changes(stock=5),
        Changes("Moon calendar", "A year of moons.", "digital"),
    ],
)
def test_of_what_is_approved_price_coins_pieces_and_sale_may_change(changes: Changes) -> None:
    model.must_be_changeable(product(), changes)


@pytest.mark.parametrize("changes", [Changes(name="Sun"), Changes(description="Suns."), Changes(kind="physical")])
def test_and_nothing_else(changes: Changes) -> None:
    with pytest.raises(
        InvalidState, match=r"^An admin has approved it as it is: only its price, and whether it is sold, can change\.$"
    ):
        model.must_be_changeable(product(), changes)


def test_of_what_was_stopped_nothing_may_change() -> None:
    with pytest.raises(InvalidState, match=r"^This product was stopped\. It stays as it is\.$"):
        model.must_be_changeable(product(state="stopped"), Changes(price=1_000))


@pytest.mark.parametrize(("kind", "changed"), [("physical", None), ("digital", "physical")])
def test_the_platform_counts_things(kind: Any, changed: Any) -> None:
    for check in (model.must_be_changeable, model.must_be_countable):
        with pytest.raises(Invalid) as said:
            check(product(kind=kind, state="draft"), Changes(stock=5, kind=changed))
        assert said.value.errors == ({"field": "stock", "message": "the platform counts the pieces of what it sends"},)


def test_pieces_of_what_becomes_digital_may_be_counted() -> None:
    model.must_be_countable(product(kind="physical"), Changes(stock=5, kind="digital"))
    model.must_be_countable(product(kind="physical"), Changes())


@pytest.mark.parametrize(("stock", "left"), [(5, 5), (0, 0), ("unlimited", None), (None, None)])
def test_pieces_are_a_number_or_without_end(stock: Any, left: int | None) -> None:
    assert Changes(stock=stock).left == left


def test_one_change_at_a_time_is_on_its_way() -> None:
    model.must_be_free(None)
    model.must_be_free(waits(refused="parameter_invalid"))
    with pytest.raises(
        InvalidState, match=r"^The last change of it is still on its way to Stripe\. Try again in a minute\.$"
    ):
        model.must_be_free(waits())


# --- on its way ----------------------------------------------------------------------------------


def test_what_is_made_here_is_a_draft_until_an_admin_looked_at_it() -> None:
    made = model.made("prd_1", replace(OWN, coins=900), NOON)
    assert made == Product(
        "prd_1",
        "Moon calendar",
        "A year of moons.",
        (),
        "digital",
        900,
        None,
        900,
        ROSA,
        active=False,
        state="draft",
        created_at=NOON,
    )
    assert model.made("prd_1", PLATFORMS, NOON).state == "approved"


def test_its_seller_sees_what_is_wanted() -> None:
    was = product()
    sun = replace(OWN, name="Sun", description="Suns.", kind="physical", price=1_200, active=False)
    assert model.shown(was, None) == was
    assert model.shown(was, waits(terms=sun)) == replace(
        was, name="Sun", description="Suns.", kind="physical", price=1_200, coins=None
    )


@pytest.mark.parametrize(("tries", "pause"), [(0, MINUTE), (1, 2 * MINUTE), (10, 1_024 * MINUTE), (11, DAY), (50, DAY)])
def test_each_try_waits_twice_as_long_a_day_at_most(tries: int, pause: int) -> None:
    assert model.tried(waits(tries=tries), NOON + 5) == waits(tries=tries + 1, look_at=NOON + 5 + pause)


def test_what_stripe_refused_is_not_tried_again() -> None:
    assert model.refused(waits(tries=2), "no") == waits(tries=3, look_at=None, refused="no")


def test_once_stripe_has_it_nothing_follows() -> None:
    assert model.following(waits(), product(), "wnt_2", NOON) is None
    assert model.following(waits(), replace(product(), state="stopped", active=False), "wnt_2", NOON) is None


def test_but_what_was_stopped_meanwhile_is_taken_off_there_too() -> None:
    stopped = replace(product(), state="stopped")
    wanted = waits(terms=replace(OWN, active=True), tries=4)
    assert model.following(wanted, stopped, "wnt_2", NOON + 9) == Wanted("prd_1", "wnt_2", OWN, NOON + 9)


def test_what_is_to_be_off_sale_is_so_at_once() -> None:
    was = product()
    assert model.off_sale(was, replace(OWN, active=False)) == replace(was, active=False)
    assert model.off_sale(was, replace(OWN, active=True)) == was
    off = replace(was, active=False)
    assert model.off_sale(off, replace(OWN, active=True)) == off
    assert model.off_sale(off, OWN) == off


# --- what an admin decides -----------------------------------------------------------------------


@pytest.mark.parametrize("state", ["draft", "stopped", "approved"])
def test_what_has_a_file_can_be_approved(state: Any) -> None:
    was = replace(product(), state=state)
    assert model.approved(was) == product()


def test_what_is_digital_has_a_file_first() -> None:
    bare = replace(product(), file=None, state="draft")
    with pytest.raises(InvalidState, match=r"^It has no file yet\.$"):
        model.approved(bare)
    assert model.approved(replace(bare, kind="physical")).state == "approved"


@pytest.mark.parametrize("state", ["draft", "stopped", "approved"])
def test_anything_can_be_stopped(state: Any) -> None:
    assert model.stopped(replace(product(), state=state)) == replace(product(), state="stopped")
