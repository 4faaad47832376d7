"""The inbox: what was told is in it once, is read in words of now, and what is unread is counted exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, Unavailable
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.notifications import inbox
from chalicelib.notifications.model import said
from chalicelib.notifications.model.notice import NOBODY, Notice, notice_of
from chalicelib.notifications.model.of_money import SAID as OF_MONEY
from chalicelib.notifications.service import tell
from chalicelib.notifications.store import inbox_of
from chalicelib.notifications.telling import notification_of
from chalicelib.readers import service as readers
from chalicelib.runtime.identity import Claims
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.reading import add_reader
from tests.support.worlds import NOON, HandClock, OfflineMail, OfflinePush, hand_world


@pytest.fixture
def world() -> World:
    return hand_world()


def person(world: World, name: str) -> str:
    return accounts.sign_in(world, Claims(f"auth0|{name}", f"{name}@example.test", name)).id


def told(world: World, to: str, number: int, kind: str = "refund", **facts: Any) -> str:
    """The id of the line."""
    tell(world, Notice(to, kind, {"amount": 100 * number, **facts}, str(number), NOON + number))
    return inbox.listing(world, to, 1, None).items[0][0].id


def many(world: World, to: str, count: int) -> list[str]:
    """The ids of that many lines, none of them mailed."""
    accounts.prefer(world, to, {"wallet": frozenset({"inbox"})}, None, rev=0)
    notices = [Notice(to, "refund", {"amount": 5}, str(number), NOON + number) for number in range(count)]
    for each in notices:
        tell(world, each)
    return [notification_of(each).id for each in notices]


def shown(world: World, user: str, limit: int = 100) -> list[str]:
    """Titles, over all pages."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = inbox.listing(world, user, limit, after)
        found += [said.subject for _, said in page.items]
        if (after := page.following) is None:
            return found


def unread(world: World, user: str) -> int:
    count = inbox.listing(world, user, 1, None).unread
    lines = inbox.listing(world, user, 100, None).items
    assert count == sum(not line.read for line, _ in lines)
    return count


# --- what is in it --------------------------------------------------------------------------------


def test_what_was_told_is_in_it_once_newest_first_however_often_it_was_told(world: World) -> None:
    ada = person(world, "ada")
    for number in (1, 2, 3, 2, 1):
        told(world, ada, number)
    page = inbox.listing(world, ada, 2, None)
    assert [line.at - NOON for line, _ in page.items] == [3, 2]
    assert [line.at - NOON for line, _ in inbox.listing(world, ada, 2, page.following).items] == [1]
    assert unread(world, ada) == 3


def test_nothing_of_anothers_is_in_it(world: World) -> None:
    ada, bob = person(world, "ada"), person(world, "bob")
    of_ada = told(world, ada, 1)
    told(world, bob, 2)
    assert inbox.read(world, bob, [of_ada]) == 1
    assert (unread(world, ada), unread(world, bob)) == (1, 1)


def test_its_words_are_of_now_in_the_persons_zone_and_with_names_as_they_are(world: World) -> None:
    ada, bob = person(world, "ada"), person(world, "bob")
    told(world, ada, 1, "reading_missed", **{"from": bob, "modality": "voice", "asked_at": NOON})
    accounts.change(world, bob, accounts.Changes(display_name="Robert"))
    accounts.change(world, ada, accounts.Changes(time_zone="Asia/Kolkata"))
    ((_, said),) = inbox.listing(world, ada, 1, None).items
    assert "Robert asked you for a voice reading on Sun 17 March 2030, 23:16 (Asia/Kolkata)" in said.text
    world.tables.write(*accounts.closing(world, accounts.person(world, bob), "asked for"))
    ((_, said),) = inbox.listing(world, ada, 1, None).items
    assert said.text.startswith(NOBODY)


def test_a_reader_is_called_as_in_the_directory_and_not_by_their_own_name(world: World) -> None:
    ada, rosa = person(world, "ada"), person(world, "rosa")
    add_reader(world, rosa)
    told(world, ada, 1, "message_received", **{"from": rosa, "priced": False})
    assert shown(world, ada) == [f"Name of {rosa} wrote to you"]


