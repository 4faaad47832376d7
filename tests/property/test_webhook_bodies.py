"""Whatever a webhook is sent, it answers 200 or 400, never 5xx while storage works; and only what the vendor signed
and what fits our own records changes anything.

Real handlers, real signatures, tables in memory that are as particular as DynamoDB. ``SOUL_PROPERTY=explore`` and
``SOUL_BODIES=10000`` make up new bodies, as many a test.
"""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.gateways.agora import Agora
from chalicelib.gateways.stripe import StripePayments
from chalicelib.kernel.errors import ProviderFailed
from chalicelib.kernel.time import SECOND
from chalicelib.operations.handlers import agora_webhook
from chalicelib.shop import catalogue
from chalicelib.shop.handlers import stripe_webhook
from chalicelib.wallet import topups
from tests.support.counter import Counter
from tests.support.door import PickyTables, product_on
from tests.support.events import checkout_event, dispute_event, refund_event
from tests.support.reading import SESSION, Stage
from tests.support.worlds import OfflineAgora, OfflinePayments

BODIES: Final = int(os.environ.get("SOUL_BODIES", "150"))
SECRETS: Final = {
    "stripe": {"api_key": "sk_test_none", "webhook_secret": "whsec_of_this_test"},
    "agora_notices": {"secret": "secret of this test"},
}
HANDLED: Final = (
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
)
PRESENCE: Final = (103, 104, 105, 106, 107, 108)

several = settings(max_examples=BODIES)


# --- what is sent -------------------------------------------------------------------------------------------------

anything = st.characters(exclude_categories=())
"""Lone surrogates too, which JSON can write and nothing can store."""
odd_texts = st.sampled_from(["", "x" * 3_000, "\ud800", "\x00", "x" * 3_000 + "-0", "\ud800-0", "🔮"])
texts = st.one_of(odd_texts, st.text(anything, max_size=20))
odd_numbers = st.sampled_from([0, -1, 2**53, 10**309, True, float("nan"), float("inf"), 1e300, 0.5])
numbers = st.one_of(odd_numbers, st.integers(-(10**400), 10**400), st.floats())
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
deep = st.builds(
    lambda depth, opened: opened * depth, st.integers(1, 100_000), st.sampled_from(["[", '{"a":', '[{"data":'])
)


def places(sample: Any) -> list[tuple[str, ...]]:
    """Every field's names from the top down."""
    found = []
    for name, value in sample.items() if isinstance(sample, dict) else []:
        found += [(name,), *((name, *rest) for rest in places(value))]
    return found


@st.composite
def changed(draw: st.DrawFn, sample: Any) -> Any:
    """The sample with one or two of its fields, at whatever depth, removed or something else."""
    whole = copy.deepcopy(sample)
    for _ in range(draw(st.integers(1, 2))):
        *above, name = draw(st.sampled_from(places(whole) or [("id",)]))
        place = functools.reduce(dict.__getitem__, above, whole)
        if draw(st.integers(0, 5)):
            place[name] = draw(st.one_of(odd_texts, odd_numbers, values))
        else:
            place.pop(name, None)
    return whole


def written(value: Any) -> bytes:
    """As JSON, also where it is none: ``NaN``, and surrogates as escapes."""
    return json.dumps(value).encode()


bodies = st.one_of(values.map(written), deep.map(str.encode), st.binary(min_size=1, max_size=200))
headers = st.dictionaries(
    st.one_of(st.text(anything, max_size=12), st.sampled_from(["Stripe-Signature", "AGORA-SIGNATURE-V2", "host"])),
    st.one_of(texts, st.sampled_from(["t=1,v1=00", "t=x,v1=", "t=1,t=2", "v1=,,=", "t=9" + "9" * 5_000, "0" * 64])),
    max_size=4,
)


