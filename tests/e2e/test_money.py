"""Money back and money gone: refunds that a person asks for, and what Stripe and banks do of their own accord."""

import json
import time
import uuid
from typing import Any, Final

import pytest
import requests

from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, StripeDesk, refusal
from tests.e2e.test_topups import hook, signed

GOOD: Final = "4242 4242 4242 4242"
WAITS: Final = "4000 0000 0000 7726"
FAILS: Final = "4000 0000 0000 5126"
WHY: Final = ("--reason", "of the suite", "--yes")


class Payer:
    """A client who paid once, and what the local Stripe has of that."""

    def __init__(self, stage: Stage, desk: StripeDesk, cents: int = 1_000, card: str = GOOD) -> None:
        self.phone = stage.client()
        self.stage = stage
        self._stripe = stage.stack.stripe.url
        topup: Json = self.phone.api.post("/v1/wallet/topups", {"amount": cents})
        assert desk.pay(topup, card) == 303
        self.has(cents)
        checkout = desk.event("checkout.session.completed", desk.checkout_id(topup))
        self.intent = str(checkout["data"]["object"]["payment_intent"])

    def has(self, cents: int) -> None:
        """Waits for that much credit, below zero too."""
        until(f"{cents} cents of credit", lambda: self.phone.credit() == cents, seconds=SOON)

    def entries(self) -> list[tuple[str, int]]:
        """Kind and amount, oldest first."""
        listed = self.phone.api.get("/v1/wallet/entries")["items"]
        return [(each["kind"], each["amount"]["amount"]) for each in reversed(listed)]

    def frozen(self) -> bool:
        return bool(self.phone.api.get("/v1/wallet")["status"] == "frozen")

    def asks(self, amount: int | None = None) -> Json:
        made: Json = self.phone.api.post("/v1/wallet/refunds", {} if amount is None else {"amount": amount})
        return made

    def stripe(self, method: str, path: str, **said: Any) -> Json:
        """A request of Stripe's API, as its dashboard makes it."""
        answer = requests.request(
            method,
            f"{self._stripe}/v1/{path}",
            params=said if method == "GET" else None,
            data=said if method == "POST" else None,
            headers={"authorization": "Bearer sk_test_desk"},
            timeout=SOON,
        )
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def pull(self, lever: str, **said: Any) -> Json:
        """What a bank does, or a test wants."""
        answer = requests.post(f"{self._stripe}/_local/{lever}", json=said, timeout=SOON)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def disputed(self, **said: Any) -> str:
        (charge,) = self.stripe("GET", "charges", payment_intent=self.intent)["data"]
        return str(self.pull("disputes", charge=charge["id"], **said)["id"])

    def told_all(self, desk: StripeDesk) -> list[str]:
        """Every event on refunds and disputes of this payment was taken; their kinds."""
        own = self.events()
        for event in own:
            desk.delivered(event["id"])
        return [str(each["type"]) for each in own]

    def events(self) -> list[Json]:
        """Of refunds and disputes of this payment, newest first."""
        listed: list[Json] = self.stripe("GET", "events", limit="100")["data"]
        return [
            each
            for each in listed
            if each["type"].startswith(("refund.", "charge.refund", "charge.dispute."))
            and each["data"]["object"].get("payment_intent") == self.intent
        ]


@pytest.fixture
def payer(stage: Stage, desk: StripeDesk) -> Payer:
    return Payer(stage, desk)


# --- refunds that a person asks for --------------------------------------------------------------


def test_unused_credit_goes_back_to_the_card(payer: Payer, desk: StripeDesk) -> None:
    made = payer.asks(400)
    assert (made["status"], made["amount"], len(made["parts"])) == ("succeeded", {"amount": 400, "currency": "usd"}, 1)
    payer.has(600)
    assert payer.phone.api.get(f"/v1/wallet/refunds/{made['id']}") == made
    (at_stripe,) = payer.stripe("GET", "refunds", payment_intent=payer.intent)["data"]
    assert (at_stripe["amount"], at_stripe["metadata"]) == (400, {"refund_part": f"{made['id']}:0"})
    assert {"refund.created", "charge.refunded"} <= set(payer.told_all(desk))
    rest = payer.asks()
    assert rest["amount"]["amount"] == 600
    assert [each["id"] for each in payer.phone.api.get("/v1/wallet/refunds")["items"]] == [rest["id"], made["id"]]
    first = payer.phone.api.get("/v1/wallet/refunds?limit=1")
    second = payer.phone.api.get(f"/v1/wallet/refunds?limit=1&cursor={first['next_cursor']}")
    assert [each["id"] for each in (*first["items"], *second["items"])] == [rest["id"], made["id"]]
    assert payer.entries() == [("topup", 1_000), ("refund", -400), ("refund", -600)]


