"""Product §3, rule 5: what becomes of the unused seconds of a minute that was cut short."""

from collections.abc import Callable
from typing import Final

import pytest

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, SECOND
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import finish, heartbeat, leave, reconnect
from tests.support.reading import SESSION, Stage
from tests.support.worlds import NOON

ADMIN: Final = {"actor": "arn:admin", "note": "because"}
END: Final = 700
"""Far enough for every grace to be over."""


def _silent(stage: Stage) -> None:
    stage.client(heartbeat)
    stage.reader(heartbeat)


CUTS: Final[dict[str, Callable[[Stage], object]]] = {
    "reader_left": lambda stage: stage.reader(leave),
    "reader_ended": lambda stage: stage.reader(finish),
    "network": _silent,
    "admin": lambda stage: service.force_end(stage.world, SESSION, **ADMIN),
    "safety": lambda stage: service.safety_stop(stage.world, SESSION, **ADMIN),
    "client_left": lambda stage: stage.client(leave),
    "client_ended": lambda stage: stage.client(finish),
    "frozen": lambda stage: stage.freeze(),
}


@pytest.mark.parametrize(
    ("cause", "refund"),
    [
        ("reader_left", 167),  # 40 s of 60 at 250: 166.67
        ("reader_ended", 167),
        ("network", 167),
        ("admin", 167),
        ("safety", 167),
        ("client_left", 0),
        ("client_ended", 0),
        ("frozen", 0),
    ],
)
def test_who_cut_the_minute_decides_on_the_refund(cause: str, refund: int) -> None:
    stage = Stage(rate=250).begun().at(20)
    CUTS[cause](stage)
    session = stage.at(END).noticed()
    assert (session.state, session.cut) == ("finalized", cause)
    assert session.connected_before == 20_000
    assert session.refunded == refund
    assert stage.balance == 10_000 - 250 + refund


def test_the_end_of_the_longest_reading_refunds_the_rest_of_its_minute() -> None:
    stage = Stage(rules=Rules(session_max=80 * SECOND)).begun().beats(79)
    session = stage.at(80).noticed()
    assert (session.state, session.reason, session.refunded) == ("finalized", "max_duration", 167)
    assert stage.balance == 10_000 - 500 + 167


def test_three_hours_with_half_a_minute_of_pause_give_half_a_minute_back() -> None:
    stage = Stage(credit=45_000).begun().beats(1_000)
    stage.client(leave)
    stage.at(1_030).resumed()
    session = stage.beats(10_799).at(10_800).noticed()
    assert (session.reason, session.connected_before, session.refunded) == ("max_duration", 10_770_000, 125)
    assert stage.balance == 125


def test_low_balance_cuts_no_minute() -> None:
    stage = Stage(credit=250).begun().beats(60)
    assert stage.at(END).noticed().refunded == 0
    assert stage.cost().total == 250


@pytest.mark.parametrize(
    ("rate", "cut_at", "refund"),
    [
        (250, 0.001, 250),  # 249.996
        (250, 59.999, 1),  # 0.004
        (100, 30, 50),
        (1, 59.999, 1),
        (1, 0.001, 1),
        (99, 20, 66),
        (101, 20, 68),  # 67.33
        (250, 60, 0),
        (250, 60.001, 250),
        (250, 119.4, 3),  # 2.5
    ],
)
def test_a_refund_is_rounded_up_to_a_cent(rate: int, cut_at: float, refund: int) -> None:
    stage = Stage(rate=rate).begun().beats(cut_at)
    assert stage.reader(finish).refunded == refund


@pytest.mark.parametrize(
    ("leaver", "ender", "refund"), [("reader", "client", 167), ("reader", "reader", 167), ("client", "reader", 0)]
)
def test_the_stop_that_cut_the_minute_decides_not_the_later_end(leaver: str, ender: str, refund: int) -> None:
    stage = Stage().begun()
    (stage.at(20).client if leaver == "client" else stage.at(20).reader)(leave)
    session = (stage.at(50).client if ender == "client" else stage.at(50).reader)(finish)
    assert session.reason == f"{ender}_ended"
    assert session.refunded == refund


def test_an_admin_ending_a_pause_does_not_change_who_cut_the_minute() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    assert service.force_end(stage.world, SESSION, **ADMIN).session.refunded == 0


@pytest.mark.parametrize(("last", "refund"), [("reader", 146), ("client", 0)])  # 35 s of 60 at 250: 145.83
def test_a_minute_that_was_resumed_counts_as_cut_by_the_last_stop(last: str, refund: int) -> None:
    stage = Stage().begun()
    (stage.at(20).client if last == "reader" else stage.at(20).reader)(leave)
    stage.at(30).resumed()
    (stage.at(35).reader if last == "reader" else stage.at(35).client)(leave)
    assert stage.at(END).noticed().refunded == refund


def test_going_back_to_the_talk_refunds_nothing() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(30).resumed()
    assert stage.balance == 9_750


