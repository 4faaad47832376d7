"""Gifts and tickets over HTTP."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    AgeRequired,
    AlreadyDone,
    Blocked,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    NotFound,
    RateLimited,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.live.gift_schemas import (
    FeedQuery,
    GiftView,
    GivenView,
    LeaderView,
    NewGift,
    SentView,
    TicketView,
    gift_view,
    given_view,
    leader_view,
    sent_view,
    ticket_view,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import PageOf

if TYPE_CHECKING:
    from chalicelib.live import gift_store, gifts, tickets
else:
    gift_store = on_first_use("chalicelib.live.gift_store")
    gifts = on_first_use("chalicelib.live.gifts")
    tickets = on_first_use("chalicelib.live.tickets")

blueprint = Blueprint(__name__)

_STREAM = "/v1/streams/{stream_id}"
_CANNOT_PAY = (InsufficientFunds, SpendingLimitReached, WalletFrozen)


@endpoint(blueprint, "GET", "/v1/gifts", returns=PageOf[GiftView], public=True)
def list_gifts(request: Request[None, None]) -> PageOf[GiftView]:
    """What there is to give to a live stream, in the order in which it is shown: all of it on one page."""
    del request
    return PageOf[GiftView](items=[gift_view(each) for each in gifts.catalogue(world()).active()], next_cursor=None)


@endpoint(
    blueprint,
    "POST",
    f"{_STREAM}/gifts",
    body=NewGift,
    returns=GivenView,
    status=201,
    idempotent=True,
    errors=(AgeRequired, Blocked, Forbidden, InvalidState, NotFound, RateLimited, *_CANNOT_PAY),
)
def send_gift(request: Request[NewGift, None]) -> GivenView:
    """Send a gift to a live stream that one may watch: its coins are spent at once. For people of 18 or older.

    As long as the host was not in the channel yet, nobody can (409 `invalid_state`).

    At most 30 gifts and 100,000 coins a person and stream in any minute. The same key is the same gift, whatever became
    of the stream since.
    """
    path, sent = request.path["stream_id"], request.derived_id("gft")
    return given_view(gifts.send(world(), request.caller.id, path, request.body.gift, sent))


@endpoint(
    blueprint,
    "GET",
    f"{_STREAM}/gifts",
    query=FeedQuery,
    returns=PageOf[SentView],
    errors=(Blocked, Forbidden, NotFound),
)
def list_sent(request: Request[None, FeedQuery]) -> PageOf[SentView]:
    """What was sent to a stream that one may watch, newest first; with `after`, only from that moment on.

    An app that asks for what is new gives as `after` the `at` of the newest gift that it has, less ten seconds, and
    knows by their ids those that it has: gifts of one moment may come into the list one after the other.
    """
    query, stream = request.query, request.path["stream_id"]
    since = query.since
    scope = f"gifts:{stream}:{since}"
    after = cursors.decode(query.cursor, scope, {"after": gift_store.PLACE})["after"] if query.cursor else None
    found, following = gifts.feed(world(), request.caller.id, stream, since, query.limit, after)
    return PageOf[SentView](
        items=[sent_view(each) for each in found],
        next_cursor=cursors.encode({"after": following}, scope) if following else None,
    )


@endpoint(blueprint, "GET", f"{_STREAM}/leaderboard", returns=PageOf[LeaderView], errors=(Blocked, Forbidden, NotFound))
def get_leaderboard(request: Request[None, None]) -> PageOf[LeaderView]:
    """Who sent the most coins to a stream that one may watch, the most first: 100 at most, on one page.

    It may be a moment behind.
    """
    found = gifts.leaders(world(), request.caller.id, request.path["stream_id"])
    return PageOf[LeaderView](items=[leader_view(each) for each in found], next_cursor=None)


@endpoint(
    blueprint,
    "POST",
    f"{_STREAM}/ticket",
    returns=TicketView,
    status=201,
    idempotent=True,
    errors=(AgeRequired, AlreadyDone, Blocked, Forbidden, InvalidState, NotFound, *_CANNOT_PAY),
)
def buy_ticket(request: Request[None, None]) -> TicketView:
    """Buy the ticket of a premium stream, once, before its start or while it is live. For people of 18 or older.

    The coins come back by themselves if the stream is called off, is not started in time, or ends without its host ever
    having come into the channel.
    """
    stream, ticket = request.path["stream_id"], request.derived_id("tkt")
    return ticket_view(*tickets.buy(world(), request.caller.id, stream, ticket))
