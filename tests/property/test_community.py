"""Product §8: whatever people write, edit, delete and block, and moderators hide, what each of them sees is exactly
what a plain account of it says, and what is counted is what is there.

The real services on tables in memory. The account knows nothing of rows: it is a list of what was said, with who
blocked whom. ``SOUL_HISTORIES=1000`` plays more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.community import service
from chalicelib.community.model.categories import CATEGORIES
from chalicelib.kernel.errors import Blocked, Forbidden, NotFound, Problem, Unavailable
from chalicelib.kernel.roles import Role
from chalicelib.kernel.standing import Standing
from chalicelib.runtime.identity import Caller
from tests.property.tables import SwiftTables
from tests.support.forum import Forum
from tests.support.worlds import hand_world

ROLES: Final[dict[str, Role]] = {"ann": "client", "ben": "client", "rita": "reader", "eva": "admin"}
STEPS: Final = 40
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "40")))
STANDINGS: Final[tuple[Standing, ...]] = ("shown", "hidden", "removed", "shown")


@dataclass(eq=False)
class Said:
    """One post, as it would be told."""

    name: str
    author: str
    text: str
    parent: Said | None = None
    standing: str = "shown"
    deleted: bool = False
    earlier: list[str] = field(default_factory=list)

    @property
    def shown(self) -> bool:
        return not self.deleted and self.standing == "shown"


@dataclass(eq=False)
class Talk:
    """One thread, as it would be told. Its first post is the thread's own."""

    name: str
    category: str
    title: str
    said: list[Said]

    @property
    def first(self) -> Said:
        return self.said[0]

    def replies(self, to: Said) -> list[Said]:
        return [each for each in self.said if each.parent is to and each.shown]


@dataclass
class Evening:
    """People in the community, and the plain account of what they did."""

    rng: Random
    talks: list[Talk] = field(default_factory=list)
    blocks: set[tuple[str, str]] = field(default_factory=set)
    number: int = 0

    def __post_init__(self) -> None:
        self.forum = Forum(hand_world(SwiftTables()))
        self.people = {name: self.forum.who(name, role) for name, role in ROLES.items()}

    # what they do; each says whether the plain account allows it

    def opens(self) -> None:
        who, category, name = self.somebody(), self.rng.choice(list(CATEGORIES)), self.new("t")
        allowed = category != "announcements" or ROLES[who] == "admin"
        if self.tries(allowed, lambda: self.forum.opens(self.people[who], name, category=category, text=name)):
            self.talks.append(Talk(name, category, "Good morning", [Said(name, who, name)]))

    def answers(self) -> None:
        if not self.talks:
            return
        talk, who, name = self.rng.choice(self.talks), self.somebody(), self.new("p")
        parent = self.rng.choice([None, *talk.said])
        called = parent.name if parent else None
        allowed = self.may_answer(talk, who, parent)
        if self.tries(
            allowed, lambda: self.forum.answers(self.people[who], name, to=called, thread=talk.name, text=name)
        ):
            talk.said.append(Said(name, who, name, parent))

    def edits(self) -> None:
        talk, post = self.some_post()
        if talk is None or post is None:
            return
        who, text = self.author_or_somebody(post), self.new("e")
        title = f"Title {text}" if self.rng.random() < 0.3 else None
        allowed = who == post.author and post.shown and (title is None or post is talk.first)
        if self.tries(allowed, lambda: self.forum.edits(self.people[who], post.name, text, title)):
            post.earlier.append(post.text)
            post.text = text
            talk.title = title or talk.title

    def deletes(self) -> None:
        _, post = self.some_post()
        if post:
            who = self.author_or_somebody(post)
            if self.tries(who == post.author, lambda: self.forum.deletes(self.people[who], post.name)):
                post.deleted, post.text = True, ""
                post.earlier.clear()

    def moderates(self) -> None:
        _, post = self.some_post()
        if post:
            standing = self.rng.choice(STANDINGS)
            self.forum.stands(post.name, standing)
            post.standing = standing

    def blocks_or_not(self) -> None:
        who, other = self.rng.sample(list(ROLES), 2)
        if (who, other) in self.blocks:
            accounts.unblock(self.forum.world, self.people[who].id, self.people[other].id)
            self.blocks.remove((who, other))
        else:
            accounts.block(self.forum.world, self.people[who].id, self.people[other].id)
            self.blocks.add((who, other))

    def tries(self, allowed: bool, act: Callable[[], Any]) -> bool:
        """Whether it was done, which must be what the account says."""
        if not allowed:
            with pytest.raises(Problem) as refused:
                act()
            assert not isinstance(refused.value, Unavailable)
            return False
        act()
        return True

    # what the account says

    def apart(self, one: str, other: str) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def may_answer(self, talk: Talk, who: str, parent: Said | None) -> bool:
        if not talk.first.shown:
            return False
        if parent is None:
            by_readers = talk.category == "ask-a-reader" and ROLES[who] == "client"
            return not by_readers and not self.apart(who, talk.first.author)
        if parent is talk.first or parent.parent or not parent.shown:
            return False
        return not self.apart(who, parent.author) and not self.apart(who, talk.first.author)

    def sees(self, who: str, post: Said) -> bool:
        return ROLES[who] == "admin" or who == post.author or (post.shown and not self.apart(who, post.author))

    def reads(self, who: str, talk: Talk) -> list[str] | None:
        """The texts that they see, with a blank for what was deleted; None where they see no thread."""
        left = any(each.shown for each in talk.said)
        closed = talk.first.deleted
        if closed and not left:
            return None
        mine = ROLES[who] == "admin" or who == talk.first.author
        if not mine and (talk.first.standing != "shown" or self.apart(who, talk.first.author)):
            return None
        texts = []
        for post in talk.said:
            if post.deleted:
                texts += [""] if post is talk.first or talk.replies(post) else []
            elif self.sees(who, post):
                texts.append(post.text)
        return texts

    def lists(self, who: str, category: str) -> set[str]:
        return {
            self.forum.thread(talk.name)
            for talk in self.talks
            if talk.category == category and talk.first.shown and self.sees(who, talk.first)
        }

    # chance

    def somebody(self) -> str:
        return self.rng.choice(list(ROLES))

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    def some_post(self) -> tuple[Talk | None, Said | None]:
        if not self.talks:
            return None, None
        talk = self.rng.choice(self.talks)
        return talk, self.rng.choice(talk.said)

    def author_or_somebody(self, post: Said) -> str:
        return post.author if self.rng.random() < 0.8 else self.somebody()


