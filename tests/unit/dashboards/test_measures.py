"""Which measures an entry adds to whom. The numbers are by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.measures import MEANINGS, PLATFORM, Thing, asked, home, of_entry, of_fact
from chalicelib.kernel.settings import Rules
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Entry, JournalFact, follow, genesis
from chalicelib.wallet.schemas import DESCRIPTIONS

BEFORE: Final = genesis("credit:usr_1")


def entry(account: str, kind: str, amount: int, **more: Any) -> Entry:
    return replace(genesis(account), seq=2, kind=kind, amount=amount, **more)


def fact(journal: str, key: str, amount: int) -> JournalFact:
    return JournalFact(f"platform:{journal}:7", key, journal, amount, "usd", "", 0)


@pytest.mark.parametrize(
    ("account", "kind", "amount", "measure", "adds"),
    [
        ("credit:u", "topup", 500, "topped_up", 500),
        ("credit:u", "recharge", 500, "topped_up", 500),
        ("credit:u", "refund", -300, "refunded", 300),
        ("credit:u", "refund_failed", 300, "refunded", -300),
        ("credit:u", "dispute", -500, "disputed", 500),
        ("credit:u", "dispute_won", 500, "disputed", -500),
        ("credit:u", "order_credit", 40, "order_credit", 40),
        ("credit:u", "order_credit_taken", -40, "order_credit", -40),
        ("credit:u", "promo_granted", 100, "promo.granted", 100),
        ("credit:u", "promo_expired", -60, "promo.expired", 60),
        ("credit:u", "guarantee", 250, "guarantees", 250),
        ("credit:u", "adjusted", -5, "adjusted", -5),
        ("credit:u", "reading_refunded", 250, "spent.reading", -250),
        ("credit:u", "booking", -3_000, "spent.booking", 3_000),
        ("credit:u", "booking_refund", 1_500, "spent.booking", -1_500),
        ("credit:u", "tip", -100, "spent.tip", 100),
        ("credit:u", "reply", -100, "spent.reply", 100),
        ("credit:u", "unlock_refund", 100, "spent.reply", -100),
        ("credit:u", "order", -999, "spent.product", 999),
        ("credit:u", "order_refund", 999, "spent.product", -999),
        ("coins:u", "coins_bought", 500, "coins.bought", 500),
        ("coins:u", "coins_taken_back", -500, "coins.returned", 500),
        ("coins:u", "coins_given_back", 500, "coins.returned", -500),
        ("coins:u", "coins_granted", 50, "coins.granted", 50),
        ("coins:u", "coins_withdrawn", -50, "coins.granted", -50),
        ("coins:u", "gift", -100, "coins.spent.gift", 100),
        ("coins:u", "ticket", -200, "coins.spent.ticket", 200),
        ("coins:u", "ticket_back", 200, "coins.spent.ticket", -200),
        ("coins:u", "order", -333, "coins.spent.product", 333),
        ("coins:u", "order_refund", 333, "coins.spent.product", -333),
    ],
)
def test_what_a_client_does_is_theirs_and_the_platforms(
    account: str, kind: str, amount: int, measure: str, adds: int
) -> None:
    added = of_entry(entry(account, kind, amount), BEFORE, Thing())
    assert added == {"client:u": {measure: adds}, PLATFORM: {measure: adds}}


@pytest.mark.parametrize(
    ("kind", "amount", "measure", "adds"),
    [
        ("tip_earned", 70, "earned.tip", 70),
        ("reply_earned", 70, "earned.reply", 70),
        ("reply_returned", -70, "earned.reply", -70),
        ("sale_earned", 699, "earned.product", 699),
        ("sale_returned", -699, "earned.product", -699),
        ("guarantee_returned", -175, "earned.guarantee", -175),
        ("adjusted", 12, "earned.adjustment", 12),
        ("payout", -2_000, "paid_out", 2_000),
        ("payout_returned", 2_000, "paid_out", -2_000),
        ("payout_reversed", 500, "paid_out", -500),
    ],
)
def test_what_a_reader_earns_and_is_paid_is_theirs_and_the_platforms(
    kind: str, amount: int, measure: str, adds: int
) -> None:
    added = of_entry(entry("earnings:r", kind, amount), BEFORE, Thing())
    assert added == {"reader:r": {measure: adds}, PLATFORM: {measure: adds}}


@pytest.mark.parametrize(
    ("kind", "amount", "measure"),
    [
        ("gift_earned", 70, "earned.gift"),
        ("ticket_earned", 140, "earned.ticket"),
        ("stream_void", -140, "earned.ticket"),
    ],
)
def test_gifts_and_tickets_are_the_hosts_when_they_are_given(kind: str, amount: int, measure: str) -> None:
    given = entry("stream:str_1:3", kind, amount)
    assert asked(given) == ("stream", "str_1")
    assert home(given.account) == given.account
    sums = {measure: amount, "on_streams": amount}
    assert of_entry(given, BEFORE, Thing(reader="r")) == {"reader:r": sums, PLATFORM: sums}


def test_the_settlement_of_a_stream_moves_what_was_counted_before_and_takes_it_off_the_stream() -> None:
    off = {"on_streams": -700}
    settled = of_entry(entry("stream:str_1:3", "stream_settled", -700), BEFORE, Thing(reader="r"))
    assert settled == {"reader:r": off, PLATFORM: off}
    for moved in (entry("stream:str_1:4", "stream_settled", 0), entry("earnings:r", "gift_earned", 700)):
        assert not any(of_entry(moved, BEFORE, Thing(reader="r")).values())


@pytest.mark.parametrize(
    ("journal", "key", "amount", "measure", "adds"),
    [
        ("fees", "reading:ses_1", 225, "share.reading", 225),
        ("fees", "booking:bok_1", 900, "share.booking", 900),
        ("fees", "tip:tip_1", 30, "share.tip", 30),
        ("fees", "reply:msg_1", 30, "share.reply", 30),
        ("fees", "unlock_refund:msg_1", -30, "share.reply", -30),
        ("fees", "gift:gft_1", 30, "share.gift", 30),
        ("fees", "ticket:tkt_1", 60, "share.ticket", 60),
        ("fees", "ticket_back:str_1:usr_1", -60, "share.ticket", -60),
        ("fees", "sale:ord_1.1", 300, "share.product", 300),
        ("fees", "sale_returned:ord_1:r1.1", -300, "share.product", -300),
        ("guarantees", "guarantee:gua_1", -75, "share.guarantee", -75),
        ("sales", "sale:ord_1.2", 1_500, "share.product", 1_500),
        ("sales", "sale_returned:ord_1:r1.2", -1_500, "share.product", -1_500),
        ("sales", "shipping:ord_1", 595, "share.shipping", 595),
        ("sales", "shipping_returned:ord_1:r1", -595, "share.shipping", -595),
        ("coins", "topup:pi_1", 499, "coin_sales.paid", 499),
        ("coins", "refund:re_1", -499, "coin_sales.refunded", 499),
        ("coins", "refund_failed:re_1", 499, "coin_sales.refunded", -499),
        ("coins", "dispute:dp_1", -499, "coin_sales.disputed", 499),
        ("coins", "dispute_won:dp_1", 499, "coin_sales.disputed", -499),
        ("orders", "topup:pi_2", 2_094, "order_sales.paid", 2_094),
        ("orders", "refund:ord_1:r1", -2_094, "order_sales.refunded", 2_094),
        ("orders", "dispute:dp_2", -2_094, "order_sales.disputed", 2_094),
    ],
)
def test_what_is_the_platforms_alone_is_in_its_journals(
    journal: str, key: str, amount: int, measure: str, adds: int
) -> None:
    assert asked(fact(journal, key, amount)) is None
    assert of_fact(fact(journal, key, amount), Thing()) == {PLATFORM: {measure: adds}}


def test_what_is_an_order_in_another_journal_is_asked_of_nobody() -> None:
    assert asked(fact("sales", "order:ord_1", 1)) is None


@pytest.mark.parametrize(
    ("account", "whose"),
    [
        ("credit:u", "client:u"),
        ("coins:u", "client:u"),
        ("earnings:r", "reader:r"),
        ("stream:str_1:3", "stream:str_1:3"),
    ],
)
def test_how_far_a_chain_is_summed_stands_with_its_owners_totals_or_by_itself(account: str, whose: str) -> None:
    assert home(account) == whose


@pytest.mark.parametrize(
    ("key", "amount", "adds"), [("order:ord_1", -2_094, 2_094), ("order_refund:ord_1:r1", 595, -595)]
)
def test_an_order_that_was_paid_at_stripe_is_its_buyers_spending(key: str, amount: int, adds: int) -> None:
    paid = fact("orders", key, amount)
    assert asked(paid) == ("order", "ord_1")
    spent = {"spent.product": adds}
    assert of_fact(paid, Thing(client="u")) == {"client:u": spent, PLATFORM: spent}


# --- readings --------------------------------------------------------------------------------------


def test_minutes_are_counted_as_they_are_charged_and_less_those_that_are_taken_back() -> None:
    rules = Rules()
    head = follow(BEFORE, meter.receive(BEFORE, "topup", 1_000, "stripe:payments", "pi_1"), 0)
    started = meter.apply(head, meter.Start("ses_1", 1, 250, 10), (), 0, rules)
    assert started
    first = follow(head, started, 0)
    assert of_entry(first, head, Thing())["client:usr_1"] == {"spent.reading": 250, "readings": 1, "minutes": 1}
    chain = [first]
    for at in (60_000, 120_000):
        due = meter.due(chain[-1], at, rules)
        assert due
        chain.append(follow(chain[-1], due, at))
        assert of_entry(chain[-1], chain[-2], Thing())["client:usr_1"] == {"spent.reading": 250, "minutes": 1}
    closed = meter.apply(chain[-1], meter.Close(50_000, refund=True), chain, 130_000, rules)
    assert closed
    last = follow(chain[-1], closed, 130_000)  # two minutes taken back, and ten of sixty seconds of the first
    assert of_entry(last, chain[-1], Thing())[PLATFORM] == {"spent.reading": -542, "minutes": -2}


def test_what_resumes_or_stands_without_a_charge_counts_nothing() -> None:
    for kind in ("meter_resumed", "meter_stood", "freeze", "unfreeze", "limits_set", "recharge_set"):
        added = of_entry(entry("credit:u", kind, 0), BEFORE, Thing())
        assert not any(amount for sums in added.values() for amount in sums.values())


def test_a_reading_is_its_readers_once_it_is_settled() -> None:
    settled = entry("earnings:r", "reading_earned", 525, reference="ses_1")
    assert asked(settled) == ("session", "ses_1")
    added = of_entry(settled, BEFORE, Thing("u", "r", 3))
    assert added == {
        "reader:r": {"earned.reading": 525, "readings": 1, "minutes": 3},
        PLATFORM: {"earned.reading": 525},  # whose readings are those of the clients' meters
    }


def test_a_booking_whose_reading_took_place_is_a_reading_of_both() -> None:
    closed = entry("earnings:r", "booking_earned", 2_100, reference="bok_1")
    assert asked(closed) == ("booking", "bok_1")
    talked = {"readings": 1, "minutes": 30}
    assert of_entry(closed, BEFORE, Thing("u", "r", 30)) == {
        "reader:r": {"earned.booking": 2_100} | talked,
        "client:u": talked,
        PLATFORM: {"earned.booking": 2_100} | talked,
    }


def test_what_stays_of_a_booking_that_was_called_off_is_no_reading() -> None:
    closed = entry("earnings:r", "booking_earned", 1_050, reference="bok_1")
    earned = {"earned.booking": 1_050}
    assert of_entry(closed, BEFORE, Thing("u", "r")) == {"reader:r": earned, PLATFORM: earned}


# --- everything that is posted is known ------------------------------------------------------------


@pytest.mark.parametrize("account", ["credit:u", "coins:u", "earnings:r", "stream:str_1:3", "moon:1"])
def test_what_nobody_knows_is_counted_as_that(account: str) -> None:
    unknown = entry(account, "eclipsed", 0)
    assert not measures.is_known(unknown)
    added = of_entry(unknown, BEFORE, Thing(reader="r"))
    assert added[PLATFORM] == {"other": 1}
    assert added.keys() <= {"client:u", "reader:r", PLATFORM}
    assert of_fact(fact("moons", "eclipse:1", 3), Thing()) == {PLATFORM: {"other": 1}}


def test_every_measure_that_is_added_has_its_meaning() -> None:
    chains = [*measures._CHAINS.values(), *measures._JOURNALS.values()]
    assert {each[0] for kinds in chains for each in kinds.values() if each} <= MEANINGS.keys()


def test_every_kind_that_a_statement_describes_is_known() -> None:
    assert DESCRIPTIONS.keys() <= {kind for kinds in measures._CHAINS.values() for kind in kinds}
