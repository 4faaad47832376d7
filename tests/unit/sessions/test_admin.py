"""What an admin may do to a reading, each act audited."""

from typing import Any, Final

import pytest

from chalicelib.kernel.errors import NotFound
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import finish, join, leave, reconnect
from chalicelib.sessions.service import Snapshot
from tests.support.reading import SESSION, Stage, second

ADMIN: Final = {"actor": "arn:admin", "note": "ticket 7"}


def force_end(stage: Stage) -> Snapshot:
    return service.force_end(stage.world, SESSION, **ADMIN)


def safety(stage: Stage) -> Snapshot:
    return service.safety_stop(stage.world, SESSION, **ADMIN)


def audited(stage: Stage) -> list[Any]:
    rows = stage.tables.rows["audit"].values()
    return [(row["action"], row["actor"], row["reason"], row["detail"]) for row in rows if row["actor"] == "arn:admin"]


def test_an_admin_ends_whatever_is_open() -> None:
    stage = Stage()
    stage.asked()
    assert force_end(stage).session.reason == "admin"

    stage = Stage().begun().at(20)
    session = force_end(stage).session
    assert (session.state, session.reason, session.refunded) == ("finalized", "admin", 167)


def test_a_forced_end_is_audited_with_the_state_before_it() -> None:
    stage = Stage().begun().at(20)
    force_end(stage)
    assert audited(stage) == [("session_force_ended", "arn:admin", "ticket 7", {"state": "active"})]


def test_ending_what_has_ended_changes_nothing_and_is_not_audited() -> None:
    stage = Stage().begun().at(20)
    stage.client(finish)
    assert force_end(stage).session.reason == "client_ended"
    assert audited(stage) == []


def test_a_safety_stop_pauses_a_talk() -> None:
    stage = Stage().begun().at(20)
    session = safety(stage).session
    assert (session.state, session.reason, second(session.grace_until)) == ("paused", "safety", 320)
    assert audited(stage) == [("session_safety_stopped", "arn:admin", "ticket 7", {"state": "active"})]


@pytest.mark.parametrize("accepted", [False, True])
def test_a_safety_stop_ends_what_has_not_begun(accepted: bool) -> None:
    stage = Stage()
    stage.accepted() if accepted else stage.asked()
    session = safety(stage).session
    assert (session.state, session.reason) == ("finalized", "safety")


def test_a_safety_stop_sends_a_returner_away_and_keeps_the_cause() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    held = stage.client(reconnect).channel
    session = safety(stage).session
    assert (session.state, session.reason, session.cut) == ("paused", "client_left", "client_left")
    assert session.channel != held, "what the returner holds opens nothing that comes after"


def test_a_safety_stop_of_a_pause_changes_nothing() -> None:
    stage = Stage().begun()
    stage.at(20).client(leave)
    assert safety(stage).session.reason == "client_left"
    assert audited(stage) == []


def test_a_stop_first_brings_the_session_up_to_date() -> None:
    stage = Stage(credit=250).begun().beats(50)
    session = force_end(stage.at(80)).session
    assert (session.reason, session.cut, session.connected_before) == ("admin", "low_balance", 60_000)


def test_nothing_is_not_found() -> None:
    stage = Stage()
    for act in (force_end, safety):
        with pytest.raises(NotFound):
            act(stage)


def test_who_has_joined_is_sent_away_too() -> None:
    stage = Stage().accepted()
    stage.client(join)
    assert not safety(stage).session.client.present
