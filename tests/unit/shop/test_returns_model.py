"""What goes back of an order: how much, from whom, where to, and what is on sale again. Numbers by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import AlreadyDone, Invalid, InvalidState, NotFound
from chalicelib.shop.model import order as model
from chalicelib.shop.model import returns
from chalicelib.shop.model.order import Line, Order, Refund, Shipment, Shipping
from chalicelib.shop.model.returns import Borne

NOON = 1_900_000_000_000
POST = Shipment("USPS", "9400")
DECK = Line("prd_deck", "Deck", "physical", None, 2, 500, 0)
BOOK = Line("prd_book", "Book", "physical", "usr_seller", 3, 333, 0)
SONG = Line("prd_song", "Song", "digital", "usr_seller", 1, 500, 777)


def paid(*lines: Line, rail: model.Rail = "credit", postage: int = 0) -> Order:
    shipping = Shipping("standard", "Standard", postage, None) if postage else None
    made = model.ordered("ord_1", "usr_buyer", (rail, "web"), lines, None, shipping, 90, NOON)
    return model.paid(made, NOON, intent="pi_1")


def less(order: Order, net: int, item: str = "1") -> Order:
    """The order with that much paid for an item, as after a discount."""
    items = tuple(replace(each, net=net) if each.id == item else each for each in order.items)
    return replace(order, items=items)


def test_units_go_back_for_what_was_paid_for_them_and_the_parts_add_up() -> None:
    order = less(paid(BOOK), 1_000)
    amounts = []
    for number in "123":
        back = returns.planned(order, f"r{number}", {"1": 1}, NOON, shipping=False)
        order = back.order
        amounts.append(back.refund.amount)
    assert amounts == [333, 333, 334]
    assert (order.state, order.returned, order.item("1").kept) == ("refunded", 1_000, 0)


def test_what_was_not_divided_is_borne_by_nobody_and_on_sale_again() -> None:
    back = returns.planned(paid(DECK, BOOK), "r1", {"1": 1, "2": 3}, NOON, shipping=False)
    assert back.borne == ()
    assert (back.unsent, back.sent, back.shipping_borne) == ({"prd_deck": 1, "prd_book": 3}, {}, 0)
    assert [(each.refunded, each.state) for each in back.order.items] == [(1, "paid"), (3, "refunded")]
    assert back.refund == Refund("r1", NOON, {"1": 1, "2": 3}, 1_499)


def test_of_what_was_divided_the_reader_gives_back_the_difference_of_shares() -> None:
    order = model.shipped(less(paid(BOOK, DECK), 1_000), ["1", "2"], POST, NOON)
    back = returns.planned(order, "r1", {"1": 1, "2": 1}, NOON, shipping=False)
    # 70 % of 1,000 is 700; of the 667 that remain 466: the reader gives 234 of 333
    assert back.borne == (Borne("1", "usr_seller", 333, 234), Borne("2", None, 500, 0))
    assert (back.unsent, back.sent) == ({}, {"prd_book": 1, "prd_deck": 1})
    assert (back.order.item("1").earned, back.order.item("2").earned) == (466, 0)


def test_a_file_that_was_fulfilled_is_borne_too() -> None:
    back = returns.planned(model.fulfilled(paid(SONG), NOON), "r1", {"1": 1}, NOON, shipping=False)
    assert back.borne == (Borne("1", "usr_seller", 500, 350),)
    assert back.sent == {"prd_song": 1}


def test_what_was_taken_of_no_stock_comes_back_to_none() -> None:
    order = model.taking(paid(DECK, SONG), {"prd_deck"})
    units = {"1": 1, "2": 1}
    assert returns.planned(order, "r1", units, NOON, shipping=False).unsent == {"prd_deck": 1}
    sent = model.shipped(model.fulfilled(order, NOON), ["1"], POST, NOON)
    assert returns.planned(sent, "r1", units, NOON, shipping=False).sent == {"prd_deck": 1}


def test_coins_go_back_in_coins_and_are_borne_in_cents() -> None:
    order = model.fulfilled(paid(SONG, rail="coins"), NOON)
    back = returns.planned(order, "r1", {"1": 1}, NOON, shipping=False)
    assert (back.refund.amount, back.refund.coins, back.refund.part, back.refund.done) == (0, 777, None, True)
    assert back.borne == (Borne("1", "usr_seller", 699, 489),)


def test_of_several_that_cost_coins_each_goes_back_for_its_part() -> None:
    order = paid(Line("prd_rune", "Rune", "digital", None, 3, 0, 100), rail="coins")
    assert returns.planned(order, "r1", {"1": 2}, NOON, shipping=True).refund.coins == 200


def test_at_stripe_it_is_asked_for_under_the_name_of_its_part() -> None:
    order = paid(DECK, rail="stripe")
    first = returns.planned(order, "r1", {"1": 1}, NOON + 1, shipping=False)
    assert (first.refund.part, first.refund.done, first.order.look_at) == ("ord_1:1", False, NOON + 1)
    second = returns.planned(first.order, "r2", {"1": 1}, NOON, shipping=False)
    assert second.refund.part == "ord_1:2"
    postage = paid(DECK, rail="stripe", postage=95)
    assert returns.planned(postage, "r1", {}, NOON, shipping=True).refund.part == "ord_1:1"
    assert returns.planned(less(order, 1), "r1", {"1": 2}, NOON, shipping=False).refund.part == "ord_1:1"
    free = returns.planned(less(order, 0), "r1", {"1": 1}, NOON, shipping=False)
    assert (free.refund.part, free.refund.done, free.order.look_at) == (None, True, None)


def test_postage_goes_back_once_and_from_whoever_has_it() -> None:
    order = paid(DECK, postage=595)
    both = returns.planned(order, "r1", {"1": 2}, NOON, shipping=True)
    assert (both.refund.amount, both.refund.shipping, both.shipping_borne) == (1_595, 595, 0)
    assert both.order.shipping
    assert (both.order.shipping.refunded, both.order.shipping.settled) == (595, True)
    with pytest.raises(Invalid):
        returns.planned(both.order, "r2", {}, NOON, shipping=True)
    sent = model.shipped(order, ["1"], POST, NOON)
    alone = returns.planned(sent, "r1", {}, NOON, shipping=True)
    assert (alone.refund.amount, alone.shipping_borne, alone.order.state) == (595, 595, "shipped")


def test_postage_that_does_not_go_back_is_the_platforms_once_nothing_will_be_sent() -> None:
    order = paid(DECK, postage=595)
    some = returns.planned(order, "r1", {"1": 1}, NOON, shipping=False)
    assert some.order.shipping
    assert not some.order.shipping.settled
    rest = returns.planned(some.order, "r2", {"1": 1}, NOON, shipping=False)
    assert rest.order.shipping
    assert (rest.order.shipping.settled, rest.order.shipping.refunded, rest.shipping_borne) == (True, 0, 0)


def test_calling_off_gives_back_what_is_neither_the_buyers_nor_sent() -> None:
    order = model.fulfilled(paid(DECK, BOOK, SONG, postage=595), NOON)
    all_of_it = returns.called_off(order, "off", NOON)
    assert (all_of_it.refund.units, all_of_it.refund.amount) == ({"1": 2, "2": 3}, 1_000 + 999 + 595)
    assert all_of_it.order.state == "fulfilled"
    sent = returns.called_off(model.shipped(order, ["2"], POST, NOON), "off", NOON)
    assert (sent.refund.units, sent.refund.shipping) == ({"1": 2}, 0)
    for nothing in (all_of_it.order, model.shipped(order, ["1", "2"], POST, NOON)):
        with pytest.raises(InvalidState, match="can be called off: it is"):
            returns.called_off(nothing, "off", NOON)


def test_what_is_paid_after_it_was_called_off_goes_back_whole_and_leaves_the_stock_alone() -> None:
    made = model.ordered(
        "ord_1", "usr_b", ("stripe", "web"), [DECK, SONG], None, Shipping("s", "S", 95, None), 90, NOON
    )
    off = model.cancelled(made, "expired")
    back = returns.paid_late(off, NOON + 3, "pi_1")
    assert (back.order.state, back.order.intent, back.order.paid_at) == ("refunded", "pi_1", NOON + 3)
    assert (back.refund.id, back.refund.amount, back.refund.part, back.refund.done) == ("late", 1_595, "ord_1:1", False)
    assert (back.unsent, back.sent, back.borne, back.order.look_at) == ({}, {}, (), NOON + 3)
    for other, state in ((made, "pending"), (paid(DECK), "paid")):
        with pytest.raises(InvalidState, match=state):
            returns.paid_late(other, NOON, "pi_1")


def test_never_more_goes_back_than_is_left() -> None:
    order = paid(DECK)
    for units in ({"1": 3}, {"1": 0}, {"1": -1}):
        with pytest.raises(Invalid) as refused:
            returns.planned(order, "r1", units, NOON, shipping=False)
        assert refused.value.errors == ({"field": "units", "message": "Item 1 has 2 left to give back."},)
    with pytest.raises(Invalid, match=r"^There is nothing to give back\.$"):
        returns.planned(order, "r1", {}, NOON, shipping=True)
    with pytest.raises(NotFound):
        returns.planned(order, "r1", {"2": 1}, NOON, shipping=False)
    waits = model.ordered("ord_1", "usr_b", ("credit", "web"), [DECK], None, None, 90, NOON)
    with pytest.raises(InvalidState, match="pending: nothing was paid"):
        returns.planned(waits, "r1", {"1": 1}, NOON, shipping=False)


def test_a_refund_is_known_by_its_name_and_refused_where_something_else_is_meant() -> None:
    order = paid(DECK, BOOK, postage=595)
    other = "^Something else was given back under this name before\\.$"
    some = returns.planned(order, "r1", {"1": 1}, NOON, shipping=False).order
    with_postage = returns.planned(order, "r1", {"1": 1}, NOON, shipping=True).order
    again = returns.planned(with_postage, "r2", {"2": 1}, NOON, shipping=True).order
    unsent = returns.planned(paid(DECK), "r1", {"1": 1}, NOON, shipping=True).order
    for known, name, units, shipping in (
        (some, "r1", {"1": 1}, False),
        (some, "r1", None, True),
        (with_postage, "r1", {"1": 1}, True),
        (again, "r2", {"2": 1}, True),  # of what sending cost nothing was left
        (again, "r2", {"2": 1}, False),
        (unsent, "r1", {"1": 1}, True),
    ):
        found = returns.made_before(known, name, units, shipping=shipping)
        assert found
        assert found.id == name
    for known, units, shipping in (
        (some, {"1": 2}, False),
        (some, {"2": 1}, False),
        (some, {"1": 1}, True),
        (with_postage, {"1": 1}, False),
        (unsent, {}, False),
    ):
        with pytest.raises(AlreadyDone, match=other):
            returns.made_before(known, "r1", units, shipping=shipping)
    assert returns.made_before(some, "r2", {"1": 1}, shipping=False) is None


def test_what_is_divided_of_a_return_is_what_readers_and_the_platform_have() -> None:
    order = paid(DECK, BOOK, postage=595)
    assert returns.planned(order, "r1", {"1": 1, "2": 1}, NOON, shipping=True).divided == 0
    sent = model.shipped(order, ["1", "2"], POST, NOON)
    assert returns.planned(sent, "r1", {"1": 1, "2": 1}, NOON, shipping=True).divided == 500 + 333 + 595


def test_the_last_refunds_are_kept_for_calling_off() -> None:
    many = tuple(Refund(f"r{number}", NOON, {}, 0) for number in range(38))
    order = replace(paid(DECK), refunds=many)
    with pytest.raises(InvalidState, match=r"^The order has too many refunds\. Give the rest back by hand\.$"):
        returns.planned(order, "r", {"1": 1}, NOON, shipping=False)
    assert returns.planned(replace(order, refunds=many[:37]), "r", {"1": 1}, NOON, shipping=False)
    assert returns.called_off(order, "off", NOON).refund.amount == 1_000
    assert returns.called_off(replace(order, refunds=(*many, *many[:1])), "off", NOON).refund.amount == 1_000
    with pytest.raises(InvalidState):
        returns.called_off(replace(order, refunds=(*many, *many[:2])), "off", NOON)


def test_all_that_is_left_is_meant_or_what_is_not_sent() -> None:
    order = returns.planned(paid(DECK, BOOK), "r1", {"1": 2, "2": 1}, NOON, shipping=False).order
    assert returns.everything(order) == returns.unsent(order) == {"2": 2}
    assert returns.unsent(model.shipped(order, ["2"], POST, NOON)) == {}


def test_credit_goes_back_in_the_reverse_order_of_spending() -> None:
    spent = (("pro_1", 300, 7), ("pro_2", 200, 9), ("paid", 500, 0))
    assert returns.parts_back(spent, 0, 400) == (("paid", 400, 0),)
    assert returns.parts_back(spent, 400, 250) == (("paid", 100, 0), ("pro_2", 150, 9))
    assert returns.parts_back(spent, 650, 350) == (("pro_2", 50, 9), ("pro_1", 300, 7))
    for before, amount, more in ((650, 351, 1), (1_001, 0, 1), (1_001, 5, 6)):
        with pytest.raises(ValueError, match=f"^{more} more would go back"):
            returns.parts_back(spent, before, amount)
