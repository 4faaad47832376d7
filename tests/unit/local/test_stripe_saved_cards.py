"""Customers, saved cards, and payments in their owners' absence, through the real stripe library."""

from typing import Any

import pytest
import requests
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import BANK, DECLINED, SUCCESS, Inbox, call, open_checkout, post_form, until

UNTIL_SET_UP = "4000002500003155"
ALWAYS_ASKS = "4000002760003184"
DECLINED_LATER = "4000000000000341"


def new_customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create(params={"email": "ada@example.test", "metadata": {"user": "usr_1"}}).id


def open_setup(client: stripe.StripeClient, customer: str) -> Any:
    params: Any = {
        "mode": "setup",
        "customer": customer,
        "payment_method_types": ["card"],
        "setup_intent_data": {"metadata": {"user": "usr_1"}},
        "success_url": "https://app.test/saved",
        "metadata": {"user": "usr_1"},
    }
    return client.v1.checkout.sessions.create(params=params)


def saved(client: stripe.StripeClient, customer: str, card: str = SUCCESS) -> str:
    """A card saved on the setup page, confirmed where the bank asks: the payment method's id."""
    session = open_setup(client, customer)
    status, _, _ = post_form(session.url, card=card)
    if status == 200:
        status, _, _ = post_form(session.url, authentication="confirm")
    assert status == 303
    intent: Any = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["setup_intent"]}).setup_intent
    return str(intent.payment_method)


def charge(client: stripe.StripeClient, customer: str, method: str, /, **more: Any) -> stripe.PaymentIntent:
    params: Any = {
        "amount": 1000,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
        "metadata": {"recharge": "rec_1"},
    }
    return client.v1.payment_intents.create(
        params=params | more,
        options={"idempotency_key": "recharge:rec_1"},
    )


def test_a_customer_is_made_changed_and_told_of(client: stripe.StripeClient, inbox: Inbox) -> None:
    customer = new_customer(client)
    client.v1.customers.update(customer, params={"name": "Ada", "metadata": {"more": "yes"}})

    kept = client.v1.customers.retrieve(customer)
    assert (kept.email, kept.name, kept.to_dict()["metadata"]) == (
        "ada@example.test",
        "Ada",
        {"user": "usr_1", "more": "yes"},
    )
    inbox.wait(lambda: sorted(inbox.kinds("customer.")) == ["customer.created", "customer.updated"])


def test_a_deleted_customer_takes_the_saved_cards_along(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    method = saved(client, customer)
    assert client.v1.customers.delete(customer).deleted

    assert client.v1.customers.retrieve(customer).deleted
    assert client.v1.payment_methods.retrieve(method).customer is None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charge(client, customer, method)
    assert (refused.value.http_status, refused.value.param) == (404, "customer")


def test_a_setup_page_saves_a_card_and_takes_nothing(client: stripe.StripeClient, inbox: Inbox) -> None:
    customer = new_customer(client)
    session = open_setup(client, customer)
    page = requests.get(session.url, timeout=60).text
    status, back, _ = post_form(session.url, card=SUCCESS)

    done = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["setup_intent"]})
    (method,) = client.v1.payment_methods.list(params={"customer": customer, "type": "card"}).data
    intent: Any = done.setup_intent
    assert (status, back) == (303, "https://app.test/saved")
    assert "Save a card" in page
    assert 'value="ada@example.test"' in page
    assert (done.status, done.payment_status, done.amount_total) == ("complete", "no_payment_required", None)
    assert (intent.status, intent.payment_method, intent.customer) == ("succeeded", method.id, customer)
    assert intent.to_dict()["metadata"] == {"user": "usr_1"}
    assert method.card is not None
    assert method.card.last4 == "4242"
    inbox.wait(lambda: {"setup_intent.succeeded", "payment_method.attached"} <= set(inbox.kinds("")))
    assert inbox.kinds("charge.") == []


def test_a_declined_card_is_not_saved(client: stripe.StripeClient, inbox: Inbox) -> None:
    customer = new_customer(client)
    session = open_setup(client, customer)
    status, _, page = post_form(session.url, card=DECLINED)

    assert (status, 'role="alert"' in page) == (402, True)
    assert client.v1.customers.payment_methods.list(customer).data == []
    inbox.wait(lambda: "setup_intent.setup_failed" in inbox.kinds("setup_intent."))


