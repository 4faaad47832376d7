"""Product §3, errors: who may do what in which state; a command whose effect already holds is no error."""

from collections.abc import Callable
from typing import Final

import pytest

from chalicelib.kernel.errors import Forbidden, NotFound, Problem
from chalicelib.sessions import service
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import accept, cancel, decline, finish, heartbeat, join, leave, reconnect
from tests.support.reading import CLIENT, READER, SESSION, Stage, refusal


def _created() -> Stage:
    stage = Stage()
    stage.asked()
    return stage


def _waiting() -> Stage:
    return Stage().accepted()


def _both_joined_but_one() -> Stage:
    stage = Stage().accepted()
    stage.client(join)
    return stage


def _active() -> Stage:
    return Stage().begun().at(10)


def _paused() -> Stage:
    stage = Stage().begun().at(10)
    stage.client(leave)
    return stage


def _reconnecting() -> Stage:
    stage = _paused().at(20)
    stage.client(reconnect)
    return stage


def _ended() -> Stage:
    stage = Stage().begun().at(10)
    stage.client(finish)
    return stage


def _declined() -> Stage:
    stage = _created()
    stage.reader(decline)
    return stage


def _cancelled() -> Stage:
    stage = _created()
    stage.client(cancel)
    return stage


def _grace_over() -> Stage:
    stage = _paused().at(310)
    stage.noticed()
    return stage


STATES: Final[dict[str, Callable[[], Stage]]] = {
    "created": _created,
    "waiting": _waiting,
    "joining": _both_joined_but_one,
    "active": _active,
    "paused": _paused,
    "reconnecting": _reconnecting,
    "ended": _ended,
    "declined": _declined,
    "cancelled": _cancelled,
    "grace over": _grace_over,
}

WRONG = "409 invalid_state"
NOT_YOURS = "403 forbidden"
GONE = "410 grace_expired"

# What each command of each side meets in each state: the state after it, or the refusal.
TABLE: Final = [
    ("created", "reader", "accept", "waiting"),
    ("created", "client", "accept", NOT_YOURS),
    ("created", "reader", "decline", "finalized"),
    ("created", "client", "decline", NOT_YOURS),
    ("created", "client", "cancel", "finalized"),
    ("created", "reader", "cancel", NOT_YOURS),
    ("created", "client", "join", WRONG),
    ("created", "reader", "join", WRONG),
    ("created", "client", "reconnect", WRONG),
    ("created", "client", "renew", WRONG),
    ("created", "client", "finish", "finalized"),
    ("created", "reader", "finish", "finalized"),
    ("waiting", "reader", "accept", "waiting"),
    ("waiting", "reader", "decline", WRONG),
    ("waiting", "client", "cancel", WRONG),
    ("waiting", "client", "join", "waiting"),
    ("waiting", "reader", "join", "waiting"),
    ("waiting", "client", "reconnect", WRONG),
    ("waiting", "client", "renew", WRONG),
    ("waiting", "client", "finish", "finalized"),
    ("waiting", "reader", "finish", "finalized"),
    ("joining", "client", "join", "waiting"),
    ("joining", "client", "renew", "waiting"),
    ("joining", "client", "heartbeat", "waiting"),
    ("joining", "client", "leave", "waiting"),
    ("joining", "reader", "join", "active"),
    ("active", "reader", "accept", "active"),
    ("active", "reader", "decline", WRONG),
    ("active", "client", "cancel", WRONG),
    ("active", "client", "join", "active"),
    ("active", "reader", "join", "active"),
    ("active", "client", "reconnect", "active"),
    ("active", "reader", "reconnect", "active"),
    ("active", "client", "renew", "active"),
    ("active", "reader", "heartbeat", "active"),
    ("active", "client", "leave", "paused"),
    ("active", "reader", "leave", "paused"),
    ("active", "client", "finish", "finalized"),
    ("active", "reader", "finish", "finalized"),
    ("paused", "client", "join", WRONG),
    ("paused", "reader", "join", WRONG),
    ("paused", "client", "leave", "paused"),
    ("paused", "reader", "leave", "paused"),
    ("paused", "client", "renew", WRONG),
    ("paused", "client", "heartbeat", "paused"),
    ("paused", "client", "reconnect", "reconnecting"),
    ("paused", "reader", "reconnect", "reconnecting"),
    ("paused", "client", "finish", "finalized"),
    ("paused", "reader", "decline", WRONG),
    ("reconnecting", "client", "join", WRONG),
    ("reconnecting", "client", "reconnect", "reconnecting"),
    ("reconnecting", "reader", "reconnect", "active"),
    ("reconnecting", "client", "renew", "reconnecting"),
    ("reconnecting", "reader", "renew", WRONG),
    ("reconnecting", "client", "leave", "paused"),
    ("reconnecting", "reader", "leave", "reconnecting"),
    ("reconnecting", "reader", "finish", "finalized"),
    ("ended", "reader", "accept", WRONG),
    ("ended", "reader", "decline", WRONG),
    ("ended", "client", "cancel", WRONG),
    ("ended", "client", "join", WRONG),
    ("ended", "client", "reconnect", WRONG),
    ("ended", "client", "renew", WRONG),
    ("ended", "client", "leave", WRONG),
    ("ended", "client", "heartbeat", WRONG),
    ("ended", "client", "finish", "finalized"),
    ("ended", "reader", "finish", "finalized"),
    ("declined", "reader", "decline", "finalized"),
    ("declined", "client", "cancel", WRONG),
    ("declined", "reader", "accept", WRONG),
    ("cancelled", "client", "cancel", "finalized"),
    ("cancelled", "reader", "decline", WRONG),
    ("cancelled", "reader", "accept", WRONG),
    ("grace over", "client", "reconnect", GONE),
    ("grace over", "reader", "reconnect", GONE),
    ("grace over", "client", "join", WRONG),
    ("grace over", "client", "finish", "finalized"),
]


