"""Makes histories up, an act at a time, from a source of chance: mostly what people do, sometimes what not."""

from __future__ import annotations

import random
from typing import Final

from chalicelib.sessions.model.session import Modality, Session, Who
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model.chain import genesis
from tests.property.history import COMMANDS, EVENTS, History
from tests.property.reference import MINUTE, SECOND, WEEK


def chance(seed: int) -> random.Random:
    """The same chance for the same seed."""
    return random.Random(seed)  # noqa: S311 - a source of examples


_NOBODY: Final = genesis("credit:")
MODALITIES: Final[tuple[Modality, ...]] = ("text", "voice", "video")

STEPS: Final = (0, 1, 999, 1_000, 5_000, 14_999, 15_000, 29_999, 30_000, 44_999, 45_000, 60_000)
LEAPS: Final = (74_999, 75_000, 75_001, 119_999, 120_000, 180_000, 299_999, 300_000, 301_000, 900_000, 10_800_000)


class Player:
    """Makes one history up, an act at a time, from a source of chance. Mostly what people do, sometimes what not."""

    def __init__(self, history: History, rng: random.Random) -> None:
        self.history = history
        self.rng = rng
        self.old_pages: list[list[Session]] = [[]]
        self.deliveries: list[tuple[int, str, str]] = []
        self.orders = self.events = 0
        for client in history.clients:
            self._money(client)

    def step(self) -> None:
        """One act, of somebody, somewhere; or a while in which everybody talks on."""
        chance = self.rng.random()
        if chance < 0.13:
            self.wait()
        elif chance < 0.3:
            self.talk_on()
        elif chance < 0.4:
            self.agora()
        elif chance < 0.76:
            self.people()
        elif chance < 0.87:
            self.clocks()
        else:
            self.money()

    def somebody(self) -> None:
        """An act that takes no time."""
        self.rng.choice((self.people, self.people, self.clocks, self.money, self.agora))()

    # --- time

    def wait(self) -> None:
        chance = self.rng.random()
        if chance < 0.4:
            self.history.wait(self.rng.choice(STEPS))
        elif chance < 0.5:
            self.history.wait(self.rng.randrange(90_000))
        elif chance < 0.52:
            self.history.wait(self.rng.choice(LEAPS))
        else:
            self.to_a_tie()

    def talk_on(self) -> None:
        """Everybody who is there beats every half a minute or so; some beats are lost."""
        lost = self.rng.choice((0.0, 0.0, 0.0, 0.2, 0.5))
        for _ in range(self.rng.randint(1, 4)):
            self.history.wait(self.rng.choice((30_000, 30_000, 29_999, 20_000, 40_000)))
            for row in [row for row in self.history.books.sessions.values() if row.is_open]:
                for side in (row.client, row.reader):
                    if side.present and self.rng.random() >= lost:
                        sign = "renew" if side.in_channel and self.rng.random() < 0.3 else "heartbeat"
                        self.history.perform(row.id, side.user, sign)

    def to_a_tie(self) -> None:
        """To a moment at which something is decided, mostly the next one, or a millisecond beside it."""
        now = self.history.clock.now
        moments = [
            moment
            for row in self.history.books.sessions.values()
            if row.is_open
            for moment in self.moments(row)
            if moment > now
        ]
        if moments:
            moment = min(moments) if self.rng.random() < 0.7 else self.rng.choice(moments)
            self.history.wait(moment - now + self.rng.choice((-1, 0, 0, 0, 1)))
            if self.rng.random() < 0.25:  # before anybody looks
                self.money()

    def moments(self, row: Session) -> list[int]:
        """Moments that matter to an open session, roughly."""
        rules = self.history.world.settings.rules
        match row.state:
            case "created":
                return [row.created_at + 3 * MINUTE]
            case "waiting":
                return [(row.accepted_at or 0) + 2 * MINUTE]
            case "paused" | "reconnecting":
                return [row.grace_until or 0, (row.started_at or 0) + rules.session_max]
        minutes = self.history.books.minutes[row.id]
        silences = [
            side.beat_at + part * (MINUTE if side.in_channel else 15 * SECOND)
            for side in (row.client, row.reader)
            if side.beat_at is not None
            for part in (3, 5)  # three fifths of a silence make a witness doubtful
        ]
        return [
            (row.started_at or 0) + rules.session_max,
            (row.running_since or 0) + minutes * MINUTE - row.connected_before,
            *silences,
        ]

    # --- people

    def people(self) -> None:
        rows = self.history.books.sessions
        open_rows = [row for row in rows.values() if row.is_open]
        chance = self.rng.random()
        if not open_rows or chance < 0.04 + 0.25 * (len(open_rows) < len(self.history.readers)):
            self.ask()
        elif chance < 0.08 and rows:
            self.act(self.rng.choice(list(rows.values())), self.rng.choice(COMMANDS))
        else:
            session = self.rng.choice(open_rows).id
            for _ in range(self.rng.randint(1, 5)):
                row = rows[session]
                self.act(row, self.likely(row))
                if row.state == "active":
                    return
                if self.rng.random() < 0.15:
                    self.history.wait(self.rng.choice((1, 5_000, 20_000, 30_000, 60_000)))

    def ask(self) -> None:
        history = self.history
        if history.asked and self.rng.random() < 0.1:
            session = self.rng.choice(history.asked)  # the request once more
            row = history.books.sessions.get(session)
            if row:
                history.ask(row.client.user, row.reader.user, session, row.modality)
            return
        session = f"ses_{len(history.books.sessions)}_{self.rng.randrange(10**9)}"
        client, reader = self.rng.choice(history.clients), self.rng.choice(list(history.readers))
        history.ask(client, reader, session, self.rng.choice(MODALITIES))

    def act(self, row: Session, command: str) -> None:
        user = self.rng.choice((row.client.user, row.reader.user))
        if self.rng.random() < 0.85:
            user = self.fitting(row, command) or user
        times = 2 if self.rng.random() < 0.06 else 1
        for _ in range(times):
            if command == "look":
                self.history.look(row.id)
            elif command == "force_end":
                self.history.force_end(row.id)
            elif command == "safety_stop":
                self.history.safety_stop(row.id)
            else:
                self.history.perform(row.id, user, command)

    def fitting(self, row: Session, command: str) -> str | None:
        """Whose command it is, if it is one side's."""
        match command:
            case "accept" | "decline":
                return row.reader.user
            case "cancel":
                return row.client.user
            case "join" | "reconnect":
                return next((side.user for side in (row.client, row.reader) if not side.present), None)
            case _:
                return None

    def likely(self, row: Session) -> str:
        chance = self.rng.random()
        if chance < 0.02:
            return self.rng.choice(("force_end", "safety_stop"))
        if chance < 0.06:
            return "look"
        match row.state:
            case "created":
                return "accept" if chance < 0.85 else self.rng.choice(("decline", "cancel", "finish"))
            case "waiting":
                return "join" if chance < 0.9 else self.rng.choice(("leave", "heartbeat", "renew", "finish"))
            case "active":
                return "heartbeat" if chance < 0.78 else self.rng.choice(("leave",) * 6 + ("renew", "join", "finish"))
            case _:
                return (
                    "reconnect"
                    if chance < 0.8
                    else self.rng.choice(("leave", "leave", "heartbeat", "renew", "renew", "finish"))
                )

    # --- the clocks

    def clocks(self) -> None:
        history = self.history
        chance = self.rng.random()
        if chance < 0.35:
            history.tick(history.listing())
        elif chance < 0.5:
            history.tick(self.rng.choice(self.old_pages))
        elif chance < 0.6:
            self.old_pages.append(history.listing())
            del self.old_pages[:-5]
        else:
            rows = list(history.books.sessions.values())
            if rows:
                row = self.rng.choice(rows[-4:])
                epoch = row.epoch if self.rng.random() < 0.7 else self.rng.randrange(row.epoch + 1)
                turn = row.clock_turn if self.rng.random() < 0.8 else self.rng.randrange(row.clock_turn + 1)
                history.tell(row.id, epoch, turn)

    # --- Agora

    def agora(self) -> None:
        """Notices, mostly of what could be, also of what could not; and hours in which nobody is put out."""
        history = self.history
        if self.rng.random() < 0.08:
            history.turn_agora(up=history.agora.down or self.rng.random() < 0.5)
        rows = list(history.books.sessions.values())
        in_channels = [row for row in rows if row.is_open and row.state != "created" and row.modality != "text"]
        for _ in range(self.rng.randint(1, 3)):
            some = in_channels if self.rng.random() < 0.85 else rows[-3:]
            if some:
                self.notice(history.books.sessions[self.rng.choice(some).id])

    def notice(self, row: Session) -> None:
        who: Who = self.rng.choice(("client", "reader"))
        side = row.side(who)
        channel = max(0, row.pauses + self.rng.choice((0,) * 12 + (-1, -1, 1)))
        number = max(0, (side.notice_seq or 0) + self.rng.choice((1, 1, 1, 1, 1, 2, 9, 0, -1)))
        ago = self.rng.choice((0, 0, 0, 500, 1_000, 1_500, 5_000, 30_000, 90_000, 400_000, -1_000, -2_000))
        second = (self.history.clock.now - ago) // SECOND * SECOND
        joined = self.rng.random() < (0.4 if side.in_channel else 0.85)
        for _ in range(2 if self.rng.random() < 0.15 else 1):
            self.history.hear(row.id, channel, who, number, second, joined=joined)
        told = self.history.books.sessions[row.id]
        if told.side(who).in_channel and told.state in ("waiting", "reconnecting") and self.rng.random() < 0.3:
            self.history.perform(row.id, told.side(who).user, "leave")  # and stays in the channel

    # --- money

    def money(self) -> None:
        talking = [row.client.user for row in self.history.books.sessions.values() if row.state == "active"]
        self._money(self.rng.choice(talking if talking and self.rng.random() < 0.5 else self.history.clients))

    def _money(self, client: str) -> None:
        chance = self.rng.random()
        if self.history.books.heads.get(wallet.credit_account(client), _NOBODY).frozen and chance < 0.6:
            self.history.unfreeze(client)
        elif chance < 0.4:
            self.history.open_topup(client, self.rng.choice((500, 500, 501, 777, 1_000, 2_500)))
            self.deliver(len(self.history.topups) - 1, new=True)
        elif chance < 0.5 and self.history.topups:
            self.deliver(self.rng.randrange(len(self.history.topups)), new=self.rng.random() < 0.5)
        elif chance < 0.64:
            lasting = self.rng.choice((1, 30_000, 60_000, 61_000, 5 * MINUTE, 60 * MINUTE, WEEK))
            self.history.grant(
                client, self.rng.choice((1, 60, 99, 100, 250, 400, 900)), self.history.clock.now + lasting
            )
        elif chance < 0.84:
            self.spend(client)
        elif chance < 0.92:
            self.history.freeze(client)
        elif chance < 0.96:
            self.history.unfreeze(client)
        else:
            self.history.view_wallet(client)

    def deliver(self, topup: int, *, new: bool) -> None:
        if new or not self.deliveries:
            kind = self.rng.choice((EVENTS[0], EVENTS[0], EVENTS[0], *EVENTS))
            self.events += 1
            if kind == EVENTS[0] and self.rng.random() < 0.1:
                self.history.deliver(topup, kind, f"evt_{self.events}", payment_status="unpaid")
                return
            self.deliveries.append((topup, kind, f"evt_{self.events}"))
            self.history.deliver(*self.deliveries[-1])
        else:
            self.history.deliver(*self.rng.choice(self.deliveries))  # once more, perhaps much later

    def spend(self, client: str) -> None:
        head = self.history.books.heads.get(wallet.credit_account(client))
        spendable = head.buckets.spendable(self.history.clock.now) if head else 0
        cents = self.rng.choice((1, 100, max(1, spendable // 2), max(1, spendable), max(1, spendable - 700)))
        if self.rng.random() < 0.8:
            self.orders += 1
        key = f"order:{client}:{self.orders if self.rng.random() < 0.9 else self.rng.randrange(self.orders + 1)}"
        self.history.spend(client, cents, key)
