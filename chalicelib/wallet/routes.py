"""The wallet over HTTP."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    AlreadyDone,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    LinkExpired,
    NotFound,
    ProviderFailed,
    RateLimited,
    SessionOpen,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.wallet import statement
from chalicelib.wallet.pages import statement_page
from chalicelib.wallet.schemas import (
    AutoRechargeBody,
    AutoRechargeView,
    EntriesQuery,
    EntryView,
    GooglePurchase,
    NewRefund,
    NewTopUp,
    PageView,
    PromoBody,
    PromoView,
    PurchaseView,
    RefundView,
    SignedTransaction,
    TopUpView,
    WalletView,
    auto_recharge_view,
    promo_view,
    purchase_view,
    refund_view,
    topup_view,
    wallet_view,
)

if TYPE_CHECKING:
    from chalicelib.wallet import apple, google, promos, recharges, refunds, topups
else:
    apple = on_first_use("chalicelib.wallet.apple")
    google = on_first_use("chalicelib.wallet.google")
    promos = on_first_use("chalicelib.wallet.promos")
    recharges = on_first_use("chalicelib.wallet.recharges")
    refunds = on_first_use("chalicelib.wallet.refunds")
    topups = on_first_use("chalicelib.wallet.topups")

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/wallet", returns=WalletView)
def get_wallet(request: Request[None, None]) -> WalletView:
    """The balance of one's wallet, and the meter of the open reading."""
    return wallet_view(statement.balance(world(), request.caller.id))


@endpoint(
    blueprint, "GET", "/v1/wallet/entries", query=EntriesQuery, returns=PageOf[EntryView], media_types=("text/csv",)
)
def list_entries(request: Request[None, EntriesQuery]) -> PageOf[EntryView] | Text:
    """One's statement, newest first, with running balances; as CSV when asked to `Accept: text/csv`.

    Of CSV, the header `Link` with `rel="next"` leads to the following page.
    """
    query = request.query
    account = statement.account_of(request.caller.id, query.account)
    return statement_page(account, query, request.accept, f"account={query.account}&")


@endpoint(
    blueprint,
    "POST",
    "/v1/wallet/topups",
    body=NewTopUp,
    returns=TopUpView,
    status=201,
    idempotent=True,
    errors=(ProviderFailed, SpendingLimitReached),
)
def create_topup(request: Request[NewTopUp, None]) -> TopUpView:
    """Start a top-up: open `checkout_url`; the credit comes when the payment is confirmed."""
    return topup_view(topups.open_topup(world(), request.caller.id, request.derived_id("top"), request.body.amount))


@endpoint(blueprint, "GET", "/v1/wallet/topups/{topup_id}", returns=TopUpView, errors=(NotFound, Forbidden))
def get_topup(request: Request[None, None]) -> TopUpView:
    """One of one's top-ups."""
    return topup_view(topups.topup_of(world(), request.caller.id, request.path["topup_id"]))


@endpoint(
    blueprint,
    "POST",
    "/v1/wallet/promo",
    body=PromoBody,
    returns=PromoView,
    status=201,
    idempotent=True,
    errors=(AlreadyDone, InvalidState, LinkExpired, NotFound, RateLimited, SpendingLimitReached),
)
def redeem_promo(request: Request[PromoBody, None]) -> PromoView:
    """Redeem a promotional code.

    An unknown one is `not_found`, one that you have used `already_done`, one that is used up, over or stopped
    `link_expired`; with four promotional credits at once it is `invalid_state`. After ten unknown ones in an hour it is
    `rate_limited`.
    """
    redemption = request.derived_id("red")
    return promo_view(promos.redeem(world(), request.caller.id, redemption, request.body.code))


@endpoint(
    blueprint,
    "POST",
    "/v1/wallet/payment-method",
    returns=PageView,
    status=201,
    idempotent=True,
    errors=(ProviderFailed,),
)
def save_payment_method(request: Request[None, None]) -> PageView:
    """Open `url` to save a card, in place of the one that is saved. It is charged only where auto-recharge is on."""
    return PageView(url=recharges.open_setup(world(), request.caller.id, request.derived_id("set")))


@endpoint(blueprint, "GET", "/v1/wallet/auto-recharge", returns=AutoRechargeView)
def get_auto_recharge(request: Request[None, None]) -> AutoRechargeView:
    """The saved card, and when it is charged; `off_reason` says why we turned that off."""
    return auto_recharge_view(recharges.settings_of(world(), request.caller.id))


