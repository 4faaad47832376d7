"""Cursors come back only to the list that gave them."""

import re
from typing import Any

import pytest

from chalicelib.kernel.errors import Invalid
from chalicelib.runtime.cursors import Shape, decode, encode

KEY = {"account": "credit:usr_1", "seq": "000000000012", "at": 17}
SHAPE: Shape = {"account": "credit:usr_1", "seq": str, "at": int}
PLACE = re.compile(r"refund#[0-9]{2}")


def test_a_cursor_gives_back_its_key() -> None:
    assert decode(encode(KEY, "entries usr_1"), "entries usr_1", SHAPE) == KEY


def test_a_cursor_is_made_of_url_safe_characters() -> None:
    assert encode(KEY, "x").replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        decode(encode(KEY, "entries usr_1"), "entries usr_2", SHAPE)
    assert refused.value.errors == ({"field": "cursor", "message": "Not a cursor of this list."},)


def test_every_changed_character_is_noticed() -> None:
    cursor = encode(KEY, "s")
    for place in range(len(cursor) - 1):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(Invalid):
            decode(changed, "s", SHAPE)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "a b", "e30", "\ud800", "A" * 2_000, "=", "%00"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        decode(cursor, "s", SHAPE)


@pytest.mark.parametrize(
    "made_up",
    [
        {},
        {"foo": "bar"},
        KEY | {"more": 1},
        KEY | {"account": "credit:usr_2"},
        KEY | {"seq": 12},
        KEY | {"seq": ""},
        KEY | {"at": True},
        KEY | {"at": 10**200},
    ],
)
def test_a_key_that_this_list_never_gave_out_is_refused_however_well_it_is_signed(made_up: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        decode(encode(made_up, "s"), "s", SHAPE)


def test_a_place_of_a_pattern_comes_back() -> None:
    assert decode(encode({"sk": "refund#01"}, "s"), "s", {"sk": PLACE}) == {"sk": "refund#01"}


@pytest.mark.parametrize("value", ["refund#1", "refund#011", "x refund#01", "refund#01\n", "", 1, None, ["refund#01"]])
def test_only_what_is_of_the_pattern_as_a_whole_is_a_place(value: object) -> None:
    with pytest.raises(Invalid):
        decode(encode({"sk": value}, "s"), "s", {"sk": PLACE})
