"""Files over HTTP: a reader's, of what they sell, and a buyer's, of what they bought."""

from typing import Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, LinkExpired, NotFound, ProviderFailed
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.shop import downloads, files
from chalicelib.shop.file_schemas import DownloadLink, FileFormView, FileView, NewFile, OpenedDownload, UploadedFile

blueprint = Blueprint(__name__)

_FILE: Final = "/v1/reader/products/{product_id}/file"


@endpoint(
    blueprint,
    "POST",
    _FILE,
    body=NewFile,
    returns=FileFormView,
    status=201,
    role="reader",
    errors=(Forbidden, InvalidState, NotFound),
)
def announce_file(request: Request[NewFile, None]) -> FileFormView:
    """A form to upload the file of one's own digital product with, until an admin has approved the product.

    The form takes these very bytes and no others. It takes no `Idempotency-Key`: it is of use for ten minutes, and a
    replayed one would not be.
    """
    body = request.body
    product = request.path["product_id"]
    made = files.form(world(), request.caller.id, product, body.name, body.media_type, body.size, body.sha256)
    return FileFormView.of(*made)


@endpoint(
    blueprint,
    "PUT",
    _FILE,
    body=UploadedFile,
    returns=FileView,
    role="reader",
    errors=(Forbidden, Invalid, InvalidState, NotFound, ProviderFailed),
)
def set_file(request: Request[UploadedFile, None]) -> FileView:
    """Make what was uploaded the product's file, in place of the one before: whoever bought it gets the new one.

    It is looked at first: what is not what was announced is refused with 422, and has to be announced anew.
    """
    product = files.take_up(world(), request.caller.id, request.path["product_id"], request.body.upload)
    if product.file is None:
        raise LookupError(f"{product.id} was given a file and has none")
    return FileView.of(product.file)


@endpoint(
    blueprint,
    "POST",
    "/v1/orders/{order_id}/items/{item_id}/download",
    returns=DownloadLink,
    status=201,
    idempotent=True,
    errors=(Forbidden, InvalidState, LinkExpired, NotFound),
)
def make_download_link(request: Request[None, None]) -> DownloadLink:
    """A link to the file of an item that one bought, good for 24 hours and three openings.

    An item can be downloaded ten times, by whatever links; twenty of them may be open. What was given back, or whose
    payment was taken back, is 410 `link_expired`.
    """
    path = request.path
    name = request.derived_id("dow")
    download, left = downloads.make(world(), request.caller.id, path["order_id"], path["item_id"], name)
    return DownloadLink.of(download, left, request.base_url(world().settings.api_url))


@endpoint(
    blueprint,
    "GET",
    "/v1/downloads/{download_id}",
    returns=OpenedDownload,
    errors=(Forbidden, LinkExpired, NotFound),
)
def open_download_link(request: Request[None, None]) -> OpenedDownload:
    """Where to fetch the file now, for five minutes, without a token. Only the buyer's token opens the link.

    Each opening counts as a download, a repeated one too. It answers with JSON and does not redirect, so that no client
    sends the token on.
    """
    return OpenedDownload.of(downloads.open_link(world(), request.caller.id, request.path["download_id"]))
