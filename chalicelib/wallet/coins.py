"""Coins (product §4, §6): an account of their own, bought for money and burnt for gifts and tickets, never credit.

A balance below zero, after a purchase was taken back, buys nothing.
"""

from collections import Counter
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InsufficientFunds, Invalid, InvalidState, Unavailable, WalletFrozen
from chalicelib.kernel.time import Millis
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.tables import Key, Operation
from chalicelib.wallet import limits
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import GRANTED, Draft, Entry, Fact
from chalicelib.wallet.model.purchase import Purchase
from chalicelib.wallet.service import Beside, head, ledger, nothing, post_once, posted
from chalicelib.wallet.store import coins_account

__all__ = ["coins_account"]

BURNT: Final = "platform:burnt"
"""Where coins go that were spent."""
MOST_ADJUSTED: Final = 100_000

_PAGE: Final = 100
_MOST_PAGES: Final = 100


def spend(world: World, user: str, kind: str, coins: int, key: str, reference: str, beside: Beside = nothing) -> Entry:
    """Burn ``coins`` once under ``key``; the entry, also when repeated. ``beside`` as in ``post_once``.

    Raises WalletFrozen, SpendingLimitReached (excluded), InsufficientFunds, and what ``post_once`` raises.
    """
    if coins < 1:
        raise ValueError("a spending is of one coin at least")

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        credit = head(world, user)
        if credit.frozen:
            raise WalletFrozen
        if credit.bounded:
            limits.must_not_be_excluded(world, user)
        if newest.balance < coins:
            raise InsufficientFunds(f"This costs {coins} coins, and you have {newest.balance}. Buy more and try again.")
        return meter.receive(newest, kind, -coins, BURNT, reference)

    return post_once(world, coins_account(user), key, Fact(kind, -coins, BURNT, reference), draft_of, beside)


def give_back(
    world: World, user: str, kind: str, coins: int, key: str, reference: str, beside: Beside = nothing
) -> Entry:
    """Give ``coins`` back that were spent, once under ``key``, whatever state the wallet is in; as ``spend`` otherwise.

    Raises what ``post_once`` raises.
    """
    if coins < 1:
        raise ValueError("what is given back is one coin at least")

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        return meter.receive(newest, kind, coins, BURNT, reference)

    return post_once(world, coins_account(user), key, Fact(kind, coins, BURNT, reference), draft_of, beside)


def grant(world: World, user: str, coins: int, ref: str, *, actor: str, reason: str, beside: Beside = nothing) -> Entry:
    """Give a person coins once under ``ref``, audited; they are told. ``beside`` as in ``post_once``.

    Raises NotFound, Invalid, InvalidState (the person has left), AlreadyDone (the same ``ref`` with other coins).
    """
    return _adjusted(world, user, "coins_granted", coins, ref, actor, reason, beside)


def take(world: World, user: str, coins: int, ref: str, *, actor: str, reason: str, beside: Beside = nothing) -> Entry:
    """Take coins from a person once under ``ref``, audited; they are told. Never more than there are. ``beside`` as in
    ``post_once``.

    Raises InsufficientFunds, and what ``grant`` raises.
    """
    return _adjusted(world, user, "coins_withdrawn", -coins, ref, actor, reason, beside)


def check_count(coins: int) -> None:
    """Raises Invalid for more coins, or fewer, than are given or taken at once."""
    if not 1 <= coins <= MOST_ADJUSTED:
        raise Invalid(errors=({"field": "coins", "message": f"from 1 to {MOST_ADJUSTED}"},))


def adjusted(world: World, user: str, kind: str, ref: str) -> int | None:
    """By how many coins an admin changed the account under ``ref``, if one did."""
    entry = posted(world, _adjustment(user, kind, ref))
    return entry.amount if entry else None


def _adjusted(
    world: World, user: str, kind: str, coins: int, ref: str, actor: str, reason: str, beside: Beside
) -> Entry:
    check_count(abs(coins))
    if accounts.person(world, user).deleted:
        raise InvalidState("The client has left: nobody could spend them.")

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        if coins < 0 and newest.balance < -coins:
            raise InsufficientFunds(f"There are {newest.balance} coins.")
        return meter.receive(newest, kind, coins, GRANTED, ref)

    def with_words(entry: Entry) -> list[Operation]:
        names, facts = world.settings.tables, {"coins": abs(coins)}
        told = outbox.notice(names.notices, to=user, kind=kind, fact=ref, at=entry.at, facts=facts)
        act = audit.entry(
            names.audit,
            subject=user,
            action=kind,
            actor=actor,
            reason=reason,
            at=entry.at,
            detail={"coins": coins, "ref": ref},
        )
        return [*beside(entry), told, act]

    key = _adjustment(user, kind, ref)
    return post_once(world, coins_account(user), key, Fact(kind, coins, GRANTED, ref), draft_of, with_words)


def _adjustment(user: str, kind: str, ref: str) -> str:
    return f"{kind}:{user}:{ref}"


def balance(world: World, user: str) -> int:
    """How many coins a person has; below zero where they owe some."""
    return ledger(world).head(coins_account(user)).balance


def consumed(world: World, user: str, purchase: Purchase) -> int:
    """How much of a purchase was spent, in percent rounded down, the coins that came first being spent first.

    Coins that came later are the last to go, so what is left of it is what the balance is above them; what was taken
    back of it was not spent. Raises Unavailable where more was posted since than can be looked through.
    """
    book, account = ledger(world), coins_account(user)
    left, later = balance(world, user), Counter[str]()
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = book.newest_first(account, _PAGE, start)
        for entry in page:
            if entry.reference == purchase.reference and entry.amount > 0:
                above = sum(max(0, coins) for coins in later.values())
                rest = min(purchase.kept, max(0, left - above))
                return 100 * (purchase.kept - rest) // purchase.coins
            if entry.counter != BURNT:  # what came in, less what was taken back of that very thing
                later[entry.reference] += entry.amount
        if start is None:
            return 0  # it never gave any
    raise Unavailable("The statement is too long to look through.")
