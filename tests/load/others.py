"""What else people do costs, once each: a gift, a message, a reply that is paid for, an order, a download, a look at
a dashboard; and what it costs to sum an entry of the ledger for it.

Each is measured at its service, on DynamoDB; what HTTP adds (who asks, the Idempotency-Key, the line in the log) is
the difference that it makes for asking for a reading, which is measured both ways.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Final

from chalicelib.dashboards import folding
from chalicelib.dashboards import service as dashboards
from chalicelib.dashboards.folding import AT_ONCE
from chalicelib.dashboards.model.news import Chain
from chalicelib.live import gifts
from chalicelib.messaging import service as messages
from chalicelib.messaging import unlocking
from chalicelib.messaging.model import MOST_LOCKED, Wanted
from chalicelib.sessions import asking
from chalicelib.sessions.model.session import Side
from chalicelib.shop import downloads, ordering
from tests.load.prices import Use
from tests.load.stage import RICH, Stage, quiet
from tests.support.capacity import billed
from tests.support.counter import Counter
from tests.support.pals import Pals
from tests.support.reading import pay_in
from tests.support.show import Show
from tests.support.worlds import HandClock

TIMES: Final = 8
"""Each is the mean of so many; of paid replies fewer can be locked at once."""
SPACING: Final = 7_000
"""Milliseconds between two, by their clock: nobody does more than is allowed."""
BODY: Final = 700
"""Bytes of an answer's body, about what a reading's are."""
Act = Callable[[int], object]


@dataclass
class _Sum:
    requests: float = 0
    read: float = 0
    written: float = 0
    seconds: float = 0
    logged: float = 0


def measured(stage: Stage, uses: Sequence[Use]) -> list[Use]:
    """Everything that is listed, in its order. ``uses`` are a reading's, through the API."""
    asked = next(use for use in uses if use.act == "ask")
    beat = next(use for use in uses if use.act == "beat")
    alone = _mean(stage, _asking(stage), TIMES)
    http = _Sum(
        asked.requests - alone.requests,
        asked.read - alone.read,
        asked.written - alone.written,
        beat.cpu_ms / 1_000,  # nearly all of a beat is HTTP; the first to ask pays for reading modules
        asked.logged - alone.logged,
    )
    keyless = replace(http, requests=1, read=1, written=0)  # what writes nothing has no Idempotency-Key
    found = [(act, _mean(stage, does, times)) for act, times, does in _acts(stage)]
    acts = [_use(act, own, http if own.written else keyless) for act, own in found]
    return [*acts, _summing(stage)]


def _acts(stage: Stage) -> Iterator[tuple[str, int, Act]]:
    world, own = stage.world, stage.duo().own
    with quiet():
        show = Show(world, own).live()
        patron = show.patron("patron", 100 * TIMES)
        pals = Pals(world, own).opened(100 * TIMES)
        talk = pals.row.id
        pals.writes("client", name="first")
        counter = Counter(world, own).ready(100_000, pieces=2 * TIMES)

    def says(user: str, message: str, price: int = 0) -> None:
        messages.send(world, user, talk, message, Wanted("Which card is this?", price=price))

    def orders(order: str, thing: str, rail: str) -> None:
        ordering.create(world, counter.buyer, order, counter.wanted({thing: 1}, rail))

    def links(n: int) -> None:
        order, link = f"ord_{own}file{n}", f"dow_{own}{n}"
        downloads.make(world, counter.buyer, order, counter.order(f"file{n}").items[0].id, link)

    yield "a gift to a live stream", TIMES, lambda n: gifts.send(world, patron, show.stream, "rose", f"gft_{own}{n}")
    yield "a message", TIMES, lambda n: says(pals.client, f"msg_{own}free{n}")
    yield "a reply that has a price", MOST_LOCKED, lambda n: says(pals.reader, f"msg_{own}paid{n}", 100)
    yield "unlocking it", MOST_LOCKED, lambda n: unlocking.unlock(world, pals.client, f"msg_{own}paid{n}")
    yield "an order of a thing, by credit", TIMES, lambda n: orders(f"ord_{own}thing{n}", "deck", "credit")
    yield "an order of a file, by coins", TIMES, lambda n: orders(f"ord_{own}file{n}", "song", "coins")
    yield "a link to the file", TIMES, links
    looks = partial(dashboards.client, world, pals.client, 30, "UTC")
    yield "opening it", TIMES, lambda n: downloads.open_link(world, counter.buyer, f"dow_{own}{n}")
    yield "a client's dashboard of 30 days", TIMES, lambda _: looks()


def _summing(stage: Stage) -> Use:
    """One entry, of as many people's as are summed at once."""
    with quiet():
        pairs = [stage.duo() for _ in range(AT_ONCE)]
    news = [Chain(pair.account) for pair in pairs]

    def sums(n: int) -> None:
        assert folding.fold(stage.world, news, lambda: 60_000) == []

    def entry(n: int) -> None:
        with quiet():
            for pair in pairs:
                pay_in(stage.world, pair.client, 100, f"topup:{pair.client}{n}")

    whole = _mean(stage, sums, TIMES, before=entry)
    each = _Sum(*(value / AT_ONCE for value in astuple(whole)))
    return replace(_use("summing an entry of the ledger", each, _Sum()), function="rollup", calls=1 / AT_ONCE, out=0)


def _asking(stage: Stage) -> Act:
    """For a reading, each time by others."""
    with quiet():
        pairs = [stage.duo().ready(RICH) for _ in range(TIMES)]

    def asks(n: int) -> None:
        duo = pairs[n]
        asking.create(duo.world, Side(duo.client, "Cee"), duo.session, duo.reader, "voice")

    return asks


def _mean(stage: Stage, act: Act, times: int, before: Act = lambda _: None) -> _Sum:
    sum_, written = _Sum(), io.StringIO()
    clock = stage.world.now
    assert isinstance(clock, HandClock)
    for n in range(times):
        before(n)
        with redirect_stdout(written), billed(stage.client) as bill:
            begun = time.process_time()
            act(n)
            sum_.seconds += time.process_time() - begun
        sum_.requests += len(bill.requests)
        sum_.read += bill.read.total()
        sum_.written += bill.written.total()
        clock.forward(SPACING)
    each = (sum_.requests, sum_.read, sum_.written, sum_.seconds, len(written.getvalue().encode()))
    return _Sum(*(total / times for total in each))


def _use(act: str, own: _Sum, http: _Sum) -> Use:
    return Use(
        act=act,
        part="",
        function="api",
        voice=0,
        text=0,
        calls=1,
        requests=round(own.requests + http.requests, 1),
        read=round(own.read + http.read, 2),
        written=round(own.written + http.written, 1),
        cpu_ms=round(max(0.0, own.seconds + http.seconds) * 1_000, 1),
        waits_ms=0,
        transitions=0,
        logged=round(own.logged + http.logged),
        out=BODY,
    )
