"""``sync_catalogue``: what a rule calls once a day, so that what is sold is what Stripe has."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Blueprint, CloudWatchEvent, Cron

from chalicelib.gateways import World, world
from chalicelib.runtime.aws import call_again
from chalicelib.runtime.lazy import on_first_use

if TYPE_CHECKING:  # the webhooks need none of it
    from chalicelib.shop import sync
else:
    sync = on_first_use("chalicelib.shop.sync")

blueprint = Blueprint(__name__)

_SPARE_MILLIS: Final = 60_000
"""What must be left of the function's time to begin with another product: seven calls of Stripe's may be silent."""


@blueprint.schedule(Cron(0, 3, "*", "*", "?", "*"), name="sync_catalogue")
def sync_catalogue(event: CloudWatchEvent) -> dict[str, bool]:
    """Bring the catalogue up to date; a call that runs out of time calls again."""
    return synced(world(), event.to_dict(), event.context, call_again)


def synced(
    world: World, facts: dict[str, Any], context: Any, again: Callable[[dict[str, Any]], None]
) -> dict[str, bool]:
    """Begin a sync, or go on with the one that ``facts`` name."""
    run_id = str(facts["run"]) if facts.get("run") else sync.begin(world).id
    run = sync.go_on(world, run_id, lambda: context.get_remaining_time_in_millis() < _SPARE_MILLIS)
    unfinished = run.id == run_id and run.ended_at is None
    if unfinished:
        again(facts | {"run": run_id})  # the rule's event whole: Chalice unpacks it
    return {"done": not unfinished}
