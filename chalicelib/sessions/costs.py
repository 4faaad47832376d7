"""What a reading has cost, and out of which credit: from the client's chain, or as its booking has paid."""

from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE
from chalicelib.sessions.model.session import Session
from chalicelib.wallet import metering
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import Split, first_part
from chalicelib.wallet.model.receipt import Minute, Receipt, Refund


def cost(world: World, session: Session) -> Receipt:
    """What the session has cost so far, minute by minute: from the client's chain, or as its booking has paid."""
    if session.booking:
        return _booked_cost(session)
    if session.first_seq is None:
        return Receipt((), (), 0, 0)
    last = session.last_seq or wallet.head(world, session.client.user).seq
    return metering.session_receipt(world, session.client.user, session.id, session.first_seq, last)


def _booked_cost(session: Session) -> Receipt:
    ends, prepaid = session.ends_by or session.created_at, session.prepaid or 0
    begins = ends - prepaid * MINUTE
    minutes = tuple(Minute(number, begins + (number - 1) * MINUTE, session.rate) for number in range(1, prepaid + 1))
    refunds = (Refund(session.ended_at or ends, session.refunded),) if session.refunded else ()
    total = prepaid * session.rate - session.refunded
    return Receipt(minutes, refunds, total, total)


def paid_from(world: World, session: Session) -> Split:
    """Which bucket of the client's credit paid for what of the reading in the end, in the order of spending.

    What a booking has paid is one posting, under the key ``booking:{id}``.
    """
    if session.booking:
        charge = wallet.posted(world, f"booking:{session.booking}")
        return first_part(charge.split, -charge.amount - session.refunded) if charge else ()
    if session.first_seq is None or session.last_seq is None:
        return ()
    return metering.session_paid_from(world, session.client.user, session.id, session.first_seq, session.last_seq)
