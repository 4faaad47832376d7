"""What a stream earned is the reader's when it ends, once; of one that never started every ticket comes back, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.errors import InvalidState, Problem, Unavailable
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.live import gifts, settlement, shards, watching
from chalicelib.live import service as streams
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.model.stream import HOST_UID
from chalicelib.notifications.model.notice import Notice as Told
from chalicelib.notifications.model.said import words
from chalicelib.payouts import service as payouts
from chalicelib.runtime.tables import Contended, Operation
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from tests.support.duo import chain
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.show import Show
from tests.support.worlds import hand_world


def audited(world: World, stream: str) -> list[str]:
    return [row["action"] for row in world.tables.query("audit", ("pk", stream)).items]


# --- a stream that was live


def test_what_gathered_goes_to_the_reader_in_one_entry(show: Show) -> None:
    ann, bea = show.patron("ann"), show.patron("bea")
    for number, gift in enumerate(("rose", "heart", "star")):
        show.gives(ann, gift, str(number))
        show.gives(bea, gift, str(number))
    assert show.ends().state == "finalized"
    assert show.earned() == [("gift_earned", 2 * (70 + 350 + 700), show.stream)]
    assert show.left == (0, {True})
    books = show.books()
    assert books.sum_of("platform:fees") == 2 * (30 + 150 + 300)
    assert books.sum_of("platform:coins") == -2 * 1_600
    assert books.sum_of(f"gift:{show.stream}") == 0
    assert books.unsettled() == {}
    assert audited(show.world, show.stream) == ["stream_settled"]


@pytest.fixture
def show() -> Show:
    return Show(hand_world()).live()


def test_all_of_it_is_posted_at_one_moment(show: Show) -> None:
    ann = show.patron("ann")
    show.gives(ann)
    show.ends()
    closings = [show.head(shards.account(show.stream, number)).at for number in range(32)]
    (earned,) = chain(show.world, payouts.earnings_account(show.host))
    assert {*closings} == {earned.at}


def test_all_of_it_is_posted_at_one_moment_also_where_a_clock_elsewhere_is_ahead(show: Show) -> None:
    show.forward(5_000)
    _, tip = wallet.earn(show.world, payouts.earnings_account(show.host), "tip_earned", 1, "tip:1", "ses_1")
    show.world.tables.write(tip)
    show.forward(-5_000)
    show.gives(show.patron("ann"))
    show.ends()
    (ahead, earned) = chain(show.world, payouts.earnings_account(show.host))
    closings = [show.head(shards.account(show.stream, number)).at for number in range(32)]
    assert {*closings} == {earned.at} == {ahead.at}


def test_it_is_held_for_three_days_from_the_settlement_on(show: Show) -> None:
    show.gives(show.patron("ann"))
    show.forward(MINUTE).ends()
    show.forward(3 * DAY - 1)
    assert payouts.earnings_of(show.world, show.host).available == 0
    show.forward(1)
    assert payouts.earnings_of(show.world, show.host).available == 70


def test_a_stream_without_gifts_settles_to_nothing(show: Show) -> None:
    assert show.ends().state == "finalized"
    assert show.earned() == []
    assert show.left[1] == {True}


def test_settling_again_changes_nothing(show: Show) -> None:
    show.gives(show.patron("ann"))
    stream = show.row
    show.ends()
    for _ in range(3):
        assert settlement.settle(show.world, show.row)
        show.noticed()
    assert show.earned() == [("gift_earned", 70, show.stream)]
    assert not settlement.settle(show.world, stream), "as it was while it was live"


def test_a_gift_that_raced_the_end_is_refused_when_the_shards_are_closed(show: Show) -> None:
    """The sender saw it live; meanwhile it ended and was settled."""
    ann = show.patron("ann")

    class EndsMeanwhile(MemoryTables):
        armed = False

        def write(self, *operations: Operation) -> None:
            if self.armed and any(each.table == "ledger" for each in operations):
                self.armed = False
                show.ends()
            super().write(*operations)

    tables = show.world.tables
    assert isinstance(tables, MemoryTables)
    tables.__class__ = EndsMeanwhile
    tables.armed = True  # type: ignore[attr-defined]
    with pytest.raises(InvalidState):
        show.gives(ann)
    assert show.coins(ann) == 10_000
    assert show.earned() == []
    show.books()


def test_a_gift_that_raced_the_settlement_is_in_it(show: Show) -> None:
    """It was posted between the settlement's look at the shards and its write."""
    ann = show.patron("ann")

    class GivesMeanwhile(MemoryTables):
        armed = True

        def write(self, *operations: Operation) -> None:
            closing = any(getattr(each, "item", {}).get("closed") for each in operations)
            if self.armed and closing:
                self.armed = False
                live = streams.load(show.world, show.stream)
                gifts._given(
                    show.world,
                    live,
                    gifts.must_be_patron(show.world, live, ann),
                    gifts.catalogue(show.world).gift("rose"),
                    "gft_late",
                )
            super().write(*operations)

    tables = show.world.tables
    assert isinstance(tables, MemoryTables)
    tables.__class__ = GivesMeanwhile
    assert show.ends().state == "finalized"
    assert show.earned() == [("gift_earned", 70, show.stream)]
    assert show.coins(ann) == 9_900
    show.books()


