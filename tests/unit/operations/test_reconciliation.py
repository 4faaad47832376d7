"""Product §11: the books are proven against themselves and against Stripe; what differs stops payouts, not readings.

On the local Stripe, through the real library.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import InvalidState, NotFound, ProviderFailed
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from chalicelib.operations import reconciliation
from chalicelib.operations.model.reconciliation import FUNDED_WITHIN, MARGIN, is_own
from chalicelib.operations.reconciliation_store import Run
from chalicelib.payouts import paying
from chalicelib.payouts.model import Payout
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.tables import Check, Contended
from chalicelib.wallet import coins, payments, refunds, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry, Fact, follow, genesis, to_item
from chalicelib.wallet.model.meter import receive
from chalicelib.wallet.model.payment import Payment
from tests.support.border import CLIENT, READER, Border, border
from tests.support.local_stripe import post_form
from tests.support.payee import Crash
from tests.support.reading import pay_in

LATER = 4 * MARGIN


@pytest.fixture
def desk() -> Iterator[Border]:
    with border() as desk:
        yield desk


def reconciled(desk: Border) -> Run:
    desk.clock.forward(LATER)
    return reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)


def found(desk: Border) -> list[tuple[str, str]]:
    return [(each.what, each.about) for each in reconciliation.differences(desk.world)]


def paid_out(desk: Border, cents: int = 2_000) -> Payout:
    desk.reader_is_ready()
    desk.pays(cents + 10_000)
    desk.earns(cents)
    payout = paying.pay_out(desk.world, READER)
    assert payout
    assert payout.state == "paid"
    desk.hears()
    return payout


def everything(desk: Border) -> None:
    """One of each movement that there is."""
    payout = paid_out(desk)
    desk.lever(f"transfers/{payout.transfer}/reverse", amount=500)
    desk.pays(3_000)
    refunds.request(desk.world, CLIENT, "rfd_1", 1_000)
    intent = desk.pays(4_000)
    desk.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 700})
    charge = desk.stripe.v1.payment_intents.retrieve(intent).latest_charge
    dispute = desk.lever("disputes", charge=charge)
    desk.hears()
    desk.lever(f"disputes/{dispute['id']}/close", outcome="won")
    desk.lever("payout")
    desk.hears()


# --- the whole


def test_books_that_agree_are_clean_and_every_movement_has_its_posting(desk: Border) -> None:
    everything(desk)
    run = reconciled(desk)
    assert found(desk) == []
    assert (run.open, run.counts["entries"] == run.counts["proven"] > 0) == (0, True)
    assert paying.why_frozen(desk.world) is None
    listed = desk.stripe.v1.balance_transactions.list(params={"limit": 100}).data
    matches = [row["movement"] for row in desk.tables.rows["wallet"].values() if row["sk"] == "match"]
    assert sorted(matches) == sorted(each.id for each in listed if not is_own(each.type))
    kinds = {each.type for each in listed}
    assert kinds == {"charge", "refund", "adjustment", "transfer", "transfer_refund", "payout"}
    assert run.sums["fees usd"] == sum(each.fee for each in listed) > 0


def test_coins_that_were_paid_refunded_disputed_and_won_are_matched_one_to_one(desk: Border) -> None:
    intent, other = desk.buys("coins_2500"), desk.buys("coins_500")
    desk.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 700})
    lost = desk.lever("disputes", charge=desk.stripe.v1.payment_intents.retrieve(intent).latest_charge)
    won = desk.lever("disputes", charge=desk.stripe.v1.payment_intents.retrieve(other).latest_charge)
    desk.hears()
    desk.lever(f"disputes/{won['id']}/close", outcome="won")
    desk.lever(f"disputes/{lost['id']}/close", outcome="lost")
    desk.hears()
    run = reconciled(desk)
    assert found(desk) == []
    assert run.counts["entries"] == run.counts["proven"] > 0
    listed = desk.stripe.v1.balance_transactions.list(params={"limit": 100}).data
    matches = [row["movement"] for row in desk.tables.rows["wallet"].values() if row["sk"] == "match"]
    assert sorted(matches) == sorted(each.id for each in listed)
    assert len(matches) == 6
    assert coins.balance(desk.world, CLIENT) == 500
    assert (run.sums["platform:coins usd"], run.sums["coins coins"], run.sums["store coins"]) == (699, 500, -500)


def test_a_payment_for_coins_that_the_ledger_did_not_hear_of_is_a_difference(desk: Border) -> None:
    desk.buys(hears=False)
    assert reconciled(desk).open == 1
    assert found(desk)[0][0] == "transaction_without_entry"
    desk.hears()
    assert reconciled(desk).open == 0


def test_coins_that_stripe_knows_no_payment_of_are_missed(desk: Border) -> None:
    paid = Payment("pi_none", CLIENT, 699, "usd", "coins", "top_1", desk.clock(), 500)
    payments.credit(desk.world, paid)
    desk.clock.forward(2 * MARGIN + HOUR)
    assert reconciled(desk).open == 1
    assert found(desk) == [("entry_without_transaction", "topup:pi_none")]


def test_a_second_run_looks_only_at_what_came_since_and_two_weeks_before(desk: Border) -> None:
    everything(desk)
    desk.clock.forward(15 * DAY)
    first = reconciled(desk)
    desk.clock.forward(3 * DAY)
    desk.pays(1_000)
    second = reconciled(desk)
    assert (first.since, second.since) == (0, first.until - 14 * DAY)
    assert second.sums["at stripe: charge usd"] == 1_000
    assert found(desk) == []


def test_what_is_younger_than_the_margin_is_neither_missed_nor_counted(desk: Border) -> None:
    desk.pays(1_000)
    desk.pays(2_000, hears=False)
    run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
    assert (run.open, run.sums, run.counts["entries"]) == (0, {}, 0)


# --- what differs


def test_money_at_stripe_that_the_ledger_does_not_know_stops_payouts_until_it_does(desk: Border) -> None:
    desk.pays(2_000, hears=False)
    run = reconciled(desk)
    ((what, about),) = found(desk)
    assert (what, run.open) == ("transaction_without_entry", 1)
    assert about.startswith("txn_")
    assert paying.why_frozen(desk.world) == f"reconciliation found {what} {about}"
    with pytest.raises(InvalidState):
        reconciliation.check_clean(desk.world)
    desk.hears()
    assert reconciled(desk).open == 0
    assert found(desk) == []
    assert paying.why_frozen(desk.world), "an admin lifts it"
    reconciliation.check_clean(desk.world)


def test_a_posting_that_stripe_does_not_know_is_missed_once_it_is_old(desk: Border) -> None:
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    desk.clock.forward(2 * MARGIN + HOUR)
    run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
    assert run.open == 0
    assert reconciled(desk).open == 1
    assert found(desk) == [("entry_without_transaction", "topup:pi_none")]
    assert reconciled(desk).open == 1, "it is the same difference still"


def test_a_posting_of_a_moment_ago_is_not_missed_whatever_the_margin(desk: Border) -> None:
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    for later, missed in ((0, 0), (MINUTE - 1, 0), (1, 1)):
        desk.clock.forward(later)
        begun = reconciliation.begin(desk.world, margin=0)
        assert reconciliation.go_on(desk.world, begun.id).open == missed


def test_another_amount_than_stripes_is_a_difference(desk: Border) -> None:
    intent = desk.pays(2_000, hears=False)
    pay_in(desk.world, CLIENT, 1_999, f"topup:{intent}")
    reconciled(desk)
    assert {what for what, _ in found(desk)} == {"amounts_differ", "entry_without_transaction"}


def test_two_movements_cannot_stand_for_one_posting(desk: Border) -> None:
    intent = desk.pays(2_000)
    desk.tables.rows["wallet"][f"match#topup:{intent}", "match"] = {
        "pk": f"match#topup:{intent}",
        "sk": "match",
        "movement": "txn_other",
    }
    reconciled(desk)
    assert [what for what, _ in found(desk)] == ["matched_twice"]


def entry_of(desk: Border, account: str) -> dict[str, Any]:
    """The first entry of a chain, as it is stored."""
    return desk.tables.rows["ledger"][account, "000000000001"]


def break_chain(desk: Border) -> None:
    entry_of(desk, f"credit:{CLIENT}")["at"] += 1


def lose_an_entry(desk: Border) -> None:
    del desk.tables.rows["ledger"][f"credit:{CLIENT}", "000000000001"]


def post_from_nowhere(desk: Border) -> None:
    newest = genesis("credit:usr_other")
    entry = follow(newest, receive(newest, "topup", 5, "", "x"), desk.clock.now)
    desk.tables.rows["ledger"]["credit:usr_other", "000000000001"] = to_item(entry)


def post_without_receipt(desk: Border) -> None:
    newest = genesis("credit:usr_other")
    entry = follow(newest, receive(newest, "topup", 5, "stripe:payments", "x"), desk.clock.now)
    desk.tables.rows["ledger"]["credit:usr_other", "000000000001"] = to_item(entry)


@pytest.mark.parametrize(
    ("tamper", "differs"),
    [
        (break_chain, {("broken_chain", f"credit:{CLIENT}"), ("stray_entries", "ledger")}),
        (post_from_nowhere, {("unbalanced", "usd")}),
        (post_without_receipt, {("entries_without_receipt", "stripe:payments")}),
    ],
)
def test_a_ledger_that_somebody_wrote_in_does_not_prove_itself(
    desk: Border, tamper: Callable[[Border], None], differs: set[tuple[str, str]]
) -> None:
    desk.pays(2_000)
    tamper(desk)
    reconciled(desk)
    assert set(found(desk)) == differs
    assert paying.why_frozen(desk.world)


def test_a_chain_without_its_beginning_is_noticed(desk: Border) -> None:
    desk.pays(2_000)
    desk.pays(3_000)
    lose_an_entry(desk)
    reconciled(desk)
    assert ("stray_entries", "ledger") in found(desk)


def test_a_movement_of_a_kind_that_nobody_knows_is_for_a_person(desk: Border) -> None:
    listed = [{"id": "txn_1", "type": "climate_order", "amount": -5, "fee": 0, "currency": "usd", "source": None}]
    desk.world.payments.balance_transactions = lambda **_: (listed, False)  # type: ignore[method-assign] # as if
    reconciled(desk)
    assert found(desk) == [("unknown_transaction", "txn_1")]


def accept_all(desk: Border) -> None:
    for each in reconciliation.differences(desk.world):
        reconciliation.accept(desk.world, each, actor="ops", reason="explained")


def test_what_an_admin_accepts_stays_listed_and_stops_nothing_any_more(desk: Border) -> None:
    listed = [{"id": "txn_1", "type": "climate_order", "amount": -5, "fee": 0, "currency": "usd", "source": None}]
    desk.world.payments.balance_transactions = lambda **_: (listed, False)  # type: ignore[method-assign] # as if
    assert reconciled(desk).open == 1
    accept_all(desk)
    reconciliation.check_clean(desk.world)
    paying.unfreeze(desk.world, actor="ops", reason="explained")
    assert (reconciled(desk).open, found(desk)) == (0, [("unknown_transaction", "txn_1")])
    assert paying.why_frozen(desk.world) is None
    (told,) = [row for key, row in desk.tables.rows["audit"].items() if key[0] == "differences"]
    assert (told["action"], told["actor"], told["reason"]) == ("difference_accepted", "ops", "explained")
    assert told["detail"] == {"what": "unknown_transaction", "about": "txn_1", "detail": "climate_order -5"}


def test_what_was_accepted_is_a_difference_again_once_it_says_something_else(desk: Border) -> None:
    post_from_nowhere(desk)
    reconciled(desk)
    accept_all(desk)
    assert reconciled(desk).open == 0
    newest = wallet.ledger(desk.world).head("credit:usr_other")
    entry = follow(newest, receive(newest, "topup", 7, "", "x"), desk.clock.now)
    desk.tables.write(wallet.ledger(desk.world).put(entry))
    paying.unfreeze(desk.world, actor="ops", reason="explained")
    assert reconciled(desk).open == 1
    assert paying.why_frozen(desk.world) == "reconciliation found unbalanced usd"


def test_what_agreed_again_and_differs_anew_was_not_accepted(desk: Border) -> None:
    desk.pays(2_000, hears=False)
    reconciled(desk)
    accept_all(desk)
    desk.hears()
    assert (reconciled(desk).open, found(desk)) == (0, [])
    del desk.tables.rows["ledger"][next(key for key in desk.tables.rows["ledger"] if key[0].startswith("receipt:"))]
    assert reconciled(desk).open >= 1


def test_only_what_was_seen_is_accepted(desk: Border) -> None:
    desk.pays(2_000, hears=False)
    reconciled(desk)
    (seen,) = reconciliation.differences(desk.world)
    reconciled(desk)
    with pytest.raises(InvalidState):
        reconciliation.accept(desk.world, seen, actor="ops", reason="explained")
    desk.hears()
    reconciled(desk)
    with pytest.raises(NotFound):
        reconciliation.difference(desk.world, seen.what, seen.about)


def test_a_posting_stands_for_the_movement_of_its_amount_whichever_name_it_has(desk: Border) -> None:
    intent = desk.pays(5_000)
    refunds.request(desk.world, CLIENT, "rfd_1", 1_000)
    desk.stripe.v1.refunds.create(
        params={"payment_intent": intent, "amount": 700, "metadata": {"refund_part": "rfd_1:0"}}
    )
    desk.hears()
    assert (reconciled(desk).open, found(desk)) == (0, [])


def test_a_difference_stops_payouts_when_it_is_found_whatever_becomes_of_the_run(desk: Border) -> None:
    desk.pays(2_000, hears=False)
    desk.clock.forward(LATER)
    begun = reconciliation.begin(desk.world)
    looks = iter([False])
    run = reconciliation.go_on(desk.world, begun.id, partial(next, looks, True))
    assert run.ended_at is None
    assert str(paying.why_frozen(desk.world)).startswith("reconciliation found transaction_without_entry txn_")


def test_an_entry_that_cannot_be_read_is_a_broken_chain_and_the_run_comes_to_its_end(desk: Border) -> None:
    desk.pays(2_000)
    del entry_of(desk, f"credit:{CLIENT}")["prev_hash"]
    run = reconciled(desk)
    assert run.ended_at is not None
    assert ("broken_chain", f"credit:{CLIENT}") in found(desk)
    assert paying.why_frozen(desk.world)


def test_a_payment_by_bank_that_came_and_was_never_credited_is_found(desk: Border) -> None:
    topup = topups.open_topup(desk.world, CLIENT, "top_1", 2_000)
    assert topup.checkout_url
    post_form(topup.checkout_url, card=BANK)
    desk.lever(f"checkout/sessions/{topup.checkout}/settle", outcome="succeeded")
    listed, comes = desk.world.payments.balance_transactions, desk.clock.now + 4 * DAY

    def as_at_stripe(**asked: Any) -> Any:
        """The movement is there at once, and its payment is pending for four days; nothing is heard of it."""
        page, more = listed(**asked)
        status = "pending" if desk.clock.now < comes else "succeeded"
        return [each | {"source": each["source"] | {"status": status}} for each in page], more

    desk.world.payments.balance_transactions = as_at_stripe  # type: ignore[method-assign] # as if
    for day_ in range(1, 7):
        desk.clock.forward(DAY - LATER)
        assert reconciled(desk).open == (1 if day_ >= 4 else 0)
    assert [what for what, _ in found(desk)] == ["transaction_without_entry"]


def earn_from(desk: Border, counter: str, cents: int) -> None:
    _, posting = wallet.earn(desk.world, earnings_account(READER), "tip_earned", cents, counter, "ses_1")
    desk.tables.write(posting)


@pytest.mark.parametrize("clearing", ["tip", "session", "escrow", "guarantee", "gift"])
def test_earnings_that_nobody_paid_for_are_a_difference(desk: Border, clearing: str) -> None:
    desk.pays(10_000)
    desk.earns(3_000)
    earn_from(desk, f"{clearing}:x", 1)
    assert reconciled(desk).open == 1
    ((what, about),) = found(desk)
    assert (what, about) == ("paid_from_nothing", f"{clearing} usd")
    assert paying.why_frozen(desk.world)
    assert reconciliation.go_on(desk.world, reconciliation.begin(desk.world, margin=0).id).open == 1, "not judged"
    wallet.spend(desk.world, CLIENT, "tip", 1, f"{clearing}:x", "made:good", "ses_1")
    assert reconciled(desk).open == 0


def gather(desk: Border, shard: str, kind: str, cents: int, counter: str, *, closed: bool = False) -> Entry:
    """An entry on an account of a stream, as no function of ours would put it."""
    book = wallet.ledger(desk.world)
    head = book.head(shard)
    draft = replace(receive(head, kind, cents, counter, "str_1"), closed=closed)
    entry = follow(head, draft, desk.clock.now)
    desk.tables.write(book.put(entry))
    return entry


def test_what_gathers_on_a_stream_and_is_settled_when_it_ends_is_no_difference(desk: Border) -> None:
    desk.pays(10_000)
    gather(desk, "stream:str_1:3", "gift_earned", 70, "platform:coins")
    gather(desk, "stream:str_2:3", "gift_earned", 70, "platform:coins")
    gather(desk, "stream:str_1:3", "stream_settled", -70, "gift:str_1", closed=True)
    earn_from(desk, "gift:str_1", 70)
    assert reconciled(desk).open == 0


@pytest.mark.parametrize(
    ("gathered", "moved", "earned", "what", "about"),
    [
        (70, 70, 69, "left_over", "gift usd"),
        (70, 70, 71, "paid_from_nothing", "gift usd"),
        (70, 69, 69, "left_over", "stream:str_1:3"),
        (70, 71, 71, "paid_from_nothing", "stream:str_1:3"),
    ],
)
def test_what_a_stream_earned_and_the_reader_did_not_get_or_got_too_much_is_a_difference(
    desk: Border, gathered: int, moved: int, earned: int, what: str, about: str
) -> None:
    desk.pays(10_000)
    gather(desk, "stream:str_1:3", "gift_earned", gathered, "platform:coins")
    gather(desk, "stream:str_1:3", "stream_settled", -moved, "gift:str_1", closed=True)
    earn_from(desk, "gift:str_1", earned)
    assert reconciled(desk).open == 1
    assert found(desk) == [(what, about)]
    assert paying.why_frozen(desk.world)


@pytest.mark.parametrize(("later", "differs"), [(0, 0), (FUNDED_WITHIN - 1, 0), (FUNDED_WITHIN, 1)])
def test_a_transaction_in_which_the_payment_bears_the_later_moment_is_no_difference(
    desk: Border, later: int, differs: int
) -> None:
    desk.pays(10_000)
    desk.clock.forward(DAY)
    earn_from(desk, "tip:x", 1_000)
    desk.clock.forward(1 + later)
    wallet.spend(desk.world, CLIENT, "tip", 1_000, "tip:x", "tip:x", "ses_1")
    desk.clock.forward(MARGIN - later)  # as of the moment right after the earnings
    run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
    assert (run.open, run.sums["tip usd"]) == (differs, -1_000)


def cut_off(desk: Border) -> None:
    """The newest entry of the client's credit: a spending is undone, and the chain proves itself."""
    newest = wallet.head(desk.world, CLIENT)
    del desk.tables.rows["ledger"][f"credit:{CLIENT}", f"{newest.seq:012d}"]


