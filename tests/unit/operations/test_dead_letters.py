"""What lies among the dead letters is read whoever sent it, done again where that makes sense, once, and audited."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, NotFound, Unavailable
from chalicelib.operations import dead_letters
from chalicelib.operations.dead_letters import Outside
from chalicelib.operations.model.dead_letter import Call, DeadLetter, Notice, Stretch, read
from tests.support.worlds import OfflineQueue, hand_world

UNTOLD = {"notice": {"pk": "usr_1", "sk": "booking_made#bkg_1"}, "error": "KeyError"}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:soulseer-prod-"
RULE = "arn:aws:events:us-east-1:000000000000:rule/soulseer-prod-"
TICK = {"version": "0", "detail-type": "Scheduled Event", "time": "2026-11-22T16:43:00Z", "resources": [], "detail": {}}
NOTHING_LOST = "Nothing is lost: the next minute's tick does the same work."


def stream(table: str) -> str:
    return f"arn:aws:dynamodb:us-east-1:000000000000:table/soulseer-prod-{table}/stream/2026-11-25T00:00:00.000"


def stretch(table: str, function: str = "notify") -> dict[str, Any]:
    info = {"shardId": "s", "startSequenceNumber": "3", "endSequenceNumber": "5", "batchSize": 3}
    context = {"functionArn": FUNCTION + function, "condition": "RetryAttemptsExhausted"}
    return {"requestContext": context, "DDBStreamBatchInfo": info | {"streamArn": stream(table)}}


def call(function: str, payload: Any, error: str | None = "TimeoutError") -> dict[str, Any]:
    context = {"functionArn": f"{FUNCTION}{function}:$LATEST", "condition": "RetriesExhausted"}
    answered = {"responsePayload": {"errorType": error}} if error else {}
    return {"requestContext": context, "requestPayload": payload} | answered


def of(message: Any, **attributes: str) -> DeadLetter:
    return read(json.dumps(message), attributes)


def test_a_notice_that_could_not_be_told_is_told_again() -> None:
    assert of(UNTOLD) == DeadLetter(
        "notify", "booking_made#bkg_1 to usr_1", "KeyError", Notice("usr_1", "booking_made#bkg_1")
    )


def test_a_table_is_known_in_whatever_set_of_tables_it_is() -> None:
    assert of(stretch("notices-2")).source == "notify"


def test_a_stretch_of_the_outbox_is_told_again() -> None:
    assert of(stretch("notices")) == DeadLetter(
        "notify",
        "3 changes of the table notices, from 3",
        "RetryAttemptsExhausted",
        Stretch("notices", stream("notices"), "s", "3", "5"),
    )


@pytest.mark.parametrize(("table", "source"), [("live", "live_signals"), ("ledger", "ledger-guard"), ("x", "unknown")])
def test_a_stretch_of_another_stream_is_not(table: str, source: str) -> None:
    found = of(stretch(table))
    assert (found.source, found.again) == (source, None)
    assert found.instead


@pytest.mark.parametrize("table", ["ledger", "accounts", "readers"])
def test_a_stretch_that_could_not_be_summed_is_summed_again(table: str) -> None:
    assert of(stretch(table, "rollup")) == DeadLetter(
        "rollup",
        f"3 changes of the table {table}, from 3",
        "RetryAttemptsExhausted",
        Stretch(table, stream(table), "s", "3", "5"),
    )


@pytest.mark.parametrize("function", ["reconcile", "mail_events", "rollup"])
def test_a_call_that_bears_it_is_made_again_with_what_it_was_given(function: str) -> None:
    assert of(call(function, {"run": "run_1"})) == DeadLetter(
        function, "a call that failed", "TimeoutError", Call(function, {"run": "run_1"})
    )


def test_a_tick_is_not_made_again() -> None:
    assert of(call("billing_tick", {"shard": "1"}, None)) == DeadLetter(
        "billing_tick", "a call that failed", "RetriesExhausted", None, NOTHING_LOST
    )
    assert of(TICK, RULE_ARN=f"{RULE}billing_tick", ERROR_CODE="THROTTLED") == DeadLetter(
        "billing_tick", "the rule's event of 2026-11-22T16:43:00Z", "THROTTLED", None, NOTHING_LOST
    )


def test_a_rules_event_of_the_reconciliation_is_delivered_again() -> None:
    assert of(TICK, RULE_ARN=f"{RULE}reconcile").again == Call("reconcile", TICK)
    assert of(TICK | {"resources": [f"{RULE}reconcile"]}).again == Call(
        "reconcile", TICK | {"resources": [f"{RULE}reconcile"]}
    )


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "7", "null", '"notice"', "{}", '{"notice": 7}', '{"DDBStreamBatchInfo": {}}', "[" * 100_000]
)
def test_whatever_else_lies_there_is_shown_and_not_done(body: str) -> None:
    found = read(body, {})
    assert (found.source, found.again) == ("unknown", None)


def test_what_is_shown_is_one_line_of_what_can_be_read() -> None:
    found = of({"notice": {"pk": "usr_\x1b[2J", "sk": "a\n" * 1_000}, "error": "E"})
    assert found.what.isprintable()
    assert len(found.what) < 450


# --- done again ----------------------------------------------------------------------------------


@dataclass
class Elsewhere:
    """What doing again reaches, and can fail at."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    keys: list[Mapping[str, str]] = field(default_factory=list)
    gone: bool = False

    def outside(self) -> Outside:
        def keys(stretch: Stretch) -> Sequence[Mapping[str, str]]:
            del stretch
            if self.gone:
                raise InvalidState
            return self.keys

        return Outside(lambda function, payload: self.calls.append((function, payload)), keys)


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere(keys=[{"pk": "usr_2", "sk": "refund#1"}, {"pk": "usr_3", "sk": "refund#2"}])


