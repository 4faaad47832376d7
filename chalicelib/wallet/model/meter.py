"""The meter of a reading (product §3). Each function says what the next entry of the wallet must be.

A minute is charged the moment connected time reaches its beginning: paid before it is served. ``due`` finds the
next entry that time alone makes due; a caller posts it, reads again and asks again until there is none. The others
answer a change of the session, and go into one transaction with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.money import Cents, part_rounded_up
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis, ceil_div
from chalicelib.wallet.model.buckets import Buckets, Lot, Part, Split, last_part
from chalicelib.wallet.model.chain import ADJUSTMENTS, NOTHING, Draft, Entry, Meter, Run


@dataclass(frozen=True, slots=True)
class Start:
    """Open the meter of ``session`` at its fixed rate, and pay minute 1."""

    session: str
    epoch: int
    rate: Cents
    max_minutes: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Run the meter again; where no paid second is left, pay the next minute."""

    epoch: int
    max_minutes: int


@dataclass(frozen=True, slots=True)
class Stand:
    """Stop the meter, effective at ``at``; unused paid seconds are kept."""

    at: Millis


@dataclass(frozen=True, slots=True)
class Close:
    """Stop the meter if it runs, effective at ``at``, and close it; ``refund`` gives unused seconds back."""

    at: Millis
    refund: bool


Change = Start | Resume | Stand | Close

_DISPUTES: Final = "dispute:"
_MOST_NAMED: Final = 5
"""Disputes that the freeze of a wallet names."""


def held(head: Entry, rules: Rules) -> Cents:
    """What other spending cannot touch: the price of the next minutes while the meter runs (rule 7)."""
    meter = head.meter
    if meter is None or meter.run is None or meter.run.until is not None:
        return 0
    return meter.rate * min(rules.hold_minutes, meter.max_minutes - meter.minute)


def next_boundary(meter: Meter, rules: Rules) -> Millis | None:
    """When the next minute begins on the run as it stands; None where no run or no minute is left."""
    if meter.run is None or meter.minute >= meter.max_minutes:
        return None
    boundary = meter.run.since + meter.minute * rules.minute - meter.connected_before
    if meter.run.until is not None and boundary >= meter.run.until:
        return None  # at a tie, a stop comes before a charge (rule 2)
    return boundary


def purse(head: Entry, ceiling: Cents | None) -> Buckets:
    """What may be spent of the credit: paid money only until ``Entry.spent`` has reached ``ceiling``."""
    if ceiling is None:
        return head.buckets
    if ceiling == NOTHING:
        return Buckets()
    return replace(head.buckets, paid=min(head.buckets.paid, max(0, ceiling - head.spent)))


def limited(head: Entry, ceiling: Cents | None, amount: Cents, at: Millis) -> bool:
    """Whether it is ``ceiling`` that refuses ``amount`` at ``at``: no top-up would help."""
    if ceiling is None or ceiling == NOTHING:
        return ceiling == NOTHING
    return replace(head.buckets, paid=max(0, ceiling - head.spent)).spendable(at) < amount


def due(head: Entry, now: Millis, rules: Rules, before: Millis | None = None) -> Draft | None:
    """The next entry that time alone makes due by ``now``: a minute, or the expiry of a lot. None where nothing is.

    A minute that begins at ``before`` or later is left alone: a stop is effective there. A minute that cannot
    be paid is not due; credit that comes before the pause is written still pays it (rule 4). Of two entries the
    earlier comes first, and a lot counts for a minute that begins before its expiry, however late it is noticed;
    so a minute left alone leaves alone what expired after its beginning, or the stop would be judged on less money.
    """
    charge = _next_minute(head, now, rules)
    lot = head.buckets.soonest_expiry()
    if lot is None or lot.expires_at > now or (charge and charge[0] < lot.expires_at):
        return charge[1] if charge and (before is None or charge[0] < before) else None
    return _draft(head, "promo_expired", -lot.rest, "platform:promo", lot.id, head.buckets.expire(lot))


