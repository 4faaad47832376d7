"""Moderation on the command line: what waits, what was said, and decisions that are told before they are made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts.admin.cli import run
from tests.support.desk import Desk
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def desk() -> Desk:
    """A review that three people reported."""
    desk = Desk(hand_world()).opened()
    desk.reports("usr_1", "usr_2", text="Look at [this].")
    desk.reports("usr_3", reason="hate")
    return desk


@pytest.fixture
def soulseer(desk: Desk) -> Command:
    return lambda *arguments: run(
        ["moderation", *arguments, "--local", "--json"], lambda _: desk.world, lambda: "arn:ops"
    )


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_list_says_what_waits_and_how_often_it_was_reported(
    desk: Desk, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("list") == 0
    (row,) = said(capsys)["rows"]
    assert (row["id"], row["item"], row["author"]) == (desk.case.id, desk.item, desk.author)
    assert (row["reports"], row["reasons"], row["hidden"]) == (3, {"spam": 2, "hate": 1}, True)
    for nothing in (("--kind", "post"), ("--state", "appealed")):
        assert soulseer("list", *nothing) == 0
        assert said(capsys)["rows"] == []
    assert soulseer("list", "--kind", "review") == 0
    assert len(said(capsys)["rows"]) == 1


def test_a_case_is_shown_with_the_thing_and_what_was_said(
    desk: Desk, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("show", desk.case.id) == 0
    (row,) = said(capsys)["rows"]
    assert row["thing"] == {"standing": "hidden", "text": "Spam!", "where": "ses_1"}
    assert [(each["by"], each["reason"], each["text"]) for each in row["said"]] == [
        ("usr_1", "spam", "Look at [this]."),
        ("usr_2", "spam", "Look at [this]."),
        ("usr_3", "hate", ""),
    ]
    assert (row["decision"], row["appeal"], row["review"]) == (None, None, None)
    assert soulseer("show", "cas_none") == 1


def test_a_decision_is_made_only_with_yes_and_once(
    desk: Desk, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    case = desk.case.id
    for arguments, will in (
        (("resolve", case, "--action", "hide"), ["hide rev_1 from everybody but its author"]),
        (("resolve", case, "--action", "warn"), ["warn the author of rev_1, and let it be", "show rev_1 again"]),
        (("dismiss", case), ["do nothing about rev_1", "show rev_1 again"]),
    ):
        assert soulseer(*arguments, "--reason", "because") == 0
        assert said(capsys)["would"] == will
    assert desk.queue() == [case]
    assert soulseer("resolve", case, "--action", "uphold", "--reason", "because") == 1
    capsys.readouterr()
    assert soulseer("resolve", case, "--action", "suspend", "--rule", "fraud", *WHY) == 0
    decided = said(capsys)["rows"][0]["decision"]
    assert (decided["action"], decided["rule"], decided["reason"]) == ("suspend", "fraud", "because")
    assert desk.status == "suspended"
    assert ("case_suspend", "arn:ops", "because") in desk.audited()
    decision = desk.case.decision
    assert decision is not None
    assert decision.rule == "fraud"
    for again in (("dismiss", case), ("resolve", case, "--action", "suspend")):
        assert soulseer(*again, *WHY) == 1


def test_an_appeal_is_listed_and_granted(desk: Desk, soulseer: Command, capsys: pytest.CaptureFixture[str]) -> None:
    desk.resolves("remove")
    desk.appeals("A joke.")
    capsys.readouterr()
    assert soulseer("list", "--state", "appealed") == 0
    (row,) = said(capsys)["rows"]
    assert soulseer("show", row["id"]) == 0
    (shown,) = said(capsys)["rows"]
    assert (shown["appeal"]["text"], shown["decision"]["action"]) == ("A joke.", "remove")
    assert soulseer("dismiss", row["id"], "--reason", "because") == 0
    assert said(capsys)["would"] == ["grant the appeal, and take back what was done about rev_1"]
    assert soulseer("dismiss", row["id"], *WHY) == 0
    assert desk.shown
    capsys.readouterr()
    assert soulseer("show", row["id"]) == 0
    assert said(capsys)["rows"][0]["review"]["by"] == "arn:ops"
