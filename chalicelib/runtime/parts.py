"""An app whose routes are read when one of them is first asked for: a start waits for one context's, not for all.

    app = App("soulseer", {"chalicelib.live.routes": ("/v1/streams*",), …})

A part is a module with a ``blueprint``, and the paths of its routes; ``*`` at the end stands for whatever follows, but
for a path that is named whole. Parts may share a path: the first request to it reads them all, so that what a path
answers never depends on what was asked for before.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chalice.app import Chalice, RouteEntry


class App(Chalice):
    """The app, and the parts that it is made of: the names of their modules, and their paths."""

    def __init__(self, name: str, parts: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(app_name=name)
        self.parts = parts
        self._read: set[str] = set()
        self._complete: set[str] = set()

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """Answer a request of API Gateway's."""
        path = event["requestContext"]["resourcePath"]
        if path not in self._complete:
            self.read(path)
        return super().__call__(event, context)

    def parts_of(self, path: str) -> tuple[str, ...]:
        """The parts that may have routes of that path, which is one as its routes declare it."""
        named = tuple(name for name, paths in self.parts.items() if path in paths)
        return named or tuple(name for name, paths in self.parts.items() if any(_begins(each, path) for each in paths))

    def read(self, path: str) -> None:
        """Read the parts of that path."""
        for name in self.parts_of(path):
            self._take(name)
        self._complete.add(path)

    def every_route(self) -> Mapping[str, Mapping[str, RouteEntry]]:
        """The routes of all parts, by path and method."""
        for name in self.parts:
            self._take(name)
        return self.routes

    def _take(self, name: str) -> None:
        if name not in self._read:
            self.register_blueprint(import_module(name).blueprint)
            self._read.add(name)


def _begins(told: str, path: str) -> bool:
    return told.endswith("*") and path.startswith(told[:-1])
