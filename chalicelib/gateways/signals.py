"""Agora signalling: messages to everybody who watches a stream, by the RESTful API of RTM."""

from collections.abc import Sequence
from typing import Any, Protocol

from chalicelib.kernel.settings import Settings


class Signals(Protocol):
    """What a stream tells who watches it."""

    def publish(self, channel: str, messages: Sequence[dict[str, Any]]) -> None:
        """Send the messages to all in ``channel``, in order. Sending one twice does no harm. Raises ProviderFailed."""


class AgoraSignals:
    """``Signals`` on Agora's servers, at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.agora_rest_secret
        self._base = settings.agora_api_base

    def publish(self, channel: str, messages: Sequence[dict[str, Any]]) -> None:
        raise NotImplementedError
