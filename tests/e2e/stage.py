"""The deployed local stack as a test uses it: people of its own, pairs in a reading, the desk of the local Stripe.

Nothing is asked of the services in place of a request; ``row`` alone looks past the API, into the table, because a
request would bring the reading up to date, and many a test must see that something else did.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Timer
from typing import Any, Final

import requests
import stripe

from chalicelib.gateways import World
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Session
from infra.local.people import RATE, Person, make_reader
from infra.local.phone import Answer, Api, Json, Phone, Refused, Unreachable
from infra.local.stack import Stack
from infra.local.waiting import TookTooLong, until
from tests.e2e.confided import Confided, ConfidingApi

ROOT: Final = Path(__file__).resolve().parents[2]
SOON: Final = 30.0
"""Seconds within which what was asked for happens, on two busy cores."""
TICK: Final = 90.0
"""Seconds within which the rule has fired, and its work is done."""
ADMIN_SECONDS: Final = 240

# The command line, on a stack whose file lies elsewhere: a command a line, and what came of it. Most of a command's
# time is the start of its process, so one does for all.
_ADMIN: Final = """
import io, json, os, sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from scripts.admin import cli, stages
world = stages.connect(None, Path(sys.argv[1]))
for line in sys.stdin:
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as complained:
        try:
            os.environ["LOCAL_OPERATOR"], *asked = json.loads(line)
            code = cli.run(asked, lambda stage: world)
        except SystemExit as misused:
            code = misused.code
    print(json.dumps([code, said.getvalue(), complained.getvalue()]), flush=True)
"""


RULE_EVENT: Final[Json] = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-22T16:43:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


class Office:
    """Where an admin sits, with the command line open: ended by ``close``."""

    def __init__(self, stack_file: Path) -> None:
        self._one_at_a_time = Lock()
        self._process = subprocess.Popen(  # noqa: S603 - our own program, on a stack of ours
            [sys.executable, "-c", _ADMIN, str(stack_file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, by: str = "") -> tuple[int, str, str]:
        """A command's exit code, what it printed, and on the standard error; ``by`` whom, where that matters."""
        with self._one_at_a_time:
            told, heard = self._process.stdin, self._process.stdout
            assert told
            assert heard
            patience = Timer(ADMIN_SECONDS, self._process.kill)
            patience.start()
            try:
                print(json.dumps([by, *arguments]), file=told, flush=True)
                code, said, complained = json.loads(heard.readline() or '[1, "", "it ended"]')
            finally:
                patience.cancel()
            return code, said, complained

    def close(self) -> None:
        self._process.communicate(timeout=ADMIN_SECONDS)


