"""What a backup says of itself, and how its lines are written. Pure."""

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from chalicelib.kernel.time import Millis

Item = dict[str, Any]
"""As DynamoDB speaks: each value with its type."""

VERSION: Final = 1
NOTE: Final = "backup.json"
WORTHLESS: Final = frozenset({"limits", "idempotency"})
"""Tables that no backup holds: counts of minutes, by keys that live for a day; and answers to repeat for a day, which
are made again from the same ids.
"""
BUCKETS: Final = ("pictures", "attachments", "files", "digests")
"""What lies in the others is made anew when it is asked for."""


class DamagedError(Exception):
    """A backup is not what it says of itself, or there is none."""


@dataclass(frozen=True, slots=True)
class File:
    """Some of a table's items. ``name`` is within the backup."""

    name: str
    items: int


@dataclass(frozen=True, slots=True)
class Backup:
    """All of a stage as of one moment."""

    id: str
    stage: str
    at: Millis
    tables: Mapping[str, tuple[File, ...]]
    objects: Mapping[str, int]
    """How many of each bucket."""

    def items(self, table: str) -> int:
        return sum(file.items for file in self.tables[table])


def object_name(bucket: str, key: str) -> str:
    """Where a copy of an object lies in a backup."""
    return f"objects/{bucket}/{quote(key, safe='')}"


def written(backup: Backup) -> bytes:
    return json.dumps({"version": VERSION, **asdict(backup)}, indent=1).encode()


def read(note: bytes) -> Backup:
    """Raises DamagedError."""
    try:
        told = json.loads(note)
        if told["version"] != VERSION:
            raise DamagedError(f"This backup is of version {told['version']}, and this program reads {VERSION}.")
        tables = {
            str(name): tuple(File(str(each["name"]), int(each["items"])) for each in files)
            for name, files in told["tables"].items()
        }
        objects = {str(name): int(count) for name, count in told["objects"].items()}
        return Backup(str(told["id"]), str(told["stage"]), int(told["at"]), tables, objects)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedError(f"Its {NOTE} cannot be read.") from None


def packed(lines: Iterable[Any]) -> bytes:
    """A line of JSON each, compressed; the same lines give the same bytes."""
    text = "".join(f"{json.dumps(each, ensure_ascii=False, separators=(',', ':'))}\n" for each in lines)
    return gzip.compress(text.encode(), mtime=0)


def lines(content: BinaryIO) -> Iterator[Any]:
    """What was packed. Raises DamagedError where the content was changed, or is not all there."""
    try:
        with gzip.GzipFile(fileobj=content) as opened:
            for line in opened:
                yield json.loads(line)
    except (OSError, EOFError, ValueError):
        raise DamagedError("A file of the backup is damaged.") from None


def line_of(item: Item) -> Any:
    """As it is written: bytes as base64, as everywhere in DynamoDB's JSON."""
    return {"Item": {name: _value(value, lambda held: base64.b64encode(held).decode()) for name, value in item.items()}}


def _value(value: Item, held: Callable[[Any], Any]) -> Item:
    """The value with its bytes, or what stands for them, turned by ``held``."""
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: held(content)}
        case "BS":
            return {kind: [held(each) for each in content]}
        case "L":
            return {kind: [_value(each, held) for each in content]}
        case "M":
            return {kind: {name: _value(each, held) for name, each in content.items()}}
        case _:
            return value


def items_of(content: BinaryIO, file: File) -> Iterator[Item]:
    """Its items, as many as there must be. Raises DamagedError."""
    count = 0
    for line in lines(content):
        count += 1
        yield {name: _value(value, base64.b64decode) for name, value in line["Item"].items()}
    if count != file.items:
        raise DamagedError(f"{file.name} holds {count} items instead of {file.items}.")
