"""Who cut a booked reading short: not the one of two who was back. And what is refused, in which words."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, Problem
from chalicelib.kernel.time import MINUTE
from chalicelib.sessions.model import afterwards
from chalicelib.sessions.model.afterwards import Guarantee
from chalicelib.sessions.model.commands import finish
from chalicelib.sessions.model.due import decide
from chalicelib.sessions.model.moves import forsaken_by, pause
from chalicelib.sessions.model.session import Reason, Session, Step, Who
from chalicelib.wallet.model.funds import Funds
from tests.support.rows import ACTIVE, AWAY, HERE, PAUSED, RECONNECTING, RULES, WAITING, at

PREPAID: Final = Funds(None, 15, None, None, 600_000, None)
OUTSIDE: Final = tuple(replace(side, in_channel=False) for side in HERE)
"""Both beat at second 100, and are silent at 175."""


def back(who: str, cut: Reason | None, booking: str | None = "bok_1") -> Session:
    """Reconnecting; those in ``who`` are back."""
    client = OUTSIDE[0] if "client" in who else AWAY[0]
    reader = OUTSIDE[1] if "reader" in who else AWAY[1]
    return replace(RECONNECTING, client=client, reader=reader, cut=cut, booking=booking)


def blamed(session: Session, moment: int) -> tuple[Reason | None, int | None]:
    done = Step(replace(session, state="ended", stopped_at=7))
    told = forsaken_by(session, done, moment, RULES).session
    return told.cut, told.stopped_at


@pytest.mark.parametrize(
    ("who", "cut", "blame"),
    [
        ("client", "client_left", "reader_left"),
        ("client", "reader_left", None),
        ("client", "network", None),
        ("client", "safety", None),
        ("reader", "reader_left", "client_left"),
        ("reader", "network", "client_left"),
        ("reader", "client_left", None),
        ("reader", "safety", None),
        ("nobody", "client_left", None),
        ("nobody", "reader_left", None),
        ("client and reader", "client_left", None),
        ("client and reader", "reader_left", None),
    ],
)
def test_of_two_the_one_who_was_back_is_not_who_cut_it_short(who: str, cut: Reason, blame: Reason | None) -> None:
    assert blamed(back(who, cut), at(120)) == ((blame, at(120)) if blame else (cut, 7))
    assert blamed(back(who, cut, booking=None), at(120)) == (cut, 7)


@pytest.mark.parametrize(("who", "cut"), [("client", "client_left"), ("reader", "reader_left")])
def test_who_fell_silent_before_its_end_was_not_back(who: str, cut: Reason) -> None:
    assert blamed(back(who, cut), at(175))[0] != cut
    assert blamed(back(who, cut), at(175) + 1) == (cut, 7)


@pytest.mark.parametrize(("grace", "last"), [(150, 400), (400, 150)])
def test_grace_and_the_booked_end_blame_who_was_not_there_at_that_moment(grace: float, last: float) -> None:
    """Silent at 175: whichever comes first at 150 finds the client there, the later one would not."""
    session = replace(back("client", "client_left"), grace_until=at(grace), ends_by=at(last))
    step = decide(session, PREPAID, at(500), RULES)
    assert isinstance(step, Step)
    assert (step.session.cut, step.session.stopped_at) == ("reader_left", at(150))


def ended(session: Session, who: Who) -> Session:
    step = finish(session, who, PREPAID, at(120), RULES)
    assert step
    assert step.session.state == "ended"
    return step.session


def test_a_client_who_ends_it_with_the_reader_back_has_cut_it_short() -> None:
    done = ended(back("client and reader", "reader_left"), "client")
    assert (done.cut, done.reason, done.stopped_at) == ("client_left", "client_ended", at(120) + 1)
    assert ended(back("client", "reader_left"), "client").cut == "reader_left"


def test_a_reader_who_ends_it_is_not_excused_and_a_running_talk_is_cut_by_who_ends_it() -> None:
    assert ended(back("client and reader", "reader_left"), "reader").cut == "reader_left"
    running = replace(ACTIVE, client=OUTSIDE[0], reader=OUTSIDE[1], booking="bok_1", cut="reader_left")
    assert ended(running, "client").cut == "client_ended"
    assert ended(replace(PAUSED, booking="bok_1"), "client").reason == "client_ended"


def test_a_client_of_a_booking_who_ends_the_waiting_only_leaves() -> None:
    waiting = replace(WAITING, client=OUTSIDE[0], reader=AWAY[1], booking="bok_1")
    step = finish(waiting, "client", PREPAID, at(120), RULES)
    assert step == Step(replace(waiting, client=replace(AWAY[0], in_channel=False, notice_seq=7), at=at(120)))
    assert finish(replace(waiting, client=AWAY[0]), "client", PREPAID, at(120), RULES) is None


@pytest.mark.parametrize(("start", "over"), [(1_000, 1_000), (110, 110), (100, 110)])
def test_grace_of_a_booked_reading_runs_from_its_start_at_the_soonest(start: float, over: float) -> None:
    session = replace(ACTIVE, booking="bok_1", join_by=at(start) + RULES.booking_join, grace_used=0)
    assert pause(session, at(110), "client_left", at(120), RULES).session.grace_until == at(over) + 5 * MINUTE
    plain = replace(ACTIVE, grace_used=0)
    assert pause(plain, at(110), "client_left", at(120), RULES).session.grace_until == at(110) + 5 * MINUTE


# --- what follows a reading, refused ------------------------------------------------------------


DONE: Final = replace(PAUSED, state="finalized", finalized_at=at(500))
ASKED: Final = Guarantee("gua_1", "ses_1", "usr_c", 500, "why", at(500))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: afterwards.must_be_client(DONE, "usr_r"), "Only the client may do this."),
        (lambda: afterwards.must_have_talked(PAUSED), "The reading is not settled yet."),
        (lambda: afterwards.must_have_talked(replace(DONE, started_at=None)), "The talk never began."),
        (lambda: afterwards.must_have_paid(DONE, 0), "The reading cost nothing."),
        (
            lambda: afterwards.asked("gua_1", DONE, 500, "why", None, at(500) + 72 * 60 * MINUTE),
            "This can be asked for within 72 hours of the reading.",
        ),
        (
            lambda: afterwards.decided(replace(ASKED, status="refused"), "granted", at(501)),
            "The request was refused before.",
        ),
        (
            lambda: afterwards.restitution(ASKED, (("paid", 499),), 300),
            "The ledger does not show so much paid for this reading.",
        ),
    ],
)
def test_a_refusal_says_why(act: Callable[[], object], words: str) -> None:
    with pytest.raises(Problem) as refused:
        act()
    assert (refused.value.detail, type(refused.value) in (Forbidden, Invalid)) == (words, "client may" in words)
    assert isinstance(refused.value, Forbidden) or refused.value.status == InvalidState.status


def test_text_of_the_wrong_length_is_refused_by_its_field() -> None:
    with pytest.raises(Invalid) as refused:
        afterwards.written("reason", "x" * 11, 10, least=1)
    assert refused.value.errors == ({"field": "reason", "message": "Write 1 to 10 visible characters."},)
