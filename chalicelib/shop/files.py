"""The files of digital products: announced, uploaded by a form, looked at, and only then sold (product §9)."""

from typing import Final

from chalicelib.gateways import World
from chalicelib.shop.model.file import File

LINK_SECONDS: Final = 300


def link(world: World, product: str, file: File) -> str:
    """An address that gives the file for five minutes, to be kept and not shown, to whoever has it."""
    return world.files.download(_key(product, file.id), LINK_SECONDS, file.name, file.media_type)


def _key(product: str, file: str) -> str:
    """Where the file of a product is, and no form reaches."""
    return f"products/{product}/{file}"
