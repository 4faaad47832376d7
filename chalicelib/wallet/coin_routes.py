"""Coins over HTTP: what is sold, and buying it on the web."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Forbidden, NotFound, ProviderFailed, SpendingLimitReached
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import Money
from chalicelib.wallet.coin_schemas import NewCoins, PacksQuery, PacksView, PackView
from chalicelib.wallet.model import rails
from chalicelib.wallet.schemas import TopUpView, topup_view

if TYPE_CHECKING:
    from chalicelib.wallet import packs
    from chalicelib.wallet.model import purchase
else:
    packs = on_first_use("chalicelib.wallet.packs")
    purchase = on_first_use("chalicelib.wallet.model.purchase")

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/coins/packs", query=PacksQuery, returns=PacksView)
def list_packs(request: Request[None, PacksQuery]) -> PacksView:
    """The packs of coins that are sold, the smallest first, and how each can be bought where you are."""
    by = sorted(rails.rails("coins", request.query.where))
    return PacksView(
        account_token=purchase.account_token(request.caller.id),
        policy_version=rails.VERSION,
        packs=[
            PackView(id=each.id, coins=each.coins, price=Money(amount=each.price), rails=by)
            for each in packs.sold(world())
        ],
    )


@endpoint(
    blueprint,
    "POST",
    "/v1/coins/checkout",
    body=NewCoins,
    returns=TopUpView,
    status=201,
    idempotent=True,
    errors=(Forbidden, NotFound, ProviderFailed, SpendingLimitReached),
)
def create_checkout(request: Request[NewCoins, None]) -> TopUpView:
    """Buy a pack by Stripe: open `checkout_url`; the coins come when the payment is confirmed.

    It is shown at `/v1/wallet/topups/{id}`. Only on the web: elsewhere it is `forbidden`, and the app's store sells it.
    """
    asked, name = request.body, request.derived_id("top")
    return topup_view(packs.open_checkout(world(), request.caller.id, name, asked.pack, asked.where))
