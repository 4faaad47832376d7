"""Rows of reconciliation, in the wallet table beside the events of Stripe's.

``reconciliation`` / ``run``            the run that is going on, or was the last: where it is, and what it added up
``match#{receipt}`` / ``match``         which movement at Stripe a posting stands for
``differences`` / ``{what}#{about}``    what did not agree, and since when it does again
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.operations.model.reconciliation import Movement, What
from chalicelib.runtime.tables import Absent, Check, ConditionFailed, Equals, Item, Key, Operation, Put, Tables

_RUN: Final[Key] = {"pk": "reconciliation", "sk": "run"}
_PAGE: Final = 100
_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation. It may take several calls of the function: this is all that one hands to the next."""

    id: str
    began_at: Millis
    margin: Millis
    since: Millis
    """Movements at Stripe are listed from here …"""
    until: Millis
    """… to before here, and entries are added up that are older."""
    page_after: str | None = None
    """The last movement of the page before."""
    listed: bool = False
    """All movements were looked at."""
    start: Key | None = None
    """Where the scan of the ledger goes on."""
    scanned: bool = False
    sums: dict[str, int] = field(default_factory=dict)
    """By ``{class of accounts} {currency}``, and of fees."""
    counts: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    """Objects that hold heads of chains."""
    ended_at: Millis | None = None
    open: int = 0
    """Differences that were open at its end."""
    against: str | None = None
    """The day of the newest digest before it."""
    held: bool = False
    """The ledger was held against it."""
    rev: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree, or did not. ``about`` is a receipt, a chain or a movement."""

    what: What
    about: str
    found_at: Millis
    seen_at: Millis
    resolved_at: Millis | None = None
    movement: Movement | None = None
    detail: str = ""
    accepted_at: Millis | None = None
    """An admin has explained it: it stops nothing any more, as long as it stays what it was."""


class Reconciliations:
    """Reads and writes them. Nobody else writes these rows at the same time but another call of the same run."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name

    def run(self) -> Run | None:
        """The run that is going on, or was the last."""
        item = self._tables.get(self._name, _RUN)
        return Run(**{name: item[name] for name in Run.__dataclass_fields__ if name in item}) if item else None

    def keep(self, run: Run, *beside: Operation) -> Run:
        """Puts it in the place of the one with the same rev. Raises ConditionFailed where another call came first."""
        kept = replace(run, rev=run.rev + 1)
        when = (Equals("rev", run.rev) if run.rev else Absent("pk"),)
        self._tables.write(Put(self._name, _RUN | asdict(kept), when=when), *beside)
        return kept

    def unchanged(self, run: Run) -> Check:
        """Fails where the run went on since, or another began."""
        return Check(self._name, _RUN, when=(Equals("rev", run.rev),))

    def match(self, key: str, movement: str) -> str:
        """Says that the posting under ``key`` stands for this movement; the one that it stands for."""
        row = {"pk": f"match#{key}", "sk": "match", "movement": movement}
        try:
            self._tables.write(Put(self._name, row, when=(Absent("pk"),)))
        except ConditionFailed as failed:
            return str((failed.found[0] or row)["movement"])
        return movement

    def matched(self, keys: Sequence[str]) -> set[str]:
        """Which of these postings, 100 at most, stand for a movement."""
        rows = self._tables.get_many(self._name, [{"pk": f"match#{key}", "sk": "match"} for key in keys])
        return {key for key, row in zip(keys, rows, strict=True) if row}

    def see(self, found: Difference) -> bool:
        """Keeps a difference, since when it is there; whether it is new. One that was accepted is so no more once it
        says something else.
        """
        known = self.difference(found.what, found.about)
        same = known is not None and (known.accepted_at is None or known.detail == found.detail)
        if known and same:
            found = replace(found, found_at=known.found_at, accepted_at=known.accepted_at)
        self._tables.write(Put(self._name, _item(found)))
        return not same

    def difference(self, what: str, about: str) -> Difference | None:
        """One that is there, accepted or not; None where it is not, or is no more."""
        item = self._tables.get(self._name, _key(what, about))
        known = _difference(item) if item else None
        return known if known and known.resolved_at is None else None

    def accept(self, difference: Difference, at: Millis) -> Put:
        """It is explained; fails where it was looked at again meanwhile."""
        when = (Equals("seen_at", difference.seen_at), Equals("detail", difference.detail))
        return Put(self._name, _item(replace(difference, accepted_at=at)), when=when)

    def resolve(self, difference: Difference, at: Millis) -> None:
        """It agrees again."""
        self._tables.write(Put(self._name, _item(replace(difference, resolved_at=at))))

    def differences(self) -> list[Difference]:
        """All that are there, accepted or not, by kind. Raises Unavailable beyond 10,000 that there ever were."""
        found: list[Difference] = []
        start: Key | None = None
        for _ in range(_MOST_PAGES):
            page = self._tables.query(self._name, ("pk", "differences"), limit=_PAGE, start=start)
            found += [each for each in map(_difference, page.items) if each.resolved_at is None]
            start = page.next_key
            if start is None:
                return found
        raise Unavailable("There are too many differences to list.")


def _key(what: str, about: str) -> Key:
    return {"pk": "differences", "sk": f"{what}#{about}"}


def _item(difference: Difference) -> Item:
    return _key(difference.what, difference.about) | asdict(difference)


def _difference(item: dict[str, Any]) -> Difference:
    known = {name: item[name] for name in Difference.__dataclass_fields__ if name in item}
    moved = known["movement"]
    return Difference(**known | {"movement": Movement(**moved | {"keys": tuple(moved["keys"])}) if moved else None})
