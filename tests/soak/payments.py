"""Stripe: pages that are paid, or not, cards that are charged, or not, and events that tell of it, signed as Stripe
signs them.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import stripe

from chalicelib.gateways.stripe import CheckoutPage, Refused, SavedCard
from chalicelib.kernel.errors import ProviderFailed, Unauthenticated
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.wallet.model.recharge import Recharge
from chalicelib.wallet.model.topup import TopUp
from tests.soak.chances import Chances
from tests.soak.timeline import Timeline
from tests.support.events import checkout_event, recharge_event

SECRET: Final = "whsec_test"
_COMPLETED: Final = "checkout.session.completed"
_LATER: Final = "checkout.session.async_payment_"


class Stripe:
    """``Payments``, and what becomes of a page. ``post`` sends an event's body on its way."""

    def __init__(self, timeline: Timeline, chances: Chances) -> None:
        self.paid: dict[str, TopUp] = {}
        self.charged: dict[str, Recharge] = {}
        """Charges of saved cards that were paid."""
        self._refused: dict[str, str] = {}
        self.post: Callable[[bytes], None] = lambda body: None
        self._timeline = timeline
        self._chances = chances
        self._events = 0
        self._seen: set[str] = set()

    def open_checkout(
        self, *, topup: str, user: str, sold: str, amount: int, currency: str, return_url: str
    ) -> CheckoutPage:
        if self._chances("page of Stripe not opened"):
            raise ProviderFailed
        return CheckoutPage(f"cs_{topup}", f"{return_url}/{user}/{amount}{currency}")

    def make_customer(self, *, user: str) -> str:
        return f"cus_{user}"

    def open_setup(self, *, setup: str, user: str, customer: str, return_url: str) -> CheckoutPage:
        return CheckoutPage(f"cs_{setup}", f"{return_url}/{user}/{customer}")

    def saved_card(self, setup_intent: str) -> SavedCard:
        user = setup_intent.removeprefix("seti_")
        return SavedCard(f"cus_{user}", f"pm_{user}", "visa", "4242", 12, 2034)

    def charge_saved(
        self, *, recharge: str, user: str, customer: str, payment_method: str, amount: int, currency: str
    ) -> str:
        """One answer for one key, whoever asks and however often."""
        if self._chances("charge of a card lost"):
            raise ProviderFailed
        if recharge not in self.charged and recharge not in self._refused:
            charge = Recharge(recharge, user, amount, currency, customer, payment_method, 0)
            rng = self._chances.stream("bank")
            way, soon = rng.random(), rng.randint(1, 40 * SECOND)
            if way < 0.8:
                self.charged[recharge] = charge
                self._timeline.after(soon, lambda: self._tell_of(charge, "succeeded"))
            else:
                self._refused[recharge] = "insufficient_funds" if way < 0.98 else "authentication_required"
                self._timeline.after(soon, lambda: self._tell_of(charge, "payment_failed"))
        if self._chances("answer to a charge lost"):
            raise ProviderFailed
        if recharge in self._refused:
            raise Refused("card_declined", self._refused[recharge])
        return f"pi_{recharge}"

    def verified_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        try:
            told: dict[str, Any] = stripe.Webhook.construct_event(payload, signature, SECRET).to_dict()
        except stripe.SignatureVerificationError as error:
            raise Unauthenticated from error
        return told

    def visited(self, topup: TopUp) -> None:
        """The client is on the page of ``topup`` and pays at once, or later, or not."""
        if topup.id in self._seen:
            return
        self._seen.add(topup.id)
        rng = self._chances.stream("paying")
        way = rng.random()
        soon, later = rng.randint(1, 40 * SECOND), rng.randint(MINUTE, 10 * MINUTE)
        if way < 0.8:
            self._timeline.after(soon, lambda: self._tell(topup, _COMPLETED, paid=True))
        elif way < 0.95:
            self._timeline.after(soon, lambda: self._tell(topup, _COMPLETED, paid=False))
            outcome = "succeeded" if way < 0.9 else "failed"
            self._timeline.after(later, lambda: self._tell(topup, _LATER + outcome, paid=outcome == "succeeded"))
        else:
            self._timeline.after(later, lambda: self._tell(topup, "checkout.session.expired", paid=False))

    def _tell_of(self, charge: Recharge, outcome: str) -> None:
        self._events += 1
        refused = self._refused.get(charge.id)
        other = {"last_payment_error": {"decline_code": refused}} if refused else {}
        event = recharge_event(f"evt_{self._events}", f"payment_intent.{outcome}", charge, **other)
        self.post(json.dumps(event).encode())

    def _tell(self, topup: TopUp, kind: str, *, paid: bool) -> None:
        self._events += 1
        if paid:
            self.paid[topup.id] = topup
        other = {} if paid or kind != _COMPLETED else {"payment_status": "unpaid"}
        self.post(json.dumps(checkout_event(f"evt_{self._events}", kind, topup, **other)).encode())


def signed(body: bytes, moment: int) -> str:
    """``Stripe-Signature``."""
    made = hmac.new(SECRET.encode(), f"{moment // SECOND}.".encode() + body, "sha256").hexdigest()
    return f"t={moment // SECOND},v1={made}"