def test_a_chain_whose_end_was_cut_off_since_yesterday_is_a_difference_until_it_is_accepted(desk: Border) -> None:
    desk.pays(10_000)
    wallet.spend(desk.world, CLIENT, "order", 3_000, "platform:shop", "order:1", "ord_1")
    assert reconciled(desk).open == 0
    yesterday = day(desk)
    cut_off(desk)
    desk.clock.forward(DAY)
    for _ in range(2):  # also when the digests since tell of the ledger as it is now
        assert reconciled(desk).open == 1
        assert found(desk) == [("changed_since_digest", f"{yesterday} credit:{CLIENT}")]
        assert paying.why_frozen(desk.world)
        desk.clock.forward(DAY)
    accept_all(desk)
    assert reconciled(desk).open == 0


def test_a_run_is_held_against_the_newest_digest_there_is(desk: Border) -> None:
    desk.pays(1_000)
    assert reconciled(desk).against is None
    first = day(desk)
    desk.clock.forward(2 * DAY)
    unfinished = reconciliation.begin(desk.world)
    assert unfinished.against == first
    assert reconciled(desk).against == first
    del desk.digests.held[f"digests/{day(desk)}.json"]
    today = day(desk)
    desk.clock.forward(DAY)
    assert reconciled(desk).against == today
    assert found(desk) == [("changed_since_digest", f"{today} digest")], "a digest that is gone is one that changed"


