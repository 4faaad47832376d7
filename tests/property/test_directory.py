"""The directory against a plain reference, which looks at every reader, filters and sorts; and that no card drifts.

Readers do what readers do in any order: describe themselves, change rates, come, go and fall silent, are verified,
withdrawn and rated. Then somebody pages through every list to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel import text
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.time import SECOND
from chalicelib.readers import model, reviews, service
from chalicelib.readers.model import MODALITIES, ONLINE_LIFE, Description, Filters, Modality, Reader, Sort
from chalicelib.readers.store import Readers
from chalicelib.runtime.identity import Claims
from tests.support.memory import MemoryTables
from tests.support.worlds import HandClock, hand_world

ADMIN: Final = {"actor": "admin", "reason": "because"}
HISTORIES: Final = 200
MOST_PAGES: Final = 200

NAMES: Final = ("Ann", "ann b", "Émile", "emile", "Zoë", "占い師")
SPECIALTIES: Final = ("tarot", "runes", "love & luck")
BIOGRAPHIES: Final = ("", "Tarot since 1999.", "I read runes\nand palms", "love, only love")
RATES: Final = st.dictionaries(st.sampled_from(MODALITIES), st.integers(1, 4).map(lambda each: each * 100))

descriptions = st.builds(
    Description,
    slug=st.just(""),
    name=st.sampled_from(NAMES),
    biography=st.sampled_from(BIOGRAPHIES),
    specialties=st.lists(st.sampled_from(SPECIALTIES), max_size=2).map(tuple),
    languages=st.just(("en",)),
)
filters = st.builds(
    Filters,
    specialty=st.none() | st.sampled_from((*SPECIALTIES, "TAROT ", "none", "x" * 200)),
    modality=st.none() | st.sampled_from(MODALITIES),
    max_rate=st.none() | st.sampled_from((99, 100, 200, 300, 2**40)),
    min_rating=st.none() | st.sampled_from((1.0, 3.5, 4.666, 5.0)),
    online=st.none() | st.booleans(),
    q=st.none() | st.sampled_from(("", "TAROT", "runes palms", "emile", "love", "ann", "nowhere", "&!", "r1")),
)


class People:
    """A few readers in a world of their own."""

    def __init__(self, count: int) -> None:
        self.clock = HandClock()
        self.tables = MemoryTables()
        self.world = hand_world(self.tables, now=self.clock)
        self.ids = [self._made(number) for number in range(count)]

    def _made(self, number: int) -> str:
        token, _ = service.invite(self.world, email=None, **ADMIN)
        person = accounts.sign_in(self.world, Claims(f"r{number}", None, None)).id
        return service.accept_invitation(self.world, person, token).id

    def all(self) -> list[Reader]:
        return [service.reader(self.world, each) for each in self.ids]


Act = Callable[[World, str], object]


def _describe(said: Description, slug: int) -> Act:
    def act(world: World, reader: str) -> None:
        service.describe(
            world,
            reader,
            Description(f"r{slug}-{reader[-8:].lower()}", said.name, said.biography, said.specialties, said.languages),
        )

    return act


def _rate(stars: int) -> Act:
    def act(world: World, reader: str) -> None:
        was = service.reader(world, reader)
        rows = Readers(world.tables, world.settings.tables.readers)
        world.tables.write(*rows.replace(reviews.rated(was, stars), was))

    return act


def _after(millis: int) -> Act:
    def act(world: World, _: str) -> None:
        assert isinstance(world.now, HandClock)
        world.now.forward(millis)

    return act


def _price(rates: dict[Modality, int]) -> Act:
    return lambda world, reader: service.set_rates(world, reader, rates)


def _come(world: World, reader: str) -> None:
    service.set_presence(world, reader, "online")


acts: st.SearchStrategy[Act] = st.one_of(
    st.builds(_describe, descriptions, st.integers(1, 3)),
    RATES.map(_price),
    st.integers(1, 5).map(_rate),
    st.sampled_from((30 * SECOND, ONLINE_LIFE - 1, ONLINE_LIFE)).map(_after),
    st.just(_come),
    st.just(lambda world, reader: service.set_presence(world, reader, "offline")),
    st.just(lambda world, reader: service.verify(world, reader, **ADMIN)),
    st.just(lambda world, reader: service.withdraw(world, reader, **ADMIN)),
)


History = tuple[int, list[tuple[int, Act]]]
"""How many readers there are, and what which of them does."""


@st.composite
def histories(draw: st.DrawFn) -> History:
    count = draw(st.integers(1, 5))
    beginning: list[tuple[int, Act]] = []
    for number in range(count):
        beginning += [
            (number, _describe(draw(descriptions), 1)),
            (number, _price(draw(RATES))),
            (number, lambda world, reader: service.verify(world, reader, **ADMIN)),
        ]
    return count, beginning + draw(st.lists(st.tuples(st.integers(0, 4), acts), max_size=20))


def _played(history: History) -> People:
    count, done = history
    readers = People(count)
    for number, act in done:
        try:
            act(readers.world, readers.ids[number % count])
        except Problem:
            continue  # who is not verified, or has raised lately, may not
    return readers


# --- the reference ------------------------------------------------------------------------------------------------


def _has(reader: Reader, wanted: Filters, presence: str) -> bool:
    said = reader.description
    assert said
    rates = [cents for modality, cents in reader.rates.items() if wanted.modality in (None, modality)]
    words = text.words(" ".join((said.name, said.slug, *said.specialties, said.biography)))
    return (
        reader.verified
        and (wanted.specialty is None or wanted.specialty.strip().lower() in said.specialties)
        and (wanted.modality is None or bool(rates))
        and (wanted.max_rate is None or any(each <= wanted.max_rate for each in rates))
        and (wanted.min_rating is None or (reader.rating is not None and reader.rating >= wanted.min_rating))
        and (wanted.online is None or wanted.online == (presence == "online"))
        and all(each in words for each in text.words(wanted.q or ""))
    )


def _key(reader: Reader, sort: Sort, modality: Modality | None) -> tuple[int | float | str, str]:
    said = reader.description
    assert said
    rates = [cents for each, cents in reader.rates.items() if modality in (None, each)]
    ranks: dict[Sort, int | float | str] = {
        "name": text.folded(said.name),
        "rate": min(rates, default=10**6),
        "rating": -(reader.rating or 0),
    }
    return ranks[sort], said.slug


# --- what holds ---------------------------------------------------------------------------------------------------


@settings(max_examples=HISTORIES)
@given(
    history=histories(),
    wanted=filters,
    sort=st.sampled_from(("name", "rate", "rating")),
    limit=st.integers(1, 4),
    busy=st.sets(st.integers(0, 5)),
)
def test_a_list_holds_whoever_has_what_is_asked_in_order_and_each_once(
    history: History, wanted: Filters, sort: Sort, limit: int, busy: set[int]
) -> None:
    readers = _played(history)
    taken = {readers.ids[number] for number in busy if number < len(readers.ids)}
    presence = {each.id: each.presence(readers.clock.now, each.id in taken) for each in readers.all()}
    described = [each for each in readers.all() if each.description and _has(each, wanted, presence[each.id])]
    described.sort(key=lambda each: _key(each, sort, wanted.modality))
    found: list[tuple[str, str]] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = service.listing(
            readers.world, wanted, sort=sort, limit=limit, cursor=cursor, busy=lambda asked: taken & set(asked)
        )
        assert len(page.items) <= limit
        found += [(card.id, shown) for card, shown in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert found == [(each.id, presence[each.id]) for each in described]


@settings(max_examples=HISTORIES)
@given(history=histories())
def test_no_card_drifts_from_its_reader(history: History) -> None:
    readers = _played(history)
    for swept in (False, True):
        rows = readers.tables.rows["readers"]
        cards = {(str(pk), str(sk)): row["slug"] for (pk, sk), row in rows.items() if str(pk).startswith("card#")}
        belong: dict[tuple[str, str], str] = {}
        for each in readers.all():
            if each.verified:
                card = model.card(each)
                belong |= {(f"card#{facet}", each.id): card.slug for facet in model.facets(card, each.here)}
            assert each.verified or not each.here
        assert cards == belong
        if not swept:
            service.listing(readers.world, Filters(), limit=100, busy=lambda _: ())
    assert all(each.online_until == 0 or readers.clock.now < each.online_until for each in readers.all())
