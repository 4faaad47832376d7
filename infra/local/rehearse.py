"""``python -m infra.local.rehearse`` (``make rehearse``): docs/runbooks/restore.md, played on a stack of its own.

People have money in it and a reading is open. The stage is stopped and copied; every item of every table is removed
past the program; the copy is brought back and proven; the stage goes on, and so does the reading. The exit code is 0
only where each item is again what it was, the books hold, and the reading is paid for to the second.
``tests/e2e/test_restarts.py`` does the same.
"""

import contextlib
import io
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from chalicelib.kernel.time import ceil_div
from chalicelib.sessions import service as sessions
from infra.local.emptied import Rows, empty, look
from infra.local.ministack import CannotStart
from infra.local.people import RATE, Person, make_reader
from infra.local.phone import Api, Phone
from infra.local.proof import prove
from infra.local.stack import DEFAULT_STATE_DIR, Stack, local_stack
from infra.local.waiting import TookTooLong, until
from scripts.backup.export import tables_of
from scripts.deployment.failures import DeployFailed

Admin = Callable[..., None]
"""Carries out a command of scripts/soulseer; raises where its exit code is not 0."""

SETTINGS: Final = {
    "BILLING_MINUTE_SECONDS": "6",
    "BEAT_SECONDS": "2",
    # Who talks on must outlive the standstill: by beats, and in a channel by a token's life.
    "SILENCE_SECONDS": "150",
    "HOLD_MINUTES": "40",
    "RATE_LIMITS": "off",
}
SETTLE_SECONDS: Final = 10
"""A call takes less here than the longest that a function may run, also on two busy cores."""
SOON: Final = 60.0
_CREDIT: Final = 15_000
_CLIENTS: Final = {"Clara": _CREDIT, "Ben": 2_500, "Mia": 5_000}
_SAID: Final = {"backups", "stage", "payouts", "freeze"}
"""Keys of the rows that say that a stage stood still and was brought back, and that payouts are stopped."""
_WHY: Final = ("--local", "--json", "--reason", "a rehearsal", "--yes")


@dataclass(frozen=True, slots=True)
class Round:
    """What was in each table before all was lost, and when it was brought back."""

    before: dict[str, Rows]
    after: dict[str, Rows]

    @property
    def items(self) -> int:
        return sum(map(len, self.before.values()))

    @property
    def faults(self) -> list[str]:
        """What is not to the byte what it was, but for the word that it was done."""
        return [
            f"{name} {key}"
            for name, now in self.after.items()
            for key in now.keys() | self.before[name].keys()
            if now.get(key) != self.before[name].get(key) and not any(f'"{word}"' in key for word in _SAID)
        ]


def lose_and_bring_back(
    admin: Admin, dynamodb: Any, tables: Sequence[str], others: Sequence[str], to: Path, phones: Sequence[Phone]
) -> Round:
    """Stop the stage, copy it, empty every table and bring the copy back; the stage takes calls again.

    ``others`` are tables that no backup holds. ``phones`` are silent meanwhile: the local AWS has a function that may
    not be called answer those who come by its alias.
    """
    for phone in phones:
        phone.api.online = False
    admin("stage", "stop", "--settle", str(SETTLE_SECONDS))
    before = look(dynamodb, tables)
    admin("backup", "export", "--to", str(to))
    empty(dynamodb, [*tables, *others])
    admin("backup", "restore", "--from", str(to))
    found = Round(before, look(dynamodb, tables))
    admin("stage", "start")
    for phone in phones:
        phone.api.online = True
    return found


# --- for a person ----------------------------------------------------------------------------------


class _Failed(Exception):
    """What was to hold did not."""


