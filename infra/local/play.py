"""The first act: one real reading, as two phones would play it, over HTTP, with real waits and a check at each step.

    the client signs in, tops up $5 and asks · the reader accepts · both join and are in the media channel · minutes are
    charged · the client drops out of the channel, Agora tells, and what was held opens nothing any more · back within
    grace · the credit runs out, and the channel ends with it · a top-up during grace lets both come back · the client
    leaves for good · grace expires, the one who waited is put out · ended, finalized · books and channels are read

Where nobody else uses the stack four acts follow: money back and money out (``second_act.py``), a live stream with
gifts (``third_act.py``), words (``fourth_act.py``), and a shop (``fifth_act.py``). At the very end the books are read
(``books.py``).

Nothing is simulated: the functions, the state machine, the tables, webhooks and notices are those of the running stack.
Only a minute is short, by its setting. What the play learns is in ``Played``; it went well if every check of it held.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from chalicelib.kernel.money import reader_share
from chalicelib.kernel.time import SECOND, Millis
from infra.local.agora import notices
from infra.local.agora.device import ChannelRefused, Device
from infra.local.books import Books, Crossed
from infra.local.fifth_act import FifthAct, Takings
from infra.local.fourth_act import FourthAct, Shares
from infra.local.phone import Api, Json, Phone, entries, new_key
from infra.local.proof import ChannelProof, LedgerProof, prove_channels
from infra.local.screen import Screen, Shown
from infra.local.second_act import SecondAct
from infra.local.stack import Stack
from infra.local.telling import Check, Telling
from infra.local.third_act import Show, ThirdAct
from infra.local.waiting import until
from infra.local.watch import Moment, Watch, dollars

FIRST_TOP_UP: Final = 500
SECOND_TOP_UP: Final = 1_000
LAST_MINUTE: Final = 4
"""The client leaves for good in this one."""

_TIMES_OUT: Final = 2.0
"""Seconds after which Agora finds that a phone is gone; sooner than its silence would show."""
_SOON: Final = 30.0
"""Seconds within which the API does what it is asked, on two busy cores."""
_TICK: Final = 75.0
"""What a deadline may be late by, should the second clock have to do the first one's work."""
_STANDING: Final = ("paused", "reconnecting")


@dataclass
class Played:
    """What came of the play."""

    checks: list[Check] = field(default_factory=list)
    session: Json = field(default_factory=dict)
    receipt: Json = field(default_factory=dict)
    statement: list[Json] = field(default_factory=list)
    """Oldest first."""
    earned: int = 0
    """Cents that this reading brought the reader."""
    channels: ChannelProof | None = None
    """Of the reading; the stream's are in ``show``."""
    show: Show | None = None
    shares: Shares | None = None
    """Of the price of a reply."""
    takings: Sequence[Takings] = ()
    """Of the shop."""
    crossed: Crossed | None = None
    """What crossed the platform's border."""
    proof: LedgerProof | None = None
    dashboard: Json = field(default_factory=dict)
    """The platform's, as an admin sees it."""

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.held]

    @property
    def went_well(self) -> bool:
        return bool(self.checks) and not self.failed


