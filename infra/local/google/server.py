"""The local Google as a whole: its address, its state, and what it does by itself.

``start`` serves until ``stop``. Purchases, what is still to be told of them, and both keys outlive a restart with the
same state: Google's own, that pushes are signed with, and the service account's.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from infra.local import delivery
from infra.local.background import Background
from infra.local.delivery import Retries
from infra.local.faults import Faults
from infra.local.google import api, control, orders, pushes
from infra.local.google.context import Context
from infra.local.issuer import Issuer, kept_key, new_key
from infra.local.store import Job, Store, Thing
from infra.local.web import Server, routed


class GoogleServer:
    def __init__(
        self,
        state: Path | None = None,
        port: int = 0,
        *,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep everything in the directory ``state``, or in memory; ``port`` is the wanted one."""
        self._store = Store(state / "google.sqlite" if state else None)
        google, account = (
            kept_key(state / f"{name}.pem") if state else new_key() for name in ("google", "google_account")
        )
        self.context = Context(self._store, clock, Issuer(pushes.ISSUER, key=google), account)
        self._deliverer = pushes.deliverer(self.context, retries or Retries())
        self._faults = Faults()
        self.api = api.Api(self.context, self._faults)
        answer = routed([*self.api.routes(), *control.Control(self.context, self._faults).routes()])
        self._server = Server("google", answer, port)
        self.port = self._server.port
        self._background = Background("google", self._store, clock, self._do)

    @property
    def url(self) -> str:
        """The base address of the Play Developer API, and of ``/_local``."""
        return self._server.url

    @property
    def certs_url(self) -> str:
        """Where the keys are that pushes are signed with."""
        return f"{self.url}/oauth2/v3/certs"

    def secret(self) -> dict[str, Any]:
        """The secret ``google`` of the product's settings."""
        app = self.context.app
        pem = self.context.account_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "client_email": app.client_email,
            "private_key_id": "local",
            "private_key": pem.decode(),
            "token_uri": f"{self.url}/token",
        }
        return {
            "package_name": app.package,
            "service_account": account,
            "push_audience": app.push_audience,
            "push_email": app.push_email,
        }

    def push_to(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """From now on, also what still waits."""
        pushes.send_to(self.context, url, headers or {})

    def buy(self, product: str, account_token: str | None = None, **how: Any) -> Thing:
        """Somebody buys the product; ``how`` as in ``orders.buy``. Its ``id`` is the purchase's token."""
        with self._store.transaction():
            return orders.buy(self.context, product, account_token, **how)

    def start(self) -> None:
        self._server.start()
        self._background.start()

    def stop(self) -> None:
        self._faults.clear()
        self._server.stop()
        self._background.stop()
        self._store.close()

    def __enter__(self) -> "GoogleServer":
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
            orders.do(self.context, job)
            self._store.finish(job)
