"""The rows of files in the table of the shop. All of them go by themselves, some time after they are of no use.

``{upload}`` / ``upload``         a file that was announced, until it is a product's
``{download}`` / ``download``     a link to a file that was bought
``{order}`` / ``links#{item}``    the links to one item that can still be opened
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.runtime.tables import Absent, Clause, Delete, Equals, Item, Key, Put, Tables
from chalicelib.shop.model.download import KEPT, Download, Links
from chalicelib.shop.model.file import File, Upload

UPLOAD_KEPT: Final[Millis] = DAY
"""As long as what was uploaded is."""


class FileRows:
    """Reads announced files and links, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # announced files

    def upload(self, upload_id: str) -> Upload | None:
        """What was announced and is no product's yet, strongly consistent."""
        item = self._tables.get(self._name, _upload_key(upload_id))
        return Upload(File(**item["file"]), item["product"], item["by"]) if item else None

    def announce(self, upload: Upload, at: Millis) -> Put:
        """Adds a file that will be uploaded; fails when there is one."""
        told = {"file": asdict(upload.file), "product": upload.product, "by": upload.by}
        until = (at + UPLOAD_KEPT) // SECOND
        return Put(self._name, _upload_key(upload.file.id) | told | {"expires": until}, when=(Absent("pk"),))

    def let_go(self, upload: Upload) -> Delete:
        """Takes it away: for good, for its id is given out once. Fails where it is gone."""
        return Delete(self._name, _upload_key(upload.file.id), when=(Equals("product", upload.product),))

    # links

    def download(self, download_id: str) -> Download | None:
        """The link, strongly consistent."""
        item = self._tables.get(self._name, _download_key(download_id))
        return _download(item) if item else None

    def add(self, download: Download) -> Put:
        """Adds a link; fails when there is one."""
        return Put(self._name, _download_item(download), when=(Absent("pk"),))

    def replace(self, download: Download, was: Download) -> Put:
        """Changes a link; fails when another write came first."""
        return Put(self._name, _download_item(download), when=(Equals("rev", was.rev),))

    def links(self, order_id: str, item_id: str) -> Links:
        """The links to one item, strongly consistent."""
        item = self._tables.get(self._name, _links_key(order_id, item_id))
        return Links(order_id, item_id, item["until"], item["rev"]) if item else Links(order_id, item_id)

    def keep(self, links: Links, was: Links) -> Put:
        """Keeps which links there are; fails when another write came first."""
        told = {"until": dict(links.until), "rev": links.rev, "expires": max(links.until.values()) // SECOND}
        when: Clause = Equals("rev", was.rev) if was.rev else Absent("pk")
        return Put(self._name, _links_key(links.order, links.item) | told, when=(when,))


def file_rows(world: World) -> FileRows:
    """The rows of this world."""
    return FileRows(world.tables, world.settings.tables.shop)


def _upload_key(upload_id: str) -> Key:
    return {"pk": upload_id, "sk": "upload"}


def _download_key(download_id: str) -> Key:
    return {"pk": download_id, "sk": "download"}


def _links_key(order_id: str, item_id: str) -> Key:
    return {"pk": order_id, "sk": f"links#{item_id}"}


def _download_item(download: Download) -> Item:
    """``buyer`` and ``created_at`` have other names here: with those it would be in the list of a person's orders."""
    return _download_key(download.id) | {
        "order": download.order,
        "item": download.item,
        "owner": download.buyer,
        "made_at": download.created_at,
        "openings": list(download.openings),
        "expires": (download.expires_at + KEPT) // SECOND,
        "rev": download.rev,
    }


def _download(item: Item) -> Download:
    return Download(
        id=item["pk"],
        order=item["order"],
        item=item["item"],
        buyer=item["owner"],
        created_at=item["made_at"],
        openings=tuple(item["openings"]),
        rev=item["rev"],
    )
