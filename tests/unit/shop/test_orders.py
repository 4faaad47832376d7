"""Ordering by credit and by coins: what is taken, who is told, who gets what, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    InsufficientFunds,
    Invalid,
    InvalidState,
    NotFound,
    OutOfStock,
    Problem,
    WalletFrozen,
)
from chalicelib.readers import service as readers
from chalicelib.shop import advancing, orders, rates, stock
from chalicelib.shop.model.shipping import Rate
from chalicelib.shop.store import products_of
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from chalicelib.wallet.statement import trial_balance
from tests.support.counter import HOME, RATE, Counter
from tests.support.duo import assert_books_balance
from tests.support.leaving import LeavingTables
from tests.support.losing import LosingTables
from tests.support.worlds import OfflinePayments, hand_world


@pytest.fixture
def counter() -> Counter:
    return Counter(hand_world()).ready()


def test_an_order_by_credit_takes_money_and_stock_at_once(counter: Counter) -> None:
    made = counter.orders({"deck": 2, "book": 1})
    assert (made.state, made.total) == ("paid", 2 * 1_500 + 999 + RATE)
    assert counter.credit == 10_000 - 4_594
    assert (counter.left("deck"), counter.left("book")) == (8, 9)
    assert counter.spent() == [("order", -4_594, f"order:{made.id}")]
    assert counter.told(counter.buyer)[-1] == ("order_paid", {"order": made.id, "amount": 4_594})
    assert counter.earned() == []
    assert_books_balance(counter.world)


def test_files_for_coins_are_the_buyers_at_once_and_readers_get_their_share(counter: Counter) -> None:
    made = counter.orders({"song": 1, "spell": 1}, "coins")
    assert (made.state, made.total, made.coins) == ("fulfilled", 0, 834)
    assert coins.balance(counter.world, counter.buyer) == 10_000 - 834
    # a coin is worth a cent here: 501 cents, of which the reader has 350
    assert counter.earned() == [("sale_earned", 350, "platform:coins")]
    assert counter.journal("fees") == {f"sale:{made.id}.2": 151}
    assert counter.journal("sales") == {f"sale:{made.id}.1": 333}
    told = {"order": made.id, "product": counter.id_of("spell"), "amount": 350}
    assert ("product_sold", told) in counter.told(counter.seller)
    assert_books_balance(counter.world)


def test_the_same_request_is_the_same_order(counter: Counter) -> None:
    made = counter.orders({"deck": 1})
    assert counter.orders({"deck": 1}) == made
    assert counter.left("deck") == 9
    for other in ({"items": {"deck": 2}}, {"items": {"deck": 1}, "shipping_rate": "other"}):
        with pytest.raises(IdempotencyMismatch):
            counter.orders(**other)


def test_what_is_sent_is_divided_when_it_is_sent(counter: Counter) -> None:
    made = counter.orders({"deck": 1, "book": 2})
    sent = counter.ships("2")
    assert (sent.state, sent.item("2").state, sent.item("2").tracking) == ("paid", "shipped", "9400 1000")
    assert counter.earned() == [("sale_earned", 1_398, made.clearing)]  # 70 % of 1,998
    assert counter.journal("fees") == {f"sale:{made.id}.2": 600}
    assert counter.journal("sales") == {f"shipping:{made.id}": RATE}
    assert trial_balance(counter.world).unsettled() == {made.clearing: 1_500}
    assert counter.ships().state == "shipped"
    assert trial_balance(counter.world).unsettled() == {}
    assert counter.delivers("1").state == "shipped"
    assert counter.delivers().state == "delivered"
    kinds = [kind for kind, _ in counter.told(counter.buyer) if kind.startswith("order")]
    assert sorted(kinds) == ["order_delivered"] * 2 + ["order_paid"] + ["order_shipped"] * 2
    assert_books_balance(counter.world)


def test_sending_and_delivering_again_changes_nothing(counter: Counter) -> None:
    counter.orders({"deck": 1})
    sent = counter.ships("1")
    assert counter.ships("1") == sent
    arrived = counter.delivers("1")
    assert counter.delivers("1") == arrived
    with pytest.raises(InvalidState):
        counter.ships()
    with pytest.raises(NotFound):
        counter.delivers("7")


def test_the_buyer_calls_off_what_was_not_sent_and_has_all_of_it_back(counter: Counter) -> None:
    made = counter.orders({"deck": 2, "book": 1})
    off = counter.cancels()
    assert (off.state, off.returned, counter.credit) == ("refunded", 4_594, 10_000)
    assert (counter.left("deck"), counter.left("book")) == (10, 10)
    assert counter.spent()[-1] == ("order_refund", 4_594, made.clearing)
    assert trial_balance(counter.world).unsettled() == {}
    assert counter.cancels() == off
    with pytest.raises(InvalidState):
        counter.ships()


def test_what_was_sent_stays_with_its_postage_when_the_rest_is_called_off(counter: Counter) -> None:
    counter.orders({"deck": 2, "book": 1})
    counter.ships("2")
    off = counter.cancels()
    assert (off.state, off.returned) == ("shipped", 3_000)
    assert counter.credit == 10_000 - 999 - RATE
    assert trial_balance(counter.world).unsettled() == {}


def test_nothing_is_called_off_that_was_sent_or_fulfilled(counter: Counter) -> None:
    counter.orders({"deck": 1})
    counter.ships()
    counter.orders({"song": 1}, "coins", "2")
    for name in "12":
        with pytest.raises(InvalidState):
            counter.cancels(name)


def test_what_a_buyer_who_left_had_ordered_goes_back_to_nobody(counter: Counter) -> None:
    counter.orders({"deck": 1})
    buyer = accounts.person(counter.world, counter.buyer)
    counter.world.tables.write(*accounts.closing(counter.world, buyer, "asked for"))
    before = counter.order()
    with pytest.raises(InvalidState, match="nobody could spend it"):
        counter.cancels()
    with pytest.raises(InvalidState, match="nobody could spend it"):
        counter.refunds({"1": 1})
    assert counter.order() == before


def test_a_refund_takes_both_shares_back_unit_by_unit(counter: Counter) -> None:
    made = counter.orders({"book": 3})
    counter.ships()
    assert counter.earned()[-1][1] == 2_097  # 70 % of 2,997, rounded down
    counter.refunds({"1": 1}, "r1", restock=True)
    assert counter.earned()[-1][:2] == ("sale_returned", 1_398 - 2_097)
    counter.refunds({"1": 2}, "r2", shipping=True)
    assert sum(amount for _, amount, _ in counter.earned()) == 0
    assert (counter.order().state, counter.order().returned) == ("refunded", 2_997 + RATE)
    assert (counter.left("book"), counter.credit) == (8, 10_000)
    assert sum(counter.journal("fees").values()) == sum(counter.journal("sales").values()) == 0
    assert trial_balance(counter.world).unsettled() == {}
    assert counter.told(counter.buyer)[-1][1]["order"] == made.id
    assert_books_balance(counter.world)


def test_coins_go_back_as_coins(counter: Counter) -> None:
    counter.orders({"spell": 1}, "coins")
    assert counter.refunds({"1": 1}).state == "refunded"
    assert coins.balance(counter.world, counter.buyer) == 10_000
    assert [amount for _, amount, _ in counter.earned()] == [350, -350]
    assert_books_balance(counter.world)


@pytest.mark.parametrize(("rail", "thing"), [("credit", "book"), ("coins", "spell")])
def test_of_a_deletion_and_a_refund_at_once_one_comes_first(rail: str, thing: str) -> None:
    tables = LeavingTables()
    counter = Counter(hand_world(tables)).ready()
    counter.orders({thing: 1}, rail)
    before = trial_balance(counter.world).accounts
    tables.leaver = counter.buyer
    with pytest.raises(InvalidState, match="has left"):
        counter.refunds({"1": 1})
    assert (trial_balance(counter.world).accounts, counter.order().refunds) == (before, ())


def test_a_refund_is_made_once_under_its_name(counter: Counter) -> None:
    counter.orders({"deck": 3})
    first = counter.refunds({"1": 1})
    assert counter.refunds({"1": 1}) == first
    assert counter.refunds({"1": 1}, "r2").item("1").refunded == 2
    with pytest.raises(Invalid):
        counter.refunds({"1": 2}, "r3")


def test_promotional_credit_comes_back_as_what_it_was(counter: Counter) -> None:
    from chalicelib.wallet.model.buckets import Lot
    from tests.support.reading import grant

    grant(counter.world, counter.buyer, Lot("pro_1", 1_000, counter.world.now() + 10_000))
    counter.orders({"deck": 1})
    assert [part[:2] for part in counter.order().spent] == [("pro_1", 1_000), ("paid", 500 + RATE)]
    counter.refunds({"1": 1})
    back = wallet.head(counter.world, counter.buyer).buckets
    # what was spent last comes back first: all paid money, and what remains of it as what it was
    assert (back.paid, back.lots[0].rest) == (10_000, 1_500 - 500 - RATE)
    counter.refunds({}, "r2", shipping=True)
    assert wallet.head(counter.world, counter.buyer).buckets.lots[0].rest == 1_000


def test_a_coupon_is_off_what_is_paid_and_the_reader_shares_what_is_left(counter: Counter) -> None:
    stripe = counter.world.payments
    assert isinstance(stripe, OfflinePayments)
    stripe.offers("TEN", percent_off=10)
    made = counter.orders({"book": 1}, coupon="ten")
    assert (made.item("1").net, made.total) == (899, 899 + RATE)  # 99.9 cents off are 100
    assert counter.orders({"book": 1}, coupon="TEN") == made
    for other in ("FIVE", None):
        with pytest.raises(IdempotencyMismatch):
            counter.orders({"book": 1}, coupon=other)
    counter.ships()
    assert counter.earned()[0][1] == 629  # 70 % of 899


def test_what_a_coupon_makes_free_is_paid_without_a_posting(counter: Counter) -> None:
    stripe = counter.world.payments
    assert isinstance(stripe, OfflinePayments)
    stripe.offers("FREE", percent_off=100)
    counter.sells("gem", "physical", 800, seller=counter.seller, left=2)
    rates.keep(counter.world, Rate("gift", "As a gift", 0, ("US",)), actor="admin", reason="test")
    home: dict[str, Any] = {"address": HOME, "shipping_rate": "gift"}
    made = counter.orders({"gem": 1}, coupon="FREE", **home)
    assert counter.orders({"gem": 1}, coupon="FREE", **home) == made
    assert (made.state, made.total, made.entry, counter.spent(), counter.left("gem")) == ("paid", 0, None, [], 1)
    assert counter.ships().state == "shipped"
    assert counter.refunds({"1": 1}, restock=True).state == "refunded"
    assert (counter.spent(), counter.earned(), counter.left("gem")) == ([], [], 2)
    wallet.freeze(counter.world, counter.buyer, "admin")
    with pytest.raises(WalletFrozen):
        counter.orders({"gem": 1}, name="2", coupon="FREE", **home)


REFUSED: list[tuple[dict[str, Any], type[Problem]]] = [
    ({"items": {}}, Invalid),
    ({"items": {"deck": 21}}, Invalid),
    ({"items": {"moon": 1}}, NotFound),
    ({"items": {"song": 1}}, Forbidden),  # a file is not bought from credit
    ({"items": {"song": 2}, "rail": "coins"}, Invalid),
    ({"items": {"deck": 1}, "address": None}, Invalid),
    ({"items": {"deck": 1}, "shipping_rate": "drone"}, Invalid),
    ({"items": {"song": 1}, "rail": "coins", "shipping_rate": "standard"}, Invalid),
    ({"items": {"song": 1}, "rail": "coins", "coupon": "HALF"}, Invalid),
    ({"items": {"deck": 1}, "expected_total": 1_500}, InvalidState),
    ({"items": {"song": 1}, "rail": "coins", "expected_total": 300}, InvalidState),
    ({"items": {"deck": 8}}, InsufficientFunds),
]


@pytest.mark.parametrize(("asked", "problem"), REFUSED)
def test_what_cannot_be_ordered_changes_nothing(
    counter: Counter, asked: dict[str, Any], problem: type[Problem]
) -> None:
    with pytest.raises(problem):
        counter.orders(**asked)
    assert (counter.credit, counter.left("deck"), counter.spent()) == (10_000, 10, [])
    assert orders.page_of_buyer(counter.world, counter.buyer, 10, None) == ([], None)


def test_more_than_is_left_is_not_sold(counter: Counter) -> None:
    counter.sells("mug", "digital", 100, coins=1, left=0)
    with pytest.raises(OutOfStock):
        counter.orders({"song": 1, "mug": 1}, "coins")
    assert (coins.balance(counter.world, counter.buyer), counter.left("song")) == (10_000, None)


def test_what_is_expected_to_be_paid_is_paid(counter: Counter) -> None:
    assert counter.orders({"deck": 1}, expected_total=1_500 + RATE).state == "paid"
    assert counter.orders({"song": 1}, "coins", "2", expected_total=333).state == "fulfilled"


def test_nobody_buys_their_own_or_of_who_left_or_was_blocked(counter: Counter) -> None:
    with pytest.raises(Forbidden):
        counter.orders({"book": 1}, buyer=counter.seller)
    accounts.block(counter.world, counter.seller, counter.buyer)
    with pytest.raises(Blocked):
        counter.orders({"book": 1})
    accounts.unblock(counter.world, counter.seller, counter.buyer)
    accounts.suspend(counter.world, counter.seller, actor="admin", reason="test")
    with pytest.raises(InvalidState):
        counter.orders({"book": 1})
    accounts.reinstate(counter.world, counter.seller, actor="admin", reason="test")
    readers.withdraw(counter.world, counter.seller, actor="admin", reason="test")
    with pytest.raises(InvalidState):
        counter.orders({"book": 1})


def test_a_product_off_sale_is_not_sold(counter: Counter) -> None:
    counter.sells("old", "digital", 100, coins=100, active=False)
    with pytest.raises(InvalidState):
        counter.orders({"old": 1}, "coins")


def test_a_frozen_wallet_buys_nothing(counter: Counter) -> None:
    wallet.freeze(counter.world, counter.buyer, "admin")
    for items, rail in (({"deck": 1}, "credit"), ({"song": 1}, "coins")):
        with pytest.raises(WalletFrozen):
            counter.orders(items, rail)


def test_what_was_bought_while_there_was_no_end_of_it_comes_back_to_no_stock(counter: Counter) -> None:
    song = products_of(counter.world).product(counter.id_of("song"))
    assert song
    counter.orders({"song": 1}, "coins", "1")
    stock.count(counter.world, song, 5, actor="admin", reason="an edition of five")
    counter.orders({"song": 1}, "coins", "2")
    counter.refunds({"1": 1}, name="1", restock=True)
    assert counter.left("song") == 4
    counter.refunds({"1": 1}, name="2", restock=True)
    assert counter.left("song") == 5


def test_what_a_frozen_wallet_has_bought_is_not_sent_until_it_is_released(counter: Counter) -> None:
    counter.orders({"deck": 1})
    wallet.freeze(counter.world, counter.buyer, "a stolen card topped it up")
    with pytest.raises(InvalidState, match="frozen"):
        counter.ships()
    wallet.unfreeze(counter.world, counter.buyer, "it was theirs")
    assert counter.ships().state == "shipped"


def test_an_order_is_its_buyers_alone(counter: Counter) -> None:
    made = counter.orders({"book": 1})
    assert advancing.current(counter.world, counter.buyer, made.id) == made
    for other in (counter.seller, counter.known("stranger")):
        with pytest.raises(Forbidden):
            advancing.current(counter.world, other, made.id)
    with pytest.raises(NotFound):
        advancing.current(counter.world, counter.buyer, "ord_none")


def test_lists_are_of_buyer_seller_and_what_is_to_be_sent(counter: Counter) -> None:
    first = counter.orders({"book": 1})
    counter.forward(1_000)
    second = counter.orders({"deck": 1}, name="2")
    world = counter.world
    assert orders.page_of_buyer(world, counter.buyer, 10, None)[0] == [second, first]
    assert orders.page_of_seller(world, counter.seller, 10, None)[0] == [first]
    assert orders.page_to_ship(world, 10, None)[0] == [first, second]
    counter.ships()
    assert orders.page_to_ship(world, 10, None)[0] == [second]


def test_who_leaves_is_forgotten_and_the_order_stays(counter: Counter) -> None:
    made = counter.orders({"deck": 1})
    forgotten = orders.forget(counter.world, made.id)
    assert forgotten.shipping
    assert forgotten.shipping.address is None
    assert orders.forget(counter.world, made.id) == forgotten == counter.order()


def lived_through(at: int, *, after: bool) -> tuple[Any, int]:
    """Orders that are made, sent and given back, of which write number ``at`` is lost."""
    tables = LosingTables(-1, after=after)
    counter = Counter(hand_world(tables)).ready(20_000)
    tables.left = at
    counter.orders({"deck": 2, "book": 3})
    counter.orders({"song": 1, "spell": 1}, "coins", "2")
    counter.ships("2")
    counter.delivers("2")
    counter.refunds({"2": 1}, restock=True)
    counter.refunds({"2": 1}, name="2")
    counter.cancels()
    writes = at - tables.left
    ended = [counter.order(), counter.order("2")]
    came = [(each.state, each.look_at, each.returned, len(each.refunds), each.rev) for each in ended]
    stock = [counter.left("deck"), counter.left("book")]
    told = sorted(kind for kind, _ in counter.told(counter.buyer))
    earned = [amount for _, amount, _ in counter.earned()]
    assert_books_balance(counter.world)
    return (came, earned, counter.credit, stock, told, trial_balance(counter.world).unsettled()), writes


@pytest.mark.parametrize("after", [False, True])
def test_orders_end_alike_whichever_write_is_lost(after: bool) -> None:
    expected, writes = lived_through(1_000, after=after)
    came, earned, credit, stock, _, left = expected
    assert [each[:4] for each in came] == [("delivered", None, 3_999, 2), ("fulfilled", None, 0, 1)]
    assert (sum(earned), credit, stock, left) == (1_398, 20_000 - 1_998 - RATE, [10, 8], {})
    assert writes == 8
    for place in range(writes):
        assert lived_through(place, after=after)[0] == expected, place
