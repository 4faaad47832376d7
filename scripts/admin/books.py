"""The verbs of payouts and of reconciliation. Money is in cents."""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import SECOND, rfc3339
from chalicelib.operations import reconciliation
from chalicelib.operations.model.reconciliation import MARGIN
from chalicelib.operations.reconciliation_store import Difference
from chalicelib.payouts import payees, paying
from chalicelib.payouts.model import LEAST, Payout
from scripts.admin.verbs import _WHY, Answer, Facts, Plan, Verb, _id, _takes_nothing, _takes_user

_SHOWN: Final = 100
"""Payouts of a reader, newest first."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECONDS: Final = re.compile(r"[0-9]{1,7}")


def run_payouts(world: World, asked: Namespace) -> Plan:
    """Pays who is due for it now, beside the daily run; repeated at once it pays nobody twice."""
    _refuse_while_frozen(world)
    if asked.reader:
        _refuse_who_cannot_be_paid(world, asked.reader)
    readers = [asked.reader] if asked.reader else list(paying.everybody(world))
    least = 1 if asked.all else LEAST
    due = {reader: amount for reader in readers if (amount := paying.would_pay(world, reader, least))}

    def act(operator: str, reason: str) -> Answer:
        made = (paying.pay_out(world, reader, least=least, actor=operator, reason=reason) for reader in due)
        paid = [each for each in made if each]
        return Answer([_payout_facts(each) for each in paid], holds=all(each.state != "returned" for each in paid))

    nobody = f"Nothing to do: nobody who can be paid has {least} cents or more that are held no longer."
    return Plan(tuple(f"pay {amount} cents to {reader}" for reader, amount in due.items()), act, nobody)


def list_payouts(world: World, asked: Namespace) -> Answer:
    """The newest hundred."""
    accounts.person(world, asked.user)
    found, _ = paying.payouts_of(world, asked.user, _SHOWN, None)
    return Answer([_payout_facts(each) for each in found])


def show_payout(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it on."""
    return Answer([_payout_facts(paying.payout_of(world, asked.payout))])


def freeze_payouts(world: World, asked: Namespace) -> Plan:
    """What is on its way to Stripe arrives; what is only reserved waits."""
    del asked

    def act(operator: str, reason: str) -> Answer:
        paying.freeze(world, actor=operator, reason=reason)
        return Answer([{"frozen": paying.why_frozen(world)}])

    return Plan(() if paying.why_frozen(world) else ("stop all payouts",), act)


def unfreeze_payouts(world: World, asked: Namespace) -> Plan:
    """Refused unless the last reconciliation ended without differences."""
    del asked
    why = paying.why_frozen(world)
    if why is None:
        return Plan((), lambda *_: Answer([]))
    reconciliation.check_clean(world)

    def act(operator: str, reason: str) -> Answer:
        paying.unfreeze(world, actor=operator, reason=reason, checks=lambda: (reconciliation.check_clean(world),))
        return Answer([{"frozen": paying.why_frozen(world)}])

    return Plan((f"let payouts go on, which were stopped: {why}",), act)


def reconcile(world: World, asked: Namespace) -> Plan:
    """Exit code 1 where something does not agree; payouts are stopped then."""

    def act(operator: str, reason: str) -> Answer:
        begun = reconciliation.begin(world, margin=asked.margin * SECOND, actor=operator, reason=reason)
        run = reconciliation.go_on(world, begun.id)
        facts: Facts = {
            "run": run.id,
            "until": rfc3339(run.until),
            "chains": run.counts.get("chains", 0),
            "entries": run.counts.get("entries", 0),
            "sums": {name: amount for name, amount in sorted(run.sums.items()) if amount},
            "differences": run.open,
        }
        return Answer([facts], holds=run.ended_at is not None and run.open == 0)

    return Plan(("read the whole ledger and Stripe's balance, and stop payouts where they do not agree",), act)


def list_differences(world: World, asked: Namespace) -> Answer:
    """Exit code 1 where there are any that nobody accepted."""
    del asked
    found = reconciliation.differences(world)
    return Answer([_difference_facts(each) for each in found], holds=all(each.accepted_at for each in found))


def accept_difference(world: World, asked: Namespace) -> Plan:
    """It stays listed. Where it says something else one day, or comes again, it is a difference again."""
    found = reconciliation.difference(world, asked.what, asked.about)

    def act(operator: str, reason: str) -> Answer:
        reconciliation.accept(world, found, actor=operator, reason=reason)
        return Answer([_difference_facts(reconciliation.difference(world, asked.what, asked.about))])

    will = f"let payouts go on in spite of {found.what} {found.about}: {found.detail}"
    return Plan((will,) if found.accepted_at is None else (), act)


def verify_digest(world: World, asked: Namespace) -> Answer:
    """A row for each chain whose entry is not what it was that day. Exit code 1 if there are any."""
    broken = reconciliation.verify_digest(world, asked.day)
    return Answer([{"changed": each} for each in broken] or [{"day": asked.day, "holds": True}], holds=not broken)


