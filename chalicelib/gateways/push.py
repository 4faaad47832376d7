"""Pushes to phones through Amazon SNS. No token and no text is ever logged.

An endpoint is one app on one phone, as SNS knows it: made of the token that the phone's system gave the app. A time-out
is an unknown outcome: the push may be on its way, and who pushes again may push twice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.settings import Settings
from chalicelib.runtime.aws import client, is_passing_fault

Platform = Literal["ios", "android"]

_DEAD: Final = frozenset({"EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException"})


@dataclass(frozen=True, slots=True)
class Message:
    """What a phone shows."""

    title: str
    text: str
    about: Mapping[str, str]
    """Ids, for the app to open the right page."""


class Push(Protocol):
    """What a service asks of the phones' systems."""

    def endpoint(self, platform: Platform, token: str) -> str | None:
        """The endpoint of a device, the same for the same token; None where nothing is pushed to that platform.

        Raises ProviderFailed for a token that is none, Unavailable.
        """

    def push(self, endpoint: str, message: Message) -> None:
        """Show the message there.

        Raises NotFound for a phone that has no such app any more, ProviderFailed, Unavailable.
        """


class SnsPush:
    """``Push`` through the platform applications of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._applications = {"ios": settings.push_ios_arn, "android": settings.push_android_arn}

    def endpoint(self, platform: Platform, token: str) -> str | None:
        application = self._applications[platform]
        if application is None:
            return None
        made: str = _asked("create_platform_endpoint", PlatformApplicationArn=application, Token=token)["EndpointArn"]
        return made

    def push(self, endpoint: str, message: Message) -> None:
        alert = {"title": message.title, "body": message.text}
        ios = {"aps": {"alert": alert}, **message.about}
        android = {"fcmV1Message": {"message": {"notification": alert, "data": dict(message.about)}}}
        payload = {"default": message.text, "GCM": json.dumps(android)} | {
            system: json.dumps(ios) for system in ("APNS", "APNS_SANDBOX")
        }
        _asked("publish", TargetArn=endpoint, MessageStructure="json", Message=json.dumps(payload))


def _asked(operation: str, **parameters: Any) -> Any:
    from botocore.exceptions import ClientError

    try:
        return getattr(client("sns"), operation)(**parameters)
    except Exception as error:
        if is_passing_fault(error):
            raise Unavailable("Nothing could be pushed now. Try again in a moment.") from error
        if not isinstance(error, ClientError):
            raise
        if error.response["Error"]["Code"] in _DEAD:
            raise NotFound("This phone has no such app any more.") from error
        raise ProviderFailed("The push was refused.") from error
