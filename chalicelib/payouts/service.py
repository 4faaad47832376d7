"""Earnings of readers: posted when a reading is settled, held three days, then available."""

from collections.abc import Mapping
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InsufficientFunds, Unavailable
from chalicelib.kernel.money import Cents, reader_share
from chalicelib.kernel.time import Millis
from chalicelib.payouts.model import TRANSFERS, Earnings, earnings
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import ADJUSTMENTS, Draft, Entry, Fact, genesis
from chalicelib.wallet.service import Beside, nothing

_PAGE: Final = 100
_MOST_PAGES: Final = 50


def earnings_account(reader: str) -> str:
    """The chain of a reader's earnings."""
    return f"earnings:{reader}"


def reading_earned(world: World, reader: str, session: str, gross: Cents, now: Millis) -> tuple[Cents, list[Operation]]:
    """The reader's share of a reading that cost ``gross`` cents, and the operations that post both sides' shares.

    They belong into the transaction that finalizes the session, so they are posted once.
    """
    return _shared(world, reader, ("reading", "session", session), gross, now)


def reading_divided(world: World, reader: str, session: str, share: Cents, fee: Cents, now: Millis) -> list[Operation]:
    """The operations that post both sides' parts of a reading that an admin divides, as ``reading_earned``."""
    counter = f"session:{session}"
    operations: list[Operation] = []
    if fee:
        operations.append(wallet.journal(world, "fees", f"reading:{session}", fee, counter, now))
    if share:
        account = earnings_account(reader)
        operations.append(wallet.earn(world, account, "reading_earned", share, counter, session)[1])
    return operations


def adjust(world: World, reader: str, amount: Cents, key: str, reference: str, beside: Beside = nothing) -> Entry:
    """Put ``amount`` cents of earnings in by hand, once, or take them out where negative: never more than there are.
    ``beside`` as in ``post_once``. What is put in is held as anything earned.

    Raises InsufficientFunds, and what ``post_once`` raises.
    """

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        if newest.balance < -amount:
            raise InsufficientFunds(f"There are {newest.balance} cents of earnings.")
        return meter.receive(newest, "adjusted", amount, ADJUSTMENTS, reference)

    fact = Fact("adjusted", amount, ADJUSTMENTS, reference)
    return wallet.post_once(world, earnings_account(reader), key, fact, draft_of, beside)


def tip_earned(world: World, reader: str, tip: str, session: str, gross: Cents, now: Millis) -> list[Operation]:
    """The operations that post both sides' shares of a tip, for the transaction that takes it from the client."""
    return _shared(world, reader, ("tip", "tip", tip), gross, now, reference=session)[1]


def reply_earned(world: World, reader: str, message: str, gross: Cents, now: Millis) -> list[Operation]:
    """The operations that post both sides' shares of a paid reply, for the transaction that unlocks it."""
    return _shared(world, reader, ("reply", "reply", message), gross, now)[1]


def reply_returned(world: World, reader: str, message: str, gross: Cents, now: Millis) -> list[Operation]:
    """The operations that take both sides' shares of a paid reply back, for the transaction that gives the client its
    price back. Earnings may go below zero by it.
    """
    share, counter = reader_share(gross), f"unlock_refund:{message}"
    _, posting = wallet.earn(world, earnings_account(reader), "reply_returned", -share, counter, message)
    return [wallet.journal(world, "fees", counter, share - gross, counter, now), posting]


def earnings_returned(
    world: World, reader: str, guarantee: str, session: str, amount: Cents, share: Cents, now: Millis
) -> list[Operation]:
    """The operations that post who bears the ``amount`` a client gets back: the reader ``share``, the platform the
    rest. Earnings may go below zero by it: what was paid out is not asked for back.
    """
    counter = f"guarantee:{guarantee}"
    operations = [wallet.journal(world, "guarantees", counter, share - amount, counter, now)]
    if share:
        account = earnings_account(reader)
        _, posting = wallet.earn(world, account, "guarantee_returned", -share, counter, session)
        operations.append(posting)
    return operations


