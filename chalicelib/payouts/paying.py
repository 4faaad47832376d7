"""Paying readers out (product §10): reserve in the ledger, transfer at Stripe, mark as paid; one step a transaction.

A payout is reserved in one transaction with its entry in the ledger, under an id that derives from the entry before it:
of two runs at once one makes it. From then on ``advance`` brings it on, called by the run itself and by the minute tick
until Stripe has made the transfer or refused for good; then the money is back in the earnings. A call whose outcome is
unknown is made again with the same key, and before that it is looked for what the last one did: Stripe forgets keys.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import NotFound, Problem, ProviderFailed
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import HOUR, Millis
from chalicelib.payouts import model, payees
from chalicelib.payouts.model import LEAST, OURS_TO_MEND, TRANSFERS, Payee, Payout, Reversal
from chalicelib.payouts.payees import rows_of
from chalicelib.payouts.service import earnings_account, standing
from chalicelib.payouts.store import Waiting
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.due import FOREVER
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import ConditionFailed, Contended, Key, Operation, Put
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import Stored, unexpected
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Draft, Entry, Fact, follow

_AT_ONCE: Final = 40
"""Reversals in one transaction: each is two operations."""
_WORRYING_TRIES: Final = 10
"""So many calls without an answer take a day: a person should look."""
_FRESH: Final[Millis] = HOUR
"""How long after it was reserved the first call is the first: Stripe knows a key for a day."""
_PAGE: Final = 100
_MOST_PAGES: Final = 1_000


# --- making payouts ------------------------------------------------------------------------------


def pay_out(
    world: World, reader: str, *, least: Cents = LEAST, actor: str = "system", reason: str = "daily run"
) -> Payout | None:
    """Pay what is available to the reader, if it is ``least`` at least; the payout, None where there is none to make.

    Nothing is paid while payouts are frozen, the account at Stripe is not ready or the person is suspended. Raises
    Unavailable. A payout that Stripe did not answer for is brought on by the tick.
    """
    payout = undisturbed(world.sleep, lambda: _reserved(world, reader, least, actor, reason))
    return advance(world, payout.id) if payout else None


def _reserved(world: World, reader: str, least: Cents, actor: str, reason: str) -> Payout | None:
    """One try. Raises ConditionFailed or Contended where another writer came between."""
    rows = rows_of(world)
    payee = _ready(world, reader)
    if payee is None:
        return None
    newest, earned = standing(world, reader)
    amount = model.payable(earned.available, least)
    if not amount:  # where a try was written though storage could not say so, it is found here
        last = rows.payout(newest.reference) if newest.kind == "payout" else None
        return last if last and last.state == "reserved" else None
    now = max(world.now(), newest.at)
    name = model.payout_id(reader, newest.seq)
    payout = Payout(name, reader, payee.account, amount, "reserved", now, due_at=now)
    entry = follow(newest, meter.receive(newest, "payout", -amount, TRANSFERS, name), now)
    book = wallet.ledger(world)
    world.tables.write(
        *rows.add_payout(payout),
        rows.not_frozen(),
        book.put(entry),
        book.put_receipt(f"payout:{name}", entry),
        _audited(world, payout, "payout_reserved", actor, reason, now),
    )
    return replace(payout, rev=1)


def _ready(world: World, reader: str) -> Payee | None:
    """The reader's account, if they may be paid now."""
    rows = rows_of(world)
    payee = rows.payee(reader)
    if payee is None or payee.status != "ready" or rows.freeze() or accounts.person(world, reader).suspended:
        return None
    return payee


def would_pay(world: World, reader: str, least: Cents = LEAST) -> Cents:
    """What ``pay_out`` would pay now."""
    return model.payable(standing(world, reader)[1].available, least) if _ready(world, reader) else 0


def next_payout(world: World, reader: str) -> tuple[Millis, Cents] | None:
    """The reader's next turn, and what it pays if nothing else is earned until then; None where it pays nothing."""
    payee = _ready(world, reader)
    if payee is None or payee.due_at is None:
        return None
    amount = model.payable(standing(world, reader, payee.due_at)[1].available)
    return (payee.due_at, amount) if amount else None


