"""A push goes to the devices that are the person's at that moment, and to no other; a dead one is let go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.push import Message
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, SECOND
from chalicelib.notifications import pushing
from chalicelib.notifications.model.notice import Facts, Notice
from chalicelib.notifications.model.words import Words
from chalicelib.notifications.telling import notification_of
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Contended
from tests.support.losing import LosingTables
from tests.support.worlds import NOON, OfflinePush, hand_world

HELLO = Message("ntc_1", "Hello", "It is me.", {}, "news", 1, 60)


@pytest.fixture
def world() -> World:
    return hand_world()


def person(world: World, name: str) -> str:
    return accounts.sign_in(world, Claims(f"sub|{name}", None, name)).id


@pytest.fixture
def ada(world: World) -> str:
    return person(world, "Ada")


@pytest.fixture
def phone(world: World, ada: str) -> str:
    """Ada's."""
    return accounts.add_device(world, ada, "ios", "phone").id


def phones(world: World) -> OfflinePush:
    assert isinstance(world.push, OfflinePush)
    return world.push


def shown(world: World) -> list[str]:
    """The tokens that something was pushed to."""
    return [token for token, _ in phones(world).pushed]


def gone(world: World, to: str) -> list[str]:
    """The devices that whoever pushes is told to forget, in their order."""
    rows = world.tables.query("notices", ("pk", to)).items
    return [row["facts"]["device"] for row in rows if row["kind"] == "device_gone"]


