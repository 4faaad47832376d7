"""A paid reply: paid for once and open then, to whom its dollar goes, and who may not. What moderators do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import (
    Blocked,
    Forbidden,
    InsufficientFunds,
    InvalidState,
    NotFound,
    Unavailable,
    WalletFrozen,
)
from chalicelib.kernel.time import DAY
from chalicelib.messaging import moderated, unlocking
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Message
from chalicelib.messaging.schemas import message_view
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import ConditionFailed, Contended
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.statement import trial_balance
from tests.support.duo import assert_books_balance
from tests.support.losing import LosingTables
from tests.support.pals import Pals
from tests.support.reading import grant
from tests.support.worlds import NOON, OfflineObjects, hand_world

WHY = {"actor": "ops", "reason": "a test"}
SECRET = "The cards say yes."


@pytest.fixture
def pals() -> Pals:
    return Pals(hand_world()).opened(500)


def shown(pals: Pals, message: Message) -> str | None:
    """What the client's page of the conversation says of it."""
    (found,) = (each for each in pals.page("client") if each.id == message.id)
    return message_view(found, "client", lambda each: each.id).text


# --- paying


def test_a_reply_is_paid_for_and_open_in_one_transaction(pals: Pals) -> None:
    reply = pals.replies()
    assert shown(pals, reply) is None
    opened = pals.unlocks(reply)
    assert shown(pals, reply) == SECRET
    assert pals.spent() == [("reply", -100, reply.id)]
    assert pals.earned() == [("reply_earned", 70, reply.id)]
    books = trial_balance(pals.world)
    assert (books.sum_of("platform:fees"), books.unsettled()) == (30, {})
    entry = wallet.head(pals.world, pals.client)
    assert (opened.entry, opened.unlocked_at, entry.reference) == (entry.id, entry.at, reply.id)
    facts = {"from": pals.client, "conversation": pals.row.id, "amount": 100}
    assert pals.told("reader")[-1] == ("reply_unlocked", facts)


def test_it_is_paid_for_once_and_answered_again(pals: Pals) -> None:
    reply = pals.replies()
    opened = pals.unlocks(reply)
    accounts.block(pals.world, pals.client, pals.reader)
    wallet.freeze(pals.world, pals.client, "a test")
    assert pals.forward(DAY).unlocks(reply) == opened
    assert pals.credit == 400


def test_a_reply_that_is_paid_for_leaves_room_for_another(pals: Pals) -> None:
    replies = [pals.replies(name) for name in "abc"]
    with pytest.raises(InvalidState):
        pals.replies("d")
    pals.unlocks(replies[1])
    pals.replies("d")
    assert pals.row.locked == 3


def test_only_the_client_pays(pals: Pals) -> None:
    reply = pals.replies()
    for user in (pals.reader, pals.known("eve")):
        with pytest.raises(Forbidden):
            unlocking.unlock(pals.world, user, reply.id)
    with pytest.raises(NotFound):
        unlocking.unlock(pals.world, pals.client, "msg_x")


def test_there_is_nothing_to_pay_for_in_a_free_message(pals: Pals) -> None:
    pals.writes("client")
    for message in (pals.writes("reader"), pals.page("client")[-1]):
        with pytest.raises(InvalidState):
            pals.unlocks(message)


def without_credit(pals: Pals) -> None:
    wallet.spend(pals.world, pals.client, "order", 401, "platform:shop", "order:1", "ord_1")


def frozen(pals: Pals) -> None:
    wallet.freeze(pals.world, pals.client, "a test")


def hidden(pals: Pals) -> None:
    pals.stands(pals.page("client")[0], "hidden")


def reader_gone(pals: Pals) -> None:
    pals.world.tables.write(*accounts.closing(pals.world, accounts.person(pals.world, pals.reader), "a test"))


def reader_suspended(pals: Pals) -> None:
    accounts.suspend(pals.world, pals.reader, **WHY)


@pytest.mark.parametrize(
    ("stands_in_the_way", "refusal"),
    [
        (without_credit, InsufficientFunds),
        (frozen, WalletFrozen),
        (hidden, InvalidState),
        (reader_gone, InvalidState),
        (reader_suspended, InvalidState),
        (lambda pals: accounts.block(pals.world, pals.reader, pals.client), Blocked),
        (lambda pals: accounts.block(pals.world, pals.client, pals.reader), Blocked),
    ],
)
def test_what_stands_in_the_way_leaves_it_locked_and_the_money_where_it_is(
    pals: Pals, stands_in_the_way: Callable[[Pals], object], refusal: type[Exception]
) -> None:
    reply = pals.replies()
    stands_in_the_way(pals)
    before = pals.credit
    with pytest.raises(refusal):
        pals.unlocks(reply)
    assert (pals.credit, pals.earned(), shown(pals, reply)) == (before, [], None)


