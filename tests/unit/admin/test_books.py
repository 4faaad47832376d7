"""Payouts and reconciliation on the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.operations import reconciliation
from chalicelib.payouts import paying
from scripts.admin.cli import run
from tests.support.payee import READER, Desk
from tests.support.reading import pay_in

WHY = ["--reason", "because", "--yes"]
OPERATOR = "arn:aws:iam::000000000000:user/ops"

Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def desk() -> Desk:
    return Desk().ready().earned(2_000)


@pytest.fixture
def soulseer(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Command:
    """The exit code, and what is answered in JSON."""

    def command(*arguments: str) -> tuple[int, Any]:
        code = run([*arguments, "--local", "--json"], lambda _: desk.world, lambda: OPERATOR)
        told = capsys.readouterr().out
        return code, json.loads(told) if told else None

    return command


def test_a_run_says_whom_it_would_pay_and_pays_them_once_it_is_confirmed(soulseer: Command, desk: Desk) -> None:
    assert soulseer("payouts", "run", "--reason", "because")[1]["would"] == [f"pay 2000 cents to {READER}"]
    assert desk.balance == 2_000
    code, told = soulseer("payouts", "run", *WHY)
    assert (code, told["rows"][0]["state"], desk.balance) == (0, "paid", 0)
    payout = told["rows"][0]["id"]
    assert soulseer("payouts", "run", *WHY)[1] == {"done": True, "would": [], "rows": []}
    assert soulseer("payouts", "show", payout)[1]["rows"] == soulseer("payouts", "list", READER)[1]["rows"]
    (reserved,) = [row for row in desk.tables.rows["audit"].values() if row["action"] == "payout_reserved"]
    assert (reserved["actor"], reserved["reason"]) == (OPERATOR, "because")


def test_one_reader_may_be_paid_what_is_less_than_usual(soulseer: Command, desk: Desk) -> None:
    soulseer("payouts", "run", *WHY)
    desk.earned(3, ago=0)
    desk.clock.forward(3 * DAY)
    assert soulseer("payouts", "run", "--reader", READER, *WHY)[1]["rows"] == []
    assert soulseer("payouts", "run", "--reader", READER, "--all", *WHY)[1]["rows"][0]["amount"] == 3


def test_payouts_are_stopped_and_go_on_only_after_a_clean_reconciliation(soulseer: Command, desk: Desk) -> None:
    assert soulseer("payouts", "freeze", *WHY)[0] == 0
    assert soulseer("payouts", "freeze", *WHY)[1]["rows"] == []
    assert soulseer("payouts", "run", *WHY)[0] == 1
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 1, "nothing was reconciled"
    assert soulseer("ledger", "reconcile", *WHY)[0] == 0
    code, told = soulseer("payouts", "unfreeze", *WHY)
    assert (code, told["rows"]) == (0, [{"frozen": None}])
    assert soulseer("payouts", "unfreeze", *WHY)[1]["rows"] == []
    assert desk.paid_out() is not None


def test_a_reconciliation_that_finds_something_says_so_and_stops_payouts(soulseer: Command, desk: Desk) -> None:
    pay_in(desk.world, "usr_client", 2_000, "topup:pi_none")
    desk.clock.forward(MINUTE)
    assert soulseer("ledger", "differences") == (0, {"done": True, "would": [], "rows": []})
    code, told = soulseer("ledger", "reconcile", "--margin", "0", *WHY)
    assert (code, told["rows"][0]["differences"]) == (1, 1)
    code, told = soulseer("ledger", "differences")
    assert (code, told["rows"][0]["about"]) == (1, "topup:pi_none")
    assert paying.why_frozen(desk.world) == "reconciliation found 1 differences"
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 1


def test_a_digest_is_verified_by_its_day(soulseer: Command, desk: Desk) -> None:
    soulseer("ledger", "reconcile", *WHY)
    day = reconciliation.day_of(desk.clock.now)
    assert soulseer("ledger", "verify-digest", day)[0] == 0
    desk.tables.rows["ledger"][f"earnings:{READER}", "000000000001"]["hash"] = "0"
    code, told = soulseer("ledger", "verify-digest", day)
    assert (code, told["rows"]) == (1, [{"changed": f"earnings:{READER}"}])
    assert soulseer("ledger", "verify-digest", "2000-01-01")[0] == 1


@pytest.mark.parametrize(
    "wrong", [["ledger", "verify-digest", "today"], ["ledger", "reconcile", "--margin", "-1", *WHY]]
)
def test_what_cannot_be_meant_is_wrong_usage(soulseer: Command, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer(*wrong)
    assert stopped.value.code == 2
