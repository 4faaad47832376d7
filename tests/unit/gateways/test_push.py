"""What Apple and Google are given: words, ids, how long it is worth something; never more than they take."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.gateways.push import MOST_BYTES, Message, _attributes, payloads

HELLO = Message(
    name="ntc_1",
    title="Luna is online",
    text="Luna, one of your favorites, is online now.",
    about={"reader": "usr_luna"},
    group="favorites",
    unread=3,
    seconds=90,
)


def given(message: Message) -> tuple[dict[str, Any], dict[str, Any]]:
    """To Apple, and to Google."""
    told = payloads(message)
    assert told["APNS"] == told["APNS_SANDBOX"]
    return json.loads(told["APNS"]), json.loads(told["GCM"])["fcmV1Message"]["message"]


def longer(text: str) -> Message:
    return Message("ntc_1", text, text, {"thread": "thr_1"}, "community", 1, 60)


def test_apple_shows_the_words_the_number_and_groups_them() -> None:
    ios, _ = given(HELLO)
    assert ios == {
        "reader": "usr_luna",
        "aps": {
            "alert": {"title": "Luna is online", "body": "Luna, one of your favorites, is online now."},
            "badge": 3,
            "sound": "default",
            "thread-id": "favorites",
        },
    }


def test_google_shows_the_words_and_forgets_them_when_they_are_worth_nothing() -> None:
    _, android = given(HELLO)
    assert android == {
        "notification": {"title": "Luna is online", "body": "Luna, one of your favorites, is online now."},
        "data": {"reader": "usr_luna"},
        "android": {
            "priority": "high",
            "ttl": "90s",
            "notification": {"tag": "ntc_1", "channel_id": "favorites", "notification_count": 3},
        },
    }


def test_apple_is_told_in_the_head_what_it_replaces_and_how_long_it_is_worth_something() -> None:
    told = {name.removeprefix("AWS.SNS.MOBILE."): each["StringValue"] for name, each in _attributes(HELLO).items()}
    assert told == {
        "APNS.PUSH_TYPE": "alert",
        "APNS.COLLAPSE_ID": "ntc_1",
        "APNS.TTL": "90",
        "APNS_SANDBOX.TTL": "90",
    }


@pytest.mark.parametrize("letter", ["a", "ü", "🔮", '"', "\x01"])
def test_a_long_text_is_cut_to_what_they_take(letter: str) -> None:
    told = payloads(longer(letter * 5_000))
    assert all(len(each.encode()) <= MOST_BYTES for name, each in told.items() if name != "default")
    ios, android = given(longer(letter * 5_000))
    assert ios["aps"]["alert"]["body"].endswith("…")
    assert android["data"] == {"thread": "thr_1"}


def test_a_text_that_fits_is_not_cut() -> None:
    ios, _ = given(longer("a" * 1_500))
    assert ios["aps"]["alert"] == {"title": "a" * 1_500, "body": "a" * 1_500}


def test_a_field_of_ours_cannot_be_taken_for_apples() -> None:
    ios, _ = given(Message("n", "Title", "Text", {"aps": "mine"}, "g", 0, 1))
    assert ios["aps"]["alert"]["title"] == "Title"
