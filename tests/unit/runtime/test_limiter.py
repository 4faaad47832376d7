"""How requests are counted: one write each, on what was last seen; and what is written of whom."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.buckets import Bucket, Draw, Level
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, MINUTE
from chalicelib.runtime.limiter import Limiter, limiter_of, told
from chalicelib.runtime.rates import Rate
from chalicelib.runtime.tables import Contended, Operation
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, HandClock, settings

THREE = Rate(Bucket("three", 3, 10_000))
DEAR = Rate(Bucket("dear", 3, 10_000), spends=True)
PLACE = Rate(Bucket("place", 3, 10_000), "address")
LIMITS = "limits"


class CountingTables(MemoryTables):
    """They keep how many writes were tried."""

    tried = 0

    def write(self, *operations: Operation) -> None:
        self.tried += 1
        super().write(*operations)


@pytest.fixture
def tables() -> CountingTables:
    return CountingTables()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def instance(tables: MemoryTables, clock: Callable[[], int]) -> Limiter:
    """A function's own: it has seen nothing yet."""
    return Limiter(tables, LIMITS, clock, lambda seconds: None)


def passes(counter: Limiter, rate: Rate, whom: str = "usr_ann") -> bool:
    drawn = counter.draw(rate, whom)
    assert drawn
    return drawn.level is not None


def rows(tables: MemoryTables) -> list[dict[str, Any]]:
    return [each for each in tables.rows[LIMITS].values() if each["pk"] != "key"]


def test_a_request_is_one_write(tables: CountingTables, clock: HandClock) -> None:
    counter = instance(tables, clock)
    for number in range(3):
        assert passes(counter, THREE)
        assert tables.tried == number + 1


def test_a_refused_request_writes_nothing(tables: CountingTables, clock: HandClock) -> None:
    counter = instance(tables, clock)
    assert [passes(counter, THREE) for _ in range(10)] == [True] * 3 + [False] * 7
    assert tables.tried == 3
    assert instance(tables, clock).draw(THREE, "usr_ann") == Draw(None, 0, 10_000)


def test_an_instance_that_saw_something_else_decides_again_on_what_is_there(
    tables: CountingTables, clock: HandClock
) -> None:
    one, other = instance(tables, clock), instance(tables, clock)
    assert [passes(each, THREE) for each in (one, other, one, other)] == [True, True, True, False]


def test_two_at_once_in_the_same_millisecond_never_take_one_token(tables: CountingTables, clock: HandClock) -> None:
    # Both would put the same level at the same moment; storage takes a second put of the very same item for the first.
    counters = [instance(tables, clock) for _ in range(8)]
    assert sum(passes(each, THREE) for each in counters) == 3


def test_each_person_has_a_bucket_of_each_name(tables: CountingTables, clock: HandClock) -> None:
    counter = instance(tables, clock)
    assert [passes(counter, THREE) for _ in range(4)][-1] is False
    assert passes(counter, THREE, "usr_bob")
    assert passes(counter, DEAR)


def test_a_row_that_storage_took_away_is_a_full_bucket(tables: CountingTables, clock: HandClock) -> None:
    counter = instance(tables, clock)
    assert passes(counter, THREE)
    tables.rows[LIMITS].clear()
    assert counter.draw(THREE, "usr_ann") == Draw(Level(NOON + 10_000, NOON), 2, 10_000)


def test_a_row_goes_a_minute_after_its_bucket_is_full_again(tables: CountingTables, clock: HandClock) -> None:
    passes(instance(tables, clock), THREE)
    (row,) = rows(tables)
    assert row["expires"] == (NOON + 10_000 + MINUTE) // 1_000


def test_an_instance_remembers_a_thousand_buckets_at_most(tables: CountingTables, clock: HandClock) -> None:
    counter = instance(tables, clock)
    for number in range(2_500):
        passes(counter, THREE, f"usr_{number}")
    assert len(counter._seen) <= 1_000


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after"])
def test_a_lost_write_lets_through_what_costs_nothing_and_stops_what_spends(clock: HandClock, *, after: bool) -> None:
    assert instance(LosingTables(0, after=after), clock).draw(THREE, "usr_ann") is None
    with pytest.raises(Unavailable):
        instance(LosingTables(0, after=after), clock).draw(DEAR, "usr_ann")


def test_a_write_whose_answer_was_lost_counts_once_and_the_next_goes_on_from_there(clock: HandClock) -> None:
    counter = instance(LosingTables(0, after=True), clock)
    counter.draw(THREE, "usr_ann")
    assert counter.draw(THREE, "usr_ann") == Draw(Level(NOON + 20_000, NOON), 1, 10_000)


