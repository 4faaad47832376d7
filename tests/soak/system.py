"""The whole system of one seed: phones, functions, storage, both clocks, Stripe, Agora, an office; on one timeline."""

from __future__ import annotations

import contextlib
import json
import random
import traceback
from collections import Counter, deque
from typing import Final

from chalicelib.accounts.model.limits import Wanted as WantedLimits
from chalicelib.gateways.agora import Media
from chalicelib.gateways.clock import Clock, execution_name
from chalicelib.kernel.settings import Rules
from chalicelib.kernel.time import HOUR, MINUTE, SECOND
from chalicelib.runtime.tables import Tables
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Session
from chalicelib.wallet import limits, recharges, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.recharge import Wanted
from tests.property.books import Books
from tests.property.history import check_statements
from tests.property.tables import Change
from tests.soak.chances import CALM, Chances
from tests.soak.channels import Channels, Gateway
from tests.soak.findings import must
from tests.soak.functions import SKEW, Functions
from tests.soak.judge import Judge
from tests.soak.machine import Machine, Starter
from tests.soak.office import Office
from tests.soak.payments import Stripe
from tests.soak.phones import Phone
from tests.soak.posts import Posts
from tests.soak.requests import Requests
from tests.soak.storage import Shelf, Storage, Trouble
from tests.soak.ticks import Ticks
from tests.soak.timeline import Timeline
from tests.soak.wire import Wire, WiredStorage
from tests.support.events import checkout_event, setup_event
from tests.support.reading import add_reader
from tests.support.worlds import NOON, HandClock, hand_world

MOODS: Final = (0.0, 1.0, 1.0, 4.0)
"""Calm, as usual, as usual, stormy: a quarter of the seeds each."""
WIRED: Final = 3
"""Every third seed reaches the tables through a botocore client."""
_LONGEST: Final = (180 * MINUTE, 30 * MINUTE, 450 * SECOND, 333_333)
_RATES: Final = (1, 100, 250, 399, 1_500)
_WINDING_DOWN: Final = 26 * MINUTE
"""By then silence, grace and joining time are over for everybody."""
_AT_MOST: Final = 6 * HOUR
LAST_LINES: Final[deque[str]] = deque(maxlen=60)
"""What the functions logged last, in this process."""
_REPLACED: Final = 95 * SECOND
"""Half a minute after it should have called, a clock is taken for lost; a minute's tick replaces it."""


