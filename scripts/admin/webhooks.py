"""The verbs of what vendors tell us: what we never took of it, and taking it after all."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid
from chalicelib.kernel.time import DAY, HOUR, Millis, rfc3339
from chalicelib.operations import replays
from chalicelib.operations.replays import KEPT, Missed
from chalicelib.payouts import paying
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb
from scripts.admin.progress import bar

_AGO: Final = re.compile(r"([1-9][0-9]{0,2})([hd])")
_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9_]{1,100}")
_EVENT: Final = re.compile(r"evt_[A-Za-z0-9_]{1,250}")


def list_missed(world: World, asked: Namespace) -> Answer:
    """Oldest first, 500 at most. One that is under way may yet come by itself."""
    return Answer([_facts(each) for each in _missed(world, asked)])


def replay_missed(world: World, asked: Namespace) -> Plan:
    """Each is read at Stripe, and applied as its webhook would. One that comes later by itself adds nothing; one that
    cannot be applied is told at the end, after all others.
    """
    if asked.account and not asked.event:
        raise Invalid(errors=({"field": "account", "message": "goes with events: name them by their ids"},))
    if asked.event and asked.vendor != "stripe":
        other = "one of a reader's is named with its --account; of Apple's, none can be read by itself"
        raise Invalid(errors=({"field": "vendor", "message": f"goes with --missing: {other}"},))
    found = replays.missing(world, asked.event, asked.account) if asked.event else _missed(world, asked)

    def act(operator: str, reason: str) -> Answer:
        with bar(asked, "replaying", len(found)) as advance:
            outcome = replays.replay(world, found, actor=operator, reason=reason, done=advance)
        failed = [_facts(each) | {"why_not": why} for each, why in outcome.failed]
        return Answer([*map(_facts, outcome.applied), *failed], holds=not failed)

    will = tuple(f"apply {each.id}, {each.kind} of {each.thing}, of {rfc3339(each.at)}" for each in found)
    return Plan(will, act, "Nothing to do: all of it was applied.")


def _missed(world: World, asked: Namespace) -> list[Missed]:
    since, undelivered = world.now() - asked.since, asked.undelivered
    match asked.vendor:
        case "apple":
            return replays.missed_of_apple(world, since, undelivered=undelivered)
        case "connect":
            readers = list(paying.everybody(world))
            with bar(asked, "asking of each reader", len(readers)) as advance:
                return replays.missed_of_readers(world, readers, since, undelivered=undelivered, done=advance)
    return replays.missed(world, since, undelivered=undelivered)


def _facts(each: Missed) -> Facts:
    account = {"account": each.account} if each.account else {}
    return account | {
        "event": each.id,
        "type": each.kind,
        "of": each.thing,
        "at": rfc3339(each.at),
        "under_way": each.under_way,
    }


def _ago(written: str) -> Millis:
    match = _AGO.fullmatch(written)
    span = int(match[1]) * (HOUR if match[2] == "h" else DAY) if match else 0
    if not 0 < span <= KEPT:
        raise ArgumentTypeError("write how far back, such as 24h or 7d: 30d at most, for so long Stripe keeps events")
    return span


def _event(written: str) -> str:
    if not _EVENT.fullmatch(written):
        raise ArgumentTypeError("write the id of an event of Stripe's, evt_…; `webhooks list` tells it")
    return written


def _account(written: str) -> str:
    if not _ACCOUNT.fullmatch(written):
        raise ArgumentTypeError(
            "write the id of an account at Stripe, acct_…; `webhooks list --vendor connect` tells it"
        )
    return written


def _takes_since(parser: ArgumentParser) -> None:
    parser.add_argument("--since", type=_ago, default=DAY, metavar="AGO", help="how far back: 24h, 7d (24h)")
    who = "who told it: stripe, of our account or of the readers' (connect), or apple (stripe)"
    parser.add_argument("--vendor", choices=("stripe", "connect", "apple"), default="stripe", help=who)
    parser.add_argument("--undelivered", action="store_true", help="only what they could not deliver: quicker")


def _takes_which(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("event", nargs="*", type=_event, default=[], metavar="EVENT", help="evt_…")
    which.add_argument("--missing", action="store_true", help="whatever `webhooks list` finds")
    parser.add_argument(
        "--account", type=_account, metavar="ACCT", help="the reader's account that EVENT is of: acct_…"
    )
    _takes_since(parser)


VERBS: Final = (
    Verb(
        "webhooks",
        "list",
        "List what Stripe or Apple told, and was never applied here.",
        ("webhooks list --since 24h --stage prod", "webhooks list --vendor apple --since 7d --stage prod --json"),
        _takes_since,
        list_missed,
    ),
    Verb(
        "webhooks",
        "replay",
        "Apply what was missed, as Stripe or Apple has it. What was applied is not applied again.",
        (
            f"webhooks replay evt_1P2x3Y --stage prod {WHY}",
            f"webhooks replay --missing --since 7d --stage prod {WHY}",
            f"webhooks replay --missing --vendor connect --stage prod {WHY}",
        ),
        _takes_which,
        replay_missed,
        changes=True,
    ),
)
