"""What a person may spend: their own limits, promotional credit, a saved card that is charged when credit is short."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Final
from uuid import uuid4

import pytest
import requests

from chalicelib.kernel.time import DAY, SECOND, rfc3339
from infra.local.phone import Json, Phone, Refused, new_key
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, Stage, refusal

STORY_SECONDS: Final = 400
SUCCESS: Final = "4242424242424242"
ASKS: Final = "4000002760003184"
DECLINED_LATER: Final = "4000000000000341"
ON: Final = {"enabled": True, "threshold": 1_000, "amount": 2_500, "daily_cap": 2_500}
WHY: Final = ("--reason", "an end-to-end test", "--yes")


def limits(phone: Phone, **what: Any) -> Json:
    nothing = {"day": None, "week": None, "month": None, "self_excluded_until": None}
    held: Json = phone.api.put("/v1/me/limits", nothing | what)
    return held


def code_made(stage: Stage, **terms: int) -> str:
    """A code for $5 that lasts a day, of an operator who made nothing else today."""
    name = f"E2E-{uuid4().hex[:12].upper()}"
    told = {"amount": 500, "days": 30, "total": 10} | terms
    options = [each for field, value in told.items() for each in (f"--{field}", str(value))]
    until_then = rfc3339(stage.world.now() + DAY)
    stage.admin("promo", "make", name, "--until", until_then, *options, *WHY, by=f"ann-{uuid4().hex[:8]}")
    return name


def card_saved(phone: Phone, card: str) -> None:
    page = phone.api.post("/v1/wallet/payment-method")["url"]
    answer = requests.post(page, data={"card": card}, allow_redirects=False, timeout=SOON)
    if answer.status_code == 200:
        answer = requests.post(page, data={"authentication": "confirm"}, allow_redirects=False, timeout=SOON)
    assert answer.status_code == 303
    until("the card being saved", lambda: auto(phone)["card"] is not None, seconds=SOON)


def auto(phone: Phone) -> Json:
    found: Json = phone.api.get("/v1/wallet/auto-recharge")
    return found


# --- promotional credit --------------------------------------------------------------------------


def test_a_code_is_redeemed_once_and_spent_like_money(stage: Stage) -> None:
    client, code = stage.client(), code_made(stage)
    given = client.api.post("/v1/wallet/promo", {"code": f" {code.lower()} "})
    assert given["amount"] == {"amount": 500, "currency": "usd"}
    credit = client.api.get("/v1/wallet")["credit"]
    assert (credit["paid"]["amount"], credit["promo"]["amount"]) == (0, 500)
    again = client.api.send("POST", "/v1/wallet/promo", {"code": code}, key=new_key())
    assert refusal(again) == (409, "already_done")
    (shown,) = stage.admin("promo", "show", code)["rows"]
    assert (shown["used"], shown["total"]) == (1, 10)


def test_the_same_request_again_is_the_same_redemption(stage: Stage) -> None:
    client, code, key = stage.client(), code_made(stage), str(uuid4())
    answers = [client.api.send("POST", "/v1/wallet/promo", {"code": code}, key=key) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert client.credit() == 500


def test_codes_that_give_nothing_say_why(stage: Stage) -> None:
    client = stage.client()
    assert refusal(client.api.send("POST", "/v1/wallet/promo", {"code": "NO-SUCH-CODE"}, key=new_key())) == (
        404,
        "not_found",
    )
    stopped = code_made(stage)
    stage.admin("promo", "stop", stopped, *WHY)
    assert refusal(client.api.send("POST", "/v1/wallet/promo", {"code": stopped}, key=new_key())) == (
        410,
        "link_expired",
    )
    used_up = code_made(stage, total=1)
    stage.client().api.post("/v1/wallet/promo", {"code": used_up})
    assert refusal(client.api.send("POST", "/v1/wallet/promo", {"code": used_up}, key=new_key())) == (
        410,
        "link_expired",
    )
    keyless = client.api.send("POST", "/v1/wallet/promo", {"code": used_up})
    assert refusal(keyless) == (400, "idempotency_key_required")
    for body in ({}, {"code": ""}, {"code": 5}, {"code": "A" * 65}, {"code": used_up, "user": "usr_1"}):
        assert refusal(client.api.send("POST", "/v1/wallet/promo", body, key=new_key())) == (422, "invalid")
    assert client.credit() == 0


def test_nobody_guesses_codes_for_long(stage: Stage) -> None:
    client, code = stage.client(), code_made(stage)
    for number in range(10):
        wrong = client.api.send("POST", "/v1/wallet/promo", {"code": f"GUESS-{number}"}, key=new_key())
        assert refusal(wrong) == (404, "not_found")
    limited = client.api.send("POST", "/v1/wallet/promo", {"code": code}, key=new_key())
    assert refusal(limited) == (429, "rate_limited")
    assert "retry-after" in {name.lower() for name in limited.headers}


def test_what_an_admin_gives_is_given_once_a_ref(stage: Stage) -> None:
    client = stage.client()
    grant = ("promo", "grant", client.id, "--amount", "300", "--days", "7", "--ref", "ticket-1", *WHY)
    assert stage.admin(*grant)["done"]
    assert stage.admin(*grant) == {"done": True, "would": [], "rows": []}
    assert client.credit() == 300


# --- limits --------------------------------------------------------------------------------------


def test_a_limit_refuses_a_reading_that_it_does_not_pay_for_a_minute(stage: Stage) -> None:
    with stage.pair(1_000) as pair:
        limits(pair.client, day=249)
        asked = pair.client.api.send(
            "POST", "/v1/sessions", {"reader": pair.reader.id, "modality": "text"}, key=new_key()
        )
        assert refusal(asked) == (402, "spending_limit_reached")
        limits(pair.client, day=100)
        assert limits(pair.client, day=250)["pending"]["day"]["limit"]["amount"] == 250


def test_who_has_excluded_themselves_pays_nothing_in_and_spends_nothing(stage: Stage) -> None:
    with stage.pair(1_000) as pair:
        code = code_made(stage)
        limits(pair.client, self_excluded_until=rfc3339(stage.world.now() + DAY))
        refused = {
            "POST /v1/sessions": {"reader": pair.reader.id, "modality": "text"},
            "POST /v1/wallet/topups": {"amount": 1_000},
            "POST /v1/wallet/promo": {"code": code},
            "PUT /v1/wallet/auto-recharge": ON,
        }
        for route, body in refused.items():
            method, path = route.split()
            assert refusal(pair.client.api.send(method, path, body, key=new_key())) == (
                402,
                "spending_limit_reached",
            ), route
        assert pair.client.credit() == 1_000


def a_limit_that_is_lowered_stops_the_reading_and_says_so(stage: Stage) -> None:
    with stage.pair(2_000) as pair:
        pair.begin()
        limits(pair.client, day=300)
        row = pair.await_state("paused", stage.rules.minute / SECOND + SOON)
        assert row.reason == "low_balance"
        assert row.connected_before == stage.rules.minute
        for phone in (pair.client, pair.reader):
            with pytest.raises(Refused) as refused:
                phone.api.post(f"/v1/sessions/{pair.id}/reconnect")
            assert refused.value.code == "spending_limit_reached"
        assert pair.client.credit() == 1_750


# --- auto-recharge -------------------------------------------------------------------------------


def test_without_a_card_it_cannot_be_turned_on(stage: Stage) -> None:
    client = stage.client()
    seen = auto(client)
    assert (seen["enabled"], seen["card"], seen["off_reason"], seen["in_flight"]) == (False, None, None, False)
    assert refusal(client.api.send("PUT", "/v1/wallet/auto-recharge", ON)) == (409, "invalid_state")
    for change in ({"amount": 499}, {"threshold": -1}, {"daily_cap": 100_001}, {"amount": 2_501}, {"enabled": None}):
        answer = client.api.send("PUT", "/v1/wallet/auto-recharge", ON | change)
        assert refusal(answer) == (422, "invalid"), change


def test_a_saved_card_is_charged_when_credit_is_short_and_credits_once(stage: Stage) -> None:
    client = stage.client()
    card_saved(client, SUCCESS)
    seen = client.api.put("/v1/wallet/auto-recharge", ON)
    assert seen["card"] == {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034}
    until("the credit of the recharge", lambda: client.credit() == 2_500, seconds=SOON)
    entries = client.api.get("/v1/wallet/entries")["items"]
    assert [entry["kind"] for entry in entries] == ["recharge", "recharge_set"]
    assert auto(client)["in_flight"] is False


def test_a_bank_that_asks_for_its_customer_turns_it_off(stage: Stage) -> None:
    client = stage.client()
    card_saved(client, ASKS)
    client.api.put("/v1/wallet/auto-recharge", ON)
    until("auto-recharge being off", lambda: not auto(client)["enabled"], seconds=SOON)
    assert (auto(client)["off_reason"], client.credit()) == ("authentication_required", 0)


def test_a_card_that_is_declined_credits_nothing_and_may_be_tried_again(stage: Stage) -> None:
    client = stage.client()
    card_saved(client, DECLINED_LATER)
    client.api.put("/v1/wallet/auto-recharge", ON)
    until("the refusal", lambda: not auto(client)["in_flight"], seconds=SOON)
    assert (auto(client)["enabled"], client.credit()) == (True, 0)


def a_reading_goes_on_by_a_recharge_in_its_middle(stage: Stage) -> None:
    with stage.pair(500) as pair:
        card_saved(pair.client, SUCCESS)
        pair.begin()
        pair.await_beats()
        pair.client.api.put("/v1/wallet/auto-recharge", ON | {"threshold": 0})
        pair.await_connected(3 * stage.rules.minute)  # the credit was for two
        assert pair.row.state == "active"
        pair.client.api.post(f"/v1/sessions/{pair.id}/end")
        row = pair.await_state("finalized")
        assert row.review is None
        assert len(pair.receipt()["minutes"]) == 4
        assert pair.client.credit() == 3_000 - 4 * 250


STORIES: list[Story] = [
    a_limit_that_is_lowered_stops_the_reading_and_says_so,
    a_reading_goes_on_by_a_recharge_in_its_middle,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_spending(story: Story, stories: dict[Story, Future[None]]) -> None:
    stories[story].result(timeout=STORY_SECONDS)
