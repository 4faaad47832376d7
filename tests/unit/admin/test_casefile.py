"""A person's case file and the audit log on the command line."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.store import People
from chalicelib.kernel.time import DAY
from chalicelib.messaging import service as messaging
from chalicelib.messaging.model import Wanted
from chalicelib.moderation import service as moderation
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from chalicelib.wallet.model.buckets import Buckets
from chalicelib.wallet.model.chain import Entry
from scripts.admin.cli import run
from scripts.admin.series import balances
from tests.support.people import person
from tests.support.reading import CLIENT, READER, SESSION, Stage

OPERATOR = "arn:aws:iam::000000000000:user/ops"
REASON = ["--reason", "ticket 7"]
SECRET = "Meet me by the old mill."

Command = Callable[..., Any]


@pytest.fixture
def stage() -> Stage:
    """A client who had a reading of 250 cents, wrote to the reader and reported the reading, which was reported too."""
    stage = Stage()
    for user in (CLIENT, READER):
        person(stage.world, user)
    rows, was = People(stage.world.tables, "accounts"), accounts.person(stage.world, READER)
    stage.world.tables.write(rows.replace(replace(was, role="reader"), was))
    stage.begun().at(10).client(finish)
    afterwards.review(stage.world, SESSION, CLIENT, 1, "Never again.")
    conversation = messaging.open_with(stage.world, CLIENT, READER)
    messaging.send(stage.world, CLIENT, conversation.id, "msg_1", Wanted(SECRET))
    moderation.report(stage.world, CLIENT, SESSION, "other", "It was odd.")
    moderation.report(stage.world, READER, SESSION, "abuse", "It was not.")
    return stage


@pytest.fixture
def soulseer(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Command:
    """The rows that are answered."""

    def command(*arguments: str) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--local", "--json"], lambda _: stage.world, lambda: OPERATOR) == 0
        return json.loads(capsys.readouterr().out)["rows"]

    return command


def test_a_case_file_tells_of_money_readings_and_conduct(soulseer: Command) -> None:
    (file,) = soulseer("people", "case", CLIENT, *REASON)
    assert (file["id"], file["role"], file["status"], file["reader"]) == (CLIENT, "client", "active", None)
    assert (file["wallet"]["paid"], file["wallet"]["frozen"]) == (9_750, None)
    assert file["wallet"]["credit_by_week"] == [0] * 11 + [9_750]
    assert [(each["kind"], each["amount"]) for each in file["entries"] if each["amount"]] == [
        ("meter_started", -250),
        ("topup", 10_000),
    ]
    assert [(each["amount"], each["refunded"]) for each in file["payments"]] == [(10_000, 0)]
    (reading,) = file["readings"]
    assert (reading["reading"], reading["with"], reading["state"]) == (SESSION, READER, "finalized")
    assert [(each["item"], each["reason"]) for each in file["reported"]] == [(SESSION, "other")]
    assert [(each["item"], each["reports"], each["state"]) for each in file["cases"]] == [(SESSION, 1, "pending")]
    assert (file["disputes"], file["refunds"], file["orders"], file["bookings"]) == ([], [], [], [])


def test_the_file_of_a_reader_has_their_earnings_and_account(soulseer: Command) -> None:
    (file,) = soulseer("people", "case", READER, *REASON)
    assert (file["reader"]["state"], file["reader"]["earnings"], file["reader"]["account"]) == ("verified", 175, None)
    assert [each["as"] for each in file["readings"]] == ["reader"]


def test_what_people_wrote_to_each_other_is_counted_and_not_shown(soulseer: Command) -> None:
    (file,) = soulseer("people", "case", CLIENT, *REASON)
    assert [(each["with"], each["sent"], each["received"]) for each in file["conversations"]] == [(READER, 1, 0)]
    assert SECRET not in json.dumps(file)


def test_every_look_is_recorded_with_who_looked_and_why(soulseer: Command, stage: Stage) -> None:
    soulseer("people", "case", CLIENT, *REASON)
    stage.at(11)
    (file,) = soulseer("people", "case", CLIENT, "--reason", "ticket 8")
    seen = [(each["action"], each["by"], each["reason"]) for each in file["audit"]]
    assert seen == [("case_viewed", OPERATOR, "ticket 8"), ("case_viewed", OPERATOR, "ticket 7")]


def test_a_look_that_could_not_be_recorded_shows_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    def nobody() -> str:
        raise KeyboardInterrupt

    assert run(["people", "case", CLIENT, "--local", *REASON], lambda _: stage.world, nobody) == 130
    assert capsys.readouterr().out == ""


def test_a_look_without_a_reason_is_wrong_usage(stage: Stage) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["people", "case", CLIENT, "--local"], lambda _: stage.world)
    assert stopped.value.code == 2


def test_each_list_is_as_long_as_is_asked_for(soulseer: Command) -> None:
    (file,) = soulseer("people", "case", CLIENT, "--limit", "1", *REASON)
    assert [len(file[name]) for name in ("entries", "readings", "cases")] == [1, 1, 1]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x"])
def test_a_limit_has_a_limit(stage: Stage, limit: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["audit", "show", CLIENT, "--limit", limit, "--local"], lambda _: stage.world)
    assert stopped.value.code == 2


def test_nobody_who_is_not_there_has_a_file(stage: Stage) -> None:
    assert run(["people", "case", "usr_none", "--local", *REASON], lambda _: stage.world, lambda: OPERATOR) == 1
    assert [row for row in stage.tables.rows["audit"].values() if row["action"] == "case_viewed"] == []


def test_the_log_is_shown_newest_first_and_bounded(soulseer: Command, stage: Stage) -> None:
    accounts.suspend(stage.world, CLIENT, actor=OPERATOR, reason="ticket 1")
    stage.at(20)
    accounts.reinstate(stage.world, CLIENT, actor="arn:other", reason="ticket 2")
    rows = soulseer("audit", "show", CLIENT)
    assert [(each["action"], each["by"], each["reason"]) for each in rows] == [
        ("person_reinstated", "arn:other", "ticket 2"),
        ("person_suspended", OPERATOR, "ticket 1"),
    ]
    assert soulseer("audit", "show", CLIENT, "--limit", "1") == rows[:1]
    assert soulseer("audit", "show", "payouts") == []


def test_a_case_file_reads_at_eighty_and_at_a_hundred_and_twenty_columns(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run(["people", "case", CLIENT, "--local", *REASON], lambda _: stage.world, lambda: OPERATOR) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= columns
        assert {"wallet", "entries", "readings", "audit"} <= {line.strip() for line in lines}


# --- balances by week


def entry(at: int, balance: int) -> Entry:
    return Entry("credit:usr_1", 1, "topup", 0, balance, "usd", "", "", at, Buckets(balance, ()))


def test_a_week_without_entries_has_the_balance_of_the_one_before() -> None:
    now = 100 * DAY
    newest_first = [entry(99 * DAY, 30), entry(80 * DAY, 20), entry(10 * DAY, 10)]
    # Ends of weeks: days 23, 30, …, 100.
    assert balances(newest_first, now, whole=True) == [10] * 9 + [20] * 2 + [30]


def test_what_was_before_the_oldest_entry_that_was_read_is_not_guessed() -> None:
    now = 100 * DAY
    assert balances([entry(90 * DAY, 5)], now, whole=False) == [5, 5]
    assert balances([entry(90 * DAY, 5)], now, whole=True) == [0] * 10 + [5, 5]
    assert balances([], now, whole=True) == [0] * 12
