"""Writing to each other: who may, what the other is told, what is read, and what is found again."""

from __future__ import annotations

from datetime import date

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    IdempotencyMismatch,
    Invalid,
    InvalidState,
    NotFound,
    ReaderUnavailable,
)
from chalicelib.kernel.time import MINUTE
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Wanted, Who
from chalicelib.notifications.model.notice import ABOUT, Notice
from chalicelib.notifications.model.said import words
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Operation
from tests.support.memory import MemoryTables
from tests.support.pals import Pals
from tests.support.worlds import NOON, OfflineObjects, hand_world

WHY = {"actor": "ops", "reason": "a test"}


@pytest.fixture
def pals() -> Pals:
    return Pals(hand_world()).opened()


def leave(world: World, user: str) -> None:
    """Their account is closed for good."""
    world.tables.write(*accounts.closing(world, accounts.person(world, user), "a test"))


# --- opening


def test_there_is_one_conversation_for_a_client_and_a_reader(pals: Pals) -> None:
    first = pals.row
    assert pals.forward(MINUTE).row == first
    assert (first.client.user, first.reader.user, first.created_at, first.rev) == (pals.client, pals.reader, NOON, 1)


def test_the_same_two_the_other_way_round_are_another_conversation(pals: Pals) -> None:
    with pytest.raises(NotFound):
        messages.open_with(pals.world, pals.reader, pals.client)


def test_nobody_writes_to_themselves(pals: Pals) -> None:
    with pytest.raises(Invalid):
        messages.open_with(pals.world, pals.reader, pals.reader)


def test_a_reader_who_is_not_listed_is_not_written_to() -> None:
    pals = Pals(hand_world()).ready()
    readers.withdraw(pals.world, pals.reader, **WHY)
    with pytest.raises(ReaderUnavailable):
        pals.opened()


def test_nor_is_one_who_is_suspended() -> None:
    pals = Pals(hand_world()).ready()
    accounts.suspend(pals.world, pals.reader, **WHY)
    with pytest.raises(ReaderUnavailable):
        pals.opened()


@pytest.mark.parametrize(("blocks", "blocked"), [("client", "reader"), ("reader", "client")])
def test_a_blocked_pair_opens_no_conversation(blocks: Who, blocked: Who) -> None:
    pals = Pals(hand_world()).ready()
    accounts.block(pals.world, pals.user(blocks), pals.user(blocked))
    with pytest.raises(Blocked):
        pals.opened()


# --- writing


def test_a_message_tells_the_other_who_wrote_where_and_never_what(pals: Pals) -> None:
    pals.writes("client", "a secret")
    pals.replies()
    facts = {"from": pals.client, "conversation": pals.row.id, "priced": False}
    assert pals.told("reader") == [("message_received", facts)]
    facts = {"from": pals.reader, "conversation": pals.row.id, "priced": True}
    assert pals.told("client") == [("message_received", facts)]


def test_the_same_request_is_the_same_message(pals: Pals) -> None:
    first = pals.writes("client")
    assert pals.forward(MINUTE).writes("client") == first
    assert pals.row.count == 1
    with pytest.raises(IdempotencyMismatch):
        pals.writes("client", "something else")


def test_a_reader_makes_no_cold_calls(pals: Pals) -> None:
    with pytest.raises(InvalidState):
        pals.writes("reader")


def test_a_stranger_neither_writes_nor_reads(pals: Pals) -> None:
    stranger, name, own = pals.known("eve"), pals.row.id, pals.writes("client")
    for act in (
        lambda: messages.send(pals.world, stranger, name, "msg_x", Wanted("hi")),
        lambda: messages.page(pals.world, stranger, name, 10, None, None),
        lambda: messages.page(pals.world, stranger, name, 10, None, "hi"),
        lambda: messages.read(pals.world, stranger, name, own.id),
        lambda: messages.conversation_of(pals.world, stranger, name),
    ):
        with pytest.raises(Forbidden):
            act()


def test_what_is_no_conversation_is_not_found(pals: Pals) -> None:
    with pytest.raises(NotFound):
        messages.send(pals.world, pals.client, "cnv_x", "msg_x", Wanted("hi"))


@pytest.mark.parametrize(("blocks", "blocked"), [("client", "reader"), ("reader", "client")])
@pytest.mark.parametrize("writes", ["client", "reader"])
def test_a_blocked_pair_writes_nothing_and_reads_what_is_there(
    pals: Pals, blocks: Who, blocked: Who, writes: Who
) -> None:
    first = pals.writes("client")
    accounts.block(pals.world, pals.user(blocks), pals.user(blocked))
    with pytest.raises(Blocked):
        pals.writes(writes, name="2")
    assert pals.row.count == 1
    assert pals.page("reader") == [first]
    messages.read(pals.world, pals.reader, pals.row.id, first.id)
    accounts.unblock(pals.world, pals.user(blocks), pals.user(blocked))
    pals.writes(writes, name="2")


