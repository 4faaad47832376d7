"""Buying coins on the web, over HTTP. It is the shop's, for limits count orders that wait to be paid."""

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Forbidden, NotFound, ProviderFailed, SpendingLimitReached
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.shop import coin_pages
from chalicelib.wallet.coin_schemas import NewCoins
from chalicelib.wallet.schemas import TopUpView, topup_view

blueprint = Blueprint(__name__)


@endpoint(
    blueprint,
    "POST",
    "/v1/coins/checkout",
    body=NewCoins,
    returns=TopUpView,
    status=201,
    idempotent=True,
    errors=(Forbidden, NotFound, ProviderFailed, SpendingLimitReached),
    tags=("wallet",),
)
def create_checkout(request: Request[NewCoins, None]) -> TopUpView:
    """Buy a pack by Stripe: open `checkout_url`; the coins come when the payment is confirmed.

    It is shown at `/v1/wallet/topups/{id}`. Only on the web: elsewhere it is `forbidden`, and the app's store sells it.
    """
    asked, name = request.body, request.derived_id("top")
    return topup_view(coin_pages.open_checkout(world(), request.caller.id, name, asked.pack, asked.where))
