"""The meter's decisions, one entry at a time: what is due, and what a change of the session writes."""

from dataclasses import replace

import pytest

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Buckets, Lot
from chalicelib.wallet.model.chain import Draft, Entry, Fact, Run, follow, genesis
from chalicelib.wallet.model.meter import Close, Resume, Stand, Start
from tests.support.worlds import NOON

RULES = Rules()
RATE = 100


def after(head: Entry, draft: Draft | None, now: int) -> Entry:
    assert draft is not None
    return follow(head, draft, now)


def wallet(paid: int, *lots: Lot) -> Entry:
    head = after(genesis("credit:usr_1"), Draft("topup", paid, "stripe:payments", "top", Buckets(paid)), NOON)
    for lot in lots:
        head = after(head, meter.grant(head, lot, lot.id), NOON)
    return head


def started(head: Entry, most: int = 180) -> Entry:
    return after(head, meter.apply(head, Start("ses_1", 2, RATE, most), (), NOON, RULES), NOON)


def charged(head: Entry, now: int, before: int | None = None) -> list[Entry]:
    """Every entry that is due by ``now``, in order."""
    posted = []
    while draft := meter.due(head, now, RULES, before):
        head = follow(head, draft, now)
        posted.append(head)
    return posted


def at(seconds: float) -> int:
    return NOON + round(seconds * 1000)


# --- due


def test_nothing_is_due_without_a_meter() -> None:
    assert charged(wallet(500), at(9_999)) == []


def test_minutes_are_due_one_by_one_when_they_begin() -> None:
    entries = charged(started(wallet(1_000)), at(180))
    assert [(entry.minute, entry.amount, entry.balance) for entry in entries] == [
        (2, -100, 800),
        (3, -100, 700),
        (4, -100, 600),
    ]
    assert all(entry.counter == "session:ses_1" for entry in entries)


def test_a_charge_is_the_next_minute_only() -> None:
    head = started(wallet(1_000))
    (second,) = charged(head, at(60))
    assert second.meter is not None
    assert second.meter.minute == 2
    assert charged(second, at(60)) == []


def test_a_minute_that_cannot_be_paid_is_not_due_until_credit_comes() -> None:
    head = started(wallet(150))
    assert charged(head, at(500)) == []
    richer = after(head, meter.receive(head, "topup", 50, "stripe:payments", "top_2"), at(500))
    assert [entry.minute for entry in charged(richer, at(500))] == [2]


def test_a_minute_that_begins_at_the_stop_or_later_is_not_owed() -> None:
    head = started(wallet(1_000))
    assert [entry.minute for entry in charged(head, at(300), before=at(120))] == [2]
    assert [entry.minute for entry in charged(head, at(300), before=at(120.001))] == [2, 3]


def test_no_minute_beyond_the_last_one_is_ever_charged() -> None:
    assert [entry.minute for entry in charged(started(wallet(1_000), most=3), at(9_000))] == [2, 3]


@pytest.mark.parametrize(
    ("expires", "kinds"),
    [
        (59, ["promo_expired", "minute"]),
        (60, ["promo_expired", "minute"]),
        (61, ["minute", "promo_expired", "minute"]),
        (119, ["minute", "promo_expired", "minute"]),
        (121, ["minute", "minute", "promo_expired"]),
    ],
)
def test_a_lot_counts_for_a_minute_that_begins_before_its_expiry_however_late_it_is_noticed(
    expires: float, kinds: list[str]
) -> None:
    head = started(wallet(1_000, Lot("pro_1", 450, at(expires))))
    entries = charged(head, at(130))
    now_due = [entry.kind for entry in entries]
    assert now_due[: len(kinds)] == kinds
    expected = 450 - 100 * (1 + kinds[: kinds.index("promo_expired")].count("minute"))
    assert next(entry.amount for entry in entries if entry.kind == "promo_expired") == -expected


