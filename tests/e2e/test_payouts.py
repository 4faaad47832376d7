"""A reader is paid out: the account at Stripe, the daily run by the command line, what Stripe tells, the statement."""

from __future__ import annotations

import csv
import io
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import requests

from chalicelib.payouts import paying
from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Pair, Stage, StripeDesk, refusal
from tests.e2e.test_topups import signed

TIP: Final = 3_000
SHARE: Final = TIP * 70 // 100
WHY: Final = ("--reason", "e2e: payouts", "--yes")
ACCOUNT: Final = "/v1/reader/payout-account"


@pytest.fixture(scope="module")
def reader(stage: Stage) -> Phone:
    """They have earned a tip, and a minute of a reading."""
    pair = Pair(stage, stage.client(5_000), stage.reader())
    pair.begin()
    pair.hang_up()
    assert pair.client.do("end")["state"] == "finalized"
    tip = pair.client.api.send("POST", f"/v1/sessions/{pair.id}/tip", {"amount": TIP}, key=str(uuid.uuid4()))
    assert tip.status == 201, tip.text
    return pair.reader


def account(phone: Phone) -> Json:
    found: Json = phone.api.get(ACCOUNT)
    return found


def cents(phone: Phone, name: str) -> int:
    return int(phone.api.get("/v1/reader/earnings")[name]["amount"])


def hook(stage: Stage, name: str, event: Json, secret: str) -> int:
    address = stage.stack.addresses.function_urls[name]
    body = json.dumps(event).encode()
    headers = address["headers"] | {"stripe-signature": signed(body, secret, int(time.time()))}
    return requests.post(address["url"], data=body, headers=headers, timeout=SOON).status_code


# --- the whole way


def test_a_reader_opens_an_account_is_paid_out_and_hears_of_all_that_follows(
    stage: Stage, desk: StripeDesk, reader: Phone
) -> None:
    assert account(reader) == {"status": "none", "requirements": [], "payouts_enabled": False}
    links = [reader.api.send("POST", ACCOUNT) for _ in range(2)]
    assert [each.status for each in links] == [201, 201]
    first, second = (each.json["url"] for each in links)
    assert first != second
    assert account(reader)["status"] == "incomplete"
    with pytest.raises(AssertionError, match="not ready: incomplete"):
        run(stage, reader)

    assert requests.get(second, timeout=SOON).status_code == 200
    form = {"first_name": "Rosa", "last_name": "Reader", "bank": "000123456789", "action": "submit"}
    assert requests.post(second, data=form, allow_redirects=False, timeout=SOON).status_code == 303
    until("the account being ready", lambda: account(reader)["status"] == "ready", seconds=SOON)
    assert account(reader) == {"status": "ready", "requirements": [], "payouts_enabled": True}

    earned = cents(reader, "balance")
    assert earned > SHARE
    until("the hold being over", lambda: cents(reader, "available") == earned, seconds=SOON)
    (paid,) = run(stage, reader)
    assert (paid["amount"], paid["state"]) == (earned, "paid")
    assert cents(reader, "balance") == 0
    assert run(stage, reader) == [], "there is nothing left"

    (shown,) = reader.api.get("/v1/reader/payouts")["items"]
    assert (shown["id"], shown["status"], shown["amount"]["amount"]) == (paid["id"], "paid", earned)
    assert shown["paid_at"]

    desk.pull(f"transfers/{paid['transfer']}/reverse", amount=700)
    until("what was reversed being back", lambda: cents(reader, "balance") == 700, seconds=SOON)
    desk.pull(f"accounts/{paid['account']}/payout", outcome="failed")
    mail = stage.stack.addresses.endpoint_url + "/_ministack/ses/messages"
    until(
        "the mail that the bank refused",
        lambda: "Your bank did not take your earnings" in requests.get(mail, timeout=SOON).text,
        seconds=SOON,
    )
    assert cents(reader, "balance") == 700, "the bank is no concern of the ledger"
    assert_statement(reader, earned)


