"""What is not booked and must not meet a booking, a reading or a stream: readings asked for now, and going live."""

from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease
from chalicelib.kernel.errors import Problem, ReaderBusy, SessionOpen, Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.live import service as live
from chalicelib.live.model.stream import Stream
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.scheduling.model import booking as model
from chalicelib.scheduling.service import advance, load
from chalicelib.scheduling.store import schedule_of
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Modality, Side
from chalicelib.sessions.service import Snapshot

_TRIES: Final = 30


def ask(world: World, client: Side, session_id: str, reader_id: str, modality: Modality) -> Snapshot:
    """Ask a reader for a reading now. It ends at either side's next booking.

    Raises as ``asking.create`` does; SessionOpen and ReaderBusy also where a booking of theirs is about to begin, and
    ReaderBusy while the reader is live.
    """
    if (on_air := live.open_of(world, reader_id)) and on_air.state == "live":
        raise ReaderBusy("The reader is live.")
    ends_by = [
        begins
        for user, refusal in ((client.user, SessionOpen), (reader_id, ReaderBusy))
        if (begins := _next_start(world, user, refusal)) is not None
    ]
    return asking.create(world, client, session_id, reader_id, modality, ends_by=min(ends_by, default=None))


def _next_start(world: World, user: str, refusal: type[Problem]) -> Millis | None:
    """When the person's next booking begins, if a reading that is asked for now could last until then."""
    rules = world.settings.rules
    now = world.now()
    running = now // rules.quarter * rules.quarter
    last = now + rules.session_max + rules.ring + rules.join
    for _ in range(_TRIES):
        found = schedule_of(world).next_booking(user, running, last)
        booking = advance(world, load(world, found)) if found else None
        if booking is None:
            return None
        if booking.is_open:
            if now >= model.opens_at(booking, rules):
                raise refusal
            return booking.start
    raise Unavailable


def go_live(world: World, stream_id: str, host: str) -> tuple[Stream, Lease]:
    """Start a stream of one's own, in no reading. Raises as ``live.start`` does, and SessionOpen."""
    if sessions.open_session(world, host):  # one whose time is over ends by this
        raise SessionOpen
    try:
        return live.start(world, stream_id, host, sessions.in_none(world, host))
    except ConditionFailed:
        raise SessionOpen from None
