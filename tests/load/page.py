"""The blocks that the bench writes into ``docs/cost.md`` and ``docs/scale.md``."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from tests.load.prices import (
    AGORA_MS,
    HEADERS_OUT,
    MINUTES,
    OPEN,
    PLATFORM_LOG,
    PRICED_ON,
    PRICES,
    REQUEST_MS,
    SERVICES,
    TRACED,
    WHOLE_PROCESSOR_MB,
    Use,
    dollars,
)
from tests.load.scale import Limit, Load

ROOT: Final = Path(__file__).resolve().parents[2]
COST: Final = ROOT / "docs" / "cost.md"
SCALE: Final = ROOT / "docs" / "scale.md"
BEGIN: Final = "<!-- written by `python -m tests.load.bench cost --write-docs` -->"
END: Final = "<!-- until here -->"
_BAR: Final = 40
_MANY: Final = 1_000

Modality = Literal["voice", "text"]
Sums = dict[str, dict[str, float]]
"""Dollars for 1,000 minutes, by part and service."""


def memory_of_functions() -> dict[str, int]:
    """MB of each function in production, as ``.chalice/config.json`` says."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    whole: dict[str, int] = {}
    for functions in (config["lambda_functions"], config["stages"]["prod"]["lambda_functions"]):
        for name, settings in functions.items():
            if "lambda_memory_size" in settings:
                whole["api" if name == "api_handler" else name] = settings["lambda_memory_size"]
    return whole


def sums(uses: Iterable[Use], memory: Mapping[str, int], modality: Modality) -> Sums:
    """Dollars for 1,000 minutes."""
    parts: defaultdict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(SERVICES, 0.0))
    for use in uses:
        often = use.voice if modality == "voice" else use.text
        for service, each in dollars(use, memory[use.function]).items():
            parts[use.part][service] += often * each
    return dict(parts)


def total(of: Sums) -> float:
    return sum(sum(services.values()) for services in of.values())


def thousand(use: Use, memory: Mapping[str, int]) -> float:
    """Dollars for a thousand times that act."""
    return 1_000 * sum(dollars(use, memory[use.function]).values())


def cost_block(
    uses: Sequence[Use],
    others: Sequence[Use],
    memory: Mapping[str, int],
    savings: Sequence[tuple[str, float, float]],
) -> str:
    """From prices and uses to dollars, and what would lower them; markers included."""
    voice, text = sums(uses, memory, "voice"), sums(uses, memory, "text")
    lines = [
        BEGIN,
        "",
        f"**1,000 minutes of a reading cost ${total(voice):.3f} in voice or video and ${total(text):.3f} in text.**",
        "",
        "## In voice or video",
        *_sums_table(voice),
        "",
        "## In text",
        *_sums_table(text),
        "",
        "## What would lower it",
        "Dollars less for 1,000 minutes, each by itself.",
        "",
        *table(
            ("change", "voice or video", "text"),
            [(what, f"{of_voice:.4f}", f"{of_text:.4f}") for what, of_voice, of_text in savings],
        ),
        "",
        "## What else people do",
        "Dollars for 1,000 of each, by the same prices; vendors' part aside.",
        "",
        *_others_table(others, memory),
        "",
        f"## Prices: assumptions of {PRICED_ON}, to be checked again",
        "Public list prices of us-east-1, beyond the free tiers, before any discount.",
        "",
        *table(("of a", "dollars", "per"), [(name, f"{each:g}", per) for name, (each, per) in PRICES.items()]),
        "",
        "## How often, and what each uses",
        *_uses_table(uses, memory),
        "",
        *_explained(memory),
        END,
    ]
    return "\n".join(lines)


def _sums_table(of: Sums) -> Iterator[str]:
    whole = total(of)
    rows = []
    for part, services in sorted(of.items(), key=lambda each: -sum(each[1].values())):
        cost = sum(services.values())
        if cost:
            bar = "█" * round(_BAR * cost / whole)
            rows.append((part, *(f"{services[each]:.4f}" for each in SERVICES), f"{cost:.4f}", bar))
    columns = [sum(services[each] for services in of.values()) for each in SERVICES]
    rows.append(("**together**", *(f"{each:.4f}" for each in columns), f"**{whole:.4f}**", ""))
    yield from table(("dollars", *SERVICES, "sum", "share"), rows)


