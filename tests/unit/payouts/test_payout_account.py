"""The account at Stripe: one a reader, its status as Stripe says it, whatever the order of its events."""

from typing import Any

import pytest

from chalicelib.kernel.errors import InvalidState, ProviderFailed
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.payouts import payees
from chalicelib.payouts.model import Payee, as_read, forgotten
from chalicelib.shop import events
from chalicelib.wallet import topups
from tests.support.connect import READY
from tests.support.events import checkout_event, dispute_event
from tests.support.payee import ACCOUNT, READER, Desk
from tests.support.purse import OWNER, Purse


def payee(desk: Desk) -> Payee:
    found = payees.rows_of(desk.world).payee(READER)
    assert found
    return found


def test_an_account_is_made_once_and_each_request_gets_a_fresh_link(desk: Desk) -> None:
    first, second = (payees.open_account(desk.world, READER) for _ in range(2))
    assert first != second
    assert list(desk.stripe.accounts) == [ACCOUNT]
    assert desk.stripe.calls == ["account", "link", "link"]
    assert payee(desk).account == ACCOUNT


def test_a_lost_answer_is_found_by_asking_again(desk: Desk) -> None:
    desk.stripe.failures = ["after"]
    with pytest.raises(ProviderFailed):
        payees.open_account(desk.world, READER)
    assert payees.rows_of(desk.world).payee(READER) is None
    payees.open_account(desk.world, READER)
    assert list(desk.stripe.accounts) == [ACCOUNT]


