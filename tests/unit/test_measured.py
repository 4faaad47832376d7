"""Each number is measured where it is surely known, and once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.dashboards import building, folding
from chalicelib.dashboards.model.news import Chain
from chalicelib.kernel.errors import Unauthenticated
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.notifications import handlers as notifications
from chalicelib.operations import handlers as operations
from chalicelib.runtime import outbox, webhooks
from chalicelib.runtime.tables import Absent, Check, ConditionFailed, Contended, DynamoTables, Put, _marshalled
from chalicelib.sessions.model.commands import leave
from chalicelib.wallet import service as wallet
from tests.support.duo import RATE, Duo
from tests.support.emf import taken
from tests.support.events import refund_event
from tests.support.purse import Purse
from tests.support.reading import Stage, pay_in
from tests.support.worlds import NOON, hand_world

Measured = Callable[[], dict[str, list[float]]]
HANDLERS = sorted((Path(__file__).parents[2] / "chalicelib").rglob("handlers.py"))


@pytest.fixture
def seen(capsys: pytest.CaptureFixture[str]) -> Measured:
    """What was measured since it was last called."""

    def look() -> dict[str, list[float]]:
        return taken(lambda: capsys.readouterr().out)

    look()
    return look


def test_a_minute_says_how_late_it_was_charged(seen: Measured) -> None:
    stage = Stage().begun().beats(50)
    assert "BillingLateness" not in seen()  # the first is paid before it begins
    stage.at(60).noticed()
    assert seen()["BillingLateness"] == [0]
    stage.at(124).noticed()
    assert seen()["BillingLateness"] == [4 * SECOND]
    stage.noticed()
    assert "BillingLateness" not in seen()


def test_of_minutes_that_are_due_together_each_says_it_from_its_own_beginning(seen: Measured) -> None:
    Stage().begun().beats(50).at(124).noticed()
    assert seen()["BillingLateness"] == [64 * SECOND, 4 * SECOND]


def test_after_a_pause_a_minute_is_late_from_when_it_began_on_the_new_run(seen: Measured) -> None:
    stage = Stage().begun().beats(50)
    stage.client(leave)
    stage.at(100).resumed()
    seen()
    stage.at(112).noticed()  # ten seconds of the first minute were left
    assert seen()["BillingLateness"] == [2 * SECOND]


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return MINUTE


def test_the_tick_counts_the_readings_that_are_open_and_none_where_there_is_none(seen: Measured) -> None:
    stage = Stage().begun()
    seen()
    counted = []
    for shard in range(2):
        operations.work(stage.world, {"shard": str(shard)}, Context(), lambda facts: pytest.fail(f"again: {facts}"))
        counted += seen()["ReadingsOpen"]
    assert sorted(counted) == [0, 1]


def test_an_event_of_stripes_says_when_it_took_effect_and_once(seen: Measured) -> None:
    purse = Purse()
    purse.pays(2_500)
    seen()
    event = refund_event("refund.created", "re_1", "pi_top_1", 1_000, "succeeded")
    event |= {"created": purse.clock() // SECOND - 7}
    purse.tell(event)
    assert seen()["WebhookLateness"] == [7 * SECOND]
    purse.tell(event)
    assert "WebhookLateness" not in seen()


def test_what_nobody_signed_is_counted_and_written_by_the_webhook_itself(capsys: pytest.CaptureFixture[str]) -> None:
    def unsigned(payload: bytes, signature: str) -> None:
        raise Unauthenticated

    told = webhooks.answered({"body": "{}"}, "stripe", "stripe-signature", unsigned)
    assert told["statusCode"] == 400
    assert '"WebhooksRefused":1' in capsys.readouterr().out


def test_a_notice_says_how_long_after_the_fact_it_was_told(seen: Measured) -> None:
    world = hand_world()
    row = outbox.notice("notices", to="usr_nobody", kind="welcome", fact="1", at=NOON - 3 * SECOND)
    keys = {name: row.item[name] for name in ("pk", "sk")}
    record = {"eventName": "INSERT", "dynamodb": {"Keys": _marshalled(keys), "NewImage": _marshalled(row.item)}}
    notifications.told(world, {"Records": [record]}, lambda: MINUTE)
    assert seen()["NoticeLateness"] == [3 * SECOND]


def talked() -> Duo:
    """A reading of two minutes and a half, settled, of somebody who paid in 5,000."""
    duo = Duo(hand_world(), "1")
    duo.ended(150_000)
    duo.noticed()
    return duo


def test_what_was_charged_is_counted_once_when_it_is_summed(seen: Measured) -> None:
    duo = talked()
    seen()
    for _ in range(2):
        folding.fold(duo.world, [Chain(duo.account), Chain(f"earnings:{duo.reader}")], lambda: MINUTE)
    assert seen() == {
        "MinutesCharged": [3],
        "CentsCharged": [3 * RATE],
        "CentsToppedUp": [5_000],
        "CentsRefunded": [0],
        "CentsPaidOut": [0],
    }


def test_sums_that_are_made_anew_tell_nothing_again(seen: Measured) -> None:
    duo = talked()
    folding.fold(duo.world, [Chain(duo.account)], lambda: MINUTE)
    seen()
    building.rebuild(duo.world, lambda _: None, actor="admin", reason="test")
    assert seen() == {}


def test_while_sums_are_made_anew_what_is_charged_meanwhile_is_told_and_nothing_old_again(seen: Measured) -> None:
    duo = talked()
    folding.fold(duo.world, [Chain(duo.account)], lambda: MINUTE)

    def happens(_: int) -> None:
        if not wallet.posted(duo.world, "topup:late"):
            seen()
            duo.forward(1)
            pay_in(duo.world, duo.client, 700, "late")
            folding.fold(duo.world, [Chain(duo.account)] * 2, lambda: MINUTE)

    building.rebuild(duo.world, happens, actor="admin", reason="test")
    assert seen()["CentsToppedUp"] == [700]


class Busy:
    """A client of DynamoDB that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def put_item(self, **request: Any) -> None:
        del request
        raise self.error

    def transact_write_items(self, **request: Any) -> None:
        del request
        raise self.error


def refused(code: str, **more: Any) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}, **more}
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize(
    ("error", "raised", "times"),
    [
        (refused("ThrottlingException"), Contended, [1]),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), Contended, [1]),
        (
            refused("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}] * 2),
            Contended,
            [1],
        ),
        (
            refused("TransactionCanceledException", CancellationReasons=[{"Code": "ConditionalCheckFailed"}] * 2),
            ConditionFailed,
            None,
        ),
    ],
)
def test_storage_that_is_busy_is_counted_and_a_condition_that_does_not_hold_is_not(
    error: Exception, raised: type[Exception], times: list[int] | None, seen: Measured
) -> None:
    tables = DynamoTables(Busy(error))  # type: ignore[arg-type]
    with pytest.raises(raised):
        tables.write(Put("ledger", {"pk": "a"}), Check("ledger", {"pk": "b"}, (Absent("pk"),)))
    assert seen().get("StorageContended") == times


def test_every_function_writes_what_it_measured_when_a_call_of_it_ends() -> None:
    for path in HANDLERS:
        text = path.read_text()
        made = re.findall(r"^@blueprint\.(?:lambda_function|schedule)\(.*\)\n((?:@.*\n)*)def (\w+)", text, re.MULTILINE)
        assert made, path
        for decorators, name in made:
            body = text.partition(f"def {name}(")[2].partition("\n\n\n")[0]
            assert "@metrics.flushed" in decorators or "webhooks.answered(" in body, f"{path}: {name}"
