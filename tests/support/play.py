"""Google Play for tests: the product's gateway on the local Google, and the same purchases without HTTP between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from chalicelib.gateways.play import GooglePlay, Refused
from chalicelib.gateways.play_answers import Bought, Notification, Voided, bought_of, notification_of, voided_of
from chalicelib.kernel.errors import Unauthenticated, Unavailable
from chalicelib.wallet.model.purchase import account_token
from infra.local.google import api, orders, pushes
from infra.local.google.context import App, Context, GoogleError
from infra.local.google.server import GoogleServer
from infra.local.issuer import Issuer, new_key
from infra.local.store import Store, Thing
from tests.support.worlds import settings

PACKAGE: Final = App().package
_PAGE: Final = 100


@cache
def a_key() -> RSAPrivateKey:
    """Making one takes a while."""
    return new_key()


class Gateway(GooglePlay):
    """The product's own gateway at the local Google, with a secret that a test gives."""

    def __init__(self, google: GoogleServer, held: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings())
        self._base = f"{google.url}/androidpublisher/v3/applications"
        self._certs_url = google.certs_url
        self.held = google.secret() if held is None else held

    def _secret(self) -> Mapping[str, Any]:
        return self.held


@dataclass
class OfflinePlay:
    """``PlayStore`` on the local Google's purchases, without HTTP. It can be ``down``, or lose the answers to what it
    is asked to do.
    """

    now: Callable[[], int]
    """Milliseconds."""
    down: bool = False
    loses_answers: bool = False
    refuses_lists: bool = False
    consumed: list[str] = field(default_factory=list)
    """Every call to consume that came through, by the purchase's token."""

    def __post_init__(self) -> None:
        self.context = Context(Store(), lambda: self.now() / 1000, Issuer(pushes.ISSUER, key=a_key()), a_key())

    # what people, banks and Google do

    def buy(self, product: str, user: str | None, **how: Any) -> str:
        """``user`` buys it: the purchase's token."""
        return str(orders.buy(self.context, product, account_token(user) if user else None, **how)["id"])

    def complete(self, token: str) -> None:
        orders.complete(self.context, token)

    def void(self, token: str, reason: int = orders.REMORSE) -> None:
        orders.void(self.context, token, reason)

    def order(self, token: str) -> Thing:
        return orders.found(self.context, token)

    def notifications(self, token: str | None = None) -> list[Notification]:
        """All that was told, oldest first."""
        told = pushes.listed(self.context, token)
        return [notification_of(pushes.body_of(each, self.now() / 1000), PACKAGE) for each in told]

    # what the product asks

    def purchase(self, token: str) -> Bought:
        self._reached()
        try:
            return bought_of(api.shown(orders.found(self.context, token)))
        except GoogleError:
            raise Refused from None

    def consume(self, product: str, token: str) -> None:
        self._reached()
        try:
            orders.consume(self.context, product, token)
        except GoogleError:
            raise Refused from None
        self.consumed.append(token)
        if self.loses_answers:
            raise Unavailable

    def voided(self, since: int, until: int, page: str | None) -> Voided:
        self._reached()
        if self.refuses_lists:
            raise Refused
        first = int(page or 0)
        listed, more = orders.voided(self.context, since, until, first, _PAGE)
        following = {"nextPageToken": str(first + _PAGE)} if more else {}
        return voided_of({"voidedPurchases": listed, "tokenPagination": following})

    def verified_push(self, authorization: str, payload: bytes) -> Notification:
        if authorization != "Bearer google":
            raise Unauthenticated
        return notification_of(payload, PACKAGE)

    def _reached(self) -> None:
        if self.down:
            raise Unavailable
