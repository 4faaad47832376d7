"""What people write stays what they wrote, wherever it is shown: nothing of it runs, and nothing is taken for ours."""

import csv
import io
import json
import re
import unicodedata
from contextlib import suppress
from dataclasses import replace

import icalendar
import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.text import one_line, paragraphs
from chalicelib.runtime.identity import Claims
from chalicelib.scheduling import feed
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.schemas import DESCRIPTIONS, csv_of, entry_view
from scripts.admin.cli import run
from tests.support.corpus import ALL, GROUPS
from tests.support.diary import days, diary
from tests.support.reading import CLIENT, SESSION, Stage
from tests.support.worlds import hand_world

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
        if "half a" in name:
            continue  # no UTF-8 has it, so no name comes here
        for written in (one_line(text), text):
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
