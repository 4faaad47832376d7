"""A small issuer of tokens on loopback: its own RSA key, a JWKS address, and a count of who asked."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

AUDIENCE = "https://api.soulseer.test"


def _number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")


@dataclass
class Issuer:
    """``keys`` are what it publishes. ``broken`` makes it answer that body in place of its keys."""

    url: str = ""
    keys: dict[str, RSAPrivateKey] = field(default_factory=dict)
    asked: int = 0
    broken: bytes | None = None
    status: int = 200
    audience: str = AUDIENCE

    @property
    def jwks_url(self) -> str:
        return f"{self.url}.well-known/jwks.json"

    def new_key(self, kid: str) -> RSAPrivateKey:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self.keys[kid]

    def jwks(self) -> bytes:
        listed = []
        for kid, key in self.keys.items():
            numbers = key.public_key().public_numbers()
            listed.append(
                {
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": kid,
                    "n": _number(numbers.n),
                    "e": _number(numbers.e),
                }
            )
        return json.dumps({"keys": listed}).encode()

    def token(
        self,
        kid: str = "first",
        *,
        key: Any = None,
        algorithm: str = "RS256",
        without: str | None = None,
        headers: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        said = {
            "sub": "auth0|1",
            "iss": self.url,
            "aud": self.audience,
            "exp": int(time.time()) + 600,
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            **claims,
        }
        if without:
            del said[without]
        return jwt.encode(said, key or self.keys[kid], algorithm, headers={"kid": kid, **(headers or {})})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked += 1
            answer = made.broken if made.broken is not None else made.jwks()
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/"
    made.new_key("first")
    yield made
    server.shutdown()
    thread.join(timeout=60)
    server.server_close()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The log lines written since it was last called."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
