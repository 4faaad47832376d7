"""What the payouts endpoints take and give."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from chalicelib.kernel.time import rfc3339
from chalicelib.payouts.model import SOURCES
from chalicelib.runtime.schemas import Money, Schema

if TYPE_CHECKING:
    from chalicelib.payouts.model import Earnings, Payee, Payout
    from chalicelib.payouts.statement import Year


class EarningsQuery(Schema):
    """Of which year a statement is wanted."""

    year: Annotated[int, Field(ge=2020, le=2099, description="Of UTC. Without it, no statement.")] | None = None


class YearView(Schema):
    """`opening` and all the sources together make `closing`. What was paid out, less what came back, is negative, as is
    what clients were given back.
    """

    year: int
    opening: Money
    readings: Money
    tips: Money
    replies: Money
    bookings: Money
    gifts: Money
    products: Money
    guarantees: Money
    other: Money
    payouts: Money
    closing: Money

    @classmethod
    def of(cls, year: "Year") -> Self:
        sources = {name: Money(amount=year.sources.get(name, 0)) for name in SOURCES}
        return cls(year=year.year, opening=Money(amount=year.opening), closing=Money(amount=year.closing), **sources)


class EarnedView(Schema):
    """`balance` is all that is not paid out yet, `pending` the part still held, `available` the rest. Gifts and tickets
    are in it once their stream is settled.
    """

    balance: Money
    pending: Money
    available: Money

    @classmethod
    def now(cls, earned: "Earnings") -> Self:
        return cls(
            balance=Money(amount=earned.balance),
            pending=Money(amount=earned.pending),
            available=Money(amount=earned.available),
        )


class EarningsView(EarnedView):
    """A reader's earnings, and a year of them."""

    statement: YearView | None = Field(description="Of the year that was asked for.")

    @classmethod
    def of(cls, earned: "Earnings", year: "Year | None") -> Self:
        return cls(
            balance=Money(amount=earned.balance),
            pending=Money(amount=earned.pending),
            available=Money(amount=earned.available),
            statement=YearView.of(year) if year else None,
        )


class PayoutAccountLink(Schema):
    """Where one tells Stripe who one is. Good once, and for some minutes."""

    url: str


class PayoutAccountView(Schema):
    """One's account at Stripe. `restricted` needs something of one again; a fresh link leads there."""

    status: Literal["none", "incomplete", "pending", "ready", "restricted"]
    requirements: list[str] = Field(description="What Stripe needs now, by Stripe's names.")
    payouts_enabled: bool = Field(description="Whether Stripe pays out to one's bank.")

    @classmethod
    def of(cls, payee: "Payee | None") -> Self:
        if payee is None:
            return cls(status="none", requirements=[], payouts_enabled=False)
        return cls(status=payee.status, requirements=list(payee.requirements), payouts_enabled=payee.payouts_enabled)


class PayoutView(Schema):
    """A payout. `reserved` is on its way; `returned` is back in the earnings, and `why` says why."""

    id: str
    amount: Money
    reversed: Money = Field(description="What of it came back to the earnings later.")
    status: Literal["reserved", "paid", "returned"]
    created_at: str
    paid_at: str | None
    why: str | None = Field(description="Stripe's code; `unavailable` where it is no fault of one's account.")

    @classmethod
    def of(cls, payout: "Payout") -> Self:
        paid = payout.state == "paid" and payout.ended_at is not None
        return cls(
            id=payout.id,
            amount=Money(amount=payout.amount, currency=payout.currency),
            reversed=Money(amount=payout.reversed, currency=payout.currency),
            status=payout.state,
            created_at=rfc3339(payout.created_at),
            paid_at=rfc3339(payout.ended_at) if paid and payout.ended_at else None,
            why=payout.said,
        )
