"""The verb that gives a digital product its file."""

import hashlib
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.shop import catalogue, files
from chalicelib.shop.model.file import ENDINGS, MOST_BYTES, File, FileType, announced
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_text, an_id
from scripts.admin.completion import offers_files

_TYPES: Final[dict[str, FileType]] = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}
"""By how a name ends; ``mp4`` is a video unless it is said to be sound."""


def set_file(world: World, asked: Namespace) -> Plan:
    """In place of the one before, which nobody can fetch any more: whoever bought the product gets the new one."""
    product = catalogue.product(world, asked.product)
    if product.kind != "digital":
        raise InvalidState("This product is sent, and no file.")
    path: Path = asked.path
    wanted = _looked_at(path, asked.name or path.name, asked.type)  # refused before it is confirmed
    was = product.file
    same = was is not None and (was.name, was.media_type, was.sha256) == (wanted.name, wanted.media_type, wanted.sha256)

    def act(operator: str, reason: str) -> Answer:
        terms = (wanted.name, wanted.media_type, wanted.size, wanted.sha256)
        with Progress(console=Console(stderr=True), transient=True) as progress, path.open("rb") as content:
            reading = progress.wrap_file(content, wanted.size, description="Uploading")
            done = files.put(world, product.id, reading, terms, actor=operator, reason=reason)
        return Answer([_facts(done.id, done.file)])

    instead = f", in place of {was.name} of {was.size} bytes" if was else ""
    will = f"make {wanted.name} of {wanted.size} bytes ({wanted.media_type}) the file of {product.id}{instead}"
    return Plan(() if same else (will,), act)


def _looked_at(path: Path, name: str, media_type: FileType | None) -> File:
    with path.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        digest = hashlib.file_digest(content, "sha256").hexdigest() if size <= MOST_BYTES else "0" * 64
    return announced("", name, media_type or _TYPES[path.suffix[1:].lower()], size, digest)


def _facts(product: str, file: File | None) -> Facts:
    return {"product": product} | (
        {"file": file.id, "name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.sha256}
        if file
        else {"file": None}
    )


def _path(written: str) -> Path:
    path = Path(written)
    if not os.path.isfile(path):
        raise ArgumentTypeError("there is no such file")
    if path.suffix[1:].lower() not in _TYPES:
        raise ArgumentTypeError(f"name a file that ends in one of {', '.join(sorted(_TYPES))}")
    return path


def _takes_file(parser: ArgumentParser) -> None:
    parser.add_argument("product", type=an_id, metavar="PRODUCT", help="its id, prd_… or prod_…")
    offers_files(
        parser.add_argument(
            "path", type=_path, metavar="PATH", help="the file: 100 MB at most; a zip where it is several"
        )
    )
    parser.add_argument("--name", type=a_text, help="what buyers keep it as (as it is called here)")
    parser.add_argument("--type", choices=tuple(ENDINGS), help="what it is (as its name ends)")


VERBS: Final = (
    Verb(
        "products",
        "file",
        "Give a digital product its file, or another one.",
        (f"products file prd_01J… guide.pdf --stage prod {WHY}",),
        _takes_file,
        set_file,
        changes=True,
    ),
)
