"""Prefixed ULIDs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.ids import dated_id, derived_id, first_at, moment_of, new_id

_ULID = re.compile(r"ses_[0-9A-HJKMNP-TV-Z]{26}")


def test_an_id_is_a_prefix_and_26_characters() -> None:
    assert _ULID.fullmatch(new_id("ses", 1_900_000_000_000))
    assert _ULID.fullmatch(derived_id("ses", "a", "b"))


def test_ids_sort_by_time() -> None:
    ids = [new_id("ses", moment) for moment in (1, 2, 1_000, 1_900_000_000_000, 1_900_000_000_001)]
    assert ids == sorted(ids)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id("ses", 7) for _ in range(1_000)}) == 1_000


def test_the_time_is_that_of_the_ulid_specification() -> None:
    assert new_id("x", 1_469_918_176_385)[2:12] == "01ARYZ6S41"


def test_the_same_facts_make_the_same_id_for_ever() -> None:
    assert derived_id("usr", "a", "bc") == derived_id("usr", "a", "bc") != derived_id("usr", "ab", "c")


@given(one=st.lists(st.text(), max_size=4), other=st.lists(st.text(), max_size=4))
def test_other_facts_make_another_id(one: list[str], other: list[str]) -> None:
    assert (derived_id("x", *one) == derived_id("x", *other)) == (one == other)


def test_a_dated_id_is_the_same_for_its_moment_and_facts_and_sorts_by_the_moment() -> None:
    assert dated_id("ntc", 5, "a", "bc") == dated_id("ntc", 5, "a", "bc") != dated_id("ntc", 5, "ab", "c")
    ids = [dated_id("ntc", moment, "z") for moment in (1, 2, 1_000, 1_900_000_000_000)]
    assert ids == sorted(ids)
    assert [moment_of("ntc", each) for each in ids] == [1, 2, 1_000, 1_900_000_000_000]
    assert ids[1] < first_at("ntc", 3) <= dated_id("ntc", 3, "a") < first_at("ntc", 4)
