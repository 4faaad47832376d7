"""The verbs of a person's money: what is in the wallet, freezing it, giving it back. Money is in cents."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime import audit
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import refunds
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.refunds import Progress
from scripts.admin.verbs import _WHY, Answer, Facts, Plan, Verb, _id, _number, _takes_user

_SHOWN: Final = 100
"""Refunds of a person, newest first."""


def show_wallet(world: World, asked: Namespace) -> Answer:
    """As it is, with the minutes that are due charged. ``dispute:…`` says which disputes it is frozen for."""
    person = accounts.person(world, asked.user)
    newest, refundable = refunds.refundable(world, person.id)
    payments: list[Facts] = [
        {
            "payment": each.intent,
            "of": each.reference,
            "at": rfc3339(each.at),
            "amount": each.amount,
            "refunded": each.refunded,
            "disputes": {
                name: "returned" if dispute.returned else "lost" if dispute.lost else "open"
                for name, dispute in each.disputes.items()
            },
        }
        for each in refunds.payments_of(world, person.id) + refunds.orders_paid_by(world, person.id, 0)
    ]
    return Answer(
        [
            {
                "user": person.id,
                "paid": newest.buckets.paid,
                "promo": newest.balance - newest.buckets.paid,
                "frozen": newest.frozen,
                "refundable": refundable,
                "payments": payments,
            }
        ]
    )


def freeze_wallet(world: World, asked: Namespace) -> Plan:
    """A reading that is running pauses. What was to go back to a card before goes there all the same. A dispute that is
    won later does not lift it.
    """
    person = accounts.person(world, asked.user)
    newest = wallet.head(world, person.id)

    def act(operator: str, reason: str) -> Answer:
        frozen = wallet.freeze(
            world,
            person.id,
            "admin",
            lambda entry: _audited(world, person.id, "wallet_frozen", operator, reason, entry),
        )
        return Answer([{"user": person.id, "frozen": frozen.frozen}])

    done = newest.frozen and not newest.frozen.startswith("dispute:")
    will = f"freeze the wallet of {person.display_name} ({person.id}): a running reading pauses, nothing can be spent"
    return Plan(() if done else (will,), act)


def unfreeze_wallet(world: World, asked: Namespace) -> Plan:
    """Whatever it was frozen for, an open dispute too; below zero it still buys nothing."""
    person = accounts.person(world, asked.user)
    newest = wallet.head(world, person.id)

    def act(operator: str, reason: str) -> Answer:
        free = wallet.unfreeze(
            world,
            person.id,
            "admin",
            lambda entry: _audited(world, person.id, "wallet_unfrozen", operator, reason, entry),
        )
        return Answer([{"user": person.id, "frozen": free.frozen}])

    will = f"lift the freeze of {person.display_name} ({person.id}), which is for {newest.frozen}"
    return Plan((will,) if newest.frozen else (), act)


def _audited(world: World, user: str, action: str, operator: str, reason: str, entry: Entry) -> Sequence[Operation]:
    table = world.settings.tables.audit
    said = audit.entry(table, subject=user, action=action, actor=operator, reason=reason, at=entry.at)
    return (said,)


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


def _takes_refund(parser: ArgumentParser) -> None:
    parser.add_argument("refund", type=_id, metavar="ID", help="the refund's id, rfd_…; `refunds list` tells it")


def _takes_amount(parser: ArgumentParser) -> None:
    _takes_user(parser)
    parser.add_argument("--amount", type=_cents, help="cents; all that can be given back if it is left out")
    parser.add_argument("--ref", type=_id, required=True, help="what it is for, such as a ticket: made once a ref")


def _cents(written: str) -> int:
    cents = _number(written)
    if cents < 1:
        raise ArgumentTypeError("write one cent at least")
    return cents


VERBS: Final = (
    Verb(
        "wallet",
        "show",
        "Show a person's credit, what it is frozen for, and their payments. Money is in cents.",
        ("wallet show usr_… --stage prod", "wallet show usr_… --local --json"),
        _takes_user,
        show_wallet,
    ),
    Verb(
        "wallet",
        "freeze",
        "Freeze a person's wallet: a running reading pauses, and nothing can be spent.",
        (f"wallet freeze usr_… --stage prod {_WHY}",),
        _takes_user,
        freeze_wallet,
        changes=True,
    ),
    Verb(
        "wallet",
        "unfreeze",
        "Lift the freeze of a person's wallet, whatever it is for.",
        (f"wallet unfreeze usr_… --stage prod {_WHY}",),
        _takes_user,
        unfreeze_wallet,
        changes=True,
    ),
    Verb(
        "refunds",
        "list",
        "List a person's refunds, newest first. Money is in cents.",
        ("refunds list usr_… --stage prod", "refunds list usr_… --local --json"),
        _takes_user,
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
        (f"refunds make usr_… --amount 2500 --ref ticket-1234 --stage prod {_WHY}",),
        _takes_amount,
        make_refund,
        changes=True,
    ),
)
