"""Bars and columns of text."""

from collections.abc import Sequence
from typing import Final

from rich.text import Text

_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_FADED: Final = "dim"


def bar(part: float, whole: float, style: str, width: int = 30) -> Text:
    """So much of ``width`` as ``part`` is of ``whole``."""
    full = round(width * min(1.0, part / whole)) if whole else 0
    return Text.assemble(("█" * full, style), ("░" * (width - full), _FADED))


def columns(values: Sequence[int], height: int = 1, most: int = 0) -> list[str]:
    """A column for each value, as ``height`` lines, the top one first. The largest, or ``most``, fills them.

    Whatever is above nothing can be seen.
    """
    top = max([most, 1, *values])
    eighths = [max(1, round(8 * height * value / top)) if value > 0 else 0 for value in values]
    return [
        "".join(_EIGHTHS[max(0, min(8, eighth - 8 * line))] for eighth in eighths) for line in reversed(range(height))
    ]


def spread(moments: Sequence[float], beginning: float, span: float, parts: int) -> list[int]:
    """How many of the moments are in each of ``parts`` equal parts of the ``span`` from ``beginning`` on.

    What is outside of it is not counted; its very end belongs to the last part.
    """
    counts = [0] * parts
    for moment in moments:
        if beginning <= moment <= beginning + span:
            counts[min(parts - 1, int(parts * (moment - beginning) / span)) if span else 0] += 1
    return counts
