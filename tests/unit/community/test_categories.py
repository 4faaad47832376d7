"""Who opens a thread where, and who answers it."""

from __future__ import annotations

import pytest

from chalicelib.community.model.categories import CATEGORIES, must_answer, must_open
from chalicelib.kernel.errors import Forbidden


def test_announcements_are_opened_by_admins() -> None:
    must_open("announcements", "admin")
    with pytest.raises(Forbidden) as refused:
        must_open("announcements", "reader")
    assert str(refused.value) == "Threads here are opened by admins."
    must_open("ask-a-reader", "client")


def test_questions_to_readers_are_answered_by_them_and_replied_to_by_anybody() -> None:
    must_answer("ask-a-reader", "reader", replies=False)
    must_answer("ask-a-reader", "client", replies=True)
    with pytest.raises(Forbidden) as refused:
        must_answer("ask-a-reader", "client", replies=False)
    assert str(refused.value) == "Questions here are answered by readers. You may reply to their answers."
    must_answer("announcements", "client", replies=False)


def test_a_category_is_found_by_its_id() -> None:
    assert all(name == each.id for name, each in CATEGORIES.items())
