"""A file beside a message or a post: what it may be, and how many there may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.ids import to_number

AttachmentType = Literal[
    "image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf", "audio/mp4", "audio/mpeg"
]
ENDINGS: Final[Mapping[str, str]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "application/pdf": "pdf",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
}
"""What a file of each type is called when it is kept. There is no other type: none of these runs in a browser."""
MOST_BYTES: Final = 10 * 1024 * 1024
MOST: Final = 4
"""Files beside one message or post."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was looked at. ``size`` is its bytes."""

    id: str
    media_type: str
    size: int


def chosen(uploads: Sequence[str]) -> tuple[str, ...]:
    """Which uploads go beside one thing. Raises Invalid (too many, or one twice), NotFound (no upload is called so)."""
    fault = None
    if len(uploads) > MOST:
        fault = f"At most {MOST}."
    elif len(set(uploads)) < len(uploads):
        fault = "Each of them once."
    if fault:
        raise Invalid(errors=({"field": "uploads", "message": fault},))
    try:
        for each in uploads:
            to_number("upl", each)
    except ValueError:
        raise NotFound("There is no such upload.") from None
    return tuple(uploads)


def file_name(attachment: Attachment) -> str:
    """What the file is called when it is kept: nothing that a person wrote."""
    return f"{attachment.id}.{ENDINGS[attachment.media_type]}"
