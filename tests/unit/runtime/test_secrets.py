"""Secrets, read through the real client from a Secrets Manager on loopback."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chalicelib.kernel.errors import Unavailable
from chalicelib.runtime import aws, secrets


@dataclass
class Store:
    held: dict[str, str] = field(default_factory=dict)
    asked: int = 0


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    made = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.asked += 1
            name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["SecretId"]
            found = name in made.held
            answer = {"Name": name, "SecretString": made.held[name]} if found else {"__type": "ResourceNotFound"}
            payload = json.dumps(answer).encode()
            self.send_response(200 if found else 400)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{server.server_port}")
    for name, value in {"REGION": "us-east-1", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}" if name != "REGION" else "AWS_DEFAULT_REGION", value)
    aws.client.cache_clear()
    secrets._provider.cache_clear()
    yield made
    aws.client.cache_clear()
    secrets._provider.cache_clear()
    server.shutdown()
    thread.join(timeout=60)
    server.server_close()


def test_a_secret_is_read_once_and_kept(store: Store) -> None:
    store.held["soulseer/dev/stripe"] = '{"api_key": "k"}'
    assert secrets.secret("soulseer/dev/stripe") == {"api_key": "k"}
    assert secrets.secret("soulseer/dev/stripe") == {"api_key": "k"}
    assert store.asked == 1


def test_a_secret_that_cannot_be_read_is_unavailable(store: Store) -> None:
    store.held |= {"broken": "{not json", "list": "[]", "text": '"api_key"', "nothing": "null"}
    for name in ("absent", *store.held):
        with pytest.raises(Unavailable):
            secrets.secret(name)