def test_a_lot_expires_though_a_minute_before_its_expiry_cannot_be_paid() -> None:
    head = started(wallet(0, Lot("pro_1", 150, at(70))))
    assert charged(head, at(69.999)) == []
    assert [(entry.kind, entry.amount) for entry in charged(head, at(70))] == [("promo_expired", -50)]


def test_what_is_left_of_an_expired_lot_goes_back_to_the_platform() -> None:
    (expired,) = charged(wallet(0, Lot("pro_1", 70, at(10))), at(10))
    assert (expired.kind, expired.amount, expired.counter, expired.balance) == (
        "promo_expired",
        -70,
        "platform:promo",
        0,
    )


def test_every_lot_expires_in_its_own_entry() -> None:
    lots = [Lot(f"pro_{number}", 10, at(number)) for number in (3, 1, 2)]
    assert [entry.reference for entry in charged(wallet(0, *lots), at(3))] == ["pro_1", "pro_2", "pro_3"]


# --- starting and resuming


def test_a_start_pays_minute_1() -> None:
    head = started(wallet(250))
    assert (head.kind, head.minute, head.amount, head.split) == ("meter_started", 1, -100, (("paid", 100),))
    assert head.meter is not None
    assert head.meter.run is not None
    assert (head.meter.minute, head.meter.run.since) == (1, NOON)


@pytest.mark.parametrize("paid", [0, 99])
def test_a_start_that_cannot_be_paid_writes_nothing(paid: int) -> None:
    assert meter.apply(wallet(paid), Start("ses_1", 1, RATE, 180), (), NOON, RULES) is None


def test_a_start_pays_with_what_counts_at_its_own_moment() -> None:
    head = wallet(0, Lot("pro_1", 100, at(90)))
    assert meter.apply(head, Start("ses_1", 1, RATE, 180), (), at(89.999), RULES) is not None
    assert meter.apply(head, Start("ses_1", 1, RATE, 180), (), at(90), RULES) is None


def test_where_no_minute_may_begin_any_more_nothing_starts_or_resumes() -> None:
    head = wallet(1_000)
    assert meter.apply(head, Start("ses_1", 1, RATE, 0), (), NOON, RULES) is None
    standing = cut(Stand(at(60)), at(60), talk(59))
    assert meter.apply(standing, Resume(4, 1), (), at(60), RULES) is None
    assert meter.apply(standing, Resume(4, 2), (), at(60), RULES) is not None


def test_a_frozen_wallet_starts_and_resumes_nothing() -> None:
    head = wallet(1_000)
    frozen = after(head, meter.freeze(head, "dispute", NOON, RULES), NOON)
    assert meter.apply(frozen, Start("ses_1", 1, RATE, 180), (), NOON, RULES) is None

    standing = after(started(head), meter.apply(started(head), Stand(at(20)), (), at(20), RULES), at(20))
    frozen = after(standing, meter.freeze(standing, "dispute", at(30), RULES), at(30))
    assert meter.apply(frozen, Resume(4, 180), (), at(30), RULES) is None


def test_one_wallet_has_one_meter() -> None:
    with pytest.raises(ValueError, match=r"^a meter is open$"):
        meter.apply(started(wallet(1_000)), Start("ses_2", 1, RATE, 180), (), at(1), RULES)


def test_what_runs_cannot_be_resumed() -> None:
    with pytest.raises(ValueError, match=r"^no standing meter$"):
        meter.apply(started(wallet(1_000)), Resume(3, 180), (), at(1), RULES)


def test_what_is_not_open_cannot_be_resumed() -> None:
    with pytest.raises(ValueError, match=r"^no standing meter$"):
        meter.apply(wallet(1_000), Resume(3, 180), (), at(1), RULES)


def test_what_is_not_open_cannot_be_stopped() -> None:
    with pytest.raises(ValueError, match=r"^no meter to stop$"):
        meter.apply(wallet(1_000), Close(at(1), refund=True), (), at(1), RULES)


