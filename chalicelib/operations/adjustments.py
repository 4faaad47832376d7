"""Value that people of the platform give, take or divide by hand (product §11: adjust, two people above a limit).

Up to a limit in a day one person may alone: counted by who does it, and by whose money it is, so that slices make no
difference. What is more is asked for, and another person approves it. What is done, the row that says so, the tallies,
the audit log's word and the person's are one transaction; so of two who decide at once one does.

Each kind of value is posted by whom it belongs to: credit, coins, promotional credit and the codes for it by
``wallet``, earnings by ``payouts``, what a reading took that did not add up by ``sessions.settling``.
"""

from collections.abc import Sequence
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, InvalidState, NotFound, Problem
from chalicelib.operations.adjustments_store import Adjustments, by_operator
from chalicelib.operations.model import adjustment as model
from chalicelib.operations.model.adjustment import Adjustment, State, Tally
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation
from chalicelib.sessions import service as sessions
from chalicelib.sessions import settling
from chalicelib.shop import orders, returns
from chalicelib.shop.model.returns import made_before, planned
from chalicelib.wallet import coins, promos
from chalicelib.wallet import service as wallet
from chalicelib.wallet.service import Beside

_TRIES: Final = 40
_PAGE: Final = 100
_MOST_PAGES: Final = 20


def make(world: World, wanted: Adjustment, *, actor: str, reason: str) -> Adjustment:
    """Do what is ``wanted`` where ``actor`` may alone, else ask for a second person's approval; once, if repeated.

    Raises NotFound, Invalid, InvalidState (the person has left), InsufficientFunds, AlreadyDone (the same ``ref`` with
    another amount), Unavailable.
    """

    def attempt() -> Adjustment:
        rows, now = _rows(world), world.now()
        was = known(world, wanted)
        if was and was.now(now) != "expired":
            return was
        asked = model.asked(wanted, was, actor, reason, now)
        tallies = _tallies(world, wanted, actor)
        if not model.too_much(tallies.values(), wanted.worth, world.settings.adjustment_limit, now):
            done = model.posted(asked, actor, reason, now)
            counted = [rows.keep_tally(whom, each.with_act(now, wanted.worth)) for whom, each in tallies.items()]
            return _posted(world, done, [*rows.add(done, was), *counted])
        check(world, wanted)
        said = _audited(world, asked, "adjustment_asked", actor, reason)
        world.tables.write(*rows.add(asked, was), said)
        log.info("adjustment_asked", id=asked.id)
        return rows.get(wanted.id) or asked

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def known(world: World, wanted: Adjustment) -> Adjustment | None:
    """The adjustment that was asked for before. Raises AlreadyDone where it was another amount, also of one that has
    expired: whoever approves it by its id approves what they were shown.
    """
    was = _rows(world).get(wanted.id)
    if was and not model.is_same(was, wanted):
        raise AlreadyDone("Another amount was asked for under this ref before.")
    return was


def needs_two(world: World, wanted: Adjustment, actor: str) -> bool:
    """Whether a second person would have to approve it now."""
    tallies = _tallies(world, wanted, actor).values()
    return model.too_much(tallies, wanted.worth, world.settings.adjustment_limit, world.now())


def check(world: World, wanted: Adjustment) -> None:
    """Raises what ``make`` raises where it can be told before: NotFound, Invalid, InvalidState, InsufficientFunds, and
    AlreadyDone for a reading that was settled in another way, or a code that is there on other terms.
    """
    match wanted.what:
        case "reading":
            session, parts = sessions.load(world, wanted.ref), {"earned": wanted.earned, "refunded": wanted.refunded}
            if not settling.is_settled(world, session, **parts):
                settling.check(world, session, **parts)
        case "code":
            promos.check(world, wanted.code(world.now()))
        case "order":
            order = orders.load(world, wanted.ref)
            if not made_before(order, wanted.id, wanted.units, shipping=wanted.shipping):
                planned(order, wanted.id, wanted.units, world.now(), shipping=wanted.shipping)
        case _:
            _check_account(world, wanted)


def _check_account(world: World, wanted: Adjustment) -> None:
    person = accounts.person(world, wanted.user)
    if person.deleted:
        raise InvalidState("This person has left: nobody could spend it.")
    match wanted.what:
        case "earnings" if person.role != "reader":
            raise InvalidState("This person is no reader.")
        case "coins_granted" | "coins_withdrawn":
            coins.check_count(abs(wanted.amount))
        case "promo":
            promos.check_terms(wanted.amount, wanted.days)
    if wanted.amount < 0 and (there := _there(world, wanted)) < -wanted.amount:
        raise InsufficientFunds(f"{there} can be taken.")


def _there(world: World, wanted: Adjustment) -> int:
    """What could be taken, in cents or coins."""
    match wanted.what:
        case "credit":
            return wallet.adjustable(world, wanted.user)
        case "earnings":
            return payouts.standing(world, wanted.user)[0].balance
        case _:
            return coins.balance(world, wanted.user)


