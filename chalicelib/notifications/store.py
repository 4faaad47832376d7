"""The table of what was told.

``inbox#{user}`` / ``{ntc}``             one notification, by its id and so by its moment
``unread#{user}`` / ``count``            how many of each day are unread
``told#{user}`` / ``{kind}#{fact}``      how far the telling of a notice is

Notifications and tellings go after 90 days.
"""

from collections.abc import Sequence
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.telling import KEPT_DAYS, Notification, Telling, Unread
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Key, Operation, Put, Range, Tables

_LAST: Final = "ntc_~"


class Inbox:
    """Reads it, and says which operations would write it."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # what is told

    def telling(self, notice: Notice) -> Telling | None:
        """How far the telling is, strongly consistent; None where nobody began, or long ago."""
        item = self._tables.get(self._name, _told_key(notice))
        if item is None:
            return None
        return Telling(tuple(item["left"]), item["held_by"], item["held_until"], item["rev"])

    def keep_telling(self, notice: Notice, telling: Telling, was: Telling | None, now: Millis) -> Put:
        """Puts it in the place of what it ``was``; fails when another write came first."""
        item = _told_key(notice) | {
            "left": list(telling.left),
            "held_by": telling.held_by,
            "held_until": telling.held_until,
            "rev": was.rev + 1 if was else 1,
            "expires": (now + (KEPT_DAYS + 2) * DAY) // SECOND,  # longer than what it put into the inbox
        }
        return Put(self._name, item, when=(Equals("rev", was.rev) if was else Absent("pk"),))

    # the inbox

    def unread(self, user: str) -> Unread:
        """How much of the inbox is unread, strongly consistent."""
        item = self._tables.get(self._name, _unread_key(user))
        return Unread({int(day): count for day, count in item["days"].items()}, item["rev"]) if item else Unread()

    def add(self, user: str, added: Notification, now: Millis) -> tuple[Put, Put]:
        """Adds it, unread; fails when it is there, or anything in the inbox changed meanwhile."""
        was = self.unread(user)
        return (
            Put(self._name, _item(user, added), when=(Absent("pk"),)),
            self._keep_unread(user, was.with_one(added, now), was),
        )

    def mark_read(self, user: str, seen: Sequence[Notification], left: Unread, was: Unread) -> list[Operation]:
        """Marks these, which are unread, with what is ``left``; fails when the inbox changed since it ``was`` so."""
        marked: list[Operation] = [
            Put(self._name, _item(user, each) | {"read": True}, when=(Equals("read", False),)) for each in seen
        ]
        return [*marked, self._keep_unread(user, left, was)]

    def find(self, user: str, ids: Sequence[str]) -> list[Notification]:
        """Those of these that are there, strongly consistent; 100 at most, no two alike."""
        found = self._tables.get_many(self._name, [_key(user, each) for each in ids]) if ids else []
        return [_notification(item) for item in found if item]

    def page(self, user: str, low: str, limit: int, after: str | None) -> tuple[list[Notification], str | None]:
        """A page from the newest down to ``low``; ``after`` is the id of the last one shown."""
        if after is not None and after < low:
            return [], None
        page = self._tables.query(
            self._name,
            ("pk", _inbox(user)),
            within=Range("sk", low, _LAST),
            newest_first=True,
            limit=limit,
            start=_key(user, after) if after else None,
        )
        return [_notification(item) for item in page.items], str(page.items[-1]["sk"]) if page.next_key else None

    def between(self, user: str, low: str, high: str, limit: int) -> tuple[list[Notification], bool]:
        """The oldest from ``low`` to ``high``, both included, and whether there are more."""
        if high < low:
            return [], False
        page = self._tables.query(self._name, ("pk", _inbox(user)), within=Range("sk", low, high), limit=limit)
        return [_notification(item) for item in page.items], page.next_key is not None

    # the end

    def forget(self, user: str, limit: int) -> list[Delete]:
        """Takes away some of what is kept of the person; nothing where nothing is left."""
        found: list[Delete] = []
        for pk in (_inbox(user), f"told#{user}", f"unread#{user}"):
            items = self._tables.query(self._name, ("pk", pk), limit=limit).items
            found += [Delete(self._name, {"pk": pk, "sk": item["sk"]}) for item in items]
        return found[:limit]

    def _keep_unread(self, user: str, unread: Unread, was: Unread) -> Put:
        days = {str(day): count for day, count in unread.days.items()}
        item = _unread_key(user) | {"days": days, "rev": was.rev + 1}
        return Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))


def inbox_of(world: World) -> Inbox:
    """The rows of this world."""
    return Inbox(world.tables, world.settings.tables.inbox)


def _inbox(user: str) -> str:
    return f"inbox#{user}"


def _key(user: str, notification: str) -> Key:
    return {"pk": _inbox(user), "sk": notification}


def _unread_key(user: str) -> Key:
    return {"pk": f"unread#{user}", "sk": "count"}


def _told_key(notice: Notice) -> Key:
    return {"pk": f"told#{notice.to}", "sk": f"{notice.kind}#{notice.fact}"}


def _item(user: str, notification: Notification) -> Item:
    return _key(user, notification.id) | {
        "kind": notification.kind,
        "facts": dict(notification.facts),
        "at": notification.at,
        "read": notification.read,
        "expires": notification.expires // SECOND,
    }


def _notification(item: Item) -> Notification:
    return Notification(item["sk"], item["kind"], item["facts"], item["at"], item["read"])
