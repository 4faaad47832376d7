"""Demo data: a month of a small SoulSeer, made once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.time import DAY
from chalicelib.live import looking
from chalicelib.moderation import service as moderation
from chalicelib.readers import service as readers
from chalicelib.runtime.tables import Contended, Operation
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.wallet import statement
from scripts.admin import demo
from scripts.admin.cli import run
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, Executions, HandClock, hand_world

WHY = ["--reason", "something to look at", "--yes"]


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def world(tables: MemoryTables) -> World:
    return hand_world(tables)


def seeded(world: World, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["seed", "demo", "--local", "--json", *WHY], lambda _: world, lambda: "arn:ops")
    told = capsys.readouterr().out
    return code, json.loads(told) if told else None


def begun(tables: MemoryTables) -> dict[str, int]:
    return {row["pk"]: row["created_at"] for row in tables.rows["sessions"].values() if "created_at" in row}


def everything(tables: MemoryTables) -> dict[str, int]:
    return {name: len(rows) for name, rows in tables.rows.items()}


def test_a_month_is_made_of_real_postings(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = seeded(world, capsys)
    assert (code, [row["name"] for row in told["rows"]]) == (0, list(demo.NAMES))
    six = [readers.reader(world, row["id"]) for row in told["rows"][:6]]
    assert all(each.verified and each.rating for each in six)
    balance = statement.trial_balance(world)
    assert not any(balance.total.values())
    assert balance.drifted == ()
    assert {name for name in balance.unsettled() if not name.startswith("escrow:")} == set()
    found, _ = sessions.sessions_of(world, "client", told["rows"][6]["id"], 10, None)
    assert {(seen.session.state, seen.session.reason) for seen in found} == {("finalized", "client_ended")}
    spans = [entry for row in told["rows"] for entry in statement.page(world, f"credit:{row['id']}", 100, None)[0]]
    assert min(entry.at for entry in spans) < world.now() - 25 * DAY
    assert max(entry.at for entry in spans) <= world.now()


def test_something_waits_for_an_admin_and_something_is_to_come(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    seeded(world, capsys)
    assert len(moderation.waiting(world, "pending", None, 10, None)[0]) == 1
    assert len(afterwards.pending_guarantees(world)) == 1
    upcoming, _ = looking.listing(world, "upcoming", None, None, 10, None)
    assert len(upcoming) == 1


def test_no_clock_is_wound_for_what_is_over(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    seeded(world, capsys)
    assert isinstance(world.clock, Executions)
    assert {name.partition("_")[0] for name in world.clock.started} == {"str", "bok"}


def test_made_twice_it_is_there_once(world: World, tables: MemoryTables, capsys: pytest.CaptureFixture[str]) -> None:
    seeded(world, capsys)
    before = everything(tables)
    assert seeded(world, capsys) == (0, {"done": True, "would": [], "rows": []})
    assert everything(tables) == before
    assert run(["seed", "demo", "--local", *WHY], lambda _: world) == 0
    assert "demo|luna" in capsys.readouterr().out


def test_every_step_may_be_repeated(world: World, tables: MemoryTables) -> None:
    def all_of_it() -> None:
        for step in demo.Demo(world, world.now(), "arn:ops", "because").steps():
            step()

    all_of_it()
    before = {name: rows for name, rows in everything(tables).items() if name != "readers"}
    all_of_it()
    assert {name: rows for name, rows in everything(tables).items() if name != "readers"} == before


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_demo_data_is_refused_where_people_are(stage: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = replace(world, settings=replace(world.settings, stage=stage))
    assert run(["seed", "demo", "--stage", stage, *WHY], lambda _: elsewhere, lambda: "arn:ops") == 1
    assert stage in capsys.readouterr().err


def test_what_was_cut_off_is_gone_on_with(tables: MemoryTables, capsys: pytest.CaptureFixture[str]) -> None:
    class Failing(MemoryTables):
        """Storage is gone after so many writes, until it is there again."""

        left = 120

        def write(self, *operations: Operation) -> None:
            if self.left == 0:
                raise Contended
            self.left -= 1
            super().write(*operations)

    failing = Failing()
    assert seeded(hand_world(failing), capsys)[0] == 1
    failing.left = -1
    later = hand_world(failing, now=HandClock(NOON + 3 * DAY))
    assert seeded(later, capsys)[0] == 0
    whole = MemoryTables()
    seeded(hand_world(whole), capsys)
    assert begun(failing) == begun(whole), "its month is the one of the first try"
    balance = statement.trial_balance(hand_world(failing))
    assert not any(balance.total.values())


def test_who_made_it_is_in_the_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    seeded(world, capsys)
    assert run(["audit", "show", "seed:demo", "--local", "--json"], lambda _: world) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {(row["action"], row["by"]) for row in rows} == {("demo_begun", "arn:ops"), ("demo_made", "arn:ops")}