def main() -> int:
    """Rehearse once. 1: something did not hold; 2: the stack did not start."""
    logging.basicConfig(level=logging.ERROR)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    console.print("Starting a local stack of its own …")
    try:
        with (
            local_stack(DEFAULT_STATE_DIR / "rehearsal", SETTINGS, fresh=True, port=0, say=lambda _: None) as stack,
            tempfile.TemporaryDirectory(prefix="soulseer-backup-") as folder,
        ):
            return _rehearsed(stack, Path(folder) / "backup", console)
    except (CannotStart, DeployFailed) as error:
        console.print(f"The local stack did not start: {error}", style="red")
        return 2
    except (_Failed, TookTooLong) as failed:
        console.print(f"✗ {failed}", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130


def _rehearsed(stack: Stack, to: Path, console: Console) -> int:
    with _step(console, "Three people pay for credit, and one of them begins a reading"):
        reader = _reader(stack)
        people = [_client(stack, name, cents) for name, cents in _CLIENTS.items()]
        talks = people[0]
        reader.session = talks.ask(reader.id, "voice")
        reader.do("accept")
        reader.join()
        talks.join()
        until("a second minute being paid", lambda: talks.credit() < _CREDIT - RATE, seconds=SOON)
    credit = [each.credit() for each in people]

    def admin(*arguments: str) -> None:
        with _step(console, f"scripts/soulseer {' '.join(arguments[:2])}"):
            _admin(stack, arguments)

    names = tables_of(stack.world())
    others = [name for name in stack.tables.values() if name not in names.values()]
    found = lose_and_bring_back(admin, stack.aws("dynamodb"), list(names.values()), others, to, (talks, reader))
    if found.faults:
        raise _Failed(f"not what it was: {', '.join(found.faults[:5])}")
    with _step(console, "The reading goes on: a further minute is paid"):
        paid = talks.credit()
        until("a further minute being paid", lambda: talks.credit() < paid, seconds=SOON)
        for each in (talks, reader):
            each.hang_up()
        talks.do("end")
        seconds = _settled(stack, talks)
    faults = prove(stack.world()).faults
    admin("ledger", "reconcile", "--margin", "0")
    admin("payouts", "unfreeze")
    with _step(console, "scripts/soulseer rollups check"):
        check = ("rollups", "check", "--margin", "0", "--local")
        until("every sum being the ledger's", lambda: _run(stack, *check)[0] == 0, seconds=SOON)
    console.print(_table(found, list(names), credit, [each.credit() for each in people], seconds))
    for fault in faults:
        console.print(f"✗ {fault}", style="red")
    return 1 if faults else 0


def _settled(stack: Stack, talks: Phone) -> float:
    """The seconds of talk, once they are paid for exactly."""
    world = stack.world()
    row = until(
        "the settlement",
        lambda: row if (row := sessions.load(world, talks.session["id"])).state == "finalized" else None,
        seconds=SOON,
    )
    owed = ceil_div(row.connected_before, world.settings.rules.minute) * row.rate - row.refunded
    if _CREDIT - talks.credit() != owed:
        raise _Failed(f"the reading cost {_CREDIT - talks.credit()} cents instead of {owed}")
    return row.connected_before / 1_000


def _table(found: Round, names: Sequence[str], before: Sequence[int], after: Sequence[int], seconds: float) -> Table:
    table = Table("what", "before", "brought back", "", box=None, pad_edge=False)
    for name, physical in zip(names, found.before, strict=True):
        was, now = len(found.before[physical]), len(found.after[physical])
        table.add_row(f"items of {name}", f"{was:,}", f"{now:,}", "✓" if was == now else f"{now - was} that say so")
    for who, was, now in zip(_CLIENTS, before, after, strict=True):
        table.add_row(f"credit of {who}", f"${was / 100:.2f}", f"${now / 100:.2f}", "✓")
    table.add_row("the open reading", "went on", f"{seconds:.1f} s", "paid to the second ✓")
    table.add_row("the ledger", "", "verified, reconciled", "✓")
    table.add_row("sums for dashboards", "", "the ledger's", "✓")
    return table


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(what):
        yield
    console.print(f"{time.monotonic() - began:6.1f} s  {what}")


def _admin(stack: Stack, arguments: Sequence[str]) -> None:
    code, complained = _run(stack, *arguments, *_WHY)
    if code:
        raise _Failed(f"{' '.join(arguments)}: {complained}")


def _run(stack: Stack, *arguments: str) -> tuple[int, str]:
    """A command's exit code, and what it complains of."""
    from scripts.admin.cli import run

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as complained:
        code = run([*arguments], lambda _: stack.world(), lambda: "rehearsal")
    return code, complained.getvalue().strip()


def _client(stack: Stack, name: str, cents: int) -> Phone:
    phone = Phone(Api(stack.api_url, stack.token(f"rehearsal|{name}", name=name)), stays=True)
    phone.top_up(cents)
    until("the credit of the top-up", lambda: phone.credit() == cents, seconds=SOON)
    return phone


def _reader(stack: Stack) -> Phone:
    person = Person("rehearsal|rosa", "rosa@example.test", "Rosa")
    token = stack.token(person.subject, email=person.email, name=person.name)
    make_reader(stack.api_url, stack.world(), token, person)
    phone = Phone(Api(stack.api_url, token), stays=True)
    phone.api.put("/v1/reader/presence", {"status": "online"})
    return phone


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
