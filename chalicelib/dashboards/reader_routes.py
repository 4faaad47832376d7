"""A reader's dashboard over HTTP."""

from chalice.app import Blueprint

from chalicelib.dashboards import service
from chalicelib.dashboards.reader_schemas import ReaderView
from chalicelib.dashboards.schemas import DashboardQuery
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/dashboard/reader", query=DashboardQuery, returns=ReaderView, role="reader")
def read_reader_dashboard(request: Request[None, DashboardQuery]) -> ReaderView:
    """All about oneself as a reader: earnings and the next payout, readings, bookings, rates, rating, and the trend."""
    query = request.query
    return ReaderView.of(service.reader(world(), request.caller.id, query.days, query.zone), world())
