"""The verbs of moderation. What somebody wrote here is not to be copied elsewhere."""

from argparse import ArgumentParser, Namespace
from typing import Final, cast, get_args

from chalicelib.gateways import World
from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.moderation import service as moderation
from chalicelib.moderation.model import Case, Decision, decided
from chalicelib.moderation.terms import Action, Kind, Rule, Verdict, Waiting
from chalicelib.runtime.tables import Key
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id

_PAGE: Final = 100
_MOST: Final = 1_000
_WILL: Final[dict[Verdict, str]] = {
    "hide": "hide {item} from everybody but its author",
    "remove": "remove {item} from the sight of everybody but its author",
    "warn": "warn the author of {item}, and let it be",
    "suspend": "suspend {author}, end what they have open and call off what they have booked, and remove {item}",
    "uphold": "uphold what was done about {item}, against the appeal",
    "dismiss": "do nothing about {item}",
}


def list_cases(world: World, asked: Namespace) -> Answer:
    """Up to 1,000, oldest first."""
    found: list[Case] = []
    start: Key | None = None
    for _ in range(_MOST // _PAGE):
        page, start = moderation.waiting(world, asked.state, asked.kind, _PAGE, start)
        found += page
        if start is None:
            break
    return Answer([_facts(each) for each in found])


def show_case(world: World, asked: Namespace) -> Answer:
    """With the thing as it is now, and the first fifty reports."""
    case = moderation.case(world, asked.case)
    thing = moderation.thing_of(world, case)
    facts = _facts(case) | {
        "thing": {"standing": thing.standing, "text": thing.text, "where": thing.where} if thing else None,
        "attachments": list(thing.attachments) if thing else [],
        "decision": _decision(case.decision),
        "appeal": {"text": case.appeal.text, "at": rfc3339(case.appeal.at)} if case.appeal else None,
        "review": _decision(case.review),
        "said": [
            {"by": each.user, "at": rfc3339(each.at), "reason": each.reason, "text": each.text}
            for each in moderation.reports_of(world, case)
        ],
    }
    return Answer([facts])


def resolve_case(world: World, asked: Namespace) -> Plan:
    """Refused where it was decided before."""
    case = moderation.case(world, asked.case)
    action, rule = cast("Action", asked.action), cast("Rule | None", asked.rule)

    def act(operator: str, reason: str) -> Answer:
        return _done(moderation.resolve(world, case.id, action, rule, actor=operator, reason=reason))

    return _plan(case, action, world.now(), Plan((), act))


def dismiss_case(world: World, asked: Namespace) -> Plan:
    """Refused where it was decided before."""
    case = moderation.case(world, asked.case)

    def act(operator: str, reason: str) -> Answer:
        return _done(moderation.dismiss(world, case.id, actor=operator, reason=reason))

    return _plan(case, "dismiss", world.now(), Plan((), act))


def _plan(case: Case, verdict: Verdict, now: Millis, plan: Plan) -> Plan:
    """Refused before it is confirmed, where it would be afterwards."""
    decided(case, Decision(verdict, "", "", None, now))
    taken_back = case.state == "appealed" and verdict == "dismiss"
    will = "grant the appeal, and take back what was done about {item}" if taken_back else _WILL[verdict]
    shown = (f"show {case.item} again",) if case.state == "pending" and case.hidden and verdict in _SHOWING else ()
    return Plan((will.format(item=case.item, author=case.author), *shown), plan.act)


_SHOWING: Final = ("warn", "dismiss")


def _facts(case: Case) -> Facts:
    return {
        "id": case.id,
        "state": case.state,
        "item": case.item,
        "author": case.author,
        "since": rfc3339(case.waiting_since),
        "reports": case.reports,
        "reasons": dict(case.reasons),
        "hidden": case.hidden,
        "round": case.round,
    }


def _done(case: Case) -> Answer:
    """Beside what reports did (`hidden`), what was decided."""
    return Answer([_facts(case) | {"decision": _decision(case.decision), "review": _decision(case.review)}])


def _decision(decision: Decision | None) -> Facts | None:
    if decision is None:
        return None
    return {
        "action": decision.verdict,
        "rule": decision.rule,
        "by": decision.actor,
        "at": rfc3339(decision.at),
        "reason": decision.reason,
    }


def _takes_which(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=get_args(Waiting), default="pending", help="what they wait for (pending)")
    parser.add_argument("--kind", choices=get_args(Kind), help="of what things")


def _takes_case(parser: ArgumentParser) -> None:
    parser.add_argument("case", type=an_id, metavar="CASE", help="the case's id, cas_…; `moderation list` tells it")


def _takes_resolution(parser: ArgumentParser) -> None:
    _takes_case(parser)
    parser.add_argument("--action", choices=get_args(Action), required=True, help="`uphold` answers an appeal")
    rules = sorted({each for part in get_args(Rule) for each in (get_args(part) or (part,))})
    parser.add_argument("--rule", choices=rules, help="what the author is told was broken (what most reported)")


VERBS: Final = (
    Verb(
        "moderation",
        "list",
        "List the cases that wait for a decision, oldest first.",
        ("moderation list --stage prod", "moderation list --state appealed --kind post --local --json"),
        _takes_which,
        list_cases,
    ),
    Verb(
        "moderation",
        "show",
        "Show a case, with the thing as it is now and what was said of it.",
        ("moderation show cas_… --stage prod",),
        _takes_case,
        show_case,
    ),
    Verb(
        "moderation",
        "resolve",
        "Do something about what was reported, or uphold what was done against an appeal.",
        (
            f"moderation resolve cas_… --action remove --rule spam --stage prod {WHY}",
            f"moderation resolve cas_… --action uphold --stage prod {WHY}",
        ),
        _takes_resolution,
        resolve_case,
        changes=True,
    ),
    Verb(
        "moderation",
        "dismiss",
        "Do nothing about what was reported, or grant an appeal and take back what was done.",
        (f"moderation dismiss cas_… --stage prod {WHY}",),
        _takes_case,
        dismiss_case,
        changes=True,
    ),
)
