"""Accounts on a real table: what is written is what is read, and of two writers one wins."""

from dataclasses import replace
from datetime import date

from chalicelib.accounts import service
from chalicelib.accounts.model import blocks, devices
from chalicelib.accounts.model.blocks import Block
from chalicelib.accounts.model.consents import Consent, Consents
from chalicelib.accounts.model.devices import Device, Devices
from chalicelib.accounts.model.limits import Limits, Setting, Wanted
from chalicelib.accounts.model.person import Person, newcomer
from chalicelib.accounts.model.preferences import Preferences, QuietHours
from chalicelib.accounts.service import Changes
from chalicelib.accounts.store import Belongings, People
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, InvalidState
from chalicelib.kernel.ids import new_id
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.runtime.tables import Put
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import limits
from tests.support.crowd import Crowd
from tests.support.duo import Duo, refusals

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


def agree(world: World, place: int, person: str) -> Consent:
    return service.agree(world, person, "terms", str(place % 4))


def add_device(world: World, place: int, people: list[str], tokens: int) -> None:
    service.add_device(world, people[place % len(people)], "ios", f"{people[0]}-{place % tokens}")


def block(world: World, place: int, person: str, others: list[str]) -> Block:
    return service.block(world, person, others[place])


def block_or_unblock(world: World, place: int, person: str, other: str) -> None:
    if place % 2:
        service.unblock(world, person, other)
    else:
        service.block(world, person, other)


def limit(world: World, place: int, person: str) -> None:
    limits.set_limits(world, person, Wanted(1_000 * (place + 1), None, None, None))


def ask_or_block(world: World, place: int, own: str) -> None:
    duo = Duo(world, own)
    if place % 4 == 1:
        service.block(world, duo.client, duo.reader)
    elif place % 4 == 3:
        service.block(world, duo.reader, duo.client)
    else:
        asking.create(world, Side(duo.client, "Cee"), duo.session, duo.reader, "text")


def somebody(world: World) -> str:
    return service.sign_in(world, claims(world)).id


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


def test_what_a_person_set_is_what_is_read(world: World) -> None:
    rows, me = Belongings(world.tables, world.settings.tables.accounts), new_id("usr", world.now())
    agreed = Consents((Consent("terms", "1", 1), Consent("guidelines", "2", 2)))
    mine = Devices((Device("dev_1", "ios", "t", 1),))
    wanted = Preferences({"news": frozenset({"email", "push"}), "wallet": frozenset()}, QuietHours(60, 30))
    held = Limits(Setting(1, None, 5), Setting(0, 7, 6), Setting(), Setting(9))
    world.tables.write(rows.keep_consents(me, agreed))
    world.tables.write(rows.keep_devices(me, mine))
    world.tables.write(rows.keep_preferences(me, wanted))
    world.tables.write(rows.keep_limits(me, held))
    stored = (rows.consents(me), rows.devices(me), rows.preferences(me), rows.limits(me))
    assert stored == tuple(replace(each, rev=1) for each in (agreed, mine, wanted, held))


def test_consents_at_once_are_each_kept_with_one_first_time(world: World, crowd: Crowd) -> None:
    me = somebody(world)
    answers = crowd(16, agree, me)
    assert set(answers) == set(service.consents_of(world, me).given)
    assert len(service.consents_of(world, me).given) == 4


def test_of_many_devices_at_once_ten_stay_and_each_has_one_owner(world: World, crowd: Crowd) -> None:
    people = [somebody(world), somebody(world)]
    crowd(16, add_device, people, 13)
    rows = Belongings(world.tables, world.settings.tables.accounts)
    kept = {person: [each.id for each in rows.devices(person).registered] for person in people}
    assert all(len(ids) <= devices.MOST for ids in kept.values())
    assert {each: rows.device_owner(each) for ids in kept.values() for each in ids} == {
        each: person for person, ids in kept.items() for each in ids
    }


def test_the_thousandth_block_is_made_once(world: World, crowd: Crowd) -> None:
    me, others = somebody(world), [somebody(world) for _ in range(8)]
    tally = {"pk": me, "sk": "blocks", "count": blocks.MOST - 1, "rev": 1}
    world.tables.write(Put(world.settings.tables.accounts, tally))
    answers = crowd(8, block, me, others)
    assert refusals(answers) == {InvalidState.code: 7}
    assert len(service.blocks_of(world, me, 10, None)[0]) == 1


def test_the_tally_of_blocks_is_their_number(world: World, crowd: Crowd) -> None:
    me, other = somebody(world), somebody(world)
    assert crowd(12, block_or_unblock, me, other) == [None] * 12
    tally = Belongings(world.tables, world.settings.tables.accounts).tally(me)
    assert tally.count == len(service.blocks_of(world, me, 10, None)[0])


def test_of_limits_at_once_the_strictest_holds(world: World, crowd: Crowd) -> None:
    me = somebody(world)
    assert crowd(8, limit, me) == [None] * 8
    assert service.limits_of(world, me).day.value == 1_000


def test_a_block_and_a_start_at_once_cannot_both_come_first(world: World, crowd: Crowd) -> None:
    """Whoever asks is refused, or asked before the block was there: never after it."""
    duo = Duo(world, new_id("duo", world.now())[4:]).ready()
    for user in (duo.client, duo.reader):
        world.tables.write(People(world.tables, world.settings.tables.accounts).add(newcomer(user, None, None, 0)))
    answers = crowd(12, ask_or_block, duo.own)
    assert set(refusals(answers)) <= {Blocked.code}
    assert service.is_blocked(world, duo.client, duo.reader)
    made = sessions.open_session(world, duo.client)
    asked = [each for place, each in enumerate(answers) if place % 2 == 0]
    assert (None in asked) == bool(made)


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
