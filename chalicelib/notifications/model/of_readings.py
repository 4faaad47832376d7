"""Words about readings, and about readers who are there or live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model.notice import Facts
from chalicelib.notifications.model.words import Say, Words, dollars, when


def _guarantee_granted(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your request was granted",
        f"{dollars(facts['amount'])} for your reading are back in your SoulSeer credit. We are sorry that it was not "
        "what you hoped for.",
    )


def _guarantee_refused(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words(
        "Your request was refused",
        "We have looked at your request to be given back what your reading cost, and could not grant it. If you think "
        "that we missed something, write to support.",
    )


def _booking(facts: Facts, zone: ZoneInfo) -> str:
    """``Your 30 minute voice reading on Wed 25 November 2026, 18:30 (Europe/Vienna)``"""
    return f"Your {facts['minutes']} minute {facts['modality']} reading on {when(facts['start'], zone)}"


def _booking_made(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("A reading is booked", f"{_booking(facts, zone)} is booked.")


def _booking_moved(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("A booked reading was moved", f"{_booking(facts, zone)} was moved to this time.")


def _booking_reminder(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("Your reading is coming up", f"{_booking(facts, zone)} is coming up. You can join shortly before it.")


def _booking_closed(facts: Facts, zone: ZoneInfo) -> Words:
    happened = {
        "cancelled_by_client": "was cancelled by the client",
        "cancelled_by_reader": "was cancelled by the reader",
        "cancelled_by_platform": "could not take place",
        "no_show_client": "did not take place: the client did not come",
        "no_show_reader": "did not take place: the reader did not come",
    }[facts["state"]]
    told = facts["as"] == "client" and facts["refunded"]
    back = f" {dollars(facts['refunded'])} went back to your credit." if told else ""
    return Words("A booked reading did not take place", f"{_booking(facts, zone)} {happened}.{back}")


def _reading_refunded(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Part of a reading was given back to you",
        f"We have looked at a reading of yours that did not add up: {dollars(facts['amount'])} of what it cost are "
        "back in your SoulSeer credit.",
    )


def _favorite_online(facts: Facts, _: ZoneInfo) -> Words:
    return Words(f"{facts['name']} is online", f"{facts['name']}, one of your favorites, is online now.")


def _queue_offer(facts: Facts, zone: ZoneInfo) -> Words:
    until = when(facts["offered_until"], zone)
    return Words(f"{facts['name']} is free for you", f"It is your turn: {facts['name']} is yours to ask until {until}.")


def _reading_requested(facts: Facts, zone: ZoneInfo) -> Words:
    until = when(facts["until"], zone)
    return Words(
        f"{facts['name']} asks you for a reading",
        f"{facts['name']} asks you for a {facts['modality']} reading. You can accept until {until}.",
    )


def _reading_missed(facts: Facts, zone: ZoneInfo) -> Words:
    asked = when(facts["asked_at"], zone)
    return Words(
        "You missed a reading",
        f"{facts['name']} asked you for a {facts['modality']} reading on {asked}, and had no answer. Go offline in the "
        "app when you are not there, so that nobody waits for you.",
    )


def _live_started(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"{facts['name']} is live", f"{facts['name']}, one of your favorites, is live now.")


SAID: Final[Mapping[str, Say]] = {
    "booking_made": _booking_made,
    "booking_moved": _booking_moved,
    "booking_reminder": _booking_reminder,
    "booking_closed": _booking_closed,
    "guarantee_granted": _guarantee_granted,
    "guarantee_refused": _guarantee_refused,
    "reading_refunded": _reading_refunded,
    "reading_requested": _reading_requested,
    "reading_missed": _reading_missed,
    "favorite_online": _favorite_online,
    "queue_offer": _queue_offer,
    "live_started": _live_started,
}
