"""What a person sees of the play: on a terminal a live picture with the timeline below it, anywhere else plain lines.

The picture has the terminal to itself while the play lasts (its other screen), so that a frame is written over the one
before it and nothing flickers; afterwards the last picture and the whole timeline are printed, to stay. Nothing wraps:
what is too long for the width is cut, with a mark. The colours are of middle brightness, to be read on dark and on
light; none of them says what no word or mark says too.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Final, Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chalicelib.moderation.model import HIDING
from infra.local.pages import HAS_ONE, Board, Bought, Chat, Counter, Mailbox, Page, Shelf, paragraph
from infra.local.stream_watch import Shopping, StreamMoment
from infra.local.watch import Moment, dollars
from scripts.admin.charts.bars import bar, columns

WIDTH: Final = 80
_ROWS_BESIDE_TIMELINE: Final = 8
"""The picture with its frame."""
_FRAMES_PER_SECOND: Final = 5
_FADED: Final = "dim"
_SEEN_SECONDS: Final = 2.0
"""How long each act stays on the screen at least."""

GREEN, CYAN, BLUE = "color(28)", "color(30)", "color(27)"
MAGENTA, ORANGE, RED = "color(164)", "color(130)", "color(196)"
COLOURS: Final = (GREEN, CYAN, BLUE, MAGENTA, ORANGE, RED)

_STATES: Final = {
    "created": (ORANGE, "rings at the reader"),
    "waiting": (ORANGE, "accepted, both are joining"),
    "active": (f"bold {GREEN}", "both are there, the meter runs"),
    "paused": (f"bold {MAGENTA}", "the meter stands, grace runs"),
    "reconnecting": (f"bold {CYAN}", "one is back, grace runs on"),
    "ended": (BLUE, "over, to be settled"),
    "finalized": (f"bold {BLUE}", "settled, everybody is paid"),
}
_STREAM_STATES: Final = {
    "scheduled": (ORANGE, "announced, tickets are sold"),
    "live": (f"bold {GREEN}", "the reader is there"),
    "ended": (BLUE, "over, to be settled"),
    "finalized": (f"bold {BLUE}", "over and settled"),
}
_PACE: Final = 8
"""Gifts a second that fill a column."""
_LEADERS: Final = 3
_BUYERS: Final = 5
_ROOM: Final = 51
"""Columns beside the first two: a longer line would take some of theirs."""
_LINES: Final = 5
"""Messages or posts of a page."""
_STANDINGS: Final = {"shown": GREEN, "hidden": ORANGE, "removed": RED}
_ACTORS: Final = {
    "client": CYAN,
    "reader": MAGENTA,
    "stripe": BLUE,
    "agora": BLUE,
    "apple": BLUE,
    "google": BLUE,
    "stores": BLUE,
    "viewer": CYAN,
    "buyer": CYAN,
    "state": ORANGE,
    "stream": ORANGE,
    "meter": GREEN,
    "gifts": GREEN,
    "mail": BLUE,
    "admin": ORANGE,
    "✓": f"bold {GREEN}",
    "✗": f"bold {RED}",
}

Shown = Moment | Shopping | StreamMoment | Page
Now = Callable[[], Shown | None]


class Screen(Protocol):
    """Where the play is shown."""

    console: Console

    def begin(self, act: str) -> None:
        """An act of the play begins."""

    def tell(self, who: str, what: str) -> None:
        """One line of the timeline: ``who`` did ``what``. May be called from any thread."""

    def showing(self, now: Now) -> AbstractContextManager[None]:
        """Show the reading, the stream or a phone's page, as ``now`` says it is, while the block lasts."""


