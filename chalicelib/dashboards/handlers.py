"""``rollup``: called with what was added to the ledger, to people and to readers, at least once.

Its module is its handler. What cannot be summed is named, and comes again (ReportBatchItemFailures); all else of the
same records is summed before that. What goes on failing lies among the dead letters, and holds up no other.
"""

from collections.abc import Callable
from typing import Any, Final

from chalice.app import Blueprint

from chalicelib.dashboards.model.news import News, Source, key_of, news_of
from chalicelib.gateways import World, world
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.runtime import metrics

blueprint = Blueprint(__name__)

_SOURCES: Final[tuple[Source, ...]] = ("ledger", "accounts", "readers")


@blueprint.lambda_function(name="rollup")
@metrics.flushed
def rollup(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Sum up what is new in a stream, or, called by hand with ``again``, what is told there."""
    left = context.get_remaining_time_in_millis
    return summed_again(world(), event["again"], left) if "again" in event else summed(world(), event, left)


def summed(world: World, event: dict[str, Any], left: Callable[[], Millis]) -> dict[str, Any]:
    """Sum up what is new; name the records of what could not be."""
    numbers: dict[News, list[str]] = {}
    for record in event["Records"]:
        news = news_of(_source(world, record["eventSourceARN"]), key_of(record["dynamodb"]["Keys"]))
        if news:
            numbers.setdefault(news, []).append(record["dynamodb"]["SequenceNumber"])
    failed = _folded(world, list(numbers), left)
    return {"batchItemFailures": [{"itemIdentifier": number} for each in failed for number in numbers[each]]}


def summed_again(world: World, again: dict[str, Any], left: Callable[[], Millis]) -> dict[str, Any]:
    """Sum up what those ``keys`` of rows of that ``source`` are news of. Raises Unavailable where something is left."""
    found = [news_of(again["source"], key) for key in again["keys"]]
    if _folded(world, [each for each in found if each], left):
        raise Unavailable("Not everything could be summed.")
    return {}


def _folded(world: World, news: list[News], left: Callable[[], Millis]) -> list[News]:
    # Here, not above: Chalice's command line reads this module, and sums nothing.
    from chalicelib.dashboards.folding import fold

    return fold(world, news, left) if news else []


def _source(world: World, stream: str) -> Source:
    """Which table a stream is of: ``arn:…:table/{name}/stream/…``. Raises LookupError."""
    name, tables = stream.partition(":table/")[2].partition("/")[0], world.settings.tables
    for source in _SOURCES:
        if getattr(tables, source) == name:
            return source
    raise LookupError(f"nothing is summed of {name}")
