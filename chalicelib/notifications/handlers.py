"""``notify``: called with what was added to the outbox, at least once, and again with what could not be told.
``mail_events``: called with what became of letters, at least once. Their module is their handler.

A notice that cannot be told holds up no other: its key goes to a queue, from which it comes again for about an hour,
and then lies among the dead letters. Only where the queue is out of reach too does the stream wait.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from chalice.app import Blueprint

from chalicelib.gateways import World, world
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime import metrics
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Contended, Item, item_of

blueprint = Blueprint(__name__)

Left = Callable[[], Millis]
"""How much of a function's time is left."""
_SPARE: Final[Millis] = 30 * SECOND
"""What must be left to begin with one more: it may be in other hands for a while, and the post may be slow."""


@blueprint.lambda_function(name="notify")
@metrics.flushed
def notify(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Tell of each new row of the outbox, or try those again that lie in the queue."""
    left: Left = context.get_remaining_time_in_millis
    queued = any(each.get("eventSource") == "aws:sqs" for each in event["Records"])
    return told_again(world(), event, left) if queued else told(world(), event, left)


@blueprint.lambda_function(name="mail_events")
@metrics.flushed
def mail_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Learn which addresses take no letters, or want none."""
    from chalicelib.notifications.bounces import hear

    del context
    for record in event["Records"]:
        hear(world(), record)
    return {}


def told(world: World, event: dict[str, Any], left: Left) -> dict[str, Any]:
    """Tell of what is new in the stream. Raises Unavailable, ProviderFailed where a notice can neither be told nor be
    kept for later: then all of them come again, and what was told is told to nobody twice.
    """
    for record in event["Records"]:
        if record["eventName"] != "INSERT":
            continue  # the same row again, or one whose time is over
        if failed := _failure(world, partial(item_of, record["dynamodb"]["NewImage"]), left):
            world.untold.put({"notice": item_of(record["dynamodb"]["Keys"]), "error": failed})
    return {"batchItemFailures": []}


def told_again(world: World, event: dict[str, Any], left: Left) -> dict[str, Any]:
    """Tell what could not be told before; what still cannot is named, and comes again (ReportBatchItemFailures)."""
    failed = [
        each["messageId"] for each in event["Records"] if _failure(world, partial(_row, world, each["body"]), left)
    ]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _row(world: World, body: str) -> Item | None:
    return world.tables.get(world.settings.tables.notices, json.loads(body)["notice"])


def _failure(world: World, read: Callable[[], Item | None], left: Left) -> str | None:
    """What kept a notice from being told; None where it was told, or its row is gone after 90 days."""
    if left() < _SPARE:
        return "NoTime"
    # Here, not above: the API declares this function too, and tells nobody anything.
    from chalicelib.notifications.model.notice import notice_of
    from chalicelib.notifications.service import tell

    kind = "unreadable"
    try:
        if row := read():
            kind = str(row.get("kind"))
            notice = notice_of(row)
            tell(world, notice)
            metrics.add(NoticeLateness=world.now() - notice.at)
    except (Unavailable, Contended) as error:
        log.warning("notice_waits", kind=kind, error=type(error).__name__)
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold up the others
        log.exception("notice_not_told", error, kind=kind)
        return type(error).__name__
    return None
