"""The verbs of payouts. Money is in cents."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.operations import reconciliation
from chalicelib.payouts import payees, paying
from chalicelib.payouts.model import LEAST, Payout
from chalicelib.payouts.service import earnings_account, earnings_of
from chalicelib.readers import service as readers
from chalicelib.wallet.service import ledger
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id, takes_nothing, takes_user
from scripts.admin.progress import bar
from scripts.backup import history

_SHOWN: Final = 100
"""Payouts of a reader, newest first."""


def preview_payouts(world: World, asked: Namespace) -> Answer:
    """As the daily run would pay at this moment. Who has no turn in it is listed where they earned something."""
    least = 1 if asked.all else LEAST
    found = [asked.reader] if asked.reader else _who_has_a_turn_or_earned(world)
    frozen = paying.why_frozen(world)
    rows: list[Facts] = []
    with bar(asked, "reading earnings", len(found)) as advance:
        for reader in found:
            earned = earnings_of(world, reader)
            why_not = f"payouts are stopped: {frozen}" if frozen else _why_not(world, reader, earned.available, least)
            rows.append(
                {
                    "reader": reader,
                    "pays": 0 if why_not else earned.available,
                    "available": earned.available,
                    "held": earned.pending,
                    "why_not": why_not or None,
                }
            )
            advance(1)
    return Answer(sorted(rows, key=lambda row: (-row["pays"], -row["available"], row["reader"])))


def _who_has_a_turn_or_earned(world: World) -> list[str]:
    have_a_turn = list(paying.everybody(world))
    others = set(readers.everybody(world)) - set(have_a_turn)
    return have_a_turn + [each for each in others if ledger(world).head(earnings_account(each)).balance > 0]


def _why_not(world: World, reader: str, available: Cents, least: Cents) -> str:
    why = _cannot_be_paid(world, reader)
    if accounts.is_deleted(world, reader):
        return f"they have left, and {why or 'no daily run pays them: `payouts run --reader` does'}"
    if why:
        return why
    return f"less than {least} cents are available" if available < least else ""


def run_payouts(world: World, asked: Namespace) -> Plan:
    """Pays who is due for it now, beside the daily run; repeated at once it pays nobody twice."""
    _refuse_while_frozen(world)
    if asked.reader:
        _refuse_who_cannot_be_paid(world, asked.reader)
    everybody = [asked.reader] if asked.reader else list(paying.everybody(world))
    least = 1 if asked.all else LEAST
    due = {reader: amount for reader in everybody if (amount := paying.would_pay(world, reader, least))}

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
        return Plan()
    reconciliation.check_clean(world)
    _refuse_before_all_is_looked_at(world)

    def act(operator: str, reason: str) -> Answer:
        paying.unfreeze(world, actor=operator, reason=reason, checks=lambda: (reconciliation.check_clean(world),))
        return Answer([{"frozen": paying.why_frozen(world)}])

    return Plan((f"let payouts go on, which were stopped: {why}",), act)


def _refuse_before_all_is_looked_at(world: World) -> None:
    """After a backup was brought back: a run of before it, or one that looks at nothing so young, has not seen what
    was paid out since the backup's moment, and all of that would be paid once more.
    """
    back, run = history.brought_back_at(world), reconciliation.last_run(world)
    if back and (run is None or run.until <= back):
        raise InvalidState(
            f"A backup was brought back at {rfc3339(back)}, and the last reconciliation has not looked at what was "
            "paid until then. Run `ledger reconcile --margin 0` first."
        )


def _refuse_while_frozen(world: World) -> None:
    if why := paying.why_frozen(world):
        raise InvalidState(f"Payouts are stopped: {why}")


def _refuse_who_cannot_be_paid(world: World, reader: str) -> None:
    """Of somebody who was named, "nothing to do" would be no answer."""
    if why := _cannot_be_paid(world, reader):
        raise InvalidState(f"They cannot be paid: {why}.")


def _cannot_be_paid(world: World, reader: str) -> str:
    payee = payees.payee_of(world, reader)
    if accounts.person(world, reader).suspended:
        return "they are suspended"
    if payee is None:
        return "they have no account at Stripe"
    wants = f" ({', '.join(payee.requirements)})" if payee.requirements else ""
    return "" if payee.status == "ready" else f"their account at Stripe is not ready: {payee.status}{wants}"


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
        "ended_at": rfc3339_or_none(payout.ended_at),
    }


def _takes_reader(parser: ArgumentParser) -> None:
    parser.add_argument("--reader", type=an_id, metavar="USER", help="this reader only, usr_…")
    parser.add_argument("--all", action="store_true", help=f"also less than {LEAST} cents, as for who leaves")


def _takes_payout(parser: ArgumentParser) -> None:
    parser.add_argument("payout", type=an_id, metavar="ID", help="the payout's id, pay_…; `payouts list` tells it")


VERBS: Final = (
    Verb(
        "payouts",
        "preview",
        "Show what the daily run would pay now: to whom, how much, and to whom not, and why. Money is in cents.",
        ("payouts preview --stage prod", "payouts preview --reader usr_… --all --local --json"),
        _takes_reader,
        preview_payouts,
    ),
    Verb(
        "payouts",
        "run",
        "Pay readers what is available to them, beside the daily run.",
        (f"payouts run --stage prod {WHY}", f"payouts run --reader usr_… --all --local {WHY}"),
        _takes_reader,
        run_payouts,
        changes=True,
    ),
    Verb(
        "payouts",
        "list",
        "List a reader's payouts, newest first.",
        ("payouts list usr_… --stage prod",),
        takes_user,
        list_payouts,
    ),
    Verb("payouts", "show", "Show a payout.", ("payouts show pay_… --stage prod",), _takes_payout, show_payout),
    Verb(
        "payouts",
        "freeze",
        "Stop all payouts.",
        (f"payouts freeze --stage prod {WHY}",),
        takes_nothing,
        freeze_payouts,
        changes=True,
    ),
    Verb(
        "payouts",
        "unfreeze",
        "Let payouts go on. Refused unless the last reconciliation ended without differences.",
        (f"payouts unfreeze --stage prod {WHY}",),
        takes_nothing,
        unfreeze_payouts,
        changes=True,
    ),
)
