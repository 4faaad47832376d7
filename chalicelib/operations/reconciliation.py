"""Proving the books (product §11): once a day, and whenever an admin asks.

Three parts. Every movement of our balance at Stripe since the last run is matched, one to one, with a posting. Every
posting towards Stripe is looked for among those movements; meanwhile the whole ledger is read: each chain is followed
from its first entry, and all is added up. At the end the heads of all chains are put where nobody can change them.

What does not agree is kept as a difference, alarms (it is logged as an error) and stops payouts, until a later run
finds that it agrees and an admin lifts the stop. Readings go on. Each part goes on where it stopped: a call that runs
out of time hands the rest to the next. All is as of a moment some hours ago, so what is under way is no difference.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import InvalidState, NotFound
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import MINUTE, SECOND, Millis
from chalicelib.operations.model import reconciliation as model
from chalicelib.operations.model.reconciliation import MARGIN, Head, Movement, What
from chalicelib.operations.reconciliation_store import Difference, Reconciliations, Run
from chalicelib.payouts import paying
from chalicelib.runtime import audit
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Check, ConditionFailed, Item
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.model.chain import Entry, genesis, seq_key

Spent = Callable[[], bool]
"""Whether so little time is left that another call must go on."""

_AT_ONCE: Final = 100
_MOST_PAGES: Final = 100_000
_LARGEST: Final = 512 * 1024 * 1024
"""Bytes of a digest that are read back."""
_JSON: Final = "application/json"


def begin(world: World, *, margin: Millis = MARGIN, actor: str = "system", reason: str = "daily run") -> Run:
    """Start a run in place of the last one. Raises ConditionFailed where another began at the same moment."""
    rows, now = rows_of(world), world.now()
    last = rows.run()
    if last and last.ended_at is None:
        log.error("reconciliation_unfinished", id=last.id)
    # One that did not end matched nothing for certain: what it was to look at is looked at again.
    done = (last.until if last.ended_at else last.since + model.OVERLAP) if last else 0
    fresh = Run(
        id=new_id("rec", now),
        began_at=now,
        margin=margin,
        since=max(0, done - model.OVERLAP),
        until=now - margin,
        against=(day_of(last.began_at) if last.ended_at else last.against) if last else None,
        rev=last.rev if last else 0,
    )
    table = world.settings.tables.audit
    said = audit.entry(table, subject=fresh.id, action="reconcile", actor=actor, reason=reason, at=now)
    return rows.keep(fresh, said)


def go_on(world: World, run_id: str, spent: Spent = lambda: False) -> Run:
    """Work on the run until it is done or time is ``spent``. One that another has replaced stays as it is.

    Raises NotFound, and whatever a part of it raises: called again, it goes on from where it was kept last.
    """
    rows = rows_of(world)
    run = rows.run()
    if run is None:
        raise NotFound
    if run.id != run_id or run.ended_at is not None:
        return run
    if not run.listed:
        run = _match_movements(world, run, spent)
    if run.listed and not run.scanned:
        run = _prove_ledger(world, run, spent)
    return _end(world, run, spent) if run.scanned and not spent() else run


def differences(world: World) -> list[Difference]:
    """What does not agree at present, accepted or not."""
    return rows_of(world).differences()


def difference(world: World, what: str, about: str) -> Difference:
    """One of them. Raises NotFound."""
    if found := rows_of(world).difference(what, about):
        return found
    raise NotFound("There is no such difference.")


def accept(world: World, seen: Difference, *, actor: str, reason: str) -> None:
    """What cannot be made to agree, and is explained, stops nothing any more; it stays listed.

    Only what was seen is accepted: where it says something else one day, it is a difference again. Raises InvalidState
    where it was looked at again meanwhile.
    """
    now = world.now()
    said = audit.entry(
        world.settings.tables.audit,
        subject="differences",
        action="difference_accepted",
        actor=actor,
        reason=reason,
        at=now,
        detail={"what": seen.what, "about": seen.about, "detail": seen.detail},
    )
    try:
        world.tables.write(rows_of(world).accept(seen, now), said)
    except ConditionFailed:
        raise InvalidState("A reconciliation looked at it meanwhile. See what it says now.") from None


def last_run(world: World) -> Run | None:
    """The run that is going on, or was the last."""
    return rows_of(world).run()


def check_clean(world: World) -> Check:
    """The operation that fails where another run has begun since. Raises InvalidState unless the last one came to its
    end and nothing is open that was not accepted.
    """
    run = last_run(world)
    if run is None or run.ended_at is None or _open(world):
        raise InvalidState("The last reconciliation did not end without differences. Run it again first.")
    return rows_of(world).unchanged(run)


def _open(world: World) -> list[Difference]:
    return [each for each in differences(world) if each.accepted_at is None]


def rows_of(world: World) -> Reconciliations:
    """The rows of this world's reconciliations."""
    return Reconciliations(world.tables, world.settings.tables.wallet)


