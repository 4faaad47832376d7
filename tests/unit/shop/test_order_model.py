"""What an order is and becomes: its prices, the state that follows from its items, each step and what forbids it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.kernel.errors import Invalid, InvalidState, NotFound
from chalicelib.kernel.time import MINUTE
from chalicelib.shop.model import order as model
from chalicelib.shop.model.discount import Discount
from chalicelib.shop.model.order import Checkout, Item, Line, Order, Refund, Shipment, Shipping, State
from chalicelib.shop.model.product import Kind
from chalicelib.shop.model.shipping import Address

HOME = Address("Ada", "1 Main St", "", "Springfield", "IL", "62701", "US")
POST = Shipment("USPS", "9400")
NOON = 1_900_000_000_000
DECK = Line("prd_deck", "Deck", "physical", None, 3, 1_000, 0, "price_deck")
BOOK = Line("prd_book", "Book", "physical", "usr_seller", 2, 333, 0)
SONG = Line("prd_song", "Song", "digital", "usr_seller", 1, 500, 777)


def ordered(*lines: Line, discount: Discount | None = None, rail: model.Rail = "credit", postage: int = 0) -> Order:
    shipping = Shipping("standard", "Standard", postage, HOME) if postage else None
    return model.ordered("ord_1", "usr_buyer", (rail, "web"), lines, discount, shipping, 90, NOON)


def test_what_is_paid_is_the_lines_less_the_discount_and_the_postage() -> None:
    made = ordered(DECK, replace(BOOK, coins=7), postage=595)
    assert [(each.id, each.net, each.coins, each.state) for each in made.items] == [
        ("1", 3_000, 0, "pending"),
        ("2", 666, 0, "pending"),
    ]
    assert (made.total, made.coins, made.state, made.clearing) == (4_261, 0, "pending", "order:ord_1")
    off = ordered(DECK, BOOK, discount=Discount("promo_1", "TEN", "Ten", 1_000), postage=595)
    # 1,000 over 3,000 and 666: 818.33 and 181.67, the rest to the larger remainder
    assert [each.net for each in off.items] == [3_000 - 818, 666 - 182]
    assert off.total == 3_261


def test_a_discount_is_off_what_it_is_good_for() -> None:
    off = ordered(DECK, BOOK, discount=Discount("promo_1", "BOOKS", "Books", 100, products=("prd_book",)))
    assert [each.net for each in off.items] == [3_000, 566]
    other = model.discounted(off, Discount("promo_1", "BOOKS", "Books", 66))
    assert (sum(each.net for each in other.items), other.total) == (3_600, 3_600)
    assert other.discount
    with pytest.raises(InvalidState):
        model.discounted(model.paid(off, NOON), Discount("promo_1", "X", "X", 1))


def test_coins_are_paid_in_coins_and_worth_what_the_setting_says() -> None:
    made = ordered(SONG, rail="coins")
    assert (made.total, made.coins) == (0, 777)
    assert (made.items[0].net, made.items[0].kept_coins) == (699, 777)  # 777 at 90 cents for a hundred


def an_item(kind: Kind, state: State, *, refunded: int = 0, cancelled: int = 0) -> Item:
    return Item("1", "prd_1", "One", kind, None, 2, 100, 200, 0, None, refunded, cancelled, state)


@pytest.mark.parametrize(
    ("items", "state"),
    [
        ([("digital", "pending")], "pending"),
        ([("digital", "paid")], "paid"),
        ([("digital", "fulfilled")], "fulfilled"),
        ([("digital", "fulfilled"), ("physical", "paid")], "paid"),
        ([("physical", "shipped"), ("physical", "paid")], "paid"),
        ([("physical", "shipped"), ("digital", "fulfilled")], "shipped"),
        ([("physical", "shipped"), ("physical", "delivered")], "shipped"),
        ([("physical", "delivered"), ("digital", "fulfilled")], "delivered"),
        ([("physical", "delivered"), ("digital", "paid")], "paid"),
    ],
)
def test_the_state_follows_from_what_is_live(items: list[tuple[Kind, State]], state: State) -> None:
    gone = an_item("physical", "refunded", refunded=2)
    assert model.state_of([an_item(*each) for each in items]) == state
    assert model.state_of([gone, *(an_item(*each) for each in items)]) == state


def test_without_anything_live_it_was_given_back_or_never_paid() -> None:
    off = an_item("digital", "cancelled", cancelled=2)
    assert model.state_of([off, off]) == "cancelled"
    assert model.state_of([off, an_item("physical", "refunded", refunded=2)]) == "refunded"


def test_once_paid_it_waits_for_nobody_where_it_holds_a_file() -> None:
    things = model.paid(ordered(DECK), NOON + 1, entry="ent_1", spent=(("paid", 3_000, 0),))
    assert (things.state, things.paid_at, things.entry, things.look_at) == ("paid", NOON + 1, "ent_1", None)
    assert (things.to_ship, things.spent) == (True, (("paid", 3_000, 0),))
    files = model.paid(ordered(DECK, SONG), NOON + 1, intent="pi_1")
    assert (files.look_at, files.intent) == (NOON + 1, "pi_1")
    done = model.fulfilled(files, NOON + 2)
    assert [(each.state, each.fulfilled_at) for each in done.items] == [("paid", None), ("fulfilled", NOON + 2)]
    assert done.look_at is None
    assert not model.paid(ordered(SONG), NOON).to_ship
    assert (files.item("2").earned, done.item("2").earned) == (0, 350)
    asked = Refund("r1", NOON, {"1": 1}, 1_000, part="ord_1:1", done=False)
    assert model.fulfilled(replace(files, refunds=(asked,)), NOON + 2).look_at == NOON + 2
    assert model.fulfilled(done, NOON + 3) is done
    with pytest.raises(InvalidState):
        model.paid(done, NOON)


def test_what_waits_for_stripe_is_looked_at_when_its_page_ends() -> None:
    waits = model.awaiting(ordered(DECK, rail="stripe"), NOON)
    assert (waits.checkout, waits.look_at) == (Checkout(NOON + 31 * MINUTE), NOON + 31 * MINUTE)
    off = model.cancelled(waits, "expired")
    assert (off.state, off.cancelled_for, off.look_at) == ("cancelled", "expired", None)
    assert [(each.cancelled, each.left, each.state) for each in off.items] == [(3, 0, "cancelled")]
    with pytest.raises(InvalidState, match="The order is cancelled"):
        model.cancelled(off, "admin")
    with pytest.raises(InvalidState):
        model.paid(off, NOON)


def test_things_are_sent_then_arrive() -> None:
    paid = model.paid(ordered(DECK, BOOK, SONG, postage=595), NOON)
    assert model.waiting(paid, "paid") == ("1", "2")
    sent = model.shipped(paid, ["2"], Shipment(" USPS ", "94\n00"), NOON + 5)
    item = sent.item("2")
    assert (item.state, item.shipped_at, item.carrier, item.tracking) == ("shipped", NOON + 5, "USPS", "94 00")
    assert sent.shipping
    assert (sent.shipping.settled, sent.to_ship) == (True, True)
    assert model.waiting(sent, "shipped") == ("2",)
    arrived = model.delivered(sent, ["2"], NOON + 9)
    assert (arrived.item("2").state, arrived.item("2").delivered_at) == ("delivered", NOON + 9)
    with pytest.raises(InvalidState, match="Nothing of this order is on its way: it is paid"):
        model.waiting(arrived, "shipped")
    with pytest.raises(InvalidState, match="Nothing of this order waits to be sent: it is"):
        model.waiting(model.shipped(arrived, ["1"], POST, NOON), "paid")


def test_only_things_that_are_paid_are_sent_and_only_what_was_sent_arrives() -> None:
    waits = ordered(DECK, SONG)
    paid = model.paid(waits, NOON)
    for order, which in ((waits, "1"), (paid, "2"), (model.shipped(paid, ["1"], POST, NOON), "1")):
        with pytest.raises(InvalidState, match=f"Item {which} is"):
            model.shipped(order, [which], POST, NOON)
    for which in ("1", "2"):
        with pytest.raises(InvalidState):
            model.delivered(paid, [which], NOON)
    with pytest.raises(NotFound, match=r"^The order has no such item\.$"):
        model.shipped(paid, ["3"], POST, NOON)


@pytest.mark.parametrize(
    ("shipment", "fields"),
    [
        (Shipment("", "1"), ["carrier"]),
        (Shipment("c" * 61, "t" * 101), ["carrier", "tracking"]),
        (Shipment("USPS", " "), ["tracking"]),
    ],
)
def test_a_shipment_says_with_whom_and_how_it_is_followed(shipment: Shipment, fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        model.written(shipment)
    most = {"carrier": 60, "tracking": 100}
    told = [{"field": name, "message": f"Write 1 to {most[name]} visible characters."} for name in fields]
    assert list(refused.value.errors) == told
    assert model.written(Shipment("c" * 60, "t" * 100))


def test_a_refund_that_is_not_done_is_looked_at() -> None:
    done = model.fulfilled(model.paid(ordered(SONG), NOON), NOON)
    refund = Refund("r1", NOON, {"1": 1}, 500, part="ord_1:1", done=False)
    assert model.looked(replace(done, refunds=(refund,)), NOON + 7).look_at == NOON + 7
    assert model.looked(replace(done, refunds=(replace(refund, done=True),)), NOON + 7).look_at is None


def test_a_forgotten_order_keeps_all_but_where_it_went() -> None:
    made = ordered(DECK, postage=595)
    assert made.shipping
    assert model.forgotten(made) == replace(made, shipping=replace(made.shipping, address=None))
    assert model.forgotten(ordered(SONG)) == ordered(SONG)
    assert "Springfield" not in repr(made)


def test_what_it_takes_of_the_stock_is_what_was_ordered() -> None:
    assert ordered(DECK, BOOK).wants() == {"prd_deck": 3, "prd_book": 2}


def test_what_has_no_end_took_nothing_of_a_stock() -> None:
    made = model.taking(ordered(DECK, SONG), {"prd_deck"})
    assert [each.endless for each in made.items] == [False, True]
    assert made.took() == {"prd_deck": 3}
    assert made.wants() == {"prd_deck": 3, "prd_song": 1}
