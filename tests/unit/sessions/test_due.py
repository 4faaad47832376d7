"""What time makes due, one decision at a time: which stop acts, what is charged before it, when to look again."""

from dataclasses import replace
from typing import Final

import pytest

from chalicelib.kernel.settings import Rules
from chalicelib.sessions.model.due import Charge, Settle, deadline, decide, wake_at
from chalicelib.sessions.model.moves import end, forsaken, meet, pause
from chalicelib.sessions.model.session import Reason, Session, Side, State, Step
from chalicelib.wallet.model.chain import Run
from chalicelib.wallet.model.funds import Funds
from tests.support.rows import ACTIVE, AWAY, CREATED, HERE, PAUSED, RECONNECTING, RICH, RULES, WAITING, at

TALKING: Final = replace(
    ACTIVE, client=replace(HERE[0], in_channel=False), reader=replace(HERE[1], in_channel=False), warned=False
)
"""Both beat at second 100, and Agora has told of neither: silent at 175."""
PAYING: Final = Funds(None, 2, at(160), at(460), 360_000, None)
"""40 s of minute 2 were left at second 120; the money ends with minute 7."""
FRESH: Final = replace(ACTIVE, client=replace(HERE[0], beat_at=at(390)), reader=replace(HERE[1], beat_at=at(390)))
"""Silent far beyond a lease from now."""


# --- stops


@pytest.mark.parametrize(
    ("session", "silence"),
    [
        (TALKING, "network"),
        (replace(TALKING, reader=replace(TALKING.reader, beat_at=at(174))), "client_left"),
        (replace(TALKING, client=replace(TALKING.client, beat_at=at(174))), "reader_left"),
    ],
)
def test_at_one_moment_the_last_one_comes_before_a_silence_and_that_before_a_freeze_or_the_end_of_the_money(
    session: Session, silence: str
) -> None:
    frozen = replace(PAYING, next_minute=None, run_out=None, stood=Run(at(60), at(175), "frozen"))
    broke = replace(PAYING, next_minute=None, run_out=at(175))
    booked = replace(session, ends_by=at(175))
    assert [_cut(session, frozen), _cut(session, broke)] == [silence, silence]
    assert [_cut(booked, frozen), _cut(booked, broke)] == ["max_duration", "max_duration"]
    assert [_cut(ACTIVE, frozen), _cut(ACTIVE, broke)] == ["frozen", "low_balance"]


def _cut(session: Session, funds: Funds) -> str | None:
    """What stops the talk at second 175."""
    step = decide(session, funds, at(175), RULES)
    assert isinstance(step, Step)
    return step.session.cut


@pytest.mark.parametrize("first", ["client", "reader"])
def test_the_network_is_to_blame_as_soon_as_the_first_of_two_is_silent(first: str) -> None:
    """One beat last at 80, the other at 100: at 155 the one's silence is full, and the other's is 55 s old."""
    earlier = replace(TALKING.client if first == "client" else TALKING.reader, beat_at=at(80))
    session = replace(TALKING, client=earlier) if first == "client" else replace(TALKING, reader=earlier)
    funds = replace(PAYING, next_minute=None, run_out=None)
    assert decide(session, funds, at(155) - 1, RULES) is None
    assert decide(session, funds, at(155), RULES) == pause(session, at(80), "network", at(155), RULES)


def test_the_stop_that_is_decided_first_acts_though_another_is_effective_before_it() -> None:
    """The reader's silence reaches back to second 100, but it is full at 175 only."""
    funds = replace(PAYING, next_minute=None, run_out=at(174))
    assert decide(TALKING, funds, at(200), RULES) == pause(TALKING, at(174), "low_balance", at(200), RULES)


def test_the_last_moment_ends_a_running_session_in_one_write() -> None:
    booked = replace(TALKING, ends_by=at(120))
    assert decide(booked, PAYING, at(119.999), RULES) is None
    assert decide(booked, PAYING, at(125), RULES) == end(booked, at(120), "max_duration", at(125))


