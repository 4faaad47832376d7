"""The gift catalogue on the command line: what is said before it is done, done once, refused before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.live import gifts
from scripts.admin.cli import run
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
LILY = ("gifts", "set", "lily", "--name", "Lily", "--coins", "250")
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_list_shows_all_of_them(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    soulseer("gifts", "stop", "star", *WHY)
    capsys.readouterr()
    assert soulseer("gifts", "list") == 0
    rows = said(capsys)["rows"]
    assert [(row["gift"], row["coins"], row["active"]) for row in rows] == [
        ("rose", 100, True),
        ("heart", 500, True),
        ("star", 1_000, False),
        ("diamond", 2_500, True),
        ("crown", 5_000, True),
    ]


def test_a_gift_is_offered_only_with_yes_and_audited(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer(*LILY, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would == "offer Lily (lily) for 250 coins, lily_v1, a new one"
    assert len(gifts.catalogue(world).gifts) == 5
    assert soulseer(*LILY, *WHY) == 0
    assert said(capsys)["rows"] == [
        {"gift": "lily", "name": "Lily", "coins": 250, "animation": "lily_v1", "active": True}
    ]
    (row,) = world.tables.query("audit", ("pk", "gift:lily")).items
    assert (row["action"], row["actor"], row["reason"], row["detail"]["coins"]) == (
        "gift_set",
        "arn:ops",
        "because",
        250,
    )


def test_what_is_so_already_is_nothing_to_do(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (LILY, ("gifts", "stop", "lily")):
        soulseer(*arguments, *WHY)
        capsys.readouterr()
        assert soulseer(*arguments, *WHY) == 0
        assert said(capsys) == {"done": True, "would": [], "rows": []}


def test_a_gift_that_was_stopped_can_be_offered_again(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    soulseer(*LILY, *WHY)
    soulseer("gifts", "stop", "lily", *WHY)
    capsys.readouterr()
    soulseer(*LILY, "--animation", "lily_v2", "--reason", "because")
    (would,) = said(capsys)["would"]
    assert would.endswith("now Lily (lily) for 250 coins, lily_v1, stopped")
    soulseer(*LILY, "--animation", "lily_v2", *WHY)
    assert gifts.catalogue(world).gift("lily").active


def test_a_name_that_is_no_id_is_one_complaint_of_it(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for named in ("Lily", "lily!", "x" * 33):
        with pytest.raises(SystemExit) as stopped:
            soulseer("gifts", "set", named, "--name", "Lily", "--coins", "250", *WHY)
        assert stopped.value.code == 2
        told = capsys.readouterr().err
        assert "argument GIFT: write 1 to 32 small letters, digits and underscores" in told
        assert "animation:" not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("gifts", "set", "lily", "--name", "Lily", "--coins", "0"),
        ("gifts", "stop", "moon"),
    ],
)
def test_what_cannot_be_is_refused_before_it_is_confirmed(soulseer: Command, arguments: tuple[str, ...]) -> None:
    assert soulseer(*arguments, "--reason", "because") == 1


@pytest.mark.parametrize("arguments", [("set", "Tulip", "--name", "Tulip", "--coins", "250"), ("stop", "Tulip")])
def test_an_id_that_can_be_none_is_one_complaint_of_the_argument(
    soulseer: Command, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer("gifts", *arguments, *WHY)
    assert stopped.value.code == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.endswith("argument GIFT: write 1 to 32 small letters, digits and underscores, such as rose")