def _next_minute(head: Entry, now: Millis, rules: Rules) -> tuple[Millis, Draft] | None:
    """The next minute that has begun by ``now`` and can be paid, with the moment at which it begins."""
    begins = next_boundary(head.meter, rules) if head.meter else None
    if head.meter is None or begins is None or begins > now:
        return None
    charge = _charge(head, head.meter, begins, "minute")
    return (begins, charge) if charge else None


def apply(
    head: Entry, change: Change, charged: Sequence[Entry], now: Millis, rules: Rules, ceiling: Cents | None = None
) -> Draft | None:
    """The entry that carries out ``change``, or None where the wallet cannot pay for it.

    ``charged`` are the entries, oldest first, of the minutes that ``minutes_cut`` names; ``ceiling`` is what a start or
    a resume is bound by. Raises ValueError where the change does not fit the meter: the caller decided on another
    state than ``head``.
    """
    match change:
        case Start():
            return _start(head, change, ceiling, now)
        case Resume():
            return _resume(head, change, ceiling, now, rules)
        case Stand():
            return _stop(head, change.at, charged, now, rules, refund=False, close=False)
        case Close():
            return _stop(head, change.at, charged, now, rules, refund=change.refund, close=True)


def minutes_cut(head: Entry, change: Change, rules: Rules) -> range:
    """The minutes whose entries ``apply`` needs: those it takes back, and the one it refunds in part."""
    if not isinstance(change, Stand | Close) or head.meter is None:
        return range(0)
    connected = head.meter.connected(change.at)
    kept = ceil_div(connected, rules.minute)
    partly = isinstance(change, Close) and change.refund and connected < kept * rules.minute
    return range(kept if partly else kept + 1, head.meter.minute + 1)


def freeze(head: Entry, reason: str, now: Millis, rules: Rules) -> Draft:
    """Freeze the wallet and stand its meter at ``now``; where credit ran out before, at that boundary.

    Post what is ``due`` first. ``sessions`` turns the standing meter into a pause.
    """
    meter = head.meter
    if meter and meter.run and meter.run.until is None:
        boundary = next_boundary(meter, rules)
        left = purse(head, meter.ceiling)
        unpaid = boundary is not None and boundary <= now and left.spendable(boundary) < meter.rate
        until, why = (boundary, "low_balance") if unpaid else (max(now, meter.run.since), "frozen")
        meter = replace(meter, run=replace(meter.run, until=until, reason=why))
    return replace(_draft(head, "freeze", 0, "", reason, head.buckets), meter=meter, frozen=reason)


def unfreeze(head: Entry, reference: str) -> Draft:
    """Lift the freeze. A meter that it stood stays so, until its session resumes."""
    return replace(_draft(head, "unfreeze", 0, "", reference, head.buckets), frozen=None)


def limit(head: Entry, ceiling: Cents | None, bounded: bool) -> Draft:
    """The person's limits were set: the open meter is bound by ``ceiling`` from now on, and who has excluded themselves
    is not charged by themselves any more. Post what is ``due`` first.
    """
    meter = replace(head.meter, ceiling=ceiling) if head.meter else None
    refill = None if ceiling == NOTHING else head.refill
    return replace(_draft(head, "limits_set", 0, "", "", head.buckets), meter=meter, refill=refill, bounded=bounded)


def refill(head: Entry, below: Cents | None, reference: str) -> Draft:
    """From now on the saved card is charged when there is less than ``below``; None: no more."""
    return replace(_draft(head, "recharge_set", 0, "", reference, head.buckets), refill=below)


def short(head: Entry, now: Millis, rules: Rules) -> bool:
    """Whether the saved card should be charged: less is left than its owner said, or than the running meter holds.

    Not while the wallet is frozen or owes something: the card pays for readings, not for a dispute.
    """
    if head.refill is None or head.frozen or head.buckets.paid < 0:
        return False
    meter = head.meter
    least = max(head.refill, meter.rate * rules.hold_minutes) if meter and meter.run else head.refill
    return head.buckets.spendable(now) < least


