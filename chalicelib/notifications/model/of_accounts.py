"""Words about the account itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model.notice import Facts
from chalicelib.notifications.model.words import Say, Words, dollars, when


def _deletion_confirmed(facts: Facts, zone: ZoneInfo) -> Words:
    return Words(
        "Your SoulSeer account will be deleted",
        f"It will be gone on {when(facts['runs_at'], zone)}. Until then you can take it back in the app; if it was not "
        "you who asked for this, do so now. Paid credit that is left by then goes back to the cards that paid it, as "
        "far as they take it; what remains is lost with the account, and so are coins, which cannot be paid out.",
    )


def _deletion_cancelled(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words("Your SoulSeer account stays", "The deletion was taken back. Nothing was deleted.")


def _deletion_awaits_refund(facts: Facts, zone: ZoneInfo) -> Words:
    return Words(
        "Your SoulSeer account still holds money of yours",
        f"{dollars(facts['amount'])} are owed to you or on their way to your card, so the account is not deleted yet. "
        f"It will be as soon as nothing is owed any more: we look again on {when(facts['runs_at'], zone)}. You need "
        "not do anything.",
    )


def _mail_suppressed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    why = {
        "bounce": "A letter to your address came back",
        "complaint": "A letter of ours was marked as unwanted in your mailbox",
    }[facts["why"]]
    return Words(
        "We send you no more mail",
        f"{why}, so no more mail goes there. What we tell you is here in the app. To get mail again, sign in with "
        "another address, or write to support.",
    )


SAID: Final[Mapping[str, Say]] = {
    "deletion_confirmed": _deletion_confirmed,
    "deletion_cancelled": _deletion_cancelled,
    "deletion_awaits_refund": _deletion_awaits_refund,
    "mail_suppressed": _mail_suppressed,
}
