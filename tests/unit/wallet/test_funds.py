"""How long a wallet lasts at a rate."""

import pytest

from chalicelib.kernel.settings import Rules
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Buckets, Lot
from chalicelib.wallet.model.chain import Draft, Entry, follow, genesis
from chalicelib.wallet.model.funds import Funds, funds
from chalicelib.wallet.model.meter import Stand, Start
from tests.support.worlds import NOON

RULES = Rules()
RATE = 100


def at(seconds: float) -> int:
    return NOON + round(seconds * 1000)


def wallet(paid: int, *lots: Lot) -> Entry:
    head = follow(genesis("credit:usr_1"), Draft("topup", paid, "stripe:payments", "top", Buckets(paid)), NOON)
    for lot in lots:
        head = follow(head, meter.grant(head, lot, lot.id), NOON)
    return head


def running(paid: int, *lots: Lot, most: int = 180, ceiling: int | None = None) -> Entry:
    head = wallet(paid, *lots)
    draft = meter.apply(head, Start("ses_1", 2, RATE, most), (), NOON, RULES, ceiling)
    assert draft
    return follow(head, draft, NOON)


def known(head: Entry, seconds: float = 0, minutes: int = 180, ceiling: int | None = None) -> Funds:
    return funds(head, "ses_1", RATE, minutes, at(seconds), RULES, ceiling)


@pytest.mark.parametrize(("paid", "lasts"), [(0, 0), (99, 0), (100, 60), (199, 60), (1_000, 600)])
def test_before_the_start_whole_affordable_minutes_count(paid: int, lasts: int) -> None:
    found = known(wallet(paid))
    assert (found.lasts, found.minute, found.run_out) == (lasts * 1000, 0, None)


def test_before_the_start_no_more_minutes_count_than_the_session_can_have() -> None:
    assert known(wallet(100_000), minutes=3).lasts == 180_000


def test_while_it_runs_unused_seconds_count_too() -> None:
    found = known(running(350), 20)
    assert (found.minute, found.lasts, found.next_minute, found.run_out) == (1, 160_000, at(60), at(180))


def test_it_runs_out_at_the_boundary_that_cannot_be_paid() -> None:
    assert known(running(100), 20).run_out == at(60)
    assert known(running(199), 20).run_out == at(60)
    assert known(running(200), 20).run_out == at(120)


def test_time_that_nobody_paid_does_not_count_below_nothing() -> None:
    found = known(running(100), 90)
    assert (found.lasts, found.run_out, found.stood) == (0, at(60), None)


def test_it_never_runs_out_before_its_last_minute() -> None:
    found = known(running(1_000, most=3), 20)
    assert (found.run_out, found.lasts) == (None, 160_000)


@pytest.mark.parametrize(
    ("expires", "run_out"),
    [(1_000, 360), (121, 240), (120, 180), (61, 180), (60, 120), (0.001, 120)],  # 4 minutes of promo, then paid
)
def test_a_lot_counts_for_the_minutes_that_begin_before_its_expiry(expires: float, run_out: float) -> None:
    head = running(100, Lot("pro_1", 500, at(expires)))
    assert known(head, 0).run_out == at(run_out)


def test_a_lot_counts_for_no_more_minutes_than_the_session_can_have() -> None:
    assert known(wallet(0, Lot("pro_1", 550, at(9_000))), minutes=2).lasts == 120_000


def test_a_lot_that_covers_a_minute_exactly_pays_it() -> None:
    assert known(running(0, Lot("pro_1", 200, at(9_000)))).run_out == at(120)


def test_nothing_pays_nothing_however_low_the_rate() -> None:
    assert funds(wallet(0), "ses_1", 1, 180, NOON, RULES).lasts == 0
    assert funds(wallet(1), "ses_1", 1, 180, NOON, RULES).lasts == 60_000


def test_a_lot_and_paid_money_pay_a_minute_together() -> None:
    assert known(running(100, Lot("pro_1", 150, at(999)))).run_out == at(120)
    assert known(running(150, Lot("pro_1", 150, at(999)))).run_out == at(180)


