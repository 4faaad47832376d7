"""Short histories that Hypothesis makes up, and shortens when one goes wrong: acts on the program and the reference."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chalicelib.sessions.model.session import Modality, Who
from tests.property.history import COMMANDS, EVENTS, Exact
from tests.property.reference import MINUTE, SECOND

CLIENTS = st.sampled_from(("usr_c0", "usr_c1"))
READERS = st.sampled_from(("usr_r1", "usr_r2"))
WHICH = st.integers(0, 3)
SIDES = st.sampled_from(("client", "reader"))
WAITS = st.sampled_from(
    (1, 999, 1_000, 15_000, 30_000, 45_000, 60_000, 74_999, 75_000, 120_000, 180_000, 299_999, 300_000),
)


class Reading(RuleBasedStateMachine):
    """Two clients, two readers, talks of ten minutes at most."""

    def __init__(self) -> None:
        super().__init__()
        self.history = Exact(clients=2, readers_=2, longest=10 * MINUTE)

    @initialize(cents=st.sampled_from((500, 750, 5_000)))
    def money_to_begin_with(self, cents: int) -> None:
        for place, client in enumerate(self.history.clients):
            self.history.open_topup(client, cents)
            self.history.deliver(place, EVENTS[0], f"evt_first_{place}")

    def session(self, which: int) -> str:
        """One of the newest sessions; the open ones are among them."""
        return self.history.asked[-1 - which % len(self.history.asked)]

    @rule(millis=WAITS)
    def time_passes(self, millis: int) -> None:
        self.history.wait(millis)

    @rule(client=CLIENTS, reader=READERS, modality=st.sampled_from(("text", "voice")))
    def a_client_asks(self, client: str, reader: str, modality: Modality) -> None:
        self.history.ask(client, reader, f"ses_{len(self.history.books.sessions)}", modality)

    @precondition(lambda self: self.history.asked)
    @rule(which=WHICH, side=SIDES, command=st.sampled_from(COMMANDS))
    def somebody_acts(self, which: int, side: str, command: str) -> None:
        row = self.history.books.sessions[self.session(which)]
        self.history.perform(row.id, row.client.user if side == "client" else row.reader.user, command)

    @precondition(lambda self: self.history.asked)
    @rule(which=WHICH)
    def both_come(self, which: int) -> None:
        row = self.history.books.sessions[self.session(which)]
        if row.state == "created":
            self.history.perform(row.id, row.reader.user, "accept")
        command = "reconnect" if row.state in ("paused", "reconnecting") else "join"
        for user in (row.client.user, row.reader.user):
            self.history.perform(row.id, user, command)

    @precondition(lambda self: self.history.asked)
    @rule(which=WHICH, beats=st.integers(1, 5))
    def both_talk_on(self, which: int, beats: int) -> None:
        row = self.history.books.sessions[self.session(which)]
        for _ in range(beats):
            self.history.wait(30 * SECOND)
            for user in (row.client.user, row.reader.user):
                self.history.perform(row.id, user, "heartbeat")

    @rule()
    def the_tick(self) -> None:
        self.history.tick(self.history.listing())

    @precondition(lambda self: self.history.asked)
    @rule(which=WHICH, behind=st.integers(0, 2), replaced=st.booleans())
    def the_clock(self, which: int, behind: int, replaced: bool) -> None:
        row = self.history.books.sessions[self.session(which)]
        self.history.tell(row.id, max(0, row.epoch - behind), max(0, row.clock_turn - replaced))

    @precondition(lambda self: self.history.asked)
    @rule(
        which=WHICH,
        side=SIDES,
        joined=st.booleans(),
        ahead=st.sampled_from((-1, 0, 1, 1, 1, 5)),
        ago=st.sampled_from((0, 0, 1, 20, 100)),
        channels_ago=st.sampled_from((0, 0, 0, 0, 1, -1)),
    )
    def agora_tells(self, which: int, side: Who, joined: bool, ahead: int, ago: int, channels_ago: int) -> None:
        row = self.history.books.sessions[self.session(which)]
        number = max(0, (row.side(side).notice_seq or 0) + ahead)
        second = self.history.clock.now // SECOND * SECOND - ago * SECOND
        self.history.hear(row.id, max(0, row.pauses - channels_ago), side, number, second, joined=joined)

    @rule(up=st.booleans())
    def agora_fails_or_works_again(self, up: bool) -> None:
        self.history.turn_agora(up=up)

    @rule(client=CLIENTS, cents=st.sampled_from((500, 777)), kind=st.sampled_from(EVENTS))
    def a_webhook(self, client: str, cents: int, kind: str) -> None:
        self.history.open_topup(client, cents)
        self.history.deliver(len(self.history.topups) - 1, kind, f"evt_{len(self.history.topups)}_{kind}")

    @rule(which=st.integers(0, 9), kind=st.sampled_from(EVENTS))
    def a_webhook_again(self, which: int, kind: str) -> None:
        place = which % len(self.history.topups)
        self.history.deliver(place, kind, f"evt_again_{place}_{kind}")

    @rule(client=CLIENTS, cents=st.sampled_from((1, 100, 400)), lasting=WAITS)
    def a_grant(self, client: str, cents: int, lasting: int) -> None:
        self.history.grant(client, cents, self.history.clock.now + lasting)

    @rule(client=CLIENTS, cents=st.sampled_from((1, 100, 250, 900)), order=st.integers(0, 20))
    def other_spending(self, client: str, cents: int, order: int) -> None:
        self.history.spend(client, cents, f"order:{client}:{order}")

    @rule(client=CLIENTS)
    def a_freeze(self, client: str) -> None:
        self.history.freeze(client)

    @rule(client=CLIENTS)
    def an_end_of_the_freeze(self, client: str) -> None:
        self.history.unfreeze(client)

    @precondition(lambda self: self.history.asked)
    @rule(which=WHICH, safety=st.booleans())
    def an_admin(self, which: int, safety: bool) -> None:
        (self.history.safety_stop if safety else self.history.force_end)(self.session(which))

    @invariant()
    def everything_is_as_the_reference_says(self) -> None:
        self.history.check()

    def teardown(self) -> None:
        self.history.finish()


Reading.TestCase.settings = settings(max_examples=120, stateful_step_count=60)


TestReading = Reading.TestCase
