"""A reader's picture: uploaded by a form, looked at, and only then shown.

A form writes below ``uploads/``, whence what nobody took up goes by itself. Taking it up copies it to where no form
reaches, and looks at the copy: what is posted to the form afterwards changes nothing that anybody sees.
"""

from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.objects import UploadForm
from chalicelib.kernel.errors import Invalid, NotFound, Problem
from chalicelib.kernel.ids import new_id
from chalicelib.readers import service
from chalicelib.readers.model import MOST_PICTURE_BYTES, PICTURE_TYPES, PictureType, Reader
from chalicelib.runtime.logs import log

FORM_SECONDS: Final = 600
LINK_SECONDS: Final = 3_600
_BEGINNING: Final = 512
"""Bytes that tell what a file is."""


def form(world: World, reader_id: str, media_type: PictureType) -> tuple[str, UploadForm]:
    """The id of a new upload, and the form that takes it: 5 MB at most, within 10 minutes. Nothing is stored."""
    upload = new_id("upl", world.now())
    return upload, world.pictures.upload_form(
        _upload_key(reader_id, upload), media_type, MOST_PICTURE_BYTES, FORM_SECONDS
    )


def take_up(world: World, reader_id: str, upload: str) -> Reader:
    """Show what was uploaded as the reader's picture, in place of the one before; it may be repeated.

    Raises NotFound (nothing was uploaded under this id), Invalid (too large, or no picture by its first bytes).
    """
    was = service.reader(world, reader_id)
    if was.picture == upload:
        return was
    source, key = _upload_key(reader_id, upload), _key(reader_id, upload)
    if world.pictures.size(source) is None:
        raise NotFound("There is no such upload.")
    world.pictures.copy(source, key)
    if fault := _fault(world, key):
        world.pictures.delete(key)
        raise Invalid(errors=({"field": "upload", "message": fault},))
    changed = service.set_picture(world, reader_id, upload)
    _remove(world, source, *([_key(reader_id, was.picture)] if was.picture else []))
    return changed


def drop(world: World, reader_id: str) -> Reader:
    """Show no picture; it may be repeated."""
    was = service.reader(world, reader_id)
    changed = service.set_picture(world, reader_id, None)
    if was.picture:
        _remove(world, _key(reader_id, was.picture))
    return changed


def forget(world: World, person_id: str) -> None:
    """Remove every picture of a deleted person. May be repeated. Raises Unavailable, ProviderFailed."""
    for prefix in (_key(person_id, ""), _upload_key(person_id, "")):  # also what was left behind, see ``_remove``
        world.pictures.delete_below(prefix)


def link(world: World, reader_id: str, picture: str | None) -> str | None:
    """An address that shows the picture for an hour."""
    return world.pictures.link(_key(reader_id, picture), LINK_SECONDS) if picture else None


def _fault(world: World, key: str) -> str | None:
    """What is wrong with it, as far as its size and its first bytes tell."""
    if not 0 < (world.pictures.size(key) or 0) <= MOST_PICTURE_BYTES:
        return f"At most {MOST_PICTURE_BYTES} bytes."
    if _type_of(world.pictures.beginning(key, _BEGINNING)) not in PICTURE_TYPES:
        return f"One of {', '.join(PICTURE_TYPES)}."
    return None


def _type_of(beginning: bytes) -> str | None:
    import puremagic  # reads its table of types, and only who uploads needs it

    try:
        told: str = puremagic.from_string(beginning, mime=True)
    except (puremagic.PureError, ValueError):
        return None
    return told


def _remove(world: World, *keys: str) -> None:
    """Nobody is shown them any more, so a failure costs a little room and nothing else."""
    for key in keys:
        try:
            world.pictures.delete(key)
        except Problem as problem:
            log.warning("picture_left_behind", code=problem.code)


def _upload_key(reader_id: str, upload: str) -> str:
    return f"uploads/{reader_id}/{upload}"


def _key(reader_id: str, picture: str) -> str:
    return f"pictures/{reader_id}/{picture}"
