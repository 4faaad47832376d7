"""Dead letters and suppressed addresses on the command line: what is said before it is done, and done once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import suppression
from chalicelib.gateways import World
from scripts.admin.cli import run
from tests.support.worlds import NOON, OfflineQueue, hand_world

WHY = ("--reason", "because", "--yes")
UNTOLD = json.dumps({"notice": {"pk": "usr_1", "sk": "refund#rfd_1"}, "error": "KeyError"})
TICK = json.dumps(
    {"detail-type": "Scheduled Event", "resources": ["arn:aws:events:x:0:rule/soulseer-dev-billing_tick"]}
)
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


@pytest.fixture
def dead(world: World) -> list[str]:
    """A notice and a tick."""
    assert isinstance(world.dead_letters, OfflineQueue)
    return [world.dead_letters.came(UNTOLD), world.dead_letters.came(TICK)]


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def lie_there(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert soulseer("deadletters", "list") == 0
    return [row["id"] for row in said(capsys)["rows"]]


def test_the_list_says_what_could_not_be_done(
    soulseer: Command, dead: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("deadletters", "list") == 0
    first, second = said(capsys)["rows"]
    assert first == {
        "id": dead[0],
        "at": "2030-03-17T17:46:40.000Z",
        "from": "notify",
        "what": "refund#rfd_1 to usr_1",
        "why": "KeyError",
        "replay": "yes",
    }
    assert (second["from"], second["replay"]) == (
        "billing_tick",
        "Nothing is lost: the next minute's tick does the same work.",
    )


def test_all_that_makes_sense_again_is_done_with_yes_alone(
    soulseer: Command, world: World, dead: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(world.untold, OfflineQueue)
    assert soulseer("deadletters", "replay", "--all", "--reason", "because") == 0
    assert said(capsys)["would"] == ["do again what notify failed at: refund#rfd_1 to usr_1"]
    assert world.untold.bodies() == []
    assert soulseer("deadletters", "replay", "--all", *WHY) == 0
    assert [row["id"] for row in said(capsys)["rows"]] == dead[:1]
    assert world.untold.bodies() == [{"notice": {"pk": "usr_1", "sk": "refund#rfd_1"}}]
    assert lie_there(soulseer, capsys) == dead[1:]
    assert soulseer("deadletters", "replay", "--all", *WHY) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}


def test_one_that_makes_no_sense_again_is_refused_and_can_be_thrown_away(
    soulseer: Command, dead: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("deadletters", "replay", "--id", dead[1], *WHY) == 1
    assert "the next minute's tick" in capsys.readouterr().err
    assert soulseer("deadletters", "drop", "--id", dead[1], *WHY) == 0
    capsys.readouterr()
    assert lie_there(soulseer, capsys) == dead[:1]
    assert soulseer("deadletters", "drop", "--id", dead[1], *WHY) == 1
    assert "no such message" in capsys.readouterr().err


def test_one_says_which(soulseer: Command) -> None:
    for arguments in ((), ("--all", "--id", "a"), ("--id", "\x1b")):
        with pytest.raises(SystemExit):
            soulseer("deadletters", "drop", *arguments, *WHY)


def test_an_address_is_asked_for_and_given_back(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    suppression.suppress(world, "ada@example.test", "complaint", NOON)
    ada = ("Ada@Example.test",)
    assert soulseer("mail", "suppressed", *ada) == 0
    assert said(capsys)["rows"] == [
        {"address": ada[0], "letters": "are not sent", "why": "complaint", "since": "2030-03-17T17:46:40.000Z"}
    ]
    assert soulseer("mail", "release", *ada, "--reason", "because") == 0
    assert said(capsys)["would"] == [
        "send letters to Ada@Example.test again, which got none since 2030-03-17T17:46:40.000Z (complaint)"
    ]
    assert soulseer("mail", "release", *ada, *WHY) == 0
    assert said(capsys)["rows"][0]["letters"] == "are sent"
    assert soulseer("mail", "release", *ada, *WHY) == 0
    assert said(capsys)["rows"] == []
