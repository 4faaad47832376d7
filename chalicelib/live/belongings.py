"""What one person gave to streams, found by their own coins: for the file with all of theirs, and to be forgotten."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from chalicelib.gateways import World
from chalicelib.live.gift_store import Ticket, gift_rows
from chalicelib.live.model.gift import Sent
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key
from chalicelib.wallet import coins, statement


def gifts_of(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Sent], Key | None]:
    """The gifts among a page of the person's coins, newest first."""
    places, following = _places(world, user, "gift", limit, start)
    return [each for stream, at in places for each in gift_rows(world).sent_at(stream, at, user)], following


def tickets_of(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Ticket], Key | None]:
    """The tickets among a page of the person's coins, newest first, without those that went back."""
    places, following = _places(world, user, "ticket", limit, start)
    found = [gift_rows(world).ticket(stream, user) for stream, _ in places]
    return [each for each in found if each], following


def rename(world: World, user: str, name: str, limit: int, start: Key | None) -> Key | None:
    """Show ``name`` beside the gifts among a page of the person's coins; answer where the next one starts. May be
    repeated. Raises Unavailable.
    """
    rows = gift_rows(world)
    found, following = gifts_of(world, user, limit, start)
    for sent in found:
        if sent.name != name:
            world.tables.write(rows.replace_sent(replace(sent, name=name)))
    for stream in dict.fromkeys(sent.stream for sent in found):
        undisturbed(world.sleep, partial(_rename_fan, world, stream, user, name))
    return following


def _rename_fan(world: World, stream: str, user: str, name: str) -> None:
    rows = gift_rows(world)
    fan = rows.fan(stream, user)
    if fan.rev and fan.name != name:
        world.tables.write(rows.replace_fan(replace(fan, name=name, rev=fan.rev + 1), fan))


def _places(
    world: World, user: str, kind: str, limit: int, start: Key | None
) -> tuple[list[tuple[str, int]], Key | None]:
    """Stream and moment of each spending of that kind: where its row is."""
    page, following = statement.page(world, coins.coins_account(user), limit, start)
    return list(dict.fromkeys((entry.reference, entry.at) for entry in page if entry.kind == kind)), following