def test_a_setup_that_is_not_confirmed_saves_nothing(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    session = open_setup(client, customer)
    post_form(session.url, card=ALWAYS_ASKS)
    status, _, _ = post_form(session.url, authentication="fail")

    assert status == 402
    assert client.v1.payment_methods.list(params={"customer": customer}).data == []


def test_a_payment_can_save_its_card_for_later_ones(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    session = open_checkout(
        client, customer=customer, payment_intent_data={"setup_future_usage": "off_session", "metadata": {"t": "1"}}
    )
    post_form(session.url, card=SUCCESS)

    (method,) = client.v1.customers.payment_methods.list(customer).data
    assert client.v1.checkout.sessions.retrieve(session.id).customer == customer
    assert charge(client, customer, method.id).status == "succeeded"


def test_a_payment_that_saves_nothing_leaves_nothing_to_use_again(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    session = open_checkout(client, customer=customer)
    post_form(session.url, card=SUCCESS)
    paid: Any = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]}).payment_intent

    assert paid.customer == customer
    assert client.v1.customers.payment_methods.list(customer).data == []
    with pytest.raises(stripe.InvalidRequestError):
        charge(client, customer, paid.payment_method)


def test_a_customer_is_made_for_who_saves_a_card_without_one(client: stripe.StripeClient) -> None:
    session = open_checkout(client, payment_intent_data={"setup_future_usage": "off_session"})
    post_form(session.url, card=SUCCESS, email="bo@example.test")

    customer: Any = client.v1.checkout.sessions.retrieve(session.id, params={"expand": ["customer"]}).customer
    assert customer.email == "bo@example.test"
    assert len(client.v1.customers.payment_methods.list(customer.id).data) == 1


def test_a_saved_card_pays_in_its_owners_absence(client: stripe.StripeClient, inbox: Inbox) -> None:
    customer = new_customer(client)
    intent = charge(client, customer, saved(client, customer))

    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 1000, customer)
    assert intent.to_dict()["metadata"] == {"recharge": "rec_1"}
    inbox.wait(lambda: "payment_intent.succeeded" in inbox.kinds("payment_intent."))
    assert inbox.kinds("payment_intent.requires") == []


def test_a_declined_payment_is_a_402_with_its_intent_and_stays_one_under_its_key(
    client: stripe.StripeClient, inbox: Inbox
) -> None:
    customer = new_customer(client)
    method = saved(client, customer, DECLINED_LATER)
    errors: list[Any] = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            charge(client, customer, method)
        errors.append(refused.value)

    told = errors[0].error.to_dict()
    assert (errors[0].http_status, told["code"], told["decline_code"]) == (402, "card_declined", "generic_decline")
    assert told["payment_intent"]["status"] == "requires_payment_method"
    assert told["payment_intent"]["metadata"] == {"recharge": "rec_1"}
    assert errors[1].error.to_dict()["payment_intent"]["id"] == told["payment_intent"]["id"]
    inbox.wait(lambda: inbox.kinds("payment_intent.p") == ["payment_intent.payment_failed"])
    # It stays saved: only this payment failed.
    assert client.v1.payment_methods.retrieve(method).customer == customer


@pytest.mark.parametrize(("card", "asks"), [(ALWAYS_ASKS, True), (UNTIL_SET_UP, False)])
def test_only_a_card_that_always_asks_needs_its_owner_once_it_is_set_up(
    client: stripe.StripeClient, card: str, asks: bool
) -> None:
    customer = new_customer(client)
    method = saved(client, customer, card)

    if not asks:
        assert charge(client, customer, method).status == "succeeded"
        return
    with pytest.raises(stripe.CardError) as refused:
        charge(client, customer, method)
    told: Any = refused.value.error
    assert (told.code, told.decline_code) == ("authentication_required", "authentication_required")
    assert told.payment_intent.status == "requires_payment_method"
    assert told.payment_intent.last_payment_error.payment_method.id == method


