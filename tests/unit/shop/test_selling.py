"""Products that are made and changed here: kept first, put to Stripe once, read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import Forbidden, IdempotencyMismatch, Invalid, InvalidState, NotFound, Problem
from chalicelib.kernel.time import MINUTE
from chalicelib.operations.handlers import KINDS
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Contended
from chalicelib.shop import catalogue, selling
from chalicelib.shop.model.wanted import Changes, Wanted
from chalicelib.shop.store import products_of
from tests.support.losing import LosingTables
from tests.support.stall import GUIDE, WHY, Stall, terms
from tests.support.worlds import NOON, hand_world

MOON = "prd_1moon"


@pytest.fixture
def stall() -> Stall:
    return Stall(hand_world()).ready()


def wanted(stall: Stall) -> Wanted | None:
    return products_of(stall.world).wanted(MOON)


def stripe_says(stall: Stall) -> tuple[Any, ...]:
    told = stall.at_stripe()
    price = told["default_price"]
    return told["name"], told["active"], told["shippable"], told["metadata"], price and price["unit_amount"]


# --- making --------------------------------------------------------------------------------------


def test_a_readers_product_is_put_to_stripe_as_a_draft(stall: Stall) -> None:
    own = stall.draft(coins=900)
    assert stripe_says(stall) == ("Moon calendar", False, False, {"seller": stall.reader, "coins": "900"}, 900)
    assert (own.product.state, own.product.price, own.product.price_id) == ("draft", 900, "price_prd_1moon_0")
    assert (own.waiting, own.stock.left, own.product.listed) == (False, None, False)
    assert stall.row() == own.product
    assert stall.audited() == [("product_added", stall.reader)]
    assert wanted(stall) is None


def test_only_a_verified_reader_sells(stall: Stall) -> None:
    readers.withdraw(stall.world, stall.reader, **WHY)
    for act in (stall.draft, stall.changes):
        with pytest.raises(Forbidden):
            act()


def test_who_has_only_begun_to_be_a_reader_sells_nothing(stall: Stall) -> None:
    with pytest.raises(Forbidden):
        Stall(stall.world, "2").draft()


@pytest.mark.parametrize(("stock", "left"), [(5, 5), (0, 0), ("unlimited", None), (None, None)])
def test_a_reader_may_say_how_many_of_a_digital_one_there_are(stall: Stall, stock: Any, left: int | None) -> None:
    assert stall.draft(stock=stock).stock.left == left


def test_but_not_of_a_thing(stall: Stall) -> None:
    with pytest.raises(Invalid):
        stall.draft(stock=5, kind="physical")
    assert stall.draft(kind="physical").stock.left == 0


def test_what_is_out_of_bounds_is_refused_and_nothing_made(stall: Stall) -> None:
    with pytest.raises(Invalid):
        stall.draft(price=99)
    assert (stall.world.tables.scan("shop").items, stall.till.asked) == ([], 0)


def test_made_again_it_is_the_same(stall: Stall) -> None:
    first = stall.draft()
    assert stall.draft() == first
    assert len(stall.till.prices) == 1


def test_an_id_that_is_anothers_is_a_mismatch(stall: Stall) -> None:
    selling.add(stall.world, MOON, terms(), **WHY)
    with pytest.raises(IdempotencyMismatch):
        stall.draft()


def test_a_reader_makes_a_hundred(stall: Stall) -> None:
    tally = {"pk": f"products#{stall.reader}", "sk": "products", "count": 99}
    stall.world.tables.write(products_of(stall.world).count(stall.reader, 99, 0))
    assert stall.world.tables.get("shop", {"pk": tally["pk"], "sk": "products"}) == tally
    stall.draft()
    with pytest.raises(InvalidState, match="100"):
        stall.draft("sun")


def test_while_stripe_is_down_it_is_kept_and_the_tick_goes_on(stall: Stall) -> None:
    stall.till.down = True
    own = stall.draft()
    assert (own.waiting, own.product.price, own.product.price_id) == (True, 900, None)
    stall.till.down = False
    assert stall.till.catalogue == {}
    keys = [selling.page_of_shard(stall.world, str(shard), 100, None)[0] for shard in range(2)]
    assert keys == [[], []]
    stall.forward(MINUTE)
    (found,) = [key["pk"] for shard in range(2) for key in selling.page_of_shard(stall.world, str(shard), 100, None)[0]]
    assert selling.advance(stall.world, found) is None
    assert stripe_says(stall)[4] == 900
    assert (wanted(stall), selling.advance(stall.world, found)) == (None, None)


def test_each_pause_is_longer(stall: Stall) -> None:
    stall.till.down = True
    stall.draft()
    assert selling.advance(stall.world, MOON) == NOON + 2 * MINUTE
    kept = wanted(stall)
    assert kept
    assert (kept.tries, kept.look_at) == (2, NOON + 2 * MINUTE)


def test_what_stripe_refuses_is_not_tried_again_and_may_be_changed(stall: Stall) -> None:
    stall.till.refusing.add(MOON)
    own = stall.draft()
    assert own.wanted
    assert (own.waiting, own.wanted.refused, own.wanted.look_at) == (False, "refused", None)
    assert selling.advance(stall.world, MOON) is None
    stall.till.refusing.clear()
    changed = stall.changes(name="Sun calendar")
    assert (changed.wanted, stripe_says(stall)[0], changed.product.state) == (None, "Sun calendar", "draft")


def test_answers_that_are_lost_make_it_once(stall: Stall) -> None:
    stall.till.loses_answers = True
    assert stall.draft().waiting
    stall.till.loses_answers = False
    selling.advance(stall.world, MOON)
    assert (len(stall.till.prices), stripe_says(stall)[4]) == (1, 900)


# --- changing ------------------------------------------------------------------------------------


def test_a_draft_is_changed_whole(stall: Stall) -> None:
    stall.draft(coins=900)
    stall.changes(name="Sun", description="Suns.", kind="physical", price=1_200, coins=0)
    assert stripe_says(stall) == ("Sun", False, True, {"seller": stall.reader}, 1_200)
    assert [each["active"] for each in stall.till.prices.values()] == [False, True]
    assert stall.audited() == [("product_added", stall.reader), ("product_changed", stall.reader)]


def test_what_changes_nothing_is_not_written(stall: Stall) -> None:
    stall.draft()
    asked, rev = stall.till.asked, stall.row().rev
    stall.changes(price=900)
    assert (stall.till.asked, stall.row().rev, len(stall.audited())) == (asked, rev, 1)


def test_a_price_of_before_is_made_anew(stall: Stall) -> None:
    stall.draft()
    for price in (1_000, 900, 1_000):
        assert stall.forward(1).changes(price=price).product.price == price
    assert len(stall.till.prices) == 4


def test_another_change_waits_for_the_one_before(stall: Stall) -> None:
    stall.draft()
    stall.till.down = True
    assert stall.changes(price=1_000).product.price == 1_000
    with pytest.raises(InvalidState, match="on its way"):
        stall.changes(price=1_100)
    stall.till.down = False
    selling.advance(stall.world, MOON)
    assert stall.changes(price=1_100).product.price == 1_100


def test_a_change_whose_answer_was_lost_is_the_one_that_is_on_its_way(stall: Stall) -> None:
    stall.draft()
    stall.till.down = True
    stall.changes(price=1_000)
    assert stall.changes(price=1_000).waiting


def test_a_late_repeat_of_what_was_wanted_before_changes_nothing(stall: Stall) -> None:
    """Somebody took up the first change, and is slow: Stripe has answered that one before."""
    stall.draft()
    stall.till.down = True
    stall.changes(price=1_000)
    late = wanted(stall)
    assert late
    stall.till.down = False
    selling.advance(stall.world, MOON)
    stall.changes(price=1_100)
    selling._put(stall.world, late)
    assert (stripe_says(stall)[4], stall.row().price) == (1_100, 1_100)


def test_nobody_changes_anothers(stall: Stall) -> None:
    selling.add(stall.world, MOON, terms(), **WHY)
    with pytest.raises(Forbidden):
        stall.changes(price=1_000)
    with pytest.raises(Forbidden):
        selling.own(stall.world, stall.reader, MOON)
    with pytest.raises(NotFound):
        stall.changes("sun", price=1_000)


def test_what_is_out_of_bounds_changes_nothing(stall: Stall) -> None:
    before = stall.draft().product
    with pytest.raises(Invalid):
        stall.changes(price=50_001)
    assert stall.row() == before


def test_its_pieces_are_counted_with_the_change(stall: Stall) -> None:
    stall.draft()
    own = stall.changes(stock=5, price=1_000)
    assert (own.stock.left, own.product.price) == (5, 1_000)
    assert stall.changes(stock="unlimited").stock.left is None
    assert len(stall.audited()) == 3


def test_what_becomes_a_thing_has_none_of_its_pieces(stall: Stall) -> None:
    stall.draft(stock=5)
    assert stall.changes(kind="physical").stock.left == 0
    assert stall.changes(kind="digital").stock.left is None


# --- an admin's ----------------------------------------------------------------------------------


def test_an_admin_approves_a_product_and_it_is_sold(stall: Stall) -> None:
    own = stall.approved(coins=900)
    assert (own.product.state, own.product.active, own.product.listed) == ("approved", True, True)
    assert (own.product.file, stall.told()) == (GUIDE, ["product_approved"])
    assert stall.audited() == [("product_added", stall.reader), ("product_approved", "ops")]


def test_approved_again_nothing_happens(stall: Stall) -> None:
    stall.approved()
    rev = stall.row().rev
    selling.approve(stall.world, MOON, **WHY)
    assert (stall.row().rev, stall.told(), len(stall.audited())) == (rev, ["product_approved"], 2)


def test_without_its_file_it_is_not_approved(stall: Stall) -> None:
    stall.draft()
    with pytest.raises(InvalidState, match="no file"):
        selling.approve(stall.world, MOON, **WHY)
    assert stall.row().state == "draft"


def test_nothing_is_approved_while_a_change_is_on_its_way(stall: Stall) -> None:
    stall.till.down = True
    stall.draft()
    stall.filed()
    with pytest.raises(InvalidState, match="on its way"):
        selling.approve(stall.world, MOON, **WHY)


def test_its_seller_takes_it_off_sale_and_puts_it_back(stall: Stall) -> None:
    stall.approved()
    assert not stall.changes(on_sale=False).product.listed
    assert not stripe_says(stall)[1]
    assert stall.changes(on_sale=True).product.listed


def test_off_sale_is_at_once_also_while_stripe_is_down(stall: Stall) -> None:
    stall.approved()
    stall.till.down = True
    assert not stall.changes(on_sale=False).product.listed
    stall.till.down = False
    assert stripe_says(stall)[1]
    selling.advance(stall.world, MOON)
    assert not stripe_says(stall)[1]


def test_what_is_stopped_is_not_sold_from_that_moment_on(stall: Stall) -> None:
    stall.approved()
    own = selling.stop(stall.world, MOON, **WHY)
    assert (own.product.state, own.product.listed, stripe_says(stall)[1]) == ("stopped", False, False)
    assert stall.told() == ["product_approved", "product_stopped"]
    with pytest.raises(InvalidState, match="was stopped"):
        stall.changes(on_sale=True)
    assert selling.stop(stall.world, MOON, **WHY) == own
    assert len(stall.audited()) == 3


def test_what_is_stopped_while_a_change_is_on_its_way_is_taken_off_at_stripe_after_it(stall: Stall) -> None:
    stall.approved()
    stall.till.down = True
    stall.changes(price=1_000)
    assert not selling.stop(stall.world, MOON, **WHY).product.listed
    stall.till.down = False
    assert selling.advance(stall.world, MOON) == NOON
    assert selling.advance(stall.world, MOON) is None
    assert stripe_says(stall)[1] is False
    assert (stall.row().price, stall.row().active, wanted(stall)) == (1_000, False, None)


def test_what_was_activated_at_stripe_is_not_sold_before_it_is_approved(stall: Stall) -> None:
    stall.draft()
    stall.filed()
    stall.till.catalogue[MOON]["active"] = True
    catalogue.refresh(stall.world, MOON)
    assert (stall.row().active, stall.row().listed) == (True, False)
    assert selling.approve(stall.world, MOON, **WHY).product.listed


def test_the_platform_sells_what_it_adds_at_once(stall: Stall) -> None:
    own = selling.add(stall.world, MOON, terms(kind="physical"), **WHY)
    assert (own.product.listed, own.product.seller, stall.at_stripe()["metadata"]) == (True, None, {})
    assert (stall.told(), stall.audited()) == ([], [("product_added", "ops")])


def test_an_admin_changes_anybodys(stall: Stall) -> None:
    stall.approved()
    stall.forward(1)
    own = selling.administer(stall.world, MOON, Changes(name="Sun", price=1_000), **WHY)
    assert (own.product.name, own.product.price, own.product.listed) == ("Sun", 1_000, True)
    assert stall.audited()[-1] == ("product_changed", "ops")


def test_a_platforms_stop_and_approval_tell_nobody(stall: Stall) -> None:
    stall.sells("moon")
    selling.stop(stall.world, MOON, **WHY)
    assert not stripe_says(stall)[1]
    selling.approve(stall.world, MOON, **WHY)
    assert (stripe_says(stall)[1], stall.row().listed, stall.told()) == (True, True, [])


def test_all_of_who_leaves_is_off_sale_and_nobody_is_told(stall: Stall) -> None:
    for each in ("moon", "sun"):
        stall.approved(each)
    stall.draft("star")
    before = stall.told()
    for _ in range(2):
        selling.stop_all(stall.world, stall.reader, **WHY)
    assert [stall.row(each).state for each in ("moon", "sun", "star")] == ["stopped"] * 3
    assert stall.told() == before


def test_a_reader_lists_their_own_the_newest_first(stall: Stall) -> None:
    for each in ("moon", "sun"):
        stall.draft(each)
        stall.forward(1)
    stall.sells("tarot")
    page, start = selling.own_page(stall.world, stall.reader, 1, None)
    rest, end = selling.own_page(stall.world, stall.reader, 1, start)
    assert [each.product.id for each in (*page, *rest)] == ["prd_1sun", MOON]
    assert end is None


# --- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(12))
def test_a_write_that_is_lost_loses_and_doubles_nothing(at: int, after: bool) -> None:
    """The writes of making, approving, changing and stopping a product: each is lost in turn, and all is said again."""
    tables = LosingTables(10_000, after=after)
    stall = Stall(hand_world(tables)).ready()
    tables.left = at

    def again(act: Any) -> None:
        for _ in range(3):
            try:
                act()
                return
            except (Problem, Contended):  # a file is set as a test does it
                selling.advance(stall.world, MOON)
        raise AssertionError("never answered")

    again(stall.draft)
    again(stall.filed)
    again(lambda: selling.approve(stall.world, MOON, **WHY))
    again(lambda: stall.changes(price=1_000))
    again(lambda: selling.stop(stall.world, MOON, **WHY))
    for _ in range(3):
        selling.advance(stall.world, MOON)
    row = stall.row()
    assert (row.state, row.price, row.active, row.file) == ("stopped", 1_000, False, GUIDE)
    assert (stripe_says(stall)[1], stripe_says(stall)[4]) == (False, 1_000)
    assert (wanted(stall), products_of(stall.world).made_by(stall.reader)) == (None, 1)
    assert len(stall.till.prices) == 2
    assert [action for action, _ in stall.audited()].count("product_added") == 1
    assert stall.told() == ["product_approved", "product_stopped"]


def test_a_crash_before_stripe_is_asked_is_finished_by_the_tick(stall: Stall) -> None:
    def dies() -> None:
        raise SystemExit

    stall.till.takes_time = dies
    with pytest.raises(SystemExit):
        stall.draft()
    stall.till.takes_time = lambda: None
    due = [each for shard in range(2) for each in KINDS["product"].page(stall.world, str(shard), 100, None)[0]]
    assert [each.id for each in due] == [MOON]
    due[0].advance()
    assert replace(stall.row(), rev=1).price == 900