def _found(world: World, run: Run, what: What, about: str, detail: str = "", moved: Movement | None = None) -> None:
    now = world.now()
    if rows_of(world).see(Difference(what, about, now, max(now, run.began_at), None, moved, detail)):
        log.error("ledger_difference", kind=what, id=about)
        paying.freeze(world, actor="system", reason=f"reconciliation found {what} {about}")


# --- movements at Stripe -------------------------------------------------------------------------


def _match_movements(world: World, run: Run, spent: Spent) -> Run:
    rows = rows_of(world)
    for _ in range(_MOST_PAGES):
        if spent():
            return run
        page, more = world.payments.balance_transactions(
            since=model.seconds(run.since), until=model.seconds(run.until), after=run.page_after
        )
        fees = Counter(run.sums)
        for transaction in page:
            moved = model.movement(transaction)
            fees[f"fees {transaction['currency']}"] += transaction["fee"]
            fees[f"at stripe: {moved.kind} {transaction['currency']}"] += moved.amount
            if why := _mismatch(world, moved):
                _found(world, run, why, moved.id, f"{moved.kind} {moved.amount}", moved)
        after = str(page[-1]["id"]) if page else run.page_after
        run = rows.keep(replace(run, sums=dict(fees), page_after=after, listed=not more))
        if run.listed:
            return run
    return run


def _mismatch(world: World, moved: Movement) -> What | None:
    """Why this movement has no posting of its own; None where it has, or needs none."""
    if model.is_own(moved.kind) or not moved.settled:
        return None
    if not moved.keys:
        return "unknown_transaction"
    book = wallet.ledger(world)
    posted = {key: receipt for key in moved.keys if (receipt := book.receipt(key))}
    alike = [key for key, receipt in posted.items() if receipt["amount"] == moved.amount]
    if any(rows_of(world).match(key, moved.id) == moved.id for key in alike):
        return None
    if alike:
        return "matched_twice"
    return "amounts_differ" if posted else "transaction_without_entry"


# --- the ledger ----------------------------------------------------------------------------------


def _prove_ledger(world: World, run: Run, spent: Spent) -> Run:
    """Read the ledger on from where the run is: page by page, with the chains that begin on each."""
    rows, heads = rows_of(world), list[Head]()
    sums, counts = Counter(run.sums), Counter(run.counts)
    start, scanned = run.start, False
    for _ in range(_MOST_PAGES):
        if spent():
            break
        page = world.tables.scan(world.settings.tables.ledger, start=start)
        _add_up(world, run, page.items, sums, counts, heads)
        start, scanned = page.next_key, page.next_key is None
        if scanned:
            break
    parts = run.parts
    if heads:
        content = [[each.account, each.seq, each.hash, each.balance] for each in heads]
        world.digests.put(_part(run, parts), json.dumps(content).encode(), _JSON)
        parts += 1
    return rows.keep(replace(run, start=start, scanned=scanned, sums=dict(sums), counts=dict(counts), parts=parts))


def _add_up(
    world: World, run: Run, items: Iterable[Item], sums: Counter[str], counts: Counter[str], heads: list[Head]
) -> None:
    towards_stripe: list[tuple[str, Item]] = []
    for item in items:
        name, settled = str(item["account"]), item["at"] < run.until
        if name.startswith("receipt:"):
            if settled and str(item["counter"]).startswith("stripe:"):
                sums[f"receipts: {item['counter']}"] += item["amount"]
                towards_stripe.append((name.partition(":")[2], item))
            continue
        if not name.startswith("platform:"):
            counts["entries"] += settled
            if int(item["seq"]) == 1 and (head := _proven(world, run, name, counts)):
                heads.append(head)
        if settled:
            _post(sums, name, item)
        elif item["at"] < run.until + model.FUNDED_WITHIN:
            _fund(sums, item)
    for first in range(0, len(towards_stripe), _AT_ONCE):
        _match_postings(world, run, towards_stripe[first : first + _AT_ONCE])


def _post(sums: Counter[str], account: str, item: Item) -> None:
    """Both sides of an entry. One without a counter account has but one, and the total is not zero any more."""
    amount, currency, counter = item["amount"], item["currency"], str(item["counter"])
    sums[f"{model.account_class(account)} {currency}"] += amount
    if counter:
        sums[f"{model.account_class(counter)} {currency}"] -= amount
    if counter.startswith("stripe:"):
        sums[f"entries: {counter}"] += amount


