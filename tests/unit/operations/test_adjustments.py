"""Product §11: adjusting a balance by hand; above a limit two people; nobody gets around it by slices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import AlreadyDone, Forbidden, InsufficientFunds, Invalid, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.operations import adjustments, reconciliation
from chalicelib.operations.model import adjustment as model
from chalicelib.operations.model.adjustment import (
    MOST_ALONE,
    VALID,
    Adjustment,
    Tally,
    offering,
    returning,
    too_much,
    wanted,
)
from chalicelib.operations.model.operator import same
from chalicelib.payouts import service as payouts
from chalicelib.sessions.model.commands import finish
from chalicelib.shop.model.returns import planned
from chalicelib.wallet import coins, promos, refunds, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import GIVEN, NEVER, Lot
from chalicelib.wallet.model.promo import Code
from chalicelib.wallet.schemas import entry_view
from tests.support.connect import Connect
from tests.support.counter import RATE, Counter
from tests.support.hands import ANN, BEA, Hands, insisting
from tests.support.leaving import LeavingTables
from tests.support.losing import LosingTables
from tests.support.reading import Stage, add_reader, grant
from tests.support.worlds import NOON, HandClock, hand_world


@pytest.fixture
def hands() -> Hands:
    return Hands(hand_world()).known("ada", "bob")


# --- one person alone ------------------------------------------------------------------------------


def test_up_to_the_limit_one_person_does_it_once_audited_and_told(hands: Hands) -> None:
    for _ in range(2):
        assert hands.makes(10_000).state == "posted"
    newest = hands.head()
    assert (newest.balance, newest.kind, newest.counter) == (10_000, "adjusted", "platform:adjustments")
    assert entry_view(newest).description == "Correction by us"
    assert hands.audited() == [("adjusted", ANN, "ticket 7")]
    ((kind, facts),) = hands.told()
    told = words(Notice(hands.user(), kind, facts), "UTC")
    assert told
    assert "$100.00 were put into your SoulSeer credit" in told.text
    books = statement.trial_balance(hands.world)
    assert (books.total, books.drifted) == ({"usd": 0}, ())
    assert books.sum_of("platform:adjustments") == -10_000


def test_the_same_ref_with_another_amount_is_refused(hands: Hands) -> None:
    hands.makes(500)
    with pytest.raises(AlreadyDone):
        hands.makes(501)
    assert hands.balance() == 500


def test_what_is_given_is_spent_first_does_not_expire_and_never_goes_to_a_card(hands: Hands) -> None:
    hands.paid(3_000).makes(2_000)
    wallet.spend(hands.world, hands.user(), "order", 500, "order:1", "order:1", "ord_1")
    hands.forward(400 * DAY)
    newest = hands.head()
    assert (newest.buckets.paid, newest.buckets.lots) == (3_000, (Lot(GIVEN, 1_500, NEVER),))
    hands.paid(100, key="2")
    assert refunds.refundable(hands.world, hands.user())[1] == 100  # the first payment is too old by now
    wallet.spend(hands.world, hands.user(), "order", 4_600, "order:2", "order:2", "ord_2")
    assert hands.balance() == 0


def test_a_payment_that_was_spent_cannot_go_back_for_what_was_given_instead(hands: Hands) -> None:
    hands.paid(3_000)
    wallet.spend(hands.world, hands.user(), "order", 3_000, "order:1", "order:1", "ord_1")
    hands.makes(3_000)
    assert refunds.refundable(hands.world, hands.user())[1] == 0


def test_what_was_given_comes_back_as_given_when_its_spending_is_undone(hands: Hands) -> None:
    hands.paid(3_000).makes(2_000)
    spent = wallet.spend(hands.world, hands.user(), "order", 2_500, "order:1", "order:1", "ord_1")
    back = wallet.origin(hands.world, spent)
    wallet.compensate(hands.world, hands.user(), "guarantee", "gua_1", back, "ses_1")
    assert hands.head().buckets.lots == (Lot(GIVEN, 2_000, NEVER),)
    unknown = [(GIVEN, 100, 0)]
    hands.makes(-2_000, ref="t2")
    wallet.compensate(hands.world, hands.user(), "guarantee", "gua_2", unknown, "ses_2")
    assert hands.head().buckets.lots == (Lot(GIVEN, 100, NEVER),)


def test_what_is_owed_is_made_up_before_anything_is_for_spending(hands: Hands) -> None:
    hands.paid(-2_000).makes(2_500)
    newest = hands.head()
    assert (newest.buckets.paid, newest.buckets.lots) == (0, (Lot(GIVEN, 500, NEVER),))
    assert refunds.refundable(hands.world, hands.user())[1] == 0


def test_an_adjustment_is_no_spending_that_limits_count(hands: Hands) -> None:
    hands.paid(3_000).makes(-1_000)
    assert hands.head().spent == 0
    wallet.spend(hands.world, hands.user(), "order", 2_000, "order:1", "order:1", "ord_1")
    hands.makes(500, ref="t2")
    assert hands.head().spent == 2_000


def test_four_promotional_credits_leave_room_for_what_is_given(hands: Hands) -> None:
    now = hands.world.now()
    for number in range(4):
        grant(hands.world, hands.user(), Lot(f"pro_{number}", 100, now + DAY + number))
    hands.makes(700)
    assert hands.balance() == 1_100
    assert hands.head().buckets.full


def test_promotional_credit_is_not_taken_by_hand(hands: Hands) -> None:
    hands.paid(300).makes(200)
    grant(hands.world, hands.user(), Lot("pro_1", 1_000, hands.world.now() + DAY))
    with pytest.raises(InsufficientFunds, match="500 can be taken"):
        hands.makes(-501, ref="t2")
    hands.makes(-400, ref="t2")
    newest = hands.head()
    assert (newest.buckets.paid, newest.buckets.lots) == (100, (Lot("pro_1", 1_000, hands.world.now() + DAY),))


def test_a_frozen_wallet_is_corrected_and_stays_frozen(hands: Hands) -> None:
    hands.paid(1_000)
    wallet.freeze(hands.world, hands.user(), "admin")
    hands.makes(500)
    hands.makes(-900, ref="t2")
    assert (hands.balance(), hands.head().frozen) == (600, "admin")


def test_of_a_running_reading_what_is_due_is_charged_first_and_what_it_holds_stays() -> None:
    stage = Stage(credit=3_000).begun().beats(60)
    hands = Hands(stage.world, "").known("client")
    stage.at(61)
    with pytest.raises(InsufficientFunds, match="750 can be taken"):  # 3,000 - 2 minutes - 7 held
        hands.makes(-751, "client")
    hands.makes(-750, "client")
    assert [entry.kind for entry in stage.entries()][-2:] == ["minute", "adjusted"]
    hands.makes(100, "client", ref="t2")
    assert stage.client(finish).state == "finalized"
    assert stage.balance == 3_000 - 750 + 100 - 500


def test_who_has_left_and_who_is_unknown_are_given_nothing(hands: Hands) -> None:
    asked = hands.makes(20_000)
    hands.world.tables.write(*accounts.closing(hands.world, accounts.person(hands.world, hands.user()), "asked for"))
    with pytest.raises(InvalidState):
        hands.makes(1, ref="t2")
    with pytest.raises(InvalidState):
        hands.approves(asked)
    with pytest.raises(NotFound):
        hands.makes(1, "nobody")
    assert hands.balance() == 0


@pytest.mark.parametrize("what", ["credit", "earnings", "coins_granted", "promo"])
def test_of_a_deletion_and_what_is_given_at_once_one_comes_first(what: Any) -> None:
    tables = LeavingTables()
    hands = Hands(hand_world(tables)).known("ada", "bob")
    user = reader(hands)
    days = 7 if what == "promo" else 0
    tables.leaver = user
    with pytest.raises(InvalidState):
        hands.makes(500, what=what, days=days)
    assert statement.trial_balance(hands.world).accounts == {}
    assert hands.told() == []


@pytest.mark.parametrize("amount", [0, 1_000_001, -1_000_001])
def test_an_amount_out_of_bounds_is_refused(amount: int) -> None:
    with pytest.raises(Invalid):
        wanted("credit", "usr_1", amount, "t1")


def test_coins_and_promotional_credit_move_the_way_that_their_kind_says() -> None:
    for what, amount in (("coins_granted", -1), ("coins_withdrawn", 1), ("promo", -1)):
        with pytest.raises(Invalid):
            wanted(what, "usr_1", amount, "t1")  # type: ignore[arg-type]  # a loop over literals


# --- earnings, coins, promotional credit -----------------------------------------------------------


def reader(hands: Hands) -> str:
    user = hands.user("ada")
    person = accounts.person(hands.world, user)
    people = accounts._people(hands.world)
    hands.world.tables.write(people.replace(replace(person, role="reader"), person))
    add_reader(hands.world, user)
    return user


def test_earnings_are_held_when_given_and_never_taken_below_zero(hands: Hands) -> None:
    user = reader(hands)
    hands.makes(1_500, what="earnings")
    assert payouts.earnings_of(hands.world, user).available == 0
    hands.forward(4 * DAY)
    assert payouts.earnings_of(hands.world, user).available == 1_500
    with pytest.raises(InsufficientFunds):
        hands.makes(-1_501, what="earnings", ref="t2")
    hands.makes(-1_500, what="earnings", ref="t2")
    assert payouts.earnings_of(hands.world, user).balance == 0
    assert [facts["account"] for _, facts in hands.told()] == ["earnings", "earnings"]
    assert all(words(Notice(user, kind, facts), "UTC") for kind, facts in hands.told())


def test_who_is_no_reader_has_no_earnings(hands: Hands) -> None:
    with pytest.raises(InvalidState):
        hands.makes(1, what="earnings")


def test_coins_and_promotional_credit_count_towards_the_same_limit(hands: Hands) -> None:
    assert hands.makes(6_000, what="coins_granted").state == "posted"
    assert hands.makes(4_000, what="promo", days=7).state == "posted"
    third = hands.makes(1, what="credit")
    assert third.state == "pending"
    asked = hands.makes(20_000, what="coins_granted", ref="t2")
    lots = hands.makes(20_000, what="promo", days=7, ref="t2")
    assert (asked.state, lots.state, coins.balance(hands.world, hands.user())) == ("pending", "pending", 6_000)
    for request in (asked, lots, third):
        assert hands.approves(request).state == "posted"
    assert coins.balance(hands.world, hands.user()) == 26_000
    assert hands.balance() == 24_001
    taken = hands.makes(-11_000, what="coins_withdrawn", ref="t3")
    assert hands.approves(taken).state == "posted"
    assert coins.balance(hands.world, hands.user()) == 15_000


def test_coins_count_as_what_they_are_worth_rounded_up() -> None:
    assert wanted("coins_granted", "usr_1", 101, "t1", cents_per_100_coins=50).worth == 51
    assert wanted("coins_granted", "usr_1", 1, "t1", cents_per_100_coins=1).worth == 1


# --- codes -----------------------------------------------------------------------------------------


def offer(amount: int, total: int, **terms: Any) -> Adjustment:
    return offering(replace(Code("FRIENDS", amount, NOON + DAY, 30, 10, total, NOON), **terms))


def test_a_code_that_may_give_more_than_one_may_alone_is_no_code_before_another_approves(hands: Hands) -> None:
    wanted = offer(50_000, 10)
    asked = adjustments.make(hands.world, wanted, actor=ANN, reason="for friends")
    assert (asked.state, promos.codes(hands.world)) == ("pending", [])
    with pytest.raises(NotFound):
        promos.redeem(hands.world, hands.user(), "red_1", "FRIENDS")
    with pytest.raises(Forbidden):
        hands.approves(asked, by=ANN)
    hands.forward(HOUR)
    for _ in range(2):
        assert hands.approves(asked).state == "posted"
    (code,) = promos.codes(hands.world)
    assert (code.amount, code.total, code.created_at) == (50_000, 10, NOON + HOUR)
    said = hands.world.tables.query("audit", ("pk", "promo:FRIENDS")).items
    assert {(each["action"], each["actor"]) for each in said} == {
        ("adjustment_asked", ANN),
        ("adjustment_approved", BEA),
        ("promo_made", ANN),
    }


def test_codes_count_with_all_that_their_maker_gives_alone(hands: Hands) -> None:
    hands.makes(6_000)
    assert adjustments.make(hands.world, offer(500, 8), actor=ANN, reason="ten").state == "posted"
    second = offer(1, 1, code="SECOND")
    assert adjustments.make(hands.world, second, actor=ANN, reason="a cent").state == "pending"
    assert adjustments.make(hands.world, second, actor=BEA, reason="a cent").state == "pending"
    assert hands.makes(1, "bob", ref="t2").state == "pending"
    assert hands.makes(1, "bob", ref="t3", by=BEA).state == "posted"


def test_other_terms_are_another_request_and_of_two_for_one_name_one_is_made(hands: Hands) -> None:
    one, other = (adjustments.make(hands.world, offer(50_000, total), actor=ANN, reason="which") for total in (10, 11))
    assert one.id != other.id
    hands.approves(one)
    with pytest.raises(AlreadyDone):
        hands.approves(other)
    with pytest.raises(AlreadyDone):
        adjustments.make(hands.world, offer(1, 1), actor=BEA, reason="a small one")
    assert [code.total for code in promos.codes(hands.world)] == [10]


def test_a_code_that_would_be_over_by_now_is_not_made(hands: Hands) -> None:
    asked = adjustments.make(hands.world, offer(50_000, 10), actor=ANN, reason="late")
    hands.forward(DAY)
    with pytest.raises(Invalid):
        hands.approves(asked)
    for amount, total in ((50_001, 1), (0, 1), (1, 0)):
        with pytest.raises(Invalid):
            offer(amount, total)


def test_a_request_for_a_code_is_named_by_all_its_terms() -> None:
    terms = ("500", "8", "30", "10", str(NOON + DAY))
    assert offer(500, 8).id == derived_id("adj", "code", "FRIENDS", *terms)
    changed = ({"code": "OTHERS"}, {"days": 31}, {"per_person": 9}, {"valid_until": NOON + HOUR})
    assert len({offer(500, 8, **each).id for each in ({}, *changed)}) == 5


def test_who_must_still_be_there_and_where_the_audit_log_has_it() -> None:
    credit = wanted("credit", "usr_1", -5, "t1")
    assert (credit.receivers, credit.people, credit.subject) == (("usr_1",), ("usr_1",), "usr_1")
    code = offer(500, 8)
    assert (code.receivers, code.people, code.subject) == ((), (), "promo:FRIENDS")
    for earned, refunded, receivers in ((5, 0, ("usr_r",)), (0, 5, ("usr_c",)), (2, 3, ("usr_c", "usr_r")), (0, 0, ())):
        reading = model.division("ses_1", "usr_c", "usr_r", held=9, earned=earned, refunded=refunded)
        assert (reading.receivers, reading.subject) == (receivers, "ses_1")


# --- orders ----------------------------------------------------------------------------------------


def back_of(counter: Counter, units: int, *, shipping: bool = False, restock: bool = False) -> Adjustment:
    order = counter.order()
    return returning("adj_t1", order, planned(order, "adj_t1", {"1": units}, NOON, shipping=shipping), restock=restock)


def test_what_is_divided_of_an_order_counts_on_all_whose_money_it_is_and_goes_back_with_the_approval() -> None:
    counter = Counter(hand_world()).ready(20_000)
    made = counter.orders({"book": 9})
    assert back_of(counter, 9, shipping=True).worth == 0  # nothing is sent: it is the buyer's to call off
    counter.ships()
    wanted = back_of(counter, 9, shipping=True, restock=True)
    assert (wanted.what, wanted.amount, wanted.worth) == ("order", 8_991 + RATE, 8_991 + RATE)
    assert (wanted.people, wanted.receivers, wanted.subject) == ((counter.buyer, counter.seller), (), made.id)
    world = counter.world
    hand = adjustments.make(world, model.wanted("credit", counter.buyer, 500, "t0"), actor=BEA, reason="a gift")
    assert hand.state == "posted"
    asked = adjustments.make(world, wanted, actor=ANN, reason="a return")
    assert (asked.state, counter.order().returned) == ("pending", 0)
    for other in (back_of(counter, 8, shipping=True, restock=True), back_of(counter, 9, restock=True)):
        with pytest.raises(AlreadyDone):
            adjustments.make(world, other, actor=ANN, reason="another")
    with pytest.raises(AlreadyDone):
        adjustments.make(world, back_of(counter, 9, shipping=True), actor=ANN, reason="another")
    for _ in range(2):
        assert adjustments.approve(world, asked.id, actor=BEA, reason="seen").state == "posted"
    assert (counter.order().returned, counter.left("book")) == (8_991 + RATE, 10)
    said = world.tables.query("audit", ("pk", made.id)).items
    assert sorted((each["action"], each["actor"]) for each in said if each["actor"] != "admin") == [
        ("adjustment_approved", BEA),
        ("adjustment_asked", ANN),
        ("order_refunded", ANN),
    ]


def test_of_coins_what_they_are_worth_counts_and_a_small_return_is_done_by_one() -> None:
    counter = Counter(hand_world()).ready()
    counter.orders({"spell": 1}, "coins")
    wanted = back_of(counter, 1)
    assert (wanted.amount, wanted.worth) == (501, 501)
    assert adjustments.make(counter.world, wanted, actor=ANN, reason="a return").state == "posted"
    assert counter.order().state == "refunded"


# --- slices ----------------------------------------------------------------------------------------


def test_slices_on_one_person_count_together_whoever_makes_them(hands: Hands) -> None:
    assert hands.makes(6_000, by=ANN).state == "posted"
    assert hands.makes(-4_000, by=BEA, ref="t2").state == "posted"  # taking counts as giving does
    assert hands.makes(1, by=BEA, ref="t3").state == "pending"
    assert hands.balance() == 2_000


def test_slices_of_one_operator_count_together_whoever_gets_them(hands: Hands) -> None:
    assert hands.makes(6_000, "ada").state == "posted"
    assert hands.makes(4_001, "bob").state == "pending"
    assert hands.makes(4_000, "bob", ref="t2").state == "posted"
    assert hands.makes(1, "bob", ref="t3").state == "pending"
    assert hands.makes(1, "bob", ref="t4", by=BEA).state == "posted"


def test_a_day_later_one_may_alone_again(hands: Hands) -> None:
    hands.makes(10_000)
    hands.forward(DAY - 1)
    assert hands.makes(1, ref="t2").state == "pending"
    hands.forward(1)
    assert hands.makes(10_000, ref="t3").state == "posted"


def test_what_two_have_decided_counts_for_neither(hands: Hands) -> None:
    hands.approves(hands.makes(50_000))
    assert hands.makes(10_000, ref="t2").state == "posted"


def test_more_acts_than_are_counted_need_a_second_person() -> None:
    many = Tally(tuple((1_000, 1) for _ in range(MOST_ALONE)))
    assert too_much([many], 1, 10_000, 1_000)
    assert not too_much([many], 1, 10_000, 1_000 + DAY)


# --- two people ------------------------------------------------------------------------------------


def test_above_the_limit_nothing_moves_until_another_person_approves_and_then_once(hands: Hands) -> None:
    asked = hands.makes(10_001)
    assert (asked.state, hands.balance()) == ("pending", 0)
    assert hands.makes(10_001) == asked
    with pytest.raises(Forbidden):
        hands.approves(asked, by=ANN)
    assert hands.balance() == 0
    for by in (BEA, "arn:aws:iam::123456789012:user/carl"):
        done = hands.approves(asked, by=by)
        assert (done.state, done.asked_by, done.decided_by) == ("posted", ANN, BEA)
    assert hands.balance() == 10_001
    assert sorted(hands.audited()) == [
        ("adjusted", ANN, "ticket 7"),
        ("adjustment_approved", BEA, "seen"),
        ("adjustment_asked", ANN, "ticket 7"),
    ]


def test_what_is_rejected_is_never_done_and_who_asked_may_take_it_back(hands: Hands) -> None:
    asked = hands.makes(20_000)
    for _ in range(2):
        assert hands.rejects(asked, by=ANN).state == "rejected"
    with pytest.raises(AlreadyDone):
        hands.approves(asked)
    assert hands.makes(20_000).state == "rejected"
    done = hands.approves(hands.makes(20_000, ref="t2"))
    with pytest.raises(AlreadyDone):
        hands.rejects(done)
    assert hands.balance() == 20_000


def test_a_request_expires_after_seven_days_and_may_be_made_anew_but_not_of_another_amount(hands: Hands) -> None:
    asked = hands.makes(20_000)
    hands.forward(VALID)
    for decide in (hands.approves, hands.rejects):
        with pytest.raises(InvalidState):
            decide(asked)
    with pytest.raises(AlreadyDone):  # whoever was shown the one would approve the other by its id
        hands.makes(30_000)
    anew = hands.makes(20_000, by=BEA)
    assert (anew.id, anew.state, anew.asked_by) == (asked.id, "pending", BEA)
    listed = adjustments.adjustments(hands.world, None, None, 10)
    assert [(each.id, each.asked_by) for each in listed] == [(asked.id, BEA)]
    hands.forward(VALID - 1)
    hands.approves(anew, by=ANN)
    assert hands.balance() == 20_000


def test_what_cannot_be_done_any_more_is_refused_and_goes_on_waiting(hands: Hands) -> None:
    hands.paid(20_000)
    asked = hands.makes(-20_000)
    wallet.spend(hands.world, hands.user(), "order", 1, "order:1", "order:1", "ord_1")
    with pytest.raises(InsufficientFunds):
        hands.approves(asked)
    assert adjustments.adjustment(hands.world, asked.id).state == "pending"
    hands.paid(1, key="2").approves(asked)
    assert hands.balance() == 0


def test_they_are_listed_newest_first_by_state_and_by_person(hands: Hands) -> None:
    first = hands.makes(20_000)
    second = hands.forward(HOUR).makes(20_000, "bob")
    third = hands.forward(HOUR).makes(1, ref="t3")
    world = hands.world

    def listed(*how: Any) -> list[str]:
        return [each.id for each in adjustments.adjustments(world, *how)]

    assert listed(None, None, 10) == [third.id, second.id, first.id]
    assert listed(None, None, 2) == [third.id, second.id]
    assert listed("pending", None, 10) == [second.id, first.id]
    assert listed(None, hands.user("bob"), 10) == [second.id]
    hands.forward(VALID - 2 * HOUR)
    assert (listed("pending", None, 10), listed("expired", None, 10)) == ([second.id], [first.id])


SSO = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO"
ROLE = "arn:aws:sts::111122223333:assumed-role/Office"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (ANN, BEA, False),
        (ANN, ANN.replace("user/ann", "user/staff/Ann"), True),
        (ANN, ANN.replace("123456789012", "111122223333"), False),
        (f"{SSO}_Office_0a/ann@x.test", f"{SSO}_Office_0a/bea@x.test", False),
        (f"{SSO}_Office_0a/ann@x.test", f"{SSO}_Lead_1b/Ann@x.test", True),
        (f"{SSO}_Office_0a/ann@x.test", f"{SSO.replace('1111', '9999')}_Office_0a/ann@x.test", True),
        (f"{ROLE}/ann", f"{ROLE}/bea", True),
        (f"{ROLE}/ann", f"{ROLE}2/bea", False),
        ("arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:federated-user/ann", True),
    ],
)
def test_who_may_be_the_same_person(one: str, other: str, alike: bool) -> None:
    assert same(one, other) is same(other, one) is alike


# --- whatever is lost ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lost", range(6))
def test_a_lost_write_at_any_moment_does_it_once(lost: int, after: bool) -> None:
    tables = LosingTables(1_000, after=after)
    hands = Hands(hand_world(tables)).known("ada", "bob")
    tables.left = lost
    insisting(lambda: hands.makes(4_000))
    asked = insisting(lambda: hands.makes(20_000, "bob"))
    insisting(lambda: hands.approves(asked))
    gone = insisting(lambda: hands.makes(20_000, "bob", ref="t2"))
    insisting(lambda: hands.rejects(gone))
    insisting(lambda: adjustments.make(hands.world, offer(100, 10), actor=BEA, reason="ticket 7"))
    assert (hands.balance(), hands.balance("bob")) == (4_000, 20_000)
    assert [kind for kind, _ in hands.told("bob")] == ["adjusted"]
    assert [action for action, _, _ in hands.audited()] == ["adjusted"]
    assert hands.makes(6_001, ref="t3").state == "pending"
    assert hands.makes(6_000, ref="t4").state == "posted"
    assert len(hands.world.tables.query("audit", ("pk", "promo:FRIENDS")).items) == 1


def test_reconciliation_finds_nothing_amiss_with_what_was_given_and_taken() -> None:
    clock = HandClock()
    hands = Hands(hand_world(now=clock, payments=Connect(now=clock))).known("ada", "bob")
    hands.makes(9_500)
    hands.makes(-500, ref="t2", by=BEA)
    hands.approves(hands.makes(20_000, "bob"))
    hands.forward(3 * HOUR)
    run = reconciliation.go_on(hands.world, reconciliation.begin(hands.world).id)
    assert run.ended_at is not None
    assert (run.open, run.sums["platform:adjustments usd"]) == (0, -29_000)
