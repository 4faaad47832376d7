"""A phone: it does what an app may do, over HTTP, and knows nothing that an app could not know.

``Api`` is one person's way to the API: a bearer token, an ``Idempotency-Key`` for each intent (the same one when the
answer was lost and the request is repeated), problem details as ``Refused``. ``Phone`` lives through a reading on top
of it: heartbeats on a thread of its own at the pace the API asks for, a fresh media lease before the old one ends,
and, where the other side dropped out, asking back in by itself, as the app of the one who stayed does. With a
``Device`` it is in the media channel too, by each lease that it is given.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Event, Thread
from typing import Any, Final

import urllib3

from infra.local.agora.device import ChannelRefused, Device
from infra.local.waiting import TookTooLong, until

Json = dict[str, Any]

REQUEST_SECONDS: Final = 35.0
"""A cold function on two busy cores takes long to answer the first time."""
_TRIES: Final = 6
_PASSING: Final = frozenset({429, 502, 503, 504})
_IN_PROGRESS: Final = "idempotency_in_progress"
_MOST_BEATS: Final = 20_000
_MOST_PAGES: Final = 50
_FIRST_PAUSE: Final = 0.2
_TALKING: Final = ("waiting", "active", "reconnecting")
"""States in which there is a lease to renew."""


class Unreachable(Exception):
    """No answer came: there is no network, or nobody listens. Whether the request was carried out is unknown."""


class Refused(Exception):
    """The API refused; ``code`` is the one of its problem details."""

    def __init__(self, method: str, path: str, answer: "Answer") -> None:
        self.answer, self.status, self.code = answer, answer.status, answer.code
        super().__init__(f"{method} {path} was answered {answer.status} {answer.code or answer.text[:200]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of the problem details; empty where there are none."""
        return str(self.json.get("code", "")) if "problem+json" in self.headers.get("content-type", "") else ""


class Api:
    """One person's way to the API at ``url`` (ending before ``/v1``). Threads may share it."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._pool = urllib3.PoolManager(
            maxsize=8, timeout=urllib3.Timeout(connect=3, read=REQUEST_SECONDS), retries=False
        )
        self.online = True
        """False is a phone without network: nothing leaves it, nothing arrives."""

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, whatever is answered. ``content`` is sent as it is instead of ``body`` as JSON.

        Raises Unreachable.
        """
        sent = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if body is not None:
            content = json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        if key is not None:
            sent["Idempotency-Key"] = key
        if not self.online:
            raise Unreachable("the phone has no network")
        try:
            got = self._pool.request(
                method, f"{self._url}{path}", body=content, headers=sent | dict(headers or {}), redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{method} {path}: {error}") from error
        answer = Answer(got.status, {name.lower(): value for name, value in got.headers.items()}, got.data)
        if not self.online:
            raise Unreachable("the network was gone before the answer came")
        return answer

    def call(self, method: str, path: str, body: object = None, *, key: str | None = None) -> Any:
        """Carry out one intent: repeated, with the same key, while no answer comes or the answer says "later".

        Returns the JSON of a 2xx answer. Raises Refused, or Unreachable when no try was answered.
        """
        key = key or (new_key() if method == "POST" else None)
        for tried in range(_TRIES):
            last = tried + 1 == _TRIES
            try:
                answer = self.send(method, path, body, key=key)
            except Unreachable:
                if last:
                    raise
                time.sleep(_FIRST_PAUSE * 2**tried)
                continue
            if answer.status < 400:  # noqa: PLR2004 - a success or a redirection
                return answer.json if answer.content else None
            if last or not (answer.status in _PASSING or answer.code == _IN_PROGRESS):
                raise Refused(method, path, answer)
            time.sleep(float(answer.headers.get("retry-after") or _FIRST_PAUSE * 2**tried))
        raise AssertionError("the last try returns or raises")

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:
        return self.call("POST", path, body, key=key)

    def put(self, path: str, body: object) -> Any:
        return self.call("PUT", path, body)

    def close(self) -> None:
        self._pool.clear()


def new_key() -> str:
    """An Idempotency-Key for a new intent."""
    return secrets.token_urlsafe(16)


def entries(api: Api, path: str) -> Iterator[Json]:
    """A whole list, page by page, in the order in which the API has it. Raises TookTooLong where it has no end."""
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = api.get(f"{path}{'&' if '?' in path else '?'}limit=10{cursor}")
        yield from page["items"]
        if not page["next_cursor"]:
            return
        cursor = f"&cursor={page['next_cursor']}"
    raise TookTooLong(f"{path} has more than {_MOST_PAGES} pages")


def pay(checkout_url: str, card: str) -> int:
    """Fill in the Checkout page as a person does; the status: 303 paid or on its way, 402 declined.

    Raises Unreachable.
    """
    try:
        with urllib3.PoolManager(timeout=urllib3.Timeout(REQUEST_SECONDS), retries=False) as pool:
            answer = pool.request("POST", checkout_url, fields={"card": card}, encode_multipart=False, redirect=False)
            return answer.status
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"the Checkout page did not answer: {error}") from error


