"""A client is told by mail what became of their satisfaction request."""

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.words import dollars
from chalicelib.notifications.service import tell
from chalicelib.runtime.identity import Claims
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from tests.support.reading import CLIENT, SESSION, Stage
from tests.support.worlds import OfflineMail


@pytest.mark.parametrize(
    ("decide", "subject", "words"),
    [
        (afterwards.grant, "Your request was granted", "$2.50"),
        (afterwards.refuse, "Your request was refused", "could not grant it"),
    ],
)
def test_the_decision_is_told_once_however_often_it_is_made(decide: object, subject: str, words: str) -> None:
    stage = Stage().begun().at(10)
    stage.client(finish)
    asked = afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "Not what I was told.")
    assert callable(decide)
    for _ in range(2):
        decide(stage.world, asked.id, actor="arn:admin", reason="ticket 7")
    (row,) = (row for row in stage.tables.rows["notices"].values() if row["kind"].startswith("guarantee"))
    assert (row["pk"], row["facts"]) == (CLIENT, {"session": SESSION, "amount": 250})

    ada = accounts.sign_in(stage.world, Claims("auth0|ada", "ada@example.test", "Ada")).id
    tell(stage.world, Notice(ada, row["kind"], row["facts"]))
    assert isinstance(stage.world.mail, OfflineMail)
    (letter,) = stage.world.mail.sent
    assert letter.subject == subject
    assert words in letter.text


@pytest.mark.parametrize(("cents", "written"), [(5, "$0.05"), (250, "$2.50"), (123_456, "$1,234.56")])
def test_cents_are_written_as_dollars(cents: int, written: str) -> None:
    assert dollars(cents) == written