# --- what is none any more


def test_a_posting_that_was_missed_is_missed_until_it_has_its_movement_whatever_the_margin(desk: Border) -> None:
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    desk.clock.forward(LATER)
    for _ in range(2):
        assert reconciled(desk).open == 1
        desk.clock.forward(1)
        begun = reconciliation.begin(desk.world, margin=30 * DAY)
        assert reconciliation.go_on(desk.world, begun.id).open == 1
    assert found(desk) == [("entry_without_transaction", "topup:pi_none")]
    with pytest.raises(InvalidState):
        reconciliation.check_clean(desk.world)


def test_a_posting_that_was_missed_is_none_any_more_once_its_movement_came(desk: Border) -> None:
    desk.pays(2_000)
    whole = desk.world.payments.balance_transactions, desk.world.payments.transaction_of
    desk.world.payments.balance_transactions = lambda **_: ([], False)  # type: ignore[method-assign] # not there yet
    desk.world.payments.transaction_of = lambda intent: None  # type: ignore[method-assign] # as said
    assert reconciled(desk).open == 1
    desk.world.payments.balance_transactions, desk.world.payments.transaction_of = whole  # type: ignore[method-assign] # now
    assert (reconciled(desk).open, found(desk)) == (0, [])


def test_a_posting_that_was_missed_and_is_gone_itself_stays_a_difference(desk: Border) -> None:
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    desk.clock.forward(LATER)
    assert reconciled(desk).open == 1
    del desk.tables.rows["ledger"]["receipt:topup:pi_none", "receipt"]
    reconciled(desk)
    assert ("entry_without_transaction", "topup:pi_none") in found(desk)


