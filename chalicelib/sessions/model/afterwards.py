"""What may follow a reading (product §2 and §3, rule 10): tip, review, satisfaction request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from chalicelib.kernel import text
from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState
from chalicelib.kernel.money import Cents, reader_share
from chalicelib.kernel.time import DAY, HOUR, Millis, rfc3339
from chalicelib.sessions.model.session import Session
from chalicelib.wallet.model.buckets import GIVEN, PAID, Split, last_part

TIP_LEAST: Final[Cents] = 100
TIP_MOST: Final[Cents] = 50_000

REVIEW_LENGTH: Final = 2_000
NOTE_LENGTH: Final = 5_000

GUARANTEE_MOST: Final[Cents] = 2_500
GUARANTEE_WITHIN: Final[Millis] = 72 * HOUR
"""Of the moment at which the reading was settled."""
GUARANTEE_INTERVAL: Final[Millis] = 30 * DAY
"""Between two requests of one client, whatever became of the first."""
GUARANTEE_LENGTH: Final = 2_000

Decision = Literal["granted", "refused"]


def must_be_client(session: Session, user: str) -> None:
    """Raises Forbidden for the reader, and for a stranger."""
    if session.who(user) != "client":
        raise Forbidden("Only the client may do this.")


def must_have_talked(session: Session) -> None:
    """Raises InvalidState before the reading is settled, and where the talk never began."""
    if session.state != "finalized":
        raise InvalidState("The reading is not settled yet.")
    if session.started_at is None:
        raise InvalidState("The talk never began.")


def must_have_paid(session: Session, cost: Cents) -> None:
    """Raises InvalidState before the reading is settled, and where it cost nothing in the end."""
    must_have_talked(session)
    if cost <= 0:
        raise InvalidState("The reading cost nothing.")


def written(field: str, said: str, most: int, *, least: int = 0) -> str:
    """What somebody wrote, cleaned. Raises Invalid outside ``least`` to ``most`` characters then."""
    cleaned = text.paragraphs(said)
    if not least <= len(cleaned) <= most:
        raise Invalid(errors=({"field": field, "message": f"Write {least} to {most} visible characters."},))
    return cleaned


def public_name(display_name: str) -> str:
    """The first word of a name: what strangers may read of who wrote a review."""
    return next(iter(display_name.split()), display_name)


# --- the satisfaction request --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A client's request to be given back what a reading cost; an admin decides."""

    id: str
    session: str
    user: str
    amount: Cents
    reason: str
    asked_at: Millis
    status: Literal["pending"] | Decision = "pending"
    decided_at: Millis | None = None


def asked(guarantee: str, session: Session, cost: Cents, reason: str, last: Millis | None, now: Millis) -> Guarantee:
    """The request for a reading that cost ``cost`` in the end; ``last`` is when the client asked before.

    Raises InvalidState beyond 72 hours, within 30 days of another one, and where nothing was paid.
    """
    must_have_paid(session, cost)
    if session.finalized_at is None or now >= session.finalized_at + GUARANTEE_WITHIN:
        raise InvalidState("This can be asked for within 72 hours of the reading.")
    if last is not None and now < last + GUARANTEE_INTERVAL:
        raise InvalidState(f"This can be asked for again at {rfc3339(last + GUARANTEE_INTERVAL)}.")
    return Guarantee(
        id=guarantee,
        session=session.id,
        user=session.client.user,
        amount=min(GUARANTEE_MOST, cost),
        reason=reason,
        asked_at=now,
    )


def decided(guarantee: Guarantee, decision: Decision, now: Millis) -> Guarantee:
    """The request, decided; as it was where it was decided so before. Raises AlreadyDone for the other decision."""
    if guarantee.status == decision:
        return guarantee
    if guarantee.status != "pending":
        raise AlreadyDone(f"The request was {guarantee.status} before.")
    return replace(guarantee, status=decision, decided_at=now)


@dataclass(frozen=True, slots=True)
class Restitution:
    """What granting a request moves: back to where the client had it, from the reader, and from the platform."""

    back: Split
    from_reader: Cents
    from_platform: Cents

    @property
    def promo(self) -> Cents:
        """The promotional part of what the client gets: neither paid nor put in by hand, so it expires."""
        return sum(cents for bucket, cents in self.back if bucket not in (PAID, GIVEN))


def restitution(guarantee: Guarantee, paid_from: Split, earned: Cents) -> Restitution:
    """Undo the last ``amount`` of what was spent on the reading, as a refund would; the reader bears the share they had
    of it, never more than the reading earned them. Raises InvalidState where the ledger shows less spent.
    """
    back = last_part(paid_from, guarantee.amount)
    if sum(cents for _, cents in back) != guarantee.amount:
        raise InvalidState("The ledger does not show so much paid for this reading.")
    share = min(reader_share(guarantee.amount), earned)
    return Restitution(back, share, guarantee.amount - share)