def approve(world: World, adjustment_id: str, *, actor: str, reason: str) -> Adjustment:
    """Do what another person has asked for; one that is done stays as it is.

    Raises NotFound, Forbidden (the same person), AlreadyDone (rejected), InvalidState (expired, or it cannot be done
    any more), InsufficientFunds, Unavailable.
    """

    def attempt() -> Adjustment:
        rows, was, now = _rows(world), adjustment(world, adjustment_id), world.now()
        if was.state == "posted":
            return was
        done = model.approved(was, actor, reason, now)
        said = _audited(world, done, "adjustment_approved", actor, reason)
        return _posted(world, done, [rows.keep(done), said])

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def reject(world: World, adjustment_id: str, *, actor: str, reason: str) -> Adjustment:
    """Never do it; who asked may take it back so. One that is rejected stays as it is.

    Raises NotFound, AlreadyDone (posted), InvalidState (expired), Unavailable.
    """

    def attempt() -> Adjustment:
        was = adjustment(world, adjustment_id)
        if was.state == "rejected":
            return was
        gone = model.rejected(was, actor, reason, world.now())
        world.tables.write(_rows(world).keep(gone), _audited(world, gone, "adjustment_rejected", actor, reason))
        return adjustment(world, adjustment_id)

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def adjustment(world: World, adjustment_id: str) -> Adjustment:
    """One of them. Raises NotFound."""
    if found := _rows(world).get(adjustment_id):
        return found
    raise NotFound("There is no such adjustment.")


def adjustments(world: World, state: State | None, user: str | None, limit: int) -> list[Adjustment]:
    """The newest, at most ``limit`` of the newest 2,000: all, or those in a state, or those on one person."""
    rows, now, found = _rows(world), world.now(), list[Adjustment]()
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = rows.page(_PAGE, start)
        found += [
            each for each in page if (state is None or each.now(now) == state) and (user is None or user in each.people)
        ]
        over = state == "pending" and bool(page) and page[-1].asked_at + model.VALID <= now
        if start is None or over or len(found) >= limit:
            break
    return found[:limit]


# --- one alone -----------------------------------------------------------------------------------


def _tallies(world: World, wanted: Adjustment, actor: str) -> dict[str, Tally]:
    rows = _rows(world)
    return {whom: rows.tally(whom) for whom in (by_operator(actor), *wanted.people)}


# --- posting it ----------------------------------------------------------------------------------


def _posted(world: World, done: Adjustment, written: Sequence[Operation]) -> Adjustment:
    """It, once it is done. Somebody else may be doing the same: what that took or gave is no reason to refuse."""
    try:
        check(world, done)
        _post(world, done, [*written, *(accounts.still_there(world, each) for each in done.receivers)])
    except Problem:
        found = _rows(world).get(done.id)
        if found and found.state == "posted":
            return found
        raise
    return _rows(world).get(done.id) or done


def _post(world: World, done: Adjustment, written: Sequence[Operation]) -> None:
    """One transaction with what is ``written`` beside it. Raises ConditionFailed where that does not hold."""
    by: Any = {"actor": done.asked_by, "reason": done.reason}
    match done.what:
        case "credit":
            wallet.adjust(world, done.user, done.amount, _key(done), done.id, _beside(world, done, written))
        case "earnings":
            payouts.adjust(world, done.user, done.amount, _key(done), done.id, _beside(world, done, written))
        case "coins_granted":
            coins.grant(world, done.user, done.amount, done.ref, **by, beside=lambda _: written)
        case "coins_withdrawn":
            coins.take(world, done.user, -done.amount, done.ref, **by, beside=lambda _: written)
        case "promo":
            promos.grant(world, done.user, done.amount, done.days, done.ref, **by, beside=lambda _: written)
        case "code":
            promos.make(world, done.code(world.now()), **by, beside=written)
        case "order":
            returns.refund_once(
                world,
                done.ref,
                done.id,
                done.units,
                returns.Who(**by),
                shipping=done.shipping,
                restock=done.restock,
                most=done.worth,
                beside=written,
            )
        case "reading":
            settling.settle(world, done.ref, earned=done.earned, refunded=done.refunded, **by, beside=tuple(written))


def _beside(world: World, done: Adjustment, written: Sequence[Operation]) -> Beside:
    """With the audit log's word and the person's, where whoever posts it has none of their own."""
    told = outbox.notice(
        world.settings.tables.notices,
        to=done.user,
        kind="adjusted",
        fact=done.id,
        at=done.decided_at or done.asked_at,
        facts={"account": done.what, "amount": done.amount},
    )
    said = _audited(world, done, "adjusted", done.asked_by, done.reason)
    return lambda _: (*written, said, told)


def _audited(world: World, about: Adjustment, action: str, actor: str, reason: str) -> Operation:
    detail: dict[str, str | int | bool | None] = {
        "adjustment": about.id,
        "what": about.what,
        "amount": about.amount,
        "ref": about.ref,
    }
    if actor != about.asked_by:
        detail["asked_by"] = about.asked_by
    return audit.entry(
        world.settings.tables.audit,
        subject=about.subject,
        action=action,
        actor=actor,
        reason=reason,
        at=about.decided_at or about.asked_at,
        detail=detail,
    )


def _key(done: Adjustment) -> str:
    return f"adjustment:{done.id}"


def _rows(world: World) -> Adjustments:
    return Adjustments(world.tables, world.settings.tables.wallet)
