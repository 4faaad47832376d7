"""Who is asking: a bearer token of the issuer, verified here, RS256 and nothing else.

    no token, another scheme, another algorithm, an unknown key,
    a bad signature, a wrong ``iss`` or ``aud``, expired             401 unauthenticated
    the issuer's keys are out of reach and none are remembered       503 unavailable

Keys are fetched from the issuer's JWKS address and kept 300 s. A token naming a key we do not have fetches again,
once in 30 s at most, so invented key names cannot be turned into load on the issuer. While the issuer is out of
reach the last keys serve on, for a day at most, and it is asked again once in 10 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from chalicelib.kernel.errors import Unauthenticated, Unavailable
from chalicelib.kernel.roles import Role
from chalicelib.runtime.logs import log

if TYPE_CHECKING:
    from jwt import PyJWK


_ALGORITHM: Final = "RS256"
_LEEWAY_SECONDS: Final = 5
_KEYS_SECONDS: Final = 300
_FETCH_TIMEOUT_SECONDS: Final = 3
_REFETCH_SECONDS: Final = 30
_RETRY_SECONDS: Final = 10
_STALE_SECONDS: Final = 24 * 60 * 60
_LONGEST_TOKEN: Final = 8 * 1024
_LONGEST_CLAIM: Final = 255


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. ``email`` and ``name`` are hints for a new profile; a role is never taken from it."""

    subject: str
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person, as our own records know them."""

    id: str
    role: Role
    display_name: str
    suspended: bool = False


Admit = Callable[[], None]
"""Called once, before somebody new is made; raises where that may not be now."""
SignIn = Callable[[Claims, Admit], Caller]
Verify = Callable[[str], Claims]


def bearer(header: str) -> str:
    """The token of an ``Authorization`` header. Raises Unauthenticated."""
    scheme, _, token = header.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
        raise Unauthenticated
    return token


class Keys:
    """The issuer's public keys by name. ``monotonic`` counts seconds."""

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._keys: dict[str, PyJWK] = {}
        self._fresh_until = self._stale_until = self._may_fetch_at = monotonic()
        self._out_of_reach = False

    def find(self, kid: str) -> PyJWK:
        """The key of that name. Raises Unauthenticated if the issuer has none, Unavailable if it cannot be asked."""
        now = self._monotonic()
        wanted = now >= self._fresh_until or kid not in self._keys
        if wanted and now >= self._may_fetch_at:
            self._fetch(now)
        if kid in self._keys and now < self._stale_until:
            return self._keys[kid]
        if self._out_of_reach:
            raise Unavailable("The sign-in service is out of reach. Try again in a moment.")
        raise Unauthenticated

    def _fetch(self, now: float) -> None:
        import jwt

        try:
            # Its own cache forgets that the issuer was out of reach, and would wait for it again at every request.
            client = jwt.PyJWKClient(self._url, cache_jwk_set=False, timeout=_FETCH_TIMEOUT_SECONDS)
            self._keys = {key.key_id: key for key in client.get_signing_keys() if key.key_id}
        except (jwt.PyJWTError, OSError, ValueError) as error:
            log.warning("issuer_unreachable", error=type(error).__name__)
            self._out_of_reach = True
            self._may_fetch_at = now + _RETRY_SECONDS
        else:
            self._out_of_reach = False
            self._fresh_until = now + _KEYS_SECONDS
            self._stale_until = now + _STALE_SECONDS
            self._may_fetch_at = now + _REFETCH_SECONDS


class Verifier:
    """Checks a token against one issuer, one audience and the issuer's keys."""

    def __init__(self, issuer: str, audience: str, keys: Keys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    def __call__(self, token: str) -> Claims:
        """The token's claims. Raises Unauthenticated or Unavailable."""
        return _claims(verified_claims(token, self._keys, (self._issuer,), self._audience, "sub"))


def verified_claims(token: str, keys: Keys, issuers: Sequence[str], audience: str, *required: str) -> dict[str, Any]:
    """What a token says that one of these keys signed by RS256, for ``audience``, and that has not run out.

    ``required`` claims are there, whatever they hold. Raises Unauthenticated, Unavailable.
    """
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        # Looked at before the key is: another algorithm must not even cause a fetch.
        if header.get("alg") != _ALGORITHM or not isinstance(kid, str):
            raise Unauthenticated
        key = keys.find(kid)
        if key.key_type != "RSA":
            raise Unauthenticated
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[_ALGORITHM],
            issuer=issuers,
            audience=audience,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", *required]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise Unauthenticated from None
    return claims


@cache
def verifier() -> Verifier:
    """The verifier of this function, from its settings."""
    import os

    from chalicelib.kernel.settings import settings_from

    settings = settings_from(os.environ)
    return Verifier(settings.auth_issuer, settings.auth_audience, Keys(settings.auth_jwks_url))


def _claims(claims: dict[str, Any]) -> Claims:
    subject = _text(claims["sub"])
    if subject is None:
        raise Unauthenticated
    # Codes and links go to the address: one of which the issuer does not say that it is theirs is none.
    email = _text(claims.get("email")) if claims.get("email_verified") is True else None
    return Claims(subject, email, _text(claims.get("name")))


def _text(claim: object) -> str | None:
    """The claim, if it is text that can be stored; a lone surrogate is not."""
    if not isinstance(claim, str) or not 0 < len(claim) <= _LONGEST_CLAIM:
        return None
    return None if any("\ud800" <= each <= "\udfff" for each in claim) else claim
