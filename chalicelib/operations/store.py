"""Rows of operations. Exports and deletions lie in the accounts table, beside the people they are of.

``{person}`` / ``deletion``             how the account ends
``{person}`` / ``exports``              which were made lately: what keeps them one at a time
``export#{id}`` / ``export``            one of them

The index ``due`` lists, by kind and shard, what waits for time.
"""

from dataclasses import asdict
from typing import Final

from chalicelib.kernel.time import Millis
from chalicelib.operations.model.deletion import Code, Deletion
from chalicelib.operations.model.export import AGAIN, Export, Made
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Equals, Item, Key, Operation, Put, Tables


class Leaving:
    """Reads exports and deletions, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._shards = shards

    def due(self, kind: str, shard: str, now: Millis, limit: int, start: Key | None) -> tuple[list[Key], Key | None]:
        """A page of keys of what time should have moved by ``now``, longest ago first. It may be a moment behind."""
        return due.page(self._tables, self._name, kind, shard, now, limit, start)

    # deletions

    def deletion(self, person: str) -> Deletion | None:
        """The end of the person's account, strongly consistent."""
        item = self._tables.get(self._name, {"pk": person, "sk": "deletion"})
        return _deletion(item) if item else None

    def keep_deletion(self, deletion: Deletion) -> Put:
        """Puts the deletion in the place of the one with the same rev."""
        item = {name: value for name, value in asdict(deletion).items() if value is not None}
        key = {"pk": item.pop("person"), "sk": "deletion"}
        waiting = due.waiting("deletion", deletion.person, deletion.runs_at, self._shards)
        return Put(self._name, {**key, **item, **waiting, "rev": deletion.rev + 1}, when=_unchanged(deletion.rev))

    # exports

    def export(self, export_id: str) -> Export | None:
        """The export, strongly consistent."""
        item = self._tables.get(self._name, _export_key(export_id))
        return Export(export_id, **{name: item[name] for name in _EXPORT if name in item}) if item else None

    def keep_export(self, export: Export) -> Put:
        """Puts the export in the place of the one with the same rev."""
        item = {name: getattr(export, name) for name in _EXPORT if getattr(export, name) is not None}
        waits = None if export.finished else export.requested_at + AGAIN
        waiting = due.waiting("export", export.person, waits, self._shards)
        return Put(
            self._name,
            {**_export_key(export.id), **item, **waiting, "rev": export.rev + 1},
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


_EXPORT: Final = ("person", "requested_at", "ready_at", "mailed", "rev")


def _unchanged(rev: int) -> tuple[Absent | Equals]:
    return (Equals("rev", rev) if rev else Absent("pk"),)


def _export_key(export_id: str) -> Key:
    return {"pk": f"export#{export_id}", "sk": "export"}


def _deletion(item: Item) -> Deletion:
    known = {name: item[name] for name in Deletion.__dataclass_fields__ if name in item}
    code = Code(**item["code"]) if "code" in item else None
    return Deletion(**known | {"person": item["pk"], "code": code})
