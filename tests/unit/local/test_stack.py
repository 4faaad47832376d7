"""What the local stack decides before anything runs: settings, ports, and whether it may start here."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.ministack import CannotStart, MiniStack, free_port, installed
from infra.local.stack import settings_of


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


def test_a_state_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    waits = [sys.executable, "-c", "input('up\\n')"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own Python
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        (tmp_path / "ministack.json").write_text(json.dumps({"owner": other.pid, "pid": other.pid}))

        with pytest.raises(CannotStart, match=str(other.pid)):
            MiniStack(tmp_path, tmp_path / "venv").start()
        other.communicate(b"\n")
