"""``POST /dev/v2/project/{app id}/rtm/users/{sender}/channel_messages``, as "Send channel message" describes it.

Basic authentication with the customer's id and secret; 500 calls a second. What was sent is kept, by channel, for tests
and the play to read: there is nobody here whom it could be shown to.
"""

import re
from typing import Any, Final

from infra.local.agora.context import AgoraError, Context
from infra.local.store import Thing, new_id

CALLS_PER_SECOND: Final = 500
LARGEST: Final = 32 * 1024
"""Bytes of a payload."""
_MESSAGE: Final = "message"
_NAME: Final = re.compile(r"[A-Za-z0-9 !#$%&()+\-:;<=.>?@\[\]^_{}|~,']{1,64}")
_FIELDS: Final = frozenset({"channel_name", "enable_historical_messaging", "payload"})


def send(context: Context, app_id: str, sender: str, body: dict[str, Any]) -> Thing:
    """Keep a message to everybody in a channel. Raises AgoraError 400, 404."""
    if not context.account or app_id != context.account.app_id:
        raise AgoraError(404, "invalid_app_id", "There is no such app.")
    if unknown := sorted(body.keys() - _FIELDS):
        raise AgoraError(400, "invalid_parameter", f"The local Agora does not know {unknown[0]}.")
    channel, payload = body.get("channel_name"), body.get("payload")
    if not _NAME.fullmatch(sender) or not isinstance(channel, str) or not _NAME.fullmatch(channel):
        raise AgoraError(400, "invalid_parameter", "A name has 1 to 64 plain characters.")
    if not isinstance(payload, str) or not 1 <= len(payload.encode()) <= LARGEST:
        raise AgoraError(400, "invalid_parameter", "A payload is text of 1 byte to 32 KB.")
    if body.get("enable_historical_messaging", False) is not False:
        raise AgoraError(400, "invalid_parameter", "The local Agora keeps no history.")
    told = {"channel": channel, "sender": sender, "payload": payload, "at": context.clock()}
    return context.store.put({"id": new_id("msg"), "object": _MESSAGE} | told, parent=channel)


def messages(context: Context, channel: str | None = None) -> list[Thing]:
    """What was sent, oldest first; to one channel, or to all."""
    return list(context.store.newest(_MESSAGE, channel))[::-1]
