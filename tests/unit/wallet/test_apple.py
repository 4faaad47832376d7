"""Product §4: coins bought in the App Store, as an app hands them in and as Apple tells of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import newcomer
from chalicelib.accounts.store import People
from chalicelib.gateways import World
from chalicelib.gateways.appstore import WHOLE, Notification, Transaction
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, Malformed, Unavailable
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.wallet import apple, coins, consumptions, purchases, statement
from chalicelib.wallet.model.purchase import account_token
from tests.support.apple import ADA, BEA
from tests.support.duo import chain
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, OfflineAppStore, hand_world

BOUGHT = Transaction("2000000001", "coins_500", "Consumable", 1, account_token(ADA), 0, NOON, "Sandbox")
REFUNDED = BOUGHT._replace(taken_back=WHOLE, at=NOON + 10)
REVERSED = BOUGHT._replace(at=NOON + 20)


def made(tables: MemoryTables | None = None) -> World:
    world = hand_world(tables)
    people = People(MemoryTables(), "accounts")
    assert isinstance(world.tables, MemoryTables)
    for person in (ADA, BEA):
        put = people.add(newcomer(person, "Ada", None, NOON))
        MemoryTables.write(world.tables, put)
    return world


@pytest.fixture
def world() -> World:
    return made()


def store(world: World) -> OfflineAppStore:
    assert isinstance(world.appstore, OfflineAppStore)
    return world.appstore


def hand_in(world: World, transaction: Transaction, user: str = ADA) -> Any:
    store(world).signed["it"] = transaction
    return apple.bought(world, user, "it")


def heard(kind: str, transaction: Transaction | None, number: int = 1) -> Notification:
    return Notification(
        f"00000000-0000-4000-8000-{number:012d}", kind, transaction.at if transaction else NOON, transaction
    )


def outcome(world: World, notification: Notification) -> str | None:
    row = world.tables.get("wallet", {"pk": f"event#apple:{notification.id}", "sk": "event"})
    return None if row is None else str(row["outcome"])


def posted(world: World, user: str = ADA) -> list[int]:
    account = coins.coins_account(user)
    assert statement.verify_chain(world, account).broken_at is None
    return [each.amount for each in chain(world, account)]


# --- what an app hands in ------------------------------------------------------------------------


def test_a_purchase_gives_its_coins_once_however_often_it_is_handed_in(world: World) -> None:
    answers = [hand_in(world, BOUGHT) for _ in range(3)]
    assert answers[0].kept == 500
    assert {replace(each, rev=0) for each in answers} == {answers[0]}
    assert posted(world) == [500]


def test_of_several_at_once_all_count(world: World) -> None:
    assert hand_in(world, BOUGHT._replace(quantity=3)).kept == 1_500


def test_nothing_that_apple_did_not_sign_is_a_purchase(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        apple.bought(world, ADA, "forged")
    assert refused.value.errors == ({"field": "signed_transaction", "message": "This was not signed by Apple."},)
    assert posted(world) == []


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (account_token(BEA), "another account"),
        (None, "without the account_token of /v1/coins/packs"),
        ("00000000-0000-0000-0000-000000000000", "another account"),
    ],
)
def test_what_was_not_bought_for_ones_own_account_is_nobodys(world: World, token: str | None, why: str) -> None:
    with pytest.raises(Forbidden, match=why):
        hand_in(world, BOUGHT._replace(account_token=token))
    assert posted(world) == posted(world, BEA) == []


def test_what_was_signed_in_a_time_to_come_is_not_believed(world: World) -> None:
    ahead = BOUGHT._replace(at=NOON + DAY + 1)
    with pytest.raises(Invalid):
        hand_in(world, ahead)
    told = heard("REFUND", ahead)
    with pytest.raises(Malformed):
        apple.hear(world, told)
    assert outcome(world, told) is None
    assert hand_in(world, BOUGHT._replace(at=NOON + DAY)).kept == 500


def test_what_somebody_else_handed_in_stays_theirs(world: World) -> None:
    hand_in(world, BOUGHT._replace(account_token=account_token(BEA)), BEA)
    with pytest.raises(Forbidden):
        hand_in(world, BOUGHT)
    assert (posted(world), posted(world, BEA)) == ([], [500])


@pytest.mark.parametrize("change", [{"product": "com.other.hat"}, {"type": "Non-Consumable"}])
def test_what_is_no_pack_of_coins_is_refused(world: World, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        hand_in(world, BOUGHT._replace(**change))
    assert posted(world) == []


def test_what_apple_refunded_is_kept_as_such_and_refused(world: World) -> None:
    with pytest.raises(InvalidState):
        hand_in(world, REFUNDED)
    with pytest.raises(InvalidState):  # the app hands in what it had from before
        hand_in(world, BOUGHT)
    assert posted(world) == []
    known = purchases.purchase_of(world, "apple", BOUGHT.id)
    assert known is not None
    assert known.kept == 0


def test_without_apple_nothing_is_learned(world: World) -> None:
    store(world).down = True
    with pytest.raises(Unavailable):
        hand_in(world, BOUGHT)
    assert posted(world) == []


# --- what Apple tells ----------------------------------------------------------------------------


def test_a_purchase_that_no_app_hands_in_gives_its_coins_when_apple_tells_of_it(world: World) -> None:
    apple.hear(world, heard("ONE_TIME_CHARGE", BOUGHT))
    assert posted(world) == [500]
    assert hand_in(world, BOUGHT).kept == 500
    assert posted(world) == [500]


def test_a_refund_takes_back_and_its_reversal_gives_back(world: World) -> None:
    hand_in(world, BOUGHT)
    apple.hear(world, heard("REFUND", REFUNDED, 1))
    assert coins.balance(world, ADA) == 0
    apple.hear(world, heard("REFUND_REVERSED", REVERSED, 2))
    assert posted(world) == [500, -500, 500]


def test_a_refund_of_a_part_takes_that_part(world: World) -> None:
    hand_in(world, BOUGHT._replace(quantity=3))
    apple.hear(world, heard("REFUND", BOUGHT._replace(quantity=3, taken_back=33_333, at=NOON + 10)))
    assert posted(world) == [1_500, -499]  # rounded down, for the person


def test_a_refund_that_was_declined_leaves_all_as_it_is(world: World) -> None:
    hand_in(world, BOUGHT)
    apple.hear(world, heard("REFUND_DECLINED", BOUGHT._replace(at=NOON + 10)))
    assert posted(world) == [500]


Word = Callable[[World], object]
HANDED_IN: Word = lambda world: hand_in_quietly(world)  # noqa: E731
CHARGED: Word = lambda world: apple.hear(world, heard("ONE_TIME_CHARGE", BOUGHT, 1))  # noqa: E731
TAKEN: Word = lambda world: apple.hear(world, heard("REFUND", REFUNDED, 2))  # noqa: E731
RETURNED: Word = lambda world: apple.hear(world, heard("REFUND_REVERSED", REVERSED, 3))  # noqa: E731


def hand_in_quietly(world: World) -> None:
    """The app does so with what it has, whatever came of it."""
    try:
        hand_in(world, BOUGHT)
    except InvalidState:
        assert coins.balance(world, ADA) == 0


@pytest.mark.parametrize(
    ("words", "left"), [((HANDED_IN, CHARGED, TAKEN), 0), ((HANDED_IN, CHARGED, TAKEN, RETURNED), 500)]
)
def test_in_any_order_and_however_often_it_ends_the_same(words: Sequence[Word], left: int) -> None:
    for order in permutations(words):
        world = made()
        for word in (*order, *order[:2]):
            word(world)
        assert coins.balance(world, ADA) == left
        assert set(statement.trial_balance(world).total.values()) <= {0}


@pytest.mark.parametrize("kind", ["ONE_TIME_CHARGE", "CONSUMPTION_REQUEST", "TEST"])
def test_a_notification_is_stored_with_its_effect_in_one_write(kind: str) -> None:
    tables = LosingTables(1_000, after=False)
    world = made(tables)
    consent(world)
    before = tables.left
    apple.hear(world, heard(kind, BOUGHT))
    assert before - tables.left == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost", range(4))
def test_a_lost_write_loses_nothing_and_doubles_nothing(lost: int, after: bool) -> None:
    tables = LosingTables(1_000, after=after)
    world = made(tables)
    tables.left = lost
    for word in (HANDED_IN, CHARGED, TAKEN, RETURNED):
        word(world)
    assert posted(world) == [500, -500, 500]


UNFIT = {
    "of no purchase": None,
    "no consumable": BOUGHT._replace(type="Non-Consumable"),
    "no pack of coins": BOUGHT._replace(product="com.other.hat"),
    "bought for nobody": BOUGHT._replace(account_token=None),
    "bought for nobody that we know": BOUGHT._replace(account_token="00000000-0000-0000-0000-000000000000"),
}


@pytest.mark.parametrize("why", UNFIT)
def test_what_is_no_purchase_of_anybody_here_is_stored_moves_nothing_and_alarms(world: World, why: str) -> None:
    told = heard("ONE_TIME_CHARGE", UNFIT[why])
    with redirect_stdout(io.StringIO()) as said:
        for _ in range(2):
            apple.hear(world, told)
    assert outcome(world, told) == why
    assert posted(world) == []
    assert [json.loads(line)["level"] for line in said.getvalue().splitlines()] == ["error", "info"]


def test_who_was_deleted_buys_nothing_more(world: World) -> None:
    leaves(world)
    told = heard("ONE_TIME_CHARGE", BOUGHT)
    with redirect_stdout(io.StringIO()) as said:
        apple.hear(world, told)
    assert outcome(world, told) == "bought for somebody who is not here any more"
    assert posted(world) == []
    assert '"error"' in said.getvalue()


def test_what_becomes_of_a_purchase_that_was_known_before_is_still_learned(world: World) -> None:
    hand_in(world, BOUGHT)
    leaves(world)
    for number, (kind, transaction) in enumerate((("REFUND", REFUNDED), ("REFUND_REVERSED", REVERSED))):
        apple.hear(world, heard(kind, transaction, number))
    assert posted(world) == [500, -500, 500]


def leaves(world: World, user: str = ADA) -> None:
    """Their account is closed."""
    world.tables.write(*accounts.closing(world, accounts.person(world, user), "asked for by the person"))


def test_a_purchase_that_apple_ties_to_another_person_later_is_stored_and_alarms(world: World) -> None:
    hand_in(world, BOUGHT)
    told = heard("REFUND", REFUNDED._replace(account_token=account_token(BEA)))
    apple.hear(world, told)
    assert outcome(world, told) == "This was bought for another account."
    assert (posted(world), posted(world, BEA)) == ([500], [])


@pytest.mark.parametrize("kind", ["TEST", "DID_RENEW", "SOMETHING_NEW"])
def test_what_is_not_ours_to_handle_is_stored_and_that_is_all(world: World, kind: str) -> None:
    told = heard(kind, BOUGHT)
    apple.hear(world, told)
    assert outcome(world, told) == "not ours to handle"
    assert posted(world) == []


# --- what Apple asks -----------------------------------------------------------------------------


def question(world: World, number: int = 9, at: int = NOON) -> Notification:
    asked = heard("CONSUMPTION_REQUEST", BOUGHT, number)._replace(at=at)
    apple.hear(world, asked)
    return asked


def waiting(world: World) -> list[str]:
    return [
        id_
        for shard in range(world.settings.tick_shards)
        for id_, _ in consumptions.page_of_shard(world, str(shard), 9, None)[0]
    ]


def consent(world: World) -> None:
    accounts.agree(world, ADA, "consumption", "1")


def clock(world: World) -> HandClock:
    assert isinstance(world.now, HandClock)
    return world.now


def test_without_consent_apple_is_told_nothing(world: World) -> None:
    accounts.agree(world, ADA, "terms", "1")
    asked = question(world)
    assert waiting(world) == []
    assert outcome(world, asked) == "learned"


def test_with_consent_apple_is_told_once_how_much_was_used(world: World) -> None:
    consent(world)
    hand_in(world, BOUGHT)
    coins.spend(world, ADA, "gift", 125, "gift:1", "gft_1")
    asked = question(world)
    assert waiting(world) == [asked.id]
    assert consumptions.advance(world, asked.id) is None
    assert store(world).told == [(BOUGHT.id, True, 25_000)]
    assert waiting(world) == []
    assert consumptions.advance(world, asked.id) is None
    question(world)
    assert len(store(world).told) == 1


def test_a_question_on_what_gave_no_coins_is_answered_so(world: World) -> None:
    consent(world)
    with pytest.raises(InvalidState):
        hand_in(world, REFUNDED._replace(at=NOON + 50))
    consumptions.advance(world, question(world).id)
    assert store(world).told == [(BOUGHT.id, False, 0)]


def test_consent_that_was_withdrawn_meanwhile_counts(world: World) -> None:
    consent(world)
    asked = question(world)
    accounts.withdraw(world, ADA, "consumption")
    assert consumptions.advance(world, asked.id) is None
    assert store(world).told == []
    accounts.agree(world, ADA, "consumption", "1")
    assert waiting(world) == []


@pytest.mark.parametrize("lost", [False, True])
def test_it_is_tried_until_apple_takes_it(world: World, lost: bool) -> None:
    consent(world)
    asked = question(world)
    store(world).down, store(world).loses_answers = not lost, lost
    first = consumptions.advance(world, asked.id)
    assert first == NOON + MINUTE
    assert waiting(world) == []
    clock(world).forward(MINUTE)
    assert waiting(world) == [asked.id]
    assert consumptions.advance(world, asked.id) == NOON + 2 * MINUTE
    store(world).down = store(world).loses_answers = False
    assert consumptions.advance(world, asked.id) is None
    assert set(store(world).told) == {(BOUGHT.id, True, 0)}


def test_after_twelve_hours_nobody_waits_for_it(world: World) -> None:
    consent(world)
    asked = question(world)
    store(world).down = True
    tries = 0
    while (look_at := consumptions.advance(world, asked.id)) is not None:
        tries += 1
        clock(world).now = look_at
        assert tries < 50
    assert clock(world).now == NOON + 12 * HOUR
    assert tries > 12
    store(world).down = False
    assert consumptions.advance(world, asked.id) is None
    assert store(world).told == []


def test_a_question_that_comes_too_late_is_not_answered(world: World) -> None:
    consent(world)
    clock(world).forward(12 * HOUR)
    asked = question(world)
    assert consumptions.advance(world, asked.id) is None
    assert store(world).told == []


def test_a_question_that_says_it_comes_from_the_future_was_asked_now(world: World) -> None:
    consent(world)
    store(world).down = True
    asked = question(world, at=NOON + 100 * HOUR)
    assert consumptions.advance(world, asked.id) == NOON + MINUTE
    clock(world).forward(12 * HOUR)
    assert consumptions.advance(world, asked.id) is None


def test_what_apple_refuses_is_not_tried_again(world: World) -> None:
    consent(world)
    store(world).refusing = True
    asked = question(world)
    assert consumptions.advance(world, asked.id) is None
    assert waiting(world) == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost", range(2))
def test_an_answer_is_given_whatever_write_is_lost(lost: int, after: bool) -> None:
    tables = LosingTables(1_000, after=after)
    world = made(tables)
    consent(world)
    tables.left = lost
    asked = question(world)
    for _ in range(2):
        consumptions.advance(world, asked.id)
    assert set(store(world).told) == {(BOUGHT.id, True, 0)}
    assert waiting(world) == []