def test_a_refund_that_the_card_sends_back_is_credit_again(stage: Stage, desk: StripeDesk) -> None:
    payer = Payer(stage, desk, card=FAILS)
    made = payer.asks()
    payer.has(1_000)
    seen = payer.phone.api.get(f"/v1/wallet/refunds/{made['id']}")
    assert (seen["status"], seen["parts"][0]["status"]) == ("failed", "failed")
    assert {"refund.failed", "refund.updated"} <= set(payer.told_all(desk))
    assert payer.entries() == [("topup", 1_000), ("refund", -1_000), ("refund_failed", 1_000)]


def test_a_refund_that_takes_its_time_is_pending_until_stripe_says_more(stage: Stage, desk: StripeDesk) -> None:
    payer = Payer(stage, desk, card=WAITS)
    made = payer.asks()
    until(
        "the refund having succeeded",
        lambda: payer.phone.api.get(f"/v1/wallet/refunds/{made['id']}")["status"] == "succeeded",
        seconds=SOON,
    )
    assert payer.phone.credit() == 0


def test_what_cannot_be_given_back_is_refused_and_nothing_changes(payer: Payer, stage: Stage) -> None:
    def asked(body: Json, phone: Phone = payer.phone) -> tuple[int, str]:
        return refusal(phone.api.send("POST", "/v1/wallet/refunds", body, key=new_key()))

    assert asked({"amount": 1_001}) == (402, "insufficient_funds")
    assert asked({}, stage.client()) == (402, "insufficient_funds")
    for amount in (0, -1, 500_001, 1.5, "5", True):
        assert asked({"amount": amount}) == (422, "invalid")
    assert asked({"amount": 100, "user": "usr_1"}) == (422, "invalid")
    assert payer.entries() == [("topup", 1_000)]
    assert payer.phone.api.get("/v1/wallet/refunds") == {"items": [], "next_cursor": None}
    assert refusal(payer.phone.api.send("GET", "/v1/wallet/refunds?cursor=forged")) == (422, "invalid")


def test_a_refund_is_its_owners_own(payer: Payer, stage: Stage) -> None:
    made = payer.asks(100)
    other = stage.client()
    assert refusal(other.api.send("GET", f"/v1/wallet/refunds/{made['id']}")) == (403, "forbidden")
    missing = "/v1/wallet/refunds/rfd_00000000000000000000000000"
    assert refusal(other.api.send("GET", missing)) == (404, "not_found")
    assert refusal(stage.api().send("GET", "/v1/wallet/refunds")) == (401, "unauthenticated")


def test_an_answer_of_stripes_that_is_lost_is_asked_for_again_by_the_tick(payer: Payer, stage: Stage) -> None:
    answer = requests.put(
        f"{stage.stack.stripe.url}/_local/fault",
        json={"path": "/v1/refunds", "count": 1, "lose_answer": True},
        timeout=SOON,
    )
    answer.raise_for_status()
    made = payer.asks(300)
    payer.has(700)
    until(
        "the refund having succeeded",
        lambda: payer.phone.api.get(f"/v1/wallet/refunds/{made['id']}")["status"] == "succeeded",
        seconds=SOON,
    )
    assert len(payer.stripe("GET", "refunds", payment_intent=payer.intent)["data"]) == 1


def test_an_admin_gives_unused_credit_back_once_for_a_ref(payer: Payer, stage: Stage) -> None:
    asked = ("refunds", "make", payer.phone.id, "--amount", "250", "--ref", "ticket-1")
    assert stage.admin(*asked, "--reason", "of the suite")["done"] is False
    for _ in range(2):
        stage.admin(*asked, *WHY)
    payer.has(750)
    (row,) = stage.admin("refunds", "list", payer.phone.id)["rows"]
    assert (row["amount"], row["status"]) == (250, "succeeded")
    assert stage.admin("refunds", "show", row["id"])["rows"] == [row]
    (seen,) = stage.admin("wallet", "show", payer.phone.id)["rows"]
    assert (seen["paid"], seen["refundable"], seen["payments"][0]["refunded"]) == (750, 750, 250)


def test_a_frozen_wallet_gives_nothing_back(payer: Payer, stage: Stage) -> None:
    stage.admin("wallet", "freeze", payer.phone.id, *WHY)
    assert payer.frozen()
    assert refusal(payer.phone.api.send("POST", "/v1/wallet/refunds", {}, key=new_key())) == (423, "wallet_frozen")
    stage.admin("wallet", "unfreeze", payer.phone.id, *WHY)
    assert payer.asks()["status"] == "succeeded"


# --- what Stripe and banks do --------------------------------------------------------------------


