"""Shipping rates on the command line: what is said before it is done, done once, refused before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.shop import rates
from scripts.admin.cli import run
from tests.support.worlds import HandClock, hand_world

WHY = ("--reason", "because", "--yes")
EXPRESS = ("shipping", "set", "express", "--name", "Express", "--amount", "1995", "--countries", "US", "CA")
ROW = {"rate": "express", "name": "Express", "amount_cents": 1_995, "countries": ["CA", "US"], "active": True}
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_rate_is_offered_only_with_yes_and_audited(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer(*EXPRESS, "--reason", "because") == 0
    assert said(capsys)["would"] == ["offer Express (express) for 1995 cents to CA US, a new one"]
    assert len(rates.every(world)) == 1
    assert soulseer(*EXPRESS, *WHY) == 0
    assert said(capsys)["rows"] == [ROW]
    assert soulseer("shipping", "list") == 0
    assert [each["rate"] for each in said(capsys)["rows"]] == ["standard", "express"]
    (row,) = world.tables.query("audit", ("pk", "shipping:express")).items
    assert (row["action"], row["actor"], row["reason"], row["detail"]) == (
        "shipping_rate_set",
        "arn:ops",
        "because",
        {"name": "Express", "amount": 1_995, "countries": "CA US"},
    )


def test_a_rate_that_was_stopped_is_not_offered_until_it_is_set_again(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    soulseer(*EXPRESS, *WHY)
    capsys.readouterr()
    assert soulseer("shipping", "stop", "express", *WHY) == 0
    assert said(capsys)["rows"] == [ROW | {"active": False}]
    assert [each.id for each in rates.offered(world, None)] == ["standard"]
    assert soulseer(*EXPRESS, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.endswith(", now Express (express) for 1995 cents to CA US, stopped")
    assert isinstance(world.now, HandClock)
    world.now.forward(1_000)
    assert soulseer(*EXPRESS, *WHY) == 0
    assert [each.id for each in rates.offered(world, "CA")] == ["express"]
    actions = [row["action"] for row in world.tables.query("audit", ("pk", "shipping:express")).items]
    assert sorted(actions) == ["shipping_rate_set", "shipping_rate_set", "shipping_rate_stopped"]


def test_what_is_so_already_is_nothing_to_do(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (EXPRESS, ("shipping", "stop", "express")):
        soulseer(*arguments, *WHY)
        capsys.readouterr()
        assert soulseer(*arguments, *WHY) == 0
        assert said(capsys) == {"done": True, "would": [], "rows": []}


def test_what_cannot_be_is_refused_before_it_is_confirmed(
    soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    dear = [*EXPRESS, "--reason", "because"]
    dear[dear.index("1995")] = "20001"
    assert soulseer(*dear) == 1
    assert "from 0 to 20000" in capsys.readouterr().err
    assert soulseer("shipping", "stop", "express", *WHY) == 1


def test_a_country_that_is_none_is_wrong_usage(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        soulseer(*EXPRESS, "UK", *WHY)
    assert "two letters of ISO 3166" in capsys.readouterr().err
