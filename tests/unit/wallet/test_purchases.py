"""Product §4: each purchase at a store gives its coins once, is taken back once and given back once, in any order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.ids import derived_id, new_id
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Absent, ConditionFailed, Put
from chalicelib.wallet import coins, purchases, statement
from chalicelib.wallet.model.purchase import Told, account_token, must_be_of, user_of
from tests.support.duo import chain
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, hand_world

USER = "usr_ada"
BOUGHT = Told("apple", "2000000001", USER, "coins_500", 500, standing=True, at=NOON, environment="Production")
REFUNDED = replace(BOUGHT, standing=False, at=NOON + 10)
REVERSED = replace(BOUGHT, at=NOON + 20)


@pytest.fixture
def world() -> World:
    return hand_world()


def posted(world: World) -> list[tuple[str, int, str]]:
    account = coins.coins_account(USER)
    assert statement.verify_chain(world, account).broken_at is None
    assert set(statement.trial_balance(world).total.values()) <= {0}
    return [(each.kind, each.amount, each.counter) for each in chain(world, account)]


def rows(world: World, table: str) -> list[dict[str, Any]]:
    assert isinstance(world.tables, MemoryTables)
    return list(world.tables.rows[table].values())


def test_a_purchase_gives_its_coins_once(world: World) -> None:
    for _ in range(3):
        known = purchases.learn(world, BOUGHT)
    assert posted(world) == [("coins_bought", 500, "store:apple")]
    assert (known.flips, known.standing, known.reference) == (1, True, "apple:2000000001")
    assert rows(world, "notices") == []


def test_a_refund_takes_them_back_once_below_zero_if_need_be(world: World) -> None:
    purchases.learn(world, BOUGHT)
    coins.spend(world, USER, "gift", 400, "gift:1", "gft_1")
    for _ in range(3):
        purchases.learn(world, REFUNDED)
    assert posted(world)[-1] == ("coins_taken_back", -500, "store:apple")
    assert coins.balance(world, USER) == -400


def test_a_reversal_gives_them_back_once(world: World) -> None:
    for told in (BOUGHT, REFUNDED, REVERSED, REVERSED):
        purchases.learn(world, told)
    assert [kind for kind, _, _ in posted(world)] == ["coins_bought", "coins_taken_back", "coins_given_back"]
    assert coins.balance(world, USER) == 500


@pytest.mark.parametrize("order", [*permutations((BOUGHT, REFUNDED, REVERSED))])
def test_in_any_order_the_newest_word_counts(order: tuple[Told, ...]) -> None:
    world = hand_world()
    for told in (*order, *order):
        purchases.learn(world, told)
    assert coins.balance(world, USER) == 500
    assert len(posted(world)) in (1, 3)


@pytest.mark.parametrize("order", [*permutations((BOUGHT, REFUNDED))])
def test_in_any_order_what_was_refunded_is_gone(order: tuple[Told, ...]) -> None:
    world = hand_world()
    for told in (*order, *order):
        purchases.learn(world, told)
    assert coins.balance(world, USER) == 0
    assert len(posted(world)) in (0, 2)


@pytest.mark.parametrize("order", [*permutations((BOUGHT, replace(REFUNDED, at=NOON)))])
def test_of_two_words_of_one_moment_the_refund_counts(order: tuple[Told, ...]) -> None:
    world = hand_world()
    for told in order:
        purchases.learn(world, told)
    assert coins.balance(world, USER) == 0


def test_a_part_of_a_purchase_is_taken_back_and_given_back(world: World) -> None:
    for told in (BOUGHT, replace(BOUGHT, taken=200, at=NOON + 10), replace(BOUGHT, taken=350, at=NOON + 20), REVERSED):
        purchases.learn(world, told)
    assert [amount for _, amount, _ in posted(world)] == [500, -200, -150]
    known = purchases.learn(world, replace(REVERSED, at=NOON + 30))
    assert posted(world)[-1] == ("coins_given_back", 350, "store:apple")
    assert (known.kept, known.standing) == (500, True)


def test_a_purchase_that_we_hear_of_when_a_part_was_taken_back_gives_the_rest(world: World) -> None:
    purchases.learn(world, replace(BOUGHT, taken=200))
    assert posted(world) == [("coins_bought", 300, "store:apple")]
    purchases.learn(world, replace(BOUGHT, taken=600, at=NOON + 10))
    assert coins.balance(world, USER) == 0


@pytest.mark.parametrize("order", [*permutations((BOUGHT, replace(BOUGHT, taken=200)))])
def test_of_two_words_of_one_moment_the_one_that_takes_more_counts(order: tuple[Told, ...]) -> None:
    world = hand_world()
    for told in order:
        purchases.learn(world, told)
    assert coins.balance(world, USER) == 300


def test_what_was_refunded_before_we_heard_of_it_gives_nothing_until_it_stands(world: World) -> None:
    purchases.learn(world, REFUNDED)
    assert posted(world) == []
    purchases.learn(world, REVERSED)
    assert posted(world) == [("coins_bought", 500, "store:apple")]


def test_a_purchase_stays_its_persons_and_its_number_of_coins(world: World) -> None:
    purchases.learn(world, BOUGHT)
    with pytest.raises(Forbidden):
        purchases.learn(world, replace(REFUNDED, user="usr_bea"))
    purchases.learn(world, replace(REFUNDED, coins=1))
    assert coins.balance(world, USER) == 0


def test_the_stores_have_names_of_their_own(world: World) -> None:
    purchases.learn(world, BOUGHT)
    purchases.learn(world, replace(BOUGHT, store="google"))
    assert coins.balance(world, USER) == 1_000


@pytest.mark.parametrize("change", [{"id": ""}, {"id": "a#b"}, {"id": "x" * 129}, {"coins": 0}, {"taken": -1}])
def test_what_can_be_no_purchase_is_refused(world: World, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no purchase"):
        purchases.learn(world, Told(**{name: getattr(BOUGHT, name) for name in Told.__dataclass_fields__} | change))
    assert posted(world) == []


def test_what_stands_beside_it_is_written_with_it_or_neither_is(world: World) -> None:
    event = Put("wallet", {"pk": "event#1", "sk": "event"}, when=(Absent("pk"),))
    purchases.learn(world, BOUGHT, event)
    with pytest.raises(ConditionFailed):
        purchases.learn(world, REFUNDED, replace(event, item=event.item | {"again": True}), event_twin(2))
    assert coins.balance(world, USER) == 500


def event_twin(number: int) -> Put:
    return Put("wallet", {"pk": f"event#{number}", "sk": "event"}, when=(Absent("pk"),))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost", range(3))
def test_a_lost_write_loses_nothing_and_doubles_nothing(lost: int, after: bool) -> None:
    world = hand_world(LosingTables(lost, after=after))
    for told in (BOUGHT, REFUNDED, REVERSED):
        undisturbed(world.sleep, partial(purchases.learn, world, told))
    assert [amount for _, amount, _ in posted(world)] == [500, -500, 500]


def test_the_person_is_told_and_the_audit_log_tells_of_what_was_taken_and_given_back(world: World) -> None:
    for told in (BOUGHT, REFUNDED, REVERSED):
        purchases.learn(world, told)
    assert sorted(each["action"] for each in rows(world, "audit")) == ["coins_given_back", "coins_taken_back"]
    notices = rows(world, "notices")
    said = {each["kind"]: words(Notice(USER, each["kind"], each["facts"]), "UTC") for each in notices}
    assert set(said) == {"coins_given_back", "coins_taken_back"}
    assert all(each is not None and "500 coins" in each.text for each in said.values())


def test_a_persons_purchases_are_in_their_list_once(world: World) -> None:
    for told in (BOUGHT, REFUNDED, REVERSED):
        purchases.learn(world, told)
    listed = [each["sk"] for each in rows(world, "wallet") if each["pk"] == f"user#{USER}"]
    assert listed == [f"coins#{NOON}#apple#2000000001"]


# --- the account's token -------------------------------------------------------------------------


def test_an_accounts_token_is_a_uuid_that_leads_back_to_it() -> None:
    for user in (new_id("usr", NOON), derived_id("usr", "auth0", "ada"), "usr_" + "0" * 26, "usr_7" + "Z" * 25):
        token = account_token(user)
        assert len(token) == 36
        assert user_of(token) == user == user_of(token.upper())
    assert account_token("usr_0000000000000000000000000A") == "00000000-0000-0000-0000-00000000000a"


@pytest.mark.parametrize(
    "user", ["usr_ada", "top_" + "0" * 26, "usr_8" + "0" * 25, "usr_" + "U" * 26, "usr_" + "a" * 26]
)
def test_what_is_no_persons_id_has_no_token(user: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        account_token(user)


@pytest.mark.parametrize("token", ["", "ada", "g" * 32])
def test_what_is_no_uuid_is_nobodys(token: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|literal"):
        user_of(token)


def test_who_hands_a_purchase_in_that_names_nobody_or_somebody_else_hears_which() -> None:
    must_be_of(USER, USER)
    with pytest.raises(Forbidden, match=r"^It was bought without the account_token of /v1/coins/packs\.$"):
        must_be_of(None, USER)
    with pytest.raises(Forbidden, match=r"^This was bought for another account\.$"):
        must_be_of("usr_other", USER)
