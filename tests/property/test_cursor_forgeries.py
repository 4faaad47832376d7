"""Whatever cursor a list is given: a page of one's own list or 422, never 5xx, and never another person's row.

A cursor's digest has no secret, so anybody can sign one that holds whatever they like: these do. The product's own
routes, on tables in memory that are as particular as DynamoDB. ``SOUL_PROPERTY=explore`` and ``SOUL_CURSORS=10000``
make up new cursors, as many a list.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from chalice.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.community import service as community
from chalicelib.gateways import World
from chalicelib.kernel.ids import derived_id
from chalicelib.kernel.time import SECOND
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Wanted
from chalicelib.moderation import service as moderation
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.service import tell
from chalicelib.payouts.model import Payout
from chalicelib.payouts.payees import rows_of
from chalicelib.payouts.service import earnings_account
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.model import Filters, Sort, order_of
from chalicelib.readers.reviews import Review
from chalicelib.runtime import cursors, openapi
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.scheduling import availability
from chalicelib.scheduling import service as scheduling
from chalicelib.scheduling.model.availability import MIDNIGHT
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.shop import ordering, selling, stock
from chalicelib.shop.model import product as shop
from chalicelib.shop.model.shipping import Address
from chalicelib.shop.model.wanted import Changes, Terms
from chalicelib.shop.ordering import Wanted as Wished
from chalicelib.wallet import refunds
from chalicelib.wallet import service as wallet
from tests.support.door import PickyTables, product_on
from tests.support.reading import add_reader, pay_in
from tests.support.show import Show
from tests.support.worlds import NOON, HandClock, hand_world

CURSORS: Final = int(os.environ.get("SOUL_CURSORS", "120"))
READERS: Final = ("rosa", "rita")
BESIDE: Final = {"ada": "bob", "rosa": "rita", "eve": "eve"}
"""Who has such a list too."""
READINGS: Final = 4
"""Of each client."""
MOST_ITEMS: Final = 40


@dataclass(frozen=True, slots=True)
class List:
    """A list as somebody asks for it. ``scope`` and ``shape`` are those of its cursors, with ``{me}`` for who asks, and
    ``{name}`` for what they are called here.
    """

    subject: str
    path: str
    scope: str
    shape: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.subject} {self.path}"


def _entries(account: str) -> List:
    name = f"{account}:{{me}}"
    return List("ada", f"/v1/wallet/entries?account={account}", name, {"account": name, "seq": str})


def _sessions(subject: str, side: str) -> List:
    shape = {side: "{me}", "created_at": int, "pk": str}
    return List(subject, f"/v1/sessions?as={side}", f"sessions:{side}:{{me}}", shape)


def _bookings(subject: str, side: str, when: str) -> List:
    path = f"/v1/bookings?as={side}&when={when}"
    return List(subject, path, f"bookings:{side}:{when}:{{me}}", {"after": str})


def _cases(state: str) -> List:
    shape = {"queue": state, "reported_at": int, "pk": str, "sk": str}
    return List("eve", f"/v1/moderation?state={state}", f"moderation:{state}", shape)


def _readers(sort: Sort) -> List:
    scope = f"readers:{order_of(sort, None)}:{Filters()}"
    return List("ada", f"/v1/readers?sort={sort}", scope, {"place": str, "reader": str})


_REVIEWS: Final = List("rosa", "/v1/readers/{slug}/reviews?", "reviews#{me}", {"pk": "reviews#{me}", "sk": str})


def _conversations(subject: str, side: str) -> List:
    shape = {side: "{me}", "recent_at": int, "pk": str, "sk": "conversation"}
    return List(subject, f"/v1/conversations?as={side}", f"conversations:{side}:{{me}}", shape)


def _messages(subject: str, query: str) -> List:
    path = f"/v1/conversations/{{conversation_id}}/messages?q={query}" if query else _MESSAGES
    return List(subject, path, f"messages:{{me}}:{{conversation_id}}:{query}", {"before": int})


_MESSAGES: Final = "/v1/conversations/{conversation_id}/messages?"

_BY_CATEGORY: Final = {"category": "general", "active_at": int, "pk": str, "sk": "thread"}
_THREADS: Final = List("ada", "/v1/threads?category=general", "threads:general", _BY_CATEGORY)

_PRODUCTS: Final = List(
    "ada",
    "/v1/products?where=ios",
    f"products:{shop.Filters('ios')}",
    {"listing": "sale", "listed_at": int, "pk": str, "sk": "product"},
)
_OWN_PRODUCTS: Final = List(
    "rosa",
    "/v1/reader/products?",
    "products:of:{me}",
    {"seller": "{me}", "created_at": int, "pk": str, "sk": "product"},
)

_ORDERS: Final = List(
    "ada", "/v1/orders?", "orders:{me}", {"buyer": "{me}", "created_at": int, "pk": str, "sk": "order"}
)
_SALES: Final = List(
    "rosa",
    "/v1/reader/sales?",
    "sales:{me}",
    {"seller": "sales#{me}", "created_at": int, "pk": str, "sk": "sale#{me}"},
)

STREAM: Final = "str_1"
TALKS: Final = {
    "ada": ("ada", "rosa"),
    "bob": ("bob", "rosa"),
    "rosa": ("ada", "rosa"),
    "rita": ("bob", "rita"),
    "eve": ("bob", "rita"),
}
"""The conversation that somebody asks for: client and reader."""

LISTS: Final = (
    _entries("credit"),
    _entries("coins"),
    _sessions("ada", "client"),
    _sessions("rosa", "reader"),
    List("ada", "/v1/favorites?", "favorites:{me}", {"pk": "favorites#{me}", "sk": str}),
    _readers("name"),
    _readers("rate"),
    _readers("rating"),
    _bookings("ada", "client", "upcoming"),
    _bookings("ada", "client", "past"),
    _bookings("rosa", "reader", "upcoming"),
    _bookings("rosa", "reader", "past"),
    List("ada", "/v1/me/blocks?", "blocks:{me}", {"user": str}),
    List("ada", "/v1/notifications?", "notifications:{me}", {"after": str}),
    List("ada", "/v1/wallet/refunds?", "refunds:{me}", {"after": str}),
    _REVIEWS,
    List("rosa", "/v1/reader/earnings/entries?", "earnings:{me}", {"account": "earnings:{me}", "seq": str}),
    List("rosa", "/v1/reader/payouts?", "payouts:{me}", {"sk": str}),
    List("ada", "/v1/streams?state=live", "streams:live", {"listing": "live", "listed_at": int, "pk": str, "sk": str}),
    List("ada", "/v1/streams/{stream_id}/gifts?", f"gifts:{STREAM}:0", {"after": str}),
    _conversations("ada", "client"),
    _conversations("rosa", "reader"),
    _messages("ada", ""),
    _messages("rosa", "hello"),
    _PRODUCTS,
    _OWN_PRODUCTS,
    _ORDERS,
    _SALES,
    _THREADS,
    List("ada", "/v1/threads/{thread_id}?", "posts:thr_{name}", {"after": str}),
    List("ada", "/v1/posts/{post_id}/edits?", "edits:pst_{name}", {"before": str}),
    _cases("pending"),
    _cases("appealed"),
)


class Everybody:
    """Two clients, two readers, and what they did: each list of somebody has another somebody's beside it."""

    def __init__(self, world: World, client: Client) -> None:
        self.world = world
        self._client = client
        self.ids = {
            each: accounts.sign_in(world, Claims(each, None, None)).id for each in ("ada", "bob", "eve", *READERS)
        }
        for each in READERS:
            add_reader(world, self.ids[each])
            self._praise(each)
            self._pay(each)
        clock = world.now
        assert isinstance(clock, HandClock)
        for number in range(READINGS):
            for each in ("ada", "bob"):
                pay_in(world, self.ids[each], 1_000, f"topup:{each}:{number}")
                clock.forward(SECOND)
                self._read(each, READERS[number % len(READERS)], f"ses_{each}_{number}")
        for each in READERS:
            availability.set_weekly(world, self.ids[each], (((0, MIDNIGHT),),) * 7, 0, "UTC")
        for number in range(2 * READINGS):
            for place, each in enumerate(("ada", "bob")):
                self._book(each, READERS[(number + place) % 2], f"bok_{each}_{number}", number)
        for number in range(READINGS):
            for each in ("ada", "bob"):
                refunds.request(world, self.ids[each], f"rfd_{each}_{number}", 100)
                clock.forward(SECOND)
        self._moderate()
        self._give()
        self._write()
        self._sell()
        for each in self.ids:
            self._open_a_thread(each)
        self._block()
        self._tell()

    def _moderate(self) -> None:
        """An admin has cases to decide on, some of them anew."""
        eve = self.ids["eve"]
        accounts.set_role(self.world, eve, "admin", actor="test", reason="an admin")
        for number in range(READINGS):
            for reader in READERS:
                moderation.report(self.world, eve, f"rev_ses_{reader}_{number}", "spam", "")
        waiting, _ = moderation.waiting(self.world, "pending", None, READINGS, None)
        for case in waiting:
            moderation.resolve(self.world, case.id, "warn", None, actor="test", reason="a warning")
            moderation.appeal(self.world, case.author, case.item, "Why?")

    def _give(self) -> None:
        """Somebody else is live, and both clients have sent gifts; there are other streams."""
        for number in range(READINGS):
            Show(self.world, f"other{number}").live()
        show = Show(self.world).live()
        for each in ("ada", "bob"):
            accounts.change(self.world, self.ids[each], accounts.Changes(birth_date=date(1990, 1, 1)))
            show.buys(self.ids[each], 1_000)
            for number in range(READINGS):
                show.gives(self.ids[each], name=str(number))

    def _sell(self) -> None:
        """Some things of both readers' are on sale."""
        for reader, number in product(READERS, range(READINGS)):
            terms = Terms(f"Thing {number}", "Of wood.", "physical", 900, None, None, active=False)
            made = selling.offer(self.world, self.ids[reader], f"prd_{reader}{number}", terms, Changes())
            selling.approve(self.world, made.product.id, actor="test", reason="good")
            stock.count(self.world, made.product, 1, actor="test", reason="made")
            self._buy(("ada", "bob")[number % 2], made.product.id)

    def _buy(self, client: str, thing: str) -> None:
        """They have it sent home."""
        home = Address(client, "1 Main St", "", "Springfield", "IL", "62701", "US")
        pay_in(self.world, self.ids[client], 2_000, f"topup:{thing}")
        wanted = Wished(((thing, 1),), "credit", "web", address=home, shipping_rate="standard")
        ordering.create(self.world, self.ids[client], f"ord_{thing}", wanted)

    def _open_a_thread(self, name: str) -> None:
        """They open a thread, answer themselves, and change what they said a few times."""
        caller, world = Caller(self.ids[name], "client", name, suspended=False), self.world
        community.open_thread(world, caller, f"thr_{name}", "general", f"Of {name}", "Hello", [])
        for number in range(READINGS):
            community.answer(world, caller, f"pst_{name}_{number}", f"thr_{name}", None, str(number), [])
            community.edit(world, caller, f"pst_{name}", str(number), None)

    def _write(self) -> None:
        """Both clients write to both readers."""
        for client, reader, number in product(("ada", "bob"), READERS, range(READINGS)):
            talk = messages.open_with(self.world, self.ids[client], self.ids[reader])
            wanted = Wanted(f"hello {number}")
            messages.send(self.world, self.ids[client], talk.id, f"msg_{client}{reader}{number}", wanted)

    def _tell(self) -> None:
        """Something is in each inbox."""
        for number in range(READINGS):
            for each in ("ada", "bob"):
                facts = {"amount": 100 + number, "refund": f"rfd_{each}_{number}"}
                tell(self.world, Notice(self.ids[each], "refund", facts, str(number), self.world.now() + number))

    def _block(self) -> None:
        for each, others in (("ada", READERS), ("bob", ("ada", "rosa"))):
            for other in others:
                accounts.block(self.world, self.ids[each], self.ids[other])

    def _praise(self, reader: str) -> None:
        """Everybody keeps the reader at hand, and some have reviewed them."""
        for fan in ("ada", "bob", *READERS):
            readers.keep_favorite(self.world, self.ids[fan], self.ids[reader], notify_online=False)
        for number in range(READINGS):
            session, moment = f"ses_{reader}_{number}", NOON + number
            written = Review(f"rev_{session}", self.ids[reader], session, "usr_1", "Ada", 5, reader, moment)
            reviews.add(self.world, written)

    def _pay(self, reader: str) -> None:
        """They earned something a few times, and each time it was paid out."""
        was = accounts.person(self.world, self.ids[reader])
        self.world.tables.write(*accounts.role_change(self.world, was, "reader", actor="test", reason="a reader"))
        rows, account = rows_of(self.world), earnings_account(self.ids[reader])
        for number in range(READINGS):
            name = f"pay_{reader}_{number}"
            _, posting = wallet.earn(self.world, account, "payout_returned", 5, "stripe:transfers", name)
            made = Payout(name, self.ids[reader], f"acct_{reader}", 5, "returned", NOON + number)
            self.world.tables.write(posting, *rows.add_payout(made))

    def _read(self, client: str, reader: str, session: str) -> None:
        readers.set_presence(self.world, self.ids[reader], "online")
        asking.create(self.world, Side(self.ids[client], client), session, self.ids[reader], "text")
        sessions.perform(self.world, session, self.ids[client], commands.cancel)

    def _book(self, client: str, reader: str, booking: str, number: int) -> None:
        """Each other one is called off again, and so over."""
        quarter = self.world.settings.rules.quarter
        start = (NOON // quarter + 20 + number) * quarter
        pay_in(self.world, self.ids[client], 5_000, f"topup:{booking}")
        side = Side(self.ids[client], client)
        scheduling.book(self.world, booking, side, self.ids[reader], start, 15, "text")
        if number // 2 % 2:
            scheduling.cancel(self.world, booking, self.ids[client])

    def page(self, asked: List, cursor: str | None = None, limit: int = 1) -> tuple[int, Any]:
        """Status and body."""
        more = {"limit": str(limit)} | ({"cursor": cursor} if cursor is not None else {})
        answer = self._client.http.get(
            f"{self._filled(asked)}&{urlencode(more)}",
            headers={"Authorization": f"Bearer {asked.subject}"},
        )
        return answer.status_code, answer.json_body

    def _filled(self, asked: List) -> str:
        path = asked.path.replace("{slug}", self.ids[asked.subject]).replace("{stream_id}", STREAM)
        path = path.replace("{thread_id}", f"thr_{asked.subject}").replace("{post_id}", f"pst_{asked.subject}")
        return path.replace("{conversation_id}", self._talk(asked))

    def _talk(self, asked: List) -> str:
        return derived_id("cnv", *(self.ids[each] for each in TALKS[asked.subject]))

    def cursors(self, asked: List) -> list[str]:
        """Every cursor that the list gives out, one item a page."""
        found: list[str] = []
        while following := self.page(asked, found[-1] if found else None)[1]["next_cursor"]:
            found.append(following)
            assert len(found) <= MOST_ITEMS, "the pages do not end"
        return found

    def scope(self, asked: List) -> str:
        scope = asked.scope.replace("{me}", self.ids[asked.subject]).replace("{name}", asked.subject)
        return scope.replace("{conversation_id}", self._talk(asked))

    def shape(self, asked: List) -> dict[str, Any]:
        me = self.ids[asked.subject]
        return {name: kind.replace("{me}", me) if isinstance(kind, str) else kind for name, kind in asked.shape.items()}


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everybody]:
    world = hand_world(PickyTables())
    client = Client(app, project_dir=str(tmp_path_factory.mktemp("project")))
    with product_on(world, {}):
        everybody = Everybody(world, client)
        yield everybody


