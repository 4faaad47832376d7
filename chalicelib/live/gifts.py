"""Gifts to live streams (product §6). One is one transaction: coins are burnt, the reader's and the platform's parts of
their value are posted, the feed and the sender's total have it, or nothing happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import ADULT, age
from chalicelib.accounts.service import Person
from chalicelib.gateways import World
from chalicelib.kernel.errors import AgeRequired, Forbidden
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.live import shards, watching
from chalicelib.live.gift_store import Leader, Where, gift_rows
from chalicelib.live.model import gift as model
from chalicelib.live.model.gift import Catalogue, Gift, Sent
from chalicelib.live.model.stream import Stream
from chalicelib.runtime import audit
from chalicelib.runtime.retries import undisturbed
from chalicelib.runtime.tables import Operation
from chalicelib.wallet import coins
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry

MOST_LEADERS: Final = 100


# --- the catalogue -------------------------------------------------------------------------------


def catalogue(world: World) -> Catalogue:
    """What there is to give."""
    return gift_rows(world).catalogue()


def set_gift(world: World, gift: Gift, *, actor: str, reason: str) -> Gift:
    """Put a gift into the catalogue, or in the place of the one with its id. What was sent stays what it was.

    Raises Invalid, InvalidState.
    """
    return _edited(world, gift.id, "gift_set", lambda was: model.with_gift(was, gift), actor, reason)


def stop_gift(world: World, gift_id: str, *, actor: str, reason: str) -> Gift:
    """Let nobody give it any more. Raises NotFound."""
    return _edited(world, gift_id, "gift_stopped", lambda was: model.without(was, gift_id), actor, reason)


def _edited(
    world: World, gift_id: str, action: str, decide: Callable[[Catalogue], Catalogue], actor: str, reason: str
) -> Gift:
    rows, at = gift_rows(world), world.now()

    def attempt() -> Gift:
        was = rows.catalogue()
        now = decide(was)
        gift = now.gift(gift_id)
        if now.gifts == was.gifts:
            return gift
        said = audit.entry(
            world.settings.tables.audit,
            subject=f"gift:{gift_id}",
            action=action,
            actor=actor,
            reason=reason,
            at=at,
            detail={"name": gift.name, "coins": gift.coins, "animation": gift.animation, "active": gift.active},
        )
        world.tables.write(rows.replace_catalogue(now, was), said)
        return gift

    return undisturbed(world.sleep, attempt)


# --- sending -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """A gift that was sent, and the coins that its sender had then."""

    sent: Sent
    balance: int


def send(world: World, user: str, stream_id: str, gift_id: str, sent_id: str) -> Given:
    """Send a gift to a live stream, once: ``sent_id`` derives from the request, and a repeat is answered with what was
    sent then, whatever became of the stream and the catalogue since.

    Raises NotFound, Forbidden, Blocked, AgeRequired, InvalidState (not live, its host not there yet, or not given any
    more), RateLimited, InsufficientFunds, SpendingLimitReached, WalletFrozen, Unavailable.
    """
    if before := _before(world, sent_id):
        return before
    stream = watching.watched(world, stream_id, user)
    stream.must_be_given_to()
    person = must_be_patron(world, stream, user)
    gift = gift_rows(world).catalogue().gift(gift_id)
    model.must_be_given(gift)
    return undisturbed(world.sleep, lambda: _given(world, stream, person, gift, sent_id))


def must_be_patron(world: World, stream: Stream, user: str) -> Person:
    """The person, if they may spend coins on the stream: somebody else than its host, and of age.

    Raises Forbidden, AgeRequired (also where they have not said when they were born).
    """
    if user == stream.host:
        raise Forbidden("This is your own stream.")
    person = accounts.person(world, user)
    today = datetime.fromtimestamp(world.now() / SECOND, UTC).date()
    if person.birth_date is None:
        raise AgeRequired("Say your birth date first (PATCH /v1/me).")
    if age(person.birth_date, today) < ADULT:
        raise AgeRequired
    return person


def _given(world: World, stream: Stream, person: Person, gift: Gift, sent_id: str) -> Given:
    """One transaction, tried until nobody comes between. Raises ConditionFailed where the sender's own row moved alone,
    and as ``send``.
    """
    rows, tries = gift_rows(world), count()
    parts = model.shares(gift.coins, world.settings.cents_per_100_coins)
    last: list[Sent] = []

    def beside(entry: Entry) -> list[Operation]:
        name, at, seq = person.display_name, entry.at, entry.seq
        sent = Sent(sent_id, stream.id, person.id, name, gift.id, gift.animation, gift.coins, at, seq)
        last[:] = [sent]
        fan = rows.fan(stream.id, person.id)
        earned = shards.earning(world, stream, ("gift", sent_id), parts, next(tries), entry.at)
        return [*earned, rows.add(sent), rows.replace_fan(model.sending(fan, sent), fan)]

    entry = coins.spend(world, person.id, "gift", gift.coins, _key(sent_id), stream.id, beside)
    if last and last[0].seq == entry.seq:
        return Given(last[0], entry.balance)
    return _as_sent(world, sent_id, entry)


def _before(world: World, sent_id: str) -> Given | None:
    """What an earlier try of the same request has sent."""
    entry = wallet.posted(world, _key(sent_id))
    return _as_sent(world, sent_id, entry) if entry else None


def _as_sent(world: World, sent_id: str, entry: Entry) -> Given:
    found = gift_rows(world).sent([where(entry)])
    if not found:
        raise LookupError(f"{sent_id} was paid and is not in the feed of {entry.reference}")
    return Given(found[0], entry.balance)


def where(entry: Entry) -> Where:
    """Where the gift is that was paid by this entry of its sender's coins."""
    return entry.reference, entry.at, entry.account.partition(":")[2], entry.seq


def _key(sent_id: str) -> str:
    return f"gift:{sent_id}"


# --- who sent what -------------------------------------------------------------------------------


def feed(
    world: World, user: str, stream_id: str, since: Millis, limit: int, after: str | None
) -> tuple[list[Sent], str | None]:
    """A page of what was sent to a stream from ``since`` on, newest first, for who may watch it, also when it is over.

    What two moments write at once may come into the list in another order: who asks for what is new asks for a few
    seconds more, and knows what they have by its id. Raises NotFound, Forbidden, Blocked.
    """
    stream = watching.watched(world, stream_id, user)
    return gift_rows(world).feed(stream.id, since, limit, after)


def leaders(world: World, user: str, stream_id: str) -> list[Leader]:
    """Who sent the most coins to a stream, 100 at most, for who may watch it. Raises NotFound, Forbidden, Blocked."""
    stream = watching.watched(world, stream_id, user)
    return gift_rows(world).leaders(stream.id, MOST_LEADERS)
