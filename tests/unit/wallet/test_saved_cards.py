"""Saved cards through the real stripe library, against the local Stripe: its page, its bank, its webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused, StripePayments
from chalicelib.kernel.errors import ProviderFailed
from chalicelib.wallet import recharges, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.recharge import AutoRecharge, Recharge, Wanted
from chalicelib.wallet.recharge_store import recharges_of
from infra.local.stripe.server import StripeServer
from infra.local.web import Server
from tests.support.door import product_on
from tests.support.local_stripe import ASKS, DECLINED, NO_FUNDS, QUICK, SECRET, SUCCESS, Inbox, client_of, post_form
from tests.support.reading import CLIENT, pay_in
from tests.support.worlds import hand_world, settings

ATTACHES_THEN_FAILS = "4000000000000341"
ON = Wanted(True, 1_000, 2_500, 10_000)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[StripeServer]:
    with StripeServer(tmp_path, retries=QUICK, settle_seconds=0.05) as server:
        yield server


@pytest.fixture
def inbox(local: StripeServer) -> Iterator[Inbox]:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        local.send_webhooks_to("account", server.url, SECRET, {})
        yield inbox


@pytest.fixture
def world(local: StripeServer) -> Iterator[World]:
    known = replace(settings(), stripe_api_base=local.url)
    made = hand_world(settings=known, payments=StripePayments(known))
    with product_on(made, {"stripe": {"api_key": "sk_test_anything", "webhook_secret": SECRET}}):
        pay_in(made, CLIENT, 5_000, "topup:1")
        yield made


Heard = Callable[[str], None]


@pytest.fixture
def heard(world: World, inbox: Inbox) -> Heard:
    """Waits for an event of that type, and applies all that were delivered, twice."""

    def hear(kind: str) -> None:
        inbox.wait(lambda: kind in inbox.kinds(""))
        for event in [*inbox.received, *inbox.received]:
            apply_event(world, event)

    return hear


def saved(world: World, heard: Heard, card: str, setup: str = "set_1") -> None:
    page = recharges.open_setup(world, CLIENT, setup)
    status, _, _ = post_form(page, card=card)
    if status == 200:
        status, _, _ = post_form(page, authentication="confirm")
    assert status == 303
    heard("checkout.session.completed")


def spent(world: World) -> str:
    """The credit gets short: the charge that begins."""
    recharges.set_auto(world, CLIENT, ON)
    wallet.spend(world, CLIENT, "order", 4_500, "platform:shop", "order:1", "ord_1")
    name = now(world).in_flight
    assert name
    return name


def now(world: World) -> AutoRecharge:
    return recharges.settings_of(world, CLIENT)


def charge(world: World, name: str) -> Recharge:
    found = recharges_of(world).get(name)
    assert found
    return found


def test_a_card_is_saved_on_a_page_and_charged_when_credit_gets_short(
    world: World, local: StripeServer, heard: Heard
) -> None:
    saved(world, heard, SUCCESS)
    card = now(world).card
    assert card
    assert (card.brand, card.last4, card.exp_year) == ("visa", "4242", 2034)
    name = spent(world)
    for _ in range(3):
        recharges.advance(world, name)
    heard("payment_intent.succeeded")
    assert wallet.head(world, CLIENT).balance == 3_000
    assert (charge(world, name).status, now(world).in_flight) == ("succeeded", None)
    (intent,) = client_of(local).v1.payment_intents.list().data
    assert (intent.id, intent.amount) == (charge(world, name).intent, 2_500)
    assert statement.trial_balance(world).sum_of("stripe:payments") == -7_500


def test_two_pages_are_of_one_customer_and_the_same_request_is_the_same_page(world: World, local: StripeServer) -> None:
    pages = [recharges.open_setup(world, CLIENT, setup) for setup in ("set_1", "set_2", "set_1")]
    assert pages[0] == pages[2] != pages[1]
    (customer,) = client_of(local).v1.customers.list().data
    assert now(world).customer == customer.id


def test_a_bank_that_asks_for_its_customer_turns_it_off_at_once(world: World, heard: Heard) -> None:
    saved(world, heard, ASKS)
    name = spent(world)
    recharges.advance(world, name)
    assert (charge(world, name).status, charge(world, name).code) == ("failed", "authentication_required")
    assert (now(world).enabled, now(world).off_reason) == (False, "authentication_required")
    heard("payment_intent.payment_failed")
    assert (wallet.head(world, CLIENT).balance, now(world).declines) == (500, 1)


def test_a_card_that_was_saved_and_is_declined_later_is_tried_again(world: World, heard: Heard) -> None:
    saved(world, heard, ATTACHES_THEN_FAILS)
    name = spent(world)
    recharges.advance(world, name)
    heard("payment_intent.payment_failed")
    assert (charge(world, name).status, now(world).enabled, now(world).declines) == ("failed", True, 1)
    assert wallet.head(world, CLIENT).balance == 500


def test_a_card_that_was_taken_away_at_stripe_turns_it_off(world: World, local: StripeServer, heard: Heard) -> None:
    saved(world, heard, SUCCESS)
    card = now(world).card
    assert card
    client_of(local).v1.payment_methods.detach(card.payment_method)
    name = spent(world)
    recharges.advance(world, name)
    assert (charge(world, name).status, now(world).off_reason) == ("failed", "card_unusable")
    assert wallet.head(world, CLIENT).balance == 500


def test_the_last_card_saved_is_the_one_that_is_charged(world: World, local: StripeServer, heard: Heard) -> None:
    saved(world, heard, SUCCESS)
    page = recharges.open_setup(world, CLIENT, "set_2")
    first = now(world).card
    assert first
    post_form(page, card="5555555555554444")
    # Two cards within one of Stripe's seconds: the first one told of stays.
    kept = replace(now(world), card=replace(first, at=first.at - 1))
    world.tables.write(recharges_of(world).keep(kept, now(world)))
    events = client_of(local).v1.events.list(params={"type": "checkout.session.completed"}).data
    assert len(events) == 2
    for event in events:
        apply_event(world, {**event.to_dict(), "id": f"{event.id}_again"})
    card = now(world).card
    assert card
    assert card.brand == "mastercard"


@pytest.mark.parametrize("card", [DECLINED, NO_FUNDS])
def test_what_a_bank_refuses_to_save_is_no_card(world: World, card: str) -> None:
    page = recharges.open_setup(world, CLIENT, "set_1")
    status, _, _ = post_form(page, card=card)
    assert status == 402
    assert now(world).card is None


def test_a_definite_refusal_and_an_unknown_outcome_are_told_apart(world: World, local: StripeServer) -> None:
    customer = world.payments.make_customer(user=CLIENT)
    wanted = {"recharge": "rch_1", "user": CLIENT, "customer": customer, "payment_method": "pm_unknown"}
    with pytest.raises(Refused) as refused:
        world.payments.charge_saved(**wanted, amount=2_500, currency="usd")
    assert refused.value.code == "resource_missing"
    nowhere = replace(world.settings, stripe_api_base="http://127.0.0.1:9")
    with pytest.raises(ProviderFailed):
        StripePayments(nowhere).charge_saved(**wanted, amount=2_500, currency="usd")
