"""What is summed: which measures an entry of the ledger, or a fact of the platform's journals, adds to whom. Pure.

Amounts are cents, what begins with ``coins.`` is coins, the rest are counts. A measure grows in its ordinary direction
and shrinks by what undoes it, so each may go down, and below zero where more is undone than was done in a while. Every
entry's amount is in one measure, so sums and chains tell the same:

    credit of a client   topped_up - refunded - disputed + order_credit + promo.granted - promo.expired
                         - all of spent. + guarantees + adjusted
    coins of a client    coins.bought - coins.returned + coins.granted - all of coins.spent.
    reader               all of earned. - paid_out = earnings, and what lies on their streams that are not settled yet

The platform has the sums of all clients (readings and minutes too) and of all that readers earned and were paid, and
what is its own: ``share.``, what was paid at Stripe for coins and orders, people and readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PLATFORM: Final = "platform"

MEANINGS: Final[Mapping[str, str]] = {
    "topped_up": "Cents paid into credit, by checkouts and by saved cards.",
    "refunded": "Cents of unused credit sent back to cards.",
    "disputed": "Cents of credit taken back by banks, less what was won.",
    "order_credit": "Cents that went back for an order and became credit, because no card took them.",
    "promo.granted": "Cents of promotional credit given.",
    "promo.expired": "Cents of promotional credit that nobody used in time.",
    "guarantees": "Cents given back to clients who were not satisfied with a reading.",
    "adjusted": "Cents by which admins corrected credit.",
    "spent.reading": "Cents paid for minutes of readings, less what was taken back.",
    "spent.booking": "Cents paid for bookings, less what went back.",
    "spent.tip": "Cents of tips.",
    "spent.reply": "Cents paid for replies, less what went back.",
    "spent.product": "Cents paid for orders, by credit or at Stripe, less what went back.",
    "readings": "Readings begun; of a reader, those paid for. A booking counts once its reading has taken place.",
    "minutes": "Paid minutes of readings, less those taken back; of a reader, once the reading is settled.",
    "coins.bought": "Coins bought.",
    "coins.returned": "Bought coins that were taken back, less those given back again.",
    "coins.granted": "Coins that admins gave, less those they took.",
    "coins.spent.gift": "Coins given as gifts.",
    "coins.spent.ticket": "Coins paid for tickets, less what went back.",
    "coins.spent.product": "Coins paid for orders, less what went back.",
    "earned.reading": "Cents that readers earned by readings.",
    "earned.booking": "Cents that readers earned by bookings.",
    "earned.tip": "Cents that readers earned by tips.",
    "earned.reply": "Cents that readers earned by replies, less what went back.",
    "earned.gift": "Cents that readers earned by gifts, when they were given.",
    "earned.ticket": "Cents that readers earned by tickets, when they were bought, less what went back.",
    "earned.product": "Cents that readers earned by their products, less what went back.",
    "earned.guarantee": "Below zero: the readers' part of what clients got back who were not satisfied.",
    "earned.adjustment": "Cents by which admins corrected earnings.",
    "paid_out": "Cents paid out to readers, less what came back.",
    "share.reading": "Cents of readings that are the platform's.",
    "share.booking": "Cents of bookings that are the platform's.",
    "share.tip": "Cents of tips that are the platform's.",
    "share.reply": "Cents of replies that are the platform's, less what went back.",
    "share.gift": "Cents of gifts that are the platform's.",
    "share.ticket": "Cents of tickets that are the platform's, less what went back.",
    "share.product": "Cents of orders that are the platform's, less what went back.",
    "share.shipping": "Cents paid for sending, less what went back.",
    "share.guarantee": "Below zero: the platform's part of what clients got back who were not satisfied.",
    "coin_sales.paid": "Cents paid at Stripe for coins. What app stores took is not known here.",
    "coin_sales.refunded": "Cents sent back of what was paid at Stripe for coins.",
    "coin_sales.disputed": "Cents taken back by banks of what was paid at Stripe for coins, less what was won.",
    "order_sales.paid": "Cents paid at Stripe for orders.",
    "order_sales.refunded": "Cents sent back of what was paid at Stripe for orders.",
    "order_sales.disputed": "Cents taken back by banks of what was paid at Stripe for orders, less what was won.",
    "people": "People who came.",
    "readers": "Readers who were invited and came.",
    "standing.invited": "Readers who have no profile yet.",
    "standing.profile": "Readers with a profile who wait to be verified.",
    "standing.verified": "Readers who are verified.",
    "standing.withdrawn": "Readers who were verified, and are not any more.",
    "other": "Entries of a kind that nothing here knows: there should be none.",
}
"""Every measure there is, and what it says."""

SPENT: Final = tuple(name for name in MEANINGS if name.startswith("spent."))
EARNED: Final = tuple(name for name in MEANINGS if name.startswith("earned."))
SHARE: Final = tuple(name for name in MEANINGS if name.startswith("share."))
COINS_SPENT: Final = tuple(name for name in MEANINGS if name.startswith("coins.spent."))
STANDING: Final = tuple(name for name in MEANINGS if name.startswith("standing."))
