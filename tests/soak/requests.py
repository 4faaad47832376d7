"""What phones ask of the ``api`` function, over a network that loses, delays and repeats."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.gateways import World
from chalicelib.kernel.time import SECOND
from chalicelib.readers import service as readers
from chalicelib.runtime.problems import problem_for
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Modality, Side
from chalicelib.sessions.service import Snapshot
from chalicelib.wallet import topups
from tests.property.reference import OK
from tests.property.tables import Crash
from tests.soak.findings import Finding, must
from tests.soak.phones import Answer, Phone, Then
from tests.soak.storage import Trouble

if TYPE_CHECKING:
    from tests.soak.system import System

Act = Callable[[World, Trouble], Answer]

_COMMON: Final = frozenset({OK, "forbidden", "not_found", "invalid_state"})
_WALLET: Final = frozenset({"insufficient_funds", "spending_limit_reached", "wallet_frozen"})
DECLARED: Final = {
    "ask": frozenset({OK, "not_found", "reader_busy", "reader_unavailable", "session_open"}) | _WALLET,
    "look": frozenset({OK, "forbidden", "not_found"}),
    "present": frozenset({OK}),
    "top_up": frozenset({OK, "provider_failed"}),
    "finish": frozenset({OK, "forbidden", "not_found"}),
    "renew": _COMMON | _WALLET,
    "reconnect": _COMMON | _WALLET | {"grace_expired"},
}
"""What product §3 lets each answer; every other command answers as ``_COMMON``."""
_WITH_MEDIA: Final = ("join", "renew", "reconnect")
_MODALITIES: Final[tuple[Modality, ...]] = ("text", "voice", "video", "video")


class Requests:
    """The API, as phones meet it."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._asks: dict[str, tuple[int, str, Modality]] = {}
        """Of each client: the number of the present request, and what it asks; the same until it is answered."""
        self._topups: dict[str, tuple[int, int]] = {}

    def ask(self, phone: Phone, then: Then) -> None:
        """The client asks some reader for a reading."""
        user, rng = phone.user, phone.rng
        if user not in self._asks:
            self._asks[user] = (1, rng.choice(list(self._system.readers)), rng.choice(_MODALITIES))
        number, reader, modality = self._asks[user]
        kind = "text" if modality == "text" else "media"

        def act(world: World, _: Trouble) -> Answer:
            asked = asking.create(world, Side(user, "Cee"), f"ses_{kind}_{user}_{number}", reader, modality)
            return Answer(OK, asked.session)

        def told(answer: Answer) -> None:
            if answer.outcome not in ("lost", "unavailable") and self._asks[user][0] == number:
                self._asks[user] = (number + 1, rng.choice(list(self._system.readers)), rng.choice(_MODALITIES))
            then(answer)

        self._send("ask", act, told)

    def command(self, phone: Phone, session: str, command: str, then: Then) -> None:
        """Some command on a reading."""

        def act(world: World, trouble: Trouble) -> Answer:
            seen = sessions.perform(world, session, phone.user, getattr(commands, command))
            return self._with_media(world, trouble, phone, seen) if command in _WITH_MEDIA else Answer(OK, seen.session)

        self._send(command, act, then)

    def _with_media(self, world: World, trouble: Trouble, phone: Phone, seen: Snapshot) -> Answer:
        lease = sessions.lease(world, seen, phone.user)
        if lease:
            raced = trouble.raced or trouble.disturbed
            self._system.judge.leased(seen.session, seen.session.who(phone.user), lease, raced=raced)
        return Answer(OK, seen.session, lease)

    def look(self, phone: Phone, session: str, then: Then) -> None:
        """The app reads its reading."""
        self._send("look", lambda world, _: Answer(OK, sessions.current(world, session, phone.user).session), then)

    def present(self, phone: Phone, then: Then) -> None:
        """A reader is online, and hears of the reading that somebody asks for."""

        def act(world: World, _: Trouble) -> Answer:
            readers.set_presence(world, phone.user, "online")
            seen = sessions.open_session(world, phone.user)
            return Answer(OK, seen.session if seen else None)

        self._send("present", act, then)

    def top_up(self, phone: Phone) -> None:
        """The client opens Stripe's page, and goes there."""
        user, rng = phone.user, phone.rng
        number, cents = self._topups.setdefault(user, (1, rng.choice((500, 777, 1_000, 2_500))))

        def act(world: World, _: Trouble) -> Answer:
            self._system.stripe.visited(topups.open_topup(world, user, f"top_{user}_{number}", cents))
            return Answer(OK)

        def told(answer: Answer) -> None:
            if answer.outcome == OK and self._topups[user][0] == number:
                self._topups[user] = (number + 1, rng.choice((500, 777, 1_000, 2_500)))

        self._send("top_up", act, told)

    def someone_elses(self, rng: random.Random) -> str | None:
        """Some reading."""
        known = list(self._system.books.sessions)
        return rng.choice(known[-6:]) if known else None

    # --- the network

    def _send(self, kind: str, act: Act, then: Then) -> None:
        chances, timeline = self._system.chances, self._system.timeline
        if chances("request of a phone lost"):
            then(Answer("lost"))
            return
        if chances("request of a phone twice"):
            again = chances.span("request of a phone twice", 0, 10 * SECOND)
            timeline.after(again, lambda: self._arrive(kind, act))
        if chances("request of a phone late"):
            late = chances.span("request of a phone late", 1, 4 * SECOND)
            timeline.after(late, lambda: then(self._arrive(kind, act)))
        else:
            then(self._arrive(kind, act))

    def _arrive(self, kind: str, act: Act) -> Answer:
        troubles: list[Trouble] = []

        def served(world: World, trouble: Trouble) -> Answer:
            troubles.append(trouble)
            return act(world, trouble)

        try:
            answer = self._system.functions.call("api", served)
        except Crash:
            return Answer("lost")
        except Exception as error:  # noqa: BLE001 - what the HTTP layer makes of it is judged
            answer = Answer(_declared(kind, error, disturbed=troubles[0].disturbed))
        return Answer("lost") if self._system.chances("answer to a phone lost") else answer


def _declared(kind: str, error: Exception, *, disturbed: bool) -> str:
    """The code that the caller gets; a finding where it is none that is declared."""
    code = problem_for(error).code
    allowed = DECLARED.get(kind, _COMMON)
    if code == "internal":
        raise Finding(f"{kind} raised {''.join(traceback.format_exception(error))}") from error
    must(code in allowed or (code == "unavailable" and disturbed), "refusals are declared", kind=kind, code=code)
    return code
