"""Readings whose settlement did not add up (product §3, rule 9), divided as an admin says.

Nobody was paid, so what the reading took lies in its clearing account still. It is divided to the cent, once, in one
transaction: the reader has and the client gets back what the admin says, and the platform has the rest.
"""

from dataclasses import dataclass, replace
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Invalid, InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis, ceil_div
from chalicelib.payouts import service as payouts
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Operation
from chalicelib.sessions import costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Session
from chalicelib.sessions.store import session_rows
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import GIVEN, Part, last_part

_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What three books say that a reading cost, in cents. Settled by itself, they agree."""

    held: Cents
    """What its clearing account holds: what there is to divide."""
    by_minutes: Cents
    """The minutes that its receipt shows, less what the receipt shows as given back."""
    by_time: Cents
    """The connected time of its own timeline, at its rate, less what its row says was given back."""


def reckoning(world: World, session: Session) -> Reckoning:
    """What the books say of a reading that an admin must decide on. Raises InvalidState for any other."""
    if not session.in_review:
        raise InvalidState(f"The reading is {session.state}, and waits for nobody's decision.")
    receipt = costs.cost(world, session)
    minutes = ceil_div(session.connected_before, world.settings.rules.minute)
    return Reckoning(receipt.by_ledger, receipt.total, minutes * session.rate - session.refunded)


def in_review(world: World, limit: int) -> list[Session]:
    """Readings that an admin must decide on, the last ended first."""
    return session_rows(world).in_review(limit)


def undivided(world: World, user: str) -> Cents:
    """What readings of this person hold that an admin must divide yet, of the hundred that ended last."""
    theirs = [each for each in in_review(world, _MOST) if user in (each.client.user, each.reader.user)]
    return sum(max(0, reckoning(world, each).held) for each in theirs)


def is_settled(world: World, session: Session, *, earned: Cents, refunded: Cents) -> bool:
    """Whether an admin has decided, and so. Raises AlreadyDone where it was settled in another way."""
    if session.state != "finalized":
        return False
    back = wallet.posted(world, _key(session.id))
    if session.review is None or (session.earned, back.amount if back else 0) != (earned, refunded):
        raise AlreadyDone("It was settled before, in another way.")
    return True


def check(world: World, session: Session, *, earned: Cents, refunded: Cents) -> Reckoning:
    """What the books say, where it can be divided so. Raises Invalid, InvalidState."""
    found = reckoning(world, session)
    if min(earned, refunded) < 0 or earned + refunded > max(0, found.held):
        message = f"both together are at most the {found.held} cents that there are to divide"
        raise Invalid(errors=({"field": "earned", "message": message},))
    if refunded and accounts.is_deleted(world, session.client.user):
        raise InvalidState("The client has left: nobody could spend it.")
    if earned and accounts.is_deleted(world, session.reader.user):
        raise InvalidState("The reader has left: nobody could be paid.")
    return found


def settle(
    world: World,
    session_id: str,
    *,
    earned: Cents,
    refunded: Cents,
    actor: str,
    reason: str,
    beside: tuple[Operation, ...] = (),
) -> Session:
    """Give the reader ``earned`` of what there is, the client ``refunded``, the platform the rest, once; audited, and
    the client is told. One try: raises ConditionFailed or Contended where another writer came between.

    ``beside`` is written with it. Raises NotFound, Invalid, InvalidState, AlreadyDone (settled in another way).
    """
    was = sessions.load(world, session_id)
    if is_settled(world, was, earned=earned, refunded=refunded):
        return was
    found = check(world, was, earned=earned, refunded=refunded)
    now = max(world.now(), was.at)
    fee = found.held - earned - refunded
    settled = replace(was, state="finalized", finalized_at=now, earned=earned, at=now)
    operations = payouts.reading_divided(world, was.reader.user, was.id, earned, fee, now)
    if refunded:
        parts = _parts(world, was, refunded)
        entry, postings = wallet.give_back_reading(world, was.client.user, was.id, parts, _key(was.id))
        settled = replace(settled, refunded=was.refunded + refunded, last_seq=entry.seq)
        operations += [*postings, _word(world, was, refunded, now)]
    raised, moved = session_rows(world).replace(settled, was=was)
    detail = {"held": found.held, "earned": earned, "refunded": refunded, "fee": fee, "why": was.review}
    said = audit.entry(
        world.settings.tables.audit,
        subject=was.id,
        action="session_divided",
        actor=actor,
        reason=reason,
        at=now,
        detail=detail,
    )
    world.tables.write(*moved, *operations, said, *beside)
    log.info("session_moved", session=was.id, state=raised.state, reason=was.review or "")
    return raised


def _parts(world: World, session: Session, refunded: Cents) -> list[Part]:
    """Where ``refunded`` came from: the last that was spent goes back first. What the entries of the minutes do not
    explain comes back as what was put in by hand, which never goes to a card.
    """
    back = [(bucket, cents, 0) for bucket, cents in last_part(costs.paid_from(world, session), refunded)]
    unexplained = refunded - sum(cents for _, cents, _ in back)
    return [*back, (GIVEN, unexplained, 0)] if unexplained else back


def _word(world: World, session: Session, refunded: Cents, now: Millis) -> Operation:
    return outbox.notice(
        world.settings.tables.notices,
        to=session.client.user,
        kind="reading_refunded",
        fact=session.id,
        at=now,
        facts={"session": session.id, "amount": refunded},
    )


def _key(session_id: str) -> str:
    return f"reading_refunded:{session_id}"
