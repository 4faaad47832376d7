"""The verbs of a wallet: what is in it, and freezing it. Money is in cents."""

from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.runtime import audit
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import refunds
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, takes_user
from scripts.admin.series import by_week


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
                "promo": newest.balance - newest.buckets.paid - newest.buckets.given,
                "given": newest.buckets.given,
                "frozen": newest.frozen,
                "refundable": refundable,
                "credit_by_week": by_week(world, wallet.credit_account(person.id)),
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


VERBS: Final = (
    Verb(
        "wallet",
        "show",
        "Show a person's credit, what it is frozen for, and their payments. Money is in cents.",
        ("wallet show usr_… --stage prod", "wallet show usr_… --local --json"),
        takes_user,
        show_wallet,
    ),
    Verb(
        "wallet",
        "freeze",
        "Freeze a person's wallet: a running reading pauses, and nothing can be spent.",
        (f"wallet freeze usr_… --stage prod {WHY}",),
        takes_user,
        freeze_wallet,
        changes=True,
    ),
    Verb(
        "wallet",
        "unfreeze",
        "Lift the freeze of a person's wallet, whatever it is for.",
        (f"wallet unfreeze usr_… --stage prod {WHY}",),
        takes_user,
        unfreeze_wallet,
        changes=True,
    ),
)
