"""Shutting somebody out: first the person, so that nothing new begins, then what they have open and ahead."""

from contextlib import suppress

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Person
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.live import service as live
from chalicelib.readers import service as readers
from chalicelib.scheduling import service as scheduling
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
    scheduling.call_off_all(world, user, by_platform=True)
