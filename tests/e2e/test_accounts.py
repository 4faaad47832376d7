"""What a person agrees to, wants, blocks and allows themselves, over HTTP, with every refusal."""

import uuid
from typing import Final

import pytest

from infra.local.phone import Json, Phone
from tests.e2e.stage import Stage, refusal

MINE: Final = (
    "/v1/me/consents",
    "/v1/me/devices",
    "/v1/me/notification-preferences",
    "/v1/me/blocks",
    "/v1/me/limits",
)
NO_LIMITS: Final[Json] = {"day": None, "week": None, "month": None, "self_excluded_until": None}


@pytest.fixture(scope="module")
def ada(stage: Stage) -> Phone:
    """Somebody who sets much; each test looks at one kind of it."""
    return stage.client()


def new_token() -> str:
    return f"push-{uuid.uuid4()}"


def test_a_consent_is_kept_by_version_with_its_first_time(ada: Phone) -> None:
    terms = {"document": "terms", "version": "2026-11-01"}
    first = ada.api.post("/v1/me/consents", terms)
    second = ada.api.post("/v1/me/consents", {**terms, "version": "2026-12-01"})
    assert ada.api.post("/v1/me/consents", terms) == first
    assert first == {**terms, "at": first["at"], "withdrawn_at": None}
    assert ada.api.get("/v1/me/consents") == {"items": [first, second], "next_cursor": None}


@pytest.mark.parametrize(
    "body", [{"document": "cookies", "version": "1"}, {"document": "terms", "version": ""}, {"document": "terms"}]
)
def test_a_consent_to_nothing_is_422(ada: Phone, body: Json) -> None:
    assert refusal(ada.api.send("POST", "/v1/me/consents", body)) == (422, "invalid")


def test_only_what_nobody_has_to_agree_to_can_be_taken_back(stage: Stage) -> None:
    phone = stage.client()
    given = [
        phone.api.post("/v1/me/consents", {"document": document, "version": "1"})
        for document in ("consumption", "terms")
    ]
    for _ in range(2):
        assert phone.api.send("DELETE", "/v1/me/consents/consumption").status == 204
    assert refusal(phone.api.send("DELETE", "/v1/me/consents/terms")) == (409, "invalid_state")
    assert refusal(phone.api.send("DELETE", "/v1/me/consents/cookies")) == (404, "not_found")
    assert refusal(stage.api().send("DELETE", "/v1/me/consents/consumption")) == (401, "unauthenticated")
    kept = phone.api.get("/v1/me/consents")["items"]
    assert kept == [given[0] | {"withdrawn_at": kept[0]["withdrawn_at"]}, given[1]]
    assert kept[0]["withdrawn_at"] is not None


def test_a_device_is_registered_once_shown_without_its_token_and_removed(stage: Stage) -> None:
    phone, other = stage.client(), stage.client()
    body = {"platform": "ios", "token": new_token()}
    answer = phone.api.send("POST", "/v1/me/devices", body)
    assert answer.status == 201
    device = answer.json
    assert set(device) == {"id", "platform", "created_at"}
    assert phone.api.post("/v1/me/devices", body) == device
    assert phone.api.get("/v1/me/devices")["items"] == [device]
    assert refusal(other.api.send("DELETE", f"/v1/me/devices/{device['id']}")) == (404, "not_found")
    assert phone.api.send("DELETE", f"/v1/me/devices/{device['id']}").status == 204
    assert phone.api.get("/v1/me/devices")["items"] == []
    assert refusal(phone.api.send("DELETE", f"/v1/me/devices/{device['id']}")) == (404, "not_found")


def test_a_token_that_moves_to_another_account_leaves_the_former_one(stage: Stage) -> None:
    former, present = stage.client(), stage.client()
    body = {"platform": "android", "token": new_token()}
    former.api.post("/v1/me/devices", body)
    present.api.post("/v1/me/devices", body)
    assert former.api.get("/v1/me/devices")["items"] == []
    assert len(present.api.get("/v1/me/devices")["items"]) == 1


@pytest.mark.parametrize(
    "body", [{"platform": "web", "token": "t"}, {"platform": "ios", "token": ""}, {"platform": "ios", "token": "a b"}]
)
def test_a_device_that_is_none_is_422(ada: Phone, body: Json) -> None:
    assert refusal(ada.api.send("POST", "/v1/me/devices", body)) == (422, "invalid")


def test_preferences_begin_with_the_defaults_and_change_by_rev(ada: Phone) -> None:
    path = "/v1/me/notification-preferences"
    before = ada.api.get(path)
    assert before["rev"] == 0
    assert before["kinds"]["bookings"] == {"inbox": True, "email": True, "push": True}
    wanted: Json = {
        "kinds": {"bookings": {"inbox": True, "email": False, "push": False}},
        "quiet_hours": {"from": "22:00", "until": "07:30"},
        "rev": 0,
    }
    after = ada.api.put(path, wanted)
    assert after == {
        **before,
        "kinds": {**before["kinds"], **wanted["kinds"]},
        "quiet_hours": wanted["quiet_hours"],
        "rev": 1,
    }
    assert ada.api.put(path, wanted) == after
    assert ada.api.get(path) == after
    stale: Json = {"kinds": {}, "quiet_hours": None, "rev": 0}
    assert refusal(ada.api.send("PUT", path, stale)) == (409, "invalid_state")
    assert ada.api.put(path, {**stale, "rev": 1})["quiet_hours"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"kinds": {}},
        {"kinds": {"spam": {"inbox": True, "email": True, "push": True}}, "rev": 0},
        {"kinds": {"news": {"inbox": True}}, "rev": 0},
        {"kinds": {}, "rev": 0, "quiet_hours": {"from": "22:00", "until": "22:00"}},
        {"kinds": {}, "rev": 0, "quiet_hours": {"from": "25:00", "until": "07:00"}},
        {"kinds": {}, "rev": -1},
    ],
)
def test_preferences_that_are_none_are_422(ada: Phone, body: Json) -> None:
    assert refusal(ada.api.send("PUT", "/v1/me/notification-preferences", body)) == (422, "invalid")


