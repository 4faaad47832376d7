"""Taking one's data along, and leaving: over HTTP, by mail, with the cooling-off really waited out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import pytest
import requests

from infra.local.people import Person, make_reader
from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Stage, refusal
from tests.e2e.test_readers import PNG, posted, put_picture
from tests.e2e.test_uploads import uploaded

GONE_SECONDS: Final = 300.0
"""The cooling-off of this stack, the minute after it, and what two busy cores need."""
STORY_SECONDS: Final = 400
WHY: Final = ("--reason", "an end-to-end test", "--yes")


class Mailbox:
    """Somebody with an address, and the mail that came to it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.subject = f"e2e|{uuid.uuid4()}"
        self.address = f"{uuid.uuid4().hex}@example.test"
        stage.confided.add("an address", self.address)
        self.phone = self.sign_in()

    def sign_in(self) -> Phone:
        return Phone(self.stage.api(self.stage.stack.token(self.subject, email=self.address, name="Marguerite")))

    def letters(self, subject: str) -> list[str]:
        """Texts of the letters of which the subject says that."""
        told = requests.get(f"{self.stage.stack.addresses.endpoint_url}/_ministack/ses/messages", timeout=SOON).json()[
            "messages"
        ]
        return [
            each["BodyText"]
            for kept in told.values()
            for each in kept
            if self.address in each["To"] and subject in each["Subject"]
        ]

    def letter(self, subject: str, number: int = 1) -> str:
        def look() -> str | None:
            found = self.letters(subject)
            return found[number - 1] if len(found) >= number else None

        return until(f"letter {number} about {subject}", look, seconds=SOON)

    def code(self, number: int = 1) -> str:
        found = re.search(r"\b\d{8}\b", self.letter("code", number))
        assert found
        self.stage.confided.add("a code", found.group())
        return found.group()


def a_thing(stage: Stage, price: int, pieces: int) -> str:
    """A thing of the platform's is on sale; its id."""
    made = stage.admin("products", "add", "--name", "Deck", "--kind", "physical", "--price", str(price), *WHY)
    product: str = made["rows"][0]["product"]
    stage.admin("products", "stock", product, "--left", str(pieces), *WHY)
    return product


def home(stage: Stage) -> Json:
    """Where somebody lives, whom no log may name."""
    street = f"{uuid.uuid4().hex} Street"
    stage.confided.add("an address", street)
    return {"name": "Marguerite", "line1": street, "city": "Springfield", "postal_code": "62701", "country": "US"}


@pytest.fixture(scope="module")
def somebody(stage: Stage) -> Mailbox:
    return Mailbox(stage)


# --- the file ------------------------------------------------------------------------------------


def test_everything_one_has_comes_as_a_file_by_a_link_that_is_mailed(stage: Stage) -> None:
    box = Mailbox(stage)
    api = box.phone.api
    api.post("/v1/me/consents", {"document": "terms", "version": "1"})
    token = f"push-{uuid.uuid4()}"
    api.post("/v1/me/devices", {"platform": "ios", "token": token})
    api.post("/v1/threads", {"category": "general", "title": "Good morning", "text": "The cards were kind."})
    answer = api.send("POST", "/v1/me/export", key=str(uuid.uuid4()))
    assert answer.status == 202
    export = answer.json
    assert api.post("/v1/me/export")["id"] == export["id"] or export["status"] == "ready"

    def ready() -> Json | None:
        seen: Json = api.get(f"/v1/me/exports/{export['id']}")
        return seen if seen["status"] == "ready" else None

    made = until("the export", ready, seconds=TICK)
    assert made["expires_at"] > made["requested_at"]
    told = requests.get(made["url"], timeout=SOON)
    assert told.json()["profile"]["display_name"] == "Marguerite"
    assert [each["version"] for each in told.json()["consents"]] == ["1"]
    assert [each["text"] for each in told.json()["posts"]] == ["The cards were kind."]
    assert token not in told.text
    (address,) = re.findall(r"https?://\S+", box.letter("Your data"))
    assert requests.get(address, timeout=SOON).content == told.content
    stranger = stage.client()
    assert refusal(stranger.api.send("GET", f"/v1/me/exports/{export['id']}")) == (403, "forbidden")


def test_an_export_needs_a_key_and_one_that_is_not_there_is_404(somebody: Mailbox) -> None:
    api = somebody.phone.api
    assert refusal(api.send("POST", "/v1/me/export")) == (400, "idempotency_key_required")
    assert refusal(api.send("GET", "/v1/me/exports/exp_nothing")) == (404, "not_found")


