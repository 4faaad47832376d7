"""What the rest of the program, and a person, may ask of accounts.

Nobody registers: the first request of a subject makes its profile. The id derives from issuer and subject, so two
first requests at once make the same person, and no table of subjects is needed to find it again.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from chalicelib.accounts.model import blocks, consents, devices, limits, preferences
from chalicelib.accounts.model import person as people
from chalicelib.accounts.model.blocks import Block
from chalicelib.accounts.model.consents import Consent, Consents, Document
from chalicelib.accounts.model.devices import Device, Devices, Platform
from chalicelib.accounts.model.limits import Limits, Wanted
from chalicelib.accounts.model.person import Changes, Person
from chalicelib.accounts.model.preferences import Channel, Kind, Preferences, QuietHours
from chalicelib.accounts.store import Belongings, People
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.roles import Role
from chalicelib.kernel.time import SECOND
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.identity import Admit, Caller, Claims
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import MOST_KEYS, MOST_OPERATIONS, ConditionFailed, Operation

__all__ = ["Changes", "Person", "Role"]

_FORGOTTEN_AT_ONCE: Final = MOST_OPERATIONS
_PAIRS_AT_ONCE: Final = MOST_KEYS // 2
"""Each has a block in either direction."""


def sign_in(world: World, claims: Claims, admit: Admit = lambda: None) -> Caller:
    """Who sends this request: one strongly consistent read, and a write only the first time, once ``admit`` lets it.

    A suspended person is let through with ``suspended`` set; the endpoint says where that still opens a door. Raises
    Forbidden for one who was deleted: the same sign-in never makes a new account.
    """
    subject = person_id(world, claims.subject)
    found = _people(world).find(subject)
    if found is None:
        admit()
        found = _welcome(world, subject, claims)
    _check_there(found)
    if claims.email and claims.email != found.email:
        found = _moved(world, subject, claims.email)
    return Caller(id=found.id, role=found.role, display_name=found.display_name, suspended=found.suspended)


def person_id(world: World, subject: str) -> str:
    """The id of the person behind a token's subject, met before or not."""
    return derived_id("usr", world.settings.auth_issuer, subject)


def person(world: World, person_id: str) -> Person:
    """The person. Raises NotFound."""
    if found := _people(world).find(person_id):
        return found
    raise NotFound("There is no such person.")


def is_shut_out(world: World, person_id: str) -> bool:
    """Whether the person is suspended or deleted; False for somebody who is not known."""
    found = _people(world).find(person_id)
    return found is not None and (found.suspended or found.deleted)


def is_deleted(world: World, person_id: str) -> bool:
    """Whether the account was deleted; False for somebody who is not known."""
    found = _people(world).find(person_id)
    return found is not None and found.deleted


def names_of(world: World, people_ids: Iterable[str]) -> dict[str, str]:
    """What these people are called now, by their ids. Who is not known is called as who was deleted."""
    ids, found = sorted(set(people_ids)), dict[str, str]()
    for first in range(0, len(ids), MOST_KEYS):
        found |= _people(world).names(ids[first : first + MOST_KEYS])
    return {each: found.get(each, people.FORGOTTEN_NAME) for each in ids}


def having_email(world: World, email: str) -> list[Person]:
    """Everybody with this address. Reads the whole table: for the command line."""
    return _people(world).having_email(email)


def change(world: World, person_id: str, changes: Changes) -> Person:
    """Change one's own profile. Raises Invalid, AgeRequired, AlreadyDone (a birth date is set once)."""

    def attempt() -> Person:
        was = person(world, person_id)
        _check_there(was)
        today = datetime.fromtimestamp(world.now() / SECOND, UTC).date()
        return _replaced(world, people.changed(was, changes, today), was)

    return undisturbed(world.sleep, attempt)


def suspend(world: World, person_id: str, *, actor: str, reason: str) -> Person:
    """Shut the person out from the next request on. The reading that is open is for the caller to stop."""
    return _administered(world, person_id, "person_suspended", people.suspended, actor, reason)


def reinstate(world: World, person_id: str, *, actor: str, reason: str) -> Person:
    """Let a suspended person in again."""
    return _administered(world, person_id, "person_reinstated", people.reinstated, actor, reason)