@dataclass
class Phone:
    """The app of one of the two people in a reading. ``session`` is the newest view of it that the API answered."""

    api: Api
    stays: bool = False
    """Ask back in by itself when the reading stands still: the app of the one who did not leave."""
    session: Json = field(default_factory=dict)
    device: Device | None = None
    """Its way to Agora. Without one it talks on no channel, and shows its presence by heartbeats alone."""
    leases: list[Json] = field(default_factory=list)
    """Every one that it was given, oldest first."""
    _beating: Thread | None = None
    _stop: Event = field(default_factory=Event)

    @property
    def state(self) -> str:
        return str(self.session.get("state", ""))

    @property
    def media(self) -> Json | None:
        """The newest lease."""
        return self.leases[-1] if self.leases else None

    @cached_property
    def me(self) -> Json:
        """One's own profile. The first request of a new person makes it."""
        profile: Json = self.api.get("/v1/me")
        return profile

    @property
    def id(self) -> str:
        return str(self.me["id"])

    # --- what a person does ---------------------------------------------------------------------

    def top_up(self, cents: int, card: str = "4242 4242 4242 4242") -> str:
        """Top up by Checkout; the id of the top-up. The credit comes by webhook: wait for it on the wallet."""
        topup = self.api.post("/v1/wallet/topups", {"amount": cents})
        pay(topup["checkout_url"], card)
        return str(topup["id"])

    def credit(self) -> int:
        """Cents of credit in the wallet."""
        return int(self.api.get("/v1/wallet")["credit"]["total"]["amount"])

    def ask(self, reader: str, modality: str = "voice") -> Json:
        """Ask for a reading, and show that it rings."""
        return self._now(self.api.post("/v1/sessions", {"reader": reader, "modality": modality}))

    def wait_for_ring(self, *, seconds: float) -> Json:
        """As a reader's app: poll for the open reading until there is one."""

        def ringing() -> Json | None:
            items = self.api.get("/v1/sessions?as=reader&open=true")["items"]
            return items[0] if items else None

        return self._now(until("the reader's phone ringing", ringing, seconds=seconds, every=0.5))

    def do(self, command: str) -> Json:
        """``accept``, ``decline``, ``cancel``, ``leave`` or ``end``."""
        return self._now(self.api.post(f"{self._path}/{command}"))

    def join(self) -> Json:
        """Be there, and keep showing it until the reading is over or this phone hangs up."""
        return self._enter("join")

    def reconnect(self) -> Json:
        """Ask back in. Raises Refused 402 without credit, 410 when grace is over."""
        return self._enter("reconnect")

    def leave(self) -> Json:
        """Close the app: say so, go out of the channel, and show no more signs of life."""
        self.hang_up()
        session = self.do("leave")
        if self.device:
            self.device.leave()
        return session

    def hang_up(self) -> None:
        """Show no more signs of life: the app hangs. The API hears nothing of it, and the channel goes on."""
        self._stop.set()
        if self._beating:
            self._beating.join(timeout=REQUEST_SECONDS)
            self._beating = None

    def lose_network(self, noticed_after: float = 0.0) -> None:
        """The app runs on, but nothing leaves the phone. Agora finds out so many seconds later."""
        self.api.online = False
        if self.device:
            self.device.lose_network(noticed_after)

    def find_network(self) -> None:
        self.api.online = True

    def close(self) -> None:
        """Hang up, and let go of the connections."""
        self.hang_up()
        self.api.close()
        if self.device:
            self.device.close()

    # --- what the app does by itself ------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"/v1/sessions/{self.session['id']}"

    def _now(self, session: Json) -> Json:
        self.session = session
        return session

    def _enter(self, command: str) -> Json:
        session = self._given(self.api.post(f"{self._path}/{command}"))
        if self._beating is None or not self._beating.is_alive():
            self._stop = Event()
            self._beating = Thread(target=self._beat, args=(self._stop,), name="phone", daemon=True)
            self._beating.start()
        return session

    def _given(self, answer: Json) -> Json:
        """Take a session and a lease, and be in the lease's channel. Raises ChannelRefused."""
        session = self._now(answer["session"])
        if answer["media"]:
            self.leases.append(answer["media"])
            if self.device and session["modality"] != "text":
                self.device.use(answer["media"])
        return session

    def _beat(self, stop: Event) -> None:
        """A beat that gets no answer is not repeated: the next one follows anyway."""
        for _ in range(_MOST_BEATS):
            if stop.wait(float(self.session["next_beat_seconds"])):
                return
            try:
                answer = self.api.send("POST", f"{self._path}/heartbeat")
                if answer.code == "invalid_state":
                    self._now(self.api.get(self._path))  # the reading is over
                    return
                if answer.status == 200:  # noqa: PLR2004 - OK
                    self._after(answer)
            except (Unreachable, Refused, ChannelRefused):
                continue

    def _after(self, beat: Answer) -> None:
        session = self._now(beat.json)
        apart = session["state"] in ("paused", "reconnecting")
        if apart and self.stays:
            self._ask("reconnect")
        elif session["state"] in _TALKING and self.media and self._ends_soon(self.media):
            self._ask("token")

    def _ask(self, command: str) -> None:
        """Without credit the answer is 402, and the next beat asks again."""
        answer = self.api.send("POST", f"{self._path}/{command}")
        if answer.status == 200:  # noqa: PLR2004 - OK
            self._given(answer.json)

    def _ends_soon(self, media: Json) -> bool:
        beats = 2 * float(self.session["next_beat_seconds"])
        return datetime.fromisoformat(media["expires_at"]).timestamp() - time.time() < beats
