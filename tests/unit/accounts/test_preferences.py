import pytest

from chalicelib.accounts import service
from chalicelib.accounts.model.preferences import DEFAULTS, Channel, Kind, Preferences, QuietHours, changed
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, InvalidState
from chalicelib.kernel.time import HOUR, MINUTE
from tests.support.worlds import hand_world

ALL: frozenset[Channel] = frozenset({"inbox", "email", "push"})
NIGHT = QuietHours(22 * 60, 7 * 60)
MIDNIGHT = 1_795_564_800_000
"""2026-11-25 00:00 UTC: 01:00 in Vienna."""


@pytest.fixture
def world() -> World:
    return hand_world()


def test_who_has_not_chosen_is_told_what_concerns_them_and_sent_no_news() -> None:
    mine = Preferences()
    assert mine.channels("bookings") == ALL
    assert mine.channels("news") == frozenset()
    assert all(mine.channels(kind) == channels for kind, channels in DEFAULTS.items())


def test_a_kind_that_is_not_named_stays_as_it_is() -> None:
    once = changed(Preferences(), {"news": ALL}, None, 0)
    twice = changed(once, {"wallet": frozenset()}, None, 0)
    assert (twice.channels("news"), twice.channels("wallet")) == (ALL, frozenset())


def test_quiet_hours_have_a_length() -> None:
    with pytest.raises(Invalid):
        changed(Preferences(), {}, QuietHours(60, 60), 0)


@pytest.mark.parametrize(
    ("minute", "quiet"), [(22 * 60 - 1, False), (22 * 60, True), (0, True), (7 * 60 - 1, True), (7 * 60, False)]
)
def test_quiet_hours_run_over_midnight(minute: int, quiet: bool) -> None:
    assert NIGHT.hold(minute) == quiet


def test_quiet_hours_of_an_afternoon_begin_with_their_first_minute_and_end_before_their_last() -> None:
    rest = QuietHours(13 * 60, 15 * 60)
    assert [rest.hold(minute) for minute in (779, 780, 899, 900)] == [False, True, True, False]


def test_quiet_hours_are_those_of_the_persons_zone_and_leave_the_inbox() -> None:
    mine = Preferences({"readings": ALL}, NIGHT)
    six = MIDNIGHT + 5 * HOUR + 59 * MINUTE
    assert mine.open_channels("readings", "Europe/Vienna", six) == {"inbox"}
    assert mine.open_channels("readings", "Europe/Vienna", six + MINUTE) == ALL
    assert mine.open_channels("readings", "UTC", six + MINUTE) == {"inbox"}


@pytest.mark.parametrize(("local", "utc"), [("before the clocks go forward", 7 + 5), ("after", 7 + 4)])
def test_quiet_hours_follow_summer_time(local: str, utc: int) -> None:
    """New York, 2026-03-07 and 2026-03-08."""
    midnight = 1_772_841_600_000 + (0 if local.startswith("before") else 24 * HOUR)
    mine = Preferences({"readings": ALL}, NIGHT)
    assert mine.open_channels("readings", "America/New_York", midnight + utc * HOUR - 1) == {"inbox"}
    assert mine.open_channels("readings", "America/New_York", midnight + utc * HOUR) == ALL


def test_a_change_made_on_an_older_state_is_refused_and_a_repeat_is_not(world: World) -> None:
    chosen: dict[Kind, frozenset[Channel]] = {"wallet": frozenset({"inbox"})}
    assert service.prefer(world, "usr_1", chosen, None, 0).rev == 1
    assert service.prefer(world, "usr_1", chosen, None, 0).rev == 1
    with pytest.raises(InvalidState):
        service.prefer(world, "usr_1", chosen, NIGHT, 0)
    assert service.prefer(world, "usr_1", chosen, NIGHT, 1) == service.preferences_of(world, "usr_1")
    assert service.preferences_of(world, "usr_1") == Preferences(chosen, NIGHT, 2)
