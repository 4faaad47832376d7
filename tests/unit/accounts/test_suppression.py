"""An address that refused letters, or whose person called one unwanted, gets none, until an admin takes that back."""

from __future__ import annotations

import pytest

from chalicelib.accounts import suppression
from chalicelib.accounts.suppression import Mark
from chalicelib.gateways import World
from tests.support.worlds import NOON, HandClock, hand_world

ADA = "Ada@Example.test"


@pytest.fixture
def world() -> World:
    return hand_world()


def later(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def test_an_address_is_suppressed_once_however_it_is_spelled(world: World) -> None:
    assert suppression.mark_of(world, ADA) is None
    assert suppression.suppress(world, ADA, "bounce", NOON)
    assert not suppression.suppress(world, "ada@example.TEST", "complaint", NOON + 5)
    assert suppression.mark_of(world, "ADA@example.test") == Mark("bounce", NOON)
    assert suppression.mark_of(world, "bob@example.test") is None


def test_the_address_itself_is_not_kept(world: World) -> None:
    suppression.suppress(world, ADA, "bounce", NOON)
    suppression.release(world, ADA, actor="admin", reason="because")
    kept = f"{world.tables.scan('inbox').items} {world.tables.scan('audit').items}".casefold()
    assert "ada" not in kept
    assert "example" not in kept


def test_a_release_is_audited_once(world: World) -> None:
    assert not suppression.release(world, ADA, actor="admin", reason="nothing to do")
    suppression.suppress(world, ADA, "complaint", NOON)
    later(world, 10)
    assert suppression.release(world, ADA, actor="admin", reason="she asked")
    assert not suppression.release(world, ADA, actor="admin", reason="again")
    assert suppression.mark_of(world, ADA) is None
    (entry,) = world.tables.scan("audit").items
    assert (entry["action"], entry["reason"], entry["detail"]) == (
        "mail_released",
        "she asked",
        {"before": "complaint", "since": NOON},
    )


def test_what_is_heard_again_of_before_a_release_changes_nothing(world: World) -> None:
    suppression.suppress(world, ADA, "bounce", NOON)
    later(world, 10)
    suppression.release(world, ADA, actor="admin", reason="because")
    assert not suppression.suppress(world, ADA, "bounce", NOON)
    assert suppression.suppress(world, ADA, "bounce", NOON + 11)
    assert suppression.mark_of(world, ADA) == Mark("bounce", NOON + 11)