def take_turn(world: World, reader: str) -> None:
    """The reader's turn in the daily run: pay, then wait for the next one."""
    pay_out(world, reader)
    rows = rows_of(world)

    def attempt() -> None:
        payee, now = rows.payee(reader), world.now()
        if payee and payee.due_at is not None and payee.due_at <= now:
            world.tables.write(rows.keep_payee(replace(payee, due_at=model.next_run(now))))

    undisturbed(world.sleep, attempt)


def advance(world: World, payout_id: str) -> Payout:
    """Bring a payout on, as far as it goes now. Safe to call at any moment, any number of times, from anywhere at once.

    Raises NotFound, Unavailable.
    """
    rows = rows_of(world)
    payout = rows.payout(payout_id)
    if payout is None:
        raise NotFound
    now = world.now()
    if payout.state != "reserved" or payout.due_at is None or now < payout.due_at or rows.freeze():
        return payout
    if accounts.person(world, payout.reader).suspended:
        return payout
    begun = model.tried(payout, now)
    if not world.wrote(rows.keep_payout(begun), rows.not_frozen()):
        return rows.payout(payout_id) or payout  # somebody else is at it, or the tick will be
    begun = replace(begun, rev=payout.rev + 1)
    try:
        transfer = _transferred(world, begun)
    except Refused as refused:
        code = refused.code or "refused"
        done = _returned(world, begun, code)
        if code not in OURS_TO_MEND:
            with suppress(Problem):  # what the account lacks is seen now, and not refused anew every day
                payees.refresh(world, payout.reader)
        return done
    except ProviderFailed:
        (log.error if begun.tries >= _WORRYING_TRIES else log.warning)("payout_unanswered", id=payout_id)
        return begun
    return _paid(world, begun, transfer)


def _transferred(world: World, payout: Payout) -> str:
    """The id of the transfer, made now unless an earlier call made it. Raises Refused, ProviderFailed."""
    made = _made_before(world, payout) or world.payments.transfer(
        payout=payout.id,
        reader=payout.reader,
        account=payout.account,
        amount=payout.amount,
        currency=payout.currency,
    )
    if not model.is_transfer_of(made, payout):
        log.error("payout_transferred_otherwise", id=payout.id)
        raise ProviderFailed
    return str(made["id"])


def _made_before(world: World, payout: Payout) -> dict[str, Any] | None:
    """The transfer that an earlier call made, if it did. Raises ProviderFailed.

    Of one that has waited no earlier call may be known, and there was one: a backup was brought back.
    """
    if payout.tries == 1 and world.now() < payout.created_at + _FRESH:
        return None
    try:
        found = world.payments.transfers_for(payout.id)
    except Refused as refused:  # the look was refused, which says nothing of the transfer
        raise ProviderFailed from refused
    return found[0] if found else None


def _paid(world: World, payout: Payout, transfer: str) -> Payout:
    rows = rows_of(world)

    def attempt() -> Payout:
        stored = rows.payout(payout.id) or payout
        if stored.state != "reserved":
            return stored  # the transfer's own event was quicker
        done, operations = _payment(world, stored, transfer)
        world.tables.write(rows.keep_payout(done), *operations)
        return replace(done, rev=stored.rev + 1)

    return undisturbed(world.sleep, attempt)


def _payment(world: World, payout: Payout, transfer: str) -> tuple[Payout, list[Operation]]:
    """The payout as paid, and what is written beside it."""
    now = world.now()
    done = model.paid(payout, transfer, now)
    return done, [
        _audited(world, done, "payout_paid", "system", transfer, now),
        _notice(world, done, "payout_paid", now),
    ]


