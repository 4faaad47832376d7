"""The verbs of people: who they are, and what they may do."""

from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import with_role
from chalicelib.accounts.service import Person, Role
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.live import service as live
from chalicelib.moderation import suspension
from chalicelib.operations import deletions
from chalicelib.readers import service as readers
from chalicelib.sessions import service as sessions
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_text, an_email, takes_user
from scripts.admin.casefile import show_case, takes_case
from scripts.admin.readers import reader_facts, would_call_off


def show_person(world: World, asked: Namespace) -> Answer:
    """All of it is personal data: what is shown here is not to be copied elsewhere."""
    person = accounts.person(world, asked.user)
    facts = _person_facts(person) | {"email": person.email, "created_at": rfc3339(person.created_at)}
    if person.role == "reader":
        facts["reader"] = reader_facts(readers.reader(world, person.id))
    if seen := sessions.open_session(world, person.id):
        facts["open_session"] = {"id": seen.session.id, "state": seen.session.state}
    with suppress(NotFound):
        leaving = deletions.deletion_of(world, person.id)
        runs_at = rfc3339_or_none(leaving.runs_at)
        facts["deletion"] = {"state": leaving.state, "runs_at": runs_at, "owed": leaving.owed}
    return Answer([facts])


def find_people(world: World, asked: Namespace) -> Answer:
    """By subject it is one read, since ids derive from subjects; by address it reads the whole table."""
    if asked.email:
        return Answer([_person_facts(each) for each in accounts.having_email(world, asked.email)])
    try:
        return Answer([_person_facts(accounts.person(world, accounts.person_id(world, asked.sub)))])
    except NotFound:
        return Answer([])


def make_admin(world: World, asked: Namespace) -> Plan:
    """Nobody becomes an admin in any other way."""
    return _set_role(world, asked.user, "admin")


def revoke_admin(world: World, asked: Namespace) -> Plan:
    """Holds from their next request on."""
    return _set_role(world, asked.user, "client")


def _set_role(world: World, user: str, role: Role) -> Plan:
    person = accounts.person(world, user)
    after = person if person.role == role else with_role(person, role)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(accounts.set_role(world, user, role, actor=operator, reason=reason))])

    return Plan(() if after == person else (f"change the role of {_called(person)}: {person.role} → {role}",), act)


def suspend_person(world: World, asked: Namespace) -> Plan:
    """Shuts the person out first, so that nothing new begins while the rest is done. Each step may be repeated."""
    person = accounts.person(world, asked.user)
    listed = person.role == "reader" and readers.reader(world, person.id).verified
    seen = sessions.open_session(world, person.id)
    on_air = live.open_of(world, person.id)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(suspension.suspend(world, person.id, actor=operator, reason=reason))])

    will = (
        "" if person.suspended else f"suspend {_called(person)}: every request of theirs is refused",
        "take them out of the directory" if listed else "",
        f"stop their reading {seen.session.id} for safety" if seen and seen.session.state != "paused" else "",
        f"end their stream {on_air.id}, now {on_air.state}" if on_air else "",
        would_call_off(world, person.id),
    )
    return Plan(tuple(each for each in will if each), act)


def reinstate_person(world: World, asked: Namespace) -> Plan:
    """A reader is not listed again by this: they may have been withdrawn for a reason of its own."""
    person = accounts.person(world, asked.user)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(accounts.reinstate(world, person.id, actor=operator, reason=reason))])

    again = "; a reader comes back by `readers verify`" if person.role == "reader" else ""
    return Plan((f"let {_called(person)} in again{again}",) if person.suspended else (), act)


def _called(person: Person) -> str:
    return f"{person.display_name} ({person.id})"


def _person_facts(person: Person) -> Facts:
    return {"id": person.id, "display_name": person.display_name, "role": person.role, "status": person.status}


def _takes_subject_or_email(parser: ArgumentParser) -> None:
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--sub", type=a_text, help="the subject of their tokens, such as auth0|1234")
    by.add_argument("--email", type=an_email, help="their address; reads the whole table of accounts")


VERBS: Final = (
    Verb(
        "people",
        "show",
        "Show a person, their standing as a reader, their open reading, and how their account ends.",
        ("people show usr_… --stage dev", "people show usr_… --local --json"),
        takes_user,
        show_person,
    ),
    Verb(
        "people",
        "find",
        "Find people by the subject of their tokens, or by their address.",
        ("people find --sub 'auth0|1234' --stage dev", "people find --email luna@example.com --local"),
        _takes_subject_or_email,
        find_people,
    ),
    Verb(
        "people",
        "case",
        "Show a person's case file: money in cents, readings, orders, reports, what was done. The look is recorded.",
        (
            'people case usr_… --stage prod --reason "ticket 1234"',
            'people case usr_… --limit 50 --local --json --reason "ticket 1234"',
        ),
        takes_case,
        show_case,
        recorded=True,
    ),
    Verb(
        "people",
        "make-admin",
        "Make a client an admin.",
        (f"people make-admin usr_… --stage dev {WHY}",),
        takes_user,
        make_admin,
        changes=True,
    ),
    Verb(
        "people",
        "revoke-admin",
        "Make an admin a client again.",
        (f"people revoke-admin usr_… --stage dev {WHY}",),
        takes_user,
        revoke_admin,
        changes=True,
    ),
    Verb(
        "people",
        "suspend",
        "Shut a person out, and stop the reading they are in for safety.",
        (f"people suspend usr_… --stage prod {WHY}",),
        takes_user,
        suspend_person,
        changes=True,
    ),
    Verb(
        "people",
        "reinstate",
        "Let a suspended person in again.",
        (f"people reinstate usr_… --stage prod {WHY}",),
        takes_user,
        reinstate_person,
        changes=True,
    ),
)
