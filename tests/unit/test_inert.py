"""What people write stays what they wrote, wherever it is shown: nothing of it runs, and nothing is taken for ours."""

import csv
import io
import json
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TypedDict

import icalendar
import pytest

from chalicelib.accounts import service as accounts
from chalicelib.community.rendering import html_of
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.text import one_line, paragraphs
from chalicelib.notifications.letters import letter
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.runtime.identity import Claims
from chalicelib.scheduling import feed
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.schemas import DESCRIPTIONS, csv_of, entry_view
from infra.local.waiting import until
from scripts.admin.cli import run
from tests.support import browser
from tests.support.browser import Page
from tests.support.corpus import ALL, DEEP, GROUPS, MARKER, MARKUP, RAN
from tests.support.diary import days, diary
from tests.support.reading import CLIENT, SESSION, Stage
from tests.support.worlds import hand_world

WRITTEN = {name: text for name, text in ALL.items() if "half a" not in name}
"""What UTF-8 has: nothing else comes out of JSON, or goes into any of what is below."""

every_group = pytest.mark.parametrize("texts", GROUPS.values(), ids=GROUPS)


OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u061c\u2028-\u202e\u2060-\u2069\ufeff]")
"""What a terminal obeys, or does not show, or shows in another order. A new line is ours to begin."""
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def seen(text: str) -> str:
    """The characters of it that can be seen."""
    return "".join(each for each in text if each.isprintable() and each != " " and each not in BLANK)


# --- as it is kept --------------------------------------------------------------------------------


@every_group
def test_what_is_kept_is_what_was_written_without_what_cannot_be_seen(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        for clean in (one_line, paragraphs):
            kept = clean(text)
            assert not OBEYED.search(kept), name
            assert seen(kept) == seen(unicodedata.normalize("NFC", text)), name


# --- on the operator's terminal -------------------------------------------------------------------


def test_no_text_moves_the_cursor_of_who_reads_it_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    world, names = hand_world(), {}
    for place, text in enumerate(ALL.values()):
        one = accounts.sign_in(world, Claims(f"auth0|{place}", "ada@example.test", "Ada")).id
        names[one] = text[:200]
        world.tables.rows["accounts"][one, "profile"]["display_name"] = names[one]  # type: ignore[attr-defined] # as it came
    asked = ["people", "find", "--email", "ada@example.test", "--local"]
    assert run(asked, lambda _: world) == 0
    assert not OBEYED.search(capsys.readouterr().out)
    assert run([*asked, "--json"], lambda _: world) == 0
    shown = capsys.readouterr().out
    assert not OBEYED.search(shown)
    assert {row["id"]: row["display_name"] for row in json.loads(shown)["rows"]} == names


def test_brackets_are_no_colours_and_no_links_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    world = hand_world()
    ada = accounts.sign_in(world, Claims("auth0|ada", None, "[bold red]x[/] [link=https://a.test]y[/link]")).id
    assert run(["people", "show", ada, "--local"], lambda _: world) == 0
    assert "[bold red]x[/] [link=https://a.test]y[/link]" in " ".join(capsys.readouterr().out.split())


def test_what_would_be_done_to_somebody_is_no_order_to_a_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    world = hand_world()
    ada = accounts.sign_in(world, Claims("auth0|ada", None, "Ada")).id
    world.tables.rows["accounts"][ada, "profile"]["display_name"] = "\x1b[2J\x9b2J"  # type: ignore[attr-defined] # as it came
    assert run(["people", "make-admin", ada, "--reason", "because", "--local"], lambda _: world) == 0
    shown = capsys.readouterr().out
    assert "\\u001b[2J\\u009b2J" in shown
    assert not OBEYED.search(shown)


# --- in a calendar --------------------------------------------------------------------------------


@every_group
def test_a_name_is_one_line_of_one_event_of_a_calendar(texts: dict[str, str]) -> None:
    booking = diary().book(days(3))
    for name, text in texts.items():
        for written in {one_line(text), text} & {*WRITTEN.values(), one_line(text)}:
            shown = feed.rendered(booking.client.user, [replace(booking, reader=Side(booking.reader.user, written))])
            calendar = icalendar.Calendar.from_ical(shown)
            assert [each.name for each in calendar.walk()] == ["VCALENDAR", "VEVENT"], name
            (event,) = calendar.events
            assert set(event) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "STATUS"}, name
            assert not event["SUMMARY"].params, name
            assert "\r\n" not in str(event["SUMMARY"]), name


# --- in a spreadsheet -----------------------------------------------------------------------------


def test_no_cell_of_a_statement_holds_what_a_person_wrote_or_begins_a_formula() -> None:
    stage = Stage().begun().at(70)
    stage.client(finish)
    for text in (*GROUPS["formulae"].values(), *GROUPS["headers"].values()):
        with suppress(Problem):
            afterwards.tip(stage.world, SESSION, CLIENT, f"tip_{len(text)}", 500)
        afterwards.write_session_note(stage.world, SESSION, CLIENT, text)
    entries, _ = statement.page(stage.world, wallet.credit_account(CLIENT), 100, None)
    sheet = list(csv.reader(io.StringIO(csv_of([entry_view(each) for each in entries]))))
    assert len(sheet) == len(entries) + 1 > 4
    for row in sheet:
        assert all(re.fullmatch(r"-?[0-9]+|[A-Za-z0-9].*|", cell) for cell in row), row


