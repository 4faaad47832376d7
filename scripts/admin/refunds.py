"""The verbs of refunds: giving unused credit back. Money is in cents."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import rfc3339
from chalicelib.wallet import refunds
from chalicelib.wallet.refunds import Progress
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_number, an_id, takes_user

_SHOWN: Final = 100
"""Refunds of a person, newest first."""


def list_refunds(world: World, asked: Namespace) -> Answer:
    """The newest hundred of one person."""
    found, _ = refunds.refunds_of(world, accounts.person(world, asked.user).id, _SHOWN, None)
    return Answer([_facts(each) for each in found])


def show_refund(world: World, asked: Namespace) -> Answer:
    """``partly`` is one of which some parts failed: these are credit again."""
    return Answer([_facts(refunds.progress(world, asked.refund))])


def make_refund(world: World, asked: Namespace) -> Plan:
    """``--ref`` is what makes it once: the same person, the same ref, the same refund. Another amount is refused."""
    person = accounts.person(world, asked.user)
    refund = derived_id("rfd", person.id, "admin", asked.ref)

    def act(operator: str, reason: str) -> Answer:
        made = refunds.request(world, person.id, refund, asked.amount, actor=operator, reason=reason)
        return Answer([_facts(made)])

    if refunds.asked_before(world, person.id, refund, asked.amount):
        return Plan((), act)
    will = tuple(
        f"give {part} cents of the payment {payment.intent} back to the card of {person.display_name} ({person.id})"
        for payment, part in refunds.would_be(world, person.id, asked.amount)
    )
    return Plan(will, act)


def _facts(found: Progress) -> Facts:
    refund = found.refund
    parts = [
        {"payment": intent, "amount": amount, "status": status}
        for (intent, amount), status in zip(refund.parts, found.parts, strict=True)
    ]
    return {
        "id": refund.id,
        "user": refund.user,
        "amount": refund.amount,
        "status": found.status,
        "at": rfc3339(refund.created_at),
        "parts": parts,
    }


def _cents(written: str) -> int:
    cents = a_number(written)
    if cents < 1:
        raise ArgumentTypeError("write one cent at least")
    return cents


def _takes_refund(parser: ArgumentParser) -> None:
    parser.add_argument("refund", type=an_id, metavar="ID", help="the refund's id, rfd_…; `refunds list` tells it")


def _takes_amount(parser: ArgumentParser) -> None:
    takes_user(parser)
    parser.add_argument("--amount", type=_cents, help="cents; all that can be given back if it is left out")
    parser.add_argument("--ref", type=an_id, required=True, help="what it is for, such as a ticket: made once a ref")


VERBS: Final = (
    Verb(
        "refunds",
        "list",
        "List a person's refunds, newest first. Money is in cents.",
        ("refunds list usr_… --stage prod", "refunds list usr_… --local --json"),
        takes_user,
        list_refunds,
    ),
    Verb(
        "refunds",
        "show",
        "Show a refund and how far each part of it has got.",
        ("refunds show rfd_… --stage prod",),
        _takes_refund,
        show_refund,
    ),
    Verb(
        "refunds",
        "make",
        "Give a person's unused paid credit back to the cards that paid it, once for a ref.",
        (f"refunds make usr_… --amount 2500 --ref ticket-1234 --stage prod {WHY}",),
        _takes_amount,
        make_refund,
        changes=True,
    ),
)
