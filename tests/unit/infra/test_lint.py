"""Looking for what is unsafe in the template: what is accepted has its reason, and is found at all."""

from pathlib import Path

import pytest

from scripts.lint_template import Accepted, Finding, accepted, filled_in, judged, policies, tool_of

LOGS = Finding("CKV_AWS_158", "ApiLog", "encrypted by KMS")
STAR = Finding("RESOURCE_STAR", "ApiRole.ses:SendEmail", "Unnecessary use of *")


def test_what_is_found_and_not_accepted_is_left() -> None:
    entries = [Accepted("CKV_AWS_158", ("*Log",), "why")]
    assert judged([LOGS, STAR, STAR], entries) == ([STAR], [])


def test_what_is_accepted_of_one_thing_is_not_accepted_of_another() -> None:
    entries = [Accepted("CKV_AWS_158", ("TickLog", "Api*"), "why"), Accepted("RESOURCE_STAR", ("*",), "why")]
    assert judged([LOGS], entries) == ([], ["CKV_AWS_158 of TickLog", "RESOURCE_STAR of *"])


def test_every_entry_has_its_reason_in_a_sentence_and_a_tool_that_knows_it() -> None:
    entries = accepted()
    assert len({each.check for each in entries}) == len(entries)
    for each in entries:
        assert each.of
        assert each.why.endswith(".")
        assert tool_of(each.check) in {"checkov", "parliament", "cfn-lint"}


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lint.toml"
    file.write_text('[[accepted]]\ncheck = "CKV_AWS_18"\nof = ["*"]\n')
    with pytest.raises(KeyError, match="why"):
        accepted(file)


TEMPLATE = {
    "Parameters": {"Stage": {"AllowedValues": ["dev"]}, "Mail": {"Default": ""}},
    "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
    "Resources": {
        "Vault": {
            "Type": "AWS::S3::Bucket",
            "Condition": "IsProd",
            "Properties": {
                "Name": {"Fn::Sub": "a-${Stage}-${AWS::Region}-${Vault.Arn}${Mail}"},
                "Lock": {"Fn::If": ["IsProd", {"Days": 35}, {"Days": 1}]},
                "Key": {"Ref": "Stage"},
                "Other": {"Ref": "Vault"},
                "Where": {"Condition": {"StringEquals": {"a": {"Ref": "AWS::AccountId"}}}},
            },
        }
    },
    "Outputs": {"Vault": {"Value": "x"}},
}


def test_a_template_is_looked_at_as_production_has_it_with_everything_switched_on() -> None:
    filled = filled_in(TEMPLATE)
    assert filled["Resources"]["Vault"] == {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "Name": "a-dev-us-east-1-Vault-Arn",
            "Lock": {"Days": 35},
            "Key": "dev",
            "Other": {"Ref": "Vault"},
            "Where": {"Condition": {"StringEquals": {"a": "000000000000"}}},
        },
    }
    assert "Outputs" not in filled


def test_a_policy_names_what_it_is_about_as_iam_does() -> None:
    document = {
        "Statement": [
            {"Resource": {"Fn::GetAtt": ["Books", "StreamArn"]}},
            {"Resource": {"Fn::GetAtt": ["Books", "Arn"]}},
            {"Resource": {"Ref": "Alarms"}},
        ]
    }
    resources = {
        "Books": {"Type": "AWS::DynamoDB::Table"},
        "Alarms": {"Type": "AWS::SNS::Topic"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"Policies": [{"PolicyName": "guard", "PolicyDocument": document}]},
        },
    }
    table = "arn:aws:dynamodb:us-east-1:000000000000:table/Books"
    (found,) = policies({"Resources": resources}).values()
    assert [each["Resource"] for each in found["Statement"]] == [
        f"{table}/stream/*",
        table,
        "arn:aws:sns:us-east-1:000000000000:Alarms",
    ]
