"""What the rest of the program, and a person, may ask of accounts.

Nobody registers: the first request of a subject makes its profile. The id derives from issuer and subject, so two
first requests at once make the same person, and no table of subjects is needed to find it again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.accounts import model
from chalicelib.accounts.model import Changes, Person
from chalicelib.accounts.store import People
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.roles import Role
from chalicelib.kernel.time import SECOND
from chalicelib.runtime import audit
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation

__all__ = ["Changes", "Person", "Role"]


def sign_in(world: World, claims: Claims) -> Caller:
    """Who sends this request: one strongly consistent read, and a write only the first time.

    A suspended person is let through with ``suspended`` set; the endpoint says where that still opens a door.
    """
    subject = person_id(world, claims.subject)
    found = _people(world).find(subject) or _welcome(world, subject, claims)
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


def having_email(world: World, email: str) -> list[Person]:
    """Everybody with this address. Reads the whole table: for the command line."""
    return _people(world).having_email(email)


def change(world: World, person_id: str, changes: Changes) -> Person:
    """Change one's own profile. Raises Invalid, AgeRequired, AlreadyDone (a birth date is set once)."""

    def attempt() -> Person:
        was = person(world, person_id)
        today = datetime.fromtimestamp(world.now() / SECOND, UTC).date()
        return _replaced(world, model.changed(was, changes, today), was)

    return undisturbed(world.sleep, attempt)


def suspend(world: World, person_id: str, *, actor: str, reason: str) -> Person:
    """Shut the person out from the next request on. The reading that is open is for the caller to stop."""
    return _administered(world, person_id, "person_suspended", model.suspended, actor, reason)


def reinstate(world: World, person_id: str, *, actor: str, reason: str) -> Person:
    """Let a suspended person in again."""
    return _administered(world, person_id, "person_reinstated", model.reinstated, actor, reason)


def set_role(world: World, person_id: str, role: Role, *, actor: str, reason: str) -> Person:
    """Put the person into another role. Raises InvalidState where there is no such step."""

    def decide(was: Person) -> Person:
        return was if was.role == role else model.with_role(was, role)

    return _administered(world, person_id, "role_changed", decide, actor, reason)


def role_change(world: World, was: Person, role: Role, *, actor: str, reason: str) -> tuple[Operation, ...]:
    """The operations that put ``was`` into another role, for a transaction of a context above.

    They fail when the person changed since it was read. Raises InvalidState where there is no such step.
    """
    return _audited(world, model.next_rev(model.with_role(was, role), was), was, "role_changed", actor, reason)


def _people(world: World) -> People:
    return People(world.tables, world.settings.tables.accounts)


def _welcome(world: World, subject: str, claims: Claims) -> Person:
    people = _people(world)

    def attempt() -> Person:
        if found := people.find(subject):  # the other of two first requests was quicker
            return found
        newcomer = model.newcomer(subject, claims.name, claims.email, world.now())
        world.tables.write(people.add(newcomer))
        return newcomer

    return undisturbed(world.sleep, attempt)


def _moved(world: World, subject: str, email: str) -> Person:
    """The issuer is the authority on addresses: an invitation may be bound to one."""

    def attempt() -> Person:
        was = person(world, subject)
        return _replaced(world, replace(was, email=email), was)

    return undisturbed(world.sleep, attempt)


def _replaced(world: World, decided: Person, was: Person) -> Person:
    if decided == was:
        return was
    changed = model.next_rev(decided, was)
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
        changed = model.next_rev(decided, was)
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