class Timeline:
    """Lines with the seconds since the first."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._lock = Lock()
        self._lines: list[Text] = []

    def add(self, who: str, what: str) -> Text:
        with self._lock:
            self._began = self._began or time.monotonic()
            line = Text.assemble((f"{self.seconds:6.1f}  ", _FADED), (f"{who:>6}  ", _ACTORS.get(who, "")), what)
            self._lines.append(line)
        return line

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began if self._began else 0.0

    def last(self, most: int | None = None) -> list[Text]:
        """The newest so many, or all."""
        with self._lock:
            return self._lines[-most:] if most else self._lines[:]


class LiveScreen:
    """A terminal: one picture, drawn anew several times a second, and the newest lines that fit below it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._timeline = Timeline()
        self._act = ""
        self._until = 0.0
        self._now: Now = lambda: None

    def begin(self, act: str) -> None:
        time.sleep(max(0.0, self._until - time.monotonic()))
        self._act, self._until = act, time.monotonic() + _SEEN_SECONDS

    def tell(self, who: str, what: str) -> None:
        self._timeline.add(who, what)

    @contextmanager
    def showing(self, now: Now) -> Iterator[None]:
        self._now = now
        try:
            with Live(self, console=self.console, refresh_per_second=_FRAMES_PER_SECOND, screen=True):
                yield
        finally:
            self.console.print(self._picture(self.console.width), *self._timeline.last(), sep="\n", soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One frame. The newest line is the bold one."""
        width = min(WIDTH, options.max_width)
        yield self._picture(width)
        lines = self._timeline.last(max(1, console.height - _ROWS_BESIDE_TIMELINE))
        for line in lines:
            fitting = line.copy()
            fitting.truncate(width, overflow="ellipsis")
            if line is lines[-1]:
                fitting.stylize("bold")
            yield fitting

    def _picture(self, width: int) -> Panel:
        return _panel(self._now(), self._act, self._timeline.seconds, min(WIDTH, width))


class PlainScreen:
    """Anything that is not a terminal: each line as it comes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._timeline = Timeline()
        self._lock = Lock()

    def begin(self, act: str) -> None:
        with self._lock:
            self.console.print(f"\n{act}", soft_wrap=True)

    def tell(self, who: str, what: str) -> None:
        with self._lock:
            self.console.print(self._timeline.add(who, what), soft_wrap=True)

    @contextmanager
    def showing(self, now: Now) -> Iterator[None]:
        del now
        yield


def screen() -> LiveScreen | PlainScreen:
    """The screen that standard output is."""
    console = Console(highlight=False, file=sys.stdout)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveScreen(Console(highlight=False, file=sys.stdout, width=min(WIDTH, console.width)))
    return PlainScreen(Console(highlight=False, file=sys.stdout, width=WIDTH, color_system=None))


def _panel(now: Shown | None, act: str, seconds: float, width: int) -> Panel:
    table = Table.grid(padding=(0, 1))
    table.add_column(style=_FADED, width=9, no_wrap=True)
    table.add_column(width=14, no_wrap=True)
    table.add_column(no_wrap=True)
    for row in _rows_of(now):
        table.add_row(*row)
    return Panel(
        table,
        title=Text(act or "SoulSeer: a reading over HTTP", "bold"),
        title_align="left",
        subtitle=f"SoulSeer, {seconds:.0f} s",
        subtitle_align="right",
        border_style=_FADED,
        width=width,
    )


Row = tuple[str, Text, Text]

_NO_ROWS: Final[list[Row]] = [
    ("state", Text("○ none", _FADED), Text("nobody has asked for a reading yet")),
    *((name, Text(), Text()) for name in ("minute", "credit", "present", "channel", "deadline")),
]
"""As many as a reading has, and a stream, so that the timeline does not jump when one begins."""


def _rows_of(now: Shown | None) -> Sequence[Row]:
    if now is None:
        return _NO_ROWS
    if isinstance(now, Shopping):
        return _shopping_rows(now)
    if isinstance(now, Moment):
        return _rows(now)
    return _stream_rows(now) if isinstance(now, StreamMoment) else _page_rows(now)


def _rows(now: Moment) -> list[Row]:
    colour, meaning = _STATES[now.state]
    reason = f" ({now.reason})" if now.reason else ""
    runs = now.state == "active"
    low = f"bold {RED}" if now.left <= now.minute else ORANGE if now.left <= 2 * now.minute else GREEN
    ends = Text()
    if now.ends_in is not None:
        ends = bar(now.ends_in, now.ends_after, MAGENTA).append(f" {now.ends_in:.0f} s")
    here = {name for name, is_here in (("client", now.client_here), ("reader", now.reader_here)) if is_here}
    return [
        ("state", Text(f"● {now.state}", colour), Text(f"{meaning}{reason}")),
        (
            "minute",
            Text(f"{now.minutes}" + ("" if runs else ", stands"), "bold"),
            bar(now.into_minute, now.minute, GREEN if runs else _FADED).append(
                f" {now.into_minute:.0f} of {now.minute:.0f} s"
            ),
        ),
        (
            "credit",
            Text(dollars(now.balance), "bold"),
            bar(now.left, 4 * now.minute, low).append(f" {now.left:.0f} s of talk"),
        ),
        ("present", _person("client", there=here), _person("reader", there=here)),
        (f"channel {now.channel}", _person("client", there=now.in_channel), _person("reader", there=now.in_channel)),
        ("deadline", Text("none" if now.ends_in is None else f"{now.ending} ends"), ends),
    ]


def _shopping_rows(now: Shopping) -> list[Row]:
    rows = [
        (name, Text(f"{coins:,} coins", "bold"), bar(coins, wanted, CYAN).append(f" {store}"))
        for name, store, coins, wanted in now.buyers[:_BUYERS]
    ]
    empty = [("", Text(), Text())] * (_BUYERS - len(rows))
    return [("state", Text("○ no stream", _FADED), Text("viewers buy coins")), *rows, *empty]


def _stream_rows(now: StreamMoment) -> list[Row]:
    colour, meaning = _STREAM_STATES[now.state]
    if now.state == "live" and not now.host_here:
        meaning = "the reader is not there"
    state = Text(f"{meaning} ({now.reason})" if now.reason else meaning)
    if now.ends_in is not None:
        state = bar(now.ends_in, now.ends_after, MAGENTA).append(f" ends in {now.ends_in:.0f} s")
    here = {name for name, is_here in now.watching if is_here}
    there = Text("  ").join([*(_person(name, there=here) for name, _ in now.watching), Text("in channel", _FADED)])
    (pace,) = columns(now.pace, most=_PACE)
    most = now.leaders[0][1] if now.leaders else 0
    leaders = [*now.leaders, *[("", 0)] * _LEADERS][:_LEADERS]
    return [
        ("state", Text(f"● {now.state}", colour), state),
        ("counted", Text(f"{now.viewers}, peak {now.peak}", "bold"), there),
        ("gifts", Text(f"{now.gifts}", "bold"), Text.assemble((pace, GREEN), f" {now.coins:,} coins")),
        *(
            (name, Text(f"{coins:,}" if name else ""), bar(coins, most, CYAN) if name else Text())
            for name, coins in leaders
        ),
    ]


def _page_rows(now: Page) -> list[Row]:
    what, who, said, rows = _page(now)
    return [(what, who, _flat(said)), *rows, *[("", Text(), Text())] * (_LINES - len(rows))]


def _page(now: Page) -> tuple[str, Text, str, list[Row]]:
    """What it is, whose, its title, and its lines."""
    match now:
        case Chat():
            return "phone", _owner(now.owner), f"{dollars(now.credit)} of credit", _chat_rows(now)
        case Mailbox():
            return "phone", _owner(now.owner), f"{now.unread} unread in the inbox", _mailbox_rows(now)
        case Board():
            return "phone", _owner(now.viewer), f"“{now.title}”", _board_rows(now)
        case Bought():
            return "phone", _owner(now.owner), f"order {now.state}, {now.total}", _bought_rows(now)
        case Shelf():
            return (
                "shop",
                _owner(f"{len(now.goods)} on sale"),
                "as everybody sees it, the newest first",
                _shelf_rows(now),
            )
        case Counter():
            return "shop", _pieces(now.left), f"{now.product}, {dollars(now.price)}", _counter_rows(now)


def _owner(name: str) -> Text:
    return Text(f"● {name}", f"bold {CYAN}")


def _pieces(left: int) -> Text:
    return Text(f"● {left} left", f"bold {GREEN}") if left else Text("○ none left", f"bold {RED}")


def _chat_rows(now: Chat) -> list[Row]:
    """A message that is locked is a bar: nothing of it is there."""
    rows = []
    for each in now.bubbles[-_LINES:]:
        tag = Text(f"{dollars(each.price)}, {'locked' if each.locked else 'paid'}", ORANGE if each.locked else GREEN)
        files = {0: "", 1: " and a picture"}.get(each.files, f" and {each.files} files")
        said = Text("░" * 30, _FADED) if each.text is None else _flat(f"{each.text}{files}")
        rows.append((each.who, tag if each.price else Text("free", _FADED), said))
    return rows


def _mailbox_rows(now: Mailbox) -> list[Row]:
    letters = Text("1 letter" if now.letters == 1 else f"{now.letters} letters", "bold")
    wanted = Text("● wanted", GREEN) if now.by_mail else Text("○ not wanted", RED)
    return [
        ("inbox", Text("newest"), _flat(now.newest)),
        ("mail", letters, _flat(now.subject)),
        ("", Text("plain text", _FADED), _flat(paragraph(now.text))),
        ("", Text("HTML", _FADED), _flat(paragraph(now.html))),
        ("more mail", wanted, Text("about the wallet")),
    ]


def _board_rows(now: Board) -> list[Row]:
    rows = [
        (each.who, Text(f"● {each.standing}", _STANDINGS.get(each.standing, "")), _flat(each.html))
        for each in now.posts[1 - _LINES :]
    ]
    if now.reports:
        verdict = Text(f" {now.verdict or 'hidden'}" if now.reports >= HIDING else "")
        drawn = bar(now.reports, HIDING, ORANGE).append(verdict)
        rows.append(("reports", Text(f"{now.reports} of {HIDING}", "bold"), drawn))
    return rows


def _shelf_rows(now: Shelf) -> list[Row]:
    rows = []
    for each in now.goods[:_LINES]:
        said = [f"{each.name}, by {each.seller}" if each.seller else each.name]
        said += [f"{each.left} left"] if each.left is not None else []
        said += [f"{each.coins:,} coins in an app"] if each.coins is not None else []
        rows.append((each.sort, Text(dollars(each.price), "bold"), _flat(", ".join(said))))
    return rows


def _counter_rows(now: Counter) -> list[Row]:
    """Who has a piece has paid; whoever has none has all the credit of before."""
    rows = []
    for each in now.customers[:_LINES]:
        drawn = bar(each.credit, each.before, GREEN if each.word == HAS_ONE else CYAN)
        said = Text(f" {each.word}", f"bold {GREEN}" if each.word == HAS_ONE else "")
        rows.append((each.name, Text(dollars(each.credit), "bold"), _cut(drawn.append(said))))
    return rows


def _bought_rows(now: Bought) -> list[Row]:
    return [(what, Text(amount, "bold"), _flat(said)) for what, amount, said in now.lines[:_LINES]]


def _flat(text: str) -> Text:
    """On one line, whatever somebody wrote, and no longer than the last column is."""
    return _cut(Text(" ".join(text.split())))


def _cut(line: Text) -> Text:
    line.truncate(_ROOM, overflow="ellipsis")
    return line


def _person(name: str, *, there: set[str] | frozenset[str]) -> Text:
    return Text.assemble(("● ", GREEN) if name in there else ("○ ", RED), name)