# --- cursors ------------------------------------------------------------------------------------------------------

anything = st.characters(exclude_categories=())
"""Lone surrogates too, which JSON can write and nothing can store."""
strings = st.one_of(
    st.sampled_from(["", "\ud800", "\x00", "x" * 700, "0", "9999999", "ses_ada_0", "ses_bob_1"]), st.text(anything)
)
integers = st.one_of(st.sampled_from([0, -1, 2**53, -(2**53), 2**63, 10**40, NOON]), st.integers())
others: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.floats(), st.lists(integers, max_size=2), st.just({})
)


@st.composite
def keys(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """Storage keys of that shape, or nearly."""
    kinds = {str: strings, int: integers}
    key = {name: draw(kinds[kind]) if isinstance(kind, type) else kind for name, kind in shape.items()}
    if draw(st.integers(0, 3)) == 0:
        key[draw(st.one_of(st.sampled_from(sorted(shape)), strings))] = draw(st.one_of(strings, integers, others))
    return key


@st.composite
def damaged(draw: st.DrawFn, real: list[str]) -> str:
    """A real cursor, cut, stretched, or with other characters in it."""
    cursor = draw(st.sampled_from(real))
    start, end = sorted((draw(st.integers(0, len(cursor))), draw(st.integers(0, len(cursor)))))
    return cursor[:start] + draw(st.text(max_size=8)) + cursor[end:]


# --- what holds ---------------------------------------------------------------------------------------------------


def test_every_list_of_the_api_is_tried_here() -> None:
    asked = [
        each for each in openapi.routes_of(app.every_route()) if each.query and "cursor" in each.query.model_fields
    ]
    assert {route.path for route in asked} == {each.path.partition("?")[0] for each in LISTS}


@pytest.mark.parametrize("asked", LISTS, ids=str)
def test_a_cursor_of_any_other_list_is_422(everybody: Everybody, asked: List) -> None:
    own = everybody.cursors(asked)
    as_bob = [replace(each, subject=BESIDE[each.subject]) for each in LISTS]
    foreign = {cursor for each in (*LISTS, *as_bob) for cursor in everybody.cursors(each)} - set(own)
    assert len(foreign) > READINGS
    assert {everybody.page(asked, cursor)[0] for cursor in foreign} == {422}


@pytest.mark.parametrize("asked", LISTS, ids=str)
def test_a_cursor_leads_to_ones_own_rows_or_nowhere(everybody: Everybody, asked: List) -> None:
    own = everybody.page(asked, limit=100)[1]["items"]
    real = everybody.cursors(asked) or everybody.cursors(LISTS[0])
    scopes = [everybody.scope(each) for each in LISTS]
    signed = st.builds(
        cursors.encode,
        keys(everybody.shape(asked)),
        st.one_of(st.just(everybody.scope(asked)), st.sampled_from(scopes), strings.filter(_is_utf8)),
    )

    @settings(max_examples=CURSORS)
    @given(cursor=st.one_of(signed, signed, damaged(real), st.text(max_size=100)), limit=st.integers(1, 100))
    def hold(cursor: str, limit: int) -> None:
        status, body = everybody.page(asked, cursor, limit)
        assert status in (200, 422), body
        if status == 200:
            assert [each for each in body["items"] if each not in own] == []
        else:
            assert body["code"] == "invalid"

    hold()


def _is_utf8(text: str) -> bool:
    return text.encode(errors="replace").decode() == text
