"""Look for what is unsafe in the packaged template: Checkov (resources), Parliament (policies), cfn-lint (the rest).

    python scripts/lint_template.py --template build/local/sam.yaml
    python scripts/lint_template.py --template build/local/sam.yaml --only cfn-lint

What they find must be mended, or be accepted with its reason in ``infra/lint.toml``; an entry there of which nothing
is found any more fails too. The first two lie in an environment of their own, which `make lint-template` installs, for
they bring a hundred packages that the program does not have.

The template is shown to them as production has it, with every part that can be switched on switched on, and with what
it is told by parameters filled in: Checkov takes three times as long to do that itself.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).resolve().parent.parent
ACCEPTED: Final = ROOT / "infra" / "lint.toml"
TOOLS: Final = ROOT / ".local" / "lint" / "bin"
LONGEST_RUN: Final = 180

_HERE: Final = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "000000000000",
    "AWS::URLSuffix": "amazonaws.com",
}
_IN_TEXT: Final = re.compile(r"\$\{([^!}]+)\}")
_ARNS: Final = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:us-east-1:000000000000:table/{}",
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:000000000000:function:{}",
    "AWS::Serverless::Function": "arn:aws:lambda:us-east-1:000000000000:function:{}",
    "AWS::SNS::Topic": "arn:aws:sns:us-east-1:000000000000:{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:000000000000:{}",
}
"""What a policy means by a resource of the template."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    check: str
    resource: str
    """By its logical id, with what of it where the tool says so."""
    says: str


@dataclass(frozen=True, slots=True)
class Accepted:
    check: str
    of: tuple[str, ...]
    """Patterns of resources."""
    why: str

    def covers(self, found: Finding) -> bool:
        return found.check == self.check and any(fnmatchcase(found.resource, pattern) for pattern in self.of)


def accepted(file: Path = ACCEPTED) -> list[Accepted]:
    """What is accepted, with its reason. Raises KeyError where one has none."""
    told = tomllib.loads(file.read_text(encoding="utf-8"))["accepted"]
    return [Accepted(each["check"], tuple(each["of"]), each["why"]) for each in told]


def judged(found: Iterable[Finding], entries: Sequence[Accepted]) -> tuple[list[Finding], list[str]]:
    """What nobody accepted; and what was accepted and is not found, resource by resource."""
    found = sorted(set(found))
    left = [each for each in found if not any(entry.covers(each) for entry in entries)]
    stale = [
        f"{entry.check} of {pattern}"
        for entry in entries
        for pattern in entry.of
        if not any(each.check == entry.check and fnmatchcase(each.resource, pattern) for each in found)
    ]
    return left, stale


