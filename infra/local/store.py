"""All that a vendor's counterpart remembers, in one SQLite file or in memory: objects, and jobs for a moment.

One lock makes each request, and each step of the background work, a transaction of its own: simple, and fast
enough for one developer. Objects are kept as JSON, in the order of their making.
"""

import json
import secrets
import sqlite3
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, RLock
from typing import Any, Final

Thing = dict[str, Any]
"""An object as an API returns it: it has ``id`` and ``object``, which is its kind."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
    made INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL,
    parent TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, made);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (kind, parent, made);
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, due REAL NOT NULL,
    running INTEGER NOT NULL DEFAULT 0);
"""
_ALPHABET: Final = string.ascii_letters + string.digits
_ID_LENGTHS: Final = {"cs_test": 58}
_ID_LENGTH: Final = 24


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do at a moment (seconds since the epoch) to the thing named ``subject``."""

    id: int
    kind: str
    subject: str


class Store:
    def __init__(self, path: Path | None = None) -> None:
        """Open or make the file; None keeps everything in memory."""
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._lock = RLock()
        self._depth = 0
        self.scheduled = Event()
        """Set when there is a new job: the background then looks."""
        self._connection.executescript(_SCHEMA)
        # A test tool may lose its last moment when the machine's power fails; it need not wait for the disk.
        self._connection.execute("PRAGMA synchronous = OFF")
        # What ran when the last process stopped has to run again.
        self._connection.execute("UPDATE jobs SET running = 0")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; others wait. May be nested: the outermost decides."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN")
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def put(self, thing: Thing, parent: str = "") -> Thing:
        """Keep the object, in place of the one with its id. ``parent`` is what it can be listed by."""
        self._run(
            "INSERT INTO objects (id, kind, parent, body) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            thing["id"],
            thing["object"],
            parent,
            json.dumps(thing),
        )
        return thing

    def get(self, kind: str, id_: str, parent: str | None = None) -> Thing | None:
        """The object, only where it is of this kind and, if one is given, of this parent."""
        if parent is None:
            rows = self._run("SELECT body FROM objects WHERE id = ? AND kind = ?", id_, kind)
        else:
            rows = self._run("SELECT body FROM objects WHERE id = ? AND kind = ? AND parent = ?", id_, kind, parent)
        return json.loads(rows[0][0]) if rows else None

    def any(self, id_: str) -> Thing | None:
        """The object of any kind with this id: what an expansion puts in place of it."""
        rows = self._run("SELECT body FROM objects WHERE id = ?", id_)
        return json.loads(rows[0][0]) if rows else None

    def newest(self, kind: str, parent: str | None = None) -> Iterator[Thing]:
        """The objects of a kind, or those of one parent, newest first."""
        if parent is None:
            rows = self._run("SELECT body FROM objects WHERE kind = ? ORDER BY made DESC", kind)
        else:
            rows = self._run("SELECT body FROM objects WHERE kind = ? AND parent = ? ORDER BY made DESC", kind, parent)
        for (body,) in rows:
            yield json.loads(body)

    def remove(self, id_: str) -> None:
        self._run("DELETE FROM objects WHERE id = ?", id_)

    def schedule(self, kind: str, subject: str, due: float) -> None:
        """Have the background do something to the thing named ``subject``, at a moment in seconds since the epoch."""
        self._run("INSERT INTO jobs (kind, subject, due) VALUES (?, ?, ?)", kind, subject, due)
        self.scheduled.set()

    def claim(self, now: float, most: int) -> list[Job]:
        """Jobs that are due, earliest first; nobody else is given them until they are finished."""
        with self.transaction():
            rows = self._run(
                "SELECT id, kind, subject FROM jobs WHERE due <= ? AND NOT running ORDER BY due, id LIMIT ?", now, most
            )
            for row in rows:
                self._run("UPDATE jobs SET running = 1 WHERE id = ?", row[0])
        return [Job(*row) for row in rows]

    def finish(self, job: Job) -> None:
        self._run("DELETE FROM jobs WHERE id = ?", job.id)

    def next_due(self) -> float | None:
        """When the earliest job that nobody runs is due."""
        due: float | None = self._run("SELECT MIN(due) FROM jobs WHERE NOT running")[0][0]
        return due

    def _run(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def new_id(prefix: str) -> str:
    """``pi_3XyZ…``: random letters and digits, as long as Stripe's."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTHS.get(prefix, _ID_LENGTH)))}"
