"""Product §10: reserve, transfer, mark as paid; what is refused or reversed is back in the earnings, once."""

import copy
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.operations import handlers
from chalicelib.payouts import model, payees, paying, service
from chalicelib.payouts.model import LEAST, MOST, Payout
from chalicelib.payouts.schemas import PayoutView
from tests.support.duo import assert_books_balance
from tests.support.payee import ACCOUNT, READER, Crash, Desk


def test_what_is_available_is_transferred_and_marked_as_paid(desk: Desk) -> None:
    payout = desk.ready().earned(2_000).paid_out()
    assert payout
    assert (payout.state, payout.amount, payout.transfer) == ("paid", 2_000, f"tr_{payout.id}")
    assert (desk.balance, desk.kinds()) == (0, ["payout"])
    assert desk.notices() == ["payout_paid"]
    assert [row["action"] for row in desk.tables.rows["audit"].values()] == ["payout_reserved", "payout_paid"]
    assert paying.payout_of(desk.world, payout.id) == payout


@pytest.mark.parametrize(("earned", "paid"), [(LEAST - 1, 0), (LEAST, LEAST), (LEAST + 1, LEAST + 1)])
def test_less_than_fifteen_dollars_waits(desk: Desk, earned: int, paid: int) -> None:
    payout = desk.ready().earned(earned).paid_out()
    assert (payout.amount if payout else 0) == paid


def test_nothing_is_never_paid_out() -> None:
    for least in (-1, 0):
        assert [model.payable(available, least) for available in (-1, 0, 1)] == [0, 0, 1]


def test_the_id_of_a_payout_is_made_of_the_reader_and_the_entry_before_it() -> None:
    assert model.payout_id("usr_a", 1).startswith("pay_")
    assert len({model.payout_id(reader, seq) for reader in ("usr_a", "usr_b") for seq in (1, 2)}) == 4
    assert model.payout_id("usr_a", 1) == model.payout_id("usr_a", 1)


def test_an_end_says_when_it_came_and_leaves_nothing_to_do() -> None:
    payout = Payout("pay_1", READER, ACCOUNT, 5, "reserved", 1, due_at=2)
    assert model.paid(payout, "tr_1", 3) == Payout("pay_1", READER, ACCOUNT, 5, "paid", 1, transfer="tr_1", ended_at=3)
    assert model.returned(payout, "no", 3) == Payout("pay_1", READER, ACCOUNT, 5, "returned", 1, why="no", ended_at=3)


def test_an_admin_may_pay_out_less(desk: Desk) -> None:
    desk.ready().earned(1)
    payout = paying.pay_out(desk.world, READER, least=1)
    assert payout
    assert payout.amount == 1
    assert paying.pay_out(desk.world, READER, least=0) is None
    assert desk.kinds() == ["payout"]


def test_what_one_payout_does_not_take_follows_with_the_next(desk: Desk) -> None:
    desk.ready().earned(MOST + 2_000)
    amounts = [payout.amount for _ in range(2) if (payout := desk.paid_out())]
    assert (amounts, desk.balance) == ([MOST, 2_000], 0)


def test_what_is_held_stays(desk: Desk) -> None:
    desk.ready().earned(5_000, ago=3 * DAY).earned(7_000, ago=3 * DAY - 1)
    payout = desk.paid_out()
    assert payout
    assert (payout.amount, desk.balance) == (5_000, 7_000)
    desk.clock.forward(1)
    payout = desk.paid_out()
    assert payout
    assert (payout.amount, desk.balance) == (7_000, 0)


def test_earnings_below_zero_pay_nothing_until_they_are_made_up(desk: Desk) -> None:
    desk.ready().earned(2_000).paid_out()
    desk.earned(-1_000, ago=0, kind="guarantee_returned")
    assert service.earnings_of(desk.world, READER).available == -1_000
    desk.earned(2_499, ago=0)
    desk.clock.forward(3 * DAY)
    assert desk.paid_out() is None
    desk.earned(1, ago=0)
    desk.clock.forward(3 * DAY)
    payout = desk.paid_out()
    assert payout
    assert payout.amount == 1_500