def test_a_refund_made_at_stripe_takes_the_credit_and_its_failure_gives_it_back(payer: Payer, desk: StripeDesk) -> None:
    made = payer.stripe("POST", "refunds", payment_intent=payer.intent, amount="300")
    payer.has(700)
    payer.pull(f"refunds/{made['id']}/settle", outcome="failed")
    payer.has(1_000)
    assert {"refund.created", "refund.failed", "refund.updated", "charge.refunded", "charge.refund.updated"} <= set(
        payer.told_all(desk)
    )
    assert payer.entries() == [("topup", 1_000), ("refund", -300), ("refund_failed", 300)]


@pytest.mark.parametrize(("outcome", "credit", "frozen"), [("won", 1_000, False), ("lost", 0, True)])
def test_a_dispute_freezes_takes_once_and_gives_back_if_it_is_won(
    payer: Payer, desk: StripeDesk, outcome: str, credit: int, frozen: bool
) -> None:
    dispute = payer.disputed()
    payer.has(0)
    assert payer.frozen()
    payer.pull(f"disputes/{dispute}/close", outcome=outcome)
    kinds = {"charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"}
    kinds |= {"charge.dispute.funds_reinstated"} if outcome == "won" else set()
    until("the dispute being told", lambda: kinds <= set(payer.told_all(desk)), seconds=SOON)
    payer.has(credit)
    assert payer.frozen() is frozen


def test_an_inquiry_takes_nothing_until_it_becomes_a_dispute(payer: Payer, desk: StripeDesk) -> None:
    dispute = payer.disputed(status="warning_needs_response", amount=400)
    assert "charge.dispute.created" in payer.told_all(desk)
    assert (payer.phone.credit(), payer.frozen()) == (1_000, False)
    payer.pull(f"disputes/{dispute}/escalate")
    payer.has(600)
    assert payer.frozen()
    assert "charge.dispute.updated" in payer.told_all(desk)


def test_a_dispute_may_take_a_wallet_below_zero_and_then_it_buys_nothing(stage: Stage, desk: StripeDesk) -> None:
    payer = Payer(stage, desk)
    reader = stage.reader(rate=250)
    payer.phone.ask(reader.id, "text")
    reader.session = payer.phone.session
    reader.do("accept")
    reader.join()
    payer.phone.join()
    payer.disputed()
    payer.has(-250)
    until("the reading being paused", lambda: stage.row(str(reader.session["id"])).reason == "frozen", seconds=SOON)
    for phone in (payer.phone, reader):
        phone.hang_up()
    payer.phone.api.post(f"/v1/sessions/{reader.session['id']}/end")
    reader.api.put("/v1/reader/presence", {"status": "online"})
    stage.admin("wallet", "unfreeze", payer.phone.id, *WHY)
    asked = payer.phone.api.send("POST", "/v1/sessions", {"reader": reader.id, "modality": "text"}, key=new_key())
    assert refusal(asked) == (402, "insufficient_funds")


def test_events_that_come_again_and_in_any_order_change_nothing(payer: Payer, desk: StripeDesk) -> None:
    made = payer.stripe("POST", "refunds", payment_intent=payer.intent, amount="300")
    payer.has(700)
    payer.pull(f"disputes/{payer.disputed(amount=500)}/close", outcome="won")
    payer.pull(f"refunds/{made['id']}/settle", outcome="failed")
    payer.has(1_000)
    before = payer.entries()
    for event in payer.events():
        desk.resend(event["id"], copies=2)
    payer.told_all(desk)
    assert payer.entries() == before
    assert (payer.phone.credit(), payer.frozen()) == (1_000, False)


def test_a_refund_in_another_currency_is_not_ours(payer: Payer, desk: StripeDesk) -> None:
    refund = {"id": "re_other", "object": "refund", "payment_intent": payer.intent, "amount": 300, "currency": "eur"}
    desk.delivered(desk.emit("refund.created", refund | {"status": "succeeded", "metadata": {}})["id"])
    assert payer.phone.credit() == 1_000


@pytest.mark.parametrize("changes", [{"livemode": True}, {"account": "acct_other"}], ids=str)
def test_an_event_of_the_other_mode_or_of_another_account_is_taken_and_moves_nothing(
    payer: Payer, stage: Stage, changes: Json
) -> None:
    refund = {"id": "re_else", "object": "refund", "payment_intent": payer.intent, "amount": 300, "currency": "usd"}
    event = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "type": "refund.created",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": refund | {"status": "succeeded", "metadata": {}}},
    }
    body = json.dumps(event | changes).encode()
    secret = stage.stack.addresses.stripe_webhook_secret
    assert hook(stage, body, signed(body, secret, int(time.time()))).status_code == 200
    assert payer.phone.credit() == 1_000
