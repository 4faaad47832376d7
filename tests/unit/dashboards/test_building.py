"""Sums are made anew beside those that are shown, and held against what they are sums of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.dashboards import building, checking, folding, rollups, service
from chalicelib.dashboards.checking import Difference
from chalicelib.dashboards.model.news import Chain, Stands
from chalicelib.dashboards.store import Build
from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState
from chalicelib.kernel.time import DAY, HOUR
from chalicelib.readers import service as readers
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Page
from chalicelib.wallet import service as wallet
from scripts.admin.cli import run
from tests.support.duo import Duo
from tests.support.memory import MemoryTables
from tests.support.reading import add_reader, pay_in
from tests.support.worlds import hand_world

OPERATOR = "arn:aws:iam::000000000000:user/ops"
Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def duo() -> Duo:
    """A reading that is settled, a person, a reader; nothing is summed yet."""
    duo = Duo(hand_world(), "1")
    duo.ended(150_000)
    duo.noticed()
    accounts.sign_in(duo.world, Claims("auth0|1", None, "Ada"))
    return duo


@pytest.fixture
def soulseer(duo: Duo, capsys: pytest.CaptureFixture[str]) -> Command:
    """The exit code, and what is answered in JSON."""

    def command(*arguments: str) -> tuple[int, Any]:
        code = run(["rollups", *arguments, "--local", "--json"], lambda _: duo.world, lambda: OPERATOR)
        told = capsys.readouterr().out
        return code, json.loads(told) if told else None

    return command


def checked(world: World, margin: int = 0) -> list[Difference]:
    return checking.check(world, margin, lambda _: None)


def rebuilt(world: World) -> Build:
    return building.rebuild(world, lambda _: None, actor="admin", reason="test")


class Stopped(Exception):
    pass


def stopped(world: World) -> None:
    """A rebuild that ends after the first page that it reads."""

    def stop(_: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        building.rebuild(world, stop, actor="admin", reason="test")


def rows(world: World) -> dict[tuple[str, str], dict[str, Any]]:
    assert isinstance(world.tables, MemoryTables)
    return world.tables.rows["rollups"]


def test_what_was_never_told_is_missed_and_is_there_after_a_rebuild(duo: Duo) -> None:
    missing = {(each.subject, each.measure): each.right for each in checked(duo.world)}
    assert missing["platform", "minutes"] == missing[f"reader:{duo.reader}", "minutes"] == 3
    assert missing["platform", "people"] == missing["platform", "standing.verified"] == 1
    assert rebuilt(duo.world) == Build(2, 2, 2)
    assert checked(duo.world) == []


def test_a_rebuild_throws_what_was_wrong_away(duo: Duo) -> None:
    folding.fold(duo.world, [Chain(duo.account)], lambda: DAY)
    row = rows(duo.world)[f"1#client:{duo.client}", "total"]
    row["sums"] = {"topped_up": 1}
    found = checked(duo.world)
    assert Difference(f"client:{duo.client}", None, "topped_up", 1, 5_000) in found
    rebuilt(duo.world)
    assert checked(duo.world) == []
    assert {key.partition("#")[0] for key, _ in rows(duo.world)} == {"build", "2"}


def test_while_new_sums_are_made_the_old_ones_are_shown_and_what_happens_is_in_the_new_ones(duo: Duo) -> None:
    rebuilt(duo.world)
    seen: list[dict[str, int]] = []

    def happens(_: int) -> None:
        pay_in(duo.world, "usr_late", 1, f"late{len(seen)}")
        folding.fold(duo.world, [Chain("credit:usr_late")], lambda: DAY)
        seen.append(rollups.totals(duo.world, rollups.client("usr_late")))

    building.rebuild(duo.world, happens, actor="admin", reason="again")
    assert seen[:3] == [{}, {}, {}]
    assert rollups.totals(duo.world, rollups.client("usr_late"))["topped_up"] == len(seen)
    assert checked(duo.world) == []


def test_a_rebuild_that_was_stopped_goes_on(duo: Duo) -> None:
    stopped(duo.world)
    assert rollups.builds(duo.world).now() == Build(1, 2, 1, since=duo.world.now())
    with pytest.raises(InvalidState, match="made anew"):
        checked(duo.world)
    assert rebuilt(duo.world) == Build(2, 2, 2)
    assert checked(duo.world) == []


class Meanwhile(MemoryTables):
    """Something happens once, while the hours of somebody are read."""

    def __init__(self, tables: MemoryTables, happens: Callable[[], object]) -> None:
        super().__init__()
        self.rows = tables.rows
        self.happens = [happens]

    def query(self, table: str, *asked: Any, **more: Any) -> Page:
        page = super().query(table, *asked, **more)
        if table == "rollups" and self.happens:
            self.happens.pop()()
        return page


def test_who_looks_while_new_sums_come_in_the_place_of_the_old_sees_all_of_the_one_or_the_other(duo: Duo) -> None:
    rebuilt(duo.world)
    stopped(duo.world)
    assert isinstance(duo.world.tables, MemoryTables)
    slow = replace(duo.world, tables=Meanwhile(duo.world.tables, lambda: rebuilt(duo.world)))
    seen = service.numbers(slow, rollups.client(duo.client), 2, "UTC")
    assert rollups.builds(duo.world).now().shown == 3
    assert seen.totals["minutes"] == seen.now["minutes"] == 3


def test_a_check_says_so_where_the_sums_were_made_anew_meanwhile(duo: Duo) -> None:
    rebuilt(duo.world)

    def once(_: int) -> None:
        if rollups.builds(duo.world).now().shown == 2:
            rebuilt(duo.world)

    with pytest.raises(InvalidState, match="Ask again"):
        checking.check(duo.world, 0, once)


def test_sums_of_more_pages_than_people_are_shown_at_once_are_checked_too(duo: Duo) -> None:
    class Short(MemoryTables):
        def query(self, table: str, *asked: Any, **more: Any) -> Page:
            return super().query(table, *asked, **more | {"limit": 1})

    for number in range(30):
        pay_in(duo.world, duo.client, 1, f"{number}")
        duo.forward(HOUR)
    rebuilt(duo.world)
    short = Short()
    short.rows = duo.world.tables.rows  # type: ignore[attr-defined]  # in memory
    rows(duo.world)["2#platform", "total"]["sums"]["topped_up"] += 1
    assert checked(replace(duo.world, tables=short), HOUR) == [Difference("platform", None, "topped_up", 5_031, 5_030)]


def test_where_something_cannot_be_summed_the_old_sums_stay(duo: Duo) -> None:
    rebuilt(duo.world)
    earned = wallet.earn(duo.world, "earnings:usr_x", "reading_earned", 1, "session:ses_x", "ses_x")
    duo.world.tables.write(earned[1])
    with pytest.raises(InvalidState, match="1 chains"):
        building.rebuild(duo.world, lambda _: None, actor="admin", reason="again")
    assert rollups.builds(duo.world).now() == Build(2, 3, 3, since=duo.world.now())
    assert rollups.totals(duo.world, rollups.client(duo.client))["minutes"] == 3


def test_what_is_younger_than_the_margin_may_still_be_missing(duo: Duo) -> None:
    rebuilt(duo.world)
    pay_in(duo.world, duo.client, 1, "late")
    assert checked(duo.world, HOUR) == []
    assert len(checked(duo.world, 0)) > 0
    duo.forward(2 * HOUR)
    assert {each.subject for each in checked(duo.world, HOUR)} == {f"client:{duo.client}", "platform"}


def test_a_total_that_its_hours_do_not_add_up_to_is_found_at_any_margin(duo: Duo) -> None:
    rebuilt(duo.world)
    rows(duo.world)["2#platform", "total"]["sums"]["minutes"] += 1
    assert checked(duo.world, HOUR) == [Difference("platform", None, "minutes", 4, 3)]


def test_a_reader_who_stands_elsewhere_is_found_there(duo: Duo) -> None:
    rebuilt(duo.world)
    add_reader(duo.world, "usr_new")
    folding.fold(duo.world, [Stands("usr_new")], lambda: DAY)
    assert checked(duo.world) == []
    readers.withdraw(duo.world, "usr_new", actor="admin", reason="test")
    assert {each.measure for each in checked(duo.world)} == {"standing.verified", "standing.withdrawn"}


# --- on the command line ---------------------------------------------------------------------------


def test_the_command_says_what_is_wrong_mends_it_and_finds_nothing(soulseer: Command, duo: Duo) -> None:
    code, told = soulseer("check", "--margin", "0")
    assert code == 1
    assert {"subject", "quarter", "measure", "is", "should_be"} == told["rows"][0].keys()
    assert soulseer("rebuild", "--reason", "because")[1]["would"] == [
        "sum up the whole ledger anew, show that in the place of build 1, and throw build 1 away"
    ]
    assert rows(duo.world) == {}
    code, told = soulseer("rebuild", "--reason", "because", "--yes")
    assert (code, told["rows"]) == (0, [{"build": 2}])
    assert soulseer("check", "--margin", "0")[1]["rows"] == [{"differences": 0}]
    acts = [row for row in duo.world.tables.scan("audit").items if row["action"].startswith("rollups_")]
    assert {(row["action"], row["actor"], row["reason"]) for row in acts} == {
        ("rollups_begun", OPERATOR, "because"),
        ("rollups_rebuilt", OPERATOR, "because"),
    }
