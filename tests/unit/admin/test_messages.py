"""Messages on the command line: what is shown of one, and a reply's price given back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.kernel.time import rfc3339
from scripts.admin.cli import run
from tests.support.pals import Pals
from tests.support.worlds import NOON, hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def pals() -> Pals:
    return Pals(hand_world()).opened(500)


@pytest.fixture
def soulseer(pals: Pals) -> Command:
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: pals.world, lambda: "arn:ops")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_what_a_message_says_is_shown_only_where_it_is_asked_for(
    pals: Pals, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = pals.replies()
    capsys.readouterr()
    assert soulseer("messages", "show", reply.id) == 0
    (row,) = said(capsys)["rows"]
    assert row == {
        "id": reply.id,
        "conversation": pals.row.id,
        "by": f"reader {pals.reader}",
        "standing": "shown",
        "price": 100,
        "entry": None,
        "at": rfc3339(NOON),
        "unlocked_at": None,
        "refunded_at": None,
        "attachments": [],
    }
    assert soulseer("messages", "show", reply.id, "--text") == 1
    assert "--reason" in capsys.readouterr().err
    assert soulseer("messages", "show", reply.id, "--text", "--reason", "a complaint") == 0
    assert said(capsys)["rows"][0]["text"] == "The cards say yes."
    assert soulseer("messages", "show", "msg_none") == 1


def test_a_refund_says_who_bears_it_before_it_is_done_once(
    pals: Pals, soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = pals.replies()
    assert soulseer("messages", "refund", reply.id, *WHY) == 1, "nobody has paid for it"
    pals.unlocks(reply)
    capsys.readouterr()
    assert soulseer("messages", "refund", reply.id, "--reason", "because") == 0
    assert said(capsys)["would"] == [
        f"give 100 cents back to the client {pals.client} for {reply.id}",
        f"take 70 cents of that from the earnings of {pals.reader}",
        "let the platform bear the other 30 cents",
    ]
    assert pals.credit == 400
    assert soulseer("messages", "refund", reply.id, *WHY) == 0
    assert said(capsys)["rows"][0]["refunded_at"] == rfc3339(NOON)
    assert soulseer("messages", "refund", reply.id, *WHY) == 0
    assert said(capsys) == {"done": True, "would": [], "rows": []}
    assert pals.credit == 500
