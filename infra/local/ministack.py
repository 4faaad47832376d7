"""The local AWS: MiniStack, in an environment and a process of its own, on 127.0.0.1.

It runs from its own virtual environment (``.local/ministack``, made by ``make``), because it pins another
botocore than the product and because functions see the packages of the interpreter that runs them.

State is kept under ``state`` and saved when MiniStack is asked to stop; a kill loses all since the last such stop
(see ``journal``). Temporary files have a directory of their own, emptied at both ends, because MiniStack leaves the
folders of its function workers behind.

One MiniStack uses a state at a time: ``ministack.json`` beside it names the process, and whose it is. One that
was left over by a killed owner is stopped, and saves; one whose owner lives is an error.
"""

import json
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.web import HOST

WANTED_PORT: Final = 4566
REGION: Final = "us-east-1"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
_NOTE: Final = "ministack.json"
_LOG_TAIL: Final = 2_000
_WARM_SECONDS: Final = 3_600
"""How long an idle function worker is kept. A cold start on two cores is what one waits for longest."""

_SERVED: Final = (
    *("--host", HOST, "--loop", "uvloop", "--http", "httptools", "--ws", "none", "--no-access-log"),
    *("--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "3"),
)
"""How its application is served: as it serves itself, by a server that takes half the processor time of its own."""
_ENDED_IN_ORDER: Final = (0, -signal.SIGTERM)
"""What it ends with when it was asked to: once it has saved, it ends as the signal says."""

log = logging.getLogger("soulseer.local.ministack")


ROOT: Final = Path(__file__).resolve().parents[2]
EXECUTABLE: Final = "MINISTACK"
"""The variable that names MiniStack's executable, where it is not the one that `make` installs."""


class CannotStart(Exception):
    """The local stack cannot start here. The message says what to do."""


def installed() -> Path:
    """The environment that MiniStack is installed in. Raises CannotStart where functions could not run in it."""
    named = os.environ.get(EXECUTABLE)
    venv = Path(named).absolute().parent.parent if named else ROOT / ".local" / "ministack"
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    written = venv / "pyvenv.cfg"
    lines = written.read_text().splitlines() if written.exists() else []
    # Functions run on its interpreter, and their compiled wheels fit one minor version of Python.
    for line in lines:
        name, _, value = (part.strip() for part in line.partition("="))
        if name == "version" and not value.startswith(f"{ours}."):
            raise CannotStart(
                f"{venv} has Python {value}, the functions are packaged for {ours}: remove it and `make`."
            )
    return venv


class MiniStack:
    def __init__(
        self,
        home: Path,
        venv: Path,
        *,
        port: int = WANTED_PORT,
        enforce_policies: bool = False,
        persist: bool = True,
        dynamodb_url: str | None = None,
    ) -> None:
        """Everything lies in ``home``. ``enforce_policies`` has the functions' IAM policies obeyed.

        ``dynamodb_url`` is where the functions find DynamoDB, if it is not here.
        """
        self._home = home
        self._python = venv / "bin" / "python"
        self._wanted_port = port
        self._dynamodb_url = dynamodb_url
        self._enforce_policies = enforce_policies
        self._persist = persist
        self._note = home / _NOTE
        self._saved = home / "state" / "aws"
        self._temporary = home / "tmp"
        self.log_file = home / "ministack.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Return when it answers. Raises CannotStart."""
        if not self._python.exists():
            raise CannotStart(
                f"MiniStack is not installed: there is no {self._python}. `make serve` installs it; "
                f"{EXECUTABLE} may name the executable of another."
            )
        self._home.mkdir(parents=True, exist_ok=True)
        end_left_over(self._home)
        self.port = self._wanted_port = free_port(self._wanted_port)
        self._empty_temporary()
        _allow_many_files()
        with self.log_file.open("wb") as output:
            self._process = subprocess.Popen(
                [self._python, "-m", "uvicorn", "ministack.app:app", *_SERVED, "--port", str(self.port)],
                cwd=self._temporary,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own group: Ctrl-C in the terminal reaches its owner, who stops it last and in order.
                start_new_session=True,
            )
        owner, process = (asdict(Process.of(pid)) for pid in (os.getpid(), self._process.pid))
        self._note.write_text(json.dumps({"owner": owner, "process": process}))
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> bool:
        """Have it save its state and end; every process that it started ends too. Whether it came to save."""
        if self._process is None:
            return False
        _stop_group(self._process.pid, lambda: self._process is None or self._process.poll() is not None)
        ended = self._process.wait(timeout=STOP_SECONDS)
        self._process = None
        self._note.unlink(missing_ok=True)
        _remove_later(self._temporary)
        return ended in _ENDED_IN_ORDER

    @property
    def has_saved(self) -> bool:
        """Whether a stop, of this run or an earlier one, has left a state to start with."""
        return any(self._saved.glob("*.json"))

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _environment(self) -> dict[str, str]:
        """Its settings and nothing of ours but what any program needs: functions inherit this."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        return kept | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "PERSIST_STATE": "1" if self._persist else "0",
            "STATE_DIR": str(self._saved),
            "S3_PERSIST": "1" if self._persist else "0",
            "S3_DATA_DIR": str(self._saved.parent / "s3"),
            "TMPDIR": str(self._temporary),
            "AUTH": "true" if self._enforce_policies else "false",
            "LAMBDA_WARM_TTL_SECONDS": str(_WARM_SECONDS),
            "LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            **({"AWS_ENDPOINT_URL_DYNAMODB": self._dynamodb_url} if self._dynamodb_url else {}),
        }

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101 - start() has just made it
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=2) as response:
                    response.read()
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise CannotStart(f"MiniStack did not start. The end of {self.log_file}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return self.log_file.read_text(errors="replace")[-_LOG_TAIL:]

    def _empty_temporary(self) -> None:
        _remove_later(self._temporary)
        for left in self._home.glob(f"{self._temporary.name}.old-*"):
            _remove_later(left)
        self._temporary.mkdir(parents=True)


def end_left_over(home: Path) -> None:
    """Have the MiniStack that a killed owner left in ``home`` save and end. Raises CannotStart if the owner lives."""
    written = home / _NOTE
    try:
        note = json.loads(written.read_text())
        owner, process = Process(**note["owner"]), Process(**note["process"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # nobody was here, or a kill came before the note was whole
    if owner.pid != os.getpid() and owner.runs():
        raise CannotStart(f"A local stack already runs on {home} (process {owner.pid}). Stop it first, or use another.")
    if process.runs():
        log.info("stopping a MiniStack that a killed run left behind (process %s)", process.pid)
        _stop_group(process.pid, lambda: not process.runs())
    written.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, not to be taken for another that was given its number later."""

    pid: int
    born: str
    """When it started, as the system tells it; empty where it does not run."""

    @classmethod
    def of(cls, pid: int) -> "Process":
        return cls(pid, _born(pid))

    def runs(self) -> bool:
        return bool(self.born) and _born(self.pid) == self.born


def _born(pid: int) -> str:
    if not Path("/proc/self/stat").exists():
        listing = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
    try:
        # After the name, which may hold anything: the state is the first field, the start the twentieth.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _allow_many_files() -> None:
    """As many as the system lets one have, as MiniStack's own start does: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _remove_later(folder: Path) -> None:
    """Out of the way at once, and gone soon: each worker leaves thousands of files, and nobody waits for them."""
    if not folder.exists():
        return
    old = folder.with_name(f"{folder.name.split('.old-')[0]}.old-{time.time_ns()}")
    folder.rename(old)
    subprocess.Popen(["/bin/rm", "-rf", old], start_new_session=True)


def free_port(wanted: int) -> int:
    """The wanted port where nobody has it, or any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do: a port of connections that just closed is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # macOS lets one bind here beside somebody who listens on every address.
            if port and _answers(port):
                continue
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise CannotStart("No port is free on 127.0.0.1.")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _stop_group(pid: int, ended: Any) -> None:
    """Ask the process to end, wait, and end what is left of its group."""
    _signal(os.kill, pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(os.killpg, pid, signal.SIGKILL)


def _signal(send: Any, pid: int, number: signal.Signals) -> None:
    try:
        send(pid, number)
    except (ProcessLookupError, PermissionError):
        log.debug("process %s has ended already", pid)
