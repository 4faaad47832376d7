"""What the dashboards take and give. Every amount, count and list says what it is, and of when."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Self

from pydantic import Field

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.series import MOST_DAYS, Day, Sums
from chalicelib.dashboards.service import ClientDashboard, Numbers, PlatformDashboard, ReaderDashboard, Waits
from chalicelib.gateways import World
from chalicelib.kernel.money import COINS
from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.payouts.schemas import EarnedView
from chalicelib.readers import pictures
from chalicelib.readers.model import Missing, Presence, Reader, Standing
from chalicelib.readers.schemas import FavoriteView, Rates, ReaderCard
from chalicelib.runtime.schemas import Money, PersonView, Schema
from chalicelib.scheduling.schemas import AvailabilityView, BookingView
from chalicelib.sessions.schemas import SessionView, session_view
from chalicelib.wallet.schemas import EntryView, WalletView, entry_view, wallet_view

LONGEST_ZONE: Final = 64

LocalDay = Annotated[str, Field(description="A day in the zone that was asked for, as `2026-11-26`.")]
Moneys = dict[str, Money]
Readings = Annotated[int, Field(description="Readings that were begun; a booking's, once it has taken place.")]
Minutes = Annotated[int, Field(description="Minutes paid for, less those taken back.")]
ReaderReadings = Annotated[int, Field(description="Readings that were settled and paid for.")]
ReaderMinutes = Annotated[int, Field(description="Minutes of those readings.")]


class DashboardQuery(Schema):
    """Which days to look at."""

    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="Local days, today the last of them.")] = 30
    zone: Annotated[
        str, Field(min_length=1, max_length=LONGEST_ZONE, description="IANA name of the zone whose days they are.")
    ] = "UTC"


class PeriodView(Schema):
    """The days of `series` and `trend`. Today is not over, so the last day still grows."""

    zone: str
    first: LocalDay
    last: LocalDay

    @classmethod
    def of(cls, numbers: Numbers) -> Self:
        days = numbers.span.days
        return cls(zone=numbers.span.zone.key, first=days[0].isoformat(), last=days[-1].isoformat())


# --- a client ------------------------------------------------------------------------------------


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
            spent=_money(sums, *measures.SPENT),
            spent_on=_each(sums, measures.SPENT),
            topped_up=_money(sums, "topped_up"),
            refunded=_money(sums, "refunded"),
            coins_bought=Money(amount=sums.get("coins.bought", 0), currency=COINS),
            coins_spent=Money(amount=_sum(sums, measures.COINS_SPENT), currency=COINS),
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
        return cls(**_of_day(cls, ClientNumbers.of(day.sums), day))


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


# --- a reader ------------------------------------------------------------------------------------

_SOURCES: Final = "reading, booking, tip, reply, gift, ticket, product, guarantee (below zero), adjustment."


class ReaderNumbers(Schema):
    """What a reader did in some time."""

    earned: Money = Field(description="The reader's share; gifts and tickets when they were given and bought.")
    earned_by: Moneys = Field(description=f"That by source: {_SOURCES}")
    paid_out: Money = Field(description="Less what came back.")
    readings: ReaderReadings
    minutes: ReaderMinutes

    @classmethod
    def of(cls, sums: Sums) -> Self:
        return cls(
            earned=_money(sums, *measures.EARNED),
            earned_by=_each(sums, measures.EARNED),
            paid_out=_money(sums, "paid_out"),
            readings=sums.get("readings", 0),
            minutes=sums.get("minutes", 0),
        )


class ReaderDay(ReaderNumbers):
    """One day of a reader."""

    day: LocalDay

    @classmethod
    def on(cls, day: Day) -> Self:
        return cls(**_of_day(cls, ReaderNumbers.of(day.sums), day))


class ReaderTrend(Schema):
    """These days, and as many before them."""

    now: ReaderNumbers
    before: ReaderNumbers


class NextPayout(Schema):
    """The next turn in the daily run."""

    at: str
    amount: Money = Field(description="If nothing else is earned or given back until then.")


class ReaderView(Schema):
    """A reader at one look. `totals`, `trend` and `series` are some seconds behind; all else is as it is now."""

    earnings: EarnedView
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


# --- the platform --------------------------------------------------------------------------------


class PlatformNumbers(Schema):
    """What happened on the platform in some time."""

    topped_up: Money = Field(description="Paid into credit.")
    sold: Money = Field(description="Paid at Stripe for coins and orders; what app stores took is not known here.")
    spent: Money = Field(description="By clients, of credit and at Stripe for orders; less what went back.")
    spent_on: Moneys = Field(description="That by what it was for: reading, booking, tip, reply, product.")
    earned: Money = Field(description="By readers.")
    earned_by: Moneys = Field(description=f"That by source: {_SOURCES}")
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
            topped_up=_money(sums, "topped_up"),
            sold=_money(sums, "coin_sales.paid", "order_sales.paid"),
            spent=_money(sums, *measures.SPENT),
            spent_on=_each(sums, measures.SPENT),
            earned=_money(sums, *measures.EARNED),
            earned_by=_each(sums, measures.EARNED),
            kept=_money(sums, *measures.SHARE),
            kept_of=_each(sums, measures.SHARE),
            refunded=_money(sums, "refunded", "coin_sales.refunded", "order_sales.refunded"),
            disputed=_money(sums, "disputed", "coin_sales.disputed", "order_sales.disputed"),
            paid_out=_money(sums, "paid_out"),
            promo_granted=_money(sums, "promo.granted"),
            coins_bought=Money(amount=sums.get("coins.bought", 0), currency=COINS),
            coins_spent=Money(amount=_sum(sums, measures.COINS_SPENT), currency=COINS),
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
        return cls(**_of_day(cls, PlatformNumbers.of(day.sums), day))


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
        return cls(count=waits.count, more=waits.more, since=_moment(waits.since))


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
                readers={_name(each): seen.numbers.totals.get(each, 0) for each in measures.STANDING},
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
                reconciled_at=_moment(books.reconciled_at),
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


def _of_day(view: type[Schema], numbers: Schema, day: Day) -> dict[str, Any]:
    """What a day's view has: its date, and those of the numbers that it names."""
    told = {name: value for name, value in numbers if name in view.model_fields}
    return told | {"day": day.day.isoformat()}


def _sum(sums: Sums, names: Iterable[str]) -> int:
    return sum(sums.get(each, 0) for each in names)


def _money(sums: Sums, *names: str) -> Money:
    return Money(amount=_sum(sums, names))


def _each(sums: Sums, names: Iterable[str]) -> Moneys:
    return {_name(each): Money(amount=sums.get(each, 0)) for each in names}


def _name(measure: str) -> str:
    return measure.partition(".")[2]


def _moment(moment: Millis | None) -> str | None:
    return None if moment is None else rfc3339(moment)
