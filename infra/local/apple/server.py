"""The local App Store as a whole: its address, its state, and what it does by itself.

``start`` serves until ``stop``. What was bought and what is still to be told outlive a restart with the same state.
Keys and certificates do not: whoever is to believe this store is given ``secret`` at each start.
"""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.local import delivery
from infra.local.apple import control, notifications, purchases, rest
from infra.local.apple.chain import make_chain, make_root
from infra.local.apple.context import APP_APPLE_ID, BUNDLE_ID, ISSUER_ID, KEY_ID, Context
from infra.local.background import Background
from infra.local.delivery import Retries
from infra.local.faults import Faults
from infra.local.store import Job, Store, Thing
from infra.local.web import Server, routed


class AppleServer:
    def __init__(
        self,
        state: Path | None = None,
        port: int = 0,
        *,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep everything in the directory ``state``, or in memory; ``port`` is the wanted one."""
        self._store = Store(state / "apple.sqlite" if state else None)
        self.faults = Faults()
        self._server = Server("apple", lambda request: answer(request), port)  # the certificates name its address
        self.port = self._server.port
        chain = make_chain(make_root(), f"{self.url}/ocsp")
        self.context = Context(self._store, clock, chain, ec.generate_private_key(ec.SECP256R1()))
        self._deliverer = notifications.deliverer(self.context, retries or Retries())
        answer = routed(
            [
                *rest.Rest(self.context, self.faults).routes(),
                *control.Control(self.context, self.faults).routes(),
            ]
        )
        self._background = Background("apple", self._store, clock, self._do)

    @property
    def url(self) -> str:
        """The base address of the App Store Server API, of the OCSP responder, and of ``/_local``."""
        return self._server.url

    def secret(self) -> dict[str, Any]:
        """Of the one app that there is: what its owner finds in App Store Connect, and our root in place of Apple's."""
        private_key = self.context.api_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "bundle_id": BUNDLE_ID,
            "app_apple_id": APP_APPLE_ID,
            "issuer_id": ISSUER_ID,
            "key_id": KEY_ID,
            "private_key": private_key.decode(),
            "root_certificates": [base64.b64encode(self.context.chain.root.der).decode()],
        }

    def send_notifications_to(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        """From now on, also what still waits."""
        notifications.send_to(self.context, url, headers or {})

    def consumptions(self, transaction: str) -> list[Thing]:
        """What the API was told of a purchase, oldest first."""
        return rest.consumptions(self.context, transaction)

    def signed(self, transaction: str) -> str:
        """What StoreKit hands to the app, signed now."""
        return purchases.signed(self.context, purchases.found(self.context, transaction))

    def start(self) -> None:
        self._server.start()
        self._background.start()

    def stop(self) -> None:
        self.faults.clear()
        self._server.stop()
        self._background.stop()
        self._store.close()

    def __enter__(self) -> "AppleServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _do(self, job: Job) -> None:
        if job.kind == delivery.JOB:
            self._deliverer.attempt(job.subject)
        self._store.finish(job)
