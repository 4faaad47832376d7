"""What moves readings without anybody asking: the minute, and Agora.

``billing_tick`` brings every session that time can still change up to date, every minute. The rule's event names no
shard: the function then calls itself once a shard, so that the shards are worked in parallel. A page is a moment
behind at most; ``advance`` reads again before any transaction. ``agora_webhook`` hears who is in the channels.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from chalice.app import Blueprint, CloudWatchEvent, Rate

from chalicelib.gateways import World, world
from chalicelib.runtime import webhooks
from chalicelib.runtime.logs import log
from chalicelib.runtime.tables import Key
from chalicelib.sessions import service

blueprint = Blueprint(__name__)

CallAgain = Callable[[dict[str, Any]], None]

_PAGE: Final = 100
_MOST_PAGES: Final = 1_000
_SPARE_MILLIS: Final = 10_000
"""What must be left of the function's time to begin another session; less, and another call goes on."""


@blueprint.schedule(Rate(1, unit=Rate.MINUTES), name="billing_tick")
def billing_tick(event: CloudWatchEvent) -> dict[str, int]:
    """Fan out over the shards, or work one of them."""
    facts = event.to_dict()
    shard = facts.get("shard")
    if shard is not None:
        return work(world(), facts, event.context, _call_again)
    shards = world().settings.tick_shards
    for number in range(shards):
        _call_again(facts | {"shard": str(number)})  # the rule's event whole: Chalice unpacks it
    return {"shards": shards}


@blueprint.lambda_function(name="agora_webhook")
def agora_webhook(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Verify, apply, and say 200 only when the effect is stored."""
    del context
    return webhooks.answered(event, "agora", "agora-signature-v2", _hear)


def _hear(payload: bytes, signature: str) -> None:
    notice = world().media.verified_notice(payload, signature)
    if notice:
        service.hear(world(), notice)


def work(world: World, facts: dict[str, Any], context: Any, again: CallAgain) -> dict[str, int]:
    """Bring the sessions of one shard up to date. One that fails is logged and does not hold up the others.

    Where time runs short, ``again`` is called with the facts for a call that goes on from there.
    """
    shard: str = facts["shard"]
    done: Key | None = facts.get("start")
    """The last one that was worked: where this call, or the next, goes on."""
    advanced = failed = 0
    for _ in range(_MOST_PAGES):
        sessions, following = service.page_of_shard(world, shard, _PAGE, done)
        for session in sessions:
            if context.get_remaining_time_in_millis() < _SPARE_MILLIS:
                again(facts | {"start": done})
                following = None
                break
            try:
                service.advance(world, session, stale=True)
                advanced += 1
            except Exception as error:  # noqa: BLE001 - the next session must not wait for this one
                failed += 1
                log.exception("session_not_advanced", error, session=session.id)
            done = {"open_shard": shard, "pk": session.id}
        if following is None:
            break
    log.info("tick", shard=shard, count=advanced, failed=failed)
    return {"advanced": advanced, "failed": failed}


def _call_again(facts: dict[str, Any]) -> None:
    """Call this very function, asynchronously."""
    import os

    from chalicelib.runtime.aws import client

    client("lambda").invoke(
        FunctionName=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        InvocationType="Event",
        Payload=json.dumps(facts).encode(),
    )
