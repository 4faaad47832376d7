"""The fifth act: a shop. Products of Stripe's, five who want the last three, an order on a page, a file, a parcel.

    a product is made on Stripe's dashboard, and its price changed there · one is put away and nobody is told: the sync
    finds it · the reader sells a file, which is what was announced to the byte, once an admin has looked at it · five
    want three pieces at once · one who got a piece gives it back, one who had none holds it on a page, and lets that
    end · who asked in vain before buys it, with the file, by card and with a coupon · another has the file in the app,
    for coins · parcels are sent, and the file is given back: its link opens nothing any more, and each cent is told

Everybody was there before. Who wins the race differs from play to play; what is checked does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar

import requests

from chalicelib.kernel.money import COINS, coin_value, reader_share
from chalicelib.wallet import statement
from infra.local.desk import Dashboard, command, letters
from infra.local.pages import HAS_ONE, Counter, Customer, Page, Shelf, bought, good
from infra.local.phone import Api, Json, Phone, Refused, entries, pay
from infra.local.stack import Stack
from infra.local.telling import CannotGoOn, Step, Telling
from infra.local.waiting import until
from infra.local.watch import dollars

T = TypeVar("T")

DECK, FIRST_PRICE, PRICE, PIECES = "Tarot deck", 2_499, 1_995, 3
"""A thing of the platform's; cents, at first and then."""
GUIDE, GUIDE_PRICE, GUIDE_COINS = "Moon calendar", 400, 400
"""A file of the reader's."""
FILE: Final = b"%PDF-1.7\n" + b"new moon, half moon, full moon, half moon\n" * 5_000 + b"%%EOF\n"
OTHER: Final = FILE.replace(b"new", b"old")
"""As long as that, and another."""
CODE, PERCENT = "MOON10", 10
TOP_UP: Final = 3_000
SENDING: Final = "sending"

_ADDRESS: Final = {"name": "A Friend", "line1": "1 Main Street", "city": "Salem", "state": "MA"} | {
    "postal_code": "01970",
    "country": "US",
}
_CARD: Final = "4242 4242 4242 4242"
_SOON: Final = 30.0
"""Seconds within which Stripe's webhooks are here and the API does what it is asked, on two busy cores."""
_DONE: Final = ("--reason", "the fifth act", "--yes")


@dataclass(frozen=True, slots=True)
class Takings:
    """What came in for one kind of thing, and where it went; cents, coins by what they are worth."""

    what: str
    sold: int
    paid: int
    back: int
    """To who had paid it."""
    reader: int

    @property
    def platform(self) -> int:
        return self.paid - self.back - self.reader