def _fund(sums: Counter[str], item: Item) -> None:
    """What came into a clearing account so soon after that what went out before may be of the same transaction."""
    if item["amount"] < 0 and (into := model.account_class(str(item["counter"]))) in model.CLEARING:
        sums[f"funded: {into} {item['currency']}"] -= item["amount"]


def _proven(world: World, run: Run, account: str, counts: Counter[str]) -> Head | None:
    """Follow a chain from its first entry, as far as it follows; count its entries that are settled. Its newest entry
    for the digest; None where the chain is closed, and in a digest of before.
    """

    def count(entry: Entry) -> None:
        counts["proven"] += entry.at < run.until

    last, broken_at = _followed(world, account, count)
    counts["chains"] += 1
    if broken_at is not None:
        _found(world, run, "broken_chain", account, f"entry {broken_at}")
    if model.account_class(account) == "stream" and (why := model.shard_fault(last.balance, closed=last.closed)):
        _found(world, run, why, account, f"{last.balance}")
    if broken_at is None and last.closed and model.is_digested(last.at, run.since):
        return None
    return Head(account, last.seq, last.hash, last.balance)


def _followed(world: World, account: str, seen: Callable[[Entry], object]) -> tuple[Entry, int | None]:
    """The last entry of a chain that follows, and the number of the first that does not."""
    last = genesis(account)

    def follows(entry: Entry) -> None:
        nonlocal last
        last = entry
        seen(entry)

    try:
        broken_at = statement.verify_chain(world, account, follows).broken_at
    except (KeyError, TypeError, ValueError):  # an entry that is none
        broken_at = last.seq + 1
    return last, broken_at


def _match_postings(world: World, run: Run, postings: Sequence[tuple[str, Item]]) -> None:
    """Miss those of these postings, 100 at most, that stand for no movement though they should by now."""
    matched = rows_of(world).matched([key for key, _ in postings])
    old = run.began_at - max(model.ENTRY_LEAST, model.ENTRY_MARGINS * run.margin)
    for key, item in postings:
        if key not in matched and item["at"] <= old and not _explained(world, run, key, item):
            _found(world, run, "entry_without_transaction", key, f"{item['amount']} {item['counter']}")


def _explained(world: World, run: Run, key: str, item: Item) -> bool:
    """Whether a posting rightly stands for no movement: undone before there was one, or still on its way."""
    kind, _, name = key.partition(":")
    if partner := model.partner(key):
        other = wallet.ledger(world).receipt(partner)
        if other and partner not in rows_of(world).matched([partner]):
            return True
    if kind == "topup":
        return _paid_late(world, key, name)
    if kind == "refund":
        return bool(item["at"] > run.began_at - model.REFUND_PATIENCE)
    if kind != "payout":
        return False
    try:
        payout = paying.payout_of(world, name)
    except NotFound:
        return False
    # One that waited long and was sent just now: its movement is younger than those that were looked at.
    return payout.state == "reserved" or (payout.ended_at or 0) > run.until - MINUTE


def _paid_late(world: World, key: str, intent: str) -> bool:
    """Whether a payment moved the balance after all, in a window that was looked at before it was settled."""
    try:
        transaction = world.payments.transaction_of(intent)
    except Refused:
        return False
    if transaction is None:
        return False
    moved = model.movement(transaction)
    return moved.keys == (key,) and _mismatch(world, moved) is None


# --- the end -------------------------------------------------------------------------------------


def _end(world: World, run: Run, spent: Spent) -> Run:
    """Say what the sums prove, resolve what agrees again, keep the digest, stop payouts where something is open."""
    rows = rows_of(world)
    _prove_sums(world, run)
    _prove_clearing(world, run)
    if not run.held:
        _prove_digest(world, run)
        run = rows.keep(replace(run, held=True))
    for each in rows.differences():
        if each.movement:
            if _mismatch(world, each.movement) is None:
                rows.resolve(each, world.now())
        elif each.seen_at < run.began_at:
            _look_again(world, run, each)
            if spent():
                return run
    _keep_digest(world, run)
    left = _open(world)
    if left:
        paying.freeze(world, actor="system", reason=f"reconciliation found {len(left)} differences")
    log.info("reconciled", id=run.id, count=run.counts.get("entries", 0), failed=len(left))
    return rows.keep(replace(run, ended_at=world.now(), open=len(left)))


def _look_again(world: World, run: Run, known: Difference) -> None:
    """Resolve a difference that this run did not meet, if it is none: that it was not met proves nothing."""
    rows = rows_of(world)
    match known.what:
        case "entry_without_transaction":
            posted = wallet.ledger(world).receipt(known.about)
            agrees = posted is not None and (
                bool(rows.matched([known.about])) or _explained(world, run, known.about, posted)
            )
        case "broken_chain":
            last, broken_at = _followed(world, known.about, lambda _: None)
            agrees = broken_at is None and last.seq > 0
        case "changed_since_digest":
            agrees = False  # the digests since tell of the ledger as it was changed
        case "paid_from_nothing" | "left_over" if not _judges_clearing(run):
            return
        case _:  # what is added up says nothing of what is younger
            if run.until < known.seen_at:
                return
            agrees = True
    now = world.now()
    if agrees:
        rows.resolve(known, now)
    else:
        rows.see(replace(known, seen_at=max(now, run.began_at)))


