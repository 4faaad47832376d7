"""The way of a release, on CloudFormation as the local AWS has it: made, looked at, taken back.

The stack is small: a function `api` with its alias, a table, a role. The real one is deployed by the same code at every
start of the local stack.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml

from scripts.deployment import cli
from scripts.deployment.release import CALLS_BACK, Asked, Hands, Outcome, release, releases, tidy
from scripts.deployment.settings import read
from scripts.deployment.smoke import Check
from scripts.deployment.stack import DeployFailed, Stack, Wanted

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

    def deploy(self, *arguments: str, mail: str = "a@app.test") -> int:
        """By the command line; the exit code."""
        return self.run("--parameter", f"MailFrom={mail}", "--yes", *arguments)

    def run(self, *arguments: str) -> int:
        (self.folder / "sam.yaml").write_text(yaml.safe_dump(self.template))
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr(zipfile.ZipInfo("app.py"), CODE)
        (self.folder / "deployment.zip").write_bytes(zipped.getvalue())
        given = [word for each in GIVEN for word in ("--parameter", each)]
        return cli.run(
            ["--stage", "dev", "--package", str(self.folder), *given, *arguments],
            lambda stage, region, bucket: self.stack,
            self.smoke,
        )

    def smoke(self, place: object, document: Mapping[str, Any] | None) -> list[Check]:
        holds = self.holds.pop(0) if self.holds else True
        return [Check("it answers", holds, "" if holds else "HTTP 502, not 200")]

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
            "Ledger": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TableName": f"soulseer-{name}-ledger",
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "account", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "account", "KeyType": "HASH"}],
                },
            },
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
    assert "A new stack" in capsys.readouterr().out
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
    assert len(releases(stage.stack)) == 2


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
    assert [each.parameters["MailFrom"] for each in releases(stage.stack)] == ["a@app.test"]


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


def test_a_first_release_that_does_not_answer_stands_and_is_none_to_go_back_to(stage: Stage) -> None:
    stage.holds = [False]
    assert stage.deploy() == Outcome.STANDS
    assert stage.run("--back") == Outcome.REFUSED


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
    assert all("PagerUrl" not in each.parameters for each in releases(stage.stack))


def test_somebody_goes_back_to_an_older_release(stage: Stage) -> None:
    for mail in ("a@app.test", "b@app.test"):
        assert stage.deploy(mail=mail) == Outcome.DONE
    assert stage.run("--back", "--yes") == Outcome.DONE
    assert stage.answers() == "a@app.test"
    assert stage.run("--back", "--to", "yesterday") == Outcome.REFUSED


def test_a_table_is_not_lost_unless_it_is_named(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage.deploy() == Outcome.DONE
    stage.template["Resources"]["Ledger"]["Properties"]["TableName"] += "-new"
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
    wanted = Wanted(stage.stack.keep(json.dumps(template)), stage.stack.parameters())
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
    assert stage.deploy() == Outcome.DONE
    assert stage.deploy("--watch-minutes", "1", mail="b@app.test") == Outcome.DONE
    stage.stack.client("cloudwatch").set_alarm_state(
        AlarmName=f"{stage.stack.name}-errors", StateValue="ALARM", StateReason="a test"
    )
    assert stage.deploy("--watch-minutes", "1", mail="c@app.test") == Outcome.REFUSED
    assert "rings" in capsys.readouterr().out
    assert stage.answers() == "b@app.test"


def test_a_template_that_cannot_be_is_refused_and_leaves_nothing(stage: Stage) -> None:
    with pytest.raises(DeployFailed, match="CloudFormation refused the template"):
        stage.stack.propose(Wanted(stage.stack.keep('{"Resources": {"A": {"Type": "AWS::No::Such"}}}'), {}))
    assert stage.stack.status() in (None, "DELETE_COMPLETE")
