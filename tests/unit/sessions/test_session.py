"""What a session's row holds, and how it comes and goes."""

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.sessions.model.commands import finish, leave, reconnect
from chalicelib.sessions.model.session import Session, Side, State, from_item, to_item
from chalicelib.sessions.store import Sessions, shard_of
from tests.support.reading import CLIENT, Stage
from tests.support.worlds import NOON

RULES = Rules()


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
