"""How a backup is written, and what of a command is no backup's."""

import contextlib
import gzip
import io
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.admin.cli import parser
from scripts.backup import model
from scripts.backup.model import Backup, DamagedError, File
from scripts.backup.places import Folder

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


@pytest.mark.parametrize(("count", "why"), [(0, "holds more than its 0"), (2, "holds 1 items")])
def test_a_file_that_holds_more_or_less_than_was_said_is_damaged(count: int, why: str) -> None:
    packed = model.packed([model.line_of({"pk": {"S": "a"}})])
    with pytest.raises(DamagedError, match=why):
        list(model.items_of(io.BytesIO(packed), File("x", count)))


@pytest.mark.parametrize(
    "told",
    [
        {"tables": {"ledger": [{"name": "../../etc/passwd", "items": 1}]}},
        {"tables": {"ledger": [{"name": "/etc/passwd", "items": 1}]}},
        {"tables": {"ledger": [{"name": "tables/../../x", "items": 1}]}},
        {"tables": {"ledger": [{"name": "tables/ledger/0-0.json.gz", "items": -1}]}},
        {"tables": {"ledger": [{"name": "tables/ledger/0-0.json.gz", "items": 1.5}]}},
        {"tables": {"ledger": [{"name": "tables/ledger/0-0.json.gz", "items": 1}] * 2}},
        {"tables": {"ledger": [{"name": "tables/wallet/0-0.json.gz", "items": 1}]}},
        {"objects": {"files": True}},
        {"id": "bkp\x1b[2J"},
        {"at": float("inf")},
        {"at": 10**18},
    ],
)
def test_a_note_that_leads_elsewhere_or_counts_what_cannot_be_is_damaged(told: dict[str, Any]) -> None:
    with pytest.raises(DamagedError):
        model.read(json.dumps(json.loads(model.written(BACKUP)) | told).encode())


def test_a_file_with_any_byte_changed_is_as_it_was_or_damaged() -> None:
    items = [{"pk": {"S": f"a{number}"}} for number in range(20)]
    packed, silent = model.packed(map(model.line_of, items)), 0
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 0xFF
        with contextlib.suppress(DamagedError):
            assert list(model.items_of(io.BytesIO(bytes(changed)), File("x", len(items)))) == items
            silent += 1
    assert silent <= 10  # of the head: a moment, a system


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        '{"Item": 5}',
        '{"Item": {"a": {}}}',
        '{"Item": {"a": "b"}}',
        '{"Item": {"a": {"B": "!!!"}}}',
        r'{"Item": {"\ud800": {"S": "x"}}}',
        *(
            f'{{"Item": {{"a": {{"M": {{"b": {value}}}}}}}}}'
            for value in ('{"N": 5}', '{"S": "\\ud800"}', '{"ZZ": "x"}', '{"SS": "ab"}', '{"NS": [1]}', '{"NULL": "x"}')
        ),
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_item_is_damage(line: str) -> None:
    with pytest.raises(DamagedError):
        list(model.items_of(io.BytesIO(gzip.compress(line.encode())), File("x", 1)))


def test_a_line_without_an_end_is_not_read_to_it() -> None:
    bomb = gzip.compress(b" " * 40_000_000, compresslevel=1)
    content = io.BytesIO(bomb)
    with pytest.raises(DamagedError):
        list(model.lines(content, "x"))
    assert content.tell() < len(bomb) * 3 / 4


AN_OBJECT: dict[str, Any] = {"key": "a", "type": "b", "size": 3, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "listed",
    [
        [],
        [AN_OBJECT, AN_OBJECT | {"key": "b"}, AN_OBJECT | {"key": "c"}],
        [AN_OBJECT, AN_OBJECT],
        [AN_OBJECT, {"key": "b"}],
        [AN_OBJECT, ["b", "b"]],
        [AN_OBJECT, AN_OBJECT | {"key": "b", "size": -1}],
        [AN_OBJECT, AN_OBJECT | {"key": "b", "sha256": "x"}],
        *([AN_OBJECT, AN_OBJECT | {"key": key}] for key in ("", "x" * 1_025, "\ud800", 5)),
        *([AN_OBJECT, AN_OBJECT | {"key": "b", "type": type_}] for type_ in ("", "image/png\r\nx: y", "\ud800", 5)),
    ],
)
def test_a_list_of_objects_is_as_long_as_was_said_and_of_objects_no_two_alike(listed: list[Any]) -> None:
    written = "".join(f"{json.dumps(each)}\n" for each in listed)
    with pytest.raises(DamagedError):
        model.objects_of(io.BytesIO(gzip.compress(written.encode())), "files", 2)


def test_a_list_of_objects_from_before_sizes_were_said_is_read() -> None:
    (found,) = model.objects_of(io.BytesIO(model.packed([{"key": "a", "type": "b"}])), "files", 1)
    assert found == model.Object("a", "b")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(b"x")
    path.symlink_to(path.parent / "elsewhere")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("make", [a_pipe, a_link, a_link_to_nothing, Path.mkdir])
def test_what_is_no_plain_file_is_refused_and_neither_followed_nor_waited_for(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "backup.json")
    with pytest.raises(DamagedError, match="a link, a pipe or something else"), Folder(tmp_path).reading("backup.json"):
        raise AssertionError("it was opened")


def test_a_folder_within_a_backup_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0.gz").write_bytes(b"x")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "tables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match="a link"), Folder(copy).reading("tables/0.gz"):
        raise AssertionError("it was opened")
    (tmp_path / "named").symlink_to(tmp_path / "elsewhere")
    with Folder(tmp_path / "named").reading("0.gz") as content:  # the folder itself is whoever's who named it
        assert content.read() == b"x"


def test_a_file_that_a_full_disk_cut_short_is_not_there_and_takes_no_room(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.write("a", b"whole")
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            place.write("a", b"x" * 1_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    with place.reading("a") as content:
        assert content.read() == b"whole"


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