def set_role(world: World, person_id: str, role: Role, *, actor: str, reason: str) -> Person:
    """Put the person into another role. Raises InvalidState where there is no such step."""

    def decide(was: Person) -> Person:
        return was if was.role == role else people.with_role(was, role)

    return _administered(world, person_id, "role_changed", decide, actor, reason)


def role_change(world: World, was: Person, role: Role, *, actor: str, reason: str) -> tuple[Operation, ...]:
    """The operations that put ``was`` into another role, for a transaction of a context above.

    They fail when the person changed since it was read. Raises InvalidState where there is no such step.
    """
    return _audited(world, people.next_rev(people.with_role(was, role), was), was, "role_changed", actor, reason)


def suspension(world: World, was: Person, *, actor: str, reason: str) -> tuple[Operation, ...]:
    """The operations that suspend ``was``, for a transaction of a context above; none where they are suspended.

    They fail when the person changed since it was read. Raises InvalidState for one who was deleted.
    """
    decided = people.suspended(was)
    return (
        _audited(world, people.next_rev(decided, was), was, "person_suspended", actor, reason) if decided != was else ()
    )


def reinstatement(world: World, was: Person, *, actor: str, reason: str) -> tuple[Operation, ...]:
    """The operations that let ``was`` in again, as ``suspension`` shuts them out; none where they are in, or gone."""
    if not was.suspended:
        return ()
    decided = people.next_rev(people.reinstated(was), was)
    return _audited(world, decided, was, "person_reinstated", actor, reason)


# --- what a person agreed to, and where notices go -----------------------------------------------


def consents_of(world: World, person_id: str) -> Consents:
    """What the person agreed to, with the first time of each version."""
    return _belongings(world).consents(person_id)


def agree(world: World, person_id: str, document: Document, version: str) -> Consent:
    """Keep that the person agreed to a version; what was agreed before keeps its time. Raises InvalidState."""
    rows = _belongings(world)

    def attempt() -> Consent:
        was = rows.consents(person_id)
        if given := was.of(document, version):
            return given
        decided = consents.agreed(was, document, version, world.now())
        world.tables.write(rows.keep_consents(person_id, decided))
        return decided.given[-1]

    return undisturbed(world.sleep, attempt)


def withdraw(world: World, person_id: str, document: str) -> None:
    """Take back every consent to that document, from now on.

    Raises NotFound where it is no document, InvalidState for one that cannot be taken back.
    """
    rows = _belongings(world)

    def attempt() -> None:
        was = rows.consents(person_id)
        decided = consents.withdrawn(was, document, world.now())
        if decided != was:
            world.tables.write(rows.keep_consents(person_id, decided))

    undisturbed(world.sleep, attempt)


def agrees(world: World, person_id: str, document: Document) -> bool:
    """Whether the person is there, and agrees to that document, to whichever version, at this moment."""
    return not is_deleted(world, person_id) and bool(consents_of(world, person_id).holding(document))


def devices_of(world: World, person_id: str) -> Devices:
    """The devices that the person's pushes go to."""
    return _belongings(world).devices(person_id)


def add_device(world: World, person_id: str, platform: Platform, token: str) -> Device:
    """Send the person's pushes there too. A token that was another's is the person's from now on."""
    rows = _belongings(world)
    device_id = derived_id("dev", platform, token)

    def attempt() -> Device:
        was, owner = rows.devices(person_id), rows.device_owner(device_id)
        if owner == person_id and (known := was.of(device_id)):
            return known
        device = Device(device_id, platform, token, world.now())
        decided, gone = devices.with_device(was, device)
        others = rows.devices(owner) if owner and owner != person_id else Devices()
        moved = [rows.keep_devices(owner, devices.without(others, device_id))] if owner and others.of(device_id) else []
        world.tables.write(
            rows.keep_devices(person_id, decided),
            rows.claim_device(device_id, person_id, owner),
            *(each for old in gone for each in _without_device(world, person_id, old.id)),
            *moved,
        )
        return device

    return undisturbed(world.sleep, attempt)


