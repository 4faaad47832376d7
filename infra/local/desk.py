"""An admin's desk: the admin command line, the dashboard of the local Stripe, the letters that went out."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, Final

import requests

from chalicelib.gateways import World
from infra.local.phone import Json
from infra.local.stack import Stack
from infra.local.telling import CannotGoOn
from scripts.admin import cli

OPERATOR: Final = "local-stack"
_SOON: Final = 30.0
"""Seconds within which it is answered, on two busy cores."""


def command(world: World, *arguments: str) -> list[Json]:
    """What a command of the admin's answers. Raises CannotGoOn where it is refused."""
    with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as complained:
        code = cli.run([*arguments, "--local", "--json"], lambda _: world, lambda: OPERATOR)
    if code != cli.DONE:
        raise CannotGoOn(f"scripts/soulseer {' '.join(arguments[:2])}: {complained.getvalue().strip()}")
    rows: list[Json] = json.loads(said.getvalue())["rows"]
    return rows


def letters(stack: Stack) -> list[Json]:
    """Every one that SES took, each sender's oldest first."""
    told = requests.get(f"{stack.addresses.endpoint_url}/_ministack/ses/messages", timeout=_SOON).json()
    return [each for account in told["messages"].values() for each in account]


class Dashboard:
    """Of Stripe at ``url``: its API with some key, and what a bank does or nobody is told of (docs/local.md)."""

    def __init__(self, url: str) -> None:
        self._url = url

    def listed(self, what: str, **asked: str) -> list[Json]:
        listed: list[Json] = self._answer("GET", f"v1/{what}", params=asked)["data"]
        return listed

    def post(self, what: str, **form: str | int) -> Json:
        """Make or change something. ``price_data__currency`` stands for ``price_data[currency]``."""
        named = {name.replace("__", "[") + "]" * name.count("__"): value for name, value in form.items()}
        return self._answer("POST", f"v1/{what}", data=named)

    def pull(self, lever: str, method: str = "POST", **how: Any) -> Json:
        return self._answer(method, f"_local/{lever}", json=how)

    def _answer(self, method: str, path: str, **sent: Any) -> Json:
        headers = {"authorization": "Bearer sk_test_dashboard"}
        answer = requests.request(method, f"{self._url}/{path}", headers=headers, timeout=_SOON, **sent)
        answer.raise_for_status()
        found: Json = answer.json()
        return found
