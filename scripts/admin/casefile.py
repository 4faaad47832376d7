"""A person's case file: what there is to know before anything is decided about them, read by keys and indexes.

What people wrote to each other is counted, and not shown. That somebody looked, and why, is in the audit log before
anything is on the screen.
"""

from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Final, get_args

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Person
from chalicelib.dashboards import rollups
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.live import service as live
from chalicelib.messaging import service as messaging
from chalicelib.moderation import service as moderation
from chalicelib.moderation.model import Case
from chalicelib.notifications import inbox
from chalicelib.operations import adjustments, deletions
from chalicelib.payouts import payees, paying
from chalicelib.payouts.service import earnings_account, earnings_of
from chalicelib.readers import service as readers
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Who
from chalicelib.shop import orders
from chalicelib.wallet import refunds, statement
from chalicelib.wallet import service as wallet
from scripts.admin.asking import Answer, Facts, takes_limit, takes_user
from scripts.admin.auditing import record_look, rows_on
from scripts.admin.series import by_week

_SIDES: Final[tuple[Who, ...]] = get_args(Who)
_WHEN: Final[tuple[scheduling.When, ...]] = get_args(scheduling.When)
_CHAINS: Final = ("credit", "coins", "earnings")
_MOST_BLOCKS: Final = 100
"""Counted."""


def show_case(world: World, asked: Namespace) -> Answer:
    """Each list holds its newest ``--limit``. What is open is brought up to date, as by any look."""
    person = accounts.person(world, asked.user)
    record_look(world, asked, person.id, "case_viewed")
    limit: int = asked.limit
    facts = _who(world, person) | {
        "reader": _reader(world, person),
        "consents": [
            {
                "document": each.document,
                "version": each.version,
                "at": rfc3339(each.at),
                "withdrawn_at": rfc3339_or_none(each.withdrawn_at),
            }
            for each in reversed(accounts.consents_of(world, person.id).given[-limit:])
        ],
        "sums": rollups.totals(world, _as_summed(person)),
        **_money(world, person.id, limit),
        **_trade(world, person.id, limit),
        **_conduct(world, person.id, limit),
        "audit": rows_on(world, person.id, limit),
    }
    return Answer([facts])


def takes_case(parser: ArgumentParser) -> None:
    """Of whom, and how much."""
    takes_user(parser)
    takes_limit(parser)


def _who(world: World, person: Person) -> Facts:
    facts: Facts = {
        "id": person.id,
        "display_name": person.display_name,
        "email": person.email,
        "role": person.role,
        "status": person.status,
        "created_at": rfc3339(person.created_at),
        "birth_date": str(person.birth_date) if person.birth_date else None,
        "time_zone": person.time_zone,
        "devices": len(accounts.devices_of(world, person.id).registered),
        "blocks": len(accounts.blocks_of(world, person.id, _MOST_BLOCKS, None)[0]),
        "leaving": None,
    }
    with suppress(NotFound):
        facts["leaving"] = deletions.deletion_of(world, person.id).state
    return facts


def _reader(world: World, person: Person) -> Facts | None:
    if person.role != "reader":
        return None
    reader = readers.reader(world, person.id)
    payee, earned = payees.payee_of(world, person.id), earnings_of(world, person.id)
    on_air = live.open_of(world, person.id)
    return {
        "slug": reader.description.slug if reader.description else None,
        "state": reader.standing,
        "rating": reader.rating,
        "ratings": reader.rating_count,
        "earnings": earned.balance,
        "held": earned.pending,
        "earnings_by_week": by_week(world, earnings_account(person.id)),
        "account": payee.account if payee else None,
        "account_status": payee.status if payee else None,
        "open_stream": on_air.id if on_air else None,
    }