def test_a_resume_uses_the_paid_seconds_first_and_takes_the_limit_anew() -> None:
    head = started(wallet(1_000))
    standing = after(head, meter.apply(head, Stand(at(20)), (head,), at(20), RULES), at(20))
    resumed = after(standing, meter.apply(standing, Resume(4, 7), (), at(50), RULES), at(50))
    assert (resumed.kind, resumed.amount, resumed.counter, resumed.reference) == ("meter_resumed", 0, "", "ses_1")
    assert resumed.meter is not None
    assert (resumed.meter.epoch, resumed.meter.max_minutes) == (4, 7)
    assert charged(resumed, at(89.999)) == []
    assert [entry.minute for entry in charged(resumed, at(90))] == [2]


def test_a_resume_without_a_paid_second_pays_the_next_minute_with_what_counts_at_its_own_moment() -> None:
    standing = cut(Stand(at(60)), at(60), talk(59, wallet(0, Lot("pro_1", 200, at(90)))))
    resume = Resume(4, 180)
    paid = after(standing, meter.apply(standing, resume, (), at(89), RULES), at(89))
    assert (paid.kind, paid.minute, paid.split) == ("meter_resumed", 2, (("pro_1", 100),))
    assert meter.apply(standing, resume, (), at(90), RULES) is None


def test_by_a_clock_behind_the_wallet_a_meter_runs_from_its_newest_entry() -> None:
    rich = after(wallet(100), meter.receive(wallet(100), "topup", 100, "stripe:payments", "top_2"), at(5))
    begun = after(rich, meter.apply(rich, Start("ses_1", 2, RATE, 180), (), at(3), RULES), at(3))
    assert begun.meter is not None
    assert begun.meter.run == Run(at(5))
    stood = after(begun, meter.apply(begun, Stand(at(15)), (), at(15), RULES), at(15))
    resumed = after(stood, meter.apply(stood, Resume(3, 180), (), at(10), RULES), at(10))
    assert resumed.meter is not None
    assert resumed.meter.run == Run(at(15))


def test_by_a_clock_behind_the_wallet_a_lot_counts_as_it_does_at_the_newest_entry() -> None:
    lot = Lot("pro_1", 200, at(60))
    standing = cut(Stand(at(60)), at(60), talk(59, wallet(0, lot)))
    assert meter.apply(standing, Resume(3, 180), (), at(59), RULES) is None
    late = after(wallet(0, lot), meter.receive(wallet(0, lot), "topup", 1, "stripe:payments", "top_2"), at(60))
    assert meter.apply(late, Start("ses_1", 2, RATE, 180), (), at(59), RULES) is None


# --- standing and closing


def cut(change: Stand | Close, at_: int, chain: list[Entry]) -> Entry:
    """The chain after ``change``, written at ``at_``."""
    head = chain[-1]
    wanted = meter.minutes_cut(head, change, RULES)
    entries = [entry for entry in chain if entry.minute in wanted]
    return after(head, meter.apply(head, change, entries, at_, RULES), at_)


def talk(seconds: float, head: Entry | None = None) -> list[Entry]:
    first = started(head or wallet(1_000))
    return [first, *charged(first, at(seconds))]


def test_standing_writes_no_money_where_no_minute_is_taken_back() -> None:
    stood = cut(Stand(at(70)), at(70), talk(70))
    assert (stood.kind, stood.amount, stood.kept, stood.counter) == ("meter_stood", 0, None, "")
    assert stood.meter is not None
    assert (stood.meter.minute, stood.meter.connected_before, stood.meter.run) == (2, 70_000, None)


@pytest.mark.parametrize(
    ("effective", "kept", "back"), [(240, 4, 100), (180, 3, 200), (179.999, 3, 200), (61, 2, 300), (0, 0, 500)]
)
def test_standing_in_the_past_takes_back_the_minutes_that_had_not_begun(effective: float, kept: int, back: int) -> None:
    stood = cut(Stand(at(effective)), at(250), talk(250))  # 5 minutes were charged
    assert (stood.amount, stood.kept) == (back, kept)
    assert stood.counter == "session:ses_1"
    assert stood.meter is not None
    assert (stood.meter.minute, stood.meter.connected_before) == (kept, round(effective * 1000))


