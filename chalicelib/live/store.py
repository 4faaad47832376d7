"""The table of streams; what gifts and tickets keep in it is in ``gift_store``.

``{stream}`` / ``stream``             a stream; the index ``due`` lists, by shard, those that time can still change
``open#{reader}`` / ``open``          the one stream that a reader has scheduled or live
``viewer#{stream}`` / ``{user}``      somebody before it; in ``due`` while a number of theirs is to be put out
``uid#{stream}`` / ``{uid}``          whose a number in its channel is
``invited#{stream}`` / ``{user}``     who is invited to a private one
``count#{stream}`` / ``{shard}``      how many of its viewers are there, in 16 parts, and ``peak``, the most so far

The index ``listed`` lists what is live and what is to come, private ones aside; the ended ones by their host; and the
private ones by who is invited.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import Millis
from chalicelib.live.model import stream as model
from chalicelib.live.model import viewer as viewers
from chalicelib.live.model.stream import Stream
from chalicelib.live.model.viewer import Viewer
from chalicelib.runtime import due
from chalicelib.runtime.tables import Absent, Delete, Equals, Key, Operation, Put, Range, Tables

STREAM: Final = "stream"
"""The kinds of what waits for time."""
REMOVAL: Final = "removal"

_COUNTS: Final = 16
_PEAK: Final = "peak"
_FOR_EVER: Final[Millis] = 10**14
"""Later than any moment of ours."""


class Streams:
    """Reads streams and who is before them, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str, rules: Rules, shards: int) -> None:
        self._tables = tables
        self._name = name
        self._rules = rules
        self._shards = shards

    # streams

    def get(self, stream_id: str) -> Stream | None:
        """The stream, strongly consistent."""
        item = self._tables.get(self._name, {"pk": stream_id, "sk": "stream"})
        return model.from_item(item) if item else None

    def get_many(self, stream_ids: Sequence[str]) -> list[Stream]:
        """Those of them that there are, in their order; 100 at most."""
        found = self._tables.get_many(self._name, [{"pk": each, "sk": "stream"} for each in stream_ids])
        return [model.from_item(item) for item in found if item]

    def open_of(self, host: str) -> str | None:
        """The one stream that ``host`` has scheduled or live, strongly consistent."""
        lock = self._tables.get(self._name, _lock(host))
        return str(lock["stream"]) if lock else None

    def create(self, stream: Stream, invited: Iterable[str]) -> list[Operation]:
        """Adds the stream and takes its host; fails in this order where one of the two exists."""
        row = Put(self._name, self._item(stream), when=(Absent("pk"),))
        lock = Put(self._name, _lock(stream.host) | {"stream": stream.id}, when=(Absent("pk"),))
        return [row, lock, *self.invite(stream, invited)]

    def replace(self, stream: Stream, was: Stream) -> tuple[Stream, list[Operation]]:
        """Changes the stream if nobody did since ``was``; its end lets its host go."""
        raised = replace(model.clocked(stream, self._rules), rev=was.rev + 1)
        operations: list[Operation] = [Put(self._name, self._item(raised), when=(Equals("rev", was.rev),))]
        if was.is_open and not raised.is_open:
            operations.append(Delete(self._name, _lock(was.host), when=(Equals("stream", was.id),)))
        return replace(raised, news=None), operations

    def page_of_shard(
        self, kind: str, shard: str, until: Millis, limit: int, start: Key | None
    ) -> tuple[list[Key], Key | None]:
        """A page of keys of what time should have moved by ``until``. It may be a moment behind."""
        return due.page(self._tables, self._name, kind, shard, until, limit, start)

    def listed(
        self, listing: str, since: Millis, limit: int, start: Key | None, *, newest_first: bool
    ) -> tuple[list[Key], Key | None]:
        """A page of keys of a list, by its moments from ``since`` on. It may be a moment behind."""
        if start and not since <= start["listed_at"] <= _FOR_EVER:
            # Time has moved on since the page before: its place is before all that is still in the list, or after it.
            if (start["listed_at"] < since) == newest_first:
                return [], None
            start = None
        page = self._tables.query(
            self._name,
            ("listing", listing),
            index="listed",
            within=Range("listed_at", since, _FOR_EVER),
            newest_first=newest_first,
            limit=limit,
            start=start,
        )
        return page.items, page.next_key

    # who is invited

    def invite(self, stream: Stream, users: Iterable[str]) -> list[Put]:
        """Invites each, without a condition: invited twice is invited."""
        return [
            Put(
                self._name,
                {
                    "pk": f"invited#{stream.id}",
                    "sk": user,
                    "listing": f"invited#{user}",
                    "listed_at": stream.starts_at,
                },
            )
            for user in users
        ]

    def invited(self, stream_id: str, users: Sequence[str]) -> set[str]:
        """Which of them are invited, strongly consistent; 100 at most, no two alike."""
        found = self._tables.get_many(self._name, [{"pk": f"invited#{stream_id}", "sk": user} for user in users])
        return {str(item["sk"]) for item in found if item}

    # who is before it

    def viewer(self, stream_id: str, user: str) -> Viewer:
        """The person before that stream, strongly consistent; blank where they never were."""
        item = self._tables.get(self._name, {"pk": f"viewer#{stream_id}", "sk": user})
        return viewers.from_item(item) if item else Viewer(stream_id, user)

    def whose(self, stream_id: str, uid: int) -> str | None:
        """Whose that number in the channel is, or was."""
        item = self._tables.get(self._name, {"pk": f"uid#{stream_id}", "sk": str(uid)})
        return str(item["user"]) if item else None

    def take_uid(self, viewer: Viewer) -> Operation:
        """Keeps whose number it is, for ever. Fails where it is somebody's."""
        item = {"pk": f"uid#{viewer.stream}", "sk": str(viewer.uid), "user": viewer.user}
        return Put(self._name, item, when=(Absent("pk"),))

    def keep_viewer(self, viewer: Viewer, was: Viewer) -> list[Operation]:
        """Changes the viewer if nobody did since ``was``, and the count of those who are there with them."""
        raised = replace(viewer, rev=was.rev + 1)
        owed_since = viewer.at if viewer.owed else None
        waits = due.waiting(REMOVAL, f"{viewer.stream}#{viewer.user}", owed_since, self._shards)
        item = viewers.to_item(raised) | waits
        operations: list[Operation] = [
            Put(self._name, item, when=(Equals("rev", was.rev) if was.rev else Absent("pk"),))
        ]
        if viewer.present != was.present:
            operations.append(self._counted(viewer, 1 if viewer.present else -1))
        return operations

    def audience(self, stream_id: str) -> tuple[int, int]:
        """How many viewers are there now, and the most that were seen at once; strongly consistent."""
        page = self._tables.query(self._name, ("pk", f"count#{stream_id}"), limit=_COUNTS + 1)
        counts = {str(item["sk"]): int(item["n"]) for item in page.items}
        peak = counts.pop(_PEAK, 0)
        there = sum(counts.values())
        return there, max(there, peak)

    def raise_peak(self, stream_id: str) -> Put | None:
        """Keeps the most that were there at once, if it is the present number; fails where somebody raised it too."""
        key = {"pk": f"count#{stream_id}", "sk": _PEAK}
        page = self._tables.query(self._name, ("pk", key["pk"]), limit=_COUNTS + 1)
        counts = {str(item["sk"]): int(item["n"]) for item in page.items}
        known = counts.pop(_PEAK, None)
        there = sum(counts.values())
        if there <= (known or 0):
            return None
        return Put(self._name, key | {"n": there}, when=(Absent("pk") if known is None else Equals("n", known),))

    def _counted(self, viewer: Viewer, change: int) -> Put:
        digest = hashlib.sha256(viewer.user.encode()).digest()
        key = {"pk": f"count#{viewer.stream}", "sk": str(int.from_bytes(digest[:4], "big") % _COUNTS)}
        found = self._tables.get(self._name, key)
        was = int(found["n"]) if found else 0
        return Put(self._name, key | {"n": was + change}, when=(Equals("n", was) if found else Absent("pk"),))

    def _item(self, stream: Stream) -> dict[str, Any]:
        """``due_shard`` is there while the tick must look after it, ``listing`` while it is in a list: both sparse."""
        waits = due.waiting(STREAM, stream.id, model.deadline(stream, self._rules), self._shards)
        return model.to_item(stream) | waits | _listing(stream)


def _listing(stream: Stream) -> dict[str, Any]:
    if stream.ended_at is not None:
        return {"listing": hosted_by(stream.host), "listed_at": stream.ended_at}
    if stream.visibility == "private":
        return {}
    if stream.state == "live":
        return {"listing": "live", "listed_at": stream.started_at}
    return {"listing": "upcoming", "listed_at": stream.starts_at}


def streams_of(world: World) -> Streams:
    """The table of this world."""
    settings = world.settings
    return Streams(world.tables, settings.tables.live, settings.rules, settings.tick_shards)


def hosted_by(host: str) -> str:
    """The list of a host's streams that are over."""
    return f"host#{host}"


def _lock(host: str) -> Key:
    return {"pk": f"open#{host}", "sk": "open"}
