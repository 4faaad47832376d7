"""What the wallet's endpoints take and give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import ConfigDict, Field

from chalicelib.gateways.appstore import LONGEST_SIGNED
from chalicelib.kernel.money import COINS
from chalicelib.kernel.time import SECOND, rfc3339
from chalicelib.runtime.schemas import ListQuery, Money, Schema
from chalicelib.wallet.model import terms
from chalicelib.wallet.model.chain import Entry, Meter
from chalicelib.wallet.model.terms import LEAST, MOST
from chalicelib.wallet.statement import Balance

if TYPE_CHECKING:
    from chalicelib.wallet.model.purchase import Purchase
    from chalicelib.wallet.model.recharge import AutoRecharge, Wanted
    from chalicelib.wallet.model.topup import TopUp
    from chalicelib.wallet.promos import Promotion
    from chalicelib.wallet.refunds import Progress

MOST_REFUNDED: Final = 10 * MOST
"""Cents: what ten payments can be."""


class CreditView(Schema):
    """Credit by origin: paid money, what was given, and both."""

    paid: Money
    promo: Money = Field(description="Promotional, or put in by us: spent first, never sent back to a card.")
    total: Money


class MeterView(Schema):
    """The open reading that this wallet pays."""

    session: str
    rate: Money
    minute: int = Field(description="Minutes paid so far.")
    running: bool
    seconds_left: int = Field(description="Connected seconds that are paid or affordable.")


class WalletView(Schema):
    """A person's wallet at this moment."""

    credit: CreditView
    coins: Money
    status: Literal["open", "frozen"]
    meter: MeterView | None


class EntryView(Schema):
    """One line of a statement with the balance after it."""

    id: str
    account: Literal["credit", "coins", "earnings"]
    kind: str
    amount: Money
    balance: Money
    reference: str
    description: str
    at: str


class EntriesQuery(ListQuery):
    """Which statement."""

    account: Literal["credit", "coins"] = "credit"


class NewTopUp(Schema):
    """How much to top up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 2_500}]})

    amount: Annotated[int, Field(ge=LEAST, le=MOST, description="Cents; presets 1000, 2500, 5000, 10000.")]


class TopUpView(Schema):
    """A top-up, of credit or of coins. Either comes when Stripe says that it was paid."""

    id: str
    status: Literal["pending", "paid", "failed", "expired"]
    amount: Money
    coins: int = Field(description="That it buys; 0 where it buys credit.")
    checkout_url: str | None
    created_at: str


class PromoBody(Schema):
    """The code as somebody wrote it: capitals and blanks around it do not matter."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "WELCOME5"}]})

    code: Annotated[str, Field(min_length=1, max_length=64)]


class PromoView(Schema):
    """Promotional credit that was redeemed. It is spent before paid credit, until it expires."""

    amount: Money
    expires_at: str


class SignedTransaction(Schema):
    """A purchase of coins in the App Store: StoreKit's `jwsRepresentation` of the transaction."""

    signed_transaction: Annotated[str, Field(min_length=1, max_length=LONGEST_SIGNED)]


class GooglePurchase(Schema):
    """A purchase in Google Play, as the Play Billing Library shows it to the app."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"product_id": "coins_500", "purchase_token": "kbdeabc.AO-J1Ox1y2z3"}]}
    )

    product_id: Annotated[str, Field(min_length=1, max_length=150)]
    purchase_token: Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[A-Za-z0-9._~-]+$")]


class PurchaseView(Schema):
    """Coins bought at an app store."""

    id: str
    store: Literal["apple", "google"]
    coins: Money = Field(description="What stands of it.")
    status: Literal["standing", "partly", "taken_back"]
    at: str


class PageView(Schema):
    """A page of Stripe's to open."""

    url: str