# --- leaving -------------------------------------------------------------------------------------


def test_a_deletion_is_confirmed_by_the_newest_code_and_taken_back(stage: Stage) -> None:
    box = Mailbox(stage)
    api = box.phone.api
    assert refusal(api.send("GET", "/v1/me/deletion")) == (404, "not_found")
    assert refusal(api.send("DELETE", "/v1/me/deletion")) == (404, "not_found")
    assert refusal(api.send("POST", "/v1/me/deletion/confirm", {"code": "12345678"})) == (404, "not_found")
    asked = api.send("POST", "/v1/me/deletion")
    assert (asked.status, asked.json["status"]) == (202, "asked")
    assert asked.json["code_expires_at"] > asked.json["requested_at"]
    void = box.code()
    assert api.post("/v1/me/deletion")["status"] == "asked"
    code = box.code(2)
    if void != code:
        assert refusal(api.send("POST", "/v1/me/deletion/confirm", {"code": void})) == (422, "invalid")
    confirmed = api.post("/v1/me/deletion/confirm", {"code": code})
    assert (confirmed["status"], confirmed["code_expires_at"]) == ("cooling", None)
    assert api.get("/v1/me/deletion") == api.post("/v1/me/deletion/confirm", {"code": code}) == confirmed
    assert api.send("DELETE", "/v1/me/deletion").status == 204
    assert api.send("DELETE", "/v1/me/deletion").status == 204
    assert refusal(api.send("GET", "/v1/me/deletion")) == (404, "not_found")
    assert "Until then you can take it back" in box.letter("will be deleted")
    box.letter("stays")


def test_after_five_wrong_codes_the_right_one_is_410_and_after_five_codes_there_is_none(somebody: Mailbox) -> None:
    api = somebody.phone.api
    api.post("/v1/me/deletion")
    code = somebody.code()
    for number in range(5):
        wrong = f"{(int(code) + 1 + number) % 10**8:08}"
        assert refusal(api.send("POST", "/v1/me/deletion/confirm", {"code": wrong})) == (422, "invalid")
    assert refusal(api.send("POST", "/v1/me/deletion/confirm", {"code": code})) == (410, "link_expired")
    for _ in range(4):
        api.post("/v1/me/deletion")
    assert refusal(api.send("POST", "/v1/me/deletion")) == (429, "rate_limited")


@pytest.mark.parametrize("body", [{}, {"code": 12345678}, {"code": "1234567a"}, {"code": "123"}], ids=str)
def test_a_code_is_eight_digits(somebody: Mailbox, body: Json) -> None:
    assert refusal(somebody.phone.api.send("POST", "/v1/me/deletion/confirm", body)) == (422, "invalid")


def test_without_an_address_no_code_can_be_sent(stage: Stage) -> None:
    assert refusal(stage.client().api.send("POST", "/v1/me/deletion")) == (409, "invalid_state")


def test_a_suspended_person_may_take_their_data_along_and_leave(stage: Stage) -> None:
    box = Mailbox(stage)
    stage.admin("people", "suspend", box.phone.api.get("/v1/me")["id"], "--reason", "e2e: suspended", "--yes")
    api = box.phone.api
    assert refusal(api.send("GET", "/v1/me")) == (403, "account_suspended")
    assert api.post("/v1/me/export")["status"] in ("pending", "ready")
    api.post("/v1/me/deletion")
    assert api.post("/v1/me/deletion/confirm", {"code": box.code()})["status"] == "cooling"
    assert api.send("DELETE", "/v1/me/deletion").status == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/me/export"),
        ("GET", "/v1/me/exports/exp_nothing"),
        ("POST", "/v1/me/deletion"),
        ("GET", "/v1/me/deletion"),
        ("POST", "/v1/me/deletion/confirm"),
        ("DELETE", "/v1/me/deletion"),
    ],
)
def test_leaving_is_for_who_is_signed_in(stage: Stage, method: str, path: str) -> None:
    assert refusal(stage.api().send(method, path)) == (401, "unauthenticated")


def an_order_that_nobody_pays(stage: Stage, box: Mailbox) -> str:
    """Of a thing, which waits on a page of Stripe's; its id."""
    wanted: Json = {"items": [{"product": a_thing(stage, 1_500, 5)}], "rail": "stripe", "where": "web"}
    order = box.phone.api.post("/v1/orders", wanted | {"shipping_rate": "standard", "address": home(stage)})
    assert order["checkout_url"]
    return str(order["id"])


