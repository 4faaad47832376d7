"""Codes under concurrency, on DynamoDB: never more redemptions than the code has, nor than a person may.

Those of promotional credit, and the coupons of the shop.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Put
from chalicelib.shop import coupons
from chalicelib.shop.model.discount import Discount, Limit
from chalicelib.shop.terms_store import terms_of
from chalicelib.wallet import promos, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.promo import Code
from tests.support.crowd import at_once
from tests.support.duo import assert_whole, refusals

ADMIN: Any = {"actor": "arn:admin", "reason": "a race"}


@pytest.fixture
def code(world: World) -> Callable[..., Code]:
    def make(total: int) -> Code:
        now = world.now()
        fresh = Code(f"RACE-{uuid4().hex[:10].upper()}", 500, now + DAY, 30, 1, total, now)
        return promos.make(world, fresh, **ADMIN)

    return make


def redeeming(world: World, code: Code, user: str, redemption: str) -> Callable[[], Any]:
    return lambda: promos.redeem(world, user, redemption, code.code)


def test_of_32_people_on_a_code_of_5_five_have_it(world: World, code: Any) -> None:
    offered = code(total=5)
    own = uuid4().hex[:8]
    people = [f"usr_{own}{number}" for number in range(32)]
    outcomes = at_once([redeeming(world, offered, user, f"red_{user}") for user in people])
    assert refusals(outcomes) == {"link_expired": 27}
    assert promos.code(world, offered.code).used == 5
    assert sum(wallet.head(world, user).balance for user in people) == 2_500
    for user in people:
        if wallet.head(world, user).seq:
            assert statement.verify_chain(world, wallet.credit_account(user)).broken_at is None


def test_one_person_eight_times_at_once_has_it_once(world: World, code: Any) -> None:
    offered = code(total=100)
    user = f"usr_{uuid4().hex[:8]}"
    outcomes = at_once([redeeming(world, offered, user, f"red_{user}{number}") for number in range(8)])
    assert refusals(outcomes) == {"already_done": 7}
    assert assert_whole(world, wallet.credit_account(user)) == 500
    assert promos.code(world, offered.code).used == 1


def test_one_request_repeated_twelve_times_at_once_is_one_redemption(world: World, code: Any) -> None:
    offered = code(total=100)
    user = f"usr_{uuid4().hex[:8]}"
    outcomes = at_once([redeeming(world, offered, user, f"red_{user}")] * 12)
    assert len(set(outcomes)) == 1
    assert assert_whole(world, wallet.credit_account(user)) == 500


def test_thirty_guesses_at_once_are_answered_ten_times(world: World) -> None:
    user = f"usr_{uuid4().hex[:8]}"
    guesses = [partial(promos.redeem, world, user, f"red_{user}{number}", "NO-SUCH-CODE") for number in range(30)]
    assert refusals(at_once(guesses)) == {"not_found": 10, "rate_limited": 20}


def test_of_32_orders_on_the_last_5_uses_of_a_coupon_five_have_it(world: World) -> None:
    of = f"promotion#promo_{uuid4().hex}"
    discount = Discount("promo_1", "LAST", "Last", 100, limits=(Limit(of, 7, told=2),))

    def order(rail: str) -> None:
        row = Put(world.settings.tables.shop, {"pk": f"ord_{uuid4().hex}", "sk": "order"})

        def attempt() -> None:
            world.tables.write(row, *coupons.redeemed(world, discount, rail))

        undisturbed(world.sleep, attempt, tries=40)

    outcomes = at_once([partial(order, "credit" if number % 2 else "stripe") for number in range(32)])
    counted = terms_of(world).uses(of)
    # Two were counted at Stripe before: of five, they hide up to two that are paid there.
    assert refusals(outcomes) == {"invalid": 32 - counted.credit - counted.stripe}
    assert counted.credit + max(counted.stripe, 2) == 7
