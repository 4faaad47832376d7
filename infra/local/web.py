"""The HTTP server under the vendors' counterparts: one function from a request to a response, in threads.

The standard library's server is enough for one developer's traffic, adds no dependency to the environment
that also type-checks the product, starts in a millisecond and stops at once. Bodies are limited, idle
connections are dropped, and nothing is written to the terminal.
"""

import contextlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

HOST: Final = "127.0.0.1"
LARGEST_BODY: Final = 1_000_000
"""Bytes of a request's body; more is refused with 413."""
IDLE_SECONDS: Final = 30

log = logging.getLogger("soulseer.local.web")


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are lower-case; ``path`` is decoded and without the query."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def parameters(self) -> dict[str, str]:
        """The query's parameters; of a repeated one, the last."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Response]
Route = tuple[str, str, Callable[..., Response]]
"""Method, pattern of the path, and who answers: called with the request and the pattern's named groups."""


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty one. Raises ValueError."""
    found = json.loads(content or b"{}")
    if not isinstance(found, dict):
        raise ValueError("Send a JSON object.")  # noqa: TRY004 - to a caller it is one more body that cannot be read
    return found


def what_is_wrong(error: Exception) -> str:
    """What a body lacks, or why it cannot be read."""
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"


def json_response(status: int, content: object, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(content).encode(), {"content-type": "application/json"} | named)


def html_response(status: int, page: str) -> Response:
    """A page that no other site may frame and that runs no script."""
    return Response(
        status,
        page.encode(),
        {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        },
    )


def problem(status: int, title: str) -> Response:
    """RFC 9457 problem details."""
    return json_response(
        status, {"type": "about:blank", "title": title, "status": status}, content_type="application/problem+json"
    )


def routed(routes: Sequence[Route]) -> Answer:
    """The first route whose method and whole path match; otherwise a 404 or 405 problem."""
    compiled = [(method, re.compile(pattern), answer) for method, pattern, answer in routes]

    def answer(request: Request) -> Response:
        known = False
        for method, pattern, respond in compiled:
            if found := pattern.fullmatch(request.path):
                known = True
                if method == request.method:
                    return respond(request, **found.groupdict())
        return problem(405 if known else 404, "Method Not Allowed" if known else "Not Found")

    return answer


class Server:
    """Serves ``answer`` on 127.0.0.1 from ``start`` to ``stop``."""

    def __init__(self, name: str, answer: Answer, port: int = 0) -> None:
        """Bind ``port``, or any free one where it is 0 or taken, so that ``url`` is known before ``start``."""
        try:
            self._server = _Listener(name, answer, port)
        except OSError:
            self._server = _Listener(name, answer, 0)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{HOST}:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name=name, daemon=True)

    def start(self) -> "Server":
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer nothing more, also not on connections that stay open."""
        self._server.stopped = True
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=5)
        self._server.server_close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, answer: Answer, port: int) -> None:
        self.name = name
        self.answer = answer
        self.stopped = False
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as the base class has it
        """A caller that hung up is no event; anything else goes to the log, never to the terminal."""
        log.debug("connection from %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "soulseer-local"
    sys_version = ""
    timeout = IDLE_SECONDS
    # Headers and body leave in two writes; Nagle's algorithm would hold the second for 40 ms.
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        refusal = self._refusal()
        if refusal:
            # The body was not read, so the connection cannot carry another request.
            self.close_connection = True
        response = refusal or self._answered()
        with contextlib.suppress(ConnectionError):
            self.send_response(response.status)
            for header, value in response.headers.items():
                self.send_header(header, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

    def _answered(self) -> Response:
        address = urlsplit(self.path)
        request = Request(
            method="GET" if self.command == "HEAD" else self.command,
            path=unquote(address.path),
            query=address.query,
            headers={key.lower(): value for key, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
        )
        if self.server.stopped:
            raise LostAnswer
        try:
            return self.server.answer(request)
        except LostAnswer:
            raise
        except Exception:
            log.exception("%s failed on %s %s", self.server.name, request.method, request.path)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")

    def _refusal(self) -> Response | None:
        length = self.headers.get("content-length") or "0"
        if self.headers.get("transfer-encoding"):
            return problem(HTTPStatus.LENGTH_REQUIRED, "Length Required")
        if not (length.isascii() and length.isdecimal()):
            return problem(HTTPStatus.BAD_REQUEST, "Bad Request")
        if int(length) > LARGEST_BODY:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Content Too Large")
        return None

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - the base class's names


class LostAnswer(Exception):
    """Raised by an answer that must be lost: the connection closes without a word."""
