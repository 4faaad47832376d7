"""Prefixed ULIDs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.ids import derived_id, new_id

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
