"""The end of an account (product §1): asked for, confirmed by a mailed code, thought over for thirty days, carried out.

Carrying out touches every context, each through its own service. The state is written after the work that it stands
for, and all of that work can be done again, so a crash anywhere is made up for by the next call. Unused credit goes
back to the cards that paid it, and nobody is forgotten while money is owed to them. The ledger stays as it is: it holds
ids, moments and amounts.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts import suppression, uploads
from chalicelib.accounts.model.person import FORGOTTEN_NAME
from chalicelib.community import belongings as posts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    IdempotencyMismatch,
    InsufficientFunds,
    InvalidState,
    NotFound,
    Problem,
    ProviderFailed,
    SessionOpen,
    Unavailable,
    WalletFrozen,
)
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.live import belongings, looking
from chalicelib.live import service as live
from chalicelib.messaging import belongings as messages
from chalicelib.notifications import inbox
from chalicelib.notifications.letters import letter
from chalicelib.notifications.model.words import Words
from chalicelib.operations import departures, exports
from chalicelib.operations.model import deletion as model
from chalicelib.operations.model.deletion import CODE_DIGITS, Deletion, State, Told
from chalicelib.operations.store import Leaving
from chalicelib.payouts import payees, paying
from chalicelib.payouts import service as payouts
from chalicelib.readers import pictures
from chalicelib.readers import service as readers
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Advance, Key, Operation, Put
from chalicelib.scheduling import belongings as bookings
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import afterwards, settling
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Who
from chalicelib.shop import belongings as orders
from chalicelib.shop import selling
from chalicelib.wallet import packs, recharges, refunds
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

_STEPS: Final = 20
"""At most so many in one call; the next goes on from there."""
_AT_ONCE: Final = 25
"""Readings or bookings out of which a person is taken in one step."""
_SALT_BYTES: Final = 16
_REFUNDS: Final = 5
"""Of ten payments each, for one deletion."""

_LEAVES: Final = "a person's account is deleted"

_UNSETTLED: Final[dict[str, Any]] = {"list": -1, "start": None}

FORGETTING: Final[tuple[Callable[[World, str], None], ...]] = (
    readers.forget,
    pictures.forget,
    uploads.forget,
    accounts.forget,
    recharges.forget,
    payees.forget,
    bookings.forget,
    exports.forget,
    inbox.forget,
)
"""What each context does to forget a person, in any order. Each may be repeated."""


# --- a person's own ------------------------------------------------------------------------------


def ask(world: World, person_id: str) -> Deletion:
    """Mail a code that confirms the deletion; only its salted hash is kept. Where it is confirmed, nothing happens.

    Raises InvalidState (no address to send it to), RateLimited beyond five codes in 24 hours, ProviderFailed,
    Unavailable.
    """
    person = accounts.person(world, person_id)
    if not person.email:
        raise InvalidState("There is no e-mail address to send a code to. Contact support.")
    if suppression.mark_of(world, person.email):
        raise InvalidState("No mail is sent to your address, because some came back. Contact support.")
    salt, code = secrets.token_hex(_SALT_BYTES), f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    rows = _rows(world)

    def attempt() -> Deletion:
        was = rows.deletion(person_id)
        if was and was.confirmed:
            return was
        asked = model.asked(was, person_id, salt, code, world.now())
        world.tables.write(rows.keep_deletion(asked))
        return asked

    done = undisturbed(world.sleep, attempt)
    if done.state == "asked":
        try:
            world.mail.send(letter(person.email, person.display_name, _words(code)))
        except ProviderFailed:
            current = rows.deletion(person_id)
            if current and current.code == done.code:
                world.wrote(rows.keep_deletion(model.unsent(current)))
            raise
    return done


def confirm(world: World, person_id: str, code: str) -> Deletion:
    """Begin the thirty days. Repeating it once it is confirmed changes nothing.

    Raises NotFound (nothing was asked for), Invalid (another code), LinkExpired (too late, or tried too often),
    Unavailable (it may have been confirmed: to be repeated).
    """
    rows = _rows(world)

    def attempt() -> tuple[Deletion | None, Problem | None]:
        was, now = rows.deletion(person_id), world.now()
        decided, refusal = model.tried(was, code, now, world.settings.rules.cooling_off)
        if decided is not None and decided != was:
            told = [_notice(world, decided, "deletion_confirmed", now)] if decided.confirmed else []
            world.tables.write(rows.keep_deletion(decided), *told)
        return decided, refusal

    decided, refusal = undisturbed(world.sleep, attempt)
    if refusal or decided is None:
        raise refusal or NotFound
    if decided.runs_at is not None:
        world.wind("deletion", person_id, decided.epoch, decided.runs_at)
    departures.tell(world, decided, "confirmed")
    return decided


def cancel(world: World, person_id: str) -> None:
    """Keep the account. Raises NotFound where no deletion was ever asked for, InvalidState once it is closed,
    Unavailable.
    """
    rows = _rows(world)

    def attempt() -> None:
        was = rows.deletion(person_id)
        decided = model.cancelled(was)
        if decided != was:
            if was and was.confirmed:  # first: nobody is deleted after all whom a crash left half taken back
                departures.tell(world, decided, "cancelled")
            told = [_notice(world, decided, "deletion_cancelled", world.now())] if was and was.confirmed else []
            world.tables.write(rows.keep_deletion(decided), *told)

    undisturbed(world.sleep, attempt)


def deletion_of(world: World, person_id: str) -> Deletion:
    """How the account ends. Raises NotFound where it does not."""
    found = _rows(world).deletion(person_id)
    if found is None or found.state == "cancelled":
        raise NotFound("No deletion was asked for.")
    return found


# --- carrying it out -----------------------------------------------------------------------------


def called_by_clock(world: World, person_id: str, epoch: int, turn: int) -> Millis | None:
    """Bring it up to date for that execution of the clock; one of an older confirmation ends. Raises NotFound."""
    del turn
    wake = advance(world, person_id)
    found = _rows(world).deletion(person_id)
    # What is paid late is looked for once a day: the minute tick is enough for that.
    return wake if found and found.epoch == epoch and found.state != "deleted" else None


def advance(world: World, person_id: str) -> Millis | None:
    """Do what time has made due; answer when to be called again, None for never. Raises NotFound, Unavailable."""
    rows = _rows(world)
    for _ in range(_STEPS):
        was, now = rows.deletion(person_id), world.now()
        if was is None:
            raise NotFound("No deletion was asked for.")
        if was.runs_at is None or now < was.runs_at:
            return was.runs_at
        _STEP[was.state](world, was, now)
    return now


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
    """Keys of deletions with a step that is due, for the minute tick."""
    return _rows(world).due("deletion", shard, world.now(), limit, start)


def _close(world: World, was: Deletion, now: Millis) -> None:
    """Shut the door, if nothing is owed to the person: what was read of their money must still be so in that write."""
    person_id = was.person
    if was.state == "cooling":
        _settle(world, person_id)
    credit, earned, owed = _owed(world, was)
    if not owed and was.state == "awaiting_refund":  # until then a reading of theirs was not disturbed
        _settle(world, person_id)
        credit, earned, owed = _owed(world, was)
    if owed:
        held, told = model.held_back(was, owed, now), list[Operation]()
        if owed != was.owed:
            told = [
                _audited(world, was, "deletion_awaits_refund", now, owed),
                _notice(world, held, "deletion_awaits_refund", now, owed),
            ]
        world.wrote(_rows(world).keep_deletion(held), *told)
        return
    closing = accounts.closing(world, accounts.person(world, person_id), "asked for by the person")
    unchanged = (wallet.unchanged(world, credit), wallet.unchanged(world, earned))
    # What no card takes back any more, or, below zero, what they owe: nobody can collect either.
    left = credit.buckets.paid
    said = [_audited(world, was, "deletion_leaves_credit", now, left)] if left else []
    world.wrote(_rows(world).keep_deletion(model.closed(was, max(0, left), now)), *closing, *unchanged, *said)


def _forget(world: World, was: Deletion, now: Millis) -> None:
    """One step of forgetting: first what each context keeps of a person, then a page of what two people share."""
    person_id, rows = was.person, _rows(world)
    place = was.forgotten
    if place is None:
        departures.tell(world, was, "closed")
        for forget in FORGETTING:
            forget(world, person_id)
        # From here on nobody can ask a reader, or book them, who did not do so before.
        world.wrote(rows.keep_deletion(replace(was, forgotten=_UNSETTLED, runs_at=now + model.LINGER)))
        return
    number: int = place["list"]
    if place == _UNSETTLED:
        _settle(world, person_id)  # what was begun by a request that was let in before the doors were shut
        world.wrote(rows.keep_deletion(replace(was, forgotten={"list": 0, "start": None})))
        return
    if number < len(SHARED):
        following = SHARED[number](world, person_id, place["start"])
        at = {"list": number if following else number + 1, "start": following}
        world.wrote(rows.keep_deletion(replace(was, forgotten=at)))
        return
    credit, _, left = _owed(world, was)
    if left:
        log.error("deleted_with_balance", user=person_id, amount=left)  # credited after the door was shut
    done = model.deleted(was, max(0, credit.buckets.paid), now)
    world.wrote(rows.keep_deletion(done), _audited(world, was, "person_forgotten", now, left))


def _look_back(world: World, was: Deletion, now: Millis) -> None:
    """Give back what came since the door was shut: a page of Stripe's that was open then could still be paid."""
    _call_off_orders(world, was.person)  # one that slipped in, and was being paid when the others were called off
    before = wallet.head(world, was.person).buckets.paid
    if before > was.owed:
        # Named by the moment at which it was due, which stays until it is written that it was done.
        name = derived_id("rfd", was.person, "deleted", str(was.runs_at))
        late = None if was.again_at is None else before - was.owed
        with suppress(IdempotencyMismatch, InsufficientFunds, SessionOpen, WalletFrozen):
            refunds.request(world, was.person, name, late, actor="system", reason="paid after the account was closed")
    left = max(0, wallet.head(world, was.person).buckets.paid - was.owed)
    if left:
        log.error("deleted_with_balance", user=was.person, amount=left)
    if was.closed_at is not None:  # coins that were paid since are nobody's, and their money is
        packs.give_back_since(world, was.person, was.closed_at)
    world.wrote(_rows(world).keep_deletion(model.looked_back(was, now)))


