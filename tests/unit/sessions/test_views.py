"""What the two people see. A reader never learns what is in the client's wallet."""

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, rfc3339
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import accept, finish, heartbeat, join, leave, reconnect
from chalicelib.sessions.schemas import SessionView, receipt_view, session_view
from tests.support.reading import Stage
from tests.support.worlds import NOON


def view(stage: Stage, who: str = "client") -> SessionView:
    seen = service.advance(stage.world, stage.row())
    funds = seen.funds if seen.session.is_open else None
    return session_view(seen.session, who, funds, seen.now, stage.world.settings.rules)  # type: ignore[arg-type]


def moment(second: float) -> str:
    return rfc3339(NOON + round(second * 1000))


def test_a_client_sees_the_seconds_left_at_any_time() -> None:
    stage = Stage(credit=1_000).accepted()
    assert view(stage).seconds_left == 240
    stage.client(join)
    stage.reader(join)
    assert view(stage).seconds_left == 240
    assert view(stage.beats(30.5)).seconds_left == 209


def test_a_reader_sees_the_seconds_left_only_from_two_minutes_down() -> None:
    stage = Stage(credit=1_000).begun()
    assert view(stage, "reader").seconds_left is None
    assert view(stage.beats(119.999), "reader").seconds_left is None
    assert view(stage.beats(120), "reader").seconds_left == 120
    assert view(stage.beats(180.25), "reader").seconds_left == 59


def test_a_reader_is_told_nothing_before_the_start() -> None:
    stage = Stage(credit=250).accepted()
    assert view(stage, "reader").seconds_left is None
    assert not view(stage, "reader").low_balance_warning


def test_the_warning_is_shown_from_two_minutes_down_and_taken_back_by_a_top_up() -> None:
    stage = Stage(credit=1_000).begun()
    assert not view(stage.beats(119.999)).low_balance_warning
    assert view(stage.beats(120)).low_balance_warning
    stage.top_up(1)
    assert view(stage).low_balance_warning
    stage.top_up(249)
    assert not view(stage).low_balance_warning


def test_the_end_of_the_longest_reading_is_no_low_balance() -> None:
    stage = Stage(credit=10_000, rules=Rules(session_max=180 * SECOND)).begun().beats(100)
    assert not view(stage).low_balance_warning
    assert (view(stage).seconds_left, view(stage, "reader").seconds_left) == (80, 80)


def test_connected_seconds_are_whole_ones_and_minutes_are_net() -> None:
    stage = Stage().begun()
    stage.at(50).reader(heartbeat)
    assert view(stage.at(65.9)).connected_seconds == 65
    assert view(stage).minutes_charged == 2
    stage.at(66).client(heartbeat)
    shown = view(stage.at(125))  # the reader was gone at 50
    assert (shown.state, shown.connected_seconds, shown.minutes_charged) == ("paused", 50, 1)
    assert (shown.charged.amount, shown.refunded.amount) == (250, 0)


def test_charged_and_refunded_stand_side_by_side_after_the_end() -> None:
    stage = Stage().begun()
    stage.at(20).reader(finish)
    shown = view(stage)
    assert (shown.state, shown.reason, shown.ended_at) == ("finalized", "reader_ended", moment(20))
    assert (shown.minutes_charged, shown.charged.amount, shown.refunded.amount) == (1, 250, 167)
    assert shown.seconds_left == 0


def test_a_session_that_never_became_active_shows_no_minutes() -> None:
    stage = Stage()
    stage.asked()
    stage.client(finish)
    shown = view(stage)
    assert (shown.connected_seconds, shown.minutes_charged, shown.charged.amount, shown.started_at) == (0, 0, 0, None)


def test_the_deadline_is_that_of_the_ring_the_joining_and_grace() -> None:
    stage = Stage()
    stage.asked()
    assert view(stage).deadline_at == moment(180)
    stage.at(10).reader(accept)
    assert view(stage).deadline_at == moment(130)
    stage.at(20).client(join)
    stage.reader(join)
    assert view(stage).deadline_at is None
    stage.at(30).client(leave)
    assert view(stage).deadline_at == moment(330)
    stage.at(40).client(reconnect)
    assert view(stage).deadline_at == moment(330)
    stage.client(finish)
    assert view(stage).deadline_at is None


def test_who_is_silent_is_not_shown_as_present() -> None:
    stage = Stage().accepted()
    stage.client(join)
    assert view(stage.at(74.999)).present.client
    shown = view(stage.at(75))
    assert (shown.present.client, shown.present.reader) == (False, False)


def test_apps_are_told_when_to_beat() -> None:
    assert view(Stage().begun()).next_beat_seconds == 30


def test_a_receipt_tells_every_minute_and_why_a_refund_was_given() -> None:
    stage = Stage().begun().beats(60)
    stage.at(80).reader(leave)
    stage.at(90).client(finish)
    shown = receipt_view(stage.cost(), stage.row())
    assert [(minute.number, minute.at, minute.amount.amount) for minute in shown.minutes] == [
        (1, moment(0), 250),
        (2, moment(60), 250),
    ]
    assert [(refund.at, refund.amount.amount, refund.reason) for refund in shown.refunds] == [
        (moment(90), 167, "reader_left")
    ]
    assert shown.total.amount == 333


def test_both_see_the_same_apart_from_the_seconds_left() -> None:
    stage = Stage(credit=5_000).begun().beats(30)
    mine, theirs = view(stage).model_dump(), view(stage, "reader").model_dump()
    assert {name for name in mine if mine[name] != theirs[name]} == {"seconds_left"}
