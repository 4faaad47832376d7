"""Stripe, through its own library: what is paid, saved, given back, paid out and sold, and its webhooks' signatures.

Every call carries an idempotency key made of the business fact, so a repeat cannot take money twice. A
time-out is an unknown outcome: the same call is simply made again with the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.kernel.errors import Malformed, ProviderFailed, Unauthenticated
from chalicelib.kernel.money import Cents
from chalicelib.kernel.settings import Settings
from chalicelib.runtime.lazy import on_first_use

if TYPE_CHECKING:
    from chalicelib.gateways import stripe_shop
    from chalicelib.gateways.stripe_shop import OrderPage
else:
    stripe_shop = on_first_use("chalicelib.gateways.stripe_shop")

_TIMEOUT_SECONDS: Final = 8
_RETRIES: Final = 0
"""Of the library's own. Whatever calls is called again, with the same keys, and has not time for two silent calls."""
_LONGEST_ID: Final = 255
MOST_LISTED: Final = 100
"""Stripe's largest page."""
SIGNATURE_TOLERANCE_SECONDS: Final = 300
"""How old a signed webhook may be: Stripe's own default."""


_REFUSALS: Final = frozenset({400, 402, 404})
"""Answers of Stripe's by which nothing was done, and nothing will be by asking again."""
_LOST_ACCOUNT: Final = "account_invalid"
"""With 403: a connected account that is not ours any more. Any other 403 is of our key, and no fault of the account."""


