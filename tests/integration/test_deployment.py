"""The way of a release, on CloudFormation as the local AWS has it: made, looked at, taken back.

The stack is small: a function `api` with its alias, a table, a role. The real one is deployed by the same code at every
start of the local stack.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml

from scripts.deployment import cli, history
from scripts.deployment.asked import Asked, Hands, Outcome
from scripts.deployment.before import CALLS_BACK
from scripts.deployment.failures import DeployFailed
from scripts.deployment.release import release
from scripts.deployment.settings import read
from scripts.deployment.smoke import Check
from scripts.deployment.stack import Stack, Wanted
from scripts.deployment.versions import tidy

ROOT: Final = Path(__file__).resolve().parents[2]
CODE: Final = "import os\n\ndef handler(event, context):\n    return os.environ['MAIL_FROM']\n"
GIVEN: Final = ("AuthIssuer=https://issuer.test/", "CheckoutReturnUrl=https://app.test")


class Stage:
    """A small stage, and what its smoke test shall say."""

    def __init__(self, url: str, name: str, folder: Path) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        self.stack = Stack(f"soulseer-{name}", f"soulseer-packages-{name}", session, url, seconds=30, every=0.05)
        self.stack.client("s3").create_bucket(Bucket=self.stack.bucket)
        self.folder = folder
        self.template: dict[str, Any] = _template(name)
        self.holds: list[bool] = []
        """What each look finds; where nothing is said, all is well."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens while it is looked at."""

    def deploy(self, *arguments: str, mail: str = "a@app.test") -> int:
        """By the command line; the exit code."""
        return self.run("--parameter", f"MailFrom={mail}", "--yes", *arguments)

    def run(self, *arguments: str) -> int:
        (self.folder / "sam.yaml").write_text(yaml.safe_dump(self.template))
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr(zipfile.ZipInfo("app.py"), CODE)
        (self.folder / "deployment.zip").write_bytes(zipped.getvalue())
        given = ["--package", str(self.folder), *(word for each in GIVEN for word in ("--parameter", each))]
        return cli.run(
            ["--stage", "dev", *([] if {"--back", "--list"} & set(arguments) else given), *arguments],
            lambda stage, region, bucket: self.stack,
            self.smoke,
        )

    def smoke(self, place: object, document: Mapping[str, Any] | None) -> list[Check]:
        self.meanwhile()
        holds = self.holds.pop(0) if self.holds else True
        return [Check("it answers", holds, "" if holds else "HTTP 502, not 200")]

    def became(self) -> list[str]:
        """What became of each release, the newest first."""
        return [each.became for each in history.told(self.stack.packages.releases())]

    def answers(self) -> str:
        """What requests are answered with: by the alias."""
        told = self.stack.client("lambda").invoke(FunctionName=f"{self.stack.name}-api", Qualifier="live")
        return str(json.loads(told["Payload"].read()))


def _template(name: str) -> dict[str, Any]:
    text = {"Type": "String"}
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {
            **{name: text | {"Default": ""} for name in read(ROOT / "infra" / "stages" / "dev.json").parameters},
            "TableSet": text | {"Default": ""},
            "PagerUrl": text | {"Default": "", "NoEcho": True},
        },
        "Resources": {
            "APIHandler": {
                "Type": "AWS::Serverless::Function",
                "Properties": {
                    "FunctionName": f"soulseer-{name}-api",
                    "Runtime": "python3.11",
                    "Handler": "app.handler",
                    "CodeUri": "./deployment.zip",
                    "AutoPublishAlias": "live",
                    "AutoPublishAliasAllProperties": True,
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Environment": {"Variables": {"MAIL_FROM": {"Ref": "MailFrom"}}},
                },
            },
            "Ledger": _table(f"soulseer-{name}-ledger${{TableSet}}"),
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Statement": [_statement("sts:AssumeRole")]},
                    "Policies": [{"PolicyName": "it", "PolicyDocument": {"Statement": [_statement("logs:Put*")]}}],
                },
            },
        },
        "Outputs": {"ApiUrl": {"Value": "http://nowhere"}, "ClockMachineArn": {"Value": "arn:machine"}},
    }


def _table(name: str) -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "UpdateReplacePolicy": "Retain",
        "DeletionPolicy": "Retain",
        "Properties": {
            "TableName": {"Fn::Sub": name},
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "account", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "account", "KeyType": "HASH"}],
        },
    }


