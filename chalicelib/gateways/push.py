"""Pushes to phones through Amazon SNS. No token and no text is ever logged.

An endpoint is one app on one phone, as SNS knows it: made of the token that the phone's system gave the app. A time-out
is an unknown outcome: the push may be on its way, and who pushes again may push twice. Both are shown as one: what is
pushed is named, and a phone shows the newest of one name.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from chalicelib.gateways.breaker import CircuitBreaker
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.runtime.aws import client, is_passing_fault
from chalicelib.runtime.logs import log

Platform = Literal["ios", "android"]

MOST_BYTES: Final = 4_096
"""What Apple and Google take of one payload."""
_LONGEST_TITLE: Final = 100
_SHORTER: Final = (800, 400, 200, 0)
"""To how many characters a text is cut until its payload is small enough; one takes 6 bytes at most."""
_NAMES: Final = 64
"""Bytes that Apple takes of a name."""

_ATTEMPTS: Final = 1
"""What could not be pushed is tried again anyway, and whoever pushes holds the notice meanwhile."""
_REST_SECONDS: Final = 5
"""After a failure nothing is pushed for so long: a person's other devices need not be waited for in vain."""
_OTHERWISE_MADE: Final = re.compile(r"Endpoint (\S+) already exists with the same Token")


class DeadToken(Exception):
    """The phone's system knows no such app on that phone, or not any more: nothing will ever arrive there."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a phone shows."""

    name: str
    """The same for the same thing: pushed again, it takes the place of the first."""
    title: str
    text: str
    about: Mapping[str, str]
    """Ids, for the app to open the right page."""
    group: str
    """What it is shown together with."""
    unread: int
    """The number on the app's icon."""
    seconds: int
    """How long it is worth something: a phone that is off for longer does not show it."""


class Push(Protocol):
    """What a service asks of the phones' systems."""

    def endpoint(self, platform: Platform, token: str) -> str | None:
        """The endpoint of a device, the same for the same token; None where nothing is pushed to that platform.

        Raises DeadToken for what is no token, ProviderFailed, Unavailable.
        """

    def push(self, endpoint: str, message: Message) -> None:
        """Show the message there.

        Raises DeadToken, NotFound (there is no such endpoint any more), ProviderFailed, Unavailable.
        """

    def forget(self, endpoint: str) -> None:
        """Remove the endpoint; success where there is none. Raises ProviderFailed, Unavailable."""


class SnsPush:
    """``Push`` through the platform applications of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._applications = {"ios": settings.push_ios_arn, "android": settings.push_android_arn}
        self._breaker = CircuitBreaker()

    def endpoint(self, platform: Platform, token: str) -> str | None:
        application = self._applications[platform]
        if application is None:
            return None
        try:
            made: str = self._asked("create_platform_endpoint", PlatformApplicationArn=application, Token=token)[
                "EndpointArn"
            ]
        except _Refused as refused:
            if there := _OTHERWISE_MADE.search(refused.said):
                return self._made_anew(there[1], token)
            if refused.code == "InvalidParameter":
                raise DeadToken from None
            raise _failed(refused) from None
        return made

    def push(self, endpoint: str, message: Message) -> None:
        try:
            self._asked(
                "publish",
                TargetArn=endpoint,
                MessageStructure="json",
                Message=json.dumps(payloads(message)),
                MessageAttributes=_attributes(message),
            )
        except _Refused as refused:
            if refused.code == "EndpointDisabled":
                raise DeadToken from None
            if refused.names_no_endpoint:
                raise NotFound("There is no such endpoint.") from None
            raise _failed(refused) from None

    def forget(self, endpoint: str) -> None:
        try:
            self._asked("delete_endpoint", EndpointArn=endpoint)
        except _Refused as refused:
            raise _failed(refused) from None

    def _made_anew(self, endpoint: str, token: str) -> str:
        """One that was shut, of a token that works again: it is opened."""
        opened = {"Enabled": "true", "Token": token}
        try:
            self._asked("set_endpoint_attributes", EndpointArn=endpoint, Attributes=opened)
        except _Refused as refused:
            raise _failed(refused) from None
        return endpoint

    def _asked(self, operation: str, **parameters: Any) -> Any:
        """Raises _Refused, Unavailable."""
        from botocore.exceptions import ClientError

        if self._breaker.is_open:
            raise Unavailable("SNS rests after a failure.")
        try:
            return getattr(client("sns", _ATTEMPTS), operation)(**parameters)
        except Exception as error:
            if is_passing_fault(error):
                self._breaker.trip(_REST_SECONDS)
                raise Unavailable("Nothing could be pushed now. Try again in a moment.") from error
            if not isinstance(error, ClientError):
                raise
            told = error.response["Error"]
            raise _Refused(told["Code"], told.get("Message", "")) from None


def payloads(message: Message) -> dict[str, str]:
    """What each system is given, by SNS's name of it, of at most ``MOST_BYTES``: a long text is cut."""
    apple = _fitted(message, _apple)
    return {"default": message.title, "APNS": apple, "APNS_SANDBOX": apple, "GCM": _fitted(message, _google)}


def _apple(message: Message, title: str, text: str) -> dict[str, Any]:
    aps = {
        "alert": {"title": title, "body": text},
        "badge": message.unread,
        "sound": "default",
        "thread-id": message.group,
    }
    return {**message.about, "aps": aps}


def _google(message: Message, title: str, text: str) -> dict[str, Any]:
    shown = {"tag": message.name, "channel_id": message.group, "notification_count": message.unread}
    told = {
        "notification": {"title": title, "body": text},
        "data": dict(message.about),
        "android": {"priority": "high", "ttl": f"{message.seconds}s", "notification": shown},
    }
    return {"fcmV1Message": {"message": told}}


def _fitted(message: Message, render: Callable[[Message, str, str], dict[str, Any]]) -> str:
    whole = _written(render(message, message.title, message.text))
    for length in _SHORTER:
        if len(whole.encode()) <= MOST_BYTES:
            break
        whole = _written(render(message, message.title[:_LONGEST_TITLE], f"{message.text[:length].rstrip()}…"))
    return whole


def _written(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _attributes(message: Message) -> dict[str, dict[str, str]]:
    """What SNS tells Apple in the head of the push. What it tells Google is in the payload."""
    told = {
        "APNS.PUSH_TYPE": "alert",
        "APNS.COLLAPSE_ID": message.name.encode()[:_NAMES].decode(errors="ignore"),
        "APNS.TTL": str(message.seconds),
        "APNS_SANDBOX.TTL": str(message.seconds),
    }
    return {f"AWS.SNS.MOBILE.{name}": {"DataType": "String", "StringValue": value} for name, value in told.items()}


class _Refused(Exception):
    """SNS said no. ``said`` may quote a token: it is looked at, and goes nowhere."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(code)
        self.code, self.said = code, said

    @property
    def names_no_endpoint(self) -> bool:
        return self.code == "NotFound" or "No endpoint found" in self.said


def _failed(refused: _Refused) -> ProviderFailed:
    """Not the phone's fault: the application is not there, or shut, or what was sent is not understood."""
    log.error("push_refused", provider="sns", reason=refused.code)
    return ProviderFailed("The push was refused.")
