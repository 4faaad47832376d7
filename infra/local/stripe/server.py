"""The local Stripe as a whole: its address, its state, and the thread that does what is due.

``start`` serves until ``stop``. What waited when it stopped, deliveries among it, goes on after the next start
with the same state.
"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Final

from infra.local.stripe import checkout, control, events, page, payments, webhooks
from infra.local.stripe.api import Api
from infra.local.stripe.context import Context
from infra.local.stripe.store import Job, Store
from infra.local.web import Request, Response, Server, routed

SETTLE_SECONDS: Final = 5.0
_AT_ONCE: Final = 4
"""Deliveries under way at the same time."""
_LONGEST_SLEEP: Final = 60.0

log = logging.getLogger("soulseer.local.stripe")


class StripeServer:
    def __init__(
        self,
        state: Path | None = None,
        port: int = 0,
        *,
        retries: webhooks.Retries | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep everything in the directory ``state``, or in memory; ``port`` is the wanted one."""
        self._server = Server("stripe", self._answer, port)
        self.port = self._server.port
        self._store = Store(state / "stripe.sqlite" if state else None)
        self._context = Context(self._store, clock, self.url, settle_seconds, wake=Event())
        self._deliverer = webhooks.Deliverer(self._context, retries or webhooks.Retries())
        faults = control.Faults()
        self._api = Api(self._context, [*checkout.ROUTES, *payments.ROUTES, *events.ROUTES], faults)
        self._pages = routed(
            [
                *page.routes(self._context, self._deliverer.wait_for_attempt),
                *control.Control(self._context, faults).routes(),
            ]
        )
        self._stopping = Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "stripe-delivery")
        self._background = Thread(target=self._work, name="stripe-background", daemon=True)

    @property
    def url(self) -> str:
        """The base address for the stripe library: without ``/v1``."""
        return self._server.url

    def start(self) -> None:
        self._server.start()
        self._background.start()

    def stop(self) -> None:
        self._stopping.set()
        self._context.wake.set()
        self._server.stop()
        if self._background.is_alive():
            self._background.join(timeout=5)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    def __enter__(self) -> "StripeServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def send_webhooks_to(
        self,
        name: str,
        url: str,
        secret: str,
        headers: Mapping[str, str] | None = None,
        enabled_events: tuple[str, ...] = ("*",),
    ) -> None:
        """From now on; see ``webhooks.set_endpoint``."""
        webhooks.set_endpoint(self._context, name, url, secret, headers, enabled_events)

    def _answer(self, request: Request) -> Response:
        return self._api.answer(request) if request.path.startswith("/v1/") else self._pages(request)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._context.wake.clear()
            for job in self._store.claim(self._context.clock(), most=100):
                self._pool.submit(self._do, job)
            due = self._store.next_due()
            pause = _LONGEST_SLEEP if due is None else due - self._context.clock()
            self._context.wake.wait(max(0.0, min(pause, _LONGEST_SLEEP)))

    def _do(self, job: Job) -> None:
        try:
            if job.kind == "deliver":
                self._deliverer.attempt(job.subject)
                self._store.finish(job)
            else:
                with self._store.transaction():
                    _BACKGROUND[job.kind](self._context, job.subject)
                    self._store.finish(job)
        except Exception:
            log.exception("job %s of %s failed", job.kind, job.subject)


_BACKGROUND: Final[Mapping[str, Callable[[Context, str], object]]] = {
    "settle": checkout.settle,
    "expire": checkout.expire_when_due,
}
