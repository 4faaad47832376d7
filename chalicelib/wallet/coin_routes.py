"""Coins over HTTP: what is sold. Buying it on the web: ``shop.coin_routes``."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import Money
from chalicelib.wallet.coin_schemas import PacksQuery, PacksView, PackView
from chalicelib.wallet.model import rails

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
