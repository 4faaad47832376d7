"""Readings over HTTP, and what needs to know who is in one: a reader's presence and the directory."""

from collections.abc import Sequence
from typing import Final

from chalice.app import Blueprint

from chalicelib.accounts.schemas import LimitsBody, LimitsView
from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    GraceExpired,
    InsufficientFunds,
    Invalid,
    InvalidState,
    NotFound,
    ReaderBusy,
    ReaderUnavailable,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.readers import pictures
from chalicelib.readers import schemas as directory
from chalicelib.readers import service as readers
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.sessions import costs, queues, service, sooner
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.commands import Command
from chalicelib.sessions.schemas import (
    PresenceView,
    ReceiptView,
    SessionsQuery,
    SessionView,
    SessionWithMedia,
    media_view,
    receipt_view,
    session_view,
)
from chalicelib.sessions.service import Snapshot

blueprint = Blueprint(__name__)

_REFUSALS: Final = (Forbidden, InvalidState, NotFound)
_MOVES: Final = "/v1/sessions/{session_id}"


@endpoint(blueprint, "GET", "/v1/sessions", query=SessionsQuery, returns=PageOf[SessionView])
def list_sessions(request: Request[None, SessionsQuery]) -> PageOf[SessionView]:
    """One's readings, newest first; with `open=true` only the open one, at once and for sure."""
    query, user = request.query, request.caller.id
    if query.open:
        seen = service.open_session(world(), user)
        asked = seen and query.as_ in (None, seen.session.who(user)) and query.state in (None, seen.session.state)
        found = [seen] if seen and asked else []
        return PageOf[SessionView](items=[_view(each, user) for each in found], next_cursor=None)
    side = query.as_ or "client"
    scope = f"sessions:{side}:{user}"
    shape: cursors.Shape = {side: user, "created_at": int, "pk": str}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = service.sessions_of(world(), side, user, query.limit, start)
    views = [_view(each, user) for each in page if query.state in (None, each.session.state)]
    return PageOf[SessionView](items=views, next_cursor=cursors.encode(following, scope) if following else None)


@endpoint(blueprint, "GET", _MOVES, returns=SessionView, errors=(Forbidden, NotFound))
def get_session(request: Request[None, None]) -> SessionView:
    """One of one's readings, up to date."""
    user = request.caller.id
    return _view(service.current(world(), request.path["session_id"], user), user)


@endpoint(blueprint, "POST", f"{_MOVES}/accept", returns=SessionView, errors=_REFUSALS)
def accept_session(request: Request[None, None]) -> SessionView:
    """The reader accepts; both have two minutes to join."""
    return _done(request, commands.accept)


@endpoint(blueprint, "POST", f"{_MOVES}/decline", returns=SessionView, errors=_REFUSALS)
def decline_session(request: Request[None, None]) -> SessionView:
    """The reader declines."""
    return _done(request, commands.decline)


@endpoint(blueprint, "POST", f"{_MOVES}/cancel", returns=SessionView, errors=_REFUSALS)
def cancel_session(request: Request[None, None]) -> SessionView:
    """The client takes the request back while it rings."""
    return _done(request, commands.cancel)


@endpoint(blueprint, "POST", f"{_MOVES}/join", returns=SessionWithMedia, errors=_REFUSALS)
def join_session(request: Request[None, None]) -> SessionWithMedia:
    """Be there. When both are, the reading is active and its first minute is paid."""
    return _with_media(request, commands.join)


@endpoint(blueprint, "POST", f"{_MOVES}/heartbeat", returns=SessionView, errors=_REFUSALS)
def beat_session(request: Request[None, None]) -> SessionView:
    """A sign of life. Repeat it after `next_beat_seconds`."""
    return _done(request, commands.heartbeat)


@endpoint(
    blueprint,
    "POST",
    f"{_MOVES}/token",
    returns=SessionWithMedia,
    errors=(*_REFUSALS, InsufficientFunds, SpendingLimitReached, WalletFrozen),
)
def renew_token(request: Request[None, None]) -> SessionWithMedia:
    """A fresh media lease for somebody who is there; everything is checked again."""
    return _with_media(request, commands.renew)


