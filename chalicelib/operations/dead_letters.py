"""Looking into the dead-letter queue, doing again what lies there, and throwing it away: for the command line.

What is done again may have been done before: a notice is told once however often it comes, and the functions that are
called again bear it. The audit entry comes first and the message goes last, so a crash between leaves a message that is
done once more.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.queues import Waiting
from chalicelib.kernel.errors import NotFound
from chalicelib.operations.model.dead_letter import Again, Call, DeadLetter, Notice, Stretch, read, repeatable
from chalicelib.runtime import audit

MOST: Final = 500
"""Messages that are looked at: of more, those are done first."""
_HELD_SECONDS: Final = 120
"""How long nobody else is given what is looked at."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What doing again needs, and no function has the right to."""

    call: Callable[[str, Any], None]
    """Calls a function, by its name in full, asynchronously."""
    keys: Callable[[Stretch], Sequence[Mapping[str, str]]]
    """The keys of the rows that were new in a stretch of a stream, of readers also those that changed. Raises
    InvalidState where they are gone from it.
    """


@dataclass(frozen=True, slots=True)
class Found:
    """A message and what it says."""

    waiting: Waiting
    letter: DeadLetter


def look(world: World) -> list[Found]:
    """What lies in the queue, oldest first; 500 at most."""
    with _held(world) as found:
        return found


def chosen(found: Sequence[Found], ids: Collection[str] | None) -> list[Found]:
    """Those with these ids, or all of them for None. Raises NotFound for an id that nobody has."""
    if ids is None:
        return list(found)
    kept = [each for each in found if each.waiting.id in ids]
    if missing := set(ids) - {each.waiting.id for each in kept}:
        raise NotFound(f"There is no such message: {', '.join(sorted(missing))}.")
    return kept


def replay(
    world: World,
    ids: Collection[str],
    outside: Outside,
    *,
    actor: str,
    reason: str,
    told: Callable[[Found], object] = lambda _: None,
) -> list[Found]:
    """Do these again, and take them out of the queue. Raises InvalidState for one that makes no sense again, NotFound.

    What was done before one that failed stays done, and is out of the queue. ``told`` hears of each that was done.
    """
    done: list[Found] = []
    with _held(world) as held:
        found = chosen(held, ids)
        decided = [(each, repeatable(each.letter)) for each in found]
        for each, again in decided:
            _note(world, "dead_letter_replayed", each, actor, reason)
            _do(world, again, outside)
            world.dead_letters.remove(each.waiting)
            done.append(each)
            told(each)
    return done


def drop(world: World, ids: Collection[str], *, actor: str, reason: str) -> list[Found]:
    """Throw these away. Raises NotFound."""
    with _held(world) as held:
        found = chosen(held, ids)
        for each in found:
            _note(world, "dead_letter_dropped", each, actor, reason)
            world.dead_letters.remove(each.waiting)
    return found


@contextmanager
def _held(world: World) -> Iterator[list[Found]]:
    """All that lies there, to be seen again by everybody when the block ends."""
    found = [Found(each, read(each.body, each.attributes)) for each in world.dead_letters.held(MOST, _HELD_SECONDS)]
    try:
        yield found
    finally:
        for each in found:
            world.dead_letters.let_go(each.waiting)


def _do(world: World, again: Again, outside: Outside) -> None:
    match again:
        case Notice(pk, sk):
            world.untold.put({"notice": {"pk": pk, "sk": sk}})
        case Stretch("notices"):
            for key in outside.keys(again):
                world.untold.put({"notice": dict(key)})
        case Stretch(table):
            keys = [dict(key) for key in outside.keys(again)]
            outside.call(f"soulseer-{world.settings.stage}-rollup", {"again": {"source": table, "keys": keys}})
        case Call(function, payload):
            outside.call(f"soulseer-{world.settings.stage}-{function}", payload)


def _note(world: World, action: str, found: Found, actor: str, reason: str) -> None:
    entry = audit.entry(
        world.settings.tables.audit,
        subject=f"dead_letter:{found.waiting.id}",
        action=action,
        actor=actor,
        reason=reason,
        at=world.now(),
        detail={"source": found.letter.source, "why": found.letter.why},
    )
    world.tables.write(entry)