def test_a_minute_that_was_taken_back_is_charged_again_at_its_own_time() -> None:
    stood = cut(Stand(at(30)), at(100), talk(100))
    resumed = after(stood, meter.apply(stood, Resume(4, 180), (), at(200), RULES), at(200))
    assert charged(resumed, at(229.999)) == []
    assert [entry.minute for entry in charged(resumed, at(230))] == [2]


@pytest.mark.parametrize(("effective", "refund"), [(20, 67), (60, 0), (60.001, 100), (119.999, 1)])
def test_closing_gives_back_the_unused_rest_rounded_up(effective: float, refund: int) -> None:
    closed = cut(Close(at(effective), refund=True), at(effective), talk(effective))
    assert (closed.kind, closed.refund, closed.meter) == ("meter_closed", refund, None)


def test_closing_without_a_refund_keeps_the_rest() -> None:
    assert cut(Close(at(20), refund=False), at(20), talk(20)).amount == 0


def test_a_minute_begun_before_the_stop_must_have_been_charged() -> None:
    with pytest.raises(ValueError, match=r"^a minute begun before the stop is not charged yet$"):
        cut(Stand(at(70)), at(70), [started(wallet(1_000))])


def test_only_the_entries_that_a_change_needs_are_asked_for() -> None:
    head = talk(250)[-1]
    assert list(meter.minutes_cut(head, Stand(at(250)), RULES)) == []
    assert list(meter.minutes_cut(head, Stand(at(100)), RULES)) == [3, 4, 5]
    assert list(meter.minutes_cut(head, Close(at(100), refund=True), RULES)) == [2, 3, 4, 5]
    assert list(meter.minutes_cut(head, Close(at(120), refund=True), RULES)) == [3, 4, 5]
    assert list(meter.minutes_cut(head, Close(at(250), refund=False), RULES)) == []
    assert list(meter.minutes_cut(head, Start("ses_2", 1, 1, 1), RULES)) == []
    assert list(meter.minutes_cut(wallet(1_000), Stand(at(1)), RULES)) == []


@pytest.mark.parametrize("clock", [70, 20])
def test_a_refund_to_an_emptied_lot_finds_its_slot_and_revives_it_by_a_clock_behind_the_wallet_too(
    clock: float,
) -> None:
    chain = talk(70, wallet(100, Lot("pro_1", 100, at(30))))
    closed = cut(Close(at(10), refund=True), at(clock), chain)
    assert closed.buckets == Buckets(100, (Lot("pro_1", 84, at(70) + 7 * DAY),))  # 83.33


# --- promotional credit


def test_a_grant_comes_from_the_platform_under_its_own_reference() -> None:
    head = wallet(0)
    granted = after(head, meter.grant(head, Lot("pro_1", 70, at(9)), "welcome"), at(1))
    assert (granted.kind, granted.amount, granted.counter, granted.reference) == (
        "promo_granted",
        70,
        "platform:promo",
        "welcome",
    )


def test_what_an_earlier_spending_took_comes_back_under_its_fact_and_leaves_meter_and_freeze_alone() -> None:
    head = after(started(wallet(500)), meter.freeze(started(wallet(500)), "dispute", at(1), RULES), at(1))
    parts = (("paid", 30, 0), ("pro_1", 20, at(9)), ("pro_2", 5, at(1)))
    back = after(head, meter.take_back(head, "booking_refund", parts, "escrow:bok_1", "bok_1", at(2)), at(2))
    assert back.fact == Fact("booking_refund", 55, "escrow:bok_1", "bok_1")
    assert back.buckets == Buckets(430, (Lot("pro_1", 20, at(9)), Lot("pro_2", 5, at(2) + 7 * DAY)))
    assert (back.meter, back.frozen) == (head.meter, "dispute")


