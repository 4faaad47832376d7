"""What a backup says of itself, and how its lines are written. Pure."""

import base64
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from chalicelib.kernel.time import Millis

Item = dict[str, Any]
"""As DynamoDB speaks: each value with its type."""

VERSION: Final = 1
NOTE: Final = "backup.json"
LARGEST_NOTE: Final = 64 * 1024 * 1024
_LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes: an item has 400 KB at most, each of which may be written as six. More is no item of anybody's."""
_FILE: Final = re.compile(r"tables(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
"""Within the backup, and nowhere else."""
_LISTS: Final = frozenset({"BS", "L", "NS", "SS"})
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPE: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
"""Of an object, as it goes into a header."""
_LONGEST_KEY: Final = 1024
"""Bytes, as S3 has it."""
_LAST: Final = 253_402_300_799_999
"""The last moment of the year 9999."""
_UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading something else than what was written may end in."""
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
class Object:
    """What lay in a bucket."""

    key: str
    type: str
    size: int | None = None
    """None in a backup that did not say yet."""
    sha256: str | None = None
    """None where it went from S3 to S3 too."""


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
        tables = {str(name): tuple(_file(str(name), each) for each in files) for name, files in told["tables"].items()}
        named = [file.name for files in tables.values() for file in files]
        if len(set(named)) < len(named):
            raise DamagedError("A file of the backup is in it twice.")
        objects = {str(name): _count(count) for name, count in told["objects"].items()}
        return Backup(_fit(_ID, told["id"]), str(told["stage"]), _count(told["at"]), tables, objects)
    except _UNREADABLE:
        raise DamagedError(f"Its {NOTE} cannot be read.") from None


def _file(table: str, told: Any) -> File:
    file = File(_fit(_FILE, told["name"]), _count(told["items"]))
    if not file.name.startswith(f"tables/{table}/"):
        raise ValueError("another table's")
    return file


def _fit(form: re.Pattern[str], told: Any) -> str:
    if not form.fullmatch(told):
        raise ValueError("not of that form")
    return str(told)


def _count(told: Any) -> int:
    if type(told) is not int or not 0 <= told <= _LAST:
        raise ValueError("no count and no moment")
    return told


def packed(lines: Iterable[Any]) -> bytes:
    """A line of JSON each, compressed; the same lines give the same bytes."""
    text = "".join(f"{json.dumps(each, ensure_ascii=False, separators=(',', ':'))}\n" for each in lines)
    return gzip.compress(text.encode(), mtime=0)


def lines(content: BinaryIO, name: str) -> Iterator[Any]:
    """What was packed into the file of that name. Raises DamagedError where it was changed, is not all there, or
    has no end.
    """
    try:
        with gzip.GzipFile(fileobj=content) as opened:
            while line := opened.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise ValueError("a line without an end")
                yield json.loads(line)
    except (OSError, EOFError, zlib.error, *_UNREADABLE):
        raise DamagedError(f"{name} is damaged.") from None


def line_of(item: Item) -> Any:
    """As it is written: bytes as base64, as everywhere in DynamoDB's JSON."""
    return {"Item": {name: _value(value, lambda held: base64.b64encode(held).decode()) for name, value in item.items()}}


def _value(value: Item, held: Callable[[Any], Any]) -> Item:
    """The value with its bytes, or what stands for them, turned by ``held``. Raises one of ``_UNREADABLE`` for none."""
    ((kind, content),) = value.items()
    if kind in _LISTS and not isinstance(content, list):
        raise TypeError("no list")
    match kind:
        case "B":
            return {kind: held(content)}
        case "BS":
            return {kind: [held(each) for each in content]}
        case "L":
            return {kind: [_value(each, held) for each in content]}
        case "M":
            return {kind: {_text(name): _value(each, held) for name, each in content.items()}}
        case "S" | "N":
            return {kind: _text(content)}
        case "SS" | "NS":
            return {kind: [_text(each) for each in content]}
        case "BOOL" | "NULL" if isinstance(content, bool):
            return value
        case _:
            raise ValueError("no kind of DynamoDB's")


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    told.encode()  # not where half of a letter is in it
    return told


def items_of(content: BinaryIO, file: File) -> Iterator[Item]:
    """Its items, as many as there must be. Raises DamagedError."""
    count = 0
    for line in lines(content, file.name):
        count += 1
        if count > file.items:
            raise DamagedError(f"{file.name} holds more than its {file.items} items.")
        yield _item(line, file)
    if count != file.items:
        raise DamagedError(f"{file.name} holds {count} items instead of {file.items}.")


def _item(line: Any, file: File) -> Item:
    try:
        return {_text(name): _value(value, _bytes) for name, value in line["Item"].items()}
    except _UNREADABLE:
        raise DamagedError(f"{file.name} holds something that is no item.") from None


def _bytes(written: str) -> bytes:
    return base64.b64decode(written, validate=True)


def objects_of(content: BinaryIO, bucket: str, count: int) -> list[Object]:
    """Each object of a bucket, as many as there must be. Raises DamagedError."""
    try:
        listed = [_object(each) for each in itertools.islice(lines(content, f"objects/{bucket}.json.gz"), count + 1)]
    except _UNREADABLE:
        raise DamagedError(f"The list of {bucket} cannot be read.") from None
    if len({each.key for each in listed}) != count or len(listed) != count:
        raise DamagedError(f"The list of {bucket} does not hold {count} objects.")
    return listed


def _object(told: Any) -> Object:
    size, digest = told.get("size"), told.get("sha256")
    if not 0 < len(told["key"].encode()) <= _LONGEST_KEY:
        raise ValueError("no key of S3's")
    return Object(
        told["key"],
        _fit(_TYPE, told["type"]),
        None if size is None else _count(size),
        None if digest is None else _fit(_DIGEST, digest),
    )
