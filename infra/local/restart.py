"""What MiniStack does not take up again when it is started on a saved state, made good.

It keeps how far each reader of a table's stream had come, and not the stream: the new stream begins at nothing, and
its first records would be passed over until their number reaches the old offset. So each event source mapping and
each pipe on a table's stream is made anew, from TRIM_HORIZON, before anything is written. On AWS nothing stops, so
nothing like it is needed there.

Executions of the clock are lost at every stop: the minute tick, called once at the start, looks after their sessions.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from infra.local.journal import Journal, caller
from infra.local.ministack import MiniStack

if TYPE_CHECKING:
    import boto3

_STREAM: Final = ":dynamodb:"
_FROM_THE_START: Final = "TRIM_HORIZON"
_MOST: Final = 1_000
_MAPPING_SETTINGS: Final = (
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "ScalingConfig",
    "TumblingWindowInSeconds",
)
_PIPE_SETTINGS: Final = ("Description", "DesiredState", "RoleArn", "Source", "Target", "Tags")


def go_on(session: "boto3.Session", ministack: MiniStack, journal: Journal | None) -> int:
    """Between the deployment and the first request: from here on nothing is lost. Raises CannotStart.

    The number of items that were put back.
    """
    if journal and not ministack.has_saved:
        # The deployment has addresses and keys that must outlive a kill too, and only a stop saves them.
        ministack.stop()
        ministack.start()
    _mappings_anew(session.client("lambda", endpoint_url=ministack.url))
    _pipes_anew(session.client("pipes", endpoint_url=ministack.url))
    return journal.open(ministack.url, caller(session, ministack.url)) if journal else 0


def stop(ministack: MiniStack, journal: Journal | None) -> None:
    """End both. What a stop has saved need not be kept beside it."""
    if journal:
        journal.close()
    if ministack.stop() and journal:
        journal.forget()


def tick(functions: Any, name: str, event: Any, shards: int) -> None:
    """Bring every open session up to date now, rather than at the next minute."""
    for shard in range(shards):
        functions.invoke(FunctionName=name, Payload=json.dumps({**event, "shard": str(shard)}).encode())


def _mappings_anew(functions: Any) -> None:
    pages = functions.get_paginator("list_event_source_mappings").paginate(PaginationConfig={"MaxItems": _MOST})
    listed = [each for page in pages for each in page["EventSourceMappings"]]
    found = [each for each in listed if _STREAM in each.get("EventSourceArn", "")]
    for each in found:
        functions.delete_event_source_mapping(UUID=each["UUID"])
    # A stack that changes a mapping which was made anew makes one beside it: of two alike, one is enough.
    alike = {(each["EventSourceArn"], each["FunctionArn"]): each for each in found}
    for (stream, function), each in alike.items():
        functions.create_event_source_mapping(
            EventSourceArn=stream,
            FunctionName=function,
            StartingPosition=_FROM_THE_START,
            Enabled=each["State"] in ("Enabled", "Enabling", "Creating"),
            **{name: each[name] for name in _MAPPING_SETTINGS if each.get(name) is not None},
        )


def _pipes_anew(pipes: Any) -> None:
    """MiniStack has a new pipe begin at the newest record, whatever is asked: as long as there is none, that is all."""
    pages = pipes.get_paginator("list_pipes").paginate(PaginationConfig={"MaxItems": _MOST})
    for name in [each["Name"] for page in pages for each in page["Pipes"] if _STREAM in each["Source"]]:
        pipe = pipes.describe_pipe(Name=name)
        pipes.delete_pipe(Name=name)
        pipes.create_pipe(
            Name=name,
            SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": _FROM_THE_START}},
            **{setting: pipe[setting] for setting in _PIPE_SETTINGS if pipe.get(setting)},
        )
