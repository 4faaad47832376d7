"""What is learned of a purchase at a store, and the posting that follows: the decision itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden
from chalicelib.wallet.model.chain import Fact
from chalicelib.wallet.model.purchase import Purchase, Told, from_item, heard, to_item
from tests.support.worlds import NOON

TOLD = Told("google", "gpa.1", "usr_ada", "coins_500", 500, standing=True, at=NOON, environment="Sandbox")
HEARD = NOON + 9
BOUGHT = Purchase(
    "google", "gpa.1", "usr_ada", "coins_500", 500, True, NOON, "Sandbox", HEARD, taken=0, flips=1, change=500
)


def test_a_purchase_is_what_was_told_of_it_first() -> None:
    assert heard(None, TOLD, HEARD) == BOUGHT
    assert heard(None, replace(TOLD, id="x" * 128, coins=1), HEARD).kept == 1


def test_what_it_moves_and_under_which_name_follows_from_its_newest_posting() -> None:
    bought = heard(None, TOLD, HEARD)
    part = heard(bought, replace(TOLD, taken=200, at=NOON + 1), HEARD + 1)
    gone = heard(part, replace(TOLD, standing=False, at=NOON + 2), HEARD + 2)
    back = heard(gone, replace(TOLD, at=NOON + 3), HEARD + 3)
    assert [(each.key, each.fact) for each in (bought, part, gone, back)] == [
        ("coins:google:gpa.1:1", Fact("coins_bought", 500, "store:google", "google:gpa.1")),
        ("coins:google:gpa.1:2", Fact("coins_taken_back", -200, "store:google", "google:gpa.1")),
        ("coins:google:gpa.1:3", Fact("coins_taken_back", -300, "store:google", "google:gpa.1")),
        ("coins:google:gpa.1:4", Fact("coins_given_back", 500, "store:google", "google:gpa.1")),
    ]
    assert back == replace(BOUGHT, at=NOON + 3, flips=4)


def test_what_is_told_again_later_is_only_newer() -> None:
    known = replace(BOUGHT, rev=4)
    assert heard(known, replace(TOLD, at=NOON + 1), HEARD + 1) == replace(known, at=NOON + 1)
    assert heard(known, TOLD, HEARD + 1) is known
    assert heard(known, replace(TOLD, at=NOON - 1, standing=False), HEARD + 1) is known


def test_who_bought_it_what_and_where_never_changes() -> None:
    other = replace(TOLD, product="coins_100", coins=100, environment="Production", taken=501, at=NOON + 1)
    assert heard(BOUGHT, other, HEARD + 1) == replace(BOUGHT, taken=500, at=NOON + 1, flips=2, change=-500)
    with pytest.raises(Forbidden) as refused:
        heard(BOUGHT, replace(TOLD, user="usr_bea", at=NOON + 1), HEARD + 1)
    assert refused.value.detail == "This was bought for another account."


@pytest.mark.parametrize("wrong", [replace(TOLD, id="x" * 129), replace(TOLD, coins=0), replace(TOLD, taken=-1)])
def test_what_can_be_no_purchase_is_none(wrong: Told) -> None:
    with pytest.raises(ValueError, match=r"^no purchase$"):
        heard(None, wrong, HEARD)


def test_a_purchase_is_stored_as_it_is() -> None:
    known = replace(BOUGHT, taken=200, flips=2, change=-200, rev=4)
    assert from_item(to_item(known)) == known
