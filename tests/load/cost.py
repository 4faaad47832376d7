"""What 1,000 minutes of a reading cost at AWS, from what each act uses and how often it happens."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import HOUR
from tests.load import others, page
from tests.load.prices import MINUTES
from tests.load.reading import TALK, lived
from tests.load.report import Told, shown
from tests.load.savings import savings
from tests.load.scale import limits, loads
from tests.load.stage import MINUTE, Stage
from tests.load.uses import measured


def measure(stage: Stage, *, write: bool = False) -> Iterator[Told]:
    """Lines about dollars; ``write`` puts the tables into the documents."""
    uses, memory = measured(stage), page.memory_of_functions()
    other = others.measured(stage, uses)
    for modality in ("voice", "text"):
        of = page.sums(uses, memory, "voice" if modality == "voice" else "text")
        yield shown(f"1,000 minutes of {modality}", f"${page.total(of):.3f}")
        for part, services in sorted(of.items(), key=lambda each: -sum(each[1].values())):
            if cost := sum(services.values()):
                yield shown(f"  {part}", f"${cost:.4f}")
    for use in other:
        yield shown(f"1,000 times {use.act}", f"${page.thousand(use, memory):.3f}")
    if write:
        often = MINUTES * MINUTE / -(-TALK // MINUTE) / MINUTE
        executions = lived("text")["execution"] * often
        calm = lived("text", Rules(silence=3 * HOUR))["wake"] * often
        page.write(page.COST, page.cost_block(uses, other, memory, savings(uses, memory, calm)))
        page.write(page.SCALE, page.scale_block(limits(uses, memory, executions), loads(uses, memory, executions)))
        yield shown("written to", "docs/cost.md docs/scale.md")
