"""Arguments in, a release out. Run it by ``make deploy STAGE=…`` or ``scripts/deploy.py``.

Exit codes: 0 deployed and answering, or nothing to do; 1 refused or failed, and nothing has changed; 2 wrong usage;
3 it did not answer as it should, and the release before is in its place again; 4 it does not answer as it should, and
nothing better could be put in its place, or nobody knows yet what became of it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Any, Final

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from scripts.admin.stages import advice
from scripts.deployment import release as releasing
from scripts.deployment import screen, settings
from scripts.deployment.release import Asked, Hands, Outcome, Release, Shown
from scripts.deployment.settings import StageSettings, UnusableSettings
from scripts.deployment.smoke import Check, Place, place, smoke
from scripts.deployment.stack import DeployFailed, NotSettled, Stack, Wanted, hidden
from scripts.package import PackagingError, package

_LOG_WIDTH: Final = 160
ROOT: Final = Path(__file__).resolve().parents[2]
_EXAMPLES: Final = """examples:
  python scripts/deploy.py --stage staging                  show the change, ask, make it, look whether it answers
  python scripts/deploy.py --stage staging --plan           only show the change
  python scripts/deploy.py --stage prod --yes               without asking, as a workflow does after its own approval
  python scripts/deploy.py --stage dev --parameter RateLimits=off
  python scripts/deploy.py --stage prod --list              what was released
  python scripts/deploy.py --stage prod --back              the release before this one, from the packages' bucket
  python scripts/deploy.py --stage prod --back --to 2026-11-26T14:00:00.000Z
  python scripts/deploy.py --stage prod --continue-rollback --skip ApiLog
"""


Connect = Callable[[str, str, str | None], Stack]
"""Given the stage, the region and the bucket, if one was named."""
Smoke = Callable[[Place, Mapping[str, Any] | None], list[Check]]


def connect(stage: str, region: str, bucket: str | None) -> Stack:
    """The stack of a stage, by the credentials that are set. Raises botocore's errors."""
    import boto3

    session = boto3.Session(region_name=region)
    account = session.client("sts").get_caller_identity()["Account"]
    bucket = bucket or f"soulseer-packages-{account}-{region}"
    return Stack(f"soulseer-{stage}", bucket, session, role=f"arn:aws:iam::{account}:role/soulseer-maker-{stage}")


def run(arguments: Sequence[str], connect: Connect = connect, smoke: Smoke = smoke) -> int:
    """The exit code. Wrong usage raises SystemExit(2), as argparse does.

    A test hands in another ``smoke``: an address of API Gateway's leads nowhere from a local AWS.
    """
    reading = parser()
    asked = reading.parse_args(arguments)
    if asked.to and not asked.back:
        reading.error("--to says where to go --back to")
    if asked.skip and not asked.continue_rollback:
        reading.error("--skip belongs to --continue-rollback")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    try:
        stage = settings.read(ROOT / "infra" / "stages" / f"{asked.stage}.json")
        stack = connect(asked.stage, stage.region, asked.bucket)  # packaging takes longer than to hear a no
        wanted = None if _looks_back(asked) else _packaged(asked, stage)
    except (UnusableSettings, PackagingError) as problem:
        return _refused(console, str(problem))
    except (BotoCoreError, ClientError) as problem:
        return _refused(console, advice(problem))
    try:
        return _run(asked, wanted, stack, _hands(asked, stack, console, smoke), console)
    except NotSettled as problem:
        return _unknown(console, str(problem))
    except DeployFailed as problem:
        return _refused(console, str(problem))
    except (BotoCoreError, ClientError) as problem:
        return _unknown(console, f"AWS could not be asked any more: {problem}")


def _unknown(console: Console, why: str) -> int:
    console.print(Text(why, style="red"))
    console.print("What is under way there goes on without this command. Repeat it: it says how things stand.")
    return Outcome.STANDS


def _refused(console: Console, why: str) -> int:
    beside = " " if len(why.splitlines()) == 1 else "\n"
    console.print(Text(f"Not deployed.{beside}{why}", style="red"))
    return Outcome.REFUSED


