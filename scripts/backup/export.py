"""Copying a stage: as of a moment that has passed, by DynamoDB itself; or by reading it, while its functions stand
still.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from threading import Event
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, Unavailable
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import SECOND, Millis, rfc3339
from chalicelib.runtime.aws import client
from chalicelib.runtime.tables import MOST_PAGES, Advance
from scripts.backup import model
from scripts.backup.model import Backup, File, Item
from scripts.backup.places import Place, Prefix, s3

_AT_ONCE: Final = 4
"""Parts of a table that are read side by side."""
_PAGES_A_FILE: Final = 8
"""Of a megabyte each, before it is compressed."""
_MOST_PAGES: Final = 10_000_000
_OBJECTS_AT_ONCE: Final = 8
_UPLOADS: Final = "uploads/"
"""What was uploaded and not taken up yet is not ours."""
_LOOK_SECONDS: Final = 15.0
_LONGEST_SECONDS: Final = 6 * 3600
_MOST_SUMMARY: Final = 1024 * 1024
_MOST_MANIFEST: Final = 256 * 1024 * 1024
"""A line of some 250 bytes for each file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be copied."""

    id: str
    """The backup's."""
    at: Millis
    tables: Mapping[str, str]
    """Physical name of each, by its logical name."""
    objects: bool = True
    """What lies in the buckets, too."""


def tables_of(world: World) -> dict[str, str]:
    """Physical name of each table that a backup holds, by its logical name."""
    return {name: physical for name, physical in asdict(world.settings.tables).items() if name not in model.WORTHLESS}


def tables_of_set(world: World, ending: str) -> dict[str, str]:
    """The same of another set of tables than that in use: by what its names end with."""
    return {name: f"soulseer-{world.settings.stage}-{name}{ending}" for name in tables_of(world)}


def buckets_of(world: World) -> dict[str, str]:
    return {name: str(getattr(world.settings, f"{name}_bucket")) for name in model.BUCKETS}


def dynamodb() -> Any:
    return client("dynamodb", attempts=5, read_seconds=30.0)


def scanned(client: Any, table: str, **asked: Any) -> Iterator[Any]:
    """DynamoDB's answers, page by page, to a scan of a table. Raises Unavailable where they never end."""
    for _ in range(MOST_PAGES):
        told = client.scan(TableName=table, ConsistentRead=True, **asked)
        yield told
        if "LastEvaluatedKey" not in told:
            return
        asked["ExclusiveStartKey"] = told["LastEvaluatedKey"]
    raise Unavailable(f"{table} is too large to be read.")


def refuse_where_there_is_one(place: Place) -> None:
    """Raises InvalidState."""
    if place.has(model.NOTE):
        raise InvalidState("There is a backup at that place already. Name another one.")


# --- by reading ----------------------------------------------------------------------------------


def copied(world: World, place: Place, wanted: Wanted, advance: Advance) -> Backup:
    """Copy everything into ``place``. Nobody writes to these tables: the caller has seen to it."""
    tables = {name: _read_table(place, name, physical, advance) for name, physical in wanted.tables.items()}
    return _ended(world, place, wanted, tables, advance)


def _read_table(place: Place, name: str, physical: str, advance: Advance) -> tuple[File, ...]:
    stopped = Event()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = [pool.submit(_read_part, place, name, physical, part, advance, stopped) for part in range(_AT_ONCE)]
        try:
            files = [file for part in as_completed(parts) for file in part.result()]
            return tuple(sorted(files, key=lambda file: file.name))
        except BaseException:
            stopped.set()  # by a full disk, or Ctrl-C: the other parts are not read to their end
            raise


def _read_part(place: Place, name: str, physical: str, part: int, advance: Advance, stopped: Event) -> list[File]:
    files: list[File] = []
    items: list[Item] = []

    def keep() -> None:
        file = File(f"tables/{name}/{part}-{len(files)}.json.gz", len(items))
        place.write(file.name, model.packed(map(model.line_of, items)))
        files.append(file)
        items.clear()

    for number, told in enumerate(scanned(dynamodb(), physical, Segment=part, TotalSegments=_AT_ONCE), 1):
        if stopped.is_set():
            break
        items += told["Items"]
        advance(told["Count"])
        if items and number % _PAGES_A_FILE == 0:
            keep()
    if items:
        keep()
    return files


# --- of a moment, by DynamoDB --------------------------------------------------------------------


def newest_moment(tables: Mapping[str, str]) -> Millis:
    """The newest moment that every table can be exported of: some minutes ago. Raises InvalidState without one."""
    spans = [_span(physical) for physical in tables.values()]
    return min(newest for _, newest in spans)


def check_moment(tables: Mapping[str, str], at: Millis) -> None:
    """Raises InvalidState where a table cannot be exported as of then."""
    for name, physical in tables.items():
        oldest, newest = _span(physical)
        if not oldest <= at <= newest:
            raise InvalidState(f"The table {name} can be exported from {rfc3339(oldest)} to {rfc3339(newest)}.")


