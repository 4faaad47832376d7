"""What a client's dashboard gives. Every amount, count and list says what it is, and of when."""

from typing import Self

from pydantic import Field

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.series import Day, Sums
from chalicelib.dashboards.schemas import (
    LocalDay,
    Minutes,
    Moneys,
    PeriodView,
    Readings,
    coins_of,
    money_by,
    money_of,
    of_day,
)
from chalicelib.dashboards.service import ClientDashboard
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.readers import pictures
from chalicelib.readers.schemas import FavoriteView, ReaderCard
from chalicelib.runtime.schemas import Money, PersonView, Schema
from chalicelib.scheduling.schemas import BookingView
from chalicelib.wallet.schemas import EntryView, WalletView, entry_view, wallet_view


class ClientNumbers(Schema):
    """What a client did in some time."""

    spent: Money = Field(description="Of credit, and at Stripe for orders; less what went back.")
    spent_on: Moneys = Field(description="That by what it was for: reading, booking, tip, reply, product.")
    topped_up: Money = Field(description="Paid into credit.")
    refunded: Money = Field(description="Unused credit sent back to cards.")
    coins_bought: Money = Field(description="In coins.")
    coins_spent: Money = Field(description="In coins, less what went back.")
    readings: Readings
    minutes: Minutes

    @classmethod
    def of(cls, sums: Sums) -> Self:
        return cls(
            spent=money_of(sums, *measures.SPENT),
            spent_on=money_by(sums, measures.SPENT),
            topped_up=money_of(sums, "topped_up"),
            refunded=money_of(sums, "refunded"),
            coins_bought=coins_of(sums, "coins.bought"),
            coins_spent=coins_of(sums, *measures.COINS_SPENT),
            readings=sums.get("readings", 0),
            minutes=sums.get("minutes", 0),
        )


class ClientDay(Schema):
    """One day of a client."""

    day: LocalDay
    spent: Money
    topped_up: Money
    readings: Readings
    minutes: Minutes

    @classmethod
    def on(cls, day: Day) -> Self:
        return cls(**of_day(cls, ClientNumbers.of(day.sums), day))


class ClientTrend(Schema):
    """These days, and as many before them."""

    now: ClientNumbers
    before: ClientNumbers


class SessionNote(Schema):
    """One's own note on a reading."""

    session: str
    reader: PersonView
    text: str
    updated_at: str


class ClientView(Schema):
    """A client at one look. `totals`, `trend` and `series` are some seconds behind; all else is as it is now."""

    wallet: WalletView
    entries: list[EntryView] = Field(description="The ten newest of credit and coins, newest first.")
    bookings: list[BookingView] = Field(description="The next five, soonest first.")
    notes: list[SessionNote] = Field(description="The five that one wrote last, newest first.")
    favorites: list[FavoriteView] = Field(description="Ten of them, by the readers' ids.")
    totals: ClientNumbers = Field(description="Of all time.")
    period: PeriodView
    trend: ClientTrend
    series: list[ClientDay] = Field(description="Each day of the period, oldest first.")

    @classmethod
    def of(cls, seen: ClientDashboard, world: World) -> Self:
        now = world.now()
        return cls(
            wallet=wallet_view(seen.balance),
            entries=[entry_view(each) for each in seen.entries],
            bookings=[BookingView.of(each, "client", max(now, each.at)) for each in seen.bookings],
            notes=[
                SessionNote(
                    session=session.id,
                    reader=PersonView(id=session.reader.user, display_name=session.reader.name),
                    text=note.text,
                    updated_at=rfc3339(note.at or 0),
                )
                for session, note in seen.notes
            ],
            favorites=[
                FavoriteView.of(favorite, ReaderCard.of(card, presence, pictures.link(world, card.id, card.picture)))
                for favorite, card, presence in seen.favorites
            ],
            totals=ClientNumbers.of(seen.numbers.totals),
            period=PeriodView.of(seen.numbers),
            trend=ClientTrend(now=ClientNumbers.of(seen.numbers.now), before=ClientNumbers.of(seen.numbers.before)),
            series=[ClientDay.on(each) for each in seen.numbers.days],
        )