def test_a_lot_that_comes_back_is_judged_by_the_newest_moment_of_the_chain() -> None:
    head = after(wallet(0), Draft("topup", 1, "stripe:payments", "late", Buckets(1)), at(10))
    back = meter.take_back(head, "booking_refund", (("pro_1", 20, at(9)),), "escrow:bok_1", "bok_1", at(8))
    assert back.buckets.lots == (Lot("pro_1", 20, at(10) + 7 * DAY),)


# --- the hold


@pytest.mark.parametrize(("most", "held"), [(180, 700), (8, 700), (7, 600), (1, 0)])
def test_seven_minutes_are_held_or_as_many_as_can_still_come(most: int, held: int) -> None:
    assert meter.held(started(wallet(10_000), most), RULES) == held


def test_nothing_is_held_without_a_running_meter() -> None:
    head = started(wallet(1_000))
    assert meter.held(wallet(1_000), RULES) == 0
    assert meter.held(cut(Stand(at(1)), at(1), [head]), RULES) == 0
    frozen = after(head, meter.freeze(head, "dispute", at(1), RULES), at(1))
    assert meter.held(frozen, RULES) == 0


def test_other_spending_takes_what_is_not_held_promotional_credit_first() -> None:
    head = started(wallet(1_000, Lot("pro_1", 150, at(999))))
    draft = meter.spend(head, "order", 350, "platform:shop", "ord_1", at(1), RULES)
    assert draft is not None
    assert draft.split == (("pro_1", 50), ("paid", 300))
    assert meter.spend(head, "order", 351, "platform:shop", "ord_1", at(1), RULES) is None


def test_a_limit_that_is_used_up_leaves_promotional_credit_to_be_spent() -> None:
    head = replace(wallet(500, Lot("pro_1", 400, at(60))), spent=500)
    for ceiling, paid in ((499, 0), (500, 0), (501, 1), (1_001, 500)):
        assert meter.purse(head, ceiling) == replace(head.buckets, paid=paid)


def test_it_is_the_limit_that_refuses_what_it_leaves_and_promotional_credit_together_do_not_cover() -> None:
    head = replace(wallet(500, Lot("pro_1", 400, at(60))), spent=500)
    for ceiling in (500, 499):  # used up, and lowered below what was spent
        assert not meter.limited(head, ceiling, 400, NOON)
        assert meter.limited(head, ceiling, 401, NOON)
    assert not meter.limited(head, 501, 401, NOON)


def test_what_a_person_sets_is_an_entry_that_moves_no_money() -> None:
    head = wallet(500)
    assert after(head, meter.limit(head, 300, bounded=True), NOON).fact == Fact("limits_set", 0, "", "")
    assert after(head, meter.refill(head, 300, "usr_1"), NOON).fact == Fact("recharge_set", 0, "", "usr_1")


def test_a_frozen_wallet_spends_nothing() -> None:
    head = wallet(1_000)
    frozen = after(head, meter.freeze(head, "dispute", at(1), RULES), at(1))
    assert meter.spend(frozen, "order", 1, "platform:shop", "ord_1", at(2), RULES) is None


# --- freezing


def test_a_freeze_and_its_lifting_move_no_money_and_name_their_cause() -> None:
    head = wallet(1_000)
    frozen = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    freed = after(frozen, meter.unfreeze(frozen, "won"), at(30))
    assert [(entry.kind, entry.amount, entry.counter, entry.reference) for entry in (frozen, freed)] == [
        ("freeze", 0, "", "dispute"),
        ("unfreeze", 0, "", "won"),
    ]


def test_a_freeze_stands_the_meter_with_moment_and_reason() -> None:
    head = started(wallet(1_000))
    frozen = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    assert frozen.frozen == "dispute"
    assert frozen.meter is not None
    assert frozen.meter.run is not None
    assert (frozen.meter.run.until, frozen.meter.run.reason) == (at(20), "frozen")
    assert charged(frozen, at(500)) == []


