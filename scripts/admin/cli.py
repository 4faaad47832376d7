"""Arguments in, an exit code out.

0 done, or shown, or nothing left to do · 1 refused, or not as it should be · 2 wrong usage · 130 stopped by Ctrl-C.
Whoever stops reading (``| head``) changes none of them.
"""

import contextlib
import os
import sys
from argparse import (
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    Namespace,
    RawDescriptionHelpFormatter,
)
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from textwrap import fill
from typing import Any, Final, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import World
from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import Invalid, Problem
from chalicelib.runtime.tables import ConditionFailed, Contended
from scripts.admin import completion, progress, stages
from scripts.admin.asking import WHY, Answer, Plan, Verb, a_reason
from scripts.admin.showing import complain, inert, show

DONE: Final = 0
REFUSED: Final = 1
WRONG: Final = 2
STOPPED: Final = 130

_REPEAT: Final = "what was done before stays done. Repeat the command: it finds out, and does the rest."

_GROUPS: Final = {
    "people": {
        "readers": "invite and verify readers",
        "people": "look people up, change what they may do",
        "moderation": "decide on what was reported, and on appeals",
        "words": "what nobody may write in the community",
        "messages": "look at a message, give back what a reply cost",
        "mail": "which addresses get no letters",
    },
    "readings and streams": {
        "sessions": "look at readings, stop one, settle one by hand",
        "guarantees": "decide on satisfaction requests",
        "reviews": "remove a review for cause",
        "streams": "look at streams, end one",
        "gifts": "what there is to give to a stream",
    },
    "money": {
        "wallet": "look into a wallet, freeze it, correct what is in it",
        "adjustments": "what was given or taken by hand, and a second person's word",
        "refunds": "give unused credit back",
        "promo": "make and stop promotional codes, give promotional credit",
        "coins": "look at coins and their packs, change them",
        "payouts": "pay readers out, stop and resume that",
        "ledger": "prove the books",
    },
    "shop": {
        "products": "what the shop sells",
        "orders": "look at orders, send and give back what was bought",
        "shipping": "what sending things costs",
    },
    "running it": {
        "report": "draw what clients, readers and the platform did",
        "webhooks": "what vendors told, and we never took; taking it after all",
        "secrets": "keys of vendors and of our own: which are set, setting one",
        "deadletters": "what could not be done, and doing it again",
        "rollups": "prove the sums that dashboards show, make them anew",
        "backup": "copy all of a stage, bring it back",
        "stage": "have a stage stand still, and go on",
        "audit": "what was done to whom, by whom and why",
        "seed": "something to look at, on the local stack and on dev",
        "completion": "have the Tab key complete all this",
    },
}
_MODULES: Final = {
    "wallet": ("wallet", "adjustments"),
    "promo": ("promos",),
    "products": ("products", "files"),
    "backup": ("backups",),
    "stage": ("backups",),
    "audit": ("auditing",),
    "completion": (),
}
"""Where a noun's verbs are, if not in the module of its name."""
_EXAMPLES: Final = (
    "people find --email luna@example.com --stage prod",
    f"readers verify usr_… --stage prod {WHY}",
    "sessions show ses_… --local --json",
    "ledger trial-balance --stage prod",
    "deadletters list --stage prod",
)
_WHAT: Final = """\
usage: scripts/soulseer NOUN VERB … --stage dev|staging|prod | --local  [--json]

Look at and run a stage of SoulSeer by your AWS credentials, or the local
stack of `make serve`. A change takes --reason, says what it will do, and does
it with --yes."""
_FURTHER: Final = """\
`scripts/soulseer NOUN --help` lists the verbs of a noun, and
`scripts/soulseer NOUN VERB --help` says what one takes.

exit codes:
  0    done, or shown, or nothing left to do
  1    refused, or not as it should be
  2    wrong usage
  130  stopped by Ctrl-C
"""
_WIDTH: Final = 78
"""Of what is said of a verb: argparse breaks no line where examples follow."""
_MOST_EXAMPLES: Final = 5
"""Of a noun's verbs together."""


def run(
    arguments: list[str],
    connect: Callable[[str | None], World] = stages.connect,
    operator: Callable[[], str] = stages.operator,
) -> int:
    """Do what the arguments ask; the exit code. Wrong usage raises SystemExit(2), as argparse does."""
    reading = parser()
    asked = reading.parse_args(arguments)
    if "verb" not in asked:
        return _without_verb(asked, reading)
    if bool(asked.stage) == asked.local:
        reading.error("say where: --stage dev|staging|prod, or --local")
    try:
        found = _found(asked, connect, operator)
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
    except (stages.NoStackError, BotoCoreError, ClientError, OSError) as failed:
        return _refused(stages.advice(failed))
    except KeyboardInterrupt:
        return _stopped(asked)
    _printed(lambda: show(found, asked))
    return DONE if isinstance(found, Plan) or found.holds else REFUSED


def _without_verb(asked: Namespace, reading: "_Front") -> int:
    """The script for a shell; or who asked for nothing is shown what there is."""
    if "shell" not in asked:
        asked.page.print_help(sys.stderr)
        return WRONG
    for noun in reading.nouns.values():
        noun.read()
    _printed(lambda: print(completion.script(reading, asked.shell)))
    return DONE


