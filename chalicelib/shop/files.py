"""The files of digital products: announced, uploaded by a form, looked at, and only then sold (product §9).

A form writes below ``uploads/``, whence everything goes by itself after a day. What is taken up is a copy where no form
reaches, and the copy is looked at: it must be, byte for byte, what was announced. An announcement becomes the file of
its product once at most, in the transaction that makes it that; so of two copies nobody can mean the wrong one, and one
that is neither the product's nor announced any more can be removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO, Final

from chalicelib.gateways import World
from chalicelib.gateways.objects import UploadForm, types_of
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, NotFound, Problem
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.runtime import audit
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.shop import catalogue
from chalicelib.shop.file_store import file_rows
from chalicelib.shop.model import file as model
from chalicelib.shop.model.file import File, FileType, Upload
from chalicelib.shop.model.product import Product
from chalicelib.shop.store import products_of

FORM_SECONDS: Final = 600
LINK_SECONDS: Final = 300
_BEGINNING: Final = 512
"""Bytes that tell what a file is."""
_MOST_COPIES: Final = 50
"""Looked at, of one product, for such as nobody needs; the next time goes on."""


# --- a reader's ----------------------------------------------------------------------------------


def form(
    world: World, user: str, product_id: str, name: str, media_type: FileType, size: int, sha256: str
) -> tuple[Upload, UploadForm, Millis]:
    """Announce the file of one's own product: the form that takes these very bytes, and until when.

    Raises NotFound, Forbidden (somebody else's), InvalidState (not digital, or approved: an admin sets its file from
    then on), Invalid.
    """
    product = catalogue.product(world, product_id)
    _must_be_own(product, user)
    _must_be_draft(product)
    upload = _announced(world, product, user, name, media_type, size, sha256)
    given = world.files.exact_form(_upload_key(upload), media_type, size, sha256, FORM_SECONDS)
    return upload, given, world.now() + FORM_SECONDS * SECOND


def take_up(world: World, user: str, product_id: str, upload_id: str) -> Product:
    """Make what was uploaded the file of one's own product, in place of the one before; it may be repeated.

    Raises as ``form``, and NotFound (not announced, not uploaded, or replaced since), Invalid (not what was announced).
    """

    def allowed(product: Product) -> None:
        _must_be_own(product, user)
        if product.file is None or product.file.id != upload_id:
            _must_be_draft(product)

    return _taken_up(world, product_id, upload_id, allowed)


def _must_be_own(product: Product, user: str) -> None:
    if product.seller != user:
        raise Forbidden("This product is not yours.")


def _must_be_draft(product: Product) -> None:
    if product.state != "draft":
        raise InvalidState("This product was approved: only an admin can change its file.")


# --- an admin's ----------------------------------------------------------------------------------


def put(
    world: World,
    product_id: str,
    content: BinaryIO,
    wanted: tuple[str, FileType, int, str],
    *,
    actor: str,
    reason: str,
) -> Product:
    """Make ``content`` the file of a product, in place of the one before. Audited. ``wanted`` is its name, type, size
    and SHA-256.

    Raises NotFound, InvalidState (not digital), Invalid, Unavailable, ProviderFailed.
    """
    upload = _announced(world, catalogue.product(world, product_id), actor, *wanted)
    file = upload.file
    world.files.put_file(_upload_key(upload), content, file.media_type, file.sha256)

    def audited(was: Product) -> list[Operation]:
        entry = audit.entry(
            world.settings.tables.audit,
            subject=was.id,
            action="product_file_set",
            actor=actor,
            reason=reason,
            at=world.now(),
            detail={"file": file.id, "sha256": file.sha256, "before": was.file.id if was.file else None},
        )
        return [entry]

    return _taken_up(world, product_id, file.id, beside=audited)


# --- both ----------------------------------------------------------------------------------------


def link(world: World, product: str, file: File) -> str:
    """An address that gives the file for five minutes, to be kept and not shown, to whoever has it."""
    return world.files.download(_key(product, file.id), LINK_SECONDS, file.name, file.media_type)


def _announced(
    world: World, product: Product, by: str, name: str, media_type: FileType, size: int, sha256: str
) -> Upload:
    if product.kind != "digital":
        raise InvalidState("This product is sent, and no file.")
    now = world.now()
    upload = Upload(model.announced(new_id("upl", now), name, media_type, size, sha256), product.id, by)
    undisturbed(world.sleep, lambda: world.tables.write(file_rows(world).announce(upload, now)))
    return upload


def _taken_up(
    world: World,
    product_id: str,
    upload_id: str,
    allowed: Callable[[Product], None] = lambda _: None,
    beside: Callable[[Product], list[Operation]] = lambda _: [],
) -> Product:
    """The product, whose file is what was announced as ``upload_id``. ``allowed`` raises where it cannot become that;
    what goes ``beside`` the change is written with it. Both are given the product as it was.
    """
    rows = file_rows(world)

    def now() -> tuple[Product, Upload | None]:
        """The product, and what was announced; None where that is its file."""
        upload = rows.upload(upload_id)  # first: what is gone by then may be the product's already
        was = catalogue.product(world, product_id)
        allowed(was)
        if was.file and was.file.id == upload_id:
            return was, None
        if upload is None or upload.product != product_id:
            raise NotFound("There is no such upload for this product.")
        return was, upload

    def attempt() -> Product:
        was, upload = now()
        if upload is None:
            return was
        made = replace(was, file=upload.file, rev=was.rev + 1)
        world.tables.write(products_of(world).keep(made, was), rows.let_go(upload), *beside(was))
        log.info("product_file_set", id=product_id)
        return made

    _, upload = now()
    if upload:
        _copy(world, upload)
    done = undisturbed(world.sleep, attempt)
    _sweep(world, product_id)
    return done


def _copy(world: World, upload: Upload) -> None:
    """Copy it to where no form reaches, and look at the copy. What is not what was announced is let go of, and has to
    be announced anew.
    """
    key = _key(upload.product, upload.file.id)
    if world.files.stored(key) is None and not world.files.copy(_upload_key(upload), key):
        raise NotFound("The file is not there. Post it to its form first.")
    fault = _fault_of(world, key, upload.file)
    if fault is None:
        return
    log.warning("product_file_refused", id=upload.product, kind=fault["field"])
    rows = file_rows(world)

    def attempt() -> None:
        if rows.upload(upload.file.id):
            world.tables.write(rows.let_go(upload))

    undisturbed(world.sleep, attempt)
    _sweep(world, upload.product)
    raise Invalid("The file is not what was announced. Announce it again.", (fault,))


def _fault_of(world: World, key: str, file: File) -> dict[str, str] | None:
    """In what the object is another than the file; the dearest look comes last."""
    size, media_type = world.files.stored(key) or (0, "")
    if size != file.size:
        return {"field": "size", "message": f"It has {size} bytes."}
    if media_type != file.media_type or media_type not in types_of(world.files.beginning(key, _BEGINNING)):
        return {"field": "media_type", "message": f"By its first bytes it is not {file.media_type}."}
    if world.files.sha256(key) != file.sha256:
        return {"field": "sha256", "message": "It has another digest."}
    return None


def _sweep(world: World, product_id: str) -> None:
    """Remove the copies that are not the product's file, and never can be: what they were announced as is gone, which
    is known before the product is read. Nobody is given them, so a failure costs room and nothing else.
    """
    place = _key(product_id, "")
    try:
        copies = world.files.below(place, "", _MOST_COPIES)
        useless = [key for key in copies if file_rows(world).upload(key.removeprefix(place)) is None]
        file = catalogue.product(world, product_id).file
        for key in useless:
            if file is None or key != _key(product_id, file.id):
                world.files.delete(key)
    except Problem as problem:
        log.warning("product_file_left_behind", id=product_id, code=problem.code)


def _upload_key(upload: Upload) -> str:
    return f"uploads/{upload.product}/{upload.file.id}"


def _key(product: str, file: str) -> str:
    """Where the file of a product is, and no form reaches."""
    return f"products/{product}/{file}"