def test_a_card_that_was_attached_and_not_set_up_asks_in_absence(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    method = client.v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", params={"customer": customer})

    with pytest.raises(stripe.CardError) as refused:
        charge(client, customer, method.id)
    assert refused.value.code == "authentication_required"


def test_in_its_owners_presence_a_card_that_asks_waits_for_the_answer(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    customer = new_customer(client)
    method = saved(client, customer, ALWAYS_ASKS)
    intent = charge(client, customer, method, off_session=False)
    assert intent.status == "requires_action"

    call(local, "POST", f"/_local/payment_intents/{intent.id}/authenticate", {"agreed": True})
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_saved_bank_account_pays_a_little_later(client: stripe.StripeClient) -> None:
    customer = new_customer(client)
    session = open_checkout(client, customer=customer, payment_intent_data={"setup_future_usage": "off_session"})
    post_form(session.url, card=BANK)
    (method,) = client.v1.customers.payment_methods.list(customer).data

    intent = charge(client, customer, method.id)
    assert intent.status == "processing"
    until(lambda: [each for each in [client.v1.payment_intents.retrieve(intent.id)] if each.status == "succeeded"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer": ""},
        {"payment_method": ""},
        {"confirm": False},
        {"amount": 49},
        {"currency": "eur"},
        {"colour": "red"},
        {"payment_method_types": ["cheque"]},
    ],
)
def test_what_cannot_be_meant_is_refused_and_takes_nothing(client: stripe.StripeClient, wrong: dict[str, Any]) -> None:
    customer = new_customer(client)
    method = saved(client, customer)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        charge(client, customer, method, **wrong)

    assert refused.value.http_status == 400
    assert client.v1.payment_intents.list().data == []


def test_a_card_of_somebody_else_cannot_be_charged_or_attached(client: stripe.StripeClient) -> None:
    theirs = saved(client, new_customer(client))
    customer = new_customer(client)

    with pytest.raises(stripe.InvalidRequestError):
        charge(client, customer, theirs)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(theirs, params={"customer": customer})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.payment_methods.retrieve(customer, theirs)


def test_a_detached_card_cannot_be_used_again(client: stripe.StripeClient, inbox: Inbox) -> None:
    customer = new_customer(client)
    method = saved(client, customer)
    assert client.v1.payment_methods.detach(method).customer is None

    assert client.v1.payment_methods.list(params={"customer": customer}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.attach(method, params={"customer": customer})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_methods.detach(method)
    inbox.wait(lambda: "payment_method.detached" in inbox.kinds("payment_method."))


def test_a_card_the_bank_declines_does_not_attach(client: stripe.StripeClient) -> None:
    customer = new_customer(client)

    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach("pm_card_chargeDeclined", params={"customer": customer})
    assert client.v1.payment_methods.attach("pm_card_chargeCustomerFail", params={"customer": customer}).id


def test_an_intent_is_cancelled_before_it_is_paid_and_not_after(client: stripe.StripeClient, inbox: Inbox) -> None:
    waiting = client.v1.payment_intents.create(params={"amount": 1000, "currency": "usd"})
    cancelled = client.v1.payment_intents.cancel(waiting.id, params={"cancellation_reason": "abandoned"})
    done = client.v1.payment_intents.create(
        params={"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )

    assert (waiting.status, cancelled.status, done.status) == ("requires_payment_method", "canceled", "succeeded")
    for intent in (waiting.id, done.id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.cancel(intent)
        assert refused.value.code == "payment_intent_unexpected_state"
    inbox.wait(lambda: "payment_intent.canceled" in inbox.kinds("payment_intent."))


def test_a_waiting_intent_is_confirmed_with_another_card(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(
        params={"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa"}
    )
    assert intent.status == "requires_confirmation"
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_chargeDeclined"})

    assert client.v1.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_visa"}).status == "succeeded"


def test_a_customers_default_card_must_be_their_own(client: stripe.StripeClient) -> None:
    customer, other = new_customer(client), new_customer(client)
    method = saved(client, customer)
    settings: Any = {"invoice_settings": {"default_payment_method": method}}
    client.v1.customers.update(customer, params=settings)

    assert client.v1.customers.retrieve(customer).to_dict()["invoice_settings"]["default_payment_method"] == method
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.update(other, params=settings)