def test_a_reader_who_was_only_withdrawn_has_what_is_paid_for_what_they_wrote(pals: Pals) -> None:
    reply = pals.replies()
    readers.withdraw(pals.world, pals.reader, **WHY)
    assert pals.unlocks(reply).unlocked_at is not None


def test_what_a_running_meter_holds_is_not_spent_on_it() -> None:
    from chalicelib.sessions import asking
    from chalicelib.sessions import service as sessions
    from chalicelib.sessions.model import commands
    from chalicelib.sessions.model.session import Side

    pals = Pals(hand_world()).opened(7 * 250 + 99)
    reply = pals.replies()
    readers.set_presence(pals.world, pals.reader, "online")
    asking.create(pals.world, Side(pals.client, "Cee"), "ses_1", pals.reader, "text")
    for user, command in ((pals.reader, commands.accept), (pals.client, commands.join), (pals.reader, commands.join)):
        sessions.perform(pals.world, "ses_1", user, command)
    with pytest.raises(InsufficientFunds):
        pals.unlocks(reply)
    assert shown(pals, reply) is None


# --- giving back


def test_a_refund_gives_each_part_back_from_where_it_went(pals: Pals) -> None:
    reply = pals.replies()
    pals.unlocks(reply)
    back = unlocking.refund(pals.world, reply.id, **WHY)
    assert back.refunded_at is not None
    assert pals.spent() == [("reply", -100, reply.id), ("unlock_refund", 100, reply.id)]
    assert pals.earned() == [("reply_earned", 70, reply.id), ("reply_returned", -70, reply.id)]
    books = trial_balance(pals.world)
    assert (books.sum_of("platform:fees"), books.unsettled(), pals.credit) == (0, {}, 500)
    (told,) = pals.world.tables.query("audit", ("pk", reply.id)).items
    assert (told["action"], told["actor"], told["reason"]) == ("reply_refunded", "ops", "a test")
    assert told["detail"] == {"amount": 100, "paid_by": back.entry, "given_back_by": f"ent_{pals.client}_3"}


def test_it_is_given_back_once(pals: Pals) -> None:
    reply = pals.replies()
    pals.unlocks(reply)
    first = unlocking.refund(pals.world, reply.id, **WHY)
    assert unlocking.refund(pals.world, reply.id, actor="other", reason="again") == first
    assert pals.credit == 500
    assert pals.unlocks(reply) == first


def test_what_nobody_paid_for_is_not_given_back(pals: Pals) -> None:
    reply = pals.replies()
    with pytest.raises(InvalidState):
        unlocking.refund(pals.world, reply.id, **WHY)


def test_promotional_credit_goes_back_as_what_it_was() -> None:
    pals = Pals(hand_world()).opened()
    grant(pals.world, pals.client, Lot("pro_1", 300, NOON + DAY))
    reply = pals.replies()
    pals.unlocks(reply)
    unlocking.refund(pals.world, reply.id, **WHY)
    assert wallet.head(pals.world, pals.client).buckets.paid == 0
    assert pals.credit == 300
    assert pals.earned()[0][1] == 70


def test_promotional_credit_that_was_used_up_counts_as_long_as_it_would_have() -> None:
    pals = Pals(hand_world()).opened()
    grant(pals.world, pals.client, Lot("pro_1", 100, NOON + 30 * DAY))
    reply = pals.replies()
    pals.unlocks(reply)
    unlocking.refund(pals.world, reply.id, **WHY)
    assert wallet.head(pals.world, pals.client).buckets.lots == (Lot("pro_1", 100, NOON + 30 * DAY),)


@pytest.mark.parametrize("dies", [False, True])
def test_what_somebody_said_who_has_left_is_gone_once_nobody_has_it_paid(pals: Pals, dies: bool) -> None:
    pals.writes("client")
    reply = pals.writes("reader", SECRET, "1", price=100, uploads=(pals.uploads("reader"),))
    pals.unlocks(reply)
    reader_gone(pals)
    files = pals.world.attachments
    assert isinstance(files, OfflineObjects)
    if dies:  # between the two
        files.down = True
        with pytest.raises(Unavailable):
            unlocking.refund(pals.world, reply.id, **WHY)
        files.down = False
    gone = unlocking.refund(pals.world, reply.id, **WHY)
    assert (gone.text, gone.attachments, gone.erased, pals.credit) == ("", (), True, 500)
    assert files.below(reply.place, "", 10) == []
    assert pals.row.locked == 0


def test_nothing_goes_back_to_a_client_who_has_left(pals: Pals) -> None:
    reply = pals.replies()
    pals.unlocks(reply)
    pals.world.tables.write(*accounts.closing(pals.world, accounts.person(pals.world, pals.client), "a test"))
    with pytest.raises(InvalidState):
        unlocking.refund(pals.world, reply.id, **WHY)