def play_again(
    world: World, actor: str, reason: str, advance: Advance, strange: Callable[[str], object] = lambda _: None
) -> int:
    """Have every deletion stand as the list of who leaves says, where the tables are older: for a stage that was
    brought back and takes no calls yet. Who was gone is shut out and blank again when this returns; what they share
    with others follows by the tick, as ever. The number of people on the list; it may be repeated.

    ``strange`` is told what is on the list and says nothing of anybody. Raises InvalidState, Unavailable.
    """
    count = 0
    for person_id, told in departures.by_person(world, strange):
        undisturbed(world.sleep, partial(_stand_as_told, world, person_id, told, actor, reason))
        count += 1
        advance(1)
    return count


def _stand_as_told(world: World, person_id: str, told: Sequence[Told], actor: str, reason: str) -> None:
    try:
        person = accounts.person(world, person_id)
    except NotFound:  # they came after the copy's moment: nothing of theirs is here
        return
    rows, now = _rows(world), world.now()
    was = rows.deletion(person_id)
    # Who came again under the same id, after an older one was brought back without them, is somebody new.
    of_theirs = [each for each in told if each.asked_at >= person.created_at]
    decided = model.again(was, person_id, of_theirs, now, world.settings.rules.cooling_off)
    if decided is None or decided == was:
        return
    closing: tuple[Operation, ...] = ()
    if decided.state == "closed":
        for forget in FORGETTING:
            forget(world, person_id)
        closing = accounts.closing(world, accounts.person(world, person_id), reason)
    said = _audited(world, decided, f"deletion_{decided.state}_again", now, 0, actor, reason)
    world.tables.write(rows.keep_deletion(decided), *closing, said)


