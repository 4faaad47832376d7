"""What a notice says, by its kind. Pure: facts in, words out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from chalicelib.accounts.model.preferences import Kind
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import SECOND, Millis

Facts = Mapping[str, Any]

NOBODY: Final = "Somebody who left"
"""Whoever is named in a notice and is not here any more."""
_ID: Final = re.compile(r"[a-z]{3}_[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the outbox: that person ``to`` is to be told of ``fact``, which came about at ``at``."""

    to: str
    kind: str
    facts: Facts
    fact: str = ""
    at: Millis = 0

    @property
    def about(self) -> Kind | None:
        """What a person may wish not to be told of; None where it keeps their account safe."""
        return ABOUT.get(self.kind)

    @property
    def worthless_after(self) -> Millis | None:
        """From when on nobody need be disturbed for it; None where it stays worth knowing."""
        until = self.facts.get("until", self.facts.get("offered_until"))
        return until if isinstance(until, int) else None


def notice_of(row: Mapping[str, Any]) -> Notice:
    """The notice that a row of the outbox is."""
    return Notice(row["pk"], row["kind"], row["facts"], row["sk"].removeprefix(f"{row['kind']}#"), row["at"])


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads."""

    subject: str
    text: str


def words(notice: Notice, time_zone: str) -> Words | None:
    """The words of ``notice``, its moments in the person's time zone; None for a kind that has none."""
    say = SAID.get(notice.kind)
    return say(notice.facts, ZoneInfo(time_zone)) if say else None


def things(facts: Facts) -> dict[str, str]:
    """The things that a notice is about, by what they are in it: their ids."""
    return {name: value for name, value in facts.items() if isinstance(value, str) and _ID.fullmatch(value)}


def dollars(cents: Cents) -> str:
    """``$12.05``"""
    return f"${cents // 100:,}.{cents % 100:02}"


def when(moment: Millis, zone: ZoneInfo) -> str:
    """``Wed 25 November 2026, 18:30 (Europe/Vienna)``"""
    local = datetime.fromtimestamp(moment / SECOND, UTC).astimezone(zone)
    return f"{local:%a} {local.day} {local:%B %Y, %H:%M} ({zone.key})"


def _deletion_confirmed(facts: Facts, zone: ZoneInfo) -> Words:
    return Words(
        "Your SoulSeer account will be deleted",
        f"It will be gone on {when(facts['runs_at'], zone)}. Until then you can take it back in the app; if it was not "
        "you who asked for this, do so now. Paid credit that is left by then goes back to the cards that paid it, as "
        "far as they take it; what remains is lost with the account, and so are coins, which cannot be paid out.",
    )


