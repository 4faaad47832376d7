"""Value that people of the platform give, take or divide by hand: what one may do alone, and how a request goes. Pure.

    pending → posted | rejected

| state | meaning | leaves it |
|---|---|---|
| pending | more than one person may do alone | another approves within 7 days → posted; anybody rejects → rejected |
| posted | done; of one alone at once | never |
| rejected | nothing was done | never |

A pending one that nobody has decided in time has expired: it is done no more, and may be asked for anew, as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis, ceil_div
from chalicelib.operations.model.operator import same
from chalicelib.shop.model.order import Order
from chalicelib.shop.model.returns import Return
from chalicelib.wallet.model.promo import Code, made

What = Literal["credit", "earnings", "coins_granted", "coins_withdrawn", "promo", "code", "order", "reading"]
State = Literal["pending", "posted", "rejected", "expired"]

_SIGNS: Final = {"coins_granted": 1, "coins_withdrawn": -1, "promo": 1}
"""Which way these move; the others move either way."""
_WANTED: Final = ("amount", "days", "earned", "units", "shipping", "restock")
VALID: Final[Millis] = 7 * DAY
"""How long a request waits for its second person."""
WINDOW: Final[Millis] = DAY
"""In which what one person does alone is added up."""
MOST_ALONE: Final = 100
"""Acts of one person, or on one person, within it."""
MOST: Final = 1_000_000
"""Cents that one adjustment moves at most, whoever approves."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """``amount`` is signed, in cents or coins; ``worth`` is what counts of it, in cents."""

    id: str
    what: What
    user: str
    """Whose account it is; the client of a reading, the buyer of an order. Nobody's of a code, which is for whoever
    redeems it.
    """
    amount: int
    worth: Cents
    ref: str
    """What it is for, such as a ticket; a reading's id where that is divided, an order's of which something goes back;
    a code's name.
    """
    others: tuple[str, ...] = ()
    """Who else has money moved: the reader of a reading, the sellers of what goes back."""
    days: int = 0
    """How long promotional credit can be spent."""
    each: Cents = 0
    """Of a code's ``amount``, which is all that may be redeemed of it: what one redemption gives."""
    per_person: int = 0
    """How often one person may redeem a code."""
    until: Millis = 0
    """When a code can be redeemed no more."""
    units: Mapping[str, int] = field(default_factory=dict)
    """Of an order: how many of each item go back, by item; with what sending cost, and are for sale again."""
    shipping: bool = False
    restock: bool = False
    earned: Cents = 0
    """Of a reading's ``amount``: what its reader has. The rest of it goes back to the client."""
    asked_by: str = ""
    reason: str = ""
    asked_at: Millis = 0
    state: State = "pending"
    decided_by: str | None = None
    decided_at: Millis | None = None
    decided_for: str | None = None
    rev: int = 0

    def now(self, now: Millis) -> State:
        """Its state, time considered."""
        return "expired" if self.state == "pending" and now >= self.asked_at + VALID else self.state

    @property
    def refunded(self) -> Cents:
        """Of a reading's ``amount``: what goes back to the client."""
        return self.amount - self.earned

    @property
    def people(self) -> tuple[str, ...]:
        """Whose money it moves."""
        return (self.user, *self.others) if self.user else self.others

    @property
    def receivers(self) -> tuple[str, ...]:
        """Of these, who must still be there for it. Of an order the shop knows."""
        match self.what:
            case "order":
                return ()
            case "reading":
                return (self.user,) * bool(self.refunded) + self.others * bool(self.earned)
            case _:
                return self.people

    @property
    def subject(self) -> str:
        """What the audit log has it under."""
        match self.what:
            case "reading" | "order":
                return self.ref
            case "code":
                return f"promo:{self.ref}"
            case _:
                return self.user

    def code(self, now: Millis) -> Code:
        """The code that is to be made."""
        return Code(self.ref, self.each, self.until, self.days, self.per_person, self.amount // self.each, now)


def wanted(
    what: What, user: str, amount: int, ref: str, *, cents_per_100_coins: Cents = 100, days: int = 0
) -> Adjustment:
    """What is wanted for ``user``, once for a ``ref``. Raises Invalid."""
    coins = what.startswith("coins")
    worth = ceil_div(abs(amount) * cents_per_100_coins, 100) if coins else abs(amount)
    if not 1 <= abs(amount) <= MOST or amount * _SIGNS.get(what, amount) < 0:
        raise Invalid(errors=({"field": "coins" if coins else "amount", "message": f"from 1 to {MOST}"},))
    return Adjustment(derived_id("adj", what, user, ref), what, user, amount, max(1, worth), ref, days=days)


def division(session: str, client: str, reader: str, *, held: Cents, earned: Cents, refunded: Cents) -> Adjustment:
    """How the ``held`` cents of a reading that did not add up are to be divided: all of them count, whoever has them.

    Each way to do it is a request of its own.
    """
    name = derived_id("adj", "reading", session, str(earned), str(refunded))
    moved = earned + refunded
    return Adjustment(name, "reading", client, moved, max(1, held), session, others=(reader,), earned=earned)


def offering(code: Code) -> Adjustment:
    """The ``code`` that is wanted: all that may be redeemed of it counts, whoever will. Other terms are a request of
    their own. Raises Invalid.
    """
    made(code)
    terms = (code.amount, code.total, code.days, code.per_person, code.valid_until)
    name, worth = derived_id("adj", "code", code.code, *map(str, terms)), code.amount * code.total
    return Adjustment(
        name,
        "code",
        "",
        worth,
        worth,
        code.code,
        days=code.days,
        each=code.amount,
        per_person=code.per_person,
        until=code.valid_until,
    )


def returning(name: str, order: Order, back: Return, *, restock: bool) -> Adjustment:
    """What is to go ``back`` of ``order``, a refund of that ``name``. What readers and the platform have of it already
    counts, for it is theirs; what is neither the buyer's nor sent is theirs to call off, and does not.
    """
    sellers = {each.seller for each in back.borne if each.seller}
    return Adjustment(
        name,
        "order",
        order.buyer,
        back.refund.coins or back.refund.amount,
        back.divided,
        order.id,
        others=tuple(sorted(sellers)),
        units=back.refund.units,
        shipping=bool(back.refund.shipping),
        restock=restock,
    )


def is_same(one: Adjustment, other: Adjustment) -> bool:
    """Whether both want the same. They have one id."""
    return all(getattr(one, name) == getattr(other, name) for name in _WANTED)


# --- one alone -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done alone of late by one person, or with one person's money: moments, and cents."""

    acts: tuple[tuple[Millis, Cents], ...] = ()
    rev: int = 0

    def lately(self, now: Millis) -> tuple[tuple[Millis, Cents], ...]:
        """What still counts. What seems to come from later does: clocks differ."""
        return tuple((at, worth) for at, worth in self.acts if at > now - WINDOW)

    def with_act(self, at: Millis, worth: Cents) -> Tally:
        """One more, without what counts no longer."""
        return replace(self, acts=(*self.lately(at), (at, worth)))


def too_much(tallies: Iterable[Tally], worth: Cents, limit: Cents, now: Millis) -> bool:
    """Whether a second person must approve ``worth`` cents more: each tally must stay within ``limit`` by it."""
    for tally in tallies:
        lately = tally.lately(now)
        if len(lately) >= MOST_ALONE or sum(cents for _, cents in lately) + worth > limit:
            return True
    return False


# --- two -----------------------------------------------------------------------------------------


def asked(wanted: Adjustment, was: Adjustment | None, by: str, reason: str, now: Millis) -> Adjustment:
    """The request as it is kept, in place of the expired one that there ``was``."""
    return replace(wanted, asked_by=by, reason=reason, asked_at=now, rev=was.rev if was else 0)


def posted(request: Adjustment, by: str, reason: str, now: Millis) -> Adjustment:
    """Done by ``by``, whose own it is and who may alone."""
    return replace(request, state="posted", decided_by=by, decided_at=now, decided_for=reason)


def approved(request: Adjustment, by: str, reason: str, now: Millis) -> Adjustment:
    """Done with a second person's word. Raises InvalidState, AlreadyDone (rejected), Forbidden (the same person)."""
    _must_wait(request, now)
    if same(request.asked_by, by):
        raise Forbidden("A second person must approve: you are, or may be, who asked.")
    return posted(request, by, reason, now)


def rejected(request: Adjustment, by: str, reason: str, now: Millis) -> Adjustment:
    """Never to be done; who asked may take it back so. Raises InvalidState, AlreadyDone (posted)."""
    _must_wait(request, now)
    return replace(posted(request, by, reason, now), state="rejected")


def _must_wait(request: Adjustment, now: Millis) -> None:
    state = request.now(now)
    if state == "expired":
        raise InvalidState("Nobody approved it within seven days. Ask for it again.")
    if state != "pending":
        raise AlreadyDone(f"It was {state} before.")
