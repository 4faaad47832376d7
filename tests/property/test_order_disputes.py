"""Product §9: whatever banks and hands do beside the shop - disputes, refunds at Stripe, pages paid after their end -
nobody has an order's money twice, what the shop gives back reaches the buyer, and the books agree with Stripe.

The market of ``test_orders``, with a Stripe that refuses as the real one does: nothing goes back of what is disputed,
and no more than is left.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.time import DAY
from chalicelib.operations import reconciliation
from chalicelib.shop import returns
from chalicelib.shop.model.order import Order
from chalicelib.wallet import payments, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.payment import credit_of
from tests.property.test_orders import HAPPENS, Market, assert_finished, assert_stock
from tests.support.counter import ADMIN
from tests.support.duo import chain
from tests.support.events import dispute_event
from tests.support.worlds import OfflinePayments

STEPS: Final = 60
HISTORIES: Final = range(int(os.environ.get("SOUL_HISTORIES", "20")))


@dataclass
class StrictStripe(OfflinePayments):
    """Keeps what banks took, and says no where Stripe does."""

    disputes: dict[str, str] = field(default_factory=dict)
    """Of PaymentIntents: ``needs_response``, ``won``, ``lost``."""

    def paid(self) -> dict[str, int]:
        """What was paid by which PaymentIntent."""
        complete = [page for page in self.pages.values() if page["status"] == "complete"]
        return {page["payment_intent"]: page["amount_total"] for page in complete}

    def back(self, intent: str) -> int:
        """What of it is at the card, or on its way there."""
        mine = [each for each in self.refunds.values() if each["payment_intent"] == intent]
        return sum(each["amount"] for each in mine if each["status"] != "failed")

    def taken(self, intent: str) -> int:
        """What the bank has taken of it and not given back."""
        return self.paid()[intent] if self.disputes.get(intent, "won") != "won" else 0

    def refund(self, *, intent: str, amount: int, part: str) -> dict[str, Any]:
        if not self.down and part not in self.refunds:
            if self.taken(intent):
                raise Refused("charge_disputed")
            if amount > self.paid()[intent] - self.back(intent):
                raise Refused("charge_already_refunded")
        return super().refund(intent=intent, amount=amount, part=part)

    def balance_transactions(self, *, since: int, until: int, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        del since, until
        moved: list[tuple[str, int, dict[str, Any]]] = []
        for intent, amount in self.paid().items():
            moved.append(("charge", amount, {"id": f"ch_{intent}", "payment_intent": intent, "status": "succeeded"}))
            if intent in self.disputes:
                moved.append(("adjustment", -amount, {"object": "dispute", "id": f"dp_{intent}"}))
            if self.disputes.get(intent) == "won":
                moved.append(("adjustment", amount, {"object": "dispute", "id": f"dp_{intent}"}))
        for each in self.refunds.values():
            moved.append(("refund", -each["amount"], each))
            if each["status"] == "failed":
                moved.append(("refund_failure", each["amount"], each))
        told = [
            {"id": f"txn_{place}", "type": kind, "amount": amount, "fee": 0, "currency": "usd", "source": source}
            for place, (kind, amount, source) in enumerate(moved)
        ]
        return ([] if after else told), False

    def transaction_of(self, intent: str) -> None:
        """The top-up that the buyer began with is not told of."""
        del intent


class Trouble(Market):
    """A market in which banks and hands reach past the shop."""

    def __init__(self, rng: Random) -> None:
        self.strict = StrictStripe()
        super().__init__(rng, self.strict)

    def disputes(self) -> None:
        """The bank takes all of a payment, or says how that ends."""
        intents = sorted(self.strict.paid())
        if not intents:
            return
        intent = self.rng.choice(intents)
        status = self.strict.disputes.get(intent)
        if status is None and not self.strict.back(intent):
            self.bank_says(intent, "needs_response")
        elif status == "needs_response":
            self.bank_says(intent, self.rng.choice(("won", "lost")))

    def bank_says(self, intent: str, status: str) -> None:
        self.strict.disputes[intent] = status
        kind = "created" if status == "needs_response" else "closed"
        event = dispute_event(kind, f"dp_{intent}", intent, self.strict.paid()[intent], status)
        self.mail.append(event | {"id": f"evt_{intent}_{status}"})

    def gives_back_by_hand(self) -> None:
        """In the dashboard, past the shop."""
        paid = self.strict.paid()
        found = [each for each in sorted(paid) if not self.strict.taken(each) and self.strict.back(each) < paid[each]]
        if found:
            intent, name = self.rng.choice(found), f"re_hand_{len(self.strict.refunds)}"
            made = self.strict.made_at_stripe(
                name, intent, self.rng.randint(1, paid[intent] - self.strict.back(intent))
            )
            self.strict.refunds[name] = made | {"status": self.rng.choice(("pending", "succeeded"))}
            self.has_to_tell(f"refund.created.{name}", dict(self.strict.refunds[name]))

    def pays_late(self) -> None:
        """As where Stripe took a payment in the moment in which a page ended."""
        over = [page for page in self.strict.pages.values() if page["status"] == "expired"]
        if over:
            page = self.rng.choice(over)
            page["status"] = "open"
            self.has_to_tell("checkout.session.completed", self.strict.pays(page["id"]))

    def comes_to_its_end(self) -> None:
        """Banks make up their minds too; what they keep is called off, and frozen wallets are released."""
        for intent, status in list(self.strict.disputes.items()):
            if status == "needs_response":
                self.bank_says(intent, self.rng.choice(("won", "lost")))
        super().comes_to_its_end()
        wallet.unfreeze(self.world, self.counter.buyer, "a person looked")
        super().comes_to_its_end()
        for order in self.every_order():
            if order.state == "paid":
                self.called(partial(returns.call_off, order_id=order.id, who=ADMIN), {})
        super().comes_to_its_end()


WORSE: Final = [*HAPPENS, (5, Trouble.disputes), (4, Trouble.gives_back_by_hand), (2, Trouble.pays_late)]


@pytest.mark.parametrize("seed", HISTORIES)
def test_nobody_has_an_orders_money_twice_and_what_the_shop_gives_back_arrives(seed: int) -> None:
    rng = Random(f"disputes {seed}")  # noqa: S311 - it guards nothing
    market = Trouble(rng)
    for act in rng.choices([act for _, act in WORSE], [often for often, _ in WORSE], k=STEPS):
        act(market)
    market.comes_to_its_end()
    found = market.every_order()
    for order in found:
        assert_finished(order)
    assert_stock(market, found)
    by_stripe = [order for order in found if order.rail == "stripe" and order.paid_at is not None]
    assert_each_has_it_once(market, by_stripe)
    market.clock.forward(2 * DAY)
    run = reconciliation.go_on(market.world, reconciliation.begin(market.world).id)
    assert run.ended_at
    differences = [each for each in reconciliation.differences(market.world) if each.about != "topup:1"]
    assert differences == []


def assert_each_has_it_once(market: Trouble, by_stripe: list[Order]) -> None:
    """By card, from the bank or as credit: what the shop gives back, and more only where somebody else gave it."""
    world, strict = market.world, market.strict
    credited = borne = 0
    for order in by_stripe:
        payment = payments.payment_rows(world).get(order.intent or "")
        assert payment
        assert payment.given == order.returned
        credit = credit_of(payment)
        has = strict.back(payment.intent) + strict.taken(payment.intent) + credit
        assert has >= order.returned
        assert not credit or has <= order.total
        credited, borne = credited + credit, borne + has - order.returned
    moved = chain(world, wallet.credit_account(market.counter.buyer))
    assert sum(each.amount for each in moved if each.kind.startswith("order_credit")) == credited
    books = statement.trial_balance(world)
    assert set(books.total.values()) <= {0}
    assert (books.drifted, books.unsettled(), books.sum_of("platform:orders")) == ((), {}, -borne)
