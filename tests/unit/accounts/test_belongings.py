"""Consents, devices, blocks and limits as a person's requests meet them, on tables in memory."""

from dataclasses import replace

import pytest

from chalicelib.accounts import service
from chalicelib.accounts.model import blocks, consents, devices
from chalicelib.accounts.model.limits import WAIT, Setting, Wanted
from chalicelib.accounts.model.person import newcomer
from chalicelib.accounts.store import People
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, Invalid, InvalidState, NotFound
from chalicelib.kernel.time import DAY
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import ConditionFailed, Put
from chalicelib.wallet import limits
from tests.support.diary import TODAY, Diary
from tests.support.worlds import HandClock, hand_world


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def ada(world: World) -> str:
    return service.sign_in(world, Claims("ada", None, "Ada")).id


@pytest.fixture
def bob(world: World) -> str:
    return service.sign_in(world, Claims("bob", None, "Bob")).id


def forward(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


# --- consents ------------------------------------------------------------------------------------


def test_every_version_is_kept_and_the_first_time_counts(world: World, ada: str) -> None:
    first = service.agree(world, ada, "terms", "2026-11-01")
    forward(world, 1_000)
    second = service.agree(world, ada, "terms", "2026-12-01")
    third = service.agree(world, ada, "guidelines", "2026-11-01")
    assert service.agree(world, ada, "terms", "2026-11-01") == first
    assert service.consents_of(world, ada).given == (first, second, third)
    assert (first.at, second.at) == (world.now() - 1_000, world.now())


def test_there_is_an_end_to_consents(world: World, ada: str) -> None:
    for number in range(consents.MOST):
        service.agree(world, ada, "terms", str(number))
    with pytest.raises(InvalidState):
        service.agree(world, ada, "terms", "one more")
    assert service.agree(world, ada, "terms", "0").version == "0"


def test_what_nobody_has_to_agree_to_can_be_taken_back_and_given_again(world: World, ada: str) -> None:
    assert not service.agrees(world, ada, "consumption")
    service.withdraw(world, ada, "consumption")
    first = service.agree(world, ada, "consumption", "1")
    assert service.agrees(world, ada, "consumption")
    forward(world, 1_000)
    service.withdraw(world, ada, "consumption")
    service.withdraw(world, ada, "consumption")
    assert not service.agrees(world, ada, "consumption")
    forward(world, 1_000)
    second = service.agree(world, ada, "consumption", "1")
    assert service.agrees(world, ada, "consumption")
    withdrawn = replace(first, withdrawn_at=world.now() - 1_000)
    assert service.consents_of(world, ada).given == (withdrawn, second)
    assert second.at == world.now()


def test_a_withdrawal_takes_back_every_version_of_that_document_alone(world: World, ada: str) -> None:
    for version in ("1", "2"):
        service.agree(world, ada, "consumption", version)
    terms = service.agree(world, ada, "terms", "1")
    service.withdraw(world, ada, "consumption")
    assert [each.withdrawn_at is None for each in service.consents_of(world, ada).given] == [False, False, True]
    assert service.agree(world, ada, "terms", "1") == terms


def test_the_terms_cannot_be_taken_back_nor_what_is_no_document(world: World, ada: str) -> None:
    service.agree(world, ada, "terms", "1")
    with pytest.raises(InvalidState):
        service.withdraw(world, ada, "terms")
    with pytest.raises(NotFound):
        service.withdraw(world, ada, "cookies")
    assert service.agrees(world, ada, "terms")


def test_who_is_not_there_any_more_agrees_to_nothing(world: World, ada: str) -> None:
    service.agree(world, ada, "consumption", "1")
    world.tables.write(*service.closing(world, service.person(world, ada), "asked for"))
    assert not service.agrees(world, ada, "consumption")


# --- devices -------------------------------------------------------------------------------------


def test_a_device_is_named_by_its_token_and_does_not_show_it(world: World, ada: str) -> None:
    device = service.add_device(world, ada, "ios", "token-of-ada")
    assert service.add_device(world, ada, "ios", "token-of-ada") == device
    assert service.add_device(world, ada, "android", "token-of-ada").id != device.id
    assert "token-of-ada" not in repr(device)
    assert len(service.devices_of(world, ada).registered) == 2


def test_of_eleven_devices_the_oldest_goes_and_may_come_back(world: World, ada: str) -> None:
    made = [service.add_device(world, ada, "ios", f"token-{number}") for number in range(devices.MOST + 1)]
    assert service.devices_of(world, ada).registered == tuple(made[1:])
    back = service.add_device(world, ada, "ios", "token-0")
    assert service.devices_of(world, ada).registered == (*made[2:], back)


def test_a_token_that_signs_in_elsewhere_leaves_the_former_account(world: World, ada: str, bob: str) -> None:
    """Otherwise one's notices would go on to a phone that somebody else uses now."""
    kept = service.add_device(world, ada, "android", "tablet")
    phone = service.add_device(world, ada, "ios", "phone")
    assert service.add_device(world, bob, "ios", "phone").id == phone.id
    assert service.devices_of(world, ada).registered == (kept,)
    assert [each.id for each in service.devices_of(world, bob).registered] == [phone.id]
    with pytest.raises(NotFound):
        service.remove_device(world, ada, phone.id)
    assert len(service.devices_of(world, bob).registered) == 1


def test_a_removed_device_is_nobodys(world: World, ada: str, bob: str) -> None:
    device = service.add_device(world, ada, "ios", "phone")
    service.remove_device(world, ada, device.id)
    assert service.devices_of(world, ada).registered == ()
    with pytest.raises(NotFound):
        service.remove_device(world, ada, device.id)
    assert service.add_device(world, bob, "ios", "phone").id == device.id


# --- blocks --------------------------------------------------------------------------------------


def test_a_block_holds_for_both_and_is_made_once(world: World, ada: str, bob: str) -> None:
    made = service.block(world, ada, bob)
    forward(world, 1_000)
    assert service.block(world, ada, bob) == made
    assert service.is_blocked(world, ada, bob)
    assert service.is_blocked(world, bob, ada)
    assert service.blocks_of(world, ada, 10, None) == ([made], None)
    assert service.blocks_of(world, bob, 10, None) == ([], None)


def test_of_many_those_are_known_who_are_apart_from_one(world: World, ada: str, bob: str) -> None:
    others = [service.sign_in(world, Claims(f"other{number}", None, None)).id for number in range(120)]
    service.block(world, ada, others[7])
    service.block(world, others[70], ada)
    service.block(world, others[119], ada)
    service.block(world, bob, others[8])
    assert service.apart_from(world, ada, [*others, ada, bob]) == {others[7], others[70], others[119]}
    assert service.apart_from(world, ada, [ada]) == service.apart_from(world, ada, []) == set()


@pytest.mark.parametrize("turned", [False, True])
def test_a_transaction_of_two_people_fails_where_either_blocked_the_other(
    world: World, ada: str, bob: str, turned: bool
) -> None:
    world.tables.write(*service.unblocked(world, ada, bob))
    service.block(world, *((bob, ada) if turned else (ada, bob)))
    with pytest.raises(ConditionFailed):
        world.tables.write(*service.unblocked(world, ada, bob))


@pytest.mark.parametrize("turned", [False, True])
def test_two_of_whom_one_blocked_the_other_cannot_book(world: World, turned: bool) -> None:
    diary = Diary(world).ready()
    people = (diary.client, diary.reader)
    for user in people:
        world.tables.write(People(world.tables, "accounts").add(newcomer(user, None, None, 0)))
    one, other = reversed(people) if turned else people
    service.block(world, one, other)
    with pytest.raises(Blocked):
        diary.book(TODAY + DAY)
    assert diary.credit() == 100_000
    service.unblock(world, one, other)
    assert diary.book(TODAY + DAY).is_open


def test_a_block_is_taken_back_by_who_made_it_alone(world: World, ada: str, bob: str) -> None:
    service.block(world, ada, bob)
    service.unblock(world, bob, ada)
    assert service.is_blocked(world, ada, bob)
    service.unblock(world, ada, bob)
    service.unblock(world, ada, bob)
    assert not service.is_blocked(world, ada, bob)


def test_nobody_blocks_themselves(world: World, ada: str) -> None:
    with pytest.raises(Invalid):
        service.block(world, ada, ada)
    assert service.blocks_of(world, ada, 10, None) == ([], None)


def test_a_block_does_not_tell_whether_somebody_is_here_and_holds_for_who_comes_later(world: World, ada: str) -> None:
    later = service.person_id(world, "auth0|later")
    assert service.block(world, ada, later).user == later
    assert service.sign_in(world, Claims("auth0|later", None, "Later")).id == later
    assert service.is_blocked(world, later, ada)


def test_a_thousand_can_be_blocked_and_one_more_when_one_is_let_go(world: World, ada: str, bob: str) -> None:
    cleo = service.sign_in(world, Claims("cleo", None, None)).id
    world.tables.write(Put("accounts", {"pk": ada, "sk": "blocks", "count": blocks.MOST - 1, "rev": 1}))
    service.block(world, ada, bob)
    with pytest.raises(InvalidState):
        service.block(world, ada, cleo)
    service.unblock(world, ada, bob)
    service.block(world, ada, cleo)
    assert [each.user for each in service.blocks_of(world, ada, 10, None)[0]] == [cleo]


def test_blocks_come_in_pages(world: World, ada: str) -> None:
    others = sorted(service.sign_in(world, Claims(str(number), None, None)).id for number in range(5))
    for each in others:
        service.block(world, ada, each)
    found, after = [], None
    for _ in range(3):
        page, after = service.blocks_of(world, ada, 2, after)
        found += [each.user for each in page]
    assert (found, after) == (others, None)


# --- limits --------------------------------------------------------------------------------------


def test_a_limit_is_stored_and_a_rise_comes_true_by_itself(world: World, ada: str) -> None:
    limits.set_limits(world, ada, Wanted(5_000, None, None, None))
    asked = limits.set_limits(world, ada, Wanted(None, None, 9_000, None))
    assert service.limits_of(world, ada).day == asked.day == Setting(5_000, None, world.now() + WAIT)
    forward(world, WAIT)
    held = service.limits_of(world, ada)
    assert (held.day, held.week, held.month) == (Setting(), Setting(), Setting(9_000))


def test_a_refused_limit_changes_nothing(world: World, ada: str) -> None:
    limits.set_limits(world, ada, Wanted(5_000, None, None, None))
    with pytest.raises(Invalid):
        limits.set_limits(world, ada, Wanted(1_000, -1, None, None))
    assert service.limits_of(world, ada).day == Setting(5_000)
