"""The verbs of readers."""

from argparse import ArgumentParser, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.live import service as live
from chalicelib.readers import service as readers
from chalicelib.readers.model import verified, withdrawn
from chalicelib.readers.service import Reader
from chalicelib.scheduling import belongings as bookings
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, an_email, takes_user


def invite_reader(world: World, asked: Namespace) -> Plan:
    """A fresh invitation each time: repeating it makes another one, and each works once."""
    bound = f", for {asked.email} only" if asked.email else ", for whoever holds it"

    def act(operator: str, reason: str) -> Answer:
        token, expires_at = readers.invite(world, email=asked.email, actor=operator, reason=reason)
        return Answer([{"token": token, "expires_at": rfc3339(expires_at), "note": "shown once; hand it over safely"}])

    return Plan((f"make an invitation that works once within 7 days{bound}",), act)


def verify_reader(world: World, asked: Namespace) -> Plan:
    """Refused before there is a profile; for a withdrawn reader it is the way back."""
    reader = readers.reader(world, asked.user)

    def act(operator: str, reason: str) -> Answer:
        return Answer([reader_facts(readers.verify(world, asked.user, actor=operator, reason=reason))])

    done = verified(reader) == reader
    return Plan(() if done else (f"verify {_named(reader)}, now {reader.standing}",), act)


def withdraw_reader(world: World, asked: Namespace) -> Plan:
    """The open reading goes on; no new one can be asked for."""
    reader = readers.reader(world, asked.user)

    def act(operator: str, reason: str) -> Answer:
        gone = readers.withdraw(world, asked.user, actor=operator, reason=reason)
        live.end_open(world, asked.user, "admin", actor=operator, note=reason)
        bookings.call_off_all(world, asked.user, by_platform=True)
        return Answer([reader_facts(gone)])

    will = (
        ""
        if withdrawn(reader) == reader
        else f"take {_named(reader)} out of the directory; nobody can ask for a reading",
        f"end their stream {on_air.id}, now {on_air.state}" if (on_air := live.open_of(world, asked.user)) else "",
        would_call_off(world, asked.user),
    )
    return Plan(tuple(each for each in will if each), act)


def would_call_off(world: World, user: str) -> str:
    """Who is shut out cannot come to what is booked: everybody has their time back, and clients the whole price."""
    return "call off what is booked, at the whole price" if bookings.has_upcoming(world, user) else ""


def _named(reader: Reader) -> str:
    return f"{reader.description.name if reader.description else 'a reader without a profile'} ({reader.id})"


def reader_facts(reader: Reader) -> Facts:
    slug = reader.description.slug if reader.description else None
    return {"id": reader.id, "slug": slug, "state": reader.standing, "rates": reader.rates}


def _takes_email(parser: ArgumentParser) -> None:
    parser.add_argument("--email", type=an_email, help="only who signs in with this address may use it")


VERBS: Final = (
    Verb(
        "readers",
        "invite",
        "Invite somebody to become a reader.",
        (f"readers invite --stage dev --email luna@example.com {WHY}", f"readers invite --local --json {WHY}"),
        _takes_email,
        invite_reader,
        changes=True,
    ),
    Verb(
        "readers",
        "verify",
        "Verify a reader: they appear in the directory and may go online.",
        ("readers verify usr_… --stage dev --reason seen-passport", f"readers verify usr_… --local {WHY}"),
        takes_user,
        verify_reader,
        changes=True,
    ),
    Verb(
        "readers",
        "withdraw",
        "Take a reader out of the directory; `verify` brings them back.",
        (f"readers withdraw usr_… --stage prod {WHY}",),
        takes_user,
        withdraw_reader,
        changes=True,
    ),
)
