"""A reader on the air and those who watch: the words in which the tests of streams are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import Millis
from chalicelib.live import service, watching
from chalicelib.live.model.stream import HOST_UID, Stream
from chalicelib.live.model.terms import Visibility
from chalicelib.live.model.viewer import Viewer
from chalicelib.live.service import Wanted
from chalicelib.live.store import Streams, streams_of
from chalicelib.runtime.tables import Put
from infra.local.agora.tokens import Token, decoded
from tests.support.people import person
from tests.support.reading import add_reader
from tests.support.worlds import Executions, HandClock, OfflineAgora, hand_world

HOST: Final = "usr_host"
STREAM: Final = "str_1"
PUBLISH: Final = {2, 3, 4}
"""The privileges of a token to send sound, picture and data."""


def wanted(
    visibility: Visibility = "public",
    *,
    title: str = "Full moon",
    price: int | None = None,
    starts_at: Millis | None = None,
    invited: tuple[str, ...] = (),
) -> Wanted:
    """What a host asks for; a premium stream costs 100 coins unless told."""
    cost = 100 if visibility == "premium" and price is None else price
    return Wanted(title, visibility, cost, starts_at, invited)


@dataclass
class Air:
    """One host and one stream; ``seqs`` counts what Agora told of each number."""

    world: World = field(default_factory=hand_world)
    host: str = HOST
    stream: str = STREAM
    seqs: dict[int, int] = field(default_factory=dict)

    @property
    def rows(self) -> Streams:
        return streams_of(self.world)

    @property
    def agora(self) -> OfflineAgora:
        assert isinstance(self.world.media, OfflineAgora)
        return self.world.media

    @property
    def executions(self) -> Executions:
        assert isinstance(self.world.clock, Executions)
        return self.world.clock

    @property
    def now(self) -> Millis:
        return self.world.now()

    def forward(self, millis: Millis) -> Air:
        assert isinstance(self.world.now, HandClock)
        self.world.now.forward(millis)
        return self

    # the host

    def ready(self) -> Air:
        add_reader(self.world, self.host)
        return self

    def scheduled(self, visibility: Visibility = "public", **asked: Any) -> Air:
        self.ready()
        service.create(self.world, self.host, self.stream, wanted(visibility, **asked))
        return self

    def started(self, visibility: Visibility = "public", **asked: Any) -> Air:
        """Live, and nobody is in the channel."""
        self.scheduled(visibility, **asked)
        service.start(self.world, self.stream, self.host)
        return self

    def live(self, visibility: Visibility = "public", **asked: Any) -> Air:
        """Live, and the host is there."""
        self.started(visibility, **asked)
        self.told(HOST_UID, joined=True)
        return self

    # what Agora tells

    def told(self, uid: int, *, joined: bool, at: Millis | None = None, seq: int | None = None) -> None:
        self.seqs[uid] = self.seqs.get(uid, 0) + 1 if seq is None else seq
        watching.hear(self.world, Notice(self.stream, uid, self.seqs[uid], self.now if at is None else at, joined))

    def comes(self, user: str) -> int:
        """They join, and are in the channel; their number there."""
        uid = self.joins(user).uid
        self.told(uid, joined=True)
        return uid

    # people

    def joins(self, user: str) -> Lease:
        return watching.join(self.world, self.stream, user)[1]

    def known(self, *users: str) -> Air:
        for user in users:
            person(self.world, user)
        return self

    def ticket(self, user: str) -> Air:
        """As if they had bought one."""
        row = {"pk": f"ticket#{self.stream}", "sk": user, "id": f"tkt_{user}", "coins": 100, "fee": 0, "at": 0}
        self.world.tables.write(Put(self.world.settings.tables.live, row))
        return self

    # how it stands

    @property
    def row(self) -> Stream:
        """The stream as stored."""
        return service.load(self.world, self.stream)

    def looked(self) -> Stream:
        return service.look_after(self.world, self.stream)

    def viewer(self, user: str) -> Viewer:
        return self.viewer_of(self.stream, user)

    def viewer_of(self, stream: str, user: str) -> Viewer:
        return self.rows.viewer(stream, user)

    def audience(self) -> tuple[int, int]:
        return self.rows.audience(self.stream)

    def waiting(self, kind: str = "stream") -> set[str]:
        """What the minute tick would look at now."""
        found: set[str] = set()
        for shard in range(self.world.settings.tick_shards):
            keys, _ = self.rows.page_of_shard(kind, str(shard), self.now, 100, None)
            found |= {str(key["pk"]) if kind == "stream" else str(key["sk"]) for key in keys}
        return found


def privileges(lease: Lease) -> set[int]:
    """What its RTC token lets its holder do."""
    return set(token_of(lease).privileges)


def token_of(lease: Lease) -> Token:
    return decoded(lease.rtc_token)


def code(act: Callable[[], object]) -> str:
    """The code of the refusal; empty where it was done."""
    try:
        act()
    except Problem as problem:
        return problem.code
    return ""
