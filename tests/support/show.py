"""A stream with a host and people who have coins, on tables that others use too: the words of the tests of gifts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Self

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import Changes
from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.live import gifts, shards, tickets, watching
from chalicelib.live import service as streams
from chalicelib.live.gift_store import Ticket
from chalicelib.live.gifts import Given
from chalicelib.live.model.stream import HOST_UID, Stream
from chalicelib.live.model.terms import Visibility
from chalicelib.live.service import Wanted
from chalicelib.payouts.service import earnings_account
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import ConditionFailed
from chalicelib.wallet import coins, purchases, statement
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import Entry
from chalicelib.wallet.model.purchase import Told
from tests.support.duo import chain
from tests.support.reading import add_reader
from tests.support.worlds import HandClock


@dataclass(frozen=True)
class Show:
    """``own`` is what makes its ids its own."""

    world: World
    own: str = "1"

    @property
    def host(self) -> str:
        return f"usr_h{self.own}"

    @property
    def stream(self) -> str:
        return f"str_{self.own}"

    def forward(self, millis: Millis) -> Self:
        clock = self.world.now
        assert isinstance(clock, HandClock)
        clock.forward(millis)
        return self

    # people

    def patron(self, name: str, count: int = 10_000, *, born: date | None = date(1990, 1, 1)) -> str:
        """Somebody of age with so many coins; their id."""
        person = accounts.sign_in(self.world, Claims(f"auth0|{self.own}{name}", None, name)).id
        if born:
            accounts.change(self.world, person, Changes(birth_date=born))
        if count:
            self.buys(person, count)
        return person

    def buys(self, user: str, count: int, name: str = "1", *, standing: bool = True) -> None:
        """Coins at a store; not ``standing``, they are taken back."""
        told = Told("apple", f"{user}{name}", user, "coins", count, standing, self.world.now(), "Production")
        purchases.learn(self.world, told)
        self.forward(1)

    # the stream

    def scheduled(self, visibility: Visibility = "public", price: int | None = None, ahead: Millis = 0) -> Self:
        with suppress(ConditionFailed):  # known from before
            add_reader(self.world, self.host)
        starts = self.world.now() + ahead if ahead else None
        streams.create(self.world, self.host, self.stream, Wanted("Show", visibility, price, starts, ()))
        return self

    def started(self) -> Self:
        """Live, and its host is there."""
        streams.start(self.world, self.stream, self.host)
        watching.hear(self.world, Notice(self.stream, HOST_UID, 1, self.world.now() // SECOND * SECOND, joined=True))
        return self

    def live(self, visibility: Visibility = "public", price: int | None = None) -> Self:
        return self.scheduled(visibility, price).started()

    def ends(self) -> Stream:
        """By its host, or called off; as it is then."""
        return streams.end(self.world, self.stream, self.host)

    def noticed(self) -> Stream:
        """The tick looks at it."""
        return streams.look_after(self.world, self.stream)

    @property
    def row(self) -> Stream:
        return streams.load(self.world, self.stream)

    # what is sent

    def gives(self, user: str, gift: str = "rose", name: str = "1") -> Given:
        return gifts.send(self.world, user, self.stream, gift, f"gft_{self.own}{user[-6:]}{name}")

    def pays(self, user: str, name: str = "1") -> tuple[Ticket, int]:
        return tickets.buy(self.world, user, self.stream, f"tkt_{self.own}{user[-6:]}{name}")

    # where the money is

    def coins(self, user: str) -> int:
        return coins.balance(self.world, user)

    @property
    def gathered(self) -> Cents:
        """On the shards."""
        return self.left[0]

    @property
    def left(self) -> tuple[Cents, set[bool]]:
        """What is on the shards, and whether they are closed."""
        heads = shards.heads(self.world, self.row)
        return sum(head.balance for head in heads), {head.closed for head in heads}

    def earned(self) -> list[tuple[str, Cents, str]]:
        """What the host's earnings have of it."""
        return [(each.kind, each.amount, each.reference) for each in chain(self.world, earnings_account(self.host))]

    def books(self) -> statement.TrialBalance:
        """No cent and no coin came from nowhere."""
        found = statement.trial_balance(self.world)
        assert set(found.total.values()) <= {0}
        assert found.drifted == ()
        assert all(statement.verify_chain(self.world, account).broken_at is None for account in found.chains)
        return found

    def head(self, account: str) -> Entry:
        return wallet.ledger(self.world).head(account)