def test_a_chain_that_was_broken_is_whole_only_when_it_is_followed_to_its_end(desk: Border) -> None:
    desk.pays(2_000)
    desk.pays(3_000)
    first = dict(entry_of(desk, f"credit:{CLIENT}"))
    break_chain(desk)
    reconciled(desk)
    lose_an_entry(desk)  # no run meets a chain without its first entry
    reconciled(desk)
    assert ("broken_chain", f"credit:{CLIENT}") in found(desk)
    desk.tables.rows["ledger"][f"credit:{CLIENT}", "000000000001"] = first
    assert (reconciled(desk).open, found(desk)) == (0, [])


def test_a_chain_with_something_that_is_no_entry_does_not_end_the_run(desk: Border) -> None:
    desk.pays(2_000)
    desk.pays(3_000)
    break_chain(desk)
    reconciled(desk)
    lose_an_entry(desk)  # no run meets it any more, and looks again only because it was broken
    del desk.tables.rows["ledger"][f"credit:{CLIENT}", "000000000002"]["hash"]
    assert reconciled(desk).ended_at is not None
    assert ("broken_chain", f"credit:{CLIENT}") in found(desk)


@pytest.mark.parametrize("tamper", [post_from_nowhere, post_without_receipt])
def test_what_is_added_up_agrees_again_only_where_all_was_added_up(
    desk: Border, tamper: Callable[[Border], None]
) -> None:
    desk.pays(2_000)
    tamper(desk)
    desk.clock.forward(1)
    run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world, margin=0).id)
    assert run.open == 1
    desk.clock.forward(MINUTE)
    run = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
    assert run.open == 1, "what differs is younger than the margin"
    del desk.tables.rows["ledger"]["credit:usr_other", "000000000001"]
    reconciled(desk)
    assert [what for what, _ in found(desk)] == ["changed_since_digest"], "only the digest tells of it still"


