"""Promotional credit: by a code, or given by an admin (product §4).

A redemption is one transaction: the code's count, the person's own redemptions and the entry of their credit. Its id
derives from the request and is the key of its posting, so a repeat finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, IdempotencyMismatch, Invalid, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, Millis
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation
from chalicelib.wallet import limits
from chalicelib.wallet.model import meter
from chalicelib.wallet.model import promo as model
from chalicelib.wallet.model.buckets import MOST_LOTS, Lot
from chalicelib.wallet.model.chain import Draft, Entry, Fact
from chalicelib.wallet.model.promo import Code, Tries
from chalicelib.wallet.promo_store import Promos
from chalicelib.wallet.service import Beside, credit_account, nothing, post_once, posted

_TRIES: Final = 40
"""Many may redeem one code at one moment, and all write one row."""
_PAGE: Final = 100
_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Promotion:
    """``amount`` cents that count until ``expires_at``."""

    amount: Cents
    expires_at: Millis


def redeem(world: World, user: str, redemption: str, written: str) -> Promotion:
    """Redeem the code that ``user`` wrote; the same promotion when repeated under the id ``redemption``.

    Raises SpendingLimitReached (excluded), RateLimited (ten wrong ones in an hour), NotFound (no such code),
    AlreadyDone (used by this person), LinkExpired (used up, over or stopped), InvalidState (four at once),
    IdempotencyMismatch (the same id was derived for another code), Unavailable.
    """
    limits.must_not_be_excluded(world, user)
    rows = _rows(world)
    name, key, lot = model.normalised(written), f"promo:{redemption}", derived_id("pro", redemption)

    def made_before() -> Promotion | None:
        done = posted(world, key)
        if done and done.reference != name:
            raise IdempotencyMismatch
        return Promotion(done.amount, _expiry(done, lot)) if done else None

    def attempt() -> Promotion:
        known = code(world, written)
        times = rows.times(known.code, user)
        if done := made_before():  # after the counts: this very one, made in between, must be found by it
            return done
        used = model.redeemed(known, times, world.now())
        beside = (rows.keep(used, known), rows.redeem(known.code, user, times))
        entry = _grant(world, user, key, lot, known.amount, known.days, known.code, lambda _: beside)
        log.info("promo_redeemed", user=user, amount=known.amount)
        return Promotion(entry.amount, _expiry(entry, lot))

    if done := made_before():
        return done
    guess = take_guess(world, user, derived_id("gss", redemption, written))
    code(world, written)
    give_guess_back(world, user, guess)
    return undisturbed(world.sleep, attempt, tries=_TRIES)


def take_guess(world: World, user: str, guess: str) -> Tries:
    """Count a guess before it is known to be wrong, so that those that are made at once are counted too. ``guess``
    names it, as no other. Raises RateLimited where ten in an hour were wrong, or are not known yet; Unavailable.
    """
    rows = _rows(world)

    def attempt() -> Tries:
        tries = rows.tries(user)
        if tries.last == guess:
            return tries
        now = world.now()
        model.may_guess(tries, now)
        taken = model.guessed(tries, guess, now)
        world.tables.write(rows.keep_tries(user, taken))
        return taken

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def give_guess_back(world: World, user: str, taken: Tries) -> None:
    """It was right, or nobody knows. Raises Unavailable."""
    rows = _rows(world)

    def attempt() -> None:
        tries = rows.tries(user)
        less = model.not_wrong(tries, taken)
        if less != tries:
            world.tables.write(rows.keep_tries(user, less))

    undisturbed(world.sleep, attempt, tries=_TRIES)


def grant(
    world: World,
    user: str,
    amount: Cents,
    days: int,
    ref: str,
    *,
    actor: str,
    reason: str,
    beside: Beside = nothing,
) -> Promotion:
    """Give ``user`` promotional credit once under ``ref``, audited; they are told. ``beside`` as in
    ``post_once``.

    Raises NotFound, Invalid, AlreadyDone (the same ``ref`` with another amount), InvalidState (four at once).
    """
    check_terms(amount, days)
    person = accounts.person(world, user)
    if person.deleted:
        raise InvalidState("The client has left: nobody could spend it.")
    lot = derived_id("pro", user, ref)

    def with_words(entry: Entry) -> list[Operation]:
        names = world.settings.tables
        facts = {"amount": amount, "expires_at": entry.at + days * DAY}
        told = outbox.notice(names.notices, to=user, kind="promo_granted", fact=lot, at=entry.at, facts=facts)
        act = audit.entry(
            names.audit,
            subject=user,
            action="promo_granted",
            actor=actor,
            reason=reason,
            at=entry.at,
            detail={"amount": amount, "days": days, "ref": ref},
        )
        return [*beside(entry), told, act]

    entry = _grant(world, user, _grant_key(user, ref), lot, amount, days, lot, with_words)
    return Promotion(amount, _expiry(entry, lot))


def check_terms(amount: Cents, days: int) -> None:
    """Raises Invalid for more promotional credit, or for longer, than is given at once."""
    if not (1 <= amount <= model.MOST_CENTS and 1 <= days <= model.MOST_DAYS):
        message = f"up to {model.MOST_CENTS} cents for up to {model.MOST_DAYS} days"
        raise Invalid(errors=({"field": "amount", "message": message},))


def granted(world: World, user: str, ref: str) -> Promotion | None:
    """What ``user`` was given under ``ref``, if anything."""
    entry = posted(world, _grant_key(user, ref))
    return Promotion(entry.amount, _expiry(entry, derived_id("pro", user, ref))) if entry else None


def _grant_key(user: str, ref: str) -> str:
    return f"promo:grant:{user}:{ref}"


def _grant(
    world: World, user: str, key: str, lot: str, amount: Cents, days: int, reference: str, beside: Beside
) -> Entry:
    def draft_of(newest: Entry, now: Millis) -> Draft:
        if newest.buckets.full:
            raise InvalidState(f"There are {MOST_LOTS} promotional credits already. Spend one first.")
        return meter.grant(newest, Lot(lot, amount, now + days * DAY), reference)

    fact = Fact("promo_granted", amount, "platform:promo", reference)
    return post_once(world, credit_account(user), key, fact, draft_of, beside)


def _expiry(entry: Entry, lot: str) -> Millis:
    return next(each.expires_at for each in entry.buckets.lots if each.id == lot)


# --- codes, for admins ---------------------------------------------------------------------------


def make(world: World, code: Code, *, actor: str, reason: str, beside: Sequence[Operation] = ()) -> Code:
    """Make a code, audited, with what is written ``beside`` it; the one there is where it says the same. One try:
    raises ConditionFailed or Contended where another writer came between.

    How much may be offered so by one person alone is for the caller to know. Raises Invalid, AlreadyDone.
    """
    if found := check(world, code):
        return found
    detail = {name: getattr(code, name) for name in ("amount", "valid_until", "days", "per_person", "total")}
    act = _audited(world, code.code, "promo_made", actor, reason, detail)
    world.tables.write(_rows(world).keep(code, None), act, *beside)
    return code


def check(world: World, code: Code) -> Code | None:
    """The one there is, where it says the same as ``code``. Raises AlreadyDone where it says something else, Invalid
    where there is none and this one cannot be made.
    """
    found = _rows(world).get(code.code)
    if found is None:
        model.made(code)
    elif not same(found, code):
        raise AlreadyDone("There is such a code, with other terms.")
    return found


def same(one: Code, other: Code) -> bool:
    """Whether two codes promise the same."""
    return one == replace(other, created_at=one.created_at, used=one.used, stopped=one.stopped, rev=one.rev)


def stop(world: World, name: str, *, actor: str, reason: str) -> Code:
    """Let nobody redeem the code any more, audited; what was redeemed stays. Raises NotFound."""

    def attempt() -> Code:
        was = code(world, name)
        if was.stopped:
            return was
        stopped = replace(was, stopped=True)
        act = _audited(world, was.code, "promo_stopped", actor, reason, {"used": was.used})
        world.tables.write(_rows(world).keep(stopped, was), act)
        return stopped

    return undisturbed(world.sleep, attempt)


def code(world: World, name: str) -> Code:
    """The code, however it is written. Raises NotFound."""
    known = model.normalised(name)
    found = _rows(world).get(known) if known else None
    if found is None:
        raise NotFound("There is no such code.")
    return found


def codes(world: World) -> list[Code]:
    """All codes by name, up to 10,000."""
    found: list[Code] = []
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = _rows(world).page(_PAGE, start)
        found += page
        if start is None:
            break
    return found


def _audited(world: World, name: str, action: str, actor: str, reason: str, detail: dict[str, int]) -> Operation:
    return audit.entry(
        world.settings.tables.audit,
        subject=f"promo:{name}",
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail=dict(detail),
    )


def _rows(world: World) -> Promos:
    return Promos(world.tables, world.settings.tables.wallet)
