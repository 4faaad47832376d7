"""Agora: who is in which channel, by what token, until when; what it tells of it; and how it puts people out.

A token opens one channel for one participant until it expires, unless the channel is barred. Whoever loses the
network is not there at once, but Agora notices only after a while.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.gateways.agora import Lease, Notice, build_lease, notice_of
from chalicelib.kernel.errors import ProviderFailed, Unauthenticated, Unavailable
from chalicelib.kernel.time import SECOND, Millis
from tests.soak.chances import Chances
from tests.soak.judge import DETECTION, Judge
from tests.soak.timeline import Timeline
from tests.support.worlds import APP_ID, CERTIFICATE

SECRET: Final = "notices"
_QUIT, _TIMEOUT, _PUT_OUT, _EXPIRED, _OTHER_DEVICE = 1, 2, 3, 9, 5
_EVENTS: Final = ((103, 104), (105, 106), (107, 108))
_REST: Final = 20 * SECOND
_MOST_CALLS: Final = 10
"""A second, of an account."""


@dataclass(eq=False)
class Device:
    """In one channel as one participant. ``put_out`` tells the phone that it is not any more."""

    channel: str
    uid: int
    expires_at: Millis
    put_out: Callable[[], None]
    lost: bool = False
    """It has no network, and Agora has not noticed."""


class Channels:
    """All of Agora. ``post`` sends a notice's body on its way."""

    def __init__(self, timeline: Timeline, chances: Chances, judge: Judge) -> None:
        self.devices: dict[tuple[str, int], Device] = {}
        self.emptied: set[str] = set()
        """Channels that were barred for everybody."""
        self.down_until: Millis = 0
        self.post: Callable[[bytes], None] = lambda body: None
        self._timeline = timeline
        self._chances = chances
        self._judge = judge
        self._bars: dict[str, Millis] = {}
        self._numbers: Counter[tuple[str, int]] = Counter()
        self._notices = 0
        self._calls: Counter[int] = Counter()

    # --- what phones do

    def enter(self, device: Device) -> bool:
        """Whether they are in."""
        now, place = self._timeline.now, (device.channel, device.uid)
        if now >= device.expires_at or now < self._bars.get(device.channel, 0):
            return False
        other = self.devices.get(place)
        self.devices[place] = device
        self._tell(device, joined=True)
        if other:
            self._tell(other, joined=False, reason=_OTHER_DEVICE)
            other.put_out()
        self._judge.entered(*place)
        self._timeline.at(device.expires_at, lambda: self._expire(device))
        return True

    def renew(self, device: Device, expires_at: Millis) -> None:
        """A newer token for the channel they are in."""
        device.expires_at = max(device.expires_at, expires_at)
        self._timeline.at(device.expires_at, lambda: self._expire(device))

    def leave(self, device: Device, reason: int = _QUIT) -> None:
        """They go, or are put out."""
        place = (device.channel, device.uid)
        if self.devices.get(place) is device:
            del self.devices[place]
            self._judge.left(*place)
            self._tell(device, joined=False, reason=reason)
            device.put_out()

    def lose(self, device: Device) -> None:
        """They lose the network."""
        if self.devices.get((device.channel, device.uid)) is device:
            device.lost = True
            self._judge.left(device.channel, device.uid)
            delay = self._chances.stream("detection").randint(DETECTION // 2, DETECTION)
            self._timeline.after(delay, lambda: self.leave(device, _TIMEOUT) if device.lost else None)

    def find_again(self, device: Device) -> None:
        """They have the network again."""
        if device.lost and self.devices.get((device.channel, device.uid)) is device:
            device.lost = False
            self._judge.entered(device.channel, device.uid)

    def _expire(self, device: Device) -> None:
        if self._timeline.now >= device.expires_at:
            self.leave(device, _EXPIRED)

    # --- what we ask of it

    def rule(self, channel: str, uid: int | None, seconds: int) -> None:
        """Put somebody out, or everybody; nobody comes in for so long."""
        if uid is None:
            self.emptied.add(channel)
            self._bars[channel] = max(self._bars.get(channel, 0), self._timeline.now + seconds * SECOND)
        for each in (1, 2) if uid is None else (uid,):
            if device := self.devices.get((channel, each)):
                self.leave(device, _PUT_OUT)

    def too_many_calls(self) -> bool:
        """Whether this is one call too many in this second."""
        second = self._timeline.now // SECOND
        self._calls[second] += 1
        return self._calls[second] > _MOST_CALLS

    # --- what it tells

    def _tell(self, device: Device, *, joined: bool, reason: int = 0) -> None:
        place = (device.channel, device.uid)
        rng = self._chances.stream("notices")
        self._numbers[place] += rng.randint(1, 3) if place in self._numbers else rng.randrange(1_000)
        self._notices += 1
        kinds = _EVENTS[len(device.channel) % len(_EVENTS)]
        told: dict[str, Any] = {
            "channelName": device.channel,
            "uid": device.uid,
            "clientSeq": self._numbers[place],
            "ts": self._timeline.now // SECOND,
            "platform": 1,
        }
        event = {
            "noticeId": f"notice_{self._notices}",
            "productId": 1,
            "eventType": kinds[0] if joined else kinds[1],
            "notifyMs": self._timeline.now,
            "sid": "sid",
            "payload": told if joined else told | {"reason": reason, "duration": 1},
        }
        self.post(json.dumps(event).encode())


class Gateway:
    """``Media`` of one environment: real tokens, real signatures, and removals that can fail."""

    def __init__(self, channels: Channels, timeline: Timeline, chances: Chances) -> None:
        self._channels = channels
        self._timeline = timeline
        self._chances = chances
        self._rests_until: Millis = 0

    def lease(self, **asked: Any) -> Lease:
        return build_lease(APP_ID, CERTIFICATE, **asked)

    def remove(self, channel: str, uid: int | None, *, bar: Millis = 0) -> None:
        chances = self._chances
        if self._timeline.now < self._rests_until:
            raise Unavailable
        if self._timeline.now < self._channels.down_until:
            self._failed(Unavailable())
        if self._channels.too_many_calls() or chances("removal refused"):
            self._failed(ProviderFailed())
        if chances("removal slow"):
            self._timeline.pass_time(chances.span("removal slow", 1, 2 * SECOND))
        self._channels.rule(channel, uid, bar)
        if chances("removal of unknown outcome"):
            self._failed(Unavailable())

    def _failed(self, problem: ProviderFailed | Unavailable) -> None:
        self._rests_until = self._timeline.now + _REST
        raise problem

    def verified_notice(self, payload: bytes, signature: str) -> Notice | None:
        if not hmac.compare_digest(signed(payload), signature):
            raise Unauthenticated
        return notice_of(payload)


def signed(body: bytes) -> str:
    """``Agora-Signature-V2``."""
    return hmac.new(SECRET.encode(), body, "sha256").hexdigest()
