"""The verbs of the ledger: following it, adding it up, holding it against Stripe. Money is in cents."""

import dataclasses
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import SECOND, rfc3339, rfc3339_or_none
from chalicelib.operations import reconciliation
from chalicelib.operations.model.reconciliation import MARGIN
from chalicelib.operations.reconciliation_store import Difference
from chalicelib.wallet import statement
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, takes_nothing
from scripts.admin.progress import bar

_ACCOUNT: Final = re.compile(
    r"(credit|coins|earnings):usr_[A-Za-z0-9]{1,60}|stream:str_[A-Za-z0-9]{1,60}:(0|[1-9][0-9]{0,3})"
)
_CHAINS: Final = "credit:usr_…, coins:usr_…, earnings:usr_… or stream:str_…:n"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECONDS: Final = re.compile(r"[0-9]{1,7}")


def verify(world: World, asked: Namespace) -> Answer:
    """``broken_at`` is the first entry that does not follow from the one before it."""
    if asked.all:
        return _verify_all(world, asked)
    proof = statement.verify_chain(world, asked.account)
    if not proof.entries:
        raise NotFound("There is no such account, or nothing was ever posted to it.")
    return Answer([dataclasses.asdict(proof)], holds=proof.broken_at is None)


def _verify_all(world: World, asked: Namespace) -> Answer:
    """Every chain there is when it begins. The ledger is read twice."""
    with bar(asked, "looking for chains") as advance:
        accounts = statement.chains(world, advance)
    proofs: list[statement.Proof] = []
    with bar(asked, "following chains", len(accounts)) as advance:
        for account in accounts:
            proofs.append(statement.verify_chain(world, account))
            advance(1)
    broken = [dataclasses.asdict(each) for each in proofs if each.broken_at is not None]
    found = {"chains": len(proofs), "entries": sum(each.entries for each in proofs), "broken": broken}
    return Answer([found], holds=not broken)


def trial_balance(world: World, asked: Namespace) -> Answer:
    """A row for each currency, and one for each chain whose balance is not the sum of its entries."""
    with bar(asked, "adding up") as advance:
        balance = statement.trial_balance(world, advance)
    rows: list[Facts] = [
        {"currency": currency, "total": total, "accounts": sum(1 for _, money in balance.accounts if money == currency)}
        for currency, total in sorted(balance.total.items())
    ]
    rows += [{"drifted": account} for account in balance.drifted]
    return Answer(rows, holds=not any(balance.total.values()) and not balance.drifted)


def reconcile(world: World, asked: Namespace) -> Plan:
    """Exit code 1 where something does not agree; payouts are stopped then."""

    def act(operator: str, reason: str) -> Answer:
        begun = reconciliation.begin(world, margin=asked.margin * SECOND, actor=operator, reason=reason)
        with bar(asked, "reading the ledger and Stripe's balance") as advance:

            def a_page_more() -> bool:
                advance(1)
                return False

            run = reconciliation.go_on(world, begun.id, a_page_more)
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
    holds = all(each.accepted_at for each in found)
    return Answer([_difference_facts(each) for each in found], holds, otherwise=_how_proven(world))


def _how_proven(world: World) -> str:
    """No differences were found, also where nobody ever looked for any."""
    last = reconciliation.last_run(world)
    if last is None:
        return "The books were never proven here. `ledger reconcile` proves them."
    if last.ended_at is None:
        return "None so far: the books are being proven."
    return f"None: the books were proven at {rfc3339(last.ended_at)}."


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


def _difference_facts(difference: Difference) -> Facts:
    return {
        "what": difference.what,
        "about": difference.about,
        "detail": difference.detail,
        "since": rfc3339(difference.found_at),
        "accepted_at": rfc3339_or_none(difference.accepted_at),
    }


def _account(written: str) -> str:
    if not _ACCOUNT.fullmatch(written):
        raise ArgumentTypeError(f"write a chain: {_CHAINS}")
    return written


def _day(written: str) -> str:
    if not _DAY.fullmatch(written):
        raise ArgumentTypeError("write a day such as 2026-11-26")
    return written


def _margin(written: str) -> int:
    if not _SECONDS.fullmatch(written) or int(written) > MARGIN // SECOND:
        raise ArgumentTypeError(f"write a number of seconds, {MARGIN // SECOND} at most")
    return int(written)


def _takes_account(parser: ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("account", type=_account, nargs="?", metavar="ACCOUNT", help=_CHAINS)
    which.add_argument("--all", action="store_true", help="every chain of the ledger")


def _takes_difference(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="WHAT", help="as `ledger differences` says, such as amounts_differ")
    parser.add_argument("about", metavar="ABOUT", help="as `ledger differences` says, such as txn_…")


def _takes_day(parser: ArgumentParser) -> None:
    parser.add_argument("day", type=_day, metavar="DAY", help="of UTC, such as 2026-11-26")


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
        "ledger",
        "verify",
        "Follow an account, or all, from the first entry: numbers, balances, hashes. Exit code 1 if a chain is broken.",
        ("ledger verify credit:usr_… --stage prod", "ledger verify --all --stage prod", "ledger verify --all --local"),
        _takes_account,
        verify,
    ),
    Verb(
        "ledger",
        "trial-balance",
        "Add up the whole ledger. Exit code 1 unless every currency's total is zero and no account drifted.",
        ("ledger trial-balance --stage prod", "ledger trial-balance --local --json"),
        takes_nothing,
        trial_balance,
    ),
    Verb(
        "ledger",
        "reconcile",
        "Prove the books now, beside the daily run. Exit code 1 where they and Stripe do not agree.",
        (f"ledger reconcile --stage prod {WHY}", f"ledger reconcile --margin 0 --local {WHY}"),
        _takes_margin,
        reconcile,
        changes=True,
    ),
    Verb(
        "ledger",
        "differences",
        "List what did not agree when the books were proven last. Exit code 1 for any that nobody accepted.",
        ("ledger differences --stage prod",),
        takes_nothing,
        list_differences,
    ),
    Verb(
        "ledger",
        "accept",
        "Accept a difference that is explained and cannot be mended: it stays listed and stops nothing any more.",
        (f"ledger accept unknown_transaction txn_… --stage prod {WHY}",),
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
