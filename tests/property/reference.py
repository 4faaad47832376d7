"""The rules of a reading and of the wallet that pays it (product §3, §4), said once more, as simply as possible.

It knows no tables, no entries and no epochs: wallets hold cents and lots, a talk counts connected milliseconds and
the minutes that were paid. Nothing here is imported from the program. What the product leaves to the moment at which
somebody looks ("credit posted before the pause is written pays that minute") is left so here: ``look`` brings a talk
up to date, and who drives the reference calls it where the product says that a talk is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECOND = 1_000
MINUTE = 60 * SECOND
RING, JOIN = 3 * MINUTE, 2 * MINUTE
GRACE, GRACE_IN_ALL = 5 * MINUTE, 15 * MINUTE
SILENCE, STALE, LEASE = 75 * SECOND, 45 * SECOND, 5 * MINUTE
"""How long somebody may give no sign of life; where Agora has told that they are in the channel, as long as a token."""
HELD_MINUTES = 7
WARNING = 2 * MINUTE
QUICKEST_BEAT = SECOND
"""A beat sooner after the last one says nothing new, unless a warning is out."""
WEEK = 7 * 24 * 60 * MINUTE
REFUNDED = ("reader_left", "reader_ended", "network", "admin", "safety", "max_duration")

OK = "ok"


def rounded_up(number: int, divisor: int) -> int:
    return -(-number // divisor)


@dataclass
class Lot:
    """Promotional cents; they count before ``expires``."""

    id: str
    rest: int
    expires: int


Pieces = list[tuple[Lot | None, int]]
"""What a minute took from where, in the order of spending; None is paid money."""


@dataclass
class Wallet:
    paid: int = 0
    lots: list[Lot] = field(default_factory=list)
    frozen: bool = False
    talk: Talk | None = None
    """The talk whose meter is open on this wallet."""
    facts: dict[str, int] = field(default_factory=dict)
    """Other spending: key and cents."""

    def alive(self, at: int) -> list[Lot]:
        living = [lot for lot in self.lots if lot.rest and lot.expires > at]
        return sorted(living, key=lambda lot: (lot.expires, lot.id))

    def spendable(self, at: int) -> int:
        return 0 if self.paid < 0 else self.paid + sum(lot.rest for lot in self.alive(at))

    def take(self, cents: int, at: int) -> Pieces:
        pieces: Pieces = []
        for lot in self.alive(at):
            part = min(cents, lot.rest)
            lot.rest -= part
            cents -= part
            if part:
                pieces.append((lot, part))
        self.paid -= cents
        if cents:
            pieces.append((None, cents))
        return pieces

    def give_back(self, pieces: Pieces, cents: int, now: int) -> None:
        """The last ``cents`` of ``pieces``, last spent first returned."""
        for lot, spent in reversed(pieces):
            part = min(spent, cents)
            cents -= part
            if lot is None:
                self.paid += part
            elif part:
                if lot.expires <= now and not lot.rest:  # a rest has yet to expire, and what comes back goes with it
                    lot.expires = now + WEEK
                lot.rest += part

    def pay_what_is_due(self, now: int, before: int | None = None) -> None:
        """Minutes that have begun, and expiries, in the order in which they came."""
        while True:
            begins = self.talk.next_minute() if self.talk else None
            gone = [lot for lot in self.lots if lot.rest and lot.expires <= now]
            first = min(gone, key=lambda lot: (lot.expires, lot.id), default=None)
            due = begins is not None and begins <= now and (first is None or begins < first.expires)
            if self.talk and begins is not None and due and self.spendable(begins) >= self.talk.rate:
                if before is not None and begins >= before:
                    return  # not owed; and what expired later is judged when the stop is written
                self.talk.minutes.append(self.take(self.talk.rate, begins))
                continue
            if first is None:
                return
            first.rest = 0

    def runs_out(self, until: int) -> int | None:
        """When, up to ``until``, the running meter meets a minute that cannot be paid."""
        talk = self.talk
        if talk is None:
            return None
        trial = Wallet(self.paid, [Lot(lot.id, lot.rest, lot.expires) for lot in self.lots])
        begins, end = talk.next_minute(), talk.last_minute_before()
        while begins is not None and begins <= until and (end is None or begins < end):
            if trial.spendable(begins) < talk.rate:
                return begins
            trial.take(talk.rate, begins)
            begins += MINUTE
        return None


@dataclass
class Talk:
    """One session."""

    id: str
    client: str
    reader: str
    rate: int
    created: int
    state: str = "created"
    reason: str | None = None
    cut: str | None = None
    """What cut the minute last."""
    accepted: int | None = None
    started: int | None = None
    ended: int | None = None
    since: int | None = None
    """Since when the meter runs."""
    connected: int = 0
    """Connected milliseconds before ``since``."""
    minutes: list[Pieces] = field(default_factory=list)
    beats: dict[str, int | None] = field(default_factory=lambda: {"client": None, "reader": None})
    """The last sign of life of who is there; None for who is not."""
    media: bool = False
    """By voice or video: Agora tells who is in the channel."""
    inside: dict[str, bool] = field(default_factory=lambda: {"client": False, "reader": False})
    """What Agora has said of the present channel."""
    heard: dict[str, int | None] = field(default_factory=lambda: {"client": None, "reader": None})
    """The newest of Agora's numbers heard of each in the present channel."""
    paused_at: int | None = None
    grace_until: int | None = None
    grace_used: int = 0
    pauses: int = 0
    stood: tuple[int, str] | None = None
    """Where a freeze stood the meter before anybody looked."""
    refunded: int = 0
    warned: bool = False
    """The low balance of the present run was told."""
    longest: int = 180 * MINUTE

    @property
    def is_open(self) -> bool:
        return self.state not in ("ended", "finalized")

    def patience(self, who: str) -> int:
        return LEASE if self.inside[who] else SILENCE

    def stale(self, who: str) -> int:
        """So long without a sign of life, somebody is no witness. Who is in the channel need give none sooner."""
        return LEASE if self.inside[who] else STALE

    def here(self, who: str, now: int) -> bool:
        beat = self.beats[who]
        return beat is not None and now < beat + self.patience(who)

    def all_out(self) -> None:
        """Nobody is there; whoever comes back comes into another channel, or there is none any more."""
        self.beats = {"client": None, "reader": None}
        self.inside = {"client": False, "reader": False}
        self.heard = {"client": None, "reader": None}

    def left_behind(self) -> int:
        """Channels from 0 up to this one have been left for good, and must be empty."""
        return self.pauses + (self.accepted is not None and not self.is_open)

    def connected_at(self, now: int) -> int:
        return self.connected + (max(0, now - self.since) if self.since is not None else 0)

    def last_moment(self) -> int | None:
        return None if self.started is None else self.started + self.longest

    def last_minute_before(self) -> int | None:
        """Minutes begin before this moment."""
        last = self.last_moment()
        return min(last, self.stood[0]) if last is not None and self.stood else last

    def next_minute(self) -> int | None:
        """When the next minute begins on the running meter."""
        if self.since is None:
            return None
        begins = self.since + len(self.minutes) * MINUTE - self.connected
        end = self.last_minute_before()
        return None if end is not None and begins >= end else begins

    def seconds_left(self, now: int) -> int:
        return len(self.minutes) * MINUTE - self.connected_at(now)


