"""Promotional credit on the command line: what is said before it is done, done once, refused before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.time import DAY, rfc3339
from chalicelib.runtime.identity import Claims
from chalicelib.wallet import promos
from chalicelib.wallet import service as wallet
from scripts.admin.cli import run
from tests.support.hands import BEA
from tests.support.worlds import NOON, hand_world

WHY = ("--reason", "because", "--yes")
UNTIL = rfc3339(NOON + DAY)
TERMS = ("--amount", "500", "--until", UNTIL, "--days", "30", "--total", "10")
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


def test_making_a_code_says_first_what_it_may_cost(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("promo", "make", "welcome5", *TERMS, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert "up to 5000 cents" in would
    assert promos.codes(world) == []
    assert soulseer("promo", "make", "welcome5", *TERMS, *WHY) == 0
    (row,) = said(capsys)["rows"]
    assert row == {
        "code": "WELCOME5",
        "amount": 500,
        "valid_until": UNTIL,
        "days": 30,
        "per_person": 1,
        "used": 0,
        "total": 10,
        "stopped": False,
    }


def test_making_it_again_is_nothing_to_do_and_on_other_terms_refused(
    soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    soulseer("promo", "make", "WELCOME5", *TERMS, *WHY)
    capsys.readouterr()
    assert soulseer("promo", "make", "WELCOME5", *TERMS, *WHY) == 0
    assert said(capsys)["would"] == []
    assert soulseer("promo", "make", "WELCOME5", *TERMS, "--per-person", "2", *WHY) == 1


def test_a_code_worth_more_than_one_may_give_alone_waits_for_a_second_person(
    soulseer: Command, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    friends = ("promo", "make", "FRIENDS", *TERMS, "--amount", "50000")
    assert soulseer(*friends, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.startswith("ask a second person to approve this")
    assert soulseer(*friends, *WHY) == 0
    (row,) = said(capsys)["rows"]
    assert (row["what"], row["state"]) == (
        f"the code FRIENDS: 50000 cents for 30 days, 1 times each and 10 in all, before {UNTIL}, up to 500000 cents",
        "pending",
    )
    assert promos.codes(world) == []
    assert soulseer(*friends, *WHY) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}
    assert run(["adjustments", "approve", row["id"], *WHY, "--local", "--json"], lambda _: world, lambda: BEA) == 0
    capsys.readouterr()
    assert soulseer("promo", "show", "FRIENDS") == 0
    assert said(capsys)["rows"][0]["amount"] == 50_000
    assert soulseer(*friends, *WHY) == 0
    assert said(capsys)["rows"] == []


@pytest.mark.parametrize("change", [("--amount", "0"), ("--days", "366"), ("--total", "0"), ("--per-person", "11")])
def test_terms_out_of_bounds_are_refused_before_they_are_confirmed(soulseer: Command, change: tuple[str, str]) -> None:
    assert soulseer("promo", "make", "WELCOME5", *TERMS, *change, "--reason", "because") == 1


@pytest.mark.parametrize("name", ["\u017fale5", "\ufb01rst5", "stra\u00dfe", "\u0430bcd", "abc"])
def test_letters_that_only_look_or_grow_like_a_codes_are_refused(
    soulseer: Command, world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("promo", "make", name, *TERMS, *WHY) == 1
    assert "code: " in capsys.readouterr().err
    assert promos.codes(world) == []


@pytest.mark.parametrize("until", ["tomorrow", "2030-01-01", "2030-01-01T00:00:00"])
def test_a_moment_without_a_zone_is_wrong_usage(soulseer: Command, until: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer("promo", "make", "WELCOME5", *TERMS, "--until", until, *WHY)
    assert stopped.value.code == 2


def test_a_code_is_listed_shown_and_stopped_once(soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("BBBB", "AAAA"):
        soulseer("promo", "make", name, *TERMS, *WHY)
    capsys.readouterr()
    assert soulseer("promo", "list") == 0
    assert [row["code"] for row in said(capsys)["rows"]] == ["AAAA", "BBBB"]
    assert soulseer("promo", "stop", "aaaa", *WHY) == 0
    assert said(capsys)["rows"][0]["stopped"] is True
    assert soulseer("promo", "stop", "AAAA", *WHY) == 0
    assert said(capsys)["rows"] == []
    assert soulseer("promo", "show", "AAAA") == 0
    assert said(capsys)["rows"][0]["stopped"] is True
    assert soulseer("promo", "show", "CCCC") == 1


def test_what_is_given_is_said_first_and_given_once_a_ref(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grant = ("promo", "grant", ada, "--amount", "700", "--days", "7", "--ref", "ticket-1")
    assert soulseer(*grant, "--reason", "because") == 0
    assert said(capsys)["would"] == [f"give Ada ({ada}) 700 cents of promotional credit for 7 days"]
    assert wallet.head(world, ada).balance == 0
    for _ in range(2):
        assert soulseer(*grant, *WHY) == 0
    assert wallet.head(world, ada).balance == 700
    assert soulseer("promo", "grant", ada, "--amount", "701", "--days", "7", "--ref", "ticket-1", *WHY) == 1
    assert soulseer("promo", "grant", "usr_nobody", "--amount", "7", "--days", "7", "--ref", "ticket-1", *WHY) == 1
