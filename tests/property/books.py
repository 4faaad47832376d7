"""What must hold after every write, whoever wrote it and however late: watched as it happens.

It follows the ledger and the sessions' rows as they are written, keeps its own sums, and trusts no total of theirs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Final

from chalicelib.runtime.tables import Item
from chalicelib.sessions.model.session import Session, Who, from_item
from chalicelib.wallet.model import chain
from chalicelib.wallet.model.buckets import Buckets
from chalicelib.wallet.model.chain import Entry, genesis, proves
from tests.property.reference import HELD_MINUTES, MINUTE, REFUNDED, rounded_up
from tests.property.tables import Change

MOVES: Final = {
    "created": {"created", "waiting", "ended"},
    "waiting": {"waiting", "active", "ended"},
    "active": {"active", "paused", "ended"},
    "paused": {"paused", "reconnecting", "ended"},
    "reconnecting": {"reconnecting", "active", "paused", "ended"},
    "ended": {"ended", "finalized"},
    "finalized": {"finalized"},
}
SIDES: Final[tuple[Who, ...]] = ("client", "reader")
RAISING: Final = {("created", "waiting"), ("waiting", "active"), ("active", "paused"), ("reconnecting", "active")}


class Books:
    """Sums by account, the newest entry of each chain, the newest row of each session."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.sums: Counter[str] = Counter()
        self.most_spent: Counter[str] = Counter()
        """By person, in cents, at any time."""
        self.limits: dict[str, int] = {}
        """What people let themselves spend, in all."""
        self.heads: dict[str, Entry] = {}
        self.sessions: dict[str, Session] = {}
        self.locks: dict[str, str] = {}
        self.minutes: Counter[str] = Counter()
        """Minutes charged, net of those taken back."""
        self.paid: Counter[str] = Counter()
        """Cents that a session has taken from its client, net."""
        self.earned: defaultdict[str, list[int]] = defaultdict(list)
        self.fees: defaultdict[str, list[int]] = defaultdict(list)
        self.newest_moment = 0

    def __call__(self, changes: list[Change]) -> None:
        """One write took effect."""
        by_admin = any(table == "audit" for table, _, _ in changes)
        for table, before, after in changes:
            if table == "sessions":
                self._session_changed(before, after, by_admin=by_admin)
        for table, before, after in changes:
            if table == "ledger":
                assert before is None, "the ledger is only ever added to"
                assert after is not None
                self._added(after)
            if table == "audit":
                assert before is None
                assert after is not None

    # --- the ledger

    def _added(self, item: Item) -> None:
        account, amount = item["account"], item["amount"]
        if account.startswith("receipt:"):
            return
        if account.startswith("platform:"):
            account = account.rsplit(":", 1)[0]
            self.fees[item["counter"]].append(amount)
        else:
            self._followed(chain.from_item(item))
        self.sums[account] += amount
        if item["counter"]:
            self.sums[item["counter"]] -= amount
        else:
            assert amount == 0, "money must come from somewhere"

    def _followed(self, entry: Entry) -> None:
        before = self.heads.get(entry.account, genesis(entry.account))
        assert proves(entry, before)
        assert entry.at >= before.at
        assert entry.balance >= 0, "nobody's balance is negative"
        assert all(lot.rest >= 0 for lot in entry.buckets.lots)
        assert entry.buckets.paid >= 0
        self.heads[entry.account] = entry
        self.most_spent[entry.account.partition(":")[2]] = max(
            self.most_spent[entry.account.partition(":")[2]], entry.spent
        )
        if entry.account.startswith("earnings:"):
            self.earned[entry.counter].append(entry.amount)
            return
        if entry.counter.startswith("session:"):
            self.paid[entry.counter] -= entry.amount
        if entry.minute:
            self._minute(entry, before)
        if entry.kept is not None:
            assert entry.kept < self.minutes[entry.reference]
            self.minutes[entry.reference] = entry.kept
        if entry.kind == "order":
            self._other_spending(entry, before)

    def _minute(self, entry: Entry, before: Entry) -> None:
        session = self.sessions[entry.reference]
        assert entry.minute == self.minutes[session.id] + 1, "each minute once"
        assert -entry.amount == session.rate == sum(cents for _, cents in entry.split)
        assert before.frozen is None or entry.kind == "minute"
        assert session.state == "active"
        assert session.connected(entry.at) >= (entry.minute - 1) * MINUTE, "no minute before its time"
        if entry.kind == "meter_resumed":
            assert session.connected_before == (entry.minute - 1) * MINUTE, "unused seconds are used first"
        self.minutes[session.id] += 1

    def _other_spending(self, entry: Entry, before: Entry) -> None:
        assert before.frozen is None
        meter = before.meter
        if meter and meter.run and meter.run.until is None:
            left = (self.sessions[meter.session].started_at or 0) + self.longest - entry.at
            held = meter.rate * min(HELD_MINUTES, max(0, (left - 1) // MINUTE))
            assert entry.buckets.spendable(entry.at) >= held, "what is held is not touched"

    # --- sessions

    def _session_changed(self, before: Item | None, after: Item | None, *, by_admin: bool) -> None:
        key = (after or before or {})["pk"]
        if key.startswith("open#"):
            if after is None:
                del self.locks[key.removeprefix("open#")]
            else:
                assert before is None, "one open session a person"
                self.locks[key.removeprefix("open#")] = after["session"]
            return
        if "#" in key:
            return  # no session, but what is kept beside them
        assert after is not None
        session = from_item(after)
        if before is None:
            assert (session.rev, session.epoch, session.state) == (0, 0, "created")
        else:
            self._moved(from_item(before), session)
            self._in_channels(from_item(before), session)
            if not by_admin:
                self._turned_away(from_item(before), session)
        looked_after = session.state != "finalized" or session.owes_removal
        assert ("open_shard" in after) == looked_after, "the tick sees what time, or Agora, can still change"
        self.sessions[session.id] = session
        self.newest_moment = max(self.newest_moment, session.at)

    def _moved(self, was: Session, session: Session) -> None:
        assert session.rev == was.rev + 1
        assert session.at >= was.at
        assert session.state in MOVES[was.state]
        assert session.epoch == was.epoch + ((was.state, session.state) in RAISING)
        assert session.clock_epoch <= session.epoch
        assert session.clock_turn - was.clock_turn in (0, 1)
        assert (session.rate, session.created_at) == (was.rate, was.created_at)
        assert was.started_at in (None, session.started_at)
        assert session.review is None
        if (was.state, session.state) != ("reconnecting", "paused"):  # a safety stop may send both out, or they went
            assert session.pauses == was.pauses + (was.state == "active" and session.state == "paused")
        assert session.connected_before >= was.connected_before
        if was.state == "active" and session.state != "active":
            assert was.running_since is not None
            stopped_at = was.running_since + session.connected_before - was.connected_before
            assert stopped_at <= session.at
            assert session.cut is not None
        elif session.state != "active" and was.state != "active":
            assert session.connected_before == was.connected_before
        if not was.is_open:
            assert (session.reason, session.connected_before) == (was.reason, was.connected_before)
        if session.is_open and session.state in ("active", "waiting", "created") and was.state != session.state:
            assert session.reason is None

    def _turned_away(self, was: Session, session: Session) -> None:
        """Who is sent away for want of money has none at the moment at which that is written."""
        turned_out = (was.state, session.state) == ("reconnecting", "paused") and session.pauses > was.pauses
        ended = was.state == "waiting" and session.reason in ("low_balance", "frozen")
        if turned_out or ended:
            head = self.heads[f"credit:{session.client.user}"]
            seconds_left = self.minutes[session.id] * MINUTE > session.connected_before
            pays = seconds_left or self._purse(head).spendable(session.at) >= session.rate
            assert head.frozen is not None or not pays

    def _purse(self, head: Entry) -> Buckets:
        """What may be spent: no paid money beyond the person's limit."""
        most = self.limits.get(head.account.partition(":")[2])
        left = head.buckets.paid if most is None else min(head.buckets.paid, max(0, most - head.spent))
        return replace(head.buckets, paid=left)

    def _in_channels(self, was: Session, session: Session) -> None:
        """Who is in the channel, as Agora tells it, and which channels are left behind."""
        left_behind = session.pauses + (session.accepted_at is not None and not session.is_open)
        assert was.cleared <= session.cleared <= left_behind
        for who in SIDES:
            side, before = session.side(who), was.side(who)
            if session.pauses != was.pauses or not session.is_open:
                assert (side.present, side.in_channel, side.notice_seq) == (False, False, None), (
                    "a new channel is empty"
                )
            elif before.notice_seq is not None:
                assert side.notice_seq is not None
                assert side.notice_seq >= before.notice_seq, "the old does not come after the new"
            if side.notice_seq == before.notice_seq and session.pauses == was.pauses:
                assert before.in_channel or not side.in_channel, "only Agora says who is in a channel"
            if session.modality == "text":
                assert (side.in_channel, side.notice_seq) == (False, None)
            if session.state == "active":
                assert side.present
                assert side.beat_at is not None

    # --- at rest

    def check(self) -> None:
        """What holds between two calls, also when the last one died halfway."""
        assert sum(self.sums.values()) == 0
        held = {
            side.user: session.id
            for session in self.sessions.values()
            if session.is_open
            for side in (session.client, session.reader)
        }
        assert self.locks == held
        for session in self.sessions.values():
            if session.is_open:
                self._check_open(session)

    def _check_open(self, session: Session) -> None:
        head = self.heads.get(f"credit:{session.client.user}")
        meter = head.meter if head else None
        own = meter if meter and meter.session == session.id else None
        if session.started_at is None:
            assert own is None
            assert self.paid[f"session:{session.id}"] == 0
            return
        assert own is not None
        assert own.minute == self.minutes[session.id]
        assert (own.run is not None) == (session.state == "active")
        assert own.connected_before == session.connected_before
        assert self.paid[f"session:{session.id}"] == own.minute * session.rate
        if own.run:
            assert (own.run.since, own.epoch) == (session.running_since, session.epoch)

    def check_settled(self) -> None:
        """When every talk is over: each is paid out to the cent."""
        self.check()
        for session in self.sessions.values():
            self._check_settled(session)
        clearing = {name: cents for name, cents in self.sums.items() if cents and name.startswith("session:")}
        assert clearing == {}
        assert all(head.meter is None for head in self.heads.values())

    def _check_settled(self, session: Session) -> None:
        assert session.state == "finalized"
        kept = rounded_up(session.connected_before, MINUTE)
        assert self.minutes[session.id] == kept
        unused = kept * MINUTE - session.connected_before
        refund = rounded_up(session.rate * unused, MINUTE) if session.cut in REFUNDED else 0
        cost = kept * session.rate - refund
        counter = f"session:{session.id}"
        assert session.refunded == refund
        assert self.paid[counter] == cost
        assert session.earned == cost * 70 // 100
        assert self.earned[counter] == ([session.earned] if session.earned else [])
        assert self.fees[counter] == ([cost - session.earned] if cost else [])
