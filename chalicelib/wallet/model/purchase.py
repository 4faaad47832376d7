"""A purchase of coins at an app store: what the store has told of it, and what follows.

A store tells more than once, late and in any order, and each telling bears the moment at which it was so. The newest
one counts, so the order in which they come makes no difference; of two of one moment, the one that takes back more. A
purchase stands, was taken back, or stands in part (a store may refund a part): each change of how many of its coins
stand is one posting, numbered, so each is posted once.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from chalicelib.kernel.errors import Forbidden
from chalicelib.kernel.ids import of_number, to_number
from chalicelib.kernel.time import Millis
from chalicelib.wallet.model.chain import Fact

Store = Literal["apple", "google"]

_PERSON: Final = "usr"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""What may be the name of a purchase: it goes into entries, which must stay small."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a store says of a purchase."""

    store: Store
    id: str
    user: str
    product: str
    """The pack, as the store calls it."""
    coins: int
    standing: bool
    """Paid, and not taken back."""
    at: Millis
    """When the store says that it was so; what is older changes nothing."""
    environment: str
    taken: int = 0
    """Coins that were taken back of a purchase that stands otherwise."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase at a store. Who it is of, and how many coins it is, never changes."""

    store: Store
    id: str
    user: str
    product: str
    coins: int
    standing: bool
    at: Millis
    """Of the newest telling."""
    environment: str
    heard_at: Millis
    """When we heard of it first."""
    taken: int = 0
    """As in ``Told``."""
    flips: int = 0
    """Postings: the first gave the coins, later ones took some or all of them back, or gave them back."""
    change: int = 0
    """Coins that the newest posting moved."""
    rev: int = 0

    @property
    def kept(self) -> int:
        """Coins of it that stand."""
        return self.coins - self.taken if self.standing else 0

    @property
    def reference(self) -> str:
        """What its entries refer to."""
        return f"{self.store}:{self.id}"

    @property
    def key(self) -> str:
        """Of the newest posting."""
        return f"coins:{self.store}:{self.id}:{self.flips}"

    @property
    def fact(self) -> Fact:
        """What the newest posting means."""
        given = "coins_bought" if self.flips == 1 else "coins_given_back"
        kind = given if self.change > 0 else "coins_taken_back"
        return Fact(kind, self.change, f"store:{self.store}", self.reference)


def heard(was: Purchase | None, told: Told, now: Millis) -> Purchase:
    """The purchase once that is told of it. One that was taken back before we heard of it gave no coins.

    Raises Forbidden where it was another person's, ValueError for what can be no purchase.
    """
    if was is None:
        if not _ID.fullmatch(told.id) or told.coins < 1 or told.taken < 0:
            raise ValueError("no purchase")
        was = Purchase(
            store=told.store,
            id=told.id,
            user=told.user,
            product=told.product,
            coins=told.coins,
            standing=False,
            at=0,
            environment=told.environment,
            heard_at=now,
        )
    if told.user != was.user:
        raise Forbidden("This was bought for another account.")
    new = replace(was, standing=told.standing, taken=min(told.taken, was.coins), at=told.at)
    if (new.at, -new.kept) <= (was.at, -was.kept):
        return was
    change = new.kept - was.kept
    return replace(new, flips=was.flips + 1, change=change) if change else new


def must_be_of(owner: str | None, user: str) -> None:
    """Raises Forbidden unless ``user`` is whom the purchase names; ``owner`` None is nobody."""
    if owner is None:
        raise Forbidden("It was bought without the account_token of /v1/coins/packs.")
    if owner != user:
        raise Forbidden("This was bought for another account.")


def account_token(user: str) -> str:
    """The UUID by which a store ties a purchase to a person: the 128 bits of their id. Raises ValueError for no id."""
    return str(uuid.UUID(int=to_number(_PERSON, user)))


def user_of(token: str) -> str:
    """Whose ``account_token`` that is. Raises ValueError for what is no UUID."""
    return of_number(_PERSON, uuid.UUID(token).int)


def to_item(purchase: Purchase) -> dict[str, Any]:
    """The purchase as it is stored, without its key."""
    return asdict(purchase)


def from_item(item: dict[str, Any]) -> Purchase:
    """The purchase that ``to_item`` stored."""
    return Purchase(**{name: item[name] for name in Purchase.__dataclass_fields__})
