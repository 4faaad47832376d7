"""A reader's earnings and payouts over HTTP."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import InvalidState, ProviderFailed
from chalicelib.payouts import service
from chalicelib.payouts.schemas import (
    EarningsQuery,
    EarningsView,
    PayoutAccountLink,
    PayoutAccountView,
    PayoutView,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.wallet.pages import statement_page
from chalicelib.wallet.schemas import EntryView

if TYPE_CHECKING:
    from chalicelib.payouts import payees, paying, statement, store
else:
    payees = on_first_use("chalicelib.payouts.payees")
    paying = on_first_use("chalicelib.payouts.paying")
    statement = on_first_use("chalicelib.payouts.statement")
    store = on_first_use("chalicelib.payouts.store")

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/reader/earnings", query=EarningsQuery, returns=EarningsView, role="reader")
def get_earnings(request: Request[None, EarningsQuery]) -> EarningsView:
    """What one has earned, what of it is still held, and what is available; with `year`, that year by source."""
    reader, year = request.caller.id, request.query.year
    found = statement.year_of(world(), reader, year) if year is not None else None
    return EarningsView.of(service.earnings_of(world(), reader), found)


@endpoint(
    blueprint,
    "GET",
    "/v1/reader/earnings/entries",
    query=ListQuery,
    returns=PageOf[EntryView],
    role="reader",
    media_types=("text/csv",),
)
def list_earnings_entries(request: Request[None, ListQuery]) -> PageOf[EntryView] | Text:
    """The statement of one's earnings, newest first, with running balances; as CSV when asked to `Accept: text/csv`.

    Of CSV, the header `Link` with `rel="next"` leads to the following page.
    """
    return statement_page(service.earnings_account(request.caller.id), request.query, request.accept)


@endpoint(
    blueprint,
    "POST",
    "/v1/reader/payout-account",
    returns=PayoutAccountLink,
    status=201,
    role="reader",
    errors=(InvalidState, ProviderFailed),
)
def open_payout_account(request: Request[None, None]) -> PayoutAccountLink:
    """Begin, or go on with, one's account at Stripe: open `url` and tell Stripe who one is and where money is to go.

    There is one account a reader; each call makes a fresh address.
    """
    return PayoutAccountLink(url=payees.open_account(world(), request.caller.id))


@endpoint(blueprint, "GET", "/v1/reader/payout-account", returns=PayoutAccountView, role="reader")
def get_payout_account(request: Request[None, None]) -> PayoutAccountView:
    """How one's account at Stripe stands. Once it is `ready`, what is available is paid to it daily, from $15 up."""
    return PayoutAccountView.of(payees.account_of(world(), request.caller.id))


@endpoint(blueprint, "GET", "/v1/reader/payouts", query=ListQuery, returns=PageOf[PayoutView], role="reader")
def list_payouts(request: Request[None, ListQuery]) -> PageOf[PayoutView]:
    """One's payouts, newest first."""
    query, scope = request.query, f"payouts:{request.caller.id}"
    after = cursors.decode(query.cursor, scope, {"sk": store.PLACE})["sk"] if query.cursor else None
    found, following = paying.payouts_of(world(), request.caller.id, query.limit, after)
    cursor = cursors.encode({"sk": following}, scope) if following else None
    return PageOf[PayoutView](items=[PayoutView.of(each) for each in found], next_cursor=cursor)