def test_a_run_that_looks_again_at_much_goes_on_where_it_was(desk: Border) -> None:
    for number in range(5):
        pay_in(desk.world, CLIENT, 2_000, f"topup:pi_{number}")
    desk.clock.forward(LATER)
    reconciled(desk)
    desk.clock.forward(1)
    begun, rounds = reconciliation.begin(desk.world, margin=30 * DAY), 0
    while (run := reconciliation.go_on(desk.world, begun.id, partial(next, iter([False] * 3), True))).ended_at is None:
        rounds += 1
        assert rounds < 20
    assert (rounds > 1, run.open) == (True, 5)


def test_payouts_go_on_only_where_no_run_has_begun_since_it_was_looked(desk: Border) -> None:
    reconciled(desk)
    paying.freeze(desk.world, actor="ops", reason="a difference")

    def checks() -> tuple[Check]:
        checked = reconciliation.check_clean(desk.world)
        reconciliation.begin(desk.world)
        return (checked,)

    with pytest.raises(InvalidState):
        paying.unfreeze(desk.world, actor="ops", reason="explained", checks=checks)
    assert paying.why_frozen(desk.world) == "a difference"


# --- what rightly stands for no movement


BANK = "000 123 456 789"


def test_a_payment_by_bank_counts_once_it_has_come_however_late(desk: Border) -> None:
    topup = topups.open_topup(desk.world, CLIENT, "top_1", 2_000)
    assert topup.checkout_url
    post_form(topup.checkout_url, card=BANK)
    listed = desk.world.payments.balance_transactions

    def on_its_way(**asked: Any) -> Any:
        """As at Stripe: the movement is there at once, and the payment is pending for days."""
        return [each | {"source": each["source"] | {"status": "pending"}} for each in listed(**asked)[0]], False

    desk.world.payments.balance_transactions = on_its_way  # type: ignore[method-assign] # as if
    assert reconciled(desk).open == 0
    desk.lever(f"checkout/sessions/{topup.checkout}/settle", outcome="succeeded")
    desk.hears()
    desk.clock.forward(3 * DAY)
    desk.world.payments.balance_transactions = lambda **_: ([], False)  # type: ignore[method-assign] # looked at before
    assert (reconciled(desk).open, found(desk)) == (0, [])


