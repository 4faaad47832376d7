"""A purchase in Google Play beside the purchase itself: what we keep of it to take it back once, and to consume it.

Google's purchases only go one way: pending, purchased, and then perhaps canceled, refunded or charged back for good. A
question about one need not show the last (a bank that takes the money back does not make it canceled), so that it was
voided is kept, whoever told it, and it is never credited after that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.wallet.model.packs import Pack

STORE: Final = "google"
MOST_AT_ONCE: Final = 10
"""Of one pack."""
OVERDUE: Final = 2 * DAY
"""Google gives back what was not consumed in three days: a person is to look before."""
GIVEN_UP: Final = 30 * DAY
"""After so long nobody tries to consume it any more."""
_SOONEST: Final = MINUTE
_LATEST: Final = HOUR
_ID_DIGITS: Final = 40

REACH: Final = 30 * DAY
"""How far back Google lists what was voided."""
_MARGIN: Final = HOUR
"""Of two looks the second begins so long before the end of the first: Google may list a thing late."""
LOOK_OVERDUE: Final = 3 * DAY
"""A look begins a day after the last one. One that has not ended two days later is a person's to see to."""
_MOST_PAGES: Final = 4_000
"""Of one look: some hundred thousand purchases."""
_REST: Final = 15 * MINUTE
"""After Google did not show its list."""


@dataclass(frozen=True, slots=True)
class Order:
    """What we keep of a purchase by its token."""

    id: str
    token: str
    at: Millis
    """When we heard of it first. Each word of it is of this moment, so that the one that leaves least counts."""
    voided: bool = False
    look_at: Millis | None = None
    """When to try to consume it; None where nothing is owed."""
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Going through Google's list of what was voided, from ``since`` to ``until``: the last time, or at present."""

    since: Millis
    until: Millis
    look_at: Millis
    ended: Millis
    """Up to when the last look went that came to its end; before the first one, when we began to keep this."""
    page: str | None = None
    """Where to go on; None at the beginning."""
    pages: int = 0
    """How many were gone through."""
    done: bool = False
    rev: int = 0


def order_id(token: str) -> str:
    """The name of the purchase with that token, short enough for an entry."""
    return hashlib.sha256(token.encode()).hexdigest()[:_ID_DIGITS]


# --- one purchase ----------------------------------------------------------------------------------


def check(pack: Pack | None, state: str, *, quantity: int, test: bool, tests: bool) -> Pack:
    """The pack that was bought. ``test`` says that a tester did it, ``tests`` that they may here.

    Raises Forbidden for a tester, Invalid for what we do not sell, InvalidState where it is not paid. What is refused
    is not consumed, so Google gives it back within three days.
    """
    if test and not tests:
        raise Forbidden("A tester's purchase buys nothing here.")
    if pack is None or not 1 <= quantity <= MOST_AT_ONCE:
        raise Invalid(errors=({"field": "product_id", "message": "This is no pack of coins."},))
    if state == "pending":
        raise InvalidState("The payment is still pending at Google. Come back when it is made.")
    if state != "purchased":
        raise gone()
    return pack


def gone() -> InvalidState:
    """Why what was voided is not credited."""
    return InvalidState("This purchase was canceled or given back.")


def credited(was: Order | None, token: str, now: Millis, *, consumed: bool) -> Order:
    """The order once its coins are given: to be consumed, unless it is. Raises InvalidState where it was voided."""
    if was is None:
        return Order(order_id(token), token, now, look_at=None if consumed else now + _SOONEST)
    if was.voided:
        raise gone()
    return was


def voided(was: Order | None, token: str, now: Millis) -> Order:
    """The order once it was voided: nothing is owed any more."""
    return replace(was or Order(order_id(token), token, now), voided=True, look_at=None)


def settled(was: Order) -> Order:
    """The order when nothing is owed any more."""
    return replace(was, look_at=None)


def later(was: Order, now: Millis) -> Order:
    """The order when Google could not be asked to consume it: soon again at first, then hourly, in the end not at all.

    The longer it was not done, the longer until the next try.
    """
    age = now - was.at
    return replace(was, look_at=now + min(max(age // 4, _SOONEST), _LATEST) if age < GIVEN_UP else None)


# --- the list of what was voided -------------------------------------------------------------------


def first_look(now: Millis) -> Look:
    """The state before the first look, which is due in a day and goes back nearly as far as Google does."""
    beginning = now - REACH + 2 * DAY
    return Look(since=beginning, until=beginning, look_at=now + DAY, ended=now, done=True)


def begun(was: Look, now: Millis) -> Look:
    """The next look after one that is done: from its end, as far back as Google goes, up to now."""
    since = max(was.until - _MARGIN, now - REACH + _MARGIN)
    return replace(was, since=since, until=now, pages=0, done=False)


def looked_through(was: Look, following: str | None) -> Look:
    """The look after one more page; done after the last, and due again a day after it began."""
    if following is None:
        return replace(was, page=None, done=True, look_at=was.until + DAY, ended=was.until)
    return replace(was, page=following, pages=was.pages + 1)


def endless(look: Look) -> bool:
    """Whether more pages follow each other than any list of ours can have."""
    return look.pages >= _MOST_PAGES


def put_off(was: Look, now: Millis) -> Look:
    """The look when Google did not answer: it goes on where it is, a little later."""
    return replace(was, look_at=now + _REST)


def afresh(was: Look, now: Millis) -> Look:
    """The look when Google would not show the page, whose name does not live for ever: it begins again, later."""
    return replace(was, until=was.since, page=None, done=True, look_at=now + _REST)


def kept(was: Look) -> Look:
    """The look as it is stored now."""
    return replace(was, rev=was.rev + 1)
