"""What Apple signs, and an app in its store, on the local App Store's certificates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest

from chalicelib.kernel.time import Millis
from chalicelib.runtime import secrets
from chalicelib.wallet.model.purchase import account_token
from infra.local.apple.context import APP_APPLE_ID, BUNDLE_ID

ADA: Final = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"
BEA: Final = "usr_01BX5ZZKBKACTAV9WEVGEMMVRZ"
SIGNED_AT: Final[Millis] = 1_790_000_000_000


@contextmanager
def held(secret: Mapping[str, Any]) -> Iterator[None]:
    """``secret`` is what Secrets Manager holds, by any name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "secret", lambda name: dict(secret))
        yield


def transaction(user: str | None = ADA, **changes: Any) -> dict[str, Any]:
    """What Apple says of 500 coins that ``user`` bought; a change to None takes a field away."""
    claims: dict[str, Any] = {
        "transactionId": "2000000000000001",
        "originalTransactionId": "2000000000000001",
        "bundleId": BUNDLE_ID,
        "productId": "coins_500",
        "purchaseDate": SIGNED_AT - 1_000,
        "originalPurchaseDate": SIGNED_AT - 1_000,
        "quantity": 1,
        "type": "Consumable",
        "appAccountToken": account_token(user) if user else None,
        "inAppOwnershipType": "PURCHASED",
        "signedDate": SIGNED_AT,
        "environment": "Sandbox",
        "transactionReason": "PURCHASE",
        "storefront": "USA",
        "storefrontId": "143441",
        "price": 6_990,
        "currency": "USD",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def refunded(at: Millis = SIGNED_AT + 10_000, percentage: int | None = None, **changes: Any) -> dict[str, Any]:
    """The same once Apple gave the money, or a part of it, back."""
    taken = {"revocationDate": at - 1, "revocationReason": 0, "revocationPercentage": percentage, "signedDate": at}
    return transaction(**taken | changes)


def notification(kind: str, signed: str | None, number: int = 1, **changes: Any) -> dict[str, Any]:
    """What a notification says, ``signed`` being the transaction in it; ``changes`` are of its data."""
    data = {
        "appAppleId": APP_APPLE_ID,
        "bundleId": BUNDLE_ID,
        "bundleVersion": "1",
        "environment": "Sandbox",
        "signedTransactionInfo": signed,
    }
    return {
        "notificationType": kind,
        "notificationUUID": f"00000000-0000-4000-8000-{number:012d}",
        "version": "2.0",
        "signedDate": SIGNED_AT,
        "data": {name: value for name, value in (data | changes).items() if value is not None},
    }