class Racing(MemoryTables):
    """Something happens right before the next write."""

    def __init__(self) -> None:
        super().__init__()
        self.act: list[object] = []

    def write(self, *operations: Operation) -> None:
        acts, self.act = self.act, []
        for act in acts:
            act()  # type: ignore[operator]
        super().write(*operations)


def test_a_block_in_the_very_moment_lets_nothing_through() -> None:
    tables = Racing()
    pals = Pals(hand_world(tables)).opened()
    pals.writes("client")
    tables.act.append(lambda: accounts.block(pals.world, pals.client, pals.reader))
    with pytest.raises(Blocked):
        pals.writes("reader")
    assert pals.row.count == 1


def test_of_two_who_write_in_one_moment_both_are_in_the_order() -> None:
    tables = Racing()
    pals = Pals(hand_world(tables)).opened()
    pals.writes("client")
    name = pals.row.id
    tables.act.append(lambda: messages.send(pals.world, pals.client, name, "msg_first", Wanted("first")))
    pals.writes("reader", "second")
    assert [(each.number, each.text) for each in pals.page("client")] == [(3, "second"), (2, "first"), (1, "hi")]


def test_a_reader_who_was_withdrawn_is_not_written_to_and_writes_to_nobody(pals: Pals) -> None:
    pals.writes("client")
    readers.withdraw(pals.world, pals.reader, **WHY)
    with pytest.raises(ReaderUnavailable):
        pals.writes("client", name="2")
    with pytest.raises(Forbidden):
        pals.writes("reader")


def test_who_has_left_is_not_written_to(pals: Pals) -> None:
    pals.writes("client")
    leave(pals.world, pals.client)
    with pytest.raises(InvalidState):
        pals.writes("reader")


def test_a_suspended_client_finds_what_was_written_meanwhile(pals: Pals) -> None:
    pals.writes("client")
    accounts.suspend(pals.world, pals.client, **WHY)
    assert pals.writes("reader").number == 2


# --- attachments


def test_a_file_is_taken_up_below_its_message(pals: Pals) -> None:
    upload = pals.uploads("client")
    made = pals.writes("client", "", uploads=(upload,))
    (file,) = made.attachments
    assert (file.id, file.media_type, file.size) == (upload, "image/png", 32)
    bucket = pals.world.attachments
    assert isinstance(bucket, OfflineObjects)
    assert f"messages/{pals.client}/{made.id}/{upload}" in bucket.held
    assert pals.page("reader")[0].attachments == (file,)


def test_a_file_of_somebody_else_is_not_found_and_nothing_is_sent(pals: Pals) -> None:
    with pytest.raises(NotFound):
        pals.writes("client", uploads=(pals.uploads("reader"),))
    assert pals.row.count == 0


# --- reading


def test_what_is_read_is_seen_by_the_other(pals: Pals) -> None:
    first, second = (pals.writes("client", name=name) for name in "ab")
    assert pals.row.unread("reader") == 2
    seen = messages.read(pals.world, pals.reader, pals.row.id, first.id)
    assert (seen.unread("reader"), seen.other("client").read_up_to) == (1, first.id)
    messages.read(pals.world, pals.reader, pals.row.id, second.id)
    assert messages.read(pals.world, pals.reader, pals.row.id, first.id).unread("reader") == 0
    assert pals.row.reader.read_up_to == second.id


def test_a_message_of_another_conversation_is_not_read_here(pals: Pals) -> None:
    other = Pals(pals.world, "2").opened()
    elsewhere = other.writes("client")
    for name in (elsewhere.id, "msg_x"):
        with pytest.raises(NotFound):
            messages.read(pals.world, pals.reader, pals.row.id, name)


# --- lists


def test_messages_come_newest_first_in_pages_that_end(pals: Pals) -> None:
    for number in range(5):
        pals.writes("client", str(number), name=str(number))
    found, before = [], None
    for _ in range(3):
        _, page, before = messages.page(pals.world, pals.reader, pals.row.id, 2, before, None)
        found.append([each.text for each in page])
    assert (found, before) == ([["4", "3"], ["2", "1"], ["0"]], None)


@pytest.mark.parametrize("before", [1, 0, -5])
def test_before_the_first_message_there_is_none(pals: Pals, before: int) -> None:
    pals.writes("client")
    assert messages.page(pals.world, pals.client, pals.row.id, 10, before, None)[1:] == ([], None)


def test_a_place_beyond_all_is_the_end(pals: Pals) -> None:
    made = pals.writes("client")
    assert messages.page(pals.world, pals.client, pals.row.id, 10, 2**53, None)[1:] == ([made], None)