def dispute(head: Entry, amount: Cents, counter: str, reference: str, now: Millis, rules: Rules) -> Draft:
    """Take ``amount`` back, below zero if need be, and freeze the wallet: the freeze names the disputes it is for.

    What an admin froze stays frozen for that, whatever becomes of the dispute. Post what is ``due`` first.
    """
    frozen = freeze(head, _frozen_for(head.frozen, reference), now, rules)
    taken = receive(head, "dispute", -amount, counter, reference)
    return replace(taken, meter=frozen.meter, frozen=frozen.frozen)


def freeze_for(head: Entry, reference: str, now: Millis, rules: Rules) -> Draft | None:
    """Freeze the wallet for a dispute that took coins, not credit; None where an admin froze it. As ``freeze``."""
    frozen = _frozen_for(head.frozen, reference)
    return None if frozen == head.frozen else freeze(head, frozen, now, rules)


def release(head: Entry, reference: str) -> Draft | None:
    """Lift the freeze for that dispute; None where it names no such one."""
    if reference not in disputes(head.frozen):
        return None
    return replace(unfreeze(head, reference), frozen=_frozen_without(head.frozen, reference))


def dispute_won(head: Entry, amount: Cents, counter: str, reference: str) -> Draft:
    """Give ``amount`` back, and lift the freeze if it was for nothing but this dispute."""
    back = receive(head, "dispute_won", amount, counter, reference)
    return replace(back, frozen=_frozen_without(head.frozen, reference))


def disputes(frozen: str | None) -> list[str]:
    """The disputes that a wallet is frozen for; none where an admin froze it."""
    return frozen.removeprefix(_DISPUTES).split(",") if frozen and frozen.startswith(_DISPUTES) else []


def _frozen_for(frozen: str | None, reference: str) -> str:
    named = disputes(frozen)
    if frozen and not named:
        return frozen
    # More would not fit into an entry, and are no accident: an admin has to look.
    return _DISPUTES + ",".join([*named, reference]) if len(named) < _MOST_NAMED else "disputes"


def _frozen_without(frozen: str | None, reference: str) -> str | None:
    named = disputes(frozen)
    if not named:
        return frozen
    left = [each for each in named if each != reference]
    return _DISPUTES + ",".join(left) if left else None


def spend(
    head: Entry,
    kind: str,
    amount: Cents,
    counter: str,
    reference: str,
    now: Millis,
    rules: Rules,
    ceiling: Cents | None = None,
) -> Draft | None:
    """Any other spending of ``amount`` cents; None where what is not held does not cover it, the wallet is frozen, or
    ``ceiling`` forbids it.

    Post what is ``due`` first: minutes that have begun come before other spending.
    """
    if head.frozen or purse(head, ceiling).spendable(now) - held(head, rules) < amount:
        return None
    buckets, split = head.buckets.spend(amount, now)
    return replace(_draft(head, kind, -amount, counter, reference, buckets), split=split)


def receive(head: Entry, kind: str, amount: Cents, counter: str, reference: str) -> Draft:
    """Paid money in, or, for a dispute or a refund, out: the only way below zero (product §4)."""
    buckets = replace(head.buckets, paid=head.buckets.paid + amount)
    return _draft(head, kind, amount, counter, reference, buckets)


def take_back(head: Entry, kind: str, parts: Sequence[Part], counter: str, reference: str, now: Millis) -> Draft:
    """What an earlier spending took, given back to where it came from. Post what is ``due`` first."""
    return _draft(
        head,
        kind,
        sum(amount for _, amount, _ in parts),
        counter,
        reference,
        head.buckets.take_back(parts, max(now, head.at)),
    )


def grant(head: Entry, lot: Lot, reference: str) -> Draft:
    """Promotional credit, carried by the platform. Raises ValueError when no slot is free."""
    return _draft(head, "promo_granted", lot.rest, "platform:promo", reference, head.buckets.grant(lot))


def adjustable(head: Entry, now: Millis, rules: Rules) -> Cents:
    """What can be taken by hand: no promotional credit, nor what the open meter holds. Post what is ``due`` first."""
    return max(0, min(head.buckets.takeable, head.buckets.spendable(now) - held(head, rules)))


