"""What clients, readers and admins see at one look, and who may see it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.dashboards import folding, service
from chalicelib.dashboards.client_schemas import ClientNumbers, ClientView
from chalicelib.dashboards.model.measures import MEANINGS
from chalicelib.dashboards.model.news import Chain
from chalicelib.dashboards.platform_schemas import PlatformNumbers, PlatformView
from chalicelib.dashboards.reader_schemas import ReaderNumbers, ReaderView
from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, Invalid, NotFound
from chalicelib.kernel.time import DAY, HOUR, MINUTE, rfc3339
from chalicelib.operations import reconciliation
from chalicelib.payouts import paying
from chalicelib.readers import service as readers
from chalicelib.readers.service import Description
from chalicelib.runtime.identity import Claims
from chalicelib.sessions import afterwards
from chalicelib.sessions.store import Sessions
from chalicelib.wallet import service as wallet
from tests.support.desk import Desk
from tests.support.duo import RATE, Duo
from tests.support.hands import Hands
from tests.support.people import person
from tests.support.reading import pay_in
from tests.support.show import Show
from tests.support.worlds import HandClock, hand_world

NOON = int(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()) * 1_000
COST = 3 * RATE
SHARE = COST * 70 // 100


@pytest.fixture
def duo() -> Duo:
    """Two people and an admin; a reading of two minutes and a half, a tip, and a review."""
    duo = Duo(hand_world(now=HandClock(NOON)), "1")
    person(duo.world, duo.client)
    person(duo.world, duo.reader, role="reader")
    person(duo.world, "usr_admin", role="admin")
    duo.ended(150_000)
    duo.noticed()
    afterwards.tip(duo.world, duo.session, duo.client, "tip_1", 100)
    afterwards.review(duo.world, duo.session, duo.client, 4, "She knew.")
    return summed(duo)


def summed(duo: Duo) -> Duo:
    """All that was posted is in the sums."""
    chains = [Chain(f"{kind}:{duo.client}") for kind in ("credit", "coins")] + [Chain(f"earnings:{duo.reader}")]
    assert folding.fold(duo.world, chains, lambda: 60_000) == []
    return duo


def client(duo: Duo, days: int = 2, zone: str = "UTC") -> dict[str, Any]:
    return ClientView.of(service.client(duo.world, duo.client, days, zone), duo.world).model_dump()


def reader(duo: Duo, days: int = 2, zone: str = "UTC") -> dict[str, Any]:
    return ReaderView.of(service.reader(duo.world, duo.reader, days, zone), duo.world).model_dump()


def platform(world: World, days: int = 2, zone: str = "UTC") -> dict[str, Any]:
    return PlatformView.of(service.platform(world, days, zone)).model_dump()


def usd(cents: int) -> dict[str, Any]:
    return {"amount": cents, "currency": "usd"}


# --- a client


def test_a_client_sees_what_their_ledger_says(duo: Duo) -> None:
    seen = client(duo)
    assert seen["wallet"]["credit"]["total"] == usd(5_000 - COST - 100)
    assert seen["totals"]["spent"] == usd(COST + 100)
    assert {source: money["amount"] for source, money in seen["totals"]["spent_on"].items()} == {
        "reading": COST,
        "booking": 0,
        "tip": 100,
        "reply": 0,
        "product": 0,
    }
    assert seen["totals"]["topped_up"] == usd(5_000)
    assert (seen["totals"]["readings"], seen["totals"]["minutes"]) == (1, 3)
    assert seen["trend"]["now"] == seen["totals"]
    assert seen["trend"]["before"]["spent"] == usd(0)
    assert [(day["day"], day["spent"]["amount"], day["minutes"]) for day in seen["series"]] == [
        ("2026-11-25", 0, 0),
        ("2026-11-26", COST + 100, 3),
    ]
    assert seen["period"] == {"zone": "UTC", "first": "2026-11-25", "last": "2026-11-26"}


def test_a_day_is_that_of_the_zone_that_was_asked_for(duo: Duo) -> None:
    assert [day["day"] for day in client(duo, 1, "Pacific/Auckland")["series"]] == ["2026-11-27"]
    duo.forward(13 * HOUR)
    assert [day["minutes"] for day in client(duo, 2, "UTC")["series"]] == [3, 0]
    assert [day["minutes"] for day in client(duo, 2, "America/New_York")["series"]] == [0, 3]


def test_what_was_before_is_beside_what_is_now(duo: Duo) -> None:
    duo.forward(2 * DAY)
    pay_in(duo.world, duo.client, 700, "again")
    trend = client(summed(duo))["trend"]
    assert (trend["now"]["topped_up"], trend["before"]["topped_up"]) == (usd(700), usd(5_000))
    assert (trend["now"]["minutes"], trend["before"]["minutes"]) == (0, 3)


def test_entries_are_the_ten_newest_of_credit_and_coins(duo: Duo) -> None:
    for number in range(8):
        duo.forward(MINUTE)
        pay_in(duo.world, duo.client, 100 + number, f"more {number}")
    duo.forward(MINUTE)
    _, posting = wallet.earn(duo.world, f"coins:{duo.client}", "coins_granted", 50, "platform:coins", "x")
    duo.world.tables.write(posting)
    entries = client(duo)["entries"]
    assert len(entries) == 10
    assert [entry["account"] for entry in entries] == ["coins", *["credit"] * 9]
    assert [entry["amount"]["amount"] for entry in entries[:9]] == [50, *range(107, 99, -1)]
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)


def test_a_client_sees_their_favorites_and_newest_notes(duo: Duo) -> None:
    readers.keep_favorite(duo.world, duo.client, duo.reader, notify_online=True)
    afterwards.write_session_note(duo.world, duo.session, duo.client, "The river.")
    seen = client(duo)
    (favorite,) = seen["favorites"]
    assert (favorite["reader"]["id"], favorite["notify_online"]) == (duo.reader, True)
    assert seen["notes"] == [
        {
            "session": duo.session,
            "reader": {"id": duo.reader, "display_name": f"Name of {duo.reader}"},
            "text": "The river.",
            "updated_at": rfc3339(duo.world.now()),
        }
    ]


def test_somebody_new_has_an_empty_dashboard(duo: Duo) -> None:
    person(duo.world, "usr_new")
    seen = ClientView.of(service.client(duo.world, "usr_new", 92, "UTC"), duo.world)
    assert (seen.entries, seen.bookings, seen.notes, seen.favorites) == ([], [], [], [])
    assert len(seen.series) == 92
    assert seen.totals == seen.trend.now == ClientNumbers.of({})


# --- a reader


def test_a_reader_sees_what_they_earned_and_by_what(duo: Duo) -> None:
    seen = reader(duo)
    assert seen["earnings"] == {"balance": usd(SHARE + 70), "pending": usd(SHARE + 70), "available": usd(0)}
    assert seen["next_payout"] is None
    assert seen["totals"]["earned"] == usd(SHARE + 70)
    by = {source: money["amount"] for source, money in seen["totals"]["earned_by"].items() if money["amount"]}
    assert by == {"reading": SHARE, "tip": 70}
    assert [(day["day"], day["earned"]["amount"], day["minutes"]) for day in seen["series"]] == [
        ("2026-11-25", 0, 0),
        ("2026-11-26", SHARE + 70, 3),
    ]
    assert seen["trend"]["now"] == seen["totals"]
    assert [session["id"] for session in seen["sessions"]] == [duo.session]
    assert (seen["rating"], seen["reviews"], seen["state"], seen["missing"]) == (4.0, 1, "verified", ())
    assert seen["rates"] == {"text": RATE, "voice": RATE, "video": RATE}
    assert seen["availability"] == {"time_zone": "UTC", "buffer_minutes": 0, "weekly": []}


def test_what_a_reader_earned_is_what_was_paid_out_their_balance_and_what_lies_on_streams(duo: Duo) -> None:
    show = Show(duo.world, "s").live("premium", 300)
    person(duo.world, show.host, role="reader")
    patron = show.patron("fan")
    show.pays(patron)
    show.gives(patron, "heart")

    def seen() -> tuple[int, int, int]:
        chains = [Chain(row["account"]) for row in duo.world.tables.scan("ledger").items]
        assert folding.fold(duo.world, chains, lambda: 60_000) == []
        told = ReaderView.of(service.reader(duo.world, show.host, 1, "UTC"), duo.world)
        return told.totals.earned.amount, told.on_streams.amount, told.earnings.balance.amount

    assert seen() == (560, 560, 0)
    show.ends()
    show.noticed()
    assert seen() == (560, 0, 560)


def test_a_readers_open_reading_says_nothing_of_the_clients_wallet() -> None:
    duo = Duo(hand_world(now=HandClock(NOON)), "1")
    person(duo.world, duo.client)
    person(duo.world, duo.reader, role="reader")
    duo.active()
    seen = reader(duo)
    assert seen["sessions"][0]["seconds_left"] is None
    assert seen["presence"] == "busy"


@pytest.mark.parametrize("whose", ["client", "admin"])
def test_a_readers_dashboard_is_for_readers(duo: Duo, whose: str) -> None:
    with pytest.raises(Forbidden, match="for readers"):
        service.reader(duo.world, duo.client if whose == "client" else "usr_admin", 30, "UTC")


# --- the platform


def test_the_platform_has_the_sums_of_all(duo: Duo) -> None:
    told = platform(duo.world)
    assert told["totals"]["spent"] == usd(COST + 100)
    assert told["totals"]["earned"] == usd(SHARE + 70)
    assert told["totals"]["topped_up"] == usd(5_000)
    assert [day["minutes"] for day in told["series"]] == [0, 3]
    assert told["trend"]["now"] == told["totals"]


def test_numbers_add_up_what_belongs_together() -> None:
    told = PlatformNumbers.of(
        {
            "topped_up": 1,
            "refunded": 10,
            "coin_sales.paid": 100,
            "order_sales.paid": 1_000,
            "coin_sales.refunded": 10_000,
            "order_sales.refunded": 100_000,
            "disputed": 2,
            "coin_sales.disputed": 20,
            "order_sales.disputed": 200,
            "share.reading": 3,
            "share.guarantee": -30,
            "coins.spent.gift": 5,
            "coins.spent.ticket": 50,
        }
    )
    assert (told.topped_up.amount, told.sold.amount, told.refunded.amount) == (1, 1_100, 110_010)
    assert (told.disputed.amount, told.kept.amount) == (222, -27)
    assert (told.coins_spent.amount, told.coins_spent.currency) == (55, "coins")
    assert told.kept_of["guarantee"].amount == -30


@pytest.mark.parametrize("numbers", [ClientNumbers, ReaderNumbers, PlatformNumbers])
def test_each_number_is_of_a_measure_that_there_is(numbers: Any) -> None:
    told = numbers.of(dict.fromkeys(MEANINGS, 1)).model_dump()
    nothing = [name for name, number in told.items() if number in (0, {}) or 0 in getattr(number, "values", list)()]
    assert nothing == []


@pytest.mark.parametrize("whose", ["client", "reader"])
def test_the_platforms_dashboard_is_for_admins(duo: Duo, whose: str) -> None:
    with pytest.raises(Forbidden, match="for admins"):
        service.admin(duo.world, getattr(duo, whose), 30, "UTC")
    assert service.admin(duo.world, "usr_admin", 1, "UTC") == service.platform(duo.world, 1, "UTC")


def test_an_admin_sees_who_is_to_be_verified(duo: Duo) -> None:
    world = duo.world
    assert platform(world)["onboarding"]["waiting"] == {"count": 0, "more": False, "since": None}
    began = world.now()
    for number in range(6):
        who = accounts.sign_in(world, Claims(f"auth0|{number}", f"{number}@example.com", "Luna")).id
        token, _ = readers.invite(world, email=None, actor="arn:admin", reason="because")
        readers.accept_invitation(world, who, token)
        readers.describe(world, who, Description(f"luna-{number}", f"Luna {number}", "", (), ()))
        duo.forward(MINUTE)
    seen = platform(world)["onboarding"]
    assert seen["waiting"] == {"count": 6, "more": False, "since": rfc3339(began)}
    assert [each["slug"] for each in seen["unverified"]] == [f"luna-{number}" for number in range(5)]
    assert seen["unverified"][1]["since"] == rfc3339(began + MINUTE)


def test_an_admin_sees_what_waits_for_moderators() -> None:
    desk = Desk(hand_world(now=HandClock())).opened()
    began = desk.world.now()
    desk.reports("usr_a")
    desk.forward(HOUR)
    seen = platform(desk.world)["moderation"]
    assert seen["pending"] == {"count": 1, "more": False, "since": rfc3339(began)}
    assert seen["appealed"] == {"count": 0, "more": False, "since": None}
    desk.resolves()
    asked = desk.world.now()
    desk.appeals()
    seen = platform(desk.world)["moderation"]
    assert (seen["pending"]["count"], seen["appealed"]["since"]) == (0, rfc3339(asked))


def test_an_admin_sees_satisfaction_requests_and_what_they_come_to(duo: Duo) -> None:
    asked = afterwards.ask_guarantee(duo.world, duo.session, duo.client, "It was nothing.")
    seen = platform(duo.world)["refunds"]
    assert seen["guarantees"] == {"count": 1, "more": False, "since": rfc3339(asked.asked_at)}
    assert seen["asked"] == usd(COST)
    afterwards.refuse(duo.world, asked.id, actor="arn:admin", reason="because")
    assert platform(duo.world)["refunds"]["asked"] == usd(0)


def test_an_admin_sees_whether_the_books_agree(duo: Duo) -> None:
    world = duo.world
    nothing = {"count": 0, "more": False, "since": None}
    assert platform(world)["books"] == {
        "reconciling": False,
        "reconciled_at": None,
        "differences": 0,
        "payouts_frozen": None,
        "unsettled": nothing,
        "adjustments": nothing,
    }
    run = reconciliation.begin(world)
    assert platform(world)["books"]["reconciling"]
    reconciliation.rows_of(world).keep(replace(run, ended_at=world.now(), open=2))
    books = platform(world)["books"]
    assert (books["reconciling"], books["reconciled_at"], books["differences"]) == (False, rfc3339(world.now()), 2)
    paying.freeze(world, actor="arn:admin", reason="a difference of $3")
    assert platform(world)["books"]["payouts_frozen"] == "a difference of $3"


def test_an_admin_sees_which_corrections_wait_for_a_second_person() -> None:
    hands = Hands(hand_world(now=HandClock(NOON))).known("ada")
    asked = hands.makes(10_001)
    assert platform(hands.world)["books"]["adjustments"] == {"count": 1, "more": False, "since": rfc3339(NOON)}
    hands.approves(asked)
    assert platform(hands.world)["books"]["adjustments"]["count"] == 0


def test_an_admin_sees_which_readings_are_to_be_settled_by_hand(duo: Duo) -> None:
    row = duo.row()
    odd = replace(row, state="ended", review="settlement_mismatch", finalized_at=None)
    duo.world.tables.write(*Sessions(duo.world.tables, "sessions").replace(odd, was=row)[1])
    assert row.ended_at
    waits = {"count": 1, "more": False, "since": rfc3339(row.ended_at)}
    assert platform(duo.world)["books"]["unsettled"] == waits


# --- what is asked for


@pytest.mark.parametrize(
    ("days", "zone", "field"),
    [
        (0, "UTC", "days"),
        (93, "UTC", "days"),
        (30, "Mars/Olympus", "zone"),
        (30, "posix/UTC", "zone"),
        (30, "", "zone"),
    ],
)
def test_what_is_no_stretch_of_days_is_refused_by_name(duo: Duo, days: int, zone: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        service.client(duo.world, duo.client, days, zone)
    assert [error["field"] for error in refused.value.errors] == [field]


def test_nobody_has_no_dashboard(duo: Duo) -> None:
    with pytest.raises(NotFound):
        service.client(duo.world, "usr_nobody", 30, "UTC")
