"""Apple's question how much of a purchase was used, which it asks before it decides on a refund.

Apple waits twelve hours for the answer. It is given only with the consent of who asked for the refund.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.kernel.time import HOUR, MINUTE, Millis

WINDOW: Final = 12 * HOUR
"""From the moment of Apple's question: a later answer is not read."""
_LATEST: Final = HOUR

State = Literal["asked", "answered", "refused", "withdrawn", "too_late"]


@dataclass(frozen=True, slots=True)
class Consumption:
    """One such question."""

    id: str
    """Of the notification that asked."""
    user: str
    transaction: str
    asked_at: Millis
    look_at: Millis | None
    """When to look at it; None once it is over."""
    state: State = "asked"
    rev: int = 0


def asked(id: str, user: str, transaction: str, asked_at: Millis, now: Millis) -> Consumption:
    """The question as it came: to be looked at now. One that says it comes from the future was asked now."""
    return Consumption(id, user, transaction, min(asked_at, now), now)


def is_late(question: Consumption, now: Millis) -> bool:
    """Whether nobody waits for an answer any more."""
    return now >= question.asked_at + WINDOW


def over(question: Consumption, state: State) -> Consumption:
    """Nothing more is to be done."""
    return replace(question, state=state, look_at=None)


def put_off(question: Consumption, now: Millis) -> Consumption:
    """Apple did not take the answer: again soon, then less often, and once more at the end of the window."""
    pause = min(max(now - question.asked_at, MINUTE), _LATEST)
    return replace(question, look_at=min(now + pause, question.asked_at + WINDOW))
