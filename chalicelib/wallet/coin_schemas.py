"""What the endpoints of coins take and give."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.runtime.schemas import Id, Money, Schema
from chalicelib.wallet.model.rails import Rail, Where


class PacksQuery(Schema):
    """Where the packs are to be bought."""

    where: Annotated[Where, Field(description="In the app for iOS or Android, or on the web.")]


class PackView(Schema):
    """A pack of coins; its `id` is also its product id at both stores."""

    id: str
    coins: int
    price: Annotated[Money, Field(description="On the web. A store has prices of its own.")]
    rails: Annotated[list[Rail], Field(description="How it can be bought there.")]


class PacksView(Schema):
    """What is sold, and how it is bought there."""

    account_token: Annotated[
        str,
        Field(
            description="Ties a purchase at a store to you: StoreKit's `appAccountToken`, Play Billing's "
            "`obfuscatedExternalAccountId`. A purchase without it is refused."
        ),
    ]
    policy_version: Annotated[int, Field(description="Of what can be bought how and where.")]
    packs: list[PackView]


class NewCoins(Schema):
    """Which pack to buy by Stripe, and where."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pack": "coins_500", "where": "web"}]})

    pack: Id
    where: Where