class Play:
    """The reading of one new client with the stack's ready reader.

    ``alone`` says that nobody else uses the stack: only then can the whole ledger be added up at the end, and held
    against Stripe's balance.
    """

    def __init__(self, stack: Stack, screen: Screen, *, alone: bool) -> None:
        self._stack = stack
        self._screen = screen
        self._alone = alone
        self._world = stack.world()
        self._rules = self._world.settings.rules
        self._agora = stack.agora
        self._watch = Watch(self._world, stack.agora, screen.tell)
        key = new_key()
        email = f"clara-{key}@example.test"
        newcomer = stack.token(f"local|play-{key}", name="Clara", email=email, role="admin")
        self._client = Phone(Api(stack.api_url, newcomer), device=Device(stack.agora.url))
        self._reader = Phone(Api(stack.api_url, stack.tokens["reader"]), stays=True, device=Device(stack.agora.url))
        self._played = Played()
        self._telling = telling = Telling(screen, self._watch.look, self._played.checks)
        self._tell, self._check, self._refused = telling.tell, telling.check, telling.refused
        self._earned_before = 0
        self._third: ThirdAct | None = None
        self._later: FourthAct | FifthAct | None = None

    def run(self) -> Played:
        """Play to the end, or to the first step that cannot be taken."""
        steps = [
            self._sign_in,
            self._ask,
            self._join,
            self._drop,
            self._return,
            self._run_dry,
            self._top_up,
            self._leave,
            self._close,
            self._look_at_channels,
        ]
        with self._screen.showing(lambda: self._shown), self._ending():
            if self._telling.play(steps, "Act 1") and self._alone:
                self._play_on()
        return self._played

    def _play_on(self) -> None:
        """The other acts, and the books: as far as the steps can be taken."""
        played, people = self._played, (self._client, self._reader)
        if not self._telling.play(SecondAct(self._stack, self._telling, *people).steps, "Act 2"):
            return
        played.statement = list(self._entries())[::-1]
        third = self._third = ThirdAct(self._stack, self._telling, *people)
        played.show = third.show
        if third.play(third.steps, "Act 3"):
            third.watch.stop()
            self._go_on(third.people)
        books = Books(self._stack, self._telling)
        self._telling.play(books.steps, "The end")
        played.crossed, played.proof, played.dashboard = books.crossed, books.proof, books.dashboard

    def _go_on(self, people: Mapping[str, Api]) -> None:
        """The acts of those who watched the stream."""
        played = self._played
        fourth = FourthAct(self._stack, self._telling, self._client, self._reader, people)
        self._later = fourth
        went_well = self._telling.play(fourth.steps, "Act 4")
        played.shares = fourth.shares
        if went_well:
            fifth = FifthAct(self._stack, self._telling, self._reader, people)
            self._later = fifth
            if self._telling.play(fifth.steps, "Act 5"):
                played.statement = list(self._entries())[::-1]
            played.takings = fifth.takings

    @property
    def _shown(self) -> Shown | None:
        """What the newest act shows that has something of its own."""
        if self._later and self._later.shown:
            return self._later.shown
        return self._third.shown if self._third else self._watch.moment

    # --- the acts -------------------------------------------------------------------------------

    def _sign_in(self) -> None:
        """The client signs in and tops up; the reader comes online."""
        client, reader = self._client, self._reader
        me = client.me
        self._tell("client", f"signs in for the first time and is {me['id'][:12]}…")
        self._check("a new person is a client, whatever the token says", held=me["role"] == "client", saw=me["role"])
        self._tell("client", f"pays {dollars(FIRST_TOP_UP)} on the Checkout page with 4242 4242 4242 4242")
        topup = client.top_up(FIRST_TOP_UP)
        self._await_credit(FIRST_TOP_UP)
        self._tell("stripe", "its signed webhook brought the credit")
        status = client.api.get(f"/v1/wallet/topups/{topup}")["status"]
        self._check(f"the wallet holds {dollars(FIRST_TOP_UP)}, once", held=status == "paid", saw=status)
        self._earned_before = self._earnings()
        online = reader.api.put("/v1/reader/presence", {"status": "online"})
        self._tell("reader", f"is {online['presence']}")

    def _ask(self) -> None:
        """The client asks for a reading and the reader accepts."""
        client, reader = self._client, self._reader
        wanted = {"reader": self._stack.people["reader"], "modality": "voice"}
        key = new_key()
        first = client.api.post("/v1/sessions", wanted, key=key)
        self._tell("client", f"asks for a voice reading at {dollars(first['rate']['amount'])} a minute")
        self._watch.follow(first["id"])
        again = client.api.post("/v1/sessions", wanted, key=key)
        self._check("sent twice with one Idempotency-Key, it is one reading", held=again["id"] == first["id"])
        client.session = again
        rung = reader.wait_for_ring(seconds=_SOON)
        self._tell("reader", f"hears the phone: {rung['client']['display_name']} asks")
        self._refused("a client cannot accept for the reader", 403, lambda: client.do("accept"))
        accepted = reader.do("accept")
        self._check("accepted, and not a cent is charged", held=accepted["state"] == "waiting" and self._owes(0))

    def _join(self) -> None:
        """Both join, and the first minutes are charged."""
        client, reader = self._client, self._reader
        self._tell("reader", "joins first; waiting is free")
        reader.join()
        self._tell("client", "joins: now both are there")
        both = client.join()
        paid = client.credit()
        self._check(
            "minute 1 is paid in the write that makes it active",
            held=both["state"] == "active" and both["minutes_charged"] == 1 and paid == FIRST_TOP_UP - self._rate,
            saw=f"{both['state']}, {dollars(paid)}",
        )
        until("Agora's word that both are in the channel", self._both_heard, seconds=_SOON)
        self._check("each is in the channel by its own token, and Agora told so", held=True)
        self._await_minute(2)
        self._check("minute 2 follows after a minute of connected time", held=client.credit() == 0)

    def _drop(self) -> None:
        """The client drops out of the channel, and Agora tells."""
        client, channel = self._client, self._watch.session.channel
        self._tell("client", "loses the network: not a word is said")
        client.lose_network(noticed_after=_TIMES_OUT)
        self._await(_STANDING, self._rules.silence / SECOND + _TICK)
        stood = self._watch.session
        second = self._second_of_leave(channel, client)
        self._check(
            "paused by Agora's notice, in the second it names: client_left",
            held=stood.reason == "client_left" and 0 <= (stood.paused_at or 0) - second <= SECOND,
            saw=f"{stood.reason} at {stood.paused_at}, not {second}",
        )
        self._await_closed(channel)
        self._shut_out("the old channel is closed, its token opens nothing", client)
        self._await(("reconnecting",), _SOON)
        self._tell("reader", "never left: the app asks back in, into a new channel")

    def _return(self) -> None:
        """The client comes back within grace."""
        client, stood = self._client, self._watch.session
        self._let_grace_run()
        self._tell("client", "has network again and asks back in")
        client.find_network()
        back = client.reconnect()
        self._watch.look()
        resumed = self._watch.session
        self._check(
            "back within grace: the paid seconds go on, nothing is charged",
            held=back["state"] == "active"
            and back["minutes_charged"] == 2  # noqa: PLR2004 - as before the drop
            and resumed.connected_before == stood.connected_before,
            saw=f"{back['state']}, {back['minutes_charged']} minutes, {resumed.connected_before} ms",
        )

    def _run_dry(self) -> None:
        """The credit runs out and the reading pauses."""
        channel = self._watch.session.channel
        paid_for = FIRST_TOP_UP // self._rate * self._rules.minute // SECOND
        self._await(_STANDING, paid_for + _TICK)
        dry = self._row()
        self._check(
            f"{paid_for} s paid, {paid_for} s served: paused, low_balance",
            held=dry["reason"] == "low_balance" and dry["connected_seconds"] == paid_for,
            saw=f"{dry['reason']} after {dry['connected_seconds']} s",
        )
        self._await_closed(channel)
        self._shut_out("the channel ends with the money: nobody is in it", self._client)
        self._refused("without credit nobody comes back", 402, self._client.reconnect)
        self._check("a refusal changes nothing: the wallet is at zero, not below", held=self._client.credit() == 0)

    def _top_up(self) -> None:
        """A top-up during grace lets both come back."""
        client = self._client
        self._let_grace_run()
        self._tell("client", f"tops up {dollars(SECOND_TOP_UP)} during grace")
        client.top_up(SECOND_TOP_UP)
        self._await_credit(SECOND_TOP_UP)
        self._tell("client", "asks back in")
        client.reconnect()
        self._await(("active",), _SOON)
        row = self._row()
        self._check(
            "the reading goes on, and minute 3 is paid",
            held=row["minutes_charged"] == 3 and client.credit() == SECOND_TOP_UP - self._rate,  # noqa: PLR2004
            saw=f"{row['minutes_charged']} minutes, {dollars(client.credit())}",
        )
        self._await_minute(LAST_MINUTE)
        until(
            f"a part of minute {LAST_MINUTE} being used",
            lambda: self._moment.into_minute > self._moment.minute / 4,
            seconds=_TICK,
        )

    def _leave(self) -> None:
        """The client leaves for good and grace expires."""
        client = self._client
        self._tell("client", "closes the app and does not come back")
        left = client.leave()
        self._check("paused, and grace runs", held=left["state"] == "paused" and left["reason"] == "client_left")
        self._await(("finalized",), self._rules.grace / SECOND + _TICK)
        over = self._row()
        channel = self._watch.session.channel
        self._await_closed(channel)
        self._shut_out("the reader, who waited in it, is put out of the last", self._reader)
        self._check(
            "grace expired to the millisecond of its deadline",
            held=over["reason"] == "grace_expired" and over["ended_at"] == left["deadline_at"],
            saw=f"{over['reason']} at {over['ended_at']}, not {left['deadline_at']}",
        )
        self._refused("too late to come back", 410, client.reconnect)

    def _close(self) -> None:
        """Receipt, statement and earnings."""
        client, played = self._client, self._played
        session = played.session = self._row()
        receipt = played.receipt = client.api.get(f"/v1/sessions/{session['id']}/receipt")
        cost = -(-session["connected_seconds"] * SECOND // self._rules.minute) * self._rate
        total = receipt["total"]["amount"]
        self._check(
            f"the receipt: {LAST_MINUTE} minutes, {dollars(cost)}, as long as both were there",
            held=total == cost == LAST_MINUTE * self._rate and len(receipt["minutes"]) == LAST_MINUTE,
            saw=dollars(total),
        )
        played.statement = list(self._entries())[::-1]
        credit = client.credit()
        self._check(
            "the statement's running balances add up to the wallet",
            held=_adds_up(played.statement) and played.statement[-1]["balance"]["amount"] == credit,
        )
        played.earned = self._earnings() - self._earned_before
        self._check(
            f"the reader earned 70 %: {dollars(reader_share(cost))}",
            held=played.earned == reader_share(cost),
            saw=dollars(played.earned),
        )

    def _look_at_channels(self) -> None:
        """Every token is tried again."""
        leases = [*self._client.leases, *self._reader.leases]
        session = self._watch.session
        names = [session.channel_of(number) for number in range(session.pauses + 1)]
        found = self._played.channels = prove_channels(self._agora, names, leases)
        self._check(
            f"{found.channels} channels closed and empty, {found.tokens} tokens tried: none opens",
            held=not found.faults,
            saw="; ".join(found.faults),
        )

    # --- looking and waiting --------------------------------------------------------------------

    @property
    def _rate(self) -> int:
        return int(self._client.session["rate"]["amount"])

    def _row(self) -> Json:
        """The reading as the API tells it now, to the one who never dropped out."""
        session: Json = self._reader.api.get(f"/v1/sessions/{self._client.session['id']}")
        return session

    def _owes(self, cents: int) -> bool:
        return FIRST_TOP_UP - self._client.credit() == cents

    def _earnings(self) -> int:
        return int(self._reader.api.get("/v1/reader/earnings")["balance"]["amount"])

    def _entries(self) -> Iterator[Json]:
        """The client's whole statement, newest first."""
        return entries(self._client.api, "/v1/wallet/entries")

    def _await_credit(self, cents: int) -> None:
        until(
            f"{dollars(cents)} in the wallet: has Stripe's webhook arrived?",
            lambda: self._client.credit() == cents,
            seconds=_SOON,
            every=0.5,
        )

    @property
    def _moment(self) -> Moment:
        """What the tables say. There is a reading."""
        seen = self._watch.moment
        assert seen is not None  # noqa: S101 - the watch follows it since it was asked for
        return seen

    def _both_heard(self) -> bool:
        session = self._watch.session
        return session.client.in_channel and session.reader.in_channel

    def _await_closed(self, channel: str) -> None:
        """Until the product has closed the channel, and nobody is in it."""
        until(
            f"{channel} being closed and empty",
            lambda: bool(self._agora.rules(channel)) and not self._agora.uids_in(channel),
            seconds=_TICK,
        )

    def _second_of_leave(self, channel: str, phone: Phone) -> Millis:
        """The beginning of the second in which Agora says that the phone was out of the channel."""
        uid = phone.media["uid"] if phone.media else None
        told = [each["payload"] for each in self._agora.notices(channel) if each["event_type"] == notices.LEFT]
        return next((each["ts"] * SECOND for each in told if each["uid"] == uid), 0)

    def _await_minute(self, number: int) -> None:
        """Until the tables say that this minute is charged: a heartbeat or a clock did it."""
        seconds = number * self._rules.minute / SECOND + _TICK
        until(f"minute {number} being charged", lambda: self._moment.minutes >= number, seconds=seconds)

    def _await(self, states: tuple[str, ...], seconds: float) -> None:
        """Until the tables say one of these states."""
        until(f"the reading being {' or '.join(states)}", lambda: self._moment.state in states, seconds=seconds)

    def _let_grace_run(self) -> None:
        """Until a quarter of it is over, so that there is something to see."""

        def some_is_over() -> bool:
            left, whole = self._moment.ends_in, self._moment.ends_after
            return left is None or left < 0.75 * whole

        until("grace running", some_is_over, seconds=self._rules.grace / SECOND)

    # --- trying ---------------------------------------------------------------------------------

    def _shut_out(self, what: str, phone: Phone) -> None:
        """Try the phone's newest lease once more, on a device without its app."""
        lease = phone.media or {}
        try:
            Device(self._agora.url).join(lease)
        except ChannelRefused as refused:
            self._check(f"{what} ({refused.code})", held=refused.code in ("banned", "token_expired"))
        else:
            self._check(what, held=False, saw="it opens the channel")

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """However the play ends, no phone and no watcher stays behind."""
        try:
            yield
        finally:
            self._watch.stop()
            if self._third:
                self._third.close()
            for phone in (self._client, self._reader):
                phone.close()


def _adds_up(entries: list[Json]) -> bool:
    """Whether each balance is the one before it plus the amount. Oldest first."""
    balance = 0
    for entry in entries:
        balance += entry["amount"]["amount"]
        if balance != entry["balance"]["amount"]:
            return False
    return bool(entries)
