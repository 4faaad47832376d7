"""A reading as its row holds it in each state, for tests that ask one decision at a time.

Moments are seconds; the first active one is second 0. Of the talk 20 s had passed when it went on at second 60, and the
reader's leaving cut it at second 90.
"""

from dataclasses import replace
from typing import Final

from chalicelib.kernel.settings import Rules
from chalicelib.sessions.model.session import Session, Side
from chalicelib.wallet.model.funds import Funds
from tests.support.worlds import NOON

RULES: Final = Rules()
RICH: Final = Funds(None, 0, None, None, 600_000, None)
"""A wallet whose meter does not run, with ten minutes in it."""


def at(seconds: float) -> int:
    """The moment of that second."""
    return NOON + round(seconds * 1000)


AWAY: Final = (Side("usr_c", "Cee"), Side("usr_r", "Are"))
HERE: Final = tuple(
    replace(side, present=True, beat_at=at(100), in_channel=True, notice_seq=7 + place)
    for place, side in enumerate(AWAY)
)
"""Both in the channel, and as they were without presence."""

CREATED: Final = Session("ses_1", *AWAY, "voice", 250, at(-20), at(-20), shard="7", clock_epoch=0)
WAITING: Final = replace(CREATED, state="waiting", epoch=1, accepted_at=at(-10), at=at(-10))
ACTIVE: Final = replace(
    WAITING,
    client=HERE[0],
    reader=HERE[1],
    state="active",
    epoch=4,
    started_at=NOON,
    running_since=at(60),
    connected_before=20_000,
    pauses=1,
    grace_used=40_000,
    warned=True,
    first_seq=3,
    cut="client_left",
    at=at(100),
)
PAUSED: Final = replace(
    ACTIVE,
    client=AWAY[0],
    reader=AWAY[1],
    state="paused",
    reason="reader_left",
    cut="reader_left",
    epoch=5,
    running_since=None,
    connected_before=50_000,
    pauses=2,
    stopped_at=at(90),
    paused_at=at(90),
    grace_until=at(390),
    warned=False,
)
RECONNECTING: Final = replace(PAUSED, client=HERE[0], reader=HERE[1], state="reconnecting")
