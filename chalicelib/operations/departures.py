"""The list of who leaves, kept outside the tables: what bringing a backup back plays again (docs/runbooks/restore.md).

A copy of the tables knows nothing of what came after its moment: who was forgotten since would be back, whose request
is younger than it would wait for nothing, and who took theirs back would be deleted. So each turn of a deletion puts an
empty object into the bucket of digests, where it lies under a lock for longer than any copy is kept:

    leaving/{person}/{when they asked}-{turn}

A name is put once and never changed, so it matters neither in which order they come nor how often. They hold an id and
a moment, and nothing that says who somebody was.
"""

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Final, cast

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.operations.model.deletion import Deletion, Told, Turn

_BELOW: Final = "leaving/"
_NAME: Final = re.compile(
    r"leaving/(?P<person>[A-Za-z0-9_-]{1,64})/(?P<asked_at>[0-9]{13})-(?P<turn>confirmed|cancelled|closed)"
)
_AT_ONCE: Final = 1_000
_MOST_PAGES: Final = 10_000


def tell(world: World, deletion: Deletion, turn: Turn) -> None:
    """Put it on the list. It may be repeated. Raises Unavailable, ProviderFailed."""
    world.digests.put_new(f"{_BELOW}{deletion.person}/{deletion.requested_at:013}-{turn}", b"", "text/plain")


def by_person(world: World, strange: Callable[[str], object]) -> Iterator[tuple[str, list[Told]]]:
    """What the list says of each. What lies among it and is no turn of anybody's until now is passed over, for nobody
    can take it away: ``strange`` is told its name. Raises Unavailable, InvalidState beyond ten million.
    """
    for person, names in groupby(_listed(world, strange), lambda found: found["person"]):
        yield person, [Told(int(found["asked_at"]), cast("Turn", found["turn"])) for found in names]


def _listed(world: World, strange: Callable[[str], object]) -> Iterator[re.Match[str]]:
    after, now = "", world.now()
    for _ in range(_MOST_PAGES):
        page = world.digests.below(_BELOW, after, _AT_ONCE)
        for name in page:
            found = _NAME.fullmatch(name)
            if found and int(found["asked_at"]) <= now:
                yield found
            else:
                strange(name)
        if len(page) < _AT_ONCE:
            return
        after = page[-1]
    raise InvalidState("More have left than can be listed.")
