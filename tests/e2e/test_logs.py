"""Last but for the books: what every function and the local AWS wrote down of all that the suite did."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Any

from jsonschema_rs import validate

from chalicelib.gateways import World
from chalicelib.runtime.metrics import Measures
from chalicelib.runtime.tables import whole
from infra.local.people import PEOPLE
from infra.local.waiting import until
from tests.e2e.confided import HEARD, Confided
from tests.e2e.conftest import QUIET_SECONDS, Story
from tests.e2e.stage import TICK, Stage
from tests.support.emf import SCHEMA, measured

FUNCTIONS = (
    "api",
    "stripe_webhook",
    "stripe_connect_webhook",
    "agora_webhook",
    "google_webhook",
    "billing_tick",
    "reconcile",
    "clock",
    "notify",
    "mail_events",
    "sync_catalogue",
    "rollup",
)


SURELY_TOLD = 0.8
"""Of what was charged, more than this part was summed by the function."""

OF_THE_POST = (
    "SESv2 SendEmail: ",
    "[sns] SNS publish to arn:aws:sns:us-east-1:000000000000:soulseer-dev-mail-events: ",
)
"""What the local AWS writes down of letters, and of what tests tell of them: on AWS that is SES's own business."""


def lines_of(stage: Stage) -> dict[str, list[str]]:
    """By log group, and the local AWS's own log."""
    logs: Any = stage.stack.aws("logs")
    groups = [
        each["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for each in page["logGroups"]
    ]
    found = {group: list(_messages(logs, group)) for group in groups}
    own = stage.stack.ministack.log_file.read_text(errors="replace").splitlines()
    return found | {"the local AWS": [line for line in own if not any(each in line for each in OF_THE_POST)]}


def _messages(logs: Any, group: str) -> Iterator[str]:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        yield from (line for event in page["events"] for line in event["message"].splitlines())


def secrets_of(stage: Stage) -> list[str]:
    """Every value of every secret of the stack."""
    manager: Any = stage.stack.aws("secretsmanager")
    names = [each["Name"] for page in manager.get_paginator("list_secrets").paginate() for each in page["SecretList"]]
    held = [json.loads(manager.get_secret_value(SecretId=name)["SecretString"]) for name in names]
    return [str(value) for each in held for value in each.values()]


def test_no_log_holds_a_secret_or_what_belongs_to_a_person(stage: Stage, stories: dict[Story, "Future[None]"]) -> None:
    wait(stories.values(), timeout=QUIET_SECONDS)
    confided = stage.confided
    for secret in secrets_of(stage):
        confided.add("a secret of the stack", secret)
    for person in PEOPLE.values():
        confided.add_fields({"name": person.name, "email": person.email})
    logged = lines_of(stage)
    for function in FUNCTIONS:
        assert [group for group, lines in logged.items() if function in group and lines], f"{function} wrote nothing"
    told = {group: found for group, lines in logged.items() if (found := sorted(set(confided.in_lines(lines))))}
    assert told == {}


def test_what_is_measured_adds_up_to_the_ledger(stage: Stage, stories: dict[Story, "Future[None]"]) -> None:
    """A cent that was charged is in the numbers for CloudWatch once, whoever charged it; but for what the command line
    sums while another test has the sums made anew: nobody reads what that measures.
    """
    wait(stories.values(), timeout=QUIET_SECONDS)
    logs: Any = stage.stack.aws("logs")

    def told(function: str) -> list[dict[str, Any]]:
        lines = _messages(logs, f"/aws/lambda/soulseer-dev-{function}")
        return [json.loads(line) for line in lines if '"_aws"' in line]

    def sums() -> dict[str, float]:
        return {name: sum(values) for name, values in measured(told("rollup")).items()}

    def adds_up() -> bool:
        cents = sums().get("CentsCharged", 0)
        charged = charged_in_the_ledger(stage.world)
        return SURELY_TOLD * charged <= cents <= charged

    # Readings that a test left may still be charged, and what is charged is summed a little later.
    until("the numbers being those of the ledger", adds_up, seconds=TICK, every=2)
    assert sums()["MinutesCharged"] > 0
    lines = [line for function in FUNCTIONS for line in told(function)]
    for line in lines:
        validate(SCHEMA, line)
    seen = measured(lines)
    assert seen.keys() >= {"BillingLateness", "InsufficientFunds", "NoticeLateness", "ReadingsOpen", "WebhookLateness"}
    assert seen.keys() <= Measures.__annotations__.keys()


def charged_in_the_ledger(world: World) -> int:
    """What readings cost in cents, less what was taken back."""
    return -sum(
        int(each["amount"])
        for each in whole(world.tables, world.settings.tables.ledger)
        if each["account"].startswith("credit:") and each.get("counter", "").startswith("session:")
    )


def test_what_is_confided_is_found_where_it_is_told() -> None:
    confided = Confided()
    confided.add("an idempotency key", "k-12345")
    confided.add_fields({"people": [{"name": "Clara 7", "id": "usr_1"}]})
    confided.add_fields({"media": {"rtc_token": "006abc"}, "name": "session"}, HEARD)
    for line in (
        '{"event": "request", "key": "k-12345"}',
        "Clara 7 came",
        "006abc",
        "Authorization: Bearer abcdefgh",
        "eyJhbGciOiJSUzI1NiJ9",
        "ada@example.test",
        "whsec_0123456789",
        "-----BEGIN RSA PRIVATE KEY-----",
        "ya29.a0AfH6SM",
    ):
        assert confided.in_lines([line]), line
    assert confided.in_lines(['{"event": "session", "caller": "usr_1", "request_id": "k-1"}']) == []
