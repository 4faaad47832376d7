"""Words that nobody may write are found however they are spelled, and only as whole words."""

from __future__ import annotations

import sys
from types import FrameType

import pytest

from chalicelib.community.model.wordlist import (
    LONGEST,
    MOST,
    SHORTEST,
    WordList,
    must_be_welcome,
    with_word,
    without_word,
)
from chalicelib.kernel.errors import Invalid, InvalidState, NotFound

LISTED = WordList(("booty", "damn", "shoddy", "дурак"), rev=4)


@pytest.mark.parametrize(
    "text",
    [
        "damn",
        "Oh, DAMN it!",
        "damn-it",
        "dаmn",  # a Cyrillic letter
        "ԁаⅿո",  # four look-alikes
        "ｄａｍｎ",  # fullwidth
        "ⓓⓐⓜⓝ",
        "𝓭𝓪𝓶𝓷",
        "dämñ",
        "d\u0336a\u0336m\u0336n\u0336",  # struck through
        "d\u200ba\u2060m\u00adn",  # invisible signs between
        "d4mn",
        "d@mn",
        "daaamn",
        "DAMNNN",
        "he said:damn.",
        "damn!!!",
    ],
)
def test_a_word_is_found_however_it_is_spelled(text: str) -> None:
    assert LISTED.found_in(text) == ("damn",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sh0ddy", "shoddy"),
        ("$hoddy", "shoddy"),
        ("5hoddy!", "shoddy"),
        ("$hoddy!", "shoddy"),
        ("$hoddy+", "shoddy"),
        ("8ooty", "booty"),
        ("boo7y", "booty"),
        ("boo+y", "booty"),
        ("ДУРАК", "дурак"),
        ("дypaк", "дурак"),
    ],
)
def test_digits_and_signs_are_the_letters_that_they_stand_for(text: str, found: str) -> None:
    assert LISTED.found_in(text) == (found,)


@pytest.mark.parametrize(
    ("listed", "text"),
    [("hell", "h3l1"), ("hell", "he!l"), ("hill", "HlLL"), ("lesson", "1e55on"), ("at", "@t"), ("aloft", "4|oft")],
)
def test_a_letter_is_found_by_each_sign_that_looks_like_it(listed: str, text: str) -> None:
    assert WordList((listed,)).found_in(text) == (listed,)


@pytest.mark.parametrize(
    "text",
    ["", "dam", "damnation", "fundamn", "shody", "boty", "d a m n", "da mn", "adamn", "d2mn", "damn5"],
)
def test_nothing_else_is(text: str) -> None:
    assert LISTED.found_in(text) == ()


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("cunt", "Scunthorpe"),
        ("ass", "A class assessment of the passage, as such"),
        ("ass", "It was 455 dollars, 4$$ and 4.55"),
        ("tit", "The title, a constitution, a titbit"),
        ("coon", "Their con"),
        ("git", "A gilt frame"),
        ("tit", "It tilts: a tilt, and a TILT"),
        ("lol", "101"),
    ],
)
def test_a_word_inside_of_another_is_no_fault_and_a_number_is_no_word(listed: str, text: str) -> None:
    assert WordList((listed,)).found_in(text) == ()


def test_a_doubled_letter_must_be_there_twice() -> None:
    listed = WordList(("ass", "moon"))
    assert listed.found_in("as mon") == ()
    assert listed.found_in("assss mooon") == ("ass", "moon")


@pytest.mark.parametrize("text", ["tiit", "TIIIT", "tllt", "t1it", "ti!t", "tit", "TlT"])
def test_a_letter_is_drawn_out_by_itself_and_not_by_another_that_looks_like_it(text: str) -> None:
    listed = WordList(("tit",))
    assert (listed.found_in(text), listed.found_in("tilt")) == (("tit",), ())


@pytest.mark.parametrize("text", ["kill", "kiiilll", "k1ll", "klll", "kllllll", "KIIL"])
def test_a_word_with_both_is_drawn_out_in_each(text: str) -> None:
    assert WordList(("kill",)).found_in(text) == ("kill",)


@pytest.mark.parametrize("text", ["heIl", "helI", "hell", "HEIL", "hellll"])
def test_a_doubled_letter_may_be_written_with_both(text: str) -> None:
    assert WordList(("hell",)).found_in(text) == ("hell",)


def test_each_word_is_told_once_in_the_order_of_the_list() -> None:
    assert LISTED.found_in("shoddy damn SHODDY d4mn") == ("damn", "shoddy")


def test_words_of_the_same_letters_are_told_apart() -> None:
    listed = WordList(("bot", "boot"))
    assert listed.found_in("bot") == ("bot",)
    assert listed.found_in("boot") == ("bot", "boot")


def test_a_text_of_signs_that_stand_for_whole_sentences_is_looked_through_soon() -> None:
    """U+FDFA is eighteen letters in four words; 10,000 of it took a quarter of a second, and now a tenth of that."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        del frame, argument
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = LISTED.found_in("\ufdfa " * 5_000 + "damn")
    finally:
        sys.setprofile(before)
    assert found == ("damn",)
    assert calls < 10_000


def test_an_empty_list_finds_nothing() -> None:
    assert WordList().found_in("damn") == ()


def test_a_refusal_names_the_fields_and_not_the_word() -> None:
    must_be_welcome(LISTED, title="Good", text="Morning")
    with pytest.raises(Invalid) as refused:
        must_be_welcome(LISTED, title="damn", other="fine", text="d4mn")
    message = "This has a word in it that is not welcome here."
    assert refused.value.errors == ({"field": "title", "message": message}, {"field": "text", "message": message})


# --- the list


def test_a_word_is_put_in_its_place_as_it_is_written_small() -> None:
    assert with_word(LISTED, " Cabbage ") == WordList(("booty", "cabbage", "damn", "shoddy", "дурак"), rev=5)
    assert with_word(WordList(), "b2") == WordList(("b2",), rev=1)


@pytest.mark.parametrize("word", ["damn", "DAMN", "d4mn", "dаmn"])
def test_a_word_that_is_listed_in_another_spelling_is_listed(word: str) -> None:
    assert with_word(LISTED, word) is LISTED


@pytest.mark.parametrize("word", ["", "a", "a" * (LONGEST + 1), "two words", "semi-detached", "123", "!", "\u200b"])
def test_one_word_of_2_to_40_letters_and_digits_can_be_listed(word: str) -> None:
    with pytest.raises(Invalid) as refused:
        with_word(LISTED, word)
    message = "One word of 2 to 40 letters and digits."
    assert refused.value.errors == ({"field": "word", "message": message},)


@pytest.mark.parametrize("word", ["a" * SHORTEST, "a" * LONGEST])
def test_the_shortest_and_the_longest(word: str) -> None:
    assert word in with_word(LISTED, word).words


def test_the_list_has_1_000_words() -> None:
    full = WordList(tuple(f"word{number}x" for number in range(MOST)), rev=1)
    assert with_word(full, "word7x") is full
    with pytest.raises(InvalidState) as refused:
        with_word(full, "cabbage")
    assert str(refused.value) == "The list has 1,000 words. Take some off it."
    almost = WordList(full.words[1:], rev=1)
    assert len(with_word(almost, "cabbage").words) == MOST


def test_a_word_is_taken_off_in_whatever_spelling() -> None:
    assert without_word(LISTED, " D4MN ") == WordList(("booty", "shoddy", "дурак"), rev=5)
    with pytest.raises(NotFound) as refused:
        without_word(LISTED, "cabbage")
    assert str(refused.value) == "This word is not on the list."
