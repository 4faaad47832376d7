"""The verbs of promotional credit. Money is in cents."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.operations.model.adjustment import offering, wanted
from chalicelib.wallet import promos
from chalicelib.wallet.model.promo import Code, normalised
from scripts.admin.adjustments import by_hand
from scripts.admin.asking import (
    WHY,
    Answer,
    Facts,
    Plan,
    Verb,
    a_moment,
    a_number,
    a_text,
    an_id,
    takes_nothing,
    takes_user,
)


def make_code(world: World, asked: Namespace) -> Plan:
    """Nothing to do where there is one that promises the same; refused where it promises something else. All that may
    be redeemed of it counts towards what one person may give alone.
    """
    code = Code(
        code=normalised(asked.code) or asked.code,
        amount=asked.amount,
        valid_until=asked.until,
        days=asked.days,
        per_person=asked.per_person,
        total=asked.total,
        created_at=world.now(),
    )

    if promos.check(world, code):
        return Plan()
    change = offering(code)
    will = (
        f"give {code.amount} cents for {code.days} days to whoever redeems {code.code} before "
        f"{rfc3339(code.valid_until)}, {code.per_person} times each and {code.total} in all: up to "
        f"{code.amount * code.total} cents"
    )
    return by_hand(world, asked, change, (will,), lambda: _facts(promos.code(world, code.code)))


def list_codes(world: World, asked: Namespace) -> Answer:
    """All of them, also those that are over."""
    del asked
    return Answer([_facts(each) for each in promos.codes(world)])


def show_code(world: World, asked: Namespace) -> Answer:
    """``used`` of ``total`` were redeemed."""
    return Answer([_facts(promos.code(world, asked.code))])


def stop_code(world: World, asked: Namespace) -> Plan:
    """What was redeemed stays with people."""
    code = promos.code(world, asked.code)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_facts(promos.stop(world, code.code, actor=operator, reason=reason))])

    return Plan(() if code.stopped else (f"let nobody redeem {code.code} any more, after {code.used} did",), act)


def grant_promo(world: World, asked: Namespace) -> Plan:
    """``--ref`` is what makes it once: the same person, the same ref, the same credit."""
    person = accounts.person(world, asked.user)
    will = f"give {person.display_name} ({person.id}) {asked.amount} cents of promotional credit for {asked.days} days"
    change = wanted("promo", person.id, asked.amount, asked.ref, days=asked.days)

    def given() -> Facts:
        found = promos.granted(world, person.id, asked.ref)
        return {"user": person.id, "amount": found.amount, "expires_at": rfc3339(found.expires_at)} if found else {}

    return by_hand(world, asked, change, (will,), given)


def _facts(code: Code) -> Facts:
    return {
        "code": code.code,
        "amount": code.amount,
        "valid_until": rfc3339(code.valid_until),
        "days": code.days,
        "per_person": code.per_person,
        "used": code.used,
        "total": code.total,
        "stopped": code.stopped,
    }


def _takes_code(parser: ArgumentParser) -> None:
    parser.add_argument("code", type=a_text, metavar="CODE", help="4 to 32 letters, digits and hyphens")


def _takes_terms(parser: ArgumentParser) -> None:
    _takes_code(parser)
    parser.add_argument("--amount", type=a_number, required=True, help="cents for each redemption")
    parser.add_argument("--until", type=a_moment, required=True, help="redeemed before then: 2026-12-31T23:59:00Z")
    parser.add_argument("--days", type=a_number, required=True, help="how long what was redeemed can be spent")
    parser.add_argument("--per-person", type=a_number, default=1, help="redemptions of one person (1)")
    parser.add_argument("--total", type=a_number, required=True, help="redemptions in all")


def _takes_grant(parser: ArgumentParser) -> None:
    takes_user(parser)
    parser.add_argument("--amount", type=a_number, required=True, help="cents")
    parser.add_argument("--days", type=a_number, required=True, help="how long it can be spent")
    parser.add_argument("--ref", type=an_id, required=True, help="what it is for, such as a ticket: given once a ref")


VERBS: Final = (
    Verb(
        "promo",
        "make",
        "Make a promotional code. Above a limit a second person approves. Money is in cents.",
        (f"promo make WELCOME5 --amount 500 --until 2026-12-31T23:59:00Z --days 30 --total 1000 --local {WHY}",),
        _takes_terms,
        make_code,
        changes=True,
    ),
    Verb(
        "promo",
        "list",
        "List the promotional codes.",
        ("promo list --stage prod", "promo list --local --json"),
        takes_nothing,
        list_codes,
    ),
    Verb(
        "promo",
        "show",
        "Show a promotional code, and how often it was redeemed.",
        ("promo show WELCOME5 --stage prod",),
        _takes_code,
        show_code,
    ),
    Verb(
        "promo",
        "stop",
        "Let nobody redeem a code any more.",
        (f"promo stop WELCOME5 --stage prod {WHY}",),
        _takes_code,
        stop_code,
        changes=True,
    ),
    Verb(
        "promo",
        "grant",
        "Give a person promotional credit, once for a ref.",
        (f"promo grant usr_… --amount 500 --days 30 --ref ticket-1234 --stage prod {WHY}",),
        _takes_grant,
        grant_promo,
        changes=True,
    ),
)