# --- where it is sent ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook's handler, who signs for it, and an event of the vendor's that it believes."""

    handler: Callable[[dict[str, Any], object], dict[str, Any]]
    signed: Callable[[bytes], dict[str, str]]
    event: dict[str, Any]
    tables: PickyTables
    before: dict[str, Any]
    """All rows as they are before anything is sent."""

    def send(self, body: bytes, sent: dict[str, str], *, encoded: Any = True) -> int:
        """The status of the answer, on the rows as they were in the beginning."""
        self.tables.rows = copy.deepcopy(self.before)
        text = base64.b64encode(body).decode() if encoded is True else body.decode("utf-8", "surrogateescape")
        answer = self.handler({"headers": sent, "body": text, "isBase64Encoded": encoded}, None)
        assert answer["statusCode"] in (200, 400), answer
        assert json.loads(answer["body"]).keys() == {"result"}
        return int(answer["statusCode"])

    def deliver(self, event: Any) -> int:
        body = written(event)
        return self.send(body, self.signed(body))

    def changes(self) -> set[str]:
        """The tables in which something is not as it was, but for what is kept of Stripe's events."""
        stored = copy.deepcopy(self.tables.rows)
        stored["wallet"] = {key: row for key, row in stored["wallet"].items() if not str(key[0]).startswith("event#")}
        return {name for name, rows in stored.items() if rows != self.before[name]}


def _by_stripe(body: bytes) -> dict[str, str]:
    moment = int(time.time())
    digest = hmac.new(SECRETS["stripe"]["webhook_secret"].encode(), b"%d." % moment + body, hashlib.sha256)
    return {"stripe-signature": f"t={moment},v1={digest.hexdigest()}"}


def _by_agora(body: bytes) -> dict[str, str]:
    return {"agora-signature-v2": hmac.new(SECRETS["agora_notices"]["secret"].encode(), body, "sha256").hexdigest()}


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A voice reading that is active, and a top-up whose page is open."""
    stage = Stage().begun("voice")
    topups.open_topup(stage.world, "usr_client", "top_1", 2_500)
    return stage


@pytest.fixture(scope="module")
def tables(stage: Stage) -> Iterator[PickyTables]:
    """What the product works on."""
    tables = PickyTables()
    tables.rows = stage.tables.rows
    media = OfflineAgora()
    media.verified_notice = Agora(stage.world.settings).verified_notice  # type: ignore[method-assign]  # the real one
    payments = StripePayments(stage.world.settings)
    with product_on(replace(stage.world, tables=tables, payments=payments, media=media), SECRETS):
        yield tables


@pytest.fixture(scope="module")
def stripe(stage: Stage, tables: PickyTables) -> Hook:
    event = checkout_event("evt_1", HANDLED[1], topups.topup_of(stage.world, "usr_client", "top_1"))
    return Hook(stripe_webhook, _by_stripe, event, tables, copy.deepcopy(tables.rows))


@pytest.fixture(scope="module")
def agora(stage: Stage, tables: PickyTables) -> Hook:
    second = stage.clock.now // SECOND
    details = {"channelName": f"{SESSION}-0", "uid": 1, "clientSeq": 9, "ts": second, "reason": 1}
    event = {"noticeId": "n:1", "productId": 1, "eventType": 104, "notifyMs": stage.clock.now, "payload": details}
    return Hook(agora_webhook, _by_agora, event, tables, copy.deepcopy(tables.rows))


@pytest.fixture(scope="module")
def pages(stage: Stage, tables: PickyTables, stripe: Hook) -> Hook:
    """An order's page, of which nobody here has heard."""
    counter = Counter(replace(stage.world, tables=tables)).ready(cents=0)
    payments = counter.world.payments
    assert isinstance(payments, OfflinePayments)
    payments.sells(counter.id_of("deck"), 1_500, shippable=True)
    catalogue.refresh(counter.world, counter.id_of("deck"))
    payments.loses_answers = True
    with pytest.raises(ProviderFailed):
        counter.orders({"deck": 1}, "stripe")
    (page,) = payments.pages.values()
    event = {"id": "evt_2", "object": "event", "type": HANDLED[1], "data": {"object": payments.pays(page["id"])}}
    return replace(stripe, event=event, before=copy.deepcopy(tables.rows))


@pytest.fixture(params=["stripe", "agora"], scope="module")
def hook(request: pytest.FixtureRequest) -> Hook:
    found: Hook = request.getfixturevalue(request.param)
    return found


# --- what holds ---------------------------------------------------------------------------------------------------


def test_the_samples_that_the_others_are_made_of_are_believed(hook: Hook) -> None:
    assert hook.deliver(hook.event) == 200
    assert hook.changes()


def test_so_is_an_orders_page(pages: Hook) -> None:
    assert pages.deliver(pages.event) == 200
    assert "ledger" in pages.changes()