def test_a_push_reaches_the_device_and_its_endpoint_is_made_once(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    first = dict(phones(world).endpoints)
    phones(world).endpoints["arn:ios:phone"] = "kept"
    pushing.push_to(world, ada, phone, HELLO)
    assert first == {"arn:ios:phone": "phone"}
    assert shown(world) == ["phone", "kept"]


def test_a_device_that_was_removed_gets_nothing_any_more(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    accounts.remove_device(world, ada, phone)
    pushing.push_to(world, ada, phone, HELLO)
    assert shown(world) == ["phone"]


def test_a_device_that_is_anothers_now_gets_nothing_for_the_one_before(world: World, ada: str, phone: str) -> None:
    bob = person(world, "Bob")
    accounts.add_device(world, bob, "ios", "phone")
    pushing.push_to(world, ada, phone, HELLO)
    assert shown(world) == []
    pushing.push_to(world, bob, phone, HELLO)
    assert shown(world) == ["phone"]


@pytest.mark.parametrize("token", ["no token", "gone later"])
def test_a_dead_device_is_the_persons_no_longer(world: World, ada: str, token: str) -> None:
    device = accounts.add_device(world, ada, "ios", token).id
    if token == "gone later":
        pushing.push_to(world, ada, device, HELLO)
        phones(world).shut.add(f"arn:ios:{token}")
    pushing.push_to(world, ada, device, HELLO)
    assert accounts.devices_of(world, ada).registered == ()
    assert gone(world, ada) == [device]


def test_an_endpoint_that_is_missing_is_made_anew(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    phones(world).endpoints.clear()
    pushing.push_to(world, ada, phone, HELLO)
    assert shown(world) == ["phone", "phone"]
    assert len(accounts.devices_of(world, ada).registered) == 1


def test_out_of_reach_it_is_not_known_to_be_on_its_way(world: World, ada: str, phone: str) -> None:
    with pytest.raises(Unavailable):
        pushing.push_to(replace(world, push=OfflinePush(down=True)), ada, phone, HELLO)
    assert len(accounts.devices_of(world, ada).registered) == 1


def test_what_sns_refuses_is_let_go_and_the_device_stays(world: World, ada: str, phone: str) -> None:
    pushing.push_to(replace(world, push=OfflinePush(refusing=True)), ada, phone, HELLO)
    assert len(accounts.devices_of(world, ada).registered) == 1


def test_where_nothing_is_pushed_to_such_devices_nothing_happens(world: World, ada: str, phone: str) -> None:
    class Without(OfflinePush):
        def endpoint(self, platform: str, token: str) -> None:
            del platform, token

    pushing.push_to(replace(world, push=Without()), ada, phone, HELLO)
    assert shown(world) == []


def test_the_endpoint_of_a_device_that_nobody_has_is_removed(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    accounts.remove_device(world, ada, phone)
    for _ in range(2):
        pushing.forget_device(world, phone)
    assert phones(world).endpoints == {}
    assert world.tables.query("inbox", ("pk", f"endpoint#{phone}")).items == []


def test_the_endpoint_of_a_device_that_came_back_stays(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    accounts.remove_device(world, ada, phone)
    accounts.add_device(world, person(world, "Bob"), "ios", "phone")
    pushing.forget_device(world, phone)
    assert phones(world).endpoints == {"arn:ios:phone": "phone"}


def test_an_endpoint_that_could_not_be_removed_is_tried_again(world: World, ada: str, phone: str) -> None:
    pushing.push_to(world, ada, phone, HELLO)
    accounts.remove_device(world, ada, phone)
    phones(world).down = True
    with pytest.raises(Unavailable):
        pushing.forget_device(world, phone)
    phones(world).down = False
    pushing.forget_device(world, phone)
    assert phones(world).endpoints == {}


def test_of_eleven_devices_the_oldest_is_forgotten_and_of_who_left_all(world: World, ada: str) -> None:
    made = [accounts.add_device(world, ada, "ios", f"token-{number}").id for number in range(11)]
    assert gone(world, ada) == made[:1]
    accounts.forget(world, ada)
    assert sorted(gone(world, ada)) == sorted(made)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(5))
def test_whichever_write_is_lost_a_dead_device_is_forgotten_in_the_end(at: int, after: bool) -> None:
    tables = LosingTables(100, after=after)
    world = hand_world(tables)
    ada = person(world, "Ada")
    phone = accounts.add_device(world, ada, "ios", "phone").id

    def push() -> None:
        pushing.push_to(world, ada, phone, HELLO)

    def die() -> None:
        phones(world).shut.add("arn:ios:phone")
        push()

    tables.left = at
    for step in (push, die, lambda: pushing.forget_device(world, phone)):
        for _ in range(2):  # what raises comes again
            with suppress(Contended, Unavailable):
                step()
                break
    assert shown(world) in (["phone"], ["phone", "phone"])
    assert accounts.devices_of(world, ada).registered == ()
    assert set(gone(world, ada)) == {phone}
    assert (phones(world).endpoints, tables.scan("inbox").items) == ({}, [])


# --- what phones show ----------------------------------------------------------------------------


def notice(facts: Facts, kind: str = "favorite_online") -> Notice:
    return Notice("usr_ada", kind, facts, "fact", NOON)


def test_a_notice_is_pushed_by_the_name_of_its_line_and_leads_to_what_it_is_about() -> None:
    told = notice({"reader": "usr_luna", "amount": 7, "until": NOON + 90 * SECOND})
    shown = pushing.message(told, Words("Luna is online", "Now."), 3, NOON + 30 * SECOND)
    line = notification_of(told).id
    assert shown == Message(
        name=line,
        title="Luna is online",
        text="Now.",
        about={"reader": "usr_luna", "id": line, "kind": "favorite_online"},
        group="favorites",
        unread=3,
        seconds=60,
    )


def test_what_keeps_an_account_safe_is_worth_a_day_and_shown_together() -> None:
    shown = pushing.message(notice({}, "dispute"), Words("A", "B"), 0, NOON)
    assert (shown.group, shown.seconds) == ("account", DAY // SECOND)


def test_a_name_that_google_keeps_for_itself_is_not_used() -> None:
    shown = pushing.message(notice({"from": "usr_bob", "conversation": "cnv_1"}), Words("A", "B"), 0, NOON)
    assert "from" not in shown.about
    assert (shown.about["user"], shown.about["conversation"]) == ("usr_bob", "cnv_1")
