"""The rails policy: one table, and nothing that it does not know is let through."""

from __future__ import annotations

from typing import get_args

import pytest

from chalicelib.kernel.errors import Forbidden
from chalicelib.wallet.model.rails import VERSION, Rail, Sold, Where, must_allow, rails

ALLOWED = {
    "credit": ("stripe", "stripe", "stripe"),
    "coins": ("apple", "google", "stripe"),
    "gift": ("coins", "coins", "coins"),
    "ticket": ("coins", "coins", "coins"),
    "digital": ("coins", "coins", "stripe"),
    "physical": ("credit stripe", "credit stripe", "credit stripe"),
}


@pytest.mark.parametrize("sold", get_args(Sold))
@pytest.mark.parametrize("where", get_args(Where))
def test_each_case_of_the_policy_is_paid_by_these_rails_and_no_other(sold: str, where: str) -> None:
    by = ALLOWED[sold][get_args(Where).index(where)].split()
    assert rails(sold, where) == set(by)
    for rail in get_args(Rail):
        if rail in by:
            must_allow(sold, where, rail)
        else:
            with pytest.raises(Forbidden):
                must_allow(sold, where, rail)


@pytest.mark.parametrize(
    ("sold", "where", "rail"),
    [
        ("coins", "watch", "apple"),
        ("Coins", "ios", "apple"),
        ("", "", ""),
        ("coins", "ios", "cash"),
        ("x", "web", "stripe"),
    ],
)
def test_what_the_policy_does_not_know_is_refused(sold: str, where: str, rail: str) -> None:
    with pytest.raises(Forbidden):
        must_allow(sold, where, rail)


def test_the_refusal_says_how_it_is_bought_here_and_where_so() -> None:
    said = []
    for sold, where, rail in (
        ("coins", "ios", "stripe"),
        ("digital", "web", "coins"),
        ("gift", "web", "stripe"),
        ("physical", "ios", "coins"),
        ("coins", "watch", "google"),
        ("x", "web", "cash"),
    ):
        with pytest.raises(Forbidden) as refused:
            must_allow(sold, where, rail)
        said.append(refused.value.detail)
    assert said == [
        "This cannot be bought by Stripe here, but in the App Store. It is bought by Stripe on: web.",
        "This cannot be bought for coins here, but by Stripe. It is bought for coins on: ios, android.",
        "This cannot be bought by Stripe here, but for coins.",
        "This cannot be bought for coins here, but by Stripe or from credit.",
        "This cannot be bought in Google Play here. It is bought in Google Play on: android.",
        "This cannot be bought by cash here.",
    ]


def test_the_policy_has_a_version() -> None:
    assert VERSION == 1
