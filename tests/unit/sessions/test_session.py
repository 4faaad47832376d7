"""What a session's row holds, and how it comes and goes."""

from dataclasses import replace

import pytest

from chalicelib.kernel.clock import clock_lost
from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.sessions.model.commands import finish, leave, reconnect
from chalicelib.sessions.model.session import Session, Side, State, from_item, to_item
from chalicelib.sessions.store import Sessions, shard_of
from chalicelib.wallet.model.chain import Meter, Run
from tests.support.reading import CLIENT, Stage
from tests.support.rows import ACTIVE, AWAY, CREATED, HERE, PAUSED, RECONNECTING, RULES, WAITING, at
from tests.support.worlds import NOON


@pytest.fixture
def session() -> Session:
    return Session("ses_1", Side("usr_c", "Cee"), Side("usr_r", "Are"), "voice", 250, NOON, NOON, shard="7")


def test_a_row_gives_back_the_session_that_it_stored() -> None:
    stage = Stage().begun()
    for act in (stage.client, stage.reader):
        act(leave if stage.row().state == "active" else reconnect)
        assert from_item(to_item(stage.row())) == stage.row()
    stage.client(finish)
    assert from_item(to_item(stage.row())) == stage.row()


@pytest.mark.parametrize("state", ["created", "waiting", "active", "paused", "reconnecting", "ended"])
def test_a_session_is_listed_while_time_can_still_change_it(session: Session, state: State) -> None:
    assert to_item(replace(session, state=state))["open_shard"] == "7"


def test_a_session_that_is_finalized_or_under_review_is_listed_no_more(session: Session) -> None:
    assert "open_shard" not in to_item(replace(session, state="finalized"))
    assert "open_shard" not in to_item(replace(session, state="ended", review="settlement_mismatch"))


def test_every_write_raises_the_revision_and_is_conditional_on_the_one_before() -> None:
    stage = Stage().begun()
    rows = Sessions(stage.tables, "sessions")
    was = stage.row()
    raised, operations = rows.replace(replace(was, warned=True), was)
    assert raised.rev == was.rev + 1
    stage.tables.write(*operations)
    with pytest.raises(ConditionFailed):
        stage.tables.write(*rows.replace(was, was)[1])


def test_an_end_lets_go_only_of_who_is_in_that_session() -> None:
    stage = Stage().begun()
    was = stage.row()
    _, operations = Sessions(stage.tables, "sessions").replace(replace(was, state="ended"), was)
    stage.tables.rows["sessions"][(f"open#{CLIENT}",)] = {"pk": f"open#{CLIENT}", "session": "ses_other"}
    with pytest.raises(ConditionFailed):
        stage.tables.write(*operations)
    assert stage.row().state == "active"


def test_shards_are_stable_and_within_their_number() -> None:
    shards = [shard_of(f"ses_{number}", 16) for number in range(500)]
    assert set(shards) == {str(number) for number in range(16)}
    assert shards[:3] == [shard_of(f"ses_{number}", 16) for number in range(3)]


def test_a_person_is_on_one_side_or_a_stranger(session: Session) -> None:
    assert (session.who("usr_c"), session.who("usr_r")) == ("client", "reader")
    with pytest.raises(Forbidden):
        session.who("usr_x")


@pytest.mark.parametrize(
    ("connected", "left", "most"),
    [(0, 180 * MINUTE, 180), (0, 1, 1), (0, MINUTE, 1), (0, MINUTE + 1, 2), (59 * SECOND, SECOND, 1), (MINUTE, 0, 1)],
)
def test_the_last_minute_begins_before_the_last_moment(session: Session, connected: int, left: int, most: int) -> None:
    now = NOON + 10_000
    talk = replace(session, started_at=NOON, connected_before=connected, ends_by=now + left)
    assert talk.max_minutes(now, RULES) == most


def test_the_last_moment_is_counted_from_the_first_active_moment(session: Session) -> None:
    assert replace(session, started_at=NOON).last_moment(NOON + 77, RULES) == NOON + RULES.session_max
    assert session.last_moment(NOON + 77, RULES) == NOON + 77 + RULES.session_max


def test_a_stranger_is_told_so(session: Session) -> None:
    with pytest.raises(Forbidden) as refused:
        session.who("usr_x")
    assert refused.value.detail == "You are not part of this reading."


def test_no_minute_begins_once_the_last_moment_is_over() -> None:
    assert replace(PAUSED, ends_by=at(100)).max_minutes(at(300), RULES) == 0


def test_a_booking_after_the_longest_reading_does_not_prolong_it() -> None:
    assert replace(ACTIVE, ends_by=at(10_801)).last_moment(at(100), RULES) == at(10_800)
    assert replace(ACTIVE, ends_by=at(10_799)).last_moment(at(100), RULES) == at(10_799)


def test_connected_time_runs_with_the_meter_and_never_backwards() -> None:
    assert [ACTIVE.connected(at(moment)) for moment in (59, 60, 90)] == [20_000, 20_000, 50_000]
    assert PAUSED.connected(at(500)) == 50_000


