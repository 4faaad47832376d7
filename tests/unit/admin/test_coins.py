"""Coins on the command line: what is said before it is done, done once a ref, refused before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.runtime.identity import Claims
from chalicelib.wallet import coins, purchases, statement
from chalicelib.wallet.model.purchase import Told
from scripts.admin.cli import run
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, Claims("auth0|ada", "ada@example.com", "Ada")).id


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def rows(world: World, table: str, subject: str) -> list[dict[str, Any]]:
    assert isinstance(world.tables, MemoryTables)
    return [each for each in world.tables.rows[table].values() if each["pk"] == subject]


def test_coins_are_given_once_a_ref_audited_and_told(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grant = ("coins", "grant", ada, "--coins", "500", "--ref", "ticket-1")
    assert soulseer(*grant, "--reason", "because") == 0
    assert said(capsys)["would"] == [f"give Ada ({ada}) 500 coins"]
    assert coins.balance(world, ada) == 0
    for _ in range(2):
        assert soulseer(*grant, *WHY) == 0
    assert coins.balance(world, ada) == 500
    assert soulseer("coins", "grant", ada, "--coins", "501", "--ref", "ticket-1", *WHY) == 1
    (act,) = [each for each in rows(world, "audit", ada) if each["action"] == "coins_granted"]
    assert (act["actor"], act["reason"], act["detail"]) == ("arn:ops", "because", {"coins": 500, "ref": "ticket-1"})
    (notice,) = rows(world, "notices", ada)
    told = words(Notice(ada, notice["kind"], notice["facts"]), "UTC")
    assert told
    assert "500 coins" in told.text
    assert statement.trial_balance(world).total == {"coins": 0}


def test_coins_are_taken_once_a_ref_and_never_more_than_there_are(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    soulseer("coins", "grant", ada, "--coins", "500", "--ref", "ticket-1", *WHY)
    capsys.readouterr()
    take = ("coins", "take", ada, "--coins", "300", "--ref", "ticket-1")
    assert soulseer(*take, "--reason", "because") == 0
    assert said(capsys)["would"] == [f"take 300 coins from Ada ({ada})"]
    for _ in range(2):
        assert soulseer(*take, *WHY) == 0
    assert coins.balance(world, ada) == 200
    assert soulseer("coins", "take", ada, "--coins", "201", "--ref", "ticket-2", "--reason", "because") == 1
    assert soulseer("coins", "take", ada, "--coins", "200", "--ref", "ticket-2", *WHY) == 0
    assert coins.balance(world, ada) == 0
    assert {each["kind"] for each in rows(world, "notices", ada)} == {"coins_granted", "coins_withdrawn"}
    for notice in rows(world, "notices", ada):
        assert words(Notice(ada, notice["kind"], notice["facts"]), "UTC")


@pytest.mark.parametrize("verb", ["grant", "take"])
@pytest.mark.parametrize("count", ["0", "100001"])
def test_a_number_out_of_bounds_is_refused(soulseer: Command, world: World, ada: str, verb: str, count: str) -> None:
    assert soulseer("coins", verb, ada, "--coins", count, "--ref", "ticket-1", *WHY) == 1
    assert soulseer("coins", verb, "usr_nobody", "--coins", "1", "--ref", "ticket-1", *WHY) == 1
    assert rows(world, "notices", ada) == []


def test_who_has_left_is_given_none(soulseer: Command, world: World, ada: str) -> None:
    world.tables.write(*accounts.closing(world, accounts.person(world, ada), "asked for"))
    assert soulseer("coins", "grant", ada, "--coins", "1", "--ref", "ticket-1", *WHY) == 1
    assert coins.balance(world, ada) == 0


def test_a_persons_coins_are_shown_with_what_they_bought(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    purchases.learn(world, Told("google", "GPA.1", ada, "coins_100", 100, standing=True, at=NOON, environment="live"))
    assert soulseer("coins", "show", ada) == 0
    (row,) = said(capsys)["rows"]
    assert (row["coins"], "older" in row) == (100, False)
    assert row["purchases"] == [
        {"at": "2030-03-17T17:46:40.000Z", "store": "google", "id": "GPA.1", "coins": 100, "stands": 100}
    ]
    assert soulseer("coins", "show", "usr_nobody") == 1


def test_each_purchase_is_a_line_of_its_own(world: World, ada: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2):
        told = Told("google", f"GPA.{number}", ada, "coins_100", 100, standing=True, at=NOON, environment="live")
        purchases.learn(world, told)
    assert run(["coins", "show", ada, "--local"], lambda _: world) == 0
    *_, names, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert names == ["at", "store", "id", "coins", "stands"]
    assert (first[1:], second[1:]) == (["google", "GPA.1", "100", "100"], ["google", "GPA.0", "100", "100"])


def test_more_than_are_shown_is_said(world: World, ada: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(101):
        told = Told("google", f"GPA.{number}", ada, "coins_100", 100, standing=True, at=NOON, environment="live")
        purchases.learn(world, told)
    assert run(["coins", "show", ada, "--local", "--json"], lambda _: world) == 0
    (row,) = said(capsys)["rows"]
    assert (len(row["purchases"]), row["older"]) == (100, "there are, beside these 100")


# --- packs ---------------------------------------------------------------------------------------


def test_a_pack_is_made_repriced_and_stopped_each_audited_once(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    make = ("coins", "set-pack", "coins_200", "--coins", "200", "--price", "290")
    assert soulseer(*make, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.startswith("sell coins_200: 200 coins for 290 cents")
    for _ in range(2):
        assert soulseer(*make, *WHY) == 0
        assert soulseer("coins", "set-pack", "coins_200", "--coins", "200", "--price", "300", *WHY) == 0
        assert soulseer("coins", "stop-pack", "coins_200", *WHY) == 0
        assert soulseer("coins", "stop-pack", "coins_200", *WHY) == 0
        assert isinstance(world.now, HandClock)
        world.now.forward(1)
    capsys.readouterr()
    assert soulseer("coins", "packs") == 0
    found = said(capsys)["rows"]
    assert len(found) == 6
    assert found[1] == {"id": "coins_200", "coins": 200, "price_cents": 300, "active": False}
    acts = [each["action"] for each in rows(world, "audit", "pack:coins_200")]
    assert sorted(acts) == ["pack_set"] * 4 + ["pack_stopped"] * 2


def test_a_pack_that_would_change_its_coins_or_is_none_is_refused(soulseer: Command, world: World) -> None:
    assert soulseer("coins", "set-pack", "coins_100", "--coins", "101", "--price", "149", *WHY) == 1
    assert soulseer("coins", "set-pack", "coins_100", "--coins", "100", "--price", "1", *WHY) == 1
    assert soulseer("coins", "stop-pack", "coins_101", *WHY) == 1
    assert purchases.packs_of(world).rev == 0