def _refuse_while_frozen(world: World) -> None:
    if why := paying.why_frozen(world):
        raise InvalidState(f"Payouts are stopped: {why}")


def _difference_facts(difference: Difference) -> Facts:
    return {
        "what": difference.what,
        "about": difference.about,
        "detail": difference.detail,
        "since": rfc3339(difference.found_at),
        "accepted_at": rfc3339(difference.accepted_at) if difference.accepted_at is not None else None,
    }


def _refuse_who_cannot_be_paid(world: World, reader: str) -> None:
    """Of somebody who was named, "nothing to do" would be no answer."""
    payee = payees.payee_of(world, reader)
    status = payee.status if payee else "none"
    if accounts.person(world, reader).suspended:
        raise InvalidState("They are suspended: nothing is paid to them.")
    if status != "ready":
        raise InvalidState(f"Their account at Stripe is not ready: {status}.")


def _payout_facts(payout: Payout) -> Facts:
    return {
        "id": payout.id,
        "reader": payout.reader,
        "account": payout.account,
        "amount": payout.amount,
        "reversed": payout.reversed,
        "state": payout.state,
        "why": payout.why,
        "transfer": payout.transfer,
        "tries": payout.tries,
        "created_at": rfc3339(payout.created_at),
        "ended_at": rfc3339(payout.ended_at) if payout.ended_at is not None else None,
    }


def _day(written: str) -> str:
    if not _DAY.fullmatch(written):
        raise ArgumentTypeError("write a day such as 2026-11-26")
    return written


def _margin(written: str) -> int:
    if not _SECONDS.fullmatch(written) or int(written) > MARGIN // SECOND:
        raise ArgumentTypeError(f"write a number of seconds, {MARGIN // SECOND} at most")
    return int(written)


def _takes_reader(parser: ArgumentParser) -> None:
    parser.add_argument("--reader", type=_id, metavar="USER", help="this reader only, usr_…")
    parser.add_argument("--all", action="store_true", help=f"also less than {LEAST} cents, as for who leaves")


def _takes_payout(parser: ArgumentParser) -> None:
    parser.add_argument("payout", type=_id, metavar="ID", help="the payout's id, pay_…; `payouts list` tells it")


def _takes_day(parser: ArgumentParser) -> None:
    parser.add_argument("day", type=_day, metavar="DAY", help="of UTC, such as 2026-11-26")


def _takes_difference(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="as `ledger differences` says, such as amounts_differ")
    parser.add_argument("about", metavar="ABOUT", help="as `ledger differences` says, such as txn_…")


def _takes_margin(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--margin",
        type=_margin,
        default=MARGIN // SECOND,
        metavar="SECONDS",
        help="how old a movement must be to count; webhooks may be late (default: two hours)",
    )


VERBS: Final = (
    Verb(
        "payouts",
        "run",
        "Pay readers what is available to them, beside the daily run.",
        (f"payouts run --stage prod {_WHY}", f"payouts run --reader usr_… --all --local {_WHY}"),
        _takes_reader,
        run_payouts,
        changes=True,
    ),
    Verb(
        "payouts",
        "list",
        "List a reader's payouts, newest first.",
        ("payouts list usr_… --stage prod",),
        _takes_user,
        list_payouts,
    ),
    Verb("payouts", "show", "Show a payout.", ("payouts show pay_… --stage prod",), _takes_payout, show_payout),
    Verb(
        "payouts",
        "freeze",
        "Stop all payouts.",
        (f"payouts freeze --stage prod {_WHY}",),
        _takes_nothing,
        freeze_payouts,
        changes=True,
    ),
    Verb(
        "payouts",
        "unfreeze",
        "Let payouts go on. Refused unless the last reconciliation ended without differences.",
        (f"payouts unfreeze --stage prod {_WHY}",),
        _takes_nothing,
        unfreeze_payouts,
        changes=True,
    ),
    Verb(
        "ledger",
        "reconcile",
        "Prove the books now, beside the daily run. Exit code 1 where they and Stripe do not agree.",
        (f"ledger reconcile --stage prod {_WHY}", f"ledger reconcile --margin 0 --local {_WHY}"),
        _takes_margin,
        reconcile,
        changes=True,
    ),
    Verb(
        "ledger",
        "differences",
        "List what did not agree when the books were proven last. Exit code 1 for any that nobody accepted.",
        ("ledger differences --stage prod",),
        _takes_nothing,
        list_differences,
    ),
    Verb(
        "ledger",
        "accept",
        "Accept a difference that is explained and cannot be mended: it stays listed and stops nothing any more.",
        (f"ledger accept unknown_transaction txn_… --stage prod {_WHY}",),
        _takes_difference,
        accept_difference,
        changes=True,
    ),
    Verb(
        "ledger",
        "verify-digest",
        "Hold the ledger against the digest of a day. Exit code 1 if an entry was changed since.",
        ("ledger verify-digest 2026-11-26 --stage prod",),
        _takes_day,
        verify_digest,
    ),
)
