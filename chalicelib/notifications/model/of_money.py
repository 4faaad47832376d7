"""Words about credit, coins and cards, and what readers are paid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from chalicelib.notifications.model.notice import Facts
from chalicelib.notifications.model.words import Say, Words, dollars, when


def _promo_granted(facts: Facts, zone: ZoneInfo) -> Words:
    return Words(
        "You have promotional credit",
        f"{dollars(facts['amount'])} of promotional credit are yours. It is spent before your paid credit, and counts "
        f"until {when(facts['expires_at'], zone)}.",
    )


def _recharge_paid(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your card was charged", f"{dollars(facts['amount'])} were charged to your saved card as SoulSeer credit."
    )


def _recharge_off(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    why = {
        "authentication_required": "your bank wants you to confirm the payment yourself",
        "card_unusable": "your saved card cannot be charged any more",
        "declined": "your bank refused several times",
        "unknown": "we were not told what became of the charge",
    }[facts["reason"]]
    return Words(
        "Auto-recharge is off",
        f"{dollars(facts['amount'])} could not be charged to your saved card: {why}. Top up in the app, or save a card "
        "and turn auto-recharge on again.",
    )


def _refund(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if "order" in facts:
        return Words(
            "A payment goes back to your card",
            f"{dollars(facts['amount'])} that you paid for an order go back to the card that you paid with.",
        )
    if "coins" in facts:
        return Words(
            "A payment goes back to your card",
            f"{dollars(facts['amount'])} that you paid for coins go back to the card that you paid with, so "
            f"{facts['coins']:,} coins left your account.",
        )
    return Words(
        "A payment goes back to your card",
        f"{dollars(facts['amount'])} of your SoulSeer credit go back to the card that you paid with.",
    )


def _refund_failed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if "order" in facts:
        instead = " They are in your SoulSeer credit now." if facts["credited"] else ""
        return Words(
            "A payment could not be given back",
            f"{dollars(facts['amount'])} that you paid for an order could not be given back to the card that you paid "
            f"with.{instead}",
        )
    if "coins" in facts:
        return Words(
            "A payment could not be given back",
            f"{dollars(facts['amount'])} that you paid for coins could not be given back to the card that you paid "
            f"with. {facts['coins']:,} coins are in your account again.",
        )
    return Words(
        "A payment could not be given back",
        f"{dollars(facts['amount'])} could not be given back to the card that you paid with. They are in your SoulSeer "
        "credit again.",
    )


def _dispute(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if "order" in facts:
        return Words(
            "A payment of yours was disputed",
            f"Your bank took back a payment of {dollars(facts['amount'])} for an order. Until this is settled, nothing "
            "of it is sent or can be downloaded, and your wallet is frozen. If you know nothing of it, write to "
            "support.",
        )
    if "coins" in facts:
        return Words(
            "A payment of yours was disputed",
            f"Your bank took back a payment of {dollars(facts['amount'])} for coins, so {facts['coins']:,} coins left "
            "your account, and your wallet is frozen until this is settled. If you know nothing of it, write to "
            "support.",
        )
    return Words(
        "A payment of yours was disputed",
        f"Your bank took back a payment of {dollars(facts['amount'])}, so it left your SoulSeer credit, and your "
        "wallet is frozen until this is settled. If you know nothing of it, write to support.",
    )


def _dispute_won(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if "order" in facts:
        instead = " What was to go back to you of it is in your SoulSeer credit now." if facts["credited"] else ""
        return Words("A disputed payment is settled", f"The dispute of your payment for an order is settled.{instead}")
    if "coins" in facts:
        return Words(
            "A disputed payment is yours again",
            f"The dispute of your payment is settled: {facts['coins']:,} coins are in your account again.",
        )
    return Words(
        "A disputed payment is yours again",
        f"The dispute of your payment is settled: {dollars(facts['amount'])} are in your SoulSeer credit again.",
    )


def _coins_taken_back(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Coins were taken back",
        f"A purchase of coins was given back to you or withdrawn, so {facts['coins']:,} coins left your account. Where "
        "they were spent already, what you buy next makes up for them. If you know nothing of it, write to support.",
    )


def _coins_granted(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words("You have coins from us", f"{facts['coins']:,} coins were put into your account.")


def _coins_withdrawn(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Coins were taken back",
        f"{facts['coins']:,} coins were taken out of your account by us. If you do not know why, write to support.",
    )


def _adjusted(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    what = {"credit": "SoulSeer credit", "earnings": "earnings"}[facts["account"]]
    amount = facts["amount"]
    moved = "put into" if amount > 0 else "taken out of"
    return Words(
        f"We have corrected your {what}",
        f"{dollars(abs(amount))} were {moved} your {what} by us. If you do not know why, write to support.",
    )


def _ticket_back(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your ticket was given back",
        f"The stream that you had a ticket of did not take place. {facts['coins']} coins are back in your wallet.",
    )


def _coins_given_back(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your coins are back",
        f"A purchase of coins that had been withdrawn stands again: {facts['coins']:,} coins are back in your account.",
    )


def _payout_paid(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your earnings are on their way",
        f"{dollars(facts['amount'])} were transferred to your account at Stripe, which pays them out to your bank.",
    )


def _payout_returned(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your earnings could not be paid out",
        f"Stripe refused to transfer {dollars(facts['amount'])} to your account. The money is back in your earnings "
        "and is paid out with the next payout. Look at your payout account in the app: Stripe may need something.",
    )


def _payout_reversed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "A payout was taken back",
        f"{dollars(facts['amount'])} of a payout were taken back from your account at Stripe. They are in your "
        "earnings again. If you do not know why, write to support.",
    )


def _payout_failed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    what = dollars(facts["amount"]) if "amount" in facts else "A payout in another currency"
    return Words(
        "Your bank did not take your earnings",
        f"{what} could not be paid out to your bank. The money lies in your account at Stripe: "
        "look at your bank details there, by your payout account in the app.",
    )


def _payout_account_restricted(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words(
        "Stripe needs something of you",
        "Until then your earnings cannot be paid out; nothing of them is lost. Open your payout account in the app.",
    )


SAID: Final[Mapping[str, Say]] = {
    "promo_granted": _promo_granted,
    "recharge_paid": _recharge_paid,
    "recharge_off": _recharge_off,
    "refund": _refund,
    "refund_failed": _refund_failed,
    "dispute": _dispute,
    "dispute_won": _dispute_won,
    "ticket_back": _ticket_back,
    "coins_taken_back": _coins_taken_back,
    "coins_given_back": _coins_given_back,
    "coins_granted": _coins_granted,
    "coins_withdrawn": _coins_withdrawn,
    "adjusted": _adjusted,
    "payout_paid": _payout_paid,
    "payout_returned": _payout_returned,
    "payout_reversed": _payout_reversed,
    "payout_failed": _payout_failed,
    "payout_account_restricted": _payout_account_restricted,
}
