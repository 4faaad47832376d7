"""The life of a stream: scheduled, live, over; at the right moment, whoever notices it."""

from __future__ import annotations

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from chalicelib.live import looking, service, watching
from chalicelib.live.model.stream import HOST_UID
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Check, ConditionFailed, Equals
from tests.support.air import HOST, STREAM, Air, code, privileges, token_of, wanted
from tests.support.door import PickyTables
from tests.support.worlds import NOON, hand_world


@pytest.fixture
def air() -> Air:
    return Air()


# --- scheduling ----------------------------------------------------------------------------------


def test_a_stream_is_scheduled_for_now_unless_told(air: Air) -> None:
    made = air.scheduled().row
    assert (made.state, made.starts_at, made.host, made.host_name) == ("scheduled", NOON, HOST, "Name of usr_host")
    assert (made.price, made.shards, made.rev) == (None, 32, made.rev)


def test_repeating_it_is_the_same_stream_and_other_words_are_refused(air: Air) -> None:
    air.scheduled("premium", price=50)
    air.forward(5 * SECOND)
    again = service.create(air.world, HOST, STREAM, wanted("premium", price=50))
    assert again.created_at == NOON
    act = lambda: service.create(air.world, HOST, STREAM, wanted("premium", price=51))  # noqa: E731
    assert code(act) == "idempotency_mismatch"


def test_a_reader_has_one_stream_live_or_to_come(air: Air) -> None:
    air.scheduled()
    other = lambda: service.create(air.world, HOST, "str_2", wanted())  # noqa: E731
    assert code(other) == "invalid_state"
    service.end(air.world, STREAM, HOST)
    assert code(other) == ""


def test_a_stream_whose_time_is_over_is_in_nobodys_way(air: Air) -> None:
    air.scheduled()
    air.forward(30 * MINUTE)
    service.create(air.world, HOST, "str_2", wanted())
    assert air.row.ended_for == "not_started"


