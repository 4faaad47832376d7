"""Letters: plain and HTML say the same, whatever is in them stays text, and how to have no more of them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import get_args

import pytest

from chalicelib.accounts.model.preferences import Kind
from chalicelib.gateways.mail import Letter
from chalicelib.notifications.letters import ABOUT_WHAT, SAFE, letter
from chalicelib.notifications.model.words import Words
from tests.support.corpus import GROUPS

STOP = "https://api.test/v1/unsubscribe/AbC-_1"
SAID = Words("You have coins", "400 coins are yours.\n\nhttps://files.test/x?a=1&b=2\n\nThat is all.")


class Page(HTMLParser):
    """The tags and the text of a page, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(written: Letter) -> Page:
    assert written.html
    return Page(written.html)


PLAIN = page_of(letter("ada@example.test", "Ada", Words("a", "b"), "wallet", STOP))
"""What is in every letter."""


def test_both_parts_greet_say_why_and_hold_all_that_is_said() -> None:
    written = letter("ada@example.test", "Ada", SAID, "wallet", STOP)
    assert (written.to, written.subject) == ("ada@example.test", "You have coins")
    for text in (written.text, page_of(written).text):
        for part in ("Hello Ada,", *SAID.text.split("\n\n"), "You get this because you want mail about your wallet."):
            assert part in text
    assert page_of(written).links == ["https://files.test/x?a=1&b=2", STOP]
    assert f"No more mail about your wallet: {STOP}" in written.text


def test_what_can_be_turned_off_is_turned_off_by_one_click() -> None:
    assert letter("a@b.test", "Ada", SAID, "wallet", STOP).headers == (
        ("List-Unsubscribe", f"<{STOP}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def test_what_keeps_an_account_safe_says_so_and_cannot_be_turned_off() -> None:
    written = letter("a@b.test", "Ada", SAID)
    assert written.headers == ()
    assert SAFE in written.text
    assert SAFE in page_of(written).text
    assert "No more mail" not in written.text + (written.html or "")


def test_where_it_is_not_known_where_the_api_is_nothing_leads_nowhere() -> None:
    written = letter("a@b.test", "Ada", SAID, "wallet", None)
    assert written.headers == ()
    assert "No more mail" not in written.text + (written.html or "")


def test_every_kind_that_can_be_chosen_has_its_words() -> None:
    assert ABOUT_WHAT.keys() == set(get_args(Kind))


@pytest.mark.parametrize("texts", GROUPS.values(), ids=GROUPS)
def test_whatever_a_name_holds_it_stays_text(texts: dict[str, str]) -> None:
    for what, name in texts.items():
        said = Words(f"{name} wrote to you", f"You have a new message from {name}.")
        written = letter("ada@example.test", name, said, "messages", STOP)
        page = page_of(written)
        assert page.links == [STOP], what
        assert set(page.tags) <= set(PLAIN.tags) | {"br"}, what
        assert page.tags.count("p") == PLAIN.tags.count("p") + said.text.count("\n\n"), what
        assert not set("\r\n\t\x00") & set(written.subject), what
        assert all("\n" not in value for _, value in written.headers), what
