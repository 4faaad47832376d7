"""What the rest of the program, and a client, may ask of a wallet.

Every posting follows one pattern: read the newest entry, decide in pure code, put the next entry on the condition
that it does not exist; on conflict, read and decide again. A try that lost means that another writer got on, so
the number of tries is bounded and ample. Where storage does not say whether it wrote, reading again tells.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    AlreadyDone,
    InsufficientFunds,
    Problem,
    SpendingLimitReached,
    Unavailable,
    WalletFrozen,
)
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime import metrics
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.tables import ConditionFailed, Contended, Item, Operation
from chalicelib.wallet import ceilings
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import PAID, Part
from chalicelib.wallet.model.chain import ADJUSTMENTS, Draft, Entry, Fact, follow
from chalicelib.wallet.store import Ledger, credit_account, ledger, meaning, owner_of

if TYPE_CHECKING:
    from chalicelib.wallet import saved_card
else:
    saved_card = on_first_use("chalicelib.wallet.saved_card")

__all__ = ["credit_account", "ledger"]

_TRIES: Final = 100
_MOST_DUE: Final = 250
"""More minutes than a reading can have, and the lots beside them."""


# --- what is due ---------------------------------------------------------------------------------


def head(world: World, user: str) -> Entry:
    """The newest entry of a client's credit."""
    return ledger(world).head(credit_account(user))


def charge_due(world: World, newest: Entry, before: Millis | None = None) -> Entry:
    """Post every minute and expiry that is due, and return the newest entry then.

    A minute that begins at ``before`` or later is left alone. Safe to call at any moment, any number of times, from
    anywhere at once: one conditional write a minute, and of two the second loses. Raises Unavailable when storage
    stays contended.
    """
    book, posted_any = ledger(world), False
    for _ in range(_MOST_DUE + _TRIES):
        now = max(world.now(), newest.at)
        draft = meter.due(newest, now, world.settings.rules, before)
        if draft is None:
            if posted_any:
                look_after(world, newest)
            return newest
        entry = follow(newest, draft, now)
        if world.wrote(book.put(entry)):
            begins = meter.next_boundary(newest.meter, world.settings.rules) if newest.meter else None
            if begins is not None and entry.minute:
                metrics.add(BillingLateness=now - begins)
            newest, posted_any = entry, True
        else:
            newest = book.head(newest.account)
    raise Unavailable("The wallet is too busy.")


def look_after(world: World, newest: Entry) -> None:
    """Have the saved card charged where what is left has got short. It waits for no bank, and never raises for it."""
    if meter.short(newest, max(world.now(), newest.at), world.settings.rules):
        saved_card.begin(world, owner_of(newest.account))


def unchanged(world: World, newest: Entry) -> Operation:
    """The operation that fails a transaction when anything was posted after ``newest``."""
    return ledger(world).unchanged(newest)


# --- other postings ------------------------------------------------------------------------------


Beside = Callable[[Entry], Sequence[Operation]]
"""What one try writes beside its entry: read and decided afresh each time, for another account's newest entry moves
too. It refuses by raising.
"""


def nothing(entry: Entry) -> Sequence[Operation]:
    """Nothing is written beside the entry."""
    del entry
    return ()


def post_once(
    world: World,
    account: str,
    key: str,
    fact: Fact,
    draft_of: Callable[[Entry, Millis], Draft],
    beside: Beside = nothing,
) -> Entry:
    """Post ``fact`` once under ``key``, in one transaction with what stands ``beside`` it; return its entry, also when
    repeated.

    ``draft_of`` sees the newest entry with all that is due before it posted, and refuses by raising. Where another
    posting came first, on this chain or on one that ``beside`` adds to, all is decided again. Raises AlreadyDone when
    the key was posted with another meaning, Unavailable when storage stays contended, and ConditionFailed when what
    does not hold is no posting: its places are those of ``beside``.
    """
    book = ledger(world)
    newest = book.head(account)
    for _ in range(_TRIES):
        newest = charge_due(world, newest)
        now = max(world.now(), newest.at)
        try:
            entry = follow(newest, draft_of(newest, now), now)
            others = beside(entry)
        except (Problem, ValueError):
            if done := book.receipt(key):  # the first try spent, or granted, what stands in the way of the second
                return _posted(book, done, account, fact)
            raise
        if entry.fact != fact:
            raise ValueError(f"{entry.fact} is not {fact}")
        own = (book.put(entry), book.put_receipt(key, entry))
        try:
            world.tables.write(*own, *others)
            return entry
        except ConditionFailed as failed:
            if done := failed.found.get(1):
                return _posted(book, done, account, fact)
            if all((*own, *others)[place].table != book.name for place in failed.found):
                raise ConditionFailed({place - len(own): met for place, met in failed.found.items()}) from None
        except Contended:
            world.breathe()
        newest = book.head(account)
    raise Unavailable("The wallet is too busy.")


