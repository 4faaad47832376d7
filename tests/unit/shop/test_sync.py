"""The full sync repairs what no event told of, on both sides, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, ProviderFailed
from chalicelib.runtime.tables import ConditionFailed, Contended
from chalicelib.shop import selling, sync
from chalicelib.shop.handlers import synced
from chalicelib.shop.store import products_of
from tests.support.losing import LosingTables
from tests.support.stall import WHY, Stall
from tests.support.worlds import hand_world


@pytest.fixture
def stall() -> Stall:
    return Stall(hand_world()).ready()


def counts(stall: Stall) -> dict[str, int]:
    run = sync.go_on(stall.world, sync.begin(stall.world).id)
    assert run.ended_at is not None
    return {name: count for name, count in run.counts.items() if count}


def after(number: int) -> Callable[[], bool]:
    """Time is spent at the ``number``-th look at it."""
    looks = iter(range(number))
    return lambda: next(looks, None) is None


def test_nothing_differs(stall: Stall) -> None:
    stall.sells("tarot")
    rev = stall.row("tarot").rev
    assert counts(stall) == {"seen": 1}
    assert stall.row("tarot").rev == rev


def test_a_run_of_nothing_ends(stall: Stall) -> None:
    assert counts(stall) == {}


def test_rows_that_are_missing_stale_or_gone_are_repaired(stall: Stall) -> None:
    for each in ("stale", "gone", "same"):
        stall.sells(each)
    stall.till.sells("prd_1missing", 700, shippable=True)
    stall.till.catalogue["prd_1stale"]["name"] = "Anew"
    del stall.till.catalogue["prd_1gone"]
    assert counts(stall) == {"seen": 3, "added": 1, "changed": 1, "gone": 1}
    assert (stall.row("missing").price, stall.row("stale").name, stall.row("gone").active) == (700, "Anew", False)
    assert counts(stall) == {"seen": 3}


def test_what_is_off_sale_here_and_gone_there_is_found_too(stall: Stall) -> None:
    stall.sells("bare", None)
    del stall.till.catalogue["prd_1bare"]
    assert stall.row("bare").active
    assert counts(stall) == {"gone": 1}
    assert counts(stall) == {}


def test_what_never_was_at_stripe_is_put_there(stall: Stall) -> None:
    stall.till.down = True
    stall.draft()
    stall.till.down = False
    assert counts(stall) == {"pushed": 1}
    assert (stall.row().price_id, stall.at_stripe()["name"]) == ("price_prd_1moon_0", "Moon calendar")
    assert counts(stall) == {"seen": 1}


def test_what_stripe_refuses_is_not_put_again(stall: Stall) -> None:
    stall.till.refusing.add("prd_1moon")
    stall.draft()
    stall.till.refusing.clear()
    assert counts(stall) == {}


def test_one_that_cannot_be_put_holds_up_no_other(stall: Stall) -> None:
    stall.till.down = True
    for each in ("moon", "sun", "star"):
        stall.draft(each)
    stall.till.down = False
    put, product = stall.till.put_product, stall.name("sun")

    def failing(thing: str, **more: Any) -> dict[str, Any]:
        if thing == product:
            raise ProviderFailed
        return put(thing, **more)

    stall.till.put_product = failing  # type: ignore[method-assign,assignment]  # a vendor that fails for one
    assert counts(stall) == {"pushed": 2, "failed": 1}


@pytest.mark.parametrize("failure", [ProviderFailed(), Refused("no")])
def test_one_that_cannot_be_read_holds_up_no_other(stall: Stall, failure: Exception) -> None:
    for each in ("a", "b", "c"):
        stall.till.sells(stall.name(each), shippable=True)
    read = stall.till.product

    def failing(product: str) -> dict[str, Any] | None:
        if product == "prd_1b":
            raise failure
        return read(product)

    stall.till.product = failing  # type: ignore[method-assign]  # a vendor that fails for one
    assert counts(stall) == {"seen": 3, "added": 2, "failed": 1}
    stall.till.product = read  # type: ignore[method-assign]
    assert counts(stall) == {"seen": 3, "added": 1}


def test_a_product_that_no_path_can_hold_is_left_out(stall: Stall) -> None:
    stall.till.sells("a product/ours")
    assert counts(stall) == {"seen": 1}
    assert products_of(stall.world).listed("off", None, 10, None) == ([], None)


def test_a_product_with_a_fault_is_no_difference(stall: Stall) -> None:
    stall.till.sells("prd_1odd", shippable=True, coins="many")
    assert counts(stall) == {"seen": 1, "added": 1}
    assert stall.row("odd").fault
    assert counts(stall) == {"seen": 1}


def test_pages_of_a_hundred_are_all_looked_at(stall: Stall) -> None:
    for number in range(205):
        stall.till.sells(stall.name(f"{number:03d}"), shippable=True)
    assert counts(stall) == {"seen": 205, "added": 205}
    for number in (0, 100, 204):
        del stall.till.catalogue[stall.name(f"{number:03d}")]
    assert counts(stall) == {"seen": 202, "gone": 3}


def test_where_the_last_of_a_page_is_deleted_meanwhile_the_list_is_read_anew(stall: Stall) -> None:
    for number in range(102):
        stall.till.sells(stall.name(f"{number:03d}"), shippable=True)
    steps: list[sync.Run] = []

    def deletes(run: sync.Run) -> None:
        steps.append(run)
        if len(steps) == 1:
            del stall.till.catalogue[run.at or ""]

    run = sync.go_on(stall.world, sync.begin(stall.world).id, told=deletes)
    assert [(each.part, each.pages) for each in steps[:4]] == [("stripe", 1), ("stripe", 0), ("stripe", 1), ("sale", 2)]
    assert (run.counts["added"], run.counts["gone"], run.part) == (102, 1, "done")


def test_a_list_that_stripe_refuses_from_its_beginning_ends_the_call(stall: Stall) -> None:
    def refuses() -> None:
        raise Refused("no")

    stall.till.takes_time = refuses
    with pytest.raises(Refused):
        sync.go_on(stall.world, sync.begin(stall.world).id)


@pytest.mark.parametrize("number", range(12))
def test_a_run_goes_on_where_time_ran_out(stall: Stall, number: int) -> None:
    for each in ("a", "b", "c"):
        stall.sells(each)
    stall.till.catalogue["prd_1a"]["name"] = "Anew"
    del stall.till.catalogue["prd_1b"]
    stall.till.sells("prd_1d", shippable=True)
    stall.till.down = True
    stall.draft()
    stall.till.down = False
    run = sync.go_on(stall.world, sync.begin(stall.world).id, after(number))
    run = sync.go_on(stall.world, run.id)
    assert run.ended_at is not None
    assert (stall.row("a").name, stall.row("b").active, stall.row("d").price, stall.row().price_id is None) == (
        "Anew",
        False,
        1_000,
        False,
    )
    assert sync.go_on(stall.world, run.id) == run


def test_a_run_that_another_replaced_stays_as_it_is(stall: Stall) -> None:
    first = sync.begin(stall.world)
    second = sync.begin(stall.world)
    assert sync.go_on(stall.world, first.id) == second
    assert sync.go_on(stall.world, second.id).ended_at is not None


def test_a_run_that_is_replaced_while_it_works_stops(stall: Stall) -> None:
    stall.till.sells("prd_1a", shippable=True)
    first = sync.begin(stall.world)
    begun: list[str] = []

    def replaces() -> None:
        stall.till.takes_time = lambda: None
        begun.append(sync.begin(stall.world).id)

    stall.till.takes_time = replaces
    assert [sync.go_on(stall.world, first.id).id] == begun


def test_there_is_no_run_before_one_was_begun(stall: Stall) -> None:
    with pytest.raises(NotFound):
        sync.go_on(stall.world, "syn_1")
    assert sync.last_run(stall.world) is None


def test_a_list_of_stripes_that_cannot_be_read_ends_the_call_and_another_goes_on(stall: Stall) -> None:
    stall.till.sells("prd_1a", shippable=True)
    stall.till.down = True
    run = sync.begin(stall.world)
    with pytest.raises(ProviderFailed):
        sync.go_on(stall.world, run.id)
    stall.till.down = False
    assert sync.go_on(stall.world, run.id).counts["added"] == 1


def test_a_run_is_audited_and_told_step_by_step(stall: Stall) -> None:
    steps: list[str] = []
    run = sync.begin(stall.world, **WHY)
    sync.go_on(stall.world, run.id, told=lambda each: steps.append(each.part))
    assert steps == ["sale", "off", "wanted", "done"]
    (row,) = stall.world.tables.query("audit", ("pk", run.id)).items
    assert (row["action"], row["actor"], row["reason"]) == ("catalogue_synced", "ops", "a test")


@pytest.mark.parametrize("lost", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(7))
def test_a_write_that_is_lost_is_made_up_for(at: int, lost: bool) -> None:
    tables = LosingTables(10_000, after=lost)
    stall = Stall(hand_world(tables)).ready()
    stall.sells("gone")
    del stall.till.catalogue["prd_1gone"]
    stall.till.sells("prd_1a", shippable=True)
    stall.till.down = True
    stall.draft()
    stall.till.down = False
    tables.left = at
    for _ in range(3):
        try:
            if sync.go_on(stall.world, sync.begin(stall.world).id).ended_at is not None:
                break
        except (ConditionFailed, Contended):
            continue
    assert (stall.row("a").price, stall.row("gone").active, stall.at_stripe()["name"]) == (
        1_000,
        False,
        "Moon calendar",
    )
    assert selling.advance(stall.world, "prd_1moon") is None


class Context:
    """What Lambda tells a function of its time."""

    def __init__(self, *left: int) -> None:
        self._left = iter(left)

    def get_remaining_time_in_millis(self) -> int:
        return next(self._left, 0)


def test_the_function_calls_itself_again_until_the_run_is_done(stall: Stall) -> None:
    stall.sells("a")
    calls: list[Mapping[str, Any]] = []
    facts: dict[str, Any] = {"source": "aws.events"}
    assert synced(stall.world, facts, Context(60_000, 59_999), calls.append) == {"done": False}
    (call,) = calls
    run = sync.last_run(stall.world)
    assert run
    assert (call, run.part) == (facts | {"run": run.id}, "sale")
    assert synced(stall.world, dict(call), Context(*[300_000] * 9), calls.append) == {"done": True}
    ended = sync.last_run(stall.world)
    assert ended
    assert (ended.id, ended.part, len(calls)) == (run.id, "done", 1)
    assert replace(ended, ended_at=None) != ended