class Refused(Exception):
    """Stripe said no: nothing was done. Anything else that goes wrong is ProviderFailed, an unknown outcome."""

    def __init__(self, code: str | None, decline_code: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        """Stripe's word for it, as ``card_declined`` or ``charge_already_refunded``."""
        self.decline_code = decline_code
        """The bank's, as ``insufficient_funds``."""


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """A Checkout Session made for one top-up."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that its owner lets us charge in their absence."""

    customer: str
    payment_method: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class Payments(Protocol):
    """What is asked of Stripe."""

    def open_checkout(
        self, *, topup: str, user: str, sold: str, amount: Cents, currency: str, return_url: str
    ) -> CheckoutPage:
        """A page on which ``user`` pays ``amount`` for the top-up, which is called ``sold`` there; the same page when
        asked again.

        Raises ProviderFailed when Stripe refuses or is out of reach.
        """

    # saved cards

    def make_customer(self, *, user: str) -> str:
        """Stripe's customer for ``user``; the same one when asked again within a day. Raises ProviderFailed."""

    def open_setup(self, *, setup: str, user: str, customer: str, return_url: str) -> CheckoutPage:
        """A page on which ``user`` saves a card; the same page when asked again. Raises ProviderFailed."""

    def saved_card(self, setup_intent: str) -> SavedCard | None:
        """The card that was saved by it; None where none was. Raises ProviderFailed."""

    def charge_saved(
        self, *, recharge: str, user: str, customer: str, payment_method: str, amount: Cents, currency: str
    ) -> str:
        """Charge a saved card in its owner's absence, once for ``recharge``; the id of the PaymentIntent, of which an
        event tells whether it was paid.

        Raises Refused where the bank or Stripe says no, ProviderFailed where the outcome is unknown.
        """

    def verified_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        """The event that Stripe signed. Raises Unauthenticated when the signature is not Stripe's or is too old,
        Malformed when what was signed is no event.
        """

    # What was told. Each of these raises Refused, ProviderFailed.

    def event(self, event: str, account: str | None = None) -> dict[str, Any]:
        """The event as Stripe keeps it, for 30 days: what its webhook tells. Refused: there is none of our account, or
        of the connected ``account``.
        """

    def events(
        self, *, since: int, after: str | None, undelivered: bool, account: str | None = None
    ) -> tuple[list[dict[str, Any]], bool]:
        """A page of the events of our account, or of the connected ``account``, of ``since`` (seconds) or later, newest
        first, and whether there is more. With ``undelivered`` only those that a webhook has not taken. ``after`` is the
        last one of the page before.
        """

    # Connect. Each of these raises Refused, or ProviderFailed where the outcome is unknown.

    def verified_connect_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        """As ``verified_event``, of the webhook for what happens on readers' accounts."""

    def open_payout_account(self, *, reader: str) -> str:
        """The id of an Express account for ``reader``; the same one when asked again."""

    def onboarding_link(self, account: str, *, return_url: str) -> str:
        """An address, good once and for some minutes, where the owner of ``account`` tells Stripe who they are."""

    def payout_account(self, account: str) -> dict[str, Any]:
        """The account as it is now."""

    def transfer(self, *, payout: str, reader: str, account: str, amount: Cents, currency: str) -> dict[str, Any]:
        """Move ``amount`` to ``account``, once for ``payout``: the transfer."""

    def transfers_for(self, payout: str) -> list[dict[str, Any]]:
        """What was transferred for ``payout``."""

    def reversals_of(self, transfer: str) -> list[dict[str, Any]]:
        """The reversals of a transfer, 100 at most."""

    # Reconciliation. Raises Refused, ProviderFailed.

    def balance_transactions(self, *, since: int, until: int, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        """A page of the movements of our balance from ``since`` to before ``until`` (seconds), newest first, each with
        its source; and whether there are more. ``after`` is the last one of the page before.
        """

    def transaction_of(self, intent: str) -> dict[str, Any] | None:
        """The movement by which a payment came, with its source; None where it has not come."""

    # Refunds. Each of these raises Refused, or ProviderFailed where the outcome is unknown.

    def refund(self, *, intent: str, amount: Cents, part: str) -> dict[str, Any]:
        """Give ``amount`` of a payment back, once under the name ``part``: the refund, perhaps still on its way."""

    def refunds_of(self, intent: str) -> list[dict[str, Any]]:
        """The refunds of a payment, newest first, 100 at most."""

    # The shop. Each of these raises Refused, or ProviderFailed where the outcome is unknown.

    def open_order(
        self,
        *,
        order: str,
        user: str,
        lines: Sequence[tuple[str, int]],
        shipping: tuple[str, Cents] | None,
        promotion: str | None,
        expires_at: int,
        return_url: str,
    ) -> OrderPage:
        """A page on which ``user`` pays for ``order``: ``lines`` of (price id, quantity), ``shipping`` of (name,
        amount), less what the promotion code of that id takes off. It can be paid until ``expires_at`` (seconds; 30
        minutes to 24 hours ahead). The same page when asked again with the same words.

        Refused: a price, product or promotion that is not active, or for more; a total of 1 to 49 cents; a moment
        that is too near.
        """

    def checkout(self, page: str) -> dict[str, Any]:
        """The Checkout Session as it is now, with its PaymentIntent if there is one: a complete one that is not paid
        may be on its way from a bank, or refused by it.
        """

    def expire_checkout(self, page: str) -> dict[str, Any]:
        """Close a page that was not paid, so that it never can be: the Session, also when asked again. Refused: it is
        complete, or had expired by itself.
        """

    def promotion(self, code: str) -> dict[str, Any] | None:
        """The active promotion code that is written so, in any case, with its coupon and the products that is for."""

    def product(self, product: str) -> dict[str, Any] | None:
        """The product with its default price; None where there is none, or it was deleted."""

    def products(self, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        """A page of all products with their default prices, newest first, also of those that are not active; and
        whether there are more. ``after`` is the last one of the page before.
        """

    def put_product(
        self,
        product: str,
        *,
        name: str,
        description: str,
        shippable: bool,
        metadata: Mapping[str, str],
        active: bool,
        key: str,
    ) -> dict[str, Any]:
        """Make the product of that id, or change it, once for ``key``: what it is then. A field of ``metadata``, or a
        description, that is empty is taken away; fields that are not named stay.
        """

    def put_price(self, product: str, amount: Cents, currency: str, *, key: str) -> dict[str, Any]:
        """Make a price, once for ``key``, have it be the product's default, and no other one active: the price.

        Asked again under a key that others came after, it changes nothing.
        """


class StripePayments:
    """``Payments`` on Stripe's API, at the address of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._secret_name = settings.stripe_secret
        self._connect_secret_name = settings.stripe_connect_secret
        self._api_base = settings.stripe_api_base

    def open_checkout(
        self, *, topup: str, user: str, sold: str, amount: Cents, currency: str, return_url: str
    ) -> CheckoutPage:
        import stripe

        try:
            page = self._client().v1.checkout.sessions.create(
                params={
                    "mode": "payment",
                    "client_reference_id": topup,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency,
                                "unit_amount": amount,
                                "product_data": {"name": sold},
                            },
                        }
                    ],
                    "metadata": {"topup": topup, "user": user},
                    "payment_intent_data": {"metadata": {"topup": topup, "user": user}},
                    "success_url": f"{return_url}?topup={topup}&paid=1",
                    "cancel_url": f"{return_url}?topup={topup}&paid=0",
                },
                options={"idempotency_key": f"checkout:{topup}"},
            )
        except stripe.StripeError as error:
            raise ProviderFailed("The payment page could not be opened. Nothing was charged; try again.") from error
        if not page.url:
            raise ProviderFailed("Stripe made no payment page. Nothing was charged; try again.")
        return CheckoutPage(page.id, page.url)

    def make_customer(self, *, user: str) -> str:
        with _unless_refused():
            made = self._client().v1.customers.create(
                params={"metadata": {"user": user}}, options={"idempotency_key": f"customer:{user}"}
            )
        return str(made.id)

    def open_setup(self, *, setup: str, user: str, customer: str, return_url: str) -> CheckoutPage:
        with _unless_refused():
            page = self._client().v1.checkout.sessions.create(
                params={
                    "mode": "setup",
                    "customer": customer,
                    "payment_method_types": ["card"],
                    "client_reference_id": setup,
                    "metadata": {"user": user},
                    "success_url": f"{return_url}?saved=1",
                    "cancel_url": f"{return_url}?saved=0",
                },
                options={"idempotency_key": f"setup:{setup}"},
            )
        if not page.url:
            raise ProviderFailed("Stripe made no page. Try again.")
        return CheckoutPage(page.id, page.url)

    def saved_card(self, setup_intent: str) -> SavedCard | None:
        with _unless_refused():
            intent = self._client().v1.setup_intents.retrieve(setup_intent)
            if intent.status != "succeeded" or not intent.payment_method or not intent.customer:
                return None
            method = self._client().v1.payment_methods.retrieve(intent.payment_method)
        card = method.card
        if card is None or method.customer != intent.customer:
            return None
        return SavedCard(method.customer, method.id, card.brand, card.last4, card.exp_month, card.exp_year)

    def charge_saved(
        self, *, recharge: str, user: str, customer: str, payment_method: str, amount: Cents, currency: str
    ) -> str:
        with _mapped_errors():
            intent = self._client().v1.payment_intents.create(
                params={
                    "amount": amount,
                    "currency": currency,
                    "customer": customer,
                    "payment_method": payment_method,
                    "payment_method_types": ["card"],
                    "confirm": True,
                    "off_session": True,
                    "description": "SoulSeer credit",
                    "metadata": {"recharge": recharge, "user": user},
                },
                options={"idempotency_key": f"recharge:{recharge}"},
            )
        return str(intent.id)

    def verified_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        return _verified(self._secret_name, "webhook_secret", payload, signature)

    # what was told

    def event(self, event: str, account: str | None = None) -> dict[str, Any]:
        told = self._asked(lambda client: client.v1.events.retrieve(event, options=_on_behalf_of(account)))
        if not _is_event(told):
            raise ProviderFailed("Stripe answered with something else than an event.")
        # Whose it is stands in what a webhook is told; who asks in an account's name knows it.
        return told | {"account": account} if account else told

    def events(
        self, *, since: int, after: str | None, undelivered: bool, account: str | None = None
    ) -> tuple[list[dict[str, Any]], bool]:
        params: dict[str, Any] = {"created": {"gte": since}, "limit": MOST_LISTED}
        if undelivered:
            params["delivery_success"] = False
        if after:
            params["starting_after"] = after
        found = self._asked(lambda client: client.v1.events.list(params=params, options=_on_behalf_of(account)))
        return list(found["data"]), bool(found["has_more"])

    # Connect

    def verified_connect_event(self, payload: bytes, signature: str) -> dict[str, Any]:
        return _verified(self._connect_secret_name, "webhook_secret", payload, signature)

    def open_payout_account(self, *, reader: str) -> str:
        # Nothing that may change stands here, such as an address: with the same key Stripe takes the same words only.
        made = self._asked(
            lambda client: client.v1.accounts.create(
                params={
                    "type": "express",
                    "capabilities": {"transfers": {"requested": True}},
                    "metadata": {"reader": reader},
                },
                options={"idempotency_key": f"account:{reader}"},
            )
        )
        return str(made["id"])

    def onboarding_link(self, account: str, *, return_url: str) -> str:
        made = self._asked(
            lambda client: client.v1.account_links.create(
                params={
                    "account": account,
                    "type": "account_onboarding",
                    "return_url": f"{return_url}?payout_account=returned",
                    "refresh_url": f"{return_url}?payout_account=expired",
                }
            )
        )
        return str(made["url"])

    def payout_account(self, account: str) -> dict[str, Any]:
        return self._asked(lambda client: client.v1.accounts.retrieve(account))

    def transfer(self, *, payout: str, reader: str, account: str, amount: Cents, currency: str) -> dict[str, Any]:
        return self._asked(
            lambda client: client.v1.transfers.create(
                params={
                    "amount": amount,
                    "currency": currency,
                    "destination": account,
                    "transfer_group": payout,
                    "metadata": {"payout": payout, "reader": reader},
                },
                options={"idempotency_key": f"payout:{payout}"},
            )
        )

    def transfers_for(self, payout: str) -> list[dict[str, Any]]:
        found = self._asked(
            lambda client: client.v1.transfers.list(params={"transfer_group": payout, "limit": MOST_LISTED})
        )
        return list(found["data"])

    def reversals_of(self, transfer: str) -> list[dict[str, Any]]:
        found = self._asked(lambda client: client.v1.transfers.reversals.list(transfer, params={"limit": MOST_LISTED}))
        return list(found["data"])

    # refunds

    def refund(self, *, intent: str, amount: Cents, part: str) -> dict[str, Any]:
        return self._asked(
            lambda client: client.v1.refunds.create(
                params={"payment_intent": intent, "amount": amount, "metadata": {"refund_part": part}},
                options={"idempotency_key": f"refund:{part}"},
            )
        )

    def refunds_of(self, intent: str) -> list[dict[str, Any]]:
        found = self._asked(
            lambda client: client.v1.refunds.list(params={"payment_intent": intent, "limit": MOST_LISTED})
        )
        return list(found["data"])

    # reconciliation

    def balance_transactions(self, *, since: int, until: int, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        window = {"created": {"gte": since, "lt": until}, "limit": MOST_LISTED, "expand": ["data.source"]}
        found = self._asked(
            lambda client: client.v1.balance_transactions.list(
                params=window | ({"starting_after": after} if after else {})
            )
        )
        return list(found["data"]), bool(found["has_more"])

    def transaction_of(self, intent: str) -> dict[str, Any] | None:
        params = {"expand": ["latest_charge.balance_transaction"]}
        charge = self._asked(lambda client: client.v1.payment_intents.retrieve(intent, params=params))["latest_charge"]
        transaction: dict[str, Any] | None = charge["balance_transaction"] if charge else None
        return transaction | {"source": charge} if transaction else None

    # the shop

    def open_order(
        self,
        *,
        order: str,
        user: str,
        lines: Sequence[tuple[str, int]],
        shipping: tuple[str, Cents] | None,
        promotion: str | None,
        expires_at: int,
        return_url: str,
    ) -> OrderPage:
        discount = None
        if promotion:
            told = self._asked(lambda client: client.v1.promotion_codes.retrieve(promotion))
            discount = stripe_shop.discount_asked(told)
        asked = stripe_shop.page_asked(
            order=order,
            user=user,
            lines=lines,
            shipping=shipping,
            discount=discount,
            expires_at=expires_at,
            return_url=return_url,
        )
        options = {"idempotency_key": f"order:{order}"}
        page = stripe_shop.page_of(
            self._asked(lambda client: client.v1.checkout.sessions.create(params=asked, options=options))
        )
        if page is None:
            raise ProviderFailed("Stripe made no payment page. Nothing was charged; try again.")
        return page

    def checkout(self, page: str) -> dict[str, Any]:
        params = {"expand": ["payment_intent"]}
        return self._asked(lambda client: client.v1.checkout.sessions.retrieve(page, params=params))

    def expire_checkout(self, page: str) -> dict[str, Any]:
        options = {"idempotency_key": f"expire:{page}"}
        return self._asked(lambda client: client.v1.checkout.sessions.expire(page, options=options))

    def promotion(self, code: str) -> dict[str, Any] | None:
        expand = [f"data.{stripe_shop.PROMOTION_EXPANDED}"]
        params = {"code": code, "active": True, "limit": 1, "expand": expand}
        found = self._asked(lambda client: client.v1.promotion_codes.list(params=params))["data"]
        return found[0] if found else None

    def product(self, product: str) -> dict[str, Any] | None:
        params = {"expand": ["default_price"]}
        try:
            found = self._asked(lambda client: client.v1.products.retrieve(product, params=params))
        except Refused as refused:
            if refused.code == stripe_shop.MISSING:
                return None
            raise
        return None if found.get("deleted") else found

    def products(self, after: str | None) -> tuple[list[dict[str, Any]], bool]:
        params = {"limit": MOST_LISTED, "expand": ["data.default_price"]} | ({"starting_after": after} if after else {})
        found = self._asked(lambda client: client.v1.products.list(params=params))
        return list(found["data"]), bool(found["has_more"])

    def put_product(
        self,
        product: str,
        *,
        name: str,
        description: str,
        shippable: bool,
        metadata: Mapping[str, str],
        active: bool,
        key: str,
    ) -> dict[str, Any]:
        asked = stripe_shop.product_asked(name, description, shippable=shippable, metadata=metadata, active=active)
        made = stripe_shop.without_nothing(asked) | {"id": product}
        try:
            # Made first: under this key it is answered alike for good, made by it or there before it.
            return self._asked(
                lambda client: client.v1.products.create(
                    params=made, options={"idempotency_key": f"product:{product}:{key}"}
                )
            )
        except Refused as refused:
            if refused.code != stripe_shop.EXISTS:
                raise
        return self._asked(
            lambda client: client.v1.products.update(
                product, params=asked, options={"idempotency_key": f"product_change:{product}:{key}"}
            )
        )

    def put_price(self, product: str, amount: Cents, currency: str, *, key: str) -> dict[str, Any]:
        made = self._asked(
            lambda client: client.v1.prices.create(
                params={"product": product, "unit_amount": amount, "currency": currency},
                options={"idempotency_key": f"price:{product}:{key}"},
            )
        )
        self._asked(
            lambda client: client.v1.products.update(
                product,
                params={"default_price": made["id"]},
                options={"idempotency_key": f"default_price:{product}:{key}"},
            )
        )
        # Which one it is by now, Stripe says: another key may have come after this one.
        params = {"product": product, "active": True, "limit": MOST_LISTED, "expand": ["data.product"]}
        for price in self._asked(lambda client: client.v1.prices.list(params=params))["data"]:
            if price["id"] != price["product"]["default_price"]:
                self._put_away(price["id"])
        return made

    def _put_away(self, price: str) -> None:
        self._asked(
            lambda client: client.v1.prices.update(
                price, params={"active": False}, options={"idempotency_key": f"price_off:{price}"}
            )
        )

    def _asked(self, ask: Callable[[Any], Any]) -> dict[str, Any]:
        with _mapped_errors():
            # For JSON: of some texts the library makes numbers that only Python knows.
            answer: dict[str, Any] = ask(self._client()).to_dict(for_json=True)
        return answer

    def _client(self) -> Any:
        import stripe

        from chalicelib.runtime.secrets import secret

        return stripe.StripeClient(
            secret(self._secret_name)["api_key"],
            base_addresses={"api": self._api_base} if self._api_base else {},
            http_client=stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
            max_network_retries=_RETRIES,
        )


def _on_behalf_of(account: str | None) -> dict[str, str]:
    return {"stripe_account": account} if account else {}


@contextmanager
def _mapped_errors() -> Iterator[None]:
    """Raises Refused for a definite refusal, ProviderFailed for whatever leaves the outcome unknown."""
    import stripe

    try:
        yield
    except stripe.StripeError as error:
        said = error.error
        code = error.code or getattr(said, "code", None)  # the library leaves it out of some
        refused = error.http_status in _REFUSALS or code == _LOST_ACCOUNT
        # Other parameters under a known key say nothing of what the first ones did.
        if refused and not isinstance(error, stripe.IdempotencyError):
            raise Refused(code, getattr(said, "decline_code", None)) from error
        raise ProviderFailed from error


@contextmanager
def _unless_refused() -> Iterator[None]:
    """Raises ProviderFailed for a refusal too: where no money moves, it makes no difference."""
    try:
        with _mapped_errors():
            yield
    except Refused as refused:
        raise ProviderFailed from refused


def _verified(secret_name: str, field: str, payload: bytes, signature: str) -> dict[str, Any]:
    import stripe

    from chalicelib.runtime.secrets import secret

    if not signature.isascii():  # the library's comparison stumbles over other text
        raise Unauthenticated("The signature is not Stripe's.")
    try:
        event = stripe.Webhook.construct_event(
            payload, signature, secret(secret_name)[field], tolerance=SIGNATURE_TOLERANCE_SECONDS
        )
        told: dict[str, Any] = event.to_dict(for_json=True)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise Unauthenticated("The signature is not Stripe's.") from error
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("Signed, but no event.") from error
    if not _is_event(told):
        raise Malformed("Signed, but no event.")
    return told


def _is_event(told: dict[str, Any]) -> bool:
    """Whether it has what every event of Stripe's has (https://docs.stripe.com/api/events/object)."""
    data = told.get("data")
    texts = (told.get("id"), told.get("type"))
    return (
        all(isinstance(text, str) and text.isascii() and 0 < len(text) <= _LONGEST_ID for text in texts)
        and isinstance(data, dict)
        and isinstance(data.get("object"), dict)
    )
