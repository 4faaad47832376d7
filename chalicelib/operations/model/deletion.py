"""How an account ends.

    asked → cooling → (awaiting_refund →) closed → deleted
    asked, cooling, awaiting_refund → cancelled → asked …

| state | meaning | leaves it |
|---|---|---|
| asked | a code was mailed | the code is given back → cooling |
| cooling | thirty days to think again | they are over → closed, or awaiting_refund where money is owed to the person |
| awaiting_refund | the account lives on until nothing is owed; looked at once a day | nothing owed → closed |
| closed | nobody can sign in, the profile is blank; requests on their way run out | a minute later → deleted |
| deleted | everything else is forgotten too; for two weeks what is paid late goes back, once a day | never |
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import Invalid, InvalidState, LinkExpired, NotFound, Problem, RateLimited
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, MINUTE, Millis

State = Literal["asked", "cooling", "awaiting_refund", "closed", "deleted", "cancelled"]
Turn = Literal["confirmed", "cancelled", "closed"]
"""What is told of a deletion outside the tables."""

CODE_DIGITS: Final = 8
CODE_LIFE: Final = 30 * MINUTE
CODE_TRIES: Final = 5
MOST_CODES: Final = 5
"""In 24 hours: of a hundred million codes nobody tries more than 25 a day."""
LOOK_AGAIN: Final = DAY
"""How often it is looked whether money is still owed."""
LATE_PAYMENTS: Final = 14 * DAY
"""How long after everything else a page that was open, or a payment by bank, may still bring credit."""
LINGER: Final = MINUTE
"""Longer than any request that was let in before the door was shut."""

_RUNNING: Final = frozenset({"cooling", "awaiting_refund", "closed"})
_CANCELLABLE: Final = frozenset({"asked", "cooling", "awaiting_refund"})


@dataclass(frozen=True, slots=True)
class Code:
    """What was mailed, as it is kept: a salted hash."""

    salt: str
    digest: str
    expires_at: Millis
    tries: int = CODE_TRIES
    """Left."""
    missed: str = ""
    """The hash of the newest wrong guess. Two guesses at once must not be the same write: a write that meets itself is
    taken for done, and both would cost one try.
    """


@dataclass(frozen=True, slots=True)
class Deletion:
    """The end of one person's account. ``runs_at`` is when time takes the next step; None where time takes none."""

    person: str
    state: State
    requested_at: Millis
    code: Code | None = None
    codes: int = 0
    """Mailed since ``codes_since``."""
    codes_since: Millis = 0
    runs_at: Millis | None = None
    owed: Cents = 0
    """To the person, when it was last looked; from the closing on, paid credit that no card took back."""
    closed_at: Millis | None = None
    """When the door was shut; None before."""
    again_at: Millis | None = None
    """When it was shut again, after a backup was brought back; None otherwise. What the cards would take back they had
    before it was shut first, and a copy of before knows nothing of that.
    """
    until: Millis | None = None
    """When nothing can be paid late any more; None before it is deleted."""
    forgotten: dict[str, Any] | None = None
    """Where the work on what the person left in other rows goes on; None at its beginning."""
    epoch: int = 0
    """Names executions of the clock: each confirmation has one of its own."""
    rev: int = 0

    @property
    def confirmed(self) -> bool:
        """On its way, and not over yet."""
        return self.state in _RUNNING


