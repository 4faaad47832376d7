"""Streams on the command line: looked at, ended once, and gone with the reader who is shut out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.time import HOUR
from chalicelib.live import shards
from scripts.admin.cli import run
from tests.support.air import HOST, STREAM, Air
from tests.support.people import person
from tests.support.show import Show
from tests.support.worlds import NOON

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def air() -> Air:
    air = Air()
    person(air.world, HOST)
    return air


@pytest.fixture
def soulseer(air: Air) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: air.world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_what_is_live_and_what_is_to_come_is_listed(
    soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str]
) -> None:
    air.live()
    Air(air.world, "usr_other", "str_2").scheduled("premium", starts_at=NOON + HOUR)
    air.comes("usr_v")
    capsys.readouterr()
    assert soulseer("streams", "list") == 0
    assert [(each["id"], each["viewers"]) for each in said(capsys)["rows"]] == [(STREAM, 1)]
    assert soulseer("streams", "list", "--state", "upcoming") == 0
    assert [(each["id"], each["price"]) for each in said(capsys)["rows"]] == [("str_2", 100)]


def test_a_stream_is_shown_as_stored(soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str]) -> None:
    air.known("usr_i").started("private", invited=("usr_i",))
    air.forward(HOUR)
    capsys.readouterr()
    assert soulseer("streams", "show", STREAM) == 0
    (row,) = said(capsys)["rows"]
    assert (row["state"], row["host"], row["invited"], row["visibility"]) == ("live", HOST, 1, "private")
    assert soulseer("streams", "show", "str_none") == 1


def test_a_removal_that_is_owed_is_shown(soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str]) -> None:
    air.live()
    shown = []
    for _ in range(2):
        capsys.readouterr()
        soulseer("streams", "show", STREAM)
        shown.append(said(capsys)["rows"][0]["to_be_put_out"])
        air.agora.down = True
        soulseer("streams", "end", STREAM, *WHY)
    assert shown == [None, "somebody may still be in the channel"]


def test_ending_one_says_first_what_it_does_and_does_it_once(
    soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str]
) -> None:
    air.live()
    capsys.readouterr()
    assert soulseer("streams", "end", STREAM, "--reason", "because") == 0
    assert said(capsys)["would"] == [f"end the stream {STREAM} of {HOST}, now live, and empty its channel"]
    assert air.row.state == "live"
    assert soulseer("streams", "end", STREAM, *WHY) == 0
    assert said(capsys)["rows"][0]["reason"] == "admin"
    assert soulseer("streams", "end", STREAM, *WHY) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}
    audited = air.world.tables.query("audit", ("pk", STREAM)).items
    assert [each["reason"] for each in audited if each["action"] == "stream_force_ended"] == ["because"]


@pytest.mark.parametrize(
    ("command", "reason"), [(("people", "suspend"), "suspended"), (("readers", "withdraw"), "admin")]
)
def test_the_stream_of_a_reader_who_is_shut_out_ends(
    soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str], command: tuple[str, str], reason: str
) -> None:
    air.live()
    capsys.readouterr()
    assert soulseer(*command, HOST, "--reason", "because") == 0
    assert f"end their stream {STREAM}, now live" in said(capsys)["would"]
    assert soulseer(*command, HOST, *WHY) == 0
    assert air.row.ended_for == reason
    assert (STREAM, None) in air.agora.bars


def test_what_a_stream_earned_is_followed_from_its_first_entry(
    soulseer: Command, air: Air, capsys: pytest.CaptureFixture[str]
) -> None:
    show = Show(air.world).live()
    show.gives(show.patron("ann"))
    (used,) = [head.account for head in shards.heads(air.world, show.row) if head.seq]
    capsys.readouterr()
    assert soulseer("ledger", "verify", used) == 0
    assert said(capsys)["rows"][0]["entries"] == 1


@pytest.mark.parametrize(
    "account", ["stream:str_1", "stream:str_1:", "stream:str_1:01", "gift:str_1", "stream:usr_1:1"]
)
def test_what_is_no_chain_is_told_all_kinds_of_them(
    soulseer: Command, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        soulseer("ledger", "verify", account)
    told = capsys.readouterr().err
    assert all(kind in told for kind in ("credit:usr_", "coins:usr_", "earnings:usr_", "stream:str_"))
