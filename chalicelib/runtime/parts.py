"""An app whose routes are read when one of them is first asked for: a start waits for one context's, not for all.

    app = App("soulseer", {"chalicelib.live.routes": ("/v1/streams",), …})

A part is a module with a ``blueprint``, and what the paths of its routes begin with. Several parts may share a
beginning: the first request to such a path reads them all, so that what a path answers never depends on what was asked
for before.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chalice.app import Chalice, RouteEntry


class App(Chalice):
    """The app, and the parts that it is made of, by the names of their modules."""

    def __init__(self, name: str, parts: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(app_name=name)
        self.parts = parts
        self._read: set[str] = set()
        self._complete: set[str] = set()

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        """Answer a request of API Gateway's."""
        self.read(event["requestContext"]["resourcePath"])
        return super().__call__(event, context)

    def read(self, path: str) -> None:
        """Read the parts that a path, as its route was declared, may lead into."""
        if path in self._complete:
            return
        for name, beginnings in self.parts.items():
            if any(path == each or path.startswith(f"{each}/") for each in beginnings):
                self._take(name)
        self._complete.add(path)

    def every_route(self) -> Mapping[str, Mapping[str, RouteEntry]]:
        """All routes, by path and method: of all parts."""
        for name in self.parts:
            self._take(name)
        return self.routes

    def _take(self, name: str) -> None:
        if name not in self._read:
            self.register_blueprint(import_module(name).blueprint)
            self._read.add(name)
