"""What a command line of a document asks for: curl of a route, the AWS command line of an operation. Nothing is run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from tests.support.documents import ROOT

_ALONE: Final = frozenset({"-s", "-i", "-O", "-J", "-v", "-f", "-sS"})
"""Options of curl's without a value. Any other one has one."""

_CUSTOM: Final[Mapping[str, frozenset[str]]] = {
    # Commands that the AWS command line makes of several operations: its model does not list them.
    "cloudformation package": frozenset(
        {"--template-file", "--s3-bucket", "--s3-prefix", "--output-template-file", "--kms-key-id", "--use-json"}
    ),
    "cloudformation deploy": frozenset(
        {
            "--template-file",
            "--s3-bucket",
            "--s3-prefix",
            "--stack-name",
            "--capabilities",
            "--parameter-overrides",
            "--no-execute-changeset",
            "--role-arn",
            "--tags",
        }
    ),
    "s3 cp": frozenset({"--recursive", "--sse", "--no-progress"}),
    "s3 ls": frozenset({"--recursive", "--human-readable"}),
    "s3 sync": frozenset({"--delete", "--exclude", "--include"}),
    "sso login": frozenset({"--sso-session"}),
    "configure sso": frozenset(),
    "logs tail": frozenset({"--follow", "--since", "--format", "--filter-pattern"}),
}
_EVERYWHERE: Final = frozenset({"--region", "--profile", "--output", "--query", "--no-cli-pager", "--cli-input-json"})
_WAITS: Final = "wait"


@dataclass
class Curl:
    """One call of curl."""

    url: str
    method: str
    headers: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)

    @property
    def body(self) -> Any:
        """The JSON that is sent; None where the shell makes a part of it. Raises ValueError where it is none."""
        sent = "&".join(self.data)
        return None if "$(" in sent else json.loads(sent)


def curl(command: str) -> Curl:
    """What a command asks for; of several behind pipes, the first one."""
    words = shlex.split(command, comments=True)
    words = words[: words.index("|")] if "|" in words else words
    asked = Curl("", "")
    rest = iter(words[1:])
    for word in rest:
        if word in _ALONE:
            continue
        if not word.startswith("-"):
            assert not asked.url, f"two addresses: {command}"
            asked.url = word
            continue
        value = next(rest)
        if word == "-X":
            asked.method = value
        elif word == "-H":
            name, _, said = value.partition(":")
            asked.headers[name.lower()] = said.strip()
        elif word.startswith(("-d", "--data")):
            asked.data.append(value)
    asked.method = asked.method or ("POST" if asked.data else "GET")
    return asked


@cache
def routes() -> dict[str, dict[str, Any]]:
    """Every route of the API document, by ``METHOD /path`` with ``{}`` for its values."""
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def route_of(method: str, path: str) -> str | None:
    """The route that such a request meets: ``path`` has values, stand-ins for them, or names in braces."""
    parts = re.sub(r"{[^}]*}", "{}", path.split("?")[0]).split("/")
    fits = [
        route
        for route in routes()
        if route.startswith(f"{method} ") and _fits(route.split(" ", 1)[1].split("/"), parts)
    ]
    return min(fits, key=lambda route: route.count("{}"), default=None)


def _fits(template: list[str], parts: list[str]) -> bool:
    return len(template) == len(parts) and all(a in ("{}", b) for a, b in zip(template, parts, strict=True))


def aws_faults(command: str) -> list[str]:
    """What the AWS command line would not take of a command, by botocore's model: service, operation, options."""
    words = shlex.split(command, comments=True)[1:]
    given = [word.split("=")[0] for word in words if word.startswith("--")]
    names = _until_options(words)
    if len(names) < 2:
        return [f"no operation: {command}"]
    service, operation = names[:2]
    if (known := _CUSTOM.get(f"{service} {operation}")) is None:
        try:
            known = _options(service, names[2] if operation == _WAITS else operation)
        except (UnknownServiceError, LookupError) as fault:
            return [str(fault)]
    return [f"{option} of aws {service} {operation}" for option in given if option not in known | _EVERYWHERE]


def _until_options(words: list[str]) -> list[str]:
    names = []
    for word in words:
        if word.startswith("--"):
            break
        names.append(word)
    return names


@cache
def _options(service: str, operation: str) -> frozenset[str]:
    """Raises LookupError for an operation that the service lacks."""
    session = botocore.session.get_session()
    model = session.get_service_model(service)
    by_name = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in by_name:
        waiters = session.get_waiter_model(service)
        by_waiter = {xform_name(name, "-"): waiters.get_waiter(name).operation for name in waiters.waiter_names}
        if operation not in by_waiter:
            raise LookupError(f"no operation {operation} of {service}")
        by_name[operation] = by_waiter[operation]
    shape = model.operation_model(by_name[operation]).input_shape
    members = shape.members if shape else {}
    options = {f"--{xform_name(name, '-')}" for name in members}
    flags = {f"--no-{xform_name(name, '-')}" for name, member in members.items() if member.type_name == "boolean"}
    return frozenset(options | flags)