def adjust(head: Entry, amount: Cents, reference: str) -> Draft:
    """Credit that is put in by hand, or taken out where negative, whatever state the wallet is in.

    Post what is ``due`` first. Raises ValueError for more than there is to take.
    """
    buckets = head.buckets.give(amount) if amount > 0 else head.buckets.take(-amount)
    return _draft(head, "adjusted", amount, ADJUSTMENTS, reference, buckets)


def _start(head: Entry, change: Start, ceiling: Cents | None, now: Millis) -> Draft | None:
    if head.meter:
        raise ValueError("a meter is open")
    if head.frozen:
        return None
    meter = Meter(
        session=change.session,
        epoch=change.epoch,
        rate=change.rate,
        minute=0,
        connected_before=0,
        max_minutes=change.max_minutes,
        run=Run(max(now, head.at)),
        ceiling=ceiling,
    )
    return _charge(head, meter, max(now, head.at), "meter_started")


def _resume(head: Entry, change: Resume, ceiling: Cents | None, now: Millis, rules: Rules) -> Draft | None:
    meter = head.meter
    if meter is None or meter.run:
        raise ValueError("no standing meter")
    if head.frozen:
        return None
    run = Run(max(now, head.at))
    meter = replace(meter, epoch=change.epoch, max_minutes=change.max_minutes, run=run, ceiling=ceiling)
    if meter.connected_before < meter.minute * rules.minute:
        return replace(_draft(head, "meter_resumed", 0, "", meter.session, head.buckets), meter=meter)
    return _charge(head, meter, max(now, head.at), "meter_resumed")


def _charge(head: Entry, meter: Meter, begins: Millis, kind: str) -> Draft | None:
    if meter.minute >= meter.max_minutes or purse(head, meter.ceiling).spendable(begins) < meter.rate:
        return None
    buckets, split = head.buckets.spend(meter.rate, begins, metered=True)
    minute = meter.minute + 1
    return replace(
        _draft(head, kind, -meter.rate, f"session:{meter.session}", meter.session, buckets),
        meter=replace(meter, minute=minute),
        minute=minute,
        split=split,
    )


def _stop(
    head: Entry, at: Millis, charged: Sequence[Entry], now: Millis, rules: Rules, *, refund: bool, close: bool
) -> Draft:
    """Stand or close the meter at ``at``: minutes not begun before it are taken back, the rest refunded or kept."""
    meter = head.meter
    if meter is None:
        raise ValueError("no meter to stop")
    connected = meter.connected(at)
    kept = ceil_div(connected, rules.minute)
    if kept > meter.minute:
        raise ValueError("a minute begun before the stop is not charged yet")
    splits = {entry.minute: entry.split for entry in charged}
    back: Split = ()
    for number in range(meter.minute, kept, -1):
        back += last_part(splits[number], meter.rate)
    unused = kept * rules.minute - connected
    repaid = part_rounded_up(meter.rate, unused, rules.minute) if refund else 0
    if repaid:
        back += last_part(splits[kept], repaid)
    amount = sum(cents for _, cents in back)
    buckets = head.buckets.give_back(back, max(now, head.at))
    stopped = replace(meter, minute=kept, connected_before=connected, run=None)
    return replace(
        _draft(
            head,
            kind="meter_closed" if close else "meter_stood",
            amount=amount,
            counter=f"session:{meter.session}" if amount else "",
            reference=meter.session,
            buckets=buckets.untouched() if close else buckets,
        ),
        meter=None if close else stopped,
        kept=kept if kept < meter.minute else None,
        refund=repaid,
    )


def _draft(head: Entry, kind: str, amount: Cents, counter: str, reference: str, buckets: Buckets) -> Draft:
    """A draft that leaves meter, freeze, refill and limits as they are."""
    return Draft(
        kind,
        amount,
        counter,
        reference,
        buckets,
        meter=head.meter,
        frozen=head.frozen,
        refill=head.refill,
        bounded=head.bounded,
    )