class FifthAct:
    """What ``reader`` and the platform sell to those of ``people``. ``takings`` is what came of it."""

    def __init__(self, stack: Stack, telling: Telling, reader: Phone, people: Mapping[str, Api]) -> None:
        self._stack = stack
        self._world = stack.world()
        self._stripe = Dashboard(stack.stripe.url)
        self._admin = partial(command, self._world)
        self._reader, self._people = reader, people
        self._tell, self._check, self._refused = telling.tell, telling.check, telling.refused
        self._deck = self._guide = ""
        self._rate: Json = {}
        self._credit: dict[str, int] = {}
        """What each had before the race, …"""
        self._words: dict[str, str] = {}
        """… and what became of them."""
        self._orders: dict[str, tuple[str, str]] = {}
        """Those that were paid: who ordered it, and its id, by what it is in the story."""
        self._link = ""
        self._before = (0, 0, 0)
        self.shown: Page | None = None
        """What the phone or the shop that one looks at shows, once it has something."""
        self.takings: Sequence[Takings] = ()

    @property
    def steps(self) -> list[Step]:
        """In their order."""
        return [
            self._stock_up,
            self._offer,
            self._rush,
            self._let_go,
            self._buy,
            self._fetch,
            self._send,
            self._give_back,
        ]

    # --- what is sold ---------------------------------------------------------------------------

    def _stock_up(self) -> None:
        """The catalogue is Stripe's."""
        self._before = self._standing()
        self._deck = self._sells(DECK, FIRST_PRICE)
        self._tell("stripe", f"a {DECK.lower()} is made on its dashboard, {dollars(FIRST_PRICE)}, and a candle")
        self._await_shelf(self._deck)
        candle = self._sells("Candle", 900)
        self._await_shelf(self._deck, candle)
        self._admin("products", "stock", self._deck, "--left", str(PIECES), *_DONE)
        self._tell("admin", f"soulseer products stock prod_… --left {PIECES}")
        price = self._stripe.post("prices", product=self._deck, currency="usd", unit_amount=PRICE)
        self._stripe.post(f"products/{self._deck}", default_price=price["id"])
        self._tell("stripe", f"has another price for it, {dollars(PRICE)}")
        until("the new price", lambda: self._priced() == PRICE, seconds=_SOON)
        self._shelf()
        self._check(
            f"so has the shop, by the signed event: {dollars(PRICE)}, {PIECES} left", held=self._left() == PIECES
        )
        self._stripe.pull(f"products/{candle}", "PUT", active=False)
        stale = self._shelf()
        self._tell("stripe", "the candle is put away, and the event of it is lost")
        (run,) = self._admin("products", "sync", *_DONE)
        self._tell("admin", f"soulseer products sync: {run['seen']} compared with Stripe, {run['changed']} mended")
        self._check("it was still for sale before the sync", held=candle in stale and run["changed"] == 1)
        self._refused("and is not any more", 404, lambda: self._seen(candle))
        self._shelf()

    def _offer(self) -> None:
        """A reader sells a file."""
        reader = self._reader.api
        wanted = {"name": GUIDE, "description": "A year of moons.", "kind": "digital"}
        made = reader.post("/v1/reader/products", wanted | {"price": GUIDE_PRICE, "coins": GUIDE_COINS})
        self._guide = made["id"]
        self._tell("reader", f"offers a file, {dollars(GUIDE_PRICE)}, and announces its SHA-256")
        self._refused("other bytes than were announced", 422, lambda: self._upload(FILE, OTHER))
        file = self._upload(FILE, FILE)
        self._check(
            f"{file['size']:,} bytes are taken up as {file['sha256'][:12]}…",
            held=file["sha256"] == sha256(FILE).hexdigest(),
        )
        self._refused("nobody sees it before an admin has", 404, lambda: self._seen(self._guide))
        self._admin("products", "approve", self._guide, *_DONE)
        self._tell("admin", "soulseer products approve prd_…")
        self._await_shelf(self._deck, self._guide)
        at_stripe = {each["id"] for each in self._stripe.listed("products", active="true")}
        self._check("it is at Stripe too, and on sale", held=self._guide in at_stripe)

    # --- the last pieces ------------------------------------------------------------------------

    def _rush(self) -> None:
        """Five want the last three."""
        (self._rate,) = self._anybody.get("/v1/shipping-rates?country=US")["items"]
        self._words = dict.fromkeys(self._people, "tops up")
        self._look_at_counter()
        self._all(self._top_up)
        self._credit = {name: self._credit_of(name) for name in self._people}
        self._look_at_counter()
        cost = PRICE + self._rate["amount"]["amount"]
        self._tell("buyer", f"{len(self._people)} order one at the same moment, {dollars(cost)} from their credit")
        self._all(self._order_one)
        self._look_at_counter()
        winners = [name for name, word in self._words.items() if word == HAS_ONE]
        self._check(
            f"{PIECES} have one, {len(self._people) - PIECES} hear out_of_stock, none is left",
            held=len(winners) == PIECES
            and sorted(self._words.values())[PIECES:] == ["out_of_stock"] * (len(self._people) - PIECES)
            and self._left() == 0,
            saw=", ".join(self._words.values()),
        )
        if len(winners) != PIECES:
            raise CannotGoOn(f"{len(winners)} of {PIECES} pieces were sold")
        paid = {name: before - self._credit_of(name) for name, before in self._credit.items()}
        self._check(
            "who has none has paid nothing, and who has one paid once",
            held=all(cents == (cost if name in winners else 0) for name, cents in paid.items()),
            saw=str(paid),
        )

    def _let_go(self) -> None:
        """A piece that nobody pays for is for sale again."""
        winner, (_, order) = next(iter(self._orders.items()))
        holder, other = self._in_vain
        self._people[winner].post(f"/v1/orders/{order}/cancel")
        self._words[winner] = "called it off"
        self._look_at_counter()
        self._check(
            f"{winner} calls the order off: all the credit is back, and the piece",
            held=self._credit_of(winner) == self._credit[winner] and self._left() == 1,
        )
        self._words[holder] = "on Stripe's page"
        page = self._order(holder, "stripe", self._deck)
        self._look_at_counter()
        self._tell("buyer", f"{holder} goes to Stripe's page, and does not pay")
        self._refused(f"until that has ended it is {holder}'s", 409, lambda: self._order(other, "credit", self._deck))
        self._stripe.post(f"checkout/sessions/{page['checkout_url'].rsplit('/', 1)[-1]}/expire")
        self._tell("stripe", "ends the page, as it does by itself after half an hour")
        until("the piece being back", lambda: self._left() == 1, seconds=_SOON)
        self._words[holder] = "was too slow"
        self._look_at_counter()
        seen = self._people[holder].get(f"/v1/orders/{page['id']}")
        self._check(
            "its order is called off, and the piece for sale",
            held=(seen["state"], seen["cancelled_for"]) == ("cancelled", "expired"),
            saw=seen["state"],
        )

    # --- a file ---------------------------------------------------------------------------------

    def _buy(self) -> None:
        """By card and with a coupon: the piece, and the file."""
        _, buyer = self._in_vain
        coupon = self._stripe.post("coupons", percent_off=PERCENT, duration="once")
        self._stripe.post("promotion_codes", code=CODE, promotion__type="coupon", promotion__coupon=coupon["id"])
        order = self._order(buyer, "stripe", self._deck, self._guide, coupon=CODE)
        self._look_at(buyer, order)
        off, total = order["discount"]["amount"]["amount"], order["total"]["amount"]
        self._tell("buyer", f"{buyer} orders both with {CODE}: {dollars(off)} off, {dollars(total)} to pay")
        parts = [each["amount"]["amount"] for each in order["items"]]
        whole = PRICE + GUIDE_PRICE
        self._check(
            f"the coupon is divided to the cent: {' and '.join(dollars(each) for each in parts)} are left",
            held=sum(parts) == whole - off and total == sum(parts) + self._rate["amount"]["amount"],
        )
        pay(order["checkout_url"], _CARD)
        self._tell("stripe", "takes the card on its page, and says so")

        def paid() -> Json | None:
            now = self._look_at(buyer, self._people[buyer].get(f"/v1/orders/{order['id']}"))
            return now if [each["state"] for each in now["items"]] == ["paid", "fulfilled"] else None

        until("the order being paid, and the file the buyer's", paid, seconds=_SOON)
        self._orders["both"] = buyer, order["id"]
        self._check("by Stripe's word alone: the file is theirs, the deck waits", held=True)

    def _fetch(self) -> None:
        """The file is fetched, and bought in an app for coins."""
        buyer, order = self._orders["both"]
        made = self._people[buyer].post(f"/v1/orders/{order}/items/2/download")
        self._link = made["url"].removeprefix(self._stack.api_url)
        fan = next(name for name in self._people if name != buyer and self._coins_of(name) >= GUIDE_COINS)
        self._refused(f"with {fan}'s token the link opens nothing", 403, lambda: self._people[fan].get(self._link))
        opened = self._people[buyer].get(self._link)
        content = requests.get(opened["url"], timeout=_SOON).content
        self._look_at(buyer, self._people[buyer].get(f"/v1/orders/{order}"))
        digest = sha256(content).hexdigest()
        self._check(
            f"with {buyer}'s, {len(content):,} bytes: SHA-256 {digest[:12]}…, as uploaded",
            held=content == FILE and digest == opened["sha256"],
            saw=f"{len(content)} bytes",
        )
        self._refused(
            "an app for iOS sells no file by Stripe", 403, lambda: self._order(fan, "stripe", self._guide, where="ios")
        )
        had = self._coins_of(fan)
        bought_so = self._order(fan, "coins", self._guide, where="ios")
        self._orders["coins"] = fan, bought_so["id"]
        self._look_at(fan, bought_so)
        self._tell("buyer", f"{fan} buys it in the app, for {GUIDE_COINS} coins")
        self._check(
            "the coins are gone, and the file is there, at once",
            held=bought_so["state"] == "fulfilled" and had - self._coins_of(fan) == GUIDE_COINS,
            saw=bought_so["state"],
        )

    # --- parcels, and what goes back ------------------------------------------------------------

    def _send(self) -> None:
        """Parcels are sent, and buyers told."""
        buyer, order = self._orders["both"]
        waiting = self._admin("orders", "list", "--to-ship")
        self._tell("admin", f"soulseer orders list --to-ship: {len(waiting)} parcels")
        for number, each in enumerate(waiting, 1):
            self._admin("orders", "ship", each["id"], "--carrier", "USPS", "--tracking", f"94001{number:05}", *_DONE)
        self._tell("admin", "soulseer orders ship ord_… --carrier USPS --tracking …")
        seen = self._look_at(buyer, self._people[buyer].get(f"/v1/orders/{order}"))
        tracking = seen["items"][0]["tracking"]
        self._check("nothing waits to be sent any more", held=not self._admin("orders", "list", "--to-ship"))
        letter = until("a letter that it was sent", lambda: self._letter_of(order, tracking), seconds=_SOON)
        self._tell("mail", f"to {buyer}: “{letter['Subject']}”")
        said = letter["BodyText"]
        self._check(
            f"it names the number to follow it by, {tracking}, and no address",
            held=tracking in said and not any(each in said for each in ("Main Street", "Salem")),
        )

    def _give_back(self) -> None:
        """The file is given back, and each cent is told."""
        buyer, order = self._orders["both"]
        api, (earned, fees, _) = self._people[buyer], self._standing()
        price = api.get(f"/v1/orders/{order}")["items"][1]["amount"]["amount"]
        self._admin("orders", "refund", order, "--item", "2:1", "--ref", "ticket-1", *_DONE)
        self._tell("admin", "soulseer orders refund ord_… --item 2:1")

        def arrived() -> Json | None:
            now = self._look_at(buyer, api.get(f"/v1/orders/{order}"))
            return now if all(each["done"] for each in now["refunds"]) else None

        back = until("the refund at Stripe", arrived, seconds=_SOON)["refunded"]["amount"]
        now = self._standing()
        shares = earned - now[0], fees - now[1]
        self._check(
            f"{dollars(back)} to the card: {dollars(shares[0])} the reader's, {dollars(shares[1])} the platform's",
            held=back == price == sum(shares) and shares[0] == reader_share(price),
            saw=f"{back}, {shares}",
        )
        self._refused("the link of before opens nothing", 410, lambda: api.get(self._link))
        worth = self._world.settings.cents_per_100_coins
        earnings = sum(each["earned"]["amount"] for each in until("the sales", self._sales, seconds=_SOON))
        self.takings = takings(self._bought(), {GUIDE: earnings}, worth)
        readers, platforms = sum(each.reader for each in self.takings), sum(each.platform for each in self.takings)
        gained = [after - before for after, before in zip(now, self._before, strict=True)]
        self._check(
            f"of all that was sold the reader has {dollars(readers)}, the platform {dollars(platforms)}",
            held=gained[0] == readers and gained[1] + gained[2] == platforms,
            saw=str(gained),
        )

    # --- what people do -------------------------------------------------------------------------

    def _order(self, name: str, rail: str, *products: str, where: str = "web", coupon: str | None = None) -> Json:
        """One of each, sent to the same address."""
        wanted: Json = {"items": [{"product": each} for each in products], "rail": rail, "where": where}
        if self._deck in products:
            wanted |= {"address": _ADDRESS, "shipping_rate": self._rate["id"]}
        made: Json = self._people[name].post("/v1/orders", wanted | ({"coupon": coupon} if coupon else {}))
        return made

    def _order_one(self, name: str) -> None:
        try:
            self._orders[name] = name, self._order(name, "credit", self._deck)["id"]
            self._words[name] = HAS_ONE
        except Refused as refused:
            self._words[name] = refused.code

    def _top_up(self, name: str) -> None:
        """By Checkout; returns once the credit is there."""
        api, before = self._people[name], self._credit_of(name)
        pay(api.post("/v1/wallet/topups", {"amount": TOP_UP})["checkout_url"], _CARD)
        until(f"{name}'s credit", lambda: self._credit_of(name) == before + TOP_UP, seconds=_SOON)
        self._words[name] = "wants one"

    def _upload(self, announced: bytes, content: bytes) -> Json:
        """The product's file, of bytes that were announced as others perhaps. Raises Refused."""
        api, path = self._reader.api, f"/v1/reader/products/{self._guide}/file"
        told = {"name": "Moons.pdf", "media_type": "application/pdf", "size": len(announced)}
        form = api.post(path, told | {"sha256": sha256(announced).hexdigest()})
        requests.post(form["url"], data=form["fields"], files={"file": content}, timeout=_SOON).raise_for_status()
        file: Json = api.put(path, {"upload": form["id"]})
        return file

    def _sells(self, name: str, cents: int) -> str:
        """The id of a thing that is made on Stripe's dashboard."""
        made = self._stripe.post(
            "products",
            name=name,
            shippable="true",
            default_price_data__currency="usd",
            default_price_data__unit_amount=cents,
        )
        return str(made["id"])

    def _all(self, act: Callable[[str], T]) -> list[T]:
        """What each comes to, all of them at once."""
        with ThreadPoolExecutor(len(self._people)) as threads:
            return list(threads.map(act, self._people))

    # --- looking --------------------------------------------------------------------------------

    @property
    def _anybody(self) -> Api:
        return next(iter(self._people.values()))

    @property
    def _in_vain(self) -> tuple[str, str]:
        """The two who asked when none was left."""
        first, second = (name for name in self._people if name not in self._orders)
        return first, second

    def _shelf(self) -> set[str]:
        """The ids of what is on sale, which is shown."""
        items = self._anybody.get("/v1/products")["items"]
        self.shown = Shelf(tuple(map(good, items)))
        return {each["id"] for each in items}

    def _await_shelf(self, *products: str) -> None:
        until("the shop as Stripe has it", lambda: self._shelf() == set(products), seconds=_SOON)

    def _look_at_counter(self) -> None:
        now = {name: self._credit_of(name) for name in self._people}
        customers = [Customer(name, now[name], self._credit.get(name, TOP_UP), self._words[name]) for name in now]
        self.shown = Counter(DECK, PRICE, self._left(), tuple(customers))

    def _look_at(self, owner: str, order: Json) -> Json:
        """The order, shown as its owner's phone has it."""
        self.shown = bought(owner, order)
        return order

    def _seen(self, product: str) -> Json:
        found: Json = self._anybody.get(f"/v1/products/{product}")
        return found

    def _priced(self) -> int:
        return int(self._seen(self._deck)["price"]["amount"])

    def _left(self) -> int:
        return int(self._seen(self._deck)["left"])

    def _credit_of(self, name: str) -> int:
        return int(self._people[name].get("/v1/wallet")["credit"]["total"]["amount"])

    def _coins_of(self, name: str) -> int:
        return int(self._people[name].get("/v1/wallet")["coins"]["amount"])

    def _letter_of(self, order: str, tracking: str) -> Json | None:
        return next(
            (each for each in letters(self._stack) if order in each["BodyText"] and tracking in each["BodyText"]), None
        )

    def _sales(self) -> list[Json] | None:
        """What the reader has sold, once all of it is listed."""
        found = list(entries(self._reader.api, "/v1/reader/sales"))
        files = sum(GUIDE in {each["name"] for each in order["items"]} for order in self._bought())
        return found if len(found) == files else None

    def _bought(self) -> list[Json]:
        """All that was paid, as it is now."""
        return [self._people[name].get(f"/v1/orders/{order}") for name, order in self._orders.values()]

    def _standing(self) -> tuple[int, int, int]:
        """Cents: the reader's earnings, the platform's fees, and its own sales."""
        trial = statement.trial_balance(self._world)
        earned = int(self._reader.api.get("/v1/reader/earnings")["balance"]["amount"])
        return earned, trial.sum_of("platform:fees"), trial.sum_of("platform:sales")


