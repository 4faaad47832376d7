"""Product §3, errors: who may do what in which state; a command whose effect already holds is no error."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from chalicelib.kernel.errors import Forbidden, InvalidState, NotFound, Problem
from chalicelib.kernel.settings import Rules
from chalicelib.sessions import service
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import accept, cancel, decline, finish, heartbeat, join, leave, reconnect, renew
from chalicelib.sessions.model.session import Session, Side, State, Step, Who
from chalicelib.wallet.model.funds import Funds
from chalicelib.wallet.model.meter import Close, Resume, Stand, Start
from tests.support.reading import CLIENT, READER, SESSION, Stage, refusal
from tests.support.rows import ACTIVE, AWAY, CREATED, HERE, PAUSED, RECONNECTING, RICH, RULES, WAITING, at


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


# --- one decision at a time


def _step(command: commands.Command, session: Session, who: Who, now: int = at(105), funds: Funds = RICH) -> Step:
    step = command(session, who, funds, now, RULES)
    assert step is not None
    return step


@pytest.mark.parametrize("session", [CREATED, WAITING, ACTIVE, PAUSED, RECONNECTING], ids=lambda session: session.state)
@pytest.mark.parametrize("who", ["client", "reader"])
def test_whatever_a_command_writes_bears_the_moment_of_the_decision(session: Session, who: Who) -> None:
    for command in (accept, decline, cancel, join, heartbeat, leave, reconnect, renew, finish):
        try:
            step = command(session, who, RICH, at(105), RULES)
        except Problem:
            continue
        assert step is None or step.session.at == at(105)


@pytest.mark.parametrize("command", [accept, decline, cancel, join, reconnect, renew, leave, heartbeat])
def test_a_refusal_tells_the_state(command: commands.Command) -> None:
    ended = replace(PAUSED, state="ended", reason="admin")
    who: Who = "client" if command is cancel else "reader"
    with pytest.raises(InvalidState) as refused:
        command(ended, who, RICH, at(105), RULES)
    assert refused.value.detail == "The reading is ended."


@pytest.mark.parametrize(
    ("command", "who", "words"),
    [
        (accept, "client", "That is for the reader to do."),
        (decline, "client", "That is for the reader to do."),
        (cancel, "reader", "That is for the client to do."),
    ],
)
def test_a_refusal_tells_whose_command_it_is(command: commands.Command, who: Who, words: str) -> None:
    with pytest.raises(Forbidden) as refused:
        command(CREATED, who, RICH, at(105), RULES)
    assert refused.value.detail == words


def test_the_second_to_come_starts_or_resumes_the_meter_in_the_same_write() -> None:
    assert isinstance(_step(join, replace(WAITING, client=HERE[0]), "reader").change, Start)
    assert isinstance(_step(reconnect, replace(PAUSED, reader=HERE[1]), "client").change, Resume)


def test_the_first_to_come_is_there_from_that_moment() -> None:
    there = Side("usr_c", "Cee", present=True, beat_at=at(105))
    assert _step(join, WAITING, "client") == Step(replace(WAITING, client=there, at=at(105)))
    back = replace(PAUSED, state="reconnecting", client=there, at=at(105))
    assert _step(reconnect, PAUSED, "client") == Step(back, on_wallet=True)


def test_who_comes_again_while_the_other_is_awaited_shows_life() -> None:
    again = replace(HERE[0], beat_at=at(105))
    waiting, alone = replace(WAITING, client=HERE[0]), replace(RECONNECTING, reader=AWAY[1])
    assert _step(join, waiting, "client") == Step(replace(waiting, client=again, at=at(105)))
    assert _step(reconnect, alone, "client") == Step(replace(alone, client=again, at=at(105)), on_wallet=True)


def test_the_last_one_to_leave_while_reconnecting_falls_back_in_the_same_write() -> None:
    alone = replace(RECONNECTING, client=AWAY[0], reader=replace(HERE[1], in_channel=False))
    gone = replace(AWAY[1], notice_seq=HERE[1].notice_seq)
    assert _step(leave, alone, "reader") == Step(replace(PAUSED, reader=gone, at=at(105)))


def test_who_fell_silent_and_leaves_does_not_put_out_who_is_there() -> None:
    silent = replace(RECONNECTING, client=replace(HERE[0], beat_at=at(100) - RULES.lease))
    gone = replace(HERE[0], present=False, beat_at=None)
    assert _step(leave, silent, "client") == Step(replace(silent, client=gone, at=at(105)))


@pytest.mark.parametrize("session", [WAITING, RECONNECTING])
def test_who_leaves_without_being_there_changes_nothing(session: Session) -> None:
    assert leave(replace(session, reader=AWAY[1]), "reader", RICH, at(105), RULES) is None


@pytest.mark.parametrize("session", [CREATED, WAITING, PAUSED, RECONNECTING], ids=lambda session: session.state)
@pytest.mark.parametrize("who", ["client", "reader"])
def test_what_is_ended_while_nobody_talks_ends_now(session: Session, who: Who) -> None:
    ended = _step(finish, session, who).session
    assert (ended.ended_at, ended.cut) == (at(105), session.cut)


def test_a_client_who_ends_a_session_that_stands_ends_it_now_however_silent_the_reader_is() -> None:
    silent = RECONNECTING.with_side("reader", in_channel=False)
    assert _step(finish, silent, "client", at(160)).change == Close(at(160), refund=True)


@pytest.mark.parametrize("session", [CREATED, WAITING], ids=lambda session: session.state)
def test_a_safety_stop_ends_at_once_what_has_not_begun(session: Session) -> None:
    step = commands.safety_stop(session, at(-5), RULES)
    assert step == Step(replace(session, state="ended", reason="safety", ended_at=at(-5), at=at(-5)))


@pytest.mark.parametrize("state", ["paused", "ended", "finalized"])
def test_a_safety_stop_leaves_alone_what_does_not_run(state: State) -> None:
    assert commands.safety_stop(replace(PAUSED, state=state), at(105), RULES) is None


def test_a_reader_who_ends_after_a_silence_has_served_until_then() -> None:
    """Only a client's leaving looks back: whoever ends it was there."""
    silent = replace(ACTIVE, reader=replace(HERE[1], in_channel=False))
    step = _step(finish, silent, "reader", at(160))
    assert step.change == Close(at(160), refund=True)
    assert _step(finish, silent, "client", at(160)).change == Close(at(100), refund=True)


