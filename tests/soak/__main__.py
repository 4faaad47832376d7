"""``make soak``: histories on every core, as many as asked for, and a table of what they met.

STEPS=1000000 or HOURS=8 says how long (a minute unless said); FIRST=… is the first seed (the present moment unless
said); SEED=… [STEPS=…] [WITHOUT=…] plays one history again and shows what was logged last. Exit 1 where something was
found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from typing import Final

from chalicelib.kernel.time import HOUR, MINUTE, SECOND
from tests.soak.histories import STEPS, Found, Told, play, play_and_shrink
from tests.soak.system import LAST_LINES

_A_MINUTE: Final = 1 / 60
_EVERY_SECONDS: Final = 10
_MOST_FINDINGS: Final = 5

Result = tuple[Told, Found | None]


def main() -> int:
    """As the environment asks."""
    plain = argparse.RawTextHelpFormatter
    argparse.ArgumentParser("make soak", description=__doc__, formatter_class=plain).parse_args()
    asked = os.environ
    if "SEED" in asked:
        without = frozenset(filter(None, asked.get("WITHOUT", "").split(",")))
        return replay(int(asked["SEED"]), int(asked.get("STEPS", STEPS)), without)
    steps = int(asked["STEPS"]) if "STEPS" in asked else None
    hours = float(asked["HOURS"]) if "HOURS" in asked else None
    first = int(asked.get("FIRST", time.time()))
    seconds = (hours if hours is not None else _A_MINUTE) * HOUR // SECOND if steps is None else None
    return soak(first, steps, seconds)


def replay(seed: int, steps: int, without: frozenset[str]) -> int:
    """One history once more."""
    told, finding = play(seed, steps, without)
    if finding is None:
        _say(f"seed {seed}: nothing found in {told.steps:,} steps")
        return 0
    _say("\n".join(LAST_LINES))
    _say(f"\nseed {seed}, step {told.steps:,}: {finding}")
    return 1


def soak(first: int, steps: int | None, seconds: float | None) -> int:
    """Histories from seed ``first`` on, until there were so many steps, or so much time is over."""
    began = time.monotonic()
    told, found = Told(), list[Found]()
    seeds = count(first)
    _say(f"seeds from {first}, on {os.cpu_count()} cores")
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        running: set[Future[Result]] = set()
        planned = 0
        shown = began

        def wanted() -> bool:
            enough = planned >= steps if steps is not None else time.monotonic() - began >= (seconds or 0)
            return not enough and len(found) < _MOST_FINDINGS

        while True:
            while wanted() and len(running) < 2 * (os.cpu_count() or 1):
                running.add(processes.submit(play_and_shrink, next(seeds)))
                planned += STEPS
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                of_one, finding = future.result()
                told.add(of_one)
                if finding:
                    found.append(finding)
                    _say(f"\nFOUND {finding.finding}\n  {finding.replay}")
            if time.monotonic() - shown >= _EVERY_SECONDS or not running:
                shown = time.monotonic()
                _say(line(told, found, shown - began))
    _say(table(told, found, time.monotonic() - began))
    return 1 if found else 0


def line(told: Told, found: list[Found], seconds: float) -> str:
    """How far it is."""
    return (
        f"{told.steps:>11,} steps  {told.histories:>6,} histories  {told.steps / seconds:>6,.0f} steps/s"
        f"  {sum(told.met.values()):>9,} faults  {len(found)} findings"
    )


def table(told: Told, found: list[Found], seconds: float) -> str:
    """All of it."""
    rows: list[tuple[str, str]] = [
        ("steps", f"{told.steps:,}"),
        ("  through a botocore client", f"{told.wired_steps:,}"),
        ("histories", f"{told.histories:,} ({told.wired:,} of them through a botocore client)"),
        ("readings", f"{told.readings.total():,}"),
        ("virtual time", f"{told.virtual / HOUR:,.0f} h"),
        ("real time", f"{seconds / (MINUTE / SECOND):.1f} min, {told.cpu_seconds / (MINUTE / SECOND):.1f} min of CPU"),
        ("findings", str(len(found))),
    ]
    sections = {
        "faults": {kind: f"{number:,}" for kind, number in sorted(told.met.items())},
        "readings that ended by": {why: f"{number:,}" for why, number in told.readings.most_common()},
        "the longest met": {what: f"{span / SECOND:,.1f} s" for what, span in sorted(told.longest.items())},
    }
    lines = [f"{name:<44}{value:>12}" for name, value in rows]
    for title, of in sections.items():
        lines += ["", title, *(f"  {name:<42}{value:>12}" for name, value in of.items())]
    lines += [f"\nFOUND {each.finding}\n  {each.replay}" for each in found]
    return "\n".join(["", *lines])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
