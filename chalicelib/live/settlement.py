"""The end of a stream's money, exactly once."""

from chalicelib.gateways import World
from chalicelib.live.model.stream import Stream, finalized
from chalicelib.live.store import streams_of


def settle(world: World, stream: Stream) -> bool:
    """Bring the money of an ended stream to its end, and finalize it; whether that is done. It may be repeated."""
    _, operations = streams_of(world).replace(finalized(stream, max(world.now(), stream.at)), was=stream)
    return world.wrote(*operations)
