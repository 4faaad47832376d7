"""Bringing a backup back into the empty tables of a stage whose functions stand still.

A table is whole or not yet: the audit log says which are, and a restore that stopped half-way does the others anew, to
the same items. Tables with a stream come last, when all is there that their readers look at: who was told of a notice
is told nothing again.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.exceptions import ClientError

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.runtime.aws import is_passing_fault
from chalicelib.runtime.tables import Advance, Contended
from scripts.backup import history, model
from scripts.backup.export import buckets_of, dynamodb, scanned, tables_of
from scripts.backup.history import BACKUPS, STAGE, Unfinished
from scripts.backup.model import Backup, DamagedError, Item
from scripts.backup.places import Place, give_back

_A_BATCH: Final = 25
"""What DynamoDB takes at once."""
_AT_ONCE: Final = 8
_BATCHES: Final = 64
"""In memory at a time."""
_TRIES: Final = 12
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 10.0
_MOST_SAID: Final = 200
"""Rows of an audit log in which nothing has happened but backups."""


def read(place: Place) -> Backup:
    """Raises DamagedError."""
    with place.reading(model.NOTE) as content:
        return model.read(content.read(model.LARGEST_NOTE))


def check(world: World, backup: Backup) -> Unfinished | None:
    """The unfinished restore of this very backup that is to go on, or None where all is empty.

    Raises InvalidState where it cannot be brought back here.
    """
    if backup.stage != world.settings.stage:
        raise InvalidState(f"This is a backup of {backup.stage}: people of one stage are not put into another.")
    here = tables_of(world).keys()
    if strangers := backup.tables.keys() - here:
        raise InvalidState(f"It holds tables that are not here: {', '.join(sorted(strangers))}. Deploy its version.")
    if lacking := here - backup.tables.keys():
        raise InvalidState(f"It lacks tables that are here: {', '.join(sorted(lacking))}. Deploy its version.")
    begun = history.unfinished(world)
    if begun:
        if begun.backup != backup.id:
            raise InvalidState(f"{begun.backup} is being brought back here. Go on with that, or take empty tables.")
        return begun
    if full := [name for name, physical in tables_of(world).items() if not _is_empty(physical)]:
        raise InvalidState(f"These tables are not empty: {', '.join(full)}. Nothing is written over anything.")
    return None


def bring_back(world: World, place: Place, backup: Backup, operator: str, reason: str, advance: Advance) -> None:
    """Everything, and the counts must be right. Raises DamagedError, Contended; called again it goes on."""
    begun = check(world, backup)
    if begun is None:
        history.say(world, "restore_began", operator, reason, backup=backup.id, at=backup.at)
    done = begun.done if begun else frozenset()
    physical = tables_of(world)
    for name in sorted(backup.tables, key=lambda each: (_has_stream(physical[each]), each)):
        if name in done:
            advance(backup.items(name))
            continue
        _bring_back_table(place, backup, name, physical[name], advance)
        history.say(world, "table_restored", operator, reason, backup=backup.id, table=name, items=backup.items(name))
    for name, bucket in buckets_of(world).items():
        if name in backup.objects:
            _bring_back_objects(place, name, bucket, backup.objects[name], advance)


def _bring_back_table(place: Place, backup: Backup, name: str, physical: str, advance: Advance) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file in backup.tables[name]:
            with place.reading(file.name) as content:
                batches = _groups(model.items_of(content, file), _A_BATCH)
                for some in _groups(batches, _BATCHES):
                    for count in pool.map(lambda batch: put_all(physical, batch), some):
                        advance(count)
    more = _count(physical) - backup.items(name)
    if not 0 <= more <= (_MOST_SAID if name == "audit" else 0):  # where it says what is done here
        raise DamagedError(f"The table {name} holds {more:+} items beside the {backup.items(name)} of the backup.")


def put_all(physical: str, items: Sequence[Item], sleep: Callable[[float], None] = time.sleep) -> int:
    """Put these items, 25 at most; their number. Raises Contended where DynamoDB goes on being too busy."""
    left: Any = [{"PutRequest": {"Item": item}} for item in items]
    for tried in range(_TRIES):
        if tried:
            sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tried)))  # noqa: S311 - spreads retries
        try:
            answer = dynamodb().batch_write_item(RequestItems={physical: left})
        except Exception as error:
            if not is_passing_fault(error):
                if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException":
                    raise DamagedError(f"There is an item that {physical} does not take: {error}") from None
                raise
            continue  # whether it wrote is unknown: the same items again are the same
        left = answer.get("UnprocessedItems", {}).get(physical, [])
        if not left:
            return len(items)
    raise Contended("UnprocessedItems")


def _bring_back_objects(place: Place, name: str, bucket: str, count: int, advance: Advance) -> None:
    """What is there already stays as it is: objects are never changed."""
    with place.reading(f"objects/{name}.json.gz") as content:
        listed = model.objects_of(content, name, count)

    def put(told: model.Object) -> None:
        give_back(place, model.object_name(name, told.key), bucket, told)
        advance(1)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(put, listed))


def _groups(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(things)
    while some := list(itertools.islice(iterator, size)):
        yield some


# --- what is there -------------------------------------------------------------------------------


def _is_empty(physical: str) -> bool:
    """But for what was said here of backups themselves."""
    rows = dynamodb().scan(TableName=physical, ConsistentRead=True, Limit=_MOST_SAID)
    return "LastEvaluatedKey" not in rows and all(_is_said_here(item) for item in rows["Items"])


def _count(physical: str) -> int:
    """Its items."""
    return sum(told["Count"] for told in scanned(dynamodb(), physical, Select="COUNT"))


def _is_said_here(item: Item) -> bool:
    return item.get("pk", {}).get("S") in (BACKUPS, STAGE) and "action" in item


def _has_stream(physical: str) -> bool:
    told = dynamodb().describe_table(TableName=physical)["Table"]
    return bool(told.get("StreamSpecification", {}).get("StreamEnabled"))