_BROKEN: Final = {
    "Type": "AWS::Lambda::Url",
    "Properties": {"TargetFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:nobody", "AuthType": "NONE"},
}
"""What cannot be made."""


def _statement(action: str) -> dict[str, Any]:
    who = {"Principal": {"Service": "lambda.amazonaws.com"}} if action.startswith("sts") else {"Resource": "*"}
    return {"Effect": "Allow", "Action": action, **who}


@pytest.fixture
def stage(aws_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    words = re.sub(r"[^a-z]+", "-", request.node.name)
    return Stage(aws_url, words[-24:].strip("-"), tmp_path)


def test_a_stage_is_made_left_alone_where_nothing_changes_and_changed(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.deploy() == Outcome.DONE
    assert stage.answers() == "a@app.test"
    assert "a new stack" in capsys.readouterr().out
    assert stage.deploy() == Outcome.DONE
    assert "nothing to deploy" in capsys.readouterr().out
    stage.template["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(
        _statement("s3:GetObject")
    )
    assert stage.deploy(mail="b@app.test") == Outcome.DONE
    assert stage.answers() == "b@app.test"
    said = capsys.readouterr().out
    assert '+ Role: {"Action": "s3:GetObject", "Effect": "Allow", "Resource": "*"}' in said
    assert "MailFrom" in said
    assert len(stage.stack.packages.releases()) == 2


def test_a_plan_and_an_answer_of_nobody_change_nothing(stage: Stage) -> None:
    assert stage.deploy("--plan") == Outcome.DONE
    assert stage.stack.status() in (None, "DELETE_COMPLETE")
    assert stage.run("--parameter", "MailFrom=a@app.test") == Outcome.REFUSED
    assert stage.stack.status() in (None, "DELETE_COMPLETE")


def test_what_does_not_answer_goes_and_what_was_there_before_is_back(stage: Stage) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.holds = [False]
    assert stage.deploy(mail="broken@app.test") == Outcome.WENT_BACK
    assert stage.answers() == "a@app.test"
    assert stage.stack.parameters()["MailFrom"] == "a@app.test"
    assert stage.became() == ["went back", "good"]
    assert stage.run("--back") == Outcome.REFUSED  # there is no good one before the one that stands


def test_requests_are_back_before_the_stack_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.holds = [False]
    propose, seen = stage.stack.propose, list[str]()

    def looking(*wanted: Any) -> Any:
        seen.append(stage.answers())
        return propose(*wanted)

    monkeypatch.setattr(stage.stack, "propose", looking)
    assert stage.deploy(mail="broken@app.test") == Outcome.WENT_BACK
    assert seen == ["a@app.test", "a@app.test"]


def test_a_way_back_that_does_not_answer_either_wants_somebody(stage: Stage) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.holds = [False, False]
    assert stage.deploy(mail="broken@app.test") == Outcome.STANDS


def test_a_first_release_that_does_not_answer_stands_is_listed_and_is_looked_at_again(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.holds = [False, False]
    assert stage.deploy() == Outcome.STANDS
    assert stage.became() == ["bad"]
    assert stage.run("--back") == Outcome.REFUSED
    assert stage.deploy("--plan") == Outcome.DONE
    assert stage.deploy() == Outcome.STANDS
    assert stage.deploy() == Outcome.DONE
    assert stage.became() == ["good"]
    stage.holds = [False]
    assert stage.deploy(mail="b@app.test") == Outcome.WENT_BACK
    capsys.readouterr()
    assert stage.run("--list") == Outcome.DONE
    newest, first = capsys.readouterr().out.splitlines()[-2:]
    assert "went back" in newest
    assert first.startswith("▸")


def test_a_way_back_loses_nothing_and_says_what_is_in_the_way(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.template["Resources"]["Orders"] = _table(f"{stage.stack.name}-orders")
    stage.holds = [False]
    assert stage.deploy(mail="b@app.test") == Outcome.STANDS
    assert "--back --allow-replacement Orders" in capsys.readouterr().out
    assert stage.deploy("--plan", "--parameter", "Canary=true", mail="c@app.test") == Outcome.DONE
    assert "version 1, which is not that of the stack" in capsys.readouterr().out
    assert stage.answers() == "a@app.test"
    assert "Orders" in stage.stack.resources()
    assert stage.became() == ["bad", "good"]
    assert stage.run("--back", "--yes") == Outcome.REFUSED
    assert stage.run("--back", "--yes", "--allow-replacement", "Orders") == Outcome.DONE
    assert stage.became() == ["good", "went back", "good"]


def test_what_somebody_else_has_changed_meanwhile_is_not_taken_back(stage: Stage) -> None:
    assert stage.deploy() == Outcome.DONE

    def another() -> None:
        stage.meanwhile = lambda: None
        assert stage.deploy(mail="theirs@app.test") == Outcome.DONE
        stage.holds = [False]

    stage.meanwhile = another
    assert stage.deploy(mail="ours@app.test") == Outcome.STANDS
    assert stage.answers() == "theirs@app.test"


def test_who_stops_it_at_the_question_leaves_nothing_and_in_its_middle_what_the_next_run_mends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli, "_answered", stops)
        assert stage.run("--parameter", "MailFrom=a@app.test") == Outcome.REFUSED
    assert stage.stack.status() in (None, "DELETE_COMPLETE")
    assert stage.became() == []
    assert stage.deploy() == Outcome.DONE
    stage.meanwhile = lambda: stops()
    assert stage.deploy(mail="b@app.test") == Outcome.STANDS
    assert stage.became() == ["running", "good"]
    stage.meanwhile = lambda: None
    assert stage.deploy(mail="b@app.test") == Outcome.DONE
    assert stage.became() == ["good", "good"]
    monkeypatch.setattr(stage.stack, "carry_out", stops)
    assert stage.deploy(mail="c@app.test") == Outcome.STANDS
    monkeypatch.undo()
    assert stage.run("--back", "--yes") == Outcome.DONE  # c never stood: from b to a
    assert stage.answers() == "a@app.test"
    assert stage.became() == ["good", "failed", "went back", "good"]


def test_a_stage_that_stands_still_takes_only_what_is_said_to_be_for_it_and_a_new_set_of_tables(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.deploy() == Outcome.DONE
    to_set = ("--parameter", "TableSet=-2")
    assert stage.deploy("--still", "ticket 4711", *to_set) == Outcome.REFUSED
    assert "does not stand still" in capsys.readouterr().out
    assert stage.deploy(*to_set) == Outcome.REFUSED
    assert "--still REASON" in capsys.readouterr().out
    functions = stage.stack.client("lambda")
    functions.put_function_concurrency(FunctionName=f"{stage.stack.name}-api", ReservedConcurrentExecutions=0)
    assert stage.deploy(mail="b@app.test") == Outcome.REFUSED
    assert "stands still" in capsys.readouterr().out
    stage.holds = [False]
    assert stage.deploy("--still", "ticket 4711", *to_set) == Outcome.DONE
    assert stage.holds == [False]  # nobody has looked
    assert stage.stack.resources()["Ledger"] == f"{stage.stack.name}-ledger-2"
    assert stage.stack.packages.releases()[0].said == "ticket 4711"
    functions.delete_function_concurrency(FunctionName=f"{stage.stack.name}-api")
    stage.holds = []
    assert stage.deploy(*to_set) == Outcome.DONE
    assert stage.became() == ["good", "good"]


def test_without_a_bucket_nothing_is_begun(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.stack.client("s3").delete_bucket(Bucket=stage.stack.bucket)
    assert stage.deploy() == Outcome.REFUSED
    assert "infra/bootstrap.yaml" in capsys.readouterr().out
    assert stage.run("--list") == Outcome.REFUSED


def test_what_is_hidden_stays_and_is_written_down_nowhere(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.template["Outputs"]["Told"] = {"Value": {"Ref": "PagerUrl"}}
    monkeypatch.setattr("sys.stdin", io.StringIO("https://pager.test/x\n"))
    assert stage.deploy("--parameter", "PagerUrl") == Outcome.DONE
    stage.holds = [False]
    assert stage.deploy(mail="broken@app.test") == Outcome.WENT_BACK
    assert stage.deploy(mail="b@app.test") == Outcome.DONE
    assert stage.stack.outputs()["Told"] == "https://pager.test/x"
    assert "pager.test" not in capsys.readouterr().out
    assert all("PagerUrl" not in each.parameters for each in stage.stack.packages.releases())


def test_somebody_goes_back_to_an_older_release(stage: Stage) -> None:
    for mail in ("a@app.test", "b@app.test"):
        assert stage.deploy(mail=mail) == Outcome.DONE
    assert stage.run("--back", "--yes") == Outcome.DONE
    assert stage.answers() == "a@app.test"
    assert stage.became() == ["good", "went back", "good"]
    assert stage.run("--back", "--yes") == Outcome.REFUSED  # and never to the one that was left
    assert stage.run("--back", "--to", "2026-11-26T14:00:00.000Z") == Outcome.REFUSED


def test_a_table_is_not_lost_unless_it_is_named(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.template["Resources"]["Ledger"]["Properties"]["TableName"] = "another"
    assert stage.deploy() == Outcome.REFUSED
    assert "--allow-replacement Ledger" in capsys.readouterr().out
    ledger = stage.template["Resources"].pop("Ledger")
    assert stage.deploy() == Outcome.REFUSED
    assert "Ledger" in stage.stack.resources()
    stage.template["Resources"]["Ledger"] = ledger
    assert stage.deploy("--allow-replacement", "Ledger") == Outcome.DONE


def test_whoever_agrees_to_a_loss_has_not_named_it(stage: Stage) -> None:
    assert stage.deploy() == Outcome.DONE
    template = json.loads(stage.stack.template())
    del template["Resources"]["Ledger"]
    wanted = Wanted(stage.stack.packages.keep(json.dumps(template)), stage.stack.parameters())
    careless = Hands(lambda shown: True, print, print, lambda outputs, new: [], lambda: "now")
    assert release(stage.stack, Asked(wanted, "by mistake"), careless) == Outcome.REFUSED
    assert "Ledger" in stage.stack.resources()


def test_what_cloudformation_takes_back_by_itself_is_told_with_its_reason(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.template["Resources"]["Broken"] = _BROKEN
    assert stage.deploy(mail="b@app.test") == Outcome.REFUSED
    said = capsys.readouterr().out
    assert "UPDATE_ROLLBACK_COMPLETE" in said
    assert "Broken (AWS::Lambda::Url): Lambda function not found" in said
    assert stage.answers() == "a@app.test"


def test_what_is_left_of_a_creation_that_failed_is_removed_first(stage: Stage) -> None:
    stage.template["Resources"]["Broken"] = _BROKEN
    assert stage.deploy() == Outcome.REFUSED
    assert stage.stack.status() == "ROLLBACK_COMPLETE"
    del stage.template["Resources"]["Broken"]
    assert stage.deploy("--plan") == Outcome.REFUSED
    assert stage.deploy() == Outcome.DONE


def test_old_versions_go_and_the_one_that_answers_stays(stage: Stage) -> None:
    for number in (1, 2, 3):
        assert stage.deploy(mail=f"{number}@app.test") == Outcome.DONE
    tidy(stage.stack, 1)
    listed = stage.stack.client("lambda").list_versions_by_function(FunctionName=f"{stage.stack.name}-api")["Versions"]
    assert sorted(each["Version"] for each in listed) == ["$LATEST", "2", "3"]
    tidy(stage.stack, 0)
    assert stage.answers() == "3@app.test"


def test_an_alarm_that_rings_already_is_told_before_anything_is_changed(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.template["Resources"][CALLS_BACK[0]] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": f"{stage.stack.name}-errors",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "MetricName": "LoggedErrors",
            "Namespace": "SoulSeer/dev",
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
    }
    few_first = ("--parameter", "Canary=true")
    assert stage.deploy(*few_first) == Outcome.DONE
    assert stage.deploy("--watch-minutes", "1", mail="b@app.test") == Outcome.DONE
    stage.stack.client("cloudwatch").set_alarm_state(
        AlarmName=f"{stage.stack.name}-errors", StateValue="ALARM", StateReason="a test"
    )
    assert stage.deploy("--watch-minutes", "1", mail="c@app.test") == Outcome.REFUSED
    assert "rings" in capsys.readouterr().out
    assert stage.deploy(*few_first, mail="c@app.test") == Outcome.REFUSED
    assert "rings" in capsys.readouterr().out
    assert stage.answers() == "b@app.test"
    assert stage.run("--back", "--yes") == Outcome.DONE  # for that one goes back, and all at once
    assert stage.answers() == "a@app.test"
    assert stage.stack.parameters()["Canary"] == "false"


def test_a_template_that_cannot_be_is_refused_and_leaves_nothing(stage: Stage) -> None:
    with pytest.raises(DeployFailed, match="CloudFormation refused the template"):
        stage.stack.propose(Wanted(stage.stack.packages.keep('{"Resources": {"A": {"Type": "AWS::No::Such"}}}'), {}))
    assert stage.stack.status() in (None, "DELETE_COMPLETE")
