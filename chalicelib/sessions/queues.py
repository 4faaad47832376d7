"""Who waits for a busy reader: first come, first offered, two minutes to accept.

A queue is one row, and every change of it is conditional on its ``rev``. Nobody keeps its time: whoever touches it
brings it up to date first, and that is the client who asks where they are, the reader's beat every 30 s, and whoever
asks the reader for a reading. An offer is written on the condition that the reader is in no reading. Accepting it is
asking for that reading: its transaction takes the client out of the queue, or holds that the queue is as it was. So
of two who want the reader one gets them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Blocked, Invalid, ReaderBusy, ReaderUnavailable
from chalicelib.kernel.time import Millis
from chalicelib.readers import model
from chalicelib.readers import service as readers
from chalicelib.readers.model import Modality, Queue, Reader
from chalicelib.runtime import outbox
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.sessions.model import commands
from chalicelib.sessions.store import session_rows
from chalicelib.wallet import metering

_TRIES: Final = 40
"""A whole queue may ask at one moment, and all write one row."""


def join(world: World, slug_or_id: str, client: str, modality: Modality) -> Queue:
    """Wait for the reader, or ask where one is; asking again keeps one's place. The queue as it is then.

    Raises NotFound, Invalid (oneself), Blocked, ReaderUnavailable (offline, or does not offer this),
    InsufficientFunds, SpendingLimitReached, WalletFrozen, ReaderBusy (50 wait).
    """

    def decide(reader: Reader, queue: Queue) -> Queue:
        if client == reader.id:
            raise Invalid("Nobody waits for themselves.", ({"field": "reader", "message": "another person"},))
        if accounts.is_blocked(world, client, reader.id):
            raise Blocked
        offline = reader.presence(world.now(), busy=_is_busy(world, reader.id)) == "offline"
        if offline or modality not in reader.rates:
            raise ReaderUnavailable
        # Who could not ask for a reading holds up nobody who can.
        commands.must_pay(metering.funds_before(world, client, reader.rates[modality]))
        return model.joined(queue, client, modality, world.now())

    return _changed(world, lambda: readers.by_slug(world, slug_or_id), decide)


def leave(world: World, slug_or_id: str, client: str) -> None:
    """Wait no longer; it may be repeated. Raises NotFound for who is not in the directory."""
    _changed(world, lambda: readers.by_slug(world, slug_or_id), lambda _, queue: model.left(queue, client))


def bring_up_to_date(world: World, reader_id: str) -> Queue:
    """Pass on a turn that ran out, offer a reader who is free to who is first. Raises NotFound."""
    return _changed(world, lambda: readers.reader(world, reader_id), lambda _, queue: queue)


def turn(world: World, reader: Reader, client: str, busy: Callable[[], bool]) -> Operation:
    """What makes it the client's turn, for the transaction in which they are given the reader, who is online.

    ``busy`` is asked where somebody waits. Raises ReaderBusy where somebody else is first; they are offered the
    reader then.
    """
    was = reader.queue
    if not was.waiting:
        return readers.queue_kept(world, reader)
    if busy():
        raise ReaderBusy
    queue = _in_turn(world, reader.id, was, world.now(), free=True)
    if queue.offered_to in (None, client):
        return readers.queue_change(world, reader, model.left(queue, client))
    if queue != was:
        world.wrote(*_writes(world, reader, queue))
    raise ReaderBusy("The reader is promised to somebody who has waited.")


def _changed(world: World, read: Callable[[], Reader], decide: Callable[[Reader, Queue], Queue]) -> Queue:
    """The queue, up to date, after the change; and up to date again, for who leaves may make room for an offer."""

    def attempt() -> Queue:
        reader, now = read(), world.now()
        free = reader.presence(now, busy=_is_busy(world, reader.id)) == "online"
        queue = decide(reader, _in_turn(world, reader.id, reader.queue, now, free=free))
        queue = _in_turn(world, reader.id, queue, now, free=free)
        if queue == reader.queue:
            return queue
        world.tables.write(*_writes(world, reader, queue))
        return replace(queue, rev=queue.rev + 1)

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def _in_turn(world: World, reader: str, was: Queue, now: Millis, *, free: bool) -> Queue:
    """The queue as it is by now. Nobody is newly offered the reader who could not come: blocked, suspended, deleted."""
    queue = model.in_turn(was, now, free=free)
    while queue.offered_to is not None and queue.offered_to != was.offered_to:
        client = queue.offered_to
        if not (accounts.is_shut_out(world, client) or accounts.is_blocked(world, client, reader)):
            break
        queue = model.in_turn(model.left(queue, client), now, free=free)
    return queue


def _writes(world: World, reader: Reader, queue: Queue) -> list[Operation]:
    """The changed queue, and word to whoever is offered the reader by it, who must be free then."""
    changed = readers.queue_change(world, reader, queue)
    if queue.offered_to is None or queue.offered_until == reader.queue.offered_until:
        return [changed]
    word = outbox.notice(
        world.settings.tables.notices,
        to=queue.offered_to,
        kind="queue_offer",
        fact=f"{reader.id}#{queue.rev + 1}",
        at=world.now(),
        facts={"reader": reader.id, "offered_until": queue.offered_until},
    )
    return [changed, word, session_rows(world).free(reader.id)]


def _is_busy(world: World, reader_id: str) -> bool:
    return session_rows(world).open_of(reader_id) is not None
