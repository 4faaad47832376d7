"""Agora signalling: messages to everybody who watches a stream (docs.agora.io, "Send channel message").

Nothing depends on them: what they tell can be read, by cursor, from the API. So a message that is refused is let go.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol

from chalicelib.gateways.agora import _API_BASE, _keys, _post
from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.runtime.logs import log

_SENDER: Final = "soulseer"
"""Whom messages are from, as the apps see it. No person has this id."""
_REST_SECONDS: Final = 5
"""After a failure nothing is sent for so long."""


class Signals(Protocol):
    """What a stream tells who watches it."""

    def publish(self, channel: str, messages: Sequence[dict[str, Any]]) -> None:
        """Send the messages, of 32 KB at most, to all in ``channel``, in order. Sending one twice does no harm.

        Raises ProviderFailed, Unavailable: then some of them may have been sent. One that Agora refuses as wrong is
        logged, and let go.
        """


class AgoraSignals:
    """``Signals`` on Agora's servers, at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.agora_rest_secret
        self._base = settings.agora_api_base or _API_BASE
        self._breaker = CircuitBreaker()

    def publish(self, channel: str, messages: Sequence[dict[str, Any]]) -> None:
        from urllib3.exceptions import HTTPError

        if self._breaker.is_open:
            raise Unavailable("Agora rests after a failure.")
        app_id, *customer = _keys(self._secret, "app_id", "customer_id", "customer_secret")
        url = f"{self._base}/dev/v2/project/{app_id}/rtm/users/{_SENDER}/channel_messages"
        for message in messages:
            told = {"channel_name": channel, "enable_historical_messaging": False, "payload": _written(message)}
            try:
                status = _post(url, told, ":".join(customer))
            except HTTPError as error:
                self._breaker.trip(_REST_SECONDS)
                raise Unavailable("Agora is out of reach.") from error
            if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                log.error("signal_refused", provider="agora", status=status)
            elif status != HTTPStatus.OK:
                self._breaker.trip(_REST_SECONDS)
                raise ProviderFailed(f"Agora answered {status}.")


def _written(message: dict[str, Any]) -> str:
    """The message as the apps get it."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
