"""What the endpoints of gifts and tickets take and give. Prices are in coins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field

from chalicelib.kernel.money import COINS
from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.runtime.schemas import Id, ListQuery, Moment, Money, PersonView, Schema, millis

if TYPE_CHECKING:
    from chalicelib.live.gift_store import Leader, Ticket
    from chalicelib.live.gifts import Given
    from chalicelib.live.model.gift import Gift, Sent


class GiftView(Schema):
    """One thing to give."""

    id: str
    name: str
    coins: int
    animation: str = Field(description="What the apps show.")


class NewGift(Schema):
    """Which gift."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"gift": "rose"}]})

    gift: Id


class GivenView(Schema):
    """A gift that was sent, and the coins that are left."""

    id: str
    gift: str
    coins: int
    animation: str
    balance: Money
    at: str


class FeedQuery(ListQuery):
    """Which part of a feed."""

    after: Moment | None = None

    @property
    def since(self) -> Millis:
        """The moment from which on."""
        return 0 if self.after is None else max(0, millis(self.after))


class SentView(Schema):
    """A gift in the feed of a stream."""

    id: str
    gift: str
    coins: int
    animation: str
    sender: PersonView = Field(description="By the name they had then.")
    at: str


class LeaderView(Schema):
    """What one person sent to a stream."""

    sender: PersonView
    coins: int
    gifts: int = Field(description="How many.")


class TicketView(Schema):
    """A ticket, and the coins that are left."""

    id: str
    stream: str
    coins: int
    balance: Money
    at: str


def gift_view(gift: Gift) -> GiftView:
    """A gift of the catalogue."""
    return GiftView(id=gift.id, name=gift.name, coins=gift.coins, animation=gift.animation)


def given_view(given: Given) -> GivenView:
    """A gift as its sender is answered."""
    sent = given.sent
    return GivenView(
        id=sent.id,
        gift=sent.gift,
        coins=sent.coins,
        animation=sent.animation,
        balance=Money(amount=given.balance, currency=COINS),
        at=rfc3339(sent.at),
    )


def sent_view(sent: Sent) -> SentView:
    """A gift as everybody sees it."""
    return SentView(
        id=sent.id,
        gift=sent.gift,
        coins=sent.coins,
        animation=sent.animation,
        sender=PersonView(id=sent.user, display_name=sent.name),
        at=rfc3339(sent.at),
    )


def leader_view(leader: Leader) -> LeaderView:
    """A line of the leaderboard."""
    sender = PersonView(id=leader.user, display_name=leader.name)
    return LeaderView(sender=sender, coins=leader.total, gifts=leader.count)


def ticket_view(ticket: Ticket, balance: int) -> TicketView:
    """A ticket as its owner is answered."""
    return TicketView(
        id=ticket.id,
        stream=ticket.stream,
        coins=ticket.coins,
        balance=Money(amount=balance, currency=COINS),
        at=rfc3339(ticket.at),
    )
