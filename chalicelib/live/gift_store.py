"""Rows of gifts and tickets, in the table of streams.

``gifts`` / ``catalogue``                 what there is to give
``gift#{stream}`` / moment # user _ seq   what was sent to a stream: its feed. The place is what the entry in the
                                          sender's coins says of itself, so that leads to it
``fan#{stream}`` / ``{user}``             what one person sent to it; the index ``leaders`` lists them by their coins
``ticket#{stream}`` / ``{user}``          who has paid to watch it; gone where it went back
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.live.model.gift import BY_DEFAULT, Catalogue, Fan, Gift, Sent
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Put, Range, Tables
from chalicelib.wallet.model.chain import seq_key

PLACE: Final = re.compile(r"[0-9]{13}#[A-Za-z0-9_]{1,64}")
"""A place in a feed."""
_CATALOGUE: Final[Key] = {"pk": "gifts", "sk": "catalogue"}
_MOMENT_DIGITS: Final = 13
_LATEST: Final[Millis] = 10**_MOMENT_DIGITS - 1
_LAST: Final = f"{_LATEST}~"


Where = tuple[str, Millis, str, int]
"""Where a gift is: the stream, the moment, the sender, and the number of the entry in their coins."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right of one person to watch one stream, and what it cost."""

    id: str
    stream: str
    user: str
    coins: int
    fee: Cents
    """What the platform had of it."""
    at: Millis


@dataclass(frozen=True, slots=True)
class Leader:
    """What one person sent to a stream, as the index has it."""

    user: str
    name: str
    total: int
    count: int


class Gifts:
    """Reads them, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # the catalogue

    def catalogue(self) -> Catalogue:
        """As it was edited last, strongly consistent."""
        item = self._tables.get(self._name, _CATALOGUE)
        if item is None:
            return BY_DEFAULT
        return Catalogue(tuple(Gift(**each) for each in item["gifts"]), item["rev"])

    def replace_catalogue(self, catalogue: Catalogue, was: Catalogue) -> Put:
        """Changes it; fails when somebody did since ``was``."""
        item = _CATALOGUE | {"gifts": [asdict(each) for each in catalogue.gifts], "rev": catalogue.rev}
        return Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))

    # what was sent

    def sent(self, places: Sequence[Where]) -> list[Sent]:
        """Those gifts, in that order, without what is not there; 100 at most, no two alike."""
        found = self._tables.get_many(self._name, [_sent_key(*each) for each in places]) if places else []
        return [_sent(item) for item in found if item]

    def replace_sent(self, sent: Sent) -> Put:
        """Shows another name beside it; fails where it is not there."""
        return Put(self._name, _sent_item(sent), when=(Equals("id", sent.id),))

    def add(self, sent: Sent) -> Put:
        """Adds it to the feed; fails when it is there."""
        return Put(self._name, _sent_item(sent), when=(Absent("pk"),))

    def feed(self, stream: str, since: Millis, limit: int, after: str | None) -> tuple[list[Sent], str | None]:
        """A page of what was sent from ``since`` on, newest first. ``after`` is the place of the last one shown."""
        low = f"{min(since, _LATEST):0{_MOMENT_DIGITS}d}"
        if after is not None and after < low:
            return [], None
        page = self._tables.query(
            self._name,
            ("pk", f"gift#{stream}"),
            within=Range("sk", low, _LAST),
            newest_first=True,
            limit=limit,
            start={"pk": f"gift#{stream}", "sk": after} if after else None,
        )
        return [_sent(item) for item in page.items], str(page.items[-1]["sk"]) if page.next_key else None

    def fan(self, stream: str, user: str) -> Fan:
        """What one person sent to the stream, strongly consistent."""
        item = self._tables.get(self._name, _fan_key(stream, user))
        if item is None:
            return Fan(stream, user)
        recent = tuple((when, coins) for when, coins in item["recent"])
        return Fan(stream, user, item["name"], item["total"], item["count"], recent, item["rev"])

    def replace_fan(self, fan: Fan, was: Fan) -> Put:
        """Changes it; fails when another gift came since ``was``."""
        item = _fan_key(fan.stream, fan.user) | {
            "name": fan.name,
            "total": fan.total,
            "count": fan.count,
            "recent": [list(each) for each in fan.recent],
            "rev": fan.rev,
        }
        return Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))

    def leaders(self, stream: str, limit: int) -> list[Leader]:
        """Who sent most coins to the stream, the most first. It may be a moment behind."""
        page = self._tables.query(self._name, ("pk", f"fan#{stream}"), index="leaders", newest_first=True, limit=limit)
        return [Leader(each["sk"], each["name"], each["total"], each["count"]) for each in page.items]

    # tickets

    def ticket(self, stream: str, user: str) -> Ticket | None:
        """A person's ticket to the stream, strongly consistent."""
        item = self._tables.get(self._name, _ticket_key(stream, user))
        return _ticket(item) if item else None

    def tickets_to(self, streams: Iterable[str], user: str) -> list[Ticket]:
        """A person's tickets to these streams, in that order; 100 at most."""
        keys = [_ticket_key(each, user) for each in dict.fromkeys(streams)]
        found = self._tables.get_many(self._name, keys) if keys else []
        return [_ticket(item) for item in found if item]

    def add_ticket(self, ticket: Ticket) -> Put:
        """Adds it; fails when the person has one."""
        return Put(self._name, _ticket_item(ticket), when=(Absent("pk"),))

    def take_ticket(self, ticket: Ticket) -> Delete:
        """Takes it away; fails when it was taken before."""
        return Delete(self._name, _ticket_key(ticket.stream, ticket.user), when=(Equals("id", ticket.id),))

    def tickets(self, stream: str, limit: int, start: Key | None) -> tuple[list[Ticket], Key | None]:
        """A page of a stream's tickets, strongly consistent."""
        page = self._tables.query(self._name, ("pk", f"ticket#{stream}"), limit=limit, start=start)
        return [_ticket(item) for item in page.items], page.next_key


def gift_rows(world: World) -> Gifts:
    """The rows of this world."""
    return Gifts(world.tables, world.settings.tables.live)


def _sent_key(stream: str, at: Millis, user: str, seq: int) -> Key:
    return {"pk": f"gift#{stream}", "sk": f"{at:0{_MOMENT_DIGITS}d}#{user}_{seq_key(seq)}"}


def _sent_item(sent: Sent) -> Item:
    told: dict[str, Any] = {name: value for name, value in asdict(sent).items() if name != "stream"}
    return _sent_key(sent.stream, sent.at, sent.user, sent.seq) | told


def _sent(item: Item) -> Sent:
    stream = item["pk"].partition("#")[2]
    told = {name: item[name] for name in Sent.__dataclass_fields__ if name != "stream"}
    return Sent(stream=stream, **told)


def _fan_key(stream: str, user: str) -> Key:
    return {"pk": f"fan#{stream}", "sk": user}


def _ticket_key(stream: str, user: str) -> Key:
    return {"pk": f"ticket#{stream}", "sk": user}


def _ticket_item(ticket: Ticket) -> Item:
    told = {name: value for name, value in asdict(ticket).items() if name not in ("stream", "user")}
    return _ticket_key(ticket.stream, ticket.user) | told


def _ticket(item: Item) -> Ticket:
    told = {name: item[name] for name in ("id", "coins", "fee", "at")}
    return Ticket(stream=item["pk"].partition("#")[2], user=item["sk"], **told)
