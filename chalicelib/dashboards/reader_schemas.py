"""What a reader's dashboard gives. Every amount, count and list says what it is, and of when."""

from typing import Self

from pydantic import Field

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.series import Day, Sums
from chalicelib.dashboards.schemas import (
    SOURCES,
    LocalDay,
    Moneys,
    PeriodView,
    ReaderMinutes,
    ReaderReadings,
    money_by,
    money_of,
    of_day,
)
from chalicelib.dashboards.service import ReaderDashboard
from chalicelib.gateways import World
from chalicelib.kernel.time import rfc3339
from chalicelib.payouts.schemas import EarnedView
from chalicelib.readers.model import Missing, Presence, Standing
from chalicelib.readers.schemas import Rates
from chalicelib.runtime.schemas import Money, Schema
from chalicelib.scheduling.schemas import AvailabilityView, BookingView
from chalicelib.sessions.schemas import SessionView, session_view


class ReaderNumbers(Schema):
    """What a reader did in some time."""

    earned: Money = Field(
        description="The reader's share; gifts and tickets from when they are given and bought: see `on_streams`."
    )
    earned_by: Moneys = Field(description=f"That by source: {SOURCES}")
    paid_out: Money = Field(description="Less what came back.")
    readings: ReaderReadings
    minutes: ReaderMinutes

    @classmethod
    def of(cls, sums: Sums) -> Self:
        return cls(
            earned=money_of(sums, *measures.EARNED),
            earned_by=money_by(sums, measures.EARNED),
            paid_out=money_of(sums, "paid_out"),
            readings=sums.get("readings", 0),
            minutes=sums.get("minutes", 0),
        )


class ReaderDay(ReaderNumbers):
    """One day of a reader."""

    day: LocalDay

    @classmethod
    def on(cls, day: Day) -> Self:
        return cls(**of_day(cls, ReaderNumbers.of(day.sums), day))


class ReaderTrend(Schema):
    """These days, and as many before them."""

    now: ReaderNumbers
    before: ReaderNumbers


class NextPayout(Schema):
    """The next turn in the daily run."""

    at: str
    amount: Money = Field(description="If nothing else is earned or given back until then.")


class ReaderView(Schema):
    """A reader at one look. `totals`, `trend`, `series` and `on_streams` are some seconds behind; all else is as it is
    now.
    """

    earnings: EarnedView
    on_streams: Money = Field(
        description="Of `totals.earned`: what gifts and tickets brought on streams that are not settled yet. It comes"
        " into `earnings` and the statement with the settlement, and is held from then on: `totals.earned` less"
        " `totals.paid_out` is `earnings.balance` and this."
    )
    next_payout: NextPayout | None = Field(
        description="Null where nothing will be paid: less than $15, or no account that is ready."
    )
    sessions: list[SessionView] = Field(description="The five newest, newest first.")
    bookings: list[BookingView] = Field(description="The next five, soonest first.")
    state: Standing
    missing: tuple[Missing, ...] = Field(description="What there is to do before clients can ask for a reading.")
    presence: Presence
    rates: Rates
    availability: AvailabilityView
    rating: float | None = Field(description="Average of all reviews, 1 to 5; null without one.")
    reviews: int
    totals: ReaderNumbers = Field(description="Of all time.")
    period: PeriodView
    trend: ReaderTrend
    series: list[ReaderDay] = Field(description="Each day of the period, oldest first.")

    @classmethod
    def of(cls, seen: ReaderDashboard, world: World) -> Self:
        now, rules, reader = world.now(), world.settings.rules, seen.reader
        return cls(
            earnings=EarnedView.now(seen.earnings),
            on_streams=money_of(seen.numbers.totals, "on_streams"),
            next_payout=NextPayout(at=rfc3339(seen.next_payout[0]), amount=Money(amount=seen.next_payout[1]))
            if seen.next_payout
            else None,
            sessions=[
                session_view(
                    each.session, "reader", each.funds if each.session.is_open else None, max(now, each.now), rules
                )
                for each in seen.sessions
            ],
            bookings=[BookingView.of(each, "reader", max(now, each.at)) for each in seen.bookings],
            state=reader.standing,
            missing=reader.missing,
            presence=seen.presence,
            rates=reader.rates,
            availability=AvailabilityView.of(seen.availability),
            rating=reader.rating,
            reviews=reader.rating_count,
            totals=ReaderNumbers.of(seen.numbers.totals),
            period=PeriodView.of(seen.numbers),
            trend=ReaderTrend(now=ReaderNumbers.of(seen.numbers.now), before=ReaderNumbers.of(seen.numbers.before)),
            series=[ReaderDay.on(each) for each in seen.numbers.days],
        )
