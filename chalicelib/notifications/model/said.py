"""What a notice says, by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model import of_accounts, of_money, of_orders, of_people, of_readings
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.words import Say, Words

SAID: Final[Mapping[str, Say]] = {
    **of_accounts.SAID,
    **of_readings.SAID,
    **of_money.SAID,
    **of_people.SAID,
    **of_orders.SAID,
}
"""By the kind of notice."""


def words(notice: Notice, time_zone: str) -> Words | None:
    """The words of ``notice``, its moments in the person's time zone; None for a kind that has none."""
    say = SAID.get(notice.kind)
    return say(notice.facts, ZoneInfo(time_zone)) if say else None
