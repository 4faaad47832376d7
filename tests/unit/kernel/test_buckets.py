"""What a bucket gives, and when."""

from chalicelib.kernel.buckets import Bucket, Draw, Level, draw

THREE: Bucket = Bucket("three", size=3, every=10_000)
NOON = 1_900_000_000_000


def drawn(count: int, now: int = NOON, was: Level | None = None) -> list[Draw]:
    """So many attempts at one moment."""
    found = []
    for _ in range(count):
        found.append(draw(THREE, was, now))
        was = found[-1].level or was
    return found


def test_an_empty_bucket_takes_its_span_to_be_full() -> None:
    assert THREE.span == 30_000


def test_a_bucket_that_nobody_took_from_is_full() -> None:
    assert [(each.left, each.wait) for each in drawn(3)] == [(2, 10_000), (1, 10_000), (0, 10_000)]


def test_an_empty_bucket_refuses_keeps_nothing_and_says_when_there_is_one_more() -> None:
    assert drawn(4)[3] == Draw(None, 0, 10_000)


def test_what_is_kept_is_when_it_is_full_again_and_when_it_was_taken_from() -> None:
    assert drawn(2)[1].level == Level(full_at=NOON + 20_000, at=NOON)


def test_a_token_comes_back_at_its_moment_and_not_a_millisecond_before() -> None:
    empty = Level(NOON + 30_000, NOON)
    assert draw(THREE, empty, NOON + 9_999) == Draw(None, 0, 1)
    assert draw(THREE, empty, NOON + 10_000) == Draw(Level(NOON + 40_000, NOON + 10_000), 0, 10_000)


def test_part_of_a_token_is_kept_for_the_next_one() -> None:
    # 12.5 s give one token and a quarter, so the next one is 7.5 s away.
    assert draw(THREE, Level(NOON + 30_000, NOON), NOON + 12_500) == Draw(Level(NOON + 40_000, NOON + 12_500), 0, 7_500)


def test_a_bucket_never_holds_more_than_its_size() -> None:
    long_ago = Level(NOON - 1_000_000, NOON - 1_030_000)
    assert [each.level is not None for each in drawn(4, was=long_ago)] == [True, True, True, False]


def test_a_moment_before_the_last_one_gives_nothing_back_and_counts_as_it() -> None:
    two_left = Level(NOON + 10_000, NOON)
    assert draw(THREE, two_left, NOON - 60_000) == Draw(Level(NOON + 20_000, NOON), 1, 10_000)
    assert draw(THREE, Level(NOON + 30_000, NOON), NOON - 60_000) == Draw(None, 0, 10_000)


def test_a_bucket_that_became_smaller_waits_until_what_was_taken_fits_it() -> None:
    assert draw(THREE, Level(NOON + 100_000, NOON), NOON) == Draw(None, 0, 80_000)
