"""The project's documents as a test reads them: their blocks, the commands in these, their links, headings and tables.

A fenced block without an info string holds commands for a shell, and each is checked or run. A block of anything else
says what it is (``text``, ``json``, ``yaml``); commands that no test can try are ``sh`` with the reason behind it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HISTORY: Final = (ROOT / "CHANGELOG.md", ROOT / "docs" / "decisions")
"""What they say was so when it was written: of files that moved since, they are not corrected."""
KINDS: Final = frozenset({"text", "json", "yaml", "sql"})
"""Of blocks that hold no commands."""
_FENCED: Final = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_SETTING: Final = re.compile(r"[A-Z_]+=\S* +")
_ROW: Final = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. ``line`` is the place of its fence; ``info`` what stands behind it."""

    document: Document
    line: int
    info: str
    text: str

    @property
    def section(self) -> str:
        """The nearest heading above."""
        above = self.document.text.splitlines()[: self.line]
        return next((line.lstrip("# ") for line in reversed(above) if line.startswith("#")), "")

    @property
    def commands(self) -> list[str]:
        """Its commands, each whole."""
        return commands_of(self.text) if not self.info else []

    @property
    def whole(self) -> list[str]:
        """The same, but none where one does not end: a test of its own says that."""
        try:
            return self.commands
        except ValueError:
            return []


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return _read(self.path)

    @property
    def is_history(self) -> bool:
        return any(self.path == each or each in self.path.parents for each in HISTORY)

    @property
    def blocks(self) -> list[Block]:
        found = []
        for match in _FENCED.finditer(self.text):
            width = len(match["indent"])
            text = "".join(line[width:] for line in match["text"].splitlines(keepends=True))
            found.append(Block(self, self.text.count("\n", 0, match.start()) + 1, match["info"].strip(), text))
        return found

    @property
    def prose(self) -> str:
        """Without its fenced blocks."""
        return _FENCED.sub("", self.text)

    @property
    def inline(self) -> list[str]:
        """What stands in backticks."""
        return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", self.prose)

    @property
    def indented(self) -> list[str]:
        """Lines of indented blocks."""
        return [line.strip() for line in self.prose.splitlines() if line.startswith("    ")]

    @property
    def anchors(self) -> set[str]:
        """Of its headings, as GitHub makes them."""
        seen: dict[str, int] = {}
        anchors = set()
        for heading in re.findall(r"^#+ +(.+?) *$", self.prose, re.MULTILINE):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        return anchors

    @property
    def links(self) -> list[str]:
        """Those that lead to a place inside the project."""
        return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", self.prose)

    @property
    def tables(self) -> list[list[dict[str, str]]]:
        """The rows of each table, by the names of its columns."""
        found = []
        for is_table, lines in groupby(self.prose.splitlines(), lambda line: line.startswith("|")):
            if is_table:
                cells = [[cell.strip() for cell in _ROW.split(line.strip().strip("|"))] for line in lines]
                found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
        return found


@cache
def documents() -> tuple[Document, ...]:
    """All that the project holds."""
    return tuple(map(Document, sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])))


def document(name: str) -> Document:
    """One of them, by its path in the project."""
    return Document(ROOT / name)


def commands(first: str) -> list[tuple[str, str]]:
    """Every command of the documents that begins with this word, with the document's name; settings before it aside."""
    found = []
    for each in documents():
        lines = [command for block in each.blocks for command in block.whole]
        lines += [*each.indented, *each.inline]
        for line in lines:
            command = bare(line)
            if command.startswith(f"{first} "):
                found.append((each.name, command))
    return found


def bare(line: str) -> str:
    """A command without its comment and without the settings in front of it."""
    command = re.split(r"\s#\s", line, maxsplit=1)[0].strip()
    while match := _SETTING.match(command):
        command = command[match.end() :]
    return command


def commands_of(text: str) -> list[str]:
    """The commands of a text, each whole: a backslash, an open quote and a closing pipe go on in the next line."""
    return list(_commands(text.splitlines()))


def _commands(lines: list[str]) -> Iterator[str]:
    command = ""
    for line in lines:
        command += f"\n{line}" if command else line
        if not command.strip() or command.lstrip().startswith("#"):
            command = ""
            continue
        if line.endswith("\\") or _is_open(command):
            continue
        yield command.replace("\\\n", " ")
        command = ""
    if command.strip():
        raise ValueError(f"a command that does not end: {command}")


def _is_open(command: str) -> bool:
    """Whether a quote is not closed, or a pipe leads nowhere yet."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return True
    return bool(words) and words[-1] in {"|", "&&", "||"}


@cache
def _read(path: Path) -> str:
    return path.read_text()
