"""What docs/local.md and `make serve` have one type is typed here as it stands, and taken.

Where a command shows a stand-in (``usr_…``, ``CHECKOUT_URL``), what an answer before it told is put there, as a person
would. What comes too early, because Stripe or Agora is still telling of what was before, is typed again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import textwrap
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import uuid4

import pytest

from infra.local.serve import greeting
from infra.local.waiting import until
from tests.e2e.confided import HEARD
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, Stage
from tests.support.documents import bare, commands_of, document

SECTIONS: Final = (
    "Booking",
    "Buying in the App Store",
    "Paying",
    "A live stream",
    "Messages, posts and reports",
    "The shop",
    "Mail",
    "At one look",
    "By hand",
)
"""All that hold commands, in an order in which each finds what it says it needs."""
NOT_RUN: Final = (
    "scripts/soulseer ledger reconcile",
    "scripts/soulseer webhooks replay",
    "scripts/soulseer sessions timeline",
    "$STRIPE/_local/chaos",
)
"""What is of the whole stack, on which others play meanwhile, or of a reading: test_books and test_office try it."""
OPERATOR: Final = re.compile(r"LOCAL_OPERATOR=(\w+) ")
STAND_IN: Final = re.compile(
    r"(?P<kind>[a-z]{2,4})_…|(?P<of>bookings|streams|channels)/ID\b"
    r"|\b(?P<word>CONVERSATION|MESSAGE|ACCOUNT_TOKEN|SIGNED_TRANSACTION|CHECKOUT_URL|APP_ID|RTC_TOKEN|SLUG|URL)\b"
    r"|\{(?P<address>endpoint_url)\}"
)
OF_KIND: Final = {"CONVERSATION": "cnv", "MESSAGE": "msg", "bookings": "bok", "streams": "str", "channels": "str"}
"""What is named by an id of that kind."""
AN_ID: Final = re.compile(r"([a-z]{2,4})_\w+")
STORY_SECONDS: Final = 200
CALL_SECONDS: Final = 30
CURL: Final = 'set -o pipefail; curl() { command curl --fail-with-body --max-time 20 $SIGNED "$@"; }'
"""A refusal fails the command."""
AWS: Final = {"Logs_20140328": "logs", "Action=Publish": "sns"}
"""What is asked of AWS itself: this stack obeys IAM, unlike that of `make serve`, and takes it signed."""
FILES: Final = {
    "card.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64),
    "course.pdf": b"%PDF-1.4\n% a course\n",
    "calendar.pdf": b"%PDF-1.4\n% a calendar\n",
}


@dataclass
class Desk:
    """Somebody who types commands, and remembers what was answered."""

    stage: Stage
    folder: Path
    known: dict[str, str] = field(default_factory=dict)
    exported: list[str] = field(default_factory=list)
    name: str = field(default_factory=lambda: uuid4().hex[:8])
    """Of whoever sits here: what one operator does by hand counts for a day."""

    @property
    def environment(self) -> dict[str, str]:
        """As ``make serve`` has one set it."""
        return os.environ | self.stage.stack.addresses.variables()

    def types(self, command: str) -> None:
        """Until it is taken; the last refusal is told where it never is."""
        if command.startswith("export "):
            self.exported.append(bare(command))
            return
        filled = STAND_IN.sub(self._filled, bare(command))
        by = f"{told[1]}-{self.name}" if (told := OPERATOR.match(command)) else ""
        said = ""

        def taken() -> bool:
            nonlocal said
            taken, said = self._admin(filled, by) if filled.startswith("scripts/soulseer ") else self._shell(filled)
            return taken

        try:
            until("a command being taken", taken, seconds=SOON)
        except Exception as late:
            raise AssertionError(f"{filled}\n{said}") from late
        self._learn(said)

    def _admin(self, command: str, by: str) -> tuple[bool, str]:
        words = [str(self.folder / word) if word in FILES else word for word in shlex.split(bare(command))[1:]]
        code, said, complained = self.stage.office.run(*words, "--json", by=by)
        return code == 0, said or complained

    def _shell(self, command: str) -> tuple[bool, str]:
        script = "\n".join([CURL, *self.exported, command])
        done = subprocess.run(  # noqa: S603 - commands of our own documents
            ["bash", "-c", script],  # noqa: S607 - as a person has it
            cwd=self.folder,
            env=self.environment | {"SIGNED": self._signed(command)},
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
        return done.returncode == 0, done.stdout + done.stderr * bool(done.returncode)

    def _signed(self, command: str) -> str:
        for mark, service in AWS.items():
            if mark in command:
                keys = self.stage.stack.session.get_credentials()
                assert keys
                return f"--aws-sigv4 aws:amz:us-east-1:{service} --user {keys.access_key}:{keys.secret_key}"
        return ""

    def _filled(self, found: re.Match[str]) -> str:
        if found["address"]:
            return self.stage.stack.addresses.endpoint_url
        if found["kind"]:
            return self.known[found["kind"]]
        if found["of"]:
            return f"{found['of']}/{self.known[OF_KIND[found['of']]]}"
        return self.known[OF_KIND.get(found["word"], found["word"])]

    def _learn(self, said: str) -> None:
        try:
            told = json.loads(said)
        except ValueError:
            return
        self.stage.confided.add_fields(told, HEARD)
        self._note("", told)

    def _note(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for each, inner in value.items():
                self._note(each, inner)
        elif isinstance(value, list):
            for inner in value:
                self._note(name, inner)
        elif isinstance(value, str):
            self.known[name.upper()] = value
            if kind := AN_ID.fullmatch(value):
                self.known[kind[1]] = value


def typed(stage: Stage) -> list[str]:
    """All that one is told to type, in the order of ``SECTIONS``."""
    said = greeting(stage.stack, Path()).partition("Try:")[2].partition("\nA month")[0]
    blocks = [block for name in SECTIONS for block in document("docs/local.md").blocks if block.section == name]
    return [*commands_of(textwrap.dedent(said)), *(command for block in blocks for command in block.commands)]


def what_the_documents_have_one_type(stage: Stage) -> None:
    with TemporaryDirectory() as folder:
        for name, content in FILES.items():
            (Path(folder) / name).write_bytes(content)
        desk = Desk(stage, Path(folder))
        for command in typed(stage):
            if not any(each in command for each in NOT_RUN):
                desk.types(command)
        assert (Path(folder) / "bought.pdf").read_bytes() == FILES["course.pdf"]


STORIES: Final = (what_the_documents_have_one_type,)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_the_walk(story: Story, stories: dict[Story, Future[None]]) -> None:
    stories[story].result(timeout=STORY_SECONDS)


def test_every_block_of_commands_of_the_page_is_in_the_walk() -> None:
    page = document("docs/local.md")
    assert {block.section for block in page.blocks if block.commands} == set(SECTIONS)
