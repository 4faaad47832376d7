"""Connected accounts of the local Stripe and their onboarding page, through the real stripe library."""

from typing import Any

import pytest
import requests
import stripe

from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import Inbox, call, new_account, onboarded, open_checkout, post_form

BACK = "https://app.test/back"
AGAIN = "https://app.test/again"


def open_link(client: stripe.StripeClient, account: str) -> str:
    link = client.v1.account_links.create(
        params={"account": account, "type": "account_onboarding", "return_url": BACK, "refresh_url": AGAIN}
    )
    return str(link.url)


def get(url: str) -> requests.Response:
    return requests.get(url, allow_redirects=False, timeout=60)


def test_a_new_account_can_do_nothing_and_says_what_is_due(client: stripe.StripeClient) -> None:
    account = client.v1.accounts.retrieve(new_account(client))

    assert (account.charges_enabled, account.payouts_enabled, account.details_submitted) == (False, False, False)
    assert account.requirements is not None
    assert account.requirements.currently_due is not None
    assert "external_account" in account.requirements.currently_due
    assert account.capabilities is not None
    assert account.capabilities.transfers == "inactive"
    assert account.to_dict()["metadata"] == {"user": "usr_1"}


def test_who_gives_everything_on_the_page_can_be_paid(client: stripe.StripeClient, connect: Inbox) -> None:
    account = new_account(client)
    url = open_link(client, account)
    page = get(url)
    status, back, _ = post_form(url, first_name="Ada", last_name="Lovelace", bank="000 123 456 789", action="submit")

    done = client.v1.accounts.retrieve(account)
    assert "<script" not in page.text
    assert 'name="bank"' in page.text
    assert (status, back) == (303, BACK)
    assert (done.charges_enabled, done.payouts_enabled, done.details_submitted) == (True, True, True)
    assert done.requirements is not None
    assert (done.requirements.currently_due, done.requirements.disabled_reason) == ([], None)
    assert done.capabilities is not None
    assert done.capabilities.transfers == "active"
    bank: Any = done.external_accounts and done.external_accounts.data[0]
    assert bank.last4 == "6789"
    connect.wait(lambda: "account.updated" in connect.kinds("account."))
    told = next(each for each in connect.received if each["type"] == "account.updated")
    assert (told["account"], told["data"]["object"]["payouts_enabled"]) == (account, True)


def test_who_leaves_half_way_finds_the_rest_still_due(client: stripe.StripeClient) -> None:
    account = new_account(client)
    status, back, _ = post_form(open_link(client, account), first_name="Ada", action="later")

    left = client.v1.accounts.retrieve(account)
    assert (status, back, left.details_submitted, left.payouts_enabled) == (303, BACK, False, False)
    due = (left.requirements and left.requirements.currently_due) or []
    assert set(due) == {"individual.last_name", "external_account", "tos_acceptance.date", "tos_acceptance.ip"}
    again = open_link(client, account)
    assert 'name="first_name"' not in get(again).text
    assert post_form(again, last_name="Lovelace", bank="000123456789", action="submit")[0] == 303
    assert client.v1.accounts.retrieve(account).payouts_enabled


def test_an_incomplete_form_is_shown_again_and_changes_nothing(client: stripe.StripeClient) -> None:
    account = new_account(client)
    url = open_link(client, account)
    status, _, page = post_form(url, first_name="Ada", action="submit")

    assert (status, 'role="alert"' in page) == (400, True)
    assert "individual.first_name" in str(client.v1.accounts.retrieve(account).requirements)
    assert post_form(url, first_name="Ada", last_name="B", bank="x1", action="submit")[0] == 400
    assert post_form(url, first_name="Ada", last_name="B", bank="000123456789", action="submit")[0] == 303


def test_a_link_opens_once(client: stripe.StripeClient) -> None:
    url = open_link(client, new_account(client))

    assert [get(url).status_code, get(url).headers["location"]] == [200, AGAIN]
    assert post_form(url, action="later")[:2] == (303, BACK)
    assert post_form(url, action="later")[:2] == (303, AGAIN)
    assert get(f"{url}x").status_code == 404