def test_a_search_finds_what_one_may_see_and_goes_on_where_it_stopped(pals: Pals) -> None:
    for number in range(3):
        pals.writes("client", f"moon {number}", name=str(number))
    pals.replies(text="moon of the reader")
    found, before = [], None
    for _ in range(3):
        _, page, before = messages.page(pals.world, pals.client, pals.row.id, 1, before, "MOON")
        found += [each.text for each in page]
    assert (found, before) == (["moon 2", "moon 1", "moon 0"], None)
    assert [each.text for each in pals.page("reader", query="reader")] == ["moon of the reader"]
    assert pals.page("client", query="reader") == []


def test_one_request_searches_500_messages_and_the_next_one_goes_on(pals: Pals) -> None:
    pals.writes("client", "moon", name="first")
    for number in range(500):
        pals.writes("client", "sun", name=str(number))
    _, page, before = messages.page(pals.world, pals.client, pals.row.id, 10, None, "moon")
    assert (page, before) == ([], 2)
    _, page, before = messages.page(pals.world, pals.client, pals.row.id, 10, before, "moon")
    assert ([each.text for each in page], before) == (["moon"], None)


def test_a_search_looks_through_two_million_letters_whatever_signs_stand_for(pals: Pals) -> None:
    """U+FDFA is eighteen. 500 messages of it took six seconds of processor time."""
    for number in range(30):
        pals.writes("client", "\ufdfa" * 4_000, name=str(number))
    _, page, before = messages.page(pals.world, pals.client, pals.row.id, 10, None, "moon")
    assert (page, before) == ([], 3)
    assert messages.page(pals.world, pals.client, pals.row.id, 10, before, "moon")[1:] == ([], None)


def test_how_far_a_search_gets_says_nothing_of_what_is_locked(pals: Pals) -> None:
    pals.writes("client", "moon")
    for number in range(3):
        pals.replies(text="\ufdfa" * 4_000, name=str(number))
    for number in range(26):
        pals.writes("client", "\ufdfa" * 4_000, name=f"{number} more")
    _, page, before = messages.page(pals.world, pals.client, pals.row.id, 10, None, "moon")
    assert ([each.text for each in page], before) == (["moon"], None)


def test_conversations_come_in_the_order_in_which_they_were_written_in(pals: Pals) -> None:
    world, reader = pals.world, pals.reader
    others = [pals.known(name) for name in ("ann", "bea", "cid")]
    for other in others:
        messages.open_with(world, other, reader)
        pals.forward(MINUTE)
    pals.writes("client")
    page, start = messages.conversations_of(world, "reader", reader, 2, None)
    assert [each.client.user for each in page] == [pals.client, others[2]]
    assert page[0].unread("reader") == 1
    page, start = messages.conversations_of(world, "reader", reader, 2, start)
    assert ([each.client.user for each in page], start) == ([others[1], others[0]], None)
    assert messages.conversations_of(world, "client", reader, 10, None) == ([], None)


def test_people_are_called_what_they_are_called_now(pals: Pals) -> None:
    accounts.change(pals.world, pals.client, accounts.Changes(display_name="Clara", birth_date=date(1990, 1, 1)))
    assert messages.names(pals.world, [pals.row]) == {
        pals.client: "Clara",
        pals.reader: f"Name of {pals.reader}",
    }
    leave(pals.world, pals.client)
    readers.forget(pals.world, pals.reader)
    leave(pals.world, pals.reader)
    assert set(messages.names(pals.world, [pals.row]).values()) == {"Deleted member"}


def test_many_people_are_asked_for_in_batches(pals: Pals) -> None:
    ids = [f"usr_{number}" for number in range(150)]
    assert accounts.names_of(pals.world, [*ids, pals.client]) == dict.fromkeys(ids, "Deleted member") | {
        pals.client: "Client"
    }
    assert readers.names_of(pals.world, [*ids, pals.reader]) == {pals.reader: f"Name of {pals.reader}"}


# --- what is told


@pytest.mark.parametrize(
    ("kind", "facts", "subject"),
    [
        ("message_received", {"priced": False}, "Luna wrote to you"),
        ("message_received", {"priced": True}, "Luna has answered you"),
        ("reply_unlocked", {"amount": 100}, "Luna unlocked your reply"),
    ],
)
def test_who_is_told_reads_who_it_was_and_nothing_of_what_was_said(
    kind: str, facts: dict[str, object], subject: str
) -> None:
    said = words(Notice("usr_c", kind, {"from": "usr_r", "name": "Luna", "conversation": "cnv_1", **facts}), "UTC")
    assert said
    assert (said.subject, "Luna" in said.text, "cnv_1" in said.text) == (subject, True, False)
    assert kind in ABOUT
