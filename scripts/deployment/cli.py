"""Arguments in, a release out. Run it by ``make deploy STAGE=…`` or ``scripts/deploy.py``.

How it ended is the exit code (``Outcome``): above all whether anything has changed.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from scripts.admin.showing import inert
from scripts.admin.stages import advice
from scripts.deployment import arguments as reading
from scripts.deployment import history, screen, settings, source
from scripts.deployment.asked import Asked, Hands, Outcome, Shown
from scripts.deployment.back import continue_rollback
from scripts.deployment.before import known
from scripts.deployment.failures import DeployFailed, NotSettled
from scripts.deployment.packages import template_of
from scripts.deployment.release import release
from scripts.deployment.settings import StageSettings, UnusableSettings, hidden
from scripts.deployment.smoke import Check, Place, place, smoke
from scripts.deployment.stack import Stack, Wanted
from scripts.package import PackagingError, package

_LOG_WIDTH: Final = 160
ROOT: Final = Path(__file__).resolve().parents[2]

Connect = Callable[[str, str, str | None], Stack]
"""Given the stage, the region and the bucket, if one was named."""
Smoke = Callable[[Place, Mapping[str, Any] | None], list[Check]]


def connect(stage: str, region: str, bucket: str | None) -> Stack:
    """The stack of a stage, by the credentials that are set. Raises botocore's errors."""
    import boto3

    session = boto3.Session(region_name=region)
    account = session.client("sts").get_caller_identity()["Account"]
    bucket = bucket or f"soulseer-packages-{account}-{region}"
    maker = f"arn:aws:iam::{account}:role/soulseer-maker-{stage}"
    return Stack(f"soulseer-{stage}", bucket, session, role=maker, account=account)


def run(arguments: Sequence[str], connect: Connect = connect, smoke: Smoke = smoke) -> int:
    """The exit code. Wrong usage raises SystemExit(2), as argparse does.

    A test hands in another ``smoke``: an address of API Gateway's leads nowhere from a local AWS.
    """
    asked = reading.read(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    try:
        stage = settings.read(ROOT / "infra" / "stages" / f"{asked.stage}.json")
        stack = connect(asked.stage, stage.region, asked.bucket)  # packaging takes longer than to hear a no
        wanted = None if reading.looks_back(asked) else _packaged(asked, stage)
        return _run(asked, wanted, stack, _hands(asked, stack, console, smoke), console)
    except NotSettled as problem:
        console.print(Text(inert(str(problem)), style="red"))
        console.print("What is under way goes on without this command. Repeat it: it says how things stand.")
        return Outcome.STANDS
    except KeyboardInterrupt:
        return _refused(console, "Stopped. Nothing has changed.")
    except (UnusableSettings, PackagingError, DeployFailed) as problem:
        return _refused(console, str(problem))
    except (BotoCoreError, ClientError) as problem:
        return _refused(console, advice(problem))


def _refused(console: Console, why: str) -> int:
    beside = " " if len(why.splitlines()) == 1 else "\n"
    console.print(Text(f"Not deployed.{beside}{inert(why)}", style="red"))
    return Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class _Packaged:
    """What is to be uploaded, and all that the template is told."""

    folder: Path
    parameters: Mapping[str, str]
    watch_minutes: int


def _packaged(asked: argparse.Namespace, stage: StageSettings) -> _Packaged:
    """Raises UnusableSettings, PackagingError, DeployFailed."""
    folder: Path = asked.package or ROOT / "build" / asked.stage
    if not asked.package:
        package(asked.stage, folder)
    template = template_of(folder)
    made_for = template["Parameters"].get("Stage", {}).get("AllowedValues", [asked.stage])
    if asked.stage not in made_for:
        raise PackagingError(f"{folder} is a package of {', '.join(made_for)}, and not of {asked.stage}.")
    added = _added(asked.parameter, hidden(template))
    try:
        parameters = settings.parameters(template, stage.parameters, added)
    except UnusableSettings as problem:
        where = f"infra/stages/{asked.stage}.json sets them; docs/deployment.md says what each is."
        raise UnusableSettings(f"{problem}\n{where}") from None
    minutes = stage.watch_minutes if asked.watch_minutes is None else asked.watch_minutes
    return _Packaged(folder, parameters, minutes)


def _added(pairs: Sequence[tuple[str, str | None]], hidden: Collection[str]) -> dict[str, str]:
    """The parameters of the command. Raises UnusableSettings for one that is given twice, and for a hidden one in it,
    where a shell keeps it.
    """
    if twice := [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]:
        raise UnusableSettings(f"{', '.join(twice)}: given twice.")
    for name, value in pairs:
        if value and name in hidden:
            raise UnusableSettings(f"{name} is for nobody's eyes: --parameter {name}, without =, asks for it.")
    return {name: _asked_for(name) if value is None else value for name, value in pairs}


def _asked_for(name: str) -> str:
    """Raises UnusableSettings where nobody answers: an empty line is an answer."""
    try:
        given = f"{getpass(f'{name}: ')}\n" if sys.stdin.isatty() else sys.stdin.readline()
    except (EOFError, ValueError):
        given = ""
    if not given:
        raise UnusableSettings(f"{name} was asked for, and nobody said what it is: a line of text, or an empty one.")
    return given.rstrip("\n")


def _run(asked: argparse.Namespace, made: _Packaged | None, stack: Stack, hands: Hands, console: Console) -> int:
    if asked.list:
        screen.list_releases(console, stack.packages.releases())
        return Outcome.DONE
    if asked.smoke:
        outputs = stack.outputs()
        if not outputs:
            raise DeployFailed(f"There is no {stack.name} in this account and region that could be looked at.")
        holds = all(each.holds for each in hands.smoke(outputs, True))
        return Outcome.DONE if holds else Outcome.STANDS
    if asked.continue_rollback:
        return continue_rollback(stack, asked.skip, hands)
    by = str(stack.client("sts").get_caller_identity()["Arn"])
    said = " · ".join(each for each in (asked.still, asked.message) if each)
    if made is None:
        return release(stack, _backwards(asked, stack, by, said), hands)
    console.print(f"Uploading to {stack.bucket} …")
    forwards = Asked(
        Wanted(stack.packages.upload(made.folder, made.parameters), made.parameters),
        said,
        allowed=asked.allow_replacement,
        watch_minutes=made.watch_minutes,
        only_shown=asked.plan,
        still=asked.still is not None,
        by=by,
        source=str(source.of_folder(asked.package) if asked.package else source.of_tree(ROOT)),
    )
    return release(stack, forwards, hands)


def _backwards(asked: argparse.Namespace, stack: Stack, by: str, said: str) -> Asked:
    """Raises DeployFailed where there is none to go back to."""
    found = known(stack, only_read=asked.plan)
    to, now = history.named(found, asked.to) if asked.to else history.before(found), history.standing(found)
    return Asked(
        Wanted(to.template_key, to.parameters),
        said or f"back to {to.origin}",
        allowed=asked.allow_replacement,
        only_shown=asked.plan,
        still=asked.still is not None,
        by=by,
        source=to.source,
        of=to.origin,
        left=now.at if now else "",
    )


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
        console.print(Text(inert(text)))  # CloudFormation's words hold brackets, and are no markup

    return Hands(agree, say, tell, look, _now)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answered(console: Console) -> bool:
    """Nobody to ask is a no."""
    if not sys.stdin.isatty():
        console.print("Nobody is there to ask: --yes makes the change.")
        return False
    try:
        return console.input("Make this change? Type yes: ").strip() == "yes"
    except EOFError:
        return False
