"""What Stripe and Apple told and never came here, or could not be applied: which that is, and applying it after all.

It is read at the vendor and applied by what the webhook calls, so it has its effect once, whether it comes late by
itself, is replayed, or both at one moment. The audit entry comes first: a crash between leaves it to be replayed once
more. Stripe keeps events for 30 days. Those of readers' accounts are not looked for: Stripe lists them account by
account.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.appstore import Notification
from chalicelib.gateways.stripe import MOST_LISTED, Refused
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.runtime import audit
from chalicelib.runtime.tables import Operation
from chalicelib.shop.events import TOLD, apply_event
from chalicelib.wallet import apple, events

KEPT: Final[Millis] = 30 * DAY
"""How long Stripe keeps an event."""
MOST: Final = 500
"""Events that are found at once: of more, those that came last."""
_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class Missed:
    """What a vendor told, and we have not applied. ``under_way``: a webhook may yet take it."""

    id: str
    """Of the event; of a notification of Apple's ``apple:`` and its own."""
    kind: str
    thing: str
    """The id of what it is about."""
    at: Millis
    under_way: bool
    notification: Notification | None = None
    """Apple's, as it was verified: there is no other way to read a single one."""


def missed(world: World, since: Millis, *, undelivered: bool = False) -> list[Missed]:
    """Events of kinds that we are told of, of ``since`` or later, that were not applied, oldest first: 500 at most.

    With ``undelivered`` only those of which Stripe says so itself are looked at, which is quicker. Raises Refused,
    ProviderFailed.
    """
    found: list[Missed] = []
    after: str | None = None
    for _ in range(_MOST_PAGES):
        page, more = world.payments.events(since=since // SECOND, after=after, undelivered=undelivered)
        ours = [each for each in page if each["type"] in TOLD and not each.get("account")]
        found += [_missed(each) for each in _unseen(world, ours)]
        if not more or not page or len(found) >= MOST:
            break
        after = str(page[-1]["id"])
    return found[:MOST][::-1]


def missed_of_apple(world: World, since: Millis, *, undelivered: bool = False) -> list[Missed]:
    """Notifications of Apple's, of ``since`` or later, that were not applied: 500 at most; ``undelivered`` as above.

    Raises ProviderFailed, Unavailable, Unauthenticated, Malformed.
    """
    found: list[Missed] = []
    after: str | None = None
    for _ in range(_MOST_PAGES):
        page, after = world.appstore.notifications(since=since, until=world.now(), after=after, undelivered=undelivered)
        named = {f"apple:{each.id}": each for each in page}
        seen = events.seen_among(world, list(named))
        found += [_missed_of_apple(name, each) for name, each in named.items() if name not in seen]
        if after is None or len(found) >= MOST:
            break
    return found[:MOST]


def missing(world: World, ids: Sequence[str]) -> list[Missed]:
    """Those of these events that were not applied. Raises NotFound for one that Stripe does not have."""
    return [_missed(each) for each in _unseen(world, [_read(world, event) for event in dict.fromkeys(ids)])]


def replay(
    world: World, found: Sequence[Missed], *, actor: str, reason: str, done: Callable[[int], object] = lambda _: None
) -> list[Missed]:
    """Apply these, each by itself, audited; what was applied meanwhile is passed over. ``done`` is told of each.

    Raises what applying one raises: those before it stay applied, and it can be replayed again.
    """
    applied: list[Missed] = []
    for each in found:
        if not events.seen_among(world, [each.id]):
            apply = _applying(world, each)
            world.tables.write(_audited(world, each, actor, reason))
            apply()
            applied.append(each)
        done(1)
    return applied


def _applying(world: World, found: Missed) -> Callable[[], object]:
    """What applies it, once it is at hand. Raises NotFound, ProviderFailed."""
    if found.notification:
        return partial(apple.hear, world, found.notification)
    return partial(apply_event, world, _read(world, found.id))


def _unseen(world: World, page: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    unseen: list[dict[str, Any]] = []
    for first in range(0, len(page), MOST_LISTED):
        some = page[first : first + MOST_LISTED]
        seen = events.seen_among(world, [str(each["id"]) for each in some])
        unseen += [each for each in some if each["id"] not in seen]
    return unseen


def _read(world: World, event: str) -> dict[str, Any]:
    try:
        return world.payments.event(event)
    except Refused as refused:
        raise NotFound(f"Stripe has no event {event} of ours: it keeps them for 30 days.") from refused


def _missed(event: dict[str, Any]) -> Missed:
    return Missed(
        id=str(event["id"]),
        kind=str(event["type"]),
        thing=str(event["data"]["object"].get("id") or ""),
        at=int(event["created"]) * SECOND,
        under_way=bool(event.get("pending_webhooks")),
    )


def _missed_of_apple(name: str, told: Notification) -> Missed:
    thing = told.transaction.id if told.transaction else ""
    return Missed(name, told.kind, thing, told.at, under_way=False, notification=told)


def _audited(world: World, about: Missed, actor: str, reason: str) -> Operation:
    return audit.entry(
        world.settings.tables.audit,
        subject=f"event:{about.id}",
        action="webhook_replayed",
        actor=actor,
        reason=reason,
        at=world.now(),
        detail={"type": about.kind, "thing": about.thing},
    )
