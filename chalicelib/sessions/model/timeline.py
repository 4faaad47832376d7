"""Everything that is known of a reading, line by line, in the order in which it happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.sessions.model.session import Session, Side, Who
from chalicelib.wallet.model.chain import Entry


@dataclass(frozen=True, slots=True)
class Line:
    """``credit`` is what the client had after it, where it moved or could have moved that."""

    at: Millis
    source: str
    """Who says so: ``session``, ``phone``, ``agora``; the books ``credit``, ``earnings``, ``platform``; ``told``,
    ``audit``.
    """
    what: str
    amount: Cents | None = None
    credit: Cents | None = None
    name: str = ""
    """Of the entry in its chain, the person, or who did it and why."""


_SIDES: Final[tuple[Who, ...]] = ("client", "reader")
_MOMENTS: Final = (
    ("created_at", "asked for"),
    ("accepted_at", "accepted"),
    ("started_at", "both there: active"),
    ("stopped_at", "the talk stopped last"),
    ("ended_at", "ended"),
    ("finalized_at", "finalized"),
)


def timeline(
    session: Session,
    credit: Iterable[Entry],
    earnings: Iterable[Entry],
    fee: Mapping[str, Any] | None,
    told: Iterable[Mapping[str, Any]],
    audited: Iterable[Mapping[str, Any]],
) -> list[Line]:
    """The lines of ``session``, oldest first; of two at one moment, in the order of who says so above.

    ``credit`` are entries of the client's chain, those of other business too; ``earnings`` those of the reader's that
    are of this reading; ``fee`` the platform's part; ``told`` rows of the outbox; ``audited`` rows of the audit log.
    """
    lines = _moments(session) + [line for who in _SIDES for line in _of_side(who, session.side(who))]
    lines += [_of_credit(session, entry) for entry in credit]
    lines += [Line(each.at, "earnings", each.kind, each.amount, name=f"entry {each.seq}") for each in earnings]
    if fee:
        lines.append(Line(fee["at"], "platform", "fee", fee["amount"], name=str(fee["seq"])))
    lines += [Line(row["at"], "told", row["kind"], name=row["pk"]) for row in told]
    lines += [Line(row["at"], "audit", row["action"], name=f"{row['actor']}: {row['reason']}") for row in audited]
    return sorted(lines, key=lambda line: line.at)


def _moments(session: Session) -> list[Line]:
    lines = [Line(at, "session", what) for name, what in _MOMENTS if (at := getattr(session, name)) is not None]
    reason = f" ({session.reason})" if session.reason else ""
    cut = f" ({session.cut})" if session.cut else ""
    added = {"ended": reason, "the talk stopped last": cut}
    return [Line(each.at, each.source, each.what + added.get(each.what, "")) for each in lines]


def _of_side(who: Who, side: Side) -> list[Line]:
    """The last sign of life, and Agora's last word: of those before nothing is kept."""
    lines = []
    if side.last_heard is not None:
        lines.append(Line(side.last_heard, "phone", f"{who} last heard", name=side.user))
    if side.told_at is not None:
        said = "came in" if side.told_in else "left"
        lines.append(Line(side.told_at, "agora", f"{who} {said}: its last notice", name=side.user))
    return lines


def _of_credit(session: Session, entry: Entry) -> Line:
    own = entry.reference == session.id
    what = _said(entry) if own else f"{entry.kind}, of other business"
    return Line(entry.at, "credit", what, entry.amount or None, entry.balance, f"entry {entry.seq}")


def _said(entry: Entry) -> str:
    words = [f"minute {entry.minute}" if entry.kind == "minute" else entry.kind.replace("_", " ")]
    if entry.minute and entry.kind != "minute":
        words.append(f"minute {entry.minute}")
    if entry.kept is not None:
        words.append(f"minutes above {entry.kept} taken back")
    if entry.refund:
        words.append(f"{entry.refund} of it a refund")
    return ", ".join(words)
