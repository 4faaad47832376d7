"""The verbs of the sums that dashboards show: holding them against the ledger, making them anew."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.dashboards import building, checking
from chalicelib.dashboards.checking import Difference
from chalicelib.dashboards.rollups import builds
from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE, rfc3339
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, takes_nothing
from scripts.admin.progress import bar

_MARGIN: Final = 15
"""Minutes."""
_MOST_SHOWN: Final = 100


def check_sums(world: World, asked: Namespace) -> Answer:
    """A row for each sum that is wrong, 100 at most. Exit code 1 if there are any."""
    with bar(asked, "reading the ledger and the sums") as advance:
        found = checking.check(world, asked.margin * MINUTE, advance)
    rows = [_facts(each) for each in found[:_MOST_SHOWN]]
    return Answer(rows or [{"differences": 0}], holds=not found)


def rebuild_sums(world: World, asked: Namespace) -> Plan:
    """What is shown stays as it is until all is summed."""
    build = builds(world).now()

    def act(operator: str, reason: str) -> Answer:
        with bar(asked, "summing up") as advance:
            done = building.rebuild(world, advance, actor=operator, reason=reason)
        return Answer([{"build": done.shown}])

    begun = "go on summing up the whole ledger" if build.kept != build.shown else "sum up the whole ledger anew"
    return Plan((f"{begun}, show that in the place of build {build.shown}, and throw build {build.shown} away",), act)


def _facts(difference: Difference) -> Facts:
    return {
        "subject": difference.subject,
        "quarter": "ever" if difference.begins is None else rfc3339(difference.begins),
        "measure": difference.measure,
        "is": difference.stored,
        "should_be": difference.right,
    }


def _takes_margin(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--margin",
        type=a_number,
        default=_MARGIN,
        metavar="MINUTES",
        help="quarters of an hour count that were over so long ago; 0: all, where nothing happens (default: 15)",
    )


VERBS: Final = (
    Verb(
        "rollups",
        "check",
        "Hold the sums that dashboards show against the whole ledger. Exit code 1 if one is wrong.",
        ("rollups check --stage prod", "rollups check --margin 0 --local"),
        _takes_margin,
        check_sums,
    ),
    Verb(
        "rollups",
        "rebuild",
        "Make the sums that dashboards show anew, from the whole ledger. They are shown when they are complete.",
        (f"rollups rebuild --stage prod {WHY}",),
        takes_nothing,
        rebuild_sums,
        changes=True,
    ),
)
