"""Nobody is live and in a reading at once; and what the clocks and Agora bring to a stream."""

from __future__ import annotations

import json

import pytest

from chalicelib.accounts.model.person import FORGOTTEN_NAME
from chalicelib.kernel.errors import ReaderBusy, SessionOpen
from chalicelib.kernel.time import DAY, MINUTE, SECOND
from chalicelib.live import moderating
from chalicelib.live import service as live
from chalicelib.operations import exports, handlers
from chalicelib.operations.deletions import _streams as forget_streams
from chalicelib.runtime import webhooks
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.scheduling import unbooked
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from tests.support.air import STREAM, Air
from tests.support.duo import Duo
from tests.support.people import person
from tests.support.worlds import hand_world


@pytest.fixture
def duo() -> Duo:
    return Duo(hand_world(), "1").ready()


@pytest.fixture
def air(duo: Duo) -> Air:
    """The reader of the duo has a stream to come."""
    air = Air(duo.world, duo.reader)
    live.create(air.world, air.host, air.stream, live.Wanted("x", "public", None, None, ()))
    return air


def ring(duo: Duo) -> None:
    asking.create(duo.world, Side(duo.client, "Cee"), duo.session, duo.reader, "text")


def test_a_reader_in_a_reading_does_not_go_live(duo: Duo, air: Air) -> None:
    ring(duo)
    with pytest.raises(SessionOpen):
        unbooked.go_live(air.world, STREAM, air.host)
    assert air.row.state == "scheduled"
    duo.does(duo.reader, commands.decline)
    assert unbooked.go_live(air.world, STREAM, air.host)[0].state == "live"


def test_a_reading_that_begins_in_that_moment_stops_the_start_in_its_transaction(duo: Duo, air: Air) -> None:
    beside = sessions.in_none(air.world, air.host)
    ring(duo)
    with pytest.raises(ConditionFailed):
        live.start(air.world, STREAM, air.host, beside)
    assert air.row.state == "scheduled"


def test_a_reading_whose_time_is_over_does_not_stop_it(duo: Duo, air: Air) -> None:
    ring(duo)
    duo.forward(10 * MINUTE)
    assert unbooked.go_live(air.world, STREAM, air.host)[0].state == "live"


def test_a_reader_who_is_live_is_not_asked_for_a_reading(duo: Duo, air: Air) -> None:
    unbooked.go_live(air.world, STREAM, air.host)
    with pytest.raises(ReaderBusy):
        unbooked.ask(air.world, Side(duo.client, "Cee"), duo.session, duo.reader, "text")
    live.end(air.world, STREAM, air.host)
    assert unbooked.ask(air.world, Side(duo.client, "Cee"), duo.session, duo.reader, "text").session.is_open


def test_the_minute_tick_ends_a_stream_and_puts_out_who_is_owed_to_be(air: Air) -> None:
    unbooked.go_live(air.world, STREAM, air.host)
    person(air.world, "usr_v")
    uid = air.joins("usr_v").uid
    air.agora.down = True
    moderating.ban(air.world, STREAM, air.host, "usr_v", banned=True)
    air.agora.down = False

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    def tick() -> None:
        for shard in range(air.world.settings.tick_shards):
            handlers.work(air.world, {"shard": str(shard)}, Context(), lambda facts: None)

    tick()
    assert (air.agora.removed, air.row.state) == ([(STREAM, uid)], "live")
    air.forward(2 * MINUTE)
    tick()
    assert (air.row.state, air.row.ended_for) == ("finalized", "host_gone")


def test_an_execution_of_the_clock_ends_it_to_the_second(air: Air) -> None:
    unbooked.go_live(air.world, STREAM, air.host)
    event = {"kind": "stream", "id": STREAM, "epoch": air.row.epoch, "turn": 0}
    assert handlers.tell(air.world, event)["done"] is False
    air.forward(2 * MINUTE)
    assert handlers.tell(air.world, event) == {"done": True}
    assert air.row.state == "finalized"


def test_agoras_notices_are_for_readings_or_streams_by_the_name_of_the_channel(
    air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbooked.go_live(air.world, STREAM, air.host)
    monkeypatch.setattr(handlers, "world", lambda: air.world)
    told = {"channelName": STREAM, "uid": 1, "clientSeq": 5, "ts": air.now // SECOND}
    body = json.dumps({"productId": 1, "eventType": 103, "payload": told})
    event = {"body": body, "headers": {"Agora-Signature-V2": "signed"}}
    assert handlers.agora_webhook(event, None)["statusCode"] == 200
    assert (air.row.gone_since, air.row.notice_seq) == (None, 5)
    assert webhooks.answered(event, "agora", "other", handlers._hear)["statusCode"] == 400


@pytest.mark.parametrize(("ahead", "status"), [(DAY, 200), (DAY + SECOND, 400)])
def test_a_notice_of_a_time_to_come_is_none(air: Air, monkeypatch: pytest.MonkeyPatch, ahead: int, status: int) -> None:
    unbooked.go_live(air.world, STREAM, air.host)
    monkeypatch.setattr(handlers, "world", lambda: air.world)
    told = {"channelName": STREAM, "uid": 1, "clientSeq": 5, "ts": (air.now + ahead) // SECOND}
    body = json.dumps({"productId": 1, "eventType": 103, "payload": told})
    answer = handlers.agora_webhook({"body": body, "headers": {"agora-signature-v2": "signed"}}, None)
    assert (answer["statusCode"], air.row.notice_seq) == (status, 5 if status == 200 else None)


def test_what_somebody_hosted_is_in_their_export_and_loses_their_name_when_they_leave(air: Air) -> None:
    person(air.world, air.host)
    live.end(air.world, STREAM, air.host)
    live.create(air.world, air.host, "str_2", live.Wanted("y", "private", None, None, ()))
    told = exports.everything(air.world, air.host)["streams_hosted"]
    assert [(each["id"], each["role"]) for each in told] == [(STREAM, "host"), ("str_2", "host")]
    assert forget_streams(air.world, air.host, None) is None
    assert air.row.host_name == FORGOTTEN_NAME
