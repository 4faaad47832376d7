"""Reports, moderation and appeals over HTTP.

A person has one report of a thing and one appeal of a case, so the same request again is the same answer, without an
Idempotency-Key.
"""

from typing import Final

from chalice.app import Blueprint

from chalicelib.gateways import world
from chalicelib.kernel.errors import AlreadyDone, Blocked, Forbidden, InvalidState, NotFound
from chalicelib.moderation import service, store
from chalicelib.moderation.model import Case
from chalicelib.moderation.schemas import (
    AppealView,
    CaseDetail,
    CasesQuery,
    CaseView,
    Complaint,
    Dismissal,
    NewAppeal,
    NewReport,
    ReportView,
    Resolution,
    SessionComplaint,
    appeal_view,
    case_detail,
    case_view,
    report_view,
)
from chalicelib.runtime import cursors
from chalicelib.runtime.endpoint import Request, endpoint
from chalicelib.runtime.schemas import PageOf

blueprint = Blueprint(__name__)

_CASE: Final = "/v1/moderation/{case_id}"
_REFUSALS: Final = (AlreadyDone, Blocked, Forbidden, NotFound)
_UNDECIDABLE: Final = (AlreadyDone, InvalidState, NotFound)


@endpoint(blueprint, "POST", "/v1/reports", body=NewReport, returns=ReportView, status=201, errors=_REFUSALS)
def report_thing(request: Request[NewReport, None]) -> ReportView:
    """Tell the moderators of a thing that one sees, once a person.

    A thread, a post, a message or a review is hidden once three people have, until somebody decides.
    """
    body = request.body
    return report_view(service.report(world(), request.caller.id, body.item, body.reason, body.text))


@endpoint(
    blueprint,
    "POST",
    "/v1/messages/{message_id}/report",
    body=Complaint,
    returns=ReportView,
    status=201,
    errors=_REFUSALS,
)
def report_message(request: Request[Complaint, None]) -> ReportView:
    """Tell the moderators of a message that one was sent, once."""
    item, body = request.path["message_id"], request.body
    return report_view(service.report(world(), request.caller.id, item, body.reason, body.text, "message"))


@endpoint(
    blueprint,
    "POST",
    "/v1/sessions/{session_id}/report",
    body=SessionComplaint,
    returns=ReportView,
    status=201,
    errors=_REFUSALS,
)
def report_session(request: Request[SessionComplaint, None]) -> ReportView:
    """Tell the moderators of a reading one is in or was in, once a person."""
    item, body = request.path["session_id"], request.body
    return report_view(service.report(world(), request.caller.id, item, body.reason, body.text, "session"))


@endpoint(blueprint, "GET", "/v1/moderation", query=CasesQuery, returns=PageOf[CaseView], role="admin")
def list_cases(request: Request[None, CasesQuery]) -> PageOf[CaseView]:
    """The cases that wait for a decision, oldest first.

    `pending` are those that nobody has decided, `appealed` those whose authors appealed against what was done. A page
    may hold fewer than `limit`, or none: only `next_cursor` null ends the list.
    """
    query = request.query
    scope = f"moderation:{query.state}"
    shape: cursors.Shape = {
        "queue": query.state,
        "reported_at": int,
        "pk": store.PARTITION,
        "sk": store.ROUND,
    }
    start = cursors.decode(query.cursor, scope, shape) if query.cursor else None
    page, following = service.waiting(world(), query.state, query.kind, query.limit, start)
    return PageOf[CaseView](
        items=[case_view(each) for each in page],
        next_cursor=cursors.encode(following, scope) if following else None,
    )


@endpoint(blueprint, "GET", _CASE, returns=CaseDetail, role="admin", errors=(NotFound,))
def get_case(request: Request[None, None]) -> CaseDetail:
    """A case, with the thing as it is now and what was said of it."""
    return _detail(service.case(world(), request.path["case_id"]))


@endpoint(
    blueprint,
    "POST",
    f"{_CASE}/resolve",
    body=Resolution,
    returns=CaseDetail,
    role="admin",
    errors=_UNDECIDABLE,
)
def resolve_case(request: Request[Resolution, None]) -> CaseDetail:
    """Do something about it, or uphold what was done against an appeal. One's own things somebody else decides on.

    `hide` and `remove` take it out of everybody's sight but its author's. `warn` lets it be. `suspend` removes it and
    shuts its author out: their reading pauses, their stream ends, and what is booked is called off.
    """
    body, actor = request.body, request.caller.id
    case_id = request.path["case_id"]
    return _detail(service.resolve(world(), case_id, body.action, body.rule, actor=actor, reason=body.reason))


@endpoint(
    blueprint,
    "POST",
    f"{_CASE}/dismiss",
    body=Dismissal,
    returns=CaseDetail,
    role="admin",
    errors=_UNDECIDABLE,
)
def dismiss_case(request: Request[Dismissal, None]) -> CaseDetail:
    """Do nothing about it, and show again what reports hid; or grant an appeal, and take back what was done."""
    actor, reason = request.caller.id, request.body.reason
    return _detail(service.dismiss(world(), request.path["case_id"], actor=actor, reason=reason))


@endpoint(
    blueprint,
    "POST",
    "/v1/appeals",
    body=NewAppeal,
    returns=AppealView,
    status=201,
    allow_suspended=True,
    errors=_UNDECIDABLE,
)
def appeal(request: Request[NewAppeal, None]) -> AppealView:
    """Appeal against what was done about a thing of one's own, once, within 30 days. Also for who is suspended."""
    body = request.body
    return appeal_view(*service.appeal(world(), request.caller.id, body.item, body.text))


def _detail(case: Case) -> CaseDetail:
    return case_detail(case, service.thing_of(world(), case), service.reports_of(world(), case))
