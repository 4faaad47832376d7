"""Streams over HTTP: scheduling, going live, watching, keeping order, the end, and each refusal; phones that really are
in the channel, as far as the local Agora has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from chalicelib.kernel.time import SECOND
from chalicelib.live import service as live
from chalicelib.live.model.stream import Stream
from infra.local.agora.device import ChannelRefused, Device
from infra.local.phone import Json, Phone, new_key
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Stage, refusal

WHY: Final = ("--reason", "an end-to-end test", "--yes")
STORY_SECONDS: Final = 400


class Studio:
    """A reader with one stream at a time, a device that broadcasts, and people who watch."""

    def __init__(self, stage: Stage, host: Phone) -> None:
        self.stage, self.host = stage, host
        self.camera = Device(stage.stack.agora.url, "broadcaster")
        self.id = ""

    def schedule(self, visibility: str = "public", **more: Any) -> Json:
        stream: Json = self.host.api.post("/v1/streams", {"title": "Full moon", "visibility": visibility} | more)
        self.id = str(stream["id"])
        return stream

    def go_live(self, visibility: str = "public", **more: Any) -> Json:
        """Live, and the product knows that the host is in the channel."""
        self.schedule(visibility, **more)
        answer: Json = self.host.api.post(f"{self.path}/start")
        self.camera.join(answer["media"])
        until("the host being there", lambda: live.load(self.stage.world, self.id).gone_since is None, seconds=SOON)
        return answer

    @property
    def path(self) -> str:
        return f"/v1/streams/{self.id}"

    def view(self, phone: Phone | None = None) -> Json:
        seen: Json = (phone.api if phone else self.stage.api()).get(self.path)
        return seen

    def join(self, phone: Phone) -> Json:
        answer: Json = phone.api.post(f"{self.path}/join")
        return answer

    def watch(self, phone: Phone) -> tuple[Device, Json]:
        """In the channel with their lease."""
        media = self.join(phone)["media"]
        device = Device(self.stage.stack.agora.url, "audience")
        device.join(media)
        return device, media

    def await_viewers(self, count: int) -> None:
        until(f"{count} viewers", lambda: self.view(self.host)["viewers"] == count, seconds=SOON)

    def does(self, what: str, body: Json | None = None, phone: Phone | None = None) -> tuple[int, str]:
        """Status and code of a command of the host's, or another's."""
        answer = (phone or self.host).api.send("POST", f"{self.path}/{what}", body, key=new_key())
        return (answer.status, "") if answer.status == 200 else refusal(answer)

    def end(self) -> None:
        if self.id:
            self.host.api.post(f"{self.path}/end")
        self.camera.leave()


@pytest.fixture(scope="module")
def host(stage: Stage) -> Phone:
    return stage.reader()


@pytest.fixture
def studio(stage: Stage, host: Phone) -> Iterator[Studio]:
    studio = Studio(stage, host)
    yield studio
    studio.end()


@pytest.fixture(scope="module")
def ann(stage: Stage) -> Phone:
    return stage.client()


@pytest.fixture(scope="module")
def ben(stage: Stage) -> Phone:
    return stage.client()


def in_channel(stage: Stage, stream: str) -> set[int]:
    return stage.stack.agora.uids_in(stream)


# --- from beginning to end -----------------------------------------------------------------------


def test_a_stream_goes_live_is_watched_and_ends(stage: Stage, studio: Studio, ann: Phone, ben: Phone) -> None:
    made = studio.schedule()
    assert (made["state"], made["role"], made["visibility"], made["price"]) == ("scheduled", "host", "public", None)
    assert made["host"]["id"] == studio.host.id
    assert studio.does("join", phone=ann) == (409, "invalid_state")

    answer = studio.host.api.post(f"{studio.path}/start")
    media = answer["media"]
    assert (answer["stream"]["state"], media["channel"], media["uid"]) == ("live", studio.id, 1)
    studio.camera.join(media)
    device, lease = studio.watch(ann)
    other, _ = studio.watch(ben)
    studio.await_viewers(2)
    assert lease["uid"] >= 1_000
    assert lease["rtm_token"]
    with pytest.raises(ChannelRefused, match="no_privilege"):
        Device(stage.stack.agora.url, "broadcaster").join(lease)

    assert studio.host.api.post(f"{studio.path}/token")["media"]["uid"] == 1
    assert ann.api.post(f"{studio.path}/token")["media"]["uid"] == lease["uid"]
    ben.api.post(f"{studio.path}/leave")
    other.leave()
    studio.await_viewers(1)

    assert studio.host.api.post(f"{studio.path}/end")["reason"] == "host_ended"
    assert studio.host.api.post(f"{studio.path}/end")["state"] == "finalized"
    seen = studio.view(ann)
    assert (seen["state"], seen["viewers"], seen["peak"], seen["barred"]) == ("finalized", 0, 2, "not_live")
    until("an empty channel", lambda: not in_channel(stage, studio.id), seconds=SOON)
    for old in (media, lease):
        with pytest.raises(ChannelRefused, match="banned"):
            Device(stage.stack.agora.url).join(old)
    device.close()


def test_who_is_signed_out_may_look_and_not_watch(stage: Stage, studio: Studio) -> None:
    studio.go_live()
    seen = studio.view()
    assert (seen["role"], seen["may_join"], seen["barred"], seen["title"]) == (None, False, "signed_out", "Full moon")
    listed = stage.api().get("/v1/streams?limit=100")["items"]
    assert [each["may_join"] for each in listed if each["id"] == studio.id] == [None]
    assert refusal(stage.api().send("POST", f"{studio.path}/join")) == (401, "unauthenticated")


# --- scheduling ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "x"},
        {"title": "", "visibility": "public"},
        {"title": "x" * 121, "visibility": "public"},
        {"title": "x", "visibility": "secret"},
        {"title": "x", "visibility": "public", "price": 10},
        {"title": "x", "visibility": "premium"},
        {"title": "x", "visibility": "premium", "price": 0},
        {"title": "x", "visibility": "premium", "price": 100_001},
        {"title": "x", "visibility": "premium", "price": "10"},
        {"title": "x", "visibility": "public", "starts_at": "2020-01-01T00:00:00Z"},
        {"title": "x", "visibility": "public", "starts_at": "2999-01-01T00:00:00Z"},
        {"title": "x", "visibility": "public", "starts_at": "tomorrow"},
        {"title": "x", "visibility": "public", "invited": ["usr_1"]},
        {"title": "x", "visibility": "private", "invited": ["a b"]},
        {"title": "x", "visibility": "private", "invited": ["usr_1"] * 51},
    ],
)
def test_what_does_not_fit_is_422_and_makes_nothing(host: Phone, body: Json) -> None:
    assert refusal(host.api.send("POST", "/v1/streams", body, key=new_key())) == (422, "invalid")


def test_streams_are_made_by_readers_once_and_with_a_key(studio: Studio, ann: Phone) -> None:
    body = {"title": "x", "visibility": "public"}
    assert refusal(ann.api.send("POST", "/v1/streams", body, key=new_key())) == (403, "forbidden")
    assert refusal(studio.host.api.send("POST", "/v1/streams", body)) == (400, "idempotency_key_required")
    key = new_key()
    first = studio.host.api.post("/v1/streams", body, key=key)
    studio.id = first["id"]
    assert studio.host.api.post("/v1/streams", body, key=key) == first
    assert refusal(studio.host.api.send("POST", "/v1/streams", body, key=new_key())) == (409, "invalid_state")


def test_lists_have_pages_and_cursors_of_their_own(stage: Stage, studio: Studio) -> None:
    later = Studio(stage, stage.reader())
    at = datetime.now(UTC) + timedelta(days=40)
    studio.schedule(starts_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    later.schedule("premium", price=7, starts_at=(at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))

    def ids(path: str, phone: Phone | None = None) -> list[str]:
        found: list[str] = []
        cursor = ""
        for _ in range(50):
            page = (phone.api if phone else stage.api()).get(f"{path}&limit=1{cursor}")
            found += [each["id"] for each in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"
        raise AssertionError("too many pages")

    until("both in the list", lambda: {studio.id, later.id} <= set(ids("/v1/streams?state=upcoming")), seconds=SOON)
    listed = ids("/v1/streams?state=upcoming")
    assert listed.index(studio.id) < listed.index(later.id)
    assert ids(f"/v1/streams?state=upcoming&host={later.host.id}") == [later.id]
    assert ids(f"/v1/streams?state=live&host={later.host.id}") == []
    later.end()
    until("one's own that are over", lambda: ids("/v1/streams?state=past", later.host) == [later.id], seconds=SOON)
    cursor = stage.api().get("/v1/streams?state=upcoming&limit=1")["next_cursor"] or "x"
    assert refusal(stage.api().send("GET", f"/v1/streams?state=live&cursor={cursor}")) == (422, "invalid")
    assert refusal(stage.api().send("GET", "/v1/streams?state=past")) == (401, "unauthenticated")
    assert refusal(stage.api().send("GET", "/v1/streams?state=over")) == (422, "invalid")


# --- going live ----------------------------------------------------------------------------------


def test_a_stream_starts_at_its_time_and_by_its_host(studio: Studio, ann: Phone) -> None:
    at = datetime.now(UTC) + timedelta(hours=2)
    studio.schedule(starts_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert studio.does("start") == (409, "invalid_state")
    assert studio.does("start", phone=ann) == (403, "forbidden")
    assert studio.does("end", phone=ann) == (403, "forbidden")
    assert studio.host.api.post(f"{studio.path}/end")["reason"] == "cancelled"
    assert studio.does("start") == (409, "invalid_state")


@pytest.mark.parametrize("what", ["start", "end", "join", "token", "leave", "moderators", "mute", "ban", "invitations"])
def test_a_stream_that_is_not_there_is_404(host: Phone, what: str) -> None:
    bodies = {
        "moderators": {"user": "usr_1", "moderator": True},
        "mute": {"user": "usr_1", "muted": True},
        "ban": {"user": "usr_1", "banned": True},
        "invitations": {"users": ["usr_1"]},
    }
    answer = host.api.send("POST", f"/v1/streams/str_none/{what}", bodies.get(what))
    assert refusal(answer)[0] == 404
    assert refusal(host.api.send("GET", "/v1/streams/str_none")) == (404, "not_found")


def test_nobody_is_live_and_in_a_reading_at_once(stage: Stage) -> None:
    with stage.pair() as pair:
        studio = Studio(stage, pair.reader)
        studio.schedule()
        pair.ask()
        assert studio.does("start") == (409, "session_open")
        pair.reader.do("decline")
        assert studio.does("start") == (200, "")
        asked = {"reader": pair.reader.id, "modality": "voice"}
        assert refusal(pair.client.api.send("POST", "/v1/sessions", asked, key=new_key())) == (409, "reader_busy")
        studio.end()


# --- who may watch -------------------------------------------------------------------------------


def test_a_private_one_is_for_who_is_invited(stage: Stage, studio: Studio, ann: Phone, ben: Phone) -> None:
    studio.go_live("private", invited=[ann.id])
    assert studio.does("join", phone=ann) == (200, "")
    assert studio.does("join", phone=ben) == (403, "forbidden")
    assert ben.api.send("POST", f"{studio.path}/leave").content == b"", "it tells nothing"
    assert refusal(ben.api.send("GET", studio.path)) == (403, "forbidden")
    assert refusal(stage.api().send("GET", studio.path)) == (403, "forbidden")
    assert studio.does("invitations", {"users": [ben.id]}, ann) == (403, "forbidden")
    assert studio.does("invitations", {"users": []}) == (422, "invalid")
    assert studio.does("invitations", {"users": ["usr_nobody"]}) == (422, "invalid")
    assert studio.does("invitations", {"users": [ben.id]}) == (200, "")
    assert studio.does("join", phone=ben) == (200, "")
    assert studio.id not in [each["id"] for each in stage.api().get("/v1/streams?limit=100")["items"]]

    def invited() -> bool:
        return studio.id in [each["id"] for each in ben.api.get("/v1/streams?state=invited")["items"]]

    until("what one is invited to", invited, seconds=SOON)


def test_a_premium_one_is_for_who_has_a_ticket(studio: Studio, ann: Phone) -> None:
    studio.go_live("premium", price=10)
    assert studio.view(ann)["barred"] == "no_ticket"
    assert studio.does("join", phone=ann) == (403, "forbidden")
    assert studio.does("invitations", {"users": [ann.id]}) == (409, "invalid_state")


def test_a_blocked_pair_does_not_meet(stage: Stage, studio: Studio) -> None:
    viewer = stage.client()
    studio.go_live()
    assert studio.does("join", phone=viewer) == (200, "")
    viewer.api.post("/v1/me/blocks", {"user": studio.host.id})
    assert studio.does("token", phone=viewer) == (403, "blocked")
    assert studio.view(viewer)["barred"] == "blocked"


# --- keeping order -------------------------------------------------------------------------------


def test_who_is_banned_is_put_out_and_does_not_come_back_until_let_in(
    stage: Stage, studio: Studio, ann: Phone, ben: Phone
) -> None:
    studio.go_live()
    _, lease = studio.watch(ann)
    studio.await_viewers(1)
    banned = studio.host.api.post(f"{studio.path}/ban", {"user": ann.id, "banned": True})
    assert banned["user"] == {"id": ann.id, "display_name": ann.me["display_name"]}
    assert (banned["banned"], banned["muted"], banned["moderator"]) == (True, False, False)
    until("the banned one being out", lambda: in_channel(stage, studio.id) == {1}, seconds=SOON)
    studio.await_viewers(0)
    with pytest.raises(ChannelRefused, match="banned"):
        Device(stage.stack.agora.url, "audience").join(lease)
    assert studio.does("join", phone=ann) == (403, "forbidden")
    assert studio.view(ann)["barred"] == "banned"
    assert studio.does("ban", {"user": ann.id, "banned": False}) == (200, "")
    _, fresh = studio.watch(ann)
    assert fresh["uid"] != lease["uid"]
    studio.await_viewers(1)
    assert studio.does("ban", {"user": ann.id, "banned": True}, ben) == (403, "forbidden")
    assert studio.does("ban", {"user": studio.host.id, "banned": True}) == (403, "forbidden")
    assert studio.does("ban", {"user": "usr_none", "banned": True}) == (404, "not_found")
    assert studio.does("ban", {"user": ann.id}) == (422, "invalid")


def test_moderators_keep_order_and_who_is_muted_gets_no_token_to_write_with(
    studio: Studio, ann: Phone, ben: Phone
) -> None:
    studio.go_live()
    assert studio.does("moderators", {"user": ann.id, "moderator": True}, ann) == (403, "forbidden")
    assert studio.does("moderators", {"user": studio.host.id, "moderator": True}) == (409, "invalid_state")
    assert studio.host.api.post(f"{studio.path}/moderators", {"user": ann.id, "moderator": True})["moderator"] is True
    assert studio.view(ann)["role"] == "moderator"
    assert studio.does("mute", {"user": ben.id, "muted": True}, ann) == (200, "")
    muted = studio.join(ben)
    assert (muted["media"]["rtm_token"], muted["stream"]["muted"]) == (None, True)
    assert studio.does("mute", {"user": ben.id, "muted": False}, ann) == (200, "")
    assert studio.join(ben)["media"]["rtm_token"]
    assert studio.does("mute", {"user": ann.id, "muted": True}, ben) == (403, "forbidden")
    assert studio.does("moderators", {"user": ann.id, "moderator": False}) == (200, "")
    assert studio.does("mute", {"user": ben.id, "muted": True}, ann) == (403, "forbidden")


# --- the platform --------------------------------------------------------------------------------


def test_an_admin_looks_at_a_stream_and_ends_it(stage: Stage, studio: Studio) -> None:
    studio.go_live()
    until(
        "it being listed",
        lambda: studio.id in [each["id"] for each in stage.admin("streams", "list")["rows"]],
        seconds=SOON,
    )
    assert stage.admin("streams", "show", studio.id)["rows"][0]["host"] == studio.host.id
    assert stage.admin("streams", "end", studio.id, *WHY)["rows"][0]["reason"] == "admin"
    assert studio.view()["reason"] == "admin"


def test_who_is_suspended_is_off_the_air(stage: Stage) -> None:
    studio = Studio(stage, stage.reader())
    media = studio.go_live()["media"]
    stage.admin("people", "suspend", studio.host.id, *WHY)
    assert studio.view()["reason"] == "suspended"
    with pytest.raises(ChannelRefused, match="banned"):
        Device(stage.stack.agora.url).join(media)
    assert studio.does("start") == (403, "account_suspended")


# --- stories -------------------------------------------------------------------------------------


def a_host_who_is_gone_for_too_long_has_ended_it(stage: Stage) -> None:
    studio = Studio(stage, stage.reader())
    studio.go_live()
    device, _ = studio.watch(stage.client())
    studio.await_viewers(1)
    studio.camera.lose_network()

    def row() -> Stream:
        """As stored: nothing is brought up to date by looking."""
        return live.load(stage.world, studio.id)

    until("Agora's word of it", lambda: row().gone_since is not None, seconds=SOON)
    left, gone = row(), stage.rules.host_gone
    assert left.state == "live"
    until("the end of it, by the clock", lambda: row().state == "finalized", seconds=gone / SECOND + TICK)
    assert (row().ended_for, row().ended_at) == ("host_gone", (left.gone_since or 0) + gone)
    until("an empty channel", lambda: not in_channel(stage, studio.id), seconds=TICK)
    device.close()


STORIES: Final[tuple[Story, ...]] = (a_host_who_is_gone_for_too_long_has_ended_it,)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_stories(stories: dict[Story, Future[None]], story: Story) -> None:
    stories[story].result(timeout=STORY_SECONDS)
