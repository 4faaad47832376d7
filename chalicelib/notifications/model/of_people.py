"""Words about what people write to each other, and what moderators do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model.notice import Facts
from chalicelib.notifications.model.words import Say, Words, dollars

_THINGS: Final[Mapping[str, str]] = {
    "pst": "a post",
    "msg": "a message",
    "rev": "a review",
    "ses": "a reading",
    "str": "a stream",
    "usr": "a profile",
}
"""What somebody reported or wrote, by what its id begins with."""
_BROKEN: Final[Mapping[str | None, str]] = {
    "spam": "it is advertising, or the same again and again",
    "harassment": "it harasses somebody",
    "hate": "it spreads hate",
    "sexual": "it is sexual",
    "self_harm": "it may lead somebody to harm themselves",
    "fraud": "it deceives people",
    "abuse": "somebody was abused",
    "scam": "somebody was deceived",
    "off_platform": "it leads people off the platform",
    "underage": "somebody was too young for it",
}
_APPEAL: Final = "If you think that this is wrong, you can appeal in the app within 30 days, once."


def _thing(facts: Facts) -> str:
    return _THINGS.get(str(facts["item"]).partition("_")[0], "something")


def _because(facts: Facts) -> str:
    return f"because {_BROKEN.get(facts['reason'], 'it goes against our guidelines')}"


def _content_hidden(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["reason"] is None:
        why = "Several people reported it. It is hidden until our moderators have looked at it."
    else:
        why = f"Our moderators have hidden it, {_because(facts)}."
    return Words(f"We have hidden {_thing(facts)} of yours", f"{why} {_APPEAL}")


def _content_removed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        f"We have removed {_thing(facts)} of yours",
        f"Our moderators have removed it, {_because(facts)}. {_APPEAL}",
    )


def _content_restored(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"We show {_thing(facts)} of yours again", "Our moderators have looked at it: it may be seen again.")


def _warned(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "A warning from our moderators",
        f"They warn you about {_thing(facts)} of yours, {_because(facts)}. Please read the guidelines again: another "
        f"time it may be removed, or your account suspended. {_APPEAL}",
    )


def _account_suspended(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your SoulSeer account is suspended",
        f"Our moderators have suspended it for {_thing(facts)} of yours, {_because(facts)}. What you had booked was "
        f"called off. {_APPEAL}",
    )


def _appeal_decided(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["granted"]:
        return Words("Your appeal was granted", "We have looked at it again, and took back what was done.")
    return Words("Your appeal was not granted", "We have looked at it again, and what was done stays.")


def _report_decided(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["acted"]:
        return Words("Thank you for your report", f"You reported {_thing(facts)}. Our moderators have acted on it.")
    return Words(
        "We have looked at your report",
        f"You reported {_thing(facts)}. Our moderators found that it may stay. You can block people in the app.",
    )


def _message_received(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["priced"]:
        return Words(
            f"{facts['name']} has answered you",
            f"{facts['name']} sent you a paid reply. You can unlock and read it in the app.",
        )
    return Words(f"{facts['name']} wrote to you", f"You have a new message from {facts['name']}.")


def _reply_unlocked(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        f"{facts['name']} unlocked your reply",
        f"{facts['name']} paid {dollars(facts['amount'])} for your reply. Your share of it is in your earnings.",
    )


def _post_replied(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"{facts['name']} answered you", f"{facts['name']} answered what you wrote in the community.")


SAID: Final[Mapping[str, Say]] = {
    "message_received": _message_received,
    "reply_unlocked": _reply_unlocked,
    "post_replied": _post_replied,
    "content_hidden": _content_hidden,
    "content_removed": _content_removed,
    "content_restored": _content_restored,
    "warned": _warned,
    "account_suspended": _account_suspended,
    "appeal_decided": _appeal_decided,
    "report_decided": _report_decided,
}