@pytest.mark.parametrize(("at", "cut", "connected"), [(54.999, "client_left", 54_999), (55, "reader_left", 10_000)])
def test_a_clients_leave_counts_as_the_readers_whose_last_beat_is_45_s_old(at: float, cut: str, connected: int) -> None:
    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    stage.at(40).client(heartbeat)
    session = stage.at(at).client(leave)
    assert (session.state, session.reason, session.connected_before) == ("paused", cut, connected)
    assert session.paused_at == NOON + connected


@pytest.mark.parametrize(("at", "cut", "refund"), [(54.999, "client_ended", 0), (55, "reader_left", 209)])
def test_a_clients_end_counts_as_the_readers_whose_last_beat_is_45_s_old(at: float, cut: str, refund: int) -> None:
    stage = Stage().begun()
    stage.at(10).reader(heartbeat)
    session = stage.at(at).client(finish)
    assert (session.reason, session.cut, session.refunded) == ("client_ended", cut, refund)  # 50 s: 208.33
    assert session.ended_at == NOON + round(at * 1000)


def test_minutes_charged_after_the_readers_last_beat_are_taken_back_whole() -> None:
    stage = Stage().begun()
    stage.at(50).reader(heartbeat)
    stage.at(65).client(heartbeat)
    assert stage.balance == 9_500
    session = stage.at(100).client(finish)
    assert session.connected_before == 50_000
    assert session.refunded == 42  # 10 s of minute 1: 41.67
    assert stage.balance == 10_000 - 250 + 42
    assert [minute.number for minute in stage.cost().minutes] == [1]


def test_a_readers_leave_is_the_readers_however_long_the_client_was_silent() -> None:
    stage = Stage().begun()
    stage.at(60).reader(heartbeat)
    session = stage.at(70).reader(leave)
    assert (session.reason, session.connected_before) == ("reader_left", 70_000)


# --- where a refund goes


def buckets(stage: Stage) -> tuple[int, dict[str, int]]:
    held = stage.head.buckets
    return held.paid, {lot.id: lot.rest for lot in held.lots}


def test_promotional_credit_is_spent_first_and_the_soonest_expiry_before_the_others() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(100, until=9_000, name="pro_late")
    stage.promo(60, until=8_000, name="pro_soon")
    stage.begun()
    assert buckets(stage) == (910, {"pro_late": 0, "pro_soon": 0})
    assert stage.head.split == (("pro_soon", 60), ("pro_late", 100), ("paid", 90))


def test_a_refund_goes_back_in_the_reverse_order_of_spending() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(100, until=9_000, name="pro_late")
    stage.promo(60, until=8_000, name="pro_soon")
    stage.begun()
    stage.at(20).reader(finish)  # 167: 90 paid, 77 of the 100 that expire later
    assert buckets(stage) == (1_000, {"pro_late": 77})


def test_minutes_taken_back_return_to_the_lots_that_paid_them() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(300, until=9_000)
    stage.begun().beats(60)
    assert buckets(stage) == (800, {"pro_1": 0})  # minute 2: 50 of the lot, 200 paid
    stage.client(leave)
    assert buckets(stage) == (1_000, {"pro_1": 50})


def test_an_expired_lot_that_gets_a_refund_lives_seven_more_days() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(250, until=30)
    stage.begun()
    stage.at(20).reader(leave)
    stage.at(50).reader(finish)
    (lot,) = stage.head.buckets.lots
    assert (lot.rest, lot.expires_at) == (167, NOON + 50 * SECOND + 7 * DAY)


def test_what_was_left_in_an_expired_lot_does_not_come_alive_with_a_refund() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(300, until=30)
    stage.begun()
    stage.at(20).reader(leave)
    stage.at(50).reader(finish)
    (lot,) = stage.head.buckets.lots
    assert (lot.rest, lot.expires_at) == (167, NOON + 50 * SECOND + 7 * DAY)  # the other 50 expired at second 30
    assert stage.balance == 1_167


def test_a_lot_that_is_alive_keeps_its_expiry_when_it_gets_a_refund() -> None:
    stage = Stage(rate=250, credit=1_000)
    stage.promo(250, until=51)
    stage.begun()
    stage.at(20).reader(leave)
    stage.at(50).reader(finish)
    (lot,) = stage.head.buckets.lots
    assert (lot.rest, lot.expires_at) == (167, NOON + 51 * SECOND)


def test_a_readers_share_is_the_same_from_promotional_credit() -> None:
    stage = Stage(rate=250, credit=0)
    stage.promo(500, until=9_000)
    stage.begun().beats(60)
    assert stage.at(60).client(finish).earned == 175
    assert stage.of("platform:promo") == -500
    assert stage.of("platform:fees") == 75


def test_the_return_uses_up_the_seconds_that_would_have_been_refunded() -> None:
    stage = Stage().begun()
    stage.at(20).reader(leave)
    stage.at(30).client(reconnect)
    stage.reader(reconnect)
    session = stage.at(65).reader(finish)  # 55 s connected
    assert session.refunded == 21  # 5 s: 20.83
