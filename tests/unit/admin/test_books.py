"""Payouts and reconciliation on the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.operations import reconciliation
from chalicelib.payouts import paying
from chalicelib.payouts import service as payouts
from scripts.admin.cli import run
from scripts.backup import history
from tests.support.payee import ACCOUNT, READER, Desk
from tests.support.people import person
from tests.support.reading import add_reader, pay_in

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
        capsys.readouterr()
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


def test_a_payout_that_stripe_refuses_is_no_success(soulseer: Command, desk: Desk) -> None:
    def refuse(**_: Any) -> Any:
        raise Refused("balance_insufficient")

    desk.stripe.transfer = refuse  # type: ignore[method-assign] # our balance there is too small
    code, told = soulseer("payouts", "run", *WHY)
    assert (code, told["rows"][0]["state"], desk.balance) == (1, "returned", 2_000)


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


def test_after_a_backup_was_brought_back_payouts_go_on_once_all_was_looked_at(soulseer: Command, desk: Desk) -> None:
    assert soulseer("ledger", "reconcile", *WHY)[0] == 0  # it comes back with the backup, as clean as it was
    desk.clock.forward(DAY)
    history.say(desk.world, "restore_began", OPERATOR, "because", backup="bkp_1", at=desk.clock() - MINUTE)
    paying.freeze(desk.world, actor=OPERATOR, reason="brought back")
    desk.clock.forward(MINUTE)
    history.say(desk.world, "restored", OPERATOR, "because", backup="bkp_1", faults=0)
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 1
    assert soulseer("ledger", "reconcile", *WHY)[0] == 0  # which looks at nothing of the last two hours
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 1
    assert soulseer("ledger", "reconcile", "--margin", "0", *WHY)[0] == 0
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 0


def test_a_reconciliation_that_finds_something_says_so_and_stops_payouts(soulseer: Command, desk: Desk) -> None:
    pay_in(desk.world, "usr_client", 2_000, "topup:pi_none")
    desk.clock.forward(MINUTE)
    assert soulseer("ledger", "differences") == (0, {"done": True, "would": [], "rows": []})
    code, told = soulseer("ledger", "reconcile", "--margin", "0", *WHY)
    assert (code, told["rows"][0]["differences"]) == (1, 1)
    code, told = soulseer("ledger", "differences")
    assert (code, told["rows"][0]["about"]) == (1, "topup:pi_none")
    assert paying.why_frozen(desk.world) == "reconciliation found entry_without_transaction topup:pi_none"
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 1


def test_who_never_proved_the_books_is_told_so_and_not_that_nothing_differs(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        assert run(["ledger", "differences", "--local"], lambda _: desk.world, lambda: OPERATOR) == 0
        return capsys.readouterr().out

    assert "never proven here" in said()
    run(["ledger", "reconcile", "--local", *WHY], lambda _: desk.world, lambda: OPERATOR)
    capsys.readouterr()
    assert said().startswith("None: the books were proven at 20")


def test_a_difference_that_is_accepted_stays_listed_and_payouts_may_go_on(soulseer: Command, desk: Desk) -> None:
    pay_in(desk.world, "usr_client", 2_000, "topup:pi_none")
    desk.clock.forward(MINUTE)
    soulseer("ledger", "reconcile", "--margin", "0", *WHY)
    accept = ("ledger", "accept", "entry_without_transaction", "topup:pi_none")
    told = soulseer(*accept, "--reason", "because")[1]
    assert told["would"] == [
        "let payouts go on in spite of entry_without_transaction topup:pi_none: 2000 stripe:payments"
    ]
    code, told = soulseer(*accept, *WHY)
    assert (code, told["rows"][0]["accepted_at"] is not None) == (0, True)
    assert soulseer(*accept, *WHY)[1]["rows"] == []
    code, told = soulseer("ledger", "differences")
    assert (code, told["rows"][0]["about"]) == (0, "topup:pi_none")
    assert soulseer("ledger", "reconcile", "--margin", "0", *WHY)[0] == 0
    assert soulseer("payouts", "unfreeze", *WHY)[0] == 0
    assert soulseer("ledger", "accept", "entry_without_transaction", "topup:pi_other", *WHY)[0] == 1


def test_a_digest_is_verified_by_its_day(soulseer: Command, desk: Desk) -> None:
    soulseer("ledger", "reconcile", *WHY)
    day = reconciliation.day_of(desk.clock.now)
    assert soulseer("ledger", "verify-digest", day)[0] == 0
    desk.tables.rows["ledger"][f"earnings:{READER}", "000000000001"]["hash"] = "0"
    code, told = soulseer("ledger", "verify-digest", day)
    assert (code, told["rows"]) == (1, [{"changed": f"earnings:{READER}"}])
    assert soulseer("ledger", "verify-digest", "2000-01-01")[0] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ["ledger", "verify-digest", "today"],
        *(["ledger", "reconcile", "--margin", each, *WHY] for each in ("-1", "7201", "9999999", "1_0", "٣", " 5", "")),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(soulseer: Command, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer(*wrong)
    assert stopped.value.code == 2


def test_somebody_who_is_named_and_cannot_be_paid_is_refused_with_the_reason(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(*arguments: str) -> str:
        assert run([*arguments, "--local"], lambda _: desk.world, lambda: OPERATOR) == 1
        return capsys.readouterr().err

    assert "no such person" in refusal("payouts", "run", "--reader", "usr_nobody", *WHY)
    assert "no such person" in refusal("payouts", "list", "usr_nobody")
    person(desk.world, "usr_other")
    assert "no account at Stripe" in refusal("payouts", "run", "--reader", "usr_other", *WHY)
    desk.stripe.onboarded(ACCOUNT, payouts_enabled=False)
    desk.hear()
    assert "not ready: restricted" in refusal("payouts", "run", "--reader", READER, *WHY)
    desk.stripe.onboarded(ACCOUNT)
    desk.hear()
    accounts.suspend(desk.world, READER, actor="ops", reason="fraud")
    assert "suspended" in refusal("payouts", "run", "--reader", READER, *WHY)
    assert desk.balance == 2_000


def test_a_reconciliation_that_stripe_refuses_or_another_one_overtakes_says_so(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal() -> str:
        assert run(["ledger", "reconcile", "--local", *WHY], lambda _: desk.world, lambda: OPERATOR) == 1
        return capsys.readouterr().err

    def refuse(**_: Any) -> Any:
        raise Refused("parameter_invalid")

    whole = desk.stripe.balance_transactions
    desk.stripe.balance_transactions = refuse  # type: ignore[method-assign] # as if
    assert "Stripe says parameter_invalid" in refusal()
    desk.stripe.balance_transactions = whole  # type: ignore[method-assign] # as it is
    write = desk.tables.write

    def late(*operations: Any) -> None:
        desk.tables.write = write  # type: ignore[method-assign] # this once
        reconciliation.begin(desk.world)
        write(*operations)

    desk.tables.write = late  # type: ignore[method-assign] # another one begins just before
    assert "repeat the command" in refusal()


# --- every chain


def test_all_chains_are_followed_and_a_broken_one_is_named(soulseer: Command, desk: Desk) -> None:
    pay_in(desk.world, "usr_1", 500, "topup:pi_1")
    code, told = soulseer("ledger", "verify", "--all")
    assert (code, told["rows"]) == (0, [{"chains": 2, "entries": 2, "broken": []}])
    (key,) = [key for key in desk.tables.rows["ledger"] if key[0] == "credit:usr_1"]
    desk.tables.rows["ledger"][key]["amount"] += 1
    code, told = soulseer("ledger", "verify", "--all")
    assert (code, told["rows"][0]["chains"]) == (1, 2)
    assert [(each["account"], each["broken_at"]) for each in told["rows"][0]["broken"]] == [("credit:usr_1", 1)]


@pytest.mark.parametrize("which", [[], ["credit:usr_1", "--all"]])
def test_one_chain_or_all_is_said_and_not_both(soulseer: Command, which: list[str]) -> None:
    with pytest.raises(SystemExit):
        soulseer("ledger", "verify", *which)


# --- who would be paid


def test_a_preview_says_what_would_be_paid_and_moves_nothing(soulseer: Command, desk: Desk) -> None:
    desk.earned(300, ago=0)
    code, told = soulseer("payouts", "preview")
    expected = {"reader": READER, "pays": 2_000, "available": 2_000, "held": 300, "why_not": None}
    assert (code, told["rows"], desk.balance) == (0, [expected], 2_300)
    assert soulseer("payouts", "run", "--reason", "because")[1]["would"] == [f"pay 2000 cents to {READER}"]


def test_a_preview_names_who_earned_and_cannot_be_paid_for_want_of_an_account_or_because_they_left(
    soulseer: Command, desk: Desk
) -> None:
    for name in ("usr_new", "usr_left", "usr_idle"):
        person(desk.world, name, role="reader")
        add_reader(desk.world, name)
    for name in ("usr_new", "usr_left"):
        payouts.adjust(desk.world, name, 700, f"adjustment:{name}", name)
    desk.tables.write(*accounts.closing(desk.world, accounts.person(desk.world, "usr_left"), "asked for"))
    rows = {row["reader"]: row for row in soulseer("payouts", "preview")[1]["rows"]}
    assert {name: (row["pays"], row["held"], row["why_not"]) for name, row in rows.items()} == {
        READER: (2_000, 0, None),
        "usr_new": (0, 700, "they have no account at Stripe"),
        "usr_left": (0, 700, "they have left, and they have no account at Stripe"),
    }


def test_a_preview_says_why_somebody_is_not_paid(soulseer: Command, desk: Desk) -> None:
    def why(*arguments: str) -> str:
        (row,) = soulseer("payouts", "preview", *arguments)[1]["rows"]
        assert row["pays"] == 0
        return str(row["why_not"])

    paying.freeze(desk.world, actor=OPERATOR, reason="look")
    assert why() == "payouts are stopped: look"
    soulseer("ledger", "reconcile", *WHY)
    soulseer("payouts", "unfreeze", *WHY)
    accounts.suspend(desk.world, READER, actor=OPERATOR, reason="look")
    assert why() == "they are suspended"
    accounts.reinstate(desk.world, READER, actor=OPERATOR, reason="look")
    soulseer("payouts", "run", *WHY)
    desk.earned(30, ago=0)
    desk.clock.forward(3 * DAY)
    assert why() == "less than 1500 cents are available"
    assert soulseer("payouts", "preview", "--all")[1]["rows"][0]["pays"] == 30