def posted(world: World, key: str) -> Entry | None:
    """The entry that was posted under ``key``, if it was."""
    book = ledger(world)
    done = book.receipt(key)
    return _entry_of(book, done) if done else None


def freeze(world: World, user: str, reason: str, beside: Beside = nothing) -> Entry:
    """Freeze a client's wallet: its meter stands at once, and nothing can be spent. A frozen one stays as it is.

    One that is frozen for a dispute stays so, for ``reason``, also when the dispute is won. ``beside`` as in
    ``post_once``, but only where there was something to do.
    """
    return _change(
        world,
        user,
        lambda newest, now: (
            None
            if newest.frozen and not meter.disputes(newest.frozen)
            else meter.freeze(newest, reason, now, world.settings.rules)
        ),
        beside,
    )


def unfreeze(world: World, user: str, reference: str, beside: Beside = nothing) -> Entry:
    """Lift the freeze of a client's wallet, if there is one, whatever it is for. ``beside`` as in ``freeze``."""
    return _change(world, user, lambda newest, _: meter.unfreeze(newest, reference) if newest.frozen else None, beside)


def _change(world: World, user: str, draft_of: Callable[[Entry, Millis], Draft | None], beside: Beside) -> Entry:
    """Post a change that needs no key because the state itself tells whether it was made."""
    book = ledger(world)
    newest = book.head(credit_account(user))
    for _ in range(_TRIES):
        newest = charge_due(world, newest)
        now = max(world.now(), newest.at)
        draft = draft_of(newest, now)
        if draft is None:
            return newest
        entry = follow(newest, draft, now)
        if world.wrote(book.put(entry), *beside(entry)):
            return entry
        newest = book.head(newest.account)
    raise Unavailable("The wallet is too busy.")


def spend(
    world: World,
    user: str,
    kind: str,
    amount: Cents,
    counter: str,
    key: str,
    reference: str,
    beside: Beside = nothing,
) -> Entry:
    """Spend ``amount`` cents of credit once, never touching what an open meter holds. ``beside`` as in ``post_once``.

    Raises InsufficientFunds, SpendingLimitReached, WalletFrozen, and what ``post_once`` raises.
    """
    rules = world.settings.rules

    def draft_of(newest: Entry, now: Millis) -> Draft:
        if newest.frozen:
            raise WalletFrozen
        ceiling = ceilings.ceiling(world, newest, now)
        draft = meter.spend(newest, kind, amount, counter, reference, now, rules, ceiling)
        if draft is None:
            barred = meter.limited(newest, ceiling, amount + meter.held(newest, rules), now)
            raise SpendingLimitReached if barred else InsufficientFunds
        return draft

    fact = Fact(kind, -amount, counter, reference)
    entry = post_once(world, credit_account(user), key, fact, draft_of, beside)
    look_after(world, entry)
    return entry


def compensate(
    world: World, user: str, kind: str, thing: str, back: Sequence[Part], reference: str, beside: Beside = nothing
) -> Entry:
    """Give ``back``, once for ``thing``, what was spent from which bucket. ``beside`` as in ``post_once``.

    Promotional credit whose lot is used up comes back as one that expires as it says, in seven days at the soonest if
    that is over. Raises what ``post_once`` raises.
    """
    counter = f"{kind}:{thing}"
    fact = Fact(kind, sum(cents for _, cents, _ in back), counter, reference)

    def draft_of(newest: Entry, now: Millis) -> Draft:
        return meter.take_back(newest, kind, back, counter, reference, now)

    return post_once(world, credit_account(user), counter, fact, draft_of, beside)


