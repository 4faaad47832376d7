"""A reading line by line: what each book says of it, in words, and in the order of its moments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.sessions.model.session import Session, Side
from chalicelib.sessions.model.timeline import Line, timeline
from chalicelib.wallet.model.chain import Entry, genesis

BLANK = Session("ses_1", Side("usr_c", "Cee"), Side("usr_r", "Dee"), "text", 250, 1, 9, "0")


def entry(kind: str, at: int = 5, amount: int = 0, reference: str = "ses_1", **more: Any) -> Entry:
    return replace(genesis("credit:usr_c"), seq=7, kind=kind, amount=amount, reference=reference, at=at, **more)


def lines(session: Session = BLANK, *credit: Entry) -> list[Line]:
    return timeline(session, credit, [], None, [], [])


def test_only_the_moments_that_there_were_are_told() -> None:
    assert lines() == [Line(1, "session", "asked for")]
    ended = replace(BLANK, accepted_at=2, started_at=3, stopped_at=4, ended_at=6, finalized_at=8)
    assert [(line.at, line.what) for line in lines(ended)] == [
        (1, "asked for"),
        (2, "accepted"),
        (3, "both there: active"),
        (4, "the talk stopped last"),
        (6, "ended"),
        (8, "finalized"),
    ]


def test_why_it_ended_and_what_cut_the_talk_stand_where_they_happened() -> None:
    ended = replace(BLANK, stopped_at=4, ended_at=6, reason="admin", cut="network")
    assert [line.what for line in lines(ended)] == ["asked for", "the talk stopped last (network)", "ended (admin)"]


@pytest.mark.parametrize(
    ("posted", "what"),
    [
        (entry("minute", minute=3), "minute 3"),
        (entry("meter_started", minute=1), "meter started, minute 1"),
        (entry("meter_stood", kept=0), "meter stood, minutes above 0 taken back"),
        (entry("meter_closed", kept=2, refund=41), "meter closed, minutes above 2 taken back, 41 of it a refund"),
        (entry("topup", reference="pi_1"), "topup, of other business"),
    ],
)
def test_an_entry_says_in_words_what_it_did_for_the_reading(posted: Entry, what: str) -> None:
    assert lines(BLANK, posted)[1].what == what


def test_an_entry_names_itself_and_what_was_there_after_it() -> None:
    paid = entry("minute", 5, -250, minute=1, balance=750)
    still = entry("meter_resumed", 6, balance=750)
    assert lines(BLANK, paid, still)[1:] == [
        Line(5, "credit", "minute 1", -250, 750, "entry 7"),
        Line(6, "credit", "meter resumed", None, 750, "entry 7"),
    ]


def test_all_books_are_told_in_the_order_of_their_moments_and_by_name() -> None:
    earned = replace(entry("reading_earned", 6, 175), account="earnings:usr_r")
    fee = {"at": 6, "amount": 75, "seq": "reading:ses_1"}
    told = [{"at": 7, "kind": "receipt", "pk": "usr_c"}]
    audited = [{"at": 0, "action": "session_settled", "actor": "system", "reason": "it added up"}]
    assert timeline(BLANK, [], [earned], fee, told, audited) == [
        Line(0, "audit", "session_settled", name="system: it added up"),
        Line(1, "session", "asked for"),
        Line(6, "earnings", "reading_earned", 175, name="entry 7"),
        Line(6, "platform", "fee", 75, name="reading:ses_1"),
        Line(7, "told", "receipt", name="usr_c"),
    ]
