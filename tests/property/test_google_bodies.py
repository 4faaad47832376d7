"""Whatever is pushed to ``google_webhook``, it answers 200 or 400 while storage and Google work; and only what Google
pushed for us, about a purchase that is ours, changes anything. Real handler, gateway and tokens, at the local Google.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.ids import new_id
from chalicelib.wallet import google as product
from chalicelib.wallet.handlers import google_webhook
from chalicelib.wallet.model.purchase import account_token
from infra.local.google import orders, pushes
from infra.local.google.server import GoogleServer
from tests.property.test_webhook_bodies import Hook, bodies, changed, headers, several, written
from tests.support.door import PickyTables, product_on
from tests.support.people import person
from tests.support.play import PACKAGE, Gateway
from tests.support.worlds import NOON, HandClock, hand_world

USER = new_id("usr", NOON)


@pytest.fixture(scope="module")
def local() -> Iterator[GoogleServer]:
    with GoogleServer() as running:
        yield running


@pytest.fixture(scope="module")
def hook(local: GoogleServer) -> Iterator[Hook]:
    """With a purchase that was given, and that a bank has taken back since: the event says so."""
    tables = PickyTables()
    world = hand_world(tables, now=HandClock(local.context.millis()), play=Gateway(local))
    person(world, USER)
    token = local.buy("coins_500", account_token(USER))["id"]
    product.buy(world, USER, "coins_500", token)
    told = pushes.voided(local.context, orders.found(local.context, token))
    event = {"message": {"messageId": told["id"], "data": told["content"]}, "subscription": "s"}
    with product_on(replace(world, tables=tables), {}):
        yield Hook(google_webhook, lambda _: signed(local), event, tables, copy.deepcopy(tables.rows))


def signed(local: GoogleServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {pushes.bearer(local.context)}"}


def enveloped(event: Any) -> bytes:
    """The event as it is pushed, with its content in Base64 where it has one."""
    event = copy.deepcopy(event)
    message = event.get("message")
    if isinstance(message, dict) and "data" in message and not isinstance(message["data"], str):
        message["data"] = base64.b64encode(written(message["data"])).decode()
    return written(event)


def test_the_sample_that_the_others_are_made_of_is_believed(hook: Hook) -> None:
    body = enveloped(hook.event)
    assert hook.send(body, hook.signed(body)) == 200
    assert hook.changes() == {"ledger", "wallet", "audit", "notices"}


@several
@given(body=st.one_of(bodies, st.none()), sent=headers, encoded=st.sampled_from([True, False, None, 1, "yes"]))
def test_what_google_did_not_push_is_400_and_changes_nothing(
    hook: Hook, body: bytes | None, sent: dict[str, str], encoded: Any
) -> None:
    assert hook.send(enveloped(hook.event) if body is None else body, sent, encoded=encoded) == 400
    assert hook.tables.rows == hook.before


@several
@given(place=st.integers(0), flip=st.integers(1, 127), data=st.data())
def test_a_token_with_one_byte_changed_is_400_and_changes_nothing(
    hook: Hook, local: GoogleServer, place: int, flip: int, data: st.DataObject
) -> None:
    token = signed(local)["Authorization"].removeprefix("Bearer ")
    end = len(token) - 1  # of the last letter some bits mean nothing
    at = place % end
    other = chr(ord(token[at]) ^ flip)
    forged = f"Bearer {token[:at]}{other}{token[at + 1 :]}"
    assert hook.send(enveloped(hook.event), {"Authorization": forged}) == 400
    assert hook.tables.rows == hook.before


@several
@given(body=bodies)
def test_whatever_is_pushed_is_answered_and_changes_nothing_unless_it_is_a_notification(
    hook: Hook, body: bytes
) -> None:
    hook.send(body, hook.signed(body))
    assert hook.changes() == set()


@several
@given(data=st.data())
def test_a_notification_changes_something_only_if_it_is_about_our_purchase(hook: Hook, data: st.DataObject) -> None:
    event = data.draw(changed(hook.event))
    body = enveloped(event)
    hook.send(body, hook.signed(body))
    if hook.changes() - {"wallet"}:
        told = event["message"]["data"]
        told = json.loads(base64.b64decode(told)) if isinstance(told, str) else told
        ours = hook.event["message"]["data"]["voidedPurchaseNotification"]["purchaseToken"]
        voided = told["voidedPurchaseNotification"]
        assert (told["packageName"], voided["productType"], voided["purchaseToken"]) == (PACKAGE, 2, ours)
        assert voided["refundType"] == 1