class System:
    """``without`` leaves kinds of faults out, which changes nothing else: so a finding is made smaller."""

    def __init__(self, seed: int, without: frozenset[str] = frozenset()) -> None:
        random.seed(seed)  # the program's own jitter
        rng = random.Random(f"{seed}/plan")  # noqa: S311 - a source of examples
        self.mood = MOODS[seed // WIRED % len(MOODS)]
        self.wired = seed % WIRED == 0
        self.clocks_fail = rng.random() < 0.5
        always = CALM | {"execution lost"} if self.clocks_fail else CALM
        self.chances = Chances(str(seed), self.mood, always, without)
        self.timeline = Timeline(NOON)
        longest = rng.choice(_LONGEST)
        self.books = Books(longest)
        self.judge = Judge(self.timeline, self.books, calm=not self.mood, clocks_fail=self.clocks_fail)
        self.shelf = Shelf(self._written)
        self._wire = Wire(self.shelf) if self.wired else None
        self.channels = Channels(self.timeline, self.chances, self.judge)
        self.machine = Machine(self.timeline, self.chances)
        self.stripe = Stripe(self.timeline, self.chances)
        clock = HandClock(NOON)
        self.world = hand_world(self.shelf, Rules(session_max=longest), now=clock, payments=self.stripe)
        self.functions = Functions(self.timeline, self.chances, self.world, self._tables, self._equipped)
        self.readers = {f"usr_r{number}": rng.choice(_RATES) for number in range(1, rng.randint(2, 4))}
        self.clients = [f"usr_c{number}" for number in range(1, rng.randint(2, 5))]
        self._furnished(rng)
        self.requests = Requests(self)
        self.posts = Posts(self)
        self.office = Office(self)
        self.ticks = Ticks(self)
        self.phones = [
            Phone(
                user,
                "reader" if user in self.readers else "client",
                self.timeline,
                self.chances,
                self.channels,
                self.requests,
            )
            for user in (*self.clients, *self.readers)
        ]
        self.timeline.afterwards = self._checked
        if self.mood and rng.random() < 0.35:
            self._outage(rng)

    def _furnished(self, rng: random.Random) -> None:
        """Readers who offer readings, clients with something in their wallets."""
        self.chances.quiet = True
        for reader, rate in self.readers.items():
            add_reader(self.world, reader, rate)
        for client in self.clients:
            topup = topups.open_topup(self.world, client, f"top_{client}_0", rng.choice((500, 1_000, 2_500, 5_000)))
            self.stripe.paid[topup.id] = topup
            with contextlib.redirect_stdout(Lines()):
                apply_event(self.world, checkout_event(f"evt_{client}", "checkout.session.completed", topup))
                if rng.random() < 0.4:
                    self._carded(rng, client)
                if rng.random() < 0.25:
                    self.books.limits[client] = most = rng.choice((0, 250, 777, 3_000))
                    limits.set_limits(self.world, client, WantedLimits(most, None, None, None))
        self.chances.quiet = False

    def _carded(self, rng: random.Random, client: str) -> None:
        """With a saved card that is charged when credit gets short."""
        recharges.open_setup(self.world, client, f"set_{client}")
        apply_event(self.world, setup_event(f"evt_card_{client}", client, setup_intent=f"seti_{client}"))
        wanted = Wanted(enabled=True, threshold=rng.choice((0, 300, 1_000)), amount=500, daily_cap=2_500)
        recharges.set_auto(self.world, client, wanted)

    def _tables(self, trouble: Trouble) -> Tables:
        return WiredStorage(self._wire, trouble) if self._wire else Storage(self.shelf, trouble)

    def _equipped(self) -> tuple[Media, Clock]:
        return (
            Gateway(self.channels, self.timeline, self.chances),
            Starter(self.machine, self.timeline, self.chances),
        )

    def _outage(self, rng: random.Random) -> None:
        """Agora is out of reach for minutes, or hours."""

        def begin() -> None:
            if not self.chances.quiet:
                self.channels.down_until = self.timeline.now + rng.choice((5 * MINUTE, 30 * MINUTE, 4 * HOUR))
                self.chances.met["Agora out of reach"] += 1

        self.timeline.after(rng.randrange(40 * MINUTE), begin)

    # --- what holds at any moment

    def _written(self, changes: list[Change]) -> None:
        self.books(changes)
        if hasattr(self, "judge"):
            self.judge.changed(changes)

    def _checked(self) -> None:
        try:
            self.books.check()
        except AssertionError as error:
            must(False, "the books are in order", told=traceback.format_exception(error)[-3:])
        must(self.books.newest_moment <= self.timeline.now + SKEW, "no moment lies ahead of every clock")
        if not self.mood:
            for session in self.books.sessions.values():
                self._calm(session)

    def _calm(self, session: Session) -> None:
        """Where nothing goes wrong but clocks, nothing is owed; a lost clock is replaced in time, another one never."""
        must(not session.owes_removal, "who may not be there is put out at once", session=session)
        must(self.clocks_fail or session.clock_turn == 0, "no clock is taken for lost that is not", session=session)
        awaited = self.clocks_fail and self._awaited(session)
        if session.is_open and not awaited:
            must(self._clock_runs(session), "a clock runs for every open reading", session=session)

    def _awaited(self, session: Session) -> bool:
        """Whether it is too early to take the session's clock for lost, and to have replaced it."""
        return session.clock_at is not None and self.timeline.now < session.clock_at + _REPLACED

    def _clock_runs(self, session: Session) -> bool:
        return self.machine.runs(execution_name(session.id, session.epoch, session.clock_turn))

    # --- from beginning to end

    def play(self, steps: int) -> None:
        """So many steps in which anything may happen; then everybody goes home, and the books are closed."""
        with contextlib.redirect_stdout(Lines()):
            while self.timeline.steps < steps:
                self.timeline.step()
            self._wind_down()

    def _wind_down(self) -> None:
        self.chances.quiet = True
        self.channels.down_until = 0
        for phone in self.phones:
            phone.go_home()
        self.office.close()
        self.timeline.run_until(self.timeline.now + 3 * MINUTE)
        for session in self.books.sessions.values():
            runs = not session.is_open or self._clock_runs(session)
            must(runs or self._awaited(session), "a clock that did not call is replaced", session=session)
        self.timeline.run_until(self.timeline.now + _WINDING_DOWN)
        end = self.timeline.now + _AT_MOST
        while self.posts.pending or self._listed():
            must(self.timeline.now < end, "everything comes to its end", listed=self._listed())
            self.timeline.run_until(self.timeline.now + MINUTE)
        self._closed()

    def _listed(self) -> list[str]:
        shards = range(self.world.settings.tick_shards)
        return [row.id for shard in shards for row in sessions.page_of_shard(self.world, str(shard), 1_000, None)[0]]

    def _closed(self) -> None:
        """Everything is settled and empty, and every cent is accounted for."""
        try:
            self.books.check_settled()
            check_statements(self.world, self.books)
        except AssertionError as error:
            must(False, "the books are closed", told=traceback.format_exception(error)[-3:])
        self.judge.settled()
        self.office.settled()
        self._charged()
        paid = sum(each.amount for each in self.stripe.paid.values())
        paid += sum(each.amount for each in self.stripe.charged.values())
        must(self.books.sums["stripe:payments"] == -paid, "what was paid is credited, once", paid=paid)
        for session in self.books.sessions.values():
            left = session.pauses + (session.accepted_at is not None)
            missing = {session.channel_of(number) for number in range(left)} - self.channels.emptied
            must(not missing, "every channel was emptied", session=session, missing=missing)

    def _charged(self) -> None:
        """Of the saved cards: no charge is open any more, none was too much, and nobody spent beyond their limit."""
        for client in self.clients:
            settings = recharges.settings_of(self.world, client)
            must(settings.in_flight is None, "every charge comes to its end", settings=settings)
            charged = sum(each.amount for each in self.stripe.charged.values() if each.user == client)
            must(charged <= settings.daily_cap, "no more is charged than the day allows", settings=settings)
            head = wallet.head(self.world, client)
            below = settings.threshold if settings.enabled else None
            must(head.refill == below, "the newest entry says below what the card is charged", head=head)
            most, spent = self.books.limits.get(client), self.books.most_spent[client]
            must(most is None or spent <= most, "nobody spends beyond their limit", client=client, spent=spent)

    def counted(self) -> Counter[str]:
        """Readings by how they ended."""
        return Counter(str(session.reason) for session in self.books.sessions.values())


class Lines:
    """The functions' log. A line that would alarm a person is a finding, unless storage was in trouble."""

    _EXCUSED: Final = ("webhook_not_applied", "not_advanced")

    def write(self, line: str) -> int:
        LAST_LINES.append(line.strip())
        if '"level":"error"' in line:
            told = json.loads(line)
            passing = told.get("error") in ("Contended", "Unavailable") or told.get("code") == "unavailable"
            must(passing and told["event"] in self._EXCUSED, "nothing alarms", line=told)
        return len(line)

    def flush(self) -> None:
        """There is nothing to flush."""
