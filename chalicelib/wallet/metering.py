"""A reading's meter, for ``sessions``: how long the credit lasts, each change of the meter, and what all of it cost."""

from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Key, Operation
from chalicelib.wallet import ceilings
from chalicelib.wallet.model import funds as reckoning
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Split
from chalicelib.wallet.model.chain import Entry, follow
from chalicelib.wallet.model.receipt import Receipt, paid_from, receipt
from chalicelib.wallet.store import Ledger, credit_account, ledger

_SEARCH_PAGE: Final = 25


def funds(world: World, newest: Entry, session: str, rate: Cents, minutes: int, now: Millis) -> reckoning.Funds:
    """How long ``newest`` lasts for ``session``: ``minutes`` at most while its meter is not open yet.

    A meter that runs is bound already by what the client lets themselves spend; for any other they are asked.
    """
    running = newest.meter is not None and newest.meter.session == session and newest.meter.run is not None
    ceiling = None if running else ceilings.ceiling(world, newest, now)
    return reckoning.funds(newest, session, rate, minutes, now, world.settings.rules, ceiling)


def funds_before(world: World, user: str, rate: Cents) -> reckoning.Funds:
    """Whether the client could pay a first minute at ``rate`` now."""
    newest = ledger(world).head(credit_account(user))
    return funds(world, newest, "", rate, 1, max(world.now(), newest.at))


def meter_change(world: World, newest: Entry, change: meter.Change, now: Millis) -> tuple[Entry, Operation] | None:
    """The entry that carries out ``change`` and the operation that posts it; None where the wallet cannot pay.

    The caller puts the operation into one transaction with the session's change of state. None also where a lot
    turned out to have expired: that is posted first, for a refund must not bring its rest back; decide again.
    """
    rules = world.settings.rules
    book = ledger(world)
    before = change.at if isinstance(change, meter.Stand | meter.Close) else None
    if overdue := meter.due(newest, now, rules, before):
        world.wrote(book.put(follow(newest, overdue, now)))
        return None
    charged = _charged_entries(book, newest, meter.minutes_cut(newest, change, rules))
    ceiling = ceilings.ceiling(world, newest, now) if isinstance(change, meter.Start | meter.Resume) else None
    draft = meter.apply(newest, change, charged, now, rules, ceiling)
    if draft is None:
        return None
    entry = follow(newest, draft, now)
    return entry, book.put(entry)


def session_receipt(world: World, user: str, session: str, first: int, last: int) -> Receipt:
    """What ``session`` cost, folded from the entries ``first`` to ``last`` of the client's chain."""
    return receipt(ledger(world).between(credit_account(user), first, last), session)


def session_paid_from(world: World, user: str, session: str, first: int, last: int) -> Split:
    """Which bucket paid for what of ``session`` in the end, from the entries ``first`` to ``last`` of the chain."""
    return paid_from(ledger(world).between(credit_account(user), first, last), session)


def _charged_entries(book: Ledger, newest: Entry, minutes: range) -> Sequence[Entry]:
    """The latest entries that charged ``minutes``, oldest first, looked for from the newest backwards."""
    if not minutes:
        return ()
    found: dict[int, Entry] = {}
    start: Key | None = None
    for _ in range(newest.seq // _SEARCH_PAGE + 2):  # back to the first entry, if need be
        page, start = book.newest_first(newest.account, _SEARCH_PAGE, start)
        for entry in page:
            if entry.seq <= newest.seq and entry.minute in minutes:
                found.setdefault(entry.minute, entry)
        if len(found) == len(minutes):
            return [found[minute] for minute in minutes]
        if start is None:
            break
    raise LookupError(f"minutes {minutes} of {newest.account} are not in its chain")