@pytest.mark.parametrize("why", ["no account", "not ready", "frozen", "suspended"])
def test_nobody_is_paid_who_may_not_be(desk: Desk, why: str) -> None:
    desk.earned(2_000)
    if why != "no account":
        desk.ready()
    if why == "not ready":
        desk.stripe.onboarded(ACCOUNT, payouts_enabled=False)
        desk.hear()
    if why == "frozen":
        paying.freeze(desk.world, actor="ops", reason="a difference")
    if why == "suspended":
        accounts.suspend(desk.world, READER, actor="ops", reason="fraud")
    assert desk.paid_out() is None
    assert (desk.balance, desk.kinds(), desk.stripe.transfers) == (2_000, [], {})


def test_a_freeze_that_comes_between_looking_and_writing_stops_the_payout(desk: Desk) -> None:
    desk.ready().earned(2_000)
    write = desk.tables.write

    def frozen_first(*operations: Any) -> None:
        desk.tables.write = write  # type: ignore[method-assign] # from now on undisturbed
        paying.freeze(desk.world, actor="ops", reason="a difference")
        write(*operations)

    desk.tables.write = frozen_first  # type: ignore[method-assign] # this once
    assert desk.paid_out() is None
    assert desk.kinds() == []


def test_what_is_reserved_waits_out_a_freeze(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["before"]
    payout = desk.paid_out()
    assert payout
    paying.freeze(desk.world, actor="ops", reason="a difference")
    paying.freeze(desk.world, actor="ops", reason="another")
    assert paying.why_frozen(desk.world) == "a difference"
    desk.clock.forward(DAY)
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "reserved"
    for _ in range(2):
        paying.unfreeze(desk.world, actor="ops", reason="explained")
    assert paying.why_frozen(desk.world) is None
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "paid"
    actions = [row["action"] for key, row in desk.tables.rows["audit"].items() if key[0] == "payouts"]
    assert actions == ["payouts_frozen", "payouts_unfrozen"]


def test_what_was_sent_before_a_backup_was_brought_back_is_not_sent_again(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.tables.fates = ["", "crash before"]
    with pytest.raises(Crash):
        desk.paid_out()
    (payout,), _ = paying.payouts_of(desk.world, READER, 10, None)
    copied = copy.deepcopy(desk.tables.rows)  # between reserving it and calling Stripe
    assert (payout.tries, paying.advance(desk.world, payout.id).state) == (0, "paid")
    desk.tables.rows = copied
    desk.clock.forward(2 * DAY)
    desk.stripe.kept.clear()  # Stripe has forgotten the key
    assert paying.advance(desk.world, payout.id).state == "paid"
    assert (desk.stripe.doubled, desk.balance) == ([], 0)


def test_a_freeze_that_comes_between_looking_and_sending_holds_what_is_reserved(desk: Desk) -> None:
    payout = reserved(desk)
    write = desk.tables.write

    def frozen_first(*operations: Any) -> None:
        desk.tables.write = write  # type: ignore[method-assign] # from now on undisturbed
        paying.freeze(desk.world, actor="ops", reason="a difference")
        write(*operations)

    desk.tables.write = frozen_first  # type: ignore[method-assign] # this once
    assert paying.advance(desk.world, payout.id).state == "reserved"
    assert desk.stripe.transfers == {}


def test_what_is_reserved_for_who_is_suspended_waits_until_they_are_not(desk: Desk) -> None:
    payout = reserved(desk)
    accounts.suspend(desk.world, READER, actor="ops", reason="fraud")
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "reserved"
    assert desk.stripe.transfers == {}
    accounts.reinstate(desk.world, READER, actor="ops", reason="cleared")
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "paid"


def reserved(desk: Desk) -> Payout:
    """A payout that Stripe did not answer for, an hour ago."""
    desk.ready().earned(2_000)
    desk.stripe.failures = ["before"]
    payout = desk.paid_out()
    assert payout
    desk.clock.forward(HOUR)
    return payout


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_answer_that_was_lost_is_found_and_nothing_is_transferred_twice(desk: Desk, lost: str) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = [lost]
    payout = desk.paid_out()
    assert payout
    assert (payout.state, payout.tries) == ("reserved", 1)
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).tries == 1, "it is not due yet"
    desk.clock.forward(MINUTE)
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "paid"
    assert (desk.balance, desk.kinds(), len(desk.stripe.transfers)) == (0, ["payout"], 1)
    assert desk.stripe.calls.count("transfer") == (2 if lost == "before" else 1)


def test_an_account_that_is_lost_is_refused_once_and_not_every_day_anew(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["account_invalid", "account_invalid"]  # the transfer, and the look at the account
    payout = desk.paid_out()
    assert payout
    assert (payout.state, payout.why) == ("returned", "account_invalid")
    assert payees.account_of(desk.world, READER) == payees.rows_of(desk.world).payee(READER)
    desk.clock.forward(DAY)
    assert desk.paid_out() is None
    assert desk.notices() == ["payout_returned", "payout_account_restricted"]


def test_a_refused_payout_is_returned_also_while_the_account_cannot_be_read(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["account_invalid", "before"]
    payout = desk.paid_out()
    assert payout
    assert (payout.state, desk.balance) == ("returned", 2_000)


def test_a_reader_is_not_told_how_our_own_balance_stands(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["balance_insufficient"]
    payout = desk.paid_out()
    assert payout
    assert (payout.why, PayoutView.of(payout).why) == ("balance_insufficient", "unavailable")
    assert PayoutView.of(replace(payout, why="account_closed")).why == "account_closed"


def test_a_reservation_that_storage_did_not_confirm_is_found_and_sent(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.tables.fates = ["lost after"]
    payout = desk.paid_out()
    assert payout
    assert (payout.state, desk.kinds()) == ("paid", ["payout"])


def test_reversals_are_taken_in_their_order_and_what_is_none_is_left_out() -> None:
    good = [{"id": "trr_b", "amount": 5, "created": 1}, {"id": "trr_a", "amount": 7, "created": 2}]
    strange: list[Any] = [
        {"id": "trr_c", "amount": -1, "created": 3},
        {"id": "trr_c", "amount": 1, "created": -3},
        {"id": "trr_c", "amount": True, "created": 3},
        {"id": "trr_c", "amount": 1},
        {"id": "trr c", "amount": 1, "created": 3},
        {"amount": 1, "created": 3},
        "trr_c",
    ]
    assert [each.id for each in model.reversals([*good[::-1], *strange, *good])] == ["trr_b", "trr_a"]
    assert model.reversals(None) == model.reversals({}) == []


def test_waits_between_tries_grow_to_an_hour(desk: Desk) -> None:
    payout = Payout("pay_1", READER, ACCOUNT, 1, "reserved", 0)
    waits = []
    for _ in range(9):
        payout = model.tried(payout, 0)
        waits.append(payout.due_at)
    assert waits == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 32 * MINUTE, HOUR, HOUR, HOUR]


@pytest.mark.parametrize(("code", "told"), [("account_invalid", ["payout_returned"]), ("balance_insufficient", [])])
def test_a_refusal_returns_the_money_at_once_and_says_why(desk: Desk, code: str, told: list[str]) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = [code]
    payout = desk.paid_out()
    assert payout
    assert (payout.state, payout.why) == ("returned", code)
    assert (desk.balance, desk.kinds(), desk.notices()) == (2_000, ["payout", "payout_returned"], told)
    assert service.earnings_of(desk.world, READER).available == 2_000, "it was held before"
    again = desk.paid_out()
    assert again
    assert again.id != payout.id
    assert (again.state, desk.balance) == ("paid", 0)


def test_a_refusal_after_a_lost_answer_that_did_it_is_not_believed(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["after"]
    payout = desk.paid_out()
    assert payout
    desk.clock.forward(2 * DAY)
    desk.stripe.failures = ["", "resource_missing"]
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "paid"


def test_the_transfers_own_event_is_enough_to_know_that_it_was_made(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["after"]
    payout = desk.paid_out()
    assert payout
    desk.hear()
    stored = paying.payout_of(desk.world, payout.id)
    assert (stored.state, stored.transfer, stored.due_at) == ("paid", f"tr_{payout.id}", None)
    desk.clock.forward(HOUR)
    desk.tick()
    assert desk.stripe.calls.count("transfer") == 1
    assert desk.notices() == ["payout_paid"]


def made(desk: Desk, cents: int = 2_000) -> Payout:
    payout = desk.ready().earned(cents).paid_out()
    assert payout
    desk.hear()
    return payout


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 1_999},
        {"currency": "eur"},
        {"destination": "acct_other"},
        {"id": "tr_other"},
        {"id": None},
        {"amount_reversed": 2_001},
        {"amount_reversed": -1},
        {"amount_reversed": "500"},
        {"metadata": {"payout": "pay_other"}},
        {"metadata": None},
        {"metadata": {"payout": 7}},
    ],
)
def test_a_transfer_that_we_did_not_ask_for_moves_nothing(desk: Desk, other: dict[str, Any]) -> None:
    payout = made(desk)
    transfer = desk.stripe.transfers[payout.id] | {"amount_reversed": 500} | other
    desk.tell(desk.stripe.tell("transfer.reversed", transfer))
    assert (desk.balance, paying.payout_of(desk.world, payout.id)) == (0, payout)
    assert {"no payout of ours", "not what our record says"} & set(desk.stored())


def test_a_transfer_without_a_name_is_not_the_one_that_was_asked_for(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["after"]
    payout = desk.paid_out()
    assert payout
    for name in (None, "", 7, "x" * 65):
        desk.tell(desk.stripe.tell("transfer.created", desk.stripe.transfers[payout.id] | {"id": name}))
    assert paying.payout_of(desk.world, payout.id).state == "reserved"


def test_a_transfer_that_says_nothing_of_reversals_has_none(desk: Desk) -> None:
    payout = made(desk)
    transfer = desk.stripe.transfers[payout.id].copy()
    del transfer["amount_reversed"]
    desk.tell(desk.stripe.tell("transfer.updated", transfer))
    assert desk.stored().count("paid") == 2


def test_a_transfer_of_a_payout_that_was_returned_is_for_a_person_to_look_at(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["account_invalid"]
    payout = desk.paid_out()
    assert payout
    transfer = {"id": "tr_1", "amount": 2_000, "currency": "usd", "destination": ACCOUNT}
    desk.tell(desk.stripe.tell("transfer.created", transfer | {"metadata": {"payout": payout.id}}))
    assert "a payout that was returned" in desk.stored()
    assert desk.balance == 2_000


def test_each_reversal_comes_back_once_in_whatever_order_it_is_told(desk: Desk) -> None:
    payout = made(desk)
    desk.stripe.reverse(payout.id, 300)
    desk.stripe.reverse(payout.id, 700)
    for event in reversed(desk.stripe.events):
        desk.tell(event)
    for event in desk.stripe.events:
        desk.tell(event)
    assert desk.kinds() == ["payout", "payout_reversed", "payout_reversed"]
    assert (desk.balance, paying.payout_of(desk.world, payout.id).reversed) == (1_000, 1_000)
    assert service.earnings_of(desk.world, READER).available == 1_000
    assert_books_balance(desk.world)


def test_reversals_that_the_event_does_not_hold_are_listed(desk: Desk) -> None:
    payout = made(desk)
    for _ in range(3):
        desk.stripe.reverse(payout.id, 100, telling=1)
    desk.tell(desk.stripe.events[-1])
    assert (desk.balance, desk.stripe.calls.count("reversals")) == (300, 1)
    desk.hear()
    assert desk.balance == 300


def test_a_reversal_that_is_listed_twice_comes_back_once(desk: Desk) -> None:
    payout = desk.ready().earned(2_000).paid_out()
    assert payout
    desk.stripe.reverse(payout.id, 500)
    transfer = desk.stripe.events[-1]["data"]["object"]
    transfer["reversals"]["data"] *= 2
    desk.hear()
    assert (desk.balance, desk.kinds()) == (500, ["payout", "payout_reversed"])


def test_reversals_that_stripe_does_not_list_are_for_a_person_and_come_with_the_next(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    payout = desk.ready().earned(2_000).paid_out()
    assert payout
    desk.hear()
    desk.stripe.reverse(payout.id, 500, telling=0)
    desk.stripe.failures = ["resource_missing"]
    desk.hear()
    assert "reversals not listed: resource_missing" in desk.stored()
    assert '"stripe_event_unexpected"' in capsys.readouterr().out
    assert desk.balance == 0
    desk.stripe.reverse(payout.id, 300, telling=0)
    desk.hear()
    assert (desk.balance, desk.kinds()) == (800, ["payout", "payout_reversed", "payout_reversed"])


def test_a_reversal_told_before_its_transfer_was_known_counts(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.stripe.failures = ["after"]
    payout = desk.paid_out()
    assert payout
    desk.stripe.reverse(payout.id, 2_000)
    desk.tell(desk.stripe.events[-1])
    assert paying.payout_of(desk.world, payout.id).state == "paid"
    desk.hear()
    assert (desk.balance, desk.kinds()) == (2_000, ["payout", "payout_reversed"])


def test_many_reversals_are_posted_over_several_transactions(desk: Desk) -> None:
    payout = made(desk)
    for _ in range(90):
        desk.stripe.reverse(payout.id, 1)
    desk.tell(desk.stripe.events[-1])
    assert (desk.balance, len(desk.kinds())) == (90, 91)


def test_a_turn_pays_and_waits_for_the_next_days_run(desk: Desk) -> None:
    desk.ready().earned(2_000)
    first = next(iter(due_payees(desk, at=desk.clock.now + 2 * DAY)))
    assert first == READER
    desk.clock.forward(DAY)
    assert due_payees(desk) == [READER]
    for _ in range(2):
        paying.take_turn(desk.world, READER)
    assert due_payees(desk) == []
    assert desk.kinds() == ["payout"]
    assert due_payees(desk, at=desk.clock.now + DAY) == [READER]


def due_payees(desk: Desk, at: int | None = None) -> list[str]:
    now, desk.clock.now = desk.clock.now, at or desk.clock.now
    found = [
        reader
        for shard in range(desk.world.settings.tick_shards)
        for reader, _ in paying.page_of_shard(desk.world, "payee", str(shard), 100, None)[0]
    ]
    desk.clock.now = now
    return found


@pytest.mark.parametrize(
    ("now", "run"), [(0, 6 * HOUR), (6 * HOUR - 1, 6 * HOUR), (6 * HOUR, DAY + 6 * HOUR), (DAY, DAY + 6 * HOUR)]
)
def test_the_daily_run_is_at_six_utc(now: int, run: int) -> None:
    assert model.next_run(now) == run


def test_everybody_with_an_account_is_found_for_the_command_line(desk: Desk) -> None:
    desk.ready()
    assert list(paying.everybody(desk.world)) == [READER]


def test_what_does_not_exist_cannot_be_brought_on(desk: Desk) -> None:
    for look in (paying.advance, paying.payout_of):
        with pytest.raises(NotFound):
            look(desk.world, "pay_nothing")


def test_payouts_are_listed_newest_first_over_pages(desk: Desk) -> None:
    desk.ready()
    made_now = []
    for _ in range(3):
        desk.earned(2_000, ago=0)
        desk.clock.forward(3 * DAY)
        payout = desk.paid_out()
        assert payout
        made_now.append(payout.id)
    first, following = paying.payouts_of(desk.world, READER, 2, None)
    rest, end = paying.payouts_of(desk.world, READER, 2, following)
    assert [each.id for each in (*first, *rest)] == made_now[::-1]
    assert end is None


def test_the_minute_tick_takes_turns_and_brings_payouts_on(desk: Desk) -> None:
    desk.ready().earned(2_000)
    desk.clock.forward(DAY)
    desk.stripe.failures = ["before"]
    tick(desk)
    assert desk.kinds() == ["payout"]
    assert desk.stripe.transfers == {}
    desk.clock.forward(MINUTE)
    tick(desk)
    assert [each["amount"] for each in desk.stripe.transfers.values()] == [2_000]


class Long:
    """A function with all the time in the world."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10**6


def tick(desk: Desk) -> None:
    for shard in range(desk.world.settings.tick_shards):
        told = handlers.work(desk.world, {"shard": str(shard)}, Long, lambda facts: None)
        assert told["failed"] == 0


def test_the_next_payout_is_what_will_be_available_at_the_readers_turn(desk: Desk) -> None:
    desk.earned(2_000)
    assert paying.next_payout(desk.world, READER) is None  # no account
    desk.ready()
    payee = payees.payee_of(desk.world, READER)
    assert payee
    turn = payee.due_at
    assert turn is not None
    hold = desk.world.settings.rules.earnings_hold
    desk.earned(300, ago=hold - (turn - desk.clock.now))  # just available then
    desk.earned(50, ago=0)  # still held then
    assert paying.next_payout(desk.world, READER) == (turn, 2_300)
    assert paying.would_pay(desk.world, READER) == 2_000


def test_there_is_no_next_payout_of_too_little_nor_while_payouts_are_stopped(desk: Desk) -> None:
    desk.ready().earned(1_499)
    assert paying.next_payout(desk.world, READER) is None
    desk.earned(1)
    assert paying.next_payout(desk.world, READER)
    paying.freeze(desk.world, actor="arn:ops", reason="because")
    assert paying.next_payout(desk.world, READER) is None
