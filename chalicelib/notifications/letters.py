"""Letters: what a person reads by mail, in plain text and in HTML that says the same. Pure but for its own template.

Whatever comes from outside is escaped, and stays text.
"""

import re
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from chalicelib.accounts.model.preferences import Kind
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.text import one_line
from chalicelib.notifications.model.words import Words

PAGES: Final = Path(__file__).parent / "page"
SAFE: Final = "You get this because it keeps your account safe, so it cannot be turned off."
ONE_CLICK: Final = "List-Unsubscribe=One-Click"
"""RFC 8058: what a mail program posts."""

_ADDRESS: Final = re.compile(r"https?://\S+")

ABOUT_WHAT: Final[dict[Kind, str]] = {
    "readings": "readings",
    "bookings": "bookings",
    "messages": "messages",
    "favorites": "your favorites",
    "wallet": "your wallet",
    "orders": "orders",
    "community": "the community",
    "news": "news",
}
"""The kinds of notices as a person reads them."""


def letter(to: str, name: str, said: Words, about: Kind | None = None, unsubscribe: str | None = None) -> Letter:
    """The letter with these words to the person of that name.

    ``about`` is what they may wish no mail of, None where the letter keeps their account safe; ``unsubscribe`` is the
    address that turns it off.
    """
    subject, greeting = one_line(said.subject), f"Hello {one_line(name)},"
    paragraphs = [each.strip() for each in said.text.split("\n\n")]
    why = SAFE if about is None else f"You get this because you want mail about {ABOUT_WHAT[about]}."
    how = f"No more mail about {ABOUT_WHAT[about]}" if about and unsubscribe else None
    text = "\n\n".join((greeting, *paragraphs, "SoulSeer"))
    html = template("letter.html").substitute(
        subject=escape(subject),
        greeting=escape(greeting),
        text="\n".join(f"<p>{linked(each)}</p>" for each in paragraphs),
        footer=escape(why) + (f' <a href="{escape(unsubscribe)}">{escape(how)}</a>' if how and unsubscribe else ""),
    )
    headers = (("List-Unsubscribe", f"<{unsubscribe}>"), ("List-Unsubscribe-Post", ONE_CLICK)) if how else ()
    footer = f"{why}\n{how}: {unsubscribe}" if how else why
    return Letter(to, subject, f"{text}\n\n-- \n{footer}\n", html, headers)


def linked(paragraph: str) -> str:
    """The paragraph as HTML; one that is an address and nothing else leads there."""
    shown = escape(paragraph).replace("\n", "<br>\n")
    return f'<a href="{shown}">{shown}</a>' if _ADDRESS.fullmatch(paragraph) else shown


@cache
def template(name: str) -> Template:
    """A page of ours. What it is filled with is escaped by whoever fills it."""
    return Template((PAGES / name).read_text(encoding="utf-8"))
