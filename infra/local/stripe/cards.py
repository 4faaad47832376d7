"""Stripe's test numbers (https://docs.stripe.com/testing), and what paying with each does.

Bank accounts stand beside the cards: a payment by one is first ``processing`` and settles later, which is how
``checkout.session.completed`` comes with ``payment_status`` ``unpaid``.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Failure:
    """As a charge and a PaymentIntent report it."""

    code: str
    message: str
    decline_code: str | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """As the customer's bank opens it."""

    reason: str
    network_reason: str
    inquiry: bool = False
    """A question only, which takes no money yet."""


Asks = Literal["never", "on_page", "until_set_up", "always"]


@dataclass(frozen=True, slots=True)
class Means:
    """A means of payment: a card, or an account at a bank."""

    kind: Literal["card", "us_bank_account"]
    number: str
    brand: str = "visa"
    asks: Asks = "never"
    """When the bank asks the customer to confirm before it decides. Where it ever does, it does so on a page."""
    failure: Failure | None = None
    attaches: bool = False
    """It can be saved, though charging it fails."""
    refund: Literal["succeeds", "waits", "fails"] = "succeeds"
    """What becomes of a refund: done at once, a little later, or done and taken back a little later."""
    dispute: Dispute | None = None
    """Its owner disputes every payment, a moment after it."""
    available: bool = False
    """What is paid is in the available balance at once."""

    def asks_in_absence(self, set_up: bool) -> bool:
        """Whether a payment without the customer is refused for want of a confirmation. ``set_up``: it was given
        while the means was saved for this.
        """
        return self.asks == "always" or (self.asks == "until_set_up" and not set_up)

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(decline_code: str, message: str = "Your card was declined.") -> Failure:
    return Failure("card_declined", message, decline_code)


_CARDS: Final = (
    Means("card", "4242424242424242"),
    Means("card", "4000056655665556"),
    Means("card", "5555555555554444", "mastercard"),
    Means("card", "378282246310005", "amex"),
    Means("card", "6011111111111117", "discover"),
    Means("card", "4000000000000002", failure=_declined("generic_decline")),
    Means("card", "4000000000009995", failure=_declined("insufficient_funds", "Your card has insufficient funds.")),
    Means("card", "4000000000009987", failure=_declined("lost_card")),
    Means("card", "4000000000009979", failure=_declined("stolen_card")),
    Means("card", "4000000000006975", failure=_declined("card_velocity_exceeded")),
    Means("card", "4100000000000019", failure=_declined("fraudulent")),
    Means("card", "4000000000000069", failure=Failure("expired_card", "Your card has expired.")),
    Means("card", "4000000000000127", failure=Failure("incorrect_cvc", "Your card's security code is incorrect.")),
    Means(
        "card",
        "4000000000000119",
        failure=Failure("processing_error", "An error occurred while processing your card. Try again in a little bit."),
    ),
    Means("card", "4000000000000341", failure=_declined("generic_decline"), attaches=True),
    Means("card", "4000000000000077", available=True),
    Means("card", "4000003720000278", available=True),
    Means("card", "4000000000007726", refund="waits"),
    Means("card", "4000000000005126", refund="fails"),
    Means("card", "4000000000000259", dispute=Dispute("fraudulent", "10.4")),
    Means("card", "4000000000002685", dispute=Dispute("product_not_received", "13.1")),
    Means("card", "4000000000001976", dispute=Dispute("fraudulent", "10.4", inquiry=True)),
    Means("card", "4000002500003155", asks="until_set_up"),
    Means("card", "4000002760003184", asks="always"),
    Means("card", "4000003800000446", asks="on_page"),
    Means(
        "card",
        "4000008260003178",
        asks="always",
        failure=_declined("insufficient_funds", "Your card has insufficient funds."),
    ),
    Means("us_bank_account", "000123456789", refund="waits"),
    Means(
        "us_bank_account", "000111111113", failure=Failure("account_closed", "The customer's bank account is closed.")
    ),
    Means("us_bank_account", "000111111116", failure=Failure("no_account", "The bank account could not be located.")),
    Means(
        "us_bank_account",
        "000222222227",
        failure=Failure("insufficient_funds", "The customer's account has insufficient funds to cover this payment."),
    ),
)
_CARD_LENGTHS: Final = range(13, 20)

_BY_TOKEN: Final = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_bypassPending": "4000000000000077",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_createDisputeInquiry": "4000000000001976",
}
"""Names that the API takes in place of a payment method's id: a new one of that number."""

AUTHENTICATION_REQUIRED: Final = Failure(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
)
AUTHENTICATION_FAILED: Final = Failure(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
SETUP_AUTHENTICATION_FAILED: Final = Failure(
    "setup_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
REFUSED_BY_BANK: Final = Failure("debit_not_authorized", "The customer's bank refused this payment.")
_LIVE_CARD: Final = _declined(
    "test_mode_live_card", "Your card was declined. Your request was in test mode, but used a non test card."
)
_INCORRECT: Final = Failure("incorrect_number", "Your card number is incorrect.")
# A number that is not Stripe's own may be somebody's: it is not kept.
_LIVE: Final = Means("card", "0000", failure=_LIVE_CARD)
_NO_CARD: Final = Means("card", "0001", failure=_INCORRECT)
_BY_NUMBER: Final = {means.number: means for means in (*_CARDS, _LIVE, _NO_CARD)}


def means_of(number: str) -> Means:
    """What this number pays with, blanks and dashes ignored. Any number but Stripe's own fails."""
    digits = number.replace(" ", "").replace("-", "")
    if digits in _BY_NUMBER:
        return _BY_NUMBER[digits]
    return _LIVE if _is_card(digits) else _NO_CARD


def means_named(token: str) -> Means | None:
    """What a name like ``pm_card_visa`` stands for."""
    return means_of(_BY_TOKEN[token]) if token in _BY_TOKEN else None


def _is_card(digits: str) -> bool:
    """13 to 19 digits that pass Luhn's check."""
    if not (len(digits) in _CARD_LENGTHS and digits.isascii() and digits.isdecimal()):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(sum(divmod(each, 10)) for each in doubled) % 10 == 0
