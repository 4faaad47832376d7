"""What an admin's dashboard gives. Every amount, count and list says what it is, and of when."""

from typing import Self

from pydantic import Field

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.series import Day, Sums
from chalicelib.dashboards.schemas import (
    SOURCES,
    LocalDay,
    Minutes,
    Moneys,
    PeriodView,
    Readings,
    coins_of,
    money_by,
    money_of,
    name_of,
    of_day,
)
from chalicelib.dashboards.service import PlatformDashboard, Waits
from chalicelib.kernel.time import rfc3339, rfc3339_or_none
from chalicelib.readers.model import Reader
from chalicelib.runtime.schemas import Money, Schema


class PlatformNumbers(Schema):
    """What happened on the platform in some time."""

    topped_up: Money = Field(description="Paid into credit.")
    sold: Money = Field(description="Paid at Stripe for coins and orders; what app stores took is not known here.")
    spent: Money = Field(description="By clients, of credit and at Stripe for orders; less what went back.")
    spent_on: Moneys = Field(description="That by what it was for: reading, booking, tip, reply, product.")
    earned: Money = Field(description="By readers.")
    earned_by: Moneys = Field(description=f"That by source: {SOURCES}")
    kept: Money = Field(description="The platform's share.")
    kept_of: Moneys = Field(
        description="That by source: reading, booking, tip, reply, gift, ticket, product, shipping, guarantee."
    )
    refunded: Money = Field(description="Sent back to cards: unused credit, and what was paid for coins and orders.")
    disputed: Money = Field(description="Taken back by banks, less what was won.")
    paid_out: Money = Field(description="To readers, less what came back.")
    promo_granted: Money = Field(description="Promotional credit given.")
    coins_bought: Money = Field(description="In coins.")
    coins_spent: Money = Field(description="In coins, less what went back.")
    readings: Readings
    minutes: Minutes
    people: int = Field(description="Who signed in for the first time.")
    readers: int = Field(description="Who became a reader.")

    @classmethod
    def of(cls, sums: Sums) -> Self:
        return cls(
            topped_up=money_of(sums, "topped_up"),
            sold=money_of(sums, "coin_sales.paid", "order_sales.paid"),
            spent=money_of(sums, *measures.SPENT),
            spent_on=money_by(sums, measures.SPENT),
            earned=money_of(sums, *measures.EARNED),
            earned_by=money_by(sums, measures.EARNED),
            kept=money_of(sums, *measures.SHARE),
            kept_of=money_by(sums, measures.SHARE),
            refunded=money_of(sums, "refunded", "coin_sales.refunded", "order_sales.refunded"),
            disputed=money_of(sums, "disputed", "coin_sales.disputed", "order_sales.disputed"),
            paid_out=money_of(sums, "paid_out"),
            promo_granted=money_of(sums, "promo.granted"),
            coins_bought=coins_of(sums, "coins.bought"),
            coins_spent=coins_of(sums, *measures.COINS_SPENT),
            readings=sums.get("readings", 0),
            minutes=sums.get("minutes", 0),
            people=sums.get("people", 0),
            readers=sums.get("readers", 0),
        )


class PlatformDay(Schema):
    """One day of the platform."""

    day: LocalDay
    topped_up: Money
    sold: Money
    spent: Money
    earned: Money
    kept: Money
    refunded: Money
    paid_out: Money
    readings: Readings
    minutes: Minutes
    people: int

    @classmethod
    def on(cls, day: Day) -> Self:
        return cls(**of_day(cls, PlatformNumbers.of(day.sums), day))


class PlatformTrend(Schema):
    """These days, and as many before them."""

    now: PlatformNumbers
    before: PlatformNumbers


class WaitsView(Schema):
    """What waits for somebody."""

    count: int
    more: bool = Field(description="There are more than that: they are counted to a hundred.")
    since: str | None = Field(description="When what waits longest came; null where nothing does, or nobody knows.")

    @classmethod
    def of(cls, waits: Waits) -> Self:
        return cls(count=waits.count, more=waits.more, since=rfc3339_or_none(waits.since))


class NewReaderView(Schema):
    """A reader who is to be verified."""

    id: str
    slug: str | None
    name: str
    since: str = Field(description="When they became a reader.")

    @classmethod
    def of(cls, reader: Reader) -> Self:
        said = reader.description
        return cls(id=reader.id, slug=reader.slug, name=said.name if said else "", since=rfc3339(reader.created_at))


class OnboardingView(Schema):
    """How far readers are."""

    readers: dict[str, int] = Field(
        description="How many there are by standing: invited, profile (to be verified), verified, withdrawn."
    )
    waiting: WaitsView = Field(description="Readers who are to be verified.")
    unverified: list[NewReaderView] = Field(description="The five of them who are readers longest.")


class ModerationView(Schema):
    """What moderators are to decide."""

    pending: WaitsView = Field(description="What was reported.")
    appealed: WaitsView


class RefundsView(Schema):
    """What goes back to clients, or may."""

    in_progress: WaitsView = Field(description="Refunds of credit that are on their way to cards.")
    guarantees: WaitsView = Field(description="Satisfaction requests that nobody has decided.")
    asked: Money = Field(description="What those come to.")


class BooksView(Schema):
    """Whether the books agree."""

    reconciling: bool = Field(description="A reconciliation is going on.")
    reconciled_at: str | None = Field(description="When the last one ended; null while one goes on, or there was none.")
    differences: int = Field(description="That it left open.")
    payouts_frozen: str | None = Field(description="Why nothing is paid out; null while it is.")
    unsettled: WaitsView = Field(description="Readings that do not add up by themselves: an admin settles them.")
    adjustments: WaitsView = Field(description="Corrections by hand that a second person is to approve.")


class PlatformView(Schema):
    """The platform at one look. `readers` by standing, `totals`, `trend` and `series` are some seconds behind."""

    onboarding: OnboardingView
    moderation: ModerationView
    refunds: RefundsView
    books: BooksView
    totals: PlatformNumbers = Field(description="Of all time.")
    period: PeriodView
    trend: PlatformTrend
    series: list[PlatformDay] = Field(description="Each day of the period, oldest first.")

    @classmethod
    def of(cls, seen: PlatformDashboard) -> Self:
        books = seen.books
        return cls(
            onboarding=OnboardingView(
                readers={name_of(each): seen.numbers.totals.get(each, 0) for each in measures.STANDING},
                waiting=WaitsView.of(seen.onboarding),
                unverified=[NewReaderView.of(each) for each in seen.unverified],
            ),
            moderation=ModerationView(
                pending=WaitsView.of(seen.moderation["pending"]), appealed=WaitsView.of(seen.moderation["appealed"])
            ),
            refunds=RefundsView(
                in_progress=WaitsView.of(seen.refunds),
                guarantees=WaitsView.of(seen.guarantees),
                asked=Money(amount=seen.asked),
            ),
            books=BooksView(
                reconciling=books.reconciling,
                reconciled_at=rfc3339_or_none(books.reconciled_at),
                differences=books.differences,
                payouts_frozen=books.payouts_frozen,
                unsettled=WaitsView.of(books.unsettled),
                adjustments=WaitsView.of(books.adjustments),
            ),
            totals=PlatformNumbers.of(seen.numbers.totals),
            period=PeriodView.of(seen.numbers),
            trend=PlatformTrend(
                now=PlatformNumbers.of(seen.numbers.now), before=PlatformNumbers.of(seen.numbers.before)
            ),
            series=[PlatformDay.on(each) for each in seen.numbers.days],
        )