def an_account_is_gone_when_its_time_is_over(stage: Stage) -> None:
    """A reader's: in the directory, with a picture; one who has answered a client, and begun a thread."""
    box = Mailbox(stage)
    token = stage.stack.token(box.subject, email=box.address, name="Marguerite")
    me = make_reader(stage.stack.api_url, stage.world, token, Person(box.subject, box.address, "Marguerite"))
    picture = put_picture(box.phone, posted(box.phone, PNG)).json["picture_url"]
    assert requests.get(picture, timeout=SOON).status_code == 200
    box.phone.api.post("/v1/me/devices", {"platform": "ios", "token": f"push-{uuid.uuid4()}"})
    client = stage.client()
    messages = f"/v1/conversations/{client.api.post('/v1/conversations', {'reader': me})['id']}/messages"
    client.api.post(messages, {"text": "Will it rain?"})
    answer = {"text": "It may well rain.", "uploads": [uploaded(box.phone, PNG, "image/png")]}
    file = box.phone.api.post(messages, answer)["attachments"][0]["url"]
    assert requests.get(file, timeout=SOON).status_code == 200
    thread = box.phone.api.post("/v1/threads", {"category": "general", "title": "Rain", "text": "It may rain."})["id"]
    client.api.post(f"/v1/threads/{thread}/posts", {"text": "It did."})
    order = an_order_that_nobody_pays(stage, box)
    box.phone.api.post("/v1/me/deletion")
    box.phone.api.post("/v1/me/deletion/confirm", {"code": box.code()})

    def shut_out() -> bool:
        return box.phone.api.send("GET", "/v1/me").status == 403

    until("the door being shut", shut_out, seconds=GONE_SECONDS)
    assert refusal(box.sign_in().api.send("GET", "/v1/me")) == (403, "forbidden")
    accounts = stage.world.settings.tables.accounts

    def state() -> str:
        row = stage.world.tables.get(accounts, {"pk": me, "sk": "deletion"})
        return str(row["state"]) if row else "none"

    until("everything being forgotten", lambda: state() == "deleted", seconds=GONE_SECONDS)
    left = stage.world.tables.query(accounts, ("pk", me)).items
    assert {row["sk"] for row in left} <= {"profile", "deletion", "exports", "consents"}
    (profile,) = (row for row in left if row["sk"] == "profile")
    assert profile["display_name"] == "Deleted member"
    assert "email" not in profile
    assert refusal(stage.api().send("GET", f"/v1/readers/{me}")) == (404, "not_found")
    assert [requests.get(each, timeout=SOON).status_code for each in (picture, file)] == [404, 404]
    answered, asked = client.api.get(messages)["items"]
    assert (answered["text"], answered["standing"], answered["attachments"]) == (None, "deleted", [])
    assert asked["text"] == "Will it rain?"
    left_behind = client.api.get(f"/v1/threads/{thread}")
    assert (left_behind["thread"]["title"], left_behind["thread"]["author"]) == (None, None)
    assert [each["text"] for each in left_behind["items"]] == ["", "It did."]
    row = stage.world.tables.get(stage.world.settings.tables.shop, {"pk": order, "sk": "order"})
    assert row
    assert (row["cancelled_for"], row["sending"]["address"]) == ("left", None)


def money_keeps_an_account_until_nothing_is_owed(stage: Stage) -> None:
    box = Mailbox(stage)
    box.phone.top_up(500, "4000 0000 0000 7726")  # what goes back to it takes its time
    until("the credit of the top-up", lambda: box.phone.credit() == 500, seconds=SOON)
    box.phone.api.post("/v1/me/deletion")
    box.phone.api.post("/v1/me/deletion/confirm", {"code": box.code()})

    def held() -> Json | None:
        seen: Json = box.phone.api.get("/v1/me/deletion")
        return seen if seen["status"] == "awaiting_refund" else None

    assert until("the deletion waiting", held, seconds=GONE_SECONDS)["owed"] == {"amount": 500, "currency": "usd"}
    assert "$5.00 are owed to you or on their way to your card" in box.letter("still holds money")
    (refund,) = box.phone.api.get("/v1/wallet/refunds")["items"]
    assert (refund["amount"]["amount"], box.phone.credit()) == (500, 0)
    assert box.phone.api.get("/v1/me")["display_name"] == "Marguerite"
    assert box.phone.api.send("DELETE", "/v1/me/deletion").status == 204


STORIES: Final[list[Callable[[Stage], None]]] = [
    an_account_is_gone_when_its_time_is_over,
    money_keeps_an_account_until_nothing_is_owed,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test(story: Story, stories: dict[Story, Future[None]]) -> None:
    stories[story].result(timeout=STORY_SECONDS)