@dataclass
class Stage:
    """A running stack, and what tests need around it."""

    stack: Stack
    world: World
    office: Office
    confided: Confided = field(default_factory=Confided)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def rules(self) -> Rules:
        return self.world.settings.rules

    def warm_up(self, workers: int) -> None:
        """Have as many workers of each function started as will be wanted at once, of ``api`` twice as many.

        Each start takes a core for a second or two; while readings run, their phones would fall silent meanwhile.
        """
        functions = self.stack.aws("lambda")
        nothing = {"kind": "session", "id": "ses_00000000000000000000000000", "epoch": 0}
        hooks = self.stack.addresses.function_urls
        calls: list[Callable[[], object]] = [
            lambda: self.api().send("GET", "/v1/readers"),
            lambda: functions.invoke(FunctionName="soulseer-dev-clock", Payload=json.dumps(nothing).encode()),
            *(
                lambda hook=hooks[name]: requests.post(
                    hook["url"], data="{}", headers=hook["headers"], timeout=ADMIN_SECONDS
                )
                for name in ("stripe_webhook", "agora_webhook")
            ),
        ]
        with ThreadPoolExecutor(2 * workers) as pool:
            for call, times in zip(calls, (2 * workers, *[workers] * len(calls)), strict=False):
                list(pool.map(lambda _, call=call: call(), range(times)))

    def api(self, token: str | None = None) -> Api:
        return ConfidingApi(self.stack.api_url, token, self.confided)

    def client(self, cents: int = 0) -> Phone:
        """A new person, with that much credit by Checkout."""
        phone = Phone(self.api(self.stack.token(f"e2e|{uuid.uuid4()}", name=f"Clara {next(self._numbers)}")))
        if cents:
            phone.top_up(cents)
            until("the credit of the top-up", lambda: phone.credit() == cents, seconds=SOON)
        return phone

    def reader(self, rate: int = RATE) -> Phone:
        """A new verified reader, online."""
        number = next(self._numbers)
        person = Person(f"e2e|{uuid.uuid4()}", f"reader{number}@example.test", f"Rosa{number}")
        self.confided.add_fields({"email": person.email, "name": person.name})
        token = self.stack.token(person.subject, email=person.email, name=person.name)
        make_reader(self.stack.api_url, self.world, token, person, rate)
        phone = Phone(self.api(token))
        phone.api.put("/v1/reader/presence", {"status": "online"})
        return phone

    @contextmanager
    def pair(self, cents: int = 500) -> Iterator[Pair]:
        """A client with credit and a reader who is online; whatever they have open ends with the block."""
        pair = Pair(self, self.client(cents), self.reader())
        try:
            yield pair
        finally:
            pair.part()

    def row(self, session_id: str) -> Session:
        """The reading as it is stored. Nothing is brought up to date by looking."""
        return sessions.load(self.world, session_id)

    def admin(self, *arguments: str, by: str = "") -> Any:
        """The admin command line on this stack; its JSON. Raises AssertionError with what it said."""
        code, said, complained = self.office.run(*arguments, "--local", "--json", by=by)
        assert code == 0, f"{' '.join(arguments)}: {said}{complained}"
        return json.loads(said)

    def tick(self) -> None:
        """Call the function of the minute rule as it calls itself, shard by shard, and wait for it."""
        functions = self.stack.aws("lambda")
        for shard in range(self.world.settings.tick_shards):
            event = json.dumps(RULE_EVENT | {"shard": str(shard)}).encode()
            answer = functions.invoke(FunctionName="soulseer-dev-billing_tick", Payload=event)
            assert "FunctionError" not in answer, answer["Payload"].read()


@dataclass
class Pair:
    """The two phones of a reading."""

    stage: Stage
    client: Phone
    reader: Phone

    def ask(self, modality: str = "voice") -> Json:
        self.reader.session = self.client.ask(self.reader.id, modality)
        return self.client.session

    def accept(self) -> Json:
        self.ask()
        return self.reader.do("accept")

    def begin(self) -> Json:
        """Asked, accepted, both joined: active, and minute 1 is paid. Both phones beat by themselves from here."""
        self.accept()
        self.reader.join()
        session = self.client.join()
        assert session["state"] == "active", session
        return session

    @property
    def id(self) -> str:
        return str(self.client.session["id"])

    @property
    def row(self) -> Session:
        return self.stage.row(self.id)

    def hang_up(self) -> None:
        """Both phones fall silent, and no word is said."""
        self.client.hang_up()
        self.reader.hang_up()

    def await_row(
        self, what: str, condition: Callable[[Session], bool], seconds: float = SOON, every: float | None = None
    ) -> Session:
        """Until the stored reading is so, without asking the API."""

        def look() -> Session | None:
            row = self.row
            return row if condition(row) else None

        try:
            return until(what, look, seconds=seconds, every=every)
        except TookTooLong as late:
            raise TookTooLong(f"{late}; it is {self.row}") from None

    def await_state(self, state: str, seconds: float = SOON) -> Session:
        return self.await_row(f"the reading being {state}", lambda row: row.state == state, seconds)

    def await_connected(self, millis: Millis) -> None:
        """Let connected time pass: the only waiting that is for time itself."""
        now = self.stage.world.now
        seconds = millis / SECOND + SOON
        self.await_row(f"{millis} ms of connected time", lambda row: row.connected(now()) >= millis, seconds, 0.1)

    def await_beats(self) -> None:
        """Until both phones have beaten while the meter ran: then a silence takes less than everything back."""

        def beaten(row: Session) -> bool:
            began = row.running_since or 0
            return all(began < (side.beat_at or 0) for side in (row.client, row.reader))

        self.await_row("a heartbeat of both", beaten)

    def last_signs_of_life(self) -> dict[str, Millis]:
        """When each side was last heard of in the present run; the run itself began with both there."""
        row = self.row
        began = row.running_since or 0
        return {"client": max(row.client.beat_at or 0, began), "reader": max(row.reader.beat_at or 0, began)}

    def receipt(self) -> Json:
        receipt: Json = self.client.api.get(f"/v1/sessions/{self.id}/receipt")
        return receipt

    def part(self) -> None:
        """End what is open, hang up."""
        self.hang_up()
        if self.client.session:
            with suppress(Refused, Unreachable):
                self.client.api.post(f"/v1/sessions/{self.id}/end")
        for phone in (self.client, self.reader):
            phone.api.close()


