"""Scheduling over HTTP: hours, slots, bookings with their refusals, the calendar; and two bookings lived through."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import icalendar
import pytest
import requests

from chalicelib.kernel.time import SECOND, rfc3339
from chalicelib.scheduling import service as scheduling
from infra.local.people import RATE
from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Stage, refusal

PRICE: Final = 15 * RATE
ALL_WEEK: Final = {
    "weekly": [
        {"day": day, "from": "00:00", "to": "24:00"}
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    ],
    "time_zone": "America/New_York",
}
STORY_SECONDS: Final = 300


@dataclass
class Diary:
    """A client with credit and a reader to be had at any hour. ``made`` are called off at the end."""

    stage: Stage
    client: Phone
    reader: Phone

    def slots(self, first: datetime, minutes: int = 15, modality: str = "voice") -> Json:
        window = f"from={_written(first)}&to={_written(first + timedelta(minutes=30))}"
        path = f"/v1/readers/{self.reader.id}/slots?{window}&duration={minutes}&modality={modality}"
        found: Json = self.stage.api().get(path)
        return found

    def slot(self, days: float, minutes: int = 15) -> str:
        """The start of the first free slot so many days from now."""
        return str(self.slots(datetime.now(UTC) + timedelta(days=days), minutes)["slots"][0]["start"])

    def wish(self, start: str, **changed: Any) -> Json:
        return {"reader": self.reader.id, "start": start, "duration_minutes": 15, "modality": "voice"} | changed

    def book(self, start: str, phone: Phone | None = None) -> Json:
        made: Json = (phone or self.client).api.post("/v1/bookings", self.wish(start))
        return made

    def act(self, booking: Json, command: str, phone: Phone | None = None, body: Json | None = None) -> Json:
        done: Json = (phone or self.client).api.post(f"/v1/bookings/{booking['id']}/{command}", body)
        return done

    def refused(self, method: str, path: str, phone: Phone, body: Any = None) -> tuple[int, str]:
        return refusal(phone.api.send(method, path, body, key=str(uuid.uuid4())))

    def await_closed(self, booking: Json, seconds: float) -> None:
        """Until it is over, without asking the API."""
        until(
            "the booking being over",
            lambda: not scheduling.load(self.stage.world, booking["id"]).is_open,
            seconds=seconds,
        )


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def open_diary(stage: Stage) -> Diary:
    diary = Diary(stage, stage.client(50_000), stage.reader())
    diary.reader.api.put("/v1/reader/availability", ALL_WEEK)
    return diary


@pytest.fixture(scope="module")
def diary(stage: Stage) -> Iterator[Diary]:
    diary = open_diary(stage)
    yield diary
    for booking in diary.client.api.get("/v1/bookings?limit=100")["items"]:
        diary.act(booking, "decline", diary.reader)


# --- hours ---------------------------------------------------------------------------------------


def test_a_reader_says_when_they_are_to_be_had_and_on_which_days_not(stage: Stage) -> None:
    reader = stage.reader()
    assert reader.api.get("/v1/reader/availability") == {"time_zone": "UTC", "buffer_minutes": 0, "weekly": []}
    said = {
        "time_zone": "Asia/Kathmandu",
        "buffer_minutes": 15,
        "weekly": [{"day": "monday", "from": "09:15", "to": "24:00"}],
    }
    assert reader.api.put("/v1/reader/availability", said) == said
    assert reader.api.get("/v1/reader/availability") == said
    days = {"overrides": [{"date": "2026-12-24", "hours": []}, {"date": "2026-12-31", "hours": [_noon("13:00")]}]}
    assert reader.api.put("/v1/reader/availability/overrides", days) == {"time_zone": "Asia/Kathmandu"} | days
    assert reader.api.get("/v1/reader/availability/overrides") == {"time_zone": "Asia/Kathmandu"} | days


def _noon(to: str) -> Json:
    return {"from": "12:00", "to": to}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {}),
        ("", {"weekly": [{"day": "someday", "from": "09:00", "to": "10:00"}]}),
        ("", {"weekly": [{"day": "monday", "from": "09:10", "to": "10:00"}]}),
        ("", {"weekly": [{"day": "monday", "from": "10:00", "to": "09:00"}]}),
        ("", {"weekly": [{"day": "monday", "from": "09:00", "to": "11:00"}] * 2}),
        ("", {"weekly": [], "buffer_minutes": 20}),
        ("", {"weekly": [], "time_zone": "Mars/Phobos"}),
        ("/overrides", {"overrides": [{"date": "2026-02-30", "hours": []}]}),
        ("/overrides", {"overrides": [{"date": "2026-12-24", "hours": []}] * 2}),
        ("/overrides", {"overrides": [{"date": "2026-12-24", "hours": [_noon("11:00")]}]}),
        ("/overrides", {"overrides": [{"date": f"2027-01-{day % 28 + 1:02d}", "hours": []} for day in range(101)]}),
    ],
)
def test_hours_that_do_not_fit_are_422(diary: Diary, path: str, body: Json) -> None:
    assert diary.refused("PUT", f"/v1/reader/availability{path}", diary.reader, body) == (422, "invalid")


@pytest.mark.parametrize("path", ["", "/overrides"])
def test_hours_are_for_readers(diary: Diary, path: str) -> None:
    assert diary.refused("GET", f"/v1/reader/availability{path}", diary.client) == (403, "forbidden")
    assert diary.refused("PUT", f"/v1/reader/availability{path}", diary.client, {"weekly": []}) == (403, "forbidden")


# --- slots ---------------------------------------------------------------------------------------


def test_slots_need_no_token_and_tell_price_and_the_readers_wall_clock(diary: Diary) -> None:
    found = diary.slots(datetime.now(UTC) + timedelta(days=2), 30)
    assert (found["price"], found["duration_minutes"]) == ({"amount": 30 * RATE, "currency": "usd"}, 30)
    first = found["slots"][0]
    start, local = datetime.fromisoformat(first["start"]), datetime.fromisoformat(first["local"])
    assert (found["time_zone"], start) == ("America/New_York", local)
    assert local.utcoffset() == timedelta(hours=-5)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=2026-12-01T00:00:00Z&to=2027-01-02T00:00:00Z&duration=15&modality=voice", (422, "invalid")),
        ("from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z&duration=15&modality=voice", (422, "invalid")),
        ("from=2026-12-01&to=2026-12-02&duration=15&modality=voice", (422, "invalid")),
        ("from=2026-12-01T00:00:00&to=2026-12-02T00:00:00Z&duration=15&modality=voice", (422, "invalid")),
        ("from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z&duration=20&modality=voice", (422, "invalid")),
        ("from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z&duration=15&modality=smoke", (422, "invalid")),
        ("from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z&duration=15", (422, "invalid")),
    ],
)
def test_slots_that_cannot_be_asked_for_are_refused(diary: Diary, query: str, expected: tuple[int, str]) -> None:
    path = f"/v1/readers/{diary.reader.id}/slots?{query}"
    assert refusal(diary.stage.api().send("GET", path)) == expected


def test_slots_of_nobody_are_404_and_of_what_is_not_offered_409(diary: Diary) -> None:
    query = "from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z&duration=15&modality=video"
    assert refusal(diary.stage.api().send("GET", f"/v1/readers/nobody/slots?{query}")) == (404, "not_found")
    reader = diary.stage.reader()
    reader.api.put("/v1/reader/rates", {"text": RATE})
    answer = diary.stage.api().send("GET", f"/v1/readers/{reader.id}/slots?{query}")
    assert refusal(answer) == (409, "reader_unavailable")


# --- booking -------------------------------------------------------------------------------------


def test_a_booking_is_paid_at_once_is_the_same_when_repeated_and_takes_its_slot(diary: Diary) -> None:
    before, start, key = diary.client.credit(), diary.slot(3), str(uuid.uuid4())
    first, again = (diary.client.api.send("POST", "/v1/bookings", diary.wish(start), key=key) for _ in range(2))
    made = first.json
    assert (first.status, again.json, again.headers["idempotency-replayed"]) == (201, made, "true")
    assert (made["state"], made["start"], made["price"]["amount"]) == ("booked", start, PRICE)
    assert (made["refund_if_cancelled"]["amount"], made["session"], made["earned"]) == (PRICE, None, None)
    assert diary.client.credit() == before - PRICE
    assert start not in [each["start"] for each in diary.slots(datetime.fromisoformat(start))["slots"]]
    rival = diary.stage.client(5_000)
    assert diary.refused("POST", "/v1/bookings", rival, diary.wish(start)) == (409, "slot_taken")
    assert rival.credit() == 5_000
    for phone, side in ((diary.client, "client"), (diary.reader, "reader")):
        listed = phone.api.get(f"/v1/bookings?as={side}&limit=100")["items"]
        assert made["id"] in [each["id"] for each in listed]
        assert phone.api.get(f"/v1/bookings/{made['id']}")["id"] == made["id"]
    assert diary.reader.api.get(f"/v1/bookings/{made['id']}")["refund_if_cancelled"] is None


def test_bookings_that_cannot_be_made_cost_nothing(diary: Diary) -> None:
    start = diary.slot(4)
    before = diary.client.credit()
    past = _written(datetime.now(UTC) - timedelta(days=1))
    off_grid = start.replace(".000Z", ".500Z")
    for wish, expected in (
        (diary.wish(off_grid), (422, "invalid")),
        (diary.wish(start, duration_minutes=20), (422, "invalid")),
        (diary.wish(start, modality="smoke"), (422, "invalid")),
        (diary.wish("tomorrow"), (422, "invalid")),
        (diary.wish(start, price=1), (422, "invalid")),
        (diary.wish(start, reader="nobody"), (404, "not_found")),
        (diary.wish(start, reader=diary.client.id), (404, "not_found")),
        (diary.wish(start, reader=diary.stage.reader().id), (409, "slot_taken")),
    ):
        assert diary.refused("POST", "/v1/bookings", diary.client, wish) == expected, wish
    assert diary.refused("POST", "/v1/bookings", diary.client, diary.wish(past))[0] in (409, 422)
    assert diary.refused("POST", "/v1/bookings", diary.stage.client(), diary.wish(start)) == (402, "insufficient_funds")
    assert diary.refused("POST", "/v1/bookings", diary.reader, diary.wish(start)) == (422, "invalid")
    assert refusal(diary.client.api.send("POST", "/v1/bookings", diary.wish(start))) == (
        400,
        "idempotency_key_required",
    )
    assert refusal(diary.stage.api().send("POST", "/v1/bookings", diary.wish(start), key="k")) == (
        401,
        "unauthenticated",
    )
    assert diary.client.credit() == before


def test_a_booking_belongs_to_its_two_people(diary: Diary) -> None:
    made = diary.book(diary.slot(5))
    stranger, path = diary.stage.client(), f"/v1/bookings/{made['id']}"
    assert diary.refused("GET", path, stranger) == (403, "forbidden")
    for command in ("cancel", "decline", "start"):
        assert diary.refused("POST", f"{path}/{command}", stranger) == (403, "forbidden")
        nowhere = f"/v1/bookings/bok_00000000000000000000000000/{command}"
        assert diary.refused("POST", nowhere, stranger) == (404, "not_found")
    moved = {"start": diary.slot(6)}
    assert diary.refused("POST", f"{path}/reschedule", stranger, moved) == (403, "forbidden")
    assert diary.refused("POST", f"{path}/reschedule", diary.reader, moved) == (403, "forbidden")
    assert diary.refused("POST", f"{path}/decline", diary.client) == (403, "forbidden")
    assert diary.refused("POST", f"{path}/start", diary.client) == (409, "invalid_state")


@pytest.mark.parametrize(
    ("days", "who", "command", "state", "refund"),
    [
        (2.0, "client", "cancel", "cancelled_by_client", PRICE),
        (0.5, "client", "cancel", "cancelled_by_client", PRICE // 2),
        (0.5, "reader", "cancel", "cancelled_by_reader", PRICE),
        (0.5, "reader", "decline", "cancelled_by_reader", PRICE),
    ],
)
def test_calling_off_divides_the_price_by_who_and_when(
    diary: Diary, days: float, who: str, command: str, state: str, refund: int
) -> None:
    made = diary.book(diary.slot(days))
    credit, earned = diary.client.credit(), _earned(diary.reader)
    phone = getattr(diary, who)
    done = diary.act(made, command, phone)
    assert (done["state"], done["refunded"]["amount"]) == (state, refund)
    assert diary.client.credit() == credit + refund
    assert _earned(diary.reader) == earned + (PRICE - refund) * 70 // 100
    assert diary.act(made, command, phone) == done
    other = diary.reader if who == "client" else diary.client
    path = f"/v1/bookings/{made['id']}"
    assert diary.refused("POST", f"{path}/cancel", other) == (409, "invalid_state")
    assert diary.refused("POST", f"{path}/start", other) == (409, "invalid_state")
    past = diary.client.api.get("/v1/bookings?when=past&limit=100")["items"]
    assert made["id"] in [each["id"] for each in past]


def _earned(reader: Phone) -> int:
    return int(reader.api.get("/v1/reader/earnings")["balance"]["amount"])


def test_a_booking_moves_a_day_ahead_at_the_latest(diary: Diary) -> None:
    made, taken = diary.book(diary.slot(7)), diary.book(diary.slot(8))
    path = f"/v1/bookings/{made['id']}/reschedule"
    assert diary.refused("POST", path, diary.client, {"start": taken["start"]}) == (409, "slot_taken")
    assert diary.refused("POST", path, diary.client, {"start": "soon"}) == (422, "invalid")
    assert diary.refused("POST", path, diary.client, {}) == (422, "invalid")
    new = diary.slot(9)
    for _ in range(2):
        assert diary.act(made, "reschedule", body={"start": new})["start"] == new
    soon = diary.book(diary.slot(0.5))
    late = f"/v1/bookings/{soon['id']}/reschedule"
    assert diary.refused("POST", late, diary.client, {"start": diary.slot(10)}) == (409, "invalid_state")


@pytest.mark.parametrize("query", ["as=admin", "when=now", "limit=0", "limit=101", "cursor=forged", "page=2"])
def test_a_list_that_cannot_be_asked_for_is_422(diary: Diary, query: str) -> None:
    assert refusal(diary.client.api.send("GET", f"/v1/bookings?{query}")) == (422, "invalid")


def test_bookings_are_paged_soonest_first(diary: Diary) -> None:
    client = diary.stage.client(20_000)
    made = [diary.book(diary.slot(days), client)["id"] for days in (12, 11, 13)]
    seen, cursor = [], ""
    for _ in range(4):  # storage may say that there is more where there is not
        page = client.api.get(f"/v1/bookings?limit=1{cursor}")
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [made[1], made[0], made[2]]
    assert page["next_cursor"] is None
    for booking in made:
        diary.act({"id": booking}, "cancel", client)


# --- calendar ------------------------------------------------------------------------------------


def test_a_secret_address_shows_the_calendar_until_another_takes_its_place(diary: Diary) -> None:
    made = diary.book(diary.slot(14))
    gone = diary.book(diary.slot(15))
    diary.act(gone, "decline", diary.reader)
    first = diary.client.api.post("/v1/me/calendar")["url"]
    answer = requests.get(first, timeout=SOON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    events = {str(each["uid"]): each for each in icalendar.Calendar.from_ical(answer.text).events}
    event = events[f"{made['id']}@soulseer"]
    assert (event.start, event["status"]) == (datetime.fromisoformat(made["start"]), "CONFIRMED")
    assert events[f"{gone['id']}@soulseer"]["status"] == "CANCELLED"
    second = diary.client.api.post("/v1/me/calendar")["url"]
    assert requests.get(first, timeout=SOON).status_code == 404
    assert requests.get(second, timeout=SOON).status_code == 200
    assert diary.client.api.send("DELETE", "/v1/me/calendar").status == 204
    assert requests.get(second, timeout=SOON).status_code == 404


@pytest.mark.parametrize("name", ["x.ics", "x", "x.ICS", "x.ics.ics", ".ics", "x.icsx"])
def test_a_calendar_of_no_secret_of_ours_is_404(diary: Diary, name: str) -> None:
    assert refusal(diary.stage.api().send("GET", f"/v1/calendar/{name}")) == (404, "not_found")


def test_a_calendar_address_is_for_who_is_signed_in(diary: Diary) -> None:
    for method in ("POST", "DELETE"):
        assert refusal(diary.stage.api().send(method, "/v1/me/calendar")) == (401, "unauthenticated")


# --- two bookings lived through ------------------------------------------------------------------


def a_booking_takes_place_and_pays_its_reader(stage: Stage) -> None:
    diary = open_diary(stage)
    made = diary.book(diary.slot(1 / 24 / 60))
    entered = until("the door being open", lambda: _entered(diary, made), seconds=TICK + SOON)
    assert (entered["state"], entered["session"]) == ("in_session", diary.act(made, "start", diary.reader)["session"])
    diary.client.session = diary.reader.session = {"id": entered["session"]}
    diary.client.join()
    assert diary.reader.join()["state"] == "active"
    assert diary.refused("POST", f"/v1/bookings/{made['id']}/cancel", diary.client) == (409, "invalid_state")
    diary.await_closed(made, TICK + SOON)
    done = diary.reader.api.get(f"/v1/bookings/{made['id']}")
    assert (done["state"], done["reason"]) == ("completed", "max_duration")
    assert (done["earned"]["amount"], done["refunded"]["amount"]) == (PRICE * 70 // 100, 0)
    assert diary.client.credit() == 50_000 - PRICE
    assert _earned(diary.reader) == PRICE * 70 // 100
    session = diary.client.api.get(f"/v1/sessions/{entered['session']}")
    assert (session["state"], session["reason"]) == ("finalized", "max_duration")
    assert diary.client.api.get(f"/v1/sessions/{entered['session']}/receipt")["total"]["amount"] == PRICE
    for phone in (diary.client, diary.reader):
        phone.close()


def _entered(diary: Diary, made: Json) -> Json | None:
    """Knock, as an app that counts down does."""
    answer = diary.client.api.send("POST", f"/v1/bookings/{made['id']}/start")
    if answer.status == 200:
        return dict(answer.json)
    assert refusal(answer) == (409, "invalid_state")
    return None


def a_reader_who_does_not_come_pays_it_all_back_though_nobody_asks(stage: Stage) -> None:
    """Both clocks are all that looks: nobody calls the API."""
    diary = open_diary(stage)
    made = diary.book(diary.slot(1 / 24 / 60))
    row = scheduling.load(stage.world, made["id"])
    diary.await_closed(made, (row.start - stage.world.now()) / SECOND + stage.rules.booking_join / SECOND + TICK)
    done = diary.client.api.get(f"/v1/bookings/{made['id']}")
    assert (done["state"], done["refunded"]["amount"]) == ("no_show_reader", PRICE)
    session = diary.client.api.get(f"/v1/sessions/{done['session']}")
    assert session["ended_at"] == rfc3339(row.start + stage.rules.booking_join)
    assert diary.client.credit() == 50_000


def a_reading_asked_for_now_ends_at_the_readers_booking(stage: Stage) -> None:
    diary = open_diary(stage)
    begins = datetime.now(UTC) + timedelta(seconds=stage.rules.booking_join / SECOND + 20)
    made = diary.book(diary.slots(begins)["slots"][0]["start"])
    other = stage.client(5_000)
    diary.reader.session = other.ask(diary.reader.id)
    diary.reader.do("accept")
    diary.reader.join()
    assert other.join()["state"] == "active"
    ends_by = stage.row(other.session["id"]).ends_by
    assert ends_by is not None
    assert rfc3339(ends_by) == made["start"]

    def over() -> Json | None:
        seen: Json = other.api.get(f"/v1/sessions/{other.session['id']}")
        if seen["state"] in ("paused", "reconnecting"):  # two busy cores let the heartbeats starve: they come back
            diary.reader.reconnect()
            other.reconnect()
        return seen if seen["state"] in ("ended", "finalized") else None

    ended = until("the reading being over", over, seconds=TICK + 2 * SOON)
    assert (ended["reason"], ended["ended_at"]) == ("max_duration", made["start"])
    diary.await_closed(made, TICK + 2 * SOON)
    for phone in (other, diary.reader):
        phone.close()


STORIES: Final = (
    a_booking_takes_place_and_pays_its_reader,
    a_reader_who_does_not_come_pays_it_all_back_though_nobody_asks,
    a_reading_asked_for_now_ends_at_the_readers_booking,
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_bookings_in_real_time(story: Story, stories: dict[Story, Future[None]]) -> None:
    stories[story].result(timeout=STORY_SECONDS)
