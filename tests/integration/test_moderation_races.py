"""A case under many hands at once, on a real DynamoDB, with any write gone wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, Forbidden
from chalicelib.moderation import service as moderation
from chalicelib.moderation.store import cases
from chalicelib.runtime.tables import DynamoTables
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.desk import Desk, a_case_to_its_end
from tests.support.duo import refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.forum import Forum
from tests.support.people import person
from tests.support.worlds import hand_world, settings

MANY = 16


@pytest.fixture
def own() -> str:
    return uuid4().hex[:10]


def report_post(world: World, place: int, own: str, users: list[str]) -> str:
    return moderation.report(world, users[place], f"pst_{own}a", "spam", "").case


def answer_post(world: World, place: int, own: str, users: list[str]) -> str:
    """Every fourth answers in the thread meanwhile: the post's rows change under the reports."""
    if place % 4 == 3:
        forum = Forum(world, own)
        return forum.answers(forum.who(f"x{place}"), f"x{place}")
    return report_post(world, place, own, users)


@pytest.mark.parametrize("act", [report_post, answer_post])
def test_of_16_who_report_a_post_at_once_three_hide_it_once_and_all_are_counted(
    world: World, crowd: Crowd, own: str, act: Any
) -> None:
    forum = Forum(world, own)
    author = forum.who("author")
    forum.opens(author)
    forum.answers(author, "a")
    users = [forum.who(f"u{number}").id for number in range(MANY)]
    [forum.who(f"x{number}") for number in range(MANY)]
    outcomes = crowd(MANY, act, own, users)
    assert set(refusals(outcomes)) <= {Forbidden.code}
    (case,) = cases(world).rounds(f"pst_{own}a", author.id, 10)
    made = [each for each in outcomes if each == case.id]
    assert len(made) == case.reports == len(set(case.reporters)) >= 3
    assert case.hidden
    assert "a" not in forum.reads(forum.who("reader"))
    told = world.tables.query(world.settings.tables.notices, ("pk", author.id)).items
    assert [row["kind"] for row in told].count("content_hidden") == 1
    audited = world.tables.query(world.settings.tables.audit, ("pk", f"pst_{own}a")).items
    assert [row["action"] for row in audited] == ["case_hidden"]


def report_person(world: World, place: int, own: str) -> str:
    return moderation.report(world, f"usr_{own}{place}", f"usr_{own}", "fraud", "").case


def test_16_reports_of_a_person_are_one_case_that_counts_them_all(world: World, crowd: Crowd, own: str) -> None:
    person(world, f"usr_{own}")
    outcomes = crowd(MANY, report_person, own)
    assert len(set(outcomes)) == 1
    (case,) = cases(world).rounds(f"usr_{own}", f"usr_{own}", 10)
    assert sorted(case.reporters) == sorted(f"usr_{own}{place}" for place in range(MANY))
    assert (case.reports, case.reasons) == (MANY, {"fraud": MANY})


def report_again(world: World, place: int, own: str) -> str:
    del place
    return moderation.report(world, f"usr_{own}x", f"usr_{own}", "fraud", "").id


def test_the_same_report_by_16_devices_is_one(world: World, crowd: Crowd, own: str) -> None:
    person(world, f"usr_{own}")
    assert len(set(crowd(MANY, report_again, own))) == 1
    (case,) = cases(world).rounds(f"usr_{own}", f"usr_{own}", 10)
    assert case.reports == 1


def decide(world: World, place: int, case_id: str) -> str:
    if place % 2:
        return moderation.dismiss(world, case_id, actor=f"usr_{place}", reason="x").state
    return moderation.resolve(world, case_id, "remove", None, actor=f"usr_{place}", reason="x").state


def test_of_16_admins_one_decides(world: World, crowd: Crowd, own: str) -> None:
    desk = Desk(world, own).opened()
    desk.reports(*(f"usr_{own}{number}" for number in range(3)))
    outcomes = crowd(MANY, decide, desk.case.id)
    assert refusals(outcomes) == {AlreadyDone.code: MANY - 1}
    (state,) = [each for each in outcomes if isinstance(each, str)]
    assert desk.case.state == state
    assert desk.shown == (state == "dismissed")
    acts = {"case_hidden", "case_dismiss" if state == "dismissed" else "case_remove"}
    assert (len(desk.audited()), {each[0] for each in desk.audited()}) == (2, acts)
    assert desk.kinds(f"usr_{own}0") == ["report_decided"]


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_the_same_comes_of_a_case_whichever_write_goes_wrong(
    dynamodb_url: str, table_names: dict[str, str], wrong: Send
) -> None:
    fragile: Any = dynamodb_client(dynamodb_url)

    def played(at: int) -> tuple[Any, int]:
        world = hand_world(DynamoTables(fragile), settings=settings(names=table_names))
        desk = Desk(world, uuid4().hex[:10]).opened()
        with fault(fragile, wrong, *WRITES, at=at) as made:
            shown = a_case_to_its_end(desk)
            count = made()
        people = (desk.author, f"usr_{desk.own}1", f"usr_{desk.own}4")
        rounds = [(each.state, each.reports, each.owing) for each in desk.rounds]
        audited = [each[0] for each in desk.audited()]
        return (shown, desk.status, rounds, [desk.kinds(user) for user in people], sorted(audited)), count

    expected, writes = played(-1)
    assert expected[:2] == ([False, True, False, True], "active")
    assert writes == 9
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
