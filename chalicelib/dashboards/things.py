"""What an entry of the ledger refers to and does not say itself: whose it is, and how long a reading was."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.dashboards.model.measures import Thing, What
from chalicelib.gateways import World
from chalicelib.kernel.time import ceil_div
from chalicelib.live import service as live
from chalicelib.runtime.tables import Contended
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import service as sessions
from chalicelib.shop import orders


class Unseen(Contended):
    """An entry is there, and what was written with it is not seen yet."""


Asked = tuple[What, str] | None
Things = Callable[[Asked], Thing]


def thing(world: World, asked: Asked) -> Thing:
    """What it refers to. Raises Unseen while the transaction that wrote both is not seen whole, NotFound."""
    match asked:
        case ("session", name):
            session = sessions.load(world, name)
            _must_be_over(over=session.state == "finalized")
            minutes = ceil_div(session.connected_before, world.settings.rules.minute)
            return Thing(session.client.user, session.reader.user, minutes)
        case ("booking", name):
            booking = scheduling.load(world, name)
            _must_be_over(over=not booking.is_open)
            kept = booking.price - booking.refunded if booking.state == "completed" else 0
            return Thing(booking.client.user, booking.reader.user, ceil_div(kept, booking.rate))
        case ("stream", name):
            return Thing(reader=live.load(world, name).host)
        case ("order", name):
            return Thing(client=orders.load(world, name).buyer)
    return Thing()


def _must_be_over(*, over: bool) -> None:
    if not over:
        raise Unseen("its entry is there, and it is not")
