"""A real browser, driven by Chromium's own protocol over a pipe: no driver, no library, no port."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

Json = dict[str, Any]

ANSWER_SECONDS: Final = 60.0
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    # It would look up addresses of its maker's at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
# The protocol is spoken on descriptors 3 and 4; a child can only be given those that are free here.
_LAUNCH: Final = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_FIRST_FREE: Final = 10


def executable() -> str | None:
    """Where Chromium is, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@dataclass
class Page:
    """A tab. ``requests`` are the addresses it asked for, ``complaints`` what its console says is wrong."""

    _commands: IO[bytes]
    _answers: IO[bytes]
    _session: str = ""
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _read: bytes = b""

    def send(self, method: str, **params: Any) -> Json:
        """The result of one command. Raises AssertionError when it fails or is not answered."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        self._commands.write(json.dumps(command | ({"sessionId": self._session} if self._session else {})).encode())
        self._commands.write(b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            told = self._next(deadline)
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: Json = told["result"]
                return result
            self._hear(told)
        raise AssertionError(f"{method} was not answered")

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """What the expression is in the page, awaited, as JSON. Raises AssertionError with what it threw."""
        told = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def screenshot(self, place: Path) -> None:
        place.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def attach(self, width: int, height: int) -> None:
        """Open a tab of that size, in CSS pixels."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < height
        )

    def _next(self, deadline: float) -> Json:
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._answers.fileno(), 1 << 20)
            assert more, "the browser has ended"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        told: Json = json.loads(message)
        return told

    def _hear(self, told: Json) -> None:
        said = told.get("params", {})
        match told.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.complaints.append(said["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] == "error":
                self.complaints.append(json.dumps(said["args"]))


@contextmanager
def tab(program: str, folder: Path, *, width: int, height: int) -> Iterator[Page]:
    """A tab of a browser with an empty profile in ``folder``; both are gone afterwards."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    given = [fcntl.fcntl(each, fcntl.F_DUPFD, _FIRST_FREE) for each in (commands_out, answers_in)]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
    chromium = [program, *_FLAGS, *sandbox, f"--user-data-dir={folder}"]
    process = subprocess.Popen(  # noqa: S603 - this interpreter, and a browser of this machine
        [sys.executable, "-c", _LAUNCH, *map(str, given), *chromium],
        pass_fds=given,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for each in (commands_out, answers_in, *given):
        os.close(each)
    with open(commands_in, "wb", buffering=0) as commands, open(answers_out, "rb", buffering=0) as answers:
        page = Page(commands, answers)
        try:
            page.attach(width, height)
            yield page
        finally:
            process.terminate()
            process.wait(timeout=ANSWER_SECONDS)
