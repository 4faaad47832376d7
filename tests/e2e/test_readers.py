"""The directory, pictures, favorites and the queue over HTTP on the deployed stack, with their refusals."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from infra.local.phone import Answer, Json, Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)


@pytest.fixture(scope="module")
def specialty() -> str:
    """One that nobody else's readers have."""
    return f"s{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def three(stage: Stage, specialty: str) -> dict[str, Phone]:
    """Readers of that specialty by name; the dearest is offline."""
    found = {}
    for name, rate in (("Ann", 300), ("Béa", 100), ("Cat", 200)):
        found[name] = phone = stage.reader(rate)
        described(phone, name, specialty)
    found["Ann"].api.put("/v1/reader/presence", {"status": "offline"})
    return found


def described(phone: Phone, name: str, specialty: str) -> Json:
    said = {
        "slug": f"{specialty}-{phone.id[-6:].lower()}",
        "name": name,
        "biography": f"I am {name}, and I read palmistry{specialty}.",
        "specialties": [specialty],
        "languages": ["en"],
    }
    profile: Json = phone.api.put("/v1/reader/profile", said)
    return profile


def listed(stage: Stage, query: str) -> list[Json]:
    """Every page of the list, without a token; a page may be short."""
    found: list[Json] = []
    cursor = ""
    for _ in range(20):
        answer: Json = stage.api().get(f"/v1/readers?{query}{cursor}")
        found += answer["items"]
        if answer["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer['next_cursor']}"
    raise AssertionError("the list does not end")


def names(stage: Stage, query: str) -> list[str]:
    return [each["name"] for each in listed(stage, query)]


# --- directory ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Ann", "Béa", "Cat"]),
        ("sort=rate", ["Béa", "Cat", "Ann"]),
        ("sort=rate&modality=voice&max_rate=200", ["Béa", "Cat"]),
        ("sort=rate&limit=1", ["Béa", "Cat", "Ann"]),
        ("sort=rating&limit=2&online=true", ["Béa", "Cat"]),
        ("online=false", ["Ann"]),
        ("q=BEA", ["Béa"]),
        ("q=bea+cat", []),
        ("min_rating=1", []),
    ],
)
def test_a_list_holds_whoever_has_what_is_asked_in_its_order(
    stage: Stage, three: dict[str, Phone], specialty: str, query: str, found: list[str]
) -> None:
    for name in ("Béa", "Cat"):
        three[name].api.put("/v1/reader/presence", {"status": "online"})
    told = names(stage, f"specialty={specialty}&{query}")
    assert (sorted(told) if "sort=rating" in query else told) == found  # nobody has a rating


def test_a_word_of_the_biography_finds_its_readers_in_any_case(
    stage: Stage, three: dict[str, Phone], specialty: str
) -> None:
    assert names(stage, f"q=PALMISTRY{specialty.upper()}") == ["Ann", "Béa", "Cat"]


def test_a_change_moves_a_reader_in_every_list_at_once(stage: Stage) -> None:
    one, other = f"s{uuid.uuid4().hex[:12]}", f"s{uuid.uuid4().hex[:12]}"
    phone = stage.reader()
    described(phone, "Dot", one)
    assert names(stage, f"specialty={one}&online=true") == ["Dot"]
    described(phone, "Dora", other)
    phone.api.put("/v1/reader/rates", {"voice": 100})
    assert names(stage, f"specialty={one}") == []
    (shown,) = listed(stage, f"specialty={other}&online=true&modality=voice&sort=rate")
    assert (shown["name"], shown["rates"], shown["presence"]) == ("Dora", {"voice": 100}, "online")
    assert names(stage, f"specialty={other}&modality=text") == []
    phone.api.put("/v1/reader/presence", {"status": "offline"})
    assert names(stage, f"specialty={other}&online=true") == []


@pytest.mark.parametrize(
    "query", ["sort=rate", "specialty=tarot", "modality=text", "q=a", "online=true", "min_rating=4", "sort=rating"]
)
def test_a_cursor_of_another_filter_or_order_is_422(stage: Stage, three: dict[str, Phone], query: str) -> None:
    cursor = stage.api().get("/v1/readers?limit=1")["next_cursor"]
    assert refusal(stage.api().send("GET", f"/v1/readers?{query}&cursor={cursor}")) == (422, "invalid")


# --- onboarding and pictures --------------------------------------------------------------------------------------


def test_a_profile_tells_what_is_missing(stage: Stage) -> None:
    profile = stage.reader().api.get("/v1/reader/profile")
    assert (profile["state"], profile["missing"], profile["picture_url"]) == ("verified", [], None)


def posted(phone: Phone, content: bytes, media_type: str = "image/png") -> str:
    """The id of an upload that the bucket took."""
    made = phone.api.post("/v1/reader/picture", {"media_type": media_type})
    answer = requests.post(made["url"], data=made["fields"], files={"file": content}, timeout=SOON)
    assert answer.status_code == 204, answer.text
    return str(made["upload"])


def put_picture(phone: Phone, upload: str) -> Answer:
    return phone.api.send("PUT", "/v1/reader/picture", {"upload": upload})