class StripeDesk:
    """The local Stripe as its dashboard and its test tools see it."""

    def __init__(self, stack: Stack) -> None:
        self._url = stack.stripe.url
        api = stripe.StripeClient("sk_test_desk", base_addresses={"api": self._url}, max_network_retries=0)
        self.v1: Any = api.v1

    def sells(self, name: str, amount: int | None, product: str | None = None, **told: Any) -> str:
        """The platform has a product made, with a default price unless it has none: its id."""
        asked = {"name": name, **told} | ({"id": product} if product else {})
        price = {} if amount is None else {"default_price_data": {"unit_amount": amount, "currency": "usd"}}
        return str(self.v1.products.create(params=asked | price).id)

    def offers(self, code: str, restrictions: Json | None = None, **coupon: Any) -> str:
        """A promotion code is given out, with a coupon of its own: its id."""
        promotion = {"type": "coupon", "coupon": self.v1.coupons.create(params=coupon).id}
        asked = {"code": code, "promotion": promotion, "restrictions": restrictions or {}}
        return str(self.v1.promotion_codes.create(params=asked).id)

    def silently(self, product: str, **changes: Any) -> None:
        """A product is made or changed, as if the events were lost; with nothing told, it is gone."""
        self._local("PUT" if changes else "DELETE", f"products/{product}", changes or None)

    def checkout_id(self, topup: Json) -> str:
        return str(topup["checkout_url"]).rsplit("/", 1)[-1]

    def pay(self, topup: Json, card: str) -> int:
        """The status of the page: 303 paid or on its way, 402 declined."""
        return requests.post(
            topup["checkout_url"], data={"card": card}, allow_redirects=False, timeout=SOON
        ).status_code

    def event(self, kind: str, checkout_id: str) -> Json:
        """The event that told of this page. Waits for it."""

        def look() -> Json | None:
            listed = requests.get(
                f"{self._url}/v1/events",
                params={"type": kind, "limit": "100"},
                headers={"authorization": "Bearer sk_test_desk"},
                timeout=SOON,
            ).json()["data"]
            return next((each for each in listed if each["data"]["object"]["id"] == checkout_id), None)

        return until(f"the event {kind} of {checkout_id}", look, seconds=SOON)

    def delivered(self, event_id: str) -> list[Json]:
        """The deliveries of an event, once each has been taken. Their attempts tell how they were answered."""

        def look() -> list[Json] | None:
            deliveries: list[Json] = self._local("GET", f"deliveries?event={event_id}")["data"]
            return deliveries if deliveries and all(each["state"] == "delivered" for each in deliveries) else None

        return until(f"the delivery of {event_id}", look, seconds=SOON)

    def resend(self, event_id: str, **how: Any) -> list[str]:
        sent: list[str] = self._local("POST", f"events/{event_id}/resend", how)["deliveries"]
        return sent

    def emit(self, kind: str, thing: Json) -> Json:
        """Send a signed event that the API of Stripe would not cause."""
        event: Json = self._local("POST", "events", {"type": kind, "object": thing})
        return event

    def pull(self, lever: str, **how: Any) -> Json:
        """Something that happens at Stripe by itself, see ``LEVERS`` in infra/local/stripe."""
        done: Json = self._local("POST", lever, how)
        return done

    def settle(self, checkout_id: str, outcome: str) -> None:
        """The bank answers now: ``succeeded`` or ``failed``."""
        self._local("POST", f"checkout/sessions/{checkout_id}/settle", {"outcome": outcome})

    def _local(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = requests.request(method, f"{self._url}/_local/{path}", json=body, timeout=SOON)
        answer.raise_for_status()
        return answer.json()


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of an answer that must be problem details."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json
    assert problem["status"] == answer.status
    assert problem["request_id"]
    assert problem["type"] == f"urn:soulseer:problem:{problem['code']}"
    return answer.status, problem["code"]