@pytest.mark.parametrize("reason", ["frozen", "low_balance"])
def test_where_a_freeze_stood_the_meter_the_session_pauses_for_the_reason_that_it_left(reason: Reason) -> None:
    funds = replace(PAYING, frozen="dispute", next_minute=None, run_out=None, stood=Run(at(60), at(110), reason))
    assert decide(ACTIVE, funds, at(120), RULES) == pause(ACTIVE, at(110), reason, at(120), RULES)


def test_no_stop_is_effective_before_the_run() -> None:
    returned = replace(ACTIVE, running_since=at(110))
    funds = replace(PAYING, next_minute=None, run_out=None, stood=Run(at(110), at(105), "frozen"))
    assert decide(returned, funds, at(120), RULES) == pause(returned, at(110), "frozen", at(120), RULES)


# --- charges


def test_a_minute_is_charged_when_it_begins() -> None:
    assert decide(ACTIVE, PAYING, at(159.999), RULES) is None
    assert decide(ACTIVE, PAYING, at(160), RULES) == Charge(None)


def test_a_minute_that_began_before_a_stop_is_charged_first() -> None:
    funds = replace(PAYING, stood=Run(at(60), at(160.001), "frozen"))
    assert decide(ACTIVE, funds, at(170), RULES) == Charge(at(160.001))


def test_a_minute_that_begins_where_a_stop_is_effective_is_not_charged() -> None:
    booked = replace(TALKING, ends_by=at(160))
    assert decide(booked, PAYING, at(160), RULES) == end(booked, at(160), "max_duration", at(160))
    assert decide(replace(TALKING, ends_by=at(160.001)), PAYING, at(161), RULES) == Charge(at(160.001))


def test_a_minute_that_cannot_be_paid_is_no_charge_but_the_end_of_the_money() -> None:
    funds = replace(PAYING, run_out=at(160))
    assert decide(TALKING, funds, at(160), RULES) == pause(TALKING, at(160), "low_balance", at(160), RULES)


# --- the warning


def test_the_warning_is_one_write_that_changes_nothing_else() -> None:
    funds = replace(PAYING, run_out=at(230))
    assert decide(TALKING, funds, at(109.999), RULES) is None
    assert decide(TALKING, funds, at(110), RULES) == Step(replace(TALKING, warned=True, at=at(110)))
    assert decide(replace(TALKING, warned=True), funds, at(110), RULES) is None


# --- standing and waiting


@pytest.mark.parametrize("session", [PAUSED, RECONNECTING], ids=lambda session: session.state)
@pytest.mark.parametrize(
    ("ends_by", "over", "reason"), [(390, 390, "max_duration"), (389, 389, "max_duration"), (391, 390, "grace_expired")]
)
def test_where_grace_and_the_longest_reading_end_together_it_is_the_longest_reading(
    session: Session, ends_by: float, over: float, reason: Reason
) -> None:
    booked = replace(session, ends_by=at(ends_by), client=AWAY[0])
    assert decide(booked, RICH, at(over) - 1, RULES) is None
    assert decide(booked, RICH, at(400), RULES) == end(booked, at(over), reason, at(400))


@pytest.mark.parametrize("session", [replace(WAITING, client=HERE[0], reader=HERE[1]), RECONNECTING])
def test_both_here_begin_or_go_on_whatever_brought_them_there(session: Session) -> None:
    assert decide(session, RICH, at(105), RULES) == meet(session, RICH, at(105), RULES)


def test_who_is_back_alone_waits_and_is_forsaken_once_silent() -> None:
    alone = replace(RECONNECTING, reader=AWAY[1])
    assert decide(alone, RICH, at(389.999), RULES) is None
    silent = replace(alone, client=replace(HERE[0], in_channel=False))
    assert decide(silent, RICH, at(174.999), RULES) is None
    assert decide(silent, RICH, at(175), RULES) == forsaken(silent, at(175), RULES)


@pytest.mark.parametrize(
    ("client", "reader", "reason"),
    [
        (AWAY[0], AWAY[1], "no_show_reader"),
        (HERE[0], AWAY[1], "no_show_reader"),
        (AWAY[0], replace(HERE[1], beat_at=at(34.999), in_channel=False), "no_show_reader"),
        (AWAY[0], replace(HERE[1], beat_at=at(35), in_channel=False), "no_show_client"),
    ],
)
def test_who_is_not_there_when_joining_ends_is_the_no_show_and_the_reader_before_the_client(
    client: Side, reader: Side, reason: Reason
) -> None:
    waiting = replace(WAITING, client=client, reader=reader)
    assert decide(waiting, RICH, at(109.999), RULES) is None
    assert decide(waiting, RICH, at(115), RULES) == end(waiting, at(110), reason, at(115))


