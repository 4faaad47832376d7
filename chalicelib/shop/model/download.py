"""Links to a file that was bought: until when, how often, and when no more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from chalicelib.kernel.errors import Forbidden, InvalidState, LinkExpired
from chalicelib.kernel.time import DAY, Millis
from chalicelib.shop.model.order import Item, Order

LINK: Final[Millis] = DAY
"""How long a link may be opened."""
KEPT: Final[Millis] = 30 * DAY
"""How long it is known after that: who opens it is told that it is over, and then that there is none."""
MOST_OPENINGS: Final = 3
"""Of one link."""
MOST_DOWNLOADS: Final = 10
"""Of one item, by all its links."""
MOST_LINKS: Final = 20
"""Of one item that can still be opened by their time."""


@dataclass(frozen=True, slots=True)
class Download:
    """A link of its buyer's to what an item of their order is. ``rev`` counts its writes."""

    id: str
    order: str
    item: str
    buyer: str
    created_at: Millis
    openings: tuple[str, ...] = ()
    """Each has a name, so that one of which storage did not say whether it was written counts once."""
    rev: int = 1

    @property
    def expires_at(self) -> Millis:
        """When it can be opened no more."""
        return self.created_at + LINK

    def must_be_of(self, user: str) -> None:
        """Raises Forbidden for everybody but the buyer: an admin too."""
        if user != self.buyer:
            raise Forbidden("This link is somebody else's.")


@dataclass(frozen=True, slots=True)
class Links:
    """The links to one item that were made within the last day: until when each lasts. ``rev`` counts its writes."""

    order: str
    item: str
    until: Mapping[str, Millis] = field(default_factory=dict)
    rev: int = 0


def linked(links: Links, download: Download) -> Links:
    """With one link more, and without those that are over. Raises InvalidState for one more than there may be."""
    open_ones = {name: until for name, until in links.until.items() if until > download.created_at}
    if len(open_ones) >= MOST_LINKS:
        raise InvalidState(f"There are {MOST_LINKS} links to this file already. Open one of them, or wait a day.")
    return replace(links, until={**open_ones, download.id: download.expires_at}, rev=links.rev + 1)


def opened(download: Download, opening: str, now: Millis) -> Download:
    """The link, opened once more. Raises LinkExpired (its time is over, or it was opened so often)."""
    if now >= download.expires_at:
        raise LinkExpired("This link was good for a day. Make another one.")
    if len(download.openings) >= MOST_OPENINGS:
        raise LinkExpired(f"This link was opened {MOST_OPENINGS} times. Make another one.")
    return replace(download, openings=(*download.openings, opening), rev=download.rev + 1)


def must_be_downloadable(item: Item) -> None:
    """Raises InvalidState (no file, or not paid), LinkExpired (given back, or downloaded as often as it can be)."""
    if item.kind != "digital":
        raise InvalidState("This is sent, and no file.")
    if not item.left:
        raise LinkExpired("This was given back, or never paid.")
    if item.state != "fulfilled":
        raise InvalidState("This is not paid yet.")
    if not left(item):
        raise LinkExpired(f"This file was downloaded {MOST_DOWNLOADS} times, which is how often it can be.")


def left(item: Item) -> int:
    """How often its file can still be downloaded."""
    return max(0, MOST_DOWNLOADS - item.downloads)


def counted(order: Order, item_id: str) -> Order:
    """The order of which one item was downloaded once more."""
    items = (replace(each, downloads=each.downloads + 1) if each.id == item_id else each for each in order.items)
    return replace(order, items=tuple(items))