def _prove_sums(world: World, run: Run) -> None:
    totals: Counter[str] = Counter()
    for name, amount in run.sums.items():
        account, _, currency = name.rpartition(" ")
        if not account.startswith(("fees", "at stripe:", "receipts:", "entries:", "funded:")):
            totals[currency] += amount
    for currency, total in totals.items():
        if total:
            _found(world, run, "unbalanced", currency, str(total))
    if run.counts.get("entries", 0) != run.counts.get("proven", 0):
        _found(world, run, "stray_entries", "ledger", f"{run.counts.get('entries', 0) - run.counts.get('proven', 0)}")
    names = {name.partition(": ")[2] for name in run.sums if name.startswith(("receipts: ", "entries: "))}
    for name in sorted(names):
        posted, receipts = run.sums.get(f"entries: {name}", 0), run.sums.get(f"receipts: {name}", 0)
        if posted != receipts:
            _found(world, run, "entries_without_receipt", name, f"{posted - receipts}")


def _prove_clearing(world: World, run: Run) -> None:
    """Nobody was paid out of what nobody paid in, and nobody was left out, class by class. Where the margin is small,
    what is being written now may be read in part, and it is not judged.
    """
    if not _judges_clearing(run):
        return
    for name, amount in run.sums.items():
        account, _, _ = name.partition(" ")
        left = amount + run.sums.get(f"funded: {name}", 0)
        if account in model.CLEARING and left < 0:
            _found(world, run, "paid_from_nothing", name, str(left))
        if account in model.AT_ONCE and amount > 0:
            _found(world, run, "left_over", name, str(amount))


def _judges_clearing(run: Run) -> bool:
    return run.margin >= 2 * model.FUNDED_WITHIN


def _prove_digest(world: World, run: Run) -> None:
    """Every chain is still what the newest digest of before says: nothing was changed since, nor cut off its end."""
    if run.against is None:
        return
    try:
        changed = verify_digest(world, run.against)
    except NotFound:
        changed = ["digest"]
    for account in changed:
        _found(world, run, "changed_since_digest", f"{run.against} {account}")


def _part(run: Run, number: int) -> str:
    return f"parts/{run.id}/{number}.json"


# --- the digest ----------------------------------------------------------------------------------


def _keep_digest(world: World, run: Run) -> None:
    """Put the heads of all chains where nobody can change them, but of those that were closed and are in one of before.
    The first one of a day stays the day's.
    """
    day = day_of(run.began_at)
    if world.digests.stored(_digest_key(day)) is not None:
        return
    heads: list[Head] = []
    for number in range(run.parts):
        heads += [Head(*each) for each in json.loads(world.digests.beginning(_part(run, number), _LARGEST))]
    told = {
        "day": day,
        "run": run.id,
        "until": run.until,
        "sha256": model.digest(heads),
        "heads": {each.account: [each.seq, each.hash, each.balance] for each in heads},
    }
    world.digests.put_new(_digest_key(day), json.dumps(told, sort_keys=True).encode(), _JSON)


def verify_digest(world: World, day: str) -> list[str]:
    """What of that day's digest does not hold any more: chains, or ``digest`` itself. Raises NotFound without one."""
    told: dict[str, Any] = json.loads(world.digests.beginning(_digest_key(day), _LARGEST) or b"null") or {}
    if not told:
        raise NotFound(f"There is no digest of {day}.")
    heads = [Head(account, *each) for account, each in told["heads"].items()]
    broken = [] if model.digest(heads) == told["sha256"] else ["digest"]
    heads = [each for each in heads if each.seq]  # of a chain that was broken at its beginning it says nothing
    table = world.settings.tables.ledger
    for first in range(0, len(heads), _AT_ONCE):
        some = heads[first : first + _AT_ONCE]
        items = world.tables.get_many(table, [{"account": each.account, "seq": seq_key(each.seq)} for each in some])
        broken += [
            head.account for head, item in zip(some, items, strict=True) if item is None or item["hash"] != head.hash
        ]
    return broken


def day_of(moment: Millis) -> str:
    """``2026-11-26``, of UTC."""
    return f"{datetime.fromtimestamp(moment / SECOND, UTC):%Y-%m-%d}"


def _digest_key(day: str) -> str:
    return f"digests/{day}.json"
