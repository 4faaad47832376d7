"""What a person sees of a release."""

import io
from typing import Any

import pytest
from rich.console import Console

from scripts.deployment.asked import Shown
from scripts.deployment.changes import Change, Kind
from scripts.deployment.events import Event, reasons
from scripts.deployment.history import Release
from scripts.deployment.screen import list_releases, show, show_checks, teller
from scripts.deployment.smoke import Check

WIDTHS = (80, 120)


def console(width: int, *, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False), out


def change(kind: Kind, name: str, type_: str = "AWS::DynamoDB::Table", **more: Any) -> Change:
    return Change(kind, name, type_, "", ("TableName",), **more)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_name_of_a_change_is_cut_off_and_what_is_refused_for_one_reason_is_said_once(width: int) -> None:
    names = [f"Table{number}{'x' * 30}" for number in range(20)]
    lost = [change("replace", name, stays=True) for name in names]
    long = change("change", "Long" * 40, "AWS::Lambda::Function")
    to, out = console(width)
    show(to, Shown("soulseer-dev", "UPDATE", "c0ffee (not on main)", [*lost, long], [], [], lost, False))
    said = out.getvalue()
    joined = "".join(said.split())
    assert all(joined.count(f"{name},") + joined.count(f"{name};") + joined.count(f"{name}.") == 2 for name in names)
    assert "Long" * 40 in joined
    assert "…" not in said
    assert said.count("Refused") == 1
    assert "not on main" in said
    assert max(len(line) for line in said.splitlines()) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_says_what_became_of_each_release_whose_it_is_and_which_one_stands(width: int) -> None:
    user = "arn:aws:sts::123456789012:assumed-role/deployer/run-17"
    found = [
        Release("2026-11-26T15:00:00.000Z", "t", {}, "", user, "c0ffee", "went back"),
        Release("2026-11-26T14:00:00.000Z", "t", {}, "[ticket]", user, "bad1dea (not on main)", "unseen"),
    ]
    to, out = console(width)
    list_releases(to, found)
    lines = out.getvalue().splitlines()
    assert "went back  c0ffee by run-17" in lines[1]
    assert lines[2].startswith("▸  2026-11-26T14:00:00.000Z  unseen")
    assert "[ticket]" in out.getvalue()
    assert "deploying it again looks" in " ".join(out.getvalue().split())


def test_what_somebody_wrote_of_a_release_or_answered_to_a_look_is_shown_and_obeyed_by_no_terminal() -> None:
    to, out = console(120)
    one = Release("2026-11-26T14:00:00.000Z", "t", {}, "\x1b]0;owned\x07", "arn:\x1b[31m", "\ud800")
    list_releases(to, [one])
    show_checks(to, [Check("it answers", False, "it says \x1b[2J")])
    show(to, Shown("soulseer-dev", "UPDATE", "\x1b[31m", [], [], [("A", "\x1b[1A", "b")], [], False))
    said = out.getvalue()
    assert all(each.isprintable() for each in said if each != "\n")
    assert said.count("\\u001b") == 5


def test_why_cloudformation_takes_a_change_back_is_told_and_what_only_echoes_it_is_not() -> None:
    stack, table = "AWS::CloudFormation::Stack", "AWS::DynamoDB::Table"
    told = [
        Event("1", "A", table, "UPDATE_FAILED", "no such thing"),
        Event("2", "B", table, "UPDATE_FAILED", "Resource update cancelled"),
        Event("3", "soulseer-dev", stack, "UPDATE_ROLLBACK_IN_PROGRESS", "an alarm rings"),
        Event("4", "soulseer-dev", stack, "UPDATE_ROLLBACK_COMPLETE", ""),
    ]
    assert reasons(told) == f"  A ({table}): no such thing"
    assert "an alarm rings" in reasons(told[2:])
    to, out = console(80)
    tell = teller(to)
    for each in told:
        tell(each)
    assert "cancelled" not in out.getvalue()
    assert "soulseer-dev is UPDATE_ROLLBACK_COMPLETE." in out.getvalue()
    assert "gives no reason" in reasons([])
