"""What follows a reading: tip, review, notes, satisfaction request (product §2 and §3, rule 10).

Each use case brings the reading up to date, asks the pure rules of ``model.afterwards``, and writes once. What belongs
to one reading has an id that derives from it, so asking twice finds the first.
"""

from dataclasses import dataclass
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.payouts import service as payouts
from chalicelib.readers import reviews
from chalicelib.readers.reviews import Review
from chalicelib.runtime import audit, outbox
from chalicelib.runtime.logs import log
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.sessions import costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.afterwards_store import Afterwards
from chalicelib.sessions.model import afterwards as model
from chalicelib.sessions.model.afterwards import Decision, Guarantee, Restitution
from chalicelib.sessions.model.session import Session
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

_WORST: Final = 1
_BEST: Final = 5


# --- tip -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tip:
    """``amount`` cents of credit, of which the reader has had their share."""

    id: str
    session: str
    amount: Cents
    at: Millis


def tip(world: World, session_id: str, user: str, tip_id: str, amount: Cents) -> Tip:
    """Give the reader a tip of ``amount`` cents: the client's debit and both shares are one transaction.

    ``tip_id`` derives from the request. Raises NotFound, Forbidden, Invalid, InvalidState, InsufficientFunds,
    SpendingLimitReached, WalletFrozen, AlreadyDone (the same id was derived for another amount).
    """
    session = _of_client(world, session_id, user)
    model.must_have_talked(session)
    if not model.TIP_LEAST <= amount <= model.TIP_MOST:
        message = f"between {model.TIP_LEAST} and {model.TIP_MOST} cents"
        raise Invalid(errors=({"field": "amount", "message": message},))
    if accounts.is_deleted(world, session.reader.user):
        raise InvalidState("This reader has left.")

    def shares(debit: Entry) -> list[Operation]:
        return payouts.tip_earned(world, session.reader.user, tip_id, session.id, amount, debit.at)

    fact = f"tip:{tip_id}"
    entry = wallet.spend(world, user, "tip", amount, fact, fact, session.id, shares)
    log.info("session_tipped", session=session.id, amount=amount)
    return Tip(tip_id, session.id, amount, entry.at)


# --- review --------------------------------------------------------------------------------------


def review(world: World, session_id: str, user: str, rating: int, text: str) -> Review:
    """Review the reading, once, by the client who paid for it; the reader's rating changes with it.

    Raises NotFound, Forbidden, Invalid, InvalidState, AlreadyDone.
    """
    session = _of_client(world, session_id, user)
    model.must_have_paid(session, costs.cost(world, session).total)
    if not _WORST <= rating <= _BEST:
        raise Invalid(errors=({"field": "rating", "message": f"from {_WORST} to {_BEST}"},))
    return reviews.add(
        world,
        Review(
            id=reviews.review_id_of(session.id),
            reader=session.reader.user,
            session=session.id,
            author=user,
            name=model.public_name(session.client.name),
            rating=rating,
            text=model.written("text", text, model.REVIEW_LENGTH),
            at=world.now(),
        ),
    )


def reply(world: World, review_id: str, user: str, text: str) -> Review:
    """The reader's one reply to a review. Raises NotFound, Forbidden, Invalid, AlreadyDone."""
    return reviews.reply(world, review_id, user, model.written("text", text, model.REVIEW_LENGTH, least=1))


# --- notes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Note:
    """A private note. Without text there is none."""

    text: str = ""
    at: Millis | None = None


def session_note(world: World, session_id: str, user: str) -> Note:
    """The client's own note on the reading. Raises NotFound, Forbidden."""
    model.must_be_client(sessions.load(world, session_id), user)
    return _note(world, user, session_id)


def write_session_note(world: World, session_id: str, user: str, text: str) -> Note:
    """Keep the client's note on the reading; an empty one deletes it. Raises NotFound, Forbidden, Invalid."""
    model.must_be_client(sessions.load(world, session_id), user)
    return _write_note(world, user, session_id, text, listed=True)


