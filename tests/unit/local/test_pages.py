"""What phones of the fourth act show is what they were given, and a locked reply is shown without a word."""

from typing import Any

import pytest

from infra.local.pages import Board, Bubble, Chat, Written, board, chat, paragraph


def message(sender: str, text: str | None, price: int = 0, *, locked: bool = False, files: int = 0) -> dict[str, Any]:
    return {
        "sender": sender,
        "text": text,
        "price": {"amount": price, "currency": "usd"} if price else None,
        "locked": locked,
        "attachment_count": files,
    }


def test_a_conversation_is_shown_oldest_first_by_names() -> None:
    page = [message("usr_2", None, 100, locked=True), message("usr_1", "Look", files=1)]
    assert chat("Ann", 250, page, {"usr_1": "Ann"}) == Chat(
        "Ann",
        250,
        (
            Bubble("Ann", "Look", 0, locked=False, files=1),
            Bubble("somebody", None, 100, locked=True, files=0),
        ),
    )


def test_a_thread_is_shown_as_apps_show_it() -> None:
    page = {
        "thread": {"title": "Moon"},
        "items": [
            {"author": {"id": "usr_1", "display_name": "Ann"}, "html": "<p>Hi</p>", "standing": "shown"},
            {"author": None, "html": "", "standing": "hidden"},
        ],
    }
    assert board("Ben", page, 3, "removed") == Board(
        "Ben", "Moon", (Written("Ann", "<p>Hi</p>", "shown"), Written("nobody", "", "hidden")), 3, "removed"
    )


def test_a_thread_whose_first_post_is_gone_has_no_title() -> None:
    assert board("Ben", {"thread": {"title": None}, "items": []}) == Board("Ben", "")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Hello Rosa,\n\nAnn paid $1.00.\n\nSoulSeer\n", "Ann paid $1.00."),
        ("<title>You have it</title>\n<p>Hello Rosa,</p>\n<p>Ann paid.</p>\n", "<p>Ann paid.</p>"),
        ("Hello Rosa,\n", ""),
        ("", ""),
    ],
)
def test_of_a_letter_the_line_after_the_greeting_is_shown(part: str, said: str) -> None:
    assert paragraph(part) == said
