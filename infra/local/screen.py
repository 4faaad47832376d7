"""What a person sees of the play: a live table over a timeline on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Final, Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.watch import Moment, dollars

WIDTH: Final = 80
_BAR: Final = 30
_ROWS_BESIDE_TIMELINE: Final = 9
"""The table with its frame, and a row to spare."""
_FRAMES_PER_SECOND: Final = 8

_STATES: Final = {
    "created": ("yellow", "rings at the reader"),
    "waiting": ("yellow", "accepted, both are joining"),
    "active": ("bold green", "both are there, the meter runs"),
    "paused": ("bold magenta", "the meter stands, grace runs"),
    "reconnecting": ("cyan", "one is back, the meter stands, grace runs"),
    "ended": ("blue", "over, to be settled"),
    "finalized": ("bold blue", "settled, everybody is paid"),
}
_ACTORS: Final = {
    "client": "cyan",
    "reader": "magenta",
    "stripe": "blue",
    "state": "yellow",
    "meter": "green",
    "✓": "bold green",
    "✗": "bold red",
}

Now = Callable[[], Moment | None]


class Screen(Protocol):
    """Where the play is shown."""

    console: Console

    def tell(self, who: str, what: str) -> None:
        """One line of the timeline: ``who`` did ``what``. May be called from any thread."""

    def showing(self, now: Now) -> AbstractContextManager[None]:
        """Show the reading, as ``now`` says it is, while the block lasts."""


class Timeline:
    """Lines with the seconds since the first."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._lock = Lock()
        self._lines: list[Text] = []

    def add(self, who: str, what: str) -> Text:
        with self._lock:
            self._began = self._began or time.monotonic()
            line = Text.assemble((f"{self.seconds:6.1f}  ", "dim"), (f"{who:>6}  ", _ACTORS.get(who, "white")), what)
            self._lines.append(line)
        return line

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began if self._began else 0.0

    def last(self, most: int) -> list[Text]:
        with self._lock:
            return self._lines[-most:]


class LiveScreen:
    """A terminal: the table is drawn anew several times a second, and the newest lines fit below it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._timeline = Timeline()
        self._now: Now = lambda: None
        self._over = False

    def tell(self, who: str, what: str) -> None:
        self._timeline.add(who, what)

    @contextmanager
    def showing(self, now: Now) -> Iterator[None]:
        self._now = now
        with Live(self, console=self.console, refresh_per_second=_FRAMES_PER_SECOND):
            try:
                yield
            finally:
                self._over = True  # the last frame keeps the whole timeline on the terminal

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One frame."""
        width = min(WIDTH, options.max_width)
        yield _panel(self._now(), self._timeline.seconds, width)
        room = max(1, console.height - _ROWS_BESIDE_TIMELINE)
        lines = self._timeline.last(sys.maxsize if self._over else room)
        yield from lines if self._over else _fitting(lines, room, width)


class PlainScreen:
    """Anything that is not a terminal: each line as it comes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._timeline = Timeline()
        self._lock = Lock()

    def tell(self, who: str, what: str) -> None:
        with self._lock:
            self.console.print(self._timeline.add(who, what), soft_wrap=True)

    @contextmanager
    def showing(self, now: Now) -> Iterator[None]:
        del now
        yield


def screen() -> LiveScreen | PlainScreen:
    """The screen that standard output is."""
    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(Console(highlight=False, width=min(WIDTH, console.width)))
    return PlainScreen(Console(highlight=False, width=WIDTH, color_system=None))


def _fitting(lines: list[Text], room: int, width: int) -> Iterable[Text]:
    """The newest lines that fit into ``room`` rows, counting those that take more than one."""
    kept = 0
    for line in reversed(lines):
        room -= -(-line.cell_len // width)
        if room < 0:
            break
        kept += 1
    return lines[len(lines) - kept :]


def _panel(now: Moment | None, seconds: float, width: int) -> Panel:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", width=12)
    table.add_column(width=13)
    table.add_column()
    for row in _rows(now) if now else _NO_ROWS:
        table.add_row(*row)
    return Panel(
        table,
        title="[bold]SoulSeer: a reading over HTTP[/bold]",
        title_align="left",
        subtitle=f"{seconds:.0f} s",
        subtitle_align="right",
        border_style="dim",
        width=width,
    )


_NO_ROWS: Final = [
    ("state", Text("● none", "dim"), Text("nobody has asked for a reading yet")),
    *((name, Text(), Text()) for name in ("present", "minute", "balance", "seconds left", "deadline")),
]
"""As many as a reading has, so that the timeline does not jump when one begins."""


def _rows(now: Moment) -> list[tuple[str, Text, Text]]:
    colour, meaning = _STATES[now.state]
    reason = f" ({now.reason})" if now.reason else ""
    people = Text.assemble(*_person("client", here=now.client_here), "   ", *_person("reader", here=now.reader_here))
    low = "bold red" if now.left <= now.minute else "yellow" if now.left <= 2 * now.minute else "green"
    minute = _bar(now.into_minute, now.minute, "green" if now.state == "active" else "dim")
    left = _bar(now.left, 4 * now.minute, low)
    ends = Text()
    if now.ends_in is not None:
        ends = _bar(now.ends_in, now.ends_after, "magenta")
    return [
        ("state", Text(f"● {now.state}", colour), Text(f"{meaning}{reason}")),
        ("present", Text(), people),
        ("minute", Text(str(now.minutes)), minute.append(f" {now.into_minute:.0f} of {now.minute:.0f} s")),
        ("balance", Text(dollars(now.balance), "bold"), Text()),
        ("seconds left", Text(f"{now.left:.0f}", low), left),
        ("deadline", Text("none" if now.ends_in is None else f"in {now.ends_in:.0f} s"), ends),
    ]


def _person(name: str, *, here: bool) -> tuple[tuple[str, str], str]:
    return ("● ", "green") if here else ("○ ", "red"), f"{name} {'is here' if here else 'is away'}"


def _bar(part: float, whole: float, style: str) -> Text:
    full = round(_BAR * min(1.0, part / whole))
    return Text.assemble(("█" * full, style), ("░" * (_BAR - full), "dim"))
