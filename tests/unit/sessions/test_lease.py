"""Product §3, rule 7: a media token never outlives the money or the session."""

import pytest

from chalicelib.kernel.errors import Forbidden, InsufficientFunds, InvalidState
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import SECOND
from chalicelib.sessions.model.commands import Command, finish, heartbeat, join, leave, reconnect, renew
from tests.support.reading import CLIENT, READER, Stage, second


def until(stage: Stage, user: str, command: Command) -> float | None:
    lease = stage.leased(user, command)
    return second(lease.expires_at) if lease else None


def test_a_lease_lasts_five_minutes() -> None:
    stage = Stage().accepted()
    assert until(stage, CLIENT, join) == 300
    assert until(stage.at(1), READER, join) == 301
    assert until(stage.at(31), CLIENT, renew) == 331


@pytest.mark.parametrize(
    ("credit", "at", "expires"),
    [
        (250, 0, 60),
        (250, 30, 60),
        (500, 0, 120),
        (749, 59, 120),
        (1_249, 0, 240),
        (1_250, 0, 300),
        (1_500, 30, 330),
        (1_500, 61, 360),  # min(61 + 300, the end of minute 6)
    ],
)
def test_a_lease_ends_when_the_money_ends(credit: int, at: float, expires: float) -> None:
    stage = Stage(rate=250, credit=credit).begun().beats(at)
    assert until(stage, CLIENT, renew) == expires
    assert until(stage, READER, renew) == expires


def test_before_the_start_a_lease_reckons_with_whole_affordable_minutes() -> None:
    stage = Stage(rate=250, credit=749).accepted()
    assert until(stage.at(10), CLIENT, join) == 130


def test_in_grace_a_lease_reckons_with_the_unused_seconds_too() -> None:
    stage = Stage(rate=250, credit=500).begun()
    stage.at(20).client(leave)
    assert until(stage.at(100), CLIENT, reconnect) == 200  # 40 s + 60 s


def test_a_lease_reckons_with_the_expiry_of_promotional_credit() -> None:
    stage = Stage(rate=250, credit=250)
    stage.promo(2_500, until=90)
    stage.begun()
    assert until(stage, CLIENT, renew) == 180  # minutes 1 and 2 from the lot, then one paid


def test_a_lease_ends_with_the_longest_reading() -> None:
    stage = Stage(rules=Rules(session_max=100 * SECOND)).begun()
    assert until(stage, CLIENT, renew) == 100


def test_a_lease_is_rounded_down_to_the_second() -> None:
    stage = Stage().begun()
    assert until(stage.at(0.999), CLIENT, renew) == 300


def test_top_ups_prolong_the_next_lease() -> None:
    stage = Stage(credit=250).begun()
    stage.at(10).top_up(250)
    assert until(stage, CLIENT, renew) == 120


def test_no_other_spending_cuts_a_lease_short() -> None:
    stage = Stage(rate=250, credit=10_000).begun()
    lease = until(stage, CLIENT, renew)
    stage.spend(8_000)
    assert until(stage, CLIENT, renew) == lease == 300


def test_the_lease_outlasts_the_money_by_nothing_at_any_moment() -> None:
    stage = Stage(rate=250, credit=1_000).begun()
    for at in range(1, 240, 7):
        stage.beats(at)
        assert until(stage, CLIENT, renew) == 240


def test_the_channel_is_named_after_the_pauses_so_far() -> None:
    stage = Stage().begun()
    for pauses in range(3):
        lease = stage.leased(CLIENT, renew)
        assert lease is not None
        assert lease.channel == f"ses_1-{pauses}"
        stage.client(leave)
        stage.resumed()


def test_a_fall_back_to_paused_keeps_the_channel() -> None:
    stage = Stage().begun()
    stage.at(10).client(leave)
    stage.client(reconnect)
    stage.client(leave)
    lease = stage.leased(CLIENT, reconnect)
    assert lease is not None
    assert lease.channel == "ses_1-1"


def test_the_two_are_different_participants() -> None:
    stage = Stage().begun()
    leases = [stage.leased(user, renew) for user in (CLIENT, READER)]
    assert [lease.uid for lease in leases if lease] == [1, 2]


@pytest.mark.parametrize("user", [CLIENT, READER])
def test_no_token_in_created_paused_or_ended(user: str) -> None:
    stage = Stage()
    stage.asked()
    with pytest.raises(InvalidState):
        stage.seen_by(user, renew)
    stage.begun()
    stage.client(leave)
    with pytest.raises(InvalidState):
        stage.seen_by(user, renew)
    stage.client(finish)
    with pytest.raises(InvalidState):
        stage.seen_by(user, renew)


def test_no_token_for_who_has_not_joined() -> None:
    stage = Stage().accepted()
    with pytest.raises(InvalidState):
        stage.seen_by(CLIENT, renew)


def test_no_token_for_a_stranger() -> None:
    with pytest.raises(Forbidden):
        Stage().begun().seen_by("usr_stranger", renew)


def test_no_token_without_a_paid_second_or_an_affordable_minute() -> None:
    stage = Stage(credit=250).accepted()
    stage.client(join)
    stage.spend(1)
    with pytest.raises(InsufficientFunds):
        stage.client(renew)
    assert stage.row().state == "waiting"


def test_joining_a_reading_that_ends_gives_no_lease() -> None:
    stage = Stage(credit=250).accepted()
    stage.client(join)
    stage.spend(1)
    assert stage.leased(READER, join) is None


def test_a_renewal_is_no_sign_of_life() -> None:
    stage = Stage().begun()
    for at in (30, 60):
        stage.at(at).client(heartbeat)
        stage.reader(renew)
    assert stage.at(75).noticed().reason == "reader_left"
