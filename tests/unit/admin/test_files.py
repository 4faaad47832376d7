"""The file of a product on the command line: looked at before it is confirmed, put there once, audited."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.shop.model.file import MOST_BYTES
from scripts.admin.cli import run
from tests.support.shelf import OTHER_PDF, PDF, Shelf, digest
from tests.support.worlds import hand_world

WHY = ("--reason", "because", "--yes")
Command = Callable[..., int]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(hand_world()).made(state="approved", active=True)


@pytest.fixture
def soulseer(shelf: Shelf) -> Command:
    world: World = shelf.world
    return lambda *arguments: run([*arguments, "--local", "--json"], lambda _: world, lambda: "arn:ops")


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    path = tmp_path / "Guide.pdf"
    path.write_bytes(PDF)
    return path


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_file_is_put_there_only_with_yes_and_a_second_time_there_is_nothing_to_do(
    soulseer: Command, shelf: Shelf, guide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("products", "file", shelf.name, str(guide))
    assert soulseer(*command, "--reason", "because") == 0
    would = f"make Guide.pdf of {len(PDF)} bytes (application/pdf) the file of {shelf.name}"
    assert said(capsys) == {"done": False, "would": [would], "rows": []}
    assert (shelf.file, shelf.bucket.held) == (None, {})
    assert soulseer(*command, *WHY) == 0
    (row,) = said(capsys)["rows"]
    assert shelf.file
    assert row == {
        "product": shelf.name,
        "file": shelf.file.id,
        "name": "Guide.pdf",
        "media_type": "application/pdf",
        "size": len(PDF),
        "sha256": digest(PDF),
    }
    assert soulseer(*command, *WHY) == 0
    assert said(capsys)["would"] == []
    guide.write_bytes(OTHER_PDF)
    assert soulseer(*command, "--name", "New", "--reason", "because") == 0
    (would,) = said(capsys)["would"]
    assert would.startswith("make New.pdf of ")
    assert would.endswith(f", in place of Guide.pdf of {len(PDF)} bytes")


def test_what_is_not_what_its_name_says_is_refused(
    soulseer: Command, shelf: Shelf, guide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guide.write_bytes(b"hello")
    assert soulseer("products", "file", shelf.name, str(guide), *WHY) == 1
    assert "application/pdf" in capsys.readouterr().err
    assert (shelf.file, shelf.copies()) == (None, {})


def test_what_is_empty_or_too_large_is_refused_before_it_is_confirmed(
    soulseer: Command, shelf: Shelf, guide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for size in (0, MOST_BYTES + 1):
        os.truncate(guide, size)
        assert soulseer("products", "file", shelf.name, str(guide), "--reason", "because") == 1
        assert f"1 to {MOST_BYTES} bytes" in capsys.readouterr().err


def test_a_thing_that_is_sent_has_no_file(soulseer: Command, shelf: Shelf, guide: Path) -> None:
    shelf.becomes(kind="physical")
    assert soulseer("products", "file", shelf.name, str(guide), *WHY) == 1


@pytest.mark.parametrize("name", ["Guide.exe", "Guide", "none.pdf", f"{'x' * 3_000}.pdf"])
def test_what_cannot_be_sold_as_a_file_is_wrong_usage(
    soulseer: Command, shelf: Shelf, tmp_path: Path, name: str
) -> None:
    if name.startswith("Guide"):
        (tmp_path / name).write_bytes(PDF)
    with pytest.raises(SystemExit) as wrong:
        soulseer("products", "file", shelf.name, str(tmp_path / name), *WHY)
    assert wrong.value.code == 2
