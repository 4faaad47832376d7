"""The verbs of the secrets: which are set, setting one, and a new key of our own.

A value comes by a file, by standard input or by a prompt that shows nothing; never as an argument, which a shell keeps,
and no command prints one. Who set what is in the audit log before it is set, with the number of the version: a crash
between the two leaves a word too many there, and never a secret that nobody set.
"""

import json
import secrets
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime import audit
from chalicelib.runtime.aws import client
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, takes_nothing
from scripts.admin.completion import offers_files
from scripts.admin.shapes import OURS, SHAPES, problems

_LARGEST: Final = 100_000
_LENGTH: Final = 40
"""Of a key of our own, in bytes before they are written as text."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Where the secrets are. Another one is for tests."""

    open: Callable[[], Any] = lambda: client("secretsmanager")

    def current(self, name: str) -> Any:
        """The value in use; None where it is no JSON."""
        try:
            return json.loads(self.open().get_secret_value(SecretId=name)["SecretString"])
        except ValueError:
            return None

    def put(self, name: str, value: Mapping[str, Any], version: str) -> None:
        """Under a version's number that the caller chose: to put it twice is to put it once."""
        self.open().put_secret_value(SecretId=name, SecretString=json.dumps(value), ClientRequestToken=version)

    def changed_at(self, name: str) -> int:
        """In milliseconds."""
        told = self.open().describe_secret(SecretId=name)
        return int((told.get("LastChangedDate") or told["CreatedDate"]).timestamp() * 1000)


VAULT = Vault()


def status(world: World, asked: Namespace) -> Answer:
    """Looks at the shape of each, and shows none."""
    del asked
    rows = [_facts(world, name) for name in SHAPES]
    return Answer(rows, holds=all(row["is"] != "not usable" for row in rows))


def set_secret(world: World, asked: Namespace) -> Plan:
    """Functions have it within five minutes. The value before stays at Secrets Manager as the previous version."""
    value = _read(asked)
    if wrong := problems(asked.name, value, production=_is_production(world)):
        raise Invalid(errors=tuple({"field": asked.name, "message": each} for each in wrong))
    return _plan(world, asked.name, value, "secret_set", f"give {_named(world, asked.name)} a new value")


def rotate(world: World, asked: Namespace) -> Plan:
    """Letters that were made with the key before go on working, until the next rotation."""
    value = VAULT.current(_named(world, asked.name)) or {}
    fresh = {"secret": secrets.token_urlsafe(_LENGTH)} | ({"previous": value["secret"]} if "secret" in value else {})
    what = f"make a new key for {_named(world, asked.name)}, and keep the one before for what was made with it"
    return _plan(world, asked.name, fresh, "secret_rotated", what)


def _plan(world: World, name: str, value: Mapping[str, Any], action: str, what: str) -> Plan:
    secret = _named(world, name)

    def act(operator: str, reason: str) -> Answer:
        version = str(uuid.uuid4())
        entry = audit.entry(
            world.settings.tables.audit,
            subject=f"secret:{name}",
            action=action,
            actor=operator,
            reason=reason,
            at=world.now(),
            detail={"version": version},
        )
        world.tables.write(entry)
        VAULT.put(secret, value, version)
        return Answer([_facts(world, name) | {"version": version}])

    return Plan((what,) if VAULT.current(secret) != value else (), act, f"{secret} has that value already.")


def _facts(world: World, name: str) -> Facts:
    secret = _named(world, name)
    wrong = problems(name, VAULT.current(secret), production=_is_production(world))
    return {
        "secret": secret,
        "is": "not usable" if wrong else "ours" if name in OURS else "set",
        "changed_at": rfc3339(VAULT.changed_at(secret)),
        "missing": wrong,
    }


def _named(world: World, name: str) -> str:
    named: str = getattr(world.settings, f"{name}_secret")
    return named


def _is_production(world: World) -> bool:
    return world.settings.stage == "prod"


def _read(asked: Namespace) -> Any:
    """What was given. Raises Invalid, without what was."""
    if asked.file is None:
        return _asked_for(asked.name)
    try:
        if str(asked.file) == "-":
            return json.loads(sys.stdin.read(_LARGEST))
        with asked.file.open(encoding="utf-8") as file:
            return json.loads(file.read(_LARGEST))
    except OSError:
        raise Invalid(errors=({"field": "--file", "message": "it cannot be read"},)) from None
    except (ValueError, RecursionError):
        raise Invalid(errors=({"field": "--file", "message": "it holds no JSON"},)) from None


def _asked_for(name: str) -> dict[str, Any]:
    if not sys.stdin.isatty():
        raise Invalid(
            errors=({"field": "--file", "message": "say --file - for standard input: nobody is there to be asked"},)
        )
    if name in ("apple", "google"):
        raise Invalid(
            errors=({"field": "--file", "message": f"{name} holds more than can be typed: put it into a file"},)
        )
    return {each.name: getpass(f"{each.name} ({each.form}): ") for each in SHAPES[name] if each.needed}


def _takes_value(parser: ArgumentParser) -> None:
    settable = sorted(SHAPES.keys() - OURS)
    parser.add_argument("name", choices=settable, metavar="NAME", help=", ".join(settable))
    offers_files(
        parser.add_argument(
            "--file",
            type=Path,
            metavar="PATH",
            help="a JSON file, or - for standard input; without it, it is asked for",
        )
    )


def _takes_ours(parser: ArgumentParser) -> None:
    parser.add_argument("name", choices=sorted(OURS), metavar="NAME", help=f"a key of our own: {', '.join(OURS)}")


VERBS: Final = (
    Verb(
        "secrets",
        "status",
        "Say which secrets are set as they should be, without showing one.",
        ("secrets status --stage prod", "secrets status --local"),
        takes_nothing,
        status,
    ),
    Verb(
        "secrets",
        "set",
        "Give a secret its value, from a file, standard input or a prompt.",
        (
            f"secrets set stripe --stage prod {WHY}",
            f"secrets set apple --file apple.json --stage prod {WHY}",
            f"secrets set agora --file - --stage staging {WHY}",
        ),
        _takes_value,
        set_secret,
        changes=True,
    ),
    Verb(
        "secrets",
        "rotate",
        "Make a new key of our own, and keep the one before for what was made with it.",
        (f"secrets rotate unsubscribe --stage prod {WHY}",),
        _takes_ours,
        rotate,
        changes=True,
    ),
)