@dataclass(order=True)
class Stop:
    """Automatic stops act in the order in which they are decided; of those of one moment, in the order of ``rank``."""

    decided: int
    rank: int
    effective: int
    reason: str


class Reference:
    """All wallets and talks. ``longest`` is how long a talk can last, pauses included."""

    def __init__(self, longest: int = 180 * MINUTE) -> None:
        self.longest = longest
        self.wallets: dict[str, Wallet] = {}
        self.talks: dict[str, Talk] = {}
        self.agora_up = True

    def wallet(self, user: str) -> Wallet:
        return self.wallets.setdefault(user, Wallet())

    def open_talk(self, user: str) -> Talk | None:
        return next((talk for talk in self.talks.values() if talk.is_open and user in (talk.client, talk.reader)), None)

    # --- the wallet

    def receive(self, user: str, cents: int, now: int) -> None:
        wallet = self.wallet(user)
        wallet.pay_what_is_due(now)
        wallet.paid += cents

    def grant(self, user: str, lot: Lot, now: int) -> None:
        self.wallet(user).pay_what_is_due(now)
        self.wallet(user).lots.append(lot)

    def spend(self, user: str, key: str, cents: int, now: int) -> str:
        wallet = self.wallet(user)
        wallet.pay_what_is_due(now)
        if key in wallet.facts:
            return OK if wallet.facts[key] == cents else "already_done"
        if wallet.frozen:
            return "wallet_frozen"
        talk = wallet.talk
        held = 0
        if talk and talk.since is not None and talk.stood is None:
            end = talk.last_minute_before()
            begins = talk.next_minute()
            to_come = rounded_up(end - begins, MINUTE) if end is not None and begins is not None else 0
            held = talk.rate * min(HELD_MINUTES, to_come)
        if wallet.spendable(now) - held < cents:
            return "insufficient_funds"
        wallet.take(cents, now)
        wallet.facts[key] = cents
        return OK

    def freeze(self, user: str, now: int) -> None:
        wallet = self.wallet(user)
        wallet.pay_what_is_due(now)
        if wallet.frozen:
            return
        wallet.frozen = True
        talk = wallet.talk
        if talk and talk.since is not None and talk.stood is None:
            out = wallet.runs_out(now)
            talk.stood = (now, "frozen") if out is None else (out, "low_balance")

    def unfreeze(self, user: str, now: int) -> None:
        self.wallet(user).pay_what_is_due(now)
        self.wallet(user).frozen = False

    # --- the talk

    def refused_by_wallet(self, user: str, rate: int, seconds_left: int, now: int) -> str | None:
        wallet = self.wallet(user)
        if wallet.frozen:
            return "wallet_frozen"
        return None if seconds_left > 0 or wallet.spendable(now) >= rate else "insufficient_funds"

    def create(self, session: str, client: str, reader: str, rate: int, now: int, *, media: bool = False) -> str:
        if session in self.talks:
            self.look(self.talks[session], now)
            return OK
        if refusal := self.refused_by_wallet(client, rate, 0, now):
            return refusal
        for user, taken in ((client, "session_open"), (reader, "reader_busy")):
            if other := self.open_talk(user):
                self.look(other, now)
                if other.is_open:
                    return taken
        if refusal := self.refused_by_wallet(client, rate, 0, now):  # looking may have moved money
            return refusal
        self.talks[session] = Talk(session, client, reader, rate, now, media=media, longest=self.longest)
        return OK

    def command(self, talk: Talk, who: str, command: str, now: int) -> str:
        self.look(talk, now)
        answer: str = getattr(self, f"_{command}")(talk, who, now)
        self.look(talk, now)
        return answer

    def _accept(self, talk: Talk, who: str, now: int) -> str:
        if who != "reader":
            return "forbidden"
        if talk.state == "created":
            talk.state, talk.accepted = "waiting", now
        return OK if talk.is_open else "invalid_state"

    def _decline(self, talk: Talk, who: str, now: int) -> str:
        return self._turn_down(talk, "declined", now) if who == "reader" else "forbidden"

    def _cancel(self, talk: Talk, who: str, now: int) -> str:
        return self._turn_down(talk, "cancelled", now) if who == "client" else "forbidden"

    def _turn_down(self, talk: Talk, reason: str, now: int) -> str:
        if talk.state == "created":
            self._over(talk, now, reason, now)
        return OK if talk.reason == reason else "invalid_state"

    def _join(self, talk: Talk, who: str, now: int) -> str:
        if talk.state == "active":
            return OK
        if talk.state != "waiting":
            return "invalid_state"
        talk.beats[who] = now
        self._meet(talk, now)
        return OK

    def _reconnect(self, talk: Talk, who: str, now: int) -> str:
        if talk.state == "active":
            return OK
        if talk.state not in ("paused", "reconnecting"):
            return "grace_expired" if talk.reason == "grace_expired" else "invalid_state"
        if refusal := self.refused_by_wallet(talk.client, talk.rate, talk.seconds_left(now), now):
            return refusal
        talk.state = "reconnecting"
        talk.beats[who] = now
        self._meet(talk, now)
        return OK

    def _renew(self, talk: Talk, who: str, now: int) -> str:
        if talk.state not in ("waiting", "active", "reconnecting") or not talk.here(who, now):
            return "invalid_state"
        if refusal := self.refused_by_wallet(talk.client, talk.rate, talk.seconds_left(now), now):
            return refusal
        beat = talk.beats[who]
        if talk.inside[who] and beat is not None and now - beat >= QUICKEST_BEAT:
            talk.beats[who] = now
        return OK

    def _heartbeat(self, talk: Talk, who: str, now: int) -> str:
        if not talk.is_open:
            return "invalid_state"
        beat = talk.beats[who]
        if beat is not None and talk.here(who, now) and (talk.warned or now - beat >= QUICKEST_BEAT):
            talk.beats[who] = now
            talk.warned = talk.warned and self.low(talk, now)
        return OK

    def _leave(self, talk: Talk, who: str, now: int) -> str:
        if talk.state == "active":
            at, reason = self._departure(talk, who, now)
            self._pause(talk, at, reason, now)
        elif talk.state in ("waiting", "reconnecting"):
            talk.beats[who] = None
            self._fall_back(talk, now)
        elif talk.state != "paused":
            return "invalid_state"
        return OK

    def _finish(self, talk: Talk, who: str, now: int) -> str:
        if not talk.is_open:
            return OK
        if talk.state == "active":
            at, left = self._departure(talk, who, now)
            stale = who == "client" and left == "reader_left"
            self._stop(talk, at, left if stale else f"{who}_ended", now)
        self._over(talk, now, f"{who}_ended", now)
        return OK

    def force_end(self, talk: Talk, now: int) -> None:
        self.look(talk, now)
        if talk.state == "active":
            self._stop(talk, now, "admin", now)
        if talk.is_open:
            self._over(talk, now, "admin", now)
        self.look(talk, now)

    def safety_stop(self, talk: Talk, now: int) -> None:
        self.look(talk, now)
        if talk.state == "active":
            self._pause(talk, now, "safety", now)
        elif talk.state in ("created", "waiting"):
            self._over(talk, now, "safety", now)
        elif talk.state == "reconnecting":
            self._turn_out(talk)
        self.look(talk, now)

    def notice(self, talk: Talk, channel: int, who: str, number: int, second: int, now: int, *, joined: bool) -> None:
        """Agora tells, as its ``number``th of them, that ``who`` came or left in the ``second`` that begins there."""
        if channel != talk.pauses:
            return
        self.look(talk, now)
        heard = talk.heard[who]
        open_channel = talk.state in ("waiting", "active", "paused", "reconnecting") and channel == talk.pauses
        if talk.media and open_channel and (heard is None or number > heard):
            talk.heard[who] = number
            (self._entered if joined else self._departed)(talk, who, second, now)
        self.look(talk, now)

    def _entered(self, talk: Talk, who: str, second: int, now: int) -> None:
        talk.inside[who] = True
        in_talk = talk.state == "active"  # heard late there, it says no more than that they were there then
        talk.beats[who] = max(talk.beats[who] or 0, min(second, now)) if in_talk else now
        if talk.state == "paused":
            talk.state = "reconnecting"
        if talk.state != "active":
            self._meet(talk, now)

    def _departed(self, talk: Talk, who: str, second: int, now: int) -> None:
        talk.inside[who] = False
        second = min(second, now)
        if talk.state == "active" and self._tokens_end(talk, second):
            talk.beats[who] = max(second, talk.beats[who] or 0)
        elif talk.state == "active":
            left = max(now - LEASE, min(now, second + SECOND) if who == "client" else second)
            at, reason = self._departure(talk, who, left)
            self._pause(talk, max(at, talk.since or 0), reason, now)
        elif talk.state in ("waiting", "reconnecting"):
            talk.beats[who] = None
            self._fall_back(talk, now)

    def _tokens_end(self, talk: Talk, second: int) -> bool:
        """Whether money or talk end in that second, and with them the tokens: then nobody left."""
        last, within = talk.last_moment(), second + SECOND - 1
        return (last is not None and last <= within) or self.wallet(talk.client).runs_out(within) is not None

    # --- looking

    def look(self, talk: Talk, now: int) -> None:
        """Everything that time alone has brought about by ``now``; and who is not there is put out of the channel."""
        while self._looked(talk, now):
            pass
        for who, inside in talk.inside.items():
            if inside and talk.beats[who] is None and self.agora_up:
                talk.inside[who] = False

    def _looked(self, talk: Talk, now: int) -> bool:
        """Whether something came about."""
        match talk.state:
            case "created" if now >= talk.created + RING:
                self._over(talk, talk.created + RING, "request_expired", now)
            case "waiting" if talk.accepted is not None and now >= talk.accepted + JOIN:
                over = talk.accepted + JOIN
                came = talk.here("reader", over - 1)
                self._over(talk, over, "no_show_client" if came else "no_show_reader", now)
            case "active":
                return self._stopped(talk, now)
            case "paused" | "reconnecting":
                return self._grace(talk, now)
            case "ended":
                talk.state = "finalized"
            case _:
                return False
        return True

    def _stopped(self, talk: Talk, now: int) -> bool:
        wallet = self.wallet(talk.client)
        stop = min((stop for stop in self.stops(talk, now) if stop.decided <= now), default=None)
        if stop is None:
            wallet.pay_what_is_due(now)
            talk.warned = talk.warned or self.low(talk, now)
            return False
        if stop.reason == "max_duration":
            self._stop(talk, stop.effective, stop.reason, now)
            self._over(talk, stop.effective, stop.reason, now)
        else:
            self._pause(talk, stop.effective, stop.reason, now)
        return True

    def low(self, talk: Talk, now: int) -> bool:
        """Whether credit runs out within two minutes."""
        return self.wallet(talk.client).runs_out(now + WARNING) is not None

    def stops(self, talk: Talk, until: int) -> list[Stop]:
        """The automatic stops of an active talk that time alone brings by ``until``, or has in sight."""
        last, since = talk.last_moment(), talk.since
        client, reader = talk.beats["client"], talk.beats["reader"]
        assert last is not None
        assert since is not None
        stops = [Stop(last, 0, last, "max_duration")]
        if client is not None and reader is not None:
            silent = {"client": client + talk.patience("client"), "reader": reader + talk.patience("reader")}
            for who, other, left_at in (("client", reader, silent["client"]), ("reader", client, reader)):
                both = silent[who] - other >= talk.stale("reader" if who == "client" else "client")
                at, reason = (min(client, reader), "network") if both else (left_at, f"{who}_left")
                stops.append(Stop(silent[who], 1, at, reason))
        if talk.stood:
            stops.append(Stop(talk.stood[0], 2, talk.stood[0], talk.stood[1]))
        out = self.wallet(talk.client).runs_out(until)
        if out is not None:
            stops.append(Stop(out, 3, out, "low_balance"))
        for stop in stops:
            stop.effective = max(stop.effective, since)
        return stops

    def next_stop(self, talk: Talk) -> int | None:
        """The moment at which time alone next ends or stops something, as far as can be told now."""
        last = talk.last_moment()
        match talk.state:
            case "created":
                return talk.created + RING
            case "waiting" if talk.accepted is not None:
                return talk.accepted + JOIN
            case "active" if last is not None:
                return min(stop.decided for stop in self.stops(talk, last))
            case "paused" | "reconnecting" if last is not None and talk.grace_until is not None:
                return min(last, talk.grace_until)
            case _:
                return None

    def _grace(self, talk: Talk, now: int) -> bool:
        last, over = talk.last_moment(), talk.grace_until
        assert last is not None
        assert over is not None
        if now >= min(last, over):
            self._over(talk, min(last, over), "max_duration" if last <= over else "grace_expired", now)
            return True
        if talk.state == "paused":
            return False
        return self._meet(talk, now) or self._fall_back(talk, now)

    # --- what happens to a talk

    def _meet(self, talk: Talk, now: int) -> bool:
        """Both are there: the meter runs, if the wallet pays."""
        if not (talk.here("client", now) and talk.here("reader", now)):
            return False
        wallet = self.wallet(talk.client)
        refusal = self.refused_by_wallet(talk.client, talk.rate, talk.seconds_left(now), now)
        if refusal and talk.state == "waiting":
            self._over(talk, now, "frozen" if refusal == "wallet_frozen" else "low_balance", now)
            return True
        if refusal:
            self._turn_out(talk)
            return True
        if talk.started is None:
            talk.started = now
        if talk.paused_at is not None:
            talk.grace_used += now - talk.paused_at
        talk.state, talk.reason, talk.since = "active", None, now
        talk.paused_at = talk.grace_until = None
        wallet.talk = talk
        wallet.pay_what_is_due(now)
        return True

    def _fall_back(self, talk: Talk, now: int) -> bool:
        if talk.state != "reconnecting" or talk.here("client", now) or talk.here("reader", now):
            return False
        talk.state = "paused"
        talk.beats = {"client": None, "reader": None}
        return True

    def _turn_out(self, talk: Talk) -> None:
        """Both go out, into another channel; cause and grace stay."""
        talk.state = "paused"
        talk.pauses += 1
        talk.all_out()

    def _departure(self, talk: Talk, who: str, now: int) -> tuple[int, str]:
        """A client's leaving is the reader's where the reader was silent."""
        beat = talk.beats["reader"]
        if who == "client" and beat is not None and now - beat >= talk.stale("reader"):
            return max(beat, talk.since or 0), "reader_left"
        return now, f"{who}_left"

    def _pause(self, talk: Talk, at: int, reason: str, now: int) -> None:
        self._stop(talk, at, reason, now)
        talk.state, talk.reason = "paused", reason
        talk.paused_at = at
        talk.grace_until = at + min(GRACE, max(0, GRACE_IN_ALL - talk.grace_used))
        talk.pauses += 1

    def _stop(self, talk: Talk, at: int, cut: str, now: int) -> None:
        """The meter stops at ``at``: minutes that had not begun by then come back whole."""
        wallet = self.wallet(talk.client)
        wallet.pay_what_is_due(now, before=at)
        talk.connected = talk.connected_at(at)
        kept = rounded_up(talk.connected, MINUTE)
        for pieces in reversed(talk.minutes[kept:]):
            wallet.give_back(pieces, talk.rate, now)
        del talk.minutes[kept:]
        talk.since = talk.stood = None
        talk.warned = False
        talk.cut = cut
        talk.all_out()

    def _over(self, talk: Talk, at: int, reason: str, now: int) -> None:
        """Ended at ``at``; what is unused of a cut minute is given back if the cause of the cut asks for it."""
        wallet = self.wallet(talk.client)
        if wallet.talk is talk:
            wallet.pay_what_is_due(now)
            unused = len(talk.minutes) * MINUTE - talk.connected
            if talk.cut in REFUNDED and unused:
                talk.refunded = rounded_up(talk.rate * unused, MINUTE)
                wallet.give_back(talk.minutes[-1], talk.refunded, now)
            wallet.talk = None
        talk.state, talk.reason, talk.ended = "ended", reason, at
        talk.grace_until = None
        talk.all_out()