def filled_in(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with its parameters at their defaults and every condition true; without what nobody looks at."""
    told = {
        name: str(each.get("Default", each.get("AllowedValues", [name])[0]))
        for name, each in template["Parameters"].items()
    }
    known = told | _HERE

    def fill(value: Any) -> Any:
        match value:
            case {"Fn::Sub": str(text)} if len(value) == 1:
                return _IN_TEXT.sub(lambda found: known.get(found[1], found[1].replace(".", "-")), text)
            case {"Ref": name} if name in known:
                return known[name]
            case {"Fn::If": [_, then, _]}:
                return fill(then)
            case dict():
                return {
                    name: fill(each) for name, each in value.items() if name != "Condition" or isinstance(each, dict)
                }
            case list():
                return [fill(each) for each in value]
            case _:
                return value

    kept = {name: each for name, each in template.items() if name not in ("Conditions", "Outputs", "Rules")}
    return {**kept, "Resources": fill(template["Resources"]), "Globals": fill(template.get("Globals", {}))}


def policies(template: Mapping[str, Any]) -> dict[str, Any]:
    """Every policy of every role, by role and name, with what they are about written out. ``template`` is filled in."""
    resources = template["Resources"]

    def named(value: Any) -> Any:
        match value:
            case {"Fn::GetAtt": [name, attribute]} | {"Ref": name, **attribute}:
                arn = _ARNS.get(resources[name]["Type"], "arn:aws:unknown:us-east-1:000000000000:{}").format(name)
                return f"{arn}/stream/*" if attribute == "StreamArn" else arn
            case dict():
                return {key: named(each) for key, each in value.items()}
            case list():
                return [named(each) for each in value]
            case _:
                return value

    return {
        f"{role}.{policy['PolicyName']}": named(policy["PolicyDocument"])
        for role, each in resources.items()
        if each["Type"] == "AWS::IAM::Role"
        for policy in each["Properties"].get("Policies", ())
    }


# --- the tools -----------------------------------------------------------------------------------


def by_checkov(template: Mapping[str, Any], folder: Path) -> list[Finding]:
    file = folder / "template.json"
    file.write_text(json.dumps(template, indent=1))
    options = [
        "--framework",
        "cloudformation",
        "--output",
        "json",
        "--compact",
        "--quiet",
        "--soft-fail",
        "--skip-download",
    ]
    told = json.loads(_run("checkov", "--file", str(file), *options))
    return [
        Finding(each["check_id"], each["resource"].rpartition(".")[2], each["check_name"])
        for each in told["results"]["failed_checks"]
    ]


def by_parliament(template: Mapping[str, Any], folder: Path) -> list[Finding]:
    files = folder / "policies"
    files.mkdir()
    for name, document in policies(template).items():
        (files / f"{name}.json").write_text(json.dumps(document))
    told = _run("parliament", "--directory", str(files), "--json", "--include-community-auditors", soft=True)
    return [
        Finding(each["issue"], f"{Path(each['location']['filepath']).name.partition('.')[0]}.{about}", each["title"])
        for each in map(json.loads, told.splitlines())
        for about in _about(each["detail"])
    ]


def by_cfn_lint(template: Path) -> list[Finding]:
    from cfnlint.api import lint_file  # type: ignore[import-untyped] # it ships no types
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped] # the same

    return [
        Finding(each.rule.id, ".".join(map(str, (each.path or ["-", "-"])[1:2])), each.message)
        for each in lint_file(template, config=ManualArgs(regions=["us-east-1"]))
    ]


def _about(detail: Any) -> list[str]:
    """Which actions a finding of Parliament's is about, where it says so."""
    several = detail if isinstance(detail, list) else [detail]
    return [str(each["action"] if isinstance(each, dict) and "action" in each else each or "-") for each in several]


def _run(tool: str, *arguments: str, soft: bool = False) -> str:
    """What the tool prints. Raises CalledProcessError where it fails; ``soft`` where finding something is failing."""
    run = subprocess.run(
        [str(TOOLS / tool), *arguments], capture_output=True, text=True, timeout=LONGEST_RUN, check=not soft
    )
    return run.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with what is amiss on standard error."""
    parser = argparse.ArgumentParser(
        prog="scripts/lint_template.py",
        description="Look for what is unsafe in the packaged template.",
        epilog="example:\n  python scripts/lint_template.py --template build/local/sam.yaml\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--template", type=Path, required=True, help="sam.yaml, as scripts/package.py wrote it")
    parser.add_argument(
        "--only", action="append", choices=["checkov", "parliament", "cfn-lint"], help="may be repeated"
    )
    chosen = parser.parse_args(arguments)
    wanted = set(chosen.only or ("checkov", "parliament", "cfn-lint"))
    template = filled_in(yaml.safe_load(chosen.template.read_text()))
    with tempfile.TemporaryDirectory(prefix="soulseer-lint-") as scratch, ThreadPoolExecutor() as pool:
        folder = Path(scratch)
        looks = {
            "checkov": lambda: by_checkov(template, folder),
            "parliament": lambda: by_parliament(template, folder),
            "cfn-lint": lambda: by_cfn_lint(chosen.template),
        }
        found = {tool: each.result() for tool, each in [(tool, pool.submit(looks[tool])) for tool in sorted(wanted)]}
    entries = [each for each in accepted() if tool_of(each.check) in wanted]
    left, stale = judged([each for some in found.values() for each in some], entries)
    return _told(left, stale, len(template["Resources"]), len(entries))


def tool_of(check: str) -> str:
    """Whose check it is, by its name."""
    if check.startswith("CKV"):
        return "checkov"
    return "cfn-lint" if re.fullmatch(r"[EWI][0-9]{4}", check) else "parliament"


def _told(left: Sequence[Finding], stale: Sequence[str], resources: int, entries: int) -> int:
    if left or stale:
        table = Table("check", "resource", "says", box=None, pad_edge=False)
        for each in left:
            table.add_row(each.check, each.resource, each.says)
        for name in stale:
            table.add_row(name.partition(" ")[0], name.partition(" of ")[2], "is accepted, and not found any more")
        Console(stderr=True).print(table)
        print("Mend it, or say in infra/lint.toml why it is right.", file=sys.stderr)
        return 1
    print(f"{resources} resources: nothing unsafe but what infra/lint.toml explains in {entries} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