@pytest.fixture
def world() -> World:
    return hand_world()


def dead(world: World) -> OfflineQueue:
    assert isinstance(world.dead_letters, OfflineQueue)
    return world.dead_letters


def untold(world: World) -> list[Any]:
    assert isinstance(world.untold, OfflineQueue)
    return world.untold.bodies()


def died(world: World, message: Any) -> str:
    return dead(world).came(json.dumps(message))


def replay(world: World, elsewhere: Elsewhere, *ids: str) -> int:
    return len(dead_letters.replay(world, set(ids), elsewhere.outside(), actor="ops", reason="fixed"))


def audited(world: World) -> list[tuple[str, str]]:
    return [(row["pk"], row["action"]) for row in world.tables.scan("audit").items]


def test_looking_leaves_them_there_for_the_next_who_looks(world: World) -> None:
    ids = [died(world, UNTOLD), died(world, TICK)]
    for _ in range(2):
        assert [each.waiting.id for each in dead_letters.look(world)] == ids


def test_each_is_done_again_in_its_way_and_gone_and_the_others_stay(world: World, elsewhere: Elsewhere) -> None:
    ids = [died(world, UNTOLD), died(world, stretch("notices")), died(world, call("reconcile", {"run": "run_1"}))]
    stays = died(world, UNTOLD)
    assert replay(world, elsewhere, *ids) == 3
    assert [each["notice"]["pk"] for each in untold(world)] == ["usr_1", "usr_2", "usr_3"]
    assert elsewhere.calls == [("soulseer-dev-reconcile", {"run": "run_1"})]
    assert [each.waiting.id for each in dead_letters.look(world)] == [stays]
    assert sorted(audited(world)) == sorted((f"dead_letter:{each}", "dead_letter_replayed") for each in ids)


def test_what_could_not_be_summed_is_told_to_the_sums_by_its_keys(world: World, elsewhere: Elsewhere) -> None:
    elsewhere.keys = [{"account": "credit:usr_1", "seq": "000000000007"}]
    assert replay(world, elsewhere, died(world, stretch("ledger", "rollup"))) == 1
    again = {"again": {"source": "ledger", "keys": elsewhere.keys}}
    assert elsewhere.calls == [("soulseer-dev-rollup", again)]
    assert untold(world) == []


def test_nothing_is_done_where_one_of_them_makes_no_sense_again(world: World, elsewhere: Elsewhere) -> None:
    ids = [died(world, UNTOLD), died(world, TICK)]
    with pytest.raises(InvalidState):
        replay(world, elsewhere, *ids)
    with pytest.raises(NotFound):
        replay(world, elsewhere, ids[0], "nobody")
    assert untold(world) == []
    assert len(dead_letters.look(world)) == 2
    assert audited(world) == []


def test_what_cannot_be_done_now_stays(world: World, elsewhere: Elsewhere) -> None:
    one, other = died(world, UNTOLD), died(world, stretch("notices"))
    elsewhere.gone = True
    with pytest.raises(InvalidState):
        replay(world, elsewhere, one, other)
    assert [each.waiting.id for each in dead_letters.look(world)] == [other]
    assert isinstance(world.untold, OfflineQueue)
    world.untold.down = True
    elsewhere.gone = False
    with pytest.raises(Unavailable):
        replay(world, elsewhere, other)
    assert [each.waiting.id for each in dead_letters.look(world)] == [other]


def test_what_is_thrown_away_is_gone_and_audited(world: World) -> None:
    one, other = died(world, TICK), died(world, UNTOLD)
    dead_letters.drop(world, {one}, actor="ops", reason="old")
    assert [each.waiting.id for each in dead_letters.look(world)] == [other]
    assert untold(world) == []
    assert audited(world) == [(f"dead_letter:{one}", "dead_letter_dropped")]