def newest_notes(world: World, user: str, limit: int) -> list[tuple[Session, Note]]:
    """The readings that the client wrote of last, with what they wrote, newest first; a moment ago."""
    found = _rows(world).newest_notes(user, limit)
    return [(sessions.load(world, session_id), Note(text, at)) for session_id, text, at in found]


def client_note(world: World, client: str, user: str) -> Note:
    """The reader's own note on a client. Raises Forbidden unless the two have talked."""
    _must_have_met(world, user, client)
    return _note(world, user, client)


def write_client_note(world: World, client: str, user: str, text: str) -> Note:
    """Keep the reader's note on a client; an empty one deletes it. Raises Forbidden, Invalid."""
    _must_have_met(world, user, client)
    if accounts.is_deleted(world, client):
        raise Forbidden("This person has left.")
    return _write_note(world, user, client, text, listed=False)


def _must_have_met(world: World, reader: str, client: str) -> None:
    if not sessions.have_met(world, reader, client):
        raise Forbidden("You have had no reading with this person.")


def _note(world: World, owner: str, about: str) -> Note:
    found = _rows(world).note(owner, about)
    return Note(*found) if found else Note()


def _write_note(world: World, owner: str, about: str, text: str, *, listed: bool) -> Note:
    cleaned, now = model.written("text", text, model.NOTE_LENGTH), world.now()
    rows = _rows(world)
    kept = rows.put_note(owner, about, cleaned, now, listed=listed) if cleaned else rows.delete_note(owner, about)
    world.tables.write(kept)
    return Note(cleaned, now) if cleaned else Note()


# --- satisfaction request ------------------------------------------------------------------------


def ask_guarantee(world: World, session_id: str, user: str, reason: str) -> Guarantee:
    """Ask for what the reading cost, up to $25; once a reading, and once in 30 days. The same request when repeated.

    Raises NotFound, Forbidden, Invalid, InvalidState, AlreadyDone (with another reason).
    """
    session = _of_client(world, session_id, user)
    cleaned = model.written("reason", reason, model.GUARANTEE_LENGTH, least=1)
    cost = costs.cost(world, session).total
    rows = _rows(world)

    def attempt() -> Guarantee:
        last = rows.last_asked(user)  # before the request itself: this very one, made in between, must be found by it
        if done := rows.guarantee(_guarantee_id(session.id)):
            if done.reason != cleaned:
                raise AlreadyDone("You have asked this for the reading before.")
            return done
        wanted = model.asked(_guarantee_id(session.id), session, cost, cleaned, last, world.now())
        world.tables.write(*rows.ask(wanted, last))
        log.info("guarantee_asked", session=session.id, amount=wanted.amount)
        return wanted

    return undisturbed(world.sleep, attempt)


def guarantee_of(world: World, session_id: str, user: str) -> Guarantee:
    """The client's request for the reading. Raises NotFound, Forbidden."""
    model.must_be_client(sessions.load(world, session_id), user)
    return guarantee(world, _guarantee_id(session_id))


def guarantee(world: World, guarantee_id: str) -> Guarantee:
    """The request. Raises NotFound."""
    if found := _rows(world).guarantee(guarantee_id):
        return found
    raise NotFound("There is no such request.")


def pending_guarantees(world: World) -> list[Guarantee]:
    """Requests that nobody has decided, oldest first, up to 1,000."""
    return _rows(world).pending_guarantees()


def restitution_of(world: World, asked: Guarantee) -> Restitution:
    """What granting the request would move. Raises InvalidState where the ledger does not show the cost."""
    session = sessions.load(world, asked.session)
    return model.restitution(asked, costs.paid_from(world, session), session.earned)