def _returned(world: World, payout: Payout, why: str) -> Payout:
    """Give the money back to the earnings, once."""
    rows = rows_of(world)
    fact = Fact("payout_returned", payout.amount, TRANSFERS, payout.id)
    ours = why in OURS_TO_MEND
    (log.error if ours else log.warning)("payout_refused", id=payout.id, code=why)

    def draft_of(newest: Entry, now: Millis) -> Draft:
        del now
        return meter.receive(newest, fact.kind, fact.amount, fact.counter, fact.reference)

    def beside(entry: Entry) -> Sequence[Operation]:
        done = model.returned(payout, why, entry.at)
        told = [] if ours else [_notice(world, done, "payout_returned", entry.at)]
        audited = _audited(world, done, "payout_returned", "system", why, entry.at)
        return [rows.keep_payout(done), audited, *told]

    try:
        wallet.post_once(world, earnings_account(payout.reader), f"payout_returned:{payout.id}", fact, draft_of, beside)
    except ConditionFailed:
        log.error("payout_moved_on", id=payout.id)  # refused here, and made elsewhere: what stands is what is stored
    return rows.payout(payout.id) or payout


# --- what Stripe tells of transfers --------------------------------------------------------------


def told_of_transfer(world: World, event: Mapping[str, Any], stored: Stored) -> str:
    """What an event on a transfer did to the payout that it was made for, stored with it: one try.

    Of a reversal the money goes back to the earnings, once for each by its id, in whatever order they are told. Raises
    ConditionFailed or Contended where it is to be tried again, ProviderFailed where Stripe must tell more and does not.
    """
    transfer = event["data"]["object"]
    metadata = transfer.get("metadata")
    named = metadata.get("payout") if isinstance(metadata, Mapping) else None
    rows = rows_of(world)
    payout = rows.payout(named) if model.is_id(named) else None
    why = _unexpected(payout, transfer)
    if payout is None or why:
        return unexpected(world, event, stored, why)
    try:
        reversals = _reversals(world, payout, transfer)
    except Refused as refused:  # told again, it would be refused again; reconciliation will miss what is missing
        return unexpected(world, event, stored, f"reversals not listed: {refused.code or 'refused'}")
    was, operations = payout, list[Operation]()
    if payout.state == "reserved":
        payout, operations = _payment(world, payout, transfer["id"])
    left = [each for each in reversals if wallet.ledger(world).receipt(f"payout_reversed:{each.id}") is None]
    payout, postings = _reversing(world, payout, left[:_AT_ONCE])
    changed = [rows.keep_payout(payout)] if payout != was else []
    if len(left) > _AT_ONCE:
        world.tables.write(*changed, *operations, *postings)
        raise Contended("more reversals than one transaction takes")
    outcome = "reversed" if payout.reversed else "paid"
    world.tables.write(stored(outcome), *changed, *operations, *postings)
    return outcome


def _unexpected(payout: Payout | None, transfer: Mapping[str, Any]) -> str:
    """Why a transfer is none that we asked for; empty where it is."""
    if payout is None:
        return "no payout of ours"
    if not model.is_transfer_of(transfer, payout):
        return "not what our record says"
    return "a payout that was returned" if payout.state == "returned" else ""


def _reversals(world: World, payout: Payout, transfer: Mapping[str, Any]) -> list[Reversal]:
    """Every reversal of the transfer so far, oldest first: those that the event holds, or all that Stripe lists."""
    due: Cents = transfer.get("amount_reversed", 0)
    if due <= payout.reversed:
        return []
    embedded = transfer.get("reversals")
    found = model.reversals(embedded.get("data") if isinstance(embedded, Mapping) else None)
    if sum(each.amount for each in found) < due:
        found = model.reversals(world.payments.reversals_of(transfer["id"]))
    if not due <= sum(each.amount for each in found) <= payout.amount:
        raise ProviderFailed("Stripe does not list the reversals that it counts.")
    return found


def _reversing(world: World, payout: Payout, reversals: Sequence[Reversal]) -> tuple[Payout, list[Operation]]:
    """The payout with these reversals, and the operations that post them one after another."""
    book = wallet.ledger(world)
    newest = book.head(earnings_account(payout.reader)) if reversals else None
    operations: list[Operation] = []
    for each in reversals:
        if newest is None:
            break
        draft = meter.receive(newest, "payout_reversed", each.amount, TRANSFERS, payout.id)
        newest = follow(newest, draft, max(world.now(), newest.at))
        operations += [book.put(newest), book.put_receipt(f"payout_reversed:{each.id}", newest)]
        payout = replace(payout, reversed=payout.reversed + each.amount)
    if reversals:
        operations.append(_notice(world, payout, "payout_reversed", world.now()))
        operations.append(_audited(world, payout, "payout_reversed", "system", "told by Stripe", world.now()))
    return payout, operations