# --- presence


def test_here_is_who_is_present_and_has_shown_life_within_75_s_or_in_the_channel_within_a_lease() -> None:
    outside = replace(HERE[0], in_channel=False)
    assert [outside.here(at(moment), RULES) for moment in (174.999, 175)] == [True, False]
    assert [HERE[0].here(at(moment), RULES) for moment in (399.999, 400)] == [True, False]
    assert not replace(outside, present=False).here(at(100), RULES)
    assert not replace(outside, beat_at=None).here(at(100), RULES)


def test_a_side_is_no_witness_after_three_fifths_of_its_silence_or_all_of_it_in_the_channel() -> None:
    assert (AWAY[0].stale_after(RULES), HERE[0].stale_after(RULES)) == (45_000, 300_000)
    assert AWAY[0].stale_after(Rules(silence=1_001)) == 600


# --- the channel, and what is owed


def test_a_channel_is_named_after_the_pauses_before_it() -> None:
    assert (WAITING.channel, ACTIVE.channel, PAUSED.channel) == ("ses_1-0", "ses_1-1", "ses_1-2")
    assert ACTIVE.channel_of(7) == "ses_1-7"


@pytest.mark.parametrize(
    ("session", "numbers"),
    [
        (WAITING, []),
        (ACTIVE, [0]),
        (PAUSED, [0, 1]),
        (replace(PAUSED, cleared=1), [1]),
        (replace(PAUSED, cleared=2), []),
        (replace(PAUSED, state="ended"), [0, 1, 2]),
        (replace(PAUSED, state="finalized", cleared=2), [2]),
        (replace(CREATED, state="finalized"), []),  # never accepted: there was no channel
    ],
)
def test_channels_are_abandoned_by_a_pause_and_the_last_one_by_the_end(session: Session, numbers: list[int]) -> None:
    assert list(session.abandoned) == numbers
    assert session.owes_removal is bool(numbers)
    assert ("open_shard" in to_item(session)) is (bool(numbers) or session.state != "finalized")


def test_who_left_by_the_app_but_stays_in_the_channel_lingers_there() -> None:
    assert WAITING.lingering == RECONNECTING.lingering == ()
    left = replace(WAITING, client=replace(HERE[0], present=False), reader=HERE[1])
    assert left.lingering == ("client",)
    assert left.owes_removal
    assert replace(left, client=HERE[0], reader=replace(HERE[1], present=False)).lingering == ("reader",)


# --- the clock and the meter


@pytest.mark.parametrize(
    ("epoch", "promised", "now", "lost"),
    [(4, 100, 129.999, False), (4, 100, 130, True), (3, 100, 500, False), (4, None, 500, False)],
)
def test_a_clock_is_lost_that_has_not_called_for_30_s_after_its_promise(
    epoch: int, promised: float | None, now: float, lost: bool
) -> None:
    started = replace(ACTIVE, clock_epoch=epoch, clock_at=None if promised is None else at(promised))
    assert clock_lost(started, at(now)) is lost


@pytest.mark.parametrize("session", [CREATED, WAITING, ACTIVE, PAUSED, RECONNECTING], ids=lambda session: session.state)
def test_a_session_and_the_meter_are_of_one_moment_when_both_run_in_one_epoch_or_both_stand(session: Session) -> None:
    running = Meter("ses_1", 4, 250, 2, 20_000, 180, Run(at(60)))
    meters = {
        "none": None,
        "another's": replace(running, session="ses_2"),
        "standing": replace(running, run=None),
        "running": running,
        "running since another moment": replace(running, epoch=3),
    }
    fitting = {"active": {"running"}, "paused": {"standing"}, "reconnecting": {"standing"}}
    found = {name for name, meter in meters.items() if session.in_step(meter)}
    assert found == fitting.get(session.state, {"none", "another's"})


def test_a_row_says_no_more_than_what_is_so(session: Session) -> None:
    said = {name: value for name, value in to_item(session).items() if name not in ("client_side", "reader_side")}
    assert said == {
        "pk": "ses_1",
        "client": "usr_c",
        "reader": "usr_r",
        "modality": "voice",
        "rate": 250,
        "created_at": NOON,
        "at": NOON,
        "shard": "7",
        "open_shard": "7",
        "state": "created",
        "rev": 0,
        "epoch": 0,
        "clock_epoch": -1,
        "clock_turn": 0,
        "connected_before": 0,
        "pauses": 0,
        "grace_used": 0,
        "warned": False,
        "refunded": 0,
        "earned": 0,
        "cleared": 0,
    }
    assert to_item(session)["client_side"] == {"user": "usr_c", "name": "Cee", "present": False, "in_channel": False}
    assert from_item(to_item(session)) == session
    assert from_item(to_item(RECONNECTING)) == RECONNECTING


def test_a_row_of_before_a_field_was_there_reads_as_its_default() -> None:
    old = to_item(PAUSED)
    for name in ("cleared", "clock_turn", "warned"):
        del old[name]
    assert from_item(old) == PAUSED
