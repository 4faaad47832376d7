"""The verbs of what is given, taken or divided by hand: wanted by one person, above a limit approved by another.

Money is in cents. Whatever moves by hand goes through ``by_hand``, whichever noun it belongs to.
"""

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone
from chalicelib.kernel.time import rfc3339
from chalicelib.operations import adjustments
from chalicelib.operations.model.adjustment import VALID, Adjustment, approved, rejected, wanted
from chalicelib.wallet import refunds
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_id, takes_limit, takes_user

_SIGNED: Final = re.compile(r"[+-]?[0-9]{1,9}")


def by_hand(
    world: World, asked: Namespace, change: Adjustment, will: tuple[str, ...], done: Callable[[], Facts]
) -> Plan:
    """The plan of what somebody does alone, or asks another person to approve; ``done`` tells of it once it is posted.

    Refused where it was rejected before: another try needs another ``--ref``, or another code.
    """
    known = adjustments.known(world, change)
    state = known.now(world.now()) if known else None
    if known and state == "pending":
        return Plan(otherwise=f"Nothing to do: {known.id} waits for a second person.")
    if state == "rejected":
        other = "on other terms, or by another name" if change.what == "code" else "under another --ref"
        raise AlreadyDone(f"It was asked for before, and rejected. Ask {other}.")
    if state == "posted":
        return Plan()
    adjustments.check(world, change)
    if adjustments.needs_two(world, change, asked.operator()):
        will = (f"ask a second person to approve this, for it is more than one may alone: {'; '.join(will)}",)

    def act(operator: str, reason: str) -> Answer:
        made = adjustments.make(world, change, actor=operator, reason=reason)
        return Answer([done() if made.state == "posted" else _facts(world, made)])

    return Plan(will, act)


def adjust_wallet(world: World, asked: Namespace) -> Plan:
    """``--ref`` is what makes it once. What is given is spent before paid credit, does not expire, and never goes to a
    card; what is taken is never promotional credit, nor what a running reading holds.
    """
    person = accounts.person(world, asked.user)
    change = wanted(asked.account, person.id, asked.amount, asked.ref)
    name = f"{person.display_name} ({person.id})"
    moved = f"{abs(asked.amount)} cents of {asked.account}"
    will = [f"give {name} {moved}" if asked.amount > 0 else f"take {moved} from {name}"]
    if asked.amount > 0 and asked.account == "credit":
        will += [
            f"do so beside {dispute.amount} cents that come back by themselves if dispute {id_} is won"
            for payment in refunds.payments_of(world, person.id)
            for id_, dispute in payment.disputes.items()
            if dispute.open
        ]

    def done() -> Facts:
        return {"user": person.id, "account": asked.account, "amount": asked.amount, "adjustment": change.id}

    return by_hand(world, asked, change, tuple(will), done)


def list_adjustments(world: World, asked: Namespace) -> Answer:
    """Newest first."""
    found = adjustments.adjustments(world, asked.state, asked.user, asked.limit)
    shown = ("id", "state", "what", "ref", "asked_by", "asked_at")
    return Answer([{name: value for name, value in _facts(world, each).items() if name in shown} for each in found])


def show_adjustment(world: World, asked: Namespace) -> Answer:
    """Who wants what, why, and what became of it."""
    return Answer([_facts(world, adjustments.adjustment(world, asked.adjustment))])


def approve_adjustment(world: World, asked: Namespace) -> Plan:
    """Refused for who asked. What cannot be done any more is refused, and stays."""
    found = adjustments.adjustment(world, asked.adjustment)
    if found.state != "posted":
        approved(found, asked.operator(), asked.reason, world.now())
        adjustments.check(world, found)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(world, adjustments.approve(world, found.id, actor=operator, reason=reason))])

    return Plan(() if found.state == "posted" else (f"approve {_said(found)}, asked for by {found.asked_by}",), act)


def reject_adjustment(world: World, asked: Namespace) -> Plan:
    """Also by who asked: that takes it back."""
    found = adjustments.adjustment(world, asked.adjustment)
    if found.state != "rejected":
        rejected(found, asked.operator(), asked.reason, world.now())

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(world, adjustments.reject(world, found.id, actor=operator, reason=reason))])

    return Plan(() if found.state == "rejected" else (f"reject {_said(found)}, asked for by {found.asked_by}",), act)


