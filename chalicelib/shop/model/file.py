"""The file of a digital product: what it may be, and what it is called. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.kernel import text
from chalicelib.kernel.errors import Invalid

FileType = Literal[
    "application/pdf",
    "application/epub+zip",
    "application/zip",
    "audio/mpeg",
    "audio/mp4",
    "image/jpeg",
    "image/png",
    "video/mp4",
]
ENDINGS: Final[Mapping[FileType, tuple[str, ...]]] = {
    "application/pdf": ("pdf",),
    "application/epub+zip": ("epub",),
    "application/zip": ("zip",),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a", "m4b", "mp4"),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "video/mp4": ("mp4", "m4v"),
}
"""How the name of a file of each type may end; the first is put behind one that ends otherwise."""
MOST_BYTES: Final = 100 * 1024 * 1024
NAME_LENGTH: Final = 100
"""Characters of a file's name, its ending included."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NOT_IN_A_NAME: Final = re.compile(r'[<>:"/\\|?*%;]')
"""What some system or header takes for something else than a letter of a name."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that was looked at. ``size`` is its bytes, ``sha256`` their digest, in hexadecimal."""

    id: str
    name: str
    media_type: FileType
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was announced, and for which product. It becomes the product's once at most."""

    file: File
    product: str
    by: str
    """Who announced it: a user's id, or an admin's name."""


def announced(upload: str, name: str, media_type: FileType, size: int, sha256: str) -> File:
    """The file that somebody says they will upload. Raises Invalid: no name to be seen, too large, no such digest."""
    errors = []
    if not (called := file_name(name, media_type)):
        errors.append({"field": "name", "message": "Write what the file is called."})
    if not 1 <= size <= MOST_BYTES:
        errors.append({"field": "size", "message": f"1 to {MOST_BYTES} bytes."})
    if not _SHA256.fullmatch(sha256):
        errors.append(
            {"field": "sha256", "message": "The SHA-256 of the file: 64 hexadecimal digits in small letters."}
        )
    if errors:
        raise Invalid(errors=tuple(errors))
    return File(upload, called, media_type, size, sha256)


def file_name(name: str, media_type: FileType) -> str:
    """What the file is called when it is kept: one line without anything that a path, a header or a shell reads as its
    own, hidden by no dot, and ending as files of its type do. Empty where nothing of it can be seen.
    """
    endings = ENDINGS[media_type]
    cleaned = _NOT_IN_A_NAME.sub("_", text.one_line(name)).strip(" .")
    stem, _, ending = cleaned.rpartition(".")
    if ending.lower() not in endings or not stem:
        stem, ending = cleaned, endings[0]
    kept = stem[: NAME_LENGTH - len(ending) - 1].rstrip(" .")
    return f"{kept}.{ending}" if kept else ""
