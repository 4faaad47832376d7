"""The policies say what the table of ``tests.support.privileges`` says, and nothing else."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.privileges import BY_FUNCTION, Right

ROOT: Final = Path(__file__).resolve().parents[3]
PLACES: Final = {"Partition": "aws", "Region": "us-east-1", "AccountId": "000000000000"}
OWN: Final = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
"""What every function does for itself, see ``test_policies``."""

Statement = dict[str, Any]


def statements(function: str) -> list[Statement]:
    written: list[Statement] = json.loads((ROOT / ".chalice" / f"policy-{function}.json").read_text())["Statement"]
    return written


def pairs(function: str, effect: str) -> Iterator[tuple[str, str]]:
    """Each action of the statements with this effect, with a pattern of what it is said of."""
    for statement in statements(function):
        for resource in statement["Resource"] if statement["Effect"] == effect else ():
            pattern: str = resource if isinstance(resource, str) else resource["Fn::Sub"]
            for name, value in PLACES.items():
                pattern = pattern.replace(f"${{AWS::{name}}}", value)
            for action in statement["Action"]:
                yield action, pattern.replace("${Stage}", "dev").replace("${TableSet}", "")


def allows(function: str, right: Right) -> bool:
    """As IAM decides: a denial weighs more than any permission, and what nobody allows is refused."""

    def says(effect: str) -> bool:
        return any(
            fnmatchcase(right.action, action) and fnmatchcase(right.arn(), pattern)
            for action, pattern in pairs(function, effect)
        )

    return says("Allow") and not says("Deny")


def test_the_table_has_a_column_for_every_function() -> None:
    assert set(BY_FUNCTION) == {path.stem.removeprefix("policy-") for path in (ROOT / ".chalice").glob("policy-*.json")}


@pytest.mark.parametrize("function", BY_FUNCTION)
def test_a_function_may_do_what_the_table_says_and_is_refused_the_rest(function: str) -> None:
    decided = {str(right): allows(function, right) for right in BY_FUNCTION[function]}
    assert decided == {str(right): told for right, told in BY_FUNCTION[function].items()}


@pytest.mark.parametrize("function", BY_FUNCTION)
def test_no_right_is_missing_from_the_table(function: str) -> None:
    told = [right for right, has in BY_FUNCTION[function].items() if has]
    untold = [
        f"{action} on {pattern}"
        for action, pattern in pairs(function, "Allow")
        if action not in OWN and not any(right.action == action and fnmatchcase(right.arn(), pattern) for right in told)
    ]
    assert untold == []
