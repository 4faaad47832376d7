"""Product §3, rule 9: a reading that did not add up pays nobody until an admin divides what it took, to the cent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import AlreadyDone, Invalid, InvalidState
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import rfc3339
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.sessions import afterwards, costs, settling, timeline
from chalicelib.sessions.model.commands import finish, heartbeat, leave
from chalicelib.sessions.model.session import Session, to_item
from chalicelib.sessions.store import Sessions
from chalicelib.wallet import statement
from chalicelib.wallet.model.buckets import Lot
from scripts.admin.cli import run
from tests.support.dying import Crash, Death, DyingTables
from tests.support.hands import ANN, BEA, insisting
from tests.support.people import person
from tests.support.reading import CLIENT, READER, SESSION, Stage, grant
from tests.support.worlds import NOON

BY: Any = {"actor": ANN, "reason": "ticket 7"}
WHY = ("--reason", "because", "--yes")


def mismatched(promo: Cents = 0, tables: DyingTables | None = None) -> Stage:
    """A talk of three minutes at 250, whose row says that it was ten."""
    stage = Stage()
    if tables:
        tables.rows = stage.tables.rows
        stage.tables = tables
        stage.world = replace(stage.world, tables=tables)
    for each in (CLIENT, READER):
        person(stage.world, each)
    if promo:
        grant(stage.world, CLIENT, Lot("pro_1", promo, NOON + 10**9))
    stage.begun().beats(150).client(leave)
    was = stage.row()
    _, operations = Sessions(stage.tables, "sessions").replace(replace(was, connected_before=600_000), was)
    stage.tables.write(*operations)
    stage.client(finish)
    assert stage.row().in_review
    return stage


def settled(stage: Stage, earned: Cents, refunded: Cents = 0) -> Session:
    return settling.settle(stage.world, SESSION, earned=earned, refunded=refunded, **BY)


def test_what_there_is_to_divide_and_why_it_did_not_match_is_said() -> None:
    stage = mismatched()
    found = settling.reckoning(stage.world, stage.row())
    assert (found.held, found.by_minutes, found.by_time) == (750, 750, 2_500)


@pytest.mark.parametrize(
    ("earned", "refunded", "fee"), [(525, 0, 225), (0, 750, 0), (0, 0, 750), (100, 300, 350), (750, 0, 0)]
)
def test_it_is_divided_as_the_admin_says_and_the_platform_has_the_rest(earned: int, refunded: int, fee: int) -> None:
    stage = mismatched()
    for _ in range(2):
        session = settled(stage, earned, refunded)
        assert (session.state, session.earned, session.refunded) == ("finalized", earned, refunded)
    assert stage.of("earnings:") == earned
    assert stage.of("platform:fees") == fee
    assert stage.balance == 10_000 - 750 + refunded
    assert stage.of(f"session:{SESSION}") == 0
    books = statement.trial_balance(stage.world)
    assert (books.total, books.drifted, books.unsettled()) == ({"usd": 0}, (), {})
    assert costs.cost(stage.world, session).total == costs.cost(stage.world, session).by_ledger == 750 - refunded
    acts = [row for row in stage.tables.rows["audit"].values() if row["action"] == "session_divided"]
    assert [(row["actor"], row["detail"]["held"], row["detail"]["fee"]) for row in acts] == [(ANN, 750, fee)]
    assert settling.in_review(stage.world, 10) == []


@pytest.mark.parametrize(("earned", "refunded"), [(751, 0), (0, 751), (400, 351), (-1, 0), (0, -1)])
def test_no_more_is_divided_than_there_is(earned: int, refunded: int) -> None:
    stage = mismatched()
    with pytest.raises(Invalid):
        settled(stage, earned, refunded)
    assert stage.row().in_review


def test_settled_once_it_is_not_settled_in_another_way() -> None:
    stage = mismatched()
    settled(stage, 500)
    for other in ((499, 0), (500, 1)):
        with pytest.raises(AlreadyDone):
            settled(stage, *other)
    by_rule = Stage().begun().at(10)
    by_rule.client(finish)
    with pytest.raises(AlreadyDone):
        settled(by_rule, 175)
    with pytest.raises(InvalidState):
        settled(Stage().begun(), 175)


def test_what_goes_back_goes_where_it_came_from_the_last_that_was_spent_first() -> None:
    stage = mismatched(promo=600)  # 600 promotional and 150 paid were spent
    settled(stage, 0, 400)
    held = stage.head.buckets
    assert held.paid == 10_000
    assert [(lot.id, lot.rest) for lot in held.lots] == [("pro_1", 250)]
    (row,) = [each for each in stage.tables.rows["notices"].values() if each["kind"] == "reading_refunded"]
    told = words(Notice(CLIENT, row["kind"], row["facts"]), "UTC")
    assert told
    assert "$4.00" in told.text


def test_what_went_back_so_cannot_be_asked_for_again() -> None:
    stage = mismatched()
    session = settled(stage, 100, 600)
    assert costs.paid_from(stage.world, session) == (("paid", 150),)
    assert afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "It was bad.").amount == 150


def test_who_has_left_is_given_nothing_back_and_the_reader_is_paid_all_the_same() -> None:
    stage = mismatched()
    stage.tables.write(*accounts.closing(stage.world, accounts.person(stage.world, CLIENT), "asked for"))
    with pytest.raises(InvalidState):
        settled(stage, 0, 1)
    assert settled(stage, 525).state == "finalized"


def test_a_reader_who_has_left_has_nothing_of_it_for_nobody_could_be_paid() -> None:
    stage = mismatched()
    stage.tables.write(*accounts.closing(stage.world, accounts.person(stage.world, READER), "asked for"))
    with pytest.raises(InvalidState):
        settled(stage, 1)
    assert settled(stage, 0, 750).state == "finalized"


def test_one_in_review_is_listed_until_it_is_divided() -> None:
    stage = mismatched()
    assert [each.id for each in settling.in_review(stage.world, 10)] == [SESSION]
    assert to_item(stage.row())["pending"] == "review"
    assert "pending" not in to_item(settled(stage, 1))


def test_a_function_that_dies_or_hears_nothing_anywhere_divides_it_once() -> None:
    for lost in (False, True):
        for at in range(4):
            death = Death(lost=lost)
            stage = mismatched(tables=DyingTables(death))
            death.moments, death.at = 0, at

            def divide(stage: Stage = stage) -> Session:
                return settled(stage, 100, 300)

            try:
                insisting(divide)
            except Crash:
                insisting(divide)
            assert (stage.of("earnings:"), stage.of("platform:fees"), stage.balance) == (100, 350, 9_550)
            assert stage.of(f"session:{SESSION}") == 0


# --- by the command line ---------------------------------------------------------------------------


Command = Callable[..., int]


def on(stage: Stage, operator: str = ANN) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: stage.world, lambda: operator)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_dividing_says_first_what_there_is_and_who_gets_it(capsys: pytest.CaptureFixture[str]) -> None:
    stage = mismatched()
    soulseer = on(stage)
    capsys.readouterr()
    assert soulseer("sessions", "list", "--state", "review") == 0
    assert [row["id"] for row in said(capsys)["rows"]] == [SESSION]
    assert soulseer("sessions", "settle", SESSION, "--reason", "because") == 1
    capsys.readouterr()
    assert soulseer("sessions", "settle", SESSION, "--earned", "525", "--reason", "because") == 0
    first, *others = said(capsys)["would"]
    assert first == f"divide 750 cents of {SESSION}; its minutes say 750, its time 2500"
    assert others[-1] == "let the platform have the other 225 cents"
    for _ in range(2):
        assert soulseer("sessions", "settle", SESSION, "--earned", "525", *WHY) == 0
    assert stage.of("earnings:") == 525
    assert soulseer("sessions", "settle", SESSION, "--earned", "524", *WHY) == 1


def test_dividing_more_than_one_may_alone_takes_two(capsys: pytest.CaptureFixture[str]) -> None:
    stage = mismatched()
    stage.world = replace(stage.world, settings=replace(stage.world.settings, adjustment_limit=749))
    capsys.readouterr()
    assert on(stage)("sessions", "settle", SESSION, "--earned", "525", *WHY) == 0
    (asked,) = said(capsys)["rows"]
    assert (asked["state"], stage.row().state) == ("pending", "ended")
    assert on(stage)("adjustments", "approve", asked["id"], *WHY) == 1
    assert on(stage, BEA)("adjustments", "approve", asked["id"], *WHY) == 0
    assert (stage.row().state, stage.of("earnings:")) == ("finalized", 525)


def test_a_timeline_tells_all_that_is_known_of_a_reading_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    stage = mismatched()
    settled(stage, 100, 300)
    afterwards.tip(stage.world, SESSION, CLIENT, "tip_1", 500)
    capsys.readouterr()
    assert on(stage)("sessions", "timeline", SESSION) == 0
    (row,) = said(capsys)["rows"]
    told = [(line["book"], line["what"], line["amount"], line["credit"]) for line in row["timeline"]]
    assert told[:3] == [
        ("session", "asked for", None, None),
        ("session", "accepted", None, None),
        ("session", "both there: active", None, None),
    ]
    for line in (
        ("credit", "minute 3", -250, 9_250),
        ("credit", "reading refunded, 300 of it a refund", 300, 9_550),
        ("credit", "tip", -500, 9_050),
        ("earnings", "reading_earned", 100, None),
        ("platform", "fee", 350, None),
        ("told", "reading_requested", None, None),
        ("audit", "session_divided", None, None),
    ):
        assert line in told
    moments = [line["at"] for line in row["timeline"]]
    assert moments == sorted(moments)
    assert on(stage)("sessions", "timeline", "ses_nothing") == 1


def test_a_timeline_tells_when_each_phone_was_heard_last_and_what_agora_said_last_also_when_it_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = Stage().begun("voice")
    for who in ("client", "reader"):
        stage.told(who, 1, joined=True)
    stage.at(20).reader(heartbeat)
    stage.at(40).client(heartbeat)
    stage.at(50).told("client", 2, joined=False)
    stage.at(60).reader(finish)
    assert not stage.row().is_open
    capsys.readouterr()
    assert on(stage)("sessions", "timeline", SESSION) == 0
    (row,) = said(capsys)["rows"]
    told = {line["what"]: line["at"] for line in row["timeline"] if line["book"] in ("phone", "agora")}
    assert told == {
        "reader last heard": rfc3339(NOON + 20_000),
        "client last heard": rfc3339(NOON + 40_000),
        "reader came in: its last notice": rfc3339(NOON),
        "client left: its last notice": rfc3339(NOON + 50_000),
    }


def test_readings_are_listed_by_state_and_by_person(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage().begun()
    soulseer = on(stage)
    for how, there in (
        ((), True),
        (("--state", "active"), True),
        (("--state", "paused"), False),
        (("--user", READER), True),
        (("--user", CLIENT, "--state", "active"), True),
        (("--user", "usr_other"), False),
        (("--state", "review"), False),
    ):
        capsys.readouterr()
        assert soulseer("sessions", "list", *how) == 0
        assert [row["id"] for row in said(capsys)["rows"]] == ([SESSION] if there else []), how
    stage.at(10).client(finish)
    assert timeline.open_ones(stage.world, None, 10) == []
    assert [each.state for each in timeline.of_person(stage.world, CLIENT, None, 10)] == ["finalized"]