def test_a_payout_and_a_refund_that_stripe_refused_stand_for_no_movement(desk: Border) -> None:
    desk.reader_is_ready()
    desk.pays(10_000)
    desk.earns(2_000)
    fails(desk, "transfer", Refused("account_invalid"))
    payout = paying.pay_out(desk.world, READER)
    assert payout
    assert payout.state == "returned"
    fails(desk, "refund", Refused("charge_already_refunded"))
    refunds.request(desk.world, CLIENT, "rfd_1", 500)
    desk.clock.forward(30 * DAY)
    assert (reconciled(desk).open, found(desk)) == (0, [])


def fails(desk: Border, call: str, error: Exception) -> None:
    """The next call of that name does not come through."""
    whole = getattr(desk.world.payments, call)

    def once(*_: Any, **__: Any) -> Any:
        setattr(desk.world.payments, call, whole)
        raise error

    setattr(desk.world.payments, call, once)


def test_a_payout_on_its_way_is_no_difference_and_one_that_never_went_is(desk: Border) -> None:
    desk.reader_is_ready()
    desk.pays(10_000)
    desk.earns(2_000)
    fails(desk, "transfer", ProviderFailed())
    payout = paying.pay_out(desk.world, READER)
    assert payout
    assert payout.state == "reserved"
    assert reconciled(desk).open == 0
    row = desk.tables.rows["wallet"][f"payout#{payout.id}", "payout"]
    row["state"] = "paid"
    reconciled(desk)
    assert found(desk) == [("entry_without_transaction", f"payout:{payout.id}")]
    del desk.tables.rows["wallet"][f"payout#{payout.id}", "payout"]
    assert reconciled(desk).open == 1