HAPPENS: Final[list[tuple[int, Callable[[Evening], None]]]] = [
    (3, Evening.opens),
    (14, Evening.answers),
    (4, Evening.edits),
    (5, Evening.deletes),
    (5, Evening.moderates),
    (3, Evening.blocks_or_not),
]
"""What happens, and how often beside the others."""


@pytest.mark.parametrize("seed", HISTORIES)
def test_everybody_sees_exactly_what_is_theirs_to_see(seed: int) -> None:
    played = Evening(Random(f"community {seed}"))  # noqa: S311 - it guards nothing
    acts, often = [act for _, act in HAPPENS], [often for often, _ in HAPPENS]
    for step, act in enumerate(played.rng.choices(acts, often, k=STEPS)):
        act(played)
        if step % 5 == 0:
            assert_as_it_must_be(played)
    assert_as_it_must_be(played)


def assert_as_it_must_be(played: Evening) -> None:
    limit = played.rng.choice((1, 3, 100))
    for who, caller in played.people.items():
        for category in CATEGORIES:
            listed = played.forum.lists(caller, category, limit=limit)
            assert sorted(listed) == sorted(played.lists(who, category))
        for talk in played.talks:
            assert seen(played.forum, caller, talk.name, limit) == played.reads(who, talk)
            assert_histories(played, caller, who, talk)
    for talk in played.talks:
        assert_counted(played, talk)
    indexed = {each for category in CATEGORIES for each in played.forum.rows.in_category(category, 100, None)[0]}
    assert indexed == {played.forum.thread(talk.name) for talk in played.talks if talk.first.shown}


def seen(forum: Forum, caller: Caller, name: str, limit: int) -> list[str] | None:
    try:
        return forum.reads(caller, name, limit=limit)
    except (Blocked, NotFound):
        return None


def assert_histories(played: Evening, caller: Caller, who: str, talk: Talk) -> None:
    post = played.rng.choice(talk.said)
    if who != post.author and ROLES[who] != "admin":
        with pytest.raises(Forbidden):
            service.history(played.forum.world, caller, played.forum.post(post.name), None, 100)
    else:
        found, _ = service.history(played.forum.world, caller, played.forum.post(post.name), None, 100)
        assert [each.text for each in found] == post.earlier[::-1]


def assert_counted(played: Evening, talk: Talk) -> None:
    thread = played.forum.rows.thread(played.forum.thread(talk.name))
    assert thread
    assert (thread.posts, thread.written) == (sum(each.shown for each in talk.said), len(talk.said))
    assert thread.title == ("" if talk.first.deleted else talk.title)
    for each in talk.said:
        post = played.forum.rows.post(played.forum.post(each.name))
        assert post
        assert (post.replies, post.text) == (len(talk.replies(each)), each.text)
        assert [edit.text for edit in played.forum.rows.edits(post.id, 100, 100)] == each.earlier[::-1]
