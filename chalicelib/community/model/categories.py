"""What there is to talk about. Product §8 names them; they are no rows, for nobody edits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.roles import Role

CategoryId = Literal["general", "readings", "spiritual-growth", "ask-a-reader", "announcements"]

_EVERYBODY: Final[frozenset[Role]] = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Category:
    """One part of the community."""

    id: CategoryId
    name: str
    about: str
    opened_by: frozenset[Role] = _EVERYBODY
    answered_by: frozenset[Role] = _EVERYBODY
    """Who may answer the thread itself. Anybody may reply to an answer."""


CATEGORIES: Final[Mapping[CategoryId, Category]] = {
    each.id: each
    for each in (
        Category("general", "General", "Whatever else is on your mind."),
        Category("readings", "Readings", "What readings are like, and how to make the most of one."),
        Category("spiritual-growth", "Spiritual growth", "Practices, books, and what they do for you."),
        Category(
            "ask-a-reader",
            "Ask a reader",
            "Questions of anybody's, answered by readers.",
            answered_by=frozenset({"reader", "admin"}),
        ),
        Category("announcements", "Announcements", "News of SoulSeer.", opened_by=frozenset({"admin"})),
    )
}
"""In the order in which they are shown."""


def must_open(category: CategoryId, role: Role) -> None:
    """Raises Forbidden for who may not begin a thread there."""
    if role not in CATEGORIES[category].opened_by:
        raise Forbidden("Threads here are opened by admins.")


def must_answer(category: CategoryId, role: Role, *, replies: bool) -> None:
    """Raises Forbidden for who may not answer a thread there; ``replies`` is to an answer, and open to all."""
    if not replies and role not in CATEGORIES[category].answered_by:
        raise Forbidden("Questions here are answered by readers. You may reply to their answers.")
