"""Worlds to drive the services in: tables in memory or in DynamoDB, a clock that a test turns, no vendors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from uuid import uuid4

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice, build_lease, notice_of
from chalicelib.gateways.appstore import Notification, Transaction
from chalicelib.gateways.clock import execution_name
from chalicelib.gateways.mail import Letter
from chalicelib.gateways.objects import UploadForm
from chalicelib.gateways.push import DeadToken, Message, Platform
from chalicelib.gateways.queues import Waiting
from chalicelib.gateways.stripe import CheckoutPage, Refused, SavedCard
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.settings import Rules, Settings, Tables
from chalicelib.kernel.time import Millis
from chalicelib.runtime import tables as storage
from tests.support.memory import KEYS, MemoryTables
from tests.support.till import OfflineTill

NOON: Millis = 1_900_000_000_000
APP_ID = "0123456789abcdef0123456789abcdef"
CERTIFICATE = "fedcba9876543210fedcba9876543210"
_CARD = SavedCard("cus_usr_client", "pm_1", "visa", "4242", 12, 2034)


@dataclass
class HandClock:
    """The moment, moved by hand."""

    now: Millis = NOON

    def __call__(self) -> Millis:
        return self.now

    def forward(self, millis: Millis) -> None:
        self.now += millis


@dataclass
class Executions:
    """``Clock`` that keeps what was started, and can be out of order."""

    started: dict[str, Millis] = field(default_factory=dict)
    broken: bool = False

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        if self.broken:
            raise Unavailable
        self.started.setdefault(execution_name(thing, epoch, turn), wake_at)


@dataclass
class OfflinePayments(OfflineTill):
    """``Payments`` that opens pages, signs nothing, and gives back whatever it is asked to.

    It can be ``down``, or lose its answers, and refuses what is in ``refusing``.
    """

    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was given back, by the name of the part."""
    status: str = "succeeded"
    """What a refund is at first."""
    lists_nothing: bool = False
    """Refuses to say what it knows of a payment."""
    charged: list[tuple[str, str, int]] = field(default_factory=list)
    """Charges of saved cards: recharge, card, amount."""
    coming: list[Exception | None] = field(default_factory=list)
    """What becomes of the next charges."""
    card: SavedCard | None = _CARD
    """What a page in mode setup has saved."""

    def open_checkout(
        self, *, topup: str, user: str, sold: str, amount: int, currency: str, return_url: str
    ) -> CheckoutPage:
        del sold
        return CheckoutPage(f"cs_test_{topup}", f"{return_url}/pay/{topup}/{user}/{amount}{currency}")

    def make_customer(self, *, user: str) -> str:
        return f"cus_{user}"

    def open_setup(self, *, setup: str, user: str, customer: str, return_url: str) -> CheckoutPage:
        return CheckoutPage(f"cs_{setup}", f"{return_url}/setup/{setup}/{user}/{customer}")

    def saved_card(self, setup_intent: str) -> SavedCard | None:
        del setup_intent
        return self.card

    def charge_saved(
        self, *, recharge: str, user: str, customer: str, payment_method: str, amount: int, currency: str
    ) -> str:
        self.charged.append((recharge, payment_method, amount))
        if self.coming and (failure := self.coming.pop(0)):
            raise failure
        return f"pi_{recharge}"

    def verified_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        raise Unauthenticated

    def refund(self, *, intent: str, amount: int, part: str) -> dict[str, Any]:
        self._reached()
        if intent in self.refusing:
            raise Refused("charge_already_refunded")
        made = self.refunds.setdefault(part, self.made_at_stripe(f"re_{part.replace(':', '_')}", intent, amount, part))
        if self.loses_answers:
            raise ProviderFailed
        return dict(made)

    def refunds_of(self, intent: str) -> list[dict[str, Any]]:
        self._reached()
        if self.lists_nothing:
            raise Refused("resource_missing")
        return [dict(each) for each in self.refunds.values() if each["payment_intent"] == intent]

    def made_at_stripe(self, refund: str, intent: str, amount: int, part: str | None = None) -> dict[str, Any]:
        """A refund as Stripe tells of it."""
        metadata = {"refund_part": part} if part else {}
        kept = {"id": refund, "object": "refund", "payment_intent": intent, "amount": amount, "currency": "usd"}
        return kept | {"status": self.status, "metadata": metadata}


