"""The verbs. One that looks answers with facts; one that changes first answers with a plan."""

import dataclasses
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import with_role
from chalicelib.accounts.service import Person, Role
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import rfc3339
from chalicelib.live import service as live
from chalicelib.moderation import suspension
from chalicelib.operations import deletions
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.model import verified, withdrawn
from chalicelib.readers.service import Reader
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.afterwards import Guarantee, decided
from chalicelib.sessions.model.session import Session
from chalicelib.wallet import statement

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found, a row for each thing. ``holds`` is False where what was to be proven does not hold."""

    rows: list[Facts]
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change will do, and how. Nothing to do means that it was done before."""

    will: tuple[str, ...]
    act: Callable[[str, str], Answer]
    """Takes the operator and the reason. Called only if there is something to do."""
    otherwise: str = "Nothing to do: it is so already."
    """What is said where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing the command line can do."""

    noun: str
    name: str
    help: str
    examples: tuple[str, ...]
    arguments: Callable[[ArgumentParser], object]
    do: Callable[[World, Namespace], Answer | Plan]
    changes: bool = False
    """Such a verb takes ``--reason`` and ``--yes``, and answers with a Plan."""


# --- readers -------------------------------------------------------------------------------------


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
        return Answer([_reader_facts(readers.verify(world, asked.user, actor=operator, reason=reason))])

    done = verified(reader) == reader
    return Plan(() if done else (f"verify {_named(reader)}, now {reader.standing}",), act)


def withdraw_reader(world: World, asked: Namespace) -> Plan:
    """The open reading goes on; no new one can be asked for."""
    reader = readers.reader(world, asked.user)

    def act(operator: str, reason: str) -> Answer:
        gone = readers.withdraw(world, asked.user, actor=operator, reason=reason)
        live.end_open(world, asked.user, "admin", actor=operator, note=reason)
        scheduling.call_off_all(world, asked.user, by_platform=True)
        return Answer([_reader_facts(gone)])

    will = (
        ""
        if withdrawn(reader) == reader
        else f"take {_named(reader)} out of the directory; nobody can ask for a reading",
        f"end their stream {on_air.id}, now {on_air.state}" if (on_air := live.open_of(world, asked.user)) else "",
        _would_call_off(world, asked.user),
    )
    return Plan(tuple(each for each in will if each), act)


def _would_call_off(world: World, user: str) -> str:
    """Who is shut out cannot come to what is booked: everybody has their time back, and clients the whole price."""
    return "call off what is booked, at the whole price" if scheduling.has_upcoming(world, user) else ""


# --- people --------------------------------------------------------------------------------------


def show_person(world: World, asked: Namespace) -> Answer:
    """All of it is personal data: what is shown here is not to be copied elsewhere."""
    person = accounts.person(world, asked.user)
    facts = _person_facts(person) | {"email": person.email, "created_at": rfc3339(person.created_at)}
    if person.role == "reader":
        facts["reader"] = _reader_facts(readers.reader(world, person.id))
    if seen := sessions.open_session(world, person.id):
        facts["open_session"] = {"id": seen.session.id, "state": seen.session.state}
    with suppress(NotFound):
        leaving = deletions.deletion_of(world, person.id)
        runs_at = rfc3339(leaving.runs_at) if leaving.runs_at is not None else None
        facts["deletion"] = {"state": leaving.state, "runs_at": runs_at, "owed": leaving.owed}
    return Answer([facts])


def find_people(world: World, asked: Namespace) -> Answer:
    """By subject it is one read, since ids derive from subjects; by address it reads the whole table."""
    if asked.email:
        return Answer([_person_facts(each) for each in accounts.having_email(world, asked.email)])
    try:
        return Answer([_person_facts(accounts.person(world, accounts.person_id(world, asked.sub)))])
    except NotFound:
        return Answer([])


def make_admin(world: World, asked: Namespace) -> Plan:
    """Nobody becomes an admin in any other way."""
    return _set_role(world, asked.user, "admin")


def revoke_admin(world: World, asked: Namespace) -> Plan:
    """Holds from their next request on."""
    return _set_role(world, asked.user, "client")


def _set_role(world: World, user: str, role: Role) -> Plan:
    person = accounts.person(world, user)
    after = person if person.role == role else with_role(person, role)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(accounts.set_role(world, user, role, actor=operator, reason=reason))])

    return Plan(() if after == person else (f"change the role of {_called(person)}: {person.role} → {role}",), act)


