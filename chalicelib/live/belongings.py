"""What one person gave to streams, found by their own coins: for the file with all of theirs, and to be forgotten.

A page of coins leads to all that it paid for in one read more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from chalicelib.gateways import World
from chalicelib.live.gift_store import Ticket, gift_rows
from chalicelib.live.gifts import where
from chalicelib.live.model.gift import Sent
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key
from chalicelib.wallet import coins, statement
from chalicelib.wallet.model.chain import Entry


def gifts_of(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Sent], Key | None]:
    """The gifts among a page of the person's coins, newest first."""
    paid, following = _paid(world, user, "gift", limit, start)
    return gift_rows(world).sent([*map(where, paid)]), following


def tickets_of(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Ticket], Key | None]:
    """The tickets among a page of the person's coins, newest first, without those that went back."""
    paid, following = _paid(world, user, "ticket", limit, start)
    return gift_rows(world).tickets_to((entry.reference for entry in paid), user), following


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


def _paid(world: World, user: str, kind: str, limit: int, start: Key | None) -> tuple[list[Entry], Key | None]:
    """The entries of that kind among a page of their coins, each of which says where its row is."""
    page, following = statement.page(world, coins.coins_account(user), limit, start)
    return [entry for entry in page if entry.kind == kind], following
