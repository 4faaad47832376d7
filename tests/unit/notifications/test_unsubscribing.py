"""No more mail by one click: the address does just that, for ever, and cannot be made up."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import get_args

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.preferences import Kind, QuietHours
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.notifications import unsubscribing
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.parsing import path_of
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world

BASE = "https://api.soulseer.test/v1/unsubscribe/"


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, Claims("auth0|ada", "ada@example.test", "Ada")).id


def token(world: World, user: str, kind: Kind) -> str:
    address = unsubscribing.address(world, user, kind)
    assert address
    assert address.startswith(BASE)
    return address.removeprefix(BASE)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_it_turns_off_mail_of_that_kind_and_nothing_else_however_often(world: World, ada: str, kind: Kind) -> None:
    before = accounts.preferences_of(world, ada)
    written = token(world, ada, kind)
    assert path_of({"token": written})
    for _ in range(2):
        assert "no more mail" in unsubscribing.unsubscribe(world, written)
    after = accounts.preferences_of(world, ada)
    for each in get_args(Kind):
        assert after.channels(each) == before.channels(each) - ({"email"} if each == kind else set())
    assert after.rev <= 1


def test_what_else_the_person_chose_stays(world: World, ada: str) -> None:
    quiet = QuietHours(60, 120)
    accounts.prefer(world, ada, {"favorites": frozenset({"push"})}, quiet, rev=0)
    unsubscribing.unsubscribe(world, token(world, ada, "wallet"))
    after = accounts.preferences_of(world, ada)
    assert after.quiet == quiet
    assert after.channels("favorites") == {"push"}


def test_the_page_that_programs_look_at_changes_nothing_and_asks(world: World, ada: str) -> None:
    shown = unsubscribing.page(world, token(world, ada, "wallet"))
    assert '<form method="post">' in shown
    assert accounts.preferences_of(world, ada).rev == 0


def test_every_other_token_is_of_nobody(world: World, ada: str) -> None:
    real = token(world, ada, "wallet")
    raw = base64.urlsafe_b64decode(real + "=" * (-len(real) % 4))
    forged = [
        base64.urlsafe_b64encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]) for place in range(len(raw))
    ]
    other_kind = base64.urlsafe_b64encode(raw[:32] + b"messages")
    for each in (*forged, other_kind, raw[:16], b"", b"====", b"x"):
        with pytest.raises(NotFound):
            unsubscribing.unsubscribe(world, each.decode("latin-1").rstrip("="))
    assert accounts.preferences_of(world, ada).rev == 0


def test_a_token_of_another_secret_is_of_nobody(world: World, ada: str) -> None:
    foreign = token(replace(world, unsubscribe_keys=lambda: ("another",)), ada, "wallet")
    with pytest.raises(NotFound):
        unsubscribing.page(world, foreign)


def test_a_letter_of_the_key_before_still_works_and_the_next_is_made_with_the_new_one(world: World, ada: str) -> None:
    old = token(world, ada, "wallet")
    rotated = replace(world, unsubscribe_keys=lambda: ("fresh", *world.unsubscribe_keys()))
    assert unsubscribing.page(rotated, old)
    assert token(rotated, ada, "wallet") == token(replace(world, unsubscribe_keys=lambda: ("fresh",)), ada, "wallet")
    twice = replace(world, unsubscribe_keys=lambda: ("fresher", "fresh"))
    with pytest.raises(NotFound):
        unsubscribing.page(twice, old)


def test_somebody_who_left_keeps_no_wish(world: World, ada: str) -> None:
    written = token(world, ada, "wallet")
    world.tables.write(*accounts.closing(world, accounts.person(world, ada), "asked for"))
    accounts.forget(world, ada)
    unsubscribing.unsubscribe(world, written)
    assert isinstance(world.tables, MemoryTables)
    assert (ada, "preferences") not in world.tables.rows["accounts"]


def test_the_address_holds_nothing_of_the_persons_address(world: World, ada: str) -> None:
    raw = base64.urlsafe_b64decode(token(world, ada, "wallet") + "==")
    assert b"ada" not in raw
    assert b"example" not in raw


def test_where_the_api_is_not_known_there_is_no_address(world: World, ada: str) -> None:
    lost = replace(world, settings=replace(world.settings, api_base=None))
    assert unsubscribing.address(lost, ada, "wallet") is None
