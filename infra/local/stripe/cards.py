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
class Means:
    """A means of payment: a card, or an account at a bank."""

    kind: Literal["card", "us_bank_account"]
    number: str
    brand: str = "visa"
    authenticates: bool = False
    """The bank asks the customer to confirm before it decides."""
    failure: Failure | None = None

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
    Means("card", "4000002500003155", authenticates=True),
    Means("card", "4000002760003184", authenticates=True),
    Means(
        "card",
        "4000008260003178",
        authenticates=True,
        failure=_declined("insufficient_funds", "Your card has insufficient funds."),
    ),
    Means("us_bank_account", "000123456789"),
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
_BY_NUMBER: Final = {means.number: means for means in _CARDS}

AUTHENTICATION_FAILED: Final = Failure(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
REFUSED_BY_BANK: Final = Failure("debit_not_authorized", "The customer's bank refused this payment.")
_LIVE_CARD: Final = _declined(
    "test_mode_live_card", "Your card was declined. Your request was in test mode, but used a non test card."
)
_INCORRECT: Final = Failure("incorrect_number", "Your card number is incorrect.")


def means_of(number: str) -> Means:
    """What this number pays with, blanks and dashes ignored. Any number but Stripe's own fails."""
    digits = number.replace(" ", "").replace("-", "")
    if digits in _BY_NUMBER:
        return _BY_NUMBER[digits]
    return Means("card", "0000", failure=_LIVE_CARD if _is_card(digits) else _INCORRECT)


def _is_card(digits: str) -> bool:
    """13 to 19 digits that pass Luhn's check."""
    if not (len(digits) in _CARD_LENGTHS and digits.isascii() and digits.isdecimal()):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(sum(divmod(each, 10)) for each in doubled) % 10 == 0
