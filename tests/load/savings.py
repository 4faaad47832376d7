"""What would lower the cost of a minute: each change by itself, reckoned with the same prices and uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.load.page import Sums, sums, total
from tests.load.prices import PRICES, Use, price

_HTTP_API: Final = 1.00
"""Dollars for a million requests of an HTTP API."""
_ARM: Final = 0.8
"""Of the price of a GB-second."""
_SMALLER_MB: Final = 1_024

Saving = tuple[str, float, float]
"""The change, and the dollars less for 1,000 minutes of voice and of text."""


def savings(uses: Sequence[Use], memory: Mapping[str, int], wakes_without_silence: float) -> list[Saving]:
    """``wakes_without_silence``: of the clock in 1,000 minutes, if silence were left out."""
    before = total(sums(uses, memory, "voice")), total(sums(uses, memory, "text"))

    def less(what: str, changed: Iterable[Use], sizes: Mapping[str, int] = memory) -> Saving:
        changed = list(changed)
        after = total(sums(changed, sizes, "voice")), total(sums(changed, sizes, "text"))
        return what, before[0] - after[0], before[1] - after[1]

    gateway = 1 - _HTTP_API / PRICES["API Gateway request (REST)"][0]
    wake = next(use for use in uses if use.act == "wake")
    return [
        less(
            "The clock leaves silence to the beats and the tick; its wakes are then five minutes apart in text too",
            (replace(each, text=min(each.text, wakes_without_silence)) if each is wake else each for each in uses),
        ),
        less(
            "The index `open` of keys only: a beat does not write it, and the tick reads each row",
            (_with_keys_only(each) for each in uses),
        ),
        less(
            "Beats every 60 s in place of 30",
            (replace(each, voice=each.voice / 2, text=each.text / 2) if each.act == "beat" else each for each in uses),
        ),
        (
            f"An HTTP API (${_HTTP_API:.2f} a million) in place of REST",
            gateway * _of_gateway(sums(uses, memory, "voice")),
            gateway * _of_gateway(sums(uses, memory, "text")),
        ),
        less(f"`api` with {_SMALLER_MB:,} MB in place of {memory['api']:,}", uses, {**memory, "api": _SMALLER_MB}),
        (
            "arm64 (a fifth less for a GB-second)",
            (1 - _ARM) * _of_compute(uses, memory, voice=True),
            (1 - _ARM) * _of_compute(uses, memory, voice=False),
        ),
    ]


def _with_keys_only(use: Use) -> Use:
    if use.act in ("beat", "renew", "wake", "notice"):
        return replace(use, written=use.written - 1)
    return replace(use, requests=use.requests + 1, read=use.read + 1) if use.act == "tick" else use


def _of_gateway(of: Sums) -> float:
    return sum(services["API Gateway"] for services in of.values())


def _of_compute(uses: Sequence[Use], memory: Mapping[str, int], *, voice: bool) -> float:
    """Dollars for GB-seconds."""
    seconds = sum(
        (each.voice if voice else each.text)
        * each.billed_ms(memory[each.function])
        / 1_000
        * memory[each.function]
        / 1_024
        for each in uses
    )
    return seconds * price("Lambda GB-second")