def test_nothing_lasts_below_zero() -> None:
    head = wallet(100, Lot("pro_1", 500, at(999)))
    owing = follow(head, meter.receive(head, "dispute", -101, "stripe:payments", "dp"), NOON)
    assert known(owing).lasts == 0


def test_a_frozen_wallet_lasts_for_the_paid_seconds_only() -> None:
    head = running(1_000)
    frozen = follow(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    found = known(frozen, 30)
    assert (found.frozen, found.lasts, found.run_out, found.next_minute) == ("dispute", 40_000, None, None)
    assert found.stood is not None
    assert found.stood.until == at(20)
    assert known(follow(wallet(1_000), meter.freeze(wallet(1_000), "dispute", NOON, RULES), NOON)).lasts == 0


def test_a_frozen_wallet_lasts_for_the_paid_seconds_only_while_its_meter_stands_too() -> None:
    head = running(350)
    draft = meter.apply(head, Stand(at(20)), (head,), at(20), RULES)
    assert draft
    standing = follow(head, draft, at(20))
    assert known(follow(standing, meter.freeze(standing, "dispute", at(30), RULES), at(30)), 40).lasts == 40_000


def test_what_a_freeze_stood_affords_no_minute_until_the_session_has_paused() -> None:
    head = running(1_000, Lot("pro_1", 100, at(9_000)))
    frozen = follow(head, meter.freeze(head, "dispute", at(20), RULES), at(20))
    freed = known(follow(frozen, meter.unfreeze(frozen, "won"), at(30)), 200)
    assert (freed.next_minute, freed.run_out, freed.lasts) == (None, None, 40_000)


def test_what_a_freeze_stood_does_not_run_though_a_minute_before_it_has_yet_to_be_posted() -> None:
    head = running(1_000)
    frozen = known(follow(head, meter.freeze(head, "dispute", at(90), RULES), at(90)), 200)
    assert (frozen.next_minute, frozen.run_out) == (None, None)


def test_in_its_last_minute_no_other_one_comes() -> None:
    found = known(running(1_000, most=1), 20)
    assert (found.next_minute, found.run_out, found.lasts) == (None, None, 40_000)


def test_while_it_stands_unused_seconds_and_affordable_minutes_wait() -> None:
    head = running(350)
    draft = meter.apply(head, Stand(at(20)), (head,), at(20), RULES)
    assert draft
    found = known(follow(head, draft, at(20)), 200)
    assert (found.lasts, found.run_out, found.next_minute) == (160_000, None, None)


@pytest.mark.parametrize(("expires", "lasts"), [(240, 40_000), (240.001, 100_000)])
def test_while_it_stands_a_lot_must_outlive_the_unused_seconds(expires: float, lasts: int) -> None:
    """40 s are left at second 200: the next minute would begin at second 240."""
    head = running(0, Lot("pro_1", 200, at(expires)))
    draft = meter.apply(head, Stand(at(20)), (head,), at(20), RULES)
    assert draft
    assert known(follow(head, draft, at(20)), 200).lasts == lasts


def test_the_meter_of_another_session_is_not_ones_own() -> None:
    found = funds(running(350), "ses_2", RATE, 180, NOON, RULES)
    assert (found.minute, found.next_minute, found.run_out, found.lasts) == (0, None, None, 120_000)


def test_before_the_start_it_is_the_limit_that_bars_a_minute_which_it_and_lasting_promotional_credit_do_not_pay() -> (
    None
):
    head = wallet(500, Lot("pro_1", 40, at(60)))
    assert not known(head, 59.999, ceiling=60).limited
    assert known(head, 60, ceiling=60).limited
    assert known(head, 59.999, ceiling=59).limited


def test_a_limit_bars_no_further_minute_where_none_can_come() -> None:
    assert known(running(1_000, most=2, ceiling=199), 20).limited
    assert not known(running(1_000, most=2, ceiling=200), 20).limited
    assert not known(running(1_000, most=1, ceiling=100), 20).limited
