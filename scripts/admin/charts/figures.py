"""What is drawn of a client, of a reader and of the platform, out of what their dashboards say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from chalicelib.dashboards.model import measures
from chalicelib.dashboards.model.series import Sums
from chalicelib.dashboards.service import Numbers, PlatformDashboard, Waits
from chalicelib.kernel.time import rfc3339
from scripts.admin.charts.report import Chart, Report, Sheet, Tile, Unit, by_day, by_part, change, day_name, said

_SOLD: Final = ("coin_sales.paid", "order_sales.paid")
_PAID_IN: Final = ("topped_up", *_SOLD)
_NAMES: Final = {"topped_up": "credit", "coin_sales.paid": "coins", "order_sales.paid": "orders"}


def client(title: str, numbers: Numbers) -> Report:
    """What a client spent, and on what."""
    tile = _tiles(numbers)
    charts = (
        _chart(numbers, "Spent", "cents", measures.SPENT),
        _chart(numbers, "Paid into credit", "cents", ("topped_up",)),
        _chart(numbers, "Minutes", "count", ("minutes",)),
        _chart(numbers, "Coins spent", "count", measures.COINS_SPENT),
    )
    tiles = (
        tile("Spent", "cents", measures.SPENT),
        tile("Paid in", "cents", ("topped_up",)),
        tile("Sent back", "cents", ("refunded",)),
        tile("Readings", "count", ("readings",)),
        tile("Minutes", "count", ("minutes",)),
        tile("Coins spent", "count", measures.COINS_SPENT),
    )
    ever = _ever(numbers, {"spent": measures.SPENT, "paid in": ("topped_up",), "sent back": ("refunded",)})
    return Report(title, _days(numbers), tiles, charts, (by_part(charts[0]), ever, by_day(charts)))


def reader(title: str, numbers: Numbers) -> Report:
    """What a reader earned, and by what."""
    tile = _tiles(numbers)
    charts = (
        _chart(numbers, "Earned", "cents", measures.EARNED),
        _chart(numbers, "Paid out", "cents", ("paid_out",)),
        _chart(numbers, "Minutes", "count", ("minutes",)),
        _chart(numbers, "Readings", "count", ("readings",)),
    )
    tiles = (
        tile("Earned", "cents", measures.EARNED),
        tile("Paid out", "cents", ("paid_out",)),
        tile("Readings", "count", ("readings",)),
        tile("Minutes", "count", ("minutes",)),
    )
    ever = _ever(numbers, {"earned": measures.EARNED, "paid out": ("paid_out",), "on streams": ("on_streams",)})
    return Report(title, _days(numbers), tiles, charts, (by_part(charts[0]), ever, by_day(charts)))


def platform(title: str, seen: PlatformDashboard) -> Report:
    """What was paid in, spent and shared on the platform, and what waits for somebody."""
    numbers = seen.numbers
    tile = _tiles(numbers)
    charts = (
        _chart(numbers, "Paid in", "cents", _PAID_IN),
        _chart(numbers, "Spent", "cents", measures.SPENT),
        _chart(numbers, "Minutes", "count", ("minutes",)),
        _chart(numbers, "New people", "count", ("people",)),
    )
    tiles = (
        tile("Paid in", "cents", _PAID_IN),
        tile("Spent", "cents", measures.SPENT),
        tile("Earned by readers", "cents", measures.EARNED),
        tile("Kept", "cents", measures.SHARE),
        tile("Paid out", "cents", ("paid_out",)),
        tile("Readings", "count", ("readings",)),
        tile("Minutes", "count", ("minutes",)),
        tile("New people", "count", ("people",)),
    )
    ever = _ever(
        numbers,
        {"paid in": _PAID_IN, "spent": measures.SPENT, "earned": measures.EARNED, "kept": measures.SHARE},
    )
    spent = by_part(charts[1])
    return Report(title, _days(numbers), tiles, charts, (spent, ever, _standing(seen), _waiting(seen), by_day(charts)))


def _tiles(numbers: Numbers) -> Callable[[str, Unit, Iterable[str]], Tile]:
    """What makes a tile of measures: these days' sum, and how it changed."""

    def tile(name: str, unit: Unit, of: Iterable[str]) -> Tile:
        names = tuple(of)
        now, before = _sum(numbers.now, names), _sum(numbers.before, names)
        return Tile(name, said(now, unit), change(now, before))

    return tile


def _chart(numbers: Numbers, title: str, unit: Unit, names: Iterable[str]) -> Chart:
    days = tuple(each.day for each in numbers.days)
    parts = {_name(name): tuple(each.sums.get(name, 0) for each in numbers.days) for name in names}
    return Chart(title, unit, days, parts)


def _ever(numbers: Numbers, of: dict[str, Iterable[str]]) -> Sheet:
    money = [(name, said(_sum(numbers.totals, names), "cents")) for name, names in of.items()]
    counts = [(name, said(numbers.totals.get(name, 0), "count")) for name in ("readings", "minutes")]
    return Sheet("Of all time", ("what", "in all"), (*money, *counts))


def _standing(seen: PlatformDashboard) -> Sheet:
    totals = seen.numbers.totals
    rows = tuple((_name(each), said(totals.get(each, 0), "count")) for each in measures.STANDING)
    return Sheet("Readers", ("standing", "how many"), rows)


def _waiting(seen: PlatformDashboard) -> Sheet:
    frozen, books = seen.books.payouts_frozen, seen.books
    agree = "never looked at" if books.reconciled_at is None else f"at {_minute(books.reconciled_at)}"
    rows = (
        ("readers to verify", *_waits(seen.onboarding)),
        ("reports", *_waits(seen.moderation["pending"])),
        ("appeals", *_waits(seen.moderation["appealed"])),
        ("satisfaction requests", *_waits(seen.guarantees)),
        ("refunds on their way", *_waits(seen.refunds)),
        ("readings to settle by hand", *_waits(books.unsettled)),
        ("adjustments to approve", *_waits(books.adjustments)),
        ("differences of the books", str(books.differences), "reconciling" if books.reconciling else agree),
        ("payouts", "frozen" if frozen else "open", frozen or ""),
    )
    return Sheet("What waits", ("what", "how many", "since"), rows)


def _waits(waits: Waits) -> tuple[str, str]:
    more = "+" if waits.more else ""
    return f"{waits.count}{more}", _minute(waits.since) if waits.since is not None else ""


def _minute(moment: int) -> str:
    return f"{rfc3339(moment)[:16].replace('T', ' ')} UTC"


def _days(numbers: Numbers) -> str:
    first, last = numbers.span.days[0], numbers.span.days[-1]
    many = len(numbers.span.days)
    before = "the day before" if many == 1 else f"the {many} days before"
    days = f"{day_name(first)} to {day_name(last)}" if first != last else day_name(last)
    return f"{days} {last.year}, {numbers.span.zone.key}; ▲▼ beside {before}"


def _sum(sums: Sums, names: Iterable[str]) -> int:
    return sum(sums.get(each, 0) for each in names)


def _name(measure: str) -> str:
    return _NAMES.get(measure) or measure.rpartition(".")[2]
