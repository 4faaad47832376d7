"""Deliveries that go wrong on demand: doubled, late, in disorder, not at all, foreign."""

from typing import Any

import requests
import stripe

from infra.local.stripe.server import StripeServer
from infra.local.web import Server
from tests.support.local_stripe import SECRET, SUCCESS, Inbox, call, client_of, onboarded, open_checkout, post_form


def test_events_come_as_often_as_they_were_told_to(
    local: StripeServer, client: stripe.StripeClient, inbox: Inbox
) -> None:
    call(local, "POST", "/_local/chaos", {"copies": 3})
    post_form(open_checkout(client).url, card=SUCCESS)

    inbox.wait(lambda: inbox.kinds().count("checkout.session.completed") == 3)
    assert len({each["id"] for each in inbox.received if each["type"] == "checkout.session.completed"}) == 1


def test_lost_events_are_still_to_be_listed(local: StripeServer, client: stripe.StripeClient, inbox: Inbox) -> None:
    call(local, "POST", "/_local/chaos", {"copies": 0})
    post_form(open_checkout(client).url, card=SUCCESS)
    call(local, "DELETE", "/_local/chaos")
    client.v1.customers.create()

    inbox.wait(lambda: len(inbox.received) == 1)
    assert inbox.kinds("") == ["customer.created"]
    assert client.v1.events.list(params={"type": "checkout.session.completed"}).data


def test_late_events_are_not_there_at_once(local: StripeServer, client: stripe.StripeClient, inbox: Inbox) -> None:
    call(local, "POST", "/_local/chaos", {"most_delay_seconds": 3_600})
    client.v1.customers.create()
    call(local, "DELETE", "/_local/chaos")
    client.v1.customers.create()

    inbox.wait(lambda: bool(inbox.received))
    assert len(inbox.received) == 1
    assert len(call(local, "GET", "/_local/deliveries")["data"]) == 2


def test_shuffled_events_are_late_by_different_times() -> None:
    now, inbox = [1_800_000_000.0], Inbox()
    with Server("inbox", inbox.answer) as server, StripeServer(clock=lambda: now[0]) as local:
        local.send_webhooks_to("account", server.url, SECRET)
        client = client_of(local)
        call(local, "POST", "/_local/chaos", {"shuffle": True, "most_delay_seconds": 1_000})
        made = [client.v1.customers.create().id for _ in range(30)]
        now[0] += 500
        client.v1.customers.create()  # the background looks at the clock again
        inbox.wait(lambda: len(inbox.received) > 2)
        some = len(inbox.received)
        now[0] += 1_000
        client.v1.customers.create()
        inbox.wait(lambda: set(made) <= {each["data"]["object"]["id"] for each in inbox.received})

    assert some < len(made)


def test_chaos_has_its_limits(local: StripeServer) -> None:
    for body in ({"copies": 51}, {"copies": -1}, {"most_delay_seconds": 86_401}):
        response = requests.post(f"{local.url}/_local/chaos", json=body, timeout=60)
        assert response.status_code == 400


def test_an_event_of_another_account_or_mode_can_be_made(local: StripeServer, inbox: Inbox, connect: Inbox) -> None:
    thing: Any = {"id": "cs_live_1", "object": "checkout.session"}
    call(local, "POST", "/_local/events", {"type": "checkout.session.completed", "object": thing, "livemode": True})
    call(local, "POST", "/_local/events", {"type": "payout.failed", "object": {}, "account": "acct_other"})

    inbox.wait(lambda: len(inbox.received) == 1)
    connect.wait(lambda: len(connect.received) == 1)
    assert inbox.received[0]["livemode"]
    assert connect.received[0]["account"] == "acct_other"


def test_events_are_paged_by_type_and_moment(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create().id for _ in range(5)]
    post_form(open_checkout(client).url, card=SUCCESS)

    events = client.v1.events.list(params={"type": "customer.created", "limit": 2, "created": {"gte": 1}})
    listed: list[Any] = [event.to_dict()["data"]["object"]["id"] for event in events.auto_paging_iter()]
    assert listed == made[::-1]
    assert client.v1.events.list(params={"created": {"lt": 1}}).data == []


def test_an_endpoint_can_be_made_one_of_connect(local: StripeServer, client: stripe.StripeClient) -> None:
    inbox = Inbox()
    with Server("inbox", inbox.answer) as server:
        told = {"url": server.url, "secret": SECRET, "connect": True}
        assert call(local, "PUT", "/_local/webhooks/connect", told)["connect"]
        client.v1.customers.create()
        account = onboarded(local, client)
        inbox.wait(lambda: "account.updated" in inbox.kinds(""))

    assert {each["account"] for each in inbox.received} == {account}