def _said(found: Adjustment) -> str:
    match found.what:
        case "reading":
            return f"to divide {found.ref}: {found.earned} cents to the reader, {found.refunded} to the client"
        case "coins_granted" | "coins_withdrawn":
            return f"{found.amount:+} coins for {found.user}"
        case "code":
            times = f"{found.per_person} times each and {found.amount // found.each} in all"
            what = f"{found.each} cents for {found.days} days, {times}, before {rfc3339(found.until)}"
            return f"the code {found.ref}: {what}, up to {found.amount} cents"
        case "order":
            of = [f"{count} of item {item}" for item, count in found.units.items()]
            of += ["what sending cost"] * found.shipping
            again = ", to be on sale again," if found.restock else ""
            parts = f"{', '.join(of)} of {found.ref}{again}"
            return f"to give {parts} back to {found.user}, of which {found.worth} cents are divided"
        case "promo":
            return f"{found.amount:+} cents of promotional credit for {found.user}, for {found.days} days"
        case _:
            return f"{found.amount:+} cents of {found.what} for {found.user}"


def _facts(world: World, found: Adjustment) -> Facts:
    state = found.now(world.now())
    facts: Facts = {
        "id": found.id,
        "state": state,
        "what": _said(found),
        "user": found.user or None,
        "amount": found.amount,
        "ref": found.ref,
        "asked_by": found.asked_by,
        "asked_at": rfc3339(found.asked_at),
        "reason": found.reason,
    }
    if state == "pending":
        facts["until"] = rfc3339(found.asked_at + VALID)
    if found.decided_by and found.decided_at is not None:
        facts |= {"decided_by": found.decided_by, "decided_at": rfc3339(found.decided_at), "why": found.decided_for}
    return facts


def _signed(written: str) -> int:
    if not _SIGNED.fullmatch(written) or int(written) == 0:
        raise ArgumentTypeError("write cents to give, such as 2500, or to take, such as -2500")
    return int(written)


def _takes_amount(parser: ArgumentParser) -> None:
    takes_user(parser)
    parser.add_argument("--amount", type=_signed, required=True, metavar="CENTS", help="to give, or with - to take")
    parser.add_argument("--account", choices=("credit", "earnings"), default="credit", help="a reader's: earnings")
    parser.add_argument("--ref", type=an_id, required=True, help="what it is for, such as a ticket: done once a ref")


def _takes_which(parser: ArgumentParser) -> None:
    states = ("pending", "posted", "rejected", "expired")
    parser.add_argument("--state", choices=states, help="only these; pending ones wait for a second person")
    parser.add_argument("--user", type=an_id, metavar="USER", help="only those on this person's money")
    takes_limit(parser)


def _takes_adjustment(parser: ArgumentParser) -> None:
    parser.add_argument("adjustment", type=an_id, metavar="ID", help="adj_…; `adjustments list` tells it")


VERBS: Final = (
    Verb(
        "wallet",
        "adjust",
        "Give a person credit or earnings, or take some, once for a ref. Above a limit a second person approves.",
        (
            f"wallet adjust usr_… --amount 2500 --ref ticket-1234 --stage prod {WHY}",
            f"wallet adjust usr_… --amount -2500 --account earnings --ref ticket-1234 --stage prod {WHY}",
        ),
        _takes_amount,
        adjust_wallet,
        changes=True,
    ),
    Verb(
        "adjustments",
        "list",
        "List what was given, taken or divided by hand, or waits for a second person. Newest first.",
        ("adjustments list --state pending --stage prod", "adjustments list --user usr_… --local --json"),
        _takes_which,
        list_adjustments,
    ),
    Verb(
        "adjustments",
        "show",
        "Show who wants what, why, and what became of it.",
        ("adjustments show adj_… --stage prod",),
        _takes_adjustment,
        show_adjustment,
    ),
    Verb(
        "adjustments",
        "approve",
        "Approve what another person asked for: it is done at once.",
        (f"adjustments approve adj_… --stage prod {WHY}",),
        _takes_adjustment,
        approve_adjustment,
        changes=True,
    ),
    Verb(
        "adjustments",
        "reject",
        "Reject what somebody asked for, or take back what you asked for.",
        (f"adjustments reject adj_… --stage prod {WHY}",),
        _takes_adjustment,
        reject_adjustment,
        changes=True,
    ),
)
