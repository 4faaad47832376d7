"""Digital products, their files, and orders of them, on tables that others use too: the words of the tests of files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from chalicelib.gateways import World
from chalicelib.gateways.objects import UploadForm
from chalicelib.shop import downloads, files
from chalicelib.shop.downloads import Opened
from chalicelib.shop.model import order as orders
from chalicelib.shop.model.download import Download
from chalicelib.shop.model.file import File, FileType, Upload
from chalicelib.shop.model.order import Item, Line, Order
from chalicelib.shop.model.product import Kind, Product
from chalicelib.shop.order_store import orders_of
from chalicelib.shop.store import products_of
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.payments import payment_rows
from tests.support.worlds import NOON, OfflineObjects

PDF = b"%PDF-1.7\n" + bytes(300)
OTHER_PDF = b"%PDF-1.7\n" + bytes(299) + b"!"


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@dataclass(frozen=True)
class Shelf:
    """``own`` is what makes their ids their own. The bucket is in memory."""

    world: World
    own: str = "1"

    @property
    def seller(self) -> str:
        return f"usr_seller{self.own}"

    @property
    def buyer(self) -> str:
        return f"usr_buyer{self.own}"

    @property
    def name(self) -> str:
        """The id of the product."""
        return f"prd_{self.own}"

    @property
    def order(self) -> str:
        return f"ord_{self.own}"

    @property
    def bucket(self) -> OfflineObjects:
        bucket = self.world.files
        assert isinstance(bucket, OfflineObjects)
        return bucket

    # the product

    def made(self, **more: Any) -> Shelf:
        """A draft of the seller's, without a file."""
        terms: dict[str, Any] = {
            "id": self.name,
            "name": "Guide",
            "description": "",
            "images": (),
            "kind": "digital",
            "price": 1_000,
            "price_id": "price_1",
            "coins": None,
            "seller": self.seller,
            "active": False,
            "state": "draft",
            "created_at": NOON,
        }
        self.world.tables.write(products_of(self.world).keep(Product(**terms | more), None))
        return self

    @property
    def product(self) -> Product:
        found = products_of(self.world).product(self.name)
        assert found
        return found

    def becomes(self, **more: Any) -> None:
        """The product is changed by somebody else."""
        was = self.product
        self.world.tables.write(products_of(self.world).keep(replace(was, rev=was.rev + 1, **more), was))

    # its file

    def announced(
        self, content: bytes = PDF, name: str = "Guide.pdf", media_type: FileType = "application/pdf"
    ) -> tuple[Upload, UploadForm]:
        upload, form, _ = files.form(
            self.world, self.seller, self.name, name, media_type, len(content), digest(content)
        )
        return upload, form

    def uploaded(self, content: bytes = PDF, media_type: FileType = "application/pdf") -> str:
        """The id of an upload that is in the bucket, which may be another than what was announced."""
        upload, form = self.announced(content, media_type=media_type)
        assert self.bucket.posted(form, content, form.fields)
        return upload.file.id

    def takes_up(self, upload: str) -> Product:
        return files.take_up(self.world, self.seller, self.name, upload)

    def filed(self, content: bytes = PDF) -> Shelf:
        """A draft with a file."""
        self.made().takes_up(self.uploaded(content))
        return self

    @property
    def file(self) -> File | None:
        return self.product.file

    def copies(self) -> dict[str, bytes]:
        """What is in the bucket where no form reaches, by its id."""
        place = f"products/{self.name}/"
        return {key.removeprefix(place): each for key, each in self.bucket.held.items() if key.startswith(place)}

    # an order of it

    def bought(self, kind: Kind = "digital", **more: Any) -> Shelf:
        """A product with a file, and an order of it that is paid and fulfilled."""
        self.filed()
        line = Line(self.name, "Guide", kind, self.seller, 1, 1_000, 0)
        made = orders.ordered(self.order, self.buyer, ("stripe", "web"), [line], None, None, 100, NOON)
        paid = orders.fulfilled(orders.paid(made, NOON, intent=f"pi_{self.own}"), NOON)
        payment = Payment(f"pi_{self.own}", self.buyer, 1_000, source="order", reference=self.order, at=NOON)
        self.world.tables.write(*payment_rows(self.world).replace(payment, Payment(payment.intent)))
        self.world.tables.write(orders_of(self.world).create(replace(paid, **more)))
        return self

    def ordered(self) -> Order:
        """The order as stored."""
        found = orders_of(self.world).get(self.order)
        assert found
        return found

    @property
    def item(self) -> Item:
        return self.ordered().item("1")

    def item_becomes(self, **more: Any) -> None:
        was = self.ordered()
        _, operation = orders_of(self.world).replace(
            replace(was, items=tuple(replace(each, **more) for each in was.items)), was
        )
        self.world.tables.write(operation)

    def links(self, name: str = "1") -> Download:
        return downloads.make(self.world, self.buyer, self.order, "1", f"dow_{self.own}{name}")[0]

    def opens(self, link: Download) -> Opened:
        return downloads.open_link(self.world, self.buyer, link.id)
