"""What each act of a reading uses, measured: DynamoDB's units and requests, processor time, lines, bytes.

What people do goes through the API in this process; what Agora and the clocks do, through the same services on the
same DynamoDB. Each figure is the mean of several.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from chalicelib.gateways import world
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.time import SECOND, Millis
from chalicelib.operations.handlers import tell
from chalicelib.readers import service as readers
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from tests.load.api import Answered, Api, api
from tests.load.prices import AGORA_MS, MINUTES, OPEN, Use
from tests.load.reading import TALK, TRANSITIONS, lived
from tests.load.stage import MINUTE, RICH, Stage, quiet
from tests.load.tick import SHARDS, in_memory
from tests.support.capacity import billed
from tests.support.reading import add_reader, pay_in

_READINGS: Final = 6
_REPEATS: Final = 30


@dataclass
class Measured:
    """The sum of some runs of one act."""

    runs: int = 0
    requests: int = 0
    read: float = 0
    written: float = 0
    seconds: float = 0
    logged: int = 0
    out: int = 0


@dataclass
class Meter:
    """Measures acts on one stage."""

    stage: Stage
    acts: dict[str, Measured] = field(default_factory=dict)

    def api(self, act: str, call: Callable[[], Answered]) -> Answered:
        """An act through the API."""
        with self._measured(act) as sum_:
            answered = call()
        sum_.logged += answered.logged
        sum_.out += answered.size
        return answered

    def direct(self, act: str, call: Callable[[], object]) -> None:
        """An act of a function without a gateway."""
        written = io.StringIO()
        with redirect_stdout(written), self._measured(act) as sum_:
            call()
        sum_.logged += len(written.getvalue().encode())

    @contextmanager
    def _measured(self, act: str) -> Iterator[Measured]:
        sum_ = self.acts.setdefault(act, Measured())
        with billed(self.stage.client) as bill:
            begun = time.process_time()
            yield sum_
            sum_.seconds += time.process_time() - begun
        sum_.runs += 1
        sum_.requests += len(bill.requests)
        sum_.read += bill.read.total()
        sum_.written += bill.written.total()


def measured(stage: Stage) -> list[Use]:
    """Every act, how often it happens in 1,000 minutes, and what it uses each time."""
    meter = Meter(stage)
    with api(stage) as ours:
        for number in range(_READINGS):
            _live(meter, ours, number)
    _be_moved(meter)
    listing = in_memory(1_000).listing
    voice, text = _often("voice"), _often("text")
    return [_use(meter, listing, voice, text, *each) for each in _ACTS]


_ACTS: Final = (
    # Act, what it is a part of, whose call.
    ("ask", "begin and end", "api"),
    ("accept", "begin and end", "api"),
    ("join 1", "begin and end", "api"),
    ("join 2", "begin and end", "api"),
    ("end", "begin and end", "api"),
    ("beat", "heartbeats", "api"),
    ("renew", "token renewals", "api"),
    ("minute", "minutes charged", "billing_tick"),
    ("tick", "the minute tick", "billing_tick"),
    ("wake", "the clock", "clock"),
    ("notice", "Agora's notices", "agora_webhook"),
)


def _often(modality: str) -> dict[str, float]:
    """By act, in 1,000 minutes."""
    acts: Counter[str] = lived(modality)  # type: ignore[arg-type]  # a modality, named above
    minutes = -(-TALK // MINUTE)
    return {act: round(number / minutes * MINUTES, 1) for act, number in acts.items()}


def _use(
    meter: Meter, listing: float, voice: dict[str, float], text: dict[str, float], act: str, part: str, function: str
) -> Use:
    sum_ = meter.acts[act]
    looked = meter.acts["tick"]
    runs = sum_.runs
    requests, read, seconds = sum_.requests / runs, sum_.read / runs, sum_.seconds / runs
    calls = 1.0
    if act == "tick":
        calls = (SHARDS + 1) / OPEN
        read += listing
    if act == "minute":  # what a look that charges has over one that does not
        calls = 0.0
        requests -= looked.requests / looked.runs
        read -= looked.read / looked.runs
        seconds -= looked.seconds / looked.runs
    return Use(
        act=act,
        part=part,
        function=function,
        voice=voice.get(act, 0.0),
        text=text.get(act, 0.0),
        calls=round(calls, 3),
        requests=round(requests, 1),
        read=round(read, 2),
        written=round(sum_.written / runs, 1),
        cpu_ms=round(max(0.0, seconds) * 1_000, 1),
        waits_ms=AGORA_MS if act == "end" else 0,
        transitions=_transitions(act),
        logged=round(sum_.logged / runs),
        out=round(sum_.out / runs),
    )


def _transitions(act: str) -> int:
    """Of the clock's machine. What starts an execution also has it come to Done, once."""
    if act == "wake":
        return TRANSITIONS
    return int(act in ("ask", "accept", "join 2"))


# --- through the API -----------------------------------------------------------------------------


def _live(meter: Meter, ours: Api, number: int) -> None:
    """One reading, as its two people live it."""
    client, reader = ours.token(f"cost-client-{number}"), ours.token(f"cost-reader-{number}")
    people = [ours("GET", "/v1/me", token).body["id"] for token in (client, reader)]
    with quiet():
        pay_in(world(), people[0], RICH, f"topup:{people[0]}")
        add_reader(world(), people[1])
        readers.set_presence(world(), people[1], "online")
    asked = {"reader": people[1], "modality": "voice"}
    session = meter.api("ask", lambda: ours("POST", "/v1/sessions", client, asked)).body["id"]

    def does(act: str, verb: str, token: str) -> None:
        meter.api(act, lambda: ours("POST", f"/v1/sessions/{session}/{verb}", token))

    does("accept", "accept", reader)
    does("join 1", "join", client)
    does("join 2", "join", reader)
    with quiet():
        for uid in (1, 2):
            sessions.hear(world(), _came(session, uid, world().now()))
    for _ in range(_REPEATS // _READINGS):
        for token in (client, reader):
            does("beat", "heartbeat", token)
            does("renew", "token", token)
    does("end", "end", client)


# --- without the API -----------------------------------------------------------------------------


def _be_moved(meter: Meter) -> None:
    """The tick, the clock and Agora's notices on a reading in voice."""
    duo = meter.stage.duo().ready(RICH)
    with quiet():
        asking.create(duo.world, Side(duo.client, "Cee"), duo.session, duo.reader, "voice")
        duo.does(duo.reader, commands.accept)
        duo.does(duo.client, commands.join)
        duo.does(duo.reader, commands.join)
    for number in range(_REPEATS):
        listed = duo.talked(MINUTE).row()
        meter.direct("minute", partial(sessions.advance, duo.world, listed, stale=True))
        meter.direct("tick", partial(sessions.advance, duo.world, listed, stale=True))
        facts = {"kind": "session", "id": duo.session, "epoch": listed.epoch, "turn": listed.clock_turn}
        meter.direct("wake", partial(tell, duo.world, facts))
        meter.direct("notice", partial(sessions.hear, duo.world, _came(duo.session, 1, duo.world.now(), number)))


def _came(session: str, uid: int, now: Millis, seq: int = 0) -> Notice:
    """Agora tells that the participant is in the first channel of the session."""
    return Notice(f"{session}-0", uid, seq, now // SECOND * SECOND, joined=True)
