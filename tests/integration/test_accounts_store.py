"""Accounts on a real table: what is written is what is read, and of two writers one wins."""

from dataclasses import replace
from datetime import date

from chalicelib.accounts import service
from chalicelib.accounts.model import Person
from chalicelib.accounts.service import Changes
from chalicelib.accounts.store import People
from chalicelib.gateways import World
from chalicelib.kernel.ids import new_id
from chalicelib.runtime.identity import Caller, Claims
from tests.support.crowd import Crowd

ADMIN = {"actor": "arn:aws:iam::000000000000:user/admin", "reason": "because"}


def claims(world: World) -> Claims:
    """Somebody new."""
    return Claims(new_id("sub", world.now()), "ada@example.com", "Ada")


def sign_in(world: World, place: int, somebody: Claims) -> Caller:
    del place
    return service.sign_in(world, somebody)


def change(world: World, place: int, person: str, changes: tuple[Changes, ...]) -> None:
    service.change(world, person, changes[place])


def suspend(world: World, place: int, person: str) -> None:
    del place
    service.suspend(world, person, **ADMIN)


def test_what_is_written_is_what_is_read(world: World) -> None:
    people = People(world.tables, world.settings.tables.accounts)
    full = Person(
        id=new_id("usr", world.now()),
        role="admin",
        status="suspended",
        display_name="Ada 👩\u200d👧",
        birth_date=date(1990, 2, 28),
        time_zone="Europe/Rome",
        locale="it-IT",
        email="ada@example.com",
        created_at=world.now(),
        rev=1,
    )
    bare = replace(full, id=new_id("usr", world.now()), birth_date=None, email=None)
    for person in (full, bare):
        world.tables.write(people.add(person))
        assert people.find(person.id) == person


def test_first_requests_at_once_make_one_profile(world: World, crowd: Crowd) -> None:
    callers = crowd(16, sign_in, claims(world))
    assert {type(each) for each in callers} == {Caller}
    assert len(set(callers)) == 1
    assert service.person(world, callers[0].id).rev == 1


def test_no_change_of_several_at_once_is_lost(world: World, crowd: Crowd) -> None:
    me = service.sign_in(world, claims(world)).id
    changes = (Changes(display_name="Countess"), Changes(time_zone="Europe/Rome"), Changes(locale="it-IT"))
    assert crowd(3, change, me, changes) == [None] * 3
    found = service.person(world, me)
    assert (found.display_name, found.time_zone, found.locale, found.rev) == ("Countess", "Europe/Rome", "it-IT", 4)


def test_a_suspension_and_its_audit_entry_are_one(world: World, crowd: Crowd) -> None:
    me = service.sign_in(world, claims(world)).id
    assert crowd(8, suspend, me) == [None] * 8
    told = world.tables.query(world.settings.tables.audit, ("pk", me)).items
    assert [(row["action"], row["actor"], row["reason"]) for row in told] == [("person_suspended", *ADMIN.values())]
    assert service.person(world, me).suspended
