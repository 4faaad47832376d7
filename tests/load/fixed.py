"""What a stage costs each month if nobody comes: what the template has, by its monthly price.

    python -m tests.load.fixed --write-docs

writes the table into docs/cost.md, which a test holds to the template.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from chalicelib.runtime.metrics import Measures
from scripts.template import whole
from tests.load.page import COST, table

BEGIN: Final = "<!-- written by `python -m tests.load.fixed --write-docs` -->"
END: Final = "<!-- end of it -->"
MONTHLY: Final[Mapping[str, float]] = {
    "metric that an alarm watches": 0.10,
    "composite alarm": 0.50,
    "metric of our own": 0.30,
    "dashboard": 3.00,
    "secret": 0.40,
    "web ACL": 5.00,
    "rule of a web ACL": 1.00,
    "key of our own": 1.00,
    "hosted zone": 0.50,
}
"""Dollars of one in a month: public list prices of us-east-1, beyond the free tiers."""
_ONE_EACH: Final[Mapping[str, str]] = {
    "AWS::CloudWatch::CompositeAlarm": "composite alarm",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::SecretsManager::Secret": "secret",
    "AWS::KMS::Key": "key of our own",
    "AWS::WAFv2::WebACL": "web ACL",
    "AWS::Route53::HostedZone": "hosted zone",
}


class Row(NamedTuple):
    """So many of a thing."""

    thing: str
    many: int

    @property
    def dollars(self) -> float:
        """A month."""
        return self.many * MONTHLY[self.thing]


def rows(resources: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """What the template has of each, the dearest first; what it has only under a condition is counted too."""
    found: Counter[str] = Counter()
    for resource in resources.values():
        kind = str(resource.get("Type"))
        if kind in _ONE_EACH:
            found[_ONE_EACH[kind]] += 1
        if kind == "AWS::CloudWatch::Alarm":
            found["metric that an alarm watches"] += _watched(resource["Properties"])
        if kind == "AWS::WAFv2::WebACL":
            found["rule of a web ACL"] += len(resource["Properties"]["Rules"])
    found["metric of our own"] = len(_metrics(resources))
    made = [Row(thing, count) for thing, count in found.items()]
    return sorted(made, key=lambda row: (-row.dollars, row.thing))


def _watched(alarm: Mapping[str, Any]) -> int:
    """An alarm on a formula costs for each metric in it."""
    return sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1


def _metrics(resources: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The names of what the code tells, and of what filters of logs count."""
    filtered = {
        transformed["MetricName"]
        for resource in resources.values()
        if resource.get("Type") == "AWS::Logs::MetricFilter"
        for transformed in resource["Properties"]["MetricTransformations"]
    }
    return filtered | set(Measures.__annotations__)


def block(made: Sequence[Row]) -> str:
    """The table, markers included."""
    return "\n".join([BEGIN, "", *_table(made), "", END])


def _table(made: Sequence[Row]) -> Iterator[str]:
    cells = [(row.thing, str(row.many), f"{MONTHLY[row.thing]:.2f}", f"{row.dollars:.2f}") for row in made]
    whole_sum = sum(row.dollars for row in made)
    return table(("a month", "of them", "each", "dollars"), [*cells, ("**together**", "", "", f"**{whole_sum:.2f}**")])


def main(arguments: Sequence[str]) -> int:
    """Print the table, or write it."""
    made = block(rows(whole()["Resources"]))
    if list(arguments) != ["--write-docs"]:
        print(made)  # noqa: T201 - to a person's terminal
        return 0
    before, _, rest = COST.read_text().partition(BEGIN)
    COST.write_text(before + made + rest.partition(END)[2])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