@pytest.mark.parametrize(
    ("moment", "until", "why"), [(59, 59, "frozen"), (60, 60, "low_balance"), (90, 60, "low_balance")]
)
def test_a_freeze_after_the_run_out_stands_the_meter_at_that_boundary(moment: float, until: float, why: str) -> None:
    head = started(wallet(100))
    frozen = after(head, meter.freeze(head, "dispute", at(moment), RULES), at(moment))
    assert frozen.meter is not None
    assert frozen.meter.run is not None
    assert (frozen.meter.run.until, frozen.meter.run.reason) == (at(until), why)


def test_a_freeze_after_a_lot_ran_out_before_the_boundary_stands_the_meter_there() -> None:
    head = started(wallet(99, Lot("pro_1", 200, at(60))))
    frozen = after(head, meter.freeze(head, "dispute", at(90), RULES), at(90))
    assert frozen.meter is not None
    assert frozen.meter.run == Run(NOON, at(60), "low_balance")


def test_a_freeze_in_a_minute_that_can_be_paid_stands_the_meter_now() -> None:
    head = started(wallet(200))
    frozen = after(head, meter.freeze(head, "dispute", at(60), RULES), at(60))
    assert frozen.meter is not None
    assert frozen.meter.run == Run(NOON, at(60), "frozen")


def test_a_freeze_in_the_last_minute_of_the_reading_stands_the_meter_now() -> None:
    head = started(wallet(100), most=1)
    frozen = after(head, meter.freeze(head, "dispute", at(90), RULES), at(90))
    assert frozen.meter is not None
    assert frozen.meter.run == Run(NOON, at(90), "frozen")


def test_a_freeze_stands_no_meter_before_it_ran() -> None:
    head = started(wallet(1_000))
    frozen = after(head, meter.freeze(head, "dispute", at(-5), RULES), at(-5))
    assert frozen.meter is not None
    assert frozen.meter.run == Run(NOON, NOON, "frozen")


def test_a_minute_that_began_before_a_freeze_is_due_all_the_same() -> None:
    head = started(wallet(1_000))
    frozen = after(head, meter.freeze(head, "dispute", at(90), RULES), at(90))
    assert [entry.minute for entry in charged(frozen, at(500))] == [2]


def test_a_second_freeze_leaves_the_meter_where_the_first_stood_it() -> None:
    head = started(wallet(1_000))
    frozen = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    again = after(frozen, meter.freeze(frozen, "fraud", at(30), RULES), at(30))
    assert (again.frozen, again.meter) == ("fraud", frozen.meter)


def test_a_dispute_that_is_won_leaves_the_freeze_to_the_others() -> None:
    head = wallet(1_000)
    for name in ("dp_1", "dp_2", "dp_3"):
        head = after(head, meter.dispute(head, 100, "stripe:disputes", name, NOON, RULES), NOON)
    for name, left in (("dp_2", "dispute:dp_1,dp_3"), ("dp_1", "dispute:dp_3"), ("dp_3", None)):
        head = after(head, meter.dispute_won(head, 100, "stripe:disputes", name), NOON)
        assert head.frozen == left
    assert head.balance == 1_000


def test_a_dispute_about_coins_freezes_and_releases_and_moves_no_money() -> None:
    head = wallet(1_000)
    one = meter.freeze_for(head, "dp_1", at(20), RULES)
    assert one is not None
    assert one == meter.freeze(head, "dispute:dp_1", at(20), RULES)
    frozen = after(head, one, at(20))
    two = meter.freeze_for(frozen, "dp_2", at(21), RULES)
    assert two is not None
    assert two == meter.freeze(frozen, "dispute:dp_1,dp_2", at(21), RULES)
    both = after(frozen, two, at(21))
    assert meter.release(both, "dp_3") is None
    left = meter.release(both, "dp_1")
    assert left == replace(meter.unfreeze(both, "dp_1"), frozen="dispute:dp_2")
    assert left is not None
    freed = meter.release(after(both, left, at(22)), "dp_2")
    assert freed is not None
    assert (freed.frozen, freed.reference, freed.amount) == (None, "dp_2", 0)


