"""Numbers in the embedded metric format: only those that are listed, as CloudWatch reads them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from jsonschema_rs import validate

from chalicelib.runtime import metrics
from tests.support.emf import SCHEMA, measured

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def nothing_measured(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    metrics.flush()
    capsys.readouterr()
    yield
    metrics.flush()


@pytest.fixture(autouse=True)
def stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "dev")


def test_what_is_added_is_one_line_in_the_end(lines: Lines) -> None:
    metrics.add(RateLimited=1)
    metrics.add(RateLimited=2, BillingLateness=40)
    metrics.add(BillingLateness=7)
    assert lines() == []
    metrics.flush()
    metrics.flush()
    (line,) = lines()
    assert (line["RateLimited"], line["BillingLateness"]) == (3, [40, 7])
    assert measured([line]) == {"RateLimited": [3], "BillingLateness": [40, 7]}


def test_a_line_is_as_the_specification_wants_it_and_one_of_the_log_besides(lines: Lines) -> None:
    metrics.add(CentsCharged=399, BillingLateness=0, ReadingsOpen=0)
    metrics.flush()
    (line,) = lines()
    validate(SCHEMA, line)
    assert (line["level"], line["event"]) == ("info", "metrics")
    assert line["at"].endswith("Z")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("SoulSeer/dev", [[]])
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "CentsCharged": "Count",
        "BillingLateness": "Milliseconds",
        "ReadingsOpen": "Count",
    }


def test_powertools_would_write_the_same(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME", raising=False)
    theirs = Metrics(namespace="SoulSeer/dev")
    theirs.add_metric("RateLimited", MetricUnit.Count, 2)
    theirs.add_metric("BillingLateness", MetricUnit.Milliseconds, 40)
    theirs.add_metric("BillingLateness", MetricUnit.Milliseconds, 7)
    told: Any = json.loads(json.dumps(theirs.serialize_metric_set()))
    theirs.clear_metrics()
    metrics.add(RateLimited=2, BillingLateness=40)
    metrics.add(BillingLateness=7)
    metrics.flush()
    (ours,) = lines()
    assert measured([told]) == measured([ours])
    for each in (told, ours):
        each["_aws"]["Timestamp"] = 0
        each["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = []  # theirs names a service
    assert told["_aws"] == ours["_aws"]


def test_what_is_not_listed_is_not_told(lines: Lines) -> None:
    surprise: dict[str, Any] = {"Email": 1, "RateLimited": "ada@example.com", "WalletFrozen": 1}
    metrics.add(**surprise)
    metrics.flush()
    (line,) = lines()
    assert measured([line]) == {"WalletFrozen": [1]}
    assert "ada" not in json.dumps(line)
    assert "Email" not in line


def test_a_span_of_clocks_that_differ_is_none(lines: Lines) -> None:
    metrics.add(BillingLateness=-20)
    metrics.flush()
    assert measured(lines()) == {"BillingLateness": [0]}


def test_a_line_holds_a_hundred_values_and_the_next_line_the_rest(lines: Lines) -> None:
    for each in range(230):
        metrics.add(BillingLateness=each, RateLimited=1)
    metrics.flush()
    told = lines()
    for line in told:
        validate(SCHEMA, line)
    assert [len(line["BillingLateness"]) for line in told] == [100, 100, 30]
    assert measured(told) == {"BillingLateness": list(range(230)), "RateLimited": [230]}


def test_a_process_that_never_tells_keeps_a_thousand_values(lines: Lines) -> None:
    for _ in range(1_200):
        metrics.add(BillingLateness=1, RateLimited=1)
    metrics.flush()
    told = measured(lines())
    assert (len(told["BillingLateness"]), told["RateLimited"]) == (1_000, [1_200])


def test_a_handler_tells_also_when_it_fails(lines: Lines) -> None:
    @metrics.flushed
    def handler(event: dict[str, Any], context: object) -> str:
        del context
        metrics.add(WebhooksRefused=1)
        return str(event["name"])

    assert handler({"name": "told"}, None) == "told"
    assert handler.__name__ == "handler"
    with pytest.raises(KeyError):
        handler({}, None)
    assert measured(lines()) == {"WebhooksRefused": [1, 1]}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("insufficient_funds", "InsufficientFunds"),
        ("spending_limit_reached", "SpendingLimitReached"),
        ("wallet_frozen", "WalletFrozen"),
        ("rate_limited", "RateLimited"),
    ],
)
def test_a_refusal_is_counted_by_its_code(code: str, name: str, lines: Lines) -> None:
    metrics.refused(code)
    metrics.refused("not_found")
    metrics.flush()
    assert measured(lines()) == {name: [1]}