def grant(world: World, guarantee_id: str, *, actor: str, reason: str) -> Guarantee:
    """Give the client the amount back, from the reader and the platform, in one transaction, audited. A granted
    request stays as it is.

    Raises NotFound, AlreadyDone (refused before), InvalidState (the ledger does not show the cost).
    """

    def attempt() -> Guarantee:
        was = guarantee(world, guarantee_id)
        granted = model.decided(was, "granted", world.now())
        if granted == was:
            return was
        session = sessions.load(world, was.session)
        if accounts.is_deleted(world, was.user):
            raise InvalidState("The client has left: nobody could spend it.")
        moved = restitution_of(world, was)

        def beside(credit: Entry) -> list[Operation]:
            bearers = payouts.earnings_returned(
                world, session.reader.user, was.id, was.session, was.amount, moved.from_reader, credit.at
            )
            detail = {"amount": was.amount, "promo": moved.promo, "from_reader": moved.from_reader}
            told = _told(world, was, "granted", actor, reason, detail)
            return [_rows(world).decide(granted), *bearers, *told]

        back = [(bucket, cents, 0) for bucket, cents in moved.back]
        wallet.compensate(world, was.user, "guarantee", was.id, back, was.session, beside)
        return guarantee(world, guarantee_id)

    return undisturbed(world.sleep, attempt)


def refuse(world: World, guarantee_id: str, *, actor: str, reason: str) -> Guarantee:
    """Refuse the request, audited. A refused one stays as it is. Raises NotFound, AlreadyDone (granted before)."""

    def attempt() -> Guarantee:
        was = guarantee(world, guarantee_id)
        refused = model.decided(was, "refused", world.now())
        if refused != was:
            told = _told(world, was, "refused", actor, reason, {"amount": was.amount})
            world.tables.write(_rows(world).decide(refused), *told)
        return refused

    return undisturbed(world.sleep, attempt)


def _guarantee_id(session_id: str) -> str:
    return derived_id("gua", session_id)


def _told(
    world: World, asked: Guarantee, decision: Decision, actor: str, reason: str, detail: dict[str, Cents]
) -> tuple[Operation, Operation]:
    """The audit log is told why; the client, what."""
    entry = audit.entry(
        world.settings.tables.audit,
        subject=asked.session,
        action=f"guarantee_{decision}",
        actor=actor,
        reason=reason,
        at=world.now(),
        detail={"guarantee": asked.id, **detail},
    )
    notice = outbox.notice(
        world.settings.tables.notices,
        to=asked.user,
        kind=f"guarantee_{decision}",
        fact=asked.id,
        at=world.now(),
        facts={"session": asked.session, "amount": asked.amount},
    )
    return entry, notice


# --- for a person's file, and for forgetting them ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Own:
    """What one person wrote after one reading."""

    note: Note
    """On the reading, or on its client."""
    review: Review | None
    guarantee: Guarantee | None


def own_of(world: World, session: Session, user: str) -> Own:
    """What ``user`` wrote after the reading; a review that was replied to or removed is the client's still.

    Raises Forbidden for a stranger.
    """
    rows, who = _rows(world), session.who(user)
    return Own(
        note=_note(world, user, session.id if who == "client" else session.client.user),
        review=reviews.of_session(world, session.id) if who == "client" else None,
        guarantee=rows.guarantee(_guarantee_id(session.id)) if who == "client" else None,
    )


def forget(world: World, session: Session, user: str, name: str) -> None:
    """Delete the notes that ``user`` took of the reading, and the reader's on them, and put ``name`` in place of theirs
    in its review. What admins decide on stays, under ids alone. May be repeated. Raises Forbidden for a stranger.
    """
    rows, client = _rows(world), session.who(user) == "client"
    world.tables.write(rows.delete_note(user, session.id if client else session.client.user))
    if client:
        world.tables.write(rows.delete_note(session.reader.user, user))
        reviews.forget(world, reviews.review_id_of(session.id), name)


def _of_client(world: World, session_id: str, user: str) -> Session:
    """The reading, up to date. Raises NotFound, Forbidden unless ``user`` is its client."""
    session = sessions.load(world, session_id)
    model.must_be_client(session, user)
    return sessions.advance(world, session).session


def _rows(world: World) -> Afterwards:
    return Afterwards(world.tables, world.settings.tables.sessions)
