"""Whatever an event on a transfer, an account or a bank's payout says: it is stored, and moves what our record says.

Signatures are no concern here; what is tried is what Stripe might sign. On tables as particular as DynamoDB.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.errors import ProviderFailed
from chalicelib.payouts import paying
from chalicelib.payouts.payees import rows_of
from chalicelib.shop import events
from tests.property.test_webhook_bodies import BODIES, changed
from tests.support.door import PickyTables
from tests.support.payee import ACCOUNT, READER, Desk

several = settings(max_examples=BODIES)


@pytest.fixture(scope="module")
def desk() -> Desk:
    """A payout of $20 is made, and Stripe has taken $5 of it back in two pieces that nobody told."""
    desk = Desk().ready().earned(2_000)
    payout = desk.paid_out()
    assert payout
    desk.hear()
    desk.stripe.reverse(payout.id, 300)
    desk.stripe.reverse(payout.id, 200)
    tables = PickyTables()
    tables.rows = desk.tables.rows
    object.__setattr__(desk.world, "tables", tables)
    desk.tables = tables  # type: ignore[assignment] # from here on nothing fails
    return desk


def delivered(desk: Desk, event: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether it is stored; then it is told twice. Stripe repeats what is not."""
    desk.tables.rows = copy.deepcopy(before)
    apply = events.apply_connect_event if "account" in event else events.apply_event
    try:
        for _ in range(2):
            apply(desk.world, event)
    except ProviderFailed:
        return False
    return True


@several
@given(data=st.data())
def test_a_reversal_gives_back_what_stripe_took_back_or_nothing(desk: Desk, data: st.DataObject) -> None:
    before = copy.deepcopy(desk.tables.rows)
    sample = desk.stripe.events[-1]
    event = sample | {"data": {"object": data.draw(changed(sample["data"]["object"]))}}
    stored = delivered(desk, event, before)
    balance, payout = desk.balance, paying.payouts_of(desk.world, READER, 1, None)[0][0]
    reported = event["data"]["object"].get("amount_reversed", 0)
    desk.tables.rows = before
    assert balance == payout.reversed
    assert balance in ({0, 300, 500} if stored else {0})
    if balance:
        assert 0 < reported <= balance or reported == 500


@several
@given(data=st.data())
def test_what_an_event_says_of_an_account_is_never_believed(desk: Desk, data: st.DataObject) -> None:
    before = copy.deepcopy(desk.tables.rows)
    told = {"id": ACCOUNT, "payouts_enabled": False, "requirements": {"currently_due": ["x"]}}
    event = data.draw(changed({"type": "account.updated", "account": ACCOUNT, "data": {"object": told}}))
    thing = event.get("data")
    if isinstance(event.get("type"), str) and isinstance(thing, dict) and isinstance(thing.get("object"), dict):
        fits = event["type"].isascii() and 0 < len(event["type"]) <= 255
        assert not fits or delivered(desk, event | {"id": "evt_x"}, before)
    payee = rows_of(desk.world).payee(READER)
    desk.tables.rows = before
    assert payee
    assert payee.status == "ready"


@several
@given(data=st.data())
def test_a_banks_refusal_moves_nothing_whatever_it_says(desk: Desk, data: st.DataObject) -> None:
    before = copy.deepcopy(desk.tables.rows)
    payout = data.draw(changed({"id": "po_1", "amount": 2_000, "failure_code": "account_closed"}))
    if isinstance(payout, dict):
        event = {"id": "evt_x", "type": "payout.failed", "account": ACCOUNT, "data": {"object": payout}}
        assert delivered(desk, event, before)
        assert desk.tables.rows["ledger"] == before["ledger"]
    desk.tables.rows = before