def _uses_table(uses: Iterable[Use], memory: Mapping[str, int]) -> Iterator[str]:
    names = ("act", "function", "voice", "text", "calls", "requests", "read", "written", "CPU ms", "other ms")
    rows = [
        (
            f"{use.act} ({use.part})",
            use.function,
            *(f"{each:g}" for each in (use.voice, use.text, use.calls, use.requests, use.read, use.written)),
            *(f"{each:g}" for each in (use.cpu_ms, use.waits_ms, use.billed_ms(memory[use.function]))),
            *(f"{each:g}" for each in (use.transitions, use.logged, use.out)),
        )
        for use in uses
    ]
    yield from table((*names, "billed ms", "transitions", "log bytes", "bytes out"), rows)


def _others_table(others: Iterable[Use], memory: Mapping[str, int]) -> Iterator[str]:
    rows = [
        (
            use.act,
            use.function,
            *(f"{each:g}" for each in (use.calls, use.requests, use.read, use.written, use.cpu_ms)),
            *(f"{each:g}" for each in (use.billed_ms(memory[use.function]), use.logged, use.out)),
            f"{thousand(use, memory):.4f}",
        )
        for use in others
    ]
    names = (
        "1,000 times",
        "function",
        "calls",
        "requests",
        "read",
        "written",
        "CPU ms",
        "billed ms",
        "log bytes",
        "bytes out",
    )
    yield from table((*names, "dollars"), rows)


def _explained(memory: Mapping[str, int]) -> Iterator[str]:
    sizes = ", ".join(f"`{name}` {size:,}" for name, size in sorted(memory.items()))
    yield f"- *voice* and *text*: times in {MINUTES:,} minutes, counted in a reading of 15 played on a virtual clock."
    yield "- *calls* of the function: a minute is charged within another call; the tick's are shared among"
    yield f"  {OPEN:,} open sessions."
    yield "- *requests* to DynamoDB, units *read* and *written*, as it says itself; the listing's by the items' size."
    yield f"- *billed ms* = CPU × {WHOLE_PROCESSOR_MB:,} ÷ the function's memory (1 at least) + {REQUEST_MS} × requests"
    yield f"  + other. CPU is the bench machine's; {REQUEST_MS} ms a request and {AGORA_MS} ms for Agora are assumed."
    yield f"- Memory in production, MB: {sizes}."
    yield f"- A call adds {PLATFORM_LOG} bytes of Lambda's own log lines, an answer {HEADERS_OUT} bytes of headers, and"
    yield f"  X-Ray samples {TRACED:.0%} of the calls: assumed."


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of Markdown."""
    yield f"| {' | '.join(names)} |"
    yield f"|{'|'.join('---' for _ in names)}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def scale_block(limits: Iterable[Limit], loads: Iterable[Load]) -> str:
    """Which limit is met at how many open sessions, and what a small market asks of everything; markers included."""
    rows = [
        (limit.what, f"{limit.allowed:,.0f}", f"{limit.each:.4g}", f"{float(f'{limit.sessions:.2g}'):,.0f}", limit.turn)
        for limit in limits
    ]
    names = ("a second", "allowed", "one open session", "enough for", "what to turn")
    market = [
        (load.what, _short(load.asked), f"{load.takes:,.0f}", f"{float(f'{load.times:.2g}'):,g}", load.turn)
        for load in loads
    ]
    asked = ("of a small market, a second", "it asks", "there is", "enough for so many", "what to turn")
    return "\n".join([BEGIN, "", *table(names, rows), "", "## A small market", "", *table(asked, market), "", END])


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= _MANY else f"{number:.3g}"


def write(page: Path, block: str) -> None:
    """Put the block into the page, in place of the one before."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(before + block + rest.partition(END)[2])
