"""``live_signals``: called with what was written of streams, in order and at least once. Its module is its handler."""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import World, world
from chalicelib.live.model.signal import Word, messages, word
from chalicelib.runtime import metrics
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import item_of

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="live_signals")
@metrics.flushed
def live_signals(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Tell who watches what is new; what could not be told is named, and comes again (ReportBatchItemFailures)."""
    del context
    return told(world(), event)


def told(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """One stream after the other; one that fails holds up no other. It comes again from its first record on, with
    whatever else was written since: who was told that knows it by its id.
    """
    words: dict[str, list[Word]] = {}
    first: dict[str, str] = {}
    for record in event["Records"]:
        if found := _word_of(record):
            words.setdefault(found.channel, []).append(found)
            first.setdefault(found.channel, record["dynamodb"]["SequenceNumber"])
    failed = []
    for channel, said in words.items():
        try:
            world.signals.publish(channel, messages(said))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
            log.warning("signals_not_sent", stream=channel, error=type(error).__name__, count=len(said))
            failed.append({"itemIdentifier": first[channel]})
    return {"batchItemFailures": failed}


def _word_of(record: dict[str, Any]) -> Word | None:
    """What the record tells. One that cannot be read would not be read the next time either: it is left out."""
    image = record["dynamodb"].get("NewImage")
    if image is None:
        return None  # a row that is gone
    try:
        return word(item_of(image), new=record["eventName"] == "INSERT")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others are told
        log.error("signal_unreadable", error=type(error).__name__)
        return None