def _money(world: World, user: str, limit: int) -> Facts:
    newest = wallet.head(world, user)
    entries = [
        entry for kind in _CHAINS for entry in statement.page(world, statement.account_of(user, kind), limit, None)[0]
    ]
    return {
        "wallet": {
            "paid": newest.buckets.paid,
            "promo": newest.balance - newest.buckets.paid - newest.buckets.given,
            "given": newest.buckets.given,
            "frozen": newest.frozen,
            "credit_by_week": by_week(world, wallet.credit_account(user)),
            "coins": wallet.ledger(world).head(statement.account_of(user, "coins")).balance,
        },
        "entries": [
            {
                "at": rfc3339(each.at),
                "entry": f"{each.account.partition(':')[0]}:{each.seq}",
                "kind": each.kind,
                "amount": each.amount,
                "balance": each.balance,
                "of": each.reference,
            }
            for each in sorted(entries, key=lambda each: each.at, reverse=True)[:limit]
        ],
        **_payments(world, user, limit),
        "refunds": [
            {
                "at": rfc3339(each.refund.created_at),
                "refund": each.refund.id,
                "amount": each.refund.amount,
                "status": each.status,
            }
            for each in refunds.refunds_of(world, user, limit, None)[0]
        ],
        "adjustments": [
            {
                "at": rfc3339(each.asked_at),
                "adjustment": each.id,
                "what": each.what,
                "amount": each.amount,
                "state": each.now(world.now()),
            }
            for each in adjustments.adjustments(world, None, user, limit)
        ],
        "payouts": [
            {"at": rfc3339(each.created_at), "payout": each.id, "amount": each.amount, "state": each.state}
            for each in paying.payouts_of(world, user, limit, None)[0]
        ],
    }


def _payments(world: World, user: str, limit: int) -> Facts:
    """By card: what was paid, and what is disputed of it."""
    payments = refunds.payments_of(world, user) + refunds.orders_paid_by(world, user, 0)
    newest = sorted(payments, key=lambda each: each.at, reverse=True)[:limit]
    return {
        "payments": [
            {
                "at": rfc3339(each.at),
                "payment": each.intent,
                "of": each.reference,
                "amount": each.amount,
                "refunded": each.refunded,
            }
            for each in newest
        ],
        "disputes": [
            {
                "dispute": name,
                "payment": each.intent,
                "amount": dispute.amount,
                "state": "returned" if dispute.returned else "lost" if dispute.lost else "open",
            }
            for each in newest
            for name, dispute in each.disputes.items()
        ],
    }


def _trade(world: World, user: str, limit: int) -> Facts:
    return {
        "readings": [
            {
                "at": rfc3339(each.created_at),
                "reading": each.id,
                "as": side,
                "with": each.reader.user if side == "client" else each.client.user,
                "state": each.state,
                "reason": each.reason,
                "rate": each.rate,
                "earned": each.earned,
                "refunded": each.refunded,
            }
            for side in _SIDES
            for each in (seen.session for seen in sessions.sessions_of(world, side, user, limit, None)[0])
        ],
        "bookings": [
            {
                "start": rfc3339(each.start),
                "booking": each.id,
                "as": side,
                "with": each.reader.user if side == "client" else each.client.user,
                "state": each.state,
                "price": each.price,
            }
            for side in _SIDES
            for when in _WHEN
            for each in scheduling.bookings_of(world, side, user, when, limit, None)[0]
        ],
        "orders": [
            {
                "at": rfc3339(each.created_at),
                "order": each.id,
                "state": each.state,
                "rail": each.rail,
                "total": each.coins if each.rail == "coins" else each.total,
                "items": len(each.items),
            }
            for each in orders.page_of_buyer(world, user, limit, None)[0]
        ],
    }


def _conduct(world: World, user: str, limit: int) -> Facts:
    return {
        "conversations": [
            {
                "last_at": rfc3339(each.recent_at),
                "conversation": each.id,
                "with": each.other(side).user,
                "sent": each.side(side).sent,
                "received": each.other(side).sent,
            }
            for side in _SIDES
            for each in messaging.conversations_of(world, side, user, limit, None)[0]
        ],
        "reported": [
            {"at": rfc3339(each.at), "item": each.item, "reason": each.reason, "case": each.case}
            for each in moderation.reports_by(world, user, limit, None)[0]
        ],
        "cases": [_case(each) for each in moderation.cases_against(world, user, limit)],
        "notices": [
            {"at": rfc3339(each.at), "kind": each.kind, "read": each.read}
            for each, _ in inbox.listing(world, user, limit, None).items
        ],
    }


def _case(case: Case) -> Facts:
    return {
        "since": rfc3339(case.opened_at),
        "case": case.id,
        "item": case.item,
        "state": case.state,
        "reports": case.reports,
        "decided": case.decision.verdict if case.decision else None,
        "appealed_at": rfc3339_or_none(case.appeal.at if case.appeal else None),
        "reviewed": case.review.verdict if case.review else None,
    }


def _as_summed(person: Person) -> str:
    return rollups.reader(person.id) if person.role == "reader" else rollups.client(person.id)
