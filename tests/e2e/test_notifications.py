"""What people are told, over HTTP and by mail: the inbox, what is read of it, and no more mail by one click."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import requests

from chalicelib.accounts import service as accounts
from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

CREDIT: Final = "You have promotional credit"
GRANTED: Final = "You have coins from us"
TAKEN: Final = "Coins were taken back"
READ: Final = "/v1/notifications/read"
WHY: Final = ("--reason", "an end-to-end test", "--yes")


def letters(stage: Stage, phone: Phone, subject: str) -> list[Json]:
    """Those to the person whose subject says that, as SES has them."""
    address = accounts.person(stage.world, phone.id).email
    told = requests.get(f"{stage.stack.addresses.endpoint_url}/_ministack/ses/messages", timeout=SOON).json()
    return [
        each
        for kept in told["messages"].values()
        for each in kept
        if address in each["To"] and subject in each["Subject"]
    ]


def inbox(phone: Phone, query: str = "") -> Json:
    found: Json = phone.api.get(f"/v1/notifications?{query}")
    return found


def titled(phone: Phone, title: str, count: int) -> list[Json]:
    """The lines of the inbox that say so, once there are so many."""

    def look() -> list[Json] | None:
        found = [each for each in inbox(phone)["items"] if title in each["title"]]
        return found if len(found) >= count else None

    return until(f"{count} lines that say {title}", look, seconds=SOON)


def credited(stage: Stage, phone: Phone, ref: str) -> None:
    """The person is given promotional credit, which is told in the inbox and, where they want it, by mail."""
    stage.admin("promo", "grant", phone.id, "--amount", "500", "--days", "30", "--ref", ref, *WHY)


def test_what_is_committed_is_in_the_inbox_and_in_the_mail_once_and_can_be_unsubscribed(stage: Stage) -> None:
    with stage.pair() as pair:
        reader, client = pair.reader, pair.client
        pair.ask("text")
        (line,) = titled(reader, "asks you for a reading", 1)
        assert (line["kind"], line["read"]) == ("reading_requested", False)
        assert line["about"] == {"session": pair.id, "from": client.id}
        rolled_back(stage, pair)
        client.do("cancel")

        credited(stage, reader, "ticket-1")
        letter = until("the letter", lambda: letters(stage, reader, CREDIT) or None, seconds=SOON)[0]
        for part in (letter["BodyText"], letter["BodyHtml"]):
            assert "$5.00 of promotional credit are yours." in part
            assert "You get this because you want mail about your wallet." in part
        (link,) = re.findall(rf"{re.escape(stage.stack.api_url)}(/v1/unsubscribe/\S+)", letter["BodyText"])
        stage.confided.add("an address for unsubscribing", link.rpartition("/")[2])
        assert f'href="{stage.stack.api_url}{link}"' in letter["BodyHtml"]

        one_click(stage, reader, link)
        credited(stage, reader, "ticket-2")
        titled(reader, CREDIT, 2)
        for verb in ("grant", "take"):
            stage.admin("coins", verb, reader.id, "--coins", "10", "--ref", "ticket-1", *WHY)
        # What keeps an account safe is mailed all the same; it is told last, so all that was before it has been told.
        safe = until("the letter of safety", lambda: letters(stage, reader, TAKEN) or None, seconds=SOON)[0]
        assert "so it cannot be turned off" in safe["BodyText"]
        assert "unsubscribe" not in safe["BodyText"] + safe["BodyHtml"]
        assert (len(letters(stage, reader, CREDIT)), letters(stage, reader, GRANTED)) == (1, [])
        reading(stage, reader, client)


def rolled_back(stage: Stage, pair: Any) -> None:
    """Who asks a reader that is taken is refused in the very transaction that would have told the reader."""
    other = stage.client(500)
    wanted = {"reader": pair.reader.id, "modality": "text"}
    refused = other.api.send("POST", "/v1/sessions", wanted, key=new_key())
    assert refusal(refused) == (409, "reader_busy")
    other.api.close()


def one_click(stage: Stage, reader: Phone, link: str) -> None:
    """As a mail program does it, which knows nothing of tokens; whoever only looks changes nothing."""
    nobody = stage.api()

    def by_mail() -> bool:
        kinds: Json = reader.api.get("/v1/me/notification-preferences")["kinds"]
        assert kinds["wallet"]["inbox"]
        return bool(kinds["wallet"]["email"])

    page = nobody.send("GET", link)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "<form method=" in page.text
    assert by_mail()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(2):
        done = nobody.send("POST", link, content=b"List-Unsubscribe=One-Click", headers=form)
        assert (done.status, "no more mail about your wallet" in done.text) == (200, True)
        assert not by_mail()
    assert nobody.send("POST", link).status == 200
    for wrong in (link[:-1], f"{link[:-4]}AAAA", "/v1/unsubscribe/x"):
        assert refusal(nobody.send("GET", wrong)) == (404, "not_found")
        assert refusal(nobody.send("POST", wrong, content=b"x", headers=form)) == (404, "not_found")
    nobody.close()


def reading(stage: Stage, reader: Phone, client: Phone) -> None:
    """Pages, marks, and whose they are."""
    whole = inbox(reader)
    newest, *older = [each["id"] for each in whole["items"]]
    assert (len(older), whole["unread"], whole["next_cursor"]) == (4, 5, None)
    page = inbox(reader, "limit=1")
    assert ([each["id"] for each in page["items"]], page["unread"]) == ([newest], 5)
    after = inbox(reader, f"limit=10&cursor={page['next_cursor']}")
    assert ([each["id"] for each in after["items"]], after["next_cursor"]) == (older, None)
    stolen = client.api.send("GET", f"/v1/notifications?cursor={page['next_cursor']}")
    assert refusal(stolen) == (422, "invalid")
    assert refusal(stage.api().send("GET", "/v1/notifications")) == (401, "unauthenticated")
    assert refusal(stage.api().send("POST", READ, {"ids": [newest]})) == (401, "unauthenticated")

    def marked(phone: Phone, **body: Any) -> Any:
        return phone.api.post(READ, body)["unread"]

    assert marked(client, ids=[newest]) == inbox(client)["unread"]
    assert inbox(reader)["unread"] == 5
    assert [marked(reader, ids=[older[3], older[3]]) for _ in range(2)] == [4, 4]
    assert [each["read"] for each in inbox(reader)["items"]] == [False] * 4 + [True]
    assert marked(reader, up_to=older[1]) == 2
    wrong: dict[str, Any]
    for wrong in ({}, {"ids": []}, {"ids": [newest], "up_to": newest}, {"up_to": "ntc_1"}, {"ids": [newest] * 51}):
        assert refusal(reader.api.send("POST", READ, wrong)) == (422, "invalid")
    assert refusal(reader.api.send("POST", READ, content=json.dumps([newest]).encode())) == (422, "invalid")
    assert [marked(reader, up_to=newest), inbox(reader)["unread"]] == [0, 0]
