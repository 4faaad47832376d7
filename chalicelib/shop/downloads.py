"""Links to what was bought as a file: made when asked for, the buyer's alone, counted, and of no use once it is not
theirs any more (product §9).

A link is an address of ours that wants the buyer's token. Opening it takes one of the item's downloads, and only then
gives an address of the bucket's, which works for five minutes for whoever has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import LinkExpired, NotFound
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.shop import catalogue, files
from chalicelib.shop.file_store import file_rows
from chalicelib.shop.model import download as model
from chalicelib.shop.model.download import Download
from chalicelib.shop.model.file import File
from chalicelib.shop.model.order import Item, Order, digital_due
from chalicelib.shop.order_store import orders_of

if TYPE_CHECKING:  # of all that they do, a download needs one look
    from chalicelib.shop import advancing, checkouts, orders
else:
    checkouts = on_first_use("chalicelib.shop.checkouts")
    advancing = on_first_use("chalicelib.shop.advancing")
    orders = on_first_use("chalicelib.shop.orders")

_TRIES: Final = 25
"""A try that lost means that another download of the order was counted, or something else of it changed."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, and where it is to be fetched; ``left`` is how often it can be downloaded after that."""

    url: str
    expires_at: Millis
    file: File
    left: int


def make(world: World, user: str, order_id: str, item_id: str, download_id: str) -> tuple[Download, int]:
    """A link to the file of an item of one's own order, whose id derives from the request; how often the item can be
    downloaded.

    Raises NotFound, Forbidden, InvalidState (not digital, not paid, too many links), LinkExpired (given back, taken
    back, or downloaded too often), Unavailable.
    """
    rows = file_rows(world)

    def attempt() -> tuple[Download, int]:
        order = orders.mine(world, user, order_id)
        left = model.left(order.item(item_id))
        if done := rows.download(download_id):
            return done, left
        if digital_due(order):  # paid a moment ago
            order = advancing.brought_up(world, order)
        _must_be_theirs(world, order, item_id)
        was = rows.links(order_id, item_id)
        made = Download(download_id, order_id, item_id, user, world.now())
        world.tables.write(rows.add(made), rows.keep(model.linked(was, made), was))
        log.info("download_link_made", id=order_id)
        return made, left

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def open_link(world: World, user: str, download_id: str) -> Opened:
    """Take one download of the item, and give the address of its file, as it is now.

    Raises NotFound, Forbidden (not the buyer's token), LinkExpired (its time is over, opened or downloaded too often,
    given back or taken back), Unavailable.
    """
    rows = file_rows(world)
    opening = new_id("opn", world.now())

    def attempt() -> tuple[Item, File]:
        was = rows.download(download_id)
        if was is None:
            raise NotFound("There is no such link.")
        was.must_be_of(user)
        order = orders.load(world, was.order)
        item = order.item(was.item)
        file = _file_of(world, item.product)
        if opening in was.openings:  # storage could not say so
            return item, file
        after = model.opened(was, opening, world.now())
        _must_be_theirs(world, order, was.item)
        counted, operation = orders_of(world).replace(model.counted(order, was.item), order)
        world.tables.write(rows.replace(after, was), operation)
        log.info("downloaded", id=order.id)
        return counted.item(item.id), file

    item, file = undisturbed(world.sleep, attempt, tries=_TRIES)
    until = world.now() + files.LINK_SECONDS * SECOND
    return Opened(files.link(world, item.product, file), until, file, model.left(item))


def _file_of(world: World, product_id: str) -> File:
    """The file of a product that was sold; looked at first, so that nobody pays with a download for what is lost.

    Raises NotFound.
    """
    file = catalogue.product(world, product_id).file
    if file is None:
        log.error("product_without_file", id=product_id)
        raise NotFound("The file is not there at present. This did not count; write to support.")
    return file


def _must_be_theirs(world: World, order: Order, item_id: str) -> None:
    """Raises NotFound, InvalidState, LinkExpired."""
    model.must_be_downloadable(order.item(item_id))
    if not checkouts.payment_stands(world, order):
        raise LinkExpired("What was paid for this was taken back.")
