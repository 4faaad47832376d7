"""What the command says and ends with where CloudFormation does not do as it should."""

import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError, NoCredentialsError

from scripts.deployment.asked import Outcome
from scripts.deployment.cli import run
from scripts.deployment.failures import DeployFailed, NotSettled
from scripts.deployment.settings import read
from scripts.deployment.stack import Proposal, Stack
from scripts.deployment.states import STUCK

ROOT = Path(__file__).resolve().parents[3]
NO_SESSION: Any = None


class Standing(Stack):
    """A stack that is, and ends, as it is told to."""

    def __init__(self, *statuses: str) -> None:
        super().__init__("soulseer-dev", "packages", NO_SESSION, seconds=0.05, every=0.01)
        self.statuses = list(statuses)

    def status(self) -> str:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def client(self, service: str) -> Any:
        del service
        return self

    def get_paginator(self, name: str) -> Any:
        del name
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda **_: {"StackEvents": []}


def ended(stack: Standing, skip: Collection[str] = ()) -> int:
    words = [word for each in skip for word in ("--skip", each)]
    return run(["--stage", "dev", "--continue-rollback", *words], lambda *_: stack)


def test_what_cloudformation_says_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(Standing("[/aws/lambda/soulseer]")) == Outcome.REFUSED
    assert "[/aws/lambda/soulseer]" in capsys.readouterr().out


def test_what_goes_on_beyond_the_time_to_wait_is_not_told_as_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(Standing(STUCK, "UPDATE_ROLLBACK_IN_PROGRESS")) == Outcome.STANDS
    said = capsys.readouterr().out
    assert "is still UPDATE_ROLLBACK_IN_PROGRESS" in said
    assert "Not deployed" not in said


@pytest.mark.parametrize(
    ("status", "unsettled"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", False),
        ("ROLLBACK_COMPLETE", False),
        ("ROLLBACK_FAILED", False),
        ("UPDATE_ROLLBACK_FAILED", True),
        ("UPDATE_FAILED", True),
        ("UPDATE_IN_PROGRESS", True),
    ],
)
def test_only_what_is_back_where_it_was_counts_as_unchanged(status: str, unsettled: bool) -> None:
    with pytest.raises(DeployFailed) as failed:
        Standing(status).carry_out(Proposal("change-1", "UPDATE", ()))
    assert isinstance(failed.value, NotSettled) is unsettled


def test_a_package_of_another_stage_is_not_deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sam.yaml").write_text(yaml.safe_dump({"Parameters": {"Stage": {"AllowedValues": ["prod"]}}}))
    assert run(["--stage", "dev", "--package", str(tmp_path)], lambda *_: Standing(STUCK)) == Outcome.REFUSED
    assert "a package of prod" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["--to", "2026-11-26T14:00:00.000Z"],
        ["--to", "../x", "--back"],
        ["--continue-rollback", "--plan"],
        ["--back", "--parameter", "TableSet=-2"],
        ["--back", "--package", "build/dev"],
        ["--list", "--watch-minutes", "0"],
        ["--skip", "x"],
        ["--skip", "x\x1b[31m", "--continue-rollback"],
        ["--still", " "],
        ["--still", "x", "--list"],
        ["--bucket", "[/red]"],
        ["--parameter", "\x1b[31m=x"],
        ["--watch-minutes", "9" * 5_000],
    ],
)
def test_words_that_belong_to_others_are_wrong_usage(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--stage", "dev", *wrong], lambda *_: Standing(STUCK))
    assert ended.value.code == 2


def test_credentials_that_are_no_longer_good_change_nothing_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    def expired(*_: object) -> Stack:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "GetCallerIdentity")

    assert run(["--stage", "dev", "--list"], expired) == Outcome.REFUSED
    assert "Sign in again" in capsys.readouterr().out


def test_who_has_not_signed_in_hears_how_before_anything_is_packaged(capsys: pytest.CaptureFixture[str]) -> None:
    def nobody(*_: Any) -> Stack:
        raise NoCredentialsError

    assert run(["--stage", "dev", "--package", "nowhere"], nobody) == Outcome.REFUSED
    assert "aws sso login --profile" in capsys.readouterr().out


def test_a_setting_that_is_missing_is_told_with_the_file_that_it_belongs_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = read(ROOT / "infra" / "stages" / "dev.json").parameters
    told = {"Parameters": {name: {"Type": "String", "Default": ""} for name in names} | {"Needed": {"Type": "String"}}}
    (tmp_path / "sam.yaml").write_text(yaml.safe_dump(told))
    assert run(["--stage", "dev", "--package", str(tmp_path)], lambda *_: Standing(STUCK)) == Outcome.REFUSED
    said = capsys.readouterr().out
    assert "Not deployed.\nNeeded is not set" in said
    assert "infra/stages/dev.json sets them" in said


def test_a_stage_that_is_not_there_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    class Nowhere(Standing):
        def outputs(self) -> dict[str, str]:
            return {}

    assert run(["--stage", "dev", "--smoke"], lambda *_: Nowhere("DELETE_COMPLETE")) == Outcome.REFUSED
    assert "There is no soulseer-dev" in capsys.readouterr().out


def test_a_parameter_that_is_given_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sam.yaml").write_text("Parameters: {}")
    twice = ["--parameter", "TableSet=-2", "--parameter", "TableSet=-3"]
    assert run(["--stage", "dev", "--package", str(tmp_path), *twice], lambda *_: Standing(STUCK)) == Outcome.REFUSED
    assert "TableSet: given twice" in capsys.readouterr().out


def test_what_is_hidden_is_no_word_of_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = read(ROOT / "infra" / "stages" / "dev.json").parameters
    told: dict[str, Any] = {name: {"Type": "String", "Default": ""} for name in names}
    told["PagerUrl"] = {"Type": "String", "Default": "", "NoEcho": True}
    (tmp_path / "sam.yaml").write_text(yaml.safe_dump({"Parameters": told}))
    package = ["--package", str(tmp_path), "--parameter", "PagerUrl=https://pager.test/key"]
    assert run(["--stage", "dev", *package], lambda *_: Standing(STUCK)) == Outcome.REFUSED
    said = capsys.readouterr().out
    assert "--parameter PagerUrl" in said
    assert "pager.test" not in said


@pytest.mark.parametrize("answer", [b"", b"\xff\xfe"])
def test_what_is_hidden_and_asked_for_of_nobody_is_not_taken_for_empty(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sam.yaml").write_text(yaml.safe_dump({"Parameters": {"PagerUrl": {"Type": "String", "NoEcho": True}}}))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(answer), encoding="utf-8"))
    asked = ["--stage", "dev", "--package", str(tmp_path), "--parameter", "PagerUrl"]
    assert run(asked, lambda *_: Standing(STUCK)) == Outcome.REFUSED
    assert "PagerUrl was asked for, and nobody said" in capsys.readouterr().out
