"""The community on tables that others use too: people who write, and what they see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from chalicelib.accounts import service as accounts
from chalicelib.community import moderated, service
from chalicelib.community.model.thread import Thread
from chalicelib.community.store import Community, community_of
from chalicelib.gateways import World
from chalicelib.kernel.roles import Role
from chalicelib.kernel.standing import Standing
from chalicelib.kernel.time import Millis
from chalicelib.runtime.identity import Caller, Claims
from tests.support.worlds import HandClock


@dataclass(frozen=True)
class Forum:
    """``own`` is what makes its ids its own. Threads and posts are called by a short name in tests."""

    world: World
    own: str = "1"

    @property
    def rows(self) -> Community:
        return community_of(self.world)

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    def who(self, name: str, role: Role = "client") -> Caller:
        """Somebody who is signed in."""
        found = accounts.sign_in(self.world, Claims(f"auth0|{self.own}{name}", None, name))
        return Caller(found.id, role, found.display_name, suspended=False)

    def thread(self, name: str = "t") -> str:
        return f"thr_{self.own}{name}"

    def post(self, name: str) -> str:
        return f"pst_{self.own}{name}"

    # what they do

    def opens(self, caller: Caller, name: str = "t", *, category: Any = "general", **more: Any) -> Thread:
        said = {"title": "Good morning", "text": "Hello", "files": []} | more
        return service.open_thread(self.world, caller, self.thread(name), category, **said).thread

    def answers(self, caller: Caller, name: str, *, to: str | None = None, thread: str = "t", **more: Any) -> str:
        said: dict[str, Any] = {"text": name, "files": []} | more
        parent = None if to is None else self.post(to)
        service.answer(self.world, caller, self.post(name), self.thread(thread), parent, **said)
        return self.post(name)

    def edits(self, caller: Caller, name: str, text: str | None = None, title: str | None = None) -> service.SeenPost:
        return service.edit(self.world, caller, self.post(name), text, title)

    def deletes(self, caller: Caller, name: str) -> None:
        service.delete(self.world, caller.id, self.post(name))

    def stands(self, name: str, standing: Standing) -> None:
        """A moderator puts it there."""
        if operations := moderated.stand(self.world, self.post(name), standing):
            self.world.tables.write(*operations)

    # what they see

    def reads(self, caller: Caller, name: str = "t", *, limit: int = 100) -> list[str]:
        """The texts of a thread, page by page; an empty one for what was deleted."""
        texts: list[str] = []
        after: int | None = 0
        while after is not None:
            _, posts, after = service.read(self.world, caller, self.thread(name), after, limit)
            texts += [each.post.text for each in posts]
        return texts

    def lists(self, caller: Caller, category: str = "general", *, limit: int = 100) -> list[str]:
        """The ids of the threads of a category."""
        ids: list[str] = []
        start: Any = None
        while True:
            found, start = service.listing(self.world, caller, category, limit, start)
            ids += [each.thread.id for each in found]
            if start is None:
                return ids

    def told(self, caller: Caller) -> list[dict[str, Any]]:
        """The notices for that person, by kind and fact."""
        return self.world.tables.query(self.world.settings.tables.notices, ("pk", caller.id)).items
