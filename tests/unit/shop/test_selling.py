"""Products that are made and changed here: kept first, put to Stripe once, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import Forbidden, IdempotencyMismatch, Invalid, InvalidState, NotFound, Problem
from chalicelib.kernel.time import MINUTE
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Contended
from chalicelib.shop import catalogue, selling
from chalicelib.shop.model.wanted import Changes, Wanted
from chalicelib.shop.store import products_of
from tests.support.losing import LosingTables
from tests.support.shelf import GUIDE, WHY, Shelf, terms
from tests.support.worlds import NOON, hand_world

MOON = "prd_1moon"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(hand_world()).ready()


def wanted(shelf: Shelf) -> Wanted | None:
    return products_of(shelf.world).wanted(MOON)


def stripe_says(shelf: Shelf) -> tuple[Any, ...]:
    told = shelf.at_stripe()
    price = told["default_price"]
    return told["name"], told["active"], told["shippable"], told["metadata"], price and price["unit_amount"]


# --- making --------------------------------------------------------------------------------------


def test_a_readers_product_is_put_to_stripe_as_a_draft(shelf: Shelf) -> None:
    own = shelf.draft(coins=900)
    assert stripe_says(shelf) == ("Moon calendar", False, False, {"seller": shelf.reader, "coins": "900"}, 900)
    assert (own.product.state, own.product.price, own.product.price_id) == ("draft", 900, "price_prd_1moon_0")
    assert (own.waiting, own.stock.left, own.product.listed) == (False, None, False)
    assert shelf.row() == own.product
    assert shelf.audited() == [("product_added", shelf.reader)]
    assert wanted(shelf) is None


def test_only_a_verified_reader_sells(shelf: Shelf) -> None:
    readers.withdraw(shelf.world, shelf.reader, **WHY)
    for act in (shelf.draft, shelf.changes):
        with pytest.raises(Forbidden):
            act()


@pytest.mark.parametrize(("stock", "left"), [(5, 5), (0, 0), ("unlimited", None), (None, None)])
def test_a_reader_may_say_how_many_of_a_digital_one_there_are(shelf: Shelf, stock: Any, left: int | None) -> None:
    assert shelf.draft(stock=stock).stock.left == left


def test_but_not_of_a_thing(shelf: Shelf) -> None:
    with pytest.raises(Invalid):
        shelf.draft(stock=5, kind="physical")
    assert shelf.draft(kind="physical").stock.left == 0


def test_what_is_out_of_bounds_is_refused_and_nothing_made(shelf: Shelf) -> None:
    with pytest.raises(Invalid):
        shelf.draft(price=99)
    assert (shelf.world.tables.scan("shop").items, shelf.till.asked) == ([], 0)


def test_made_again_it_is_the_same(shelf: Shelf) -> None:
    first = shelf.draft()
    assert shelf.draft() == first
    assert len(shelf.till.prices) == 1


def test_an_id_that_is_anothers_is_a_mismatch(shelf: Shelf) -> None:
    selling.add(shelf.world, MOON, terms(), **WHY)
    with pytest.raises(IdempotencyMismatch):
        shelf.draft()


def test_a_reader_makes_a_hundred(shelf: Shelf) -> None:
    tally = {"pk": f"products#{shelf.reader}", "sk": "products", "count": 99}
    shelf.world.tables.write(products_of(shelf.world).count(shelf.reader, 99, 0))
    assert shelf.world.tables.get("shop", {"pk": tally["pk"], "sk": "products"}) == tally
    shelf.draft()
    with pytest.raises(InvalidState, match="100"):
        shelf.draft("sun")


def test_while_stripe_is_down_it_is_kept_and_the_tick_goes_on(shelf: Shelf) -> None:
    shelf.till.down = True
    own = shelf.draft()
    assert (own.waiting, own.product.price, own.product.price_id) == (True, 900, None)
    shelf.till.down = False
    assert shelf.till.catalogue == {}
    keys = [selling.page_of_shard(shelf.world, str(shard), 100, None)[0] for shard in range(2)]
    assert keys == [[], []]
    shelf.forward(MINUTE)
    (found,) = [key["pk"] for shard in range(2) for key in selling.page_of_shard(shelf.world, str(shard), 100, None)[0]]
    assert selling.advance(shelf.world, found) is None
    assert stripe_says(shelf)[4] == 900
    assert (wanted(shelf), selling.advance(shelf.world, found)) == (None, None)


def test_each_pause_is_longer(shelf: Shelf) -> None:
    shelf.till.down = True
    shelf.draft()
    assert selling.advance(shelf.world, MOON) == NOON + 2 * MINUTE
    kept = wanted(shelf)
    assert kept
    assert (kept.tries, kept.look_at) == (2, NOON + 2 * MINUTE)


def test_what_stripe_refuses_is_not_tried_again_and_may_be_changed(shelf: Shelf) -> None:
    shelf.till.refusing.add(MOON)
    own = shelf.draft()
    assert own.wanted
    assert (own.waiting, own.wanted.refused, own.wanted.look_at) == (False, "refused", None)
    assert selling.advance(shelf.world, MOON) is None
    shelf.till.refusing.clear()
    changed = shelf.changes(name="Sun calendar")
    assert (changed.wanted, stripe_says(shelf)[0], changed.product.state) == (None, "Sun calendar", "draft")


def test_answers_that_are_lost_make_it_once(shelf: Shelf) -> None:
    shelf.till.loses_answers = True
    assert shelf.draft().waiting
    shelf.till.loses_answers = False
    selling.advance(shelf.world, MOON)
    assert (len(shelf.till.prices), stripe_says(shelf)[4]) == (1, 900)


# --- changing ------------------------------------------------------------------------------------


def test_a_draft_is_changed_whole(shelf: Shelf) -> None:
    shelf.draft(coins=900)
    shelf.changes(name="Sun", description="Suns.", kind="physical", price=1_200, coins=0)
    assert stripe_says(shelf) == ("Sun", False, True, {"seller": shelf.reader}, 1_200)
    assert [each["active"] for each in shelf.till.prices.values()] == [False, True]
    assert shelf.audited() == [("product_added", shelf.reader), ("product_changed", shelf.reader)]


def test_what_changes_nothing_is_not_written(shelf: Shelf) -> None:
    shelf.draft()
    asked, rev = shelf.till.asked, shelf.row().rev
    shelf.changes(price=900)
    assert (shelf.till.asked, shelf.row().rev, len(shelf.audited())) == (asked, rev, 1)


def test_a_price_of_before_is_made_anew(shelf: Shelf) -> None:
    shelf.draft()
    for price in (1_000, 900, 1_000):
        assert shelf.forward(1).changes(price=price).product.price == price
    assert len(shelf.till.prices) == 4


def test_another_change_waits_for_the_one_before(shelf: Shelf) -> None:
    shelf.draft()
    shelf.till.down = True
    assert shelf.changes(price=1_000).product.price == 1_000
    with pytest.raises(InvalidState, match="on its way"):
        shelf.changes(price=1_100)
    shelf.till.down = False
    selling.advance(shelf.world, MOON)
    assert shelf.changes(price=1_100).product.price == 1_100


def test_a_change_whose_answer_was_lost_is_the_one_that_is_on_its_way(shelf: Shelf) -> None:
    shelf.draft()
    shelf.till.down = True
    shelf.changes(price=1_000)
    assert shelf.changes(price=1_000).waiting


def test_a_late_repeat_of_what_was_wanted_before_changes_nothing(shelf: Shelf) -> None:
    """Somebody took up the first change, and is slow: Stripe has answered that one before."""
    shelf.draft()
    shelf.till.down = True
    shelf.changes(price=1_000)
    late = wanted(shelf)
    assert late
    shelf.till.down = False
    selling.advance(shelf.world, MOON)
    shelf.changes(price=1_100)
    selling._put(shelf.world, late)
    assert (stripe_says(shelf)[4], shelf.row().price) == (1_100, 1_100)


def test_nobody_changes_anothers(shelf: Shelf) -> None:
    selling.add(shelf.world, MOON, terms(), **WHY)
    for act in (shelf.changes, lambda: selling.own(shelf.world, shelf.reader, MOON)):
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(NotFound):
        shelf.changes("sun", price=1_000)


def test_what_is_out_of_bounds_changes_nothing(shelf: Shelf) -> None:
    before = shelf.draft().product
    with pytest.raises(Invalid):
        shelf.changes(price=50_001)
    assert shelf.row() == before


def test_its_pieces_are_counted_with_the_change(shelf: Shelf) -> None:
    shelf.draft()
    own = shelf.changes(stock=5, price=1_000)
    assert (own.stock.left, own.product.price) == (5, 1_000)
    assert shelf.changes(stock="unlimited").stock.left is None
    assert len(shelf.audited()) == 3


def test_what_becomes_a_thing_has_none_of_its_pieces(shelf: Shelf) -> None:
    shelf.draft(stock=5)
    assert shelf.changes(kind="physical").stock.left == 0
    assert shelf.changes(kind="digital").stock.left is None


# --- an admin's ----------------------------------------------------------------------------------


def test_an_admin_approves_a_product_and_it_is_sold(shelf: Shelf) -> None:
    own = shelf.approved(coins=900)
    assert (own.product.state, own.product.active, own.product.listed) == ("approved", True, True)
    assert (own.product.file, shelf.told()) == (GUIDE, ["product_approved"])
    assert shelf.audited() == [("product_added", shelf.reader), ("product_approved", "ops")]


def test_approved_again_nothing_happens(shelf: Shelf) -> None:
    shelf.approved()
    rev = shelf.row().rev
    selling.approve(shelf.world, MOON, **WHY)
    assert (shelf.row().rev, shelf.told(), len(shelf.audited())) == (rev, ["product_approved"], 2)


def test_without_its_file_it_is_not_approved(shelf: Shelf) -> None:
    shelf.draft()
    with pytest.raises(InvalidState, match="no file"):
        selling.approve(shelf.world, MOON, **WHY)
    assert shelf.row().state == "draft"


def test_nothing_is_approved_while_a_change_is_on_its_way(shelf: Shelf) -> None:
    shelf.till.down = True
    shelf.draft()
    shelf.filed()
    with pytest.raises(InvalidState, match="on its way"):
        selling.approve(shelf.world, MOON, **WHY)


def test_its_seller_takes_it_off_sale_and_puts_it_back(shelf: Shelf) -> None:
    shelf.approved()
    assert not shelf.changes(on_sale=False).product.listed
    assert not stripe_says(shelf)[1]
    assert shelf.changes(on_sale=True).product.listed


def test_off_sale_is_at_once_also_while_stripe_is_down(shelf: Shelf) -> None:
    shelf.approved()
    shelf.till.down = True
    assert not shelf.changes(on_sale=False).product.listed
    shelf.till.down = False
    assert stripe_says(shelf)[1]
    selling.advance(shelf.world, MOON)
    assert not stripe_says(shelf)[1]


def test_what_is_stopped_is_not_sold_from_that_moment_on(shelf: Shelf) -> None:
    shelf.approved()
    own = selling.stop(shelf.world, MOON, **WHY)
    assert (own.product.state, own.product.listed, stripe_says(shelf)[1]) == ("stopped", False, False)
    assert shelf.told() == ["product_approved", "product_stopped"]
    with pytest.raises(InvalidState, match="was stopped"):
        shelf.changes(on_sale=True)
    assert selling.stop(shelf.world, MOON, **WHY) == own
    assert len(shelf.audited()) == 3


def test_what_is_stopped_while_a_change_is_on_its_way_is_taken_off_at_stripe_after_it(shelf: Shelf) -> None:
    shelf.approved()
    shelf.till.down = True
    shelf.changes(price=1_000)
    assert not selling.stop(shelf.world, MOON, **WHY).product.listed
    shelf.till.down = False
    assert selling.advance(shelf.world, MOON) == NOON
    assert selling.advance(shelf.world, MOON) is None
    assert stripe_says(shelf)[1] is False
    assert (shelf.row().price, shelf.row().active, wanted(shelf)) == (1_000, False, None)


def test_what_was_activated_at_stripe_is_not_sold_before_it_is_approved(shelf: Shelf) -> None:
    shelf.draft()
    shelf.filed()
    shelf.till.catalogue[MOON]["active"] = True
    catalogue.refresh(shelf.world, MOON)
    assert (shelf.row().active, shelf.row().listed) == (True, False)
    assert selling.approve(shelf.world, MOON, **WHY).product.listed


def test_the_platform_sells_what_it_adds_at_once(shelf: Shelf) -> None:
    own = selling.add(shelf.world, MOON, terms(kind="physical"), **WHY)
    assert (own.product.listed, own.product.seller, shelf.at_stripe()["metadata"]) == (True, None, {})
    assert (shelf.told(), shelf.audited()) == ([], [("product_added", "ops")])


def test_an_admin_changes_anybodys(shelf: Shelf) -> None:
    shelf.approved()
    shelf.forward(1)
    own = selling.administer(shelf.world, MOON, Changes(name="Sun", price=1_000), **WHY)
    assert (own.product.name, own.product.price, own.product.listed) == ("Sun", 1_000, True)
    assert shelf.audited()[-1] == ("product_changed", "ops")


def test_a_platforms_stop_and_approval_tell_nobody(shelf: Shelf) -> None:
    shelf.sells("moon")
    selling.stop(shelf.world, MOON, **WHY)
    assert not stripe_says(shelf)[1]
    selling.approve(shelf.world, MOON, **WHY)
    assert (stripe_says(shelf)[1], shelf.row().listed, shelf.told()) == (True, True, [])


def test_all_of_who_leaves_is_off_sale_and_nobody_is_told(shelf: Shelf) -> None:
    for each in ("moon", "sun"):
        shelf.approved(each)
    shelf.draft("star")
    before = shelf.told()
    for _ in range(2):
        selling.stop_all(shelf.world, shelf.reader, **WHY)
    assert [shelf.row(each).state for each in ("moon", "sun", "star")] == ["stopped"] * 3
    assert shelf.told() == before


def test_a_reader_lists_their_own_the_newest_first(shelf: Shelf) -> None:
    for each in ("moon", "sun"):
        shelf.draft(each)
        shelf.forward(1)
    shelf.sells("tarot")
    page, start = selling.own_page(shelf.world, shelf.reader, 1, None)
    rest, end = selling.own_page(shelf.world, shelf.reader, 1, start)
    assert [each.product.id for each in (*page, *rest)] == ["prd_1sun", MOON]
    assert end is None


# --- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(12))
def test_a_write_that_is_lost_loses_and_doubles_nothing(at: int, after: bool) -> None:
    """The writes of making, approving, changing and stopping a product: each is lost in turn, and all is said again."""
    tables = LosingTables(10_000, after=after)
    shelf = Shelf(hand_world(tables)).ready()
    tables.left = at

    def again(act: Any) -> None:
        for _ in range(3):
            try:
                act()
                return
            except (Problem, Contended):  # a file is set as a test does it
                selling.advance(shelf.world, MOON)

    again(shelf.draft)
    again(shelf.filed)
    again(lambda: selling.approve(shelf.world, MOON, **WHY))
    again(lambda: shelf.changes(price=1_000))
    again(lambda: selling.stop(shelf.world, MOON, **WHY))
    for _ in range(3):
        selling.advance(shelf.world, MOON)
    row = shelf.row()
    assert (row.state, row.price, row.active, row.file) == ("stopped", 1_000, False, GUIDE)
    assert (stripe_says(shelf)[1], stripe_says(shelf)[4]) == (False, 1_000)
    assert (wanted(shelf), products_of(shelf.world).made_by(shelf.reader)) == (None, 1)
    assert len(shelf.till.prices) == 2
    assert [action for action, _ in shelf.audited()].count("product_added") == 1
    assert shelf.told() == ["product_approved", "product_stopped"]


def test_a_crash_before_stripe_is_asked_is_finished_by_the_tick(shelf: Shelf) -> None:
    def dies() -> None:
        raise SystemExit

    shelf.till.takes_time = dies
    with pytest.raises(SystemExit):
        shelf.draft()
    shelf.till.takes_time = lambda: None
    due = [key["pk"] for shard in range(2) for key in selling.page_of_shard(shelf.world, str(shard), 100, None)[0]]
    assert due == [MOON]
    selling.advance(shelf.world, MOON)
    assert replace(shelf.row(), rev=1).price == 900
