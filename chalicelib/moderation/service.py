"""Reports, the decisions of moderators, and appeals.

Each write is one transaction: the case, the standing of the thing, the account that is shut out, who is told, and the
audit log. So a thing is hidden if and only if its case says so, however many report it at once.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.standing import Subject
from chalicelib.kernel.time import Millis
from chalicelib.moderation import model, subjects
from chalicelib.moderation.model import Appeal, Case, Decision, Report
from chalicelib.moderation.store import cases
from chalicelib.moderation.terms import Action, Kind, Rule, Waiting
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key, Operation

if TYPE_CHECKING:
    from chalicelib.moderation import suspension
else:
    suspension = on_first_use("chalicelib.moderation.suspension")

_TRIES: Final = 100
"""A try that lost means that another report of the thing got on, or another change of it."""
_ROUNDS: Final = 20
"""Of the newest, an appeal looks for what it is against."""
_SYSTEM: Final = "system"


# --- reports -------------------------------------------------------------------------------------


def report(world: World, user: str, item: str, reason: Rule, text: str, kind: Kind | None = None) -> Report:
    """Report a thing that one sees, of that kind if one is given, once a person, for ever. The same report when
    repeated.

    Raises NotFound, Forbidden (one's own; not shown to them), Blocked, Invalid, AlreadyDone (with other words).
    """
    rows, cleaned, item = cases(world), model.written(text), subjects.named(item)
    if kind not in (None, model.kind_of(item)):
        raise NotFound

    def attempt() -> Report:
        if done := rows.report(user, item):
            if (done.reason, done.text) != (reason, cleaned):
                raise AlreadyDone("You have reported this before.")
            return done
        author = subjects.subject(world, item, user).author
        if author == user:
            raise Forbidden("This is your own.")
        newest = next(iter(rows.rounds(item, author, 1)), None)
        if newest and (newest.hidden or newest.state != "pending"):
            subjects.subject(world, item, user)  # again: it may have been put out of sight since it was read
        pending = newest if newest and newest.state == "pending" else None
        case = pending or _opened(item, author, newest, world.now())
        made = Report(derived_id("rpt", user, item), item, user, case.id, reason, cleaned, world.now())
        decided = model.reported(case, made)
        kept = [rows.replace(decided, case)] if pending else rows.add(decided)
        world.tables.write(rows.add_report(made), *kept, *_follows(world, decided, case, _SYSTEM, "reports"))
        log.info("reported", id=case.id, kind=case.kind, reason=reason, count=decided.reports)
        return made

    return undisturbed(world.sleep, attempt, tries=_TRIES)


def _opened(item: str, author: str, before: Case | None, now: Millis) -> Case:
    number = before.round + 1 if before else 1
    return Case(derived_id("cas", item, author, str(number)), item, author, number, now, rev=0)


def reports_by(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Report], Key | None]:
    """A page of what the person reported, for their file."""
    return cases(world).reports_by(user, limit, start)


def cases_against(world: World, author: str, limit: int) -> list[Case]:
    """The newest cases about what is that person's, for their file."""
    return cases(world).against(author, limit)


# --- moderators ----------------------------------------------------------------------------------


def case(world: World, case_id: str) -> Case:
    """The case. Raises NotFound."""
    if found := cases(world).find(case_id):
        return found
    raise NotFound("There is no such case.")


def waiting(
    world: World, which: Waiting, kind: Kind | None, limit: int, start: Key | None
) -> tuple[list[Case], Key | None]:
    """A page of the cases that wait for it, oldest first; of one kind, a page may hold fewer than ``limit``."""
    found, following = cases(world).queue(which, limit, start)
    return [each for each in found if kind in (None, each.kind)], following


def reports_of(world: World, found: Case) -> list[Report]:
    """What the first fifty reporters of the case said, in their order."""
    return cases(world).reports(found.reporters, found.item)


def thing_of(world: World, found: Case) -> Subject | None:
    """The thing as it is now; None where it is gone."""
    try:
        return replace(subjects.subject(world, found.item, None), author=found.author)
    except NotFound:
        return None


def resolve(world: World, case_id: str, action: Action, rule: Rule | None, *, actor: str, reason: str) -> Case:
    """Do something about what was reported, or uphold what was done against an appeal; audited. The same decision of
    the same person again is the case as it is. ``rule`` is what the author is told was broken.

    Raises NotFound, Forbidden (one's own), AlreadyDone, InvalidState (not what can be done about it, or it is gone),
    Unavailable (all is decided, and not all carried out yet).
    """
    return _decide(world, case_id, Decision(action, actor, reason, rule, world.now()))


def dismiss(world: World, case_id: str, *, actor: str, reason: str) -> Case:
    """Do nothing about what was reported, or take back what was done: what was hidden or removed by the case shows
    again, and who was suspended by it is let in; audited. Refusals are those of ``resolve``.
    """
    return _decide(world, case_id, Decision("dismiss", actor, reason, None, world.now()))


def _decide(world: World, case_id: str, decision: Decision) -> Case:
    rows = cases(world)

    def attempt() -> Case:
        was = case(world, case_id)
        done = was.review or was.decision
        if done and done.says(decision):
            return was
        decided = model.decided(was, decision)
        account = list[Operation]()
        if decision.verdict == "suspend":
            account += accounts.suspension(
                world, accounts.person(world, was.author), actor=decision.actor, reason=decision.reason
            )
            decided = replace(decided, suspended=bool(account), owing=True)
        elif decided.review and decided.state == "dismissed" and was.suspended:
            account += accounts.reinstatement(
                world, accounts.person(world, was.author), actor=decision.actor, reason=decision.reason
            )
        world.tables.write(
            rows.replace(decided, was), *account, *_follows(world, decided, was, decision.actor, decision.reason)
        )
        log.info("case_decided", id=was.id, kind=was.kind, action=decision.verdict)
        return decided

    return suspension.carried_out(world, undisturbed(world.sleep, attempt, tries=_TRIES))


# --- the author ----------------------------------------------------------------------------------


def appeal(world: World, user: str, item: str, text: str) -> tuple[Case, Appeal]:
    """Appeal against what was done about a thing of one's own, once a case, within 30 days; also while one is
    suspended. The same appeal when repeated.

    Raises NotFound (nothing was done about such a thing of theirs), Invalid, InvalidState, AlreadyDone.
    """
    rows, cleaned, item = cases(world), model.written(text, least=1), subjects.named(item)

    def attempt() -> tuple[Case, Appeal]:
        was = next((each for each in rows.rounds(item, user, _ROUNDS) if each.touches), None)
        if was is None:
            raise NotFound("Nothing was done about such a thing of yours.")
        if was.appeal and was.appeal.text == cleaned:
            return was, was.appeal
        made = Appeal(derived_id("apl", was.id), cleaned, world.now())
        decided = model.appealed(was, made)
        world.tables.write(rows.replace(decided, was))
        log.info("appealed", id=was.id, kind=was.kind)
        return decided, made

    return undisturbed(world.sleep, attempt, tries=_TRIES)


# --- what follows --------------------------------------------------------------------------------


def _follows(world: World, decided: Case, was: Case, actor: str, reason: str) -> list[Operation]:
    """What goes with a change of a case: the standing of the thing, the audit log, and who is told."""
    standing, done, now = model.stands(decided, was), decided.review or decided.decision, world.now()
    words, operations = model.told(decided, was), list[Operation]()
    if standing:
        try:
            # Where somebody else moved it since, the case has nothing to take back.
            mine = standing != "shown" or not subjects.stand(world, decided.item, model.left_at(was))
            moved = subjects.stand(world, decided.item, standing) if mine else []
        except NotFound:
            if done is None:
                raise
            if done.verdict in ("hide", "remove"):
                raise InvalidState("It is gone: warn, suspend or dismiss.") from None
            mine, moved = False, []
        operations += moved
        words = [each for each in words if mine or each.kind != "content_restored"]
    if done or standing:
        operations.append(
            audit.entry(
                world.settings.tables.audit,
                subject=decided.item,
                action=f"case_{done.verdict}" if done else "case_hidden",
                actor=actor,
                reason=reason,
                at=now,
                detail={"case": decided.id, "author": decided.author, "reports": decided.reports},
            )
        )
    return operations + [
        outbox.notice(
            world.settings.tables.notices, to=each.to, kind=each.kind, fact=each.fact, at=now, facts=each.facts
        )
        for each in words
    ]
