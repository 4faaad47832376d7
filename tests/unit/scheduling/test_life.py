"""From booked to over: reminders, the reading at its time, and who gets what when it has ended."""

from typing import Any

import pytest

from chalicelib.kernel.errors import InvalidState, Problem, ReaderBusy, SessionOpen
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND, Millis
from chalicelib.operations import handlers
from chalicelib.readers import service as readers
from chalicelib.scheduling import belongings, service, unbooked
from chalicelib.scheduling.model import booking as model
from chalicelib.scheduling.model.booking import Booking
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Session, Side
from chalicelib.wallet import service as wallet
from tests.support.diary import QUARTER, RATE, Diary, days, diary
from tests.support.duo import assert_books_balance
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import Executions

PRICE = 30 * RATE
START = days(3)
END = START + 30 * MINUTE


def notices(stage: Diary, user: str) -> list[tuple[str, str]]:
    rows = stage.world.tables.scan("notices").items
    return sorted((row["kind"], row["facts"]["state"]) for row in rows if row["pk"] == user)


def act(stage: Diary, user: str, command: commands.Command) -> Session:
    return sessions.perform(stage.world, str(stage.row().session), user, command).session


def beats(stage: Diary, until: Millis, *who: str) -> None:
    """Those (both, unless told otherwise) show that they are there, every 30 s up to ``until``."""
    while stage.clock().now < until:
        stage.at(min(stage.clock().now + 30 * SECOND, until))
        for user in who or (stage.client, stage.reader):
            act(stage, user, commands.heartbeat)


def opened(stage: Diary | None = None) -> Diary:
    """Booked, and its reading open, ten minutes before the start."""
    stage = stage or diary()
    stage.book(START)
    stage.at(START - 10 * MINUTE).noticed()
    return stage


def talking() -> Diary:
    """Both joined at the start."""
    stage = opened().at(START)
    act(stage, stage.client, commands.join)
    act(stage, stage.reader, commands.join)
    return stage


def closed(stage: Diary, state: str, refund: int) -> Booking:
    """The booking closes so, with its reading, and every cent is where it belongs."""
    done = stage.noticed()
    assert (done.state, done.refunded) == (state, refund)
    session = sessions.load(stage.world, str(done.session))
    assert (session.state, session.refunded, session.earned) == ("finalized", refund, done.earned)
    assert sessions.busy_among(stage.world, [stage.client, stage.reader]) == set()
    assert stage.credit() == 100_000 - PRICE + refund
    assert stage.earned() == (PRICE - refund) * 70 // 100
    stage.assert_divided(done)
    assert stage.noticed() == done
    return done


# --- who is to blame for what was not served -----------------------------------------------------


def dropped(stage: Diary, who: str) -> Diary:
    """After two minutes that side drops out, and is back four seconds later."""
    user = stage.client if who == "client" else stage.reader
    beats(stage, START + 2 * MINUTE)
    act(stage, user, commands.leave)
    stage.at(START + 2 * MINUTE + 4 * SECOND)
    act(stage, user, commands.reconnect)
    return stage


