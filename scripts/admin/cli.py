"""Arguments in, an exit code out.

Exit codes: 0 done (or shown, or nothing left to do), 1 refused or not as it should be, 2 wrong usage.
"""

import contextlib
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import Invalid, Problem
from chalicelib.runtime.tables import ConditionFailed, Contended
from scripts.admin import (
    coins,
    deadletters,
    files,
    gifts,
    guarantees,
    ledger,
    mail,
    messages,
    moderation,
    orders,
    payouts,
    people,
    products,
    promos,
    readers,
    refunds,
    reviews,
    sessions,
    shipping,
    stages,
    streams,
    wallet,
    words,
)
from scripts.admin.asking import Answer, Plan, Verb
from scripts.admin.showing import complain, show

DONE: Final = 0
REFUSED: Final = 1

VERBS: Final = (
    *readers.VERBS,
    *people.VERBS,
    *sessions.VERBS,
    *streams.VERBS,
    *guarantees.VERBS,
    *reviews.VERBS,
    *ledger.VERBS,
    *promos.VERBS,
    *payouts.VERBS,
    *wallet.VERBS,
    *coins.VERBS,
    *refunds.VERBS,
    *gifts.VERBS,
    *products.VERBS,
    *orders.VERBS,
    *shipping.VERBS,
    *messages.VERBS,
    *moderation.VERBS,
    *words.VERBS,
    *mail.VERBS,
    *deadletters.VERBS,
    *files.VERBS,
)

_SHORTEST_REASON: Final = 3
_LONGEST_REASON: Final = 500

_NOUNS: Final = {
    "readers": "invite and verify readers",
    "people": "look people up, change what they may do",
    "sessions": "look at a reading, stop it",
    "streams": "look at streams, end one",
    "guarantees": "decide on satisfaction requests",
    "reviews": "remove a review for cause",
    "ledger": "prove the books",
    "promo": "make and stop promotional codes, give promotional credit",
    "payouts": "pay readers out, stop and resume that",
    "wallet": "look into a wallet, freeze it",
    "coins": "look at coins and their packs, change them",
    "refunds": "give unused credit back",
    "products": "what the shop sells",
    "gifts": "what there is to give to a stream",
    "orders": "look at orders, send and give back what was bought",
    "shipping": "what sending things costs",
    "messages": "look at a message, give back what a reply cost",
    "moderation": "decide on what was reported, and on appeals",
    "words": "what nobody may write in the community",
    "mail": "which addresses get no letters",
    "deadletters": "what could not be done, and doing it again",
}


def run(
    arguments: list[str],
    connect: Callable[[str | None], World] = stages.connect,
    operator: Callable[[], str] = stages.operator,
) -> int:
    """Do what the arguments ask; the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    reading = parser()
    asked = reading.parse_args(arguments)
    if bool(asked.stage) == asked.local:
        reading.error("say where: --stage dev|staging|prod, or --local")
    verb: Verb = asked.verb
    try:
        # What the services log is for the operator's eyes, and no part of the answer.
        with contextlib.redirect_stdout(sys.stderr):
            found = verb.do(connect(None if asked.local else asked.stage), asked)
            if isinstance(found, Plan):
                found = _carried_out(found, asked, operator)
    except Problem as refused:
        return _refused(f"{refused.detail} ({refused.code})", refused.errors if isinstance(refused, Invalid) else ())
    except Refused as refused:
        return _refused(
            f"Stripe says {refused.code or 'no'}. What was done before that stays; what was asked of it was not."
        )
    except ConditionFailed:
        return _refused(
            "Somebody else was at the same thing in that moment. Look how it stands, then repeat the command."
        )
    except Contended:
        return _refused("Storage was too busy to say whether it wrote. Repeat the command: it finds out.")
    except (stages.NoStackError, BotoCoreError, ClientError) as failed:
        return _refused(str(failed))
    show(found, asked)
    return DONE if isinstance(found, Plan) or found.holds else REFUSED


def _carried_out(plan: Plan, asked: Namespace, operator: Callable[[], str]) -> Answer | Plan:
    """The answer of a plan that was carried out, or the plan of one that is only to be shown."""
    if not asked.yes or not plan.will:
        return plan
    return plan.act(operator(), asked.reason)


def parser() -> ArgumentParser:
    """What reads the arguments."""
    where = _where(None, local=False)
    made = ArgumentParser(
        prog="scripts/soulseer",
        description="Look at and run a stage of SoulSeer, or the local stack.",
        epilog="exit codes: 0 done, 1 refused, 2 wrong usage",
        parents=[where],
    )
    nouns = made.add_subparsers(metavar="NOUN", required=True)
    for noun, about in _NOUNS.items():
        names = nouns.add_parser(noun, help=about, description=about).add_subparsers(metavar="VERB", required=True)
        for verb in VERBS:
            if verb.noun == noun:
                _add(names, verb)
    return made


def _where(stage: str | None, *, local: bool | str) -> ArgumentParser:
    """Options that may stand before or after the verb; after it, an absent one leaves the one before."""
    options = ArgumentParser(add_help=False)
    options.add_argument("--stage", choices=stages.STAGES, default=stage, help="a deployed stage, by your credentials")
    options.add_argument("--local", action="store_true", default=local, help="the local stack of `make serve`")
    options.add_argument("--json", action="store_true", default=local, help="answer in JSON")
    return options


def _add(names: Any, verb: Verb) -> None:
    examples = "\n".join(f"  scripts/soulseer {each}" for each in verb.examples)
    reading: ArgumentParser = names.add_parser(
        verb.name,
        help=verb.help,
        description=verb.help,
        epilog=f"examples:\n{examples}",
        formatter_class=RawDescriptionHelpFormatter,
        parents=[_where(SUPPRESS, local=SUPPRESS)],
    )
    verb.arguments(reading)
    if verb.changes:
        reading.add_argument("--reason", required=True, type=_reason, help="why; kept in the audit log for ever")
        reading.add_argument("--yes", action="store_true", help="do it; without this, only say what would be done")
    reading.set_defaults(verb=verb)


def _reason(written: str) -> str:
    reason = written.strip()
    if not reason.isprintable():
        raise ArgumentTypeError("write plain text on one line")
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON:
        raise ArgumentTypeError(f"write {_SHORTEST_REASON} to {_LONGEST_REASON} characters")
    return reason


def _refused(why: str, errors: tuple[dict[str, str], ...] = ()) -> int:
    complain(why, errors)
    return REFUSED
