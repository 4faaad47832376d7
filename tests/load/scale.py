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
_PRESENCE_SECONDS: Final = 30

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
            "writes to the one partition `online` of the readers' index",
            _PARTITION_WRITES,
            1 / _PRESENCE_SECONDS,
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
