"""Streams over HTTP. Going live is in ``scheduling.routes``: it must know of one's readings."""

import re
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    Invalid,
    InvalidState,
    NotFound,
    ProviderFailed,
    Unauthenticated,
)
from chalicelib.live.schemas import (
    BanBody,
    InvitationsBody,
    ModeratorBody,
    MuteBody,
    NewStream,
    StreamsQuery,
    StreamView,
    StreamWithMedia,
    ViewerView,
    media_of,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import PageOf, millis

if TYPE_CHECKING:
    from chalicelib.live import looking, moderating, service, watching
    from chalicelib.live.model.stream import Stream
else:
    looking = on_first_use("chalicelib.live.looking")
    moderating = on_first_use("chalicelib.live.moderating")
    service = on_first_use("chalicelib.live.service")
    watching = on_first_use("chalicelib.live.watching")

blueprint = Blueprint(__name__)

_STREAM: Final = "/v1/streams/{stream_id}"
_REFUSALS: Final = (Forbidden, InvalidState, NotFound)
_ORDER: Final = (*_REFUSALS, Blocked)
_KEY: Final = re.compile(r"[A-Za-z0-9_#]{1,160}")


@endpoint(
    blueprint,
    "POST",
    "/v1/streams",
    body=NewStream,
    returns=StreamView,
    status=201,
    role="reader",
    idempotent=True,
    errors=(Forbidden, InvalidState),
)
def create_stream(request: Request[NewStream, None]) -> StreamView:
    """Schedule a stream, now or up to 60 days ahead. A verified reader can have one that is live or to come.

    It may start from ten minutes before its time on, and is called off by itself half an hour after it.
    """
    body = request.body
    wanted = service.Wanted(
        title=body.title,
        visibility=body.visibility,
        price=body.price,
        starts_at=millis(body.starts_at) if body.starts_at else None,
        invited=tuple(body.invited),
    )
    return _view(request, service.create(world(), request.caller.id, request.derived_id("str"), wanted))


@endpoint(
    blueprint,
    "GET",
    "/v1/streams",
    query=StreamsQuery,
    returns=PageOf[StreamView],
    public=True,
    errors=(Invalid, Unauthenticated),
)
def list_streams(request: Request[None, StreamsQuery]) -> PageOf[StreamView]:
    """Streams: live ones, newest first, or those to come, soonest first. Private ones show to who is invited alone.

    Whether one may watch, a list does not say. A page may hold fewer than `limit`, or none: only `next_cursor` null
    ends the list.
    """
    query = request.query
    caller = request.caller if query.state in ("past", "invited") else request.identify()
    user = caller.id if caller else None
    partition = looking.listing_of(query.state, user)
    scope = f"streams:{partition}"
    shape: cursors.Shape = {"listing": partition, "listed_at": int, "pk": _KEY, "sk": _KEY}
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = looking.listing(world(), query.state, query.host, user, query.limit, start)
    return PageOf[StreamView](
        items=[StreamView.of(looking.as_listed(world(), each), user) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(
    blueprint,
    "GET",
    _STREAM,
    returns=StreamView,
    public=True,
    errors=(Blocked, Forbidden, NotFound, Unauthenticated),
)
def get_stream(request: Request[None, None]) -> StreamView:
    """A stream, up to date: how many watch it, and whether one may."""
    caller = request.identify()
    user = caller.id if caller else None
    return StreamView.of(looking.current(world(), request.path["stream_id"], user), user)


@endpoint(blueprint, "POST", f"{_STREAM}/end", returns=StreamView, errors=(Forbidden, NotFound))
def end_stream(request: Request[None, None]) -> StreamView:
    """The host ends a live stream, or calls off one to come. If they were never in it, tickets are given back then."""
    return _view(request, service.end(world(), request.path["stream_id"], request.caller.id))


@endpoint(
    blueprint,
    "POST",
    f"{_STREAM}/join",
    returns=StreamWithMedia,
    errors=(*_REFUSALS, Blocked, ProviderFailed),
)
def join_stream(request: Request[None, None]) -> StreamWithMedia:
    """A lease to watch a live stream, of 60 minutes. The host's is one to publish."""
    return _joined(request)


@endpoint(
    blueprint,
    "POST",
    f"{_STREAM}/token",
    returns=StreamWithMedia,
    errors=(*_REFUSALS, Blocked, ProviderFailed),
)
def renew_stream_token(request: Request[None, None]) -> StreamWithMedia:
    """A fresh lease before the old one ends; everything is checked again."""
    return _joined(request)


@endpoint(blueprint, "POST", f"{_STREAM}/leave", returns=None, errors=(NotFound,))
def leave_stream(request: Request[None, None]) -> None:
    """Go away. A stream ends two minutes after its host has left, if they do not come back.

    A host's word counts at once, also while their device stays in the channel: to take it back, the device must come
    into the channel anew. A lease alone does not.
    """
    watching.leave(world(), request.path["stream_id"], request.caller.id)


@endpoint(blueprint, "POST", f"{_STREAM}/invitations", body=InvitationsBody, returns=StreamView, errors=_REFUSALS)
def invite_to_stream(request: Request[InvitationsBody, None]) -> StreamView:
    """The host invites people to a private stream, 500 in all. It may be repeated."""
    body = request.body
    return _view(request, service.invite(world(), request.path["stream_id"], request.caller.id, body.users))


@endpoint(blueprint, "POST", f"{_STREAM}/moderators", body=ModeratorBody, returns=ViewerView, errors=_ORDER)
def appoint_moderator(request: Request[ModeratorBody, None]) -> ViewerView:
    """The host makes somebody a moderator, ten at most, or no longer."""
    stream_id, body = request.path["stream_id"], request.body
    found = moderating.appoint(world(), stream_id, request.caller.id, body.user, moderator=body.moderator)
    return ViewerView.of(found)


@endpoint(blueprint, "POST", f"{_STREAM}/mute", body=MuteBody, returns=ViewerView, errors=_ORDER)
def mute_viewer(request: Request[MuteBody, None]) -> ViewerView:
    """The host or a moderator lets somebody write no more, or again: their next lease has no token to write with."""
    stream_id, body = request.path["stream_id"], request.body
    return ViewerView.of(moderating.mute(world(), stream_id, request.caller.id, body.user, muted=body.muted))


@endpoint(blueprint, "POST", f"{_STREAM}/ban", body=BanBody, returns=ViewerView, errors=_ORDER)
def ban_viewer(request: Request[BanBody, None]) -> ViewerView:
    """The host or a moderator puts somebody out of the channel for good, or lets them in again.

    A moderator who is banned stays one, and has that right again once they are let in. Only the host bans a moderator.
    """
    stream_id, body = request.path["stream_id"], request.body
    return ViewerView.of(moderating.ban(world(), stream_id, request.caller.id, body.user, banned=body.banned))


def _joined(request: Request[None, None]) -> StreamWithMedia:
    user = request.caller.id
    stream, lease = watching.join(world(), request.path["stream_id"], user)
    return StreamWithMedia(stream=_view(request, stream), media=media_of(lease))


def _view(request: Request[Any, Any], stream: "Stream") -> StreamView:
    user = request.caller.id
    return StreamView.of(looking.as_seen_by(world(), stream, user), user)
