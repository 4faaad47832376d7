"""Reports on the command line: the numbers of dashboards, printed, as JSON, or into files; and nothing private."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.dashboards import folding
from chalicelib.dashboards.model.news import Chain
from chalicelib.sessions import afterwards
from scripts.admin.cli import run
from tests.support.duo import RATE, Duo
from tests.support.people import person
from tests.support.worlds import hand_world

Command = Callable[..., int]


@pytest.fixture
def duo() -> Duo:
    duo = Duo(hand_world(), "1")
    person(duo.world, duo.client)
    person(duo.world, duo.reader, role="reader")
    duo.ended(60_000)
    duo.noticed()
    afterwards.write_session_note(duo.world, duo.session, duo.client, "The river.")
    chains = [Chain(f"credit:{duo.client}"), Chain(f"earnings:{duo.reader}")]
    assert folding.fold(duo.world, chains, lambda: 60_000) == []
    return duo


@pytest.fixture
def soulseer(duo: Duo) -> Command:
    return lambda *arguments: run([*arguments, "--local"], lambda _: duo.world, lambda: "arn:ops")


def test_a_client_is_drawn_by_id_and_without_a_note(
    soulseer: Command, duo: Duo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("report", "client", duo.client, "--days", "7", "--zone", "Asia/Kathmandu") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Client {duo.client}\n")
    assert "Asia/Kathmandu; ▲▼ beside the 7 days before" in said
    assert "Spent  $2.50" in said
    assert soulseer("report", "client", duo.client, "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["rows"]
    assert told["totals"]["spent"] == {"amount": RATE, "currency": "usd"}
    assert len(told["series"]) == 30
    assert "river" not in said + json.dumps(told)


def test_a_reader_is_drawn_under_the_name_of_the_directory(
    soulseer: Command, duo: Duo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("report", "reader", duo.reader) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Reader Name of {duo.reader}, {duo.reader}\n")
    assert "Earned  $1.75" in said


def test_files_are_written_in_place_of_what_is_printed(
    soulseer: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "it.html", tmp_path / "it.png"
    assert soulseer("report", "platform", "--html", str(page), "--png", str(picture), "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)["rows"]
    assert told["totals"]["spent"]["amount"] == RATE
    assert "$2.50" in page.read_text(encoding="utf-8")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert soulseer("report", "platform", "--html", str(page)) == 0
    said = capsys.readouterr().out
    assert said.startswith("page ")
    assert str(page) in "".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("client", "usr_nobody"), "not_found"),
        (("reader", "usr_c10"), "not_found"),
        (("platform", "--days", "0"), "days: from 1 to 92"),
        (("platform", "--zone", "Mars/Olympus"), "zone: Not a time zone"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    soulseer: Command, arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("report", *arguments) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("file", [("--png", "it.gif"), ("--html", "it.png"), ("--png", "no/such/folder/it.png")])
def test_a_file_has_its_ending_and_a_folder(
    soulseer: Command, file: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as misused:
        soulseer("report", "platform", *file)
    assert misused.value.code == 2