# --- looking -------------------------------------------------------------------------------------


def payout_of(world: World, payout_id: str) -> Payout:
    """A payout as it is stored. Raises NotFound."""
    found = rows_of(world).payout(payout_id)
    if found is None:
        raise NotFound
    return found


def on_its_way(world: World, reader: str) -> Cents:
    """What left the reader's earnings and did not arrive yet, of their newest hundred payouts."""
    newest, _ = rows_of(world).page_of_reader(reader, _PAGE, None)
    return sum(each.amount for each in newest if each.state == "reserved")


def payouts_of(world: World, reader: str, limit: int, after: str | None) -> tuple[list[Payout], str | None]:
    """A page of the reader's payouts, newest first."""
    return rows_of(world).page_of_reader(reader, limit, after)


def page_of_shard(
    world: World, kind: Waiting, shard: str, limit: int, start: Key | None
) -> tuple[list[tuple[str, Key]], Key | None]:
    """A page of ids, with their places, of what of ``kind`` is due by now, for the minute tick."""
    return _page(world, kind, shard, world.now(), limit, start)


def everybody(world: World) -> Iterator[str]:
    """Every reader who has an account at Stripe, for the command line."""
    for shard in range(world.settings.tick_shards):
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            page, start = _page(world, "payee", str(shard), FOREVER, _PAGE, start)
            yield from (reader for reader, _ in page)
            if start is None:
                break


def _page(
    world: World, kind: Waiting, shard: str, until: Millis, limit: int, start: Key | None
) -> tuple[list[tuple[str, Key]], Key | None]:
    keys, following = rows_of(world).due(kind, shard, until, limit, start)
    return [(str(key["pk"]).partition("#")[2], key) for key in keys], following


# --- the freeze ----------------------------------------------------------------------------------


def freeze(world: World, *, actor: str, reason: str) -> None:
    """Stop all payouts, those that wait to be sent too. Where they are stopped, nothing happens."""
    now = world.now()
    try:
        world.tables.write(
            rows_of(world).put_freeze(reason, actor, now), _of_all(world, "payouts_frozen", actor, reason, now)
        )
    except ConditionFailed:
        return
    log.error("payouts_frozen", reason=reason)


def unfreeze(world: World, *, actor: str, reason: str, checks: Callable[[], Sequence[Operation]] = tuple) -> None:
    """Let payouts go on, if ``checks`` hold in the same write. Where they do, nothing happens."""
    rows = rows_of(world)

    def attempt() -> None:
        if frozen := rows.freeze():
            now = world.now()
            said = _of_all(world, "payouts_unfrozen", actor, reason, now)
            world.tables.write(rows.lift_freeze(frozen), said, *checks())

    undisturbed(world.sleep, attempt)


def why_frozen(world: World) -> str | None:
    """Why nothing is paid out; None while it is."""
    frozen = rows_of(world).freeze()
    return str(frozen["reason"]) if frozen else None


def _of_all(world: World, action: str, actor: str, reason: str, now: Millis) -> Put:
    return audit.entry(
        world.settings.tables.audit, subject="payouts", action=action, actor=actor, reason=reason, at=now
    )


def _audited(world: World, payout: Payout, action: str, actor: str, reason: str, now: Millis) -> Put:
    return audit.entry(
        world.settings.tables.audit,
        subject=payout.id,
        action=action,
        actor=actor,
        reason=reason,
        at=now,
        detail={"reader": payout.reader, "amount": payout.amount, "reversed": payout.reversed},
    )


def _notice(world: World, payout: Payout, kind: str, now: Millis) -> Put:
    return outbox.notice(
        world.settings.tables.notices,
        to=payout.reader,
        kind=kind,
        fact=f"{payout.id}-{payout.reversed}",
        at=now,
        facts={"payout": payout.id, "amount": payout.reversed or payout.amount},
    )
