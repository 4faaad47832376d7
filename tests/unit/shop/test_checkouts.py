"""Product §9: orders that are paid on a page of Stripe's, from the page to the last cent that goes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways.stripe import Refused
from chalicelib.gateways.stripe_shop import OrderPage
from chalicelib.kernel.errors import InvalidState, ProviderFailed, SpendingLimitReached, WalletFrozen
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.shop import advancing, checkouts, coin_pages, returns, stock
from chalicelib.shop.model.checkout import Ignore, Over, Paid, Waits, fitted, judge, suspect
from chalicelib.shop.model.order import PAGE_LIFE, Checkout, Why
from chalicelib.shop.store import products_of
from chalicelib.wallet import limits
from chalicelib.wallet import service as wallet
from tests.support.counter import ADMIN, RATE
from tests.support.events import outcome, refund_event
from tests.support.pages import COMPLETED, EXPIRED, FAILED, SUCCEEDED, Pages
from tests.support.reading import add_reader
from tests.support.worlds import NOON, OfflinePayments, hand_world

DECK = 1_500 + RATE
"""What one deck costs with its shipping."""


@pytest.fixture
def pages() -> Pages:
    return Pages(hand_world()).ready()


# --- the page ------------------------------------------------------------------------------------


def test_a_pending_order_holds_its_stock_and_has_a_page_that_ends(pages: Pages) -> None:
    order = pages.opens({"deck": 2, "song": 1})
    assert (order.state, order.total, pages.left("deck")) == ("pending", 3_300 + RATE, 8)
    assert order.checkout
    assert order.checkout.url == f"https://app.test/topup/pay/{order.id}"
    assert (order.checkout.expires_at, order.look_at) == (NOON + PAGE_LIFE, NOON + PAGE_LIFE)
    assert pages.page()["amount_total"] == order.total
    assert pages.accounts == {}
    assert pages.told(pages.buyer) == []


def test_the_same_request_has_the_same_page(pages: Pages) -> None:
    assert pages.opens() == pages.opens()
    assert (pages.left("deck"), len(pages.stripe.pages)) == (9, 1)


def test_a_page_that_was_made_without_an_answer_is_found_by_the_repeat(pages: Pages) -> None:
    pages.stripe.loses_answers = True
    with pytest.raises(ProviderFailed):
        pages.opens()
    assert (pages.order().state, pages.left("deck")) == ("pending", 9)
    pages.stripe.loses_answers = False
    pages.forward(20 * MINUTE)  # too late for a page of its own
    checkout = pages.opens().checkout
    assert checkout
    assert (checkout.id, checkout.expires_at) == (pages.page()["id"], NOON + PAGE_LIFE)


def test_what_stripe_does_not_sell_any_more_is_called_off_and_free_again(pages: Pages) -> None:
    pages.stripe.prices[f"price_{pages.id_of('deck')}_0"]["active"] = False
    with pytest.raises(InvalidState, match="not sold like this"):
        pages.opens({"deck": 1, "book": 1})
    assert (pages.order().state, pages.order().cancelled_for) == ("cancelled", "refused")
    assert (pages.left("deck"), pages.left("book")) == (10, 10)
    with pytest.raises(InvalidState, match="called off"):
        pages.opens({"deck": 1, "book": 1})
    with pytest.raises(InvalidState, match="not on sale"):  # the product was read again
        pages.opens(name="2")


def test_where_stripe_refuses_to_say_what_it_sells_the_order_is_called_off_all_the_same() -> None:
    class Silent(OfflinePayments):
        def product(self, product: str) -> dict[str, Any] | None:
            raise Refused("parameter_invalid")

    pages = Pages(hand_world(payments=Silent())).ready()
    pages.stripe.prices[f"price_{pages.id_of('deck')}_0"]["active"] = False
    with pytest.raises(InvalidState, match="not sold like this"):
        pages.opens()
    assert (pages.order().state, pages.left("deck")) == ("cancelled", 10)


def test_a_page_that_asks_for_another_amount_is_closed_and_the_order_called_off(pages: Pages) -> None:
    pages.stripe.prices[f"price_{pages.id_of('deck')}_0"]["unit_amount"] = 1_600
    with pytest.raises(InvalidState):
        pages.opens()
    assert (pages.page()["status"], pages.order().state, pages.left("deck")) == ("expired", "cancelled", 10)


def test_a_coupon_is_what_stripe_makes_of_it(pages: Pages) -> None:
    pages.stripe.offers("TEN", percent_off=10)
    coupon = pages.stripe.promotions["promo_TEN"]["promotion"]["coupon"]
    # It is ten per cent when it is asked for, and twenty when the page is made.
    pages.stripe.takes_time = lambda: coupon.update(percent_off=10 * pages.stripe.asked)
    order = pages.opens({"deck": 1, "book": 1}, coupon="TEN")
    assert order.discount
    assert (order.discount.amount, order.total) == (500, 2_499 - 500 + RATE)  # 20 % of 2,499 is 499.8
    assert [each.net for each in order.items] == [1_200, 799]
    assert pages.pays().state == "paid"


def test_a_discount_that_the_lines_do_not_bear_is_accepted_as_little(pages: Pages) -> None:
    pages.stripe.offers("TEN", percent_off=10)
    order = pages.opens(coupon="TEN")
    assert order.checkout
    assert fitted(order, OrderPage("cs", "u", 1_500, 1_500, RATE, RATE))
    dearer = fitted(order, OrderPage("cs", "u", 1_500, 0, RATE, 1_500 + RATE))
    assert dearer
    assert (dearer.total, dearer.items[0].net) == (1_500 + RATE, 1_500)
    assert fitted(order, OrderPage("cs", "u", 1_500, 1_501, RATE, RATE - 1)) is None
    assert fitted(replace(order, checkout=None), OrderPage("cs", "u", 1_500, 150, RATE, 1_350 + RATE)) is None


@pytest.mark.parametrize(("off", "fits"), [(250, True), (251, False), (300, False)])
def test_a_page_on_which_nobody_could_pay_is_none(pages: Pages, off: int, fits: bool) -> None:
    pages.stripe.offers("TEN", percent_off=10)
    order = pages.opens({"song": 1}, coupon="TEN")
    assert (fitted(order, OrderPage("cs", "u", 300, off, 0, 300 - off)) is not None) == fits


@pytest.mark.parametrize(
    "page",
    [
        OrderPage("cs", "u", 1_500, 0, RATE, DECK + 1),
        OrderPage("cs", "u", 1_501, 0, RATE, DECK + 1),
        OrderPage("cs", "u", 1_500, 0, RATE + 1, DECK + 1),
        OrderPage("cs", "u", 1_500, 100, RATE, DECK - 100),
    ],
)
def test_no_other_difference_is_accepted(pages: Pages, page: OrderPage) -> None:
    assert fitted(pages.opens(), page) is None


def test_what_an_edition_was_ordered_before_it_was_counted_does_not_make_it_larger(pages: Pages) -> None:
    pages.opens({"song": 1, "deck": 2})
    song = products_of(pages.world).product(pages.id_of("song"))
    assert song
    stock.count(pages.world, song, 5, actor="admin", reason="an edition of five")
    pages.runs_out()
    assert (pages.left("song"), pages.left("deck")) == (5, 10)


def test_a_frozen_wallet_has_no_page(pages: Pages) -> None:
    wallet.freeze(pages.world, pages.buyer, "disputes what was paid before")
    with pytest.raises(WalletFrozen):
        pages.opens()
    assert (pages.left("deck"), pages.stripe.pages) == (10, {})


def test_limits_and_exclusion_stop_a_page_before_anything_is_kept(pages: Pages) -> None:
    limits.set_limits(pages.world, pages.buyer, Wanted(DECK, None, None, None))
    pages.opens()
    pages.pays()
    with pytest.raises(SpendingLimitReached):
        pages.opens(name="2")
    assert pages.left("deck") == 9


def test_pages_that_are_open_together_count_together_until_one_is_called_off(pages: Pages) -> None:
    limits.set_limits(pages.world, pages.buyer, Wanted(2 * DECK - 1, None, None, None))
    pages.opens()
    with pytest.raises(SpendingLimitReached, match="Payment pages that you have open count"):
        pages.opens(name="2")
    assert pages.left("deck") == 9
    pages.cancels()
    assert pages.opens(name="2").state == "pending"


@pytest.mark.parametrize(("ends", "pack"), [("pays", "coins_500"), ("cancels", "coins_1200")])
def test_an_order_that_waits_for_nothing_any_more_is_no_open_page_for_who_buys_coins(
    pages: Pages, ends: str, pack: str
) -> None:
    limits.set_limits(pages.world, pages.buyer, Wanted(DECK + 699, None, None, None))
    pages.opens()
    with pytest.raises(SpendingLimitReached, match="Payment pages that you have open count"):
        coin_pages.open_checkout(pages.world, pages.buyer, "top_1", "coins_1200", "web")
    getattr(pages, ends)()
    assert coin_pages.open_checkout(pages.world, pages.buyer, "top_2", pack, "web").checkout_url


# --- paid ----------------------------------------------------------------------------------------


def test_it_is_paid_by_its_event_once(pages: Pages) -> None:
    pages.opens()
    order = pages.pays()
    pages.tells(pages.event(COMPLETED), pages.event(SUCCEEDED))
    assert (order.state, order.paid_at, order.intent, order.look_at) == ("paid", NOON, f"pi_{order.id}", None)
    assert pages.order() == order
    assert pages.accounts == {"stripe:payments": -DECK, order.clearing: DECK}
    assert pages.told(pages.buyer) == [("order_paid", {"order": order.id, "amount": DECK})]
    assert (pages.payment().source, pages.payment().reference) == ("order", order.id)


def test_files_are_the_buyers_with_the_event_and_readers_have_their_share(pages: Pages) -> None:
    pages.opens({"song": 1, "spell": 1})
    assert pages.pays().state == "fulfilled"
    assert pages.earned() == [("sale_earned", 350, f"order:{pages.order_id()}")]  # 70 % of 500
    assert pages.accounts.pop("stripe:payments") == -800


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_total", DECK + 1),
        ("amount_total", None),
        ("currency", "eur"),
        ("mode", "subscription"),
        ("metadata", {"user": "usr_else"}),
        ("metadata", None),
        ("id", "cs_other"),
        ("payment_intent", None),
    ],
)
def test_paid_but_not_what_our_record_says_changes_nothing_and_alarms(
    pages: Pages, field: str, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    order = pages.opens()
    pages.stripe.pays(pages.page()["id"])
    event = pages.event(COMPLETED, **{field: value})
    pages.tells(event)
    assert (pages.order(), pages.accounts) == (order, {})
    assert outcome(pages.world, event) == "paid, but not what our record says"
    assert "stripe_event_unexpected" in capsys.readouterr().out


def test_another_payment_than_the_one_that_paid_is_money_nobody_asked_for(
    pages: Pages, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.opens()
    order = pages.pays()
    again = pages.event(SUCCEEDED, payment_intent="pi_other")
    pages.tells(again)
    assert (pages.order(), outcome(pages.world, again)) == (order, "already paid")
    assert "stripe_event_unexpected" in capsys.readouterr().out


def test_a_page_of_no_order_is_stored_and_alarms_only_where_it_was_paid(pages: Pages) -> None:
    page = {"client_reference_id": "ord_none", "payment_status": "unpaid", "status": "expired"}
    assert judge(None, page, None) == Ignore("no order of ours")
    assert judge(None, page | {"payment_status": "paid"}, None) == Ignore("no order of ours", alarming=True)
    pages.opens()
    paid = pages.event(COMPLETED, client_reference_id="ord_none", payment_status="paid")
    pages.tells(paid)
    assert (outcome(pages.world, paid), pages.accounts) == ("no order of ours", {})


def test_an_event_of_the_other_mode_or_of_somebody_elses_account_pays_nothing(pages: Pages) -> None:
    pages.opens()
    pages.stripe.pays(pages.page()["id"])
    others: list[dict[str, Any]] = [{"livemode": True}, {"account": "acct_1"}]
    for number, other in enumerate(others):
        pages.tells(pages.event(COMPLETED) | other | {"id": f"evt_{number}"})
    assert (pages.order().state, pages.accounts) == ("pending", {})


@pytest.mark.parametrize("late", [False, True])
def test_ten_sellers_and_all_that_was_told_before_fit_into_one_transaction(pages: Pages, *, late: bool) -> None:
    names = [f"song{number}" for number in range(10)]
    for name in names:
        add_reader(pages.world, pages.known(f"of {name}"))
        pages.sells(name, "digital", 1_000, seller=pages.known(f"of {name}"), left=5)
    pages.stripe.offers("TEN", percent_off=10, max_redemptions=5, first_time_transaction=True)
    order = pages.opens(dict.fromkeys(names, 1), coupon="TEN")
    if late:
        pages.runs_out()
        pages.page().update(status="open")
    for number in range(10):
        pages.tells(refund_event("refund.created", f"re_{number}", f"pi_{order.id}", 10, "failed"))
    assert pages.pays().state == ("refunded" if late else "fulfilled")
    if not late:
        assert pages.refunds({item.id: 1 for item in order.items}, restock=True).state == "refunded"
    assert pages.accounts == {"stripe:payments": -9_000, "stripe:refunds": 9_000}


# --- over ----------------------------------------------------------------------------------------


def test_a_page_that_expired_gives_the_stock_back_once(pages: Pages) -> None:
    pages.opens({"deck": 3})
    order = pages.runs_out()
    pages.tells(pages.event(EXPIRED) | {"id": "evt_again"})
    assert (order.state, order.cancelled_for, order.look_at, pages.left("deck")) == ("cancelled", "expired", None, 10)
    assert pages.told(pages.buyer) == [("order_cancelled", {"order": order.id, "why": "expired"})]


def test_what_nobody_told_of_is_looked_up_when_the_page_is_over_and_never_before(pages: Pages) -> None:
    pages.opens()
    pages.forward(PAGE_LIFE - 1)
    asked = pages.stripe.asked
    assert pages.advances() == NOON + PAGE_LIFE
    assert checkouts.look(pages.world, pages.order()) == pages.order()
    assert (pages.stripe.asked, pages.left("deck")) == (asked, 9)
    pages.forward(1)
    assert pages.advances() is None
    assert (pages.page()["status"], pages.order().state, pages.left("deck")) == ("expired", "cancelled", 10)


def test_a_page_that_was_paid_waits_for_the_event_with_its_stock(pages: Pages) -> None:
    pages.opens()
    pages.stripe.pays(pages.page()["id"])
    pages.forward(PAGE_LIFE)
    assert pages.advances() == NOON + PAGE_LIFE + MINUTE
    assert (pages.order().state, pages.left("deck")) == ("pending", 9)
    pages.tells(pages.event(COMPLETED))
    assert pages.order().state == "paid"


def test_a_page_that_was_never_made_is_over_when_stripe_refuses_it(pages: Pages) -> None:
    pages.stripe.down = True
    with pytest.raises(ProviderFailed):
        pages.opens()
    pages.forward(PAGE_LIFE)
    later = pages.advances()
    assert later == NOON + PAGE_LIFE + MINUTE
    assert pages.left("deck") == 9
    pages.stripe.down = False
    pages.forward(MINUTE)
    assert pages.advances() is None
    assert (pages.order().cancelled_for, pages.left("deck"), pages.stripe.pages) == ("refused", 10, {})


def test_a_page_of_which_nobody_heard_is_found_and_closed_when_it_is_over(pages: Pages) -> None:
    pages.stripe.loses_answers = True
    with pytest.raises(ProviderFailed):
        pages.opens()
    pages.stripe.loses_answers = False
    pages.forward(PAGE_LIFE)
    assert pages.advances() is None
    assert (pages.page()["status"], pages.order().state, pages.left("deck")) == ("expired", "cancelled", 10)


def test_it_is_looked_at_ever_more_patiently_and_alarms_after_a_day(
    pages: Pages, capsys: pytest.CaptureFixture[str]
) -> None:
    pages.opens()
    pages.stripe.down = True
    looks = []
    for _ in range(13):
        at = pages.order().look_at
        assert at
        pages.forward(at - pages.world.now())
        looks.append(at - NOON - PAGE_LIFE)
        pages.advances()
    assert looks[:6] == [0, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE]
    assert looks[-1] == 2_048 * MINUTE
    said = capsys.readouterr().out
    assert said.count("order_page_unclear") == 1  # 2,048 minutes are more than a day, 1,024 are not
    assert pages.left("deck") == 9


def test_a_page_that_stripe_fails_to_close_is_read_and_believed_once_it_is_over() -> None:
    class Stuck(OfflinePayments):
        def expire_checkout(self, page: str) -> dict[str, Any]:
            raise ProviderFailed

    pages = Pages(hand_world(payments=Stuck())).ready()
    pages.opens()
    with pytest.raises(ProviderFailed):
        pages.cancels()
    pages.stripe.runs_out(pages.page()["id"])
    pages.forward(PAGE_LIFE)
    assert pages.advances() is None
    assert (pages.order().cancelled_for, pages.left("deck")) == ("buyer", 10)


# --- by bank -------------------------------------------------------------------------------------


def test_a_payment_by_bank_holds_the_stock_until_the_bank_has_paid(pages: Pages) -> None:
    pages.opens()
    assert pages.pays_by_bank().state == "pending"
    pages.forward(3 * DAY)
    pages.advances()
    assert pages.left("deck") == 9
    assert pages.bank_says(SUCCEEDED).state == "paid"


def test_a_bank_has_two_weeks_before_somebody_looks(pages: Pages, capsys: pytest.CaptureFixture[str]) -> None:
    pages.opens()
    pages.pays_by_bank()
    pages.forward(PAGE_LIFE + 14 * DAY - 1)
    pages.advances()
    assert "order_page_unclear" not in capsys.readouterr().out
    pages.forward(DAY)
    pages.advances()
    assert "order_page_unclear" in capsys.readouterr().out


def test_a_payment_by_bank_that_fails_gives_the_stock_back(pages: Pages) -> None:
    pages.opens()
    pages.pays_by_bank()
    order = pages.bank_says(FAILED)
    assert (order.state, order.cancelled_for, pages.left("deck")) == ("cancelled", "failed", 10)


def test_a_bank_that_failed_untold_is_read_of_the_page(pages: Pages) -> None:
    pages.opens()
    pages.pays_by_bank()
    pages.page()["payment_intent"] = {"id": "pi_x", "status": "requires_payment_method"}
    pages.forward(PAGE_LIFE)
    assert pages.advances() is None
    assert (pages.order().cancelled_for, pages.left("deck")) == ("failed", 10)


def test_a_page_that_is_complete_is_known_from_then_on(pages: Pages) -> None:
    pages.stripe.loses_answers = True
    with pytest.raises(ProviderFailed):
        pages.opens()
    pages.pays_by_bank()
    checkout = pages.order().checkout
    assert checkout
    assert checkout.id == pages.page()["id"]


@pytest.mark.parametrize(
    ("page", "verdict"),
    [
        ({"status": "open"}, Ignore("not paid yet")),
        ({"status": "complete"}, Waits("cs_test_ord_11")),
        ({"status": "complete", "payment_intent": {"id": "pi_1", "status": "processing"}}, Waits("cs_test_ord_11")),
        ({"status": "complete", "payment_intent": {"id": "pi_1", "status": "canceled"}}, Over("failed")),
        (
            {"status": "open", "payment_intent": {"id": "pi_1", "status": "requires_payment_method"}},
            Ignore("not paid yet"),
        ),
        ({"status": "expired"}, Over("expired")),
        ({"status": "expired", "id": "cs_other"}, Ignore("another page than the order's")),
    ],
)
def test_what_a_page_means_while_nobody_has_paid(pages: Pages, page: dict[str, Any], verdict: Any) -> None:
    assert judge(None, pages.opened() | page, pages.order()) == verdict


@pytest.mark.parametrize("name", [None, 1, "", "\ud800", "x" * 3_000])
def test_a_page_without_a_name_is_not_kept(pages: Pages, name: object) -> None:
    order = replace(pages.opens(), checkout=Checkout(NOON))
    assert judge(None, pages.page() | {"status": "complete", "id": name}, order) == Ignore("not paid yet")


def test_an_event_says_that_a_page_is_over_whatever_the_page_says(pages: Pages) -> None:
    page, order = pages.opened(), pages.order()
    assert judge(EXPIRED, page, order) == Over("expired")
    assert judge(FAILED, page, order) == Over("failed")
    assert judge(COMPLETED, page, order) == Ignore("not paid yet")
    assert judge(EXPIRED, page, pages.runs_out()) == Ignore("already cancelled")


def test_only_an_order_that_has_a_page_is_paid_on_one_that_names_it(pages: Pages) -> None:
    order = pages.opens()
    page = pages.stripe.pays(pages.page()["id"])
    unknown = Ignore("paid, but not what our record says", alarming=True)
    assert judge(COMPLETED, page, order) == Paid(f"pi_{order.id}")
    assert judge(COMPLETED, page | {"client_reference_id": "ord_2"}, order) == unknown
    assert judge(COMPLETED, page, replace(order, checkout=None)) == Ignore("no order of ours", alarming=True)


def test_a_person_looks_after_a_day_or_where_a_bank_is_waited_for_after_two_weeks() -> None:
    assert [suspect(over, with_bank=False) for over in (DAY - 1, DAY)] == [False, True]
    assert [suspect(over, with_bank=True) for over in (14 * DAY - 1, 14 * DAY)] == [False, True]


def test_a_page_that_is_read_with_its_payment_says_who_paid(pages: Pages) -> None:
    order = pages.opens()
    page = pages.stripe.pays(pages.page()["id"])
    assert judge(None, page | {"payment_intent": {"id": "pi_7", "status": "succeeded"}}, order) == Paid("pi_7")


# --- called off ----------------------------------------------------------------------------------


def test_the_buyer_calls_a_pending_order_off_and_its_page_with_it(pages: Pages) -> None:
    pages.opens({"deck": 2})
    assert pages.cancels().cancelled_for == "buyer"
    assert pages.cancels().state == "cancelled"
    assert (pages.page()["status"], pages.left("deck")) == ("expired", 10)


def test_it_is_called_off_by_the_buyer_also_where_stripe_tells_first_that_its_page_is_over(pages: Pages) -> None:
    pages.opens()
    pages.stripe.down = True
    with pytest.raises(ProviderFailed):
        pages.cancels()  # whether Stripe closes it is not known
    assert pages.runs_out().cancelled_for == "buyer"
    pages.stripe.down = False
    assert pages.cancels().cancelled_for == "buyer"


@pytest.mark.parametrize("status", ["paid", "unpaid"])
def test_what_is_being_paid_cannot_be_called_off(pages: Pages, status: str) -> None:
    pages.opens()
    pages.page().update(status="complete", payment_status=status, payment_intent="pi_1")
    with pytest.raises(InvalidState, match="being paid"):
        pages.cancels()
    assert (pages.order().state, pages.left("deck")) == ("pending", 9)


def test_without_an_answer_it_is_not_called_off(pages: Pages) -> None:
    pages.opens()
    pages.stripe.down = True
    with pytest.raises(ProviderFailed):
        pages.cancels()
    assert (pages.order().state, pages.left("deck")) == ("pending", 9)


def test_what_was_paid_late_goes_back_whole_and_nothing_of_it_is_sold(pages: Pages) -> None:
    """As where Stripe took a payment in the moment in which a page ended."""
    pages.opens({"deck": 2, "spell": 1})
    pages.runs_out()
    pages.page().update(status="open")
    order = pages.pays()
    assert (order.state, order.look_at, [each.done for each in order.refunds]) == ("refunded", None, [True])
    total = 3_500 + RATE
    assert [(each["amount"], each["payment_intent"]) for each in pages.stripe.refunds.values()] == [
        (total, f"pi_{order.id}")
    ]
    assert pages.accounts == {"stripe:payments": -total, "stripe:refunds": total}
    assert (pages.left("deck"), pages.earned()) == (10, [])
    assert ("refund", {"amount": total, "order": order.id, "credited": False}) in pages.told(pages.buyer)


def test_a_page_that_is_paid_after_a_seller_left_is_called_off_and_goes_back_whole(pages: Pages) -> None:
    pages.opens({"deck": 2, "spell": 1})
    seller = accounts.person(pages.world, pages.seller)
    pages.world.tables.write(*accounts.closing(pages.world, seller, "asked for"))
    order = pages.pays()
    total = order.total
    assert (order.state, order.cancelled_for, [each.done for each in order.refunds]) == ("refunded", "refused", [True])
    assert pages.accounts == {"stripe:payments": -total, "stripe:refunds": total}
    assert (pages.left("deck"), pages.earned()) == (10, [])


def test_who_calls_off_what_nobody_has_paid_is_in_the_audit_log_unless_it_is_the_buyer(pages: Pages) -> None:
    called_off: tuple[tuple[str, Why], ...] = (("1", "admin"), ("2", "buyer"))
    for number, why in called_off:
        made = pages.opens({"deck": 1}, name=number)
        for _ in range(2):
            off = returns.call_off(pages.world, made.id, returns.Who("arn:ops", "because"), why)
        assert (off.state, off.cancelled_for) == ("cancelled", why)
        acts = pages.world.tables.query("audit", ("pk", made.id)).items
        assert [(each["action"], each["actor"]) for each in acts] == [("order_called_off", "arn:ops")][number == "2" :]


def test_who_calls_off_what_its_buyer_tried_to_is_in_the_audit_log_too(pages: Pages) -> None:
    made = pages.opens()
    pages.stripe.down = True
    with pytest.raises(ProviderFailed):
        pages.cancels()
    pages.stripe.down = False
    assert returns.call_off(pages.world, made.id, returns.Who("arn:ops", "because"), "admin").state == "cancelled"
    (act,) = pages.world.tables.query("audit", ("pk", made.id)).items
    assert (act["action"], act["actor"]) == ("order_called_off", "arn:ops")


# --- what goes back ------------------------------------------------------------------------------


def test_what_is_called_off_after_it_was_paid_goes_back_to_the_card(pages: Pages) -> None:
    pages.opens({"deck": 2})
    pages.pays()
    order = pages.cancels()
    assert (order.state, order.look_at, pages.left("deck")) == ("refunded", None, 10)
    assert [each.part for each in order.refunds] == [f"{order.id}:1"]
    assert pages.accounts == {"stripe:payments": -3_000 - RATE, "stripe:refunds": 3_000 + RATE}
    assert pages.credit == 0
    assert [kind for kind, _ in pages.told(pages.buyer)] == ["order_paid", "order_refunded"]


def test_a_refund_in_part_is_the_sellers_and_the_platforms_to_give(pages: Pages) -> None:
    pages.opens({"book": 3})
    pages.pays()
    pages.ships()
    pages.refunds({"1": 1})
    assert pages.stripe.refunds[f"{pages.order_id()}:1"]["amount"] == 999
    # 70 % of 2,997 and of the 1,998 that are left
    assert [amount for _, amount, _ in pages.earned()] == [2_097, -699]
    assert pages.accounts[f"earnings:{pages.seller}"] == 1_398
    assert f"order:{pages.order_id()}" not in pages.accounts


def test_a_refund_that_stripe_did_not_answer_for_is_asked_for_again_until_it_is_known(pages: Pages) -> None:
    pages.opens()
    pages.pays()
    pages.stripe.down = True
    order = pages.cancels()
    assert (order.state, order.look_at, [each.done for each in order.refunds]) == ("refunded", NOON + MINUTE, [False])
    assert pages.accounts == {"stripe:payments": -DECK, "stripe:refunds": DECK}
    pages.stripe.down = False
    pages.forward(MINUTE)
    assert pages.advances() is None
    assert (pages.order().refunds[0].done, len(pages.stripe.refunds)) == (True, 1)


def test_a_refund_on_its_way_is_looked_at_until_its_event_has_come(pages: Pages) -> None:
    pages.stripe.status = "pending"
    pages.opens()
    pages.pays()
    assert pages.cancels().look_at == NOON + MINUTE
    (made,) = pages.stripe.refunds.values()
    made["status"] = "succeeded"
    pages.tells(refund_event("refund.updated", made["id"], made["payment_intent"], DECK, "succeeded"))
    pages.forward(MINUTE)
    asked = pages.stripe.asked
    assert pages.advances() is None
    assert pages.stripe.asked == asked


def test_what_no_card_takes_is_the_buyers_credit(pages: Pages) -> None:
    pages.opens()
    order = pages.pays()
    assert order.intent
    pages.stripe.refusing.add(order.intent)
    assert pages.cancels().refunds[0].done
    assert (pages.credit, pages.spent()) == (DECK, [("order_credit", DECK, "platform:orders")])
    assert pages.accounts == {"stripe:payments": -DECK, f"credit:{pages.buyer}": DECK}


def test_what_stripe_refuses_because_it_is_disputed_is_not_given_twice(pages: Pages) -> None:
    pages.opens()
    order = pages.pays()
    assert order.intent
    pages.stripe.refusing.add(order.intent)
    pages.cancels()  # the bank was quicker than its event
    assert pages.credit == DECK
    pages.disputed("closed", "lost")
    assert pages.credit == 0
    assert pages.accounts == {"stripe:payments": -DECK, "stripe:disputes": DECK}


def test_what_could_not_be_sent_for_a_dispute_is_the_buyers_once_that_is_won(pages: Pages) -> None:
    pages.opens()
    order = pages.pays()
    assert order.intent
    pages.stripe.down = True
    pages.cancels()
    pages.stripe.down = False
    pages.disputed("created", "needs_response")
    pages.stripe.refusing.add(order.intent)
    pages.forward(MINUTE)
    pages.advances()
    assert (pages.credit, pages.order().refunds[0].done) == (0, True)
    pages.disputed("closed", "won")
    assert pages.credit == DECK


def test_what_was_given_back_by_hand_and_failed_is_the_buyers_once_the_order_is_refunded(pages: Pages) -> None:
    pages.opens()
    order = pages.pays()
    assert order.intent
    pages.given_back_by_hand(DECK)
    pages.cancels()
    assert (pages.credit, pages.stripe.refunds) == (0, {})
    pages.tells(refund_event("refund.failed", "re_1hand", order.intent, DECK, "failed"))
    assert (pages.credit, pages.accounts) == (DECK, {"stripe:payments": -DECK, f"credit:{pages.buyer}": DECK})


def test_no_more_goes_back_than_is_left_where_somebody_gave_back_by_hand(pages: Pages) -> None:
    pages.opens({"deck": 2})
    pages.pays()
    pages.given_back_by_hand(2_500)
    pages.refunds({"1": 1})
    assert pages.stripe.refunds[f"{pages.order_id()}:1"]["amount"] == 3_000 + RATE - 2_500
    order = pages.cancels()
    assert (order.state, order.look_at, len(pages.stripe.refunds)) == ("refunded", None, 1)
    assert pages.accounts == {"stripe:payments": -3_000 - RATE, "stripe:refunds": 3_000 + RATE}


def test_what_all_went_back_by_hand_is_not_sent(pages: Pages) -> None:
    pages.opens({"deck": 1, "song": 1})
    pages.pays()
    assert checkouts.payment_stands(pages.world, pages.order())
    pages.given_back_by_hand(DECK + 300)
    assert not checkouts.payment_stands(pages.world, pages.order())
    with pytest.raises(InvalidState, match="nothing is sent"):
        pages.ships()


def test_while_it_is_disputed_nothing_is_sent_and_nothing_goes_back(pages: Pages) -> None:
    pages.opens()
    pages.pays()
    pages.disputed("created", "needs_response")
    assert wallet.head(pages.world, pages.buyer).frozen
    with pytest.raises(InvalidState, match="nothing is sent"):
        pages.ships()
    with pytest.raises(InvalidState, match="disputed"):
        pages.cancels()
    assert pages.order().refunds == ()
    pages.disputed("closed", "won")
    assert pages.ships().state == "shipped"
    assert pages.accounts.pop("stripe:payments") == -DECK


def test_of_what_a_dispute_took_for_good_nothing_goes_back_a_second_time(pages: Pages) -> None:
    pages.opens()
    pages.pays()
    pages.disputed("closed", "lost")
    with pytest.raises(InvalidState, match="nothing is sent"):
        pages.ships()
    order = returns.call_off(pages.world, pages.order_id(), ADMIN)
    assert (order.state, order.look_at, pages.left("deck"), pages.stripe.refunds) == ("refunded", None, 10, {})
    assert pages.accounts == {"stripe:payments": -DECK, "stripe:disputes": DECK}


def test_by_credit_a_payment_stands_until_we_give_it_back(pages: Pages) -> None:
    bought = Pages(hand_world()).ready(cents=10_000)
    assert checkouts.payment_stands(bought.world, bought.orders({"deck": 1}))
    assert advancing.advance(bought.world, bought.order_id()) is None
    assert checkouts.open_page(bought.world, bought.order()) == bought.order()
    assert checkouts.bring_back(bought.world, bought.order()) == bought.order()
    assert checkouts.look(bought.world, bought.order()) == bought.order()
