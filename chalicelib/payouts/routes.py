"""A reader's earnings over HTTP."""

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.payouts import service
from chalicelib.payouts.schemas import EarningsView
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import Money

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/reader/earnings", returns=EarningsView, role="reader")
def get_earnings(request: Request[None, None]) -> EarningsView:
    """What one has earned, what of it is still held, and what is available."""
    earned = service.earnings_of(world(), request.caller.id)
    return EarningsView(
        balance=Money(amount=earned.balance),
        pending=Money(amount=earned.pending),
        available=Money(amount=earned.available),
    )
