"""The secrets of a stage, by the command line, on Secrets Manager as the local AWS has it."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.gateways import World
from scripts.admin import secrets
from scripts.admin.cli import run
from scripts.admin.shapes import OURS, SHAPES
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world

WHY = ("--reason", "a new key", "--yes")
STRIPE = {"api_key": "sk_test_0123456789abcdef", "webhook_secret": "whsec_0123456789abcdef"}


@pytest.fixture
def vault(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    client = session.client("secretsmanager", endpoint_url=aws_url)
    for name in SHAPES:
        made = json.dumps({"secret": "x" * 40} if name in OURS else {"webhook_secret": "random"})
        client.create_secret(Name=name, SecretString=made)
    monkeypatch.setattr(secrets, "VAULT", secrets.Vault(lambda: client))
    yield client
    for name in SHAPES:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def world() -> World:
    return hand_world()


def command(world: World, monkeypatch: pytest.MonkeyPatch, given: object, *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(given if isinstance(given, str) else json.dumps(given)))
    return run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


@pytest.fixture
def give(world: World, monkeypatch: pytest.MonkeyPatch, vault: Any) -> Callable[..., int]:
    """Give a secret a value by standard input; the exit code."""

    def by_input(name: str, value: object, *why: str, stage: str = "dev") -> int:
        of_stage = replace(world, settings=replace(world.settings, stage=stage))
        return command(of_stage, monkeypatch, value, "secrets", "set", name, "--file", "-", *(why or WHY))

    return by_input


def held(vault: Any, name: str) -> Any:
    return json.loads(vault.get_secret_value(SecretId=name)["SecretString"])


def noted(world: World) -> list[Any]:
    assert isinstance(world.tables, MemoryTables)
    return list(world.tables.rows[world.settings.tables.audit].values())


def test_a_secret_is_set_with_yes_alone_audited_by_its_version_and_never_shown(
    give: Callable[..., int], vault: Any, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give("stripe", STRIPE, "--reason", "a new key") == 0
    assert held(vault, "stripe") != STRIPE
    assert give("stripe", STRIPE) == 0
    assert held(vault, "stripe") == STRIPE
    assert give("stripe", STRIPE) == 0  # and again: nothing to do
    said = capsys.readouterr()
    assert not any(value in said.out + said.err for value in STRIPE.values())
    (row,) = noted(world)
    assert (row["pk"], row["action"], row["actor"]) == ("secret:stripe", "secret_set", "arn:ops")
    assert row["detail"] == {"version": vault.get_secret_value(SecretId="stripe")["VersionId"]}
    assert not any(value in str(row) for value in STRIPE.values())


@pytest.mark.parametrize(
    ("stage", "key", "code"),
    [("prod", "sk_test_0123456789", 1), ("dev", "sk_live_0123456789", 1), ("prod", "rk_live_0123456789", 0)],
)
def test_test_money_is_refused_in_production_and_real_money_elsewhere(
    give: Callable[..., int], vault: Any, stage: str, key: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give("stripe", STRIPE | {"api_key": key}, stage=stage) == code
    assert (held(vault, "stripe").get("api_key") == key) is (code == 0)
    said = capsys.readouterr()
    assert key not in said.out + said.err


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("stripe", "{", "holds no JSON"),
        ("stripe", [], "a JSON object"),
        ("stripe", {"api_key": STRIPE["api_key"]}, "webhook_secret is missing"),
        ("stripe", STRIPE | {"apikey": "sk_test_0123456789"}, "no field apikey"),
        ("agora", {"app_id": "0" * 32, "app_certificate": "a" * 32}, "app_id is 32 hexadecimal digits"),
        ("agora", {"app_id": "a" * 31, "app_certificate": "a" * 32}, "app_id is 32 hexadecimal digits"),
        ("agora_notices", {"secret": "short"}, "at least 8 characters"),
        ("apple", {"bundle_id": "com.example.app"}, "root_certificates is missing"),
        ("google", {"package_name": "app", "service_account": {}}, "service_account is the JSON key"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused_with_what_it_should_be_and_changes_nothing(
    give: Callable[..., int],
    vault: Any,
    world: World,
    name: str,
    value: object,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = held(vault, name)
    assert give(name, value) == 1
    assert why in capsys.readouterr().err
    assert held(vault, name) == before
    assert noted(world) == []


def test_who_is_killed_after_the_audit_has_set_nothing_and_says_it_again(
    give: Callable[..., int], vault: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = secrets.Vault.put

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(secrets.Vault, "put", killed)
    assert give("stripe", STRIPE) != 0
    assert held(vault, "stripe") != STRIPE
    monkeypatch.setattr(secrets.Vault, "put", put)
    assert give("stripe", STRIPE) == 0
    assert held(vault, "stripe") == STRIPE


def test_a_key_of_our_own_is_made_anew_and_the_one_before_is_kept(
    world: World, vault: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = held(vault, "unsubscribe")["secret"]
    assert command(world, monkeypatch, "", "secrets", "rotate", "unsubscribe", *WHY) == 0
    after = held(vault, "unsubscribe")
    assert after["previous"] == before != after["secret"]
    assert after["secret"] not in capsys.readouterr().out


def test_the_status_says_which_are_set_and_fails_while_one_is_not(
    world: World, give: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert give("stripe", STRIPE) == 0
    capsys.readouterr()
    assert command(world, monkeypatch, "", "secrets", "status") == 1
    rows = {row["secret"]: row["is"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert (rows["stripe"], rows["unsubscribe"], rows["agora"]) == ("set", "ours", "not usable")


def test_a_value_is_never_an_argument(world: World, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        run(["secrets", "set", "stripe", "sk_test_0123456789", *WHY, "--local"], lambda _: world, lambda: "arn:ops")
    assert refused.value.code == 2
