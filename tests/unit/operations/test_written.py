"""What people wrote: in the file of all that is theirs as far as they may read it, and gone with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.accounts import uploads
from chalicelib.accounts.model.person import newcomer
from chalicelib.accounts.store import People
from chalicelib.community import belongings as threads
from chalicelib.community import moderated
from chalicelib.community import service as community
from chalicelib.gateways import World
from chalicelib.messaging import belongings as letters
from chalicelib.messaging import unlocking
from chalicelib.messaging.model import Who
from chalicelib.operations import exports, written
from chalicelib.runtime.identity import Caller
from chalicelib.runtime.tables import Page
from tests.support.memory import MemoryTables
from tests.support.pals import PNG, Pals
from tests.support.worlds import OfflineObjects, hand_world

SIDES: tuple[Who, ...] = ("client", "reader")


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def pals(world: World) -> Pals:
    return Pals(world).opened(cents=1_000)


def files(world: World, prefix: str = "messages/") -> list[str]:
    bucket = world.attachments
    assert isinstance(bucket, OfflineObjects)
    return sorted(key for key in bucket.held if key.startswith(prefix))


def texts(pals: Pals) -> list[str]:
    """Of all messages, the oldest first, as they are kept."""
    return [pals.stored(each).text for each in reversed(pals.page("client"))]


def forget(pals: Pals, who: Who, at_once: int = 100) -> None:
    """As the end of an account does, page by page, and each page twice."""
    user = pals.user(who)
    for side in SIDES:
        start, more = None, True
        while more:
            following = letters.erase(pals.world, side, user, at_once, start)
            assert letters.erase(pals.world, side, user, at_once, start) == following
            start, more = following, following is not None
    place = letters.sweep(pals.world, user, at_once, None)
    while place is not None:
        place = letters.sweep(pals.world, user, at_once, place)


# --- the file --------------------------------------------------------------------------------------


def test_an_export_holds_what_one_wrote_and_what_one_may_read(pals: Pals) -> None:
    pals.writes("client", "Will it rain?", uploads=(pals.uploads("client"),))
    pals.writes("reader", "It may.")
    pals.unlocks(pals.replies("paid", "Bring a coat."))
    told = exports.everything(pals.world, pals.client)
    assert [each["text"] for each in told["messages_as_client"]] == ["Bring a coat.", "It may.", "Will it rain?"]
    (file,) = told["messages_as_client"][-1]["attachments"]
    assert (file["media_type"], file["size"]) == ("image/png", len(PNG))
    (conversation,) = told["conversations_as_client"]
    assert (conversation["id"], conversation["reader"]["id"]) == (pals.row.id, pals.reader)
    assert told["messages_as_reader"] == told["conversations_as_reader"] == told["cut_short"] == []


def test_an_export_holds_nothing_of_a_reply_that_was_not_paid_for(pals: Pals) -> None:
    pals.writes("client")
    pals.replies("locked", "THE SECRET")
    told = exports.everything(pals.world, pals.client)
    locked = told["messages_as_client"][0]
    assert (locked["text"], locked["locked"], locked["attachments"]) == (None, True, [])
    assert "THE SECRET" not in json.dumps(told)
    mine = exports.everything(pals.world, pals.reader)["messages_as_reader"][0]
    assert (mine["text"], mine["locked"]) == ("THE SECRET", True)


def test_a_page_of_what_one_wrote_is_as_long_as_of_all_else(pals: Pals) -> None:
    for number in range(101):
        pals.writes("client", name=str(number))
    page, following = written.pages(pals.world, pals.client)["messages_as_client"](None)
    assert len(page) == 100
    assert following


def test_what_moderators_hid_is_in_its_authors_export_alone(pals: Pals) -> None:
    pals.stands(pals.writes("client", "RUDE"), "hidden")
    assert "RUDE" in json.dumps(exports.everything(pals.world, pals.client))
    assert "RUDE" not in json.dumps(exports.everything(pals.world, pals.reader))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_every_message_of_every_conversation_is_on_one_page(world: World, limit: int) -> None:
    reader = Pals(world, "r").ready().reader
    said = []
    for number in range(4):
        pals = Friend(world, str(number), reader).opened()
        said += [pals.writes("client", name=str(each)).id for each in range(number * 2)]
    found: list[str] = []
    start, pages = None, 0
    while pages == 0 or start is not None:
        page, start = letters.messages(world, "reader", reader, limit, start)
        found += [each.id for each in page]
        assert len(page) <= limit
        pages += 1
        json.dumps(start)
    assert sorted(found) == sorted(said)
    assert pages <= len(said) // limit + 5


@dataclass(frozen=True)
class Friend(Pals):
    """A client of somebody else's reader."""

    whose: str = ""

    @property
    def reader(self) -> str:
        return self.whose


ADA = Caller("usr_ada", "client", "Ada")
BOB = Caller("usr_bob", "client", "Bob")


def known(world: World) -> None:
    for each in (ADA, BOB):
        people = People(world.tables, "accounts")
        world.tables.write(people.add(newcomer(each.id, None, None, world.now())))


def posted(world: World, caller: Caller = ADA, name: str = "1", text: str = "a first thought", **more: Any) -> str:
    """The id of the post that opens a thread; its title is ``About`` and the name."""
    files = more.get("files", ())
    return community.open_thread(world, caller, f"thr_{name}", "general", f"About {name}", text, files).thread.opening