def digest(salt: str, code: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(f"{salt}:{code}".encode()).hexdigest()


def asked(was: Deletion | None, person: str, salt: str, code: str, now: Millis) -> Deletion:
    """A deletion that waits for this code; the codes of before are void. Raises RateLimited, InvalidState."""
    if was and was.state not in ("asked", "cancelled"):
        raise InvalidState("The deletion is confirmed already.")
    fresh = was is None or now >= was.codes_since + DAY
    codes = 0 if fresh or was is None else was.codes
    if codes >= MOST_CODES:
        wait = was.codes_since + DAY - now if was else DAY
        raise RateLimited("Too many codes were sent today. Try again tomorrow.", wait)
    return Deletion(
        person=person,
        state="asked",
        requested_at=now,
        code=Code(salt, digest(salt, code), now + CODE_LIFE),
        codes=codes + 1,
        codes_since=now if fresh or was is None else was.codes_since,
        epoch=was.epoch if was else 0,
        rev=was.rev if was else 0,
    )


def unsent(was: Deletion) -> Deletion:
    """The mail was refused: its code reached nobody, and does not count."""
    return replace(was, code=replace(was.code, tries=0) if was.code else None, codes=was.codes - 1)


def tried(was: Deletion | None, code: str, now: Millis, cooling_off: Millis) -> tuple[Deletion | None, Problem | None]:
    """What becomes of the deletion when ``code`` is given, and how the person is refused, if they are.

    A wrong code uses up a try, so it is written before it is refused. The right one, given again, changes nothing.
    """
    if was is None or was.state == "cancelled":
        return was, NotFound("Ask for the deletion first.")
    if was.code is None:
        return was, None
    if now >= was.code.expires_at or was.code.tries <= 0:
        return was, LinkExpired("This code is no longer valid. Ask for another one.")
    guess = digest(was.code.salt, code)
    if not hmac.compare_digest(guess, was.code.digest):
        fewer = replace(was, code=replace(was.code, tries=was.code.tries - 1, missed=guess))
        return fewer, Invalid(errors=({"field": "code", "message": "This is not the code that was mailed."},))
    return replace(was, state="cooling", code=None, runs_at=now + cooling_off, epoch=was.epoch + 1), None


def cancelled(was: Deletion | None) -> Deletion:
    """The account stays. Raises NotFound, InvalidState once it is closed."""
    if was is None:
        raise NotFound("No deletion was asked for.")
    if was.state == "cancelled":
        return was
    if was.state not in _CANCELLABLE:
        raise InvalidState("The account is closed.")
    return replace(was, state="cancelled", code=None, runs_at=None, owed=0)


def held_back(was: Deletion, owed: Cents, now: Millis) -> Deletion:
    """Money is owed to the person: the account lives on, and is looked at again tomorrow."""
    return replace(was, state="awaiting_refund", owed=owed, runs_at=now + LOOK_AGAIN)


def closed(was: Deletion, left: Cents, now: Millis) -> Deletion:
    """The door is shut, ``left`` being the credit that stays; the rest follows when whoever was inside is gone."""
    return replace(was, state="closed", owed=left, runs_at=now + LINGER, closed_at=now)


def deleted(was: Deletion, paid: Cents, now: Millis) -> Deletion:
    """Nothing is left to do, but to give back what is paid late. ``paid`` is the paid credit that there is."""
    owed = was.owed if was.again_at is None else paid
    return replace(was, state="deleted", owed=owed, runs_at=now + LOOK_AGAIN, forgotten=None, until=now + LATE_PAYMENTS)


def looked_back(was: Deletion, now: Millis) -> Deletion:
    """It was looked for what was paid late: again tomorrow, or never."""
    again = now + LOOK_AGAIN
    return replace(was, runs_at=again if was.until is not None and again <= was.until else None)


# --- after a backup was brought back -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """One turn of a deletion, as the list outside the tables has it. Of one request, ``asked_at`` is the same."""

    asked_at: Millis
    turn: Turn


def again(was: Deletion | None, person: str, told: Sequence[Told], now: Millis, cooling_off: Millis) -> Deletion | None:
    """How the deletion stands by all that was ``told`` of it, ``was`` being as the tables have it, which may be older;
    ``was`` itself where they know as much. The days of a request that they do not know of begin anew.
    """
    newest = max((each.asked_at for each in told), default=-1)
    if newest < 0 or (was and (was.state in ("closed", "deleted") or was.requested_at > newest)):
        return was
    before = replace(was, code=None, owed=0) if was else Deletion(person, "asked", newest)
    following = replace(before, requested_at=newest, epoch=before.epoch + 1)
    if any(each.turn == "closed" for each in told):
        return replace(closed(following, 0, now), again_at=now)
    if Told(newest, "cancelled") in told:
        return cancelled(was) if was else None
    if was and was.requested_at == newest and was.state != "asked":
        return was
    return replace(following, state="cooling", runs_at=now + cooling_off)