def test_a_request_expires_once_it_has_rung() -> None:
    assert decide(CREATED, RICH, at(159.999), RULES) is None
    assert decide(CREATED, RICH, at(165), RULES) == end(CREATED, at(160), "request_expired", at(165))


def test_what_is_over_is_settled_once_unless_somebody_must_look() -> None:
    ended = replace(PAUSED, state="ended")
    assert decide(ended, RICH, at(400), RULES) == Settle()
    assert decide(replace(ended, review="settlement_mismatch"), RICH, at(400), RULES) is None
    assert decide(replace(ended, state="finalized"), RICH, at(400), RULES) is None


# --- when to look again


@pytest.mark.parametrize(
    ("session", "funds", "now", "wake"),
    [
        (CREATED, RICH, 0, 160),
        (WAITING, RICH, 0, 110),
        (replace(WAITING, client=replace(TALKING.client, beat_at=at(0))), RICH, 5, 110),
        (PAUSED, RICH, 105, 390),
        (replace(PAUSED, ends_by=at(200)), RICH, 105, 200),
        (RECONNECTING, RICH, 105, 390),
        (replace(RECONNECTING, client=TALKING.client), RICH, 105, 175),
        (replace(RECONNECTING, reader=replace(TALKING.reader, beat_at=at(90))), RICH, 105, 165),
        (replace(RECONNECTING, client=replace(TALKING.client, present=False)), RICH, 105, 390),
        (TALKING, PAYING, 105, 175),
        (replace(TALKING, ends_by=at(170)), PAYING, 105, 170),
        (ACTIVE, PAYING, 105, 400),
        (ACTIVE, replace(PAYING, run_out=at(1_000)), 105, 400),
        (FRESH, PAYING, 105, 405),
        (replace(ACTIVE, warned=False), PAYING, 105, 340),
        (replace(ACTIVE, warned=True), replace(PAYING, run_out=at(350)), 105, 350),
        (replace(ACTIVE, warned=False), replace(PAYING, run_out=None), 105, 400),
        (ACTIVE, replace(PAYING, run_out=None, stood=Run(at(60), at(200), "frozen")), 105, 200),
        (CREATED, RICH, 160, 460),  # what is due already waits for nobody: then a lease from now
    ],
)  # fmt: skip
def test_the_clock_looks_again_at_the_next_moment_that_may_change_something(
    session: Session, funds: Funds, now: float, wake: float
) -> None:
    assert wake_at(session, funds, at(now), RULES) == at(wake)


def test_nobody_looks_again_at_what_is_over() -> None:
    over: list[State] = ["ended", "finalized"]
    for state in over:
        assert wake_at(replace(PAUSED, state=state), RICH, at(105), RULES) is None


@pytest.mark.parametrize(
    ("session", "shown"),
    [
        (CREATED, at(160)),
        (WAITING, at(110)),
        (PAUSED, at(390)),
        (RECONNECTING, at(390)),
        (replace(PAUSED, ends_by=at(200)), at(200)),
        (ACTIVE, None),
        (replace(PAUSED, state="ended"), None),
    ],
)
def test_a_phone_counts_down_to_the_end_of_ringing_joining_or_grace(session: Session, shown: int | None) -> None:
    assert deadline(session, RULES) == shown


def test_every_span_is_the_rules_own() -> None:
    quick = Rules(ring=1_000, join=2_000, silence=5_000, session_max=400_000)
    assert wake_at(CREATED, RICH, at(-20), quick) == at(-19)
    assert wake_at(WAITING, RICH, at(-10), quick) == at(-8)
    assert wake_at(TALKING, PAYING, at(100), quick) == at(105)
    assert wake_at(replace(PAUSED, grace_until=at(390)), RICH, at(105), quick) == at(390)
    assert wake_at(replace(PAUSED, grace_until=at(401)), RICH, at(105), quick) == at(400)
