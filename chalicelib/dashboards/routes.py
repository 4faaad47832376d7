"""Dashboards over HTTP."""

from chalice.app import Blueprint

from chalicelib.dashboards import service
from chalicelib.dashboards.schemas import ClientView, DashboardQuery, PlatformView, ReaderView
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/dashboard/client", query=DashboardQuery, returns=ClientView)
def read_client_dashboard(request: Request[None, DashboardQuery]) -> ClientView:
    """All about oneself as a client: balance, newest entries, next bookings, notes, favorites, and what one spent."""
    query = request.query
    return ClientView.of(service.client(world(), request.caller.id, query.days, query.zone), world())


@endpoint(blueprint, "GET", "/v1/dashboard/reader", query=DashboardQuery, returns=ReaderView, role="reader")
def read_reader_dashboard(request: Request[None, DashboardQuery]) -> ReaderView:
    """All about oneself as a reader: earnings and the next payout, readings, bookings, rates, rating, and the trend."""
    query = request.query
    return ReaderView.of(service.reader(world(), request.caller.id, query.days, query.zone), world())


@endpoint(blueprint, "GET", "/v1/dashboard/admin", query=DashboardQuery, returns=PlatformView, role="admin")
def read_admin_dashboard(request: Request[None, DashboardQuery]) -> PlatformView:
    """All about the platform: who and what waits for an admin, whether the books agree, and what was earned."""
    query = request.query
    return PlatformView.of(service.admin(world(), request.caller.id, query.days, query.zone))
