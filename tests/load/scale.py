"""``docs/scale.md``: how many open sessions each limit allows, from what an act uses and how often it happens.

The quotas are AWS's and Agora's defaults, to be checked again; most can be raised by asking. What one open session
asks of a limit is reckoned from the same uses as the cost of a minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.load.prices import MINUTES, Use
from tests.load.reading import TRANSITIONS
from tests.load.tick import SHARDS

_SECONDS: Final = MINUTES * 60
"""In 1,000 minutes."""
_TICK_SECONDS: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_YEAR: Final = 365 * _DAY

_AGORA_CALLS: Final = 10
_TRANSITIONS: Final = 5_000
_STARTS: Final = 300
_GATEWAY: Final = 10_000
_PARTITION_WRITES: Final = 1_000
_TABLE_UNITS: Final = 40_000
_CONCURRENCY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Limit:
    """``each`` is what one open session asks of it; both are for a second unless ``what`` says otherwise."""

    what: str
    allowed: float
    each: float
    turn: str

    @property
    def sessions(self) -> float:
        """How many open sessions it allows."""
        return self.allowed / self.each


def limits(uses: Sequence[Use], memory: Mapping[str, int], executions: float) -> list[Limit]:
    """Those that a reading in voice or video meets, the narrowest first."""
    often = {use.act: use.voice / _SECONDS for use in uses}
    of = {use.act: use for use in uses}
    calls = sum(use.voice for use in uses if use.function == "api") / _SECONDS
    rewritten = sum(often[act] for act in ("beat", "renew", "wake", "notice"))
    text_wakes = of["wake"].text / _SECONDS
    work = of["tick"].billed_ms(memory["billing_tick"]), of["minute"].billed_ms(memory["billing_tick"])
    busy = sum(use.voice / _SECONDS * use.billed_ms(memory[use.function]) / 1_000 for use in uses)
    known = [
        Limit("removals at Agora", _AGORA_CALLS, often["end"], "a higher limit at Agora"),
        Limit(
            "writes to the partition `online` of an index of the directory, by readers who come and go once an hour",
            _PARTITION_WRITES,
            2 / _HOUR,
            "the partition divided, as `open` is",
        ),
        Limit(
            f"milliseconds of {SHARDS} shards' work in a minute, every minute charged by the tick",
            SHARDS * _TICK_SECONDS * 1_000,
            sum(work),
            "`TickShards` (up to 256)",
        ),
        Limit("state transitions, voice", _TRANSITIONS, TRANSITIONS * often["wake"], "the quota; fewer wakes"),
        Limit("state transitions, text", _TRANSITIONS, TRANSITIONS * text_wakes, "the quota; silence left to the tick"),
        Limit("StartExecution", _STARTS, executions / _SECONDS, "the quota"),
        Limit("requests to API Gateway", _GATEWAY, calls, "the quota; beats every 60 s"),
        Limit(
            f"writes to {SHARDS} partitions of the index `open`",
            SHARDS * _PARTITION_WRITES,
            rewritten,
            "`TickShards`; an index of keys only",
        ),
        Limit("write units of the table `sessions`", _TABLE_UNITS, 2 * rewritten, "the quota; an index of keys only"),
        Limit("read units of the table `ledger`", _TABLE_UNITS, rewritten + often["tick"], "the quota"),
        Limit("read units of the table `accounts`", _TABLE_UNITS, calls, "the quota; people kept for some seconds"),
        Limit("functions at once", _CONCURRENCY, busy, "the quota"),
    ]
    return sorted(known, key=lambda limit: limit.sessions)


@dataclass(frozen=True, slots=True)
class Market:
    """A small market at its busiest. What is not a number of people or things is a second's."""

    readings: int = 100
    streams: int = 10
    watchers: int = 500
    """Of each stream."""
    online: int = 300
    """Readers, each of whom says so every 30 s."""
    around: int = 1_000
    """Who has the app open and looks at something every ten seconds."""
    gifts: float = 5
    messages: float = 2
    mails: float = 0.5
    payments: float = 0.15
    """Top-ups and orders on Stripe's pages."""

    @property
    def notices(self) -> float:
        """What is told to somebody: each message, and what is mailed."""
        return self.messages + self.mails

    def requests(self, of_a_reading: float) -> float:
        """To the API."""
        looking = self.streams * self.watchers / _LOOK_SECONDS + self.around / _AROUND_SECONDS
        return self.readings * of_a_reading + self.online / _LOOK_SECONDS + looking

    @property
    def entries(self) -> float:
        """Of the ledger: minutes, begins and ends of readings, two of a gift, one of what is paid or unlocked."""
        return self.readings * (1 / 60 + _ENTRIES_AROUND / 900) + 2 * self.gifts + self.payments + 0.2 * self.messages


