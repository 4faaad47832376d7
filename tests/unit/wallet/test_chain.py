"""An account is a chain of entries: it adds up, it shows tampering, and it stays small."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from chalicelib.kernel.ids import derived_id
from chalicelib.wallet.model.buckets import Buckets, Lot
from chalicelib.wallet.model.chain import (
    Draft,
    Entry,
    Meter,
    Run,
    _digest,
    follow,
    from_item,
    genesis,
    proves,
    seq_key,
    to_item,
)
from tests.support.worlds import NOON


def topped_up(cents: int = 500) -> Entry:
    draft = Draft("topup", cents, "stripe:payments", "top_1", Buckets(cents))
    return follow(genesis("credit:usr_1"), draft, NOON)


def test_a_new_account_is_empty() -> None:
    assert asdict(genesis("credit:usr_1")) == {
        "account": "credit:usr_1",
        "seq": 0,
        "kind": "genesis",
        "amount": 0,
        "balance": 0,
        "currency": "usd",
        "counter": "",
        "reference": "",
        "at": 0,
        "buckets": {"paid": 0, "lots": ()},
        "meter": None,
        "frozen": None,
        "refill": None,
        "bounded": False,
        "closed": False,
        "spent": 0,
        "minute": 0,
        "kept": None,
        "refund": 0,
        "split": (),
        "prev_hash": "",
        "hash": "",
    }


def test_coins_are_a_currency_of_their_own() -> None:
    assert genesis("coins:usr_1").currency == "coins"
    assert genesis("earnings:usr_1").currency == "usd"


def test_a_statement_calls_an_entry_by_its_owner_and_its_number() -> None:
    assert topped_up().id == "ent_usr_1_1"
    assert replace(topped_up(), account="stream:str_1:7", seq=12).id == "ent_str_1:7_12"


def test_an_entry_states_amount_and_balance_and_follows_the_one_before() -> None:
    first = topped_up()
    second = follow(first, Draft("order", -200, "platform:shop", "ord_1", Buckets(300)), NOON + 5)
    assert (second.seq, second.amount, second.balance, second.at) == (2, -200, 300, NOON + 5)
    assert second.prev_hash == first.hash
    assert proves(second, first)
    assert proves(first, genesis("credit:usr_1"))


def test_an_entry_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match="add up"):
        follow(topped_up(), Draft("order", -200, "platform:shop", "ord_1", Buckets(301)), NOON)


def test_a_sum_of_what_was_spent_that_does_not_follow_proves_nothing() -> None:
    """Sealed like any other: it is the sum itself that is wrong."""
    first = topped_up()
    second = follow(first, Draft("order", -200, "platform:shop", "ord_1", Buckets(300)), NOON)
    assert second.spent == 200
    forged = replace(second, spent=0, hash="")
    assert not proves(replace(forged, hash=_digest(to_item(forged))), first)
    assert proves(replace(replace(second, hash=""), hash=_digest(to_item(replace(second, hash="")))), first)


def test_a_closed_chain_refuses_every_entry() -> None:
    closed = follow(topped_up(), Draft("closed", 0, "", "x", Buckets(500), closed=True), NOON)
    with pytest.raises(ValueError, match="closed"):
        follow(closed, Draft("order", -1, "platform:shop", "ord_1", Buckets(499)), NOON)


def test_time_never_runs_backwards_in_a_chain() -> None:
    later = follow(topped_up(), Draft("order", -1, "platform:shop", "ord_1", Buckets(499)), NOON - 5_000)
    assert later.at == NOON


_FULL = Entry(
    account=f"credit:{derived_id('usr', 'x')}",
    seq=999_999_999_999,
    kind="meter_resumed",
    amount=-100_000,
    balance=5_000_000,
    currency="usd",
    counter=f"session:{derived_id('ses', 'x')}",
    reference=derived_id("ses", "x"),
    at=NOON,
    buckets=Buckets(4_000_000, tuple(Lot(derived_id("pro", str(n)), 2_500, NOON + n, True) for n in range(4))),
    meter=Meter(
        derived_id("ses", "x"), 999, 100_000, 180, 10_799_999, 180, Run(NOON, NOON + 9, "low_balance"), 10_000_000
    ),
    frozen="dispute of a payment",
    refill=50_000,
    bounded=True,
    spent=10_000_000,
    minute=180,
    split=(*((derived_id("pro", str(n)), 20_000) for n in range(4)), ("paid", 20_000)),
    prev_hash="f" * 64,
    hash="f" * 64,
)


@pytest.mark.parametrize(
    "entry",
    [
        topped_up(),
        replace(_FULL, prev_hash="", hash=""),
        replace(_FULL, minute=0, split=(), kept=3, refund=12, kind="meter_closed", meter=None, frozen=None),
        replace(_FULL, closed=True, kept=0),
        replace(_FULL, meter=replace(_FULL.meter, run=None) if _FULL.meter else None),
        replace(_FULL, meter=replace(_FULL.meter, run=Run(NOON)) if _FULL.meter else None),
    ],
)
def test_an_item_gives_back_the_entry_that_it_stored(entry: Entry) -> None:
    assert from_item(to_item(entry)) == entry


def test_what_is_empty_is_not_stored() -> None:
    plain = to_item(topped_up())
    assert set(plain) == {
        *("account", "seq", "kind", "amount", "balance", "currency", "counter", "reference", "at", "paid"),
        *("prev_hash", "hash"),
    }
    running = to_item(replace(topped_up(), meter=Meter("ses_1", 2, 100, 1, 0, 180, Run(NOON))))
    assert running["meter"] == {
        "session": "ses_1",
        "epoch": 2,
        "rate": 100,
        "minute": 1,
        "connected_before": 0,
        "max_minutes": 180,
        "running_since": NOON,
    }


def test_the_hash_of_an_entry_is_the_same_on_every_machine_and_in_every_release() -> None:
    """Chains that are stored must prove themselves for ever: this value may not change."""
    assert topped_up().hash == "f2fb3ab26cede1974d0cb4a5c806a5c78582e8e6a378cdddbb2b194f76257921"


def test_the_largest_entry_is_one_write_unit() -> None:
    """DynamoDB's own reckoning: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    assert _size(to_item(_FULL)) < 1_024


