"""Signed notices of who came into a channel and who left it. ``infra.local.delivery`` sends them.

As Agora's "Channel event types": ``{"noticeId", "productId", "eventType", "notifyMs", "sid", "payload"}``, signed over
the raw body with the notification secret: ``Agora-Signature`` (HMAC-SHA1) and ``Agora-Signature-V2`` (HMAC-SHA256), in
hex. It is sent again, with a new ``notifyMs``, until it is answered by 200.

Each notice is kept as ``{"id", "object": "notice", "event_type", "sid", "payload"}``.
"""

import hmac
import json
import random
from collections.abc import Mapping
from typing import Any, Final

from infra.local import delivery
from infra.local.agora.context import Context
from infra.local.delivery import Deliverer, Letter, Retries
from infra.local.store import Thing, new_id

BROADCASTER: Final = "broadcaster"
AUDIENCE: Final = "audience"
JOINED: Final = 107
LEFT: Final = 108
"""Of a channel in the profile of a call, as two people use it."""
EVENTS: Final = {"": (JOINED, LEFT), BROADCASTER: (103, 104), AUDIENCE: (105, 106)}
"""Who came and who left, by their role: in a call there are none."""
_NOTICE: Final = "notice"
_SEQUENCE: Final = "_sequence"
_ENDPOINT: Final = "_endpoint"
_RTC: Final = 1
_IOS: Final = 2
_OK: Final = 200


def send_to(context: Context, url: str, secret: str, headers: Mapping[str, str]) -> None:
    """Send from now on to this address, also what still waits."""
    context.store.put(
        {"id": _ENDPOINT, "object": _ENDPOINT, "url": url, "secret": secret, "headers": dict(headers)},
    )


def joined(context: Context, participant: Thing) -> Thing:
    return make(context, EVENTS[participant["role"]][0], _details(context, participant))


def left(context: Context, participant: Thing, reason: int) -> Thing:
    """``reason`` is Agora's number."""
    stayed = max(0, int(context.clock() - participant["joined_at"]))
    return make(
        context, EVENTS[participant["role"]][1], _details(context, participant) | {"reason": reason, "duration": stayed}
    )


def make(context: Context, event_type: int, payload: Thing) -> Thing:
    """Keep a notice, and send it the way that notices go at present."""
    channel = str(payload.get("channelName", ""))
    notice = context.store.put(
        {
            "id": new_id("notice"),
            "object": _NOTICE,
            "event_type": event_type,
            "sid": new_id("sid"),
            "payload": payload,
        },
        parent=channel,
    )
    way = context.way_of(channel)
    for _ in range(0 if way.lost else way.copies):
        part = random.random() if way.shuffled else 1.0  # noqa: S311 - disorder, not a secret
        send(context, notice["id"], way.delay_seconds * part)
    return notice


def send(context: Context, notice_id: str, delay: float = 0.0, secret: str | None = None) -> Thing:
    """One more delivery. Another ``secret`` makes one that must be refused."""
    return delivery.enqueue(context.store, notice_id, context.clock() + delay, secret=secret)


def find(context: Context, notice_id: str) -> Thing | None:
    return context.store.get(_NOTICE, notice_id)


def listed(context: Context, channel: str | None) -> list[Thing]:
    """Every notice, oldest first, with its deliveries."""

    def sent(notice: Thing) -> list[Thing]:
        found = delivery.deliveries(context.store, notice["id"])[::-1]
        return [{name: each[name] for name in ("id", "state", "attempts")} for each in found]

    return [notice | {"deliveries": sent(notice)} for notice in context.store.newest(_NOTICE, channel)][::-1]


def deliverer(context: Context, retries: Retries) -> Deliverer:
    """Who makes the attempts."""

    def write(sent: Thing) -> Letter | None:
        endpoint = context.store.get(_ENDPOINT, _ENDPOINT)
        notice = find(context, sent["event"])
        return _letter(endpoint, notice, sent["secret"], context.clock()) if endpoint and notice else None

    return Deliverer(context.store, context.clock, retries, write, taken=(_OK,))


def signatures(body: bytes, secret: str) -> dict[str, str]:
    """Both headers."""
    return {
        "agora-signature": hmac.digest(secret.encode(), body, "sha1").hex(),
        "agora-signature-v2": hmac.digest(secret.encode(), body, "sha256").hex(),
    }


def _details(context: Context, participant: Thing) -> dict[str, Any]:
    channel, uid = participant["channel"], participant["uid"]
    return {
        "channelName": channel,
        "uid": uid,
        "clientSeq": _next_sequence(context, channel, uid),
        "ts": context.now(),
        "platform": _IOS,
        "account": "",
    }


def _next_sequence(context: Context, channel: str, uid: int) -> int:
    """Grows with each event of one participant. As at Agora it looks like a moment, and only the order counts."""
    id_ = f"{_SEQUENCE} {channel} {uid}"
    before: int = (context.store.get(_SEQUENCE, id_) or {"last": 0})["last"]
    following = max(before + 1, int(context.clock() * 1000))
    context.store.put({"id": id_, "object": _SEQUENCE, "last": following})
    return following


def _letter(endpoint: Thing, notice: Thing, secret: str | None, now: float) -> Letter:
    told = {
        "noticeId": notice["id"],
        "productId": _RTC,
        "eventType": notice["event_type"],
        "notifyMs": int(now * 1000),
        "sid": notice["sid"],
        "payload": notice["payload"],
    }
    body = json.dumps(told).encode()
    headers = {"content-type": "application/json", "user-agent": "agora-notifications"}
    return Letter(endpoint["url"], body, headers | signatures(body, secret or endpoint["secret"]) | endpoint["headers"])
