"""The idempotency records on a real table: what a retry meets, at every moment it may come."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.kernel.errors import IdempotencyInProgress, IdempotencyMismatch, InsufficientFunds, Unavailable
from chalicelib.runtime.idempotency import Answer, Intent, PowertoolsOnce, digest

ANSWER = Answer(201, '{"id":"ses_1"}')
REPLAYED = Answer(201, '{"id":"ses_1"}', replayed=True)


class Context:
    """The part of Lambda's context that says how long a run may still last."""

    def __init__(self, milliseconds: int = 30_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Work:
    """Something that runs, and counts how often."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.runs = 0
        self._then = then

    def __call__(self) -> Answer:
        self.runs += 1
        self._then()
        return ANSWER


def intent(**other: str) -> Intent:
    return Intent(**{"caller": "usr_1", "route": "POST /v1/sessions", "key": "k", "request": digest({"a": 1}), **other})


@pytest.fixture
def once(dynamodb: Any, table_names: Any) -> PowertoolsOnce:
    table = table_names["idempotency"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ProjectionExpression="id"):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key=item)
    return PowertoolsOnce(table, dynamodb)


def test_the_first_time_it_runs_and_a_retry_gets_that_answer_again(once: PowertoolsOnce) -> None:
    work = Work()
    assert once(intent(), work, Context()) == ANSWER
    assert once(intent(), work, Context()) == REPLAYED
    assert work.runs == 1


def test_another_body_under_the_same_key_is_a_mismatch(once: PowertoolsOnce) -> None:
    work = Work()
    once(intent(), work, Context())
    with pytest.raises(IdempotencyMismatch):
        once(intent(request=digest({"a": 2})), work, Context())
    assert work.runs == 1


@pytest.mark.parametrize("other", [{"caller": "usr_2"}, {"route": "POST /v1/sessions/ses_2/tip"}, {"key": "k2"}])
def test_another_person_route_or_key_is_another_intent(once: PowertoolsOnce, other: dict[str, str]) -> None:
    work = Work()
    once(intent(), work, Context())
    assert once(intent(**other), work, Context()) == ANSWER
    assert work.runs == 2


def test_parts_of_an_intent_do_not_run_into_each_other(once: PowertoolsOnce) -> None:
    work = Work()
    once(intent(route="POST /v1/a", key="b"), work, Context())
    assert once(intent(route="POST /v1/", key="ab"), work, Context()) == ANSWER


def test_a_refusal_is_not_kept_and_the_key_runs_again(once: PowertoolsOnce) -> None:
    def refuse() -> None:
        raise InsufficientFunds

    for _ in range(2):
        with pytest.raises(InsufficientFunds):
            once(intent(), Work(refuse), Context())
    assert once(intent(), Work(), Context()) == ANSWER


def test_while_the_first_still_runs_a_second_is_in_progress(once: PowertoolsOnce) -> None:
    started, finish = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        assert finish.wait(timeout=20)

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(once, intent(), Work(wait), Context())
        assert started.wait(timeout=20)
        second = Work()
        with pytest.raises(IdempotencyInProgress):
            once(intent(), second, Context())
        with pytest.raises(IdempotencyMismatch):
            once(intent(request=digest({"a": 2})), second, Context())
        finish.set()
        assert first.result(timeout=20) == ANSWER
    assert second.runs == 0
    assert once(intent(), second, Context()) == REPLAYED


def test_of_many_at_once_one_runs(once: PowertoolsOnce) -> None:
    work = Work()

    def attempt(_: int) -> Answer | None:
        try:
            return once(intent(), work, Context())
        except IdempotencyInProgress:
            return None

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(attempt, range(24)))
    assert work.runs == 1
    assert answers.count(ANSWER) == 1
    assert {answer for answer in answers if answer} <= {ANSWER, REPLAYED}


def test_a_key_left_in_progress_by_a_crash_runs_again_when_its_time_is_up(once: PowertoolsOnce) -> None:
    def crash() -> None:
        raise KeyboardInterrupt  # like the end of a function's time, nobody catches it

    with pytest.raises(KeyboardInterrupt):
        once(intent(), Work(crash), Context(60_000))
    with pytest.raises(IdempotencyInProgress):
        once(intent(), Work(), Context())

    other = intent(key="short")
    with pytest.raises(KeyboardInterrupt):
        once(other, Work(crash), Context(-1_000))
    assert once(other, Work(), Context()) == ANSWER


def test_the_record_expires_in_a_day_and_does_not_hold_the_key_or_the_body(
    once: PowertoolsOnce, dynamodb: Any, table_names: Any
) -> None:
    import time

    once(intent(key="a-very-telling-key"), Work(), Context())
    (item,) = dynamodb.scan(TableName=table_names["idempotency"])["Items"]
    assert 0 <= int(item["expiration"]["N"]) - (time.time() + 24 * 60 * 60) + 60 <= 120
    assert "a-very-telling-key" not in str(item)


def test_a_table_out_of_reach_is_unavailable_and_nothing_runs(table_names: Any) -> None:
    nowhere = boto3.client(
        "dynamodb",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
    )
    work = Work()
    with pytest.raises(Unavailable):
        PowertoolsOnce(table_names["idempotency"], nowhere)(intent(), work, Context())
    assert work.runs == 0


def test_an_answer_that_could_not_be_kept_is_unavailable_and_runs_again_later(
    once: PowertoolsOnce, dynamodb: Any, table_names: Any
) -> None:
    """The table fails between the work and the record: the client is told to retry, and the work finds itself done."""
    too_large = Answer(201, "x" * 500_000)
    with pytest.raises(Unavailable):
        once(intent(), lambda: too_large, Context(-1_000))
    assert once(intent(), Work(), Context()) == ANSWER
