"""What follows a reading over HTTP.

What belongs to one reading has an id that derives from it, so the same request again is the same answer, without an
Idempotency-Key; a tip, which may be given more than once, needs one.
"""

from typing import TYPE_CHECKING, Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    AlreadyDone,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    NotFound,
    SpendingLimitReached,
    WalletFrozen,
)
from chalicelib.readers import service as readers
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf
from chalicelib.sessions.afterwards_schemas import (
    GuaranteeView,
    NewGuarantee,
    NewReply,
    NewReview,
    NewTip,
    NoteBody,
    NoteView,
    ReviewView,
    TipView,
    guarantee_view,
    note_view,
    review_view,
    tip_view,
)

if TYPE_CHECKING:
    from chalicelib.readers import reviews
    from chalicelib.sessions import afterwards
else:
    reviews = on_first_use("chalicelib.readers.reviews")
    afterwards = on_first_use("chalicelib.sessions.afterwards")

blueprint = Blueprint(__name__)

_SESSION: Final = "/v1/sessions/{session_id}"
_CLIENT_NOTE: Final = "/v1/reader/clients/{client}/note"


@endpoint(
    blueprint,
    "POST",
    f"{_SESSION}/tip",
    body=NewTip,
    returns=TipView,
    status=201,
    idempotent=True,
    errors=(AlreadyDone, Forbidden, InsufficientFunds, InvalidState, NotFound, SpendingLimitReached, WalletFrozen),
)
def tip_session(request: Request[NewTip, None]) -> TipView:
    """Give the reader a tip from one's credit, once the reading is settled. The reader has 70 % of it at once."""
    session, amount = request.path["session_id"], request.body.amount
    return tip_view(afterwards.tip(world(), session, request.caller.id, request.derived_id("tip"), amount))


@endpoint(
    blueprint,
    "POST",
    f"{_SESSION}/review",
    body=NewReview,
    returns=ReviewView,
    status=201,
    errors=(AlreadyDone, Forbidden, InvalidState, NotFound),
)
def review_session(request: Request[NewReview, None]) -> ReviewView:
    """Review a reading that one paid for, once. Everybody may read it; of one's name, the first word is shown."""
    session, body = request.path["session_id"], request.body
    return review_view(afterwards.review(world(), session, request.caller.id, body.rating, body.text))


@endpoint(
    blueprint,
    "GET",
    "/v1/readers/{slug}/reviews",
    query=ListQuery,
    returns=PageOf[ReviewView],
    public=True,
    tags=("readers",),
    errors=(NotFound,),
)
def list_reviews(request: Request[None, ListQuery]) -> PageOf[ReviewView]:
    """The reviews of a verified reader, by slug or by id, newest first."""
    reader = readers.by_slug(world(), request.path["slug"]).id
    scope = reviews.list_key(reader)
    query = request.query
    start = cursors.decode(query.cursor, scope, {"pk": scope, "sk": str}) if query.cursor else None
    page, following = reviews.page(world(), reader, query.limit, start)
    return PageOf[ReviewView](
        items=[review_view(each) for each in page], next_cursor=cursors.encode(following, scope) if following else None
    )


@endpoint(
    blueprint,
    "POST",
    "/v1/reviews/{review_id}/reply",
    body=NewReply,
    returns=ReviewView,
    status=201,
    role="reader",
    tags=("readers",),
    errors=(AlreadyDone, Forbidden, NotFound),
)
def reply_to_review(request: Request[NewReply, None]) -> ReviewView:
    """Reply to a review of oneself, once. Everybody may read it."""
    return review_view(afterwards.reply(world(), request.path["review_id"], request.caller.id, request.body.text))


@endpoint(blueprint, "GET", f"{_SESSION}/note", returns=NoteView, errors=(Forbidden, NotFound))
def get_session_note(request: Request[None, None]) -> NoteView:
    """The client's own note on a reading."""
    return note_view(afterwards.session_note(world(), request.path["session_id"], request.caller.id))


@endpoint(blueprint, "PUT", f"{_SESSION}/note", body=NoteBody, returns=NoteView, errors=(Forbidden, NotFound))
def put_session_note(request: Request[NoteBody, None]) -> NoteView:
    """Keep a note on a reading for oneself, in place of the one before; an empty one deletes it."""
    session, text = request.path["session_id"], request.body.text
    return note_view(afterwards.write_session_note(world(), session, request.caller.id, text))


@endpoint(blueprint, "GET", _CLIENT_NOTE, returns=NoteView, role="reader", errors=(Forbidden,))
def get_client_note(request: Request[None, None]) -> NoteView:
    """The reader's own note on a client. 403 for somebody one never talked with."""
    return note_view(afterwards.client_note(world(), request.path["client"], request.caller.id))


@endpoint(blueprint, "PUT", _CLIENT_NOTE, body=NoteBody, returns=NoteView, role="reader", errors=(Forbidden,))
def put_client_note(request: Request[NoteBody, None]) -> NoteView:
    """Keep a note on a client for oneself, in place of the one before; an empty one deletes it."""
    client, text = request.path["client"], request.body.text
    return note_view(afterwards.write_client_note(world(), client, request.caller.id, text))


@endpoint(
    blueprint,
    "POST",
    f"{_SESSION}/guarantee",
    body=NewGuarantee,
    returns=GuaranteeView,
    status=201,
    errors=(AlreadyDone, Forbidden, InvalidState, NotFound),
)
def ask_guarantee(request: Request[NewGuarantee, None]) -> GuaranteeView:
    """Ask for what a reading cost, up to $25, within 72 hours and once in 30 days. People decide."""
    session, reason = request.path["session_id"], request.body.reason
    return guarantee_view(afterwards.ask_guarantee(world(), session, request.caller.id, reason))


@endpoint(blueprint, "GET", f"{_SESSION}/guarantee", returns=GuaranteeView, errors=(Forbidden, NotFound))
def get_guarantee(request: Request[None, None]) -> GuaranteeView:
    """What became of one's request. 404 where there is none."""
    return guarantee_view(afterwards.guarantee_of(world(), request.path["session_id"], request.caller.id))