@dataclass
class OfflineAgora:
    """``Media`` with keys of its own: the real builder. It keeps who was put out; out of reach, or not set up."""

    removed: list[tuple[str, int | None]] = field(default_factory=list)
    down: bool = False
    bars: dict[tuple[str, int | None], Millis] = field(default_factory=dict)
    """How long they were barred."""
    unset: bool = False

    def lease(self, **asked: Any) -> Lease:
        if self.unset:
            raise ProviderFailed
        return build_lease(APP_ID, CERTIFICATE, **asked)

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        if self.down:
            raise Unavailable
        self.removed.append((channel, uid))
        self.bars[channel, uid] = bar

    def verified_notice(self, payload: bytes, signature: str) -> Notice | None:
        if signature != "signed":
            raise Unauthenticated
        return notice_of(payload)


@dataclass
class OfflineAppStore:
    """``AppStore`` that believes what it was given, and keeps what it is told; it can be out of reach."""

    signed: dict[str, Transaction] = field(default_factory=dict)
    lost: list[Notification] = field(default_factory=list)
    taken: list[Notification] = field(default_factory=list)
    """What was told and never came."""
    told: list[tuple[str, bool, int]] = field(default_factory=list)
    """Purchase, whether it was delivered, how much of it was used."""
    refusing: bool = False
    down: bool = False
    loses_answers: bool = False

    def verified_transaction(self, signed: str) -> Transaction:
        if self.down:
            raise Unavailable
        if signed not in self.signed:
            raise Unauthenticated("This was not signed by Apple.")
        return self.signed[signed]

    def verified_notification(self, payload: bytes) -> Notification:
        raise Unauthenticated

    def notifications(
        self, *, since: Millis, until: Millis, after: str | None, undelivered: bool
    ) -> tuple[list[Notification], str | None]:
        """One a page: what Apple could not deliver is what ``lost`` holds, and what it did is in ``taken``."""
        if self.down:
            raise Unavailable
        told = [each for each in self.lost + ([] if undelivered else self.taken) if since <= each.at <= until]
        first = int(after or 0)
        return told[first : first + 1], str(first + 1) if first + 1 < len(told) else None

    def send_consumption(self, transaction: str, *, delivered: bool, consumed: int) -> bool:
        if self.down:
            raise Unavailable
        if not self.refusing:
            self.told.append((transaction, delivered, consumed))
        if self.loses_answers:
            raise Unavailable
        return not self.refusing


@dataclass
class OfflinePlay:
    """``PlayStore`` that sells nothing."""


@dataclass
class OfflineSignals:
    """``Signals`` that keeps what is told, by channel, and can be out of reach."""

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    down: bool = False

    def publish(self, channel: str, messages: Sequence[dict[str, Any]]) -> None:
        if self.down:
            raise ProviderFailed
        self.told += [(channel, message) for message in messages]


@dataclass
class OfflineMail:
    """``Mail`` that keeps what it is given, and can be out of reach."""

    sent: list[Letter] = field(default_factory=list)
    down: bool = False

    def send(self, letter: Letter) -> None:
        if self.down:
            raise Unavailable
        self.sent.append(letter)


@dataclass
class OfflinePush:
    """``Push`` that keeps what is pushed, by token. Phones can lose the app, and it can be out of reach."""

    pushed: list[tuple[str, Message]] = field(default_factory=list)
    endpoints: dict[str, str] = field(default_factory=dict)
    """The token of each."""
    shut: set[str] = field(default_factory=set)
    """Endpoints whose app is gone."""
    refusing: bool = False
    down: bool = False

    def endpoint(self, platform: Platform, token: str) -> str | None:
        self._reached()
        if token == "no token":
            raise DeadToken
        made = f"arn:{platform}:{token}"
        self.endpoints[made] = token
        self.shut.discard(made)
        return made

    def push(self, endpoint: str, message: Message) -> None:
        self._reached()
        if endpoint not in self.endpoints:
            raise NotFound
        if endpoint in self.shut:
            raise DeadToken
        if self.refusing:
            raise ProviderFailed
        self.pushed.append((self.endpoints[endpoint], message))

    def forget(self, endpoint: str) -> None:
        self._reached()
        self.endpoints.pop(endpoint, None)

    def _reached(self) -> None:
        if self.down:
            raise Unavailable