@endpoint(blueprint, "POST", f"{_MOVES}/leave", returns=SessionView, errors=_REFUSALS)
def leave_session(request: Request[None, None]) -> SessionView:
    """Go away for a while: the meter stops to the second, and grace runs."""
    return _done(request, commands.leave)


@endpoint(
    blueprint,
    "POST",
    f"{_MOVES}/reconnect",
    returns=SessionWithMedia,
    errors=(*_REFUSALS, GraceExpired, InsufficientFunds, SpendingLimitReached, WalletFrozen),
)
def reconnect_session(request: Request[None, None]) -> SessionWithMedia:
    """Come back during grace. When both are back the meter runs on; paid seconds are used first."""
    return _with_media(request, commands.reconnect)


@endpoint(blueprint, "POST", f"{_MOVES}/end", returns=SessionView, errors=(Forbidden, NotFound))
def end_session(request: Request[None, None]) -> SessionView:
    """End the reading for good, in whatever state it is."""
    return _done(request, commands.finish)


@endpoint(blueprint, "GET", f"{_MOVES}/receipt", returns=ReceiptView, errors=(Forbidden, NotFound))
def get_receipt(request: Request[None, None]) -> ReceiptView:
    """Every minute that was paid, and what was given back."""
    seen = service.current(world(), request.path["session_id"], request.caller.id)
    return receipt_view(costs.cost(world(), seen.session), seen.session)


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/presence",
    body=directory.PresenceBody,
    returns=PresenceView,
    role="reader",
    errors=(Forbidden, NotFound),
)
def put_presence(request: Request[directory.PresenceBody, None]) -> PresenceView:
    """Be online, or not. Repeat `online` every 30 s; the answer carries the reading one is asked for."""
    user = request.caller.id
    reader = readers.set_presence(world(), user, request.body.status)
    seen = service.open_session(world(), user)
    if reader.queue.waiting:
        queues.bring_up_to_date(world(), user)
    return PresenceView(
        presence=reader.presence(world().now(), busy=seen is not None), session=_view(seen, user) if seen else None
    )


@endpoint(
    blueprint,
    "GET",
    "/v1/readers",
    query=directory.DirectoryQuery,
    returns=PageOf[directory.ReaderCard],
    public=True,
    tags=("readers",),
    errors=(Invalid,),
)
def list_readers(request: Request[None, directory.DirectoryQuery]) -> PageOf[directory.ReaderCard]:
    """The verified readers, filtered and sorted.

    A page may hold fewer than `limit` readers, or none: only `next_cursor` null ends the list.
    """
    query = request.query
    page = readers.listing(
        world(), query.filters(), sort=query.sort, limit=query.limit, cursor=query.cursor, busy=_busy
    )
    cards = [_card(card, presence) for card, presence in page.items]
    return PageOf[directory.ReaderCard](items=cards, next_cursor=page.next_cursor)


@endpoint(
    blueprint,
    "GET",
    "/v1/readers/{slug}",
    returns=directory.ReaderProfile,
    public=True,
    tags=("readers",),
    errors=(NotFound,),
)
def get_reader(request: Request[None, None]) -> directory.ReaderProfile:
    """A verified reader, by slug or by id."""
    reader = readers.by_slug(world(), request.path["slug"])
    busy = reader.id in _busy([reader.id])
    presence = reader.presence(world().now(), busy)
    return directory.ReaderProfile.about(reader, presence, pictures.link(world(), reader.id, reader.picture))


_QUEUE: Final = "/v1/readers/{reader}/queue"


@endpoint(
    blueprint,
    "POST",
    _QUEUE,
    body=directory.QueueBody,
    returns=directory.QueueView,
    tags=("readers",),
    errors=(Blocked, InsufficientFunds, NotFound, ReaderBusy, ReaderUnavailable, SpendingLimitReached, WalletFrozen),
)
def join_queue(request: Request[directory.QueueBody, None]) -> directory.QueueView:
    """Wait for a busy reader, or ask where you are: repeat it. You keep your place for an hour after the last time.

    First come, first offered: while `offered_until` says a moment, `POST /v1/sessions` is yours alone.
    """
    user = request.caller.id
    return directory.QueueView.of(queues.join(world(), request.path["reader"], user, request.body.modality), user)


