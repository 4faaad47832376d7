"""A person's money on the command line: once for a ref, and nothing that is not plainly a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.admin.cli import run
from tests.support.people import person
from tests.support.purse import OWNER, Purse

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def purse() -> Purse:
    purse = Purse()
    person(purse.world, OWNER)
    purse.pays(2_500)
    return purse


@pytest.fixture
def soulseer(purse: Purse) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: purse.world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("amount", [("--amount", "500"), ()], ids=["some", "all"])
def test_the_same_ref_gives_back_once(
    soulseer: Command, purse: Purse, amount: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("refunds", "make", OWNER, *amount, "--ref", "ticket-1", *WHY)
    assert soulseer(*asked) == 0
    left = purse.balance
    capsys.readouterr()
    assert soulseer(*asked) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}
    assert (left, purse.balance) == (2_000 if amount else 0,) * 2


@pytest.mark.parametrize("other", [("--amount", "900"), ()], ids=["some", "all"])
@pytest.mark.parametrize("yes", [True, False])
def test_another_amount_for_the_same_ref_is_refused(
    soulseer: Command, purse: Purse, other: tuple[str, ...], yes: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("refunds", "make", OWNER, "--amount", "500", "--ref", "ticket-1", *WHY) == 0
    assert soulseer("refunds", "make", OWNER, *other, "--ref", "ticket-1", *(WHY if yes else WHY[:2])) == 1
    assert "Another amount was asked for under this name before" in capsys.readouterr().err
    assert purse.balance == 2_000


NO_NUMBERS = ("1_000", "１００", " 5", "5 ", "+5", "-5", "1e3", "٣", "", "9" * 5_000, "5.0")
REFUND = ("refunds", "make", OWNER, "--ref", "t1")
GRANT = ("promo", "grant", OWNER, "--ref", "t1", "--days", "7")
CODE = ("promo", "make", "CODE1", "--until", "2036-01-01T00:00:00Z", "--days", "7", "--total", "5")


@pytest.mark.parametrize("verb", [REFUND, GRANT, CODE], ids=" ".join)
@pytest.mark.parametrize("amount", NO_NUMBERS, ids=lambda amount: repr(amount)[:12])
def test_only_plain_digits_are_an_amount(
    soulseer: Command, verb: tuple[str, ...], amount: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer(*verb, f"--amount={amount}", "--reason", "because")
    assert stopped.value.code == 2
    assert "write a number in plain digits" in capsys.readouterr().err


def test_nothing_is_no_amount_to_give_back(soulseer: Command) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer(*REFUND, "--amount", "0", "--reason", "because")
    assert stopped.value.code == 2
