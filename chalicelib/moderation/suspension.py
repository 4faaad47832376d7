"""Shutting somebody out: first the person, so that nothing new begins, then what they have open and ahead.

Where a case decides it, the first is in the case's own write, and the case owes the second until it is done.
"""

from contextlib import suppress
from dataclasses import replace

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Person
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.live import service as live
from chalicelib.moderation.model import Case
from chalicelib.moderation.store import cases
from chalicelib.readers import service as readers
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Key
from chalicelib.scheduling import belongings as bookings
from chalicelib.sessions import service as sessions


def suspend(world: World, user: str, *, actor: str, reason: str) -> Person:
    """Shut the person out, with all that follows; audited. May be repeated. Raises NotFound, InvalidState (deleted)."""
    suspended = accounts.suspend(world, user, actor=actor, reason=reason)
    follow(world, user, actor=actor, reason=reason)
    return suspended


def follow(world: World, user: str, *, actor: str, reason: str) -> None:
    """Take somebody who is shut out from the directory, pause their reading for safety, end their stream, and call off
    what is booked, at the whole price. May be repeated, and goes on where it was stopped. Raises Unavailable.
    """
    with suppress(NotFound):
        if readers.reader(world, user).verified:
            readers.withdraw(world, user, actor=actor, reason=reason)
    if seen := sessions.open_session(world, user):
        sessions.safety_stop(world, seen.session.id, actor=actor, note=reason)
    live.end_open(world, user, "suspended", actor=actor, note=reason)
    bookings.call_off_all(world, user, by_platform=True)


def carried_out(world: World, case: Case) -> Case:
    """Do what the case owes, if anything; the case as it is then. May be repeated. Raises Unavailable.

    Nothing of it is owed any more by an author who was let in again meanwhile, by the command line say.
    """
    if not case.owing or case.decision is None:
        return case
    if accounts.is_shut_out(world, case.author):
        follow(world, case.author, actor=case.decision.actor, reason=case.decision.reason)

    def attempt() -> Case:
        was = cases(world).find(case.id)
        if was is None or not was.owing:
            return was or case
        done = replace(was, owing=False, rev=was.rev + 1)
        world.tables.write(cases(world).replace(done, was))
        return done

    return undisturbed(world.sleep, attempt)


def page_of_shard(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[tuple[str, Key]], Key | None]:
    """Cases that still owe it, for the minute tick: they are few, and all in one shard."""
    return cases(world).owing(limit, start) if shard == "0" else ([], None)


def look_after(world: World, case_id: str) -> None:
    """The minute tick carries it out. Raises NotFound, Unavailable."""
    found = cases(world).find(case_id)
    if found is None:
        raise NotFound("There is no such case.")
    carried_out(world, found)
