"""The wallet over HTTP."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Forbidden,
    InsufficientFunds,
    NotFound,
    ProviderFailed,
    SessionOpen,
    WalletFrozen,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.wallet import statement
from chalicelib.wallet.schemas import (
    EntriesQuery,
    EntryView,
    NewRefund,
    NewTopUp,
    RefundView,
    TopUpView,
    WalletView,
    csv_of,
    entry_view,
    refund_view,
    topup_view,
    wallet_view,
)

if TYPE_CHECKING:
    from chalicelib.wallet import refunds, topups
else:
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
    start = cursors.decode(query.cursor, account, {"account": account, "seq": str}) if query.cursor else None
    entries, following = statement.page(world(), account, query.limit, start)
    views = [entry_view(entry) for entry in entries]
    cursor = cursors.encode(following, account) if following else None
    if "text/csv" in request.accept:
        more = f'<?account={query.account}&limit={query.limit}&cursor={cursor}>; rel="next"'
        return Text(csv_of(views), "text/csv", {"Link": more} if cursor else {})
    return PageOf[EntryView](items=views, next_cursor=cursor)


@endpoint(
    blueprint,
    "POST",
    "/v1/wallet/topups",
    body=NewTopUp,
    returns=TopUpView,
    status=201,
    idempotent=True,
    errors=(ProviderFailed,),
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
    scope = f"user#{request.caller.id}"
    query = request.query
    start = cursors.decode(query.cursor, f"refunds:{scope}", {"pk": scope, "sk": str}) if query.cursor else None
    found, following = refunds.refunds_of(world(), request.caller.id, query.limit, start)
    return PageOf[RefundView](
        items=[refund_view(each) for each in found],
        next_cursor=cursors.encode(following, f"refunds:{scope}") if following else None,
    )


@endpoint(blueprint, "GET", "/v1/wallet/refunds/{refund_id}", returns=RefundView, errors=(NotFound, Forbidden))
def get_refund(request: Request[None, None]) -> RefundView:
    """One of one's refunds."""
    return refund_view(refunds.refund_of(world(), request.caller.id, request.path["refund_id"]))