@dataclass
class OfflineQueue:
    """``Queue`` in a list: what is held is given to nobody until it is let go."""

    waiting: list[Waiting] = field(default_factory=list)
    down: bool = False
    _held: set[str] = field(default_factory=set)

    def put(self, message: Mapping[str, Any]) -> None:
        self.came(json.dumps(message))

    def came(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """Somebody else put a message; its id."""
        self._reached()
        number = str(len(self.waiting))
        name = f"{uuid4()}"
        self.waiting.append(Waiting(name, body, NOON, attributes or {}, number))
        return name

    def held(self, most: int, seconds: int) -> list[Waiting]:
        del seconds
        self._reached()
        found = [each for each in self.waiting if each.id not in self._held][:most]
        self._held |= {each.id for each in found}
        return found

    def let_go(self, waiting: Waiting) -> None:
        self._reached()
        self._held.discard(waiting.id)

    def remove(self, waiting: Waiting) -> None:
        self._reached()
        self.waiting = [each for each in self.waiting if each.id != waiting.id]

    def bodies(self) -> list[Any]:
        return [json.loads(each.body) for each in self.waiting]

    def _reached(self) -> None:
        if self.down:
            raise Unavailable


@dataclass
class OfflineObjects:
    """``Objects`` in a dict. ``posted`` does what a browser does with a form."""

    held: dict[str, bytes] = field(default_factory=dict)
    forms: dict[str, tuple[UploadForm, range]] = field(default_factory=dict)
    """With how many bytes each takes."""
    types: dict[str, str] = field(default_factory=dict)
    down: bool = False
    checks_digests: bool = True
    """S3 refuses what has another digest than its form demands; the local one stores it."""

    def upload_form(self, key: str, media_type: str, most_bytes: int, seconds: int) -> UploadForm:
        return self._form({"key": key, "Content-Type": media_type}, range(1, most_bytes + 1), seconds)

    def exact_form(self, key: str, media_type: str, size: int, sha256: str, seconds: int) -> UploadForm:
        fields = {"key": key, "Content-Type": media_type, "x-amz-checksum-sha256": sha256}
        return self._form(fields, range(size, size + 1), seconds)

    def _form(self, fields: Mapping[str, str], sizes: range, seconds: int) -> UploadForm:
        form = UploadForm(f"memory://{len(self.forms)}/{seconds}", fields)
        self.forms[form.url] = form, sizes
        return form

    def posted(self, form: UploadForm, content: bytes, fields: Mapping[str, str]) -> bool:
        """Whether the bucket took it."""
        given, sizes = self.forms[form.url]
        digest = given.fields.get("x-amz-checksum-sha256")
        if dict(fields) != dict(given.fields) or len(content) not in sizes:
            return False
        if self.checks_digests and digest not in (None, hashlib.sha256(content).hexdigest()):
            return False
        self.held[fields["key"]], self.types[fields["key"]] = content, fields["Content-Type"]
        return True

    def link(self, key: str, seconds: int) -> str:
        return f"memory:///{key}?{seconds}"

    def download(self, key: str, seconds: int, name: str, media_type: str) -> str:
        return f"memory:///{key}?{seconds}&{name}&{media_type}"

    def stored(self, key: str) -> tuple[int, str] | None:
        return (len(self._held()[key]), self.types[key]) if key in self._held() else None

    def beginning(self, key: str, count: int) -> bytes:
        return self._held().get(key, b"")[:count]

    def sha256(self, key: str) -> str | None:
        return hashlib.sha256(self.held[key]).hexdigest() if key in self._held() else None

    def put_file(self, key: str, content: BinaryIO, media_type: str, sha256: str) -> None:
        given = content.read()
        if hashlib.sha256(given).hexdigest() != sha256:
            raise ProviderFailed
        self.put(key, given, media_type)

    def put(self, key: str, content: bytes, media_type: str) -> None:
        self._held()[key] = content
        self.types[key] = media_type

    def put_new(self, key: str, content: bytes, media_type: str) -> bool:
        there = key in self._held()
        self.held.setdefault(key, content)
        self.types.setdefault(key, media_type)
        return not there

    def copy(self, key: str, to: str) -> bool:
        if key not in self._held():
            return False
        self.held[to], self.types[to] = self.held[key], self.types[key]
        return True

    def delete(self, key: str) -> None:
        self._held().pop(key, None)

    def below(self, prefix: str, after: str, limit: int) -> list[str]:
        return sorted(key for key in self._held() if key.startswith(prefix) and key > after)[:limit]

    def delete_below(self, prefix: str) -> None:
        for key in [each for each in self._held() if each.startswith(prefix)]:
            del self.held[key]

    def _held(self) -> dict[str, bytes]:
        if self.down:
            raise Unavailable
        return self.held


def settings(rules: Rules | None = None, names: dict[str, str] | None = None) -> Settings:
    """Settings whose tables are named as in ``KEYS`` unless told otherwise."""
    return Settings(
        stage="dev",
        tables=Tables(**(names or {name: name for name in KEYS})),
        rules=rules or Rules(),
        clock_machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:clock",
        auth_issuer="https://issuer.test/",
        auth_audience="soulseer",
        auth_jwks_url="https://issuer.test/.well-known/jwks.json",
        stripe_secret="stripe",
        stripe_connect_secret="stripe_connect",
        stripe_api_base=None,
        stripe_livemode=False,
        agora_secret="agora",
        agora_rest_secret="agora_rest",
        agora_notices_secret="agora_notices",
        agora_api_base=None,
        apple_secret="apple",
        apple_api_base=None,
        google_secret="google",
        google_api_base=None,
        google_certs_url=None,
        cents_per_100_coins=100,
        adjustment_limit=10_000,
        checkout_return_url="https://app.test/topup",
        unsubscribe_secret="unsubscribe",
        mail_from="SoulSeer <hello@soulseer.test>",
        mail_set=None,
        push_ios_arn="arn:aws:sns:us-east-1:000000000000:app/APNS/soulseer",
        push_android_arn="arn:aws:sns:us-east-1:000000000000:app/GCM/soulseer",
        untold_url="memory:///untold",
        dead_letters_url="memory:///dead-letters",
        exports_bucket="exports",
        pictures_bucket="pictures",
        attachments_bucket="attachments",
        files_bucket="files",
        digests_bucket="digests",
        api_url=None,
        api_base="https://api.soulseer.test",
        tick_shards=2,
        rate_limits=False,
    )


def hand_world(tables: storage.Tables | None = None, rules: Rules | None = None, **changes: Any) -> World:
    """A world on ``tables`` (in memory unless given) whose ``now`` is a ``HandClock`` and whose clock keeps starts."""
    clock = changes.get("now") or HandClock()
    parts: dict[str, Any] = {
        "settings": settings(rules),
        "tables": tables or MemoryTables(),
        "now": clock,
        "sleep": lambda seconds: None,
        "clock": Executions(),
        "payments": OfflinePayments(now=clock),
        "appstore": OfflineAppStore(),
        "play": OfflinePlay(),
        "media": OfflineAgora(),
        "signals": OfflineSignals(),
        "mail": OfflineMail(),
        "push": OfflinePush(),
        "untold": OfflineQueue(),
        "dead_letters": OfflineQueue(),
        "unsubscribe_keys": lambda: ("unsubscribe_of_this_test",),
        "exports": OfflineObjects(),
        "pictures": OfflineObjects(),
        "attachments": OfflineObjects(),
        "files": OfflineObjects(),
        "digests": OfflineObjects(),
    }
    return World(**parts | changes)
