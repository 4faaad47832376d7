"""What Agora's SDK is on a phone: in one channel at most, with the token that its app was given.

It speaks to the local Agora's ``/_local`` addresses, as the real SDK speaks to Agora's servers.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import urllib3

_SECONDS: Final = 10.0
_OK: Final = 200


class ChannelRefused(Exception):
    """Agora did not do it; ``code`` says why: ``invalid_token``, ``token_expired``, ``no_privilege``, ``banned``,
    ``not_in_channel``, or ``unreachable``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Device:
    """One device. ``channel`` is the one that it believes to be in: nobody tells it when it is put out."""

    def __init__(self, agora_url: str, role: str = "") -> None:
        """``role`` is ``broadcaster`` or ``audience`` in a live stream, and empty in a call."""
        self._url = agora_url
        self._role = role
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(_SECONDS), retries=False)
        self._id = ""
        self.channel: str | None = None

    def use(self, media: Mapping[str, Any]) -> None:
        """Be in the channel of this lease with its token: renew it there, or go there. Raises ChannelRefused."""
        channel = media["channel"]
        if self.channel == channel:
            try:
                self._call(channel, "renew", {"device": self._id, "token": media["rtc_token"]})
            except ChannelRefused as refused:
                if refused.code != "not_in_channel":
                    raise
            else:
                return
        self.leave()
        self.join(media)

    def join(self, media: Mapping[str, Any]) -> None:
        """Go into the lease's channel, from wherever it was. Raises ChannelRefused."""
        wanted = {name: media[name] for name in ("app_id", "uid")} | {"token": media["rtc_token"], "role": self._role}
        self._id = self._call(media["channel"], "join", wanted)["device"]
        self.channel = media["channel"]

    def leave(self) -> None:
        """Go out of the channel; no error where it was not in one, or was put out."""
        self._go("leave", {})

    def lose_network(self, noticed_after: float = 0.0) -> None:
        """The connection is gone without a word; Agora finds out so many seconds later."""
        self._go("lose", {"after_seconds": noticed_after})

    def close(self) -> None:
        self._pool.clear()

    def _go(self, how: str, more: Mapping[str, Any]) -> None:
        channel, self.channel = self.channel, None
        if channel is None:
            return
        try:
            self._call(channel, how, {"device": self._id, **more})
        except ChannelRefused as refused:
            if refused.code != "not_in_channel":
                raise

    def _call(self, channel: str, what: str, body: Mapping[str, Any]) -> Any:
        address = f"{self._url}/_local/channels/{quote(channel, safe='')}/{what}"
        try:
            answer = self._pool.request("POST", address, json=body)
        except urllib3.exceptions.HTTPError as error:
            raise ChannelRefused("unreachable", str(error)) from error
        if answer.status != _OK:
            refusal = json.loads(answer.data)["error"]
            raise ChannelRefused(refusal["code"], refusal["message"])
        return json.loads(answer.data)