def takings(orders: Iterable[Json], earned: Mapping[str, int], cents_per_100_coins: int) -> list[Takings]:
    """What ``orders`` brought, as their buyers' phones have them: by product, and last of all for sending them.

    ``earned`` is what readers have of products, by their names. What went back of an item went back whole.
    """
    parts = [part for order in orders for part in _parts(order, cents_per_100_coins)]
    rows = []
    for what in sorted(dict.fromkeys(part.what for part in parts), key=lambda each: each == SENDING):
        mine = [part for part in parts if part.what == what]
        sold, paid, back = (sum(getattr(part, name) for part in mine) for name in ("sold", "paid", "back"))
        rows.append(Takings(what, sold, paid, back, earned.get(what, 0)))
    return rows


def _parts(order: Json, cents_per_100_coins: int) -> list[Takings]:
    """Item by item, without what readers have of it, and the sending."""

    def cents(money: Json) -> int:
        amount = int(money["amount"])
        return coin_value(amount, cents_per_100_coins) if money["currency"] == COINS else amount

    parts = []
    for each in order["items"]:
        paid = cents(each["amount"])
        parts.append(Takings(each["name"], each["quantity"], paid, paid if each["state"] == "refunded" else 0, 0))
    if order["shipping"]:
        back = cents(order["refunded"]) - sum(part.back for part in parts)
        parts.append(Takings(SENDING, 1, cents(order["shipping"]["amount"]), back, 0))
    return parts