_STEP: Final[Mapping[State, Callable[[World, Deletion, Millis], None]]] = {
    "cooling": _close,
    "awaiting_refund": _close,
    "closed": _forget,
    "deleted": _look_back,
}


def _readings(side: Who, world: World, person_id: str, start: Any) -> Key | None:
    """Take the person out of a page of their readings; answer where the next one starts."""
    page, following = sessions.sessions_of(world, side, person_id, _AT_ONCE, start)
    for seen in page:
        sessions.forget(world, seen.session.id, side)
        afterwards.forget(world, seen.session, person_id, FORGOTTEN_NAME)
    return following


def _bookings(side: Who, world: World, person_id: str, start: Any) -> str | None:
    """Take the person out of a page of their bookings; answer where the next one starts."""
    page, following = scheduling.bookings_of(world, side, person_id, "past", _AT_ONCE, start)
    for booking in page:
        bookings.rename(world, booking.id, side, FORGOTTEN_NAME)
    return following


def _streams(world: World, person_id: str, start: Any) -> Key | None:
    """Take the person's name out of a page of the streams that they hosted; answer where the next one starts."""
    page, following = looking.listing(world, "past", None, person_id, _AT_ONCE, start)
    for stream in page:
        live.rename(world, stream.id, FORGOTTEN_NAME)
    return following