def test_two_of_whom_one_blocked_the_other_cannot_start_a_reading(stage: Stage) -> None:
    client, reader = stage.client(500), stage.reader()
    asked = {"reader": reader.id, "modality": "voice"}
    for one, other in ((client, reader), (reader, client)):
        answer = one.api.send("POST", "/v1/me/blocks", {"user": other.id})
        assert (answer.status, answer.json["user"]) == (201, other.id)
        assert one.api.get("/v1/me/blocks") == {"items": [answer.json], "next_cursor": None}
        assert refusal(client.api.send("POST", "/v1/sessions", asked, key=str(uuid.uuid4()))) == (403, "blocked")
        for _ in range(2):
            assert one.api.send("DELETE", f"/v1/me/blocks/{other.id}").status == 204
    assert client.api.post("/v1/sessions", asked)["state"] == "created"
    client.session = client.api.get("/v1/sessions?open=true")["items"][0]
    client.do("cancel")


def test_blocks_come_in_pages(stage: Stage) -> None:
    me, others = stage.client(), [stage.client().id for _ in range(3)]
    for each in others:
        me.api.post("/v1/me/blocks", {"user": each})
    first = me.api.get("/v1/me/blocks?limit=2")
    rest = me.api.get(f"/v1/me/blocks?limit=2&cursor={first['next_cursor']}")
    assert [each["user"] for each in first["items"] + rest["items"]] == sorted(others)
    assert rest["next_cursor"] is None
    assert refusal(me.api.send("GET", "/v1/me/blocks?cursor=forged")) == (422, "invalid")


def test_a_block_of_oneself_is_422_and_of_somebody_unknown_is_taken(ada: Phone) -> None:
    assert refusal(ada.api.send("POST", "/v1/me/blocks", {"user": ada.id})) == (422, "invalid")
    unknown = f"usr_{'0' * 26}"
    assert ada.api.send("POST", "/v1/me/blocks", {"user": unknown}).status == 201
    assert ada.api.send("DELETE", f"/v1/me/blocks/{unknown}").status == 204
    assert refusal(ada.api.send("POST", "/v1/me/blocks", {"user": "usr_nobody"})) == (422, "invalid")
    assert refusal(ada.api.send("POST", "/v1/me/blocks", {"user": "no such id"})) == (422, "invalid")


def test_a_limit_acts_at_once_and_a_rise_is_pending(ada: Phone) -> None:
    path = "/v1/me/limits"
    assert ada.api.get(path) == {**NO_LIMITS, "pending": NO_LIMITS}
    set_ = ada.api.put(path, {**NO_LIMITS, "day": 5_000, "self_excluded_until": "2030-01-01T00:00:00Z"})
    assert (set_["day"], set_["pending"]) == ({"amount": 5_000, "currency": "usd"}, NO_LIMITS)
    asked = ada.api.put(path, {**NO_LIMITS, "day": 9_000, "week": 20_000})
    assert (asked["day"], asked["week"]) == (set_["day"], {"amount": 20_000, "currency": "usd"})
    assert asked["self_excluded_until"] == "2030-01-01T00:00:00.000Z"
    assert asked["pending"]["day"]["limit"] == {"amount": 9_000, "currency": "usd"}
    assert asked["pending"]["self_excluded_until"]["self_excluded_until"] is None
    assert ada.api.get(path) == asked


@pytest.mark.parametrize(
    "body",
    [
        {"day": 5_000},
        {**NO_LIMITS, "day": -1},
        {**NO_LIMITS, "day": 10_000_001},
        {**NO_LIMITS, "week": "5000"},
        {**NO_LIMITS, "self_excluded_until": "2020-01-01T00:00:00Z"},
        {**NO_LIMITS, "self_excluded_until": "2099-01-01T00:00:00Z"},
        {**NO_LIMITS, "self_excluded_until": "2030-01-01"},
        {**NO_LIMITS, "self_excluded_until": 1893456000},
    ],
    ids=str,
)
def test_limits_that_are_none_are_422(ada: Phone, body: Json) -> None:
    assert refusal(ada.api.send("PUT", "/v1/me/limits", body)) == (422, "invalid")


@pytest.mark.parametrize("path", MINE)
def test_what_is_ones_own_is_401_without_a_token(stage: Stage, path: str) -> None:
    assert refusal(stage.api().send("GET", path)) == (401, "unauthenticated")


def test_a_suspended_person_sets_nothing(stage: Stage) -> None:
    someone = stage.client()
    stage.admin("people", "suspend", someone.id, "--reason", "e2e: suspended", "--yes")
    refused = {refusal(someone.api.send("GET", path)) for path in MINE}
    assert refused == {(403, "account_suspended")}
    body = {"document": "terms", "version": "1"}
    assert refusal(someone.api.send("POST", "/v1/me/consents", body)) == (403, "account_suspended")
