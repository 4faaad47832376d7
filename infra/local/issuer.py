"""The local issuer of access tokens: Auth0's part, with an RSA key of its own.

    GET  /.well-known/jwks.json             the public key
    GET  /.well-known/openid-configuration  where things are
    POST /token  {"sub", "email", "name"}   {"access_token", "token_type", "expires_in"}
    GET  /docs                              the API's page, with the ready people's tokens filled in

Anybody may have a token for any subject here; that is its purpose, and why it binds 127.0.0.1 only. The
product checks these tokens exactly as it checks Auth0's: RS256 by the key at the JWKS address, ``iss``,
``aud``, ``exp``. The key is kept in a file, so tokens survive a restart.

Tests use ``Issuer`` without the server, to mint what must be refused: see ``mint``.
"""

import base64
import hmac
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from infra.local.web import Request, Response, Route, Server, json_response, problem, routed

LIFETIME_SECONDS: Final = 24 * 60 * 60
AUDIENCE: Final = "https://api.soulseer.local"
LONGEST_CLAIM: Final = 200
_KEY_BITS: Final = 2048


class Issuer:
    """A signing key, and the tokens it signs for one issuer and audience."""

    def __init__(self, url: str, audience: str = AUDIENCE, key: RSAPrivateKey | None = None) -> None:
        """``url`` is the issuer's address without a trailing slash; ``iss`` has one, as Auth0's does."""
        self.url = url
        self.iss = f"{url}/"
        self.audience = audience
        self._key = key or new_key()
        self.kid = _thumbprint(self._key)

    def mint(
        self,
        subject: str,
        *,
        email: str | None = None,
        name: str | None = None,
        algorithm: str = "RS256",
        key: RSAPrivateKey | str | None = None,
        header: Mapping[str, Any] | None = None,
        **overrides: Any,
    ) -> str:
        """A token for the subject, valid for a day from now.

        ``overrides`` replace claims, and None removes one (``exp=0``, ``aud="other"``, ``iss=None``). ``key``
        signs in place of this issuer's, ``algorithm`` may be ``HS256`` (give a string as the key) or ``none``,
        and ``header`` adds to or replaces the header's fields.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.iss,
            "sub": subject,
            "aud": self.audience,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "email": email,
            "email_verified": True if email else None,
            "name": name,
        }
        claims |= overrides
        fields = {"typ": "JWT", "alg": algorithm, "kid": self.kid} | dict(header or {})
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = f"{_encoded(fields)}.{_encoded(kept)}"
        return f"{signed}.{_base64url(_signature(algorithm, key or self._key, signed.encode()))}"

    def jwks(self) -> dict[str, Any]:
        """The JSON Web Key Set of the public key."""
        return {"keys": [_public_jwk(self._key) | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def public_pem(self) -> str:
        """The public key in PEM: what an HS256 confusion attack would sign with."""
        return (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


class IssuerServer:
    """The issuer at an address."""

    def __init__(self, state: Path, port: int = 0, audience: str = AUDIENCE) -> None:
        """Keep the key in ``state``; ``port`` is the wanted one (another is taken where it is busy)."""
        self._server = Server("issuer", lambda request: self._answer(request), port)
        self.port = self._server.port
        self.issuer = Issuer(self._server.url, audience, kept_key(state / "issuer.pem"))
        self._page = ""
        self._answer = routed(self._routes())

    @property
    def url(self) -> str:
        return self._server.url

    def leads_to(self, page: str, tokens: Mapping[str, str]) -> str:
        """The address here that leads to ``page`` with the tokens behind a '#', which a browser keeps to itself."""
        self._page = f"{page}#{urlencode(tokens)}"
        return f"{self.url}/docs"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def _routes(self) -> list[Route]:
        return [
            ("GET", r"/\.well-known/jwks\.json", lambda _: json_response(200, self.issuer.jwks())),
            ("GET", r"/\.well-known/openid-configuration", lambda _: json_response(200, self._configuration())),
            ("POST", r"/token", self._token),
            ("GET", r"/docs", lambda _: self._docs()),
        ]

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer.iss,
            "jwks_uri": f"{self.url}/.well-known/jwks.json",
            "token_endpoint": f"{self.url}/token",
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
            "response_types_supported": ["token"],
        }

    def _docs(self) -> Response:
        if not self._page:
            return problem(404, "Not Found")
        return Response(302, headers={"location": self._page, "cache-control": "no-store"})

    def _token(self, request: Request) -> Response:
        try:
            wanted = json.loads(request.body)
        except ValueError:
            return problem(400, "Send a JSON object with sub, email and name.")
        if not isinstance(wanted, dict) or not wanted.get("sub"):
            return problem(400, "Send a JSON object with sub, email and name.")
        claims = {name: wanted.get(name) for name in ("sub", "email", "name")}
        if any(value is not None and not _is_claim(value) for value in claims.values()):
            return problem(400, f"sub, email and name are strings of at most {LONGEST_CLAIM} characters.")
        token = self.issuer.mint(wanted["sub"], email=claims["email"], name=claims["name"])
        return json_response(
            200,
            {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS},
            cache_control="no-store",
        )


def new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=_KEY_BITS)


def kept_key(path: Path) -> RSAPrivateKey:
    """The key in this file, made on the first call; only its owner can read the file."""
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"{path} does not hold an RSA key; remove it to have a new one made")
        return key
    key = new_key()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    return key


def _encoded(content: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(content, separators=(",", ":")).encode())


def _signature(algorithm: str, key: RSAPrivateKey | str, content: bytes) -> bytes:
    """By hand, because a JWT library rightly refuses to make the tokens that a verifier must refuse."""
    match algorithm, key:
        case "RS256", RSAPrivateKey():
            return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        case "HS256", str():
            return hmac.digest(key.encode(), content, "sha256")
        case "none", _:
            return b""
    raise ValueError(f"cannot sign {algorithm} with {type(key).__name__}")


def _is_claim(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_CLAIM


def _public_jwk(key: RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _base64url(_bytes_of(numbers.n)), "e": _base64url(_bytes_of(numbers.e))}


def _thumbprint(key: RSAPrivateKey) -> str:
    """RFC 7638: the same key always has the same id."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(json.dumps(_public_jwk(key), sort_keys=True, separators=(",", ":")).encode())
    return _base64url(digest.finalize())


def _bytes_of(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
