"""A month in a small SoulSeer, for who wants to look at something: six readers, four clients, and what they did.

Everything goes through the services that the API calls, with a clock that stands in the past, so that the ledger, the
ratings and the dashboards say of it what they would say of people. Credit is promotional: it needs no card, and
reconciliation finds it as it should be. Ids derive from what each thing is, so that doing it again does nothing again,
and what was cut off is gone on with.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Changes, Person
from chalicelib.community import service as community
from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.kernel.errors import AlreadyDone, InvalidState, NotFound
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.money import Cents
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.live import gifts, watching
from chalicelib.live import service as live
from chalicelib.live.model.stream import HOST_UID
from chalicelib.messaging import service as messaging
from chalicelib.messaging.model import Wanted as Letter
from chalicelib.moderation import service as moderation
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.model import MODALITIES, Description
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.scheduling import availability, unbooked
from chalicelib.scheduling import service as scheduling
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.shop import catalogue, selling, stock
from chalicelib.shop.model.wanted import Terms
from chalicelib.wallet import coins, promos

DAYS: Final = 28
"""How long ago it begins."""
_READINGS: Final = 18
_STREAMS: Final = 2
_CREDIT: Final[Cents] = 9_000
_COINS: Final = 2_000
_LASTS: Final = 90
"""Days that the credit can be spent."""
_DAYTIME: Final = ((9 * 60, 17 * 60),)


@dataclass(frozen=True, slots=True)
class _Reader:
    name: str
    about: str
    specialties: tuple[str, ...]
    rate: Cents

    @property
    def slug(self) -> str:
        return f"demo-{self.name.lower()}"


_ALL_READERS: Final = (
    _Reader("Luna", "Reads the cards as they fall, and says so kindly.", ("tarot", "love"), 250),
    _Reader("Orion", "Birth charts, transits, and when to wait.", ("astrology", "career"), 350),
    _Reader("Sage", "Sits quietly and tells what comes.", ("mediumship",), 400),
    _Reader("Iris", "Dreams, their pictures, and what to do with them.", ("dreams", "tarot"), 200),
    _Reader("Rowan", "Runes, and plain words about crossroads.", ("runes", "career"), 180),
    _Reader("Vesper", "Oracle cards for the end of a day.", ("oracle", "love"), 300),
)
_ALL_CLIENTS: Final = ("Ada", "Ben", "Cleo", "Dov")
NAMES: Final = (*(each.name for each in _ALL_READERS), *_ALL_CLIENTS)
_SAID: Final = (
    (5, "Kind and clear. I left with a plan."),
    (4, "Much of it was true, and all of it was well said."),
    (5, "She saw what I had not told her."),
    (3, "A little short, but to the point."),
    (5, "I will come again before the winter."),
    (4, "Good questions, and time to think."),
)
_PRODUCTS: Final = (
    ("Moonlight tarot deck", "78 cards with a booklet.", 3_200, 40),
    ("Beeswax candle", "Burns for thirty hours.", 1_400, 120),
    ("Linen cloth", "To read on; 60 by 60 centimetres.", 2_100, 25),
)


class Then:
    """A clock that stands where it is put."""

    def __init__(self, moment: Millis) -> None:
        self.moment = moment

    def __call__(self) -> Millis:
        return self.moment


class _Unwound:
    """No execution is started: what is done here is over before one could call."""

    def start(self, kind: str, thing: str, epoch: int, wake_at: Millis, turn: int = 0) -> None:
        del kind, thing, epoch, wake_at, turn


class Demo:
    """The month that ended at ``begun``, made by ``actor`` on ``world``."""

    def __init__(self, world: World, begun: Millis, actor: str, reason: str) -> None:
        self._present = world
        self._then = Then(begun - DAYS * DAY)
        self._world = replace(world, now=self._then, clock=_Unwound())
        self._begun = begun
        self._actor, self._reason = actor, reason
        self._people: dict[str, Person] = {}

    def steps(self) -> list[Callable[[], object]]:
        """All that happens, in its order; each step may be repeated."""
        return [
            *(partial(self._reader, each) for each in _ALL_READERS),
            *(partial(self._client, each) for each in _ALL_CLIENTS),
            *(partial(self._reading, number) for number in range(_READINGS)),
            *(partial(self._stream, number) for number in range(_STREAMS)),
            self._community,
            self._messages,
            self._shop,
            self._to_come,
            self._for_admins,
        ]

    # --- people

    def _person(self, name: str) -> Person:
        """Signed in; without an address, so that no letter goes anywhere."""
        if name not in self._people:
            signed_in = accounts.sign_in(self._world, Claims(subject(name), None, name))
            person = accounts.person(self._world, signed_in.id)
            if person.birth_date is None:
                person = accounts.change(self._world, person.id, Changes(birth_date=date(1990, 5, 17)))
            self._people[name] = person
        return self._people[name]

    def _reader(self, told: _Reader) -> None:
        user = self._person(told.name).id
        if self._people[told.name].role == "client":
            token, _ = readers.invite(self._world, email=None, actor=self._actor, reason=self._reason)
            readers.accept_invitation(self._world, user, token)
        if readers.reader(self._world, user).verified:
            return
        described = Description(told.slug, told.name, told.about, told.specialties, ("en",))
        readers.describe(self._world, user, described)
        readers.set_rates(self._world, user, dict.fromkeys(MODALITIES, told.rate))
        availability.set_weekly(self._world, user, (*(_DAYTIME for _ in range(5)), (), ()), 0, "UTC")
        readers.verify(self._world, user, actor=self._actor, reason=self._reason)

    def _client(self, name: str) -> None:
        user = self._person(name).id
        actor, reason = self._actor, self._reason
        promos.grant(self._world, user, _CREDIT, _LASTS, "demo", actor=actor, reason=reason)
        coins.grant(self._world, user, _COINS, "demo", actor=actor, reason=reason)
        readers.keep_favorite(self._world, user, _ALL_READERS[0].slug, notify_online=False)

    # --- readings and streams

    def _reading(self, number: int) -> None:
        """Two to five minutes on a day of its own. A minute tick that comes between ends it, as it ends any."""
        session, client = derived_id("ses", "demo", str(number)), self._person(_ALL_CLIENTS[number % len(_ALL_CLIENTS)])
        told = _ALL_READERS[(number * 5) % len(_ALL_READERS)]
        reader = self._person(told.name).id
        self._at(DAYS - 1 - number, 9 + number % 9)
        try:
            sessions.load(self._world, session)
        except NotFound:
            readers.set_presence(self._world, reader, "online")
            who = Side(client.id, client.display_name)
            unbooked.ask(self._world, who, session, reader, MODALITIES[number % len(MODALITIES)])
        with suppress(InvalidState):
            self._talk(session, client.id, reader, 2 + number % 4)
        readers.set_presence(self._world, reader, "offline")
        self._afterwards(number, session, client.id)

    def _talk(self, session: str, client: str, reader: str, minutes: int) -> None:
        sessions.perform(self._world, session, reader, commands.accept)
        for user in (client, reader):
            sessions.perform(self._world, session, user, commands.join)
        rules = self._world.settings.rules
        for _ in range(minutes):
            self._then.moment += min(rules.minute, rules.silence * 3 // 4)
            for user in (client, reader):
                sessions.perform(self._world, session, user, commands.heartbeat)
        sessions.perform(self._world, session, client, commands.finish)

    def _afterwards(self, number: int, session: str, client: str) -> None:
        self._then.moment += 30 * MINUTE
        with suppress(InvalidState, AlreadyDone):
            if number % 12:  # nearly everybody says something
                afterwards.review(self._world, session, client, *_SAID[number % len(_SAID)])
            if number % 3 == 0:
                afterwards.tip(self._world, session, client, derived_id("tip", "demo", str(number)), 300)

    def _stream(self, number: int) -> None:
        """Half an hour, with a gift of each client's."""
        stream, host = derived_id("str", "demo", str(number)), self._person(_ALL_READERS[number].name).id
        self._at(12 - 5 * number, 19)
        wanted = live.Wanted(f"An open evening with {_ALL_READERS[number].name}", "public", None, None, ())
        begun = live.create(self._world, host, stream, wanted)
        if not begun.is_open:
            return
        with suppress(InvalidState):
            unbooked.go_live(self._world, stream, host)
            watching.hear(self._world, Notice(stream, HOST_UID, 1, self._world.now(), joined=True))
            given = [each.id for each in gifts.catalogue(self._world).active() if each.coins <= _COINS // 4]
            for place, name in enumerate(_ALL_CLIENTS if given else ()):
                self._then.moment += 5 * MINUTE
                sent = derived_id("gft", stream, name)
                gifts.send(self._world, self._person(name).id, stream, given[place % len(given)], sent)
        self._then.moment += 5 * MINUTE
        live.end(self._world, stream, host)

    # --- words and things

    def _community(self) -> None:
        asked, told = self._caller(_ALL_CLIENTS[0]), self._caller(_ALL_READERS[3].name)
        self._at(9, 12)
        thread = derived_id("thr", "demo")
        title, text = (
            "What do you do before a reading?",
            "I write my question down. Does that help, or does it narrow it?",
        )
        community.open_thread(self._world, asked, thread, "readings", title, text, ())
        answers = ((told, "No. Then lay the paper aside."), (self._caller(_ALL_CLIENTS[2]), "I go for a walk."))
        for place, (who, text) in enumerate(answers):
            self._then.moment += HOUR
            community.answer(self._world, who, derived_id("pst", thread, str(place)), thread, None, text, ())

    def _messages(self) -> None:
        client, reader = self._person(_ALL_CLIENTS[1]).id, self._person(_ALL_READERS[0].name).id
        self._at(6, 10)
        opened = messaging.open_with(self._world, client, reader)
        said = ((client, "Thank you for yesterday."), (reader, "You did the work. Write when the letter comes."))
        for place, (who, text) in enumerate(said):
            self._then.moment += HOUR
            messaging.send(self._world, who, opened.id, derived_id("msg", opened.id, str(place)), Letter(text))

    def _shop(self) -> None:
        why = {"actor": self._actor, "reason": self._reason}
        for name, about, price, pieces in _PRODUCTS:
            made = derived_id("prd", "demo", name)
            try:
                catalogue.product(self._present, made)
            except NotFound:
                terms = Terms(name, about, "physical", price, None, None, active=True)
                selling.add(self._present, made, terms, **why)
                stock.count(self._present, catalogue.product(self._present, made), pieces, **why)

    def _to_come(self) -> None:
        """A stream in three days, and a booking on the next day that has room for it: from the moment they are made."""
        host, client = _ALL_READERS[2], self._person(_ALL_CLIENTS[3])
        stream = derived_id("str", "demo", "to come")
        now = self._present.now()
        try:
            live.load(self._present, stream)
        except NotFound:
            wanted = live.Wanted(f"Questions to {host.name}", "public", None, (now + 3 * DAY) // HOUR * HOUR, ())
            live.create(self._present, self._person(host.name).id, stream, wanted)
        booking, slug = derived_id("bok", "demo"), _ALL_READERS[4].slug
        try:
            scheduling.load(self._present, booking)
        except NotFound:
            free = availability.slots(self._present, slug, now, now + 7 * DAY, 15, "voice").starts
            who = Side(client.id, client.display_name)
            for start in free[:1]:
                scheduling.book(self._present, booking, who, slug, start, 15, "voice")

    def _for_admins(self) -> None:
        """A review that somebody reported, and a client who was not satisfied."""
        reported = reviews.review_id_of(derived_id("ses", "demo", "3"))
        with suppress(NotFound):
            moderation.report(
                self._present, self._person(_ALL_CLIENTS[2]).id, reported, "other", "That was me, not her."
            )
        last = _READINGS - 1
        client = self._person(_ALL_CLIENTS[last % len(_ALL_CLIENTS)]).id
        with suppress(InvalidState, AlreadyDone):
            self._at(DAYS - 1 - last, 20)
            afterwards.ask_guarantee(self._world, derived_id("ses", "demo", str(last)), client, "We were cut off.")

    # --- time, and who speaks

    def _at(self, days_ago: int, hour: int) -> None:
        self._then.moment = (self._begun - days_ago * DAY) // DAY * DAY + hour * HOUR

    def _caller(self, name: str) -> Caller:
        person = self._person(name)
        return Caller(person.id, accounts.person(self._world, person.id).role, person.display_name)


def subject(name: str) -> str:
    """Whose tokens are this person's: the local issuer gives some to whoever asks."""
    return f"demo|{name.lower()}"
