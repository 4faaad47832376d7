"""What a reading cost, folded from the entries that its meter left in the client's chain."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.wallet.model.buckets import Split, first_part
from chalicelib.wallet.model.chain import Entry


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute that was charged and kept."""

    number: int
    at: Millis
    amount: Cents


@dataclass(frozen=True, slots=True)
class Refund:
    """The unused rest of a minute, paid back."""

    at: Millis
    amount: Cents


@dataclass(frozen=True, slots=True)
class Receipt:
    """``total`` is what the client paid: minutes less refunds, and also what the ledger says."""

    minutes: tuple[Minute, ...]
    refunds: tuple[Refund, ...]
    total: Cents
    by_ledger: Cents
    """The sum of the entries' amounts, signed as a cost. It must equal ``total``."""


def receipt(entries: Iterable[Entry], session: str) -> Receipt:
    """Fold the entries of ``session``, oldest first; entries of other business are passed over."""
    minutes: list[Minute] = []
    refunds: list[Refund] = []
    by_ledger = 0
    for entry in entries:
        if entry.counter == f"session:{session}":
            by_ledger -= entry.amount
        if entry.reference != session:
            continue
        if entry.kept is not None:
            kept = entry.kept
            minutes = [minute for minute in minutes if minute.number <= kept]
        if entry.minute:
            minutes.append(Minute(entry.minute, entry.at, -entry.amount))
        if entry.refund:
            refunds.append(Refund(entry.at, entry.refund))
    total = sum(minute.amount for minute in minutes) - sum(refund.amount for refund in refunds)
    return Receipt(tuple(minutes), tuple(refunds), total, by_ledger)


def paid_from(entries: Iterable[Entry], session: str) -> Split:
    """Which bucket paid for what of ``session`` in the end, in the order of spending: charges less what came back.

    ``entries`` as for ``receipt``.
    """
    minutes: dict[int, Split] = {}
    for entry in entries:
        if entry.reference != session:
            continue
        if entry.kept is not None:
            kept = entry.kept
            minutes = {number: split for number, split in minutes.items() if number <= kept}
        if entry.minute:
            minutes[entry.minute] = entry.split
        back = entry.refund
        for number in sorted(minutes, reverse=True) if back else ():
            charged = sum(cents for _, cents in minutes[number])
            taken = min(back, charged)
            minutes[number] = first_part(minutes[number], charged - taken)
            back -= taken
    return tuple(part for split in minutes.values() for part in split)
