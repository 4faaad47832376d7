"""What is decided about a purchase in Google Play, to the number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.wallet.model import google as model
from chalicelib.wallet.model.google import Look, Order
from chalicelib.wallet.model.packs import Pack

NOW = 1_900_000_000_000
PACK = Pack("coins_500", 500, 699, active=False)
ORDER = Order("3c469e9d6c5875d37a43f353d4f88e61fcf812c6", "token", NOW)


def test_an_order_is_named_by_its_token_alone() -> None:
    assert model.order_id("token") == "3c469e9d6c5875d37a43f353d4f88e61fcf812c6"
    assert model.order_id("tokem") != model.order_id("token")


@pytest.mark.parametrize("quantity", [1, 10])
def test_one_to_ten_of_a_pack_are_sold_also_of_one_that_was_stopped(quantity: int) -> None:
    assert model.check(PACK, "purchased", quantity=quantity, test=False, tests=False) == PACK
    assert model.check(PACK, "purchased", quantity=quantity, test=True, tests=True) == PACK


@pytest.mark.parametrize(("pack", "quantity"), [(None, 1), (PACK, 0), (PACK, 11)])
def test_nothing_else_is_sold(pack: Pack | None, quantity: int) -> None:
    with pytest.raises(Invalid) as refusal:
        model.check(pack, "purchased", quantity=quantity, test=False, tests=False)
    assert refusal.value.errors == ({"field": "product_id", "message": "This is no pack of coins."},)


def test_a_tester_buys_nothing_where_they_may_not() -> None:
    with pytest.raises(Forbidden, match=r"^A tester's purchase buys nothing here\.$"):
        model.check(PACK, "purchased", quantity=1, test=True, tests=False)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("pending", "The payment is still pending at Google. Come back when it is made."),
        ("canceled", "This purchase was canceled or given back."),
    ],
)
def test_what_is_not_paid_is_not_given(state: str, why: str) -> None:
    with pytest.raises(InvalidState) as refusal:
        model.check(PACK, state, quantity=1, test=False, tests=False)
    assert refusal.value.detail == why


def test_what_is_given_is_to_be_consumed_in_a_minute_unless_it_is() -> None:
    assert model.credited(None, "token", NOW, consumed=False) == replace(ORDER, look_at=NOW + MINUTE)
    assert model.credited(None, "token", NOW, consumed=True) == ORDER
    known = replace(ORDER, look_at=NOW + HOUR, rev=3)
    assert model.credited(known, "token", NOW + DAY, consumed=True) is known


def test_what_was_voided_is_never_given_and_owes_nothing() -> None:
    gone = model.voided(replace(ORDER, look_at=NOW + HOUR, rev=3), "token", NOW + DAY)
    assert gone == replace(ORDER, voided=True, rev=3)
    assert model.voided(None, "token", NOW) == replace(ORDER, voided=True)
    assert model.voided(gone, "token", NOW + DAY) == gone
    with pytest.raises(InvalidState, match="canceled or given back"):
        model.credited(gone, "token", NOW, consumed=False)


def test_what_is_settled_owes_nothing() -> None:
    assert model.settled(replace(ORDER, look_at=NOW)) == ORDER


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (0, MINUTE),
        (4 * MINUTE, MINUTE),
        (8 * MINUTE, 2 * MINUTE),
        (8 * MINUTE + 3, 2 * MINUTE),
        (4 * HOUR, HOUR),
        (5 * HOUR, HOUR),
        (30 * DAY - 1, HOUR),
    ],
)
def test_the_longer_it_was_not_consumed_the_later_is_the_next_try(age: int, pause: int) -> None:
    assert model.later(ORDER, NOW + age) == replace(ORDER, look_at=NOW + age + pause)


def test_after_thirty_days_there_is_no_next_try() -> None:
    assert model.later(replace(ORDER, look_at=NOW), NOW + 30 * DAY) == ORDER


def test_the_first_look_is_due_in_a_day_and_begins_28_days_ago() -> None:
    first = model.first_look(NOW)
    assert first == Look(NOW - 28 * DAY, NOW - 28 * DAY, NOW + DAY, NOW, done=True)
    assert model.begun(first, NOW + DAY).since == NOW - 28 * DAY - HOUR


DONE = Look(NOW - DAY, NOW, NOW + DAY, NOW, pages=3, done=True, rev=7)


def test_a_look_begins_an_hour_before_the_end_of_the_last_one_as_far_back_as_google_goes() -> None:
    assert model.begun(DONE, NOW + DAY) == Look(NOW - HOUR, NOW + DAY, NOW + DAY, NOW, rev=7)
    late = NOW + 31 * DAY
    assert model.begun(DONE, late) == Look(late - 30 * DAY + HOUR, late, NOW + DAY, NOW, rev=7)


def test_a_look_goes_on_page_by_page_and_is_due_again_a_day_after_it_began() -> None:
    look = model.begun(DONE, NOW + DAY)
    second = model.looked_through(look, "page 2")
    assert second == replace(look, page="page 2", pages=1)
    ended = replace(look, pages=1, done=True, look_at=NOW + 2 * DAY, ended=NOW + DAY)
    assert model.looked_through(second, None) == ended


def test_no_list_has_more_than_4000_pages() -> None:
    look = replace(model.begun(DONE, NOW + DAY), pages=3_999)
    assert not model.endless(look)
    assert model.endless(model.looked_through(look, "one more"))


def test_a_look_without_an_answer_goes_on_in_a_quarter_of_an_hour() -> None:
    look = replace(model.begun(DONE, NOW + DAY), page="page 2")
    assert model.put_off(look, NOW + DAY + 5) == replace(look, look_at=NOW + DAY + 5 + 15 * MINUTE)


def test_a_look_whose_page_was_forgotten_begins_where_it_began() -> None:
    look = replace(model.begun(DONE, NOW + DAY), page="page 2")
    again = model.afresh(look, NOW + DAY)
    assert again == replace(look, until=NOW - HOUR, page=None, done=True, look_at=NOW + DAY + 15 * MINUTE)
    assert model.begun(again, NOW + DAY + HOUR).since == NOW - 2 * HOUR


def test_what_is_kept_has_the_next_number() -> None:
    assert model.kept(DONE) == replace(DONE, rev=8)