def _deletion_cancelled(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words("Your SoulSeer account stays", "The deletion was taken back. Nothing was deleted.")


def _deletion_awaits_refund(facts: Facts, zone: ZoneInfo) -> Words:
    return Words(
        "Your SoulSeer account still holds money of yours",
        f"{dollars(facts['amount'])} are owed to you or on their way to your card, so the account is not deleted yet. "
        f"It will be as soon as nothing is owed any more: we look again on {when(facts['runs_at'], zone)}. You need "
        "not do anything.",
    )


def _guarantee_granted(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your request was granted",
        f"{dollars(facts['amount'])} for your reading are back in your SoulSeer credit. We are sorry that it was not "
        "what you hoped for.",
    )


def _guarantee_refused(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words(
        "Your request was refused",
        "We have looked at your request to be given back what your reading cost, and could not grant it. If you think "
        "that we missed something, write to support.",
    )


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


def _booking(facts: Facts, zone: ZoneInfo) -> str:
    """``Your 30 minute voice reading on Wed 25 November 2026, 18:30 (Europe/Vienna)``"""
    return f"Your {facts['minutes']} minute {facts['modality']} reading on {when(facts['start'], zone)}"


def _booking_made(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("A reading is booked", f"{_booking(facts, zone)} is booked.")


def _booking_moved(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("A booked reading was moved", f"{_booking(facts, zone)} was moved to this time.")


def _booking_reminder(facts: Facts, zone: ZoneInfo) -> Words:
    return Words("Your reading is coming up", f"{_booking(facts, zone)} is coming up. You can join shortly before it.")


def _booking_closed(facts: Facts, zone: ZoneInfo) -> Words:
    happened = {
        "cancelled_by_client": "was cancelled by the client",
        "cancelled_by_reader": "was cancelled by the reader",
        "cancelled_by_platform": "could not take place",
        "no_show_client": "did not take place: the client did not come",
        "no_show_reader": "did not take place: the reader did not come",
    }[facts["state"]]
    told = facts["as"] == "client" and facts["refunded"]
    back = f" {dollars(facts['refunded'])} went back to your credit." if told else ""
    return Words("A booked reading did not take place", f"{_booking(facts, zone)} {happened}.{back}")


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


def _reading_refunded(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Part of a reading was given back to you",
        f"We have looked at a reading of yours that did not add up: {dollars(facts['amount'])} of what it cost are "
        "back in your SoulSeer credit.",
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


def _favorite_online(facts: Facts, _: ZoneInfo) -> Words:
    return Words(f"{facts['name']} is online", f"{facts['name']}, one of your favorites, is online now.")


def _queue_offer(facts: Facts, zone: ZoneInfo) -> Words:
    until = when(facts["offered_until"], zone)
    return Words(f"{facts['name']} is free for you", f"It is your turn: {facts['name']} is yours to ask until {until}.")


def _reading_requested(facts: Facts, zone: ZoneInfo) -> Words:
    until = when(facts["until"], zone)
    return Words(
        f"{facts['name']} asks you for a reading",
        f"{facts['name']} asks you for a {facts['modality']} reading. You can accept until {until}.",
    )


def _reading_missed(facts: Facts, zone: ZoneInfo) -> Words:
    asked = when(facts["asked_at"], zone)
    return Words(
        "You missed a reading",
        f"{facts['name']} asked you for a {facts['modality']} reading on {asked}, and had no answer. Go offline in the "
        "app when you are not there, so that nobody waits for you.",
    )


def _live_started(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"{facts['name']} is live", f"{facts['name']}, one of your favorites, is live now.")


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


_THINGS: Final[Mapping[str, str]] = {
    "pst": "a post",
    "msg": "a message",
    "rev": "a review",
    "ses": "a reading",
    "str": "a stream",
    "usr": "a profile",
}
"""What somebody reported or wrote, by what its id begins with."""
_BROKEN: Final[Mapping[str | None, str]] = {
    "spam": "it is advertising, or the same again and again",
    "harassment": "it harasses somebody",
    "hate": "it spreads hate",
    "sexual": "it is sexual",
    "self_harm": "it may lead somebody to harm themselves",
    "fraud": "it deceives people",
    "abuse": "somebody was abused",
    "scam": "somebody was deceived",
    "off_platform": "it leads people off the platform",
    "underage": "somebody was too young for it",
}
_APPEAL: Final = "If you think that this is wrong, you can appeal in the app within 30 days, once."


def _thing(facts: Facts) -> str:
    return _THINGS.get(str(facts["item"]).partition("_")[0], "something")


def _because(facts: Facts) -> str:
    return f"because {_BROKEN.get(facts['reason'], 'it goes against our guidelines')}"


def _content_hidden(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["reason"] is None:
        why = "Several people reported it. It is hidden until our moderators have looked at it."
    else:
        why = f"Our moderators have hidden it, {_because(facts)}."
    return Words(f"We have hidden {_thing(facts)} of yours", f"{why} {_APPEAL}")


def _content_removed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        f"We have removed {_thing(facts)} of yours",
        f"Our moderators have removed it, {_because(facts)}. {_APPEAL}",
    )


def _content_restored(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"We show {_thing(facts)} of yours again", "Our moderators have looked at it: it may be seen again.")


def _warned(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "A warning from our moderators",
        f"They warn you about {_thing(facts)} of yours, {_because(facts)}. Please read the guidelines again: another "
        f"time it may be removed, or your account suspended. {_APPEAL}",
    )


def _account_suspended(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your SoulSeer account is suspended",
        f"Our moderators have suspended it for {_thing(facts)} of yours, {_because(facts)}. What you had booked was "
        f"called off. {_APPEAL}",
    )


def _appeal_decided(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["granted"]:
        return Words("Your appeal was granted", "We have looked at it again, and took back what was done.")
    return Words("Your appeal was not granted", "We have looked at it again, and what was done stays.")


def _report_decided(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["acted"]:
        return Words("Thank you for your report", f"You reported {_thing(facts)}. Our moderators have acted on it.")
    return Words(
        "We have looked at your report",
        f"You reported {_thing(facts)}. Our moderators found that it may stay. You can block people in the app.",
    )


def _message_received(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts["priced"]:
        return Words(
            f"{facts['name']} has answered you",
            f"{facts['name']} sent you a paid reply. You can unlock and read it in the app.",
        )
    return Words(f"{facts['name']} wrote to you", f"You have a new message from {facts['name']}.")


def _reply_unlocked(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        f"{facts['name']} unlocked your reply",
        f"{facts['name']} paid {dollars(facts['amount'])} for your reply. Your share of it is in your earnings.",
    )


def _post_replied(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(f"{facts['name']} answered you", f"{facts['name']} answered what you wrote in the community.")


def _price(facts: Facts) -> str:
    """``$12.05``, or ``1,200 coins``"""
    return f"{facts['coins']:,} coins" if facts.get("coins") else dollars(facts["amount"])


def _order_paid(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Thank you for your order",
        f"Your order {facts['order']} is paid: {_price(facts)}. What is digital in it can be fetched in the app at "
        "once; of what has to be sent you hear again.",
    )


def _order_shipped(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your order is on its way",
        f"Things of your order {facts['order']} were sent with {facts['carrier']}. You can follow them there by the "
        f"number {facts['tracking']}.",
    )


def _order_delivered(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "Your order has arrived",
        f"Things of your order {facts['order']} were delivered. If something is missing, write to support.",
    )


def _order_refunded(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    if facts.get("coins"):
        return Words("Your coins are back", f"{_price(facts)} of your order {facts['order']} are in your wallet again.")
    if not facts["amount"]:  # a coupon had taken off all of it
        return Words("Your order was called off", f"What was not sent of your order {facts['order']} was called off.")
    return Words(
        "Part of an order, or all of it, goes back to you",
        f"{_price(facts)} of your order {facts['order']} go back the way they were paid: to your credit, or to your "
        "card, which may take some days to show it.",
    )


_CALLED_OFF: Final[Mapping[str, str]] = {
    "buyer": "as you asked",
    "left": "because your account ends",
    "expired": "because it was not paid in time",
    "failed": "because your bank did not pay it",
}


def _order_cancelled(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    why = _CALLED_OFF.get(facts["why"], "because it could not be carried out as you ordered it")
    return Words(
        "Your order was called off",
        f"Your order {facts['order']} was called off, {why}. Nothing was charged for it; what is paid all the same "
        "goes back by itself.",
    )


def _product_sold(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    return Words(
        "You have sold something",
        f"A product of yours was sold in the shop, in order {facts['order']}. Your share of {dollars(facts['amount'])} "
        "is in your earnings.",
    )


def _product_approved(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words("Your product is in the shop", "We have looked at a product of yours: it is on sale from now on.")


def _product_stopped(facts: Facts, zone: ZoneInfo) -> Words:
    del facts, zone
    return Words(
        "Your product is not sold any more",
        "We have taken a product of yours off sale. What was sold of it stays sold. If you do not know why, write to "
        "support.",
    )


def _mail_suppressed(facts: Facts, zone: ZoneInfo) -> Words:
    del zone
    why = {
        "bounce": "A letter to your address came back",
        "complaint": "A letter of ours was marked as unwanted in your mailbox",
    }[facts["why"]]
    return Words(
        "We send you no more mail",
        f"{why}, so no more mail goes there. What we tell you is here in the app. To get mail again, sign in with "
        "another address, or write to support.",
    )


ABOUT: Final[Mapping[str, Kind]] = {
    "booking_made": "bookings",
    "booking_moved": "bookings",
    "booking_reminder": "bookings",
    "booking_closed": "bookings",
    "guarantee_granted": "wallet",
    "guarantee_refused": "wallet",
    "promo_granted": "wallet",
    "recharge_paid": "wallet",
    "refund": "wallet",
    "refund_failed": "wallet",
    "coins_granted": "wallet",
    "reading_refunded": "wallet",
    "favorite_online": "favorites",
    "queue_offer": "favorites",
    "payout_paid": "wallet",
    "report_decided": "community",
    "reading_requested": "readings",
    "reading_missed": "readings",
    "live_started": "favorites",
    "message_received": "messages",
    "reply_unlocked": "wallet",
    "post_replied": "community",
    "order_paid": "orders",
    "order_shipped": "orders",
    "order_delivered": "orders",
    "order_refunded": "orders",
    "order_cancelled": "orders",
    "product_sold": "orders",
    "product_approved": "orders",
    "product_stopped": "orders",
}
"""What a person may wish not to be told of, by the kind of notice. Any other keeps an account safe, and is told."""

SAID: Final[Mapping[str, Callable[[Facts, ZoneInfo], Words]]] = {
    "deletion_confirmed": _deletion_confirmed,
    "deletion_cancelled": _deletion_cancelled,
    "deletion_awaits_refund": _deletion_awaits_refund,
    "booking_made": _booking_made,
    "booking_moved": _booking_moved,
    "booking_reminder": _booking_reminder,
    "booking_closed": _booking_closed,
    "guarantee_granted": _guarantee_granted,
    "guarantee_refused": _guarantee_refused,
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
    "reading_refunded": _reading_refunded,
    "favorite_online": _favorite_online,
    "queue_offer": _queue_offer,
    "payout_paid": _payout_paid,
    "payout_returned": _payout_returned,
    "payout_reversed": _payout_reversed,
    "payout_failed": _payout_failed,
    "payout_account_restricted": _payout_account_restricted,
    "content_hidden": _content_hidden,
    "content_removed": _content_removed,
    "content_restored": _content_restored,
    "warned": _warned,
    "account_suspended": _account_suspended,
    "appeal_decided": _appeal_decided,
    "report_decided": _report_decided,
    "reading_requested": _reading_requested,
    "reading_missed": _reading_missed,
    "live_started": _live_started,
    "message_received": _message_received,
    "reply_unlocked": _reply_unlocked,
    "post_replied": _post_replied,
    "order_paid": _order_paid,
    "order_shipped": _order_shipped,
    "order_delivered": _order_delivered,
    "order_refunded": _order_refunded,
    "order_cancelled": _order_cancelled,
    "product_sold": _product_sold,
    "product_approved": _product_approved,
    "product_stopped": _product_stopped,
    "mail_suppressed": _mail_suppressed,
}
"""By the kind of notice."""
