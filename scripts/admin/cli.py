"""Arguments in, tables or JSON out.

Exit codes: 0 done (or shown, or nothing left to do), 1 refused or not as it should be, 2 wrong usage.
"""

import contextlib
import json
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import Invalid, Problem
from chalicelib.runtime.tables import ConditionFailed, Contended
from scripts.admin import (
    books,
    coins,
    deadletters,
    files,
    gifts,
    mail,
    messages,
    moderation,
    money,
    orders,
    products,
    promos,
    shipping,
    stages,
    streams,
    verbs,
    words,
)
from scripts.admin.verbs import Answer, Facts, Plan, Verb

DONE: Final = 0
REFUSED: Final = 1

VERBS: Final = (
    *verbs.VERBS,
    *money.VERBS,
    *books.VERBS,
    *promos.VERBS,
    *coins.VERBS,
    *streams.VERBS,
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
_SHOWN: Final = "\n\u200c\u200d"
"""What is not printable, and harmless: ends of lines, and the joiners that words and families are spelled with."""

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
    _show(found, asked)
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


def _show(found: Answer | Plan, asked: Namespace) -> None:
    if asked.json:
        rows = found.rows if isinstance(found, Answer) else []
        will = list(found.will) if isinstance(found, Plan) else []
        done = isinstance(found, Answer) or not found.will
        _say(json.dumps({"done": done, "would": will, "rows": rows}, ensure_ascii=False, indent=2))
        return
    if isinstance(found, Answer):
        _show_rows(found.rows)
    elif found.will:
        _say("\n".join(f"Would {each}." for each in found.will))
        print("Nothing was done. Repeat it with --yes.")
    else:
        _say(found.otherwise)


def _show_rows(rows: list[Facts]) -> None:
    """One thing as a list of its facts, several as a table."""
    if not rows:
        print("Nothing found.")
    elif len(rows) == 1:
        _show_facts(rows[0])
    else:
        Console().print(_table(rows))


def _show_facts(facts: Facts) -> None:
    """What has several things in it follows as a table of its own."""
    several = {name: value for name, value in facts.items() if value and _are_facts(value)}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if name not in several:
            table.add_row(name, _text(value))
    Console().print(table)
    for name, rows in several.items():
        print(f"\n{name}")
        Console().print(_table(rows))


def _are_facts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _table(rows: list[Facts]) -> Table:
    table = Table(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _text(value: object) -> Text:
    """Never as markup: a name may hold brackets."""
    if value is None or value == []:
        return Text("-")
    return Text(_inert(json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)))


def _inert(text: str) -> str:
    """With what a terminal obeys, or shows nothing of, written out as JSON does: somebody may have sent it."""
    return "".join(each if each.isprintable() or each in _SHOWN else json.dumps(each)[1:-1] for each in text)


def _say(text: str) -> None:
    print(_inert(text))


def _refused(why: str, errors: tuple[dict[str, str], ...] = ()) -> int:
    print(_inert(f"refused: {why}"), file=sys.stderr)
    for each in errors:
        print(_inert(f"  {each['field']}: {each['message']}"), file=sys.stderr)
    return REFUSED
