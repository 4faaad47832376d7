"""What the fourth act shows holds by the rules alone, so that the play can be read without being run."""

from chalicelib.community.model.wordlist import WordList
from chalicelib.community.rendering import html_of
from infra.local.fourth_act import ADVERTISEMENT, DISGUISED, FORBIDDEN, POST, SHOWN


def test_what_is_posted_is_shown_as_text() -> None:
    assert html_of(POST) == SHOWN


def test_the_word_in_disguise_is_the_forbidden_one_and_the_advertisement_has_none() -> None:
    words = WordList((FORBIDDEN,))
    assert FORBIDDEN not in DISGUISED.casefold()
    assert (words.found_in(DISGUISED), words.found_in(ADVERTISEMENT)) == ((FORBIDDEN,), ())
