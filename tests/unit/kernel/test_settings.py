"""The lengths of product §3, and reading them from the environment."""

import pytest

from chalicelib.kernel.settings import Rules, settings_from
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from tests.support.environment import ENVIRONMENT


def test_the_lengths_are_those_of_the_product() -> None:
    rules = Rules()
    assert rules.minute == MINUTE
    assert (rules.ring, rules.join) == (3 * MINUTE, 2 * MINUTE)
    assert (rules.grace, rules.grace_total) == (5 * MINUTE, 15 * MINUTE)
    assert (rules.beat, rules.silence) == (30 * SECOND, 75 * SECOND)
    assert (rules.session_max, rules.hold_minutes) == (3 * HOUR, 7)
    assert (rules.quarter, rules.booking_notice, rules.booking_join) == (15 * MINUTE, 2 * HOUR, 10 * MINUTE)
    assert (rules.lease, rules.warning) == (5 * MINUTE, 2 * MINUTE)
    assert rules.earnings_hold == 3 * DAY
    assert (rules.host_gone, rules.stream_late) == (2 * MINUTE, 30 * MINUTE)
    assert (rules.stream_max, rules.audience_lease) == (8 * HOUR, HOUR)


def test_without_short_settings_the_lengths_are_the_products() -> None:
    settings = settings_from(ENVIRONMENT)
    assert settings.rules == Rules()
    assert settings.tables.ledger == "soulseer-dev-ledger"
    assert settings.rate_limits


def test_a_local_stack_may_shorten_them() -> None:
    short = {
        "BILLING_MINUTE_SECONDS": "2",
        "GRACE_SECONDS": "1.5",
        "RING_SECONDS": "3",
        "JOIN_SECONDS": "4",
        "BEAT_SECONDS": "1",
        "SILENCE_SECONDS": "2.5",
        "SESSION_MAX_SECONDS": "60",
        "HOLD_MINUTES": "9",
        "BOOKING_QUARTER_SECONDS": "40",
        "BOOKING_NOTICE_SECONDS": "5",
        "BOOKING_JOIN_SECONDS": "6",
        "EARNINGS_HOLD_SECONDS": "7",
        "DELETION_SECONDS": "8",
        "HOST_GONE_SECONDS": "9",
        "STREAM_MAX_SECONDS": "10",
        "STREAM_LATE_SECONDS": "11",
        "AUDIENCE_LEASE_SECONDS": "12",
        "RATE_LIMITS": "off",
    }
    settings = settings_from(ENVIRONMENT | short)
    assert settings.rules == Rules(
        minute=2_000,
        grace=1_500,
        ring=3_000,
        join=4_000,
        beat=1_000,
        silence=2_500,
        session_max=60_000,
        hold_minutes=9,
        quarter=40_000,
        booking_notice=5_000,
        booking_join=6_000,
        earnings_hold=7_000,
        cooling_off=8_000,
        host_gone=9_000,
        stream_max=10_000,
        stream_late=11_000,
        audience_lease=12_000,
    )
    assert settings.rules.grace_total == 4_500
    assert not settings.rate_limits


@pytest.mark.parametrize("value", ["0", "-1", "0.0001"])
def test_a_length_of_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="GRACE_SECONDS"):
        settings_from(ENVIRONMENT | {"GRACE_SECONDS": value})


@pytest.mark.parametrize("name", ["STAGE", "LEDGER_TABLE", "AUTH_ISSUER", "STRIPE_SECRET"])
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        settings_from({key: value for key, value in ENVIRONMENT.items() if key != name})


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, None),
        ({"API_URL": "https://api.example.com"}, "https://api.example.com"),
        ({"API_URL": "http://here/{api}/{stage}/x"}, None),
        ({"API_URL": "http://here/{api}/{stage}/x", "API_ID": "a1"}, "http://here/a1/dev/x"),
        ({"API_ID": "a1"}, "https://a1.execute-api.eu-west-1.amazonaws.com/dev"),
    ],
)
def test_where_the_api_is_without_a_request_that_says_it(more: dict[str, str], found: str | None) -> None:
    assert settings_from(ENVIRONMENT | {"AWS_REGION": "eu-west-1"} | more).api_base == found