def suspend_person(world: World, asked: Namespace) -> Plan:
    """Shuts the person out first, so that nothing new begins while the rest is done. Each step may be repeated."""
    person = accounts.person(world, asked.user)
    listed = person.role == "reader" and readers.reader(world, person.id).verified
    seen = sessions.open_session(world, person.id)
    on_air = live.open_of(world, person.id)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(suspension.suspend(world, person.id, actor=operator, reason=reason))])

    will = (
        "" if person.suspended else f"suspend {_called(person)}: every request of theirs is refused",
        "take them out of the directory" if listed else "",
        f"stop their reading {seen.session.id} for safety" if seen and seen.session.state != "paused" else "",
        f"end their stream {on_air.id}, now {on_air.state}" if on_air else "",
        _would_call_off(world, person.id),
    )
    return Plan(tuple(each for each in will if each), act)


def reinstate_person(world: World, asked: Namespace) -> Plan:
    """A reader is not listed again by this: they may have been withdrawn for a reason of its own."""
    person = accounts.person(world, asked.user)

    def act(operator: str, reason: str) -> Answer:
        return Answer([_person_facts(accounts.reinstate(world, person.id, actor=operator, reason=reason))])

    again = "; a reader comes back by `readers verify`" if person.role == "reader" else ""
    return Plan((f"let {_called(person)} in again{again}",) if person.suspended else (), act)


# --- sessions ------------------------------------------------------------------------------------


def show_session(world: World, asked: Namespace) -> Answer:
    """As stored: looking does not bring it up to date."""
    return Answer([_session_facts(sessions.load(world, asked.session))])


def force_end(world: World, asked: Namespace) -> Plan:
    """Nothing to do for one that has ended."""
    session = sessions.load(world, asked.session)

    def act(operator: str, reason: str) -> Answer:
        ended = sessions.force_end(world, session.id, actor=operator, note=reason)
        return Answer([_session_facts(ended.session)])

    return Plan((f"end the reading {session.id}, now {session.state}, for good",) if session.is_open else (), act)


def safety_stop(world: World, asked: Namespace) -> Plan:
    """The rules decide what becomes of it: a running one pauses."""
    session = sessions.load(world, asked.session)

    def act(operator: str, reason: str) -> Answer:
        stopped = sessions.safety_stop(world, session.id, actor=operator, note=reason)
        return Answer([_session_facts(stopped.session)])

    return Plan((f"stop the reading {session.id}, now {session.state}, for safety",) if session.is_open else (), act)


# --- satisfaction requests -----------------------------------------------------------------------


def list_guarantees(world: World, asked: Namespace) -> Answer:
    """Those that nobody has decided. What somebody wrote here is not to be copied elsewhere."""
    del asked
    return Answer([_guarantee_facts(each) for each in afterwards.pending_guarantees(world)])


def grant_guarantee(world: World, asked: Namespace) -> Plan:
    """Refused where it was refused before."""
    request = afterwards.guarantee(world, asked.guarantee)
    if decided(request, "granted", world.now()) == request:
        return Plan((), lambda *_: Answer([]))
    moved = afterwards.restitution_of(world, request)
    promo = f", {moved.promo} of them promotional, for seven days" if moved.promo else ""

    def act(operator: str, reason: str) -> Answer:
        return Answer([_guarantee_facts(afterwards.grant(world, request.id, actor=operator, reason=reason))])

    return Plan(
        (
            f"give {request.amount} cents back to the client {request.user} for {request.session}{promo}",
            f"take {moved.from_reader} cents of that from the earnings of the reader",
            f"let the platform bear the other {moved.from_platform} cents",
        ),
        act,
    )


def refuse_guarantee(world: World, asked: Namespace) -> Plan:
    """Refused where it was granted before. The client cannot ask again for this reading."""
    request = afterwards.guarantee(world, asked.guarantee)
    done = decided(request, "refused", world.now()) == request

    def act(operator: str, reason: str) -> Answer:
        return Answer([_guarantee_facts(afterwards.refuse(world, request.id, actor=operator, reason=reason))])

    return Plan(() if done else (f"refuse the request of {request.user} for {request.amount} cents",), act)


# --- reviews -------------------------------------------------------------------------------------


def remove_review(world: World, asked: Namespace) -> Plan:
    """It is kept, and shown to nobody; the reading cannot be reviewed again."""
    review = reviews.review(world, asked.review)

    def act(operator: str, reason: str) -> Answer:
        removed = reviews.remove(world, review.id, actor=operator, reason=reason)
        return Answer([{"id": removed.id, "reader": removed.reader, "rating": removed.rating, "removed": True}])

    will = f"take the review {review.id} ({review.rating} of 5) out of the list and the rating of {review.reader}"
    return Plan((will,) if review.standing != "removed" else (), act)


# --- ledger --------------------------------------------------------------------------------------


def verify_chain(world: World, asked: Namespace) -> Answer:
    """``broken_at`` is the first entry that does not follow from the one before it."""
    proof = statement.verify_chain(world, asked.account)
    if not proof.entries:
        raise NotFound("There is no such account, or nothing was ever posted to it.")
    return Answer([dataclasses.asdict(proof)], holds=proof.broken_at is None)


