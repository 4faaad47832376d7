"""The parameters of a stage: ``infra/stages/{stage}.json``, and what the command adds to it.

    {"region": "us-east-1", "watch_minutes": 10, "parameters": {"AuthIssuer": "https://…/", …}}

The file is committed, so it holds no secret; it is all there is to a stage beside the code: a parameter that it does
not name has the template's default, whatever the stage had before. What cannot be meant is told before it is sent.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STAGES: Final = ("dev", "staging", "prod")
MOST_WATCH_MINUTES: Final = 180
"""CloudFormation's own limit."""
_KEYS: Final = frozenset({"region", "watch_minutes", "parameters"})
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_SECRET: Final = re.compile(r"\b([rs]k_(live|test)_|whsec_|AKIA|ASIA|gh[pousr]_)\w|-----BEGIN")
"""How keys begin that have no place in a file which is committed, nor in a parameter, which anybody may read."""


class UnusableSettings(Exception):
    """A stage cannot be deployed with these. The message says what is wrong with each, a line each."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What ``infra/stages/{stage}.json`` says."""

    region: str
    watch_minutes: int
    """How long CloudFormation looks at the alarms after a change, ready to call it back."""
    parameters: Mapping[str, str]


def read(path: Path) -> StageSettings:
    """The settings of a stage. Raises UnusableSettings."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UnusableSettings(f"There is no {path}: a stage is described there.") from None
    except ValueError as error:
        raise UnusableSettings(f"{path} is no JSON: {error}.") from None
    problems = list(_problems(told))
    if problems:
        raise UnusableSettings("\n".join(f"{path.name}: {each}" for each in problems))
    return StageSettings(told["region"], told["watch_minutes"], told["parameters"])


def _problems(told: Any) -> Iterator[str]:
    if not isinstance(told, dict) or told.keys() != _KEYS:
        yield f"it is an object with {', '.join(sorted(_KEYS))}, and nothing else."
        return
    if not isinstance(told["region"], str) or not _REGION.fullmatch(told["region"]):
        yield 'region is a name such as "us-east-1".'
    minutes = told["watch_minutes"]
    if type(minutes) is not int or not 0 <= minutes <= MOST_WATCH_MINUTES:
        yield f"watch_minutes is a whole number from 0 to {MOST_WATCH_MINUTES}."
    given = told["parameters"]
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        yield 'parameters is an object of texts, also for numbers: {"TickShards": "16"}.'


def parameters(template: Mapping[str, Any], given: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """What the template is given; ``added`` goes before ``given``. Raises UnusableSettings."""
    declared: Mapping[str, Mapping[str, Any]] = template["Parameters"]
    wanted = {**given, **added}
    problems = [f"{name}: the template has no such parameter." for name in sorted(wanted.keys() - declared.keys())]
    problems += [
        f"{name} is for nobody's eyes: give it once, by --parameter {name}, which asks for it; it stays."
        for name, about in sorted(declared.items())
        if about.get("NoEcho") and given.get(name)
    ]
    for name, about in sorted(declared.items()):
        value = wanted.get(name, about.get("Default"))
        if value in (None, "") and "Default" not in about:
            problems.append(f"{name} is not set, and has no default. {about.get('Description', '')}".rstrip())
        elif name in wanted:
            problems += [f"{name}: {each}" for each in _unfit(str(wanted[name]), about)]
    if problems:
        raise UnusableSettings("\n".join(problems))
    return wanted


def hidden(template: Mapping[str, Any]) -> set[str]:
    """The parameters that CloudFormation shows to nobody: who knows one can do something with it."""
    return {name for name, about in template.get("Parameters", {}).items() if about.get("NoEcho")}


def open_of(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The others: what may be shown, written down and hashed."""
    kept_back = hidden(template)
    return {name: value for name, value in parameters.items() if name not in kept_back}


def _unfit(value: str, about: Mapping[str, Any]) -> Iterator[str]:
    if _SECRET.search(value):
        yield "this looks like a key. Keys go into the secrets: scripts/soulseer secrets set."
        return
    shown = "what was given" if about.get("NoEcho") else repr(value)
    allowed = [str(each) for each in about.get("AllowedValues", ())]
    if allowed and value not in allowed:
        yield f"it is one of {', '.join(allowed)}, not {shown}."
    pattern = about.get("AllowedPattern")
    if pattern and not re.search(pattern, value):
        yield f"{shown} does not fit {pattern}."
    if about.get("Type") == "Number":
        yield from _out_of_bounds(value, about)


def _out_of_bounds(value: str, about: Mapping[str, Any]) -> Iterator[str]:
    try:
        number = float(value)
    except ValueError:
        yield f"it is a number, not {value!r}."
        return
    if not float(about.get("MinValue", "-inf")) <= number <= float(about.get("MaxValue", "inf")):
        yield f"it lies between {about.get('MinValue')} and {about.get('MaxValue')}, not at {value}."
