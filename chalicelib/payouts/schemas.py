"""What the payouts endpoints give."""

from chalicelib.runtime.schemas import Money, Schema


class EarningsView(Schema):
    """`balance` is all that is not paid out yet, `pending` the part still held, `available` the rest."""

    balance: Money
    pending: Money
    available: Money
