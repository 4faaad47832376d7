"""The two apps. An honest one does what ours does on a good and on a bad network; others were tampered with."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from chalicelib.gateways.agora import Lease
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.sessions.model.session import Session, Who
from tests.soak.chances import Chances
from tests.soak.channels import Channels, Device
from tests.soak.timeline import Timeline

_OVER: Final = ("", "ended", "finalized")
_RENEWED_BEFORE: Final = 90 * SECOND


@dataclass(frozen=True)
class Habits:
    """``pace``: how often the phone looks. The others are ways of cheating: none for an honest phone."""

    pace: Millis
    stays: bool = False
    """Leaves by what it tells us, and stays in the channel."""
    reenters: bool = False
    """Goes in with any token that it still has."""
    mute: bool = False
    """Gives no sign of life."""
    ghost: bool = False
    """Tells us that it is there, and never enters the channel."""
    seesaw: bool = False
    """Comes back and leaves at once, for the token."""
    twins: bool = False
    """A second device as the same participant."""
    meddles: bool = False
    """Commands other people's readings."""

    @property
    def honest(self) -> bool:
        return self == Habits(self.pace)


def habits(rng: random.Random) -> Habits:
    """Those of somebody; six in ten are honest."""
    plain = Habits(rng.choice((5, 10, 15, 25)) * SECOND)
    if rng.random() < 0.6:
        return plain
    tricks = rng.sample(("stays", "reenters", "mute", "ghost", "seesaw", "twins", "meddles"), rng.randint(1, 3))
    return replace(plain, **dict.fromkeys(tricks, True))


@dataclass
class Answer:
    """What came back. ``session`` is None where nothing, or a refusal, did."""

    outcome: str
    session: Session | None = None
    lease: Lease | None = None


Then = Callable[[Answer], None]


class Service(Protocol):
    """What a phone can ask of the program over HTTP."""

    def ask(self, phone: Phone, then: Then) -> None: ...
    def command(self, phone: Phone, session: str, command: str, then: Then) -> None: ...
    def look(self, phone: Phone, session: str, then: Then) -> None: ...
    def present(self, phone: Phone, then: Then) -> None: ...
    def top_up(self, phone: Phone) -> None: ...
    def someone_elses(self, rng: random.Random) -> str | None: ...


