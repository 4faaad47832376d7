"""What can be reported, each as its own context knows it. A request is about one kind of thing, and reads no more."""

from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.accounts import service as accounts
from chalicelib.community.model.thread import opening_of
from chalicelib.gateways import World
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.standing import Standing, Subject
from chalicelib.moderation.model import kind_of
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.tables import Operation

if TYPE_CHECKING:
    from chalicelib.community import moderated as posts
    from chalicelib.live import looking
    from chalicelib.live import service as live
    from chalicelib.messaging import moderated as messages
    from chalicelib.readers import reviews
    from chalicelib.readers import service as readers
    from chalicelib.sessions import service as sessions
else:
    posts = on_first_use("chalicelib.community.moderated")
    looking = on_first_use("chalicelib.live.looking")
    live = on_first_use("chalicelib.live.service")
    messages = on_first_use("chalicelib.messaging.moderated")
    reviews = on_first_use("chalicelib.readers.reviews")
    readers = on_first_use("chalicelib.readers.service")
    sessions = on_first_use("chalicelib.sessions.service")


def named(item: str) -> str:
    """What a case is of that is made of ``item``: of a thread, the post that opens it."""
    return opening_of(item) if item.startswith("thr_") else item


def subject(world: World, item: str, seen_by: str | None) -> Subject:
    """The thing as it is read by who reports it, or by a moderator (None).

    Raises NotFound; Forbidden, Blocked where they may not see it.
    """
    match kind_of(item):
        case "post":
            return posts.subject(world, item, seen_by)
        case "message":
            return messages.subject(world, item, seen_by)
        case "review":
            return reviews.subject(world, item, seen_by)
        case "session":
            return _reading(world, item, seen_by)
        case "stream":
            return _stream(world, item, seen_by)
        case "person":
            return _person(world, item)


def stand(world: World, item: str, standing: Standing) -> list[Operation]:
    """The operations that put the thing there; none where it is there already, or has no standing. Raises NotFound."""
    match kind_of(item):
        case "post":
            return posts.stand(world, item, standing)
        case "message":
            return messages.stand(world, item, standing)
        case "review":
            return reviews.stand(world, item, standing)
        case _:
            return []


def _reading(world: World, item: str, seen_by: str | None) -> Subject:
    """Who is complained of is the other side; a moderator sees neither before the other."""
    session = sessions.load(world, item)
    author = ""
    if seen_by is not None:
        author = session.reader.user if session.who(seen_by) == "client" else session.client.user
    said = f"A reading by {session.modality}, {session.state}."
    return Subject(session.id, author, "shown", said, (), None, session.created_at)


def _stream(world: World, item: str, seen_by: str | None) -> Subject:
    stream = looking.current(world, item, seen_by).stream if seen_by is not None else live.load(world, item)
    return Subject(stream.id, stream.host, "shown", stream.title, (), None, stream.created_at)


def _person(world: World, item: str) -> Subject:
    """Their name and, of a reader, what they say of themselves: who somebody is, everybody sees."""
    person = accounts.person(world, item)
    if person.deleted:
        raise NotFound("There is no such person.")
    said = [person.display_name]
    with suppress(NotFound):
        if described := readers.reader(world, item).description:
            said += [described.name, described.biography]
    return Subject(person.id, person.id, "shown", "\n".join(each for each in said if each), (), None, person.created_at)
