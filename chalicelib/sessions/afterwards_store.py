"""What follows a reading, in the table of sessions: one row a thing, none of them a session.

``note#{owner}#{about}``    a private note of ``owner`` on a reading, or on a client
``guarantee#{id}``          a satisfaction request; its id derives from the session
``asked#{client}``          when that client last made one

No key is a bare id, so none can be taken for a session's. The sparse index ``pending`` lists the requests that nobody
has decided, oldest first; the sparse index ``noted`` a client's notes on readings, by when they were written.
"""

from dataclasses import asdict
from typing import Any, Final

from chalicelib.kernel.time import Millis
from chalicelib.runtime.tables import Absent, Delete, Equals, Item, Operation, Put, Tables
from chalicelib.sessions.model.afterwards import Guarantee

MOST_PENDING: Final = 1_000
"""What a list for an admin shows at most."""
_PAGE: Final = 100


class Afterwards:
    """Reads what follows readings, and says which operations would write it."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    # notes

    def note(self, owner: str, about: str) -> tuple[str, Millis] | None:
        """The text of a note and when it was written, strongly consistent."""
        item = self._tables.get(self._name, {"pk": _key("note", owner, about)})
        return (item["text"], item["at"]) if item else None

    def put_note(self, owner: str, about: str, text: str, at: Millis, *, listed: bool) -> Put:
        """Keeps the note. Without a condition: the latest word is the one that counts."""
        item = {"pk": _key("note", owner, about), "text": text, "at": at}
        return Put(self._name, item | {"noted_by": owner} if listed else item)

    def newest_notes(self, owner: str, limit: int) -> list[tuple[str, str, Millis]]:
        """What the owner's newest listed notes are about, their texts, and when they were written, newest first. It may
        be a moment behind.
        """
        page = self._tables.query(self._name, ("noted_by", owner), index="noted", newest_first=True, limit=limit)
        keys = [{"pk": item["pk"]} for item in page.items]
        found = [item for item in self._tables.get_many(self._name, keys) if item] if keys else []
        return [(item["pk"].rpartition("#")[2], item["text"], item["at"]) for item in found]

    def delete_note(self, owner: str, about: str) -> Delete:
        """Forgets the note, if there is one."""
        return Delete(self._name, {"pk": _key("note", owner, about)})

    # satisfaction requests

    def guarantee(self, guarantee: str) -> Guarantee | None:
        """The request, strongly consistent."""
        item = self._tables.get(self._name, {"pk": _key("guarantee", guarantee)})
        return _guarantee(item) if item else None

    def last_asked(self, client: str) -> Millis | None:
        """When the client last asked, strongly consistent."""
        item = self._tables.get(self._name, {"pk": _key("asked", client)})
        return item["at"] if item else None

    def ask(self, guarantee: Guarantee, last: Millis | None) -> list[Operation]:
        """Adds the request; fails where the reading has one, or the client asked since ``last``."""
        unchanged = Absent("pk") if last is None else Equals("at", last)
        return [
            Put(self._name, _guarantee_item(guarantee), when=(Absent("pk"),)),
            Put(self._name, {"pk": _key("asked", guarantee.user), "at": guarantee.asked_at}, when=(unchanged,)),
        ]

    def decide(self, guarantee: Guarantee) -> Put:
        """Stores the decision; fails where the request was decided before."""
        return Put(self._name, _guarantee_item(guarantee), when=(Equals("status", "pending"),))

    def pending_guarantees(self) -> list[Guarantee]:
        """Those that are not decided, oldest first, up to 1,000. It may be a moment behind."""
        found: list[Item] = []
        start = None
        for _ in range(MOST_PENDING // _PAGE):
            page = self._tables.query(self._name, ("pending", "guarantee"), index="pending", limit=_PAGE, start=start)
            found += page.items
            start = page.next_key
            if start is None:
                break
        return [_guarantee(item) for item in found]


def _key(kind: str, *ids: str) -> str:
    return "#".join((kind, *ids))


def _guarantee_item(guarantee: Guarantee) -> Item:
    """``pending`` is there while nobody has decided: a sparse index."""
    waiting = {"pending": "guarantee"} if guarantee.status == "pending" else {}
    return {"pk": _key("guarantee", guarantee.id)} | waiting | asdict(guarantee)


def _guarantee(item: Item) -> Guarantee:
    told: dict[str, Any] = {name: item[name] for name in Guarantee.__dataclass_fields__ if name in item}
    return Guarantee(**told)
