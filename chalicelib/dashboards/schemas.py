"""What all dashboards take and give: which days they are of, and sums as money."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Self

from pydantic import Field

from chalicelib.dashboards.model.series import MOST_DAYS, Day, Sums
from chalicelib.dashboards.service import Numbers
from chalicelib.kernel.money import COINS
from chalicelib.runtime.schemas import Money, Schema

SOURCES: Final = "reading, booking, tip, reply, gift, ticket, product, guarantee (below zero), adjustment."

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


def of_day(view: type[Schema], numbers: Schema, day: Day) -> dict[str, Any]:
    """What a day's view has: its date, and those of the numbers that it names."""
    told = {name: value for name, value in numbers if name in view.model_fields}
    return told | {"day": day.day.isoformat()}


def _sum(sums: Sums, names: Iterable[str]) -> int:
    return sum(sums.get(each, 0) for each in names)


def money_of(sums: Sums, *names: str) -> Money:
    return Money(amount=_sum(sums, names))


def coins_of(sums: Sums, *names: str) -> Money:
    return Money(amount=_sum(sums, names), currency=COINS)


def money_by(sums: Sums, names: Iterable[str]) -> Moneys:
    return {name_of(each): Money(amount=sums.get(each, 0)) for each in names}


def name_of(measure: str) -> str:
    return measure.partition(".")[2]
