"""What a reader does for themselves. Presence and the directory, which know who is busy, are routes of ``sessions``."""

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import AlreadyDone, Forbidden, InvalidState, LinkExpired, NotFound
from chalicelib.readers import service
from chalicelib.readers.schemas import InvitationToken, OwnProfile, ProfileBody, RatesBody
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
    return OwnProfile.of(service.accept_invitation(world(), request.caller.id, request.body.token))


@endpoint(blueprint, "GET", "/v1/reader/profile", returns=OwnProfile, role="reader")
def get_profile(request: Request[None, None]) -> OwnProfile:
    """Your profile as a reader, and how far you are: `invited`, `profile`, `verified` or `withdrawn`."""
    return OwnProfile.of(service.reader(world(), request.caller.id))


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
    return OwnProfile.of(service.describe(world(), request.caller.id, request.body.description()))


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
    return OwnProfile.of(service.set_rates(world(), request.caller.id, request.body.rates()))
