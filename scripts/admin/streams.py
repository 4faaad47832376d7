"""The verbs of streams."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.live import looking
from chalicelib.live import service as live
from chalicelib.live.model.stream import Stream
from chalicelib.runtime.tables import Key
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id

_PAGE: Final = 100
_MOST_PAGES: Final = 20


def list_streams(world: World, asked: Namespace) -> Answer:
    """Private ones are in no list: `streams show` finds them by their id."""
    found: list[Facts] = []
    start: Key | None = None
    for _ in range(_MOST_PAGES):
        page, start = looking.listing(world, asked.state, None, None, _PAGE, start)
        found += [_facts(each, looking.as_listed(world, each).viewers) for each in page]
        if start is None:
            break
    return Answer(found)


def show_stream(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it up to date."""
    stream = live.load(world, asked.stream)
    seen = looking.as_listed(world, stream)
    more = {
        "peak": seen.peak,
        "host_gone_since": rfc3339_or_none(stream.gone_since),
        "moderators": list(stream.moderators),
        "invited": stream.invited,
        "finalized_at": rfc3339_or_none(stream.finalized_at),
        "to_be_put_out": "somebody may still be in the channel" if stream.owes_removal else None,
        "rev": stream.rev,
    }
    return Answer([_facts(stream, seen.viewers) | more])


def end_stream(world: World, asked: Namespace) -> Plan:
    """Nothing to do for one that is over. One that has not begun is called off, and its tickets are given back."""
    stream = live.load(world, asked.stream)

    def act(operator: str, reason: str) -> Answer:
        done = live.force_end(world, stream.id, "admin", actor=operator, note=reason)
        return Answer([_facts(done, 0)])

    will = f"end the stream {stream.id} of {stream.host}, now {stream.state}, and empty its channel"
    return Plan((will,) if stream.is_open else (), act)


def _facts(stream: Stream, viewers: int) -> Facts:
    return {
        "id": stream.id,
        "state": stream.state,
        "reason": stream.ended_for,
        "host": stream.host,
        "title": stream.title,
        "visibility": stream.visibility,
        "price": stream.price,
        "starts_at": rfc3339(stream.starts_at),
        "started_at": rfc3339_or_none(stream.started_at),
        "ended_at": rfc3339_or_none(stream.ended_at),
        "viewers": viewers,
    }


def _takes_state(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=("live", "upcoming"), default="live", help="which (live)")


def _takes_stream(parser: ArgumentParser) -> None:
    parser.add_argument("stream", type=an_id, metavar="STREAM", help="the stream's id, str_…")


VERBS: Final = (
    Verb(
        "streams",
        "list",
        "List the streams that are live, or to come.",
        ("streams list --stage prod", "streams list --state upcoming --local --json"),
        _takes_state,
        list_streams,
    ),
    Verb(
        "streams",
        "show",
        "Show a stream.",
        ("streams show str_… --stage prod",),
        _takes_stream,
        show_stream,
    ),
    Verb(
        "streams",
        "end",
        "End a stream, or call it off.",
        (f"streams end str_… --stage prod {WHY}",),
        _takes_stream,
        end_stream,
        changes=True,
    ),
)