@pytest.mark.parametrize(("state", "who", "command", "outcome"), TABLE)
def test_what_a_command_meets(state: str, who: str, command: str, outcome: str) -> None:
    stage = STATES[state]()
    user = CLIENT if who == "client" else READER
    assert _met(stage, user, getattr(commands, command)) == outcome


def _met(stage: Stage, user: str, command: commands.Command) -> str:
    try:
        return stage.seen_by(user, command).session.state
    except Problem as problem:
        return refusal(problem)


_REPEATABLE = [
    (_created, READER, accept),
    (_created, READER, decline),
    (_created, CLIENT, cancel),
    (_waiting, CLIENT, join),
    (_both_joined_but_one, READER, join),
    (_active, CLIENT, leave),
    (_active, READER, finish),
    (_paused, CLIENT, reconnect),
    (_reconnecting, READER, reconnect),
]


@pytest.mark.parametrize(("state", "user", "command"), _REPEATABLE)
def test_a_command_repeated_by_the_same_person_changes_nothing(
    state: Callable[[], Stage], user: str, command: commands.Command
) -> None:
    stage = state()
    once = stage.seen_by(user, command).session
    again = stage.seen_by(user, command).session
    assert (again.state, again.reason, again.epoch, again.connected_before) == (
        once.state,
        once.reason,
        once.epoch,
        once.connected_before,
    )
    assert stage.balance == stage.head.balance


@pytest.mark.parametrize("state", ["created", "active", "paused", "ended"])
@pytest.mark.parametrize("command", [accept, decline, cancel, join, heartbeat, leave, reconnect, finish])
def test_a_stranger_may_do_nothing(state: str, command: commands.Command) -> None:
    stage = STATES[state]()
    with pytest.raises(Forbidden):
        stage.seen_by("usr_stranger", command)
    with pytest.raises(Forbidden):
        service.current(stage.world, SESSION, "usr_stranger")


def test_what_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound):
        service.perform(Stage().world, "ses_none", CLIENT, finish)


@pytest.mark.parametrize("state", ["created", "waiting", "joining", "active", "paused", "reconnecting"])
@pytest.mark.parametrize("user", [CLIENT, READER])
def test_either_side_may_end_whatever_is_open(state: str, user: str) -> None:
    stage = STATES[state]()
    session = stage.seen_by(user, finish).session
    assert session.reason == ("client_ended" if user == CLIENT else "reader_ended")
    assert service.open_session(stage.world, CLIENT) is None
    assert service.open_session(stage.world, READER) is None