def test_where_storage_stays_busy_the_stream_waits_for_the_next_tick(show: Show) -> None:
    show.gives(show.patron("ann"))

    class Busy(MemoryTables):
        busy = True

        def write(self, *operations: Operation) -> None:
            if self.busy and any(getattr(each, "item", {}).get("closed") for each in operations):
                raise Contended
            super().write(*operations)

    tables = show.world.tables
    assert isinstance(tables, MemoryTables)
    tables.__class__ = Busy
    assert show.ends().state == "ended"
    with pytest.raises(InvalidState):
        show.gives(show.patron("bea"))
    tables.busy = False  # type: ignore[attr-defined]
    assert show.noticed().state == "finalized"
    assert show.earned() == [("gift_earned", 70, show.stream)]


def test_a_settlement_that_loses_all_its_tries_says_so_and_after_an_hour_it_alarms(
    show: Show, capsys: pytest.CaptureFixture[str]
) -> None:
    class Busy(MemoryTables):
        def write(self, *operations: Operation) -> None:
            if any(getattr(each, "item", {}).get("closed") for each in operations):
                raise Contended
            super().write(*operations)

    show.world.tables.__class__ = Busy

    def logged() -> set[tuple[str, str]]:
        capsys.readouterr()
        show.noticed()
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return {(line["level"], line["event"]) for line in lines if line["level"] != "info"}

    show.ends()
    show.forward(HOUR - 1)
    assert logged() == {("warning", "stream_settlement_put_off")}
    show.forward(1)
    for _ in range(2):
        assert logged() == {("warning", "stream_settlement_put_off"), ("error", "stream_not_settled")}


# --- a stream that never started


@pytest.fixture
def promised() -> Show:
    return Show(hand_world()).scheduled("premium", 300, ahead=HOUR)


def test_every_ticket_of_a_stream_that_is_called_off_comes_back(promised: Show) -> None:
    ann, bea = promised.patron("ann", 300), promised.patron("bea")
    promised.pays(ann)
    promised.pays(bea)
    assert promised.ends().state == "finalized"
    assert [promised.coins(each) for each in (ann, bea)] == [300, 10_000]
    assert promised.earned() == []
    books = promised.books()
    assert [books.sum_of(f"platform:{name}") for name in ("fees", "coins")] == [0, 0]
    assert books.sum_of("platform:burnt", "coins") == 0
    assert promised.left == (0, {True})
    assert not gift_rows(promised.world).ticket(promised.stream, ann)


