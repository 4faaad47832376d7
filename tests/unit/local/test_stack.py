"""What the local stack decides before anything runs: settings, ports, and whether it may start here."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from infra.local.ministack import CannotStart, MiniStack, Process, end_left_over, free_port, installed
from infra.local.stack import local_stack, settings_of
from infra.local.waiting import until


def test_a_setting_that_is_absent_is_left_to_the_product() -> None:
    settings = settings_of({"GRACE_SECONDS": "20", "RATE_LIMITS": "off", "HOME": "/somewhere"})

    assert settings["GRACE_SECONDS"] == "20"
    assert settings["RATE_LIMITS"] == "off"
    assert settings["BILLING_MINUTE_SECONDS"] == ""
    assert "HOME" not in settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_MINUTE_SECONDS", "0"),
        ("GRACE_SECONDS", "-1"),
        ("RING_SECONDS", "soon"),
        ("HOLD_MINUTES", "nan"),
        ("JOIN_SECONDS", "inf"),
        ("RATE_LIMITS", "no"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(CannotStart, match=name):
        settings_of({name: value})


def test_a_busy_port_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]

        assert free_port(port) != port
    assert free_port(port) == port


def test_a_missing_ministack_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="make"):
        MiniStack(tmp_path / "home", tmp_path / "nothing").start()


def test_a_ministack_of_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.9.1\n")
    monkeypatch.setenv("MINISTACK", str(tmp_path / "bin" / "ministack"))

    with pytest.raises(CannotStart, match=r"3\.9\.1"):
        installed()


def test_a_state_is_used_by_one_at_a_time_and_nobody_else_empties_it(tmp_path: Path) -> None:
    entry = tmp_path / "state" / "entry"
    entry.parent.mkdir()
    entry.touch()
    waits = [sys.executable, "-c", "input('up\\n')"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own Python
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        running = asdict(Process.of(other.pid))
        (tmp_path / "ministack.json").write_text(json.dumps({"owner": running, "process": running}))

        with pytest.raises(CannotStart, match=str(other.pid)), local_stack(tmp_path, package=tmp_path, fresh=True):
            pass
        assert entry.exists()
        other.communicate(b"\n")


SAVES_WHEN_STOPPED = """
import signal, sys

def save(*_):
    open("saved", "w").close()
    sys.exit()

signal.signal(signal.SIGTERM, save)
print("up", flush=True)
signal.pause()
"""


def test_what_a_killed_owner_left_running_saves_before_its_state_is_looked_at(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - our own Python
        [sys.executable, "-c", SAVES_WHEN_STOPPED], cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True
    ) as left:
        assert left.stdout is not None
        assert left.stdout.readline() == b"up\n"
        note = {"owner": asdict(Process(left.pid, "long ago")), "process": asdict(Process.of(left.pid))}
        (tmp_path / "ministack.json").write_text(json.dumps(note))

        try:
            end_left_over(tmp_path)
        finally:
            left.kill()

        assert (tmp_path / "saved").exists()
        assert not (tmp_path / "ministack.json").exists()


def test_a_process_is_told_from_another_that_has_its_number_now() -> None:
    assert Process.of(os.getpid()).runs()
    assert not Process(os.getpid(), "long ago").runs()


def test_a_killed_process_does_not_run_though_nobody_has_asked_how_it_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid)
        assert process.runs()
        os.kill(child.pid, signal.SIGKILL)
        until("its end", lambda: not process.runs(), seconds=10)
        assert child.returncode is None
