"""Adjusting by hand on the command line: what is said before it is done, and who may say yes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.wallet import service as wallet
from scripts.admin import stages
from scripts.admin.cli import run
from tests.support.events import dispute_event
from tests.support.hands import ANN, BEA
from tests.support.people import person
from tests.support.purse import OWNER, Purse
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def ada(world: World) -> str:
    return person(world, "usr_ada")


@pytest.fixture
def ann(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: ANN)


@pytest.fixture
def bea(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: BEA)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_small_adjustment_is_said_first_then_done_once(
    ann: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    adjust = ("wallet", "adjust", ada, "--amount", "500", "--ref", "t1")
    assert ann(*adjust, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.startswith("give ")
    assert would.endswith(" 500 cents of credit")
    assert wallet.head(world, ada).balance == 0
    assert ann(*adjust, *WHY) == 0
    assert said(capsys)["rows"][0]["amount"] == 500
    assert ann(*adjust, *WHY) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}
    assert ann("wallet", "adjust", ada, "--amount", "-200", "--ref", "t2", *WHY) == 0
    assert wallet.head(world, ada).balance == 300
    assert ann("wallet", "adjust", ada, "--amount", "-301", "--ref", "t3", "--reason", "because") == 1
    assert ann("wallet", "adjust", ada, "--amount", "501", "--ref", "t1", *WHY) == 1
    assert ann("wallet", "adjust", ada, "--amount", "1", "--account", "earnings", "--ref", "t4", *WHY) == 1


def test_what_a_won_dispute_would_bring_back_is_said_before_credit_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    purse = Purse()
    person(purse.world, OWNER)
    purse.pays(2_500)
    adjust = ["wallet", "adjust", OWNER, "--amount", "2500", "--ref", "t1", "--reason", "because", "--local", "--json"]
    for status, said_of_it in (("needs_response", 1), ("lost", 0)):
        purse.tell(dispute_event("created", "dp_1", "pi_top_1", 2_500, status))
        capsys.readouterr()
        assert run(adjust, lambda _: purse.world, lambda: ANN) == 0
        assert sum("2500 cents that come back by themselves" in each for each in said(capsys)["would"]) == said_of_it


def test_a_large_one_is_asked_for_and_another_person_approves(
    ann: Command, bea: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    adjust = ("wallet", "adjust", ada, "--amount", "25000", "--ref", "t1")
    assert ann(*adjust, "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.startswith("ask a second person to approve this")
    assert ann(*adjust, *WHY) == 0
    (row,) = said(capsys)["rows"]
    assert (row["state"], row["asked_by"]) == ("pending", ANN)
    assert ann("adjustments", "list", "--state", "pending") == 0
    assert [each["id"] for each in said(capsys)["rows"]] == [row["id"]]
    assert ann("adjustments", "approve", row["id"], "--reason", "because") == 1  # refused before it is confirmed
    assert "forbidden" in capsys.readouterr().err
    assert bea("adjustments", "approve", row["id"], "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would == f"approve +25000 cents of credit for {ada}, asked for by {ANN}"
    for _ in range(2):
        assert bea("adjustments", "approve", row["id"], *WHY) == 0
    assert wallet.head(world, ada).balance == 25_000
    assert bea("adjustments", "reject", row["id"], *WHY) == 1
    capsys.readouterr()
    assert bea("adjustments", "show", row["id"]) == 0
    assert said(capsys)["rows"][0]["decided_by"] == BEA


def test_what_was_rejected_needs_another_ref(
    ann: Command, bea: Command, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grant = ("coins", "grant", ada, "--coins", "20000", "--ref", "t1")
    assert ann(*grant, *WHY) == 0
    (row,) = said(capsys)["rows"]
    assert row["what"] == f"+20000 coins for {ada}"
    assert ann(*grant, *WHY) == 0
    assert said(capsys)["rows"] == []
    for _ in range(2):
        assert bea("adjustments", "reject", row["id"], *WHY) == 0
    assert ann(*grant, *WHY) == 1
    assert ann("promo", "grant", ada, "--amount", "20000", "--days", "7", "--ref", "t1", *WHY) == 0
    assert ann("adjustments", "show", "adj_nothing") == 1


@pytest.mark.parametrize("amount", ["0", "-0", "1.5", "٣", "1e3", ""])
def test_an_amount_that_is_none_is_wrong_usage(ann: Command, ada: str, amount: str) -> None:
    with pytest.raises(SystemExit):
        ann("wallet", "adjust", ada, f"--amount={amount}", "--ref", "t1", *WHY)


def test_two_people_can_be_played_on_the_local_stack_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_OPERATOR", "bea")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    assert stages.operator() == "arn:aws:iam::000000000000:user/bea"
