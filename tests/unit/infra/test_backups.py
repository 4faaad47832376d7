"""What the template keeps of what is lost: backups of the tables and files that a restore needs, under a lock."""

from typing import Any

import pytest

from scripts.backup.model import BUCKETS, WORTHLESS
from tests.unit.infra.made import Package

pytestmark = pytest.mark.package

LOCKED = {"digests"}
COLD_AT_LEAST = 90
"""Days that AWS keeps, and charges, what was put into cold storage."""
BOOKS = {"ledger", "audit"}


def selected(packaged: Package, selection: str) -> set[str]:
    """Tables and buckets, by what follows the stage in their names."""
    told = packaged.resources[selection]["Properties"]["BackupSelection"]["Resources"]
    properties = [packaged.resources[each["Fn::GetAtt"][0]]["Properties"] for each in told]
    names = [(each.get("TableName") or each["BucketName"])["Fn::Sub"] for each in properties]
    return {name.removeprefix("soulseer-${Stage}-").split("$")[0].strip("-") for name in names}


def rules(packaged: Package, plan: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = packaged.resources[plan]["Properties"]["BackupPlan"]["BackupPlanRule"]
    return found


def test_every_day_a_copy_is_made_of_all_that_a_restore_brings_back(packaged: Package) -> None:
    tables = {
        each["TableName"]["Fn::Sub"].removeprefix("soulseer-${Stage}-").removesuffix("${TableSet}")
        for each in packaged.of_type("AWS::DynamoDB::Table").values()
    }
    assert selected(packaged, "DailySelection") == tables - WORTHLESS | set(BUCKETS)
    made = {rule["ScheduleExpression"]: rule["Lifecycle"]["DeleteAfterDays"] for rule in rules(packaged, "DailyBackup")}
    assert made == {"cron(0 3 * * ? *)": 7, "cron(0 4 ? * SUN *)": 35}


def test_what_is_kept_for_a_year_says_nothing_of_who_somebody_was(packaged: Package) -> None:
    assert selected(packaged, "MonthlySelection") == BOOKS
    (kept,) = (rule["Lifecycle"] for rule in rules(packaged, "MonthlyBackup"))
    assert kept["DeleteAfterDays"] == 365 >= kept["MoveToColdStorageAfterDays"] + COLD_AT_LEAST


def test_what_names_people_is_never_in_cold_storage_which_keeps_it_too_long(packaged: Package) -> None:
    assert not [rule for rule in rules(packaged, "DailyBackup") if "MoveToColdStorageAfterDays" in rule["Lifecycle"]]


def test_a_copy_elsewhere_lives_as_long_as_the_copy_here(packaged: Package) -> None:
    for rule in (*rules(packaged, "DailyBackup"), *rules(packaged, "MonthlyBackup")):
        condition, (elsewhere,), _ = rule["CopyActions"]["Fn::If"]
        assert (condition, elsewhere["Lifecycle"]) == ("HasBackupCopies", rule["Lifecycle"])


def test_the_lock_lets_every_copy_live_as_long_as_its_plan_says_and_no_shorter(packaged: Package) -> None:
    (vault,) = packaged.of_type("AWS::Backup::BackupVault").values()
    _, in_production, elsewhere = vault["LockConfiguration"]["Fn::If"]
    days = [
        rule["Lifecycle"]["DeleteAfterDays"]
        for plan in ("DailyBackup", "MonthlyBackup")
        for rule in rules(packaged, plan)
    ]
    for lock in (in_production, elsewhere):
        assert all(lock["MinRetentionDays"] <= each <= lock["MaxRetentionDays"] for each in days)
    assert in_production["MinRetentionDays"] == min(days)
    assert in_production["ChangeableForDays"] >= 3  # AWS takes no less; after them nobody can lift it
    assert "ChangeableForDays" not in elsewhere


def test_backups_are_made_on_aws_and_not_of_a_stage_for_trying_out(packaged: Package) -> None:
    ours = [each for each in packaged.resources.values() if each["Type"].startswith("AWS::Backup::")]
    assert {each["Condition"] for each in ours} == {"IsBackedUp"}
    assert packaged.template["Conditions"]["IsBackedUp"] == {
        "Fn::And": [{"Condition": "OnAws"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "dev"]}]}]
    }


def test_a_file_that_was_removed_can_be_had_back_for_as_long_as_the_tables_past_and_goes_then(
    packaged: Package,
) -> None:
    kept = {
        each["BucketName"]["Fn::Sub"].split("-")[2]: each
        for each in packaged.of_type("AWS::S3::Bucket").values()
        if each.get("VersioningConfiguration")
    }
    assert kept.keys() == set(BUCKETS)
    for name in set(BUCKETS) - LOCKED:
        rule = next(each for each in kept[name]["LifecycleConfiguration"]["Rules"] if "Prefix" not in each)
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
        assert rule["ExpiredObjectDeleteMarker"] is True


def test_no_function_has_a_concurrency_of_its_own_which_starting_a_stage_again_would_take_away(
    packaged: Package,
) -> None:
    assert [name for name, each in packaged.functions.items() if "ReservedConcurrentExecutions" in each] == []


def test_whatever_holds_what_people_confided_stays_when_the_stack_goes(packaged: Package) -> None:
    kinds = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::Backup::BackupVault"}
    for name, each in packaged.resources.items():
        if each["Type"] in kinds:
            assert (each["DeletionPolicy"], each["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name
