"""The workflows at GitHub, and what AWS lets them do."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_file  # type: ignore[import-untyped] # it ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped] # the same
from chalice.package import YAMLTemplateSerializer

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BOOTSTRAP = ROOT / "infra" / "bootstrap.yaml"


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_one_that_cannot_be_changed_and_says_its_version(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [
        line for line in lines if not re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)
    ] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_the_rights_that_it_names_an_end_and_no_key(path: Path) -> None:
    text = path.read_text()
    assert yaml.safe_load(text)["permissions"] == {}
    assert "secrets." not in text
    for name, job in jobs(path).items():
        assert set(job["permissions"]) <= {"contents", "id-token"}, name
        assert job["permissions"]["contents"] == "read"
        assert job["timeout-minutes"] <= 90


def test_only_what_deploys_is_vouched_for_and_only_in_the_environment_of_its_stage() -> None:
    vouched = {
        (path.name, name): job
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        if "id-token" in job["permissions"]
    }
    assert vouched.keys() == {("deploy.yml", "deploy")}
    stage = "${{ inputs.stage || 'staging' }}"
    assert vouched["deploy.yml", "deploy"]["environment"] == stage


def test_what_others_wrote_is_run_before_there_are_credentials_and_another_branch_reaches_dev_alone() -> None:
    told = jobs(ROOT / ".github" / "workflows" / "deploy.yml")["deploy"]
    steps = [str(each.get("uses", each.get("run"))).partition("@")[0] for each in told["steps"]]
    vouched = steps.index("aws-actions/configure-aws-credentials")
    assert steps.index("make .venv/.ready") < vouched
    assert steps.index('make package STAGE="$STAGE"') < vouched
    assert "github.ref == 'refs/heads/main' || inputs.stage == 'dev'" in told["if"]


def test_a_release_under_way_is_never_called_off() -> None:
    told = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())["concurrency"]
    assert told["cancel-in-progress"] is False
    assert "inputs.stage" in told["group"]


def test_a_linter_of_workflows_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("zizmor")
    run = subprocess.run(  # noqa: S603 - the linter beside this interpreter, our own files
        [linter, "--offline", "--quiet", "--no-progress", *WORKFLOWS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_releases_need_passes_the_linter() -> None:
    assert [str(each) for each in lint_file(BOOTSTRAP, config=ManualArgs(regions=["us-east-1"]))] == []


def _role(name: str) -> dict[str, Any]:
    template = YAMLTemplateSerializer().load_template(BOOTSTRAP.read_text(), BOOTSTRAP.name)
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_aws_trusts_this_repository_in_the_environment_of_the_stage_from_main_and_nobody_else() -> None:
    (trust,) = _role("Deployer")["AssumeRolePolicyDocument"]["Statement"]
    who = "token.actions.githubusercontent.com"
    assert trust["Condition"] == {
        "StringEquals": {
            f"{who}:aud": "sts.amazonaws.com",
            f"{who}:sub": {"Fn::Sub": "repo:${Repository}:environment:${Stage}"},
            f"{who}:ref": {"Fn::If": ["IsDev", {"Ref": "AWS::NoValue"}, "refs/heads/main"]},
        }
    }


def test_no_role_is_made_or_given_a_right_outside_the_boundary_and_nobody_lifts_it() -> None:
    statements = _role("Maker")["Policies"][0]["PolicyDocument"]["Statement"]
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        of_iam = {each for each in actions if each.startswith(("iam:", "*"))}
        assert "iam:DeleteRolePermissionsBoundary" not in of_iam
        assert not any("*" in each or "User" in each or "AccessKey" in each for each in of_iam)
        if of_iam & {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"}:
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
    boundary = _role("Boundary")["PolicyDocument"]["Statement"]
    assert not any(each.startswith(("iam:", "sts:", "*")) for statement in boundary for each in statement["Action"])


@pytest.mark.parametrize("role", ["Deployer", "Maker"])
def test_a_package_is_written_and_taken_below_the_name_of_its_stage_alone(role: str) -> None:
    bucket = "soulseer-packages-${AWS::AccountId}-${AWS::Region}"
    for statement in _role(role)["Policies"][0]["PolicyDocument"]["Statement"]:
        where = str(statement["Resource"])
        if bucket in where and statement["Action"] != "s3:ListBucket":
            assert f"{bucket}/soulseer-${{Stage}}/*" in where
            assert statement["Condition"] == {"StringEquals": {"s3:ResourceAccount": {"Ref": "AWS::AccountId"}}}