def booking_earned(world: World, reader: str, booking: str, gross: Cents, now: Millis) -> tuple[Cents, list[Operation]]:
    """The reader's share of the ``gross`` cents that stay of a booking's price, and the operations that post both
    sides' shares out of its escrow.

    They belong into the transaction that closes the booking, so they are posted once.
    """
    return _shared(world, reader, ("booking", "escrow", booking), gross, now)


def stream_earned(world: World, reader: str, stream: str, amount: Cents, not_before: Millis) -> tuple[Entry, Operation]:
    """The entry of what a stream's gifts and tickets brought the reader, and the operation that posts it, for the
    transaction that closes the stream's shards.
    """
    account = earnings_account(reader)
    return wallet.earn(world, account, "gift_earned", amount, f"gift:{stream}", stream, not_before)


def sale_earned(
    world: World, reader: str, order: str, gross: Mapping[str, Cents], source: str, now: Millis
) -> list[Operation]:
    """The operations that post both sides' shares of what was sold of a reader's in an order, each fact of it with what
    was paid for it, out of ``source``. The reader's is one entry, for the transaction that makes all of it due.
    """
    shares = {fact: reader_share(cents) for fact, cents in gross.items()}
    return _sale(world, reader, order, "sale", {fact: (gross[fact], shares[fact]) for fact in gross}, source, now)


def sale_returned(
    world: World, reader: str, order: str, back: Mapping[str, tuple[Cents, Cents]], source: str, now: Millis
) -> list[Operation]:
    """The operations that take back into ``source`` what a buyer gets back of a reader's sale, for the transaction that
    gives it to them: each fact of it with how much that is, and how much of it the reader gives. Earnings may go below
    zero by it.
    """
    taken = {fact: (-amount, -share) for fact, (amount, share) in back.items()}
    return _sale(world, reader, order, "sale_returned", taken, source, now)


def _sale(
    world: World,
    reader: str,
    order: str,
    name: str,
    parts: Mapping[str, tuple[Cents, Cents]],
    source: str,
    now: Millis,
) -> list[Operation]:
    """``parts`` are what each fact moves in all, and what of it the reader has; signed as they gain it."""
    operations = [
        wallet.journal(world, "fees", f"{name}:{fact}", gross - share, source, now)
        for fact, (gross, share) in parts.items()
        if gross != share
    ]
    total = sum(share for _, share in parts.values())
    if total:
        kind = "sale_earned" if name == "sale" else name
        operations.append(wallet.earn(world, earnings_account(reader), kind, total, source, order)[1])
    return operations


def _shared(
    world: World, reader: str, what: tuple[str, str, str], gross: Cents, now: Millis, *, reference: str | None = None
) -> tuple[Cents, list[Operation]]:
    """``what`` is the fact's name, the kind of its clearing account, and its id, which is the reference too unless
    another is given.
    """
    name, clearing, fact = what
    if gross == 0:
        return 0, []
    share = reader_share(gross)
    counter = f"{clearing}:{fact}"
    operations = [wallet.journal(world, "fees", f"{name}:{fact}", gross - share, counter, now)]
    if share:
        account = earnings_account(reader)
        _, posting = wallet.earn(world, account, f"{name}_earned", share, counter, reference or fact)
        operations.append(posting)
    return share, operations


def earnings_of(world: World, reader: str) -> Earnings:
    """A reader's earnings at this moment. Raises Unavailable beyond 5,000 postings in the time of the hold."""
    return standing(world, reader)[1]


def standing(world: World, reader: str, at: Millis = 0) -> tuple[Entry, Earnings]:
    """The newest entry of a reader's earnings, and what is available by it: now, or at a moment to come if nothing else
    is posted. Raises Unavailable as above.
    """
    book, account = wallet.ledger(world), earnings_account(reader)
    now, hold = max(world.now(), at), world.settings.rules.earnings_hold
    newest: Entry | None = None
    recent: list[tuple[Millis, Cents]] = []
    start = None
    for _ in range(_MOST_PAGES):
        page, start = book.newest_first(account, _PAGE, start)
        newest = newest or (page[0] if page else genesis(account))
        # What comes back from Stripe was held before it went there.
        recent += [(entry.at, entry.amount) for entry in page if entry.counter != TRANSFERS]
        if start is None or page[-1].at <= now - hold:
            return newest, earnings(newest.balance, recent, now, hold)
    raise Unavailable("Too many postings to add up at once.")