@endpoint(blueprint, "DELETE", _QUEUE, returns=None, tags=("readers",), errors=(NotFound,))
def leave_queue(request: Request[None, None]) -> None:
    """Wait no longer. It may be repeated."""
    queues.leave(world(), request.path["reader"], request.caller.id)


@endpoint(
    blueprint,
    "GET",
    "/v1/favorites",
    query=ListQuery,
    returns=PageOf[directory.FavoriteView],
    tags=("readers",),
    errors=(Invalid,),
)
def list_favorites(request: Request[None, ListQuery]) -> PageOf[directory.FavoriteView]:
    """The readers whom you keep at hand. A page may hold fewer than `limit`; only `next_cursor` null ends the list."""
    query, user = request.query, request.caller.id
    scope = f"favorites:{user}"
    start = cursors.decode(query.cursor, scope, {"pk": f"favorites#{user}", "sk": str}) if query.cursor else None
    kept, following = readers.favorites(world(), user, query.limit, start)
    seen = readers.with_presence(world(), [card for _, card in kept], _busy)
    views = [
        directory.FavoriteView.of(favorite, _card(card, presence))
        for (favorite, _), (card, presence) in zip(kept, seen, strict=True)
    ]
    return PageOf[directory.FavoriteView](
        items=views, next_cursor=cursors.encode(following, scope) if following else None
    )


@endpoint(
    blueprint,
    "PUT",
    "/v1/favorites/{reader}",
    body=directory.FavoriteBody,
    returns=directory.FavoriteView,
    tags=("readers",),
    errors=(NotFound,),
)
def put_favorite(request: Request[directory.FavoriteBody, None]) -> directory.FavoriteView:
    """Keep a reader at hand; with `notify_online` you are told when they come online, at most once an hour."""
    favorite, card = readers.keep_favorite(
        world(), request.caller.id, request.path["reader"], notify_online=request.body.notify_online
    )
    ((_, presence),) = readers.with_presence(world(), [card], _busy)
    return directory.FavoriteView.of(favorite, _card(card, presence))


@endpoint(blueprint, "DELETE", "/v1/favorites/{reader}", returns=None, tags=("readers",))
def delete_favorite(request: Request[None, None]) -> None:
    """Keep the reader at hand no longer. It may be repeated."""
    readers.drop_favorite(world(), request.caller.id, request.path["reader"])


@endpoint(blueprint, "PUT", "/v1/me/limits", body=LimitsBody, returns=LimitsView, tags=("accounts",))
def put_limits(request: Request[LimitsBody, None]) -> LimitsView:
    """Set them: what is stricter acts at once, what is looser in 24 hours.

    A stricter one acts in a reading that is running, too. Asking for less takes a looser one back.

    They hold in any 24 hours, 7 days and 30 days: beyond them, what spends is refused with `spending_limit_reached`,
    and a reading stops (`low_balance`, whatever credit there is). Only paid money counts, less what came back. While
    you have excluded yourself nothing can be spent, and nothing can be paid in.
    """
    return LimitsView.of(sooner.limit_spending(world(), request.caller.id, request.body.wanted()))


def _done(request: Request[None, None], command: Command) -> SessionView:
    user = request.caller.id
    return _view(service.perform(world(), request.path["session_id"], user, command), user)


def _with_media(request: Request[None, None], command: Command) -> SessionWithMedia:
    user = request.caller.id
    seen = service.perform(world(), request.path["session_id"], user, command)
    lease = service.lease(world(), seen, user)
    return SessionWithMedia(session=_view(seen, user), media=media_view(lease) if lease else None)


def _view(seen: Snapshot, user: str) -> SessionView:
    session = seen.session
    return session_view(
        session, session.who(user), seen.funds if session.is_open else None, seen.now, world().settings.rules
    )


def _card(card: readers.Card, presence: readers.Presence) -> directory.ReaderCard:
    return directory.ReaderCard.of(card, presence, pictures.link(world(), card.id, card.picture))


def _busy(candidates: Sequence[str]) -> set[str]:
    return service.busy_among(world(), candidates, consistent=False)