def test_who_had_a_ticket_is_told(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    promised.ends()
    (row,) = promised.world.tables.query("notices", ("pk", ann)).items
    assert (row["kind"], row["facts"]) == ("ticket_back", {"coins": 300})
    said = words(Told(ann, row["kind"], row["facts"]), "UTC")
    assert said
    assert "300 coins are back" in said.text


def test_a_stream_that_is_not_started_in_time_gives_back_by_itself(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    promised.forward(HOUR + 30 * MINUTE)
    assert (promised.noticed().state, promised.row.ended_for) == ("finalized", "not_started")
    assert promised.coins(ann) == 10_000


def test_a_stream_whose_host_never_comes_gives_every_ticket_back(promised: Show) -> None:
    ann, bea = promised.patron("ann"), promised.patron("bea")
    promised.pays(ann)
    streams.start(promised.world, promised.stream, promised.forward(HOUR).host)
    promised.pays(bea)
    promised.forward(2 * MINUTE)
    assert (promised.noticed().state, promised.row.ended_for) == ("finalized", "host_gone")
    assert [promised.coins(each) for each in (ann, bea)] == [10_000, 10_000]
    assert promised.earned() == []
    books = promised.books()
    assert [books.sum_of(f"platform:{name}") for name in ("fees", "coins")] == [0, 0]


def test_so_does_one_that_is_ended_before_its_host_came(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    streams.start(promised.world, promised.stream, promised.forward(HOUR).host)
    assert promised.ends().state == "finalized"
    told(promised, 1, joined=True)
    assert (promised.coins(ann), promised.earned()) == (10_000, [])


def test_who_is_told_to_leave_in_time_was_there(promised: Show) -> None:
    """Agora tells of the leaving first, and what is older is no news."""
    ann = promised.patron("ann")
    promised.pays(ann)
    streams.start(promised.world, promised.stream, promised.forward(HOUR).host)
    promised.forward(MINUTE)
    told(promised, 2, joined=False)
    told(promised, 1, joined=True)
    promised.ends()
    assert (promised.coins(ann), promised.earned()) == (9_700, [("gift_earned", 210, promised.stream)])


def test_who_is_told_to_leave_after_the_end_was_not_there_for_certain(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    streams.start(promised.world, promised.stream, promised.forward(HOUR).host)
    promised.forward(2 * MINUTE)
    told(promised, 1, joined=False)
    assert (promised.row.state, promised.coins(ann)) == ("finalized", 10_000)


def told(show: Show, seq: int, *, joined: bool) -> None:
    """Agora tells of the host."""
    watching.hear(show.world, Notice(show.stream, HOST_UID, seq, show.world.now(), joined=joined))


def test_once_it_started_tickets_stay_paid(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    promised.forward(HOUR).started().ends()
    assert promised.coins(ann) == 9_700
    assert promised.earned() == [("gift_earned", 210, promised.stream)]


def test_what_came_back_is_what_was_paid_whatever_a_coin_is_worth_by_now(promised: Show) -> None:
    ann = promised.patron("ann")
    promised.pays(ann)
    settings = replace(promised.world.settings, cents_per_100_coins=150)
    Show(replace(promised.world, settings=settings), promised.own).ends()
    books = promised.books()
    assert [books.sum_of(f"platform:{name}") for name in ("fees", "coins")] == [0, 0]


def test_to_a_frozen_wallet_and_below_zero_coins_come_back_too(promised: Show) -> None:
    ann, bea = promised.patron("ann", 300), promised.patron("bea", 300)
    for each in (ann, bea):
        promised.pays(each)
    wallet.freeze(promised.world, ann, "admin")
    promised.buys(bea, 300, standing=False)
    promised.ends()
    assert [promised.coins(each) for each in (ann, bea)] == [300, 0]


def test_many_tickets_go_back_call_by_call(promised: Show) -> None:
    people = [promised.patron(f"p{number}", 300) for number in range(130)]
    for each in people:
        promised.pays(each)
    assert promised.ends().state == "ended"
    left = sum(gift_rows(promised.world).ticket(promised.stream, each) is not None for each in people)
    assert left == 30
    assert promised.noticed().state == "finalized"
    assert {promised.coins(each) for each in people} == {300}
    promised.books()


def test_one_ticket_that_cannot_go_back_now_holds_up_no_other(promised: Show) -> None:
    people = [promised.patron(f"p{number}", 300) for number in range(3)]
    for each in people:
        promised.pays(each)

    class Busy(MemoryTables):
        busy = True

        def write(self, *operations: Operation) -> None:
            account = coins.coins_account(people[0])
            if self.busy and any(getattr(each, "item", {}).get("account") == account for each in operations):
                raise Contended
            super().write(*operations)

    tables = promised.world.tables
    assert isinstance(tables, MemoryTables)
    tables.__class__ = Busy
    assert promised.ends().state == "ended"
    assert sorted(promised.coins(each) for each in people) == [0, 300, 300]
    with pytest.raises(InvalidState):
        promised.pays(promised.patron("late"))
    tables.busy = False  # type: ignore[attr-defined]
    assert promised.noticed().state == "finalized"
    assert [promised.coins(each) for each in people] == [300] * 3


# --- each write lost in turn


def insist(act: Callable[[], Any]) -> Any:
    """As an app and the tick do: the same again while there is no answer."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def evening(show: Show, *, starts: bool) -> dict[str, Any]:
    """Tickets, perhaps a stream with gifts, and its end; what came of it."""
    ann, bea = (insist(partial(show.patron, each, 2_000)) for each in ("ann", "bea"))
    insist(lambda: show.scheduled("premium", 300, ahead=HOUR))
    for each in (ann, bea):
        insist(partial(show.pays, each))
    if starts:
        show.forward(HOUR)
        insist(show.started)
        insist(lambda: show.gives(ann, "heart"))
        insist(lambda: show.gives(bea, "rose"))
    insist(show.ends)
    for _ in range(3):
        show.forward(MINUTE)
        insist(show.noticed)
    books = show.books()
    kinds = {each: [entry.kind for entry in chain(show.world, coins.coins_account(each))] for each in (ann, bea)}
    return {
        "state": show.row.state,
        "earned": show.earned(),
        "coins": [show.coins(each) for each in (ann, bea)],
        "kinds": kinds,
        "fees": books.sum_of("platform:fees"),
        "owed": books.sum_of("platform:coins"),
        "left": (show.left, books.unsettled()),
        "fed": [(each.user, each.coins) for each in gifts.feed(show.world, show.host, show.stream, 0, 10, None)[0]],
        "audited": audited(show.world, show.stream),
    }


@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_the_same_money_moves_whichever_write_is_lost(starts: bool, after: bool) -> None:
    expected = evening(Show(hand_world(LosingTables(10_000, after=after))), starts=starts)
    assert expected["state"] == "finalized"
    assert expected["coins"] == ([1_200, 1_600] if starts else [2_000, 2_000])
    assert expected["earned"] == ([("gift_earned", 2 * 210 + 420, "str_1")] if starts else [])
    for place in range(10_000):
        tables = LosingTables(place, after=after)
        with suppress(Problem):
            assert evening(Show(hand_world(tables)), starts=starts) == expected, f"write {place}"
        if tables.left >= 0:
            return
    raise AssertionError("it never ends")