def _gifts(world: World, person_id: str, start: Any) -> Key | None:
    """Take the person's name from beside a page of the gifts that they sent; answer where the next one starts."""
    return belongings.rename(world, person_id, FORGOTTEN_NAME, _AT_ONCE, start)


def _messages(side: Who, world: World, person_id: str, start: Any) -> messages.Place | None:
    """Take away a page of what the person said in messages; answer where the next one starts."""
    return messages.erase(world, side, person_id, _AT_ONCE, start)


def _message_files(world: World, person_id: str, start: Any) -> str | None:
    """Remove a page of what they sent with messages, which say nothing any more; answer where the next one starts."""
    return messages.sweep(world, person_id, _AT_ONCE, start)


def _posts(world: World, person_id: str, start: Any) -> Key | None:
    """Delete a page of what the person wrote in the community; answer where the next one starts."""
    return posts.erase(world, person_id, _AT_ONCE, start)


def _post_files(world: World, person_id: str, start: Any) -> str | None:
    """Remove a page of what they put beside posts, all of which are deleted; answer where the next one starts."""
    return posts.sweep(world, person_id, _AT_ONCE, start)


def _addresses(world: World, person_id: str, start: Any) -> Key | None:
    """Erase where a page of what they ordered was sent to; answer where the next one starts."""
    return orders.erase(world, person_id, _AT_ONCE, start)


SHARED: Final[tuple[Callable[[World, str, Any], Any], ...]] = (
    partial(_readings, "client"),
    partial(_readings, "reader"),
    partial(_bookings, "client"),
    partial(_bookings, "reader"),
    _streams,
    _gifts,
    partial(_messages, "client"),
    partial(_messages, "reader"),
    _message_files,
    _posts,
    _post_files,
    _addresses,
)
"""The lists of what a person shares with others, in the order in which what tells who they were is taken out."""