def remove_device(world: World, person_id: str, device_id: str) -> None:
    """Send no more pushes there. Raises NotFound where it is no device of the person's."""
    rows = _belongings(world)

    def attempt() -> None:
        was = rows.devices(person_id)
        if was.of(device_id) is None:
            raise NotFound("You have no such device.")
        kept = rows.keep_devices(person_id, devices.without(was, device_id))
        world.tables.write(kept, *_without_device(world, person_id, device_id))

    undisturbed(world.sleep, attempt)


def device_owner(world: World, device_id: str) -> str | None:
    """Whose device this is; None for one that is nobody's."""
    return _belongings(world).device_owner(device_id)


def preferences_of(world: World, person_id: str) -> Preferences:
    """Which notices the person wants, by which channel and when not. What sends a notice asks this first."""
    return _belongings(world).preferences(person_id)


def prefer(
    world: World, person_id: str, chosen: Mapping[Kind, frozenset[Channel]], quiet: QuietHours | None, rev: int
) -> Preferences:
    """Store what the person chose, on the ``rev`` that they saw. Raises Invalid, InvalidState (changed since)."""
    rows = _belongings(world)

    def attempt() -> Preferences:
        was = rows.preferences(person_id)
        decided = preferences.changed(was, chosen, quiet, rev)
        if decided == was:
            return was
        world.tables.write(rows.keep_preferences(person_id, decided))
        return replace(decided, rev=was.rev + 1)

    return undisturbed(world.sleep, attempt)


# --- whom and what a person keeps away from ------------------------------------------------------


def blocks_of(world: World, person_id: str, limit: int, after: str | None) -> tuple[list[Block], str | None]:
    """A page of those whom the person blocked, by id, and after whom the next page starts."""
    return _belongings(world).blocks(person_id, limit, after)


def block(world: World, person_id: str, user: str) -> Block:
    """Keep the person and ``user`` apart from now on; a reading that is open goes on. Repeating keeps the first time.

    Whether there is a ``user`` makes no difference: ids follow from how people sign in, and nobody is to learn by a
    block who is here. Raises Invalid (oneself), InvalidState beyond 1,000.
    """
    rows = _belongings(world)

    def attempt() -> Block:
        if done := rows.block(person_id, user):
            return done
        tally = rows.tally(person_id)
        decided = blocks.block(person_id, user, tally, world.now())
        world.tables.write(*rows.add_block(decided, tally))
        return decided

    return undisturbed(world.sleep, attempt)


def unblock(world: World, person_id: str, user: str) -> None:
    """Take a block back, if there is one."""
    rows = _belongings(world)

    def attempt() -> None:
        if done := rows.block(person_id, user):
            world.tables.write(*rows.remove_block(done, rows.tally(person_id)))

    undisturbed(world.sleep, attempt)


def is_blocked(world: World, one: str, other: str) -> bool:
    """Whether either of the two blocked the other: for what is shown. What is written takes ``unblocked`` with it."""
    rows = _belongings(world)
    return bool(rows.block(one, other) or rows.block(other, one))


def apart_from(world: World, person_id: str, others: Iterable[str]) -> set[str]:
    """Those of them whom the person blocked, or who blocked the person: for what is shown, as ``is_blocked``."""
    ids, found = sorted(set(others) - {person_id}), set[str]()
    for first in range(0, len(ids), _PAIRS_AT_ONCE):
        found |= _belongings(world).apart(person_id, ids[first : first + _PAIRS_AT_ONCE])
    return found


def unblocked(world: World, one: str, other: str) -> tuple[Operation, Operation]:
    """The operations that fail a transaction where either of the two blocked the other.

    In the transaction itself, so that of a block and a start at once only one can come first.
    """
    rows = _belongings(world)
    return rows.no_block(one, other), rows.no_block(other, one)


def limits_of(world: World, person_id: str) -> Limits:
    """What the person lets themselves spend at this moment, and what will change."""
    return _belongings(world).limits(person_id).at(world.now())


def limits_change(world: World, person_id: str, wanted: Wanted) -> tuple[Limits, Operation | None]:
    """What the person asks for: what is stricter at once, what is looser in 24 hours; and the operation that keeps it,
    for the transaction of ``wallet``, or None where it is so already. It fails when another change came first.

    Raises Invalid.
    """
    rows = _belongings(world)
    was = rows.limits(person_id)
    decided = limits.changed(was, wanted, world.now())
    return decided, rows.keep_limits(person_id, decided) if decided != was else None