def test_an_export_holds_ones_posts_with_all_that_they_said_before(world: World) -> None:
    known(world)
    first = posted(world)
    for text in ("a second thought", "a third thought"):
        community.edit(world, ADA, first, text, None)
    community.edit(world, ADA, first, None, "Another title")
    community.answer(world, BOB, "pst_bob", "thr_1", None, "an answer", ())
    told = exports.everything(world, ADA.id)
    (post,) = told["posts"]
    assert (post["id"], post["title"], post["text"]) == (first, "Another title", "a third thought")
    assert [(each["text"], each["title"]) for each in post["edits"]] == [
        ("a third thought", "About 1"),
        ("a second thought", "About 1"),
        ("a first thought", "About 1"),
    ]
    (answer,) = exports.everything(world, BOB.id)["posts"]
    assert (answer["thread"], answer["title"], answer["text"], answer["edits"]) == ("thr_1", None, "an answer", [])


class Sparing(MemoryTables):
    """Gives two rows at a time, as DynamoDB does where they are long."""

    def query(self, *given: Any, **named: Any) -> Page:
        return super().query(*given, **named | {"limit": 2})


def test_all_that_a_post_said_before_is_in_an_export_however_long_it_was() -> None:
    world = hand_world(Sparing())
    known(world)
    post = posted(world)
    for number in range(5):
        community.edit(world, ADA, post, f"thought {number}", None)
    ((own,), _) = threads.posts_of(world, ADA.id, 10, None)
    assert [each.n for each in own.edits] == [5, 4, 3, 2, 1]


def test_a_post_that_one_deleted_is_in_no_export_and_one_that_moderators_removed_is(world: World) -> None:
    known(world)
    community.delete(world, ADA.id, posted(world, name="1"))
    removed = posted(world, name="2", text="RUDE")
    world.tables.write(*moderated.stand(world, removed, "removed"))
    told = exports.everything(world, ADA.id)["posts"]
    assert [(each["text"], each["standing"]) for each in told] == [("RUDE", "removed")]


# --- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_what_a_person_said_goes_with_them_and_what_they_were_told_stays(pals: Pals, at_once: int) -> None:
    pals.writes("client", "from me", "1", uploads=(pals.uploads("client"),))
    pals.writes("reader", "from them", "2", uploads=(pals.uploads("reader"),))
    pals.writes("client", "from me again", "3")
    forget(pals, "client", at_once)
    assert texts(pals) == ["", "from them", ""]
    assert files(pals.world) == files(pals.world, f"messages/{pals.reader}/")
    assert len(files(pals.world)) == 1
    assert [each.erased for each in pals.page("reader")] == [True, False, True]


def test_a_reply_that_was_paid_for_stays_with_its_buyer_and_one_that_was_not_goes(pals: Pals) -> None:
    bought = pals.unlocks(_with_file(pals, "paid", "BOUGHT"))
    _with_file(pals, "locked", "NOT BOUGHT")
    forget(pals, "reader")
    assert texts(pals) == ["hi", "BOUGHT", ""]
    assert files(pals.world) == [f"{bought.place}/{each.id}" for each in bought.attachments]
    assert pals.row.locked == 0


def test_a_reply_whose_price_went_back_goes_too(pals: Pals) -> None:
    reply = pals.unlocks(_with_file(pals, "paid", "BOUGHT"))
    unlocking.refund(pals.world, reply.id, actor="ops", reason="because")
    forget(pals, "reader")
    assert texts(pals) == ["hi", ""]
    assert files(pals.world) == []


def test_what_was_taken_up_for_a_message_that_was_never_written_goes_too(pals: Pals) -> None:
    place = f"messages/{pals.client}/msg_never"
    uploads.take_up(pals.world, pals.client, [pals.uploads("client")], place)
    assert files(pals.world, place)
    forget(pals, "client")
    assert files(pals.world) == []


def _with_file(pals: Pals, name: str, text: str) -> Any:
    if pals.row.client.sent == 0:
        pals.writes("client")
    return pals.writes("reader", text, name, uploads=(pals.uploads("reader"),), price=100)


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_what_a_person_posted_goes_with_them_and_what_others_answered_stays(world: World, at_once: int) -> None:
    known(world)
    for name in ("1", "2"):
        upload, form, _ = uploads.form(world, ADA.id, "image/png", len(PNG))
        assert isinstance(world.attachments, OfflineObjects)
        world.attachments.posted(form, PNG, form.fields)
        post = posted(world, name=name, files=(upload,))
        community.edit(world, ADA, post, "a better thought", None)
    uploads.take_up(world, ADA.id, [upload], f"posts/{ADA.id}/pst_never")
    community.answer(world, BOB, "pst_bob", "thr_1", None, "an answer", ())
    start, more = None, True
    while more:
        start = threads.erase(world, ADA.id, at_once, start)
        more = start is not None
    place = threads.sweep(world, ADA.id, at_once, None)
    while place is not None:
        place = threads.sweep(world, ADA.id, at_once, place)
    assert isinstance(world.tables, MemoryTables)
    kept = json.dumps(list(world.tables.rows["community"].values()))
    assert "thought" not in kept
    assert "About" not in kept
    assert files(world, "posts/") == []
    seen, shown, _ = community.read(world, BOB, "thr_1", 0, 10)
    assert (seen.name, [each.post.text for each in shown]) == (None, ["", "an answer"])
    assert threads.posts_of(world, ADA.id, 10, None) == ([], None)
