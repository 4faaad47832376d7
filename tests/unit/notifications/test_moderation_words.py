"""What moderation tells people: in whole sentences, of every kind of thing, for every rule."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from chalicelib.moderation.model import Case, Decision, decided, reported, told
from chalicelib.moderation.model import Report as Said
from chalicelib.moderation.terms import Rule, Verdict
from chalicelib.notifications.model.notice import ABOUT, Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.model.words import Words

RULES: list[Any] = [each for part in get_args(Rule) for each in (get_args(part) or (part,))]
ITEMS = ("pst_1", "msg_1", "rev_1", "ses_1", "str_1", "usr_1")


def said(kind: str, **facts: Any) -> Words:
    found = words(Notice("usr_1", kind, {"item": "pst_1", "case": "cas_1", **facts}), "UTC")
    assert found is not None
    return found


@pytest.mark.parametrize("verdict", ["hide", "remove", "warn", "suspend", "dismiss"])
def test_whatever_a_decision_tells_has_words(verdict: Verdict) -> None:
    case = Case("cas_1", "pst_1", "usr_author", 1, 0, rev=0)
    for user in ("usr_1", "usr_2", "usr_3"):
        was, case = case, reported(case, Said(f"rpt_{user}", "pst_1", user, "cas_1", "spam", "", 0))
    over = decided(case, Decision(verdict, "usr_admin", "ticket 7", None, 0))
    kinds = set()
    for word in (*told(case, was), *told(over, case)):
        assert words(Notice(word.to, word.kind, word.facts), "Europe/Vienna")
        kinds.add(word.kind)
    assert len(kinds) >= 2


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_words_of_its_own_but_other(rule: str) -> None:
    text = said("content_removed", reason=rule).text
    assert ("it goes against our guidelines" in text) == (rule == "other")
    assert "appeal" in text


@pytest.mark.parametrize("item", ITEMS)
def test_every_kind_of_thing_has_a_name(item: str) -> None:
    assert "something" not in said("warned", item=item, reason="spam").text


def test_who_is_hidden_by_reports_is_told_so_and_of_an_appeal() -> None:
    text = said("content_hidden", reason=None).text
    assert "Several people reported it" in text
    assert "appeal" in text
    assert "Our moderators have hidden it" in said("content_hidden", reason="hate").text


def test_an_appeal_and_a_report_are_answered_either_way() -> None:
    assert "granted" in said("appeal_decided", granted=True).subject
    assert "not granted" in said("appeal_decided", granted=False).subject
    assert "acted" in said("report_decided", acted=True).text
    assert "may stay" in said("report_decided", acted=False).text


def test_what_keeps_an_account_safe_is_told_whatever_one_prefers() -> None:
    safe = ("content_hidden", "content_removed", "content_restored", "warned", "account_suspended", "appeal_decided")
    assert ABOUT.keys().isdisjoint(safe)
    assert ABOUT["report_decided"] == "community"
