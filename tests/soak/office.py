"""What else happens to wallets and readings: grants, orders, disputes, admins. Repeated until the outcome is known."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.runtime.problems import problem_for
from chalicelib.sessions import service as sessions
from chalicelib.wallet import service as wallet
from chalicelib.wallet import statement
from chalicelib.wallet.model.buckets import Lot
from tests.property.tables import Crash
from tests.soak.findings import Finding, must
from tests.support.reading import grant

if TYPE_CHECKING:
    from tests.soak.system import System

Act = Callable[[World], object]

_TIRED: Final = 40
_REFUSALS: Final = frozenset({"insufficient_funds", "spending_limit_reached", "wallet_frozen", "not_found"})


class Office:
    """Acts every half a minute or so, until it closes."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._rng: random.Random = system.chances.stream("office")
        self._closed = False
        self._number = 0
        self._orders: dict[str, int] = {}
        """Orders that were said to be paid, and their cents."""
        self._later()

    def close(self) -> None:
        """It begins nothing new."""
        self._closed = True

    def settled(self) -> None:
        """What was said to be paid was paid, once."""
        chains = [account for account in self._system.books.heads if account.startswith("credit:")]
        paid = [
            (entry.reference, -entry.amount)
            for account in chains
            for entry in wallet.ledger(self._system.world).between(account, 1, self._system.books.heads[account].seq)
            if entry.kind == "order"
        ]
        must(len(paid) == len(dict(paid)), "an order is paid once", paid=paid)
        must(self._orders.items() <= dict(paid).items(), "what is said to be paid is paid", said=self._orders)

    def _later(self) -> None:
        self._system.timeline.after(self._rng.randint(5 * SECOND, MINUTE), self._act)

    def _act(self) -> None:
        if self._closed:
            return
        self._later()
        self._number += 1
        client = self._rng.choice(self._system.clients)
        open_ones = [row.id for row in self._system.books.sessions.values() if row.is_open]
        chance = self._rng.random()
        if chance < 0.25:
            lot = Lot(
                f"pro_{self._number}",
                self._rng.choice((1, 60, 99, 400, 900)),
                self._system.timeline.now + self._rng.choice((1, 30, 61, 300, 3_600)) * SECOND,
            )
            self._insist(lambda world: grant(world, client, lot))
        elif chance < 0.55:
            self._order(client)
        elif chance < 0.7:
            self._insist(lambda world: statement.balance(world, client))
        elif chance < 0.75:
            self._dispute(client)
        elif open_ones and chance < 0.8:
            self._intervene(self._rng.choice(open_ones))

    def _order(self, client: str) -> None:
        name, cents = f"ord_{self._number}", self._rng.choice((1, 100, 250, 900))

        def act(world: World) -> None:
            wallet.spend(world, client, "order", cents, "platform:shop", f"order:{name}", name)
            self._orders[name] = cents

        self._insist(act)

    def _dispute(self, client: str) -> None:
        self._insist(lambda world: wallet.freeze(world, client, "dispute"))
        self._system.timeline.after(
            self._rng.choice((1, 20, 100, 400)) * SECOND,
            lambda: self._insist(lambda world: wallet.unfreeze(world, client, "dispute")),
        )

    def _intervene(self, session: str) -> None:
        act = self._rng.choice((sessions.force_end, sessions.safety_stop, sessions.safety_stop))
        note = f"ticket {self._number}"
        self._insist(lambda world: act(world, session, actor="arn:admin", note=note))

    def _insist(self, act: Act, tried: int = 0) -> None:
        """Do it; again after a while where nobody knows whether it was done."""
        try:
            self._system.functions.call("api", lambda world, _: act(world))
        except Crash:
            known = False
        except ValueError:
            return  # no slot is free for a lot
        except Exception as error:  # noqa: BLE001 - judged
            known = self._known(error)
        else:
            known = True
        if not known:
            must(tried < _TIRED, "in the end it is done")
            self._system.timeline.after(self._rng.randint(1, 9) * SECOND, lambda: self._insist(act, tried + 1))

    @staticmethod
    def _known(error: Exception) -> bool:
        code = problem_for(error).code
        if code == "internal":
            raise Finding(f"the office met {''.join(traceback.format_exception(error))}") from error
        must(code == "unavailable" or code in _REFUSALS, "refusals are declared", code=code)
        return code in _REFUSALS
