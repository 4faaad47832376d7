"""The second act: money back and money out, with Stripe's events and real waits.

    the client tops up $50 and tips the reader $25 · asks $20 of what is left back to the card · a bank takes the rest
    of the payment back: the wallet is frozen and below zero, nothing can be spent · the dispute is won: all is as it
    was · the reader opens a payout account on Stripe's page · what was held is available, and is paid out

It goes on where the reading ended, with the same two people. The daily work is asked for, as an admin may.
"""

from contextlib import redirect_stdout
from io import StringIO
from typing import Final

import requests

from chalicelib.kernel.money import reader_share
from chalicelib.kernel.time import SECOND
from chalicelib.payouts import paying
from chalicelib.wallet import topups
from infra.local.desk import OPERATOR, Dashboard
from infra.local.phone import Phone, new_key
from infra.local.stack import Stack
from infra.local.telling import Step, Telling
from infra.local.waiting import until
from infra.local.watch import dollars

TOP_UP: Final = 5_000
TIP: Final = 2_500
BACK: Final = 2_000

_SOON: Final = 30.0
"""Seconds within which Stripe's webhooks are here and the API does what it is asked, on two busy cores."""
_WHY: Final = "the second act"


class SecondAct:
    """Goes on with the two people of a reading that is finalized."""

    def __init__(self, stack: Stack, telling: Telling, client: Phone, reader: Phone) -> None:
        self._stripe = Dashboard(stack.stripe.url)
        self._world = stack.world()
        self._client = client
        self._reader = reader
        self._tell, self._check, self._refused = telling.tell, telling.check, telling.refused
        self._intent = ""

    @property
    def steps(self) -> list[Step]:
        """In their order."""
        return [self._tip, self._refund, self._dispute, self._win, self._open_account, self._pay_out]

    def _tip(self) -> None:
        """The client tops up and tips the reader."""
        client, before, earned = self._client, self._client.credit(), self._earned("balance")
        self._tell("client", f"pays {dollars(TOP_UP)} on the Checkout page, and tips {dollars(TIP)}")
        topup = client.top_up(TOP_UP)
        self._await_credit(before + TOP_UP)
        self._intent = topups.topup_of(self._world, client.id, topup).payment_intent or ""
        self._give_tip()
        now = self._earned("balance")
        self._check(
            f"the reader has {dollars(reader_share(TIP))} of it, at once",
            held=now - earned == reader_share(TIP) and client.credit() == before + TOP_UP - TIP,
            saw=dollars(now - earned),
        )

    def _refund(self) -> None:
        """Unused credit goes back to the card."""
        client, before = self._client, self._client.credit()
        key, wanted = new_key(), {"amount": BACK}
        made = client.api.post("/v1/wallet/refunds", wanted, key=key)
        again = client.api.post("/v1/wallet/refunds", wanted, key=key)
        self._tell("client", f"asks {dollars(BACK)} back; sent twice, as a bad network does")
        at_stripe = self._stripe.listed("refunds", payment_intent=self._intent)
        self._check(
            "it is one refund, of the newest payment",
            held=made == again and made["status"] == "succeeded" and [each["amount"] for each in at_stripe] == [BACK],
            saw=f"{made['status']}, {len(at_stripe)} at Stripe",
        )
        self._check(
            "what went back is no credit any more", held=client.credit() == before - BACK, saw=dollars(client.credit())
        )

    def _dispute(self) -> None:
        """A bank takes a payment back."""
        taken = TOP_UP - BACK
        before = self._client.credit()
        (charge,) = self._stripe.listed("charges", payment_intent=self._intent)
        self._stripe.pull("disputes", charge=charge["id"], amount=taken)
        self._tell("stripe", f"a bank disputes the payment: {dollars(taken)} are gone")
        self._await_credit(before - taken)
        status = self._client.api.get("/v1/wallet")["status"]
        self._check(
            f"taken once: the wallet is at {dollars(before - taken)}, and frozen", held=status == "frozen", saw=status
        )
        self._refused("nothing can be spent", 423, self._give_tip)

    def _win(self) -> None:
        """The dispute is won."""
        client, before = self._client, self._client.credit()
        (dispute,) = self._stripe.listed("disputes", payment_intent=self._intent)
        self._stripe.pull(f"disputes/{dispute['id']}/close", outcome="won")
        self._tell("stripe", "the platform wins the dispute")
        self._await_credit(before + TOP_UP - BACK)
        until("the wallet being open", lambda: client.api.get("/v1/wallet")["status"] == "open", seconds=_SOON)
        self._check("the money is back, once, and the wallet is open", held=True)

    def _open_account(self) -> None:
        """The reader opens a payout account."""
        link = self._reader.api.post("/v1/reader/payout-account")["url"]
        self._tell("reader", "fills in Stripe's page: name and bank account")
        form = {"first_name": "Rosa", "last_name": "Reader", "bank": "000123456789", "action": "submit"}
        requests.post(link, data=form, allow_redirects=False, timeout=_SOON).raise_for_status()

        def status() -> str:
            return str(self._reader.api.get("/v1/reader/payout-account")["status"])

        until("the payout account being ready", lambda: status() == "ready", seconds=_SOON)
        self._check("Stripe told that the account is ready", held=True)

    def _pay_out(self) -> None:
        """The reader is paid out."""
        earned = self._earned("balance")
        hold = self._world.settings.rules.earnings_hold / SECOND
        self._tell("reader", f"has earned {dollars(earned)}, held for {hold:.0f} s here, for three days elsewhere")
        until("earnings being available", lambda: self._earned("available") == earned, seconds=hold + _SOON)
        with redirect_stdout(StringIO()):  # what services log is not for this screen
            paid = paying.pay_out(self._world, self._reader.id, actor=OPERATOR, reason=_WHY)
            again = paying.pay_out(self._world, self._reader.id, actor=OPERATOR, reason=_WHY)
        self._check(
            f"paid out {dollars(earned)}, and a second run pays nothing",
            held=paid is not None and paid.state == "paid" and paid.amount == earned and again is None,
            saw=paid.state if paid else "nothing was paid",
        )
        self._check("nothing is left to pay", held=self._earned("balance") == 0)

    # --- looking and waiting --------------------------------------------------------------------

    def _give_tip(self) -> None:
        session = self._client.session["id"]
        self._client.api.post(f"/v1/sessions/{session}/tip", {"amount": TIP})

    def _earned(self, what: str) -> int:
        return int(self._reader.api.get("/v1/reader/earnings")[what]["amount"])

    def _await_credit(self, cents: int) -> None:
        until(
            f"{dollars(cents)} in the wallet: has Stripe's webhook arrived?",
            lambda: self._client.credit() == cents,
            seconds=_SOON,
        )
