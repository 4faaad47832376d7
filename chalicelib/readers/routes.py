"""What a reader does for themselves. Presence and the directory, which know who is busy, are routes of ``sessions``."""

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    AlreadyDone,
    Forbidden,
    InvalidState,
    LinkExpired,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from chalicelib.readers import pictures, service
from chalicelib.readers.model import Reader
from chalicelib.readers.schemas import (
    InvitationToken,
    OwnProfile,
    PictureBody,
    PictureUpload,
    ProfileBody,
    RatesBody,
    UploadBody,
)
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(
    blueprint,
    "POST",
    "/v1/reader/invitation",
    body=InvitationToken,
    returns=OwnProfile,
    errors=(NotFound, AlreadyDone, LinkExpired, Forbidden, InvalidState),
)
def accept_invitation(request: Request[InvitationToken, None]) -> OwnProfile:
    """Become a reader by an invitation. It works once, for 7 days; who used it may repeat the request."""
    return _own(service.accept_invitation(world(), request.caller.id, request.body.token))


@endpoint(blueprint, "GET", "/v1/reader/profile", returns=OwnProfile, role="reader")
def get_profile(request: Request[None, None]) -> OwnProfile:
    """Your profile as a reader, and how far you are: `invited`, `profile`, `verified` or `withdrawn`.

    `missing` names what there is still to do, in the order to do it.
    """
    return _own(service.reader(world(), request.caller.id))


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/profile",
    body=ProfileBody,
    returns=OwnProfile,
    errors=(AlreadyDone,),
    role="reader",
)
def put_profile(request: Request[ProfileBody, None]) -> OwnProfile:
    """Describe yourself, replacing the description before. 409 `already_done`: the slug is another reader's."""
    return _own(service.describe(world(), request.caller.id, request.body.description()))


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/rates",
    body=RatesBody,
    returns=OwnProfile,
    errors=(InvalidState,),
    role="reader",
)
def put_rates(request: Request[RatesBody, None]) -> OwnProfile:
    """Set your rates in cents a minute; what is absent is not offered.

    Once you are verified, a raise is at most 20 % and at most once in 30 days for each of text, voice and video.
    """
    return _own(service.set_rates(world(), request.caller.id, request.body.rates()))


@endpoint(blueprint, "POST", "/v1/reader/picture", body=PictureBody, returns=PictureUpload, status=201, role="reader")
def upload_picture(request: Request[PictureBody, None]) -> PictureUpload:
    """A form to upload a picture with. Nobody sees it before it is put with `PUT /v1/reader/picture`."""
    upload, form = pictures.form(world(), request.caller.id, request.body.media_type)
    return PictureUpload(upload=upload, url=form.url, fields=dict(form.fields))


@endpoint(
    blueprint,
    "PUT",
    "/v1/reader/picture",
    body=UploadBody,
    returns=OwnProfile,
    errors=(NotFound, ProviderFailed, Unavailable),
    role="reader",
)
def put_picture(request: Request[UploadBody, None]) -> OwnProfile:
    """Show what was uploaded. It is looked at: a file that is not the JPEG, PNG or WebP it was said to be is 422."""
    return _own(pictures.take_up(world(), request.caller.id, request.body.upload))


@endpoint(blueprint, "DELETE", "/v1/reader/picture", returns=OwnProfile, role="reader")
def delete_picture(request: Request[None, None]) -> OwnProfile:
    """Show no picture. It may be repeated."""
    return _own(pictures.drop(world(), request.caller.id))


def _own(reader: Reader) -> OwnProfile:
    return OwnProfile.of(reader, pictures.link(world(), reader.id, reader.picture))