def test_sort_keys_sort_as_numbers_do() -> None:
    numbers = [1, 9, 10, 99, 100, 12_345, 999_999_999_999]
    assert sorted(seq_key(number) for number in numbers) == [seq_key(number) for number in numbers]


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 501},
        {"balance": 501},
        {"seq": 3},
        {"at": NOON + 1},
        {"kind": "gift"},
        {"counter": "platform:shop"},
        {"reference": "top_2"},
        {"account": "credit:usr_2"},
        {"currency": "coins"},
        {"buckets": Buckets(499)},
        {"frozen": "dispute"},
        {"minute": 1},
        {"kept": 0},
        {"refund": 1},
        {"split": (("paid", 1),)},
        {"meter": Meter("ses_1", 1, 100, 1, 0, 9, None)},
        {"closed": True},
        {"prev_hash": "0" * 64},
        {"hash": "0" * 64},
    ],
)
def test_a_change_of_any_field_shows(change: dict[str, Any]) -> None:
    entry = topped_up()
    assert not proves(replace(entry, **change), genesis("credit:usr_1"))


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 4},
        {"account": "credit:usr_2"},
        {"currency": "coins"},
        {"amount": -199},
        {"balance": 301, "buckets": Buckets(301)},
        {"buckets": Buckets(299)},
        {"prev_hash": "0" * 64},
    ],
)
def test_an_entry_hashed_anew_must_follow_the_one_before_it_in_every_respect(change: dict[str, Any]) -> None:
    first = topped_up()
    second = follow(first, Draft("order", -200, "platform:shop", "ord_1", Buckets(300)), NOON)
    assert proves(_sealed(second), first)
    assert not proves(_sealed(replace(second, **change)), first)


def _sealed(entry: Entry) -> Entry:
    return replace(entry, hash=_digest(to_item(entry)))


def test_an_entry_taken_out_shows() -> None:
    first = topped_up()
    second = follow(first, Draft("order", 0, "", "x", Buckets(500)), NOON)
    third = follow(second, Draft("order", 0, "", "y", Buckets(500)), NOON)
    assert not proves(third, first)


def test_a_history_rewritten_with_fresh_hashes_shows_at_its_successor() -> None:
    first = topped_up(500)
    second = follow(first, Draft("order", -100, "platform:shop", "ord_1", Buckets(400)), NOON)
    forged = topped_up(600)
    assert proves(forged, genesis("credit:usr_1"))
    assert not proves(second, forged)


def _size(item: dict[str, Any]) -> int:
    """Names and strings count their UTF-8 bytes, a number half its digits and one or two, a nested one 3 and 1 each."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: object) -> int:
    match value:
        case bool() | None:
            return 1
        case str():
            return len(value.encode())
        case int():
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        case list():
            return 3 + sum(1 + _value_size(each) for each in value)
        case dict():
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in value.items())
        case _:
            raise TypeError(type(value))
