"""The verbs of mail: which addresses get no letters."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.accounts import suppression
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_email


def suppressed(world: World, asked: Namespace) -> Answer:
    """Only a hash of the address is kept, so none can be listed."""
    return Answer([_facts(world, asked.address)])


def release(world: World, asked: Namespace) -> Plan:
    """The next letter goes out; one that comes back shuts the address again."""
    mark = suppression.mark_of(world, asked.address)

    def act(operator: str, reason: str) -> Answer:
        suppression.release(world, asked.address, actor=operator, reason=reason)
        return Answer([_facts(world, asked.address)])

    why = f"send letters to {asked.address} again, which got none since {rfc3339(mark.at)} ({mark.why})" if mark else ""
    return Plan((why,) if why else (), act, "Letters are sent there already.")


def _facts(world: World, address: str) -> Facts:
    mark = suppression.mark_of(world, address)
    return {
        "address": address,
        "letters": "are not sent" if mark else "are sent",
        "why": mark.why if mark else None,
        "since": rfc3339(mark.at) if mark else None,
    }


def _takes_address(parser: ArgumentParser) -> None:
    parser.add_argument("address", type=an_email, metavar="ADDRESS", help="such as ada@example.com")


VERBS: Final = (
    Verb(
        "mail",
        "suppressed",
        "Say whether letters to an address are held back, because one came back or was called unwanted.",
        ("mail suppressed ada@example.com --stage prod", "mail suppressed ada@example.com --local --json"),
        _takes_address,
        suppressed,
    ),
    Verb(
        "mail",
        "release",
        "Send letters to an address again.",
        (f"mail release ada@example.com --stage prod {WHY}",),
        _takes_address,
        release,
        changes=True,
    ),
)