# --- moderators


def test_a_moderator_reads_what_is_locked_and_the_client_may_report_it(pals: Pals) -> None:
    reply = pals.replies()
    for user in (None, pals.client, pals.reader):
        seen = moderated.subject(pals.world, reply.id, user)
        assert (seen.id, seen.author, seen.standing, seen.text) == (reply.id, pals.reader, "shown", SECRET)
        assert (seen.where, seen.at, seen.attachments) == (pals.row.id, reply.at, ())
    with pytest.raises(Forbidden):
        moderated.subject(pals.world, reply.id, pals.known("eve"))
    with pytest.raises(NotFound):
        moderated.subject(pals.world, "msg_x", None)


def test_what_is_out_of_sight_is_its_authors_and_moderators_to_see(pals: Pals) -> None:
    message = pals.stands(pals.writes("client"), "hidden")
    assert moderated.subject(pals.world, message.id, pals.client).standing == "hidden"
    assert moderated.subject(pals.world, message.id, None).text == "hi"
    with pytest.raises(Forbidden):
        moderated.subject(pals.world, message.id, pals.reader)


def test_a_moderator_has_links_to_the_files(pals: Pals) -> None:
    message = pals.writes("client", uploads=(pals.uploads("client"),))
    (link,) = moderated.subject(pals.world, message.id, None).attachments
    assert message.place in link


def test_where_it_stands_already_there_is_nothing_to_write(pals: Pals) -> None:
    message = pals.writes("client")
    assert moderated.stand(pals.world, message.id, "shown") == []
    pals.stands(message, "removed")
    assert moderated.stand(pals.world, message.id, "removed") == []
    assert pals.stands(message, "shown").standing == "shown"


def test_a_decision_on_what_was_unlocked_in_that_moment_is_taken_anew(pals: Pals) -> None:
    reply = pals.replies()
    decided = moderated.stand(pals.world, reply.id, "hidden")
    pals.unlocks(reply)
    with pytest.raises(ConditionFailed):
        pals.world.tables.write(*decided)
    pals.stands(reply, "hidden")
    assert shown(pals, reply) is None
    assert pals.row.locked == 0


# --- any write of which is lost


def insist(act: Callable[[], Any]) -> Any:
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def an_exchange(world: World) -> dict[str, Any]:
    """A question, three answers, one of them paid for and one paid for and given back; what came of it."""
    pals = Pals(world)
    insist(lambda: pals.known("client"))
    insist(lambda: pals.known("reader"))
    insist(pals.ready)
    insist(lambda: pals.pays_in(500))
    insist(pals.opened)
    first = insist(lambda: pals.writes("client"))
    replies = [insist(lambda name=name: pals.writes("reader", SECRET, name, price=100)) for name in "abc"]  # type: ignore[misc]
    insist(lambda: messages.read(world, pals.client, pals.row.id, replies[1].id))
    insist(lambda: messages.read(world, pals.reader, pals.row.id, first.id))
    for reply in replies[:2]:
        insist(lambda reply=reply: pals.unlocks(reply))  # type: ignore[misc]
    insist(lambda: pals.stands(replies[1], "removed"))
    insist(lambda: unlocking.refund(world, replies[1].id, **WHY))
    insist(lambda: pals.stands(replies[2], "hidden"))
    row = pals.row
    assert_books_balance(world)
    return {
        "row": (row.count, row.locked, row.unread("client"), row.unread("reader"), row.rev),
        "read": (row.client.read_up_to == replies[1].id, row.reader.read_up_to == first.id),
        "messages": [
            (each.number, each.standing, each.locked, each.refunded_at is not None) for each in pals.page("reader")
        ],
        "spent": [(kind, amount) for kind, amount, _ in pals.spent()],
        "earned": [(kind, amount) for kind, amount, _ in pals.earned()],
        "told": [len(pals.told(who)) for who in ("client", "reader")],
        "audited": len(world.tables.query(world.settings.tables.audit, ("pk", replies[1].id)).items),
    }


@pytest.mark.parametrize("after", [True, False])
def test_an_exchange_is_the_same_whichever_of_its_writes_is_lost(after: bool) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        tables = LosingTables(at, after=after)
        return an_exchange(hand_world(tables)), at - tables.left

    expected, writes = played(at=10_000)
    assert expected == {
        "row": (4, 0, 1, 0, 10),
        "read": (True, True),
        "messages": [
            (4, "hidden", True, False),
            (3, "removed", False, True),
            (2, "shown", False, False),
            (1, "shown", False, False),
        ],
        "spent": [("reply", -100), ("reply", -100), ("unlock_refund", 100)],
        "earned": [("reply_earned", 70), ("reply_earned", 70), ("reply_returned", -70)],
        "told": [3, 3],
        "audited": 1,
    }
    assert writes > 15
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
