"""What AWS asks, and the arithmetic from uses to dollars. Pure: the figures come from ``uses`` and ``reading``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PRICES: Final[Mapping[str, tuple[float, str]]] = {
    "DynamoDB write unit": (0.625, "million"),
    "DynamoDB read unit": (0.125, "million"),
    "Lambda request": (0.20, "million"),
    "Lambda GB-second": (16.6667, "million"),
    "API Gateway request (REST)": (3.50, "million"),
    "Step Functions transition": (25.00, "million"),
    "CloudWatch Logs byte": (0.50, "GB"),
    "X-Ray trace": (5.00, "million"),
    "byte out": (0.09, "GB"),
}
"""Dollars, and for how many. Public list prices of us-east-1, beyond the free tiers and before any discount."""
PRICED_ON: Final = "November 2026"
_HOW_MANY: Final = {"million": 1e6, "GB": 1e9}

WHOLE_PROCESSOR_MB: Final = 1_769
"""A function with this much memory has one virtual processor; with less, that part of one."""
REQUEST_MS: Final = 4
"""How long a function waits for an answer of DynamoDB."""
AGORA_MS: Final = 150
"""How long it waits for Agora to put somebody out."""
PLATFORM_LOG: Final = 480
"""Bytes that Lambda itself writes about a call: START, END, REPORT with the trace."""
HEADERS_OUT: Final = 700
"""Bytes of an answer's headers."""
TRACED: Final = 0.05
"""The part of the requests that X-Ray samples."""
OPEN: Final = 1_000
"""Open sessions among which the tick's own calls are shared."""

MINUTES: Final = 1_000
SERVICES: Final = ("DynamoDB", "Lambda", "API Gateway", "Step Functions", "logs, traces, data")


@dataclass(frozen=True, slots=True)
class Use:
    """What an act uses, once. Rounded as it is shown, so that a reader's arithmetic gives our sums."""

    act: str
    part: str
    """What it is a part of, in the sums."""
    function: str
    voice: float
    """How often in 1,000 minutes of voice or video."""
    text: float
    """How often in 1,000 minutes of text."""
    calls: float
    """Of the function; a tick shares its call with others, and a minute is charged within another act."""
    requests: float
    read: float
    written: float
    cpu_ms: float
    """On a whole processor."""
    waits_ms: float
    """For others than DynamoDB."""
    transitions: float
    logged: float
    """Bytes of our own lines."""
    out: float
    """Bytes of the answer's body, over the internet."""

    def billed_ms(self, memory: int) -> float:
        """How long the function runs, with that much memory in MB."""
        slower = max(1.0, WHOLE_PROCESSOR_MB / memory)
        return round(self.cpu_ms * slower + self.requests * REQUEST_MS + self.waits_ms, 1)


def price(name: str) -> float:
    """Dollars for one."""
    dollars, per = PRICES[name]
    return dollars / _HOW_MANY[per]


def dollars(use: Use, memory: int) -> dict[str, float]:
    """What the act costs once, by service."""
    over_api = use.calls if use.function == "api" else 0.0
    lines = use.logged + use.calls * PLATFORM_LOG
    sent = use.out + over_api * HEADERS_OUT
    return {
        "DynamoDB": use.written * price("DynamoDB write unit") + use.read * price("DynamoDB read unit"),
        "Lambda": use.calls * price("Lambda request")
        + use.billed_ms(memory) / 1_000 * memory / 1_024 * price("Lambda GB-second"),
        "API Gateway": over_api * price("API Gateway request (REST)"),
        "Step Functions": use.transitions * price("Step Functions transition"),
        "logs, traces, data": lines * price("CloudWatch Logs byte")
        + use.calls * TRACED * price("X-Ray trace")
        + sent * price("byte out"),
    }
