"""The list of words that nobody may write, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.community import words
from chalicelib.gateways import World
from scripts.admin.cli import run
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_word_is_added_only_with_yes_and_audited(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("words", "add", "Damn", "--reason", "because") == 0
    assert said(capsys)["would"] == ["let nobody write Damn"]
    assert words.listed(world).words == ()
    assert soulseer("words", "add", "Damn", *WHY) == 0
    assert said(capsys)["rows"] == [{"words": 1}]
    (row,) = world.tables.query("audit", ("pk", "words:community")).items
    assert (row["action"], row["actor"], row["reason"], row["detail"]) == (
        "word_added",
        "arn:ops",
        "because",
        {"word": "Damn"},
    )
    assert soulseer("words", "add", "d4mn", *WHY) == 0
    assert said(capsys)["would"] == []


def test_a_text_can_be_tried_against_the_list(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in ("damn", "heck"):
        words.add(world, word, actor="ops", reason="because")
    soulseer("words", "list")
    assert said(capsys)["rows"] == [{"word": "damn"}, {"word": "heck"}]
    soulseer("words", "test", "Oh H3CK, Scunthorpe!")
    assert said(capsys)["rows"] == [{"word": "heck"}]


def test_a_word_is_taken_off_again(soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    words.add(world, "damn", actor="ops", reason="because")
    assert soulseer("words", "remove", "DAMN", *WHY) == 0
    assert words.listed(world).words == ()
    capsys.readouterr()
    assert soulseer("words", "remove", "damn", *WHY) == 1
    assert "not_found" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["two words", "a", "123"])
def test_what_is_no_word_is_refused_before_it_is_confirmed(soulseer: Command, world: World, word: str) -> None:
    assert soulseer("words", "add", word, "--reason", "because") == 1
    assert words.listed(world).words == ()
