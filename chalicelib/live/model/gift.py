"""Gifts: what there is to give, what one is worth to the reader, how much one person may give (product §6). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.kernel.errors import Invalid, InvalidState, NotFound, RateLimited
from chalicelib.kernel.money import Cents, coin_value, reader_share
from chalicelib.kernel.text import one_line
from chalicelib.kernel.time import MINUTE, Millis

MOST_GIFTS: Final = 100
"""In the catalogue, those that are not given any more among them."""
MOST_IN_A_MINUTE: Final = 30
"""Gifts of one sender to one stream in any minute …"""
MOST_COINS_IN_A_MINUTE: Final = 100_000
"""… and what they cost together: so one gift costs no more."""

GIFT_ID: Final = re.compile(r"[a-z0-9_]{1,32}")
_ANIMATION: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_NAME_LENGTH: Final = 40


# --- the catalogue -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gift:
    """One thing to give. ``animation`` names what the apps show."""

    id: str
    name: str
    coins: int
    animation: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is to give, in the order in which it is shown."""

    gifts: tuple[Gift, ...]
    rev: int = 0

    def gift(self, gift_id: str) -> Gift:
        """One of them, given or not any more. Raises NotFound."""
        for each in self.gifts:
            if each.id == gift_id:
                return each
        raise NotFound("There is no such gift.")

    def active(self) -> tuple[Gift, ...]:
        """What can be given now."""
        return tuple(each for each in self.gifts if each.active)


BY_DEFAULT: Final = Catalogue(
    (
        Gift("rose", "Rose", 100, "rose_v1"),
        Gift("heart", "Heart", 500, "heart_v1"),
        Gift("star", "Star", 1_000, "star_v1"),
        Gift("diamond", "Diamond", 2_500, "diamond_v1"),
        Gift("crown", "Crown", 5_000, "crown_v1"),
    )
)
"""Until an admin edits it (product §6)."""


def with_gift(catalogue: Catalogue, gift: Gift) -> Catalogue:
    """The catalogue with ``gift`` in the place of the one with its id, or at its end. What was given stays what it was.

    Raises Invalid, InvalidState for one more than there may be.
    """
    gift = replace(gift, name=one_line(gift.name))
    _must_be_sound(gift)
    known = [each.id for each in catalogue.gifts]
    if gift.id in known:
        gifts = tuple(gift if each.id == gift.id else each for each in catalogue.gifts)
    elif len(known) >= MOST_GIFTS:
        raise InvalidState(f"There are {MOST_GIFTS} gifts. Set one of them anew.")
    else:
        gifts = (*catalogue.gifts, gift)
    return Catalogue(gifts, catalogue.rev + 1)


def without(catalogue: Catalogue, gift_id: str) -> Catalogue:
    """The catalogue in which that one is not given any more. Raises NotFound."""
    return with_gift(catalogue, replace(catalogue.gift(gift_id), active=False))


def must_be_given(gift: Gift) -> None:
    """Raises InvalidState for one that is not given any more."""
    if not gift.active:
        raise InvalidState("This gift is not given any more.")


def _must_be_sound(gift: Gift) -> None:
    wrong = {
        "id": not GIFT_ID.fullmatch(gift.id) and "1 to 32 small letters, digits and underscores",
        "name": not 1 <= len(gift.name) <= _NAME_LENGTH and f"1 to {_NAME_LENGTH} characters",
        "coins": not 1 <= gift.coins <= MOST_COINS_IN_A_MINUTE and f"1 to {MOST_COINS_IN_A_MINUTE} coins",
        "animation": not _ANIMATION.fullmatch(gift.animation) and "1 to 64 small letters, digits, underscores and dots",
    }
    errors = tuple({"field": field, "message": message} for field, message in wrong.items() if message)
    if errors:
        raise Invalid(errors=errors)


# --- what coins bring ----------------------------------------------------------------------------


def shares(coins: int, cents_per_100: Cents) -> tuple[Cents, Cents]:
    """What ``coins`` that are spent on a stream bring the reader, and the platform, in cents."""
    value = coin_value(coins, cents_per_100)
    share = reader_share(value)
    return share, value - share


def shard(thing: str, tried: int, shards: int) -> int:
    """Where what ``thing`` brings is put. A try that another writer disturbed goes elsewhere."""
    digest = hashlib.sha256(f"{thing}:{tried}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % shards


# --- a sender ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """A gift that was sent: all of it as it was then."""

    id: str
    stream: str
    user: str
    name: str
    """Of the sender."""
    gift: str
    animation: str
    coins: int
    at: Millis
    seq: int
    """The number of the entry in the sender's coins that paid for it."""


@dataclass(frozen=True, slots=True)
class Fan:
    """What one person has sent to one stream."""

    stream: str
    user: str
    name: str = ""
    total: int = 0
    """Coins."""
    count: int = 0
    recent: tuple[tuple[Millis, int], ...] = ()
    """The gifts of the minute before the last one, it included: when, and how many coins."""
    rev: int = 0


def sending(fan: Fan, sent: Sent) -> Fan:
    """The sender with one gift more. Raises RateLimited where it is too much for any one minute."""
    at = max([sent.at, *(at for at, _ in fan.recent)])  # clocks differ: what was counted is not earlier than it was
    recent = [(when, coins) for when, coins in fan.recent if when > at - MINUTE]
    if not _fits(recent, sent):
        # The oldest gifts that must be a minute old before this one is taken, the last of them.
        last = next((when for place, (when, _) in enumerate(recent, 1) if _fits(recent[place:], sent)), at)
        raise RateLimited(
            f"At most {MOST_IN_A_MINUTE} gifts and {MOST_COINS_IN_A_MINUTE} coins a minute. Wait a moment.",
            last + MINUTE - sent.at,
        )
    return Fan(
        stream=fan.stream,
        user=fan.user,
        name=sent.name,
        total=fan.total + sent.coins,
        count=fan.count + 1,
        recent=(*recent, (at, sent.coins)),
        rev=fan.rev + 1,
    )


def _fits(recent: Sequence[tuple[Millis, int]], sent: Sent) -> bool:
    coins = sum(coins for _, coins in recent)
    return len(recent) < MOST_IN_A_MINUTE and coins + sent.coins <= MOST_COINS_IN_A_MINUTE
