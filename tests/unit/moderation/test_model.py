"""The rules of a case, without tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.time import DAY
from chalicelib.moderation import model
from chalicelib.moderation.model import Appeal, Case, Decision, Report
from chalicelib.moderation.terms import Action, Reason, Verdict

AT = 1_000
OPEN = Case("cas_1", "pst_1", "usr_author", 1, AT, rev=0)


def report(user: str, reason: Reason = "spam", item: str = "pst_1") -> Report:
    return Report(f"rpt_{user}", item, user, "cas_1", reason, "", AT)


def reported(count: int, item: str = "pst_1") -> Case:
    case = replace(OPEN, item=item)
    for number in range(count):
        case = model.reported(case, report(f"usr_{number}", item=item))
    return case


def decision(verdict: Verdict, at: int = AT, **more: Any) -> Decision:
    told: dict[str, Any] = {"actor": "usr_admin", "reason": "ticket 7", "rule": None} | more
    return Decision(verdict, at=at, **told)


def decided(case: Case, verdict: Verdict, **more: Any) -> Case:
    return model.decided(case, decision(verdict, **more))


def appealed(case: Case, at: int = AT) -> Case:
    return model.appealed(case, Appeal("apl_1", "A joke.", at))


# --- what can be reported ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("pst_1", "post"),
        ("msg_1", "message"),
        ("rev_1", "review"),
        ("ses_1", "session"),
        ("str_1", "stream"),
        ("usr_1", "person"),
        ("usr_1_pst", "person"),
    ],
)
def test_an_id_says_what_it_is_of(item: str, kind: str) -> None:
    assert model.kind_of(item) == kind
    assert replace(OPEN, item=item).kind == kind


@pytest.mark.parametrize("item", ["bok_1", "1", "", "xpst_1"])
def test_what_else_has_an_id_cannot_be_reported(item: str) -> None:
    with pytest.raises(NotFound):
        model.kind_of(item)


def test_words_have_2000_characters_at_most() -> None:
    assert model.written(" x\n\n\n\ny ") == "x\n\ny"
    assert model.written("") == ""
    assert len(model.written("x" * 2_000)) == 2_000
    with pytest.raises(Invalid) as refused:
        model.written("x" * 2_001)
    assert refused.value.errors == ({"field": "text", "message": "Write 0 to 2000 visible characters."},)
    assert model.written("x", least=1) == "x"
    with pytest.raises(Invalid):
        model.written(" \u200b", least=1)


# --- reports -------------------------------------------------------------------------------------


def test_the_third_report_hides_a_thing_and_not_the_second() -> None:
    assert [reported(count).hidden for count in range(6)] == [False, False, False, True, True, True]
    assert [reported(count).reports for count in range(4)] == [0, 1, 2, 3]
    assert [reported(count).rev for count in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(("item", "hides"), [("msg_1", True), ("rev_1", True), ("pst_1", True)])
def test_what_can_be_hidden_is_hidden(item: str, hides: bool) -> None:
    assert reported(3, item).hidden is hides


@pytest.mark.parametrize("item", ["ses_1", "str_1", "usr_1"])
def test_a_reading_a_stream_and_a_person_cannot_be_hidden(item: str) -> None:
    case = reported(5, item)
    assert (case.hidden, case.reports) == (False, 5)
    assert model.stands(case, reported(2, item)) is None
    for action in ("hide", "remove"):
        with pytest.raises(
            InvalidState, match=rf"^A {case.kind} can be neither hidden nor removed: warn, suspend or dismiss\.$"
        ):
            decided(case, action)


def test_a_case_names_its_first_fifty_reporters_and_counts_them_all() -> None:
    case = reported(60)
    assert case.reports == 60
    assert case.reporters == tuple(f"usr_{number}" for number in range(50))


def test_reasons_are_counted() -> None:
    case = OPEN
    for user, reason in (("a", "spam"), ("b", "hate"), ("c", "spam")):
        case = model.reported(case, report(user, reason))  # type: ignore[arg-type]
    assert case.reasons == {"spam": 2, "hate": 1}


def test_it_is_hidden_by_the_report_that_made_it_so_and_by_no_later_one() -> None:
    second, third, fourth = reported(2), reported(3), reported(4)
    assert model.stands(second, reported(1)) is None
    assert model.stands(third, second) == "hidden"
    assert model.stands(fourth, third) is None


# --- decisions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state", "stands", "stood"),
    [
        ("hide", "resolved", "hidden", "hidden"),
        ("remove", "resolved", "removed", "removed"),
        ("suspend", "resolved", "removed", "removed"),
        ("warn", "resolved", None, "shown"),
        ("dismiss", "dismissed", None, "shown"),
    ],
)
def test_a_decision_says_how_the_thing_stands(verdict: Verdict, state: str, stands: Any, stood: Any) -> None:
    """``stood`` where reports had hidden it."""
    for was, expected in ((reported(1), stands), (reported(3), stood)):
        case = decided(was, verdict)
        assert case.state == state
        assert model.stands(case, was) == expected
        assert case.rev == was.rev + 1
        assert (case.decision and case.decision.verdict) == verdict
        assert case.review is None


@pytest.mark.parametrize("action", ["warn", "suspend", "dismiss"])
def test_of_a_reading_one_warns_suspends_or_dismisses_and_nothing_is_hidden(action: Verdict) -> None:
    was = reported(3, "ses_1")
    assert model.stands(decided(was, action), was) is None


@pytest.mark.parametrize("verdict", ["hide", "remove", "warn", "suspend", "dismiss", "uphold"])
@pytest.mark.parametrize("before", ["remove", "dismiss"])
def test_a_case_is_decided_once(before: Verdict, verdict: Verdict) -> None:
    case = decided(reported(1), before)
    with pytest.raises(AlreadyDone, match=rf"^The case was {case.state} before\.$"):
        decided(case, verdict)


def test_nothing_is_upheld_that_was_not_decided() -> None:
    with pytest.raises(InvalidState, match=r"^Nothing was decided yet that could be upheld\.$"):
        decided(reported(1), "uphold")


def test_nobody_decides_on_their_own_thing() -> None:
    for verdict in ("remove", "dismiss"):
        with pytest.raises(Forbidden, match=r"^Somebody else must decide on what is yours\.$"):
            decided(reported(1), verdict, actor="usr_author")
    gone = replace(reported(1), author="")
    assert decided(gone, "dismiss", actor="usr_author").state == "dismissed"


def test_who_is_gone_is_neither_warned_nor_suspended() -> None:
    gone = replace(reported(1), author="")
    for verdict in ("warn", "suspend"):
        with pytest.raises(InvalidState, match=r"^Its author is gone: there is nobody to warn or suspend\.$"):
            decided(gone, verdict)
    assert decided(gone, "remove").state == "resolved"
    assert model.told(decided(gone, "remove"), gone)[0].to == "usr_0", "its author is told nothing"


def test_the_rule_that_is_told_is_the_moderators_or_what_most_reported() -> None:
    case = replace(reported(1), reasons={"other": 1, "hate": 3, "spam": 2})
    told = {verdict: decided(case, verdict).decision for verdict in ("remove", "warn", "dismiss")}
    assert [each and each.rule for each in told.values()] == ["hate", "hate", None]
    named = decided(case, "remove", rule="fraud").decision
    assert named
    assert named.rule == "fraud"
    unsaid = decided(replace(case, reasons={}), "remove").decision
    assert unsaid
    assert unsaid.rule == "other"
    none = decided(case, "dismiss", rule="fraud").decision
    assert none
    assert none.rule is None


def test_two_decisions_are_the_same_word_if_the_same_person_says_the_same_for_the_same_reason() -> None:
    said = decision("hide")
    assert said.says(decision("hide", at=AT + 1, rule="spam"))
    assert not said.says(decision("remove"))
    assert not said.says(decision("hide", actor="usr_other"))
    assert not said.says(decision("hide", reason="ticket 8"))


# --- appeals -------------------------------------------------------------------------------------


def test_an_appeal_waits_from_its_own_moment_on() -> None:
    case = appealed(decided(reported(1), "remove"), AT + 5)
    assert (case.state, case.waits, case.waiting_since) == ("appealed", True, AT + 5)
    assert case.rev == 3
    assert not decided(reported(1), "remove").waits
    assert decided(reported(1), "remove").waiting_since == AT
    assert (reported(1).waits, reported(1).waiting_since) == (True, AT)


def test_one_may_appeal_for_thirty_days() -> None:
    case = decided(reported(1), "warn", at=AT)
    assert appealed(case, AT + 30 * DAY - 1).state == "appealed"
    with pytest.raises(InvalidState, match=r"^The 30 days in which one can appeal are over\.$"):
        appealed(case, AT + 30 * DAY)


def test_one_may_appeal_while_reports_hide_a_thing_and_the_case_stays_where_it_is_in_the_queue() -> None:
    case = appealed(reported(3), AT + 90 * DAY)
    assert (case.state, case.waiting_since) == ("pending", AT)


def test_without_anything_done_there_is_nothing_to_appeal_against() -> None:
    for case in (reported(2), reported(5, "ses_1"), decided(reported(3), "dismiss")):
        assert not case.touches
        with pytest.raises(InvalidState, match=r"^Nothing was done that you could appeal against\.$"):
            appealed(case)
    assert reported(3).touches
    assert decided(reported(1), "warn").touches


def test_one_appeals_once_whatever_became_of_it() -> None:
    waiting = appealed(decided(reported(1), "remove"))
    for case in (waiting, decided(waiting, "uphold"), decided(waiting, "dismiss"), appealed(reported(3))):
        assert case.touches
        with pytest.raises(AlreadyDone, match=r"^You have appealed before\.$"):
            appealed(case)


@pytest.mark.parametrize("action", ["hide", "remove", "suspend", "warn"])
def test_a_granted_appeal_takes_back_what_was_done_and_an_upheld_one_leaves_it(action: Action) -> None:
    was = appealed(decided(reported(1), action))
    upheld, granted = decided(was, "uphold"), decided(was, "dismiss")
    assert (upheld.state, granted.state) == ("resolved", "dismissed")
    assert model.stands(upheld, was) is None
    assert model.stands(granted, was) == (None if action == "warn" else "shown")
    assert (upheld.appeal and upheld.appeal.granted, granted.appeal and granted.appeal.granted) == (False, True)
    assert (upheld.review and upheld.review.verdict, granted.review and granted.review.verdict) == ("uphold", "dismiss")
    assert upheld.decision == was.decision
    assert upheld.rev == was.rev + 1


def test_what_an_appeal_took_back_is_not_carried_out_any_more() -> None:
    was = replace(appealed(decided(reported(1), "suspend")), owing=True)
    assert (decided(was, "uphold").owing, decided(was, "dismiss").owing) == (True, False)
    assert not decided(replace(was, owing=False), "uphold").owing


def test_an_appeal_is_upheld_against_or_granted_and_nothing_else() -> None:
    was = appealed(decided(reported(1), "hide"))
    for action in ("hide", "remove", "warn", "suspend"):
        with pytest.raises(InvalidState, match=r"^An appeal is upheld against \(uphold\) or granted \(dismiss\)\.$"):
            decided(was, action)


@pytest.mark.parametrize(("verdict", "granted"), [("dismiss", True), ("hide", False), ("warn", False)])
def test_an_appeal_against_being_hidden_is_decided_with_the_case(verdict: Verdict, granted: bool) -> None:
    case = decided(appealed(reported(3)), verdict)
    assert case.appeal
    assert case.appeal.granted is granted
    assert case.review is None


def test_what_an_appeal_does_not_change_stays_as_it_stands() -> None:
    case = decided(reported(1), "remove")
    assert model.stands(appealed(case), case) is None
    hidden = reported(3)
    assert model.stands(appealed(hidden), hidden) is None


# --- who is told ---------------------------------------------------------------------------------


def words(case: Case, was: Case) -> dict[tuple[str, str], Any]:
    told = model.told(case, was)
    found = {(each.to, each.kind): dict(each.facts) for each in told}
    assert len(found) == len(told)
    assert {each.fact.partition("#")[0] for each in told} <= {"cas_1"}
    return found


HIDDEN = {"item": "pst_1", "case": "cas_1", "reason": None}


def test_a_report_tells_nobody_until_one_hides_the_thing() -> None:
    assert words(reported(1), OPEN) == words(reported(2), reported(1)) == words(reported(4), reported(3)) == {}
    assert words(reported(3), reported(2)) == {("usr_author", "content_hidden"): HIDDEN}


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("hide", "content_hidden"),
        ("remove", "content_removed"),
        ("warn", "warned"),
        ("suspend", "account_suspended"),
    ],
)
def test_a_decision_is_told_to_the_author_with_the_rule_and_to_who_reported_it(action: Action, kind: str) -> None:
    was = reported(2)
    reporter = {"item": "pst_1", "acted": True}
    assert words(decided(was, action), was) == {
        ("usr_author", kind): {"item": "pst_1", "case": "cas_1", "reason": "spam"},
        ("usr_0", "report_decided"): reporter,
        ("usr_1", "report_decided"): reporter,
    }


def test_a_dismissal_is_told_to_the_author_only_where_something_was_hidden() -> None:
    for count in (1, 3):
        was = reported(count)
        told = words(decided(was, "dismiss"), was)
        assert {to for to, kind in told if kind == "report_decided"} == {f"usr_{number}" for number in range(count)}
        assert {facts["acted"] for (_, kind), facts in told.items() if kind == "report_decided"} == {False}
        assert [kind for to, kind in told if to == "usr_author"] == ["content_restored"] * (count == 3)
        restored = told.get(("usr_author", "content_restored"))
        assert restored == ({"item": "pst_1", "case": "cas_1"} if count == 3 else None)


def test_what_hides_it_first_and_what_keeps_it_hidden_are_two_words() -> None:
    first = model.told(reported(3), reported(2))
    then = model.told(decided(reported(3), "hide"), reported(3))
    assert {each.fact for each in first if each.kind == "content_hidden"} == {"cas_1"}
    assert {each.fact for each in then if each.kind == "content_hidden"} == {"cas_1#decided"}


def test_an_appeal_tells_nobody_and_its_decision_the_author_alone() -> None:
    resolved = decided(reported(2), "remove")
    was = appealed(resolved)
    item = {"item": "pst_1", "case": "cas_1"}
    assert words(was, resolved) == {}
    assert words(decided(was, "uphold"), was) == {("usr_author", "appeal_decided"): {**item, "granted": False}}
    assert words(decided(was, "dismiss"), was) == {
        ("usr_author", "appeal_decided"): {**item, "granted": True},
        ("usr_author", "content_restored"): item,
    }


def test_a_report_that_comes_after_an_appeal_tells_nobody() -> None:
    was = appealed(reported(3))
    assert words(model.reported(was, report("usr_9")), was) == {}


def test_what_somebody_wrote_is_not_in_what_a_trace_would_show() -> None:
    assert "secret" not in repr(replace(report("usr_1"), text="secret"))
    assert "secret" not in repr(Appeal("apl_1", "secret", AT))


def test_an_appeal_that_is_decided_with_the_case_is_told_with_it() -> None:
    was = appealed(reported(3))
    told = words(decided(was, "remove"), was)
    assert told["usr_author", "appeal_decided"]["granted"] is False
    assert ("usr_author", "content_removed") in told
