"""The verbs of the dead-letter queue."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import rfc3339
from chalicelib.operations import dead_letters
from chalicelib.operations.dead_letters import Found, Outside
from chalicelib.operations.model.dead_letter import Stretch, repeatable
from chalicelib.runtime.aws import client
from chalicelib.runtime.tables import item_of
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, takes_nothing
from scripts.admin.progress import bar

_GONE: Final = frozenset({"TrimmedDataAccessException", "ResourceNotFoundException", "ExpiredIteratorException"})
_MESSAGE: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_MOST_PAGES: Final = 100
_STREAM_KEEPS: Final = "The stream keeps its records for 24 hours, and these are gone."


def list_letters(world: World, asked: Namespace) -> Answer:
    """Oldest first; 500 at most. Looking leaves them there."""
    del asked
    return Answer([_facts(each) for each in dead_letters.look(world)])


def replay_letters(world: World, asked: Namespace) -> Plan:
    """With --all those that make no sense again are passed over; asked for by their id they are refused."""
    found = dead_letters.chosen(dead_letters.look(world), asked.id)
    if asked.id is None:
        found = [each for each in found if each.letter.again]
    for each in found:
        repeatable(each.letter)  # what makes no sense is refused before it is confirmed

    def act(operator: str, reason: str) -> Answer:
        ids = {each.waiting.id for each in found}
        with bar(asked, "doing again", len(ids)) as advance:
            done = dead_letters.replay(world, ids, OUTSIDE, actor=operator, reason=reason, told=lambda _: advance(1))
        return Answer([_facts(each) for each in done])

    will = tuple(f"do again what {each.letter.source} failed at: {each.letter.what}" for each in found)
    return Plan(will, act, "There is nothing to do again.")


def drop_letters(world: World, asked: Namespace) -> Plan:
    """What is thrown away is not done, by nobody."""
    found = dead_letters.chosen(dead_letters.look(world), asked.id)

    def act(operator: str, reason: str) -> Answer:
        ids = {each.waiting.id for each in found}
        return Answer([_facts(each) for each in dead_letters.drop(world, ids, actor=operator, reason=reason)])

    will = tuple(f"throw away what {each.letter.source} failed at: {each.letter.what}" for each in found)
    return Plan(will, act, "There is nothing to throw away.")


def _facts(found: Found) -> Facts:
    return {
        "id": found.waiting.id,
        "at": rfc3339(found.waiting.at),
        "from": found.letter.source,
        "what": found.letter.what,
        "why": found.letter.why,
        "replay": "yes" if found.letter.again else found.letter.instead,
    }


# --- what doing again needs ----------------------------------------------------------------------


def _call(function: str, payload: Any) -> None:
    client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())


def _keys(stretch: Stretch) -> Sequence[Mapping[str, str]]:
    streams = client("dynamodbstreams")
    last = int(stretch.last)
    news = {"INSERT", "MODIFY"} if stretch.table == "readers" else {"INSERT"}
    found: list[dict[str, str]] = []
    try:
        at = streams.get_shard_iterator(
            StreamArn=stretch.stream,
            ShardId=stretch.shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=stretch.first,
        )["ShardIterator"]
        for _ in range(_MOST_PAGES):
            page = streams.get_records(ShardIterator=at)
            passed = [each for each in page["Records"] if int(each["dynamodb"]["SequenceNumber"]) <= last]
            found += [item_of(each["dynamodb"]["Keys"]) for each in passed if each["eventName"] in news]
            at = page.get("NextShardIterator")
            if at is None or len(passed) < len(page["Records"]) or any(_is(each, last) for each in passed):
                break
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise InvalidState(_STREAM_KEEPS) from None
        raise
    return found


def _is(record: Any, number: int) -> bool:
    return int(record["dynamodb"]["SequenceNumber"]) == number


OUTSIDE: Final = Outside(_call, _keys)


def _message(written: str) -> str:
    if not _MESSAGE.fullmatch(written):
        raise ArgumentTypeError("write the id of a message; `deadletters list` tells it")
    return written


def _takes_which(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", type=_message, action="append", metavar="ID", help="this one; may be repeated")
    which.add_argument("--all", action="store_true", help="whatever lies there")


VERBS: Final = (
    Verb(
        "deadletters",
        "list",
        "List what could not be done: when, by whom, what, why, and whether it can be done again.",
        ("deadletters list --stage prod", "deadletters list --local --json"),
        takes_nothing,
        list_letters,
    ),
    Verb(
        "deadletters",
        "replay",
        "Do again what could not be done. What was done meanwhile is not done twice.",
        (f"deadletters replay --all --stage prod {WHY}", f"deadletters replay --id 1b9d… --local {WHY}"),
        _takes_which,
        replay_letters,
        changes=True,
    ),
    Verb(
        "deadletters",
        "drop",
        "Throw away what could not be done.",
        (f"deadletters drop --id 1b9d… --stage prod {WHY}",),
        _takes_which,
        drop_letters,
        changes=True,
    ),
)
