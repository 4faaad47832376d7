"""Never above the limit: on any clocks, in any interleaving of machines, with any write lost; beside a plain bucket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.kernel.buckets import Bucket, Level, draw
from chalicelib.runtime.limiter import Limiter
from chalicelib.runtime.rates import Rate
from chalicelib.runtime.tables import Contended, Operation
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON

buckets = st.builds(Bucket, st.just("tried"), st.integers(1, 12), st.integers(1, 7_000))
spans = st.one_of(st.integers(0, 20), st.integers(0, 30_000))
skews = st.integers(-2_000, 2_000)


def assert_never_above(bucket: Bucket, taken: list[int]) -> None:
    """``taken`` are the moments at which a token was, each the newest that any machine had told by then."""
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= bucket.size + (taken[last] - taken[first]) // bucket.every


@given(buckets, st.lists(st.tuples(spans, skews), max_size=60))
@settings(max_examples=200)
def test_a_bucket_is_the_plain_one_to_the_millisecond(bucket: Bucket, asked: list[tuple[int, int]]) -> None:
    level: Level | None = None
    tokens, at, true = Fraction(bucket.size), NOON, NOON
    taken: list[int] = []
    for passed, skew in asked:
        true += passed
        newest = max(at, true + skew) if taken else true + skew
        has = min(Fraction(bucket.size), tokens + Fraction(newest - at, bucket.every)) if taken else tokens
        drawn = draw(bucket, level, true + skew)
        assert (drawn.level is not None) == (has >= 1)
        more_at = newest + drawn.wait
        if drawn.level:
            level, tokens, at = drawn.level, has - 1, newest
            taken.append(newest)
            assert drawn.left == int(tokens)
        assert int(min(Fraction(bucket.size), tokens + Fraction(more_at - at, bucket.every))) == drawn.left + 1
        assert drawn.wait > 0
    assert_never_above(bucket, taken)


class Interrupted(MemoryTables):
    """Before each write something else may happen, and the write may be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = lambda: None
        self.fate = "well"

    def write(self, *operations: Operation) -> None:
        (before, fate), self.before, self.fate = (self.before, self.fate), lambda: None, "well"
        before()
        if fate == "before":
            raise Contended(fate)
        super().write(*operations)
        if fate == "after":
            raise Contended(fate)


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        spans,
        st.sampled_from(["well"] * 6 + ["before", "after"]),
        st.lists(st.integers(0, 2), max_size=3),
    ),
    max_size=40,
)


@given(buckets, st.tuples(skews, skews, skews), steps)
@settings(max_examples=150)
def test_no_interleaving_of_three_machines_takes_more(
    bucket: Bucket, skewed: tuple[int, int, int], played: list[tuple[int, int, str, list[int]]]
) -> None:
    tables = Interrupted()
    rate = Rate(bucket)
    true = NOON
    taken: list[int] = []

    def clock(skew: int) -> Callable[[], int]:
        return lambda: true + skew

    machines = [Limiter(tables, "limits", clock(skew), lambda seconds: None) for skew in skewed]

    def ask(*places: int) -> None:
        for place in places:
            drawn = machines[place].draw(rate, "usr_ann")
            if drawn and drawn.level:
                taken.append(drawn.level.at)

    for machine, passed, fate, others in played:
        true += passed
        row = tables.rows["limits"].get(("tried#usr_ann",))
        if row and row["expires"] * 1_000 < true - 60_000:
            tables.rows["limits"].clear()  # storage takes away what has expired, whenever it likes
        tables.before = partial(ask, *others)
        tables.fate = fate
        ask(machine)
    assert_never_above(bucket, sorted(taken))


class Locked(MemoryTables):
    """Each write as one, as DynamoDB does it."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def write(self, *operations: Operation) -> None:
        with self._lock:
            super().write(*operations)


def test_threads_of_several_machines_take_as_many_as_there_are() -> None:
    rate = Rate(Bucket("tried", 10, 6_000))
    for _ in range(20):
        tables = Locked()
        machines = [Limiter(tables, "limits", lambda: NOON, lambda seconds: None) for _ in range(4)]
        start = threading.Barrier(32)

        def ask(place: int, machines: list[Limiter] = machines, start: threading.Barrier = start) -> bool:
            start.wait()
            drawn = machines[place % 4].draw(rate, "usr_ann")
            return drawn is not None and drawn.level is not None

        with ThreadPoolExecutor(32) as pool:
            assert 1 <= sum(pool.map(ask, range(32))) <= 10
