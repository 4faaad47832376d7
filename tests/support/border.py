"""The services on the local Stripe through the real library, on tables in memory; events come when they are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import stripe

from chalicelib.gateways import World
from chalicelib.gateways.stripe import StripePayments
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.time import DAY
from chalicelib.payouts import payees
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.tables import Key, Page
from chalicelib.shop import events
from chalicelib.wallet import packs, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.topup import TopUp
from infra.local.stripe.server import StripeServer
from tests.support.local_stripe import SUCCESS, call, client_of, post_form
from tests.support.memory import KEYS
from tests.support.payee import Failing
from tests.support.people import person
from tests.support.worlds import HandClock, OfflineObjects, hand_world

CLIENT: Final = "usr_client"
READER: Final = "usr_reader"
NEVER: Final = 1e9
"""Seconds: the local Stripe does nothing by itself."""


class Library(StripePayments):
    """The product's own gateway on the real library, which tries nothing twice by itself here."""

    def __init__(self, settings: Settings, local: StripeServer) -> None:
        super().__init__(settings)
        self._local = local

    def _client(self) -> Any:
        return client_of(self._local)


class Paged(Failing):
    """Scanned a few items at a time, in an order of its own."""

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.size = size

    def scan(self, table: str, *, start: Key | None = None) -> Page:
        keys = sorted(self.rows[table], key=lambda key: (hash(key[0]), key[1:]))
        first = keys.index(tuple(start[name] for name in KEYS[table])) + 1 if start else 0
        page = [self.rows[table][key] for key in keys[first : first + self.size]]
        more = first + self.size < len(keys)
        return Page(page, {name: page[-1][name] for name in KEYS[table]} if more else None)


@dataclass
class Border:
    local: StripeServer
    clock: HandClock
    tables: Paged = field(default_factory=Paged)
    digests: OfflineObjects = field(default_factory=OfflineObjects)
    world: World = field(init=False)
    heard: set[str] = field(default_factory=set)
    topped_up: int = 0

    def __post_init__(self) -> None:
        self.world = hand_world(self.tables, now=self.clock, digests=self.digests)
        object.__setattr__(self.world, "payments", Library(self.world.settings, self.local))
        for who in (CLIENT, READER):
            person(self.world, who)

    @property
    def stripe(self) -> stripe.StripeClient:
        return client_of(self.local)

    def pays(self, cents: int, *, hears: bool = True) -> str:
        """The client tops up by card; the PaymentIntent."""
        self.topped_up += 1
        return self._paid(topups.open_topup(self.world, CLIENT, f"top_{self.topped_up}", cents), hears=hears)

    def buys(self, pack: str = "coins_500", *, hears: bool = True) -> str:
        """The client buys coins by card; the PaymentIntent."""
        self.topped_up += 1
        return self._paid(packs.open_checkout(self.world, CLIENT, f"top_{self.topped_up}", pack, "web"), hears=hears)

    def _paid(self, topup: TopUp, *, hears: bool) -> str:
        assert topup.checkout
        assert topup.checkout_url
        post_form(topup.checkout_url, card=SUCCESS)
        if hears:
            self.hears()
        return str(self.stripe.v1.checkout.sessions.retrieve(topup.checkout).payment_intent)

    def earns(self, cents: int) -> None:
        """The client pays and the reader earns; three days go by."""
        place = len(self.tables.rows["ledger"])
        paid = wallet.spend(self.world, CLIENT, "tip", cents, f"tip:tip_{place}", f"tip:tip_{place}", "ses_1")
        entry, posting = wallet.earn(
            self.world, earnings_account(READER), "tip_earned", cents, paid.counter, paid.reference
        )
        self.tables.write(posting)
        assert entry.amount == cents
        self.clock.forward(3 * DAY)

    def reader_is_ready(self) -> None:
        payees.open_account(self.world, READER)
        payee = payees.rows_of(self.world).payee(READER)
        assert payee
        call(self.local, "POST", f"/_local/accounts/{payee.account}/onboard", {})
        payees.refresh(self.world, READER)

    def hears(self) -> None:
        """Every event of our own account that was not told yet, oldest first."""
        for event in reversed(self.stripe.v1.events.list(params={"limit": 100}).data):
            if event.id not in self.heard:
                self.heard.add(event.id)
                events.apply_event(self.world, event.to_dict())

    def lever(self, path: str, **body: Any) -> Any:
        """Something that happens at Stripe by itself."""
        return call(self.local, "POST", f"/_local/{path}", body)


@contextmanager
def border() -> Iterator[Border]:
    clock = HandClock()
    with StripeServer(settle_seconds=NEVER, clock=lambda: clock.now / 1_000) as local:
        yield Border(local, clock)
