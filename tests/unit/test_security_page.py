"""docs/security.md is true where a test can say so: files, routes and commands are held by test_documents."""

import re
from dataclasses import fields
from typing import Any, Final

import pytest

from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.operations.model import deletion
from chalicelib.runtime import idempotency, outbox
from chalicelib.wallet.model.recharge import Card
from scripts.template import whole
from tests.support.asked import routes
from tests.support.documents import ROOT, document

PAGE: Final = document("docs/security.md")
RESOURCES: Final[dict[str, Any]] = whole()["Resources"]


def of_type(kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in RESOURCES.values() if each.get("Type") == kind]


def is_log(resource: dict[str, Any]) -> bool:
    return resource.get("Type") == "AWS::Logs::LogGroup"


def table(column: str) -> list[dict[str, str]]:
    (found,) = (rows for rows in PAGE.tables if column in rows[0])
    return found


def kept(what: str) -> str:
    (row,) = (row for row in table("how long") if row["what"].startswith(what))
    return row["how long"]


@pytest.mark.parametrize("row", table("held by"), ids=lambda row: row["who, and what they want"][:40])
def test_every_control_has_its_place_and_a_test(row: dict[str, str]) -> None:
    tests = re.findall(r"`(tests/\S+\.py)`", row["held by"])
    assert tests
    assert all(re.search(r"def test_|TestCase", (ROOT / each).read_text()) for each in tests)
    assert re.findall(r"`[\w./-]+`", row["where"])


def test_every_secret_of_the_template_is_named() -> None:
    names = {str(each["Name"]["Fn::Sub"]).rsplit("/", 1)[-1] for each in of_type("AWS::SecretsManager::Secret")}
    section = PAGE.text.partition("### Secrets\n")[2].partition("###")[0]
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_every_function_that_anybody_can_call_is_a_door() -> None:
    urls = [name.removesuffix("Url") for name, each in RESOURCES.items() if each.get("Type") == "AWS::Lambda::Url"]
    functions = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in urls}
    doors = " ".join(row["door"] for row in table("door"))
    assert functions
    assert {name for name in functions if f"`{name}`" not in doors} == set()


def test_what_is_said_to_be_kept_for_a_time_is() -> None:
    assert kept("notices") == f"{outbox.KEPT // DAY} days"
    assert idempotency.KEPT_SECONDS == 24 * 60 * 60
    assert kept("answers") == "a day"
    expiries = {
        (rule.get("Prefix", ""), rule["ExpirationInDays"])
        for bucket in of_type("AWS::S3::Bucket")
        for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", ())
        if "ExpirationInDays" in rule
    }
    assert {("", 7), ("uploads/", 1)} <= expiries
    assert (kept("a file of an export"), kept("uploads")) == ("seven days", "a day")
    dead = [each for each in of_type("AWS::SQS::Queue") if "dead" in str(each["QueueName"])]
    assert {each["MessageRetentionPeriod"] for each in dead} == {14 * 24 * 60 * 60}
    assert kept("what could not be done") == "14 days"


def test_backups_are_kept_as_long_as_is_said_and_the_long_ones_hold_the_books_alone() -> None:
    days = {
        name: {rule["Lifecycle"]["DeleteAfterDays"] for rule in each["Properties"]["BackupPlan"]["BackupPlanRule"]}
        for name, each in RESOURCES.items()
        if each.get("Type") == "AWS::Backup::BackupPlan"
    }
    assert days == {"DailyBackup": {7, 35}, "MonthlyBackup": {365}}
    assert [kept(each) for each in ("daily copies", "weekly ones", "monthly copies")] == [
        "a week",
        "35 days as well",
        "a year",
    ]
    books = RESOURCES["MonthlySelection"]["Properties"]["BackupSelection"]["Resources"]
    assert {each["Fn::GetAtt"][0] for each in books} <= {"LedgerTable", "WalletTable", "AuditTable", "RollupsTable"}


def test_logs_are_kept_as_long_as_is_said() -> None:
    days = {name: each["Properties"]["RetentionInDays"] for name, each in RESOURCES.items() if is_log(each)}
    firewall = days.pop("FirewallLog")
    assert {str(each) for each in days.values()} == {str({"Fn::If": ["IsProd", 365, 14]})}
    assert firewall == {"Fn::If": ["IsProd", 90, 14]}
    assert (kept("logs"), kept("what the firewall")) == ("a year in `prod`", "90 days in `prod`")


def test_a_code_that_deletes_an_account_is_as_hard_to_guess_as_is_said() -> None:
    assert (deletion.CODE_DIGITS, deletion.CODE_TRIES, deletion.CODE_LIFE) == (8, 5, 30 * MINUTE)
    assert "eight digits, five tries, half an hour" in PAGE.text


@pytest.mark.parametrize("section", ["Data protection", "The App Store", "Google Play"])
def test_what_law_and_stores_ask_for_is_answered_by_routes(section: str) -> None:
    text = PAGE.text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /v1/[^`]+)`", text)
    assert len(named) > 3
    assert {re.sub(r"{\w+}", "{}", each) for each in named} <= routes().keys()


def test_a_card_is_kept_as_is_said_and_no_more() -> None:
    kept = {each.name for each in fields(Card)} - {"payment_method", "at"}
    assert kept == {"brand", "last4", "exp_month", "exp_year"}
    assert "brand, last four digits and expiry" in PAGE.text