def test_every_kind_of_entry_has_words_that_begin_no_formula() -> None:
    assert all(re.match(r"[A-Z]", words) for words in DESCRIPTIONS.values())


# --- by mail --------------------------------------------------------------------------------------


def mailed(name: str) -> Letter:
    """A letter to somebody of that name, from somebody of that name."""
    facts = {"name": name, "from": "usr_x", "conversation": "cnv_x", "priced": False}
    said = words(Notice("usr_y", "message_received", facts), "UTC")
    assert said
    return letter("ada@example.test", name, said, "messages", "https://api.test/v1/unsubscribe/x")


class Structure(HTMLParser):
    """The tags of a document, with their attributes, in their order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, object]] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", None))


def test_a_name_in_a_letter_is_no_header_no_markup_and_no_paragraph_of_its_own() -> None:
    plain = mailed("Ada")
    assert plain.html
    for name, text in WRITTEN.items():
        made = mailed(one_line(text))
        assert made.html
        assert Structure(made.html).tags == Structure(plain.html).tags, name
        assert not OBEYED.search(made.subject), name
        assert made.text.count("\n") == plain.text.count("\n"), name
        assert (made.to, made.headers) == (plain.to, plain.headers), name
    assert not set("\r\n") & set(mailed("Ada\r\nBcc: x@evil.invalid").subject), "as it came"


# --- in a browser ---------------------------------------------------------------------------------

CHROMIUM = browser.executable()
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; on Debian: apt install chromium")
PLAIN = {each: set[str]() for each in ["BLOCKQUOTE", "BR", "CODE", "EM", "LI", "P", "PRE", "STRONG", "UL"]} | {
    "A": {"href", "rel"},
    "OL": {"start"},
}
"""What a post may be made of, and each part's attributes."""


class Tag(TypedDict):
    name: str
    attributes: list[str]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM
    with browser.tab(CHROMIUM, tmp_path_factory.mktemp("browser"), width=800, height=600) as page:
        yield page


def shown(page: Page, place: Path, articles: Iterable[str]) -> None:
    """Show them one below the other, and wait until all that they begin is over."""
    place.write_text(
        "<!doctype html><meta charset=utf-8><title>x</title><body>"
        + "".join(f"<article>{each}</article>\n" for each in articles),
        "utf-8",
        "surrogatepass",
    )
    page.requests.clear()
    page.open(place.as_uri())
    until(
        "the page",
        lambda: page.run(f"location.href === {place.as_uri()!r} && document.readyState === 'complete'"),
        seconds=30,
    )
    page.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")  # what gets the focus has it then


def tags(page: Page) -> list[Tag]:
    """All that is in the articles, as the browser understood it."""
    found: list[Tag] = page.run(
        "[...document.querySelectorAll('article *')]"
        ".map((each) => ({name: each.tagName, attributes: each.getAttributeNames()}))"
    )
    return found


@needs_chromium
def test_the_corpus_runs_and_calls_where_nothing_makes_it_inert(chromium: Page, tmp_path: Path) -> None:
    shown(chromium, tmp_path / "raw.html", [MARKUP["picture that fails"], MARKUP["picture that calls home"]])
    assert chromium.run(f"window.{RAN}") == 1
    assert MARKER in chromium.requests


@needs_chromium
def test_a_post_in_a_browser_runs_nothing_asks_for_nothing_and_stays_in_its_frame(
    chromium: Page, tmp_path: Path
) -> None:
    place = tmp_path / "posts.html"
    shown(chromium, place, map(html_of, WRITTEN.values()))
    assert chromium.run(f"typeof window.{RAN}") == "undefined"
    assert chromium.requests == [place.as_uri()]
    assert chromium.run("document.querySelectorAll('body > article').length") == len(WRITTEN)
    found = tags(chromium)
    assert {each["name"] for each in found} <= PLAIN.keys()
    assert [each for each in found if not set(each["attributes"]) <= PLAIN[each["name"]]] == []
    links: list[list[str]] = chromium.run(
        "[...document.querySelectorAll('a')].map((each) => [each.protocol, each.rel])"
    )
    assert links
    assert {protocol for protocol, _ in links} <= {"http:", "https:"}
    assert {rel for _, rel in links} == {"nofollow ugc noopener noreferrer"}


@needs_chromium
def test_a_letter_in_a_browser_runs_nothing_and_asks_for_nothing(chromium: Page, tmp_path: Path) -> None:
    place = tmp_path / "letters.html"
    bodies = [re.split(r"</?body[^>]*>", mailed(one_line(text)).html or "")[1] for text in WRITTEN.values()]
    shown(chromium, place, bodies)
    assert chromium.run(f"typeof window.{RAN}") == "undefined"
    assert chromium.requests == [place.as_uri()]
    assert chromium.run("document.querySelectorAll('body > article').length") == len(bodies)


def test_the_deepest_post_is_rendered_in_a_moment() -> None:
    before = time.process_time()
    for text in DEEP.values():
        html_of(text * 2)
    assert time.process_time() - before < 10, "some of it takes more than time that grows with its length"