_LOOK_SECONDS: Final = 30
_AROUND_SECONDS: Final = 10
_ENTRIES_AROUND: Final = 5
_REQUEST_SECONDS: Final = 0.025
_MAILS_A_DAY: Final = 50_000
_MAILS: Final = 14
_TELL_SECONDS: Final = 0.06
_PUBLISH_SECONDS: Final = 0.1
_FOLD_SECONDS: Final = 0.07
_FOLDED: Final = 25
_COUNTS: Final = 16
_COUNT_SECONDS: Final = 0.05
_STRIPE: Final = 100
_ENTRY_BYTES: Final = 510
_PAGE_SECONDS: Final = 0.06
_GIFT_UNITS: Final = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What the market asks of something, and what that takes; both are for a second unless ``what`` says otherwise."""

    what: str
    asked: float
    takes: float
    turn: str

    @property
    def times(self) -> float:
        """How many such markets it is enough for."""
        return self.takes / self.asked


def loads(uses: Sequence[Use], memory: Mapping[str, int], executions: float) -> list[Load]:
    """What a small market asks of everything, what gives way first first."""
    market = Market()
    of = {limit.what: limit for limit in limits(uses, memory, executions)}
    requests = market.requests(of["requests to API Gateway"].each)
    pages = market.entries * _ENTRY_BYTES * _YEAR / 2**20
    known = [
        *(
            Load(limit.what, market.readings * limit.each, limit.allowed, limit.turn)
            for limit in of.values()
            if limit.what in ("removals at Agora", "state transitions, voice", "StartExecution")
        ),
        Load("letters a day by SES", market.mails * _DAY, _MAILS_A_DAY, "the quota, asked for in time"),
        Load("letters by SES", market.mails, _MAILS, "the quota"),
        Load(
            "streams with news, told one after the other by `live_signals`",
            min(market.streams, market.gifts),
            1 / _PUBLISH_SECONDS,
            "`ParallelizationFactor` (up to 10); gifts of one stream are told together",
        ),
        Load(
            "notices told one after the other by `notify`",
            market.notices,
            1 / _TELL_SECONDS,
            "`ParallelizationFactor` (up to 10): a person's own stay in order",
        ),
        Load(
            "entries summed on the platform's row of the hour by `rollup`",
            market.entries,
            _FOLDED / _FOLD_SECONDS,
            "that row in parts, as the journals are; until then sums come late",
        ),
        Load(
            "hours a day to read the ledger of a year for `reconcile`",
            pages * _PAGE_SECONDS / _HOUR,
            24,
            "segments of the scan, side by side",
        ),
        Load(
            "people who come into one stream, if all come in a minute",
            market.watchers / 60,
            _COUNTS / _COUNT_SECONDS,
            "more rows of its count",
        ),
        Load(
            "write units on the feed of one stream's gifts",
            market.gifts / market.streams * _GIFT_UNITS,
            _PARTITION_WRITES,
            "the feed in parts",
        ),
        Load("requests to API Gateway, all together", requests, _GATEWAY, "the quota"),
        Load("functions at once, all together", requests * _REQUEST_SECONDS, _CONCURRENCY, "the quota"),
        Load("calls to Stripe", 2 * market.payments, _STRIPE, "a higher limit at Stripe"),
    ]
    return sorted(known, key=lambda load: load.times)
