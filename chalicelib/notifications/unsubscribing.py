"""No more mail of a kind by one click, without signing in (RFC 8058).

The address in a letter holds whose mail of which kind it turns off, and a MAC over both: who has the letter can do just
that, until its key was changed twice, and nobody else can. It holds no address of a person's.
"""

import base64
import hashlib
import hmac
from html import escape
from typing import Final, get_args

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.preferences import Kind
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, NotFound, Unavailable
from chalicelib.kernel.ids import of_number, to_number
from chalicelib.notifications.letters import ABOUT_WHAT, template

_MAC_BYTES: Final = 16
_USER_BYTES: Final = 16
_TRIES: Final = 5
_NONE_OF_OURS: Final = "No letter of ours has this address. Open it as it stands in the letter."

PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}
"""No script, no style, and a form that leads back here."""


def address(world: World, user: str, kind: Kind) -> str | None:
    """Where the person's mail of that kind is turned off; None where it is not known where the API is.

    Raises Unavailable where the secret cannot be read.
    """
    base = world.settings.api_base
    return f"{base}/v1/unsubscribe/{_token(world, user, kind)}" if base else None


def page(world: World, token: str) -> str:
    """A page that asks whether to. It changes nothing: programs that look through mail follow every link.

    Raises NotFound for an address that is none of ours, Unavailable.
    """
    _, kind = _opened(world, token)
    what = escape(ABOUT_WHAT[kind])
    return template("unsubscribe.html").substitute(
        content=f'<form method="post"><p>No more mail about {what}?</p><button>No more mail</button></form>'
    )


def unsubscribe(world: World, token: str) -> str:
    """Mail the person nothing of that kind any more, and the page that says so; it may be repeated.

    Raises NotFound for an address that is none of ours, Unavailable.
    """
    user, kind = _opened(world, token)
    if not accounts.is_deleted(world, user):
        _turn_off(world, user, kind)
    what = escape(ABOUT_WHAT[kind])
    said = f"You get no more mail about {what}. In the app you can turn it on again, under notifications."
    return template("unsubscribe.html").substitute(content=f"<p>{said}</p>")


def _turn_off(world: World, user: str, kind: Kind) -> None:
    for _ in range(_TRIES):
        was = accounts.preferences_of(world, user)
        try:
            accounts.prefer(world, user, {kind: was.channels(kind) - {"email"}}, was.quiet, was.rev)
        except InvalidState:  # changed meanwhile
            continue
        return
    raise Unavailable


def _token(world: World, user: str, kind: Kind) -> str:
    """At most 64 characters, as every part of a path."""
    fact = to_number("usr", user).to_bytes(_USER_BYTES, "big") + kind.encode()
    return base64.urlsafe_b64encode(_mac(world.unsubscribe_keys()[0], fact) + fact).decode().rstrip("=")


def _opened(world: World, token: str) -> tuple[str, Kind]:
    """Whose mail of which kind. Raises NotFound."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise NotFound(_NONE_OF_OURS) from None
    mac, fact = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not any(hmac.compare_digest(mac, _mac(key, fact)) for key in world.unsubscribe_keys()):
        raise NotFound(_NONE_OF_OURS)
    kind: Kind | None = next((each for each in get_args(Kind) if each.encode() == fact[_USER_BYTES:]), None)
    if kind is None:  # of a letter that is older than our kinds
        raise NotFound(_NONE_OF_OURS)
    return of_number("usr", int.from_bytes(fact[:_USER_BYTES], "big")), kind


def _mac(key: str, fact: bytes) -> bytes:
    return hmac.new(key.encode(), fact, hashlib.sha256).digest()[:_MAC_BYTES]
