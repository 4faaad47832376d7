"""One client, one reader and a hand-turned clock: the words in which the tests of a reading are written.

Moments are seconds since the stage was set; ``begun()`` makes the talk active at second 0. Nothing is noticed by
itself: a stop is written when somebody acts, or when ``noticed()`` says so.
"""

from __future__ import annotations

from typing import Final

from chalicelib.gateways import World
from chalicelib.gateways.agora import Lease, Notice
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.money import USD, Cents
from chalicelib.kernel.settings import Rules
from chalicelib.readers import service as readers
from chalicelib.readers.model import Description, Modality, Price, Reader
from chalicelib.readers.store import Readers
from chalicelib.runtime.retries import undisturbed
from chalicelib.sessions import asking, costs, service
from chalicelib.sessions.model.commands import Command, accept, heartbeat, join, reconnect
from chalicelib.sessions.model.session import Session, Side, Who
from chalicelib.sessions.service import Snapshot
from chalicelib.wallet import payments
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.buckets import Lot
from chalicelib.wallet.model.chain import Entry, Fact
from chalicelib.wallet.model.payment import Payment
from chalicelib.wallet.model.receipt import Receipt
from tests.support.memory import MemoryTables
from tests.support.worlds import NOON, Executions, HandClock, OfflineAgora, hand_world

CLIENT: Final = "usr_client"
READER: Final = "usr_reader"
SESSION: Final = "ses_1"


def add_reader(world: World, reader: str = READER, rate: Cents = 250) -> None:
    """A verified reader who offers every modality at ``rate`` cents a minute."""
    prices: dict[Modality, Price] = {"text": Price(rate, True), "voice": Price(rate, True), "video": Price(rate, True)}
    said = Description(reader.replace("_", "-"), f"Name of {reader}", "", (), ())
    rows = Readers(world.tables, world.settings.tables.readers)
    world.tables.write(*rows.add(Reader(reader, "verified", said, prices)))


def pay_in(world: World, client: str, cents: Cents, key: str) -> Entry:
    """Paid credit, as a top-up posts it, once for ``key``; a negative amount leaves as a dispute takes it."""
    if cents < 0:
        return wallet.post_once(
            world,
            wallet.credit_account(client),
            key,
            Fact("topup", cents, "stripe:payments", key),
            lambda newest, _: meter.receive(newest, "topup", cents, "stripe:payments", key),
        )
    intent = key.removeprefix("topup:")
    paid = Payment(intent, client, cents, USD, "topup", key, world.now())
    undisturbed(world.sleep, lambda: payments.credit(world, paid), tries=100)
    posted = wallet.posted(world, f"topup:{intent}")
    assert posted
    return posted


def grant(world: World, client: str, lot: Lot) -> Entry:
    """Promotional credit."""
    return wallet.post_once(
        world,
        wallet.credit_account(client),
        f"promo:{lot.id}",
        Fact("promo_granted", lot.rest, "platform:promo", lot.id),
        lambda newest, _: meter.grant(newest, lot, lot.id),
    )


def refusal(problem: Problem) -> str:
    """``402 insufficient_funds`` and the like."""
    return f"{problem.status} {problem.code}"