def test_a_reader_who_ends_it_with_the_client_back_has_not_served_the_rest() -> None:
    stage = dropped(talking(), "client")
    act(stage, stage.reader, commands.finish)
    closed(stage, "completed", -(-PRICE * (1_800 - 124) // 1_800))


def test_a_reader_who_stays_away_from_a_client_who_is_back_has_not_served_what_came_after_grace() -> None:
    stage = dropped(talking(), "client")
    beats(stage, START + 7 * MINUTE - SECOND, stage.client)
    stage.at(START + 7 * MINUTE)
    closed(stage, "completed", -(-PRICE * (1_800 - 420) // 1_800))


def test_a_client_who_ends_it_with_the_reader_back_gets_nothing() -> None:
    stage = dropped(talking(), "reader")
    act(stage, stage.client, commands.finish)
    closed(stage, "completed", 0)


def test_what_an_admin_ends_while_it_stands_is_given_back_from_there() -> None:
    stage = talking()
    beats(stage, START + 2 * MINUTE)
    act(stage, stage.client, commands.leave)
    sessions.force_end(stage.world, str(stage.row().session), actor="admin", note="because")
    closed(stage, "completed", PRICE * 28 // 30)


def test_grace_does_not_run_out_before_the_start() -> None:
    stage = opened()
    for user in (stage.client, stage.reader):
        act(stage, user, commands.join)
    stage.at(START - 9 * MINUTE)
    act(stage, stage.client, commands.leave)
    assert stage.at(START + 5 * MINUTE - 1).noticed().state == "in_session"
    for user in (stage.client, stage.reader):
        act(stage, user, commands.reconnect)
    beats(stage, END - SECOND)
    stage.at(END)
    closed(stage, "completed", 0)


def test_the_platform_calls_off_what_is_ahead_of_whom_it_shuts_out_for_the_whole_price() -> None:
    stage = diary()
    stage.book(START)
    assert belongings.has_upcoming(stage.world, stage.reader)
    stage.at(START - HOUR)
    for _ in range(2):
        belongings.call_off_all(stage.world, stage.client, by_platform=True)
    done = stage.row()
    assert (done.state, done.refunded, stage.credit()) == ("cancelled_by_platform", PRICE, 100_000)
    assert not belongings.has_upcoming(stage.world, stage.reader)
    stage.assert_divided(done)


def test_a_booking_that_was_called_off_since_it_was_read_ends_nobodys_reading() -> None:
    stage = diary()
    stage.book(START)
    stage.at(START - 11 * MINUTE)
    stale = stage.row()
    service.decline(stage.world, stale.id, stage.reader)
    stage.at(START - 10 * MINUTE)
    readers.set_presence(stage.world, stage.reader, "online")
    asking.create(stage.world, Side(stage.client, "Cee"), "ses_other", stage.reader, "text")
    assert service.advance(stage.world, stale).state == "cancelled_by_reader"
    assert sessions.load(stage.world, "ses_other").ends_by is None


# --- at its time ---------------------------------------------------------------------------------


def test_ten_minutes_before_its_start_it_becomes_a_reading_that_takes_both() -> None:
    stage = diary()
    made = stage.book(START)
    assert stage.at(START - 10 * MINUTE - 1).noticed().state == "booked"
    booking = stage.at(START - 10 * MINUTE).noticed()
    assert booking.state == "in_session"
    session = sessions.load(stage.world, str(booking.session))
    assert (session.state, session.booking, session.prepaid, session.rate) == ("waiting", made.id, 30, RATE)
    assert (session.join_by, session.ends_by) == (START + 10 * MINUTE, END)
    assert sessions.busy_among(stage.world, [stage.client, stage.reader]) == {stage.client, stage.reader}
    assert stage.noticed() == booking


def test_a_reading_that_took_place_pays_the_reader_whole() -> None:
    stage = talking()
    beats(stage, END - 30 * SECOND)
    stage.at(END)
    done = closed(stage, "completed", 0)
    assert done.reason == "max_duration"


def test_each_can_open_it_when_it_is_time_and_not_before() -> None:
    stage = diary()
    made = stage.book(START)
    stage.at(START - 10 * MINUTE - 1)
    with pytest.raises(InvalidState, match="opens at"):
        service.start(stage.world, made.id, stage.client)
    stage.at(START - 10 * MINUTE)
    assert service.start(stage.world, made.id, stage.reader).session
    assert service.start(stage.world, made.id, stage.client) == stage.row()
    stage.at(END)
    with pytest.raises(InvalidState, match="no_show_reader"):
        service.start(stage.world, made.id, stage.client)


# --- somebody does not come ----------------------------------------------------------------------


def test_a_client_who_does_not_come_gets_nothing_back() -> None:
    stage = opened()
    act(stage, stage.reader, commands.join)
    beats(stage, START + 9 * MINUTE, stage.reader)
    stage.at(START + 10 * MINUTE)
    closed(stage, "no_show_client", 0)


@pytest.mark.parametrize("client_comes", [True, False])
def test_a_reader_who_does_not_come_pays_it_all_back(client_comes: bool) -> None:
    stage = opened()
    if client_comes:
        act(stage, stage.client, commands.join)
        beats(stage, START + 9 * MINUTE, stage.client)
    stage.at(START + 10 * MINUTE)
    closed(stage, "no_show_reader", PRICE)
    assert notices(stage, stage.client)[-2:] == [("booking_closed", "no_show_reader"), ("booking_made", "booked")]


def test_a_client_who_gives_up_waiting_does_not_pay_for_the_readers_absence() -> None:
    stage = opened().at(START + 5 * MINUTE)
    act(stage, stage.client, commands.join)
    for _ in range(2):
        assert act(stage, stage.client, commands.finish).state == "waiting"
    stage.at(START + 10 * MINUTE)
    closed(stage, "no_show_reader", PRICE)


def test_a_client_who_ends_it_with_the_reader_waiting_does_not_show() -> None:
    stage = opened().at(START + MINUTE)
    act(stage, stage.reader, commands.join)
    assert act(stage, stage.client, commands.finish).state == "ended"
    closed(stage, "no_show_client", 0)


def test_a_reading_nobody_noticed_until_it_was_over_is_the_readers_absence() -> None:
    stage = diary()
    stage.book(START)
    stage.at(END + DAY)
    closed(stage, "no_show_reader", PRICE)


# --- calling off when the door is open -----------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "at", "state", "refund"),
    [
        ("client", START - 1, "cancelled_by_client", PRICE // 2),
        ("reader", START - 1, "cancelled_by_reader", PRICE),
        ("reader", START, "no_show_reader", PRICE),
    ],
)
def test_until_the_talk_begins_it_can_be_called_off(who: str, at: Millis, state: str, refund: int) -> None:
    stage = opened().at(at)
    done = service.cancel(stage.world, stage.id(), getattr(stage, who))
    assert done.state == state
    closed(stage, state, refund)
    assert service.cancel(stage.world, stage.id(), getattr(stage, who)) == done


def test_after_the_start_a_client_cannot_and_in_the_talk_nobody_can() -> None:
    stage = opened().at(START)
    with pytest.raises(InvalidState):
        service.cancel(stage.world, stage.id(), stage.client)
    stage = talking()
    for user in (stage.client, stage.reader):
        with pytest.raises(InvalidState):
            service.cancel(stage.world, stage.id(), user)
    early = opened()
    act(early, early.client, commands.join)
    act(early, early.reader, commands.join)
    with pytest.raises(InvalidState):
        service.cancel(early.world, early.id(), early.client)


# --- a talk that ends before its time ------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "after", "refund"),
    [
        ("client", 10 * MINUTE, 0),
        ("reader", 10 * MINUTE, PRICE * 2 // 3),
        ("reader", 10 * MINUTE + 1, 5_000),
        ("reader", 0, PRICE),
        ("reader", 29 * MINUTE + 59 * SECOND, 5),
    ],
)
def test_what_the_reader_did_not_serve_is_given_back_to_the_cent(who: str, after: int, refund: int) -> None:
    stage = talking()
    beats(stage, START + after)
    act(stage, getattr(stage, who), commands.finish)
    closed(stage, "completed", refund)


def test_a_reader_who_leaves_and_does_not_come_back_is_paid_up_to_the_leaving() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    act(stage, stage.reader, commands.leave)
    stage.at(END)
    closed(stage, "completed", PRICE // 2)


def test_a_client_who_leaves_and_does_not_come_back_gets_nothing() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    act(stage, stage.client, commands.leave)
    stage.at(END)
    closed(stage, "completed", 0)


def test_a_client_who_ends_it_since_the_reader_fell_silent_pays_up_to_the_last_beat() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    beats(stage, START + 16 * MINUTE, stage.client)
    act(stage, stage.client, commands.finish)
    closed(stage, "completed", PRICE // 2)


def test_who_came_back_is_paid_whole() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    act(stage, stage.reader, commands.leave)
    stage.at(START + 16 * MINUTE)
    act(stage, stage.client, commands.reconnect)
    act(stage, stage.reader, commands.reconnect)
    beats(stage, END - 30 * SECOND)
    stage.at(END)
    closed(stage, "completed", 0)


def test_what_the_platform_stops_is_given_back() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    sessions.force_end(stage.world, str(stage.row().session), actor="usr_admin", note="test")
    closed(stage, "completed", PRICE // 2)
    stage = opened()
    sessions.force_end(stage.world, str(stage.row().session), actor="usr_admin", note="test")
    closed(stage, "cancelled_by_platform", PRICE)


# --- beside other readings -----------------------------------------------------------------------


def in_another_reading(stage: Diary, user: str) -> str:
    """``user`` talks to somebody else, since ten minutes before the booking opens."""
    if user == stage.client:
        reader, client = "usr_other", stage.client
        add_reader(stage.world, reader, RATE)
    else:
        reader, client = stage.reader, "usr_another"
        pay_in(stage.world, client, 50_000, "topup:another")
    readers.set_presence(stage.world, reader, "online")
    asking.create(stage.world, Side(client, "C"), "ses_other", reader, "text")
    for who, command in ((reader, commands.accept), (client, commands.join), (reader, commands.join)):
        sessions.perform(stage.world, "ses_other", who, command)
    return "ses_other"


def other_beats(stage: Diary, session: str, until: Millis) -> None:
    row = sessions.load(stage.world, session)
    while stage.clock().now < until:
        stage.at(min(stage.clock().now + 30 * SECOND, until))
        for side in (row.client, row.reader):
            sessions.perform(stage.world, session, side.user, commands.heartbeat)


@pytest.mark.parametrize(("who", "refusal"), [("client", SessionOpen), ("reader", ReaderBusy)])
def test_a_reading_that_either_is_in_ends_by_the_start_and_holds_the_booking_up_until_then(
    who: str, refusal: type[Problem]
) -> None:
    stage = diary()
    made = stage.book(START)
    stage.at(START - 20 * MINUTE)
    other = in_another_reading(stage, getattr(stage, who))
    other_beats(stage, other, START - 10 * MINUTE)
    assert stage.noticed().state == "booked"
    assert sessions.load(stage.world, other).ends_by == START
    with pytest.raises(refusal):
        service.start(stage.world, made.id, stage.reader)
    assert model.wake_at(stage.row(), stage.clock().now, stage.world.settings.rules) == START
    other_beats(stage, other, START - 1)
    assert stage.at(START).noticed().state == "in_session"
    assert sessions.load(stage.world, other).reason == "max_duration"


def asked(stage: Diary, client: str = "usr_another") -> Session:
    pay_in(stage.world, client, 50_000, f"topup:{client}")
    readers.set_presence(stage.world, stage.reader, "online")
    return unbooked.ask(stage.world, Side(client, "C"), f"ses_{client}", stage.reader, "text").session


def test_a_reading_asked_for_now_ends_at_either_sides_next_booking() -> None:
    stage = diary()
    stage.book(START)
    stage.at(START - 2 * HOUR)
    assert asked(stage).ends_by == START
    free = diary()
    free.book(START)
    free.at(START - 4 * HOUR)
    assert asked(free).ends_by is None
    mine = diary()
    mine.book(START)
    other = Diary(mine.world, "2").ready(cents=0)
    readers.set_presence(mine.at(START - HOUR).world, other.reader, "online")
    assert unbooked.ask(mine.world, Side(mine.client, "C"), "ses_x", other.reader, "text").session.ends_by == START


def test_of_two_bookings_ahead_the_nearer_one_ends_it() -> None:
    stage = diary()
    stage.book(START)
    other = Diary(stage.world, "2").ready(cents=0)
    rival = stage.other(1)
    service.book(stage.world, "bok_x", Side(rival.client, "C"), other.reader, START - HOUR, 15, "voice")
    readers.set_presence(stage.at(START - 2 * HOUR).world, other.reader, "online")
    seen = unbooked.ask(stage.world, Side(stage.client, "C"), "ses_x", other.reader, "text")
    assert seen.session.ends_by == START - HOUR


def test_a_booking_that_nobody_noticed_is_closed_before_anything_else_begins() -> None:
    stage = diary()
    stage.book(START)
    stage.at(START + 20 * MINUTE)
    assert asked(stage).ends_by is None
    assert stage.row().state == "no_show_reader"


@pytest.mark.parametrize("at", [START - 10 * MINUTE, START - 1, START + 20 * MINUTE])
def test_who_is_wanted_at_a_booking_is_busy(at: Millis) -> None:
    stage = diary(buffer=15)
    stage.book(START)
    stage.at(at)
    if at > START:
        stage.at(START - MINUTE).noticed()
        act(stage, stage.client, commands.join)
        act(stage, stage.reader, commands.join)
        beats(stage, at)
    with pytest.raises(ReaderBusy):
        asked(stage)
    readers.set_presence(stage.world, stage.reader, "online")
    other = Diary(stage.world, "2").ready(cents=0)
    readers.set_presence(stage.world, other.reader, "online")
    with pytest.raises(SessionOpen):
        unbooked.ask(stage.world, Side(stage.client, "C"), "ses_x", other.reader, "text")


def test_a_booking_that_is_over_stands_in_nobodys_way_nor_does_its_buffer() -> None:
    stage = diary(buffer=60)
    stage.book(START)
    stage.at(END + MINUTE)
    assert asked(stage).ends_by is None


# --- reminders -----------------------------------------------------------------------------------


def reminded(stage: Diary) -> list[str]:
    rows = stage.world.tables.scan("notices").items
    return sorted(row["sk"] for row in rows if row["kind"] == "booking_reminder" and row["pk"] == stage.client)


def test_both_are_reminded_a_day_an_hour_and_a_quarter_of_an_hour_ahead_once_each() -> None:
    stage = diary()
    stage.book(START)
    for ahead, count in ((DAY + 1, 0), (DAY, 1), (HOUR + 1, 1), (HOUR, 2), (16 * MINUTE, 2), (15 * MINUTE, 3)):
        stage.at(START - ahead)
        for _ in range(2):
            stage.noticed()
        assert len(reminded(stage)) == count
        assert len([kind for kind, _ in notices(stage, stage.reader) if kind == "booking_reminder"]) == count
    stage.at(START - 10 * MINUTE).noticed()
    assert len(reminded(stage)) == 3


def test_what_was_past_when_it_was_booked_is_not_reminded_of_and_of_two_that_are_late_one_is_sent() -> None:
    stage = diary()
    soon = stage.at(days(1)).book(days(1) + 2 * HOUR)
    assert stage.noticed().reminders == 1
    stage.at(soon.start - 12 * MINUTE).noticed()
    assert len(reminded(stage)) == 1
    assert stage.row().reminders == 3


def test_a_moved_booking_is_reminded_of_anew() -> None:
    stage = diary()
    made = stage.book(START)
    stage.at(START - DAY).noticed()
    service.reschedule(stage.world, made.id, stage.client, days(6))
    assert stage.row().reminders == 0
    stage.at(days(5)).noticed()
    assert len(reminded(stage)) == 2


def test_each_is_told_of_what_the_other_did() -> None:
    stage = diary()
    made = stage.book(START)
    service.reschedule(stage.world, made.id, stage.client, days(5))
    service.cancel(stage.world, made.id, stage.client)
    assert notices(stage, stage.reader) == [
        ("booking_closed", "cancelled_by_client"),
        ("booking_made", "booked"),
        ("booking_moved", "booked"),
    ]
    assert notices(stage, stage.client) == [("booking_made", "booked"), ("booking_moved", "booked")]


# --- the two clocks ------------------------------------------------------------------------------


def told(stage: Diary, epoch: int = 0, turn: int = 0) -> dict[str, Any]:
    return handlers.tell(stage.world, {"kind": "booking", "id": stage.id(), "epoch": epoch, "turn": turn})


def executions(stage: Diary) -> dict[str, Millis]:
    assert isinstance(stage.world.clock, Executions)
    return {name: at for name, at in stage.world.clock.started.items() if name.startswith("bok")}


def test_the_clock_alone_carries_a_booking_from_reminder_to_settlement() -> None:
    stage = diary()
    stage.book(START)
    ((name, wake),) = executions(stage).items()
    assert (name, wake) == (f"{stage.id()}-0", START - DAY)
    wakes = []
    for _ in range(10):
        answer = told(stage.at(wake))
        if answer["done"]:
            break
        wake = stage.row().clock_at or 0
        wakes.append((wake - START) / MINUTE)
    assert wakes == [-60, -15, -10, 30]
    assert stage.row().state == "no_show_reader"


def test_moving_winds_another_execution_and_the_one_before_ends_quietly() -> None:
    stage = diary()
    made = stage.book(START)
    service.reschedule(stage.world, made.id, stage.client, days(6))
    assert executions(stage) == {f"{made.id}-0": START - DAY, f"{made.id}-1": days(5)}
    assert told(stage, epoch=0) == {"done": True}
    assert not told(stage, epoch=1)["done"]


def test_an_execution_that_was_never_started_or_is_lost_is_made_up_for() -> None:
    stage = diary()
    assert isinstance(stage.world.clock, Executions)
    stage.world.clock.broken = True
    stage.book(START)
    assert executions(stage) == {}
    stage.world.clock.broken = False
    stage.noticed()
    assert set(executions(stage)) == {f"{stage.id()}-0"}
    stage.at(START - DAY + 30 * SECOND).noticed()
    assert set(executions(stage)) == {f"{stage.id()}-0", f"{stage.id()}-0-1"}
    assert told(stage, turn=0) == {"done": True}


class Patient:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def tick(stage: Diary) -> None:
    for shard in range(stage.world.settings.tick_shards):
        handlers.work(stage.world, {"shard": str(shard)}, Patient(), lambda facts: None)


def test_the_tick_alone_carries_a_booking_from_reminder_to_settlement() -> None:
    stage = diary()
    assert isinstance(stage.world.clock, Executions)
    stage.world.clock.broken = True
    stage.book(START)
    tick(stage.at(START - DAY - 1))
    assert reminded(stage) == []
    tick(stage.at(START - DAY))
    assert len(reminded(stage)) == 1
    tick(stage.at(START - 10 * MINUTE))
    assert stage.row().state == "in_session"
    tick(stage.at(START + 10 * MINUTE))
    assert stage.row().state == "no_show_reader"
    assert service.page_of_shard(stage.world, stage.row().shard, 10, None) == ([], None)


def test_a_reading_that_ended_early_is_settled_by_the_next_tick() -> None:
    stage = talking()
    beats(stage, START + 15 * MINUTE)
    act(stage, stage.reader, commands.finish)
    tick(stage)
    assert stage.row().state == "completed"
    closed(stage, "completed", PRICE // 2)


def test_two_bookings_one_after_the_other_of_the_same_people_both_take_place() -> None:
    stage = diary()
    stage.book(START)
    stage.book(END, 15, "bok_2")
    stage.at(START).noticed()
    act(stage, stage.client, commands.join)
    act(stage, stage.reader, commands.join)
    beats(stage, END - 10 * MINUTE)
    assert stage.noticed("bok_2").state == "booked"
    beats(stage, END - 30 * SECOND)
    stage.at(END)
    assert stage.noticed("bok_2").state == "in_session"
    assert stage.noticed().state == "completed"
    assert stage.cells(stage.client) == [(END - days(0)) / QUARTER]
    assert_books_balance(stage.world)


def test_a_frozen_wallet_still_gets_its_refund_and_spends_none_of_it() -> None:
    stage = diary()
    made = stage.book(START)
    wallet.freeze(stage.world, stage.client, "dispute")
    service.cancel(stage.world, made.id, stage.client)
    head = wallet.head(stage.world, stage.client)
    assert (head.balance, head.frozen) == (100_000, "dispute")
