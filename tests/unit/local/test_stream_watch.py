"""Who watches a stream from outside is told each thing once, and shown what the tables and Agora say."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import pytest

from chalicelib.gateways.agora import Lease
from chalicelib.kernel.time import SECOND
from chalicelib.live import service as streams
from chalicelib.live import watching
from chalicelib.live.model.stream import HOST_UID
from infra.local.agora import notices
from infra.local.agora.context import Account
from infra.local.agora.device import Device
from infra.local.agora.server import AgoraServer
from infra.local.stream_watch import StreamWatch, listed
from tests.support.show import Show
from tests.support.worlds import APP_ID, CERTIFICATE, HandClock, hand_world


class Quiet(StreamWatch):
    """It looks when it is asked to, and at no other time."""

    def start(self) -> None:
        pass


@dataclass
class Seen:
    """A stream of a world in memory, the channel of a local Agora, and what was told of both."""

    show: Show
    agora: AgoraServer
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = Quiet(self.show.world, self.agora, lambda who, what: self.told.append((who, what)))

    def look(self) -> list[tuple[str, str]]:
        """What is told now that was not told before."""
        before = len(self.told)
        self.watch.look()
        return self.told[before:]

    def live(self) -> "Seen":
        """Followed from its beginning, and told so."""
        self.show.live()
        self.watch.follow(self.show.stream)
        self.look()
        return self

    def comes(self, lease: Lease, role: str = notices.AUDIENCE, name: str = "") -> Device:
        device = Device(self.agora.url, role)
        device.join(asdict(lease))
        if name:
            self.watch.names[lease.uid] = name
        return device


@pytest.fixture
def seen() -> Iterator[Seen]:
    world = hand_world(now=HandClock(int(time.time()) * SECOND))  # Agora's library dates tokens by itself
    with AgoraServer(clock=lambda: world.now() / SECOND) as agora:
        agora.open_account(Account(APP_ID, CERTIFICATE, "customer", "secret"))
        yield Seen(Show(world), agora)


def test_before_there_is_a_stream_nothing_is_told_and_nothing_shown(seen: Seen) -> None:
    assert (seen.look(), seen.watch.moment, seen.watch.viewers) == ([], None, 0)
    with pytest.raises(LookupError):
        _ = seen.watch.stream


def test_each_state_is_told_once_with_the_one_in_between(seen: Seen) -> None:
    show = seen.show.scheduled()
    seen.watch.follow(show.stream)
    assert (seen.look(), seen.look()) == ([("stream", "→ scheduled")], [])
    show.started()
    assert seen.look() == [("stream", "scheduled → live")]
    show.ends()
    assert seen.look() == [("stream", "live → ended → finalized (host_ended)")]


def test_gifts_are_told_together_once_and_counted(seen: Seen) -> None:
    show = seen.live().show
    ann, ben = show.patron("ann"), show.patron("ben")
    show.gives(ann, name="1")
    show.gives(ann, name="2")
    show.forward(1).gives(ben, "star")
    assert seen.look() == [("gifts", "2 roses and a star: 3 by now, 1,200 coins")]
    show.forward(3 * SECOND).gives(ben, "heart", name="2")
    assert seen.look() == [("gifts", "a heart: 4 by now, 1,700 coins")]
    assert seen.look() == []


def test_what_agora_tells_is_told_by_the_names_of_the_leases(seen: Seen) -> None:
    show = seen.live().show
    _, publishing = streams.publish(show.world, show.stream, show.host)
    seen.comes(publishing, notices.BROADCASTER)
    ann = show.patron("ann")
    _, lease = watching.join(show.world, show.stream, ann)
    device = seen.comes(lease, name="Ann")
    assert seen.look() == [("agora", "the reader and Ann came in")]
    device.leave()
    assert (seen.look(), seen.look()) == ([("agora", "Ann left")], [])


def test_a_beginning_is_told_before_what_happens_in_it_and_an_end_after(seen: Seen) -> None:
    show = seen.show.scheduled()
    seen.watch.follow(show.stream)
    seen.look()
    show.started()
    device = seen.comes(streams.publish(show.world, show.stream, show.host)[1], notices.BROADCASTER)
    assert seen.look() == [("stream", "scheduled → live"), ("agora", "the reader came in")]
    device.leave()
    show.ends()
    assert seen.look() == [("agora", "the reader left"), ("stream", "live → ended → finalized (host_ended)")]


def test_a_moment_shows_the_stream_its_viewers_and_its_gifts(seen: Seen) -> None:
    show = seen.live().show
    _, publishing = streams.publish(show.world, show.stream, show.host)
    seen.comes(publishing, notices.BROADCASTER)
    ann, ben = show.patron("ann"), show.patron("ben")
    for person, name in ((ann, "Ann"), (ben, "Ben")):
        device = seen.comes(watching.join(show.world, show.stream, person)[1], name=name)
    device.leave()
    show.gives(ann)
    show.forward(2 * SECOND).gives(ben, "heart")
    seen.look()
    found = seen.watch.moment
    assert found is not None
    assert (found.state, found.reason, found.host_here, found.ends_in) == ("live", None, True, None)
    assert found.watching == (("Ann", True), ("Ben", False))
    assert (found.viewers, found.peak) == (0, 0), "the product heard nothing of them"
    assert (found.gifts, found.coins, found.leaders) == (2, 600, (("ben", 500), ("ann", 100)))
    assert found.pace[-4:] == (0, 0, 1, 1)


def test_a_stream_without_its_host_shows_when_it_ends(seen: Seen) -> None:
    show = seen.live().show
    gone = show.world.settings.rules.host_gone / SECOND
    watching.leave(show.world, show.stream, show.host)
    show.forward(5 * SECOND)
    seen.look()
    found = seen.watch.moment
    assert found is not None
    assert (found.host_here, found.ends_in, found.ends_after) == (False, gone - 5, gone)


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["Ann"], "Ann"), (["Ann", "Ben"], "Ann and Ben"), (["Ann", "Ben", "Mia"], "Ann, Ben and Mia")],
)
def test_a_list_is_said_as_people_do(names: list[str], said: str) -> None:
    assert listed(names) == said


def test_the_host_has_the_first_number(seen: Seen) -> None:
    assert seen.watch.names == {HOST_UID: "the reader"}
