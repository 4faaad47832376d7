"""A reader's picture: uploaded by a form, looked at, and only then shown.

A form writes below ``uploads/``, whence what nobody took up goes by itself. Taking it up copies it to where no form
reaches, and looks at the copy: what is posted to the form afterwards changes nothing that anybody sees.
"""

from typing import Final

from chalicelib.gateways import World, objects
from chalicelib.gateways.objects import UploadForm
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.ids import new_id
from chalicelib.readers import service
from chalicelib.readers.model import MOST_PICTURE_BYTES, PICTURE_TYPES, PictureType, Reader
from chalicelib.runtime.logs import log

FORM_SECONDS: Final = 600
LINK_SECONDS: Final = 3_600


def form(world: World, reader_id: str, media_type: PictureType) -> tuple[str, UploadForm]:
    """The id of a new upload, and the form that takes it: 5 MB at most, within 10 minutes. Nothing is stored."""
    upload = new_id("upl", world.now())
    return upload, world.pictures.upload_form(
        _upload_key(reader_id, upload), media_type, MOST_PICTURE_BYTES, FORM_SECONDS
    )


def take_up(world: World, reader_id: str, upload: str) -> Reader:
    """Show what was uploaded as the reader's picture, in place of the one before; it may be repeated.

    Raises NotFound (nothing was uploaded under this id), Invalid (too large, or by its first bytes not the picture that
    it was said to be).
    """
    was = service.reader(world, reader_id)
    if was.picture == upload:
        return was
    source, key = _upload_key(reader_id, upload), _key(reader_id, upload)
    objects.take_up(world.pictures, source, key, MOST_PICTURE_BYTES, PICTURE_TYPES, "upload")
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
