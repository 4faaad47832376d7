"""A token bucket: how many requests are taken at once, and how soon the next one is. Pure.

A bucket holds ``size`` tokens. A request takes one, and one comes back ``every`` so often; without one it is refused.
What is kept is the moment at which the bucket is full again if nobody takes any more (the generic cell rate
algorithm): level and refill in one whole number, so nothing is rounded, and nothing is written while nobody asks.

In any stretch of time, however many machines ask at once, at most ``size`` are taken and one more each time that
``every`` passes in it, of the time of the fastest clock among them: a moment counts as the newest one that was seen, so
one that lies before it gives nothing back.
"""

from typing import NamedTuple

from chalicelib.kernel.time import Millis


class Bucket(NamedTuple):
    """``name`` is public: apps see it in the headers of an answer."""

    name: str
    size: int
    every: Millis

    @property
    def span(self) -> Millis:
        """How long an empty one takes to be full."""
        return self.size * self.every


class Level(NamedTuple):
    """What is in somebody's bucket."""

    full_at: Millis
    at: Millis
    """When a token was last taken."""


class Draw(NamedTuple):
    """What became of an attempt to take a token."""

    level: Level | None
    """What is to be kept; None where there was no token."""
    left: int
    wait: Millis
    """Until there is one more than ``left``; more than 0."""


def draw(bucket: Bucket, was: Level | None, now: Millis) -> Draw:
    """Take a token. ``was`` is None for a bucket that nobody took from: it is full."""
    at = max(now, was.at) if was else now
    full_at = (max(at, was.full_at) if was else at) + bucket.every
    room = bucket.span - (full_at - at)
    if room < 0:
        return Draw(None, 0, -room)
    return Draw(Level(full_at, at), room // bucket.every, bucket.every - room % bucket.every)
