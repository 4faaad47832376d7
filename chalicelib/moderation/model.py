"""The rules of moderation (product §8): a case of each thing that is reported, from its first report to its end.

    pending → resolved (hide, remove, warn, suspend) | dismissed
    resolved → appealed → resolved (upheld) | dismissed (taken back)

A thing that is reported again after its case was closed has another one, the next *round*: what was said before does
not count in it. Three people's reports in one round hide the thing until somebody decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from chalicelib.kernel import text
from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import DAY, Millis
from chalicelib.moderation.terms import LONGEST, Kind, Rule, State, Verdict

HIDING: Final = 3
"""Reports of distinct people that hide a thing."""
HEARD: Final = 50
"""Reporters whom a case names, who are told what became of it; those who come later are only counted."""
APPEAL_WITHIN: Final[Millis] = 30 * DAY

_KINDS: Final[Mapping[str, Kind]] = {
    "pst": "post",
    "msg": "message",
    "rev": "review",
    "ses": "session",
    "str": "stream",
    "usr": "person",
}
_HIDEABLE: Final = frozenset({"post", "message", "review"})
_STANDING: Final[Mapping[Verdict, Standing]] = {"hide": "hidden", "remove": "removed", "suspend": "removed"}


@dataclass(frozen=True, slots=True)
class Report:
    """One person's complaint about one thing; they have no second."""

    id: str
    item: str
    user: str
    case: str
    reason: Rule
    text: str = field(repr=False)
    at: Millis


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided on a case, or on an appeal, and why."""

    verdict: Verdict
    actor: str
    """An admin's user id, or who sat at the command line."""
    reason: str
    """For moderators and the audit log alone."""
    rule: Rule | None
    """What the author is told was broken; None by ``dismiss`` and ``uphold``."""
    at: Millis

    def says(self, other: Decision) -> bool:
        """Whether both are the same word of the same person."""
        return (self.verdict, self.actor, self.reason) == (other.verdict, other.actor, other.reason)


@dataclass(frozen=True, slots=True)
class Appeal:
    """What the author says to what was done."""

    id: str
    text: str = field(repr=False)
    at: Millis
    granted: bool | None = None
    """None while nobody has decided."""


@dataclass(frozen=True, slots=True)
class Case:
    """What was reported of a thing in one round. Of a reading there is one for each of its two sides."""

    id: str
    item: str
    author: str
    """Whose the thing is; empty where they were gone before."""
    round: int
    opened_at: Millis
    state: State = "pending"
    reports: int = 0
    """Of how many people, exactly."""
    reporters: tuple[str, ...] = ()
    """The first of them."""
    reasons: Mapping[Rule, int] = field(default_factory=dict)
    """How many gave which."""
    hidden: bool = False
    """Whether reports hid the thing in this round."""
    decision: Decision | None = None
    suspended: bool = False
    """Whether the decision shut the author out, who was not before."""
    owing: bool = False
    """Whether the author's readings, streams and bookings are still to be ended."""
    appeal: Appeal | None = None
    review: Decision | None = None
    """What was decided on the appeal, where that came after ``decision``."""
    rev: int = 1

    @property
    def kind(self) -> Kind:
        return kind_of(self.item)

    @property
    def waits(self) -> bool:
        """Whether somebody has to decide."""
        return self.state in ("pending", "appealed")

    @property
    def waiting_since(self) -> Millis:
        return self.appeal.at if self.appeal and self.decision else self.opened_at

    @property
    def touches(self) -> bool:
        """Whether it did something to the author, or heard an appeal of theirs."""
        if self.state == "pending":
            return self.hidden
        return self.state != "dismissed" or self.appeal is not None


def kind_of(item: str) -> Kind:
    """What that is the id of; a thread is the post that opens it. Raises NotFound for what cannot be reported."""
    kind = _KINDS.get(item.partition("_")[0])
    if kind is None:
        raise NotFound
    return kind


def written(said: str, least: int = 0) -> str:
    """What somebody wrote, cleaned. Raises Invalid outside ``least`` to 2,000 characters then."""
    cleaned = text.paragraphs(said)
    if not least <= len(cleaned) <= LONGEST:
        raise Invalid(errors=({"field": "text", "message": f"Write {least} to {LONGEST} visible characters."},))
    return cleaned


def reported(case: Case, report: Report) -> Case:
    """The pending case with one person's report more: the third hides the thing, if it can be hidden."""
    count = case.reports + 1
    return replace(
        case,
        reports=count,
        reporters=(*case.reporters, report.user)[:HEARD],
        reasons={**case.reasons, report.reason: case.reasons.get(report.reason, 0) + 1},
        hidden=count >= HIDING and case.kind in _HIDEABLE,
        rev=case.rev + 1,
    )


