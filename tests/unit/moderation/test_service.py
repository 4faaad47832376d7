"""Reports, decisions and appeals on tables in memory: what is written together, once, and who is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.kernel.errors import AlreadyDone, Blocked, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.live import service as streams
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Wanted
from chalicelib.moderation import service as moderation
from chalicelib.moderation import suspension
from chalicelib.moderation.model import Decision, decided
from chalicelib.moderation.store import cases
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.commands import finish
from tests.support.desk import ADMIN, Desk
from tests.support.forum import Forum
from tests.support.people import person
from tests.support.reading import CLIENT, READER, SESSION, Stage, add_reader
from tests.support.worlds import hand_world


@pytest.fixture
def desk() -> Desk:
    return Desk(hand_world()).opened()


# --- reports -------------------------------------------------------------------------------------


def test_three_people_hide_a_thing_and_two_do_not(desk: Desk) -> None:
    desk.reports("usr_1", "usr_2")
    assert desk.shown
    assert desk.told(desk.author) == []
    desk.reports("usr_3")
    assert (desk.shown, desk.standing) == (False, "hidden")
    assert (desk.case.reports, desk.case.reporters) == (3, ("usr_1", "usr_2", "usr_3"))
    assert desk.kinds(desk.author) == ["content_hidden"]
    assert desk.audited() == [("case_hidden", "system", "reports")]
    assert desk.queue() == [desk.case.id]


def test_the_same_report_again_is_the_same_and_another_is_refused(desk: Desk) -> None:
    first = desk.reports("usr_1", text="x")
    assert desk.forward(5).reports("usr_1", text=" x ") == first
    with pytest.raises(AlreadyDone):
        desk.reports("usr_1", text="y")
    with pytest.raises(AlreadyDone):
        desk.reports("usr_1", text="x", reason="hate")
    assert desk.case.reports == 1


def test_who_reported_it_before_it_was_hidden_finds_their_report_and_nobody_else_sees_it(desk: Desk) -> None:
    third = desk.reports("usr_1", "usr_2", "usr_3")
    assert desk.reports("usr_3") == third
    with pytest.raises(NotFound):
        desk.reports("usr_4")
    assert desk.case.reports == 3


def test_one_person_reports_many_things_and_each_is_a_case(desk: Desk) -> None:
    other = Desk(desk.world, "2").opened()
    desk.reports("usr_1")
    other.reports("usr_1")
    assert sorted(desk.queue()) == sorted([desk.case.id, other.case.id])
    found, following = moderation.reports_by(desk.world, "usr_1", 100, None)
    assert [each.item for each in found] == [desk.item, other.item]
    assert following is None


def test_nobody_reports_what_is_their_own(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        desk.reports(desk.author)
    with pytest.raises(Forbidden):
        desk.reports(desk.author, item=desk.author)


@pytest.mark.parametrize(
    "item", ["rev_none", "ses_none", "str_none", "usr_none", "pst_none", "thr_none", "msg_none", "bok_1", "x"]
)
def test_what_is_not_there_cannot_be_reported(desk: Desk, item: str) -> None:
    with pytest.raises(NotFound):
        desk.reports("usr_1", item=item)
    assert desk.queue() == []


def test_a_road_for_one_kind_takes_no_other(desk: Desk) -> None:
    with pytest.raises(NotFound):
        moderation.report(desk.world, "usr_1", desk.item, "spam", "", "message")
    assert moderation.report(desk.world, "usr_1", desk.item, "spam", "", "review").item == desk.item


def test_a_report_has_2000_characters_at_most(desk: Desk) -> None:
    with pytest.raises(Invalid):
        desk.reports("usr_1", text="x" * 2_001)
    assert len(desk.reports("usr_1", text="x" * 2_000).text) == 2_000


# --- readings, streams, people -------------------------------------------------------------------


@pytest.mark.parametrize("over", [False, True])
def test_each_of_the_two_reports_a_reading_while_it_runs_and_after_and_complains_of_the_other(over: bool) -> None:
    stage = Stage().begun().at(10)
    if over:
        stage.client(finish)
    moderation.report(stage.world, CLIENT, SESSION, "scam", "Asked for money elsewhere.")
    moderation.report(stage.world, READER, SESSION, "abuse", "")
    waiting, _ = moderation.waiting(stage.world, "pending", "session", 100, None)
    assert {(each.author, each.reporters) for each in waiting} == {(READER, (CLIENT,)), (CLIENT, (READER,))}
    assert len({each.id for each in waiting}) == 2
    thing = moderation.thing_of(stage.world, waiting[0])
    assert thing is not None
    assert (thing.author, thing.id, thing.standing) == (waiting[0].author, SESSION, "shown")


def test_a_stranger_reports_no_reading() -> None:
    stage = Stage().begun()
    with pytest.raises(Forbidden):
        moderation.report(stage.world, "usr_stranger", SESSION, "other", "")


def test_a_stream_is_reported_by_who_sees_it() -> None:
    world = hand_world()
    add_reader(world, READER)
    person(world, "usr_friend")
    streams.create(world, READER, "str_1", streams.Wanted("Moon", "private", None, None, ("usr_friend",)))
    with pytest.raises(Forbidden):
        moderation.report(world, "usr_1", "str_1", "sexual", "")
    accounts.block(world, "usr_friend", person(world, READER))
    with pytest.raises(Blocked):
        moderation.report(world, "usr_friend", "str_1", "sexual", "")
    accounts.unblock(world, "usr_friend", READER)
    moderation.report(world, "usr_friend", "str_1", "sexual", "")
    (case,), _ = moderation.waiting(world, "pending", None, 100, None)
    assert (case.kind, case.author) == ("stream", READER)
    thing = moderation.thing_of(world, case)
    assert thing is not None
    assert thing.text == "Moon"


def test_a_person_is_reported_and_not_hidden_and_moderators_read_what_they_say_of_themselves(desk: Desk) -> None:
    person(desk.world, desk.reader)
    desk.reports("usr_1", "usr_2", "usr_3", "usr_4", item=desk.reader)
    (case,), _ = moderation.waiting(desk.world, "pending", "person", 100, None)
    assert (case.reports, case.hidden) == (4, False)
    thing = moderation.thing_of(desk.world, case)
    assert thing is not None
    assert f"Name of {desk.reader}" in thing.text
    with pytest.raises(InvalidState):
        moderation.resolve(desk.world, case.id, "hide", None, actor=ADMIN, reason="ticket 7")


def test_who_deleted_their_account_cannot_be_reported(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.reports("usr_1", item=person(desk.world, "usr_gone", "deleted"))


def test_a_message_is_reported_by_whom_it_was_sent_to_and_removed(desk: Desk) -> None:
    person(desk.world, desk.reader)
    conversation = messages.open_with(desk.world, desk.author, desk.reader).id
    messages.send(desk.world, desk.author, conversation, "msg_1", Wanted("Buy my soap."))
    for user in (desk.author, "usr_stranger"):
        with pytest.raises(Forbidden):
            desk.reports(user, item="msg_1")
    desk.reports(desk.reader, item="msg_1", text="An advertisement.")
    (case,), _ = moderation.waiting(desk.world, "pending", "message", 100, None)
    thing = moderation.thing_of(desk.world, case)
    assert thing is not None
    assert (thing.text, thing.where, case.author) == ("Buy my soap.", conversation, desk.author)
    moderation.resolve(desk.world, case.id, "remove", None, actor=ADMIN, reason="ticket 7")
    assert messages.message_of(desk.world, "msg_1")[1].standing == "removed"
    moderation.appeal(desk.world, desk.author, "msg_1", "It was a joke.")
    moderation.dismiss(desk.world, case.id, actor=ADMIN, reason="ticket 8")
    assert messages.message_of(desk.world, "msg_1")[1].standing == "shown"


def test_a_thread_is_the_post_that_opens_it_in_whichever_way_it_is_reported() -> None:
    forum = Forum(hand_world())
    author, first, second, third = (forum.who(name) for name in ("author", "a", "b", "c"))
    forum.opens(author)
    made = moderation.report(forum.world, first.id, forum.thread(), "hate", "")
    assert made.item == forum.post("t")
    assert moderation.report(forum.world, first.id, forum.post("t"), "hate", "") == made
    moderation.report(forum.world, second.id, forum.post("t"), "hate", "")
    assert forum.lists(second) == [forum.thread()]
    moderation.report(forum.world, third.id, forum.thread(), "hate", "")
    assert forum.lists(second) == []
    assert forum.reads(author) == ["Hello"]
    case = moderation.appeal(forum.world, author.id, forum.thread(), "It is not.")[0]
    moderation.dismiss(forum.world, case.id, actor=ADMIN, reason="ticket 7")
    assert forum.lists(second) == [forum.thread()]


def test_whom_blocks_keep_apart_report_nothing_of_each_other_but_themselves() -> None:
    forum = Forum(hand_world())
    author, other = forum.who("author"), forum.who("other")
    forum.opens(author)
    accounts.block(forum.world, author.id, other.id)
    with pytest.raises(Forbidden):
        moderation.report(forum.world, other.id, forum.thread(), "hate", "")
    assert moderation.report(forum.world, other.id, author.id, "harassment", "He blocked me.").item == author.id


def test_a_post_that_its_author_deleted_is_not_reported_and_its_case_is_dismissed() -> None:
    forum = Forum(hand_world())
    author, other = forum.who("author"), forum.who("other")
    forum.opens(author)
    forum.answers(author, "a")
    forum.answers(other, "b", to="a")
    case_id = moderation.report(forum.world, other.id, forum.post("a"), "hate", "").case
    forum.deletes(author, "a")
    with pytest.raises(NotFound):
        moderation.report(forum.world, forum.who("late").id, forum.post("a"), "hate", "")
    assert moderation.dismiss(forum.world, case_id, actor=ADMIN, reason="gone").state == "dismissed"


# --- decisions -----------------------------------------------------------------------------------


def test_a_dismissal_shows_again_what_reports_hid_and_tells_everybody_once(desk: Desk) -> None:
    desk.reports("usr_1", "usr_2", "usr_3")
    assert desk.dismisses().state == "dismissed"
    assert desk.shown
    assert desk.queue() == []
    assert desk.kinds(desk.author) == ["content_hidden", "content_restored"]
    assert [desk.told(user) for user in ("usr_1", "usr_3")] == [
        [("report_decided", {"item": desk.item, "acted": False})]
    ] * 2
    assert sorted(desk.audited()) == [("case_dismiss", ADMIN, "ticket 7"), ("case_hidden", "system", "reports")]


@pytest.mark.parametrize(("action", "standing"), [("hide", "hidden"), ("remove", "removed"), ("warn", "shown")])
@pytest.mark.parametrize("reporters", [1, 3])
def test_a_resolution_puts_the_thing_there_whatever_reports_did(
    desk: Desk, action: str, standing: str, reporters: int
) -> None:
    desk.reports(*(f"usr_{number}" for number in range(reporters)))
    desk.resolves(action)  # type: ignore[arg-type]
    assert desk.standing == standing
    assert desk.shown == (standing == "shown")
    assert (f"case_{action}", ADMIN, "ticket 7") in desk.audited()
    assert desk.told("usr_0") == [("report_decided", {"item": desk.item, "acted": True})]
    assert desk.status == "active"


@pytest.mark.parametrize("resolved", [False, True])
def test_what_somebody_else_removed_meanwhile_is_not_shown_again(desk: Desk, resolved: bool) -> None:
    desk.reports("usr_1", "usr_2", "usr_3")
    if resolved:
        desk.resolves("hide")
        desk.appeals()
    reviews.remove(desk.world, desk.item, actor="ops", reason="a court's order")
    assert desk.dismisses().state == "dismissed"
    assert (desk.shown, desk.standing) == (False, "removed")
    assert "content_restored" not in desk.kinds(desk.author)


def test_the_same_decision_again_is_the_same_case_and_another_is_refused(desk: Desk) -> None:
    desk.reports("usr_1")
    first = desk.resolves("remove")
    assert desk.forward(5).resolves("remove") == first
    with pytest.raises(AlreadyDone):
        desk.resolves("hide")
    with pytest.raises(AlreadyDone):
        desk.resolves("remove", actor="usr_other")
    with pytest.raises(AlreadyDone):
        desk.resolves("remove", reason="ticket 8")
    with pytest.raises(AlreadyDone):
        desk.dismisses()
    assert desk.case == first
    assert len(desk.audited()) == 1


def test_a_case_that_is_not_there_is_not_decided(desk: Desk) -> None:
    desk.reports("usr_1")
    for unknown in ("cas_none", desk.item, "usr_1"):
        with pytest.raises(NotFound):
            moderation.dismiss(desk.world, unknown, actor=ADMIN, reason="x")


def test_an_admin_does_not_decide_on_what_is_their_own(desk: Desk) -> None:
    desk.reports("usr_1")
    with pytest.raises(Forbidden):
        desk.dismisses(actor=desk.author)
    assert desk.queue() == [desk.case.id]


def test_what_is_gone_is_dismissed_or_its_author_warned_and_neither_hidden_nor_removed(desk: Desk) -> None:
    desk.reports("usr_1", "usr_2", "usr_3")
    rows = desk.world.tables.rows["readers"]  # type: ignore[attr-defined]
    del rows["review#rev_1", "review"]
    assert moderation.thing_of(desk.world, desk.case) is None
    for action in ("hide", "remove"):
        with pytest.raises(InvalidState, match="It is gone"):
            desk.resolves(action)
    assert desk.resolves("warn").state == "resolved"
    assert desk.kinds(desk.author) == ["content_hidden", "warned"], "nothing is shown again"


def test_a_suspension_for_what_is_gone_is_carried_out(desk: Desk) -> None:
    desk.reports("usr_1")
    del desk.world.tables.rows["readers"]["review#rev_1", "review"]  # type: ignore[attr-defined]
    assert desk.resolves("suspend").state == "resolved"
    assert desk.status == "suspended"


# --- rounds --------------------------------------------------------------------------------------


def test_what_was_dismissed_needs_three_new_people_to_be_hidden_again_and_waits_from_the_first_on(desk: Desk) -> None:
    desk.reports("usr_1", "usr_2", "usr_3")
    desk.dismisses()
    desk.reports("usr_1", "usr_2", "usr_3")  # theirs are the same as before
    assert desk.queue() == []
    desk.reports("usr_4")
    assert (desk.case.round, desk.case.reports, desk.queue()) == (2, 1, [desk.case.id])
    desk.reports("usr_5")
    assert desk.shown
    desk.reports("usr_6")
    assert not desk.shown
    assert desk.kinds(desk.author) == ["content_hidden", "content_hidden", "content_restored"]
    assert len({each.id for each in desk.rounds}) == 2


def test_what_was_warned_about_may_be_reported_anew_while_the_warning_is_appealed(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("warn")
    desk.appeals()
    desk.reports("usr_2")
    assert [each.state for each in desk.rounds] == ["pending", "appealed"]
    assert (len(desk.queue()), len(desk.queue("appealed"))) == (1, 1)


def test_a_report_that_began_before_its_thing_was_removed_is_refused(desk: Desk) -> None:
    desk.reports("usr_1")
    rows = cases(desk.world)

    class Late:
        """Somebody reads the review, and only then it is removed."""

        def __getattr__(self, name: str) -> object:
            return getattr(tables, name)

        def query(self, table: str, *given: object, **named: object) -> object:
            if table == "moderation" and desk.case.state == "pending":
                desk.resolves("remove")
            return tables.query(table, *given, **named)  # type: ignore[arg-type]

    tables = desk.world.tables

    with pytest.raises(NotFound):
        moderation.report(replace(desk.world, tables=Late()), "usr_2", desk.item, "spam", "")  # type: ignore[arg-type]
    assert [each.state for each in rows.rounds(desk.item, desk.author, 10)] == ["resolved"]


# --- appeals -------------------------------------------------------------------------------------


def test_a_granted_appeal_brings_the_thing_back(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("remove")
    case = desk.appeals()
    assert (case.state, desk.queue(), desk.queue("appealed")) == ("appealed", [], [case.id])
    assert not desk.shown
    assert desk.dismisses().state == "dismissed"
    assert desk.shown
    assert desk.kinds(desk.author) == ["appeal_decided", "content_removed", "content_restored"]
    assert desk.queue("appealed") == []


def test_an_appeal_that_is_not_granted_leaves_it_removed(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("remove")
    desk.appeals()
    assert desk.resolves("uphold").state == "resolved"
    assert desk.standing == "removed"
    assert ("appeal_decided", {"item": desk.item, "case": desk.case.id, "granted": False}) in desk.told(desk.author)


def test_the_same_appeal_again_is_the_same_and_another_is_refused(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("hide")
    first = desk.appeals("x")
    assert desk.forward(5).appeals(" x ") == first
    with pytest.raises(AlreadyDone):
        desk.appeals("y")
    desk.dismisses()
    assert desk.appeals("x").state == "dismissed", "also when it is decided"


def test_only_the_author_appeals_and_only_against_what_was_done(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.appeals()
    desk.reports("usr_1", "usr_2")
    with pytest.raises(NotFound):
        desk.appeals()
    desk.reports("usr_3")
    with pytest.raises(NotFound):
        moderation.appeal(desk.world, "usr_1", desk.item, "Not mine.")
    with pytest.raises(Invalid):
        desk.appeals(" ")
    assert desk.appeals().state == "pending"


def test_an_appeal_looks_past_a_round_in_which_nothing_was_done(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("warn")
    desk.reports("usr_2")
    assert desk.appeals().round == 1


def test_after_thirty_days_it_is_too_late(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("hide")
    with pytest.raises(InvalidState):
        desk.forward(30 * DAY).appeals()


# --- suspensions ---------------------------------------------------------------------------------


def suspect(stage: Stage, item: str = SESSION) -> str:
    """The reader of a running reading, whom its client has reported; the case."""
    person(stage.world, READER)
    person(stage.world, CLIENT)
    moderation.report(stage.world, CLIENT, item, "abuse", "")
    (case,), _ = moderation.waiting(stage.world, "pending", None, 100, None)
    return case.id


def test_who_is_suspended_leaves_the_directory_and_their_reading_pauses_for_safety() -> None:
    stage = Stage().begun().at(10)
    case = moderation.resolve(stage.world, suspect(stage), "suspend", None, actor=ADMIN, reason="ticket 7")
    assert (case.state, case.suspended, case.owing) == ("resolved", True, False)
    assert accounts.person(stage.world, READER).suspended
    assert not readers.reader(stage.world, READER).verified
    session = sessions.load(stage.world, SESSION)
    assert (session.state, session.reason) == ("paused", "safety")
    assert Desk(stage.world).kinds(READER).count("account_suspended") == 1
    actions = [each[0] for each in Desk(stage.world).audited(READER)]
    assert sorted(actions) == ["person_suspended", "reader_withdrawn"]
    assert ("case_suspend", ADMIN, "ticket 7") in Desk(stage.world).audited(SESSION)


def test_a_live_stream_ends_with_the_suspension_of_its_host() -> None:
    world = hand_world()
    add_reader(world, person(world, READER))
    streams.create(world, READER, "str_1", streams.Wanted("Moon", "public", None, None, ()))
    streams.start(world, "str_1", READER)
    moderation.report(world, "usr_1", "str_1", "sexual", "")
    (case,), _ = moderation.waiting(world, "pending", None, 100, None)
    moderation.resolve(world, case.id, "suspend", None, actor=ADMIN, reason="ticket 7")
    assert streams.load(world, "str_1").ended_for == "suspended"


def test_a_suspension_removes_the_thing_and_a_granted_appeal_lets_its_author_in_again(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("suspend")
    assert (desk.status, desk.standing) == ("suspended", "removed")
    desk.appeals()
    desk.dismisses()
    assert (desk.status, desk.standing) == ("active", "shown")
    assert sorted(each[0] for each in desk.audited(desk.author)) == ["person_reinstated", "person_suspended"]


def test_an_upheld_suspension_stays(desk: Desk) -> None:
    desk.reports("usr_1")
    desk.resolves("suspend")
    desk.appeals()
    desk.resolves("uphold")
    assert desk.status == "suspended"


def test_who_was_suspended_before_is_not_let_in_by_an_appeal_against_another_case(desk: Desk) -> None:
    accounts.suspend(desk.world, desk.author, actor="arn:ops", reason="by hand")
    desk.reports("usr_1")
    assert not desk.resolves("suspend").suspended
    desk.appeals()
    desk.dismisses()
    assert (desk.status, desk.standing) == ("suspended", "shown")


def test_who_is_gone_cannot_be_suspended(desk: Desk) -> None:
    desk.reports("usr_1")
    was = accounts.person(desk.world, desk.author)
    desk.world.tables.write(*accounts.closing(desk.world, was, "asked"))
    with pytest.raises(InvalidState):
        desk.resolves("suspend")
    assert desk.resolves("remove").state == "resolved"


def test_what_a_suspension_owes_is_done_by_the_tick() -> None:
    stage = Stage().begun().at(10)
    case_id = suspect(stage)
    stage.executions.broken = True

    class Dies:
        """The function dies after the decision is written."""

        def __getattr__(self, name: str) -> object:
            return getattr(stage.tables, name)

        def write(self, *operations: object) -> None:
            stage.tables.write(*operations)  # type: ignore[arg-type]
            raise RuntimeError("dead")

    dying = replace(stage.world, tables=Dies())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        moderation.resolve(dying, case_id, "suspend", None, actor=ADMIN, reason="ticket 7")
    assert accounts.person(stage.world, READER).suspended
    assert sessions.load(stage.world, SESSION).state == "active"
    assert suspension.page_of_shard(stage.world, "1", 100, None) == ([], None)
    ((owing, _),), _ = suspension.page_of_shard(stage.world, "0", 100, None)
    assert owing == case_id
    for _ in range(2):
        suspension.look_after(stage.world, case_id)
    assert sessions.load(stage.world, SESSION).reason == "safety"
    assert suspension.page_of_shard(stage.world, "0", 100, None) == ([], None)


def test_nothing_is_owed_any_more_by_who_was_let_in_before_it_was_carried_out() -> None:
    stage = Stage().begun().at(10)
    case_id = suspect(stage)
    rows, was = cases(stage.world), moderation.case(stage.world, case_id)
    decision = Decision("suspend", ADMIN, "ticket 7", "fraud", stage.world.now())
    stage.world.tables.write(rows.replace(replace(decided(was, decision), owing=True), was))
    suspension.look_after(stage.world, case_id)
    assert sessions.load(stage.world, SESSION).state == "active"
    assert readers.reader(stage.world, READER).verified
    assert suspension.page_of_shard(stage.world, "0", 100, None) == ([], None)


# --- the queue -----------------------------------------------------------------------------------


def test_the_queue_is_oldest_first_page_by_page_and_by_kind(desk: Desk) -> None:
    made = []
    for number in range(3):
        other = Desk(desk.forward(HOUR).world, f"q{number}").opened()
        other.reports("usr_1")
        made.append(other.case.id)
    first, following = moderation.waiting(desk.world, "pending", None, 2, None)
    rest, end = moderation.waiting(desk.world, "pending", None, 2, following)
    assert [each.id for each in (*first, *rest)] == made
    assert end is None
    assert moderation.waiting(desk.world, "pending", "post", 2, None)[0] == []
    assert len(moderation.waiting(desk.world, "pending", "review", 2, None)[0]) == 2


def test_moderators_read_what_was_said_and_the_thing_as_it_is(desk: Desk) -> None:
    desk.reports("usr_1", text="Look.")
    desk.reports("usr_2", reason="hate")
    said = moderation.reports_of(desk.world, desk.case)
    assert [(each.user, each.reason, each.text) for each in said] == [("usr_1", "spam", "Look."), ("usr_2", "hate", "")]
    thing = moderation.thing_of(desk.world, desk.case)
    assert thing is not None
    assert (thing.text, thing.author, thing.standing) == ("Spam!", desk.author, "shown")


def test_a_review_whose_author_was_forgotten_can_still_be_hidden(desk: Desk) -> None:
    reviews.forget(desk.world, desk.item, "Deleted member")
    desk.reports("usr_1", "usr_2", "usr_3")
    assert not desk.shown
    (case,), _ = moderation.waiting(desk.world, "pending", None, 100, None)
    moderation.dismiss(desk.world, case.id, actor=ADMIN, reason="x")
    assert desk.shown
