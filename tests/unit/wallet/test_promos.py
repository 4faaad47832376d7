"""Product §4: promotional credit by a code: once a person unless it says more, so often in all, and no guessing."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    AlreadyDone,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    LinkExpired,
    NotFound,
    RateLimited,
    SpendingLimitReached,
)
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Item, Key
from chalicelib.wallet import limits, promos, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.promo import LONGEST, Code, made, normalised
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, hand_world

USER = "usr_ada"
ADMIN: Any = {"actor": "arn:admin", "reason": "a test"}
WELCOME = Code("WELCOME5", 500, NOON + 10 * DAY, 30, 1, 100, NOON)


@pytest.fixture
def world() -> World:
    return hand_world()


def forward(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def offered(world: World, code: Code = WELCOME) -> Code:
    return promos.make(world, code, **ADMIN)


def used(world: World) -> int:
    return promos.code(world, "WELCOME5").used


# --- redeeming -----------------------------------------------------------------------------------


def test_a_code_gives_its_amount_for_its_days_and_the_platform_carries_it(world: World) -> None:
    offered(world)
    given = promos.redeem(world, USER, "red_1", "WELCOME5")
    assert (given.amount, given.expires_at) == (500, NOON + 30 * DAY)
    head = wallet.head(world, USER)
    assert (head.kind, head.amount, head.counter, head.reference) == (
        "promo_granted",
        500,
        "platform:promo",
        "WELCOME5",
    )
    assert (head.buckets.paid, head.buckets.spendable(NOON + 30 * DAY - 1)) == (0, 500)
    assert head.buckets.spendable(NOON + 30 * DAY) == 0
    assert statement.trial_balance(world).total == {"usd": 0}
    assert used(world) == 1


@pytest.mark.parametrize("written", ["welcome5", " WELCOME5 ", "WelCome5\n"])
def test_capitals_and_blanks_do_not_matter(world: World, written: str) -> None:
    offered(world)
    assert promos.redeem(world, USER, "red_1", written).amount == 500


@pytest.mark.parametrize("written", ["abc", "a" * 33, "WELCOME 5", "WELCÖME5", "", "ＷＥＬＣＯＭＥ", "ı234"])
def test_what_can_be_no_code_is_none(written: str) -> None:
    assert normalised(written) is None


def test_a_repeat_of_the_request_is_the_same_redemption(world: World) -> None:
    offered(world)
    first = promos.redeem(world, USER, "red_1", "WELCOME5")
    forward(world, HOUR)
    assert promos.redeem(world, USER, "red_1", "welcome5") == first
    assert (wallet.head(world, USER).balance, used(world)) == (500, 1)


def test_a_repeat_after_the_credit_was_spent_is_still_the_same_redemption(world: World) -> None:
    offered(world)
    first = promos.redeem(world, USER, "red_1", "WELCOME5")
    wallet.spend(world, USER, "order", 500, "platform:shop", "order:1", "ord_1")
    assert promos.redeem(world, USER, "red_1", "WELCOME5") == first


def test_the_same_request_for_another_code_is_refused(world: World) -> None:
    offered(world)
    offered(world, replace(WELCOME, code="OTHER"))
    promos.redeem(world, USER, "red_1", "WELCOME5")
    with pytest.raises(IdempotencyMismatch):
        promos.redeem(world, USER, "red_1", "OTHER")


def test_a_person_uses_a_code_once_and_another_may_too(world: World) -> None:
    offered(world)
    promos.redeem(world, USER, "red_1", "WELCOME5")
    with pytest.raises(AlreadyDone):
        promos.redeem(world, USER, "red_2", "WELCOME5")
    promos.redeem(world, "usr_bob", "red_3", "WELCOME5")
    assert used(world) == 2


def test_a_code_may_be_for_more_than_one_use_of_a_person(world: World) -> None:
    offered(world, replace(WELCOME, per_person=2))
    for number in range(2):
        promos.redeem(world, USER, f"red_{number}", "WELCOME5")
    with pytest.raises(AlreadyDone):
        promos.redeem(world, USER, "red_2", "WELCOME5")
    assert wallet.head(world, USER).balance == 1_000


def test_what_is_used_up_over_or_stopped_gives_nothing(world: World) -> None:
    offered(world, replace(WELCOME, total=1))
    promos.redeem(world, USER, "red_1", "WELCOME5")
    with pytest.raises(LinkExpired):
        promos.redeem(world, "usr_bob", "red_2", "WELCOME5")
    offered(world, replace(WELCOME, code="SHORT", valid_until=NOON + HOUR))
    forward(world, HOUR - 1)
    promos.redeem(world, "usr_bob", "red_3", "SHORT")
    forward(world, 1)
    with pytest.raises(LinkExpired):
        promos.redeem(world, "usr_eve", "red_4", "SHORT")
    offered(world, replace(WELCOME, code="STOPPED", created_at=NOON))
    promos.stop(world, "STOPPED", **ADMIN)
    with pytest.raises(LinkExpired):
        promos.redeem(world, "usr_eve", "red_5", "STOPPED")
    assert wallet.head(world, "usr_eve").seq == 0


def test_a_fifth_promotional_credit_is_refused_and_uses_nothing_up(world: World) -> None:
    for number in range(5):
        offered(world, replace(WELCOME, code=f"CODE-{number}"))
    for number in range(4):
        promos.redeem(world, USER, f"red_{number}", f"CODE-{number}")
    with pytest.raises(InvalidState):
        promos.redeem(world, USER, "red_4", "CODE-4")
    assert promos.code(world, "CODE-4").used == 0
    assert wallet.head(world, USER).balance == 2_000


def test_who_has_excluded_themselves_redeems_nothing(world: World) -> None:
    offered(world)
    limits.set_limits(world, USER, Wanted(None, None, None, NOON + DAY))
    with pytest.raises(SpendingLimitReached):
        promos.redeem(world, USER, "red_1", "WELCOME5")
    assert used(world) == 0


# --- guessing ------------------------------------------------------------------------------------


def test_after_ten_unknown_codes_in_an_hour_a_known_one_is_refused_too(world: World) -> None:
    offered(world)
    for number in range(10):
        with pytest.raises(NotFound):
            promos.redeem(world, USER, f"red_{number}", f"GUESS-{number}")
        forward(world, 1_000)
    with pytest.raises(RateLimited):
        promos.redeem(world, USER, "red_10", "WELCOME5")
    assert promos.redeem(world, "usr_bob", "red_11", "WELCOME5").amount == 500
    forward(world, HOUR - 10_000 - 1)
    with pytest.raises(RateLimited):
        promos.redeem(world, USER, "red_12", "WELCOME5")
    forward(world, 1)
    assert promos.redeem(world, USER, "red_13", "WELCOME5").amount == 500


class GuessingTables(MemoryTables):
    """While a code is looked up, the same person guesses another one, twenty times."""

    looks = 0

    def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
        if key.get("pk") == "promo" and self.looks < 20:
            self.looks += 1
            with suppress(NotFound, RateLimited):
                promos.redeem(hand_world(self), USER, f"red_{self.looks}", f"GUESS-{self.looks}")
        return super().get(table, key, consistent=consistent)


def test_of_guesses_that_are_made_at_once_ten_are_looked_up() -> None:
    tables = GuessingTables()
    with pytest.raises(NotFound):
        promos.redeem(hand_world(tables), USER, "red_0", "GUESS")
    assert tables.looks == 10


def test_one_key_with_other_codes_is_another_guess_each_time_and_right_ones_use_none_up(world: World) -> None:
    offered(world)
    for number in range(9):
        with pytest.raises(NotFound):
            promos.redeem(world, USER, "red_1", f"GUESS-{number}")
    for number in range(3):
        with pytest.raises(AlreadyDone) if number else nullcontext():
            promos.redeem(world, USER, f"red_{number}2", "WELCOME5")
    with pytest.raises(NotFound):
        promos.redeem(world, USER, "red_1", "GUESS-9")
    with pytest.raises(RateLimited):
        promos.redeem(world, USER, "red_1", "GUESS-10")


def test_what_can_be_no_code_counts_as_a_guess(world: World) -> None:
    for number in range(10):
        with pytest.raises(NotFound):
            promos.redeem(world, USER, f"red_{number}", "no")
    with pytest.raises(RateLimited):
        promos.redeem(world, USER, "red_10", "no")


def test_a_new_hour_of_guesses_begins_with_the_first_of_them(world: World) -> None:
    for hour in range(2):
        for number in range(10):
            with pytest.raises(NotFound):
                promos.redeem(world, USER, f"red_{hour}{number}", "GUESS")
        forward(world, HOUR)


# --- the code ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"code": "low"},
        {"code": "lower"},
        {"amount": 0},
        {"amount": 50_001},
        {"days": 0},
        {"days": 366},
        {"per_person": 0},
        {"per_person": 11},
        {"total": 0},
        {"total": 1_000_001},
        {"valid_until": NOON},
        {"valid_until": NOON + LONGEST + 1},
    ],
)
def test_a_code_out_of_bounds_is_refused(change: dict[str, int | str]) -> None:
    with pytest.raises(Invalid):
        made(replace(WELCOME, **change))  # type: ignore[arg-type]  # one field of either kind


def test_a_code_within_all_bounds_is_made() -> None:
    made(replace(WELCOME, amount=50_000, days=365, per_person=10, total=1_000_000, valid_until=NOON + LONGEST))
    made(replace(WELCOME, amount=1, days=1, per_person=1, total=1, valid_until=NOON + 1))


def test_making_a_code_again_changes_nothing_and_on_other_terms_is_refused(world: World) -> None:
    offered(world)
    promos.redeem(world, USER, "red_1", "WELCOME5")
    assert offered(world, replace(WELCOME, created_at=NOON + 5)).used == 1
    with pytest.raises(AlreadyDone):
        offered(world, replace(WELCOME, amount=501))
    assert [code.code for code in promos.codes(world)] == ["WELCOME5"]


def test_what_admins_do_is_audited_once(world: World) -> None:
    for _ in range(2):
        offered(world)
        promos.stop(world, "welcome5", **ADMIN)
    rows = world.tables.query("audit", ("pk", "promo:WELCOME5")).items
    assert sorted(row["action"] for row in rows) == ["promo_made", "promo_stopped"]


# --- given by an admin ---------------------------------------------------------------------------


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, Claims(subject="auth0|ada", email="ada@example.com", name="Ada")).id


def test_what_an_admin_gives_is_given_once_a_ref_audited_and_told(world: World, ada: str) -> None:
    first = promos.grant(world, ada, 700, 10, "ticket-1", **ADMIN)
    assert (first.amount, first.expires_at) == (700, NOON + 10 * DAY)
    assert promos.grant(world, ada, 700, 10, "ticket-1", **ADMIN) == first
    assert promos.granted(world, ada, "ticket-1") == promos.Promotion(700, NOON + 10 * DAY)
    with pytest.raises(AlreadyDone):
        promos.grant(world, ada, 701, 10, "ticket-1", **ADMIN)
    promos.grant(world, ada, 100, 10, "ticket-2", **ADMIN)
    assert wallet.head(world, ada).balance == 800
    assert [row["action"] for row in world.tables.query("audit", ("pk", ada)).items] == ["promo_granted"] * 2
    told = world.tables.query("notices", ("pk", ada)).items
    said = words(Notice(ada, told[0]["kind"], told[0]["facts"]), "Europe/Vienna")
    assert said
    assert "$7.00" in said.text or "$1.00" in said.text


def test_nobody_is_given_what_they_cannot_have(world: World, ada: str) -> None:
    for amount, days in ((0, 1), (50_001, 1), (1, 0), (1, 366)):
        with pytest.raises(Invalid):
            promos.grant(world, ada, amount, days, "ref", **ADMIN)
    with pytest.raises(NotFound):
        promos.grant(world, "usr_nobody", 100, 1, "ref", **ADMIN)


# --- when storage fails --------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_lost_write_redeems_once(at: int, after: bool) -> None:
    world = hand_world(LosingTables(at, after=after))
    offered(world)
    assert promos.redeem(world, USER, "red_1", "WELCOME5").amount == 500
    assert (wallet.head(world, USER).balance, used(world)) == (500, 1)