# --- the end of an account -----------------------------------------------------------------------


def closing(world: World, was: Person, reason: str) -> tuple[Operation, ...]:
    """The operations that shut ``was`` out for good and blank the profile, for a transaction of a context above.

    They fail when the person changed since it was read.
    """
    closed = people.next_rev(people.forgotten(was), was)
    return _audited(world, closed, was, "person_deleted", "system", reason)


def still_there(world: World, person_id: str) -> Operation:
    """The operation that fails a transaction where the person is gone by then, or stands differently.

    In the transaction itself, so that of a deletion and what is given only one can come first. Raises NotFound,
    InvalidState where they are gone already.
    """
    found = person(world, person_id)
    if found.deleted:
        raise InvalidState("This person has left: nobody could spend it.")
    return _people(world).still(found)


def forget(world: World, person_id: str) -> None:
    """Take away what a deleted person set. Consents stay: that they were given, and when, has to be provable.

    It may be repeated, and goes on where it was stopped. Raises Contended.
    """
    rows = _belongings(world)
    for device in rows.devices(person_id).registered:
        with suppress(ConditionFailed):  # not theirs any more: nothing to do
            world.tables.write(*_without_device(world, person_id, device.id))
    for _ in range(blocks.MOST // _FORGOTTEN_AT_ONCE + 1):
        page, following = rows.blocks(person_id, _FORGOTTEN_AT_ONCE, None)
        if page:
            world.tables.write(*rows.forget_blocks(page))
        if following is None:
            break
    world.tables.write(*rows.forget(person_id))


def _without_device(world: World, person_id: str, device_id: str) -> tuple[Operation, ...]:
    """The device is nobody's, and whoever pushes is told to forget it. They fail when it is another's."""
    now = world.now()
    told = outbox.notice(
        world.settings.tables.notices,
        to=person_id,
        kind="device_gone",
        fact=f"{device_id}#{now}",
        at=now,
        facts={"device": device_id},
    )
    return _belongings(world).let_device_go(device_id, person_id), told


def _belongings(world: World) -> Belongings:
    return Belongings(world.tables, world.settings.tables.accounts)


def _people(world: World) -> People:
    return People(world.tables, world.settings.tables.accounts)


def _welcome(world: World, subject: str, claims: Claims) -> Person:
    rows = _people(world)

    def attempt() -> Person:
        if found := rows.find(subject):  # the other of two first requests was quicker
            return found
        newcomer = people.newcomer(subject, claims.name, claims.email, world.now())
        world.tables.write(rows.add(newcomer))
        return newcomer

    return undisturbed(world.sleep, attempt)


def _moved(world: World, subject: str, email: str) -> Person:
    """The issuer is the authority on addresses: an invitation may be bound to one."""

    def attempt() -> Person:
        was = person(world, subject)
        _check_there(was)
        return _replaced(world, replace(was, email=email), was)

    return undisturbed(world.sleep, attempt)


def _check_there(found: Person) -> None:
    if found.deleted:
        raise Forbidden("This account was deleted.")


def _replaced(world: World, decided: Person, was: Person) -> Person:
    if decided == was:
        return was
    changed = people.next_rev(decided, was)
    world.tables.write(_people(world).replace(changed, was))
    return changed


def _administered(
    world: World, person_id: str, action: str, decide: Callable[[Person], Person], actor: str, reason: str
) -> Person:
    """Carry out an admin's decision with its audit entry; what already holds is left as it is."""

    def attempt() -> Person:
        was = person(world, person_id)
        decided = decide(was)
        if decided == was:
            return was
        changed = people.next_rev(decided, was)
        world.tables.write(*_audited(world, changed, was, action, actor, reason))
        return changed

    return undisturbed(world.sleep, attempt)


def _audited(world: World, person: Person, was: Person, action: str, actor: str, reason: str) -> tuple[Operation, ...]:
    entry = audit.entry(
        world.settings.tables.audit,
        subject=was.id,
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail={"before": f"{was.role}, {was.status}", "after": f"{person.role}, {person.status}"},
    )
    return _people(world).replace(person, was), entry
