"""What the phones of the fourth act and the fifth show: a conversation, a mailbox, a thread; a shop and an order.

Each is made of what the API or the post answered last, and of nothing that a phone could not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.kernel.money import COINS
from infra.local.phone import Json
from infra.local.watch import dollars

HAS_ONE: Final = "has one"
"""What became of a customer who got a piece."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message. ``text`` is None where it was not given."""

    who: str
    text: str | None
    price: int
    """Cents; 0 for one that is free."""
    locked: bool
    files: int


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as the phone of ``owner`` got it, who has so many cents of credit. Newest last."""

    owner: str
    credit: int
    bubbles: tuple[Bubble, ...] = ()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What ``owner`` was told: in the inbox, and by the newest letter, whose parts are plain text and HTML."""

    owner: str
    unread: int
    newest: str
    """The title of the inbox's newest line."""
    letters: int
    subject: str = ""
    text: str = ""
    html: str = ""
    by_mail: bool = True
    """Whether letters of that kind are still wanted."""


@dataclass(frozen=True, slots=True)
class Written:
    """One post. ``html`` is what apps show of it."""

    who: str
    html: str
    standing: str


@dataclass(frozen=True, slots=True)
class Board:
    """A thread as the phone of ``viewer`` got it, and how many have reported its newest post."""

    viewer: str
    title: str
    posts: tuple[Written, ...] = ()
    reports: int = 0
    verdict: str = ""
    """What a moderator decided."""


@dataclass(frozen=True, slots=True)
class Good:
    """One product as everybody sees it, for so many cents. ``left`` is None where that is not told."""

    name: str
    sort: str
    price: int
    coins: int | None = None
    seller: str | None = None
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is on sale, the newest first."""

    goods: tuple[Good, ...] = ()


@dataclass(frozen=True, slots=True)
class Customer:
    """One of those who want a piece: cents of credit now and before, and what became of it."""

    name: str
    credit: int
    before: int
    word: str = ""


@dataclass(frozen=True, slots=True)
class Counter:
    """Who wants pieces of one product, of which so many are left."""

    product: str
    price: int
    left: int
    customers: tuple[Customer, ...] = ()


@dataclass(frozen=True, slots=True)
class Bought:
    """An order as the phone of ``owner`` got it. Each line is what, how much, and what there is to say of it."""

    owner: str
    state: str
    total: str
    lines: tuple[tuple[str, str, str], ...] = ()


Page = Chat | Mailbox | Board | Shelf | Counter | Bought


def chat(owner: str, credit: int, newest_first: Sequence[Json], names: Mapping[str, str]) -> Chat:
    """Of a page of messages; ``names`` are those of the senders, by id."""
    bubbles = [
        Bubble(
            who=names.get(each["sender"], "somebody"),
            text=each["text"],
            price=each["price"]["amount"] if each["price"] else 0,
            locked=each["locked"],
            files=each["attachment_count"],
        )
        for each in reversed(newest_first)
    ]
    return Chat(owner, credit, tuple(bubbles))


def board(viewer: str, page: Json, reports: int = 0, verdict: str = "") -> Board:
    """Of a thread with its posts, oldest first."""
    posts = [
        Written((each["author"] or {}).get("display_name", "nobody"), each["html"], each["standing"])
        for each in page["items"]
    ]
    return Board(viewer, page["thread"]["title"] or "", tuple(posts), reports, verdict)


def good(product: Json) -> Good:
    return Good(
        name=product["name"],
        sort=_SORTS[product["kind"]],
        price=product["price"]["amount"],
        coins=product["coins"],
        seller=product["seller"]["display_name"] if product["seller"] else None,
        left=product["left"],
    )


def bought(owner: str, order: Json) -> Bought:
    """Of an order, item by item, with what a coupon took off, what sending costs, and what went back."""
    lines = [(_SORTS[each["kind"]], money(each["amount"]), _standing(each)) for each in order["items"]]
    if coupon := order["discount"]:
        lines.append(("coupon", f"-{money(coupon['amount'])}", f"{coupon['code']}, off the prices above already"))
    if sending := order["shipping"]:
        lines.append(("shipping", money(sending["amount"]), sending["name"]))
    if order["refunded"]["amount"]:
        arrived = all(each["done"] for each in order["refunds"])
        way = _BACK[order["rail"]] if arrived else "on its way back"
        lines.append(("back", f"-{money(order['refunded'])}", way))
    return Bought(owner, order["state"], f"{money(order['total'])} {_PAID[order['rail']]}", tuple(lines))


def money(told: Json) -> str:
    """``$12.05``, or ``400 coins``."""
    return f"{told['amount']:,} coins" if told["currency"] == COINS else dollars(told["amount"])


_SORTS: Final = {"physical": "thing", "digital": "file"}
_PAID: Final = {"stripe": "on a page of Stripe's", "credit": "from credit", "coins": "in all"}
_BACK: Final = {"stripe": "to the card", "credit": "to the credit", "coins": "to the wallet"}


def _standing(item: Json) -> str:
    """``Tarot deck, shipped: USPS 9400…``; of several, how many."""
    many = f"{item['quantity']} x " if item["quantity"] > 1 else ""
    carried = f": {item['carrier']} {item['tracking']}" if item["tracking"] else ""
    return f"{many}{item['name']}, {item['state']}{carried}"


def paragraph(part: str) -> str:
    """The first line of a letter after its greeting: of the plain text, and with its marks of the HTML."""
    lines = [line.strip() for line in part.splitlines() if line.strip()]
    greeting = next((place for place, line in enumerate(lines) if "Hello " in line), -1)
    return lines[greeting + 1] if greeting + 1 < len(lines) else ""
