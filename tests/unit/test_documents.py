"""The documents are true: their links lead somewhere, and their commands are ones that exist."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.admin.cli import parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
SHORT_SETTING = re.compile(r"[A-Z_]+=\S+ +")


def _blocks(text: str) -> Iterator[str]:
    """Lines of code blocks, fenced or indented, with a trailing backslash joined to the next line."""
    joined = text.replace("\\\n", " ")
    for block in re.findall(r"^ *```\n(.*?)^ *```$", joined, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    yield from (line for line in joined.splitlines() if line.startswith("    "))


def _commands(start: str) -> list[tuple[str, str]]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        inline = re.findall(rf"`({re.escape(start)} [^`]+)`", text)
        for line in [*_blocks(text), *inline]:
            command = line.split(" # ")[0].strip()
            while SHORT_SETTING.match(command):
                command = SHORT_SETTING.sub("", command, count=1)
            if command.startswith(f"{start} "):
                found.append((path.name, command))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize(("document", "command"), _commands("make"))
def test_every_make_command_of_the_documents_is_a_target(document: str, command: str) -> None:
    assert shlex.split(command)[1] in TARGETS


@pytest.mark.parametrize(("document", "command"), _commands("scripts/soulseer"))
def test_every_admin_command_of_the_documents_is_one_that_the_command_line_takes(
    document: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command.replace("…", "X"))[1:]
    monkeypatch.chdir(tmp_path)
    for file in (each for each in words if each.endswith(".pdf")):
        Path(file).touch()
    if words != ["--help"]:
        assert parser().parse_args(words)


def test_there_are_such_commands() -> None:
    assert len(_commands("make")) > 5
    assert len(_commands("scripts/soulseer")) > 2


def test_every_summary_of_the_api_is_a_whole_sentence() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    summaries = [operation["summary"] for methods in paths.values() for operation in methods.values()]
    assert len(summaries) > 100
    assert [each for each in summaries if not each.endswith(".")] == []
