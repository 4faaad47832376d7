"""What the tables and Agora say of one stream, several times a second, without touching it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.live import looking
from chalicelib.live import service as streams
from chalicelib.live.gift_store import gift_rows
from chalicelib.live.looking import Seen
from chalicelib.live.model.gift import Sent
from chalicelib.live.model.stream import HOST_UID, Stream, runs_out
from infra.local.agora import notices
from infra.local.agora.server import AgoraServer
from infra.local.store import Thing
from infra.local.watch import LEFT, Tell, Watcher
from scripts.admin.charts.bars import spread

HOST: Final = "the reader"
"""Whose stream it is."""
PACE_SECONDS: Final = 30
"""Of the gifts' pace that is shown."""

_PAGE: Final = 100
_BACK: Final[Millis] = 10 * SECOND
"""Gifts of one moment may come into the feed one after the other."""
_JOINED: Final = frozenset(joined for joined, _ in notices.EVENTS.values())


@dataclass(frozen=True, slots=True)
class StreamMoment:
    """One stream at one moment. Spans are seconds."""

    state: str
    reason: str | None
    host_here: bool
    viewers: int
    """As the product counts them, by what Agora told it; so is the peak."""
    peak: int
    watching: tuple[tuple[str, bool], ...]
    """Each who ever came, and whether Agora has them in the channel."""
    gifts: int
    coins: int
    pace: tuple[int, ...]
    """Gifts of each of the last seconds, the newest last."""
    leaders: tuple[tuple[str, int], ...]
    """Coins by name, the most first."""
    ends_in: float | None
    """Until it ends without its host; None while they are there."""
    ends_after: float


@dataclass(frozen=True, slots=True)
class Shopping:
    """Before there is a stream: who buys coins."""

    buyers: tuple[tuple[str, str, int, int], ...]
    """Name, store, the coins that they have, and those that they pay for."""


class StreamWatch(Watcher):
    """Follows one stream from ``follow`` to ``stop``; ``tell(who, what)`` hears of each new state, and of gifts."""

    def __init__(self, world: World, agora: AgoraServer, tell: Tell) -> None:
        super().__init__()
        self._world = world
        self._agora = agora
        self._tell = tell
        self._stream_id: str | None = None
        self._read: Seen | None = None
        self._gifts: dict[str, Sent] = {}
        self._told_state = ""
        self._told_notices: set[str] = set()
        self.names: dict[int, str] = {HOST_UID: HOST}
        """By the uid of each lease. Whoever hands out devices writes them down here."""

    def follow(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self.start()

    @property
    def stream(self) -> Stream:
        """The row as it was read last. Raises LookupError before there is one."""
        if self._read is None:
            raise LookupError("no stream is followed yet")
        return self._read.stream

    @property
    def viewers(self) -> int:
        """How many watch, as the product counts them."""
        return self._read.viewers if self._read else 0

    @property
    def moment(self) -> StreamMoment | None:
        """What was read last, reckoned on to now; None before there is anything."""
        if self._read is None:
            return None
        uids = self._agora.uids_in(self._read.stream.id)
        return moment(self._world, self._read, list(self._gifts.values()), {**self.names}, uids)

    def _look(self) -> None:
        if self._stream_id is None:
            return
        heard = self._agora.notices(self._stream_id)  # before the row, which is then no older than they are
        stream = streams.load(self._world, self._stream_id)
        self._read = looking.as_seen_by(self._world, stream, None)
        if stream.is_open:  # whatever happens in a stream follows its beginning and leads to its end
            self._look_at_state(stream)
        self._look_at_agora(heard)
        self._look_at_gifts(stream)
        self._look_at_state(stream)

    def _look_at_state(self, stream: Stream) -> None:
        if stream.state != self._told_state:
            self._tell("stream", _way(self._told_state, stream))
            self._told_state = stream.state

    def _look_at_agora(self, heard: Sequence[Thing]) -> None:
        """Tell what Agora tells the product, once, and of several people together where it is the same."""
        news: dict[str, list[str]] = {}
        for notice in heard:
            if notice["id"] in self._told_notices:
                continue
            self._told_notices.add(notice["id"])
            told = notice["payload"]
            what = "came in" if notice["event_type"] in _JOINED else LEFT.get(told["reason"], "out")
            news.setdefault(what, []).append(self.names.get(told["uid"], "somebody"))
        for what, who in news.items():
            self._tell("agora", f"{listed(who)} {what}")

    def _look_at_gifts(self, stream: Stream) -> None:
        since = max((each.at for each in self._gifts.values()), default=0) - _BACK
        page, _ = gift_rows(self._world).feed(stream.id, max(0, since), _PAGE, None)
        new = [each for each in reversed(page) if each.id not in self._gifts]
        if not new:
            return
        self._gifts |= {each.id: each for each in new}
        kinds = Counter(each.gift for each in new)
        said = listed([f"{count} {kind}s" if count > 1 else f"a {kind}" for kind, count in kinds.items()])
        coins = sum(each.coins for each in self._gifts.values())
        self._tell("gifts", f"{said}: {len(self._gifts)} by now, {coins:,} coins")


def moment(world: World, seen: Seen, gifts: list[Sent], names: Mapping[int, str], uids: set[int]) -> StreamMoment:
    """The stream as these say, at this machine's present moment. ``uids`` are in its channel."""
    stream, rules, now = seen.stream, world.settings.rules, world.now()
    given: Counter[str] = Counter()
    for each in gifts:
        given[each.name] += each.coins
    over = runs_out(stream, rules)
    gone = stream.state == "live" and stream.gone_since is not None
    return StreamMoment(
        state=stream.state,
        reason=stream.ended_for,
        host_here=HOST_UID in uids,
        viewers=seen.viewers,
        peak=seen.peak,
        watching=tuple(sorted((name, uid in uids) for uid, name in names.items() if uid != HOST_UID)),
        gifts=len(gifts),
        coins=sum(given.values()),
        pace=tuple(
            spread([each.at for each in gifts], now - PACE_SECONDS * SECOND, PACE_SECONDS * SECOND, PACE_SECONDS)
        ),
        leaders=tuple(given.most_common()),
        ends_in=max(0.0, (over[0] - now) / SECOND) if over and gone else None,
        ends_after=rules.host_gone / SECOND,
    )


def _way(before: str, stream: Stream) -> str:
    """``live → ended → finalized (host_gone)``: with the state in between, if that was too short to be seen."""
    passed = "ended" if stream.state == "finalized" else before
    states = [state for state in dict.fromkeys((before, passed, stream.state)) if state]
    reason = f" ({stream.ended_for})" if stream.ended_for else ""
    return ("→ " if len(states) == 1 else "") + " → ".join(states) + reason


def listed(names: Sequence[str]) -> str:
    """``Ann``, ``Ann and Ben``, ``Ann, Ben and Mia``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
