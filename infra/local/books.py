"""The end of a play that had the stack for itself: the books, held against Stripe's balance and against themselves, and
what an admin sees of them.
"""

from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Final

from chalicelib.dashboards import checking
from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND
from chalicelib.operations import reconciliation
from chalicelib.operations.model.reconciliation import movement
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from infra.local.desk import OPERATOR
from infra.local.phone import Api, Json
from infra.local.proof import LedgerProof, prove
from infra.local.stack import Stack
from infra.local.telling import Step, Telling
from infra.local.waiting import until
from infra.local.watch import dollars

_WHY: Final = "the end of the play"
_SOON: Final = 30
"""Seconds within which what was posted is summed up, on two busy cores."""
_COINS: Final = "platform:coins:"
_ORDERS: Final = "platform:orders:"
_PEOPLES: Final = {"topup": "a top-up", "refund": "a refund to the card", "dispute": "a bank takes a payment back"} | {
    "dispute_won": "the dispute is won",
    "payout": "the reader is paid out",
}
_OF_COINS: Final = _PEOPLES | {"topup": "coins, on the web"}
_OF_ORDERS: Final = _PEOPLES | {"topup": "an order, in the shop", "refund": "of an order, to the card"}


@dataclass(frozen=True, slots=True)
class Crossing:
    """A movement of the platform's balance at Stripe, and the posting that stands for it."""

    what: str
    amount: int
    """Cents, signed: what the balance gained, without Stripe's fee."""
    posting: str
    """Its key in the ledger; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """What crossed the platform's border, oldest first, and what does not agree."""

    crossings: tuple[Crossing, ...]
    differences: tuple[str, ...]


class Books:
    """Reads all there is; ``crossed``, ``proof`` and ``dashboard`` are what came of it."""

    def __init__(self, stack: Stack, telling: Telling) -> None:
        self._admin = Api(stack.api_url, stack.tokens["admin"])
        self._world = stack.world()
        self._check = telling.check
        self.crossed: Crossed | None = None
        self.proof: LedgerProof | None = None
        self.dashboard: Json = {}

    @property
    def steps(self) -> list[Step]:
        """In their order."""
        return [self._reconcile, self._prove, self._sum_up]

    def _reconcile(self) -> None:
        """The books are held against Stripe's balance."""
        with redirect_stdout(StringIO()):  # what services log is not for this screen
            begun = reconciliation.begin(self._world, margin=0, actor=OPERATOR, reason=_WHY)
            run = reconciliation.go_on(self._world, begun.id)
        differences = [f"{each.what} {each.about}" for each in reconciliation.differences(self._world)]
        crossed = self.crossed = Crossed(tuple(crossings(self._world, run.until // SECOND + 1)), tuple(differences))
        self._check(
            f"{len(crossed.crossings)} movements at Stripe, each with a posting of its own",
            held=run.ended_at is not None and not differences and all(each.posting for each in crossed.crossings),
            saw="; ".join(differences),
        )
        at_stripe = sum(each.amount for each in crossed.crossings)
        posted = -statement.trial_balance(self._world).sum_of("stripe:")
        self._check(
            f"the ledger says of Stripe what Stripe says: {dollars(at_stripe)} before fees",
            held=posted == at_stripe,
            saw=dollars(posted),
        )

    def _prove(self) -> None:
        """The books are read."""
        proof = self.proof = prove(self._world)
        currencies = " and ".join(sorted(proof.totals))
        self._check(
            f"{currencies} add up to zero, {len(proof.chains)} chains verify, clearing empty",
            held=not proof.faults,
            saw="; ".join(proof.faults),
        )

    def _sum_up(self) -> None:
        """The sums that dashboards show are held against the ledger."""
        until("each sum as the ledger has it", lambda: not checking.check(self._world, 0, nothing), seconds=_SOON)
        seen = self.dashboard = self._admin.get("/v1/dashboard/admin")
        told = {name: seen["totals"][name]["amount"] for name in ("earned", "paid_out")}
        there = statement.trial_balance(self._world).sum_of("earnings:")
        self._check(
            f"each sum of the dashboards is the ledger's; readers earned {dollars(told['earned'])}",
            held=told["earned"] - told["paid_out"] == there,
            saw=dollars(there),
        )


def nothing(read: int) -> None:
    """So many rows were read."""
    del read


def crossings(world: World, before: int) -> list[Crossing]:
    """Every movement at Stripe before that second, oldest first, each by what a person calls it."""
    page, _ = world.payments.balance_transactions(since=0, until=before, after=None)
    book = wallet.ledger(world)
    found = []
    for moved in map(movement, reversed(page)):
        key, posted = next(((key, item) for key in moved.keys if (item := book.receipt(key))), ("", {}))
        kind = (key or next(iter(moved.keys), moved.kind)).partition(":")[0]
        account = str(posted.get("entry_account", ""))
        called = _OF_COINS if account.startswith(_COINS) else _OF_ORDERS if account.startswith(_ORDERS) else _PEOPLES
        found.append(Crossing(called.get(kind, kind), moved.amount, key))
    return found