def assert_statement(reader: Phone, earned: int) -> None:
    year = datetime.now(UTC).year
    told = reader.api.get(f"/v1/reader/earnings?year={year}")["statement"]
    amounts = {name: value["amount"] for name, value in told.items() if name != "year"}
    assert amounts == {
        "opening": 0,
        "readings": earned - SHARE,
        "tips": SHARE,
        "replies": 0,
        "bookings": 0,
        "gifts": 0,
        "products": 0,
        "guarantees": 0,
        "other": 0,
        "payouts": 700 - earned,
        "closing": 700,
    }
    before = reader.api.get(f"/v1/reader/earnings?year={year - 1}")["statement"]
    assert (before["opening"]["amount"], before["closing"]["amount"]) == (0, 0)

    kinds = ["payout_reversed", "payout", "tip_earned", "reading_earned"]
    page = reader.api.get("/v1/reader/earnings/entries?limit=2")
    rest = reader.api.get(f"/v1/reader/earnings/entries?cursor={page['next_cursor']}")
    assert [each["kind"] for each in (*page["items"], *rest["items"])] == kinds
    sheet = reader.api.send("GET", "/v1/reader/earnings/entries", headers={"accept": "text/csv"})
    assert sheet.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert [(row["kind"], row["balance"]) for row in rows[:2]] == [("payout_reversed", "700"), ("payout", "0")]


def run(stage: Stage, reader: Phone) -> list[Json]:
    rows: list[Json] = stage.admin("payouts", "run", "--reader", reader.id, *WHY)["rows"]
    for row in rows:
        assert row["id"] in [each["id"] for each in stage.admin("payouts", "list", reader.id)["rows"]]
        assert stage.admin("payouts", "show", row["id"])["rows"][0]["amount"] == row["amount"]
    return rows


# --- refusals


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ACCOUNT),
        ("POST", ACCOUNT),
        ("GET", "/v1/reader/payouts"),
        ("GET", "/v1/reader/earnings"),
        ("GET", "/v1/reader/earnings/entries"),
    ],
)
def test_only_a_reader_may_ask(stage: Stage, method: str, path: str) -> None:
    assert refusal(stage.api().send(method, path)) == (401, "unauthenticated")
    assert refusal(stage.client().api.send(method, path)) == (403, "forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/reader/payouts?cursor=nonsense",
        "/v1/reader/payouts?limit=0",
        "/v1/reader/payouts?limit=101",
        "/v1/reader/earnings/entries?cursor=nonsense",
        "/v1/reader/earnings?year=1999",
        "/v1/reader/earnings?year=now",
        "/v1/reader/earnings?until=now",
    ],
)
def test_what_cannot_be_meant_is_422(reader: Phone, path: str) -> None:
    assert refusal(reader.api.send("GET", path)) == (422, "invalid")


def test_while_payouts_are_frozen_nobody_is_paid(stage: Stage) -> None:
    stage.admin("payouts", "freeze", *WHY)
    try:
        with pytest.raises(AssertionError, match="Payouts are stopped"):
            stage.admin("payouts", "run", *WHY)
    finally:
        paying.unfreeze(stage.world, actor="e2e", reason="the test is over")


# --- the webhook


def changed(account: str) -> Json:
    name = f"evt_{uuid.uuid4().hex}"
    thing = {"id": account, "object": "account"}
    return {"id": name, "object": "event", "type": "account.updated", "account": account, "data": {"object": thing}}


def test_each_webhook_has_a_secret_of_its_own(stage: Stage) -> None:
    platform = stage.stack.addresses.stripe_webhook_secret
    connect = stage.stack.addresses.stripe_connect_webhook_secret
    assert hook(stage, "stripe_connect_webhook", changed("acct_none"), connect) == 200
    assert hook(stage, "stripe_connect_webhook", changed("acct_none"), platform) == 400
    assert hook(stage, "stripe_webhook", changed("acct_none"), connect) == 400


@pytest.mark.parametrize("kind", ["account.updated", "payout.failed", "transfer.reversed", "person.created", "x"])
def test_an_event_of_nothing_of_ours_is_stored_and_answered_200(stage: Stage, kind: str) -> None:
    event: dict[str, Any] = changed("acct_none") | {"type": kind}
    for _ in range(2):
        assert hook(stage, "stripe_connect_webhook", event, stage.stack.addresses.stripe_connect_webhook_secret) == 200
    row = stage.world.tables.get(stage.world.settings.tables.wallet, {"pk": f"event#{event['id']}", "sk": "event"})
    assert row
    assert row["type"] == kind
