"""``clock``: what the Step Functions machine calls at a deadline. ``kind`` says whose thing it is."""

from typing import Any

from chalice.app import Blueprint

from chalicelib.gateways import World, world
from chalicelib.gateways.clock import clock_time
from chalicelib.kernel.errors import NotFound
from chalicelib.runtime.logs import log
from chalicelib.sessions import service as sessions

blueprint = Blueprint(__name__)


@blueprint.lambda_function(name="clock")
def clock(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Bring one thing up to date; answer when to be called again, or that there is no need."""
    del context
    return tell(world(), event)


def tell(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """The answer to the machine: ``{"done": true}``, or ``{"done": false, "wake_at": …}``.

    An execution of an older epoch or turn ends quietly: a newer one is at work.
    """
    if event["kind"] != "session":
        log.error("clock_of_unknown_kind", kind=str(event["kind"]))
        return {"done": True}
    try:
        wake = sessions.called_by_clock(world, event["id"], event["epoch"], event.get("turn", 0))
    except NotFound:
        log.error("clock_of_nothing", session=str(event["id"]))
        return {"done": True}
    return {"done": True} if wake is None else {"done": False, "wake_at": clock_time(wake)}
