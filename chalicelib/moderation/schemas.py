"""What the endpoints of moderation take and give."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.kernel.standing import Standing, Subject
from chalicelib.kernel.time import rfc3339
from chalicelib.moderation.model import Appeal, Case, Decision, Report
from chalicelib.moderation.terms import LONGEST, Action, Kind, Reason, Rule, SessionReason, State, Verdict, Waiting
from chalicelib.runtime.schemas import Id, ListQuery, Schema

Why = Annotated[str, Field(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$")]
Text = Annotated[str, Field(max_length=LONGEST)]


class Complaint(Schema):
    """What is wrong with a message."""

    reason: Reason
    text: Text = ""


class NewReport(Complaint):
    """What is wrong with a thing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"item": "pst_01JD0000000000000000000000", "reason": "spam"}]}
    )

    item: Id = Field(description="A thread, post, message, review, reading, stream or person.")


class SessionComplaint(Schema):
    """What is wrong with a reading."""

    reason: SessionReason
    text: Text = ""


class ReportView(Schema):
    """A report that moderators will look at."""

    id: str
    item: str
    reason: Rule
    created_at: str


class CasesQuery(ListQuery):
    """Which cases."""

    state: Waiting = "pending"
    kind: Kind | None = None


class DecisionView(Schema):
    """What a moderator decided."""

    action: Verdict
    by: str
    reason: str
    rule: Rule | None = Field(description="What the author was told was broken.")
    at: str


class AppealView(Schema):
    """What an author said to what was done about a thing of theirs."""

    id: str
    item: str
    case: str
    text: str
    created_at: str
    granted: bool | None = Field(description="Null while nobody has decided.")


class CaseView(Schema):
    """What was reported of a thing, and what was done about it."""

    id: str
    item: str
    kind: Kind
    author: str
    round: int = Field(description="1, or how often it was reported anew after a case of it was closed.")
    state: State
    reports: int
    reasons: dict[str, int]
    hidden: bool = Field(description="Whether the reports of three people hid it.")
    created_at: str
    decision: DecisionView | None
    appeal: AppealView | None
    review: DecisionView | None = Field(description="What was decided on the appeal.")


class SaidView(Schema):
    """One person's report, as moderators read it."""

    id: str
    by: str
    reason: Rule
    text: str
    created_at: str


class SubjectView(Schema):
    """The thing that was reported, as it is now."""

    standing: Standing
    text: str
    attachments: list[str] = Field(description="Links to its files, for minutes.")
    where: str | None
    created_at: str


class CaseDetail(CaseView):
    """A case with the thing that it is of, and what was said of it."""

    thing: SubjectView | None = Field(description="Null where it is gone.")
    said: list[SaidView] = Field(description="The first fifty reports.")


class Resolution(Schema):
    """What to do about it, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "remove", "reason": "An advertisement."}]})

    action: Action = Field(description="`uphold` answers an appeal; the others a case that is pending.")
    reason: Why = Field(description="For moderators; kept in the audit log.")
    rule: Rule | None = Field(None, description="What the author is told was broken; what most reported, if absent.")


class Dismissal(Schema):
    """Why nothing is done about it, or why what was done is taken back."""

    reason: Why


class NewAppeal(Schema):
    """What one has to say to what was done."""

    item: Id = Field(description="The thing of one's own about which something was done.")
    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]


def report_view(report: Report) -> ReportView:
    """The report as who made it sees it."""
    return ReportView(id=report.id, item=report.item, reason=report.reason, created_at=rfc3339(report.at))


def appeal_view(case: Case, appeal: Appeal) -> AppealView:
    """The appeal as its author sees it."""
    return AppealView(
        id=appeal.id,
        item=case.item,
        case=case.id,
        text=appeal.text,
        created_at=rfc3339(appeal.at),
        granted=appeal.granted,
    )


def case_view(case: Case) -> CaseView:
    """The case as a list shows it."""
    return CaseView(
        id=case.id,
        item=case.item,
        kind=case.kind,
        author=case.author,
        round=case.round,
        state=case.state,
        reports=case.reports,
        reasons=dict(case.reasons),
        hidden=case.hidden,
        created_at=rfc3339(case.opened_at),
        decision=_decision(case.decision),
        appeal=appeal_view(case, case.appeal) if case.appeal else None,
        review=_decision(case.review),
    )


def case_detail(case: Case, thing: Subject | None, said: list[Report]) -> CaseDetail:
    """The case as who decides on it reads it."""
    shown = thing and SubjectView(
        standing=thing.standing,
        text=thing.text,
        attachments=list(thing.attachments),
        where=thing.where,
        created_at=rfc3339(thing.at),
    )
    return CaseDetail(**case_view(case).model_dump(), thing=shown, said=[_said(each) for each in said])


def _said(report: Report) -> SaidView:
    return SaidView(id=report.id, by=report.user, reason=report.reason, text=report.text, created_at=rfc3339(report.at))


def _decision(decision: Decision | None) -> DecisionView | None:
    if decision is None:
        return None
    return DecisionView(
        action=decision.verdict,
        by=decision.actor,
        reason=decision.reason,
        rule=decision.rule,
        at=rfc3339(decision.at),
    )
