"""``notify``: called with what was added to the outbox, in order and at least once. ``mail_events``: called with what
became of letters, at least once. Their module is their handler.
"""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import World, world
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import item_of

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="notify")
def notify(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Tell of each new row; what could not be told is named, and comes again (ReportBatchItemFailures)."""
    del context
    return told(world(), event)


@blueprint.lambda_function(name="mail_events")
def mail_events(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Learn which addresses take no letters, or want none."""
    del context
    log.info("mail_events", count=len(event["Records"]))
    return {}


def told(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """The first that failed stops the batch: a stream is read in order from there."""
    # Here, not above: the API declares this function too, and tells nobody anything.
    from chalicelib.notifications.model import notice_of
    from chalicelib.notifications.service import tell

    for record in event["Records"]:
        if record["eventName"] != "INSERT":
            continue  # the same row again, or one whose time is over
        row = item_of(record["dynamodb"]["NewImage"])
        try:
            tell(world, notice_of(row))
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream must come again from here
            log.exception("notice_not_told", error, kind=str(row.get("kind")))
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
