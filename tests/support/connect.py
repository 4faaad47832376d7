"""Stripe Connect in a dict: accounts, transfers, reversals, and the events that tell of them. It can lose an answer."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.gateways.stripe import Refused
from chalicelib.kernel.errors import ProviderFailed
from tests.support.worlds import OfflinePayments

READY: Final[dict[str, Any]] = {
    "capabilities": {"transfers": "active"},
    "details_submitted": True,
    "payouts_enabled": True,
    "requirements": {"currently_due": [], "past_due": [], "pending_verification": []},
}


@dataclass
class Connect(OfflinePayments):
    """``failures`` are what the next calls do instead: ``before`` and ``after`` lose the request or the answer, any
    other word is a refusal with that code; an empty one lets the call through.
    """

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    transfers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    links: int = 0
    refuses: str = ""
    """With which code every transfer is refused."""
    kept: dict[str, str | None] = field(default_factory=dict)
    """What was answered under each transfer's key: a refusal's code, or None. Stripe forgets it after a day."""
    doubled: list[str] = field(default_factory=list)
    """Payouts that were transferred twice."""

    def open_payout_account(self, *, reader: str) -> str:
        def make() -> str:
            account = f"acct_{reader}"
            fresh = {"id": account, "details_submitted": False, "metadata": {"reader": reader}}
            self.accounts.setdefault(account, fresh)
            return account

        return str(self._called("account", make))

    def onboarding_link(self, account: str, *, return_url: str) -> str:
        self.links += 1
        return str(self._called("link", lambda: f"{return_url}/{account}/{self.links}"))

    def payout_account(self, account: str) -> dict[str, Any]:
        return dict(self._called("retrieve", lambda: copy.deepcopy(self.accounts[account])))

    def onboarded(self, account: str, **other: Any) -> None:
        """Its owner told Stripe everything."""
        self.accounts[account] |= READY | other
        self.tell("account.updated", self.accounts[account], account=account)

    def transfer(self, *, payout: str, reader: str, account: str, amount: int, currency: str) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            if self.refuses:
                raise Refused(self.refuses)
            if payout in self.transfers and payout not in self.kept:
                self.doubled.append(payout)
            self.kept[payout] = None
            if payout not in self.transfers:
                self.transfers[payout] = {
                    "id": f"tr_{payout}",
                    "object": "transfer",
                    "amount": amount,
                    "amount_reversed": 0,
                    "currency": currency,
                    "destination": account,
                    "metadata": {"payout": payout, "reader": reader},
                    "reversals": {"object": "list", "data": []},
                    "transfer_group": payout,
                }
                self.tell("transfer.created", self.transfers[payout])
            return copy.deepcopy(self.transfers[payout])

        if code := self.kept.get(payout):
            raise Refused(code)
        try:
            return dict(self._called("transfer", make))
        except Refused as refused:
            self.kept[payout] = refused.code
            raise

    def transfers_for(self, payout: str) -> list[dict[str, Any]]:
        def find() -> list[dict[str, Any]]:
            return [copy.deepcopy(self.transfers[payout])] if payout in self.transfers else []

        return list(self._called("transfers", find))

    def reversals_of(self, transfer: str) -> list[dict[str, Any]]:
        return list(self._called("reversals", lambda: self._reversals(transfer.removeprefix("tr_"))))

    def balance_transactions(self, **window: Any) -> tuple[list[dict[str, Any]], bool]:
        """What moves here shows in no balance: reconciliation is tried on the local Stripe."""
        del window
        return [], False

    def transaction_of(self, intent: str) -> dict[str, Any] | None:
        del intent
        return None

    def reverse(self, payout: str, amount: int, *, telling: int = 10) -> None:
        """Take so much of a transfer back; the event holds the newest ``telling`` of its reversals."""
        transfer = self.transfers[payout]
        known = transfer["reversals"]["data"]
        known.insert(0, {"id": f"trr_{payout}_{len(known)}", "amount": amount, "created": len(known)})
        transfer["amount_reversed"] += amount
        told = copy.deepcopy(transfer)
        told["reversals"]["data"] = told["reversals"]["data"][:telling]
        self.tell("transfer.reversed", told)

    def tell(self, kind: str, thing: dict[str, Any], **other: Any) -> dict[str, Any]:
        event = {"id": f"evt_{len(self.events)}", "type": kind, "data": {"object": copy.deepcopy(thing)}} | other
        self.events.append(event)
        return event

    def _reversals(self, payout: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.transfers[payout]["reversals"]["data"])

    def _called(self, name: str, act: Any) -> Any:
        self.calls.append(name)
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise ProviderFailed
        if failure not in ("", "after"):
            raise Refused(failure)
        done = act()
        if failure == "after":
            raise ProviderFailed
        return done
