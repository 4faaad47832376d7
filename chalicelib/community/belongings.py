"""What one person wrote in the community: for the file with all of theirs, and to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.accounts import uploads
from chalicelib.community import service
from chalicelib.community.model.thread import MOST_EDITS, Edit, Post
from chalicelib.community.store import community_of
from chalicelib.gateways import World
from chalicelib.runtime.tables import Key


@dataclass(frozen=True, slots=True)
class Own:
    """A post, the title of the thread that it opened, and all that it said before, newest first."""

    post: Post
    title: str | None
    edits: list[Edit]


def posts_of(world: World, user: str, limit: int, start: Key | None) -> tuple[list[Own], Key | None]:
    """A page of what the person wrote and did not delete, oldest first, and where the next one starts."""
    page, following = community_of(world).of_author(user, limit, start)
    return [Own(each, _title(world, each), _edits(world, each)) for each in page], following


def erase(world: World, user: str, limit: int, start: Key | None) -> Key | None:
    """Delete a page of what the person wrote, with its history and files, as they could themselves; answer where the
    next page starts. May be repeated. Raises Unavailable, ProviderFailed.
    """
    page, following = community_of(world).of_author(user, limit, start)
    for post in page:
        service.delete(world, user, post.id)
    return following


def sweep(world: World, user: str, limit: int, start: str | None) -> str | None:
    """Remove a page of the files of a person whose posts are deleted; answer where the next page starts. May be
    repeated. Raises Unavailable, ProviderFailed.
    """
    return uploads.sweep(world, f"posts/{user}", lambda _: False, limit, start)


def _title(world: World, post: Post) -> str | None:
    thread = community_of(world).thread(post.thread) if post.opens else None
    return thread.title if thread else None


def _edits(world: World, post: Post) -> list[Edit]:
    """All of them: a query gives fewer where they are long, and one at least."""
    found, before = list[Edit](), post.edits + 1
    while before > 1 and (page := community_of(world).edits(post.id, before, MOST_EDITS)):
        found += page
        before = page[-1].n
    return found
