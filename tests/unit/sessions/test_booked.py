"""A reading that a booking has paid: it begins by joining, no meter runs, and it is over when its time is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from chalicelib.kernel.errors import InvalidState, ReaderBusy, SessionOpen
from chalicelib.kernel.time import MINUTE
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import ConditionFailed, Equals, Put
from chalicelib.sessions import asking, service, sooner
from chalicelib.sessions.model.commands import accept, finish, heartbeat, join, leave, reconnect
from chalicelib.sessions.model.session import Booked, Session, Side
from chalicelib.sessions.schemas import session_view
from tests.support.reading import CLIENT, READER, SESSION, Stage, second
from tests.support.worlds import NOON

BOOKED: Final = Booked(
    booking="bok_1",
    session=SESSION,
    client=Side(CLIENT, "Cee"),
    reader=Side(READER, "Are"),
    modality="text",
    rate=250,
    minutes=15,
    join_by=NOON + 20 * MINUTE,
    ends_at=NOON + 25 * MINUTE,
)
"""Of 15 minutes, from minute 10 on; joined from minute 0."""


def opened(credit: int = 0) -> Stage:
    stage = Stage(credit=credit)
    asking.open_booked(stage.world, BOOKED)
    return stage


def talking(credit: int = 0) -> Stage:
    stage = opened(credit)
    stage.at(600).client(join)
    stage.reader(join)
    return stage


def settled(stage: Stage, refunded: int = 0, earned: int = 2_625) -> Session:
    operations = service.settle_booked(stage.world, stage.row(), refunded, earned, stage.clock.now)
    stage.world.tables.write(*operations)
    return stage.row()


def test_it_waits_for_both_and_takes_them() -> None:
    stage = opened()
    assert stage.row().state == "waiting"
    assert service.busy_among(stage.world, [CLIENT, READER]) == {CLIENT, READER}
    assert len(stage.executions.started) == 1


def test_opened_again_it_is_the_same() -> None:
    stage = opened()
    stage.client(join)
    assert asking.open_booked(stage.world, BOOKED).session == stage.row()


def test_it_begins_with_both_and_touches_no_wallet() -> None:
    stage = talking()
    assert (stage.row().state, second(stage.row().started_at)) == ("active", 600)
    session = stage.beats(1_490).at(1_500).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("ended", "max_duration", 1_500)
    assert stage.tables.rows["ledger"] == {}


def test_a_frozen_or_empty_wallet_does_not_stop_it() -> None:
    stage = talking(credit=100)
    stage.freeze()
    stage.beats(900)
    stage.client(leave)
    stage.at(910).resumed()
    assert stage.row().state == "active"
    assert stage.balance == 100


def test_a_silence_is_a_departure_and_grace_runs_as_in_any_reading() -> None:
    stage = talking().at(660)
    stage.reader(heartbeat)
    session = stage.at(700).noticed()
    assert (session.state, session.cut, second(session.paused_at)) == ("paused", "client_left", 675)
    session = stage.at(2_000).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("ended", "grace_expired", 975)


def test_grace_is_over_with_the_booked_time() -> None:
    stage = talking().beats(1_400)
    stage.client(leave)
    session = stage.at(1_500).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("ended", "max_duration", 1_500)


@pytest.mark.parametrize(
    ("who_came", "reason"), [("reader", "no_show_client"), ("client", "no_show_reader"), ("nobody", "no_show_reader")]
)
def test_joining_is_over_ten_minutes_after_its_start(who_came: str, reason: str) -> None:
    stage = opened().at(1_190)
    if who_came != "nobody":
        (stage.reader if who_came == "reader" else stage.client)(join)
    assert stage.at(1_199.999).noticed().state == "waiting"
    session = stage.at(1_200).noticed()
    assert (session.state, session.reason, second(session.ended_at)) == ("ended", reason, 1_200)


def test_it_is_settled_by_its_booking_and_by_nobody_else() -> None:
    stage = talking().beats(1_490).at(1_500)
    for _ in range(3):
        assert stage.noticed().state == "ended"
    page, _ = service.page_of_shard(stage.world, stage.row().shard, 10, None)
    assert [each.id for each in page] == [SESSION], "the tick looks after it until it is settled"
    session = settled(stage)
    assert (session.state, session.refunded, session.earned) == ("finalized", 0, 2_625)
    with pytest.raises(ValueError, match="not for a booking"):
        settled(stage)


def test_an_open_one_or_another_is_not_for_a_booking_to_settle() -> None:
    with pytest.raises(ValueError, match="not for a booking"):
        settled(talking())
    stage = Stage(credit=0)
    stage.top_up(1_000)
    stage.asked()
    with pytest.raises(ValueError, match="not for a booking"):
        settled(stage)


def test_its_receipt_shows_what_the_booking_paid() -> None:
    stage = talking().beats(1_490).at(1_500)
    stage.noticed()
    settled(stage, refunded=250)
    receipt = stage.cost()
    assert [minute.number for minute in receipt.minutes] == list(range(1, 16))
    assert [second(minute.at) for minute in receipt.minutes[:2]] == [600, 660]
    assert [(refund.amount, second(refund.at)) for refund in receipt.refunds] == [(250, 1_500)]
    assert receipt.total == receipt.by_ledger == 15 * 250 - 250


def test_both_see_the_seconds_that_are_left_and_no_warning_of_credit() -> None:
    stage = talking().beats(1_440)
    seen = service.advance(stage.world, stage.row())
    for who in ("client", "reader"):
        view = session_view(seen.session, who, seen.funds, seen.now, stage.world.settings.rules)
        assert (view.seconds_left, view.low_balance_warning) == (60, False)
        assert (view.minutes_charged, view.charged.amount) == (15, 3_750)
    stage.client(leave)
    seen = service.advance(stage.world, stage.row())
    assert not session_view(
        seen.session, "client", seen.funds, seen.now, stage.world.settings.rules
    ).low_balance_warning


def test_a_lease_lasts_no_longer_than_the_booked_time() -> None:
    stage = talking().beats(1_400)
    lease = stage.leased(CLIENT, heartbeat)
    assert lease
    assert second(lease.expires_at) == 1_500


# --- beside other readings


@pytest.mark.parametrize(("who", "refusal"), [(CLIENT, SessionOpen), (READER, ReaderBusy)])
def test_it_waits_until_both_are_out_of_other_readings(who: str, refusal: type[Exception]) -> None:
    stage = Stage().begun()
    other = Side("usr_other", "Oh")
    booked = replace(BOOKED, session="ses_2")
    booked = replace(booked, reader=other) if who == CLIENT else replace(booked, client=other)
    with pytest.raises(refusal):
        asking.open_booked(stage.world, booked)
    sooner.end_by(stage.world, who, stage.clock.now + 60_000, unless="ses_2")
    stage.at(60)
    assert asking.open_booked(stage.world, booked).session.state == "waiting"
    assert (stage.row().state, stage.row().reason, second(stage.row().ended_at)) == ("finalized", "max_duration", 60)


def test_a_reading_that_must_end_sooner_is_called_by_another_execution_then() -> None:
    stage = Stage().begun()
    started = set(stage.executions.started)
    sooner.end_by(stage.world, READER, NOON + 120_000, unless="ses_2")
    (new,) = set(stage.executions.started) - started
    assert (new, stage.executions.started[new]) == (f"{SESSION}-2-1", NOON + 75_000)
    assert service.called_by_clock(stage.world, SESSION, 2, 0) is None, "the one before ends quietly"
    session = stage.beats(119).at(120).noticed()
    assert (session.reason, second(session.ended_at), stage.balance) == ("max_duration", 120, 9_500)


def test_a_reading_is_never_made_longer_and_the_bookings_own_is_left_alone() -> None:
    stage = Stage().begun()
    sooner.end_by(stage.world, CLIENT, NOON + 100_000, unless="ses_2")
    before = stage.row()
    sooner.end_by(stage.world, CLIENT, NOON + 100_000, unless="ses_2")
    sooner.end_by(stage.world, CLIENT, NOON + 200_000, unless="ses_2")
    sooner.end_by(stage.world, CLIENT, NOON + 50_000, unless=SESSION)
    sooner.end_by(stage.world, "usr_nobody", NOON + 50_000, unless="ses_2")
    assert stage.row() == before


@pytest.mark.parametrize("accepted", [False, True])
def test_a_request_that_rings_or_waits_is_over_when_a_booking_begins(accepted: bool) -> None:
    stage = Stage()
    stage.asked()
    if accepted:
        stage.reader(accept)
    sooner.end_by(stage.world, READER, NOON + 30_000, unless="ses_2")
    assert stage.at(29.999).noticed().is_open
    session = stage.at(30).noticed()
    assert (session.reason, second(session.ended_at), stage.balance) == ("max_duration", 30, 10_000)


def test_a_request_ends_by_the_booking_that_was_known_when_it_was_made() -> None:
    stage = Stage()
    readers.set_presence(stage.world, READER, "online")
    asking.create(stage.world, Side(CLIENT, "Cee"), SESSION, READER, "text", ends_by=NOON + 90_000)
    stage.reader(accept)
    stage.client(join)
    stage.reader(join)
    session = stage.beats(89).at(90).noticed()
    assert (session.reason, second(session.ended_at), session.refunded) == ("max_duration", 90, 125)


def test_after_its_end_nobody_comes_back() -> None:
    stage = talking().beats(1_490).at(1_500)
    with pytest.raises(InvalidState):
        stage.client(reconnect)


# --- beside its booking


def test_it_is_opened_together_with_what_its_booking_writes_or_not_at_all() -> None:
    stage = Stage(credit=0)
    taken = {"pk": "bok_1", "sk": "booking", "rev": 2}
    stage.tables.write(Put("scheduling", taken))
    with pytest.raises(ConditionFailed):
        asking.open_booked(stage.world, BOOKED, Put("scheduling", taken | {"rev": 2}, when=(Equals("rev", 1),)))
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()
    asking.open_booked(stage.world, BOOKED, Put("scheduling", taken | {"rev": 3}, when=(Equals("rev", 2),)))
    assert stage.tables.get("scheduling", {"pk": "bok_1", "sk": "booking"}) == taken | {"rev": 3}
    assert stage.row().state == "waiting"


def test_a_client_who_ends_it_while_the_reader_is_not_there_only_leaves() -> None:
    stage = opened().at(660)
    stage.client(join)
    assert (stage.client(finish).state, stage.row().client.present) == ("waiting", False)
    before = stage.row()
    assert stage.client(finish) == before
    stage.at(700).client(join)
    stage.reader(join)
    assert stage.row().state == "active"


def test_a_client_ends_it_who_is_awaited_and_a_reader_ends_it_anyway() -> None:
    stage = opened().at(660)
    stage.reader(join)
    assert (stage.client(finish).state, stage.row().reason) == ("ended", "client_ended")
    stage = opened().at(660)
    assert (stage.reader(finish).state, stage.row().reason) == ("ended", "reader_ended")


def test_the_moment_at_which_the_talk_stopped_is_kept() -> None:
    stage = talking().beats(900)
    stage.at(910).reader(leave)
    stage.at(1_500).noticed()
    assert (second(stage.row().stopped_at), second(stage.row().ended_at)) == (910, 1_210)
