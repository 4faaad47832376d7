"""The fourth act: words. Messages and a reply that is paid for, letters, a community and its moderator.

    the client writes to the reader, with a picture · the reader answers, and sells an answer: what it says leaves the
    server for a dollar and not before, once · the reader is told on the phone and by mail, and one click ends the mail
    · what people post is shown as text, never as a page, and a word that nobody may write is found in any spelling ·
    three people report a post, and it is gone · a moderator decides by the command line, and its author is told why

The people are those of the other acts: who was banned from the stream is the one who advertises here.
"""

import base64
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import requests

from chalicelib.kernel.money import reader_share
from chalicelib.messaging.model import REPLY_PRICE
from chalicelib.moderation.model import HIDING
from chalicelib.wallet import statement
from infra.local.deploy import STACK
from infra.local.desk import command, letters
from infra.local.pages import Mailbox, Page, board, chat
from infra.local.people import PEOPLE
from infra.local.phone import Answer, Api, Json, Phone, entries, new_key
from infra.local.stack import Stack
from infra.local.telling import Step, Telling
from infra.local.waiting import until
from infra.local.watch import dollars

PICTURE: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A whole PNG, of one pixel."""
SOLD: Final = ("Say yes on Tuesday, not before.", "And wear the green coat.")
"""What the reader sells."""
POST: Final = "*Hi* <script>alert()</script>"
SHOWN: Final = "<p><em>Hi</em> &lt;script&gt;alert()&lt;/script&gt;</p>"
FORBIDDEN: Final = "moonjuice"
DISGUISED: Final = "M\u043e0NJ\u00fc1\u0441E"
"""The same, with two letters of another alphabet, an accent and two digits."""
ADVERTISEMENT: Final = "Lucky charms, half price!"

_SOON: Final = 30.0
"""Seconds within which people are told and the API does what it is asked, on two busy cores."""
_TAPS: Final = 5
_LINE: Final = "unlocked your reply"
"""What the reader is told of a dollar."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Where the price of one reply went, in cents."""

    reader: int
    platform: int


