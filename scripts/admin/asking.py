"""What a verb is, what it answers, and how what is asked of it is read.

One that looks answers with facts; one that changes first answers with a plan.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND, Millis

Facts = dict[str, Any]

WHY: Final = '--reason "ticket 1234" --yes'
"""What a changing verb's examples end with."""

_FEW: Final = 10
_MOST: Final = 100
"""Rows that are asked for at once."""
_SHORTEST_REASON: Final = 3
_LONGEST_REASON: Final = 500
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found, a row for each thing. ``holds`` is False where what was to be proven does not hold."""

    rows: list[Facts]
    holds: bool = True
    drawn: Callable[[], None] | None = None
    """Prints it for people, where a table would not do."""
    otherwise: str = "Nothing found."
    """What is said where there are no rows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change will do, and how. Nothing to do means that it was done before."""

    will: tuple[str, ...] = ()
    act: Callable[[str, str], Answer] = lambda *_: Answer([])
    """Takes the operator and the reason. Called only if there is something to do."""
    otherwise: str = "Nothing to do: it is so already."
    """What is said where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing the command line can do."""

    noun: str
    name: str
    help: str
    examples: tuple[str, ...]
    arguments: Callable[[ArgumentParser], object]
    do: Callable[[World, Namespace], Answer | Plan]
    """Takes what was asked, and with it ``asked.operator()``: the identity, where it matters already for the plan."""
    changes: bool = False
    """Such a verb takes ``--reason`` and ``--yes``, and answers with a Plan."""
    recorded: bool = False
    """Such a verb changes nothing, takes ``--reason``, and writes to the audit log who looked, and why."""


def a_text(written: str) -> str:
    """Something to read: not empty, and no bytes that are no text."""
    if not written.strip() or not written.isprintable():
        raise ArgumentTypeError("write some text")
    return written.strip()


def a_reason(written: str) -> str:
    """Why somebody does something, or looks at something: kept in the audit log for ever."""
    reason = written.strip()
    if not reason.isprintable():
        raise ArgumentTypeError("write plain text on one line")
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON:
        raise ArgumentTypeError(f"write {_SHORTEST_REASON} to {_LONGEST_REASON} characters")
    return reason


def an_email(written: str) -> str:
    """An address. An empty one (a variable that was not set) must not mean "anybody"."""
    if not _EMAIL.fullmatch(a_text(written)):
        raise ArgumentTypeError("write an address such as luna@example.com")
    return written.strip()


def an_id(written: str) -> str:
    if not _ID.fullmatch(written):
        raise ArgumentTypeError("write an id such as usr_…; `people find --email` tells a person's")
    return written


def a_number(written: str) -> int:
    """As everybody reads it: no signs, blanks, underscores or digits of other scripts."""
    if not _NUMBER.fullmatch(written):
        raise ArgumentTypeError("write a number in plain digits, such as 2500")
    return int(written)


def a_moment(written: str) -> Millis:
    """With its zone: whose evening is meant is not guessed."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ArgumentTypeError("write a moment with its zone, such as 2026-12-31T23:59:00Z")
    return round(moment.timestamp() * SECOND)


def takes_nothing(parser: ArgumentParser) -> None:
    del parser


def takes_limit(parser: ArgumentParser) -> None:
    """How many rows of each list: ten unless told otherwise."""
    parser.add_argument(
        "--limit", type=_limit, default=_FEW, metavar="N", help=f"the newest N, {_MOST} at most ({_FEW})"
    )


def _limit(written: str) -> int:
    if not 1 <= a_number(written) <= _MOST:
        raise ArgumentTypeError(f"write a number from 1 to {_MOST}")
    return int(written)


def takes_user(parser: ArgumentParser) -> None:
    parser.add_argument("user", type=an_id, metavar="USER", help="the person's id, usr_…; `people find` tells it")
