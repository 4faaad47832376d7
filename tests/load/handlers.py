"""What a handler adds: processor time of ``GET /health`` and of a heartbeat, beside bare Chalice, and of counting.

The bare app has the same two routes. Its health answers a dict; its heartbeat makes the same four calls of the AWS
client with the same items, recorded from one of ours, and answers the same JSON. What ours adds is the token (told
apart), the checks, the decision, the rows made and read, the headers and the log line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from botocore import xform_name
from chalice.app import Chalice

from chalicelib.gateways import world
from chalicelib.kernel.buckets import Bucket
from chalicelib.readers import service as readers
from chalicelib.runtime.aws import client
from chalicelib.runtime.identity import verifier
from chalicelib.runtime.limiter import Limiter
from chalicelib.runtime.rates import Rate
from chalicelib.runtime.tables import DynamoTables
from tests.load.api import Api, Context, api, event_for
from tests.load.report import Told, at_most, holds, shown
from tests.load.stage import RICH, Compared, Stage, compared, quiet, timed
from tests.support.capacity import Bill, billed
from tests.support.reading import add_reader, pay_in

_ROUNDS: Final = 15
_EACH: Final = 20
_HEALTH_EACH: Final = 400


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about health, a heartbeat and a token."""
    with api(stage) as ours:
        health = _compared(ours, Chalice("bare"), _HEALTH_EACH, "GET", "/health", lambda: {"status": "ok"})
        yield at_most("GET /health beside bare Chalice", health.ratio, 3)
        yield shown("  its processor time, ours and bare", f"{health.ours_ms:.3f} {health.theirs_ms:.3f} ms")
        client_token, session = begun(ours)
        beat = f"/v1/sessions/{session}/heartbeat"
        calls, answer = _recorded(lambda: ours("POST", beat, client_token))
        bare = _bare_calls(stage.bare, calls)

        def replayed(session_id: str) -> Any:
            del session_id
            for call in bare:
                call()
            return answer

        compare = _compared(ours, Chalice("bare"), _EACH, "POST", beat, replayed, client_token)
        verify = verifier()
        token = compared(_ROUNDS, lambda: (timed(lambda: [verify(client_token) for _ in range(_EACH)]) / _EACH, 1.0))
        yield at_most("a heartbeat beside bare Chalice, same storage calls", compare.ratio, 1.5)
        yield shown("  its processor time, ours and bare", f"{compare.ours_ms:.2f} {compare.theirs_ms:.2f} ms")
        yield shown("  of ours, to verify the token", f"{token.ours_ms:.2f} ms")
    yield from _counted(stage)


def _counted(stage: Stage) -> Iterator[Told]:
    """What it costs to count a request against its limit."""
    name = stage.names["limits"]
    counter = Limiter(DynamoTables(stage.client), name, lambda: time.time_ns() // 1_000_000, time.sleep)
    rate = Rate(Bucket("bench", 1_000_000_000, 1))
    counter.draw(rate, "usr_bench")
    row: Any = stage.bare.get_item(TableName=name, Key={"pk": {"S": "bench#usr_bench"}})["Item"]
    row["pk"] = {"S": "bare"}
    condition: dict[str, Any] = {
        "ConditionExpression": "#c0 = :c0",
        "ExpressionAttributeNames": {"#c0": "mark"},
        "ExpressionAttributeValues": {":c0": row["mark"]},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    stage.bare.put_item(TableName=name, Item=row)

    def turn() -> tuple[float, float]:
        ours = timed(lambda: [counter.draw(rate, "usr_bench") for _ in range(_EACH)])
        theirs = timed(lambda: [stage.bare.put_item(TableName=name, Item=row, **condition) for _ in range(_EACH)])
        return ours / _EACH, theirs / _EACH

    compare = compared(_ROUNDS, turn)
    yield at_most("to count a request beside one bare conditional put", compare.ratio, 1.5)
    yield shown("  its processor time, ours and bare", f"{compare.ours_ms:.2f} {compare.theirs_ms:.2f} ms")
    with billed(stage.client) as bill:
        counter.draw(rate, "usr_bench")
    yield holds(
        "  its requests and write units", f"{len(bill.requests)} {bill.written[name]:g}", met=_is_one(bill, name)
    )


def _is_one(bill: Bill, name: str) -> bool:
    return (len(bill.requests), bill.written[name], bill.read[name]) == (1, 1, 0)


def begun(ours: Api) -> tuple[str, str]:
    """A reading in which both are: the client's token, and the session."""
    client_token, reader_token = ours.token("bench-client"), ours.token("bench-reader")
    people = [ours("GET", "/v1/me", token).body["id"] for token in (client_token, reader_token)]
    with quiet():
        pay_in(world(), people[0], RICH, f"topup:{people[0]}")
        add_reader(world(), people[1])
        readers.set_presence(world(), people[1], "online")
    asked = ours("POST", "/v1/sessions", client_token, {"reader": people[1], "modality": "text"})
    session: str = asked.body["id"]
    for token, act in ((reader_token, "accept"), (client_token, "join"), (reader_token, "join")):
        ours("POST", f"/v1/sessions/{session}/{act}", token)
    return client_token, session


def _compared(
    ours: Api, bare: Chalice, each: int, method: str, path: str, view: Callable[..., Any], token: str = ""
) -> Compared:
    event = event_for(method, path, token)
    bare.route(event["resource"], methods=[method])(view)
    context = Context()

    def turn() -> tuple[float, float]:
        with quiet():
            mine = timed(lambda: [ours.app(event, context) for _ in range(each)])
            theirs = timed(lambda: [bare(event, context) for _ in range(each)])
        return mine / each, theirs / each

    return compared(_ROUNDS, turn)


def _recorded(act: Callable[[], Any]) -> tuple[list[tuple[str, dict[str, Any]]], Any]:
    """The calls that ``act`` made of DynamoDB, as they were put to the client, and the body of its answer."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append((model.name, json.loads(json.dumps(params))))

    with _listening(note):
        answered = act()
    return calls, answered.body


@contextmanager
def _listening(note: Callable[..., None]) -> Iterator[None]:
    events = client("dynamodb").meta.events
    events.register("provide-client-params.dynamodb.*", note)
    try:
        yield
    finally:
        events.unregister("provide-client-params.dynamodb.*", note)


def _bare_calls(dynamodb: Any, calls: list[tuple[str, dict[str, Any]]]) -> list[Callable[[], object]]:
    """The same calls, to be made again and again: the write is of a row of its own that never changes."""
    made: list[Callable[[], object]] = []
    for name, params in calls:
        if name == "PutItem":
            params["Item"]["pk"] = {"S": "ses_bare"}
            dynamodb.put_item(TableName=params["TableName"], Item=params["Item"])
            params["ExpressionAttributeValues"] = {":c0": params["Item"]["rev"]}
        made.append(partial(getattr(dynamodb, xform_name(name)), **params))
    return made