def parser() -> argparse.ArgumentParser:
    """What reads the arguments."""
    made = argparse.ArgumentParser(
        prog="scripts/deploy.py",
        description="Deploy a stage of SoulSeer to AWS, with your credentials.",
        epilog=_EXAMPLES + "\n" + __doc__.split("\n\n")[-1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--stage", required=True, choices=settings.STAGES, help="infra/stages/STAGE.json describes it")
    made.add_argument(
        "--yes", action="store_true", help="make the change without asking; what would lose data is refused still"
    )
    made.add_argument("--message", default="", type=_line, help="what this release is; default: the commit")
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
        metavar="RESOURCE",
        help="a table, bucket, secret or queue that may be replaced or removed, by its logical id",
    )
    made.add_argument("--watch-minutes", type=_minutes, help="in place of the stage's own; 0 watches no alarm")
    made.add_argument("--package", type=Path, help="a folder that scripts/package.py wrote; default: package now")
    made.add_argument(
        "--bucket", help="of the packages; default: soulseer-packages-ACCOUNT-REGION, which infra/bootstrap.yaml makes"
    )
    made.add_argument("--plan", action="store_true", help="only show what would change")
    doing = made.add_mutually_exclusive_group()
    doing.add_argument("--list", action="store_true", help="show what was released")
    doing.add_argument("--back", action="store_true", help="deploy the release before the newest again")
    doing.add_argument("--smoke", action="store_true", help="only look whether the stage answers as it should")
    doing.add_argument("--continue-rollback", action="store_true", help="of a change whose rollback failed")
    made.add_argument("--to", metavar="RELEASED", help="which release to go back to, as --list names it")
    made.add_argument(
        "--skip", action="append", default=[], metavar="RESOURCE", help="what the rollback shall leave as it is"
    )
    return made


@dataclass(frozen=True, slots=True)
class _Packaged:
    """What is to be uploaded, and all that the template is told."""

    folder: Path
    parameters: Mapping[str, str]
    watch_minutes: int


def _looks_back(asked: argparse.Namespace) -> bool:
    """Whether it is about what was released before, and needs no package."""
    return bool(asked.list or asked.back or asked.smoke or asked.continue_rollback)


def _packaged(asked: argparse.Namespace, stage: StageSettings) -> _Packaged:
    """Raises UnusableSettings, PackagingError."""
    folder: Path = asked.package or ROOT / "build" / asked.stage
    if not asked.package:
        package(asked.stage, folder)
    template = yaml.safe_load((folder / "sam.yaml").read_text())
    added = _added(asked.parameter, hidden(template))
    try:
        parameters = settings.parameters(template, stage.parameters, added)
    except UnusableSettings as problem:
        where = f"infra/stages/{asked.stage}.json sets them; docs/deployment.md says what each is."
        raise UnusableSettings(f"{problem}\n{where}") from None
    minutes = stage.watch_minutes if asked.watch_minutes is None else asked.watch_minutes
    return _Packaged(folder, parameters, minutes)


def _added(pairs: Sequence[tuple[str, str | None]], hidden: Collection[str]) -> dict[str, str]:
    """The parameters of the command. Raises UnusableSettings for a hidden one in it, where a shell keeps it."""
    for name, value in pairs:
        if value and name in hidden:
            raise UnusableSettings(f"{name} is for nobody's eyes: --parameter {name}, without =, asks for it.")
    return {name: _asked_for(name) if value is None else value for name, value in pairs}


def _asked_for(name: str) -> str:
    return getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _run(asked: argparse.Namespace, made: _Packaged | None, stack: Stack, hands: Hands, console: Console) -> int:
    if asked.list:
        screen.list_releases(console, releasing.releases(stack))
        return Outcome.DONE
    if asked.smoke:
        holds = all(each.holds for each in hands.smoke(stack.outputs(), True))
        return Outcome.DONE if holds else Outcome.STANDS
    if asked.continue_rollback:
        return releasing.continue_rollback(stack, asked.skip, hands)
    if asked.back:
        to = _chosen(releasing.releases(stack), asked.to)
        wanted = Wanted(to.template_key, to.parameters)
        back = Asked(wanted, f"back to {to.at}", asked.allow_replacement, only_shown=asked.plan, newest=False)
        return releasing.release(stack, back, hands)
    assert made  # noqa: S101 - whoever does not look back has packaged
    console.print(f"Uploading to {stack.bucket} …")
    wanted = Wanted(stack.upload(made.folder, made.parameters), made.parameters)
    said = asked.message or _commit()
    return releasing.release(stack, Asked(wanted, said, asked.allow_replacement, made.watch_minutes, asked.plan), hands)


def _chosen(found: Sequence[Release], named: str | None) -> Release:
    """Raises DeployFailed where there is none."""
    if named:
        of_that_name = [each for each in found if each.at == named]
        if not of_that_name:
            raise DeployFailed(f"There is no release {named}: --list shows those there are.")
        return of_that_name[0]
    if len(found) < 2:  # noqa: PLR2004 - the newest, and one before it
        raise DeployFailed("There is no release before the newest.")
    return found[1]


def _hands(asked: argparse.Namespace, stack: Stack, console: Console, smoke: Smoke) -> Hands:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    tell = screen.teller(console)

    def agree(shown: Shown) -> bool:
        screen.show(console, shown)
        return shown.asks and (asked.yes or _answered(console))

    def look(outputs: Mapping[str, str], new: bool) -> list[Check]:
        checks = smoke(place(asked.stage, outputs, stack.client), document if new else None)
        screen.show_checks(console, checks)
        return checks

    def say(text: str) -> None:
        console.print(Text(text))  # CloudFormation's words hold brackets, and are no markup

    return Hands(agree, say, tell, look, _now)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answered(console: Console) -> bool:
    """Nobody to ask is a no."""
    if not sys.stdin.isatty():
        console.print("Nobody is there to ask: --yes makes the change.")
        return False
    return console.input("Make this change? Type yes: ").strip() == "yes"


def _commit() -> str:
    """Which commit this is, and whether something lies beside it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return said.stdout.strip() or "no commit"


def _pair(written: str) -> tuple[str, str | None]:
    name, equals, value = written.partition("=")
    if not name:
        raise argparse.ArgumentTypeError("write NAME=VALUE, or NAME to be asked for it")
    return name, value if equals else None


def _minutes(written: str) -> int:
    if not written.isdecimal() or int(written) > settings.MOST_WATCH_MINUTES:
        raise argparse.ArgumentTypeError(f"write a number of minutes from 0 to {settings.MOST_WATCH_MINUTES}")
    return int(written)


def _line(written: str) -> str:
    if not written.isprintable() or len(written) > 200:  # noqa: PLR2004 - a line
        raise argparse.ArgumentTypeError("write one line of at most 200 characters")
    return written
