"""What the command is told: its arguments, read and held against each other."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.admin.asking import a_number
from scripts.deployment import settings
from scripts.deployment.history import NAMED

_NAME: Final = re.compile(r"[A-Za-z0-9]{1,255}")
"""Of a parameter, or of a resource."""
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_EXAMPLES: Final = """examples:
  python scripts/deploy.py --stage staging                  show the change, ask, make it, look whether it answers
  python scripts/deploy.py --stage staging --plan           only show the change
  python scripts/deploy.py --stage prod --yes               without asking, as a workflow does after its own approval
  python scripts/deploy.py --stage dev --parameter RateLimits=off
  python scripts/deploy.py --stage prod --list              what was released, and what became of it
  python scripts/deploy.py --stage prod --back              the good release before the one that stands
  python scripts/deploy.py --stage prod --back --to 2026-11-26T14:00:00.000Z
  python scripts/deploy.py --stage prod --still "ticket 4711" --parameter TableSet=-2
  python scripts/deploy.py --stage prod --continue-rollback --skip ApiLog

exit codes:
  0  deployed and answering, or nothing to do
  1  refused or failed, and nothing has changed
  2  wrong usage
  3  it did not answer as it should, and the release before is in its place again
  4  it does not answer as it should and nothing better could be put in its place, or nobody knows yet what became of it
"""


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments. Wrong usage raises SystemExit(2), as argparse does."""
    reading = parser()
    asked = reading.parse_args(arguments)
    if asked.to and not asked.back:
        reading.error("--to says where to go --back to")
    if looks_back(asked) and (asked.parameter or asked.package or asked.watch_minutes is not None):
        reading.error("--parameter, --package and --watch-minutes belong to a new release")
    if asked.plan and (asked.list or asked.smoke or asked.continue_rollback):
        reading.error("--plan belongs to a release, or to --back: nothing of this is only shown")
    if asked.skip and not asked.continue_rollback:
        reading.error("--skip belongs to --continue-rollback")
    if asked.still is not None and (asked.list or asked.smoke or asked.continue_rollback):
        reading.error("--still belongs to a release")
    if asked.still is not None and not asked.still.strip():
        reading.error("--still needs a reason: it is written down with the release")
    return asked


def looks_back(asked: argparse.Namespace) -> bool:
    """Whether it is about what was released before, and needs no package."""
    return bool(asked.list or asked.back or asked.smoke or asked.continue_rollback)


def parser() -> argparse.ArgumentParser:
    """What reads the arguments."""
    made = argparse.ArgumentParser(
        prog="scripts/deploy.py",
        description="Deploy a stage of SoulSeer to AWS, with your credentials.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--stage", required=True, choices=settings.STAGES, help="infra/stages/STAGE.json describes it")
    made.add_argument(
        "--yes", action="store_true", help="make the change without asking; what would lose data is refused still"
    )
    made.add_argument("--message", default="", type=_line, help="what this release is, for --list; its commit is there")
    made.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME[=VALUE]",
        help="before the stage's own; may be repeated; without a value it is asked for, as what is hidden must be",
    )
    made.add_argument(
        "--allow-replacement",
        action="append",
        default=[],
        type=_name,
        metavar="RESOURCE",
        help="a table, bucket, secret or queue that may be replaced or removed, by its logical id",
    )
    made.add_argument(
        "--still",
        metavar="REASON",
        type=_line,
        help="to a stage that stands still (`stage stop`): nobody looks whether it answers, no alarm calls it back, "
        "and another TableSet may make empty tables beside those before",
    )
    made.add_argument("--watch-minutes", type=_minutes, help="in place of the stage's own; 0 watches no alarm")
    made.add_argument("--package", type=Path, help="a folder that scripts/package.py wrote; default: package now")
    made.add_argument(
        "--bucket",
        type=_bucket,
        help="of the packages; default: soulseer-packages-ACCOUNT-REGION, which infra/bootstrap.yaml makes",
    )
    made.add_argument("--plan", action="store_true", help="only show what would change")
    doing = made.add_mutually_exclusive_group()
    doing.add_argument("--list", action="store_true", help="show what was released, and what became of it")
    doing.add_argument("--back", action="store_true", help="deploy the good release before the one that stands again")
    doing.add_argument("--smoke", action="store_true", help="only look whether the stage answers as it should")
    doing.add_argument("--continue-rollback", action="store_true", help="of a change whose rollback failed")
    made.add_argument(
        "--to", type=_released, metavar="RELEASED", help="which release to go back to, as --list names it"
    )
    made.add_argument(
        "--skip",
        action="append",
        default=[],
        type=_name,
        metavar="RESOURCE",
        help="what the rollback shall leave as it is",
    )
    return made


def _pair(written: str) -> tuple[str, str | None]:
    name, equals, value = written.partition("=")
    if not _NAME.fullmatch(name):
        raise argparse.ArgumentTypeError("write NAME=VALUE, or NAME to be asked for it")
    return name, value if equals else None


def _minutes(written: str) -> int:
    if a_number(written) > settings.MOST_WATCH_MINUTES:
        raise argparse.ArgumentTypeError(f"write a number of minutes from 0 to {settings.MOST_WATCH_MINUTES}")
    return int(written)


def _name(written: str) -> str:
    if not _NAME.fullmatch(written):
        raise argparse.ArgumentTypeError("write a logical id: letters and digits")
    return written


def _bucket(written: str) -> str:
    if not _BUCKET.fullmatch(written):
        raise argparse.ArgumentTypeError("write the name of a bucket")
    return written


def _released(written: str) -> str:
    if not NAMED.fullmatch(written):
        raise argparse.ArgumentTypeError("write it as --list names it, such as 2026-11-26T14:00:00.000Z")
    return written


def _line(written: str) -> str:
    if not written.isprintable() or len(written) > 200:  # noqa: PLR2004 - a line
        raise argparse.ArgumentTypeError("write one line of at most 200 characters")
    return written
