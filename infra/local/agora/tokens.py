"""RTC tokens of version 006, verified as Agora does: signed by the app's certificate, for whom, and until when.

``006``, the app id, then base64 of: signature, CRC-32 of channel and of uid, and the signed message (a salt, the
token's own end, the end of each privilege). The signature is an HMAC-SHA256 of app id, channel, uid and message.
"""

import base64
import hmac
import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

_VERSION: Final = "006"
_APP_ID_LENGTH: Final = 32
JOIN: Final = 1
"""The privilege to be in the channel."""
PUBLISH: Final = (2, 3, 4)
"""Those to send sound, picture and data."""


class BadToken(Exception):
    """It opens nothing here. The message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says of itself; nothing is verified."""

    app_id: str
    signature: bytes
    channel_crc: int
    uid_crc: int
    message: bytes
    ends_at: int
    """Seconds since the epoch, of the token as a whole."""
    privileges: dict[int, int]
    """The end of each, in seconds since the epoch."""

    @property
    def expires_at(self) -> int:
        """When its holder may no longer be in the channel."""
        return min(self.ends_at, self.privileges.get(JOIN, 0))

    @property
    def publishes(self) -> bool:
        """Whether its holder may be seen and heard."""
        return all(each in self.privileges for each in PUBLISH)


def decoded(text: str) -> Token:
    """Read a token. Raises BadToken."""
    version, app_id, content = text[:3], text[3 : 3 + _APP_ID_LENGTH], text[3 + _APP_ID_LENGTH :]
    if version != _VERSION:
        raise BadToken(f"it is of version {version!r}, not {_VERSION}")
    try:
        signature, rest = _counted(base64.b64decode(content, validate=True))
        channel_crc, uid_crc = struct.unpack_from("<II", rest)
        message, left = _counted(rest[8:])
        _, ends_at, count = struct.unpack_from("<IIH", message)
        pairs = struct.unpack_from("<" + "HI" * count, message, 10)
    except (ValueError, struct.error) as error:
        raise BadToken("it cannot be read") from error
    if left:
        raise BadToken("something follows it")
    privileges = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Token(app_id, signature, channel_crc, uid_crc, message, ends_at, privileges)


def verified(text: str, certificate: str, *, app_id: str, channel: str, uid: int) -> Token:
    """The token, if it is the app's own for this uid in this channel. Raises BadToken. Its end is not looked at."""
    token = decoded(text)
    if token.app_id != app_id:
        raise BadToken("it is of another app")
    if token.channel_crc != crc32(channel.encode()):
        raise BadToken("it is for another channel")
    if token.uid_crc != crc32(str(uid).encode()):
        raise BadToken("it is for another uid")
    signed = f"{app_id}{channel}{uid}".encode() + token.message
    if not hmac.compare_digest(hmac.digest(certificate.encode(), signed, "sha256"), token.signature):
        raise BadToken("its signature is not the app's")
    if JOIN not in token.privileges:
        raise BadToken("it does not say that its holder may join")
    return token


def _counted(content: bytes) -> tuple[bytes, bytes]:
    """A string with its length before it, and what follows. Raises ValueError, struct.error."""
    (length,) = struct.unpack_from("<H", content)
    if len(content) < 2 + length:
        raise ValueError("too short")
    return content[2 : 2 + length], content[2 + length :]
