"""Whether what was deployed answers as it should: from outside, as a phone, a vendor and a stranger meet it.

Nothing is signed in, charged or written. Each check is tried a few times, for an address may take a moment to answer.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import requests

TRIES: Final = 4
PAUSE_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 30.0
"""A request; the first one starts a function."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    what: str
    holds: bool
    found: str
    """What was there in place of what was expected; empty where it holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployed stage is found."""

    api_url: str
    """Ends before ``/v1``."""
    webhooks: Mapping[str, str]
    """Each function's address, by its name."""
    machine: str
    """ARN of the clock's state machine."""
    function: str
    """Name of the function ``api``."""
    client: Callable[[str], Any]
    """A client for one of AWS' services."""


def place(stage: str, outputs: Mapping[str, str], client: Callable[[str], Any]) -> Place:
    """From the outputs of a stack."""
    ending = "WebhookUrl"
    hooks = {name.removesuffix("Url"): url for name, url in outputs.items() if name.endswith(ending)}
    return Place(outputs["ApiUrl"], hooks, outputs["ClockMachineArn"], f"soulseer-{stage}-api", client)


def smoke(
    at: Place, document: Mapping[str, Any] | None, pause: Callable[[float], None] = time.sleep, tries: int = TRIES
) -> list[Check]:
    """Every check. ``document`` is the API document of the code that was deployed; None asks for any."""
    looks: list[tuple[str, Callable[[], str]]] = [
        ("the API answers", lambda: _health(at)),
        ("its document is that of this code", lambda: _document(at, document)),
        ("who is not signed in is refused", lambda: _stranger(at)),
        *((f"{name} refuses what nobody signed", lambda url=url: _unsigned(url)) for name, url in at.webhooks.items()),
        ("the clock's state machine is there", lambda: _machine(at)),
        ("the alias `live` leads to one version", lambda: _alias(at)),
    ]
    return list(_looked(looks, pause, tries))


def _looked(looks: list[tuple[str, Callable[[], str]]], pause: Callable[[float], None], tries: int) -> Iterator[Check]:
    for what, look in looks:
        found = ""
        for left in reversed(range(tries)):
            found = _tried(look)
            if not found:
                break
            if left:
                pause(PAUSE_SECONDS)
        yield Check(what, not found, found)


def _tried(look: Callable[[], str]) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return look()
    except (requests.RequestException, BotoCoreError, ClientError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def _health(at: Place) -> str:
    answer = requests.get(f"{at.api_url}/health", timeout=LONGEST_SECONDS)
    return _unless(answer, HTTPStatus.OK)


def _document(at: Place, document: Mapping[str, Any] | None) -> str:
    answer = requests.get(f"{at.api_url}/openapi.json", timeout=LONGEST_SECONDS)
    if wrong := _unless(answer, HTTPStatus.OK):
        return wrong
    told = answer.json()
    if document is None or all(told[part] == document[part] for part in ("info", "paths")):
        return ""
    theirs, ours = told["paths"].keys(), document["paths"].keys()
    apart = sorted(theirs ^ ours) or sorted(path for path in ours if told["paths"][path] != document["paths"][path])
    return f"version {told['info']['version']}; it differs in {', '.join(apart[:3]) or 'what it says of itself'}"


def _stranger(at: Place) -> str:
    answer = requests.get(f"{at.api_url}/v1/me", timeout=LONGEST_SECONDS)
    if wrong := _unless(answer, HTTPStatus.UNAUTHORIZED):
        return wrong
    return "" if answer.json().get("code") == "unauthenticated" else f"it says {answer.json().get('code')}"


def _unsigned(url: str) -> str:
    answer = requests.post(url, data=json.dumps({"smoke": True}), timeout=LONGEST_SECONDS)
    return _unless(answer, HTTPStatus.BAD_REQUEST)


def _machine(at: Place) -> str:
    status = at.client("stepfunctions").describe_state_machine(stateMachineArn=at.machine)["status"]
    return "" if status == "ACTIVE" else f"it is {status}"


def _alias(at: Place) -> str:
    alias = at.client("lambda").get_alias(FunctionName=at.function, Name="live")
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return f"versions {alias['FunctionVersion']}, {', '.join(weights)} share the requests" if weights else ""


def _unless(answer: requests.Response, status: HTTPStatus) -> str:
    return "" if answer.status_code == status else f"HTTP {answer.status_code}, not {int(status)}"
