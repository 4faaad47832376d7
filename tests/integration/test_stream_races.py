"""Many at once on one stream, on a real DynamoDB."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.errors import Forbidden, InvalidState, ReaderBusy, SessionOpen
from chalicelib.kernel.time import MINUTE
from chalicelib.live import moderating, service, watching
from chalicelib.live.model.stream import HOST_UID
from chalicelib.readers import service as readers
from chalicelib.scheduling import unbooked
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Side
from tests.support.air import Air, code, wanted
from tests.support.crowd import Crowd
from tests.support.duo import Duo, refusals
from tests.support.reading import pay_in
from tests.support.worlds import NOON, HandClock


@pytest.fixture
def air(world: World) -> Air:
    assert isinstance(world.now, HandClock)
    world.now.now = NOON
    own = uuid4().hex[:10]
    return Air(world, f"usr_r{own}", f"str_{own}")


def create(world: World, place: int, host: str, names: list[str]) -> Any:
    return service.create(world, host, names[place % len(names)], wanted())


def end_or_start(world: World, place: int, stream: str, host: str) -> Any:
    if place % 2:
        return service.end(world, stream, host)
    return service.start(world, stream, host)


def start(world: World, place: int, stream: str, host: str) -> Any:
    return service.start(world, stream, host)


def look(world: World, place: int, stream: str) -> Any:
    return service.look_after(world, stream)


def ban_or_join(world: World, place: int, stream: str, host: str, user: str) -> Any:
    if place == 0:
        return moderating.ban(world, stream, host, user, banned=True)
    return watching.join(world, stream, user)


def join(world: World, place: int, stream: str, users: list[str]) -> Any:
    return watching.join(world, stream, users[place % len(users)])


def come(world: World, place: int, stream: str, uids: list[int]) -> Any:
    """Each number comes, and is told of twice."""
    return watching.hear(world, Notice(stream, uids[place % len(uids)], 1, world.now(), True))


def appoint(world: World, place: int, stream: str, host: str, users: list[str]) -> Any:
    return moderating.appoint(world, stream, host, users[place], moderator=True)


def ring_or_go_live(world: World, place: int, air: tuple[str, str], client: str, session: str) -> Any:
    stream, host = air
    if place % 2:
        return unbooked.go_live(world, stream, host)
    return unbooked.ask(world, Side(client, "Cee"), session, host, "text").session


# --- the host ------------------------------------------------------------------------------------


def test_of_streams_that_one_host_wants_at_once_one_is_made(air: Air, crowd: Crowd) -> None:
    names = [f"{air.stream}_{number}" for number in range(8)]
    found = crowd(8, create, air.ready().host, names)
    assert refusals(found) == {InvalidState.code: 7}
    assert air.rows.open_of(air.host) in names


def test_a_stream_asked_for_16_times_at_once_is_one(air: Air, crowd: Crowd) -> None:
    found = crowd(16, create, air.ready().host, [air.stream])
    assert refusals(found) == Counter()
    assert {each.id for each in found} == {air.stream}


def test_starting_and_calling_off_at_once_is_one_or_the_other(air: Air, crowd: Crowd) -> None:
    air.scheduled()
    found = crowd(8, end_or_start, air.stream, air.host)
    assert set(refusals(found)) <= {InvalidState.code}
    done = air.row
    assert done.state == "finalized"
    assert done.ended_for == ("host_ended" if done.started_at else "cancelled")
    assert air.rows.open_of(air.host) is None


def test_two_devices_of_a_host_start_one_stream_and_both_may_publish(air: Air, crowd: Crowd) -> None:
    air.scheduled()
    found = crowd(8, start, air.stream, air.host)
    assert refusals(found) == Counter()
    assert {stream.started_at for stream, _ in found} == {NOON}
    assert air.row.epoch <= 1


def test_a_stream_that_time_ends_is_ended_once_whoever_notices(air: Air, crowd: Crowd) -> None:
    air.live()
    air.told(HOST_UID, joined=False)
    air.forward(10 * MINUTE)
    found = crowd(16, look, air.stream)
    assert refusals(found) == Counter()
    assert {(each.state, each.ended_at, each.ended_for) for each in found} == {
        ("finalized", NOON + 2 * MINUTE, "host_gone")
    }
    audited = air.world.tables.query(air.world.settings.tables.audit, ("pk", air.stream)).items
    assert [each["action"] for each in audited] == ["stream_settled"]


def test_a_start_and_requests_for_a_reading_at_once_are_answered_or_refused(air: Air, crowd: Crowd) -> None:
    """A reading that was there stops the start in its transaction. One that is asked for in that very moment may come
    after it: the reader declines it.
    """
    duo = Duo(air.world, air.stream.removeprefix("str_"))
    air.scheduled()
    pay_in(air.world, duo.client, 5_000, f"topup:{duo.client}")
    readers.set_presence(air.world, air.host, "online")
    found = crowd(6, ring_or_go_live, (air.stream, air.host), duo.client, duo.session)
    assert set(refusals(found)) <= {SessionOpen.code, ReaderBusy.code}
    assert air.row.state == "live" or sessions.open_session(air.world, air.host) is not None


# --- who watches ---------------------------------------------------------------------------------


def test_a_ban_and_joins_at_once_leave_nobody_with_an_open_token(air: Air, crowd: Crowd) -> None:
    viewer = f"usr_v{air.stream[4:]}"
    air.live()
    air.known(viewer)
    found = crowd(8, ban_or_join, air.stream, air.host, viewer)
    assert set(refusals(found)) <= {Forbidden.code}
    leases: list[Lease] = [each[1] for each in found if isinstance(each, tuple)]
    row = air.viewer(viewer)
    assert (row.banned, row.present, row.uid, row.owed) == (True, False, None, ())
    # One number, whatever was given under it: it is barred, or there was none when the ban came.
    assert len({lease.uid for lease in leases}) <= 1
    assert code(lambda: air.joins(viewer)) == Forbidden.code


def test_viewers_who_come_at_once_are_each_counted_once(air: Air, crowd: Crowd) -> None:
    users = [f"usr_{air.stream[4:]}_{number}" for number in range(24)]
    air.live()
    joined = crowd(24, join, air.stream, users)
    assert refusals(joined) == Counter()
    uids = [lease.uid for _, lease in joined]
    assert len(set(uids)) == 24
    assert refusals(crowd(48, come, air.stream, uids)) == Counter()
    assert air.audience() == (24, 24)
    assert all(air.viewer(user).present for user in users)


def test_one_viewer_who_joins_many_times_at_once_has_one_number(air: Air, crowd: Crowd) -> None:
    air.live()
    found = crowd(8, join, air.stream, [f"usr_v{air.stream[4:]}"])
    assert refusals(found) == Counter()
    assert len({lease.uid for _, lease in found}) == 1


def test_of_many_who_are_appointed_at_once_ten_are(air: Air, crowd: Crowd) -> None:
    users = [f"usr_{air.stream[4:]}_{number}" for number in range(14)]
    air.scheduled()
    air.known(*users)
    found = crowd(14, appoint, air.stream, air.host, users)
    assert refusals(found) == {InvalidState.code: 4}
    assert len(air.row.moderators) == 10
