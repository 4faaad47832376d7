"""What the suite tells the API in confidence, or is told: no log may hold any of it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from infra.local.phone import Answer, Api

SENT: Final = frozenset(
    {"display_name", "name", "email", "biography", "birth_date", "token", "text", "signed_transaction", "title"}
)
HEARD: Final = frozenset({"display_name", "birth_date", "rtc_token", "rtm_token", "checkout_url", "url"})
"""Fields whose text belongs to a person or opens something. The directory's names may be anybody's, and any word."""
SHORTEST: Final = 5
"""Characters. Shorter text would be found in any id."""
SHAPES: Final = {
    "an access token": re.compile(r"eyJ[A-Za-z0-9_-]{10}"),
    "an Authorization header": re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9+/=._-]{8}"),
    "an address of a person": re.compile(r"[\w.+-]@[\w-]+\.\w"),
    "a key of Stripe's": re.compile(r"\b(sk|rk|whsec)_\w{8}"),
    "a signature of Stripe's": re.compile(r"\bv1=[0-9a-f]{16}"),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "an access token of Google's": re.compile(r"\bya29\."),
    "a token of Agora's": re.compile(r"\b00[67][0-9a-f]{32}"),
}


class Confided:
    """Grows while the suite runs, from several threads: sets and dicts of CPython take that."""

    def __init__(self) -> None:
        self._what: dict[str, str] = {}

    def add(self, what: str, text: object) -> None:
        if isinstance(text, str) and len(text) >= SHORTEST:
            self._what[text] = what

    def add_fields(self, value: Any, names: Collection[str] = SENT) -> None:
        """The fields of these names in a JSON value, at whatever depth."""
        if isinstance(value, Mapping):
            for name, each in value.items():
                if name in names:
                    self.add(name, each)
                self.add_fields(each, names)
        elif isinstance(value, list):
            for each in value:
                self.add_fields(each, names)

    def in_lines(self, lines: Iterable[str]) -> list[str]:
        """What of it, or of its shape, is in which line: in words that do not tell it again."""
        by_start: dict[str, list[str]] = {}
        for text in self._what:
            by_start.setdefault(text[:SHORTEST], []).append(text)
        found = []
        for line in lines:
            whats = [self._what[each] for each in _texts_in(line, by_start)]
            whats += [what for what, shape in SHAPES.items() if shape.search(line)]
            found += [f"{what}, in a line of {_event(line)}" for what in whats]
        return found


class ConfidingApi(Api):
    """An ``Api`` that notes what is confidential in what it sends and hears."""

    def __init__(self, url: str, token: str | None, confided: Confided) -> None:
        super().__init__(url, token)
        self._confided = confided
        confided.add("an access token", token)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        self._confided.add("an idempotency key", key)
        self._confided.add_fields(body)
        answer = super().send(method, path, body, key=key, content=content, headers=headers)
        if answer.content and "json" in answer.headers.get("content-type", ""):
            self._confided.add_fields(answer.json, HEARD)
        return answer


def _texts_in(line: str, by_start: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One look at each place of the line, however many texts there are: a pattern of them all would try them all."""
    for at in range(len(line)):
        for text in by_start.get(line[at : at + SHORTEST], ()):
            if line.startswith(text, at):
                yield text


def _event(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except (ValueError, TypeError, KeyError):
        return "no event of ours"