def _span(physical: str) -> tuple[Millis, Millis]:
    told = dynamodb().describe_continuous_backups(TableName=physical)["ContinuousBackupsDescription"]
    span = told["PointInTimeRecoveryDescription"]
    if span["PointInTimeRecoveryStatus"] != "ENABLED":
        raise InvalidState(f"{physical} has no point-in-time recovery.")
    oldest, newest = span["EarliestRestorableDateTime"], span["LatestRestorableDateTime"]
    # Whole seconds are what an export takes: within the span.
    return (int(oldest.timestamp()) + 1) * SECOND, int(newest.timestamp()) * SECOND


def exported(
    world: World, place: Prefix, wanted: Wanted, advance: Advance, sleep: Callable[[float], None] = time.sleep
) -> Backup:
    """Have every table exported as of that moment into ``place``. The stage may run on meanwhile.

    Asked for again within some hours, the same exports are waited for. Raises Unavailable where one fails.
    """
    begun = {name: _begin(place, name, physical, wanted.at) for name, physical in wanted.tables.items()}
    tables = {name: _exported(place, name, export, advance, sleep) for name, export in begun.items()}
    return _ended(world, place, wanted, tables, advance)


def _begin(place: Prefix, name: str, physical: str, at: Millis) -> str:
    arn = dynamodb().describe_table(TableName=physical)["Table"]["TableArn"]
    made = dynamodb().export_table_to_point_in_time(
        TableArn=arn,
        ExportTime=at // SECOND,
        ClientToken=derived_id("exp", place.bucket, place.prefix, name, str(at)),
        S3Bucket=place.bucket,
        S3Prefix=_prefix(place, name),
        S3SseAlgorithm="AES256",
        ExportFormat="DYNAMODB_JSON",
    )
    return str(made["ExportDescription"]["ExportArn"])


def _exported(
    place: Prefix, name: str, export: str, advance: Advance, sleep: Callable[[float], None]
) -> tuple[File, ...]:
    for _ in range(int(_LONGEST_SECONDS / _LOOK_SECONDS)):
        told = dynamodb().describe_export(ExportArn=export)["ExportDescription"]
        if told["ExportStatus"] == "COMPLETED":
            files = _files_of(place, name, told["ExportManifest"])
            advance(sum(file.items for file in files))
            return files
        if told["ExportStatus"] == "FAILED":
            raise Unavailable(f"DynamoDB gave up on {export}: {told.get('FailureMessage', 'it does not say why')}")
        sleep(_LOOK_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - spreads looks, guards nothing
    raise Unavailable(f"{export} is not done after {_LONGEST_SECONDS // 3600:.0f} hours. Repeat the command: it waits.")


def _files_of(place: Prefix, name: str, manifest: str) -> tuple[File, ...]:
    """What DynamoDB says that it has written."""
    with place.reading(_within(place, name, manifest)) as content:
        summary = json.loads(content.read(_MOST_SUMMARY))
    with place.reading(_within(place, name, summary["manifestFilesS3Key"])) as content:
        listed = content.read(_MOST_MANIFEST + 1)
    if len(listed) > _MOST_MANIFEST:
        raise Unavailable(f"{manifest} lists more files than can be read.")
    told = [json.loads(line) for line in listed.splitlines() if line.strip()]
    return tuple(File(_within(place, name, each["dataFileS3Key"]), int(each["itemCount"])) for each in told)


def _within(place: Prefix, name: str, key: str) -> str:
    """The name within the place of what DynamoDB names by its key, or by what is behind the prefix it was given."""
    behind = key.removeprefix(_prefix(place, name)).removeprefix("/")
    return f"tables/{name}/{behind}"


def _prefix(place: Prefix, name: str) -> str:
    return "/".join(filter(None, (place.prefix, "tables", name)))


# --- objects -------------------------------------------------------------------------------------


def _ended(
    world: World, place: Place, wanted: Wanted, tables: Mapping[str, tuple[File, ...]], advance: Advance
) -> Backup:
    """With what lies in the buckets. The note is written last."""
    buckets = buckets_of(world) if wanted.objects else {}
    objects = {name: _take(place, name, bucket, advance) for name, bucket in buckets.items()}
    done = Backup(wanted.id, world.settings.stage, wanted.at, tables, objects)
    place.write(model.NOTE, model.written(done))
    return done


def _take(place: Place, name: str, bucket: str, advance: Advance) -> int:
    """Copy what lies in a bucket, and list it. Objects are never changed: what came since the tables' moment is more
    than they know of, and does no harm.
    """

    def take(key: str) -> Any:
        found = s3().head_object(Bucket=bucket, Key=key)
        digest = place.take(bucket, key, model.object_name(name, key))
        advance(1)
        return asdict(model.Object(key, found["ContentType"], found["ContentLength"], digest))

    with ThreadPoolExecutor(_OBJECTS_AT_ONCE) as pool:
        listed = list(pool.map(take, _keys(bucket)))
    place.write(f"objects/{name}.json.gz", model.packed(listed))
    return len(listed)


def _keys(bucket: str) -> Iterator[str]:
    after = ""
    for _ in range(_MOST_PAGES):
        told = s3().list_objects_v2(Bucket=bucket, StartAfter=after)
        for each in told.get("Contents", ()):
            after = each["Key"]
            if not after.startswith(_UPLOADS):
                yield after
        if not told["IsTruncated"]:
            return
