"""Rows of operations. Exports and deletions lie in the accounts table, beside the people they are of.

``{person}`` / ``deletion``             how the account ends
``{person}`` / ``exports``              which were made lately: what keeps them one at a time
``export#{id}`` / ``export``            one of them

The index ``due`` lists, by kind and shard, what waits for time.
"""

import hashlib
from dataclasses import asdict
from typing import Any, Final

from chalicelib.kernel.time import Millis
from chalicelib.operations.model.deletion import Code, Deletion
from chalicelib.operations.model.export import AGAIN, Export, Made
from chalicelib.runtime.tables import Absent, Equals, Item, Key, Operation, Put, Range, Tables

_DUE: Final = "due"


def _shard(kind: str, person: str, shards: int) -> str:
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") % shards
    return due_shard(kind, str(number))


def due_shard(kind: str, shard: str) -> str:
    """The partition of the index in which things of that kind and shard wait."""
    return f"{kind}:{shard}"


class Leaving:
    """Reads exports and deletions, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def due(self, kind: str, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
        """A page of keys of what time should have moved by ``now``, longest ago first. It may be a moment behind."""
        page = self._tables.query(
            self._name,
            ("due_shard", due_shard(kind, shard)),
            index=_DUE,
            within=Range("due_at", 0, now),
            limit=limit,
            start=start,
        )
        return page.items, page.next_key

    # deletions

    def deletion(self, person: str) -> Deletion | None:
        """The end of the person's account, strongly consistent."""
        item = self._tables.get(self._name, {"pk": person, "sk": "deletion"})
        return _deletion(item) if item else None

    def keep_deletion(self, deletion: Deletion) -> Put:
        """Puts the deletion in the place of the one with the same rev."""
        item = {name: value for name, value in asdict(deletion).items() if value is not None}
        key = {"pk": item.pop("person"), "sk": "deletion"}
        due = self._due("deletion", deletion.person, deletion.runs_at)
        return Put(self._name, {**key, **item, **due, "rev": deletion.rev + 1}, when=_unchanged(deletion.rev))

    # exports

    def export(self, export_id: str) -> Export | None:
        """The export, strongly consistent."""
        item = self._tables.get(self._name, _export_key(export_id))
        return Export(export_id, **{name: item[name] for name in _EXPORT if name in item}) if item else None

    def keep_export(self, export: Export) -> Put:
        """Puts the export in the place of the one with the same rev."""
        item = {name: getattr(export, name) for name in _EXPORT if getattr(export, name) is not None}
        waits = None if export.finished else export.requested_at + AGAIN
        due = self._due("export", export.person, waits)
        return Put(
            self._name,
            {**_export_key(export.id), **item, **due, "rev": export.rev + 1},
            when=_unchanged(export.rev),
        )

    def made(self, person: str) -> Made:
        """The person's exports of late."""
        item = self._tables.get(self._name, {"pk": person, "sk": "exports"})
        return Made(tuple((each, at) for each, at in item["exports"]), item["rev"]) if item else Made()

    def ask(self, export: Export, made: Made) -> tuple[Operation, ...]:
        """Adds the export, ``made`` being the list with it; fails where another was asked for meanwhile."""
        exports = [list(each) for each in made.exports]
        listed = {"pk": export.person, "sk": "exports", "exports": exports, "rev": made.rev + 1}
        return self.keep_export(export), Put(self._name, listed, when=_unchanged(made.rev))

    def _due(self, kind: str, person: str, at: Millis | None) -> dict[str, Any]:
        return {} if at is None else {"due_shard": _shard(kind, person, self._shards), "due_at": at}


_EXPORT: Final = ("person", "requested_at", "ready_at", "mailed", "rev")


def _unchanged(rev: int) -> tuple[Absent | Equals]:
    return (Equals("rev", rev) if rev else Absent("pk"),)


def _export_key(export_id: str) -> Key:
    return {"pk": f"export#{export_id}", "sk": "export"}


def _deletion(item: Item) -> Deletion:
    known = {name: item[name] for name in Deletion.__dataclass_fields__ if name in item}
    code = Code(**item["code"]) if "code" in item else None
    return Deletion(**known | {"person": item["pk"], "code": code})