class FourthAct:
    """Words between ``client`` and ``reader`` and, by name, ``others``. ``shares`` is where a reply's dollar went."""

    def __init__(self, stack: Stack, telling: Telling, client: Phone, reader: Phone, others: Mapping[str, Api]) -> None:
        self._stack = stack
        self._world = stack.world()
        self._client, self._reader, self._others = client, reader, others
        self._tell, self._check, self._refused = telling.tell, telling.check, telling.refused
        self._admin = partial(command, self._world)
        self._conversation = ""
        self._device = ""
        self._replies: list[str] = []
        self._thread = ""
        self._post = ""
        self._letters_before = 0
        self.shown: Page | None = None
        """What the phone that one looks at shows, once it has something."""
        self.shares: Shares | None = None

    @property
    def steps(self) -> list[Step]:
        """In their order."""
        return [
            self._write,
            self._answer,
            self._unlock,
            self._be_told,
            self._discuss,
            self._report,
            self._decide,
        ]

    # --- messages -------------------------------------------------------------------------------

    def _write(self) -> None:
        """A client writes to a reader, with a picture."""
        client, reader = self._client, self._reader
        device = {"platform": "ios", "token": f"rosas-phone-{new_key()}"}
        self._device = reader.api.post("/v1/me/devices", device)["id"]
        self._letters_before = len(self._letters())
        opened = client.api.post("/v1/conversations", {"reader": reader.id})
        self._conversation = f"/v1/conversations/{opened['id']}"
        self._look_at_chat()
        self._refused("a reader writes to nobody unasked", 409, lambda: self._send(reader, "Lucky you!"))
        page = self._upload(client, b"<script>alert(1)</script>")
        self._refused("a page that calls itself a picture", 422, lambda: self._send(client, "Look", uploads=[page]))
        picture, key = self._upload(client, PICTURE), new_key()
        self._tell("client", "uploads a picture to the bucket, and writes; sent twice")
        made = [self._send(client, "Which card is this?", key=key, uploads=[picture]) for _ in range(2)]
        self._look_at_chat()
        messages = reader.api.get(f"{self._conversation}/messages")["items"]
        files = [requests.get(file["url"], timeout=_SOON).content for each in messages for file in each["attachments"]]
        self._check(
            "the reader has one message, and the picture byte for byte",
            held=[each["id"] for each in messages] == [made[1]["id"]] and files == [PICTURE],
            saw=f"{len(messages)} messages, {len(files)} files",
        )

    def _answer(self) -> None:
        """The reader answers, and sells an answer."""
        client, reader, stranger = self._client, self._reader, self._others["Ben"]
        self._send(reader, "The Star. Ask it something.")
        self._tell("reader", f"answers, and sells an answer for {dollars(REPLY_PRICE)}")
        self._replies = [self._send(reader, text, price=REPLY_PRICE)["id"] for text in SOLD]
        got = self._look_at_chat()
        newest = got.json["items"][0]
        self._check(
            f"the client's phone gets: locked, {dollars(newest['price']['amount'])}, and not a word of it",
            held=newest["locked"] and newest["text"] is None and not _says(got, *SOLD),
        )
        found = client.api.send("GET", f"{self._conversation}/messages?q=tuesday")
        recent = client.api.send("GET", "/v1/conversations")
        self._check(
            "no search finds it, no list quotes it", held=found.json["items"] == [] and not _says(recent, *SOLD)
        )
        self._refused("nobody else can unlock it", 403, lambda: stranger.post(self._unlocking(0)))
        self._refused("nor its own author", 403, lambda: reader.api.post(self._unlocking(0)))

    def _unlock(self) -> None:
        """A dollar unlocks it, once."""
        client = self._client
        credit, earned, fees = client.credit(), self._earned(), self._fees()
        self._tell("client", f"unlocks the first: {dollars(credit)} of credit are there")
        opened = client.api.post(self._unlocking(0))
        self._look_at_chat()
        paid = credit - client.credit()
        self._check(
            f"there it is, for {dollars(paid)}: “{opened['text']}”",
            held=opened["text"] == SOLD[0] and paid == REPLY_PRICE,
        )
        again = client.api.post(self._unlocking(0))
        self._check("asked for again: the same, for nothing", held=again == opened and credit - client.credit() == paid)
        shares = self.shares = Shares(self._earned() - earned, self._fees() - fees)
        self._check(
            f"{dollars(shares.reader)} of it are the reader's, {dollars(shares.platform)} the platform's",
            held=shares.reader == reader_share(REPLY_PRICE) and shares.reader + shares.platform == REPLY_PRICE,
            saw=f"{shares.reader} and {shares.platform} cents",
        )

    # --- telling --------------------------------------------------------------------------------

    def _be_told(self) -> None:
        """The reader is told, and one click ends the letters."""
        reader, client = self._reader, self._client
        until("the push of the first message", self._was_pushed, seconds=_SOON)
        self._check("SNS took the push to the reader's phone", held=True)
        (letter,) = until("a letter about the dollar", self._new_letters, seconds=_SOON)
        inbox = self._look_at_mailbox()
        self._tell("mail", f"to {letter['To'][0]}: “{letter['Subject']}”")
        said = f"{dollars(REPLY_PRICE)} for your reply"
        self._check(
            "it says the same in plain text and in HTML",
            held=said in letter["BodyText"] and said in letter["BodyHtml"] and "<p>" in letter["BodyHtml"],
        )
        unread = sum(not each["read"] for each in entries(reader.api, "/v1/notifications"))
        self._check(f"so does the inbox, and counts {unread} unread", held=inbox["unread"] == unread)
        (link,) = re.findall(rf"{re.escape(self._stack.api_url)}(/v1/unsubscribe/\S+)", letter["BodyText"])
        self._tell("reader", "clicks “no more mail about your wallet”, not signed in")
        self._one_click(link)
        self._look_at_mailbox()
        self._tell("client", f"unlocks the second, and taps {_TAPS} times at once")
        credit = client.credit()
        with ThreadPoolExecutor(_TAPS) as taps:
            read = list(taps.map(lambda _: client.api.post(self._unlocking(1))["text"], range(_TAPS)))
        paid = credit - client.credit()
        self._check(f"read {_TAPS} times, paid once", held=read == [SOLD[1]] * _TAPS and paid == REPLY_PRICE)
        until("the inbox telling of both", lambda: self._lines(reader.api, _LINE, 2), seconds=_SOON)
        self._look_at_mailbox()
        self._check("the inbox still tells of it", held=True)

    # --- the community --------------------------------------------------------------------------

    def _discuss(self) -> None:
        """What people post is shown safely."""
        client, dan = self._client, self._others["Dan"]
        wanted = {"category": "general", "title": "The Star", "text": POST}
        opened = client.api.post("/v1/threads", wanted)
        self._thread, mia = f"/v1/threads/{opened['id']}", self._others["Mia"]
        got = self._look_at_board("Mia", mia)
        self._tell("client", f"opens a thread: {POST}")
        html = got["items"][0]["html"]
        self._check(f"shown as {html}", held=html == SHOWN, saw=html)
        self._admin("words", "add", FORBIDDEN, "--reason", "the fourth act", "--yes")
        self._tell("admin", f"soulseer words add {FORBIDDEN}")
        self._refused(f"a word in disguise is found, “{DISGUISED}”", 422, lambda: self._posted(dan, DISGUISED))
        self._tell("viewer", f"Dan advertises: “{ADVERTISEMENT}”")
        self._post = self._posted(dan, ADVERTISEMENT)["id"]
        self._look_at_board("Mia", mia)

    def _report(self) -> None:
        """Three report a post, and it is gone."""
        mia, dan = self._others["Mia"], self._others["Dan"]
        crowd = ("Ben", "Eve", "Clara")
        for number, (name, reason) in enumerate(zip(crowd, ("spam", "spam", "fraud"), strict=True), 1):
            self._api_of(name).post("/v1/reports", {"item": self._post, "reason": reason})
            self._tell("viewer" if name != "Clara" else "client", f"{name} reports it: {reason}")
            got = self._look_at_board("Mia", mia, number)
        self._check(
            "Mia, who did nothing, sees it no more",
            held=self._post not in [each["id"] for each in got["items"]],
        )
        (own,) = [each for each in dan.get(self._thread)["items"] if each["id"] == self._post]
        self._check("Dan still does, and that it is hidden", held=own["standing"] == "hidden", saw=own["standing"])
        self._refused("nobody reports it twice", 409, lambda: self._complain("Ben"))
        until("Dan being told", lambda: self._lines(dan, "We have hidden a post", 1), seconds=_SOON)

    def _decide(self) -> None:
        """A moderator decides, and the author is told."""
        dan, ben = self._others["Dan"], self._others["Ben"]
        (case,) = self._admin("moderation", "list")
        why = ", ".join(f"{count} {reason}" for reason, count in case["reasons"].items())
        self._tell("admin", f"soulseer moderation list: {case['reports']} reports, {why}")
        (seen,) = self._admin("moderation", "show", case["id"])
        self._check(
            "the queue has it, hidden, with what it says",
            held=case["item"] == self._post and case["hidden"] and ADVERTISEMENT in seen["thing"]["text"],
        )
        self._tell("admin", "soulseer moderation resolve … --action remove --rule spam")
        why = "an advertisement"
        self._admin(
            "moderation", "resolve", case["id"], "--action", "remove", "--rule", "spam", "--reason", why, "--yes"
        )
        self._look_at_board("Dan", dan, HIDING, verdict="removed")
        (told,) = until("Dan being told why", lambda: self._lines(dan, "We have removed a post", 1), seconds=_SOON)
        self._check(
            "Dan's inbox says why, and that he may appeal, once",
            held="it is advertising" in told["text"] and "you can appeal" in told["text"],
            saw=told["text"],
        )
        until("Ben being thanked", lambda: self._lines(ben, "Thank you for your report", 1), seconds=_SOON)
        self._check("who reported it is thanked; nobody learns who did", held=self._quiet_about(told))
        letters = len(self._new_letters() or [])
        self._check("since the click no letter has come about the reader's wallet", held=letters == 1, saw=str(letters))

    # --- what phones do -------------------------------------------------------------------------

    def _send(self, phone: Phone, text: str, key: str | None = None, **more: Any) -> Json:
        sent: Json = phone.api.post(f"{self._conversation}/messages", {"text": text, **more}, key=key)
        return sent

    def _upload(self, phone: Phone, content: bytes) -> str:
        """The id of a file that the bucket took, said to be a PNG."""
        form = phone.api.post("/v1/uploads", {"media_type": "image/png", "size": len(content)})
        requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=_SOON).raise_for_status()
        return str(form["id"])

    def _unlocking(self, number: int) -> str:
        return f"/v1/messages/{self._replies[number]}/unlock"

    def _posted(self, api: Api, text: str) -> Json:
        made: Json = api.post(f"{self._thread}/posts", {"text": text})
        return made

    def _complain(self, name: str) -> None:
        self._api_of(name).post("/v1/reports", {"item": self._post, "reason": "other"})

    def _api_of(self, name: str) -> Api:
        return self._client.api if name == "Clara" else self._others[name]

    def _one_click(self, link: str) -> None:
        """As a mail program does it, which has no token."""
        nobody = Api(self._stack.api_url)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        nobody.send("POST", link, content=b"List-Unsubscribe=One-Click", headers=form)
        nobody.close()
        wallet = self._reader.api.get("/v1/me/notification-preferences")["kinds"]["wallet"]
        self._check("the click is enough", held=(wallet["email"], wallet["inbox"]) == (False, True))

    # --- looking --------------------------------------------------------------------------------

    def _look_at_chat(self) -> Answer:
        """What the client's phone gets, to be shown."""
        client = self._client
        got = client.api.send("GET", f"{self._conversation}/messages")
        names = {client.id: "Clara", self._reader.id: "Rosa"}
        self.shown = chat("Clara", client.credit(), got.json["items"], names)
        return got

    def _look_at_mailbox(self) -> Json:
        inbox: Json = self._reader.api.get("/v1/notifications")
        wallet = self._reader.api.get("/v1/me/notification-preferences")["kinds"]["wallet"]
        letters = self._new_letters() or [{"Subject": "", "BodyText": "", "BodyHtml": ""}]
        self.shown = Mailbox(
            owner="Rosa",
            unread=inbox["unread"],
            newest=inbox["items"][0]["title"],
            letters=len(letters),
            subject=letters[-1]["Subject"],
            text=letters[-1]["BodyText"],
            html=letters[-1]["BodyHtml"],
            by_mail=wallet["email"],
        )
        return inbox

    def _look_at_board(self, viewer: str, api: Api, reports: int = 0, verdict: str = "") -> Json:
        page: Json = api.get(self._thread)
        self.shown = board(viewer, page, reports, verdict)
        return page

    def _letters(self) -> list[Json]:
        """Those about a reply's dollar to the reader, oldest first, as SES has them."""
        mine = PEOPLE["reader"].email
        return [each for each in letters(self._stack) if mine in each["To"] and _LINE in each["Subject"]]

    def _new_letters(self) -> list[Json] | None:
        return self._letters()[self._letters_before :] or None

    def _lines(self, api: Api, title: str, count: int) -> list[Json] | None:
        """The newest lines of an inbox that say so, once there are so many."""
        found = [each for each in api.get("/v1/notifications")["items"] if title in each["title"]]
        return found if len(found) >= count else None

    def _was_pushed(self) -> bool:
        """What ``notify`` wrote down of the reader's phone."""
        logs = self._stack.aws("logs")
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-notify", filterPattern="pushed")
        return any('"pushed"' in each["message"] and self._device in each["message"] for each in found["events"])

    def _quiet_about(self, told: Json) -> bool:
        """Whether what the author reads names none of those who reported."""
        reporters = [self._api_of(name).get("/v1/me")["id"] for name in ("Ben", "Eve", "Clara")]
        return not any(each in json.dumps(told) for each in reporters)

    def _earned(self) -> int:
        return int(self._reader.api.get("/v1/reader/earnings")["balance"]["amount"])

    def _fees(self) -> int:
        return statement.trial_balance(self._world).sum_of("platform:fees")


def _says(answer: Answer, *texts: str) -> bool:
    return any(text in answer.text for text in texts)
