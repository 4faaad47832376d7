"""What comes of itself. The two clocks: ``clock`` is what the Step Functions machine calls at a deadline,
``billing_tick`` what a rule calls every minute; ``kind`` says whose thing it is. And ``agora_webhook``, which hears who
is in the channels of readings and streams.

The tick brings everything up to date that time can still change. The rule's event names no shard: the function then
calls itself once a shard, so that the shards are worked in parallel. A page is a moment behind at most; what is behind
``advance`` reads again before any transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalice.app import Blueprint, CloudWatchEvent, Cron, Rate

from chalicelib.gateways import World, world
from chalicelib.gateways.clock import clock_time
from chalicelib.kernel.errors import Malformed, NotFound
from chalicelib.kernel.time import DAY, Millis
from chalicelib.runtime import metrics, webhooks
from chalicelib.runtime.aws import call_again
from chalicelib.runtime.lazy import on_first_use
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Key
from chalicelib.sessions import service as sessions

if TYPE_CHECKING:
    from chalicelib.live import moderating, watching
    from chalicelib.live import service as live
    from chalicelib.moderation import suspension
    from chalicelib.operations import deletions, exports, reconciliation
    from chalicelib.payouts import paying
    from chalicelib.scheduling import service as scheduling
    from chalicelib.shop import advancing, orders, selling
    from chalicelib.wallet import consumptions, google, recharges, refunds
else:
    consumptions = on_first_use("chalicelib.wallet.consumptions")
    deletions = on_first_use("chalicelib.operations.deletions")
    exports = on_first_use("chalicelib.operations.exports")
    google = on_first_use("chalicelib.wallet.google")
    moderating = on_first_use("chalicelib.live.moderating")
    live = on_first_use("chalicelib.live.service")
    watching = on_first_use("chalicelib.live.watching")
    advancing = on_first_use("chalicelib.shop.advancing")
    orders = on_first_use("chalicelib.shop.orders")
    recharges = on_first_use("chalicelib.wallet.recharges")
    reconciliation = on_first_use("chalicelib.operations.reconciliation")
    suspension = on_first_use("chalicelib.moderation.suspension")
    paying = on_first_use("chalicelib.payouts.paying")
    scheduling = on_first_use("chalicelib.scheduling.service")
    refunds = on_first_use("chalicelib.wallet.refunds")
    selling = on_first_use("chalicelib.shop.selling")

blueprint = Blueprint(__name__)

CallAgain = Callable[[dict[str, Any]], None]

_STREAMS: Final = "str_"
"""What the names of streams' channels begin with; others are of readings."""
_AHEAD: Final = DAY
"""Clocks differ, but not by more."""
_PAGE: Final = 100
_MOST_PAGES: Final = 1_000
_SPARE_MILLIS: Final = 10_000
"""What must be left of the function's time to begin another thing; less, and another call goes on."""
_SPARE_ASKING: Final = 30_000
"""The same for what asks a vendor: three calls of Stripe's may be silent, each for eight seconds."""
_SPARE_PUTTING: Final = 60_000
"""The same for what puts a product to Stripe: seven calls."""
_SPARE_RECONCILING: Final = 180_000
"""The same for a page of the ledger, with all chains that begin on it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A thing that time can still change, as a listing knows it."""

    id: str
    key: Key
    """Its place in the listing: where the next page, or the next call, goes on."""
    advance: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind wait for time."""

    page: Callable[[World, str, int, Key | None], tuple[list[Waiting], Key | None]]
    """A page of those in one shard: world, shard, limit, start."""
    called: Callable[[World, str, int, int], Millis | None]
    """Brings one up to date for an execution of the clock, by id, epoch and turn; answers when to be called again.

    Raises NotFound.
    """
    spare: Millis = _SPARE_MILLIS
    """What must be left of the function's time to begin with one of them."""