def _found(asked: Namespace, connect: Callable[[str | None], World], operator: Callable[[], str]) -> Answer | Plan:
    """What is to be shown: nothing of it is printed before all of it is known."""
    verb: Verb = asked.verb
    asked.operator = operator
    # What the services log and measure is no part of the answer.
    with contextlib.redirect_stdout(progress.beside()):
        found = verb.do(connect(None if asked.local else asked.stage), asked)
        if isinstance(found, Plan) and asked.yes and found.will:
            return found.act(operator(), asked.reason)
        return found


def _printed(show_it: Callable[[], None]) -> None:
    try:
        show_it()
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # the second is how Rich tells the first
        # Python would flush once more on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stopped(asked: Namespace) -> int:
    """What a plan was at when it was stopped is known by asking again: every change may be repeated."""
    under_way = asked.verb.changes and asked.yes
    print("stopped: " + (_REPEAT if under_way else "nothing was changed."), file=sys.stderr)
    return STOPPED


def verbs_of(noun: str) -> list[Verb]:
    """Reads the modules of this noun and no other: reading all of them takes most of a second."""
    modules = [import_module(f"scripts.admin.{each}") for each in _MODULES.get(noun, (noun,))]
    return [verb for module in modules for verb in module.VERBS if verb.noun == noun]


def every_verb() -> list[Verb]:
    return [verb for group in _GROUPS.values() for noun in group for verb in verbs_of(noun)]


@cache
def parser() -> "_Front":
    """What reads the arguments: made once, and of a noun only when it is asked for."""
    made = _Front(prog="scripts/soulseer", parents=[_where(None, local=False)])
    made.set_defaults(page=made)
    nouns = made.add_subparsers(metavar="NOUN", parser_class=_Noun)
    for noun, about in (each for group in _GROUPS.values() for each in group.items()):
        made.nouns[noun] = nouns.add_parser(
            noun,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            formatter_class=RawDescriptionHelpFormatter,
        )
        made.nouns[noun].noun = noun
    return made


class _Helpful(ArgumentParser):
    """Says what was perhaps meant, and does not list thirty words."""

    def _check_value(self, action: Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices and action.metavar is not None:
            near = get_close_matches(str(value), map(str, action.choices), 1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ArgumentError(action, f"there is no {value!r}: {meant}`{self.prog} --help` lists what there is")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        super().error(inert(message))  # it may repeat what was given


class _Noun(_Helpful):
    """A noun, whose verbs are read when it is what was asked for."""

    noun = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.read()
        return super().parse_known_args(args, namespace)

    def read(self) -> None:
        """Once."""
        noun, self.noun = self.noun, ""
        if noun == "completion":
            completion.takes_shell(self)
        elif noun:
            verbs = verbs_of(noun)
            self.set_defaults(page=self)
            self.epilog = _examples([verb.examples[0] for verb in verbs][:_MOST_EXAMPLES])
            names = self.add_subparsers(metavar="VERB", parser_class=_Helpful)
            for verb in verbs:
                _add(names, verb)


class _Front(_Helpful):
    """The first page of the help: what there is, by what it is about."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.nouns: dict[str, _Noun] = {}

    def format_help(self) -> str:
        groups = [
            "\n".join([f"{name}:", *(f"  {noun:<13} {about}" for noun, about in group.items())])
            for name, group in _GROUPS.items()
        ]
        return "\n\n".join(
            (
                _WHAT,
                *groups,
                _examples(_EXAMPLES),
                _FURTHER,
            )
        )


def _examples(lines: Sequence[str]) -> str:
    return "\n".join(["examples:", *(f"  scripts/soulseer {each}" for each in lines)])


def _where(stage: str | None, *, local: bool | str) -> ArgumentParser:
    """Options that may stand before or after the verb; after it, an absent one leaves the one before."""
    options = ArgumentParser(add_help=False)
    options.add_argument("--stage", choices=stages.STAGES, default=stage, help="a deployed stage, by your credentials")
    options.add_argument("--local", action="store_true", default=local, help="the local stack of `make serve`")
    options.add_argument("--json", action="store_true", default=local, help="answer in JSON")
    return options


def _add(names: Any, verb: Verb) -> None:
    reading: ArgumentParser = names.add_parser(
        verb.name,
        help=verb.help,
        description=fill(verb.help, _WIDTH),
        epilog=_examples(verb.examples),
        formatter_class=RawDescriptionHelpFormatter,
        parents=[_where(SUPPRESS, local=SUPPRESS)],
    )
    verb.arguments(reading)
    if verb.changes or verb.recorded:
        reading.add_argument("--reason", required=True, type=a_reason, help="why; kept in the audit log for ever")
    if verb.changes:
        reading.add_argument("--yes", action="store_true", help="do it; without this, only say what would be done")
    reading.set_defaults(verb=verb)


def _refused(why: str, errors: tuple[dict[str, str], ...] = ()) -> int:
    complain(why, errors)
    return REFUSED