def decided(case: Case, decision: Decision) -> Case:
    """The case, decided. Raises AlreadyDone, InvalidState (not what can be decided of it), Forbidden (one's own)."""
    if decision.actor == case.author:
        raise Forbidden("Somebody else must decide on what is yours.")
    if not case.waits:
        raise AlreadyDone(f"The case was {case.state} before.")
    verdict = decision.verdict
    state: State = "dismissed" if verdict == "dismiss" else "resolved"
    if case.state == "appealed":
        if verdict not in ("uphold", "dismiss"):
            raise InvalidState("An appeal is upheld against (uphold) or granted (dismiss).")
        owing = case.owing and verdict == "uphold"  # what is taken back is not to be carried out any more
        answered = _answered(case, state)
        return replace(case, state=state, review=decision, appeal=answered, owing=owing, rev=case.rev + 1)
    if verdict == "uphold":
        raise InvalidState("Nothing was decided yet that could be upheld.")
    if verdict in ("hide", "remove") and case.kind not in _HIDEABLE:
        raise InvalidState(f"A {case.kind} can be neither hidden nor removed: warn, suspend or dismiss.")
    if verdict in ("warn", "suspend") and not case.author:
        raise InvalidState("Its author is gone: there is nobody to warn or suspend.")
    told = replace(decision, rule=decision.rule or _most_given(case) if verdict != "dismiss" else None)
    return replace(case, state=state, decision=told, appeal=_answered(case, state), rev=case.rev + 1)


def _answered(case: Case, state: State) -> Appeal | None:
    """An appeal is granted where nothing that was done stays."""
    return replace(case.appeal, granted=state == "dismissed") if case.appeal else None


def _most_given(case: Case) -> Rule:
    return max(case.reasons, key=lambda each: case.reasons[each], default="other")


def stands(case: Case, was: Case) -> Standing | None:
    """How the thing stands by what made ``case`` of ``was``; None where that changes nothing."""
    if case.kind not in _HIDEABLE:
        return None
    if case.decision is None:
        return "hidden" if case.hidden and not was.hidden else None
    if was.decision is None:
        return _STANDING.get(case.decision.verdict, "shown" if was.hidden else None)
    return "shown" if was.decision.verdict in _STANDING and case.state == "dismissed" else None


def left_at(case: Case) -> Standing:
    """Where a case that may show its thing again has put it."""
    return _STANDING[case.decision.verdict] if case.decision else "hidden"


def appealed(case: Case, appeal: Appeal) -> Case:
    """The case with its author's appeal, which waits for a decision. Raises InvalidState (too late, or nothing to
    appeal against), AlreadyDone (there was one).
    """
    if case.appeal:
        raise AlreadyDone("You have appealed before.")
    if not case.touches:
        raise InvalidState("Nothing was done that you could appeal against.")
    if case.decision and appeal.at >= case.decision.at + APPEAL_WITHIN:
        raise InvalidState("The 30 days in which one can appeal are over.")
    return replace(case, state="appealed" if case.decision else "pending", appeal=appeal, rev=case.rev + 1)


# --- who is told -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that one person is told."""

    to: str
    kind: str
    fact: str
    facts: Mapping[str, str | bool | None]


_TOLD: Final[Mapping[Verdict, str]] = {
    "hide": "content_hidden",
    "remove": "content_removed",
    "warn": "warned",
    "suspend": "account_suspended",
}


def told(case: Case, was: Case) -> list[Word]:
    """What follows from what made ``case`` of ``was``. Nobody learns who reported what."""
    words: list[Word] = []
    stand, decision = stands(case, was), case.decision if was.decision is None else None

    def to_author(kind: str, fact: str = "", **facts: str | bool | None) -> None:
        if case.author:
            words.append(Word(case.author, kind, case.id + fact, {"item": case.item, "case": case.id, **facts}))

    if case.decision is None and stand:
        to_author("content_hidden", reason=None)
    if decision:
        if kind := _TOLD.get(decision.verdict):
            to_author(kind, "#decided", reason=decision.rule)
        facts: Mapping[str, str | bool] = {"item": case.item, "acted": case.state == "resolved"}
        words += [Word(each, "report_decided", case.id, facts) for each in case.reporters]
    if stand == "shown":
        to_author("content_restored")
    if case.appeal and case.appeal.granted is not None:
        to_author("appeal_decided", granted=case.appeal.granted)
    return words
