"""How a backup is written, and what of a command is no backup's."""

import io
from typing import Any

import pytest

from scripts.admin.cli import parser
from scripts.backup import model
from scripts.backup.model import Backup, DamagedError, File

BACKUP = Backup("bkp_1", "prod", 1_000, {"ledger": (File("tables/ledger/0-0.json.gz", 3),), "wallet": ()}, {"files": 2})


def test_a_note_says_again_what_was_written() -> None:
    assert model.read(model.written(BACKUP)) == BACKUP
    assert (BACKUP.items("ledger"), BACKUP.items("wallet")) == (3, 0)


@pytest.mark.parametrize("note", [b"{", b"[]", b"{}", b'{"version": 1}', b'{"version": 2}', b"\xff", b"null"])
def test_a_note_that_cannot_be_read_says_so(note: bytes) -> None:
    with pytest.raises(DamagedError):
        model.read(note)


def test_an_item_comes_back_as_dynamodb_gave_it_whatever_it_holds() -> None:
    item: dict[str, Any] = {
        "number": {"N": "-0.1E-20"},
        "bytes": {"B": b"\x00\xff"},
        "several": {"BS": [b"a", b"\xfe"]},
        "deep": {"L": [{"M": {"x": {"B": b"z"}, "y": {"S": "é\u2028\n"}}}, {"NULL": True}, {"BOOL": False}]},
        "names": {"SS": ["a"]},
    }
    packed = model.packed([model.line_of(item)])
    assert list(model.items_of(io.BytesIO(packed), File("x", 1))) == [item]
    assert packed == model.packed([model.line_of(item)])


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_that_holds_more_or_less_than_was_said_is_damaged(count: int) -> None:
    packed = model.packed([model.line_of({"pk": {"S": "a"}})])
    with pytest.raises(DamagedError, match="holds 1 items"):
        list(model.items_of(io.BytesIO(packed), File("x", count)))


def test_a_key_of_an_object_is_one_name_and_leads_nowhere_else() -> None:
    assert model.object_name("files", "../../etc/passwd") == "objects/files/..%2F..%2Fetc%2Fpasswd"


@pytest.mark.parametrize(
    "wrong",
    [
        ["export", "--to", ""],
        ["export", "--to", "s3:///x"],
        ["export", "--to", "x", "--at", "yesterday"],
        ["export", "--to", "x", "--at", "2026-11-26T14:00:00"],
        ["export", "--to", "x", "--set", "2"],
        ["export", "--to", "x", "--set=-0"],
        ["export"],
        ["restore"],
    ],
)
def test_a_place_or_moment_that_cannot_be_meant_is_wrong_usage(wrong: list[str]) -> None:
    changes = ["--reason", "because", "--yes"]
    with pytest.raises(SystemExit) as misused:
        parser().parse_args(["backup", *wrong, "--local", *changes])
    assert misused.value.code == 2


@pytest.mark.parametrize("seconds", ["-1", "901", "1.5", "²"])
def test_what_is_under_way_is_waited_for_no_longer_than_a_function_may_run(seconds: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["stage", "stop", "--settle", seconds, "--local", "--reason", "because"])
