"""What SES tells of a letter that came back or was called unwanted. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Final, Literal

from chalicelib.kernel.time import SECOND, Millis

_MOST_RECIPIENTS: Final = 50
"""What one letter has at SES."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address that takes no letters (``bounce``) or whose person called one unwanted (``complaint``), and when."""

    address: str
    why: Literal["bounce", "complaint"]
    at: Millis


def refusals(message: str, sender: str) -> list[Refusal]:
    """What follows of the event that is written in ``message``: nothing of one that is of no letter of ``sender``'s.

    A bounce counts only where it is permanent: a full mailbox empties. A complaint that says "not spam" is none.
    Raises ValueError for what is no event of SES'.
    """
    try:
        told: Any = json.loads(message)
        kind = told.get("eventType") or told["notificationType"]
        if _address(told["mail"]["source"]) != _address(sender):
            return []
        if kind == "Bounce" and told["bounce"]["bounceType"] == "Permanent":
            return _of(told["bounce"], "bouncedRecipients", "bounce")
        if kind == "Complaint" and told["complaint"].get("complaintFeedbackType") != "not-spam":
            return _of(told["complaint"], "complainedRecipients", "complaint")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("no event of SES") from error
    return []


def _of(told: Mapping[str, Any], recipients: str, why: Literal["bounce", "complaint"]) -> list[Refusal]:
    at = round(datetime.fromisoformat(told["timestamp"]).timestamp() * SECOND)
    found = [_address(each["emailAddress"]) for each in told[recipients][:_MOST_RECIPIENTS]]
    return [Refusal(address, why, at) for address in dict.fromkeys(found) if address]


def _address(written: str) -> str:
    """The address of ``Ada <ada@example.com>``; empty where there is none, or one that cannot be written down."""
    address = parseaddr(written)[1].casefold()
    return address if "@" in address and address.isprintable() else ""
