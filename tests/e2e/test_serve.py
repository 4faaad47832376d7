"""``make serve`` as a program meets it: its file, money path, limits, its stop, and what the next start remembers."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.e2e.limits import assert_limits_are_kept
from tests.e2e.stage import Office

ROOT = Path(__file__).parents[2]
WHY = ("--reason", "something to look at", "--yes")
START_SECONDS = 180
STOP_SECONDS = 120

FIELDS = {
    "api_url",
    "function_urls",
    "issuer_url",
    "stripe_url",
    "agora_url",
    "apple_url",
    "google_url",
    "stripe_webhook_secret",
    "stripe_connect_webhook_secret",
    "endpoint_url",
    "dynamodb_url",
    "tables",
    "tokens",
}


@contextmanager
def serving(state_dir: Path, *, stop_by: signal.Signals) -> Iterator[dict[str, Any]]:
    """A served stack: what its file says. It is stopped by a signal, as a person or a supervisor would."""
    note = state_dir / "stack.json"
    # Not the usual port: another stack of the tests may want it at the same moment.
    command = [sys.executable, "-m", "infra.local.serve", "--state-dir", str(state_dir), "--cold", "--port", "0"]
    environment = os.environ | {"BILLING_MINUTE_SECONDS": "5", "RATE_LIMITS": ""}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - ours
        try:
            deadline = time.monotonic() + START_SECONDS
            while not note.exists():
                assert process.poll() is None, "it ended before it was up"
                assert time.monotonic() < deadline, "it was not up in time"
                time.sleep(0.2)
            told = json.loads(note.read_text())
            assert in_a_shell(state_dir, "$API $CLIENT") == f"{told['api_url']} {told['tokens']['client']}"
            yield told
        finally:
            process.send_signal(stop_by)
            process.wait(STOP_SECONDS)
    assert process.returncode == 0
    assert not list(state_dir.glob("stack.*"))


def in_a_shell(state_dir: Path, words: str) -> str:
    """What they are in a shell that has read what the stack wrote for it."""
    script = f". {shlex.quote(str(state_dir / 'stack.env'))}; echo {words}"
    return subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603, S607 - the lines above


def call(stack: dict[str, Any], method: str, path: str, who: str, body: Any = None, key: str | None = None) -> Any:
    headers = {"authorization": f"Bearer {stack['tokens'].get(who, who)}"} | ({"idempotency-key": key} if key else {})
    response = requests.request(method, f"{stack['api_url']}{path}", json=body, headers=headers, timeout=30)
    response.raise_for_status()
    return response.json()


def assert_there_is_something_to_look_at(stack: dict[str, Any], note: Path) -> None:
    """Once the command line was asked for it: demo data, made once, whose people anybody may be."""
    office = Office(note)
    try:
        made = [office.run("seed", "demo", *WHY, "--local", "--json") for _ in range(2)]
        assert [code for code, _, _ in made] == [0, 0], made
        ada = next(row for row in json.loads(made[0][1])["rows"] if row["name"] == "Ada")
        assert json.loads(made[1][1]) == {"done": True, "would": [], "rows": []}
        assert office.run("ledger", "trial-balance", "--local")[0] == 0
        assert office.run("rollups", "rebuild", *WHY, "--local")[0] == 0
        assert office.run("report", "platform", "--days", "30", "--local")[0] == 0
    finally:
        office.close()
    answer = requests.post(f"{stack['issuer_url']}/token", json={"sub": ada["sub"], "name": "Ada"}, timeout=30)
    token = answer.json()["access_token"]
    assert call(stack, "GET", "/v1/me", token)["id"] == ada["id"]
    assert len(call(stack, "GET", "/v1/readers", token)["items"]) == 7


def test_a_served_stack_takes_money_keeps_limits_and_remembers_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path, stop_by=signal.SIGINT) as stack:
        assert stack.keys() == FIELDS
        assert {name: call(stack, "GET", "/v1/me", name)["role"] for name in stack["tokens"]} == {
            "client": "client",
            "reader": "reader",
            "admin": "admin",
        }
        (reader,) = call(stack, "GET", "/v1/readers", "client")["items"]
        assert reader["rates"] == {"text": 250, "voice": 250, "video": 250}
        assert (reader["verified"], reader["presence"]) == (True, "offline")
        assert call(stack, "GET", "/v1/meta/trust", "client")["billing"]["minute_seconds"] == 5

        topup = call(stack, "POST", "/v1/wallet/topups", "client", {"amount": 2500}, key="one")
        paid = requests.post(topup["checkout_url"], {"card": "4242424242424242"}, allow_redirects=False, timeout=30)
        assert paid.status_code == 303
        assert_limits_are_kept(stack)
        assert_there_is_something_to_look_at(stack, tmp_path / "stack.json")
        before = stack

    with serving(tmp_path, stop_by=signal.SIGTERM) as stack:
        assert call(stack, "GET", "/v1/wallet", before["tokens"]["client"])["credit"]["total"]["amount"] == 2500
        assert stack["stripe_webhook_secret"] == before["stripe_webhook_secret"]
        assert stack["function_urls"] == before["function_urls"]
