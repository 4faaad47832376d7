"""Orders that are paid on pages of Stripe's: a counter whose products Stripe has, and what Stripe tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import Millis
from chalicelib.shop import advancing, events
from chalicelib.shop.model.order import Order
from chalicelib.shop.model.product import Product
from chalicelib.wallet import payments
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.statement import trial_balance
from tests.support.counter import Counter
from tests.support.events import dispute_event, refund_event
from tests.support.worlds import OfflinePayments

COMPLETED = "checkout.session.completed"
EXPIRED = "checkout.session.expired"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"


@dataclass(frozen=True)
class Pages(Counter):
    """``deck`` and ``book`` are things, ``song`` and ``spell`` files, the second of each the reader's."""

    @property
    def stripe(self) -> OfflinePayments:
        vendor = self.world.payments
        assert isinstance(vendor, OfflinePayments)
        return vendor

    def ready(self, cents: Cents = 0, pieces: int = 10) -> Self:
        return super().ready(cents, pieces)

    def sells(self, name: str, kind: Any, price: Cents | None, **more: Any) -> Product:
        product = self.id_of(name)
        self.stripe.sells(product, price, shippable=kind == "physical")
        return super().sells(name, kind, price, price_id=f"price_{product}_0", **more)

    def opens(self, items: dict[str, int] | None = None, name: str = "1", **more: Any) -> Order:
        """An order that waits to be paid."""
        return self.orders(items or {"deck": 1}, "stripe", name, **more)

    def page(self, name: str = "1") -> dict[str, Any]:
        return self.stripe.pages[f"cs_test_{self.order_id(name)}"]

    def opened(self) -> dict[str, Any]:
        """The page of an order that waits to be paid."""
        self.opens()
        return dict(self.page())

    def tells(self, *told: dict[str, Any]) -> Self:
        for event in told:
            events.apply_event(self.world, event)
        return self

    def event(self, kind: str, name: str = "1", **other: Any) -> dict[str, Any]:
        """An event on the page of an order, as that is; ``other`` changes fields of its Checkout Session."""
        return {
            "id": f"evt_{kind}_{self.order_id(name)}",
            "object": "event",
            "type": kind,
            "data": {"object": self.page(name) | other},
        }

    def pays(self, name: str = "1") -> Order:
        """By card, and Stripe tells of it."""
        self.stripe.pays(self.page(name)["id"])
        self.tells(self.event(COMPLETED, name))
        return self.order(name)

    def pays_by_bank(self, name: str = "1") -> Order:
        """The page is complete, and the bank has yet to answer."""
        intent = f"pi_{self.order_id(name)}"
        self.page(name).update(status="complete", payment_status="unpaid", payment_intent=intent, url=None)
        self.tells(self.event(COMPLETED, name))
        return self.order(name)

    def bank_says(self, kind: str, name: str = "1") -> Order:
        if kind == SUCCEEDED:
            self.page(name).update(payment_status="paid")
        self.tells(self.event(kind, name))
        return self.order(name)

    def runs_out(self, name: str = "1") -> Order:
        """Nobody paid in time, and Stripe tells of it."""
        self.stripe.runs_out(self.page(name)["id"])
        self.tells(self.event(EXPIRED, name))
        return self.order(name)

    def advances(self, name: str = "1") -> Millis | None:
        """The minute tick."""
        return advancing.advance(self.world, self.order_id(name))

    def given_back_by_hand(self, cents: Cents, name: str = "1") -> Self:
        intent = f"pi_{self.order_id(name)}"
        return self.tells(refund_event("refund.created", f"re_{self.own}hand", intent, cents, "succeeded"))

    def disputed(self, kind: str, status: str, name: str = "1") -> Self:
        payment = self.payment(name)
        return self.tells(dispute_event(kind, f"dp_{self.own}", payment.intent, payment.amount, status))

    def payment(self, name: str = "1") -> Payment:
        found = payments.payment_rows(self.world).get(f"pi_{self.order_id(name)}")
        assert found
        return found

    @property
    def accounts(self) -> dict[str, int]:
        """What is where, of money; the whole is zero."""
        balance = trial_balance(self.world)
        assert set(balance.total.values()) <= {0}
        return {name: amount for (name, currency), amount in balance.accounts.items() if amount and currency == "usd"}
