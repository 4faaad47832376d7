"""The catalogue on the command line: what is said before it is done, done once, refused before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.admin.cli import run
from tests.support.stall import GUIDE, Stall
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
LOOK = ("--reason", "because")
MOON = "prd_1moon"
Command = Callable[..., int]


@pytest.fixture
def stall() -> Stall:
    return Stall(hand_world()).ready()


@pytest.fixture
def soulseer(stall: Stall, capsys: pytest.CaptureFixture[str]) -> Command:
    def command(*arguments: str) -> int:
        capsys.readouterr()  # what was logged before
        return run([*arguments, "--local", "--json"], lambda _: stall.world, lambda: "arn:ops")

    return command


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[[], Any]:
    return lambda: json.loads(capsys.readouterr().out)


def test_lists_what_is_on_sale_what_is_not_and_whose_it_is(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.sells("tarot", 2_500)
    stall.draft()
    for arguments, found in (((), ["prd_1tarot"]), (("--off",), [MOON]), (("--seller", stall.reader), [MOON])):
        assert soulseer("products", "list", *arguments) == 0
        assert [row["product"] for row in said()["rows"]] == found


def test_a_product_is_shown_with_what_is_wrong(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.till.prices.clear()
    stall.sells("odd", 40)
    assert soulseer("products", "show", "prd_1odd") == 0
    (row,) = said()["rows"]
    assert (row["fault"], row["on_sale"], row["active_at_stripe"], row["stock"]) == (
        "its price is out of bounds",
        False,
        True,
        "0",
    )
    assert soulseer("products", "show", "prd_none") == 1


def test_the_platform_sells_something_once_confirmed(stall: Stall, soulseer: Command, said: Any) -> None:
    tarot = ("products", "add", "--name", "Tarot", "--kind", "physical", "--price", "2500")
    assert soulseer(*tarot, *LOOK) == 0
    assert said()["would"] == ["sell Tarot, physical, for 2500 cents"]
    assert stall.till.catalogue == {}
    assert soulseer(*tarot, *WHY) == 0
    (row,) = said()["rows"]
    assert (row["on_sale"], row["waiting"], stall.till.catalogue[row["product"]]["name"]) == (True, False, "Tarot")


def test_what_is_out_of_bounds_is_refused_before_it_is_confirmed(stall: Stall, soulseer: Command) -> None:
    stall.draft()
    assert soulseer("products", "add", "--name", "x", "--kind", "physical", "--price", "49", *LOOK) == 1
    assert soulseer("products", "change", MOON, "--price", "99", *LOOK) == 1
    assert soulseer("products", "approve", MOON, *LOOK) == 1


def test_a_change_says_what_it_will_be(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.draft()
    change = ("products", "change", MOON, "--price", "1000", "--coins", "1000")
    assert soulseer(*change, *LOOK) == 0
    (would,) = said()["would"]
    assert would.startswith("change Moon calendar (prd_1moon, digital, 900 cents) to ")
    assert would.endswith(" (prd_1moon, digital, 1000 cents or 1000 coins)")
    assert soulseer("products", "change", MOON, "--description", "Moons.", *LOOK) == 0
    assert said()["would"][0].endswith(", and what it says")
    assert soulseer(*change, *WHY) == 0
    assert (said()["rows"][0]["price"], stall.row().coins) == (1_000, 1_000)
    assert soulseer(*change, *WHY) == 0
    assert said() == {"done": True, "would": [], "rows": []}


def test_a_product_is_approved_and_stopped_once(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.draft(kind="physical")
    for verb, would, on_sale in (
        ("approve", "put Moon calendar (prd_1moon, physical, 900 cents) on sale, now draft", True),
        ("stop", "take Moon calendar (prd_1moon, physical, 900 cents) off sale", False),
    ):
        assert soulseer("products", verb, MOON, *LOOK) == 0
        assert said()["would"] == [would]
        assert soulseer("products", verb, MOON, *WHY) == 0
        assert said()["rows"][0]["on_sale"] is on_sale
        assert soulseer("products", verb, MOON, *WHY) == 0
        assert said()["would"] == []


def test_whoever_looks_at_a_product_can_fetch_its_file(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.draft()
    assert soulseer("products", "show", MOON) == 0
    assert said()["rows"][0]["file_link"] is None
    stall.filed()
    assert soulseer("products", "show", MOON) == 0
    assert f"products/{MOON}/{GUIDE.id}" in said()["rows"][0]["file_link"]


def test_whoever_approves_a_product_is_told_which_file_it_is(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.draft()
    stall.filed()
    assert soulseer("products", "approve", MOON, *LOOK) == 0
    (would,) = said()["would"]
    assert would.endswith(f" on sale, its file {GUIDE.name} ({GUIDE.sha256}), now draft")
    assert soulseer("products", "approve", MOON, *WHY) == 0
    assert said()["rows"][0]["file"].endswith(GUIDE.sha256)


def test_pieces_are_counted(stall: Stall, soulseer: Command, said: Any) -> None:
    stall.draft()
    stall.sells("tarot", left=3)
    assert soulseer("products", "stock", "prd_1tarot", "--left", "40", *LOOK) == 0
    assert said()["would"] == ["say that 40 of prd_1tarot (prd_1tarot, physical, 1000 cents) are left, not 3"]
    assert soulseer("products", "stock", "prd_1tarot", "--left", "40", *WHY) == 0
    assert said()["rows"][0]["stock"] == "40"
    assert soulseer("products", "stock", "prd_1tarot", "--left", "40", *WHY) == 0
    assert said()["would"] == []
    assert soulseer("products", "stock", "prd_1tarot", "--unlimited", *WHY) == 1
    assert soulseer("products", "stock", MOON, "--left", "5", *WHY) == 0
    assert soulseer("products", "stock", MOON, "--unlimited", *WHY) == 0
    assert stall.left("moon") is None


def test_a_sync_says_what_it_did(stall: Stall, soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    stall.till.sells("prd_1tarot", 2_500)
    assert soulseer("products", "sync", *LOOK) == 0
    assert json.loads(capsys.readouterr().out)["done"] is False
    assert soulseer("products", "sync", *WHY) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["seen"], row["added"], row["failed"], row["ended_at"] is not None) == (1, 1, 0, True)


def test_a_sync_that_left_something_exits_with_one(stall: Stall, soulseer: Command) -> None:
    stall.till.sells("prd_1tarot", 2_500)
    stall.till.down = True
    stall.draft()
    assert soulseer("products", "sync", *WHY) == 1