@pytest.mark.parametrize(
    ("silent_for", "effective", "cut"), [(44.999, 144.999, "client_left"), (45, 100, "reader_left")]
)
def test_a_client_who_leaves_does_not_pay_for_a_reader_silent_for_45_s(
    silent_for: float, effective: float, cut: str
) -> None:
    silent = replace(ACTIVE, reader=replace(HERE[1], in_channel=False))
    step = _step(leave, silent, "client", at(100 + silent_for))
    assert (step.change, step.session.cut) == (Stand(at(effective)), cut)


@pytest.mark.parametrize("who", ["client", "reader"])
def test_a_departure_before_the_run_is_one_at_its_beginning(who: Who) -> None:
    effective, _ = commands.departure(ACTIVE, who, at(59), RULES)
    assert effective == at(60)


@pytest.mark.parametrize("who", ["client", "reader"])
@pytest.mark.parametrize(("after", "beat", "new"), [(999, 30_000, False), (1_000, 30_000, True), (33, 1_015, True)])
def test_a_sign_of_life_sooner_than_a_thirtieth_of_a_beat_after_the_last_says_nothing_new(
    who: Who, after: int, beat: int, new: bool
) -> None:
    other = "reader" if who == "client" else "client"
    session = replace(ACTIVE.with_side(other, beat_at=at(0), in_channel=False), warned=False)  # type: ignore[arg-type]
    for sign in (heartbeat, renew):
        step = sign(session, who, RICH, at(100) + after, Rules(beat=beat))
        assert (step is not None) is new
        assert step is None or step.session.side(who).beat_at == at(100) + after


@pytest.mark.parametrize(("run_out", "warned"), [(219.999, True), (225, True), (225.001, False), (None, False)])
def test_a_beat_takes_the_warning_back_once_the_money_lasts_for_more_than_two_minutes(
    run_out: float | None, warned: bool
) -> None:
    """However soon after the last beat."""
    funds = replace(RICH, run_out=None if run_out is None else at(run_out))
    step = _step(heartbeat, replace(ACTIVE, warned=True), "client", at(105), funds)
    assert step == Step(replace(ACTIVE, client=replace(HERE[0], beat_at=at(105)), warned=warned, at=at(105)))
    assert _step(heartbeat, replace(ACTIVE, warned=False), "client", at(105), funds).session.warned is False


@pytest.mark.parametrize("state", ["created", "paused", "ended", "finalized"])
def test_no_token_where_no_talk_can_be_whatever_the_row_says_of_who_is_there(state: State) -> None:
    with pytest.raises(InvalidState):
        renew(replace(RECONNECTING, state=state), "client", RICH, at(105), RULES)
