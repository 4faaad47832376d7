"""Health, the API's own description, the promises, and leaving.

The first three are public: a monitor and a newcomer have no token. Leaving, and taking one's data along, is open to
suspended people too.
"""

from functools import cache
from typing import TYPE_CHECKING, cast

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import (
    Forbidden,
    InvalidState,
    LinkExpired,
    NotFound,
    ProviderFailed,
    RateLimited,
)
from chalicelib.kernel.money import READER_SHARE_PERCENT
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, HOUR, SECOND
from chalicelib.operations.schemas import (
    Billing,
    Caps,
    CodeBody,
    DeletionView,
    ExportView,
    FeeSplit,
    Guarantee,
    Health,
    Trust,
    Verification,
)
from chalicelib.readers.model import RAISE_INTERVAL, RAISE_PERCENT
from chalicelib.runtime.endpoint import Request, Text, endpoint
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.schemas import Money
from chalicelib.sessions.model.afterwards import GUARANTEE_INTERVAL, GUARANTEE_MOST, GUARANTEE_WITHIN
from chalicelib.sessions.model.session import REFUNDING
from chalicelib.wallet.model import terms

if TYPE_CHECKING:
    from chalicelib.operations import deletions, docs, exports
    from chalicelib.operations.model.export import Export
    from chalicelib.runtime import openapi
    from chalicelib.runtime.parts import App
else:
    deletions = on_first_use("chalicelib.operations.deletions")
    docs = on_first_use("chalicelib.operations.docs")
    exports = on_first_use("chalicelib.operations.exports")
    openapi = on_first_use("chalicelib.runtime.openapi")

blueprint = Blueprint(__name__)


@endpoint(blueprint, "GET", "/health", returns=Health, public=True)
def health(request: Request[None, None]) -> Health:  # noqa: ARG001 - every route is given its request
    """Whether the API answers.

    It asks nothing of storage, so that a monitor measures this program and not the sum of its dependencies.
    """
    return Health(status="ok")


@endpoint(blueprint, "GET", "/openapi.json", returns=Text, public=True, media_types=("application/json",))
def read_openapi(request: Request[None, None]) -> Text:  # noqa: ARG001 - every route is given its request
    """This document."""
    return Text(_document(cast("App", blueprint.current_app)), "application/json")


@endpoint(blueprint, "GET", "/docs", returns=Text, public=True, media_types=("text/html",))
def read_docs(request: Request[None, None]) -> Text:  # noqa: ARG001 - every route is given its request
    """A page to read this API on, and to try it."""
    return Text(docs.page(), "text/html; charset=utf-8", docs.PAGE_HEADERS)


@endpoint(
    blueprint,
    "GET",
    "/docs/{file}/{version}",
    returns=Text,
    public=True,
    media_types=("text/css", "text/javascript"),
    errors=(NotFound,),
)
def read_docs_file(request: Request[None, None]) -> Text:
    """A file of that page. Its address changes with its content, so it may be kept for good."""
    found = docs.file(request.path["file"], request.path["version"])
    return Text(found.content, found.media_type, docs.FILE_HEADERS)


@endpoint(blueprint, "GET", "/v1/meta/trust", returns=Trust, public=True)
def read_trust(request: Request[None, None]) -> Trust:  # noqa: ARG001 - every route is given its request
    """The promises to clients and readers: fees, billing, caps, the guarantee, verification."""
    return trust(world().settings.rules)


def trust(rules: Rules) -> Trust:
    """The promises under the lengths that this stage runs on."""
    return Trust(
        fee_split=FeeSplit(reader_percent=READER_SHARE_PERCENT, platform_percent=100 - READER_SHARE_PERCENT),
        billing=Billing(
            minute_seconds=rules.minute // SECOND,
            grace_seconds=rules.grace // SECOND,
            grace_total_seconds=rules.grace_total // SECOND,
            session_max_seconds=rules.session_max // SECOND,
            refunded_when=sorted(reason for reason in REFUNDING if reason),
            client_debt=False,
        ),
        caps=Caps(
            topup_least=Money(amount=terms.LEAST),
            topup_most=Money(amount=terms.MOST),
            rate_raise_percent=RAISE_PERCENT,
            rate_raise_days=RAISE_INTERVAL // DAY,
        ),
        guarantee=Guarantee(
            most=Money(amount=GUARANTEE_MOST),
            within_hours=GUARANTEE_WITHIN // HOUR,
            once_in_days=GUARANTEE_INTERVAL // DAY,
        ),
        verification=Verification(by_invitation=True, identity_checked=True, approved_by_admin=True),
    )


@endpoint(
    blueprint,
    "POST",
    "/v1/me/export",
    returns=ExportView,
    status=202,
    idempotent=True,
    allow_suspended=True,
    errors=(RateLimited,),
)
def ask_export(request: Request[None, None]) -> ExportView:
    """Ask for a file of everything that is kept of you. One at a time: while one is being made, it is the answer."""
    return _export(exports.ask(world(), request.caller.id, request.derived_id("exp")))


@endpoint(
    blueprint,
    "GET",
    "/v1/me/exports/{export_id}",
    returns=ExportView,
    allow_suspended=True,
    errors=(Forbidden, NotFound),
)
def get_export(request: Request[None, None]) -> ExportView:
    """Whether the file is ready, and a link to it."""
    return _export(exports.export_of(world(), request.caller.id, request.path["export_id"]))


@endpoint(
    blueprint,
    "POST",
    "/v1/me/deletion",
    returns=DeletionView,
    status=202,
    allow_suspended=True,
    errors=(InvalidState, ProviderFailed, RateLimited),
)
def ask_deletion(request: Request[None, None]) -> DeletionView:
    """Ask to be deleted: a code is mailed to you. Asking again makes the code of before void.

    What was ordered and is not sent by then is called off. Paid credit goes back to the cards that paid it. Coins
    cannot be paid out: those that are left are lost.
    """
    return DeletionView.of(deletions.ask(world(), request.caller.id))


@endpoint(blueprint, "GET", "/v1/me/deletion", returns=DeletionView, allow_suspended=True, errors=(NotFound,))
def get_deletion(request: Request[None, None]) -> DeletionView:
    """How far it is."""
    return DeletionView.of(deletions.deletion_of(world(), request.caller.id))


@endpoint(
    blueprint,
    "POST",
    "/v1/me/deletion/confirm",
    body=CodeBody,
    returns=DeletionView,
    allow_suspended=True,
    errors=(LinkExpired, NotFound),
)
def confirm_deletion(request: Request[CodeBody, None]) -> DeletionView:
    """Give the mailed code. Thirty days later the account is gone; a code works for 30 minutes, and for five tries."""
    return DeletionView.of(deletions.confirm(world(), request.caller.id, request.body.code))


@endpoint(
    blueprint,
    "DELETE",
    "/v1/me/deletion",
    returns=None,
    allow_suspended=True,
    errors=(InvalidState, NotFound),
)
def cancel_deletion(request: Request[None, None]) -> None:
    """Keep the account after all."""
    deletions.cancel(world(), request.caller.id)


def _export(made: "Export") -> ExportView:
    return ExportView.of(made, world().now(), exports.link(world(), made))


@cache
def _document(app: "App") -> str:
    return openapi.rendered(openapi.routes_of(app.every_route()))