def test_a_payout_that_waited_long_and_was_sent_just_now_is_no_difference(desk: Border) -> None:
    desk.reader_is_ready()
    desk.pays(10_000)
    desk.earns(2_000)
    fails(desk, "transfer", ProviderFailed())
    payout = paying.pay_out(desk.world, READER)
    assert payout
    desk.clock.forward(DAY)
    assert paying.advance(desk.world, payout.id).state == "paid"
    desk.clock.forward(HOUR)
    begun = reconciliation.begin(desk.world)
    assert (reconciliation.go_on(desk.world, begun.id).open, found(desk)) == (0, [])
    assert reconciled(desk).open == 0, "by now its movement was looked at"


def test_a_refund_whose_answer_and_look_were_lost_is_matched_in_the_end(desk: Border) -> None:
    desk.pays(5_000)
    refund = desk.world.payments.refund

    def loses_the_answer(**asked: Any) -> Any:
        desk.world.payments.refund = refund  # type: ignore[method-assign] # this once
        refund(**asked)
        raise ProviderFailed

    desk.world.payments.refund = loses_the_answer  # type: ignore[method-assign] # this once
    refunds.request(desk.world, CLIENT, "rfd_1", 5_000)
    desk.clock.forward(21 * HOUR)
    fails(desk, "refunds_of", Refused("resource_missing"))
    for status in ("pending", "succeeded"):
        refunds.advance(desk.world, "rfd_1")
        assert refunds.progress(desk.world, "rfd_1").status == status
        desk.clock.forward(HOUR)
    desk.hears()
    assert wallet.head(desk.world, CLIENT).balance == 0
    desk.clock.forward(15 * DAY)
    assert (reconciled(desk).open, found(desk)) == (0, [])


def test_a_refund_may_be_on_its_way_for_two_weeks(desk: Border) -> None:
    desk.pays(2_000)
    fails(desk, "refund", ProviderFailed())
    refunds.request(desk.world, CLIENT, "rfd_1", 500)
    assert reconciled(desk).open == 0
    desk.clock.forward(14 * DAY)
    reconciled(desk)
    assert found(desk) == [("entry_without_transaction", "refund:rfd_1:0")]


def test_a_posting_that_undoes_a_real_movement_needs_one_of_its_own(desk: Border) -> None:
    payout = paid_out(desk)
    assert reconciled(desk).open == 0
    key, account = f"payout_returned:{payout.id}", earnings_account(READER)
    fact = Fact("payout_returned", 2_000, "stripe:transfers", payout.id)
    wallet.post_once(
        desk.world, account, key, fact, lambda head, _: receive(head, fact.kind, 2_000, fact.counter, fact.reference)
    )
    reconciled(desk)
    assert found(desk) == [("entry_without_transaction", f"payout_returned:{payout.id}")]


# --- going on


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_a_run_that_is_cut_short_goes_on_and_finds_the_same(desk: Border, calls: int) -> None:
    everything(desk)
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    desk.clock.forward(LATER)
    whole = reconciliation.go_on(desk.world, reconciliation.begin(desk.world).id)
    expected, heads = found(desk), json.loads(desk.digests.held[f"digests/{day(desk)}.json"])
    desk.clock.forward(DAY)
    begun = reconciliation.begin(desk.world)
    run, rounds = begun, 0
    while run.ended_at is None:
        looks = iter([False] * calls)
        run = reconciliation.go_on(desk.world, begun.id, partial(next, looks, True))
        rounds += 1
        assert rounds < 200
    assert rounds > 1
    assert found(desk) == expected
    assert {name: run.counts[name] for name in run.counts} == {name: whole.counts[name] for name in whole.counts}
    ledger = {name for name in whole.sums if not name.startswith(("fees", "at stripe"))}
    assert {name: run.sums[name] for name in ledger} == {name: whole.sums[name] for name in ledger}
    again = json.loads(desk.digests.held[f"digests/{day(desk)}.json"])
    assert (again["sha256"], again["heads"]) == (heads["sha256"], heads["heads"])


