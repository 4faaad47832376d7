"""Reading the ledger: statements, and the proofs that nothing is amiss."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime.tables import Item, Key, Page, whole
from chalicelib.sessions.model.commands import finish
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Fact, seq_key
from chalicelib.wallet.statement import Proof, TrialBalance, account_of, balance, page, trial_balance, verify_chain
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, Stage
from tests.support.worlds import hand_world

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
    assert verify_chain(stage.world, ACCOUNT) == Proof(ACCOUNT, 250, 250, None)
    rows(stage)[(ACCOUNT, seq_key(201))]["amount"] = 2
    assert verify_chain(stage.world, ACCOUNT) == Proof(ACCOUNT, 250, 250, 201)


def test_each_entry_that_follows_is_shown_in_its_order_and_none_from_the_first_that_does_not() -> None:
    stage = talked()
    shown: list[int] = []
    verify_chain(stage.world, ACCOUNT, lambda entry: shown.append(entry.seq))
    assert shown == [1, 2, 3, 4, 5]
    shown.clear()
    rows(stage)[(ACCOUNT, seq_key(3))]["amount"] = -1
    verify_chain(stage.world, ACCOUNT, lambda entry: shown.append(entry.seq))
    assert shown == [1, 2]


class _ChangedMeanwhile(MemoryTables):
    """Tables where something happens to a chain between the look at its newest entry and the reading of the rest."""

    def __init__(self, rows: dict[str, dict[tuple[Any, ...], Item]], change: Callable[[], object]) -> None:
        super().__init__()
        self.rows = rows
        self._change = change

    def query(self, table: str, partition: tuple[str, str], **rest: Any) -> Page:
        if rest.get("within"):
            self._change()
        return super().query(table, partition, **rest)


def test_an_entry_that_is_posted_while_the_chain_is_read_breaks_nothing() -> None:
    stage = talked()
    meanwhile = _ChangedMeanwhile(stage.tables.rows, lambda: stage.top_up(1))
    assert verify_chain(hand_world(meanwhile), ACCOUNT) == Proof(ACCOUNT, 5, 9_250, None)


def test_an_entry_that_vanishes_while_the_chain_is_read_is_found() -> None:
    stage = talked()
    meanwhile = _ChangedMeanwhile(stage.tables.rows, lambda: rows(stage).pop((ACCOUNT, seq_key(5)), None))
    assert verify_chain(hand_world(meanwhile), ACCOUNT) == Proof(ACCOUNT, 5, 9_250, 5)


def test_the_trial_balance_is_zero_per_currency() -> None:
    books = trial_balance(talked().world)
    assert books.total == {"usd": 0}
    assert books.sum_of("credit:") == 9_250
    assert books.sum_of("stripe:") == -10_000
    assert books.sum_of("earnings:") + books.sum_of("platform:fees") == 750
    assert books.chains == (ACCOUNT, "earnings:usr_reader")


def test_the_platforms_journals_are_one_account_a_kind() -> None:
    books = trial_balance(talked().world)
    assert books.accounts[("platform:fees", "usd")] == 225  # 750 less 70 %
    assert not [name for name, _ in books.accounts if name.startswith("platform:fees:")]


def test_a_sum_is_of_one_currency() -> None:
    stage = talked()
    wallet.post_once(
        stage.world,
        f"coins:{CLIENT}",
        "coins:1",
        Fact("coins_bought", 70, "stripe:payments", "ord_1"),
        lambda newest, _: meter.receive(newest, "coins_bought", 70, "stripe:payments", "ord_1"),
    )
    books = trial_balance(stage.world)
    assert books.total == {"usd": 0, "coins": 0}
    assert (books.sum_of("stripe:"), books.sum_of("stripe:", "coins")) == (-10_000, -70)


def test_what_is_left_in_a_clearing_account_is_not_settled() -> None:
    left = {"session:ses_1": 250, "tip:tip_1": 3, "guarantee:gua_1": -2, "gift:str_1": 5, "escrow:esc_1": -7}
    left |= {"stream:str_2:7": 70, "reply:msg_1": 1, "unlock_refund:msg_2": -1}
    sums = left | {"session:ses_2": 0, "platform:fees": 9, "platform:guarantees": -9}
    books = TrialBalance({(name, "usd"): amount for name, amount in sums.items()}, {}, (), ())
    assert books.unsettled() == left


class _Paged(MemoryTables):
    """A scan in pages of three, the newest rows first: DynamoDB promises no order either."""

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        items = super().scan(table).items[::-1]
        first = 0 if start is None else int(start["first"])
        return Page(items[first : first + 3], {"first": first + 3} if first + 3 < len(items) else None)


def test_the_whole_ledger_is_added_up_in_whatever_pages_and_order_it_comes() -> None:
    stage = talked()
    paged = _Paged()
    paged.rows = stage.tables.rows
    assert len(rows(stage)) > 6
    books = trial_balance(hand_world(paged))
    assert (books.accounts, books.drifted) == (trial_balance(stage.world).accounts, ())


class _Endless(MemoryTables):
    def scan(self, table: str, *, start: Key | None = None) -> Page:
        return Page([], {"account": "x", "seq": "1"})


def test_a_table_too_large_to_be_read_at_once_is_no_part_of_one() -> None:
    heard: list[int] = []
    with pytest.raises(Unavailable, match="too much to read"):
        list(whole(_Endless(), "ledger", heard.append, most=3))
    assert heard == [0, 0, 0]


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


def test_the_time_a_balance_lasts_is_reckoned_from_now_and_never_from_before_its_newest_entry() -> None:
    stage = Stage(credit=1_000).begun()
    assert balance(stage.at(30).world, CLIENT).lasts == 210_000  # of four minutes
    stage.top_up(1)
    assert balance(stage.at(10).world, CLIENT).lasts == 210_000


def test_without_a_reading_a_balance_funds_no_time() -> None:
    assert balance(Stage(credit=1_000).world, CLIENT).lasts == 0


def test_credit_and_coins_are_chains_of_their_own() -> None:
    assert (account_of(CLIENT, "credit"), account_of(CLIENT, "coins")) == ("credit:usr_client", "coins:usr_client")


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