def test_a_link_is_over_after_five_minutes() -> None:
    now = [1_800_000_000.0]
    with StripeServer(clock=lambda: now[0]) as local:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": local.url}, max_network_retries=0)
        url = open_link(client, new_account(client))
        now[0] += 301

        assert get(url).headers["location"] == AGAIN
        assert post_form(url, action="later")[:2] == (303, AGAIN)


def test_what_stripe_wants_besides_takes_payouts_away_until_it_is_given(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    account = onboarded(local, client)
    wanted = ["individual.verification.document"]
    call(local, "POST", f"/_local/accounts/{account}/require", {"currently_due": wanted})

    stopped = client.v1.accounts.retrieve(account)
    assert (stopped.payouts_enabled, stopped.details_submitted) == (False, True)
    assert stopped.requirements is not None
    assert (stopped.requirements.currently_due, stopped.requirements.disabled_reason) == (
        wanted,
        "requirements.past_due",
    )
    assert post_form(open_link(client, account), action="submit")[0] == 303
    assert client.v1.accounts.retrieve(account).payouts_enabled


def test_an_account_keeps_what_it_is_told(client: stripe.StripeClient, connect: Inbox) -> None:
    account = new_account(client)
    client.v1.accounts.update(
        account, params={"metadata": {"k": "v"}, "settings": {"payouts": {"schedule": {"interval": "manual"}}}}
    )

    kept = client.v1.accounts.retrieve(account).to_dict()
    assert kept["metadata"] == {"user": "usr_1", "k": "v"}
    assert kept["settings"]["payouts"]["schedule"]["interval"] == "manual"
    connect.wait(lambda: connect.kinds("account.") == ["account.updated"])
    assert [each.id for each in client.v1.accounts.list().data] == [account]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"type": "custom"}, "type"),
        ({"country": "DE"}, "country"),
        ({"colour": "red"}, "colour"),
        ({"settings": {"payouts": {"schedule": {"interval": "hourly"}}}}, "settings[payouts][schedule][interval]"),
    ],
)
def test_a_wrong_account_is_refused_by_name(client: stripe.StripeClient, wrong: dict[str, Any], param: str) -> None:
    params: Any = {"type": "express", "country": "US"} | wrong
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.accounts.create(params=params)

    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert client.v1.accounts.list().data == []


def test_a_completed_account_has_a_page_of_its_own(local: StripeServer, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.accounts.login_links.create(new_account(client))
    link = client.v1.accounts.login_links.create(onboarded(local, client))

    assert "$0.00 USD" in get(str(link.url)).text
    assert get(str(link.url).replace("/express/", "/setup/s/")).status_code == 404


def test_platform_events_and_those_of_accounts_go_to_different_endpoints(
    local: StripeServer, client: stripe.StripeClient, inbox: Inbox, connect: Inbox
) -> None:
    account = onboarded(local, client)
    post_form(open_checkout(client).url, card="4242424242424242")

    inbox.wait(lambda: "checkout.session.completed" in inbox.kinds())
    connect.wait(lambda: "account.updated" in connect.kinds(""))
    assert {each.get("account") for each in inbox.received} == {None}
    assert {each["account"] for each in connect.received} == {account}


def test_an_accounts_events_are_listed_for_it_only(local: StripeServer, client: stripe.StripeClient) -> None:
    account, other = onboarded(local, client), onboarded(local, client)

    theirs = client.v1.events.list(options={"stripe_account": account}).data
    assert {event.account for event in theirs} == {account}
    assert client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(theirs[0].id, options={"stripe_account": other})


def test_an_unknown_account_opens_nothing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        client.v1.balance.retrieve(options={"stripe_account": "acct_nobody"})

    assert refused.value.http_status == 403


def test_what_only_the_platform_has_is_not_kept_for_an_account(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create(options={"stripe_account": onboarded(local, client)})


def test_an_account_of_which_nothing_is_due_is_not_paid_before_its_owner_agreed(
    local: StripeServer, client: stripe.StripeClient
) -> None:
    account = new_account(client)
    call(local, "POST", f"/_local/accounts/{account}/require", {"currently_due": []})

    assert not client.v1.accounts.retrieve(account).payouts_enabled