def test_what_an_admin_froze_no_dispute_freezes_or_releases() -> None:
    head = wallet(1_000)
    frozen = after(head, meter.freeze(head, "admin", at(20), RULES), at(20))
    assert meter.freeze_for(frozen, "dp_1", at(21), RULES) is None
    assert meter.release(frozen, "dp_1") is None
    assert meter.dispute_won(frozen, 100, "stripe:disputes", "dp_1").frozen == "admin"


def test_credit_after_a_freeze_pays_no_minute_not_even_at_the_tie() -> None:
    head = started(wallet(100))
    frozen = after(head, meter.freeze(head, "dispute", at(90), RULES), at(90))
    richer = after(frozen, meter.receive(frozen, "topup", 500, "stripe:payments", "top_2"), at(95))
    assert charged(richer, at(500)) == []


def test_a_minute_left_alone_leaves_alone_what_expired_after_its_beginning() -> None:
    """Or its stop would be judged on less money than there was: minute 2 could be paid when it began."""
    head = started(wallet(80, Lot("pro_1", 150, at(70))))
    assert charged(head, at(100), before=at(10)) == []
    assert [entry.kind for entry in charged(head, at(100))] == ["minute"]  # the 50 of the lot and 50 paid
    assert [entry.kind for entry in charged(head, at(100), before=at(60.001))] == ["minute"]


def test_unfreezing_leaves_the_meter_standing() -> None:
    head = started(wallet(1_000))
    frozen = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    freed = after(frozen, meter.unfreeze(frozen, "won"), at(30))
    assert freed.frozen is None
    assert freed.meter == frozen.meter
    assert charged(freed, at(500)) == []


def test_the_connected_time_of_a_meter_ends_where_a_freeze_stood_it() -> None:
    head = started(wallet(1_000))
    assert head.meter is not None
    assert head.meter.connected(at(90)) == 90_000
    assert head.meter.connected(at(-5)) == 0
    frozen = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    assert frozen.meter is not None
    assert frozen.meter.connected(at(90)) == 20_000
    assert replace(head.meter, run=None, connected_before=MINUTE).connected(at(90)) == MINUTE


# --- when the saved card is charged


def filled(head: Entry, below: int) -> Entry:
    return after(head, meter.refill(head, below, "usr_1"), NOON)


def test_credit_is_short_below_what_its_owner_said_and_only_what_still_counts_is_credit() -> None:
    head = filled(wallet(500, Lot("pro_1", 200, at(60))), 700)
    assert not meter.short(head, at(59.999), RULES)
    assert meter.short(head, at(60), RULES)


def test_nobody_has_less_than_nothing_and_who_owes_a_cent_is_not_filled() -> None:
    assert not meter.short(filled(wallet(0), 0), NOON, RULES)
    assert meter.short(filled(wallet(0), 1), NOON, RULES)
    assert not meter.short(filled(wallet(-1), 1), NOON, RULES)


def test_while_a_meter_runs_its_next_seven_minutes_are_the_least() -> None:
    assert not meter.short(filled(started(wallet(800)), 700), NOON, RULES)
    assert meter.short(filled(started(wallet(799)), 0), NOON, RULES)
    assert meter.short(filled(started(wallet(800)), 701), NOON, RULES)


# --- giving back long after


def test_what_is_given_back_long_after_leaves_meter_and_freeze_as_they_are() -> None:
    head = started(wallet(1_000))
    head = after(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    back = meter.take_back(head, "guarantee", (("paid", 40, 0),), "guarantee:gua_1", "ses_0", at(30))
    entry = after(head, back, at(30))
    assert (entry.meter, entry.frozen) == (head.meter, "dispute")
    assert entry.fact == Fact("guarantee", 40, "guarantee:gua_1", "ses_0")