def test_a_picture_that_was_looked_at_is_shown_until_it_is_dropped(stage: Stage) -> None:
    phone = stage.reader()
    upload = posted(phone, PNG)
    for _ in range(2):
        profile: Any = put_picture(phone, upload).json
        assert requests.get(profile["picture_url"], timeout=SOON).content == PNG
    assert stage.api().get(f"/v1/readers/{phone.id}")["picture_url"].startswith("http")
    for _ in range(2):
        assert phone.api.send("DELETE", "/v1/reader/picture").json["picture_url"] is None
    assert stage.api().get(f"/v1/readers/{phone.id}")["picture_url"] is None


def test_what_is_no_picture_or_was_never_uploaded_is_refused(stage: Stage) -> None:
    phone = stage.reader()
    assert refusal(put_picture(phone, posted(phone, b"<html><script>"))) == (422, "invalid")
    assert refusal(put_picture(phone, "upl_00000000000000000000000000")) == (404, "not_found")
    assert refusal(put_picture(stage.reader(), posted(phone, PNG))) == (404, "not_found")
    wanted = {"media_type": "image/svg+xml"}
    assert refusal(phone.api.send("POST", "/v1/reader/picture", wanted)) == (422, "invalid")
    assert refusal(stage.client().api.send("POST", "/v1/reader/picture", {"media_type": "image/png"}))[0] == 403


# --- favorites ----------------------------------------------------------------------------------------------------


def favorites(phone: Phone) -> list[tuple[str, bool]]:
    found = phone.api.get("/v1/favorites")
    assert found["next_cursor"] is None
    return [(each["reader"]["id"], each["notify_online"]) for each in found["items"]]


def test_a_favorite_is_kept_until_it_is_dropped_and_shows_who_is_online(stage: Stage) -> None:
    client, reader = stage.client(), stage.reader()
    kept = client.api.put(f"/v1/favorites/{reader.id}", {})
    assert (kept["reader"]["presence"], kept["notify_online"]) == ("online", False)
    client.api.put(f"/v1/favorites/{reader.id}", {"notify_online": True})
    assert favorites(client) == [(reader.id, True)]
    for _ in range(2):
        assert client.api.send("DELETE", f"/v1/favorites/{reader.id}").status == 204
    assert favorites(client) == []


def test_favorites_are_of_readers_and_of_who_has_signed_in(stage: Stage) -> None:
    client = stage.client()
    assert refusal(client.api.send("PUT", "/v1/favorites/nobody-of-this-name", {})) == (404, "not_found")
    assert refusal(client.api.send("PUT", f"/v1/favorites/{client.id}", {})) == (404, "not_found")
    assert refusal(stage.api().send("GET", "/v1/favorites")) == (401, "unauthenticated")
    assert refusal(client.api.send("GET", "/v1/favorites?cursor=forged")) == (422, "invalid")


# --- queue --------------------------------------------------------------------------------------------------------


def waits(phone: Phone, reader: Phone) -> Json:
    found: Json = phone.api.call("POST", f"/v1/readers/{reader.id}/queue", {"modality": "voice"})
    return found


def asks(phone: Phone, reader: Phone) -> Answer:
    wanted = {"reader": reader.id, "modality": "voice"}
    return phone.api.send("POST", "/v1/sessions", wanted, key=str(uuid.uuid4()))


def test_who_waits_first_for_a_busy_reader_is_the_one_who_gets_them(stage: Stage) -> None:
    ann, bea, stranger = (stage.client(500) for _ in range(3))
    with stage.pair() as pair:
        pair.ask()
        assert waits(ann, pair.reader) == {"position": 1, "waiting": 1, "offered_until": None}
        assert waits(bea, pair.reader) == {"position": 2, "waiting": 2, "offered_until": None}
        pair.client.do("cancel")
        pair.reader.api.put("/v1/reader/presence", {"status": "online"})
        assert waits(bea, pair.reader)["offered_until"] is None
        assert waits(ann, pair.reader)["offered_until"]
        for other in (bea, stranger):
            assert refusal(asks(other, pair.reader)) == (409, "reader_busy")
        session = asks(ann, pair.reader)
        assert session.status == 201
        assert waits(bea, pair.reader) == {"position": 1, "waiting": 1, "offered_until": None}
        for _ in range(2):
            assert bea.api.send("DELETE", f"/v1/readers/{pair.reader.id}/queue").status == 204
        ann.api.post(f"/v1/sessions/{session.json['id']}/cancel")
        until("the reader being free", lambda: asks(stranger, pair.reader).status == 201, seconds=SOON)
        pair.reader.api.put("/v1/reader/presence", {"status": "online"})
        for left in stranger.api.get("/v1/sessions?open=true")["items"]:
            stranger.api.post(f"/v1/sessions/{left['id']}/end")


def test_nobody_waits_for_themselves_for_nobody_or_for_who_is_away(stage: Stage) -> None:
    reader, client = stage.reader(), stage.client()

    def queued(phone: Phone, name: str, body: Json | None = None) -> Answer:
        return phone.api.send("POST", f"/v1/readers/{name}/queue", body or {"modality": "voice"})

    assert refusal(queued(reader, reader.id)) == (422, "invalid")
    assert refusal(queued(client, "nobody-of-this-name")) == (404, "not_found")
    assert refusal(queued(client, reader.id, {"modality": "letter"})) == (422, "invalid")
    assert refusal(stage.api().send("POST", f"/v1/readers/{reader.id}/queue", {"modality": "text"}))[0] == 401
    assert refusal(queued(client, reader.id)) == (402, "insufficient_funds")
    reader.api.put("/v1/reader/presence", {"status": "offline"})
    assert refusal(queued(client, reader.id)) == (409, "reader_unavailable")
