"""Having the reading that somebody is in end sooner: for a booking, or by their own limits."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import Millis
from chalicelib.sessions.model.session import Session
from chalicelib.sessions.service import advance, open_session
from chalicelib.sessions.store import session_rows

if TYPE_CHECKING:
    from chalicelib.accounts.model.limits import Limits, Wanted

_TRIES: Final = 30


def end_by(world: World, user: str, at: Millis, *, unless: str) -> None:
    """Have the reading that ``user`` is in over by ``at``, for a booking begins then; not the booking's own session.

    Raises Unavailable when storage stays contended.
    """

    def ends_before(session: Session) -> bool:
        return session.id == unless or (session.ends_by or at + 1) <= at

    _look_sooner(world, user, ends_before, ends_by=at)


def limit_spending(world: World, user: str, wanted: "Wanted") -> "Limits":
    """Set what ``user`` lets themselves spend, and have a running reading stop where it is bound by now.

    Raises Invalid, Unavailable when storage stays contended.
    """
    from chalicelib.wallet import limits

    held = limits.set_limits(world, user, wanted)
    _look_sooner(world, user, lambda session: session.state != "active" or session.client.user != user)
    return held


def _look_sooner(world: World, user: str, needless: Callable[[Session], bool], **changes: Any) -> None:
    """Change the reading that ``user`` is in, and start another execution of its clock: the present one may sleep
    longer than it lasts now.
    """
    for _ in range(_TRIES):
        seen = open_session(world, user)
        if seen is None or needless(seen.session):
            return
        session = seen.session
        sooner = replace(session, **changes, clock_epoch=-1, clock_turn=session.clock_turn + 1, clock_at=None)
        raised, operations = session_rows(world).replace(sooner, was=session)
        if world.wrote(*operations):
            advance(world, raised)
            return
    raise Unavailable("The reading is too busy.")