def test_streams_are_for_verified_readers(air: Air) -> None:
    air.ready()
    readers.withdraw(air.world, HOST, actor="ops", reason="gone")
    assert code(lambda: service.create(air.world, HOST, STREAM, wanted())) == "forbidden"
    assert code(lambda: service.create(air.world, "usr_nobody", STREAM, wanted())) == "not_found"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (wanted(title="\u200b "), "title"),
        (wanted(title="x" * 121), "title"),
        (wanted("public", price=10), "price"),
        (wanted("private", price=10), "price"),
        (wanted("premium", price=0), "price"),
        (wanted("premium", price=100_001), "price"),
        (service.Wanted("x", "premium", None, None, ()), "price"),
        (wanted(starts_at=NOON - 1), "starts_at"),
        (wanted(starts_at=NOON + 60 * DAY + 1), "starts_at"),
        (wanted(invited=("usr_1",)), "invited"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(air: Air, asked: service.Wanted, field: str) -> None:
    air.ready()
    with pytest.raises(Invalid) as refused:
        service.create(air.world, HOST, STREAM, asked)
    assert [each["field"] for each in refused.value.errors] == [field]
    assert air.rows.open_of(HOST) is None


@pytest.mark.parametrize(
    "asked",
    [wanted(title="x" * 120), wanted("premium", price=1), wanted("premium", price=100_000), wanted("private")],
)
def test_what_just_fits_is_taken(air: Air, asked: service.Wanted) -> None:
    air.ready()
    assert service.create(air.world, HOST, STREAM, asked).state == "scheduled"


# --- going live ----------------------------------------------------------------------------------


def test_where_no_token_can_be_made_nobody_goes_live(air: Air) -> None:
    air.scheduled()
    air.agora.unset = True
    assert code(lambda: service.start(air.world, STREAM, HOST)) == "provider_failed"
    assert air.row.state == "scheduled"
    air.agora.unset = False
    service.start(air.world, STREAM, HOST)
    was, air.agora.unset = air.row, True
    assert code(lambda: service.publish(air.world, STREAM, HOST)) == "provider_failed"
    assert air.row == was


def test_it_starts_from_ten_minutes_before_its_time_on(air: Air) -> None:
    air.scheduled(starts_at=NOON + HOUR)
    start = lambda: service.start(air.world, STREAM, HOST)  # noqa: E731
    air.forward(50 * MINUTE - 1)
    assert code(start) == "invalid_state"
    air.forward(1)
    assert code(start) == ""
    assert air.row.state == "live"


def test_the_host_alone_starts_it(air: Air) -> None:
    air.scheduled()
    assert code(lambda: service.start(air.world, STREAM, "usr_other")) == "forbidden"
    assert code(lambda: service.start(air.world, "str_none", HOST)) == "not_found"


def test_a_withdrawn_reader_does_not_start(air: Air) -> None:
    air.scheduled()
    readers.withdraw(air.world, HOST, actor="ops", reason="gone")
    assert code(lambda: service.start(air.world, STREAM, HOST)) == "forbidden"


def test_the_hosts_token_publishes_for_sixty_minutes(air: Air) -> None:
    air.scheduled()
    _, lease = service.start(air.world, STREAM, HOST)
    assert (lease.channel, lease.uid, lease.expires_at) == (STREAM, 1, NOON + 60 * MINUTE)
    assert privileges(lease) == {1, 2, 3, 4}
    assert lease.rtm_token


def test_no_token_outlives_the_streams_last_possible_moment(air: Air) -> None:
    air.live()
    for _ in range(9):
        air.forward(50 * MINUTE)
        service.publish(air.world, STREAM, HOST)
    _, lease = service.publish(air.world, STREAM, HOST)
    assert lease.expires_at == token_of(lease).privileges[1] * SECOND == NOON + 8 * HOUR
    assert air.joins("usr_v").expires_at == NOON + 8 * HOUR


def test_starting_twice_is_one_start_and_another_token(air: Air) -> None:
    air.live()
    air.forward(10 * MINUTE)
    live, lease = service.start(air.world, STREAM, HOST)
    assert live.started_at == NOON
    assert lease.expires_at == NOON + 70 * MINUTE


def test_what_must_hold_beside_a_start_stops_it(air: Air) -> None:
    air.scheduled()
    never = Check(air.world.settings.tables.sessions, {"pk": "open#x"}, when=(Equals("session", "s"),))
    with pytest.raises(ConditionFailed):
        service.start(air.world, STREAM, HOST, never)
    assert air.row.state == "scheduled"


# --- it ends by itself ---------------------------------------------------------------------------


def test_one_that_is_not_started_in_half_an_hour_is_called_off_then(air: Air) -> None:
    air.scheduled(starts_at=NOON + HOUR)
    air.forward(90 * MINUTE - 1)
    assert air.looked().state == "scheduled"
    air.forward(10 * MINUTE)
    done = air.looked()
    assert (done.state, done.ended_for, done.ended_at) == ("finalized", "not_started", NOON + 90 * MINUTE)
    assert code(lambda: service.start(air.world, STREAM, HOST)) == "invalid_state"


def test_a_host_who_never_came_was_gone_from_the_start(air: Air) -> None:
    air.started()
    air.forward(2 * MINUTE - 1)
    assert air.looked().state == "live"
    air.forward(5 * MINUTE)
    assert (air.looked().ended_for, air.row.ended_at) == ("host_gone", NOON + 2 * MINUTE)


def test_a_host_who_left_is_waited_for_two_minutes(air: Air) -> None:
    air.live()
    air.forward(10 * MINUTE)
    air.told(HOST_UID, joined=False)
    air.forward(2 * MINUTE - 1)
    air.told(HOST_UID, joined=True)
    assert air.looked().state == "live"
    air.told(HOST_UID, joined=False)
    air.forward(10 * MINUTE)
    assert air.looked().ended_at == NOON + 14 * MINUTE - 1


def test_a_host_who_comes_back_too_late_finds_it_over(air: Air) -> None:
    air.live()
    air.told(HOST_UID, joined=False)
    air.forward(2 * MINUTE)
    air.told(HOST_UID, joined=True)
    assert (air.looked().ended_for, air.row.ended_at) == ("host_gone", NOON + 2 * MINUTE)


def test_that_a_host_came_in_time_counts_though_it_is_heard_late(air: Air) -> None:
    air.started()
    air.forward(3 * MINUTE)
    air.told(HOST_UID, joined=True, at=NOON + MINUTE)
    assert air.looked().state == "live"


def test_a_leave_that_is_heard_late_ends_it_when_it_was_due(air: Air) -> None:
    air.live()
    air.forward(20 * MINUTE)
    air.told(HOST_UID, joined=False, at=NOON + 10 * MINUTE)
    assert (air.row.ended_for, air.row.ended_at) == ("host_gone", NOON + 12 * MINUTE)


def test_an_older_notice_of_the_host_changes_nothing(air: Air) -> None:
    air.live()
    air.told(HOST_UID, joined=True, seq=9)
    air.told(HOST_UID, joined=False, seq=8)
    air.told(HOST_UID, joined=False, seq=9)
    assert air.row.gone_since is None


def test_a_host_whose_token_ran_out_is_gone_from_then_on(air: Air) -> None:
    air.live()
    air.forward(62 * MINUTE)
    assert (air.looked().ended_for, air.row.ended_at) == ("host_gone", NOON + 62 * MINUTE)


def test_a_host_who_renews_in_time_stays(air: Air) -> None:
    air.live()
    air.forward(59 * MINUTE)
    service.publish(air.world, STREAM, HOST)
    air.forward(60 * MINUTE)
    assert air.looked().state == "live"


def test_a_host_who_renews_after_their_token_ran_out_must_come_in_again(air: Air) -> None:
    air.live()
    air.forward(61 * MINUTE)
    service.publish(air.world, STREAM, HOST)
    assert air.row.gone_since == NOON + 60 * MINUTE
    air.forward(MINUTE)
    assert air.looked().ended_at == NOON + 62 * MINUTE


def test_a_host_who_says_that_they_leave_is_waited_for(air: Air) -> None:
    air.live()
    air.forward(MINUTE)
    watching.leave(air.world, STREAM, HOST)
    air.forward(SECOND)
    air.told(HOST_UID, joined=False)
    assert air.row.gone_since == NOON + MINUTE


def test_it_is_live_for_eight_hours_at_most(air: Air) -> None:
    air.live()
    for _ in range(10):
        air.forward(47 * MINUTE)
        service.publish(air.world, STREAM, HOST)
    air.forward(20 * MINUTE)
    assert (air.looked().ended_for, air.row.ended_at) == ("max_duration", NOON + 8 * HOUR)


def test_what_ends_first_ends_it(air: Air) -> None:
    air.live()
    for _ in range(9):
        air.forward(50 * MINUTE)
        service.publish(air.world, STREAM, HOST)
    air.forward(29 * MINUTE)  # 7 h 59 min
    air.told(HOST_UID, joined=False)
    air.forward(HOUR)
    assert (air.looked().ended_for, air.row.ended_at) == ("max_duration", NOON + 8 * HOUR)


def test_at_a_tie_it_was_the_eight_hours(air: Air) -> None:
    air.live()
    for _ in range(9):
        air.forward(50 * MINUTE)
        service.publish(air.world, STREAM, HOST)
    air.forward(28 * MINUTE)
    air.told(HOST_UID, joined=False)
    air.forward(HOUR)
    assert (air.looked().ended_for, air.row.ended_at) == ("max_duration", NOON + 8 * HOUR)


def test_a_token_is_over_at_its_last_moment(air: Air) -> None:
    air.live()
    air.forward(60 * MINUTE - 1)
    service.publish(air.world, STREAM, HOST)
    assert air.row.gone_since is None
    air.forward(60 * MINUTE + 1 - SECOND)  # tokens end with a whole second
    service.publish(air.world, STREAM, HOST)
    assert air.row.gone_since == air.now


def test_a_leave_that_agoras_clock_puts_ahead_is_one_now(air: Air) -> None:
    air.live()
    air.told(HOST_UID, joined=False, at=NOON + MINUTE)
    assert air.row.gone_since == NOON


# --- it is ended ---------------------------------------------------------------------------------


def test_the_host_ends_it_once(air: Air) -> None:
    air.live()
    air.forward(MINUTE)
    assert service.end(air.world, STREAM, HOST).ended_for == "host_ended"
    air.forward(MINUTE)
    assert service.end(air.world, STREAM, HOST).ended_at == NOON + MINUTE
    assert code(lambda: service.end(air.world, STREAM, "usr_other")) == "forbidden"


def test_one_to_come_is_called_off_by_its_end(air: Air) -> None:
    air.scheduled(starts_at=NOON + DAY)
    assert service.end(air.world, STREAM, HOST).ended_for == "cancelled"


def test_an_end_that_time_has_made_due_comes_before_the_hosts(air: Air) -> None:
    air.started()
    air.forward(HOUR)
    assert (service.end(air.world, STREAM, HOST).ended_for, air.row.ended_at) == ("host_gone", NOON + 2 * MINUTE)


def test_an_admin_ends_whatever_is_open_audited_once(air: Air) -> None:
    air.live()
    for _ in range(2):
        service.force_end(air.world, STREAM, "admin", actor="ops", note="reported")
    assert air.row.ended_for == "admin"
    told = air.world.tables.query("audit", ("pk", STREAM)).items
    assert [(each["action"], each["reason"]) for each in sorted(told, key=lambda row: row["action"])] == [
        ("stream_force_ended", "reported"),
        ("stream_settled", "admin"),
    ]


def test_who_is_shut_out_has_no_stream_any_more(air: Air) -> None:
    air.live()
    assert service.end_open(air.world, HOST, "suspended", actor="ops", note="x")
    assert air.row.ended_for == "suspended"
    assert service.end_open(air.world, HOST, "suspended", actor="ops", note="x") is None


# --- its channel ---------------------------------------------------------------------------------


def test_at_its_end_everybody_is_put_out_for_as_long_as_a_token_lives(air: Air) -> None:
    air.live()
    service.end(air.world, STREAM, HOST)
    assert air.agora.bars == {(STREAM, None): 61 * MINUTE}
    assert air.waiting() == set()


def test_a_removal_that_fails_is_owed_until_it_is_done(air: Air) -> None:
    air.live()
    air.agora.down = True
    service.end(air.world, STREAM, HOST)
    assert (air.row.state, air.row.owes_removal, air.waiting()) == ("finalized", True, {STREAM})
    air.forward(10 * MINUTE)
    air.agora.down = False
    air.looked()
    assert air.agora.bars == {(STREAM, None): 51 * MINUTE}
    assert air.waiting() == set()


def test_a_removal_that_is_owed_for_longer_than_any_token_lives_is_moot(air: Air) -> None:
    air.live()
    air.agora.down = True
    service.end(air.world, STREAM, HOST)
    air.forward(61 * MINUTE)
    assert not air.looked().owes_removal
    assert air.agora.removed == []


def test_of_one_that_never_started_nobody_is_put_out(air: Air) -> None:
    air.scheduled()
    service.end(air.world, STREAM, HOST)
    assert air.agora.removed == []


# --- its clock -----------------------------------------------------------------------------------


def test_an_execution_waits_for_each_deadline_that_comes_sooner(air: Air) -> None:
    air.scheduled(starts_at=NOON + HOUR)
    assert air.executions.started == {f"{STREAM}-0": NOON + 90 * MINUTE}
    air.forward(HOUR)
    service.start(air.world, STREAM, HOST)
    assert air.executions.started[f"{STREAM}-1"] == NOON + 62 * MINUTE
    air.told(HOST_UID, joined=True)
    assert service.called_by_clock(air.world, STREAM, 1, 0) == NOON + 122 * MINUTE  # the token's end, and two minutes
    assert service.called_by_clock(air.world, STREAM, 0, 0) is None
    air.forward(10 * MINUTE)
    air.told(HOST_UID, joined=False)
    assert air.executions.started[f"{STREAM}-2"] == NOON + 72 * MINUTE
    air.told(HOST_UID, joined=True)
    air.told(HOST_UID, joined=False)
    assert len(air.executions.started) == 3  # the one that sleeps wakes early enough
    air.forward(2 * MINUTE)
    assert service.called_by_clock(air.world, STREAM, 2, 0) is None
    assert air.row.state == "finalized"


def test_a_lost_execution_is_made_up_for(air: Air) -> None:
    air.live()
    air.executions.started.clear()
    service.called_by_clock(air.world, STREAM, 1, 0)
    for _ in range(2):
        air.forward(31 * MINUTE)
        service.publish(air.world, STREAM, HOST)
    air.forward(SECOND + 30 * SECOND)
    air.looked()
    assert [name for name in air.executions.started if name.endswith("-1-1")] == [f"{STREAM}-1-1"]


def test_the_tick_finds_what_is_due_and_nothing_else(air: Air) -> None:
    air.live()
    assert air.waiting() == set()
    air.forward(62 * MINUTE)
    assert air.waiting() == {STREAM}
    air.looked()
    assert air.waiting() == set()


def test_a_clock_that_cannot_be_started_is_started_at_the_next_look(air: Air) -> None:
    air.executions.broken = True
    air.scheduled()
    assert air.executions.started == {}
    air.executions.broken = False
    air.looked()
    assert air.executions.started == {f"{STREAM}-0": NOON + 30 * MINUTE}


def test_time_never_runs_backwards_behind_what_was_written(air: Air) -> None:
    air.live()
    air.forward(-SECOND)
    done = service.end(air.world, STREAM, HOST)
    assert done.ended_at == NOON


# --- lists ---------------------------------------------------------------------------------------


def test_what_is_live_and_what_is_to_come_is_listed_private_ones_aside(air: Air) -> None:
    others = {
        name: Air(air.world, f"usr_{name}", f"str_{name}") for name in ("early", "late", "live", "newer", "secret")
    }
    others["late"].scheduled(starts_at=NOON + 2 * HOUR)
    others["early"].scheduled(starts_at=NOON + HOUR)
    others["live"].live()
    others["secret"].scheduled("private")
    air.forward(SECOND)
    others["newer"].live("premium")

    def listed(which: looking.List, host: str | None = None, user: str | None = None) -> list[str]:
        return [each.id for each in looking.listing(air.world, which, host, user, 10, None)[0]]

    assert listed("live") == ["str_newer", "str_live"]
    assert listed("upcoming") == ["str_early", "str_late"]
    assert listed("live", "usr_live") == ["str_live"]
    assert listed("upcoming", "usr_live") == []
    assert listed("upcoming", "usr_secret") == []
    assert listed("upcoming", "usr_secret", "usr_secret") == ["str_secret"]
    service.end(air.world, "str_live", "usr_live")
    assert listed("live") == ["str_newer"]
    assert listed("past", None, "usr_live") == ["str_live"]
    air.forward(5 * MINUTE)  # the host of the other one left its token unused: nobody has noticed that it is over
    others["newer"].told(HOST_UID, joined=False, at=air.now)
    air.forward(2 * MINUTE)
    assert listed("live") == []


def test_a_list_has_pages(air: Air) -> None:
    for number in range(5):
        Air(air.world, f"usr_{number}", f"str_{number}").scheduled(starts_at=NOON + number)
    first, start = looking.listing(air.world, "upcoming", None, None, 3, None)
    rest, end = looking.listing(air.world, "upcoming", None, None, 3, start)
    assert [each.id for each in first + rest] == [f"str_{number}" for number in range(5)]
    assert end is None


def test_a_page_follows_though_time_has_taken_the_one_before_out_of_the_list() -> None:
    air = Air(hand_world(PickyTables()))
    for number in range(3):
        Air(air.world, f"usr_{number}", f"str_{number}").scheduled(starts_at=NOON + number * HOUR)
    first, start = looking.listing(air.world, "upcoming", None, None, 1, None)
    air.forward(45 * MINUTE)
    rest, _ = looking.listing(air.world, "upcoming", None, None, 3, start)
    assert [each.id for each in first + rest] == ["str_0", "str_1", "str_2"]


def test_who_is_invited_finds_what_they_are_invited_to(air: Air) -> None:
    air.known(HOST, "usr_a", "usr_b").scheduled("private", invited=("usr_a",))
    service.invite(air.world, STREAM, HOST, ["usr_b"])

    def listed(user: str) -> list[str]:
        return [each.id for each in looking.listing(air.world, "invited", None, user, 10, None)[0]]

    assert (listed("usr_a"), listed("usr_b"), listed("usr_c")) == ([STREAM], [STREAM], [])
    accounts.block(air.world, "usr_b", HOST)
    assert listed("usr_b") == []  # a block lets no title through
    service.end(air.world, STREAM, HOST)
    assert listed("usr_a") == []
