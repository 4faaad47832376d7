"""What Stripe and Apple told and never came here, or could not be applied: which that is, and applying it after all.

It is read at the vendor and applied by what the webhook calls, so it has its effect once, whether it comes late by
itself, is replayed, or both at one moment. The audit entry comes first: a crash between leaves it to be replayed once
more. One that cannot be applied holds up no other. Stripe keeps events for 30 days, those of readers' accounts account
by account.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.gateways import World
from chalicelib.gateways.appstore import Notification
from chalicelib.gateways.stripe import MOST_LISTED, Refused
from chalicelib.kernel.errors import Invalid, NotFound, Problem
from chalicelib.kernel.time import DAY, SECOND, Millis
from chalicelib.payouts import payees
from chalicelib.runtime import audit
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Advance, Operation
from chalicelib.shop.events import TOLD, TOLD_OF_READERS, apply_connect_event, apply_event
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
    account: str | None = None
    """The reader's account at Stripe that it is of; None where it is of ours."""
    notification: Notification | None = None
    """Apple's, as it was verified: there is no other way to read a single one."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay."""

    applied: list[Missed] = field(default_factory=list)
    failed: list[tuple[Missed, str]] = field(default_factory=list)
    """With why: a code, or the kind of a fault of ours."""


def missed(world: World, since: Millis, *, undelivered: bool = False) -> list[Missed]:
    """Events of kinds that we are told of, of ``since`` or later, that were not applied, oldest first: 500 at most.

    With ``undelivered`` only those of which Stripe says so itself are looked at, which is quicker. Raises Refused,
    ProviderFailed.
    """
    return _listed(world, since, None, undelivered=undelivered)[::-1]


def missed_of_readers(
    world: World,
    readers: Sequence[str],
    since: Millis,
    *,
    undelivered: bool = False,
    done: Advance = lambda _: None,
) -> list[Missed]:
    """The same of the accounts of these ``readers``; 500 of them all. ``done`` is told of each account.

    One that Stripe shows us no more, as its owner has cut it off, has nothing that could be replayed; the daily run
    reads how it stands. Raises ProviderFailed.
    """
    found: list[Missed] = []
    for reader in readers:
        payee = payees.payee_of(world, reader)
        if payee and len(found) < MOST:
            try:
                found += _listed(world, since, payee.account, undelivered=undelivered)
            except Refused as refused:
                log.warning("account_not_listed", reader=reader, code=refused.code or "refused")
        done(1)
    return sorted(found[:MOST], key=lambda each: each.at)


def _listed(world: World, since: Millis, account: str | None, *, undelivered: bool) -> list[Missed]:
    """Newest first."""
    kinds = TOLD_OF_READERS if account else TOLD
    found: list[Missed] = []
    after: str | None = None
    for _ in range(_MOST_PAGES):
        page, more = world.payments.events(since=since // SECOND, after=after, undelivered=undelivered, account=account)
        ours = [each for each in page if each["type"] in kinds and each.get("account") in (None, "", account)]
        found += [_missed(each, account) for each in _unseen(world, ours)]
        if not more or not page or len(found) >= MOST:
            break
        after = str(page[-1]["id"])
    return found[:MOST]


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


def missing(world: World, ids: Sequence[str], account: str | None = None) -> list[Missed]:
    """Those of these events, of our account or a reader's, that were not applied. Raises NotFound for one that Stripe
    does not have, Invalid for more than 500.
    """
    if len(ids) > MOST:
        raise Invalid(errors=({"field": "event", "message": f"{MOST} at most at once"},))
    read = [_read(world, event, account) for event in dict.fromkeys(ids)]
    return [_missed(each, account) for each in _unseen(world, read)]


def replay(
    world: World, found: Sequence[Missed], *, actor: str, reason: str, done: Advance = lambda _: None
) -> Replayed:
    """Apply these, each by itself, audited; what was applied meanwhile is passed over. ``done`` is told of each.

    One that cannot be read or applied is passed over too, and can be replayed again. Raises what storage raises.
    """
    outcome = Replayed()
    for each in found:
        if not events.seen_among(world, [each.id]):
            world.tables.write(_audited(world, each, actor, reason))
            try:
                _apply(world, each)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the next one must not wait for it
                log.exception("webhook_not_replayed", error, id=each.id, event_type=each.kind)
                code = error.code if isinstance(error, Problem | Refused) else None
                outcome.failed.append((each, code or type(error).__name__))
            else:
                outcome.applied.append(each)
        done(1)
    return outcome


def _apply(world: World, found: Missed) -> None:
    if found.notification:
        apple.hear(world, found.notification)
    elif found.account:
        apply_connect_event(world, _read(world, found.id, found.account))
    else:
        apply_event(world, _read(world, found.id))


def _unseen(world: World, page: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    unseen: list[dict[str, Any]] = []
    for first in range(0, len(page), MOST_LISTED):
        some = page[first : first + MOST_LISTED]
        seen = events.seen_among(world, [str(each["id"]) for each in some])
        unseen += [each for each in some if each["id"] not in seen]
    return unseen


def _read(world: World, event: str, account: str | None = None) -> dict[str, Any]:
    try:
        return world.payments.event(event, account)
    except Refused as refused:
        whose = account or "ours"
        raise NotFound(f"Stripe has no event {event} of {whose}: it keeps them for 30 days.") from refused


def _missed(event: dict[str, Any], account: str | None) -> Missed:
    return Missed(
        id=str(event["id"]),
        kind=str(event["type"]),
        thing=str(event["data"]["object"].get("id") or ""),
        at=int(event["created"]) * SECOND,
        under_way=bool(event.get("pending_webhooks")),
        account=account,
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