class Stage:
    """``credit`` cents in the client's wallet, a reader online at ``rate`` cents a minute."""

    def __init__(self, *, rate: Cents = 250, credit: Cents = 10_000, rules: Rules | None = None) -> None:
        self.tables = MemoryTables()
        self.clock = HandClock()
        self.executions = Executions()
        self.agora = OfflineAgora()
        self.world = hand_world(self.tables, rules, now=self.clock, clock=self.executions, media=self.agora)
        self._postings = 0
        add_reader(self.world, READER, rate)
        if credit:
            self.top_up(credit)

    # time

    def at(self, seconds: float) -> Stage:
        """Turn the clock to that second."""
        self.clock.now = NOON + round(seconds * 1000)
        return self

    def beats(self, until: float, every: float = 30) -> Stage:
        """Both beat every 30 s up to and at ``until``, from wherever the clock stands."""
        second = (self.clock.now - NOON) / 1000
        while second < until:
            second = min(second + every, until)
            self.at(second).client(heartbeat)
            self.reader(heartbeat)
        return self

    # the reading

    def asked(self, modality: Modality = "text", session: str = SESSION) -> Snapshot:
        """The client asks for a reading."""
        readers.set_presence(self.world, READER, "online")
        return asking.create(self.world, Side(CLIENT, "Cee"), session, READER, modality)

    def accepted(self) -> Stage:
        """Asked for, and accepted."""
        self.asked()
        self.reader(accept)
        return self

    def begun(self, modality: Modality = "text") -> Stage:
        """Active from this very moment."""
        self.asked(modality)
        self.reader(accept)
        self.client(join)
        self.reader(join)
        return self

    def resumed(self) -> Session:
        """Both come back at this moment."""
        self.client(reconnect)
        return self.reader(reconnect)

    def client(self, command: Command) -> Session:
        """The client does that."""
        return self.seen_by(CLIENT, command).session

    def reader(self, command: Command) -> Session:
        """The reader does that."""
        return self.seen_by(READER, command).session

    def seen_by(self, user: str, command: Command) -> Snapshot:
        """The session with its wallet, after ``user`` did that."""
        return service.perform(self.world, SESSION, user, command)

    def told(self, who: Who, seq: int, *, joined: bool, at: float | None = None, channel: int | None = None) -> Session:
        """Agora tells, now, that ``who`` came into the channel or left it, in the second ``at`` (this one unless said),
        of the present channel unless its number is given.
        """
        number = self.row().pauses if channel is None else channel
        moment = self.clock.now if at is None else NOON + round(at * 1000)
        uid = 1 if who == "client" else 2
        service.hear(self.world, Notice(f"{SESSION}-{number}", uid, seq, moment // 1000 * 1000, joined))
        return self.row()

    def leased(self, user: str, command: Command) -> Lease | None:
        """The media lease that the answer to ``command`` carries."""
        return service.lease(self.world, self.seen_by(user, command), user)

    def noticed(self) -> Session:
        """The session after it is brought up to date."""
        return service.advance(self.world, self.row()).session

    def row(self) -> Session:
        """The session as it is stored."""
        return service.load(self.world, SESSION)

    def cost(self) -> Receipt:
        """What the session has cost so far."""
        return costs.cost(self.world, self.row())

    # the wallet

    def top_up(self, cents: Cents) -> Entry:
        """Paid credit; a negative amount is a dispute."""
        self._postings += 1
        return pay_in(self.world, CLIENT, cents, f"topup:{self._postings}")

    def promo(self, cents: Cents, until: float, name: str = "pro_1") -> Entry:
        """Promotional credit that expires at second ``until``."""
        return grant(self.world, CLIENT, Lot(name, cents, NOON + round(until * 1000)))

    def spend(self, cents: Cents, key: str = "order:1") -> Entry:
        """Other spending."""
        return wallet.spend(self.world, CLIENT, "order", cents, "platform:shop", key, "ord_1")

    def freeze(self) -> Entry:
        """A dispute freezes the wallet."""
        return wallet.freeze(self.world, CLIENT, "dispute")

    def unfreeze(self) -> Entry:
        """The dispute is over."""
        return wallet.unfreeze(self.world, CLIENT, "dispute")

    @property
    def head(self) -> Entry:
        """The newest entry of the client's credit."""
        return wallet.head(self.world, CLIENT)

    @property
    def balance(self) -> Cents:
        """The client's credit."""
        return self.head.balance

    def entries(self) -> list[Entry]:
        """The client's chain, oldest first."""
        newest = self.head
        return list(wallet.ledger(self.world).between(newest.account, 1, newest.seq))

    def of(self, account: str) -> Cents:
        """The sum of an account or of a counter, over the whole ledger."""
        from chalicelib.wallet.statement import trial_balance

        return trial_balance(self.world).sum_of(account)


def second(moment: int | None) -> float | None:
    """A moment as seconds since the stage was set."""
    return None if moment is None else (moment - NOON) / 1000
