"""Random histories of a host, viewers, Agora's notices and the clocks, with writes that are lost on the way.

Beside the service runs a reference that knows nothing of rows: what was heard, and in which order. After every act the
audience is who is there, every token is one that its holder may have, and a stream that is over ended once, at the
moment that the reference names, whoever noticed it and however late.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.errors import Forbidden, InvalidState, Unavailable
from chalicelib.kernel.time import HOUR, MINUTE, SECOND, Millis
from chalicelib.live import moderating, service, watching
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.terms import Reason, Visibility
from chalicelib.runtime.tables import Contended, Operation
from tests.support.air import HOST, Air, privileges
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world

VIEWERS: Final = tuple(f"usr_v{number}" for number in range(4))
GONE, LATE, LONGEST, TOKEN = 2 * MINUTE, 30 * MINUTE, 8 * HOUR, HOUR
_INSISTS: Final = 60


class FlakyTables(MemoryTables):
    """One write in ten is lost: before it takes effect, or after."""

    def __init__(self, seed: int, flaky: bool) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311 - chance, no secret
        self.flaky = flaky

    def write(self, *operations: Operation) -> None:
        lost = self.flaky and self._random.random() < 0.1
        before = lost and self._random.random() < 0.5
        if before:
            raise Contended("lost")
        super().write(*operations)
        if lost:
            raise Contended("lost")


@dataclass
class Reference:
    """One stream as it must be, by what was done and heard of it."""

    id: str
    visibility: Visibility
    starts_at: Millis
    state: str = "scheduled"
    started_at: Millis = 0
    gone_since: Millis | None = None
    lease_until: Millis = 0
    ended_at: Millis | None = None
    ended_for: Reason | None = None
    present: set[str] = field(default_factory=set)
    banned: set[str] = field(default_factory=set)
    peak: int = 0

    def over(self) -> tuple[Millis, Reason] | None:
        if self.state == "scheduled":
            return self.starts_at + LATE, "not_started"
        if self.state != "live":
            return None
        gone = (self.lease_until if self.gone_since is None else self.gone_since) + GONE
        last = self.started_at + LONGEST
        return (last, "max_duration") if last <= gone else (gone, "host_gone")

    def touched(self, now: Millis) -> None:
        """Somebody looked, so what time has made due is done."""
        if (over := self.over()) and over[0] <= now:
            self.ends(*over)

    def ends(self, at: Millis, reason: Reason) -> None:
        self.state, self.ended_at, self.ended_for = "over", at, reason

    def leased(self, now: Millis) -> Millis:
        return min(now + TOKEN, self.started_at + LONGEST) // SECOND * SECOND


class History:
    """The acts, on the service and on the reference."""

    def __init__(self, seed: int, flaky: bool) -> None:
        self.tables = FlakyTables(seed, flaky)
        self.air = Air(hand_world(self.tables))
        self.tables.flaky = False
        self.air.ready().known(HOST, *VIEWERS)
        self.tables.flaky = flaky
        self.made: list[Reference] = []
        self.uids: dict[tuple[str, str], int] = {}
        self.opens_until: dict[int, Millis] = {}
        """When the newest token of each number ends."""
        self.lost: dict[tuple[str, str], int] = {}
        """Numbers that were taken from somebody by a ban."""
        self.seq = 1
        self.ended: dict[str, tuple[Any, ...]] = {}

    @property
    def now(self) -> Millis:
        return self.air.now

    def insist(self, act: Callable[[], Any]) -> Any:
        """As an app, Agora or the tick does: the same again until there is an answer."""
        for _ in range(_INSISTS):
            try:
                return act()
            except (Contended, Unavailable):
                continue
        raise AssertionError("never answered")

    def allowed(self, act: Callable[[], Any], expected: bool) -> Any:
        try:
            done = self.insist(act)
        except (InvalidState, Forbidden):
            assert not expected
            return None
        assert expected
        return done

    # what people do

    def create(self, kind: int) -> None:
        visibility: Visibility = ("public", "private", "premium")[kind % 3]
        name = f"str_{len(self.made)}"
        for ref in self.made[-1:]:
            ref.touched(self.now)
        free = all(ref.state == "over" for ref in self.made)
        price = 5 if visibility == "premium" else None
        invited = VIEWERS[:2] if visibility == "private" else ()
        asked = service.Wanted("x", visibility, price, None, invited)
        if self.allowed(lambda: service.create(self.air.world, HOST, name, asked), free):
            self.made.append(Reference(name, visibility, self.now))
            self.air.stream = name
            if visibility == "premium":
                self.tables.flaky, was = False, self.tables.flaky
                self.air.ticket(VIEWERS[0]).ticket(VIEWERS[2])
                self.tables.flaky = was

    def start(self, ref: Reference) -> None:
        ref.touched(self.now)
        done = self.allowed(lambda: service.start(self.air.world, ref.id, HOST), ref.state != "over")
        if done is None:
            return
        if ref.state == "scheduled":
            ref.state, ref.started_at, ref.gone_since = "live", self.now, self.now
        self._renewed(ref, done[1])

    def renew(self, ref: Reference) -> None:
        ref.touched(self.now)
        if done := self.allowed(lambda: watching.join(self.air.world, ref.id, HOST), ref.state == "live"):
            self._renewed(ref, done[1])

    def _renewed(self, ref: Reference, lease: Lease) -> None:
        if ref.gone_since is None and self.now >= ref.lease_until:
            ref.gone_since = ref.lease_until
        ref.lease_until = ref.leased(self.now)
        assert (lease.expires_at, privileges(lease), lease.uid) == (ref.lease_until, {1, 2, 3, 4}, 1)

    def end(self, ref: Reference) -> None:
        ref.touched(self.now)
        self.insist(lambda: service.end(self.air.world, ref.id, HOST))
        if ref.state != "over":
            ref.ends(self.now, "host_ended" if ref.state == "live" else "cancelled")

    def step_out(self, ref: Reference) -> None:
        ref.touched(self.now)
        self.insist(lambda: watching.leave(self.air.world, ref.id, HOST))
        if ref.state == "live" and ref.gone_since is None:
            ref.gone_since = self.now

    def join(self, ref: Reference, user: str) -> None:
        ref.touched(self.now)
        invited = ref.visibility != "private" or user in VIEWERS[:2]
        ticket = ref.visibility != "premium" or user in (VIEWERS[0], VIEWERS[2])
        may = ref.state == "live" and user not in ref.banned and invited and ticket
        done = self.allowed(lambda: watching.join(self.air.world, ref.id, user), may)
        if done is None:
            return
        lease = done[1]
        assert privileges(lease) == {1}
        assert lease.expires_at == ref.leased(self.now)
        assert lease.uid >= 1_000
        assert all(uid != lease.uid for (stream, who), uid in self.uids.items() if stream == ref.id and who != user)
        self.uids[ref.id, user] = lease.uid
        self.opens_until[lease.uid] = lease.expires_at

    def leave(self, ref: Reference, user: str) -> None:
        ref.touched(self.now)
        self.insist(lambda: watching.leave(self.air.world, ref.id, user))
        ref.present.discard(user)

    def ban(self, ref: Reference, user: str, on: bool) -> None:
        ref.touched(self.now)
        act = lambda: moderating.ban(self.air.world, ref.id, HOST, user, banned=on)  # noqa: E731
        if self.allowed(act, ref.state != "over") is None:
            return
        if not on:
            ref.banned.discard(user)
        elif user not in ref.banned:
            ref.banned.add(user)
            ref.present.discard(user)
            if uid := self.uids.pop((ref.id, user), None):
                opens = self.now < self.opens_until[uid] + MINUTE
                assert ((ref.id, uid) in self.air.agora.bars) >= opens
                self.lost[ref.id, user] = uid

    # what Agora tells

    def host_told(self, ref: Reference, joined: bool, delay: Millis, old: bool) -> None:
        at = self.now - delay
        self.seq += 1
        seq = 0 if old and ref.state == "live" and self._heard(ref) else self.seq
        self.insist(lambda: watching.hear(self.air.world, Notice(ref.id, 1, seq, at, joined)))
        if ref.state != "live":
            return
        if seq:
            over = ref.over()
            assert over
            if not joined and ref.gone_since is None:
                ref.gone_since = max(at, ref.started_at)
            if joined and at < over[0]:
                ref.gone_since = None
        ref.touched(self.now)

    def _heard(self, ref: Reference) -> bool:
        return service.load(self.air.world, ref.id).notice_seq is not None

    def told(self, ref: Reference, user: str, joined: bool) -> None:
        uid = self.uids.get((ref.id, user))
        if uid is None:
            return
        self.seq += 1
        notice = Notice(ref.id, uid, self.seq, self.now, joined)
        for _ in range(2):  # it comes twice
            self.insist(lambda: watching.hear(self.air.world, notice))
        if ref.state == "live":
            (ref.present.add if joined else ref.present.discard)(user)
            ref.peak = max(ref.peak, len(ref.present))

    def old_of_viewer(self, ref: Reference, user: str, joined: bool) -> None:
        """What was told before is told again, or a number that somebody lost comes in."""
        lost = self.lost.get((ref.id, user))
        uid, seq = (lost, self.seq + 1) if lost else (self.uids.get((ref.id, user)), 1)
        if uid and (lost or self.air.viewer_of(ref.id, user).seq is not None):
            self.insist(lambda: watching.hear(self.air.world, Notice(ref.id, uid, seq, self.now, joined)))

    # what time does

    def later(self, span: Millis) -> None:
        self.air.forward(span)

    def look(self, ref: Reference) -> None:
        ref.touched(self.now)
        self.insist(lambda: service.look_after(self.air.world, ref.id))

    def tick(self) -> None:
        waiting = self.air.waiting()
        for ref in self.made:
            due = ref.over()
            assert (ref.id in waiting) >= (due is not None and due[0] <= self.now)
        for name in waiting:
            self.insist(lambda name=name: service.look_after(self.air.world, name))  # type: ignore[misc]
        for ref in self.made:
            ref.touched(self.now)
        for shard in range(self.air.world.settings.tick_shards):
            for key in service.page_of_removals(self.air.world, str(shard), 100, None)[0]:
                moderating.put_out(self.air.world, key["pk"].removeprefix("viewer#"), key["sk"])

    def clocks(self) -> None:
        """Every execution that should have called by now does."""
        for name, at in list(self.air.executions.started.items()):
            stream, epoch, *turn = name.split("-")
            if at <= self.now:
                next(each for each in self.made if each.id == stream).touched(self.now)
                call = (self.air.world, stream, int(epoch), int(turn[0]) if turn else 0)
                self.insist(lambda call=call: service.called_by_clock(*call))  # type: ignore[misc]

    # what must be so

    def check(self) -> None:
        for ref in self.made:
            row = service.load(self.air.world, ref.id)
            there, peak = self.air.rows.audience(ref.id)
            viewers = [self.air.rows.viewer(ref.id, user) for user in VIEWERS]
            assert there == sum(each.present for each in viewers) == len(ref.present)
            assert peak >= there
            assert {each.user for each in viewers if each.banned} == ref.banned
            if not self.tables.flaky:
                assert peak == ref.peak
            assert row.is_open == (ref.state != "over")
            self._check_end(ref, row)
        open_ones = [ref.id for ref in self.made if ref.state != "over"]
        held = self.air.rows.open_of(HOST)
        assert ([held] if held else []) == open_ones

    def _check_end(self, ref: Reference, row: Stream) -> None:
        if row.is_open:
            return
        assert (row.ended_at, row.ended_for) == (ref.ended_at, ref.ended_for)
        as_it_was = (row.ended_at, row.ended_for, row.started_at)
        assert self.ended.setdefault(ref.id, as_it_was) == as_it_was

    def finish(self) -> None:
        """Time alone brings everything to its end: no stream is open, every channel is empty, nothing waits."""
        self.air.forward(9 * HOUR)
        self.tables.flaky = False
        self.tick()
        self.check()
        assert all(service.load(self.air.world, ref.id).state == "finalized" for ref in self.made)
        started = {ref.id for ref in self.made if ref.started_at}
        assert {channel for channel, uid in self.air.agora.bars if uid is None} <= started
        assert self.air.waiting() == self.air.waiting("removal") == set()


WEIGHTS: Final = {
    "create": 2,
    "start": 6,
    "renew": 4,
    "end": 1,
    "step out": 1,
    "join": 14,
    "leave": 3,
    "ban": 4,
    "unban": 4,
    "host in": 8,
    "host out": 4,
    "old notice": 2,
    "in": 14,
    "out": 6,
    "old of viewer": 4,
    "look": 3,
    "tick": 2,
    "clocks": 3,
    "later": 14,
}
SPANS: Final = {
    0: 2,
    SECOND: 6,
    30 * SECOND: 6,
    GONE - 1: 3,
    GONE: 2,
    3 * MINUTE: 2,
    29 * MINUTE: 1,
    LATE: 1,
    58 * MINUTE: 2,
    TOKEN: 1,
}
STEPS: Final = 120


def play(history: History, kind: str, number: int, span: Millis) -> None:
    if kind == "create" or not history.made:
        history.create(number)
        return
    ref, user = history.made[-1], VIEWERS[number]
    acts: dict[str, Callable[[], None]] = {
        "start": lambda: history.start(ref),
        "renew": lambda: history.renew(ref),
        "end": lambda: history.end(ref),
        "step out": lambda: history.step_out(ref),
        "join": lambda: history.join(ref, user),
        "leave": lambda: history.leave(ref, user),
        "ban": lambda: history.ban(ref, user, True),
        "unban": lambda: history.ban(ref, user, False),
        "host in": lambda: history.host_told(ref, True, min(span, 3 * MINUTE), False),
        "host out": lambda: history.host_told(ref, False, min(span, 3 * MINUTE), False),
        "old notice": lambda: history.host_told(ref, number % 2 == 0, 0, True),
        "in": lambda: history.told(ref, user, True),
        "out": lambda: history.told(ref, user, False),
        "old of viewer": lambda: history.old_of_viewer(ref, user, number % 2 == 0),
        "look": lambda: history.look(ref),
        "tick": history.tick,
        "clocks": history.clocks,
        "later": lambda: history.later(span),
    }
    acts[kind]()


@settings(max_examples=120)
@given(seed=st.integers(0, 2**32))
def test_a_stream_is_what_was_done_and_heard_of_it_whoever_notices_and_whatever_is_lost(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - chance, no secret
    history = History(seed, flaky=chance.random() < 0.3)
    for _ in range(STEPS):
        (kind,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        (span,) = chance.choices(list(SPANS), list(SPANS.values()))
        play(history, kind, chance.randrange(len(VIEWERS)), span)
        history.check()
    history.finish()
