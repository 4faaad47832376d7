"""What a balance is made of: paid money, promotional lots that expire, and what was put in by hand, which does not.

Promotional credit is spent first, the soonest expiry first; a refund goes back in the reverse order of spending
(product §3 rule 5, §4). Only paid money can be negative, and only by a dispute or a refund; then nothing is spendable.
What was put in by hand is a lot too: nobody paid it, so it never goes to a card.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis

PAID: Final = "paid"
MOST_LOTS: Final = 4
"""Of promotional credit: keeps an entry under 1 KB, one write unit."""
GIVEN: Final = "given"
"""The lot of what the platform put in by hand: one at most, beside the others, and the last of them to be spent."""
NEVER: Final[Millis] = 10**13 - 1
"""When that one expires."""
REVIVAL: Final = 7 * DAY
"""How long an expired lot lives again when a refund comes back to it."""

Split = tuple[tuple[str, Cents], ...]
"""Which bucket gave how much, in the order of spending."""
Part = tuple[str, Cents, Millis]
"""A bucket, how much of it, and when the bucket expires; 0 for paid money, which never does."""


@dataclass(frozen=True, slots=True)
class Lot:
    """One grant of promotional credit. It counts at a moment strictly before ``expires_at``."""

    id: str
    rest: Cents
    expires_at: Millis
    touched: bool = False
    """The open meter spent from it, so it keeps its slot: a refund must find it."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """``lots`` are in the order of their expiry."""

    paid: Cents = 0
    lots: tuple[Lot, ...] = ()

    @property
    def total(self) -> Cents:
        """The balance of the account."""
        return self.paid + sum(lot.rest for lot in self.lots)

    @property
    def full(self) -> bool:
        """Whether no slot is free for another promotional lot."""
        return sum(lot.id != GIVEN for lot in self.lots) >= MOST_LOTS

    @property
    def given(self) -> Cents:
        """What is left of what was put in by hand."""
        return sum(lot.rest for lot in self.lots if lot.id == GIVEN)

    @property
    def takeable(self) -> Cents:
        """What could be taken by hand: promotional credit was given for a time, and is left alone."""
        return max(0, self.paid) + self.given

    def spendable(self, at: Millis) -> Cents:
        """What could be spent at ``at``: nothing while paid money is below zero."""
        if self.paid < 0:
            return 0
        return self.paid + sum(lot.rest for lot in self.lots if lot.expires_at > at)

    def spend(self, amount: Cents, at: Millis, *, metered: bool = False) -> tuple[Buckets, Split]:
        """Take ``amount`` at ``at``; ``metered`` marks the lots. Raises ValueError beyond what is spendable."""
        if not 0 <= amount <= self.spendable(at):
            raise ValueError("more than is spendable")
        left, split, lots = amount, [], []
        for lot in self.lots:
            taken = min(left, lot.rest) if lot.expires_at > at else 0
            if taken:
                split.append((lot.id, taken))
                lot = replace(lot, rest=lot.rest - taken, touched=lot.touched or metered)
                left -= taken
            lots.append(lot)
        if left:
            split.append((PAID, left))
        return Buckets(self.paid - left, _kept(lots)), tuple(split)

    def give_back(self, split: Split, now: Millis) -> Buckets:
        """Return a split to where it came from; a lot that has expired lives ``REVIVAL`` more.

        Not one whose rest is still to expire by an entry of its own: that would bring the rest back too.
        """
        back = dict.fromkeys((bucket for bucket, _ in split), 0)
        for bucket, amount in split:
            back[bucket] += amount
        paid = self.paid + back.pop(PAID, 0)
        lots = []
        for lot in self.lots:
            if returned := back.pop(lot.id, 0):
                until = lot.expires_at if lot.expires_at > now or lot.rest else now + REVIVAL
                lot = replace(lot, rest=lot.rest + returned, expires_at=until)
            lots.append(lot)
        if back:
            raise ValueError(f"no bucket {sorted(back)} to give back to")
        return Buckets(paid, _ordered(lots))

    def take_back(self, parts: Iterable[Part], now: Millis) -> Buckets:
        """Return what was spent long ago: paid money to paid, promotional credit to its lot or, where that has left its
        slot, as one that expires when it would have, ``REVIVAL`` from now at the soonest if that is over.

        With all slots taken it joins the lot that expires last: it stays promotional credit whatever happens. What had
        been put in by hand does not expire.
        """
        back = self
        for bucket, amount, expires_at in parts:
            if bucket == PAID or any(lot.id == bucket for lot in back.lots):
                back = back.give_back(((bucket, amount),), now)
            elif bucket == GIVEN:
                back = _with_given(back, amount)
            elif not back.full:
                back = back.grant(Lot(bucket, amount, expires_at if expires_at > now else now + REVIVAL))
            else:
                last = [lot.id for lot in back.lots if lot.id != GIVEN][-1]
                back = back.give_back(((last, amount),), now)
        return back

    def grant(self, lot: Lot) -> Buckets:
        """Add a lot. Raises ValueError when all slots are taken or the lot is there already."""
        if self.full or any(lot.id == other.id for other in self.lots):
            raise ValueError("no slot for this lot")
        return Buckets(self.paid, _ordered([*self.lots, lot]))

    def give(self, amount: Cents) -> Buckets:
        """Put ``amount`` in by hand: what paid money owes is made up first, and the rest is for spending."""
        owed = min(amount, max(0, -self.paid))
        return _with_given(Buckets(self.paid + owed, self.lots), amount - owed)

    def take(self, amount: Cents) -> Buckets:
        """Take ``amount`` out by hand: what was put in so, then paid money. Raises ValueError beyond ``takeable``."""
        if not 0 <= amount <= self.takeable:
            raise ValueError("more than can be taken")
        given = min(amount, self.given)
        return _with_given(Buckets(self.paid - amount + given, self.lots), -given)

    def soonest_expiry(self) -> Lot | None:
        """The lot with money in it that expires first."""
        return next((lot for lot in self.lots if lot.rest), None)

    def expire(self, expired: Lot) -> Buckets:
        """Empty that lot; it leaves its slot unless the open meter touched it."""
        lots = [replace(lot, rest=0) if lot.id == expired.id else lot for lot in self.lots]
        return Buckets(self.paid, _kept(lots))

    def untouched(self) -> Buckets:
        """The buckets once the meter is closed: empty lots leave their slots."""
        return Buckets(self.paid, _kept([replace(lot, touched=False) for lot in self.lots]))


def last_part(split: Split, amount: Cents) -> Split:
    """The last ``amount`` cents of what was spent: a refund goes back in the reverse order of spending."""
    part = []
    for bucket, spent in reversed(split):
        taken = min(amount, spent)
        if taken:
            part.append((bucket, taken))
            amount -= taken
    return tuple(part)


def first_part(split: Split, amount: Cents) -> Split:
    """The first ``amount`` cents of what was spent, in the order of spending."""
    return last_part(split[::-1], amount)


def _with_given(buckets: Buckets, more: Cents) -> Buckets:
    if not more:
        return buckets
    held = next((lot for lot in buckets.lots if lot.id == GIVEN), Lot(GIVEN, 0, NEVER))
    others = [lot for lot in buckets.lots if lot.id != GIVEN]
    return Buckets(buckets.paid, _ordered([*others, *_kept([replace(held, rest=held.rest + more)])]))


def _kept(lots: list[Lot]) -> tuple[Lot, ...]:
    return tuple(lot for lot in lots if lot.rest or lot.touched)


def _ordered(lots: list[Lot]) -> tuple[Lot, ...]:
    return tuple(sorted(lots, key=lambda lot: (lot.expires_at, lot.id)))
