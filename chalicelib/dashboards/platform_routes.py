"""An admin's dashboard over HTTP."""

from chalice.app import Blueprint

from chalicelib.dashboards import service
from chalicelib.dashboards.platform_schemas import PlatformView
from chalicelib.dashboards.schemas import DashboardQuery
from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/dashboard/admin", query=DashboardQuery, returns=PlatformView, role="admin")
def read_admin_dashboard(request: Request[None, DashboardQuery]) -> PlatformView:
    """All about the platform: who and what waits for an admin, whether the books agree, and what was earned."""
    query = request.query
    return PlatformView.of(service.admin(world(), request.caller.id, query.days, query.zone))
