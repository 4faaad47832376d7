"""Who is in which channel, and who may not be.

A participant is one device that joined: ``{"id", "object": "participant", "channel", "uid", "role", "joined_at",
"expires_at"}``, seconds since the epoch; ``role`` is empty in a call. A rule is what the REST API was told, with whom
it put out.
"""

import re
from typing import Final

from infra.local.agora import notices
from infra.local.agora.context import AgoraError, Context
from infra.local.agora.tokens import BadToken, Token, verified
from infra.local.store import Job, Thing, new_id

_PARTICIPANT: Final = "participant"
_RULE: Final = "rule"
_NAME: Final = re.compile(r"[A-Za-z0-9 !#$%&()+\-:;<=.>?@\[\]^_{}|~,]{1,64}")
MOST_UID: Final = 2**32 - 1

QUIT: Final = 1
"""Why somebody left: the numbers are Agora's."""
TIMED_OUT: Final = 2
PUT_OUT: Final = 3
OTHER_DEVICE: Final = 5
OTHERWISE: Final = 0

EXPIRE: Final = "expire"
LOSE: Final = "lose"
"""Kinds of jobs; their subject is a participant's id."""


def join(context: Context, channel: str, app_id: str, uid: int, token: str, role: str = "") -> Thing:
    """Let a device in; another one of the same uid is put out. Raises AgoraError 400, 403."""
    if role not in notices.EVENTS:
        raise AgoraError(400, "invalid_role", "A role is broadcaster or audience.")
    if not _NAME.fullmatch(channel):
        raise AgoraError(400, "invalid_channel_name", "A channel's name has at most 64 plain characters.")
    if not 1 <= uid <= MOST_UID:
        raise AgoraError(400, "invalid_uid", "A uid is from 1 to 2^32 - 1.")
    admitted = _admitted(context, channel, app_id, uid, token)
    if role == notices.BROADCASTER and not admitted.publishes:
        raise AgoraError(403, "no_privilege", "The token does not say that its holder may publish.")
    if any(_is_barred(rule, channel, uid, context.clock()) for rule in rules(context)):
        raise AgoraError(403, "banned", "A rule of the REST API bars it.")
    others = [each for each in participants(context, channel) if each["uid"] == uid]
    device = _keep(
        context,
        {
            "id": new_id("dev"),
            "object": _PARTICIPANT,
            "channel": channel,
            "uid": uid,
            "role": role,
            "joined_at": context.clock(),
        },
        admitted.expires_at,
    )
    notices.joined(context, device)
    for other in others:
        _put_out(context, other, OTHER_DEVICE)
    return device


def renew(context: Context, channel: str, device: str, token: str) -> Thing:
    """Let a device stay until the end of a fresh token. Raises AgoraError 403, 409."""
    participant = find(context, channel, device)
    app_id = context.account.app_id if context.account else ""
    fresh = _admitted(context, channel, app_id, participant["uid"], token)
    return _keep(context, participant, fresh.expires_at)


def leave(context: Context, channel: str, device: str, reason: int = QUIT) -> None:
    """Raises AgoraError 409 where the device is not in the channel."""
    _put_out(context, find(context, channel, device), reason)


def lose(context: Context, channel: str, device: str, after_seconds: float) -> None:
    """The device's connection is gone; that it timed out is known so much later. Raises AgoraError 409."""
    participant = find(context, channel, device)
    if after_seconds > 0:
        context.store.schedule(LOSE, participant["id"], context.clock() + after_seconds)
    else:
        _put_out(context, participant, TIMED_OUT)


def find(context: Context, channel: str, device: str) -> Thing:
    """Raises AgoraError 409."""
    participant = context.store.get(_PARTICIPANT, device)
    if participant is None or participant["channel"] != channel:
        raise AgoraError(409, "not_in_channel", "This device is not in the channel.")
    return participant


def participants(context: Context, channel: str | None = None) -> list[Thing]:
    """Oldest first."""
    return list(context.store.newest(_PARTICIPANT, channel))[::-1]


def rules(context: Context) -> list[Thing]:
    """Every rule received, newest first, also those that put out at once and bar nobody."""
    return list(context.store.newest(_RULE))


def apply_rule(context: Context, channel: str | None, uid: int | None, seconds: int) -> Thing:
    """Put out whom the rule names (a channel, a uid, or both), and bar them for so long; 0 bars nobody."""
    out = [
        each
        for each in participants(context, channel)
        if channel in (None, each["channel"]) and uid in (None, each["uid"])
    ]
    number = len(rules(context)) + 1
    rule = context.store.put(
        {
            "id": f"rule_{number}",
            "object": _RULE,
            "number": number,
            "channel": channel,
            "uid": uid,
            "seconds": seconds,
            "at": context.clock(),
            "put_out": [each["uid"] for each in out],
        }
    )
    for each in out:
        _put_out(context, each, PUT_OUT)
    return rule


def do(context: Context, job: Job) -> None:
    """What is due for a participant, if it is still there, and did not get a fresh token meanwhile."""
    participant = context.store.get(_PARTICIPANT, job.subject)
    if participant is None:
        return
    if job.kind == LOSE:
        _put_out(context, participant, TIMED_OUT)
    elif context.clock() >= participant["expires_at"]:
        _put_out(context, participant, OTHERWISE)


def _admitted(context: Context, channel: str, app_id: str, uid: int, token: str) -> Token:
    if not context.account or app_id != context.account.app_id:
        raise AgoraError(403, "invalid_app_id", "There is no such app.")
    try:
        found = verified(token, context.account.app_certificate, app_id=app_id, channel=channel, uid=uid)
    except BadToken as bad:
        raise AgoraError(403, "invalid_token", f"The token opens nothing here: {bad}.") from bad
    if context.clock() >= found.expires_at:
        raise AgoraError(403, "token_expired", "The token has expired.")
    return found


def _keep(context: Context, participant: Thing, expires_at: int) -> Thing:
    kept = context.store.put(participant | {"expires_at": expires_at}, parent=participant["channel"])
    context.store.schedule(EXPIRE, kept["id"], expires_at)
    return kept


def _put_out(context: Context, participant: Thing, reason: int) -> None:
    context.store.remove(participant["id"])
    notices.left(context, participant, reason)


def _is_barred(rule: Thing, channel: str, uid: int, now: float) -> bool:
    named = rule["channel"] in (None, channel) and rule["uid"] in (None, uid)
    return named and now < rule["at"] + rule["seconds"]