class Phone:
    """One person's app."""

    def __init__(
        self, user: str, who: Who, timeline: Timeline, chances: Chances, channels: Channels, service: Service
    ) -> None:
        self.user = user
        self.who = who
        self.rng = chances.stream(f"phone {user}")
        self.habits = habits(self.rng)
        self.session = ""
        self.off = False
        """Its owner went home: it does nothing any more."""
        self._timeline = timeline
        self._chances = chances
        self._channels = channels
        self._service = service
        self._state = ""
        self._present = False
        self._poor = False
        self._warned = False
        self._tokens: list[Lease] = []
        self._device: Device | None = None
        self._offline_until: Millis = 0
        self._rests_until: Millis = 0
        timeline.after(self.rng.randrange(self.habits.pace), self._look)

    def _look(self) -> None:
        """Look at how things are, and act; again after a while."""
        if self.off:
            return
        pace = self.habits.pace
        self._timeline.after(self.rng.randint(pace // 2, pace * 3 // 2), self._look)
        now = self._timeline.now
        if now < self._offline_until:
            return
        if self._device and self._device.lost:
            self._channels.find_again(self._device)
        if self._chances("phone without network"):
            self._offline_until = now + self._chances.span("phone without network", SECOND, 400 * SECOND)
            if self._device and self.rng.random() < 0.7:  # otherwise the media goes on, and only we are out of reach
                self._channels.lose(self._device)
            return
        if self.habits.meddles and self.rng.random() < 0.1 and (other := self._service.someone_elses(self.rng)):
            self._service.command(self, other, self.rng.choice(("leave", "finish", "join", "renew")), lambda _: None)
        self._cheat()
        self._act()

    # --- by what the app knows

    def _act(self) -> None:
        chance = self.rng.random()
        match self._state:
            case state if state in _OVER:
                self._idle(chance)
            case "created":
                self._ring(chance)
            case "waiting":
                self._do("join" if not self._present else "heartbeat" if chance < 0.9 else "leave")
            case "active":
                self._talk(chance)
            case "paused" | "reconnecting":
                self._stand(chance)
            case _:
                self._service.look(self, self.session, self._answered)

    def _idle(self, chance: float) -> None:
        if self.who == "reader":
            self._service.present(self, self._answered)
        elif chance < (0.4 if self._poor else 0.01):
            self._service.top_up(self)
        elif chance < 0.8:
            self._service.ask(self, self._answered)

    def _ring(self, chance: float) -> None:
        if self.who == "reader" and chance < 0.85:
            self._do("accept" if chance < 0.8 else "decline")
        elif self.who == "client" and chance < 0.04:
            self._do("cancel")
        else:
            self._service.look(self, self.session, self._answered)

    def _talk(self, chance: float) -> None:
        token = self._tokens[-1] if self._tokens else None
        if chance < 0.02:
            self._rests_until = self._timeline.now + self.rng.choice((2, 10, 60, 200, 400)) * SECOND
            self._do("leave")
        elif chance < 0.027:
            self._do("finish")
        elif chance < (0.08 if self._warned else 0.03) and self.who == "client":
            self._service.top_up(self)
        elif token is None or token.expires_at < self._timeline.now + _RENEWED_BEFORE or chance < 0.15:
            self._sign("renew")
        else:
            self._sign("heartbeat")

    def _stand(self, chance: float) -> None:
        if self._timeline.now < self._rests_until:
            return
        if chance < 0.02:
            self._do("finish")
        elif chance < (0.3 if self._poor else 0.03) and self.who == "client":
            self._service.top_up(self)
        elif self._present and chance < 0.8:
            self._sign("heartbeat" if chance < 0.7 else "renew")
        else:
            self._do("reconnect")

    def _sign(self, command: str) -> None:
        """A sign of life."""
        if not self.habits.mute or self.rng.random() < 0.05:
            self._do(command)

    def _do(self, command: str) -> None:
        if command in ("leave", "finish") and not self.habits.stays:
            self._go_out()
        self._service.command(self, self.session, command, self._answered)
        if self.habits.seesaw and command in ("join", "reconnect") and self.rng.random() < 0.7:
            self._service.command(self, self.session, "leave", self._answered)

    def _answered(self, answer: Answer) -> None:
        self._poor = answer.outcome == "insufficient_funds"
        if answer.session is None:
            if answer.outcome not in ("lost", "unavailable"):
                self._state = "unknown" if self.session else ""
            return
        session = answer.session
        self.session, self._state = session.id, session.state
        self._present, self._warned = session.side(self.who).present, session.warned
        if answer.lease:
            self._hold(answer.lease)
        elif self._device and self._device.channel != session.channel and not self.habits.stays:
            self._go_out()  # the reading has moved on
        if self._state in _OVER:
            self.session, self._state, self._rests_until = "", "", 0
            if not self.habits.stays:
                self._go_out()

    # --- in the channel

    def _hold(self, lease: Lease) -> None:
        self._tokens = [*self._tokens[-3:], lease]
        device = self._device
        if device and device.channel == lease.channel:
            self._channels.renew(device, lease.expires_at)
        elif not self.habits.ghost:
            if device and not self.habits.stays:
                self._go_out()
            self._timeline.after(self.rng.randint(50, 1_500), lambda: self._enter(lease))

    def _enter(self, lease: Lease) -> None:
        text = not lease.channel.startswith("ses_media")
        if text or self.off or self._timeline.now < self._offline_until or (self._device and not self.habits.twins):
            return
        device = Device(lease.channel, lease.uid, lease.expires_at, lambda: None)
        device.put_out = lambda: self._is_out(device)
        if self._channels.enter(device):
            self._device = device

    def _is_out(self, device: Device) -> None:
        if self._device is device:
            self._device = None

    def _go_out(self) -> None:
        if self._device:
            self._channels.leave(self._device)
            self._device = None

    def _cheat(self) -> None:
        now = self._timeline.now
        usable = [token for token in self._tokens if token.expires_at > now]
        if usable and not self._device and self.habits.reenters and self.rng.random() < 0.4:
            self._enter(self.rng.choice(usable))
        elif usable and self._device and self.habits.twins and self.rng.random() < 0.1:
            self._enter(usable[-1])

    def go_home(self) -> None:
        """It does nothing any more, and stays where it is."""
        self.off = True
