"""Whatever ``apple_webhook`` is sent, it answers 200 or 400, and only what Apple signed of a pack that somebody here
bought moves coins; in whatever order and however often it comes, what was said last is what stands.

Real handler, Apple's real library, certificates of the local App Store, tables that are as particular as DynamoDB.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.accounts.model.person import newcomer
from chalicelib.accounts.store import People
from chalicelib.gateways.appstore import WHOLE, AppleStore
from chalicelib.wallet import coins, statement
from chalicelib.wallet.handlers import apple_webhook
from infra.local.apple.chain import Chain
from infra.local.apple.server import AppleServer
from tests.property.test_webhook_bodies import BODIES, bodies, changed, headers, written
from tests.support.apple import ADA, SIGNED_AT, notification, refunded, transaction
from tests.support.door import PickyTables, product_on
from tests.support.worlds import NOON, hand_world
from tests.support.worlds import settings as world_settings

several = settings(max_examples=BODIES)
TOLD = "ONE_TIME_CHARGE"


class Post:
    """Where Apple posts to, the tables behind it, and what Apple signs with."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.tables = PickyTables()
        self.world = hand_world(self.tables, appstore=AppleStore(world_settings()))
        self.tables.write(People(self.tables, "accounts").add(newcomer(ADA, "Ada", None, NOON)))
        self.before = copy.deepcopy(self.tables.rows)

    def begin(self) -> None:
        self.tables.rows = copy.deepcopy(self.before)

    def send(self, body: bytes, sent: dict[str, str] | None = None) -> int:
        answer = apple_webhook({"headers": sent or {}, "body": body.decode("utf-8", "surrogateescape")}, None)
        assert answer["statusCode"] in (200, 400), answer
        return int(answer["statusCode"])

    def tell(self, claims: Any) -> int:
        return self.send(written({"signedPayload": self.chain.sign(claims)}))

    def told(self, claims: Any, kind: str = TOLD, number: int = 1) -> int:
        """A notification on the transaction of these claims."""
        return self.tell(notification(kind, self.chain.sign(claims), number))

    @property
    def coins(self) -> int:
        return coins.balance(self.world, ADA)

    @property
    def changes(self) -> set[str]:
        """The tables in which something is not as it was, but for what is kept of Apple's notifications."""
        stored = copy.deepcopy(self.tables.rows)
        stored["wallet"] = {key: row for key, row in stored["wallet"].items() if not str(key[0]).startswith("event#")}
        return {name for name, rows in stored.items() if rows != self.before[name]}


@pytest.fixture(scope="module")
def whole_post() -> Iterator[Post]:
    with AppleServer() as server:
        post = Post(server.context.chain)
        with product_on(post.world, {"apple": server.secret()}):
            yield post


@pytest.fixture
def post(whole_post: Post) -> Post:
    whole_post.begin()
    return whole_post


def test_the_samples_that_the_others_are_made_of_are_believed(post: Post) -> None:
    assert post.told(transaction()) == 200
    assert post.coins == 500
    assert post.tell(notification("TEST", None, 2)) == 200


@several
@given(body=bodies, sent=headers)
def test_what_apple_did_not_sign_is_400_and_changes_nothing(
    whole_post: Post, body: bytes, sent: dict[str, str]
) -> None:
    whole_post.begin()
    for each in (body, written({"signedPayload": body.decode("utf-8", "replace")})):
        assert whole_post.send(each, sent) == 400
    assert whole_post.tables.rows == whole_post.before


@several
@given(place=st.integers(0), flip=st.integers(1, 127), inner=st.booleans())
def test_a_believable_notification_with_one_character_changed_is_400_and_changes_nothing(
    whole_post: Post, place: int, flip: int, inner: bool
) -> None:
    whole_post.begin()
    signed = whole_post.chain.sign(transaction())
    payload = signed if inner else whole_post.chain.sign(notification(TOLD, signed))
    at = place % (len(payload) - 1)  # the last character has bits that mean nothing
    spoilt = payload[:at] + chr(ord(payload[at]) ^ flip) + payload[at + 1 :]
    outer = whole_post.chain.sign(notification(TOLD, spoilt)) if inner else spoilt
    assert whole_post.send(written({"signedPayload": outer})) == 400
    assert whole_post.tables.rows == whole_post.before


@several
@given(data=st.data())
def test_a_signed_notification_moves_coins_only_if_it_is_one_on_a_purchase_of_ours(
    whole_post: Post, data: st.DataObject
) -> None:
    whole_post.begin()
    claims = data.draw(changed(notification(TOLD, whole_post.chain.sign(transaction()))))
    status = whole_post.tell(claims)
    if whole_post.changes:
        assert status == 200
        assert claims["notificationType"] == TOLD
        assert whole_post.coins == 500


@several
@given(data=st.data())
def test_a_signed_transaction_gives_coins_only_to_who_bought_a_pack(whole_post: Post, data: st.DataObject) -> None:
    whole_post.begin()
    claims = data.draw(changed(transaction()))
    status = whole_post.told(claims)
    if whole_post.changes:
        assert status == 200
        assert (claims["type"], claims["environment"], claims["bundleId"]) == (
            "Consumable",
            "Sandbox",
            "com.soulseer.local",
        )
        assert claims["appAccountToken"].lower() == transaction()["appAccountToken"]
        assert claims["productId"] == "coins_500"
        assert whole_post.coins in {500 * quantity for quantity in range(11)}


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, dict[str, Any], int]]:
    """What becomes of up to three purchases, each word at a moment of its own; told in disorder, and more than once."""
    words = []
    for purchase in range(draw(st.integers(1, 3))):
        own: dict[str, Any] = {"transactionId": str(7_000 + purchase), "quantity": draw(st.integers(1, 3))}
        for step in range(draw(st.integers(1, 5))):
            at, number = SIGNED_AT + 1_000 * step, 10 * purchase + step
            percentage = draw(st.sampled_from([0, 0, 1, 33_333, 50_000, WHOLE]))
            claims = refunded(at, percentage, **own) if percentage else transaction(signedDate=at, **own)
            kind = ("REFUND" if percentage else "REFUND_REVERSED") if step else TOLD
            words.append((kind, claims, number))
    return words


@settings(max_examples=max(1, BODIES // 6))
@given(words=histories(), data=st.data())
def test_in_any_order_and_however_often_what_was_said_last_is_what_stands(
    whole_post: Post, words: list[tuple[str, dict[str, Any], int]], data: st.DataObject
) -> None:
    whole_post.begin()
    told = data.draw(st.permutations(words + data.draw(st.lists(st.sampled_from(words), max_size=5))))
    for kind, claims, number in told:
        assert whole_post.told(claims, kind, number) == 200
    newest = {claims["transactionId"]: claims for _, claims, _ in words}
    left = 0
    for claims in newest.values():
        bought = 500 * int(claims["quantity"])
        left += bought - bought * int(claims.get("revocationPercentage", 0)) // WHOLE
    assert whole_post.coins == left
    assert statement.verify_chain(whole_post.world, coins.coins_account(ADA)).broken_at is None
    assert set(statement.trial_balance(whole_post.world).total.values()) <= {0}
    events = [key for key in whole_post.tables.rows["wallet"] if str(key[0]).startswith("event#apple:")]
    assert len(events) == len({number for _, _, number in told})