def _settle(world: World, person_id: str) -> None:
    """End what is live and open, pay it out, call off what is booked and ordered, and sell nothing of theirs any more:
    what is owed then is what is owed.

    Raises Unavailable while what a stream earned is not settled.
    """
    ended = live.end_open(world, person_id, None, actor="system", note=_LEAVES)
    if (ended and ended.state != "finalized") or looking.unsettled(world, person_id):
        raise Unavailable("A stream of theirs is not settled yet.")
    if seen := sessions.open_session(world, person_id):
        if seen.session.booking:  # as if they did so themselves: what is booked has a price for who calls it off
            with suppress(InvalidState):
                scheduling.cancel(world, seen.session.booking, person_id)
            sessions.perform(world, seen.session.id, person_id, commands.finish)
        sessions.force_end(world, seen.session.id, actor="system", note=_LEAVES)
        if seen.session.booking:
            scheduling.look_after(world, seen.session.booking)
    bookings.call_off_all(world, person_id)
    selling.stop_all(world, person_id, actor="system", reason=_LEAVES)
    _call_off_orders(world, person_id)


def _call_off_orders(world: World, person_id: str) -> Cents:
    """Call off what they ordered and do not have yet; what cannot be called off yet, in cents."""
    return orders.call_off(world, person_id, actor="system", reason=_LEAVES)


def _owed(world: World, deletion: Deletion) -> tuple[Entry, Entry, Cents]:
    """Give back to the cards what can be. The newest entries of credit and earnings then, and what is still owed, in
    cents: what is on its way back, what a dispute may bring back, what could not be sent yet, orders that cannot be
    called off yet, readings that an admin must divide, and earnings, those on their way and those of what is sold and
    not sent too.
    """
    ordered = _call_off_orders(world, deletion.person)
    gives_more = _give_back(world, deletion)
    # The newest entries first: what comes back later than they were read fails the write that shuts the door.
    credit, refundable = refunds.refundable(world, deletion.person)
    earned = wallet.ledger(world).head(payouts.earnings_account(deletion.person))
    earnings = max(0, earned.balance) + paying.on_its_way(world, deletion.person)
    earnings += orders.to_earn(world, deletion.person)
    owed = refunds.may_come_back(world, deletion.person) + (refundable if gives_more else 0)
    return credit, earned, owed + ordered + earnings + settling.undivided(world, deletion.person)


def _give_back(world: World, deletion: Deletion) -> bool:
    """Send back to the cards what can be; whether it is worth trying to send more: cards may refuse for ever."""
    if sessions.open_session(world, deletion.person):  # what is theirs they may use up undisturbed
        return True
    if deletion.again_at is not None:  # the cards had it
        return False
    begun = world.now()
    for number in range(_REFUNDS):
        if world.now() - begun >= refunds.PATIENCE:
            return True  # on another day: Stripe is slow
        name = derived_id("rfd", deletion.person, "deletion", str(deletion.epoch), str(number))
        try:
            made = refunds.request(world, deletion.person, name, None, actor="system", reason="the account is deleted")
        except (InsufficientFunds, SessionOpen, WalletFrozen):
            return True
        if made.status == "pending":
            return True
    return False


def _audited(
    world: World,
    deletion: Deletion,
    action: str,
    now: Millis,
    owed: int,
    actor: str = "system",
    reason: str = "asked for by the person",
) -> Put:
    return audit.entry(
        world.settings.tables.audit,
        subject=deletion.person,
        action=action,
        actor=actor,
        reason=reason,
        at=now,
        detail={"amount": owed},
    )


def _notice(world: World, deletion: Deletion, kind: str, now: Millis, owed: int = 0) -> Put:
    return outbox.notice(
        world.settings.tables.notices,
        to=deletion.person,
        kind=kind,
        fact=f"{deletion.epoch}-{owed}",
        at=now,
        facts={"runs_at": deletion.runs_at, "amount": owed},
    )


def _words(code: str) -> Words:
    return Words(
        "Your code to delete your SoulSeer account",
        f"{code}\n\n"
        "Give this code in the app within 30 minutes to have your account deleted. Thirty days later it is gone; until "
        "then you can take it back. Coins cannot be paid out: those that are left by then are lost.\n\n"
        "If you did not ask for this, do nothing: your account stays. Nobody from SoulSeer will ask you for this code.",
    )


def _rows(world: World) -> Leaving:
    return Leaving(world.tables, world.settings.tables.accounts, world.settings.tick_shards)