@endpoint(
    blueprint,
    "PUT",
    "/v1/wallet/auto-recharge",
    body=AutoRechargeBody,
    returns=AutoRechargeView,
    errors=(InvalidState, SpendingLimitReached),
)
def put_auto_recharge(request: Request[AutoRechargeBody, None]) -> AutoRechargeView:
    """Say when the saved card is charged, and how much.

    With less than `threshold`, or than seven minutes of the reading that runs, `amount` is charged, never more than
    `daily_cap` in 24 hours, one charge at a time.

    The card is left alone while your limits let you spend no more than is there, and while the wallet is frozen.

    It is turned off where the bank asks for you (`authentication_required`), where the card cannot pay any more
    (`card_unusable`), after three refusals in a row (`declined`), where you exclude yourself (`excluded`), and where
    Stripe does not say in 20 hours what became of a charge (`unknown`). You are told.
    """
    return auto_recharge_view(recharges.set_auto(world(), request.caller.id, request.body.wanted()))


@endpoint(
    blueprint,
    "POST",
    "/v1/wallet/refunds",
    body=NewRefund,
    returns=RefundView,
    status=201,
    idempotent=True,
    errors=(InsufficientFunds, SessionOpen, WalletFrozen),
)
def create_refund(request: Request[NewRefund, None]) -> RefundView:
    """Give unused paid credit back to the cards that paid it, the newest payment first.

    Payments older than 180 days, or disputed, cannot be given back. It leaves the credit at once; what fails on its
    way comes back to it.
    """
    return refund_view(refunds.request(world(), request.caller.id, request.derived_id("rfd"), request.body.amount))


@endpoint(blueprint, "GET", "/v1/wallet/refunds", query=ListQuery, returns=PageOf[RefundView])
def list_refunds(request: Request[None, ListQuery]) -> PageOf[RefundView]:
    """One's refunds, newest first."""
    query, user = request.query, request.caller.id
    scope = f"refunds:{user}"
    after = cursors.decode(query.cursor, scope, {"after": refunds.PLACE})["after"] if query.cursor else None
    found, following = refunds.refunds_of(world(), user, query.limit, after)
    return PageOf[RefundView](
        items=[refund_view(each) for each in found],
        next_cursor=cursors.encode({"after": following}, scope) if following else None,
    )


@endpoint(blueprint, "GET", "/v1/wallet/refunds/{refund_id}", returns=RefundView, errors=(NotFound, Forbidden))
def get_refund(request: Request[None, None]) -> RefundView:
    """One of one's refunds."""
    return refund_view(refunds.refund_of(world(), request.caller.id, request.path["refund_id"]))


@endpoint(
    blueprint,
    "POST",
    "/v1/coins/apple",
    body=SignedTransaction,
    returns=PurchaseView,
    status=201,
    idempotent=True,
    errors=(Forbidden, InvalidState, ProviderFailed),
)
def buy_coins_from_apple(request: Request[SignedTransaction, None]) -> PurchaseView:
    """Have the coins of a purchase in the App Store: once, however often it is handed in.

    It must have been bought with the `account_token` of `/v1/coins/packs`, otherwise it is `forbidden`, and nobody has
    the coins. One that Apple gave the money back for is `invalid_state`. Finish the transaction in the app after a 201.
    """
    return purchase_view(apple.bought(world(), request.caller.id, request.body.signed_transaction))


@endpoint(
    blueprint,
    "POST",
    "/v1/coins/google",
    body=GooglePurchase,
    returns=PurchaseView,
    status=201,
    idempotent=True,
    errors=(Forbidden, InvalidState, ProviderFailed),
)
def buy_coins_from_google(request: Request[GooglePurchase, None]) -> PurchaseView:
    """Have the coins of a purchase in Google Play: once, however often it is handed in.

    It must have been bought with the `account_token` of `/v1/coins/packs` as its obfuscated account id, otherwise it is
    `forbidden`, and nobody has the coins. One that is pending is `invalid_state` until it is paid, one that was given
    back for good. Do not consume it in the app: that is done here.
    """
    body = request.body
    return purchase_view(google.buy(world(), request.caller.id, body.product_id, body.purchase_token))
