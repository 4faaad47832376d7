"""The local Stripe as a whole: its address, its state, and what it does by itself.

``start`` serves until ``stop``. What waited when it stopped, deliveries among it, goes on after the next start
with the same state.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from infra.local import delivery
from infra.local.background import Background
from infra.local.delivery import Retries
from infra.local.store import Job, Store
from infra.local.stripe import (
    accounts,
    balance,
    charges,
    checkout,
    control,
    coupons,
    customers,
    disputes,
    events,
    intents,
    methods,
    onboarding,
    page,
    payments,
    payouts,
    prices,
    products,
    refunds,
    setups,
    transfers,
    webhooks,
)
from infra.local.stripe.api import Api
from infra.local.stripe.context import Context, Lever, Resource
from infra.local.web import Request, Response, Server, routed

SETTLE_SECONDS: Final = 5.0


class StripeServer:
    def __init__(
        self,
        state: Path | None = None,
        port: int = 0,
        *,
        retries: Retries | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        available_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep everything in the directory ``state``, or in memory; ``port`` is the wanted one.

        ``settle_seconds`` and ``available_seconds``: see ``Context``.
        """
        self._server = Server("stripe", self._answer, port)
        self.port = self._server.port
        self._store = Store(state / "stripe.sqlite" if state else None)
        self._context = Context(self._store, clock, self.url, settle_seconds, available_seconds)
        self._deliverer = webhooks.deliverer(self._context, retries or Retries())
        faults = control.Faults()
        self._api = Api(self._context, _RESOURCES, faults)
        self._pages = routed(
            [
                *page.routes(self._context, self._deliverer.wait_for_attempt),
                *onboarding.routes(self._context),
                *control.Control(self._context, faults).routes(_LEVERS),
            ]
        )
        self._background = Background("stripe", self._store, clock, self._do)

    @property
    def url(self) -> str:
        """The base address for the stripe library: without ``/v1``."""
        return self._server.url

    def start(self) -> None:
        self._server.start()
        self._background.start()

    def stop(self) -> None:
        self._server.stop()
        self._background.stop()
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
        *,
        connect: bool = False,
    ) -> None:
        """From now on; see ``webhooks.set_endpoint``."""
        webhooks.set_endpoint(self._context, name, url, secret, headers, enabled_events, connect=connect)

    def _answer(self, request: Request) -> Response:
        return self._api.answer(request) if request.path.startswith("/v1/") else self._pages(request)

    def _do(self, job: Job) -> None:
        if job.kind == delivery.JOB:
            self._deliverer.attempt(job.subject)
            self._store.finish(job)
            return
        with self._store.transaction():
            _BACKGROUND[job.kind](self._context, job.subject)
            self._store.finish(job)


_RESOURCES: Final[list[Resource]] = [
    *accounts.ROUTES,
    *balance.ROUTES,
    *charges.ROUTES,
    *checkout.ROUTES,
    *coupons.ROUTES,
    *customers.ROUTES,
    *disputes.ROUTES,
    *events.ROUTES,
    *intents.ROUTES,
    *methods.ROUTES,
    *payouts.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *refunds.ROUTES,
    *setups.ROUTES,
    *transfers.ROUTES,
]
_LEVERS: Final[list[Lever]] = [
    *accounts.LEVERS,
    *checkout.LEVERS,
    *disputes.LEVERS,
    *intents.LEVERS,
    *payouts.LEVERS,
    *prices.LEVERS,
    *products.LEVERS,
    *refunds.LEVERS,
    *transfers.LEVERS,
]
_BACKGROUND: Final[Mapping[str, Callable[[Context, str], object]]] = {
    "dispute": disputes.open_when_due,
    "dispute_decision": disputes.decide_when_due,
    "expire": checkout.expire_when_due,
    "payout": payouts.settle,
    "refund": refunds.settle,
    "settle": checkout.settle,
    "settle_intent": payments.settle_when_due,
}