@several
@given(body=bodies, sent=headers, encoded=st.sampled_from([True, False, None, 1, "yes"]))
def test_what_the_vendor_did_not_sign_is_400_and_changes_nothing(
    hook: Hook, body: bytes, sent: dict[str, str], encoded: Any
) -> None:
    assert hook.send(body, sent, encoded=encoded) == 400
    assert hook.tables.rows == hook.before


@several
@given(place=st.integers(0), flip=st.integers(1, 255), data=st.data())
def test_a_believable_event_with_one_byte_changed_is_400_and_changes_nothing(
    hook: Hook, place: int, flip: int, data: st.DataObject
) -> None:
    body = written(hook.event)
    at = place % len(body)
    assert hook.send(body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :], hook.signed(body)) == 400
    assert hook.tables.rows == hook.before


@several
@given(body=bodies)
def test_whatever_is_signed_is_answered_and_changes_nothing_unless_it_is_an_event(hook: Hook, body: bytes) -> None:
    hook.send(body, hook.signed(body))
    assert hook.changes() == set()


@several
@given(data=st.data())
def test_an_event_of_stripes_changes_something_only_if_it_fits_our_record(stripe: Hook, data: st.DataObject) -> None:
    event = data.draw(changed(stripe.event))
    stripe.deliver(event)
    if changes := stripe.changes():
        told, ours = event["data"]["object"], stripe.event["data"]["object"]
        assert event["type"] in HANDLED
        assert told["client_reference_id"] == ours["client_reference_id"]
        fits = {name: told.get(name) for name in ("amount_total", "currency", "mode", "payment_status", "id")}
        paid = fits == {name: ours[name] for name in fits} and told["metadata"]["user"] == ours["metadata"]["user"]
        closed = event["type"] in ("checkout.session.expired", "checkout.session.async_payment_failed")
        assert changes == ({"ledger", "wallet"} if paid and not closed else {"wallet"})
        assert paid or closed


@several
@given(data=st.data(), event_type=st.sampled_from(HANDLED), status=st.sampled_from(["open", "complete", "expired"]))
def test_an_event_on_an_orders_page_is_answered_and_moves_money_only_if_it_fits_our_record(
    pages: Hook, data: st.DataObject, event_type: str, status: str
) -> None:
    event = copy.deepcopy(pages.event)
    event["type"] = event_type
    page = event["data"]["object"]
    page |= {"status": status, "payment_status": data.draw(st.sampled_from(["paid", "unpaid", page["id"]]))}
    name = data.draw(st.sampled_from(["id", "client_reference_id", "payment_intent"]))
    page[name] = data.draw(st.one_of(odd_texts, odd_texts.map("ord_{}".format), st.just(page[name])))
    event = data.draw(st.one_of(st.just(event), changed(event)))
    pages.deliver(event)
    if "ledger" in pages.changes():
        told, ours = event["data"]["object"], pages.event["data"]["object"]
        fits = {name: told.get(name) for name in ("client_reference_id", "amount_total", "currency", "mode")}
        assert fits | {"payment_status": told["payment_status"]} == {
            name: ours[name] for name in (*fits, "payment_status")
        }
        assert told["metadata"]["user"] == ours["metadata"]["user"]


@pytest.mark.parametrize(
    "sample",
    [
        refund_event("refund.created", "re_1", "pi_1", 700, "succeeded", metadata={"refund_part": "rfd_1:0"}),
        refund_event("refund.failed", "re_1", "pi_1", 700, "failed"),
        dispute_event("created", "dp_1", "pi_1", 700, "needs_response"),
        dispute_event("closed", "dp_1", "pi_1", 700, "won"),
    ],
    ids=lambda sample: str(sample["type"]),
)
@several
@given(data=st.data())
def test_an_event_on_a_payment_that_nobody_credited_moves_no_money_whatever_it_says(
    stripe: Hook, sample: dict[str, Any], data: st.DataObject
) -> None:
    stripe.deliver(data.draw(changed(sample)))
    assert stripe.changes() <= {"wallet"}


@several
@given(data=st.data())
def test_a_notice_of_agoras_changes_something_only_if_it_tells_of_who_is_in_the_present_channel(
    agora: Hook, data: st.DataObject
) -> None:
    event = data.draw(changed(agora.event))
    agora.deliver(event)
    if agora.changes():
        told = event["payload"]
        assert (told["channelName"], event["productId"]) == (f"{SESSION}-0", 1)
        assert told["uid"] in (1, 2)
        assert event["eventType"] in PRESENCE
