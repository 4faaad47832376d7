"""A client's dashboard over HTTP."""

from chalice.app import Blueprint

from chalicelib.dashboards import service
from chalicelib.dashboards.client_schemas import ClientView
from chalicelib.dashboards.schemas import DashboardQuery
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/dashboard/client", query=DashboardQuery, returns=ClientView)
def read_client_dashboard(request: Request[None, DashboardQuery]) -> ClientView:
    """All about oneself as a client: balance, newest entries, next bookings, notes, favorites, and what one spent."""
    query = request.query
    return ClientView.of(service.client(world(), request.caller.id, query.days, query.zone), world())
