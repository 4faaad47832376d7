"""``/v1/me``: one's own profile, and what one agreed to, wants, blocks and allows oneself. And what one uploads."""

from typing import TYPE_CHECKING

from chalice.app import Blueprint

from chalicelib.accounts import service
from chalicelib.accounts.schemas import (
    BlockView,
    ConsentView,
    DeviceView,
    LimitsView,
    Me,
    MeChanges,
    NewBlock,
    NewConsent,
    NewDevice,
    NewUpload,
    PreferencesBody,
    PreferencesView,
    UploadView,
)
from chalicelib.gateways import world
from chalicelib.kernel.errors import AgeRequired, AlreadyDone, InvalidState, NotFound
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import ListQuery, PageOf

if TYPE_CHECKING:
    from chalicelib.accounts import uploads
else:
    uploads = on_first_use("chalicelib.accounts.uploads")

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/me", returns=Me)
def get_me(request: Request[None, None]) -> Me:
    """Your profile. The first request of a new person makes it."""
    return Me.of(service.person(world(), request.caller.id))


@endpoint(blueprint, "PATCH", "/v1/me", body=MeChanges, returns=Me, errors=(AgeRequired, AlreadyDone))
def change_me(request: Request[MeChanges, None]) -> Me:
    """Change your profile: only the fields that are sent. A birth date is set once, by people of 18 or older."""
    return Me.of(service.change(world(), request.caller.id, request.body.changes()))


@endpoint(blueprint, "GET", "/v1/me/consents", returns=PageOf[ConsentView])
def list_consents(request: Request[None, None]) -> PageOf[ConsentView]:
    """What you agreed to, oldest first: all of it, on one page."""
    given = service.consents_of(world(), request.caller.id).given
    return PageOf[ConsentView](items=[ConsentView.of(each) for each in given], next_cursor=None)


@endpoint(blueprint, "POST", "/v1/me/consents", body=NewConsent, returns=ConsentView, errors=(InvalidState,))
def give_consent(request: Request[NewConsent, None]) -> ConsentView:
    """Agree to a version of the terms or the guidelines. Agreeing again keeps the first time.

    Nobody has to agree to `consumption`: that a store which decides on your refund is told how much of the purchase you
    used.
    """
    body = request.body
    return ConsentView.of(service.agree(world(), request.caller.id, body.document, body.version))


@endpoint(blueprint, "DELETE", "/v1/me/consents/{document}", returns=None, errors=(InvalidState, NotFound))
def withdraw_consent(request: Request[None, None]) -> None:
    """Take back what you agreed to; done, too, where you did not. Only `consumption` can be taken back."""
    service.withdraw(world(), request.caller.id, request.path["document"])


@endpoint(blueprint, "GET", "/v1/me/devices", returns=PageOf[DeviceView])
def list_devices(request: Request[None, None]) -> PageOf[DeviceView]:
    """Your devices, oldest first: all of them, on one page."""
    registered = service.devices_of(world(), request.caller.id).registered
    return PageOf[DeviceView](items=[DeviceView.of(each) for each in registered], next_cursor=None)


@endpoint(blueprint, "POST", "/v1/me/devices", body=NewDevice, returns=DeviceView, status=201)
def add_device(request: Request[NewDevice, None]) -> DeviceView:
    """Send your pushes to this device too. Of more than ten the oldest goes; a token has one owner, the last."""
    return DeviceView.of(service.add_device(world(), request.caller.id, request.body.platform, request.body.token))


@endpoint(blueprint, "DELETE", "/v1/me/devices/{device_id}", returns=None, errors=(NotFound,))
def remove_device(request: Request[None, None]) -> None:
    """Send no more pushes to this device."""
    service.remove_device(world(), request.caller.id, request.path["device_id"])


@endpoint(blueprint, "GET", "/v1/me/notification-preferences", returns=PreferencesView)
def get_preferences(request: Request[None, None]) -> PreferencesView:
    """Which notices you want, by which channel, and when not."""
    return PreferencesView.of(service.preferences_of(world(), request.caller.id))


@endpoint(
    blueprint,
    "PUT",
    "/v1/me/notification-preferences",
    body=PreferencesBody,
    returns=PreferencesView,
    errors=(InvalidState,),
)
def put_preferences(request: Request[PreferencesBody, None]) -> PreferencesView:
    """Choose them. A change made on an older `rev` than the stored one is refused: read again."""
    body = request.body
    return PreferencesView.of(service.prefer(world(), request.caller.id, body.chosen(), body.quiet(), body.rev))


@endpoint(blueprint, "GET", "/v1/me/blocks", query=ListQuery, returns=PageOf[BlockView])
def list_blocks(request: Request[None, ListQuery]) -> PageOf[BlockView]:
    """Whom you blocked, by id."""
    query, me = request.query, request.caller.id
    scope = f"blocks:{me}"
    after = cursors.decode(query.cursor, scope, {"user": str})["user"] if query.cursor else None
    page, following = service.blocks_of(world(), me, query.limit, after)
    cursor = cursors.encode({"user": following}, scope) if following else None
    return PageOf[BlockView](items=[BlockView.of(each) for each in page], next_cursor=cursor)


@endpoint(
    blueprint,
    "POST",
    "/v1/me/blocks",
    body=NewBlock,
    returns=BlockView,
    status=201,
    errors=(InvalidState,),
)
def add_block(request: Request[NewBlock, None]) -> BlockView:
    """Keep away from somebody: neither of you can start a reading with the other. They are not told."""
    return BlockView.of(service.block(world(), request.caller.id, request.body.user))


@endpoint(blueprint, "DELETE", "/v1/me/blocks/{user}", returns=None)
def remove_block(request: Request[None, None]) -> None:
    """Take a block back; done, too, where there is none."""
    service.unblock(world(), request.caller.id, request.path["user"])


@endpoint(blueprint, "GET", "/v1/me/limits", returns=LimitsView)
def get_limits(request: Request[None, None]) -> LimitsView:
    """What you let yourself spend in any 24 hours, 7 days and 30 days, and until when not at all."""
    return LimitsView.of(service.limits_of(world(), request.caller.id))


@endpoint(blueprint, "POST", "/v1/uploads", body=NewUpload, returns=UploadView, status=201, tags=("messaging",))
def new_upload(request: Request[NewUpload, None]) -> UploadView:
    """A form to upload a file with, to put beside a message or a post within a day.

    It is looked at then: what is not what it was said to be, or is larger than 10 MB, is refused with 422.
    """
    body = request.body
    upload, form, until = uploads.form(world(), request.caller.id, body.media_type, body.size)
    return UploadView(id=upload, url=form.url, fields=dict(form.fields), expires_at=rfc3339(until))
