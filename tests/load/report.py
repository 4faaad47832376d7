"""A line of the bench: what was measured, the figure, what it must reach, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Final

WIDTH: Final = 80
_FIGURES: Final = 64
"""Where the column of figures ends; targets follow."""
_TARGET: Final = 9


@dataclass(frozen=True, slots=True)
class Line:
    """``met`` is None where nothing is asked of the figure: it is there to be read."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    def rendered(self) -> str:
        """At most 80 columns; what does not fit beside the figure goes on in a line above it."""
        room = _FIGURES - len(self.figure) - 1
        indent = " " * (len(self.what) - len(self.what.lstrip()))
        *above, last = wrap(self.what, room, subsequent_indent=f"{indent}  ")
        mark = {None: "", True: "met", False: "MISSED"}[self.met]
        whole = f"{last:<{room}} {self.figure}{self.target:>{_TARGET}} {mark}".rstrip()
        return "\n".join([*above, whole])


@dataclass(frozen=True, slots=True)
class Note:
    """What must be known to read the lines above it."""

    text: str

    def rendered(self) -> str:
        return "\n".join(wrap(self.text, WIDTH, initial_indent="  ", subsequent_indent="  "))


Told = Line | Note


def at_most(what: str, value: float, limit: float, form: str = "{:.2f}x") -> Line:
    """A figure that must not be more than ``limit``."""
    return Line(what, form.format(value), f"≤ {form.format(limit)}", value <= limit)


def holds(what: str, figure: str, *, met: bool, target: str = "all") -> Line:
    """Something that is right or wrong."""
    return Line(what, figure, target, met)


def shown(what: str, figure: str) -> Line:
    """A figure without a target."""
    return Line(what, figure)
