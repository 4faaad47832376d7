"""The local Agora as a whole: its address, its state, and what it does by itself.

``start`` serves until ``stop``. Who is in a channel, which bars last, and what is still to be told outlives a restart
with the same state. The account does not: it is told anew at each start, as the address for notices is.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local import delivery
from infra.local.agora import channels, control, notices, rest, signalling
from infra.local.agora.context import Account, Context
from infra.local.background import Background
from infra.local.delivery import Retries
from infra.local.faults import Faults
from infra.local.store import Job, Store, Thing
from infra.local.web import Server, routed


class AgoraServer:
    def __init__(
        self,
        state: Path | None = None,
        port: int = 0,
        *,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep everything in the directory ``state``, or in memory; ``port`` is the wanted one."""
        self._store = Store(state / "agora.sqlite" if state else None)
        self._context = Context(self._store, clock)
        self._deliverer = notices.deliverer(self._context, retries or Retries())
        self._faults = Faults()
        answer = routed(
            [
                *rest.Rest(self._context, self._faults).routes(),
                *control.Control(self._context, self._faults).routes(),
            ]
        )
        self._server = Server("agora", answer, port)
        self.port = self._server.port
        self._background = Background("agora", self._store, clock, self._do)

    @property
    def url(self) -> str:
        """The base address of the REST API, and of ``/_local``."""
        return self._server.url

    def open_account(self, account: Account) -> None:
        """Until then nobody is let into a channel, and no call of the REST API is taken."""
        self._context.account = account

    def send_notices_to(self, url: str, secret: str, headers: Mapping[str, str] | None = None) -> None:
        """From now on, also what still waits."""
        notices.send_to(self._context, url, secret, headers or {})

    def uids_in(self, channel: str) -> set[int]:
        """Who is in the channel now."""
        return {each["uid"] for each in channels.participants(self._context, channel)}

    def notices(self, channel: str) -> list[Thing]:
        """What was made to be told of it so far, oldest first."""
        return notices.listed(self._context, channel)

    def rules(self, channel: str) -> list[Thing]:
        """The rules received for it, oldest first."""
        return [each for each in channels.rules(self._context) if each["channel"] == channel][::-1]

    def messages(self, channel: str) -> list[Thing]:
        """What was sent to everybody in it by signalling, oldest first."""
        return signalling.messages(self._context, channel)

    def start(self) -> None:
        self._server.start()
        self._background.start()

    def stop(self) -> None:
        self._faults.clear()
        self._server.stop()
        self._background.stop()
        self._store.close()

    def __enter__(self) -> "AgoraServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _do(self, job: Job) -> None:
        if job.kind == delivery.JOB:
            self._deliverer.attempt(job.subject)
            self._store.finish(job)
            return
        with self._store.transaction():
            channels.do(self._context, job)
            self._store.finish(job)