def trial_balance(world: World, asked: Namespace) -> Answer:
    """A row for each currency, and one for each chain whose balance is not the sum of its entries."""
    del asked
    balance = statement.trial_balance(world)
    rows: list[Facts] = [
        {"currency": currency, "total": total, "accounts": sum(1 for _, money in balance.accounts if money == currency)}
        for currency, total in sorted(balance.total.items())
    ]
    rows += [{"drifted": account} for account in balance.drifted]
    return Answer(rows, holds=not any(balance.total.values()) and not balance.drifted)


# --- how things are shown --------------------------------------------------------------------------


def _called(person: Person) -> str:
    return f"{person.display_name} ({person.id})"


def _named(reader: Reader) -> str:
    return f"{reader.description.name if reader.description else 'a reader without a profile'} ({reader.id})"


def _person_facts(person: Person) -> Facts:
    return {"id": person.id, "display_name": person.display_name, "role": person.role, "status": person.status}


def _reader_facts(reader: Reader) -> Facts:
    slug = reader.description.slug if reader.description else None
    return {"id": reader.id, "slug": slug, "state": reader.standing, "rates": reader.rates}


def _session_facts(session: Session) -> Facts:
    moments = ("created_at", "accepted_at", "started_at", "ended_at", "finalized_at")
    return {
        "id": session.id,
        "state": session.state,
        "reason": session.reason,
        "client": session.client.user,
        "reader": session.reader.user,
        "modality": session.modality,
        "rate": session.rate,
        **{name: rfc3339(at) if (at := getattr(session, name)) is not None else None for name in moments},
        "pauses": session.pauses,
        "refunded": session.refunded,
        "earned": session.earned,
        "review": session.review,
        "rev": session.rev,
    }


def _guarantee_facts(request: Guarantee) -> Facts:
    return {
        "id": request.id,
        "status": request.status,
        "amount": request.amount,
        "session": request.session,
        "client": request.user,
        "asked_at": rfc3339(request.asked_at),
        "reason": request.reason,
    }


# --- the list ------------------------------------------------------------------------------------


_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_ACCOUNT: Final = re.compile(
    r"(credit|coins|earnings):usr_[A-Za-z0-9]{1,60}|stream:str_[A-Za-z0-9]{1,60}:(0|[1-9][0-9]{0,3})"
)
_CHAINS: Final = "credit:usr_…, coins:usr_…, earnings:usr_… or stream:str_…:n"
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _text(written: str) -> str:
    """Something to read: not empty, and no bytes that are no text."""
    if not written.strip() or not written.isprintable():
        raise ArgumentTypeError("write some text")
    return written.strip()


def _email(written: str) -> str:
    """An address. An empty one (a variable that was not set) must not mean "anybody"."""
    if not _EMAIL.fullmatch(_text(written)):
        raise ArgumentTypeError("write an address such as luna@example.com")
    return written.strip()


def _id(written: str) -> str:
    if not _ID.fullmatch(written):
        raise ArgumentTypeError("write an id such as usr_…; `people find --email` tells a person's")
    return written


def _number(written: str) -> int:
    """As everybody reads it: no signs, blanks, underscores or digits of other scripts."""
    if not _NUMBER.fullmatch(written):
        raise ArgumentTypeError("write a number in plain digits, such as 2500")
    return int(written)


def _account(written: str) -> str:
    if not _ACCOUNT.fullmatch(written):
        raise ArgumentTypeError(f"write a chain: {_CHAINS}")
    return written


def _takes_nothing(parser: ArgumentParser) -> None:
    del parser


def _takes_email(parser: ArgumentParser) -> None:
    parser.add_argument("--email", type=_email, help="only who signs in with this address may use it")


def _takes_user(parser: ArgumentParser) -> None:
    parser.add_argument("user", type=_id, metavar="USER", help="the person's id, usr_…; `people find` tells it")


def _takes_session(parser: ArgumentParser) -> None:
    parser.add_argument("session", type=_id, metavar="ID", help="the reading's id, ses_…")


def _takes_guarantee(parser: ArgumentParser) -> None:
    parser.add_argument("guarantee", type=_id, metavar="ID", help="the request's id, gua_…; `guarantees list` tells it")


def _takes_review(parser: ArgumentParser) -> None:
    parser.add_argument("review", type=_id, metavar="ID", help="the review's id, rev_…")


def _takes_account(parser: ArgumentParser) -> None:
    parser.add_argument("account", type=_account, metavar="ACCOUNT", help=_CHAINS)