class AutoRechargeBody(Schema):
    """All four at once, in cents."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"enabled": True, "threshold": 1000, "amount": 2500, "daily_cap": 10000}]}
    )

    enabled: bool
    threshold: Annotated[int, Field(ge=0, le=terms.MOST, description="Charge with less than this.")]
    amount: Annotated[int, Field(ge=terms.LEAST, le=terms.MOST, description="Charge this.")]
    daily_cap: Annotated[
        int, Field(ge=terms.LEAST, le=terms.MOST_A_DAY, description="At least `amount`; in any 24 hours.")
    ]

    def wanted(self) -> Wanted:
        from chalicelib.wallet.model.recharge import Wanted

        return Wanted(self.enabled, self.threshold, self.amount, self.daily_cap)


class CardView(Schema):
    """The saved card."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int


class AutoRechargeView(Schema):
    """When the saved card is charged."""

    enabled: bool
    threshold: Money
    amount: Money
    daily_cap: Money
    card: CardView | None
    off_reason: terms.OffReason | None
    in_flight: bool = Field(description="A charge is under way; its credit comes when it is confirmed.")


class NewRefund(Schema):
    """How much unused credit to give back to the cards that paid it; all that can be where nothing is said."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1_000}]})

    amount: (
        Annotated[int, Field(ge=1, le=MOST_REFUNDED, description="Cents: 100 at least, or all that can be.")] | None
    ) = None


class RefundPart(Schema):
    """What goes back of one payment."""

    amount: Money
    status: Literal["pending", "succeeded", "failed"]


class RefundView(Schema):
    """A refund. A part that fails is credit again; `partly` where that is some of them."""

    id: str
    amount: Money
    status: Literal["pending", "succeeded", "failed", "partly"]
    parts: list[RefundPart]
    created_at: str


DESCRIPTIONS = {
    "topup": "Top-up",
    "minute": "Minute {minute} of a reading",
    "meter_started": "Minute {minute} of a reading",
    "meter_resumed": "Reading resumed",
    "meter_stood": "Reading paused",
    "meter_closed": "Reading ended",
    "promo_granted": "Promotional credit",
    "promo_expired": "Promotional credit expired",
    "limits_set": "Spending limits set",
    "recharge": "Auto-recharge",
    "recharge_set": "Auto-recharge set",
    "freeze": "Wallet frozen",
    "unfreeze": "Wallet released",
    "tip": "Tip",
    "reply": "Reply of a reader",
    "unlock_refund": "Reply of a reader, given back",
    "guarantee": "Given back on your request",
    "reading_earned": "Your share of a reading",
    "tip_earned": "Your share of a tip",
    "reply_earned": "Your share of a paid reply",
    "reply_returned": "Your share of a paid reply, given back to the client",
    "gift_earned": "Your share of a stream's gifts and tickets",
    "guarantee_returned": "Your share of a reading, given back to the client",
    "booking": "Booking of a reading",
    "booking_refund": "Booking given back",
    "booking_earned": "Your share of a booking",
    "order": "Order of the shop",
    "order_refund": "Order of the shop, given back",
    "sale_earned": "Your share of a product sold",
    "sale_returned": "Your share of a product, given back to the buyer",
    "payout": "Paid out to you",
    "payout_returned": "Payout that could not be made",
    "payout_reversed": "Payout taken back",
    "refund": "Given back to your card",
    "refund_failed": "Could not be given back to your card",
    "coins_bought": "Coins bought",
    "coins_taken_back": "Purchase of coins taken back",
    "order_credit": "What your card did not take back of an order",
    "order_credit_taken": "What you got back of an order in another way",
    "coins_given_back": "Purchase of coins that stands again",
    "coins_granted": "Coins from us",
    "coins_withdrawn": "Coins taken back by us",
    "gift": "Gift",
    "ticket": "Ticket of a stream",
    "ticket_back": "Ticket of a stream given back",
    "adjusted": "Correction by us",
    "reading_refunded": "Part of a reading given back",
    "dispute": "Payment disputed at your bank",
    "dispute_won": "Disputed payment given back",
}


def wallet_view(balance: Balance) -> WalletView:
    """The wallet as a phone shows it."""
    total = balance.paid + balance.promo
    return WalletView(
        credit=CreditView(
            paid=Money(amount=balance.paid), promo=Money(amount=balance.promo), total=Money(amount=total)
        ),
        coins=Money(amount=balance.coins, currency="coins"),
        status="frozen" if balance.frozen else "open",
        meter=_meter_view(balance.meter, balance.lasts // SECOND) if balance.meter else None,
    )


def entry_view(entry: Entry) -> EntryView:
    """A line of the statement."""
    return EntryView.model_validate(
        {
            "id": entry.id,
            "account": entry.account.partition(":")[0],
            "kind": entry.kind,
            "amount": Money(amount=entry.amount, currency=entry.currency),
            "balance": Money(amount=entry.balance, currency=entry.currency),
            "reference": entry.reference,
            "description": _description(entry),
            "at": rfc3339(entry.at),
        }
    )


def csv_of(entries: Sequence[EntryView]) -> str:
    """A statement as a spreadsheet takes it. No cell holds text that a person wrote, so none can start a formula."""
    import csv  # few ask for it
    import io

    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["at", "description", "amount", "balance", "currency", "kind", "reference", "id"])
    for entry in entries:
        money = entry.amount.currency
        amount, balance = entry.amount.amount, entry.balance.amount
        writer.writerow([entry.at, entry.description, amount, balance, money, entry.kind, entry.reference, entry.id])
    return file.getvalue()


def topup_view(topup: TopUp) -> TopUpView:
    """A top-up; its page is of use only while it is pending."""
    return TopUpView(
        id=topup.id,
        status=topup.status,
        amount=Money(amount=topup.amount, currency=topup.currency),
        coins=topup.coins,
        checkout_url=topup.checkout_url if topup.status == "pending" else None,
        created_at=rfc3339(topup.created_at),
    )


def auto_recharge_view(settings: AutoRecharge) -> AutoRechargeView:
    """The settings of auto-recharge as their owner sees them."""
    card = settings.card
    return AutoRechargeView(
        enabled=settings.enabled,
        threshold=Money(amount=settings.threshold),
        amount=Money(amount=settings.amount),
        daily_cap=Money(amount=settings.daily_cap),
        card=CardView(brand=card.brand, last4=card.last4, exp_month=card.exp_month, exp_year=card.exp_year)
        if card
        else None,
        off_reason=settings.off_reason,
        in_flight=settings.in_flight is not None,
    )


def promo_view(promotion: Promotion) -> PromoView:
    """What a redemption gave."""
    return PromoView(amount=Money(amount=promotion.amount), expires_at=rfc3339(promotion.expires_at))


def purchase_view(purchase: Purchase) -> PurchaseView:
    """A purchase at a store, and what became of it."""
    kept = purchase.kept
    return PurchaseView(
        id=purchase.reference,
        store=purchase.store,
        coins=Money(amount=kept, currency=COINS),
        status="standing" if kept == purchase.coins else "partly" if kept else "taken_back",
        at=rfc3339(purchase.heard_at),
    )


def refund_view(refund: Progress) -> RefundView:
    """A refund and how far it has got."""
    asked = refund.refund
    parts = [
        {"amount": Money(amount=amount, currency=asked.currency), "status": status}
        for (_, amount), status in zip(asked.parts, refund.parts, strict=True)
    ]
    return RefundView.model_validate(
        {
            "id": asked.id,
            "amount": Money(amount=asked.amount, currency=asked.currency),
            "status": refund.status,
            "parts": parts,
            "created_at": rfc3339(asked.created_at),
        }
    )


def _description(entry: Entry) -> str:
    if entry.kind in ("meter_stood", "meter_closed") and entry.amount:
        return f"{DESCRIPTIONS[entry.kind]}: unused time given back"
    if entry.kind == "meter_resumed" and entry.minute:
        return DESCRIPTIONS["minute"].format(minute=entry.minute)
    return DESCRIPTIONS.get(entry.kind, entry.kind.replace("_", " ").capitalize()).format(minute=entry.minute)


def _meter_view(meter: Meter, seconds_left: int) -> MeterView:
    running = meter.run is not None and meter.run.until is None
    return MeterView(
        session=meter.session,
        rate=Money(amount=meter.rate),
        minute=meter.minute,
        running=running,
        seconds_left=seconds_left,
    )
