"""Field by field, the local Stripe's objects are those that Stripe publishes as examples.

The examples are not part of the project: they lie beside the work tree on a developer's machine, and the tests are
skipped where they do not.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stripe

from infra.local.store import Store
from infra.local.stripe import (
    accounts,
    balance,
    checkout,
    coupons,
    customers,
    disputes,
    events,
    intents,
    payments,
    payouts,
    prices,
    products,
    refunds,
    transfers,
)
from infra.local.stripe.context import Context
from infra.local.stripe.errors import StripeError
from infra.local.stripe.forms import Params, decoded

PLACE = Path("shared") / "stripe" / "fixtures3.json"
FIXTURES = next((place for folder in Path(__file__).parents if (place := folder / PLACE).exists()), PLACE)

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="Stripe's example objects are not on this machine")

NOT_THERE = {
    # Stripe leaves these out unless they are asked for, or the account has what they are about.
    "charge": {"refunds"},
}
OPEN = {
    # Their fields depend on what happened, or are the customer's own.
    "metadata",
    "data",
    "payment_method_options",
    "last_payment_error",
    "last_setup_error",
    "next_action",
    "shipping",
    "installments",
}
FORM = (
    "mode=payment&line_items[0][quantity]=1&line_items[0][price_data][currency]=usd"
    "&line_items[0][price_data][unit_amount]=2500&line_items[0][price_data][product_data][name]=Credit"
    "&success_url=https://app.test/&client_reference_id=top_1&metadata[user]=usr_1"
)


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    resources: dict[str, Any] = json.loads(FIXTURES.read_text())["resources"]
    return resources


@pytest.fixture(params=["4242424242424242", "4000000000000002", "4000002760003184", "000123456789"])
def context(request: pytest.FixtureRequest) -> Iterator[Context]:
    """Everything that comes of one attempt to pay."""
    store = Store()
    context = Context(store, lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    session = checkout.create(context, Params(decoded(FORM)))
    checkout.pay(context, session["id"], request.param, "ada@example.test")
    yield context
    store.close()


@pytest.mark.parametrize(
    "kind", [checkout.KIND, "payment_intent", "charge", "balance_transaction", "payment_method", "event"]
)
def test_fields_are_those_of_the_published_example(context: Context, examples: dict[str, Any], kind: str) -> None:
    for thing in context.store.newest(kind):
        assert differences(thing, examples[kind], NOT_THERE.get(kind, set())) == []


@pytest.mark.parametrize("card", ["4242424242424242", "4000000000007726", "4000000000005126", "000123456789"])
def test_refunds_have_the_published_fields(examples: dict[str, Any], card: str) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    refund = refunds.create(context, form(f"payment_intent={paid(context, card)}&amount=500"))

    assert differences(refund, examples["refund"], set(), stripe.Refund) == []
    assert differences(refunds.settle(context, refund["id"]), examples["refund"], set(), stripe.Refund) == []
    for booked in context.store.newest(balance.KIND):
        assert differences(booked, examples["balance_transaction"], set()) == []


@pytest.mark.parametrize("card", ["4242424242424242", "4000000000000002", "4000002760003184", "4000000000000341"])
def test_saved_cards_have_the_published_fields(examples: dict[str, Any], card: str) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    customer = customers.create(context, form("email=ada@example.test"))
    session = checkout.create(context, form(f"mode=setup&customer={customer['id']}&success_url=https://app.test/"))
    setup = checkout.pay(context, session["id"], card, None)
    if setup["status"] == "succeeded":
        charge = (
            f"amount=500&currency=usd&confirm=true&customer={customer['id']}&payment_method={setup['payment_method']}"
        )
        with contextlib.suppress(StripeError):
            intents.create(context, form(f"{charge}&off_session=true"))

    assert differences(customer, examples["customer"], set(), stripe.Customer) == []
    assert differences(setup, examples["setup_intent"], set(), stripe.SetupIntent) == []
    for kind in (checkout.KIND, "payment_method", "payment_intent", "charge"):
        for thing in context.store.newest(kind):
            assert differences(thing, examples[kind], NOT_THERE.get(kind, set())) == []


@pytest.mark.parametrize("card", ["4000000000000259", "4000000000001976"])
def test_disputes_have_the_published_fields(examples: dict[str, Any], card: str) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    charge = context.find("payment_intent", paid(context, card))["latest_charge"]
    disputes.open_when_due(context, charge)
    (dispute,) = context.store.newest(disputes.KIND)
    disputes.update(context, form("evidence[uncategorized_text]=winning_evidence"), dispute["id"])
    disputes.decide_when_due(context, dispute["id"])

    (closed,) = context.store.newest(disputes.KIND)
    assert closed["status"] in ("won", "warning_closed")
    assert differences(closed, examples["dispute"], set(), stripe.Dispute) == []
    for booked in [*context.store.newest(balance.KIND), *closed["balance_transactions"]]:
        assert differences(booked, examples["balance_transaction"], set()) == []


def test_accounts_have_the_published_fields(examples: dict[str, Any]) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    account = accounts.create(context, form("type=express&capabilities[transfers][requested]=true"))
    link = f"account={account['id']}&type=account_onboarding&return_url=https://a.test/&refresh_url=https://a.test/"
    done = accounts.fill_in(context, account["id"], "Ada", "Lovelace", accounts.BANK, submit=True)

    for each in (account, done):
        assert differences(each, examples["account"], set(), stripe.Account) == []
    (bank,) = done["external_accounts"]["data"]
    assert differences(bank, examples["bank_account"], {"customer"}, stripe.BankAccount) == []
    assert differences(accounts.link(context, form(link)), examples["account_link"], set()) == []
    assert differences(accounts.login_link(context, form(""), account["id"]), examples["login_link"], set()) == []
    for event in context.store.newest("event"):
        assert differences(event, examples["event"], set(), stripe.Event) == []


@pytest.mark.parametrize("bank", ["000123456789", "000111111116"])
def test_transfers_and_payouts_have_the_published_fields(examples: dict[str, Any], bank: str) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    paid(context, "4242424242424242")
    account = accounts.create(context, form("type=express"))["id"]
    accounts.fill_in(context, account, "Ada", "Lovelace", bank, submit=True)
    transfer = transfers.create(context, form(f"amount=1000&currency=usd&destination={account}"))
    back = transfers.reverse(context, form("amount=400"), transfer["id"])
    payout = payouts.create(replace(context, account=account), form("amount=500&currency=usd"))

    assert differences(context.find("transfer", transfer["id"]), examples["transfer"], set(), stripe.Transfer) == []
    assert differences(back, examples["transfer_reversal"], set()) == []
    for each in (payout, payouts.settle(context, payout["id"])):
        assert differences(each, examples["payout"], set(), stripe.Payout) == []
    assert differences(balance.show(context, form("")), examples["balance"], set(), stripe.Balance) == []
    for kind in (balance.KIND, "charge", "refund"):
        for thing in context.store.newest(kind):
            assert differences(thing, examples[kind], NOT_THERE.get(kind, set())) == []


def test_what_is_sold_has_the_published_fields(examples: dict[str, Any]) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    price = "default_price_data[currency]=usd&default_price_data[unit_amount]=2500"
    product = products.create(context, form(f"id=prd_1&name=Deck&description=Cards&shippable=true&{price}"))
    coupon = coupons.create(context, form("percent_off=25.5&name=Spring&applies_to[products][0]=prd_1"))
    code = coupons.create_code(context, form(f"promotion[type]=coupon&promotion[coupon]={coupon['id']}"))
    rate = "shipping_options[0][shipping_rate_data]"
    session = checkout.create(
        context,
        form(
            f"mode=payment&line_items[0][price]={product['default_price']}&line_items[0][quantity]=2"
            f"&discounts[0][promotion_code]={code['id']}&success_url=https://app.test/"
            f"&{rate}[display_name]=Post&{rate}[type]=fixed_amount"
            f"&{rate}[fixed_amount][amount]=595&{rate}[fixed_amount][currency]=usd"
        ),
    )
    (rate_made,) = context.store.newest("shipping_rate")
    checkout.pay(context, session["id"], "4242424242424242", None)

    assert differences(product, examples["product"], set(), stripe.Product) == []
    assert differences(coupon, examples["coupon"], set(), stripe.Coupon) == []
    assert differences(code, examples["promotion_code"], set(), stripe.PromotionCode) == []
    assert differences(rate_made, examples["shipping_rate"], set(), stripe.ShippingRate) == []
    for each in context.store.newest(prices.KIND):
        assert differences(each, examples["price"], set(), stripe.Price) == []
    for each in checkout.lines_of(context, session["id"]):
        assert differences(each, examples["item"], set(), stripe.LineItem) == []
    for each in (session, *context.store.newest(checkout.KIND)):
        assert differences(each, examples[checkout.KIND], set()) == []


def form(encoded: str) -> Params:
    return Params(decoded(encoded))


def paid(context: Context, card: str) -> str:
    """A payment made and settled: the PaymentIntent's id."""
    session = checkout.create(context, form(FORM))
    intent = checkout.pay(context, session["id"], card, "ada@example.test")
    checkout.settle(context, session["id"])
    return str(intent["id"])


