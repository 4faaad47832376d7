"""CloudWatch's embedded metric format, as its specification has it, and what lines in it tell."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from chalicelib.runtime import metrics

_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 1024}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": _NAME | {"pattern": r"^[A-Za-z0-9 ._/#:-]+$"},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": _NAME},
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": _NAME,
                                        "Unit": {"enum": ["Milliseconds", "Count", "None"]},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
    # What the directives name: a number, or up to a hundred.
    "additionalProperties": {
        "anyOf": [
            {"type": ["number", "string", "boolean", "null"]},
            {"type": "array", "maxItems": 100, "items": {"type": "number"}},
        ]
    },
}


def measured(lines: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """The values of each metric that lines tell, in their order, as CloudWatch takes them out."""
    told: dict[str, list[float]] = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            for each in directive["Metrics"]:
                value = line[each["Name"]]
                told.setdefault(each["Name"], []).extend(value if isinstance(value, list) else [value])
    return told


def taken(told: Callable[[], str]) -> dict[str, list[float]]:
    """What was measured since the last time, by the lines that ``told`` reads when they are written."""
    metrics.flush()
    return measured(json.loads(line) for line in told().splitlines() if line.startswith("{"))
