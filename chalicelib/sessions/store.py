"""The table of sessions: one row a session, one ``open#{user}`` row for each person in an open one, and one
``met#{reader}#{client}`` row for those who ever talked. What follows a reading is in ``afterwards_store``.

The index ``open`` lists, by shard, the sessions that time can still change; ``pending`` those that an admin must decide
on; ``by_client`` and ``by_reader`` list a
person's sessions by the moment of their creation.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.gateways import World
from chalicelib.runtime.tables import MOST_KEYS, Absent, Check, Delete, Equals, Key, Operation, Put, Tables
from chalicelib.sessions.model.session import REVIEW, Session, Who, from_item, to_item


def shard_of(session_id: str, shards: int) -> str:
    """The shard whose tick looks after the session."""
    return str(int.from_bytes(hashlib.sha256(session_id.encode()).digest()[:4], "big") % shards)


class Sessions:
    """Reads sessions, and says which operations would write them."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def get(self, session_id: str) -> Session | None:
        """The session, strongly consistent."""
        item = self._tables.get(self._name, {"pk": session_id})
        return from_item(item) if item else None

    def open_of(self, user: str) -> str | None:
        """The id of the one session that ``user`` is in, strongly consistent."""
        lock = self._tables.get(self._name, {"pk": _lock(user)})
        return str(lock["session"]) if lock else None

    def free(self, user: str) -> Check:
        """Fails where ``user`` is in an open session."""
        return Check(self._name, {"pk": _lock(user)}, when=(Absent("pk"),))

    def among(self, people: Sequence[str], *, consistent: bool) -> set[str]:
        """Which of these people are in an open session; each as it is right now if ``consistent``."""
        found: set[str] = set()
        distinct = list(dict.fromkeys(people))
        for first in range(0, len(distinct), MOST_KEYS):
            asked = distinct[first : first + MOST_KEYS]
            locks = self._tables.get_many(self._name, [{"pk": _lock(user)} for user in asked], consistent=consistent)
            found |= {user for user, lock in zip(asked, locks, strict=True) if lock}
        return found

    def page_of_shard(self, shard: str, limit: int, start: Key | None) -> tuple[list[Session], Key | None]:
        """A page of the sessions that time can still change. It may be a moment behind."""
        page = self._tables.query(self._name, ("open_shard", shard), index="open", limit=limit, start=start)
        return [from_item(item) for item in page.items], page.next_key

    def in_review(self, limit: int) -> list[Session]:
        """Those that an admin must decide on, the last ended first. It may be a moment behind."""
        page = self._tables.query(self._name, ("pending", REVIEW), index="pending", newest_first=True, limit=limit)
        return [from_item(item) for item in page.items]

    def page_of_person(self, who: Who, user: str, limit: int, start: Key | None) -> tuple[list[Session], Key | None]:
        """A page of a person's sessions, newest first."""
        page = self._tables.query(
            self._name,
            (who, user),
            index=f"by_{who}",
            newest_first=True,
            limit=limit,
            start=start,
        )
        found = (self.get(item["pk"]) for item in page.items)
        return [session for session in found if session], page.next_key

    def create(self, session: Session) -> list[Operation]:
        """Adds the session and takes both people; fails in this order where one of the three exists."""
        locks = [{"pk": _lock(side.user), "session": session.id} for side in (session.client, session.reader)]
        return [Put(self._name, item, when=(Absent("pk"),)) for item in (to_item(session), *locks)]

    def replace(self, session: Session, was: Session) -> tuple[Session, list[Operation]]:
        """Changes the session if nobody did since ``was``; its end lets both people go."""
        raised = replace(session, rev=was.rev + 1)
        operations: list[Operation] = [Put(self._name, to_item(raised), when=(Equals("rev", was.rev),))]
        if was.is_open and not raised.is_open:
            operations += [
                Delete(self._name, {"pk": _lock(side.user)}, when=(Equals("session", was.id),))
                for side in (was.client, was.reader)
            ]
        return raised, operations

    def meet(self, session: Session) -> Put:
        """Keeps that these two have talked. Without a condition: it is true for ever."""
        return Put(self._name, {"pk": _met(session.reader.user, session.client.user)})

    def have_met(self, reader: str, client: str) -> bool:
        """Whether they ever talked, strongly consistent."""
        return self._tables.get(self._name, {"pk": _met(reader, client)}) is not None


def session_rows(world: World) -> Sessions:
    """The rows of this world's sessions."""
    return Sessions(world.tables, world.settings.tables.sessions)


def _lock(user: str) -> str:
    return f"open#{user}"


def _met(reader: str, client: str) -> str:
    return f"met#{reader}#{client}"