def test_a_table_that_refuses_us_is_a_bug_to_be_told_and_no_reason_to_answer_nobody(
    clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    class Denied(MemoryTables):
        def write(self, *operations: Operation) -> None:
            raise PermissionError("AccessDenied on usr_ann")

    assert instance(Denied(), clock).draw(THREE, "usr_ann") is None
    with pytest.raises(Unavailable):
        instance(Denied(), clock).draw(DEAR, "usr_ann")
    said = capsys.readouterr().out
    assert said.count('"level":"error","event":"limits_broken"') == 2
    assert "usr_ann" not in said


def test_a_storage_that_is_busy_is_told_as_a_warning(clock: HandClock, capsys: pytest.CaptureFixture[str]) -> None:
    class Busy(MemoryTables):
        def write(self, *operations: Operation) -> None:
            raise Contended("Throttled")

    assert instance(Busy(), clock).draw(PLACE, "192.0.2.7") is None
    assert '"level":"warning","event":"limits_unavailable"' in capsys.readouterr().out


def test_a_bucket_that_too_many_want_at_once_is_refused_after_a_few_tries(clock: HandClock) -> None:
    roomy = Rate(Bucket("roomy", 1_000, 60))

    class Crowded(CountingTables):
        """Somebody else is always quicker."""

        def write(self, *operations: Operation) -> None:
            if self.tried % 2 == 0:
                self.tried += 1
                other.draw(roomy, "usr_ann")
                self.tried -= 1
            super().write(*operations)

    crowded = Crowded()
    other = instance(crowded, clock)
    assert instance(crowded, clock).draw(roomy, "usr_ann") == Draw(None, 0, 1_000)
    assert crowded.tried <= 16


# --- addresses -----------------------------------------------------------------------------------


def same(tables: MemoryTables, clock: HandClock, *addresses: str) -> bool:
    """Whether they draw from one bucket."""
    for each in addresses:
        instance(tables, clock).draw(PLACE, each)
    return len(rows(tables)) == 1


@pytest.mark.parametrize(
    "addresses",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("", "None"),
    ],
)
def test_a_network_of_one_customer_is_one_address(
    tables: CountingTables, clock: HandClock, addresses: tuple[str, str]
) -> None:
    assert same(tables, clock, *addresses)


@pytest.mark.parametrize("addresses", [("192.0.2.7", "192.0.2.8"), ("2001:db8:1:2::1", "2001:db8:1:3::1")])
def test_another_network_is_another_address(
    tables: CountingTables, clock: HandClock, addresses: tuple[str, str]
) -> None:
    assert not same(tables, clock, *addresses)


def test_no_address_stands_in_the_table_nor_in_the_log(
    tables: CountingTables, clock: HandClock, capsys: pytest.CaptureFixture[str]
) -> None:
    counter = instance(tables, clock)
    assert [passes(counter, PLACE, "192.0.2.7") for _ in range(4)][-1] is False
    assert "192.0.2" not in f"{tables.rows}{capsys.readouterr().out}"


def test_the_key_of_addresses_is_of_a_day_and_the_one_before_is_gone(tables: CountingTables, clock: HandClock) -> None:
    one, other = instance(tables, clock), instance(tables, clock)
    assert passes(one, PLACE, "192.0.2.7")
    yesterday = dict(tables.rows[LIMITS][("key",)])
    clock.forward(DAY)
    assert passes(other, PLACE, "192.0.2.7")
    assert passes(one, PLACE, "192.0.2.7")
    today = tables.rows[LIMITS][("key",)]
    assert today["day"] == yesterday["day"] + 1
    assert yesterday["key"] not in str(tables.rows)
    assert len(rows(tables)) == 2


def test_a_clock_that_is_still_in_yesterday_takes_todays_key(tables: CountingTables, clock: HandClock) -> None:
    slow, fast = HandClock(NOON), HandClock(NOON + DAY)
    assert passes(instance(tables, fast), PLACE, "192.0.2.7")
    assert passes(instance(tables, slow), PLACE, "192.0.2.7")
    assert len(rows(tables)) == 1


# --- what an answer says -------------------------------------------------------------------------


def test_an_answer_says_what_is_left_and_when_there_is_more() -> None:
    assert told(THREE.bucket, Draw(Level(0, 0), 2, 7_001)) == {
        "RateLimit-Policy": '"three";q=3;w=30',
        "RateLimit": '"three";r=2;t=8',
    }


def test_a_refusal_says_when_there_is_one_in_whole_seconds_and_never_at_once() -> None:
    assert told(THREE.bucket, Draw(None, 0, 1)) == {
        "RateLimit-Policy": '"three";q=3;w=30',
        "RateLimit": '"three";r=0;t=1',
    }


def test_settings_turn_limits_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert limiter_of(settings()) is None
    assert limiter_of(replace(settings(), rate_limits=True)) is not None