def _sessions(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = sessions.page_of_shard(world, shard, limit, start)
    metrics.add(ReadingsOpen=len(found))
    return [
        Waiting(each.id, {"open_shard": shard, "pk": each.id}, partial(sessions.advance, world, each, stale=True))
        for each in found
    ], following


def _bookings(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = scheduling.page_of_shard(world, shard, limit, start)
    return [Waiting(each.id, each.key, partial(scheduling.look_after, world, each.id)) for each in found], following


def _booking_called(world: World, booking: str, epoch: int, turn: int) -> Millis | None:
    return scheduling.called_by_clock(world, booking, epoch, turn)


def _deletions(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = deletions.page_of_shard(world, shard, limit, start)
    return [Waiting(key["pk"], key, partial(deletions.advance, world, key["pk"])) for key in found], following


def _deletion_called(world: World, person: str, epoch: int, turn: int) -> Millis | None:
    return deletions.called_by_clock(world, person, epoch, turn)


def _recharges(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = recharges.page_of_shard(world, shard, limit, start)
    ids = [(key["pk"].partition("#")[2], key) for key in found]
    return [Waiting(each, key, partial(recharges.advance, world, each)) for each, key in ids], following


def _recharge_called(world: World, recharge: str, epoch: int, turn: int) -> Millis | None:
    del epoch, turn
    return recharges.advance(world, recharge)


def _consumptions(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = consumptions.page_of_shard(world, shard, limit, start)
    return [Waiting(each, key, partial(consumptions.advance, world, each)) for each, key in found], following


def _exports(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = exports.page_of_shard(world, shard, limit, start)
    ids = [(key["pk"].partition("#")[2], key) for key in found]
    return [Waiting(each, key, partial(exports.advance, world, each)) for each, key in ids], following


def _export_called(world: World, export: str, epoch: int, turn: int) -> Millis | None:
    del epoch, turn
    return exports.advance(world, export)


def _payouts(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = paying.page_of_shard(world, "payout", shard, limit, start)
    return [Waiting(payout, key, partial(paying.advance, world, payout)) for payout, key in found], following


def _payees(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = paying.page_of_shard(world, "payee", shard, limit, start)
    return [Waiting(reader, key, partial(paying.take_turn, world, reader)) for reader, key in found], following


def _streams(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = live.page_of_shard(world, shard, limit, start)
    return [Waiting(key["pk"], key, partial(live.look_after, world, key["pk"])) for key in found], following


def _stream_called(world: World, stream: str, epoch: int, turn: int) -> Millis | None:
    return live.called_by_clock(world, stream, epoch, turn)


def _removals(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = live.page_of_removals(world, shard, limit, start)
    before = [(key["pk"].partition("#")[2], key["sk"], key) for key in found]
    put_out = partial(moderating.put_out, world)
    return [Waiting(user, key, partial(put_out, stream, user)) for stream, user, key in before], following


def _suspensions(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = suspension.page_of_shard(world, shard, limit, start)
    return [Waiting(each, key, partial(suspension.look_after, world, each)) for each, key in found], following


def _never(world: World, thing: str, epoch: int, turn: int) -> None:
    """No execution of the clock waits for it: the tick is quick enough."""
    del world, thing, epoch, turn


def _refunds(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = refunds.page_of_shard(world, shard, limit, start)
    return [Waiting(each, key, partial(refunds.advance, world, each)) for each, key in found], following


def _refund_called(world: World, refund: str, epoch: int, turn: int) -> Millis | None:
    del epoch, turn
    return refunds.advance(world, refund)


def _orders(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = orders.page_of_shard(world, shard, limit, start)
    return [Waiting(key["pk"], key, partial(advancing.advance, world, key["pk"])) for key in found], following


def _purchases(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = google.page_of_shard(world, "purchase", shard, limit, start)
    return [Waiting(each, key, partial(google.advance, world, each)) for each, key in found], following


def _voided(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = google.page_of_shard(world, "voided", shard, limit, start)
    return [Waiting(each, key, partial(google.look_through, world)) for each, key in found], following


def _products(world: World, shard: str, limit: int, start: Key | None) -> tuple[list[Waiting], Key | None]:
    found, following = selling.page_of_shard(world, shard, limit, start)
    return [Waiting(key["pk"], key, partial(selling.advance, world, key["pk"])) for key in found], following


KINDS: Final[Mapping[str, Kind]] = {
    "session": Kind(_sessions, sessions.called_by_clock),
    "booking": Kind(_bookings, _booking_called),
    "stream": Kind(_streams, _stream_called),
    "removal": Kind(_removals, _never),
    "suspension": Kind(_suspensions, _never, _SPARE_ASKING),
    "deletion": Kind(_deletions, _deletion_called, _SPARE_ASKING),
    "export": Kind(_exports, _export_called),
    "refund": Kind(_refunds, _refund_called, _SPARE_ASKING),
    "order": Kind(_orders, _never, _SPARE_ASKING),
    "recharge": Kind(_recharges, _recharge_called, _SPARE_ASKING),
    "purchase": Kind(_purchases, _never, _SPARE_ASKING),
    "voided": Kind(_voided, _never, _SPARE_ASKING),
    "consumption": Kind(_consumptions, _never, _SPARE_ASKING),
    "product": Kind(_products, _never, _SPARE_PUTTING),
    "payout": Kind(_payouts, _never, _SPARE_ASKING),
    "payee": Kind(_payees, _never, _SPARE_ASKING),
}
"""In the order in which the tick works them: what is paid by the minute comes first, the daily run of payouts last."""


@blueprint.lambda_function(name="clock")
@metrics.flushed
def clock(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Bring one thing up to date; answer when to be called again, or that there is no need."""
    del context
    return tell(world(), event)


def tell(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """The answer to the machine: ``{"done": true}``, or ``{"done": false, "wake_at": …}``.

    An execution of an older epoch or turn ends quietly: a newer one is at work.
    """
    kind = KINDS.get(event["kind"])
    if kind is None:
        log.error("clock_of_unknown_kind", kind=str(event["kind"]))
        return {"done": True}
    try:
        wake = kind.called(world, event["id"], event["epoch"], event.get("turn", 0))
    except NotFound:
        log.error("clock_of_nothing", kind=str(event["kind"]), id=str(event["id"]))
        return {"done": True}
    return {"done": True} if wake is None else {"done": False, "wake_at": clock_time(wake)}


@blueprint.lambda_function(name="agora_webhook")
def agora_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply, and say 200 only when the effect is stored."""
    del context
    return webhooks.answered(event, "agora", "agora-signature-v2", _hear)


def _hear(payload: bytes, signature: str) -> None:
    notice = world().media.verified_notice(payload, signature)
    if notice is None:
        return
    if notice.at > world().now() + _AHEAD:
        raise Malformed("Signed, but of a time to come.")
    hear = watching.hear if notice.channel.startswith(_STREAMS) else sessions.hear
    hear(world(), notice)
    metrics.add(WebhookLateness=world().now() - notice.at)


@blueprint.schedule(Rate(1, unit=Rate.MINUTES), name="billing_tick")
@metrics.flushed
def billing_tick(event: CloudWatchEvent) -> dict[str, int]:
    """Fan out over the shards, or work one of them."""
    facts = event.to_dict()
    if facts.get("shard") is not None:
        return work(world(), facts, event.context, call_again)
    shards = world().settings.tick_shards
    for number in range(shards):
        call_again(facts | {"shard": str(number)})  # the rule's event whole: Chalice unpacks it
    return {"shards": shards}


def work(world: World, facts: dict[str, Any], context: Any, again: CallAgain) -> dict[str, int]:
    """Bring everything in one shard up to date, kind by kind. What fails is logged and does not hold up the others.

    Where time runs short, ``again`` is called with the facts for a call that goes on from there.
    """
    kinds = list(KINDS)
    first = kinds.index(facts.get("kind") or kinds[0])
    told = {"advanced": 0, "failed": 0}
    for kind in kinds[first:]:
        start = facts.get("start") if kind == kinds[first] else None
        if not _worked(world, facts | {"kind": kind, "start": start}, context, again, told):
            break
    log.info("tick", shard=facts["shard"], count=told["advanced"], failed=told["failed"])
    return told


def _worked(world: World, facts: dict[str, Any], context: Any, again: CallAgain, told: dict[str, int]) -> bool:
    """Work one kind, adding to ``told``; False where time ran short and another call goes on."""
    kind: str = facts["kind"]
    done: Key | None = facts["start"]
    for _ in range(_MOST_PAGES):
        waiting, following = KINDS[kind].page(world, facts["shard"], _PAGE, done)
        for thing in waiting:
            if context.get_remaining_time_in_millis() < KINDS[kind].spare:
                again(facts | {"start": done})
                return False
            try:
                thing.advance()
                told["advanced"] += 1
            except Exception as error:  # noqa: BLE001 - the next one must not wait for this one
                told["failed"] += 1
                log.exception("not_advanced", error, kind=kind, id=thing.id)
            done = thing.key
        if following is None:
            break
    return True


@blueprint.schedule(Cron(0, 4, "*", "*", "?", "*"), name="reconcile")
@metrics.flushed
def reconcile(event: CloudWatchEvent) -> dict[str, bool]:
    """Prove the books, two hours before the daily run of payouts; a call that runs out of time calls again."""
    return proven(world(), event.to_dict(), event.context, call_again)


def proven(world: World, facts: dict[str, Any], context: Any, again: CallAgain) -> dict[str, bool]:
    """Begin a run, or go on with the one that ``facts`` name."""
    run_id = str(facts["run"]) if facts.get("run") else reconciliation.begin(world).id
    run = reconciliation.go_on(world, run_id, lambda: context.get_remaining_time_in_millis() < _SPARE_RECONCILING)
    unfinished = run.id == run_id and run.ended_at is None
    if unfinished:
        again(facts | {"run": run_id})  # the rule's event whole: Chalice unpacks it
    return {"done": not unfinished}
