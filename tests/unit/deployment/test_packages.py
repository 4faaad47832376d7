"""What lies in the packages' bucket is read as what somebody else may have put there."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from scripts.deployment.failures import DeployFailed
from scripts.deployment.packages import Packages, template_of

AT = "2026-11-26T14:00:00.000Z"
GOOD: dict[str, Any] = {"at": AT, "template_key": "soulseer-dev/0.json", "parameters": {"A": "b"}, "said": "a word"}


class Bucket:
    """S3 with one object."""

    def __init__(self, content: bytes, at: str = AT) -> None:
        self.key, self.content = f"soulseer-dev/releases/{at}.json", content

    def get_paginator(self, name: str) -> Any:
        del name
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": self.key}]}]

    def get_object(self, **_: object) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.content)}


def packages(content: bytes) -> Packages:
    return Packages("packages", "soulseer-dev", Bucket(content), "https://packages.test")


def test_what_a_later_version_adds_to_a_release_is_left_out() -> None:
    (found,) = packages(json.dumps({**GOOD, "later": [1]}).encode()).releases()
    assert (found.at, found.parameters, found.became) == (AT, {"A": "b"}, "good")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'"' + b"x" * 5_000_000 + b'"',
        *(
            json.dumps({**GOOD, **wrong}).encode()
            for wrong in (
                {"became": "superb"},
                {"became": None},
                {"said": 5},
                {"parameters": ["A"]},
                {"parameters": {"A": 5}},
                {"parameters": float("nan")},
                {"at": "[/red]"},
                {"at": "2026-11-26T15:00:00.000Z"},
                {"template_key": "soulseer-prod/0.json"},
                {"template_key": None},
            )
        ),
    ],
)
def test_what_is_no_release_of_this_stage_is_named_and_nothing_goes_on(content: bytes) -> None:
    with pytest.raises(DeployFailed, match=f"s3://packages/soulseer-dev/releases/{AT}.json is "):
        packages(content).releases()


@pytest.mark.parametrize("content", [b"Resources: {}", b"[" * 100_000, b"x" * 5_000_000])
def test_a_template_that_this_command_did_not_write_is_a_refusal(content: bytes) -> None:
    with pytest.raises(DeployFailed):
        packages(content).kept("soulseer-dev/0.json")


@pytest.mark.parametrize(
    "template",
    [None, b"", b"{a: [", b"\xff\xfe\x00", b"[]", b"Parameters: 5", b"Resources: {Api: 5}", b"a: !!python/x y"],
)
def test_a_folder_that_is_no_package_is_a_refusal(tmp_path: Path, template: bytes | None) -> None:
    if template is not None:
        (tmp_path / "sam.yaml").write_bytes(template)
    with pytest.raises(DeployFailed, match="is no package"):
        template_of(tmp_path)


@pytest.mark.parametrize("template", ["{}", "Resources: {APIHandler: {Properties: {}}, RestAPI: {}}"])
def test_a_package_that_lacks_something_is_told_before_anything_is_uploaded(tmp_path: Path, template: str) -> None:
    (tmp_path / "sam.yaml").write_text(template)
    with pytest.raises(DeployFailed, match="is no package"):
        packages(b"").upload(tmp_path, {})
