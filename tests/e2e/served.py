"""``make serve`` as a test uses it that kills it: a stack in processes of its own, on a state that stays.

It knows what ``stack.json`` tells, as any program does; ``world`` alone looks past the API.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
import requests

from chalicelib.gateways import World
from chalicelib.kernel.settings import settings_from
from chalicelib.runtime.tables import DynamoTables
from infra.local.ministack import Process
from infra.local.people import Person, make_reader
from infra.local.phone import Api, Json, Phone
from infra.local.waiting import until
from tests.support.worlds import hand_world

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "build" / "local"
UP: Final = 180.0
SOON: Final = 60.0
_RULE_EVENT: Final[Json] = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-22T16:43:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


@dataclass
class Served:
    """``make serve`` on a state directory. It can be started again on the same, after whatever end."""

    state_dir: Path
    settings: dict[str, str]
    addresses: Json = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        note = self.state_dir / "stack.json"
        note.unlink(missing_ok=True)  # a kill leaves it
        command = [
            sys.executable,
            "-m",
            "infra.local.serve",
            "--state-dir",
            str(self.state_dir),
            "--port",
            "0",
            "--cold",
        ]
        if self.addresses:
            command += ["--package", str(PACKAGE)]  # what the first start has packaged
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=ROOT, env=os.environ | self.settings, stdout=subprocess.DEVNULL
        )
        self._process = process
        until("the stack being up", lambda: note.exists() or process.poll() is not None, seconds=UP)
        assert process.poll() is None, "it ended before it was up"
        self.addresses = json.loads(note.read_text())

    @property
    def local_aws(self) -> Process:
        noted = json.loads((self.state_dir / "ministack.json").read_text())
        return Process(**noted["process"])

    def kill(self, *, everything: bool) -> None:
        """Without a word, as a machine does that runs out of memory: the program, and the local AWS with it or not."""
        assert self._process
        local_aws = self.local_aws
        self._process.kill()
        self._process.wait()
        if everything:
            os.killpg(local_aws.pid, signal.SIGKILL)
            until("the end of the local AWS", lambda: not local_aws.runs(), seconds=SOON)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(SOON)

    def aws(self, service: Any) -> Any:
        """A client of its AWS, by botocore's name of the service."""
        url = self.addresses["dynamodb_url" if service == "dynamodb" else "endpoint_url"]
        return boto3.client(
            service,
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    def world(self) -> World:
        """The services' world on it: for what only an admin may do, and to look and bring nothing up to date by it."""
        told = self.aws("lambda").get_function_configuration(FunctionName="soulseer-dev-api")
        settings = settings_from(told["Environment"]["Variables"])
        return hand_world(
            DynamoTables(self.aws("dynamodb")), settings=settings, now=lambda: time.time_ns() // 1_000_000
        )

    def client(self, cents: int) -> Phone:
        """A new person with that much credit by Checkout."""
        phone = self._phone(self._token(Person(f"restarts|{uuid.uuid4()}", "clara@example.test", "Clara")))
        phone.top_up(cents)
        until("the credit of the top-up", lambda: phone.credit() == cents, seconds=SOON)
        return phone

    def reader(self, name: str) -> Phone:
        """A new verified reader, online."""
        person = Person(f"restarts|{uuid.uuid4()}", f"{name.lower()}@example.test", name)
        token = self._token(person)
        make_reader(self.addresses["api_url"], self.world(), token, person)
        phone = self._phone(token)
        phone.api.put("/v1/reader/presence", {"status": "online"})
        return phone

    def tick(self) -> None:
        """What the rule does every minute."""
        functions = self.aws("lambda")
        for shard in ("0", "1"):
            event = json.dumps(_RULE_EVENT | {"shard": shard})
            answer = functions.invoke(FunctionName="soulseer-dev-billing_tick", Payload=event)
            assert "FunctionError" not in answer, answer["Payload"].read()

    def _token(self, person: Person) -> str:
        asked = {"sub": person.subject, "email": person.email, "name": person.name}
        told = requests.post(f"{self.addresses['issuer_url']}/token", json=asked, timeout=SOON)
        return str(told.json()["access_token"])

    def _phone(self, token: str) -> Phone:
        return Phone(Api(self.addresses["api_url"], token), stays=True)
