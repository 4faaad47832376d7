import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.text import language_tag, one_line, paragraphs


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("ad\u202emin", "admin"),
        ("\u2066Ada\u2069", "Ada"),
        ("A\x00d\x1b[31ma", "Ad[31ma"),
        ("Ada\u00adLove\ufeff", "AdaLove"),
        ("Ade\u0301le", "Ad\u00e9le"),
        ("Ada\u2028Lovelace", "Ada Lovelace"),
    ],
)
def test_a_name_keeps_what_can_be_seen_on_one_line(written: str, shown: str) -> None:
    assert one_line(written) == shown


@pytest.mark.parametrize("written", ["", "   ", "\u200b\u2060", "\u200d\u200c", "\u202e\u202c", "\u0301"])
def test_what_cannot_be_seen_is_no_name(written: str) -> None:
    assert one_line(written) == ""


def test_the_joiners_that_spell_words_and_families_stay() -> None:
    name = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d👧"
    assert one_line(name) == name


@given(st.text())
def test_cleaning_leaves_nothing_that_changes_its_neighbours(written: str) -> None:
    cleaned = one_line(written)
    assert one_line(cleaned) == cleaned
    assert not {unicodedata.category(each) for each in cleaned} - {"Cf"} & {"Cc", "Cn", "Co", "Cs", "Zl", "Zp"}
    assert not set(cleaned) & set("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.text())
def test_paragraphs_never_stand_more_than_one_empty_line_apart(written: str) -> None:
    cleaned = paragraphs(written)
    assert paragraphs(cleaned) == cleaned
    assert "\n\n\n" not in cleaned


def test_paragraphs_keep_their_lines() -> None:
    assert paragraphs("One\r\n\r\n\r\n\r\nTwo \n Three\n") == "One\n\nTwo\nThree"


@pytest.mark.parametrize(
    ("written", "tag"),
    [("EN", "en"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("fil", "fil")],
)
def test_a_language_tag_is_written_in_its_usual_case(written: str, tag: str) -> None:
    assert language_tag(written) == tag


@pytest.mark.parametrize("written", ["", "e", "english", "en-", "en-USA", "en US", "../en", "en-US\n", "\u017ft"])
def test_what_is_no_language_tag_is_refused(written: str) -> None:
    assert language_tag(written) is None


@pytest.mark.parametrize("blank", ["\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"])
def test_letters_that_show_nothing_are_no_name(blank: str) -> None:
    assert one_line(blank) == ""
    assert one_line(f"A{blank}b") == "A b"
