"""Readers on a real table: the directory's index, slugs and invitations that only one can have."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Invalid, NotFound
from chalicelib.kernel.ids import new_id
from chalicelib.readers import service
from chalicelib.readers.model import Price, Reader
from chalicelib.readers.service import Description, Filters, Listing
from chalicelib.readers.store import Readers
from chalicelib.runtime.identity import Claims
from tests.support.crowd import Crowd

ADMIN = {"actor": "arn:aws:iam::000000000000:user/admin", "reason": "because"}


def nobody_is_busy(readers: Sequence[str]) -> set[str]:
    return set()


def person(world: World) -> str:
    """Somebody new."""
    return accounts.sign_in(world, Claims(new_id("sub", world.now()), None, None)).id


def invited(world: World) -> str:
    token, _ = service.invite(world, email=None, **ADMIN)
    return service.accept_invitation(world, person(world), token).id


def listed(world: World, specialty: str, name: str, rate: int = 250) -> str:
    """A verified reader. Each test has a specialty of its own, for the table is shared."""
    reader = invited(world)
    service.describe(world, reader, Description(f"{specialty}-{name}", name, "", (specialty,), ("en",)))
    service.set_rates(world, reader, {"text": rate})
    return service.verify(world, reader, **ADMIN).id


@pytest.fixture
def specialty(world: World) -> str:
    """One of its own, fit to begin a slug."""
    return new_id("s", world.now()).replace("_", "").lower()


def names(listing: Listing) -> list[str]:
    return [card.name for card, _ in listing.items]


def accept(world: World, place: int, people: tuple[str, ...], token: str) -> str:
    return service.accept_invitation(world, people[place], token).id


def describe(world: World, place: int, people: tuple[str, ...], wanted: Description) -> str:
    return service.describe(world, people[place], wanted).id


def test_what_is_written_is_what_is_read(world: World) -> None:
    readers = Readers(world.tables, world.settings.tables.readers)
    bare = Reader(id=new_id("usr", world.now()), standing="invited", description=None, created_at=world.now())
    full = replace(
        bare,
        id=new_id("usr", world.now()),
        standing="withdrawn",
        description=Description("luna", "Luna", "a\n\nb", ("tarot", "runes"), ("en", "pt-BR")),
        prices={"text": Price(250, offered=True, raised_at=world.now()), "video": Price(900, offered=False)},
        rating_total=9,
        rating_count=2,
    )
    for reader in (bare, full):
        world.tables.write(*readers.add(reader))
        assert readers.find(reader.id) == reader


def test_an_invitation_many_use_at_once_is_for_one_of_them(world: World, crowd: Crowd) -> None:
    token, _ = service.invite(world, email=None, **ADMIN)
    people = tuple(person(world) for _ in range(8))
    answers = crowd(8, accept, people, token)
    assert sum(type(each) is AlreadyDone for each in answers) == 7
    readers = [who for who in people if accounts.person(world, who).role == "reader"]
    assert readers == [each for each in answers if isinstance(each, str)]


def test_a_slug_many_want_at_once_goes_to_one_of_them(world: World, crowd: Crowd, specialty: str) -> None:
    people = tuple(invited(world) for _ in range(8))
    answers = crowd(8, describe, people, Description(specialty, "Luna", "", (), ()))
    assert sum(type(each) is AlreadyDone for each in answers) == 7


def test_a_slug_that_was_given_up_leads_nowhere(world: World, specialty: str) -> None:
    reader = listed(world, specialty, "luna")
    service.describe(world, reader, Description(f"{specialty}-sol", "Sol", "", (), ()))
    assert service.by_slug(world, f"{specialty}-sol").id == reader
    with pytest.raises(NotFound):
        service.by_slug(world, f"{specialty}-luna")


def test_the_directory_holds_the_verified_and_nobody_else(world: World, specialty: str) -> None:
    listed(world, specialty, "ann")
    gone = listed(world, specialty, "bea")
    service.withdraw(world, gone, **ADMIN)
    waiting = invited(world)
    service.describe(world, waiting, Description(f"{specialty}-cat", "cat", "", (specialty,), ()))
    assert names(service.listing(world, Filters(specialty=specialty), busy=nobody_is_busy)) == ["ann"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_follow_each_other_without_gap_or_repetition(world: World, specialty: str, limit: int) -> None:
    for name, rate in (("ann", 300), ("bea", 100), ("cat", 200), ("dot", 100), ("eve", 50)):
        listed(world, specialty, name, rate)
    found: list[str] = []
    cursor = None
    for _ in range(6):
        page = service.listing(
            world, Filters(specialty=specialty), sort="rate", limit=limit, cursor=cursor, busy=nobody_is_busy
        )
        assert len(page.items) <= limit
        found += names(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["eve", "bea", "dot", "cat", "ann"]


def test_the_online_filter_shows_who_is_here_and_free(world: World, specialty: str) -> None:
    ann, bea, _cat = (listed(world, specialty, name) for name in ("ann", "bea", "cat"))
    for reader in (ann, bea):
        service.set_presence(world, reader, "online")

    def bea_is_busy(readers: Sequence[str]) -> set[str]:
        return {bea} & set(readers)

    def shown(online: bool | None) -> dict[str, str]:
        page = service.listing(world, Filters(specialty=specialty, online=online), busy=bea_is_busy)
        return {card.name: presence for card, presence in page.items}

    assert shown(None) == {"ann": "online", "bea": "busy", "cat": "offline"}
    assert shown(True) == {"ann": "online"}
    assert shown(False) == {"bea": "busy", "cat": "offline"}
    service.set_presence(world, ann, "offline")
    assert shown(True) == {}


def test_a_cursor_of_another_order_is_refused(world: World, specialty: str) -> None:
    for name in ("ann", "bea"):
        listed(world, specialty, name)
    page = service.listing(world, Filters(specialty=specialty), limit=1, busy=nobody_is_busy)
    with pytest.raises(Invalid):
        service.listing(world, Filters(), sort="rate", cursor=page.next_cursor, busy=nobody_is_busy)
