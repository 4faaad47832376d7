"""The page at ``/docs``, where a person reads this API and tries it: Swagger UI, and a little of ours around it.

Our files lie in ``page/``; scripts/package.py puts Swagger UI's beside them, pinned by checksum. Nothing is read before
somebody opens the page. Every address is relative, because a stage has a prefix, and carries its content's hash, so a
browser keeps each file for good and never meets an old one. They are answered as text: API Gateway compresses them.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from chalicelib.kernel.errors import NotFound

FOLDER: Final = Path(__file__).parent / "page"
_HASH_DIGITS: Final = 16
_FILES: Final = {
    "swagger-ui-css": ("swagger-ui.css", "text/css"),
    "swagger-ui-js": ("swagger-ui-bundle.js", "text/javascript"),
    "page-css": ("page.css", "text/css"),
    "page-js": ("page.js", "text/javascript"),
}
"""By the name in its address, where no dot may be: the file, and its media type."""

# No inline script or style, no eval, no other origin. Swagger UI's style sheet has its icons in data: addresses.
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FILE_HEADERS: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page; ``version`` is the beginning of its content's SHA-256."""

    content: str
    media_type: str
    version: str


def page(folder: Path = FOLDER) -> str:
    """The page's HTML, with the address of each of its files."""
    html = (folder / "index.html").read_text(encoding="utf-8")
    for name in _FILES:
        html = html.replace(f"{{{name}}}", f"docs/{name}/{_file(name, folder).version}")
    return html


def file(name: str, version: str, folder: Path = FOLDER) -> File:
    """The file at this address. Raises NotFound; also for another version, whose content this is not."""
    if name not in _FILES:
        raise NotFound
    found = _file(name, folder)
    if found.version != version:
        raise NotFound
    return found


@cache
def _file(name: str, folder: Path) -> File:
    place, media_type = _FILES[name]
    content = (folder / place).read_bytes()
    version = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    return File(content.decode("utf-8"), f"{media_type}; charset=utf-8", version)
