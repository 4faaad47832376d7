"""``/v1/me``: one's own profile."""

from chalice.app import Blueprint

from chalicelib.accounts import service
from chalicelib.accounts.schemas import Me, MeChanges
from chalicelib.gateways import world
from chalicelib.kernel.errors import AgeRequired, AlreadyDone
from chalicelib.runtime.endpoint import Request, endpoint

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/v1/me", returns=Me)
def get_me(request: Request[None, None]) -> Me:
    """Your profile. The first request of a new person makes it."""
    return Me.of(service.person(world(), request.caller.id))


@endpoint(blueprint, "PATCH", "/v1/me", body=MeChanges, returns=Me, errors=(AgeRequired, AlreadyDone))
def change_me(request: Request[MeChanges, None]) -> Me:
    """Change your profile: only the fields that are sent. A birth date is set once, by people of 18 or older."""
    return Me.of(service.change(world(), request.caller.id, request.body.changes()))
