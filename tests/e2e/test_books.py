"""Last, when all other tests of the directory have left what they left: the books."""

import json
from concurrent.futures import Future, wait
from http import HTTPStatus
from typing import Final

import requests

from chalicelib.operations import reconciliation
from chalicelib.wallet import statement
from infra.local.phone import Json
from infra.local.proof import LedgerProof, prove
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import RULE_EVENT, SOON, TICK, Stage

WHY: Final = ("--reason", "an end-to-end test", "--yes")


def test_after_everything_no_cent_was_made_or_lost(stage: Stage, stories: dict[Story, "Future[None]"]) -> None:
    wait(stories.values(), timeout=400)

    def look() -> LedgerProof | None:
        proof = prove(stage.world)
        return None if proof.unsettled else proof

    # Readings that a test left are ended by now or by their deadline.
    proof = until("every reading being settled", look, seconds=TICK, every=2)
    assert proof.faults == []
    assert proof.totals == {"usd": 0, "coins": 0}
    assert len(proof.chains) > 1


def test_the_books_agree_with_stripe_but_for_what_the_tests_forged(stage: Stage) -> None:
    """By the deployed function, with its own rights; then by the command line, without a margin for what is late."""
    event = json.dumps(RULE_EVENT).encode()
    answer = stage.stack.aws("lambda").invoke(FunctionName="soulseer-dev-reconcile", Payload=event)
    assert json.loads(answer["Payload"].read()) == {"done": True}
    begun = reconciliation.begin(stage.world, margin=0, actor="e2e", reason="the last test")
    run = reconciliation.go_on(stage.world, begun.id)
    assert run.ended_at is not None
    assert run.counts["entries"] == run.counts["proven"] > 0
    # Events that a test signed itself tell of payments that Stripe never had.
    differences = reconciliation.differences(stage.world)
    forged = [each for each in differences if each.what == "entry_without_transaction" and is_forged(stage, each.about)]
    assert differences == forged
    assert reconciliation.verify_digest(stage.world, reconciliation.day_of(run.began_at)) == []


def test_an_admin_proves_the_books_explains_what_was_forged_and_lets_payouts_go_on(stage: Stage) -> None:
    def books(*arguments: str) -> tuple[int, list[Json]]:
        code, said, _ = stage.office.run(*arguments, "--local", "--json")
        return code, json.loads(said)["rows"]

    code, (run,) = books("ledger", "reconcile", "--margin", "0", *WHY)
    assert code == (1 if run["differences"] else 0)
    for each in books("ledger", "differences")[1]:
        stage.admin("ledger", "accept", each["what"], each["about"], *WHY)
    assert books("ledger", "differences")[0] == 0
    stage.admin("payouts", "unfreeze", *WHY)
    assert books("ledger", "verify-digest", run["until"][:10])[0] == 0
    assert {each["total"] for each in stage.admin("ledger", "trial-balance")["rows"]} == {0}
    (proof,) = stage.admin("ledger", "verify", "--all")["rows"]
    assert (proof["broken"], proof["chains"]) == ([], run["chains"])
    assert stage.admin("ledger", "verify", min(statement.chains(stage.world)))["rows"][0]["broken_at"] is None


def test_the_sums_that_dashboards_show_are_those_of_the_ledger(stage: Stage) -> None:
    """What was posted last is summed a moment later."""

    def check() -> bool:
        code, _, _ = stage.office.run("rollups", "check", "--margin", "0", "--local", "--json")
        return code == 0

    until("every sum being that of the ledger", check, seconds=SOON, every=2)


def is_forged(stage: Stage, key: str) -> bool:
    """Whether a posting stands for something that Stripe does not know."""
    kind, _, name = key.partition(":")
    asked = requests.get(
        f"{stage.stack.stripe.url}/v1/{RESOURCES[kind]}/{name}",
        headers={"authorization": "Bearer sk_test_books"},
        timeout=SOON,
    )
    return asked.status_code == HTTPStatus.NOT_FOUND


RESOURCES: Final = {"topup": "payment_intents", "refund": "refunds", "refund_failed": "refunds"} | dict.fromkeys(
    ("dispute", "dispute_won"), "disputes"
)