def differences(
    ours: dict[str, Any], theirs: dict[str, Any], not_there: set[str], library: type | None = None, at: str = ""
) -> list[str]:
    """Fields that only one has, and fields whose values are of two types. A null fits any type.

    What the example lacks may be there where the library's class of it knows it.
    """
    more = ours.keys() - theirs.keys() - (library.__annotations__.keys() if library else set())
    found = [f"{at}{name}: not Stripe's" for name in sorted(more) if not _is_method(ours, name)]
    if not at:
        absent = theirs.keys() - ours.keys() - not_there
        found += [f"{name}: missing" for name in sorted(absent) if not _is_method(theirs, name)]
    for name in ours.keys() & theirs.keys() - OPEN:
        mine, other = ours[name], theirs[name]
        if mine is None or other is None:
            continue
        if type(mine) is not type(other):
            found.append(f"{at}{name}: {type(mine).__name__}, at Stripe {type(other).__name__}")
        elif isinstance(mine, dict):
            found += differences(mine, other, set(), at=f"{at}{name}.")
    return found


def _is_method(thing: dict[str, Any], name: str) -> bool:
    """A payment method's details stand in a field named by its type; the example is of a card."""
    return name in ("us_bank_account", "card") and thing.get("type") == name


def test_events_of_a_request_name_it(context: Context) -> None:
    token = events.CURRENT_REQUEST.set({"id": "req_1", "idempotency_key": "k"})
    try:
        event = events.emit(context, "checkout.session.expired", {"id": "cs_test_1", "object": checkout.KIND})
    finally:
        events.CURRENT_REQUEST.reset(token)

    assert event["request"] == {"id": "req_1", "idempotency_key": "k"}


def test_a_settled_bank_payment_keeps_the_published_fields(examples: dict[str, Any]) -> None:
    context = Context(Store(), lambda: 1_800_000_000.0, "http://127.0.0.1:1", 5.0)
    session = checkout.create(context, Params(decoded(FORM)))
    intent = checkout.pay(context, session["id"], "000222222227", None)
    payments.settled(context, intent)

    (charge,) = context.store.newest("charge")
    assert charge["status"] == "failed"
    assert differences(charge, examples["charge"], NOT_THERE["charge"]) == []