def test_what_there_are_no_words_for_any_more_is_still_a_line(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = person(world, "ada")
    told(world, ada, 1)
    told(world, ada, 2, "coins_granted", coins=5)
    monkeypatch.setattr(
        said, "SAID", {"coins_granted": OF_MONEY["refund_failed"], "refund": lambda facts, _: facts["gone"]}
    )
    assert len(shown(world, ada)) == 2
    assert "Something happened" in shown(world, ada)
    assert '"event":"notification_without_words"' in capsys.readouterr().out


def test_who_is_gone_or_no_friend_any_more_is_not_told_of(world: World) -> None:
    ada, bob, eve = person(world, "ada"), person(world, "bob"), person(world, "eve")
    accounts.block(world, bob, ada)
    world.tables.write(*accounts.closing(world, accounts.person(world, eve), "asked for"))
    for number, who in enumerate((bob, eve, "usr_none")):
        facts = {"from": who, "conversation": "cnv_1", "priced": False}
        tell(world, Notice(ada, "message_received", facts, str(number), NOON))
    assert shown(world, ada) == []
    tell(world, Notice(eve, "dispute", {"amount": 5}, "1", NOON))
    assert inbox_of(world).page(eve, "", 10, None) == ([], None)


def test_who_wants_none_of_a_kind_in_it_has_none(world: World) -> None:
    ada = person(world, "ada")
    accounts.prefer(world, ada, {"wallet": frozenset({"email"})}, None, rev=0)
    tell(world, Notice(ada, "refund", {"amount": 5}, "1", NOON))
    assert (shown(world, ada), unread(world, ada)) == ([], 0)
    assert isinstance(world.mail, OfflineMail)
    assert len(world.mail.sent) == 1


def test_it_holds_90_days_and_what_is_over_counts_no_more(world: World) -> None:
    ada = person(world, "ada")
    told(world, ada, 1)
    clock = world.now
    assert isinstance(clock, HandClock)
    clock.forward(90 * DAY)
    assert (len(shown(world, ada)), unread(world, ada)) == (1, 1)
    clock.forward(DAY)
    assert (shown(world, ada), unread(world, ada)) == ([], 0)
    assert inbox.read_up_to(world, ada, "ntc_" + "7" + "Z" * 25) == 0


def test_what_is_told_when_its_days_are_over_is_not_put_into_it(world: World) -> None:
    ada = person(world, "ada")
    clock = world.now
    assert isinstance(clock, HandClock)
    clock.forward(91 * DAY)
    tell(world, Notice(ada, "dispute", {"amount": 5}, "1", NOON))
    assert inbox_of(world).page(ada, "", 10, None) == ([], None)


# --- reading --------------------------------------------------------------------------------------


def test_what_is_read_is_taken_off_once(world: World) -> None:
    ada = person(world, "ada")
    first, second, _ = (told(world, ada, number) for number in (1, 2, 3))
    assert inbox.read(world, ada, [first, first, "ntc_none"]) == 2
    assert inbox.read(world, ada, [first, second]) == 1
    assert inbox.read(world, ada, [first, second]) == 1
    assert unread(world, ada) == 1


def test_all_up_to_one_are_read_and_what_came_later_is_not(world: World) -> None:
    ada = person(world, "ada")
    lines = many(world, ada, 130)
    assert inbox.read_up_to(world, ada, lines[119]) == 10
    assert inbox.read_up_to(world, ada, lines[0]) == 10
    assert inbox.read_up_to(world, ada, lines[-1]) == 0
    assert inbox.listing(world, ada, 100, None).unread == 0


def test_no_more_than_some_are_marked_in_one_request_and_asking_again_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_MOST_MARKED", 100)
    ada = person(world, "ada")
    lines = many(world, ada, 250)
    assert [inbox.read_up_to(world, ada, lines[-1]) for _ in range(3)] == [150, 0, 0]


@pytest.mark.parametrize("written", ["", "ntc_", "usr_01JD0000000000000000000000", "ntc_01jd0000000000000000000000"])
def test_up_to_takes_the_id_of_a_notification(world: World, written: str) -> None:
    with pytest.raises(Invalid):
        inbox.read_up_to(world, person(world, "ada"), written)


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("after", [False, True])
def test_a_write_that_is_lost_marks_nothing_twice(at: int, *, after: bool) -> None:
    tables = LosingTables(-1, after=after)
    world = hand_world(tables)
    ada = person(world, "ada")
    lines = many(world, ada, 130)
    tables.left = at
    assert inbox.read_up_to(world, ada, lines[119]) == 10
    assert inbox.read_up_to(world, ada, lines[-1]) == 0


def test_forgotten_nothing_is_left_of_what_a_person_was_told(world: World) -> None:
    ada, bob = person(world, "ada"), person(world, "bob")
    many(world, ada, 130)
    told(world, bob, 1)
    for _ in range(2):
        inbox.forget(world, ada)
    assert isinstance(world.tables, MemoryTables)
    assert {pk.partition("#")[2] for pk, _ in world.tables.rows["inbox"]} == {bob}


# --- step by step ---------------------------------------------------------------------------------


def test_what_could_not_be_mailed_is_in_the_inbox_already_and_is_mailed_once_when_it_can_be(world: World) -> None:
    ada = person(world, "ada")
    cut = replace(world, mail=OfflineMail(down=True))
    for _ in range(2):
        with pytest.raises(Unavailable):
            told(cut, ada, 1)
    assert unread(world, ada) == 1
    for _ in range(2):
        told(world, ada, 1)
    assert isinstance(world.mail, OfflineMail)
    assert (len(world.mail.sent), unread(world, ada)) == (1, 1)


def test_a_step_that_fails_holds_up_no_other_and_is_taken_when_it_can_be(world: World) -> None:
    ada = person(world, "ada")
    for token in ("phone", "tablet"):
        accounts.add_device(world, ada, "ios", token)
    assert isinstance(world.mail, OfflineMail)
    assert isinstance(world.push, OfflinePush)
    with pytest.raises(Unavailable):
        told(replace(world, push=OfflinePush(down=True)), ada, 1, "dispute")
    assert (len(world.mail.sent), world.push.pushed) == (1, [])
    told(world, ada, 1, "dispute")
    assert (len(world.mail.sent), [token for token, _ in world.push.pushed]) == (1, ["phone", "tablet"])


def test_who_unsubscribed_before_it_could_be_mailed_gets_no_letter(world: World) -> None:
    ada = person(world, "ada")
    with pytest.raises(Unavailable):
        told(replace(world, mail=OfflineMail(down=True)), ada, 1)
    accounts.prefer(world, ada, {"wallet": frozenset({"inbox"})}, None, rev=0)
    told(world, ada, 1)
    accounts.prefer(world, ada, {"wallet": frozenset({"inbox", "email"})}, None, rev=1)
    told(world, ada, 1)  # it was told: wishes of later change nothing
    assert isinstance(world.mail, OfflineMail)
    assert world.mail.sent == []


def test_what_somebody_else_is_telling_comes_again_and_is_told_by_who_comes_when_they_are_gone(world: World) -> None:
    class Dying(OfflineMail):
        def send(self, letter: object) -> None:
            raise KeyboardInterrupt  # the function is killed: nothing more of it is run

    class Dead(MemoryTables):
        """Nothing is written by who is dead."""

        dead = False

        def write(self, *operations: Any) -> None:
            if self.dead:
                raise KeyboardInterrupt
            super().write(*operations)
            self.dead = any(each.table == "inbox" for each in operations)

    tables = Dead()
    world = replace(world, tables=tables)
    ada = person(world, "ada")
    with pytest.raises(KeyboardInterrupt):
        told(replace(world, mail=Dying()), ada, 1)
    tables.write = super(Dead, tables).write  # type: ignore[method-assign] # others live
    with pytest.raises(Unavailable):
        told(world, ada, 1)
    clock = world.now
    assert isinstance(clock, HandClock)
    clock.forward(MINUTE)
    told(world, ada, 1)
    assert isinstance(world.mail, OfflineMail)
    assert (len(world.mail.sent), unread(world, ada)) == (1, 1)


# --- who hears of what ----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "told_kind"), [("reader_online", "favorite_online"), ("stream_live", "live_started")])
def test_a_readers_followers_are_told_as_long_as_it_is_worth_a_noise(world: World, kind: str, told_kind: str) -> None:
    ada, rosa = person(world, "ada"), person(world, "rosa")
    add_reader(world, rosa)
    readers.keep_favorite(world, ada, rosa, notify_online=True)
    for _ in range(2):
        tell(world, Notice(rosa, kind, {"at": NOON, "stream": "str_1"}, "1", NOON))
    (row,) = world.tables.query("notices", ("pk", ada)).items
    notice = notice_of(row)
    assert (notice.kind, notice.facts["reader"], notice.facts["stream"]) == (told_kind, rosa, "str_1")
    assert notice.worthless_after is not None
    assert NOON < notice.worthless_after <= NOON + HOUR
    tell(world, notice)
    assert shown(world, ada)[0].startswith(f"Name of {rosa} is ")