def origin(world: World, spending: Entry) -> tuple[Part, ...]:
    """Where the amount of ``spending`` came from, with when each bucket expires, for giving it back."""
    lots = {}
    if any(bucket != PAID for bucket, _ in spending.split):  # a lot that was used up is in no later entry
        (before,) = ledger(world).between(spending.account, spending.seq - 1, spending.seq - 1)
        lots = {lot.id: lot.expires_at for lot in before.buckets.lots}
    return tuple((bucket, amount, lots.get(bucket, 0)) for bucket, amount in spending.split)


def give_back(
    world: World, user: str, kind: str, parts: Sequence[Part], counter: str, key: str, reference: str
) -> list[Operation]:
    """The operations that give back what was spent before, once, for the caller's transaction.

    They fail when anything was posted meanwhile: read and decide again. Raises Unavailable.
    """
    book = ledger(world)
    newest = charge_due(world, book.head(credit_account(user)))
    now = max(world.now(), newest.at)
    entry = follow(newest, meter.take_back(newest, kind, parts, counter, reference, now), now)
    return [book.put(entry), book.put_receipt(key, entry)]


def give_back_reading(
    world: World, user: str, session: str, parts: Sequence[Part], key: str
) -> tuple[Entry, list[Operation]]:
    """The entry that gives back what was spent on a reading that is over, and the operations that post it once under
    ``key``, for the caller's transaction, as in ``give_back``. The reading's receipt shows it. Raises Unavailable.
    """
    book = ledger(world)
    newest = charge_due(world, book.head(credit_account(user)))
    now = max(world.now(), newest.at)
    draft = meter.take_back(newest, "reading_refunded", parts, f"session:{session}", session, now)
    entry = follow(newest, replace(draft, refund=draft.amount), now)
    return entry, [book.put(entry), book.put_receipt(key, entry)]


def adjustable(world: World, user: str) -> Cents:
    """What of the credit ``adjust`` could take now."""
    newest = charge_due(world, head(world, user))
    return meter.adjustable(newest, max(world.now(), newest.at), world.settings.rules)


def adjust(world: World, user: str, amount: Cents, key: str, reference: str, beside: Beside = nothing) -> Entry:
    """Put ``amount`` cents of credit in by hand, once, or take them out where negative: never promotional credit, nor
    what an open meter holds. Frozen or not. ``beside`` as in ``post_once``.

    What is put in never goes to a card. Raises InsufficientFunds, and what ``post_once`` raises.
    """

    def draft_of(newest: Entry, now: Millis) -> Draft:
        there = meter.adjustable(newest, now, world.settings.rules)
        if there < -amount:
            raise InsufficientFunds(f"{there} cents of the credit can be taken.")
        return meter.adjust(newest, amount, reference)

    return post_once(
        world, credit_account(user), key, Fact("adjusted", amount, ADJUSTMENTS, reference), draft_of, beside
    )


def earn(
    world: World, account: str, kind: str, amount: Cents, counter: str, reference: str, not_before: Millis = 0
) -> tuple[Entry, Operation]:
    """The next entry of an earnings chain and the operation that posts it, for the caller's transaction."""
    book = ledger(world)
    newest = book.head(account)
    now = max(world.now(), newest.at, not_before)
    entry = follow(newest, meter.receive(newest, kind, amount, counter, reference), now)
    return entry, book.put(entry)


def journal(world: World, kind: str, fact: str, amount: Cents, counter: str, at: Millis) -> Operation:
    """The operation that posts the platform's side of ``fact``, once."""
    return ledger(world).journal(kind, fact, amount, USD, counter, at)


def journaled(world: World, kind: str, fact: str) -> Item | None:
    """The platform's side of ``fact``, if it was posted."""
    return ledger(world).journaled(kind, fact)


def _posted(book: Ledger, done: Item, account: str, fact: Fact) -> Entry:
    """The entry posted under a key before: success if it says the same (style rule 6)."""
    if any(done[name] != value for name, value in meaning(account, fact).items()):
        raise AlreadyDone
    return _entry_of(book, done)


def _entry_of(book: Ledger, done: Item) -> Entry:
    (entry,) = book.between(done["entry_account"], done["entry_seq"], done["entry_seq"])
    return entry
