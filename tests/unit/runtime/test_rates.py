"""The table of limits: it is of routes that there are, and says of each changing one what it means."""

import re

import pytest

import app
from chalicelib.kernel.time import SECOND
from chalicelib.runtime import rates
from chalicelib.runtime.openapi import routes_of
from chalicelib.runtime.rates import CHANGES, NEWCOMERS, RATES, READING, Rate, rate_of
from chalicelib.runtime.route import Route

ROUTES = {f"{route.method} {re.sub(r'{.+?}', '{}', route.path)}": route for route in routes_of(app.app.every_route())}
ON_PURPOSE = """
POST /v1/bookings/{}/cancel
POST /v1/bookings/{}/decline
POST /v1/bookings/{}/reschedule
POST /v1/conversations
POST /v1/conversations/{}/read
DELETE /v1/favorites/{}
PUT /v1/favorites/{}
PATCH /v1/me
POST /v1/me/blocks
DELETE /v1/me/blocks/{}
DELETE /v1/me/calendar
POST /v1/me/calendar
POST /v1/me/consents
DELETE /v1/me/consents/{}
DELETE /v1/me/deletion
POST /v1/me/devices
DELETE /v1/me/devices/{}
PUT /v1/me/limits
PUT /v1/me/notification-preferences
POST /v1/moderation/{}/dismiss
POST /v1/moderation/{}/resolve
POST /v1/notifications/read
DELETE /v1/posts/{}
PUT /v1/reader/availability
PUT /v1/reader/availability/overrides
PUT /v1/reader/clients/{}/note
POST /v1/reader/payout-account
DELETE /v1/reader/picture
PUT /v1/reader/picture
PUT /v1/reader/profile
PUT /v1/reader/rates
DELETE /v1/readers/{}/queue
POST /v1/orders/{}/cancel
POST /v1/readers/{}/queue
POST /v1/reviews/{}/reply
POST /v1/sessions/{}/guarantee
PUT /v1/sessions/{}/note
POST /v1/sessions/{}/review
POST /v1/streams
POST /v1/streams/{}/ban
POST /v1/streams/{}/invitations
POST /v1/streams/{}/moderators
POST /v1/streams/{}/mute
POST /v1/streams/{}/start
PUT /v1/wallet/auto-recharge
"""
# Changing routes that draw from their caller's changes: a new one is looked at, and gets a row or a line here.
EVERY_RATE = {each.bucket.name: each for each in vars(rates).values() if isinstance(each, Rate)}


def rate(route: str) -> Rate | None:
    found = ROUTES[route]
    return rate_of(found.method, found.path, public=found.public)


def test_each_row_is_of_a_route_that_there_is() -> None:
    assert set(RATES) <= set(ROUTES)


def test_each_bucket_has_one_meaning() -> None:
    rows = [each for each in (*RATES.values(), NEWCOMERS, CHANGES, READING) if each]
    assert {each.bucket.name: each for each in rows} == EVERY_RATE
    assert all(EVERY_RATE[each.bucket.name] is each for each in rows)


@pytest.mark.parametrize("name", EVERY_RATE)
def test_a_bucket_is_full_again_after_whole_seconds(name: str) -> None:
    bucket = EVERY_RATE[name].bucket
    assert bucket.size > 0
    assert bucket.every > 0
    assert bucket.span % SECOND == 0
    assert bucket.span in (60 * SECOND, 300 * SECOND, 600 * SECOND)


def test_what_product_says_of_limits() -> None:
    said = {
        "POST /v1/conversations/{conversation_id}/messages": ("messages", 10, 6_000, "user"),
        "POST /v1/reports": ("reports", 5, 12_000, "user"),
    }
    for route, (name, size, every, of) in said.items():
        found = rate_of(*route.split(" "), public=False)
        assert found
        assert (*found.bucket, found.of) == (name, size, every, of)
    assert (*NEWCOMERS.bucket, NEWCOMERS.of) == ("newcomers", 5, 60_000, "address")


@pytest.mark.parametrize("route", [each for each in ROUTES.values() if each.public], ids=lambda each: each.name)
def test_a_public_route_asks_nobody_who_they_are_so_it_counts_by_address(route: Route) -> None:
    if route.path != "/health":
        assert route.rate
        assert route.rate.of == "address"


def test_a_signed_in_persons_requests_count_as_theirs() -> None:
    counted = [route for route in ROUTES.values() if not route.public and route.rate]
    assert len(counted) > 50
    assert {route.name for route in counted if route.rate and route.rate.of != "user"} == set()


def test_each_route_that_creates_or_spends_is_named() -> None:
    # A stream is one row of one's own; with a key, so that it is not made twice.
    assert {name for name, route in ROUTES.items() if route.idempotent} - set(RATES) == {"POST /v1/streams"}


def test_each_changing_route_has_a_row_or_draws_from_the_callers_changes_on_purpose() -> None:
    others = {name for name, route in ROUTES.items() if route.method != "GET" and name not in RATES}
    assert others == set(ON_PURPOSE.split("\n")[1:-1])
    assert all(rate(name) is CHANGES for name in others)


def test_a_signed_in_persons_reading_is_not_counted() -> None:
    for name in ("GET /v1/sessions", "GET /v1/wallet", "GET /v1/me"):
        assert rate(name) is None


def test_but_what_is_dear_to_make_is() -> None:
    """Markdown is made into HTML for each reading, and an edit is looked through for words as a post is."""
    for name in ("GET /v1/threads/{}", "GET /v1/conversations/{}/messages"):
        found = rate(name)
        assert found
        assert found.bucket.size == 120
    assert rate("PATCH /v1/posts/{}") is rate("POST /v1/threads")


@pytest.mark.parametrize(
    "route",
    [
        "POST /v1/sessions/{}/heartbeat",
        "POST /v1/sessions/{}/join",
        "POST /v1/sessions/{}/reconnect",
        "POST /v1/sessions/{}/leave",
        "POST /v1/sessions/{}/end",
        "POST /v1/sessions/{}/accept",
        "PUT /v1/reader/presence",
        "POST /v1/streams/{}/end",
    ],
)
def test_what_a_meter_depends_on_is_never_refused(route: str) -> None:
    assert rate(route) is None


def test_nothing_but_readings_draws_from_the_bucket_of_their_tokens() -> None:
    tokens = RATES["POST /v1/sessions/{}/token"]
    assert [name for name, found in RATES.items() if found is tokens] == ["POST /v1/sessions/{}/token"]


def test_where_money_is_spent_a_request_that_cannot_be_counted_is_refused() -> None:
    spending = {name for name, found in RATES.items() if found and found.spends}
    assert spending == {
        "POST /v1/orders",
        "POST /v1/sessions",
        "POST /v1/sessions/{}/tip",
        "POST /v1/bookings",
        "POST /v1/streams/{}/ticket",
        "POST /v1/streams/{}/gifts",
        "POST /v1/wallet/topups",
        "POST /v1/wallet/payment-method",
        "POST /v1/wallet/refunds",
        "POST /v1/coins/checkout",
        "POST /v1/messages/{}/unlock",
    }
