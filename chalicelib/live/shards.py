"""What a stream earns gathers on accounts of its own until it ends, so that 200 gifts a second do not meet on one.

``stream:{id}:{shard}`` is a chain as any. All of them are closed in one transaction, which is the exact cut-off: what
was given before is in it, and what comes after is refused. No gift has to check the stream's row in its transaction,
where all of them would meet.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.live.model.gift import shard
from chalicelib.live.model.stream import Stream
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Entry, follow

COINS: Final = "platform:coins"
"""The counter of what coins were bought for: income that is still to be earned."""


def account(stream: str, number: int) -> str:
    """The chain of one shard."""
    return f"stream:{stream}:{number}"


def earning(
    world: World, stream: Stream, fact: tuple[str, str], parts: tuple[Cents, Cents], tried: int, at: Millis
) -> list[Operation]:
    """The operations that post what ``fact`` (its kind and its id) brings: the reader's part on one of the shards, and
    the platform's. Raises InvalidState where the stream is over.
    """
    kind, thing = fact
    share, fee = parts
    book = wallet.ledger(world)
    head = book.head(account(stream.id, shard(thing, tried, stream.shards)))
    if head.closed:
        raise InvalidState("The stream is over.")
    entry = follow(head, meter.receive(head, f"{kind}_earned", share, COINS, thing), max(at, head.at))
    return [book.put(entry), wallet.journal(world, "fees", f"{kind}:{thing}", fee, COINS, entry.at)]


def heads(world: World, stream: Stream) -> list[Entry]:
    """The newest entry of each shard, strongly consistent."""
    book = wallet.ledger(world)
    return [book.head(account(stream.id, number)) for number in range(stream.shards)]


def closing(newest: Sequence[Entry], kind: str, counter: str, stream: str, at: Millis) -> list[Entry]:
    """The entries that close all shards and move what is on them to ``counter``; each has its number in the chain, so
    none can be put where something was posted meanwhile.
    """
    drafts = [replace(meter.receive(head, kind, -head.balance, counter, stream), closed=True) for head in newest]
    return [follow(head, draft, at) for head, draft in zip(newest, drafts, strict=True)]
