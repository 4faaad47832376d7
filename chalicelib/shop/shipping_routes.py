"""Shipping rates over HTTP."""

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import PageOf
from chalicelib.shop import rates
from chalicelib.shop.shipping_schemas import RatesQuery, RateView, rate_view

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/shipping-rates", query=RatesQuery, returns=PageOf[RateView], public=True)
def list_shipping_rates(request: Request[None, RatesQuery]) -> PageOf[RateView]:
    """What sending things costs, the cheapest first: all of it on one page. With `country`, what goes there."""
    found = rates.offered(world(), request.query.country)
    return PageOf[RateView](items=[rate_view(each) for each in found], next_cursor=None)