def test_an_account_that_stripe_opens_no_page_for_is_refused_and_nothing_changes(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    before = payee(desk)
    desk.stripe.failures = ["account_invalid"]
    with pytest.raises(InvalidState):
        payees.open_account(desk.world, READER)
    assert payee(desk) == before


NEEDS: dict[str, Any] = {"currently_due": ["external_account"], "past_due": [], "pending_verification": []}
CHECKS: dict[str, Any] = {"currently_due": [], "past_due": [], "pending_verification": ["individual.id_number"]}


@pytest.mark.parametrize(
    ("account", "status"),
    [
        ({}, "incomplete"),
        ({"details_submitted": False, "requirements": NEEDS}, "incomplete"),
        (READY, "ready"),
        (READY | {"requirements": NEEDS}, "ready"),
        (READY | {"payouts_enabled": False, "requirements": CHECKS}, "pending"),
        (READY | {"capabilities": {"transfers": "pending"}}, "pending"),
        (READY | {"capabilities": {"transfers": "inactive"}, "requirements": NEEDS}, "restricted"),
        (READY | {"payouts_enabled": False, "requirements": NEEDS | CHECKS | NEEDS}, "restricted"),
        (READY | {"payouts_enabled": False, "requirements": CHECKS | {"past_due": ["x"]}}, "restricted"),
        (READY | {"payouts_enabled": False}, "restricted"),
        (READY | {"payouts_enabled": "yes"}, "restricted"),
        (None, "restricted"),
    ],
)
def test_the_status_is_what_can_be_done_with_the_account(account: dict[str, Any] | None, status: str) -> None:
    read = as_read(Payee(READER, ACCOUNT, 0), account, 1)
    assert (read.status, read.read_at) == (status, 1)


def test_each_requirement_is_named_once_the_overdue_first() -> None:
    needs = {"currently_due": ["a", "b"], "past_due": ["b"]}
    assert as_read(Payee(READER, ACCOUNT, 0), READY | {"requirements": needs}, 1).requirements == ("b", "a")


def test_no_more_than_fifty_requirements_are_kept() -> None:
    needs = {"currently_due": [f"person.{number}" for number in range(60)]}
    assert len(as_read(Payee(READER, ACCOUNT, 0), READY | {"requirements": needs}, 1).requirements) == 50


def test_of_who_was_forgotten_no_requirement_is_kept_and_the_account_stays_known() -> None:
    known = Payee(READER, ACCOUNT, 7, submitted=True, requirements=("external_account",), rev=3)
    gone = forgotten(known)
    assert gone == Payee(READER, ACCOUNT, None, submitted=True, rev=3)
    assert as_read(known, {"requirements": NEEDS}, 1).requirements == ("external_account",)
    assert as_read(gone, {"requirements": NEEDS}, 1).requirements == ()


def test_events_in_the_wrong_order_leave_what_stripe_says_now(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    desk.stripe.onboarded(ACCOUNT, payouts_enabled=False)
    desk.stripe.onboarded(ACCOUNT)
    for event in reversed(desk.stripe.events):
        desk.tell(event)
    assert payee(desk).status == "ready"


def test_a_reading_that_another_one_overtook_is_made_again(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    seen = desk.stripe.payout_account

    def slow(account: str) -> dict[str, Any]:
        """While the first reading is on its way, the account becomes ready and that is read and written."""
        stale = seen(account)
        desk.stripe.payout_account = seen  # type: ignore[method-assign] # the next reading is not disturbed
        desk.stripe.onboarded(ACCOUNT)
        desk.hear()
        return stale

    desk.stripe.payout_account = slow  # type: ignore[method-assign] # this one is
    found = payees.refresh(desk.world, READER)
    assert found
    assert found.status == payee(desk).status == "ready"


def test_who_comes_back_from_stripe_sees_the_new_status_before_any_event(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    desk.stripe.onboarded(ACCOUNT)
    found = payees.account_of(desk.world, READER)
    assert found
    assert found.status == "ready"
    desk.stripe.calls.clear()
    payees.account_of(desk.world, READER)
    assert desk.stripe.calls == []


def test_while_stripe_is_out_of_reach_the_last_known_status_is_told(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    desk.stripe.failures = ["before"]
    found = payees.account_of(desk.world, READER)
    assert found
    assert found.status == "incomplete"


def test_while_stripe_is_out_of_reach_it_is_not_asked_by_every_request(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    desk.clock.forward(MINUTE)
    desk.stripe.calls.clear()
    desk.stripe.failures = ["before"]
    for _ in range(5):
        found = payees.account_of(desk.world, READER)
        assert found
        assert found.status == "incomplete"
    assert desk.stripe.calls == ["retrieve"]
    desk.stripe.accounts[ACCOUNT] |= READY
    desk.clock.forward(10 * SECOND)
    found = payees.account_of(desk.world, READER)
    assert found
    assert found.status == "ready"


def test_nobody_without_an_account_has_one(desk: Desk) -> None:
    assert payees.account_of(desk.world, READER) is None
    assert desk.stripe.calls == []


def test_a_reader_whose_account_was_ready_hears_that_stripe_needs_something(desk: Desk) -> None:
    desk.ready()
    assert desk.notices() == []
    for _ in range(2):
        desk.stripe.onboarded(ACCOUNT, payouts_enabled=False, requirements=NEEDS)
        desk.hear()
    assert desk.notices() == ["payout_account_restricted"]
    assert payee(desk).requirements == ("external_account",)


def test_an_account_that_stripe_has_no_more_is_restricted(desk: Desk) -> None:
    desk.ready()
    desk.stripe.failures = ["resource_missing"]
    desk.tell(desk.stripe.tell("account.application.deauthorized", {}, account=ACCOUNT))
    assert payee(desk).status == "restricted"


def test_an_event_of_a_strangers_account_changes_nothing(desk: Desk) -> None:
    desk.ready()
    before = payee(desk)
    for account in ("acct_other", None, 7, "x" * 300):
        desk.tell(desk.stripe.tell("account.updated", READY, account=account))
        desk.tell(desk.stripe.tell("payout.failed", {"id": "po_1", "amount": 1}, account=account))
    assert payee(desk) == before
    assert desk.notices() == []


def test_a_bank_that_refuses_is_told_to_the_reader_and_moves_nothing(desk: Desk) -> None:
    desk.ready().earned(2_000)
    event = desk.stripe.tell("payout.failed", {"id": "po_1", "amount": 900, "failure_code": "x"}, account=ACCOUNT)
    for _ in range(2):
        desk.tell(event)
    assert (desk.balance, desk.notices()) == (2_000, ["payout_failed"])


@pytest.mark.parametrize(
    ("currency", "said"), [("usd", "$9.00 could not"), ("jpy", "A payout in another currency could")]
)
def test_what_a_bank_refused_is_told_in_dollars_only_where_it_is_dollars(desk: Desk, currency: str, said: str) -> None:
    desk.ready()
    payout = {"id": "po_1", "amount": 900, "currency": currency}
    desk.tell(desk.stripe.tell("payout.failed", payout, account=ACCOUNT))
    (row,) = desk.tables.rows["notices"].values()
    told = words(Notice(READER, row["kind"], row["facts"]), "Europe/Vienna")
    assert told
    assert told.text.startswith(said)


@pytest.mark.parametrize("payout", [{}, {"id": "po_1"}, {"id": "", "amount": 1}, {"id": "po_1", "amount": "1"}])
def test_a_strange_event_of_the_bank_is_stored_and_nobody_is_told(desk: Desk, payout: dict[str, Any]) -> None:
    desk.ready()
    desk.tell(desk.stripe.tell("payout.failed", payout, account=ACCOUNT))
    assert desk.notices() == []


def test_an_event_of_the_other_mode_is_stored_without_effect(desk: Desk) -> None:
    payees.open_account(desk.world, READER)
    desk.stripe.accounts[ACCOUNT] |= READY
    desk.tell(desk.stripe.tell("account.updated", READY, account=ACCOUNT, livemode=True))
    assert payee(desk).status == "incomplete"
    assert desk.stored() == ["of the other mode"]


def test_an_event_of_our_own_that_comes_for_readers_accounts_is_applied_once() -> None:
    purse = Purse()
    topup = topups.open_topup(purse.world, OWNER, "top_1", 5_000)
    paid = checkout_event("evt_1", "checkout.session.completed", topup)
    taken = dispute_event("created", "dp_1", "pi_top_1", 5_000, "needs_response")
    for event, balance in ((paid, 5_000), (taken, 0)):
        events.apply_connect_event(purse.world, event)
        events.apply_event(purse.world, event)
        assert purse.balance == balance
    assert purse.facts() == {"topup:pi_top_1", "dispute:dp_1"}
    assert purse.frozen


def test_an_unknown_event_of_an_account_is_stored(desk: Desk) -> None:
    desk.tell(desk.stripe.tell("person.updated", {}, account=ACCOUNT))
    assert desk.stored() == ["not ours to handle"]
