"""What the phones of the fourth act show: a conversation, a mailbox, a thread.

Each is made of what the API or the post answered last, and of nothing that a phone could not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.local.phone import Json


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message. ``text`` is None where it was not given."""

    who: str
    text: str | None
    price: int
    """Cents; 0 for one that is free."""
    locked: bool
    files: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as the phone of ``owner`` got it, who has so many cents of credit. Newest last."""

    owner: str
    credit: int
    bubbles: tuple[Bubble, ...] = ()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What ``owner`` was told: in the inbox, and by the newest letter, whose parts are plain text and HTML."""

    owner: str
    unread: int
    newest: str
    """The title of the inbox's newest line."""
    letters: int
    subject: str = ""
    text: str = ""
    html: str = ""
    by_mail: bool = True
    """Whether letters of that kind are still wanted."""


@dataclass(frozen=True, slots=True)
class Written:
    """One post. ``html`` is what apps show of it."""

    who: str
    html: str
    standing: str


@dataclass(frozen=True, slots=True)
class Board:
    """A thread as the phone of ``viewer`` got it, and how many have reported its newest post."""

    viewer: str
    title: str
    posts: tuple[Written, ...] = ()
    reports: int = 0
    verdict: str = ""
    """What a moderator decided."""


Page = Chat | Mailbox | Board


def chat(owner: str, credit: int, newest_first: Sequence[Json], names: Mapping[str, str]) -> Chat:
    """Of a page of messages; ``names`` are those of the senders, by id."""
    bubbles = [
        Bubble(
            who=names.get(each["sender"], "somebody"),
            text=each["text"],
            price=each["price"]["amount"] if each["price"] else 0,
            locked=each["locked"],
            files=each["attachment_count"],
        )
        for each in reversed(newest_first)
    ]
    return Chat(owner, credit, tuple(bubbles))


def board(viewer: str, page: Json, reports: int = 0, verdict: str = "") -> Board:
    """Of a thread with its posts, oldest first."""
    posts = [
        Written((each["author"] or {}).get("display_name", "nobody"), each["html"], each["standing"])
        for each in page["items"]
    ]
    return Board(viewer, page["thread"]["title"] or "", tuple(posts), reports, verdict)


def paragraph(part: str) -> str:
    """The first line of a letter after its greeting: of the plain text, and with its marks of the HTML."""
    lines = [line.strip() for line in part.splitlines() if line.strip()]
    greeting = next((place for place, line in enumerate(lines) if "Hello " in line), -1)
    return lines[greeting + 1] if greeting + 1 < len(lines) else ""