def _takes_subject_or_email(parser: ArgumentParser) -> None:
    by = parser.add_mutually_exclusive_group(required=True)
    by.add_argument("--sub", type=_text, help="the subject of their tokens, such as auth0|1234")
    by.add_argument("--email", type=_email, help="their address; reads the whole table of accounts")


_WHY: Final = '--reason "asked for by phone" --yes'

VERBS: Final = (
    Verb(
        "readers",
        "invite",
        "Invite somebody to become a reader.",
        (f"readers invite --stage dev --email luna@example.com {_WHY}", f"readers invite --local --json {_WHY}"),
        _takes_email,
        invite_reader,
        changes=True,
    ),
    Verb(
        "readers",
        "verify",
        "Verify a reader: they appear in the directory and may go online.",
        ("readers verify usr_… --stage dev --reason seen-passport", f"readers verify usr_… --local {_WHY}"),
        _takes_user,
        verify_reader,
        changes=True,
    ),
    Verb(
        "readers",
        "withdraw",
        "Take a reader out of the directory; `verify` brings them back.",
        (f"readers withdraw usr_… --stage prod {_WHY}",),
        _takes_user,
        withdraw_reader,
        changes=True,
    ),
    Verb(
        "people",
        "show",
        "Show a person, their standing as a reader, their open reading, and how their account ends.",
        ("people show usr_… --stage dev", "people show usr_… --local --json"),
        _takes_user,
        show_person,
    ),
    Verb(
        "people",
        "find",
        "Find people by the subject of their tokens, or by their address.",
        ("people find --sub 'auth0|1234' --stage dev", "people find --email luna@example.com --local"),
        _takes_subject_or_email,
        find_people,
    ),
    Verb(
        "people",
        "make-admin",
        "Make a client an admin.",
        (f"people make-admin usr_… --stage dev {_WHY}",),
        _takes_user,
        make_admin,
        changes=True,
    ),
    Verb(
        "people",
        "revoke-admin",
        "Make an admin a client again.",
        (f"people revoke-admin usr_… --stage dev {_WHY}",),
        _takes_user,
        revoke_admin,
        changes=True,
    ),
    Verb(
        "people",
        "suspend",
        "Shut a person out, and stop the reading they are in for safety.",
        (f"people suspend usr_… --stage prod {_WHY}",),
        _takes_user,
        suspend_person,
        changes=True,
    ),
    Verb(
        "people",
        "reinstate",
        "Let a suspended person in again.",
        (f"people reinstate usr_… --stage prod {_WHY}",),
        _takes_user,
        reinstate_person,
        changes=True,
    ),
    Verb(
        "sessions",
        "show",
        "Show a reading as it is stored. Money is in cents.",
        ("sessions show ses_… --stage prod", "sessions show ses_… --local --json"),
        _takes_session,
        show_session,
    ),
    Verb(
        "sessions",
        "force-end",
        "End a reading for good; it is settled as the rules say.",
        (f"sessions force-end ses_… --stage prod {_WHY}",),
        _takes_session,
        force_end,
        changes=True,
    ),
    Verb(
        "sessions",
        "safety-stop",
        "Pause a running reading for somebody's safety.",
        (f"sessions safety-stop ses_… --stage prod {_WHY}",),
        _takes_session,
        safety_stop,
        changes=True,
    ),
    Verb(
        "guarantees",
        "list",
        "List the satisfaction requests that nobody has decided, oldest first. Money is in cents.",
        ("guarantees list --stage prod", "guarantees list --local --json"),
        _takes_nothing,
        list_guarantees,
    ),
    Verb(
        "guarantees",
        "grant",
        "Give a client back what a reading cost, from the reader and the platform.",
        (f"guarantees grant gua_… --stage prod {_WHY}",),
        _takes_guarantee,
        grant_guarantee,
        changes=True,
    ),
    Verb(
        "guarantees",
        "refuse",
        "Refuse a satisfaction request.",
        (f"guarantees refuse gua_… --stage prod {_WHY}",),
        _takes_guarantee,
        refuse_guarantee,
        changes=True,
    ),
    Verb(
        "reviews",
        "remove",
        "Take a review out of the list and the rating, for cause.",
        (f"reviews remove rev_… --stage prod {_WHY}",),
        _takes_review,
        remove_review,
        changes=True,
    ),
    Verb(
        "ledger",
        "verify",
        "Follow an account from its first entry: numbers, balances, hashes. Exit code 1 if the chain is broken.",
        ("ledger verify credit:usr_… --stage prod", "ledger verify stream:str_…:0 --local"),
        _takes_account,
        verify_chain,
    ),
    Verb(
        "ledger",
        "trial-balance",
        "Add up the whole ledger. Exit code 1 unless every currency's total is zero and no account drifted.",
        ("ledger trial-balance --stage prod", "ledger trial-balance --local --json"),
        _takes_nothing,
        trial_balance,
    ),
)