def day(desk: Border) -> str:
    return reconciliation.day_of(desk.clock.now)


@pytest.mark.parametrize("fate", ["crash before", "crash after", "lost before", "lost after"])
@pytest.mark.parametrize("place", range(0, 16, 3))
def test_a_function_that_dies_is_called_again_and_finds_the_same(desk: Border, fate: str, place: int) -> None:
    everything(desk)
    pay_in(desk.world, CLIENT, 2_000, "topup:pi_none")
    desk.clock.forward(LATER)
    run_id = reconciliation.begin(desk.world).id
    desk.tables.fates = ["" for _ in range(place)] + [fate]
    with suppress(Crash, Contended):
        reconciliation.go_on(desk.world, run_id)
    desk.tables.fates.clear()
    run = reconciliation.go_on(desk.world, run_id)
    assert run.ended_at is not None
    assert found(desk) == [("entry_without_transaction", "topup:pi_none")]
    assert run.counts["entries"] == run.counts["proven"]


def test_a_run_that_another_one_replaced_ends_quietly(desk: Border) -> None:
    old = reconciliation.begin(desk.world)
    new = reconciliation.begin(desk.world)
    assert reconciliation.go_on(desk.world, old.id).id == new.id
    assert reconciliation.go_on(desk.world, new.id).ended_at is not None
    with pytest.raises(NotFound):
        reconciliation.verify_digest(desk.world, "2000-01-01")


# --- the digest


def test_a_digest_tells_when_an_entry_was_changed_since(desk: Border) -> None:
    everything(desk)
    reconciled(desk)
    assert reconciliation.verify_digest(desk.world, day(desk)) == []
    desk.pays(1_000)
    assert reconciliation.verify_digest(desk.world, day(desk)) == [], "what was added since is no change"
    kept = json.loads(desk.digests.held[f"digests/{day(desk)}.json"])
    seq, *_ = kept["heads"][f"credit:{CLIENT}"]
    desk.tables.rows["ledger"][f"credit:{CLIENT}", f"{seq:012}"]["hash"] = "0" * 64
    assert reconciliation.verify_digest(desk.world, day(desk)) == [f"credit:{CLIENT}"]
    kept["heads"][f"credit:{CLIENT}"][2] = 1
    desk.digests.held[f"digests/{day(desk)}.json"] = json.dumps(kept).encode()
    assert "digest" in reconciliation.verify_digest(desk.world, day(desk))


def test_a_chain_that_is_closed_is_in_a_digest_as_it_was_then_and_in_later_ones_no_more(desk: Border) -> None:
    gather(desk, "stream:str_1:3", "gift_earned", 70, "platform:coins")
    gather(desk, "stream:str_2:3", "gift_earned", 70, "platform:coins")
    reconciled(desk)
    desk.clock.forward(2 * HOUR)
    closing = gather(desk, "stream:str_1:3", "stream_void", -70, "platform:coins", closed=True)
    told: list[tuple[str, dict[str, Any]]] = []
    for _ in range(6):
        desk.clock.forward(DAY - LATER)
        assert reconciled(desk).open == 0
        told.append((day(desk), json.loads(desk.digests.held[f"digests/{day(desk)}.json"])["heads"]))
    closed = [(at, heads["stream:str_1:3"]) for at, heads in told if "stream:str_1:3" in heads]
    assert 1 <= len(closed) <= 4
    assert {head[1] for _, head in closed} == {closing.hash}, "as it is, and never as it was before"
    assert all("stream:str_2:3" in heads for _, heads in told), "one that is open may change"
    del desk.tables.rows["ledger"]["stream:str_1:3", f"{closing.seq:012d}"]
    assert reconciliation.verify_digest(desk.world, closed[-1][0]) == ["stream:str_1:3"]


def test_the_first_digest_of_a_day_stays_the_days(desk: Border) -> None:
    desk.pays(1_000)
    reconciled(desk)
    kept = dict(desk.digests.held)
    desk.pays(1_000)
    reconciliation.go_on(desk.world, reconciliation.begin(desk.world, margin=SECOND).id)
    name = f"digests/{day(desk)}.json"
    assert desk.digests.held[name] == kept[name]


def test_two_digests_of_a_day_at_once_leave_the_first(desk: Border) -> None:
    desk.pays(1_000)
    name = f"digests/{reconciliation.day_of(desk.clock.now + LATER)}.json"
    desk.digests.stored = lambda key: None  # type: ignore[method-assign] # the other one is not put yet
    desk.digests.held[name] = b"{}"
    reconciled(desk)
    assert desk.digests.held[name] == b"{}"
