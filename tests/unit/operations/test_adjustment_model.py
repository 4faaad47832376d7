"""What is asked for by hand, word by word: its name, what counts of it, who is concerned, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState
from chalicelib.kernel.ids import derived_id
from chalicelib.operations.model.adjustment import (
    MOST,
    VALID,
    Adjustment,
    What,
    approved,
    asked,
    division,
    offering,
    posted,
    rejected,
    wanted,
)
from chalicelib.operations.model.operator import person
from chalicelib.wallet.model.promo import Code
from tests.support.hands import ANN, BEA

NOW = 1_900_000_000_000
CREDIT = asked(wanted("credit", "usr_1", 500, "t1"), None, ANN, "why", NOW)
CODE = Code("SPRING", 500, NOW + 1, 30, 2, 100, NOW)


def test_what_is_wanted_has_a_name_of_its_own_and_counts_at_its_worth() -> None:
    assert wanted("credit", "usr_1", -500, "t1") == Adjustment(
        derived_id("adj", "credit", "usr_1", "t1"), "credit", "usr_1", -500, 500, "t1", days=0
    )
    assert wanted("promo", "usr_1", 500, "t1", cents_per_100_coins=1, days=9) == Adjustment(
        derived_id("adj", "promo", "usr_1", "t1"), "promo", "usr_1", 500, 500, "t1", days=9
    )


@pytest.mark.parametrize(("coins", "rate", "worth"), [(101, 50, 51), (-101, 50, 51), (100, 99, 99), (1, 0, 1)])
def test_coins_are_worth_what_they_cost_rounded_up_and_something_at_least(coins: int, rate: int, worth: int) -> None:
    what: What = "coins_granted" if coins > 0 else "coins_withdrawn"
    assert wanted(what, "usr_1", coins, "t1", cents_per_100_coins=rate).worth == worth


@pytest.mark.parametrize(
    ("what", "amount", "field"),
    [
        ("credit", 0, "amount"),
        ("earnings", MOST + 1, "amount"),
        ("earnings", -MOST - 1, "amount"),
        ("promo", -1, "amount"),
        ("coins_granted", -1, "coins"),
        ("coins_withdrawn", 1, "coins"),
    ],
)
def test_what_is_out_of_bounds_or_moves_the_wrong_way_is_named(what: Any, amount: int, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        wanted(what, "usr_1", amount, "t1")
    assert refused.value.errors == ({"field": field, "message": "from 1 to 1000000"},)


@pytest.mark.parametrize(
    ("what", "amount"), [("earnings", MOST), ("earnings", -MOST), ("credit", 1), ("credit", -1), ("promo", 1)]
)
def test_what_is_just_within_bounds_is_taken(what: Any, amount: int) -> None:
    assert wanted(what, "usr_1", amount, "t1").amount == amount


def test_a_division_counts_as_all_that_there_is_and_concerns_whoever_gets_some_of_it() -> None:
    name = derived_id("adj", "reading", "ses_1", "300", "250")
    parted = division("ses_1", "usr_c", "usr_r", held=750, earned=300, refunded=250)
    assert parted == Adjustment(name, "reading", "usr_c", 550, 750, "ses_1", others=("usr_r",), earned=300)
    assert (parted.refunded, parted.people, parted.subject) == (250, ("usr_c", "usr_r"), "ses_1")
    assert parted.receivers == ("usr_c", "usr_r")
    assert division("ses_1", "usr_c", "usr_r", held=750, earned=0, refunded=1).receivers == ("usr_c",)
    assert division("ses_1", "usr_c", "usr_r", held=750, earned=1, refunded=0).receivers == ("usr_r",)
    assert division("ses_1", "usr_c", "usr_r", held=0, earned=0, refunded=0).worth == 1
    assert division("ses_1", "usr_c", "usr_r", held=1, earned=0, refunded=0).worth == 1


def test_a_code_counts_as_all_that_may_be_redeemed_of_it_and_is_nobodys() -> None:
    name = derived_id("adj", "code", "SPRING", "500", "100", "30", "2", str(NOW + 1))
    offered = offering(CODE)
    assert offered == Adjustment(
        name, "code", "", 50_000, 50_000, "SPRING", days=30, each=500, per_person=2, until=NOW + 1
    )
    assert (offered.people, offered.receivers, offered.subject) == ((), (), "promo:SPRING")
    assert offered.code(NOW) == CODE


def test_others_are_under_whose_account_it_is() -> None:
    assert (CREDIT.subject, CREDIT.people, CREDIT.receivers) == ("usr_1", ("usr_1",), ("usr_1",))


def test_who_decided_when_and_why_is_kept() -> None:
    done = posted(CREDIT, BEA, "seen", NOW + 1)
    assert (done.state, done.decided_by, done.decided_at, done.decided_for) == ("posted", BEA, NOW + 1, "seen")
    assert approved(CREDIT, BEA, "seen", NOW + 1) == done
    no = rejected(CREDIT, ANN, "no", NOW + 2)
    assert (no.state, no.decided_by, no.decided_at, no.decided_for) == ("rejected", ANN, NOW + 2, "no")


def test_whoever_may_be_who_asked_approves_nothing() -> None:
    with pytest.raises(Forbidden, match=r"^A second person must approve: you are, or may be, who asked\.$"):
        approved(CREDIT, ANN, "seen", NOW)


def test_what_was_decided_stays_so_and_what_nobody_decided_in_time_is_over() -> None:
    done = posted(CREDIT, BEA, "seen", NOW)
    assert (done.now(NOW + VALID), CREDIT.now(NOW + VALID - 1)) == ("posted", "pending")
    for late in (NOW, NOW + VALID):
        with pytest.raises(AlreadyDone, match=r"^It was posted before\.$"):
            rejected(done, BEA, "no", late)
    with pytest.raises(InvalidState, match=r"^Nobody approved it within seven days\. Ask for it again\.$"):
        approved(CREDIT, BEA, "seen", NOW + VALID)


@pytest.mark.parametrize(
    ("arn", "who"),
    [
        ("arn:aws:iam::1:user/a/b:c/Ann", "user:1:ann"),
        ("arn:aws:sts::1:assumed-role/AWSReservedSSO_Office_0a/ann:x/y", "sso:ann:x/y"),
        ("arn:aws:sts::1:assumed-role/Office/ann", "role:1:office"),
        ("arn:aws:sts::1:user/ann", "account:1"),
        ("arn:aws:iam::1:assumed-role/Office/ann", "account:1"),
        ("Nobody", "nobody"),
        ("a:b:c:d:e", "a:b:c:d:e"),
    ],
)
def test_who_is_behind_an_identity_is_told_by_its_name(arn: str, who: str) -> None:
    assert person(arn) == who
