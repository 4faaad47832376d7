"""Reading the ledger: statements, and the proofs that nothing is amiss."""

from typing import Any

import pytest

from chalicelib.sessions.model.commands import finish
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import seq_key
from chalicelib.wallet.statement import account_of, balance, page, trial_balance, verify_chain
from tests.support.reading import CLIENT, Stage

ACCOUNT = wallet.credit_account(CLIENT)


def rows(stage: Stage) -> dict[tuple[Any, ...], dict[str, Any]]:
    return stage.tables.rows["ledger"]


def talked() -> Stage:
    stage = Stage().begun().beats(130)
    stage.client(finish)
    return stage


def test_a_chain_proves_itself() -> None:
    proof = verify_chain(talked().world, ACCOUNT)
    assert (proof.entries, proof.balance, proof.broken_at) == (5, 9_250, None)


def test_an_empty_chain_proves_itself() -> None:
    proof = verify_chain(Stage(credit=0).world, ACCOUNT)
    assert (proof.entries, proof.balance, proof.broken_at) == (0, 0, None)


@pytest.mark.parametrize("seq", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", -1), ("balance", 77), ("paid", 77), ("at", 1), ("hash", "0" * 64), ("reference", "ses_2")],
)
def test_a_changed_entry_is_found(seq: int, field: str, value: object) -> None:
    stage = talked()
    rows(stage)[(ACCOUNT, seq_key(seq))][field] = value
    broken = verify_chain(stage.world, ACCOUNT).broken_at
    assert broken is not None
    assert broken <= seq + 1


@pytest.mark.parametrize("seq", [1, 2, 3, 4])
def test_a_missing_entry_is_found(seq: int) -> None:
    stage = talked()
    del rows(stage)[(ACCOUNT, seq_key(seq))]
    assert verify_chain(stage.world, ACCOUNT).broken_at == seq + 1


def test_chains_of_more_than_a_page_are_followed_to_the_end() -> None:
    stage = Stage(credit=0)
    for _ in range(250):
        stage.top_up(1)
    assert verify_chain(stage.world, ACCOUNT).entries == 250
    rows(stage)[(ACCOUNT, seq_key(201))]["amount"] = 2
    assert verify_chain(stage.world, ACCOUNT).broken_at == 201


def test_the_trial_balance_is_zero_per_currency() -> None:
    books = trial_balance(talked().world)
    assert books.total == {"usd": 0}
    assert books.sum_of("credit:") == 9_250
    assert books.sum_of("stripe:") == -10_000
    assert books.sum_of("earnings:") + books.sum_of("platform:fees") == 750
    assert books.chains == (ACCOUNT, "earnings:usr_reader")


def test_an_entry_without_a_counter_leaks_money_and_shows() -> None:
    stage = talked()
    rows(stage)[(ACCOUNT, seq_key(1))]["counter"] = ""
    assert trial_balance(stage.world).total == {"usd": 10_000}


def test_a_balance_that_is_not_the_sum_of_its_entries_shows() -> None:
    stage = talked()
    rows(stage)[(ACCOUNT, seq_key(5))]["balance"] += 1
    assert trial_balance(stage.world).drifted == (ACCOUNT,)


def test_a_balance_shows_every_minute_that_is_due() -> None:
    stage = Stage(credit=1_000).begun().beats(50)
    found = balance(stage.at(61).world, CLIENT)
    assert (found.paid, found.promo, found.coins, found.frozen, found.lasts) == (500, 0, 0, False, 179_000)
    assert found.meter is not None
    assert found.meter.minute == 2


def test_a_balance_shows_no_promotional_credit_that_has_expired() -> None:
    stage = Stage(credit=100)
    stage.promo(70, until=10)
    assert balance(stage.at(9.999).world, CLIENT).promo == 70
    assert balance(stage.at(10).world, CLIENT).promo == 0
    assert stage.of("platform:promo") == 0


def test_a_statement_is_newest_first_with_running_balances() -> None:
    stage = talked()
    first, following = page(stage.world, account_of(CLIENT, "credit"), 2, None)
    rest, end = page(stage.world, account_of(CLIENT, "credit"), 10, following)
    assert [(entry.kind, entry.balance) for entry in [*first, *rest]] == [
        ("meter_closed", 9_250),
        ("minute", 9_250),
        ("minute", 9_500),
        ("meter_started", 9_750),
        ("topup", 10_000),
    ]
    assert end is None


def test_a_chain_is_read_to_its_end_however_long_it_is() -> None:
    stage = Stage(credit=1)
    book = wallet.ledger(stage.world)
    item = rows(stage)[(ACCOUNT, seq_key(1))]
    for seq in range(2, 10_102):
        rows(stage)[(ACCOUNT, seq_key(seq))] = item | {"seq": seq_key(seq)}
    assert sum(1 for _ in book.between(ACCOUNT, 1, 10_101)) == 10_101
