"""Who may write what, what counts as read, what may be unlocked, and what of a message is whose to see."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from chalicelib.accounts.model.attachment import Attachment
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, Problem
from chalicelib.kernel.standing import Standing
from chalicelib.messaging import model
from chalicelib.messaging.model import Conversation, Last, Message, Part, Wanted, Who
from tests.support.worlds import NOON

CLIENT, READER = "usr_c", "usr_r"
FILE = Attachment("upl_1", "image/png", 10)


class Talk:
    """A conversation, written on message by message."""

    def __init__(self) -> None:
        self.now = NOON
        self.row = model.opened("cnv_1", CLIENT, READER, NOON)
        self.messages: list[Message] = []
        self._names = (f"msg_{number}" for number in count(1))

    def writes(self, who: Who, text: str = "hi", price: int = 0, **more: Any) -> Message:
        wanted = Wanted(text, price=price)
        self.row, made = model.sent(self.row, who, next(self._names), wanted, more.get("files", ()), self.now)
        self.messages.append(made)
        return made

    def reads(self, who: Who, message: Message) -> None:
        self.row = model.read(self.row, who, message)


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def locked(talk: Talk) -> Message:
    """A paid reply to what a client wrote."""
    talk.writes("client")
    return talk.writes("reader", "The cards say yes.", 100, files=(FILE,))


def said(problem: pytest.ExceptionInfo[Problem]) -> Any:
    return problem.value.errors if isinstance(problem.value, Invalid) else problem.value.detail


# --- a conversation


def test_a_new_conversation_is_empty() -> None:
    assert model.opened("cnv_1", CLIENT, READER, NOON) == Conversation(
        "cnv_1", Part(CLIENT, 0, 0, None), Part(READER, 0, 0, None), NOON, NOON, 0, None, 1
    )


def test_its_two_people_have_a_side_and_a_stranger_has_none(talk: Talk) -> None:
    assert (talk.row.who(CLIENT), talk.row.who(READER)) == ("client", "reader")
    assert (talk.row.side("client").user, talk.row.side("reader").user) == (CLIENT, READER)
    assert (talk.row.other("client").user, talk.row.other("reader").user) == (READER, CLIENT)
    with pytest.raises(Forbidden) as refused:
        talk.row.who("usr_x")
    assert said(refused) == "This conversation is not yours."


# --- writing


def test_a_message_has_its_place_and_what_each_had_sent_by_then(talk: Talk) -> None:
    talk.writes("client")
    talk.now += 5
    talk.writes("reader")
    talk.now += 5
    made = talk.writes("client", "and now?", files=(FILE,))
    assert made == Message(
        id="msg_3",
        conversation="cnv_1",
        number=3,
        by="client",
        sender=CLIENT,
        text="and now?",
        attachments=(FILE,),
        price=0,
        at=NOON + 10,
        sent=2,
        heard=1,
    )
    assert talk.row == Conversation(
        "cnv_1",
        Part(CLIENT, sent=2),
        Part(READER, sent=1),
        created_at=NOON,
        recent_at=NOON + 10,
        last=Last("msg_3", CLIENT, NOON + 10),
        rev=4,
    )
    assert talk.row.count == 3


def test_a_slow_clock_writes_no_earlier_than_what_is_there(talk: Talk) -> None:
    talk.writes("client")
    talk.now -= 60_000
    assert talk.writes("reader").at == NOON
    assert talk.row.recent_at == NOON


def test_a_reader_writes_only_to_a_client_who_has_written(talk: Talk) -> None:
    with pytest.raises(InvalidState) as refused:
        talk.writes("reader")
    assert said(refused) == "The client has not written to you yet."
    talk.writes("client")
    talk.writes("reader")


def test_a_client_needs_no_answer_to_write_again(talk: Talk) -> None:
    for number in range(1, 4):
        assert talk.writes("client").number == number


def test_only_a_reply_has_a_price(talk: Talk) -> None:
    with pytest.raises(Forbidden) as refused:
        talk.writes("client", price=100)
    assert said(refused) == "Only a reader's reply can have a price."


def test_three_paid_replies_may_wait_and_free_ones_always_go(talk: Talk) -> None:
    talk.writes("client")
    waiting = [talk.writes("reader", price=100) for _ in range(3)]
    assert talk.row.locked == 3
    with pytest.raises(InvalidState) as refused:
        talk.writes("reader", price=100)
    assert said(refused) == "3 paid replies wait to be unlocked. Send no more of them before one is."
    talk.writes("reader")
    talk.row, _ = model.unlocked(talk.row, waiting[0], "ent_1", NOON)
    talk.writes("reader", price=100)
    assert talk.row.locked == 3


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("  hello\u202e\r\n\r\n\r\n\r\nthere ", "hello\n\nthere"), ("x" * 4_000, "x" * 4_000), ("x", "x")],
)
def test_what_is_written_is_cleaned(text: str, cleaned: str) -> None:
    assert model.written(Wanted(text, ("upl_1",), 100)) == Wanted(cleaned, ("upl_1",), 100)


def test_an_attachment_needs_no_words() -> None:
    assert model.written(Wanted(" \u200b", ("upl_1",))) == Wanted("", ("upl_1",), 0)


@pytest.mark.parametrize("text", ["", " \n\u200b\u2800", "x" * 4_001])
def test_nothing_to_be_seen_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.written(Wanted(text))
    assert said(refused) == ({"field": "text", "message": "Write 1 to 4000 visible characters, or attach something."},)


def test_too_much_is_refused_beside_an_attachment_too() -> None:
    with pytest.raises(Invalid):
        model.written(Wanted("x" * 4_001, ("upl_1",)))


@pytest.mark.parametrize("price", [1, 99, 101, -100])
def test_a_reply_costs_a_dollar_or_nothing(price: int) -> None:
    with pytest.raises(Invalid) as refused:
        model.written(Wanted("hi", price=price))
    assert said(refused) == ({"field": "price", "message": "100 cents, or none."},)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        model.written(Wanted("", price=5))
    assert [each["field"] for each in said(refused)] == ["text", "price"]


def test_the_same_message_is_known_by_its_words_its_files_and_its_price(talk: Talk) -> None:
    talk.writes("client")
    made = talk.writes("reader", "yes", 100, files=(FILE,))
    assert model.same(made, Wanted("yes", ("upl_1",), 100))
    assert not model.same(made, Wanted("no", ("upl_1",), 100))
    assert not model.same(made, Wanted("yes", (), 100))
    assert not model.same(made, Wanted("yes", ("upl_1",), 0))
    assert model.same(replace(made, erased=True, text=""), Wanted("no"))


def test_no_log_and_no_trace_shows_what_was_said(talk: Talk) -> None:
    assert "secret" not in repr(talk.writes("client", "secret"))
    assert "secret" not in repr(Wanted("secret"))


# --- reading


def test_unread_is_what_the_other_sent_after_what_was_read(talk: Talk) -> None:
    talk.writes("client")
    talk.writes("client")
    second = talk.writes("reader")
    talk.writes("reader")
    assert (talk.row.unread("client"), talk.row.unread("reader")) == (2, 2)
    talk.reads("client", second)
    assert (talk.row.unread("client"), talk.row.unread("reader")) == (1, 2)
    assert talk.row.client == Part(CLIENT, sent=2, read=1, read_up_to="msg_3")
    assert talk.row.rev == 6
    talk.writes("reader")
    assert (talk.row.unread("client"), talk.row.unread("reader")) == (2, 2)


def test_up_to_a_message_of_ones_own_is_all_of_the_others_before_it(talk: Talk) -> None:
    talk.writes("client")
    talk.writes("reader")
    talk.writes("reader")
    own = talk.writes("client")
    talk.writes("reader")
    talk.reads("client", own)
    assert talk.row.unread("client") == 1
    talk.reads("reader", own)
    assert talk.row.reader == Part(READER, sent=3, read=2, read_up_to="msg_4")
    assert talk.row.unread("reader") == 0


def test_reading_never_goes_back(talk: Talk) -> None:
    for _ in range(3):
        talk.writes("client")
    talk.reads("reader", talk.messages[1])
    row = talk.row
    for message in talk.messages[:2]:
        talk.reads("reader", message)
        assert talk.row == row
    talk.reads("reader", talk.messages[2])
    assert talk.row.unread("reader") == 0


def test_one_who_has_nothing_to_read_reads_nothing(talk: Talk) -> None:
    own = talk.writes("client")
    row = talk.row
    talk.reads("client", own)
    assert talk.row == row


# --- what is whose to see


def test_a_free_message_is_for_both(talk: Talk) -> None:
    made = talk.writes("client")
    assert (made.locked, made.on_sale) == (False, False)
    assert [model.readable(made, who) for who in WHO] == [True, True, True]


WHO: tuple[Who | None, ...] = ("client", "reader", None)


def test_a_locked_reply_is_for_its_author_and_moderators(locked: Message) -> None:
    assert (locked.locked, locked.on_sale) == (True, True)
    assert [model.readable(locked, who) for who in WHO] == [False, True, True]


def test_any_price_locks(locked: Message) -> None:
    assert replace(locked, price=1).locked


def test_an_unlocked_one_is_for_both(talk: Talk, locked: Message) -> None:
    _, opened = model.unlocked(talk.row, locked, "ent_1", NOON)
    assert (opened.locked, opened.on_sale) == (False, False)
    assert [model.readable(opened, who) for who in WHO] == [True, True, True]


@pytest.mark.parametrize("standing", ["hidden", "removed"])
def test_what_moderators_took_out_of_sight_is_for_its_author_and_for_them(talk: Talk, standing: Standing) -> None:
    _, made = model.stood(talk.row, talk.writes("client"), standing)
    assert [model.readable(made, who) for who in WHO] == [True, False, True]


def test_what_is_erased_nobody_sees(talk: Talk, locked: Message) -> None:
    for message in (talk.messages[0], locked):
        _, gone = model.erased(talk.row, message)
        assert (gone.text, gone.attachments, gone.erased, gone.rev) == ("", (), True, 2)
        assert [model.readable(gone, who) for who in WHO] == [False, False, False]


def test_attachments_are_below_their_author_and_their_message(locked: Message) -> None:
    assert locked.place == model.attachments_of(READER, "msg_2") == "messages/usr_r/msg_2"


# --- paying for a reply


def test_a_reply_is_unlocked_by_an_entry(talk: Talk, locked: Message) -> None:
    row, opened = model.unlocked(talk.row, locked, "ent_usr_c_7", NOON + 9)
    assert opened == replace(locked, unlocked_at=NOON + 9, entry="ent_usr_c_7", rev=2)
    assert row == replace(talk.row, locked=0, rev=talk.row.rev + 1)


def test_there_is_nothing_to_unlock_in_a_free_message(talk: Talk) -> None:
    made = talk.writes("client")
    with pytest.raises(InvalidState) as refused:
        model.must_be_on_sale(made)
    assert said(refused) == "This message is free to read."


def test_what_is_open_out_of_sight_or_erased_is_not_unlocked(talk: Talk, locked: Message) -> None:
    gone = (
        model.unlocked(talk.row, locked, "ent_1", NOON),
        model.stood(talk.row, locked, "hidden"),
        model.stood(talk.row, locked, "removed"),
        model.erased(talk.row, locked),
    )
    for row, message in gone:
        with pytest.raises(InvalidState) as refused:
            model.unlocked(row, message, "ent_2", NOON)
        assert said(refused) == "This reply cannot be unlocked."


def test_a_refund_is_noted_once_and_leaves_the_reply_open(talk: Talk, locked: Message) -> None:
    _, opened = model.unlocked(talk.row, locked, "ent_1", NOON)
    back = model.refunded(opened, NOON + 5)
    assert back == replace(opened, refunded_at=NOON + 5, rev=3)
    assert model.refunded(back, NOON + 6) == back
    assert model.readable(back, "client")


def test_only_what_was_paid_is_refunded(talk: Talk, locked: Message) -> None:
    for message in (talk.messages[0], locked):
        with pytest.raises(InvalidState) as refused:
            model.refunded(message, NOON)
        assert said(refused) == "Nobody has paid for this message."


# --- moderators


def test_a_locked_reply_out_of_sight_holds_no_place_of_the_three(talk: Talk, locked: Message) -> None:
    row, hidden = model.stood(talk.row, locked, "hidden")
    assert (row.locked, row.rev, hidden.standing, hidden.rev) == (0, talk.row.rev + 1, "hidden", 2)
    again, removed = model.stood(row, hidden, "removed")
    assert (again, removed.standing, removed.rev) == (row, "removed", 3)
    back, shown = model.stood(again, removed, "shown")
    assert (back.locked, back.rev, shown.standing) == (1, row.rev + 1, "shown")
    assert shown.on_sale


def test_the_standing_of_what_has_no_price_is_its_own_alone(talk: Talk) -> None:
    made = talk.writes("client")
    row, hidden = model.stood(talk.row, made, "hidden")
    assert (row, hidden) == (talk.row, replace(made, standing="hidden", rev=2))


def test_a_locked_reply_that_is_erased_holds_no_place_either(talk: Talk, locked: Message) -> None:
    row, _ = model.erased(talk.row, locked)
    assert (row.locked, row.rev) == (0, talk.row.rev + 1)


# --- searching


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("STRASSE", "In der Straße"),
        ("emile", "Émile was here"),
        ("ﬁre", "the Fire"),
        ("two  words", "two\nwords"),
        ("1", "x" * 3_999 + "1"),
    ],
)
def test_case_accents_and_line_breaks_do_not_matter(talk: Talk, query: str, text: str) -> None:
    assert model.sought(query) in model.said(talk.writes("client", text), "reader")


def test_what_does_not_say_so_is_not_found(talk: Talk) -> None:
    assert model.sought("sun") not in model.said(talk.writes("client", "moon"), "client")


def test_what_one_may_not_see_is_not_looked_into(talk: Talk, locked: Message) -> None:
    sought = model.sought("cards")
    assert [sought in model.said(locked, who) for who in ("client", "reader")] == [False, True]
    assert model.said(locked, "client") == ""


@pytest.mark.parametrize("query", ["", " \u200b", "x" * 101])
def test_what_is_nothing_or_too_much_is_not_looked_for(query: str) -> None:
    with pytest.raises(Invalid) as refused:
        model.sought(query)
    assert said(refused) == ({"field": "q", "message": "Write 1 to 100 visible characters."},)


def test_a_hundred_characters_are_looked_for() -> None:
    assert model.sought("X" * 100) == "x" * 100
