"""What a reader is told of who asks for them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from chalicelib.kernel.errors import Problem
from chalicelib.sessions import service
from chalicelib.sessions.model.commands import Command, accept, cancel, decline
from tests.support.reading import CLIENT, READER, SESSION, Stage
from tests.support.worlds import NOON


def told(stage: Stage, kind: str) -> list[dict[str, Any]]:
    rows = [row for row in stage.tables.rows["notices"].values() if row["kind"] == kind]
    assert all(row["pk"] == READER for row in rows)
    return [row["facts"] for row in rows]


def test_a_reader_is_told_who_asks_and_until_when() -> None:
    stage = Stage()
    stage.asked("voice")
    ring = stage.world.settings.rules.ring
    asked = {"session": SESSION, "from": CLIENT, "modality": "voice"}
    assert told(stage, "reading_requested") == [asked | {"until": NOON + ring}]
    assert told(stage, "reading_missed") == []
    stage.at(ring / 1000)
    service.advance(stage.world, service.load(stage.world, SESSION))
    assert told(stage, "reading_missed") == [asked | {"asked_at": NOON}]


def test_who_cannot_be_asked_is_told_nothing() -> None:
    stage = Stage(credit=0)
    with suppress(Problem):
        stage.asked()
    assert told(stage, "reading_requested") == []


@pytest.mark.parametrize(("who", "command"), [("reader", decline), ("client", cancel), ("reader", accept)])
def test_whatever_was_answered_was_not_missed(who: str, command: Command) -> None:
    stage = Stage()
    stage.asked()
    {"reader": stage.reader, "client": stage.client}[who](command)
    stage.at(600)
    service.advance(stage.world, service.load(stage.world, SESSION))
    assert told(stage, "reading_missed") == []
