"""The third act: a live stream with gifts, settled, with signed words of two app stores and real waits.

    five viewers buy coins: by Stripe on the web, in the App Store, in Google Play · the reader announces a premium
    stream, and tickets are sold · it goes live, viewers come into its channel, one without a ticket is refused · gifts
    fly from all of them at once · one is banned, and put out of the channel · Apple takes a purchase back: coins below
    zero buy nothing · what signalling told is held against the feed · the reader loses the network, and the stream ends
    by the clock · it is settled: 70 % of each gift and ticket, rounded down, is the reader's · every token is tried

The reader is the one of the other acts, and so is the client.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

import requests

from chalicelib.kernel.money import COINS, coin_value, reader_share
from chalicelib.kernel.time import SECOND, rfc3339
from chalicelib.live import shards
from chalicelib.live.model.stream import HOST_UID
from chalicelib.wallet import statement
from infra.local.agora import notices
from infra.local.agora.device import ChannelRefused, Device
from infra.local.phone import Api, Json, Phone, entries, new_key, pay
from infra.local.proof import ChannelProof, prove_channels
from infra.local.stack import Stack
from infra.local.stream_watch import Shopping, StreamMoment, StreamWatch, listed
from infra.local.telling import Step, Telling
from infra.local.waiting import until
from infra.local.watch import dollars

T = TypeVar("T")

TICKET: Final = 125
"""Coins. 70 % of what it is worth is no whole number of cents."""
STORES: Final = {"web": "Stripe", "ios": "App Store", "android": "Google Play"}
_AT: Final = {"web": "on the web, by Stripe", "ios": "in the App Store", "android": "in Google Play"}

_BORN: Final = "1990-05-17"
_SOON: Final = 30.0
"""Seconds within which webhooks are here and the API does what it is asked, on two busy cores."""
_TICK: Final = 75.0
"""What a deadline may be late by, should the second clock have to do the first one's work."""
_TIMES_OUT: Final = 2.0
"""Seconds after which Agora finds that a phone is gone."""


@dataclass
class Viewer:
    """Somebody who watches, with an app on ``web``, ``ios`` or ``android``, and sends ``gifts`` in their order."""

    name: str
    where: str
    pack: str
    gifts: Sequence[str]
    api: Api
    device: Device
    bought: int = 0
    """Coins that they pay for …"""
    has: int = 0
    """… and that they had when they looked last."""
    leases: list[Json] = field(default_factory=list)

    def coins(self) -> int:
        """What they have; below zero where they owe some."""
        self.has = int(self.api.get("/v1/wallet")["coins"]["amount"])
        return self.has

    def buy_ticket(self, stream: str) -> None:
        self.api.post(f"/v1/streams/{stream}/ticket")

    def come_in(self, stream: str) -> None:
        """Be in the channel. Raises Refused, ChannelRefused."""
        media = self.api.post(f"/v1/streams/{stream}/join")["media"]
        self.leases.append(media)
        self.device.use(media)

    def give(self, stream: str, gift: str) -> Json:
        given: Json = self.api.post(f"/v1/streams/{stream}/gifts", {"gift": gift})
        return given


@dataclass(frozen=True, slots=True)
class Purse:
    """One person's coins, by their statement; ``left`` is what the wallet says."""

    name: str
    store: str
    bought: int
    tickets: int
    gifts: int
    taken_back: int
    left: int

    @property
    def adds_up(self) -> bool:
        return self.bought - self.tickets - self.gifts - self.taken_back == self.left


@dataclass(frozen=True, slots=True)
class Sales:
    """What was sold of one kind, and what each side has of its value, in cents."""

    kind: str
    count: int
    coins: int
    reader: int
    platform: int


@dataclass
class Show:
    """What came of the stream."""

    purses: list[Purse] = field(default_factory=list)
    leaders: list[Json] = field(default_factory=list)
    gifts: list[Json] = field(default_factory=list)
    """Oldest first."""
    sales: list[Sales] = field(default_factory=list)
    channels: ChannelProof | None = None


class ThirdAct:
    """A stream of ``reader``, with ``client`` among its viewers. ``show`` is what came of it."""

    def __init__(self, stack: Stack, telling: Telling, client: Phone, reader: Phone) -> None:
        self._stack = stack
        self._agora = stack.agora
        self._world = stack.world()
        self._reader = reader
        self._host = Device(stack.agora.url, notices.BROADCASTER)
        self._host_lease: Json = {}
        self.watch = StreamWatch(self._world, stack.agora, telling.screen.tell)
        mine = Telling(telling.screen, self.watch.look, telling.checks)
        self.play, self._tell, self._check, self._refused = mine.play, mine.tell, mine.check, mine.refused
        clara = self._viewer("Clara", "web", "coins_6500", [*["rose"] * 10, *["heart"] * 4, "diamond"], client.api)
        ben = self._viewer("Ben", "ios", "coins_2500", ["heart", *["rose"] * 9, "heart"])
        mia = self._viewer("Mia", "android", "coins_2500", [*["rose"] * 8, "star", "heart"])
        eve = self._viewer("Eve", "web", "coins_1200", ["rose"] * 6)
        dan = self._viewer("Dan", "ios", "coins_500", ["rose"] * 2)
        self._viewers = [clara, ben, mia, eve, dan]
        self._clara, self._ben, self._dan = clara, ben, dan
        self._in_app_store: dict[str, Json] = {}
        """Purchases there, by the viewer's name."""
        self._stream = ""
        self._before = (0, 0)
        self.show = Show()

    @property
    def steps(self) -> list[Step]:
        """In their order."""
        return [
            self._buy_coins,
            self._announce,
            self._go_live,
            self._send_gifts,
            self._ban,
            self._take_back,
            self._compare,
            self._lose_host,
            self._settle,
            self._look_at_channel,
        ]

    @property
    def people(self) -> dict[str, Api]:
        """Who watches, by name: each one's way to the API."""
        return {each.name: each.api for each in self._viewers}

    @property
    def shown(self) -> Shopping | StreamMoment:
        """The stream, once there is one."""
        buyers = tuple((each.name, STORES[each.where], each.has, each.bought) for each in self._viewers)
        return self.watch.moment or Shopping(buyers)

    def close(self) -> None:
        """Leave no phone and no watcher behind."""
        self.watch.stop()
        self._host.close()
        for each in self._viewers:
            each.device.close()
            each.api.close()

    # --- the acts -------------------------------------------------------------------------------

    def _buy_coins(self) -> None:
        """Viewers buy coins, each where their app is."""
        clara, ben = self._clara, self._ben
        self._all(self._buy)
        bens = self._in_app_store[ben.name]
        self._refused(
            "an app for iOS sells no coins by Stripe",
            403,
            lambda: ben.api.post("/v1/coins/checkout", {"pack": ben.pack, "where": "ios"}),
        )
        self._refused("Ben's purchase is nobody else's", 403, lambda: self._hand_in(clara, bens))
        self._hand_in(ben, bens)
        self._tell("stores", "are awaited: Stripe's webhooks and Apple's notifications")
        until(
            "all the coins: have the stores told of them?",
            lambda: self._apple_was_heard() and self._all_have_their_coins(),
            seconds=_SOON,
            every=0.5,
        )
        self._check("handed in twice, and told by Apple: Ben has his coins once", held=True)
        bought = sum(each.bought for each in self._viewers)
        self._check(f"everybody has what they paid for, {bought:,} coins in all", held=True)

    def _announce(self) -> None:
        """The reader announces a stream, and tickets are sold."""
        wanted = {"title": "Full moon", "visibility": "premium", "price": TICKET}
        stream = self._reader.api.post("/v1/streams", wanted)
        self._stream = stream["id"]
        self._before = self._earned(), self._fees()
        self._tell("reader", f"announces “{stream['title']}”: a ticket is {TICKET} coins")
        self.watch.follow(self._stream)
        early = self._viewers[:-1]
        for each in early:
            each.buy_ticket(self._stream)
        self._tell("viewer", f"{listed([each.name for each in early])} buy one")
        self._refused("who has a ticket buys no second", 409, lambda: self._clara.buy_ticket(self._stream))
        self._check("nothing of it is earned yet", held=self._earned() == self._before[0])

    def _go_live(self) -> None:
        """The stream goes live, and viewers come."""
        self._host_lease = self._reader.api.post(f"/v1/streams/{self._stream}/start")["media"]
        self._host.use(self._host_lease)
        self._tell("reader", "is live, and broadcasts")
        *early, dan = self._viewers
        self._all(self._come_in, early)
        self._refused("without a ticket nobody comes in", 403, lambda: dan.come_in(self._stream))
        self._refused("and nobody gives", 403, lambda: dan.give(self._stream, "rose"))
        self._tell("viewer", "Dan buys one and comes in")
        dan.buy_ticket(self._stream)
        self._come_in(dan)
        everybody = len(self._viewers)
        until(
            f"Agora's word of {everybody} viewers and the reader",
            lambda: self.watch.viewers == everybody and self.watch.stream.gone_since is None,
            seconds=_SOON,
        )
        seen = self._reader.api.get(f"/v1/streams/{self._stream}")
        self._check(
            f"{everybody} watch, by Agora's notices alone",
            held=(seen["viewers"], seen["peak"]) == (everybody, everybody),
            saw=f"{seen['viewers']}, peak {seen['peak']}",
        )

    def _send_gifts(self) -> None:
        """Gifts fly, from everybody at once."""
        rose = next(each for each in self._reader.api.get("/v1/gifts")["items"] if each["id"] == "rose")
        worth = dollars(coin_value(100, self._world.settings.cents_per_100_coins))
        self._tell("gifts", f"a rose is {rose['coins']} coins; 100 coins count as {worth}")
        many = sum(len(each.gifts) for each in self._viewers)
        self._tell("viewer", f"{len(self._viewers)} people send {many} gifts, all at the same time")
        given = self._all(self._give_all)
        feed = self.show.gifts = list(entries(self._reader.api, f"/v1/streams/{self._stream}/gifts"))[::-1]
        self._check(
            f"{many} gifts are in the feed, each once",
            held=sorted(each["id"] for each in feed) == sorted(gift["id"] for gifts in given for gift in gifts),
            saw=f"{len(feed)} are",
        )
        totals = {
            each.name: sum(gift["coins"] for gift in gifts) for each, gifts in zip(self._viewers, given, strict=True)
        }
        board = self.show.leaders = until("a whole leaderboard", lambda: self._board(totals), seconds=_SOON)
        first = board[0]
        self._check(
            f"the leaderboard is true: {first['sender']['display_name']} leads by {first['coins']:,}", held=True
        )
        used = sum(head.seq > 0 for head in shards.heads(self._world, self.watch.stream))
        self._check(f"what they bring gathers on {used} accounts of the stream", held=used > 1)

    def _ban(self) -> None:
        """One is banned, and put out of the channel."""
        dan, uid = self._dan, self._dan.leases[-1]["uid"]
        user = dan.api.get("/v1/me")["id"]
        self._tell("reader", "bans Dan")
        self._reader.api.post(f"/v1/streams/{self._stream}/ban", {"user": user, "banned": True})
        until("Agora having put Dan out", lambda: uid not in self._agora.uids_in(self._stream), seconds=_TICK)
        until("Dan counting no more", lambda: self.watch.viewers == len(self._viewers) - 1, seconds=_SOON)
        try:
            Device(self._agora.url, notices.AUDIENCE).join(dan.leases[-1])
        except ChannelRefused as refused:
            self._check(f"his token opens nothing any more ({refused.code})", held=refused.code == "banned")
        else:
            self._check("his token opens nothing any more", held=False, saw="it opens the channel")
        self._refused("he gets no other one", 403, lambda: dan.come_in(self._stream))
        self._refused("and gives nothing", 403, lambda: dan.give(self._stream, "rose"))

    def _take_back(self) -> None:
        """Apple takes a purchase back."""
        ben, before = self._ben, self._ben.coins()
        self._tell("apple", f"gives Ben his money back, and says so twice: {ben.bought:,} coins")
        told = self._at_apple("POST", f"purchases/{self._in_app_store[ben.name]['id']}/refund")
        self._at_apple("POST", f"notifications/{told['id']}/send")
        owed = before - ben.bought
        until(
            f"{owed} coins: has Apple's notification arrived?",
            lambda: self._apple_was_heard() and ben.coins() == owed,
            seconds=_SOON,
            every=0.5,
        )
        self._check(f"taken back once: Ben is at {owed:,} coins", held=owed < 0)
        self._refused("below zero nothing can be given", 402, lambda: ben.give(self._stream, "rose"))

    def _compare(self) -> None:
        """What signalling told is held against the feed."""
        feed = {each["id"] for each in self.show.gifts}
        until("signalling of each gift", lambda: feed <= self._told_gifts().keys(), seconds=_SOON)
        told = self._told_gifts()
        messages = sum(each["type"] == "gifts" for each in self._told())
        self._check(
            f"{len(feed)} gifts reached the viewers in {messages} messages, as in the feed",
            held=all(told.get(each["id"]) == each for each in self.show.gifts) and len(told) == len(feed),
            saw=f"{len(told)} were told",
        )
        until("word of the ban", lambda: ("viewer", "banned") in self._news(), seconds=_SOON)
        self._check("and so did the start, and the ban", held=("stream", "started") in self._news())

    def _lose_host(self) -> None:
        """The reader is gone, and the stream ends by the clock."""
        gone = self._world.settings.rules.host_gone
        self._tell("reader", f"loses the network; nobody ends the stream, {gone / SECOND:.0f} s may pass")
        self._host.lose_network(_TIMES_OUT)
        until("the stream being over", lambda: not self.watch.stream.is_open, seconds=gone / SECOND + _TICK)
        over = self._reader.api.get(f"/v1/streams/{self._stream}")
        due = rfc3339(self._second_of_leave() + gone)
        self._check(
            f"ended by itself, {gone / SECOND:.0f} s after the second that Agora named",
            held=over["reason"] == "host_gone" and over["ended_at"] == due,
            saw=f"{over['reason']} at {over['ended_at']}, not {due}",
        )
        self._refused("too late to give", 409, lambda: self._clara.give(self._stream, "rose"))
        until("word of the end", lambda: ("stream", "ended") in self._news(), seconds=_SOON)

    def _settle(self) -> None:
        """What was earned is settled."""
        until("the settlement", lambda: self.watch.stream.state == "finalized", seconds=_TICK)
        gifts = [each["coins"] for each in self.show.gifts]
        tickets = [TICKET] * len(self._viewers)
        sales = self.show.sales = [self._sales("gifts", gifts), self._sales("tickets", tickets)]
        readers, platforms = sum(each.reader for each in sales), sum(each.platform for each in sales)
        earned, fees = self._earned() - self._before[0], self._fees() - self._before[1]
        self._check(
            f"the reader has 70 % of each gift and ticket: {dollars(readers)}",
            held=earned == readers,
            saw=dollars(earned),
        )
        self._check(f"the platform has the rest: {dollars(platforms)}", held=fees == platforms, saw=dollars(fees))
        heads = shards.heads(self._world, self.watch.stream)
        left = statement.trial_balance(self._world).accounts.get((f"gift:{self._stream}", "usd"), 0)
        self._check(
            f"all {len(heads)} accounts of the stream are closed and empty",
            held=all(head.closed and not head.balance for head in heads) and not left,
        )
        purses = self.show.purses = [self._purse(each) for each in self._viewers]
        burnt = statement.trial_balance(self._world).sum_of("platform:burnt", COINS)
        self._check(
            "coins bought, less spent and taken back, are the coins left",
            held=all(each.adds_up for each in purses) and burnt == sum(gifts) + sum(tickets),
            saw=str(burnt),
        )

    def _look_at_channel(self) -> None:
        """Every token of the stream is tried again."""
        leases = [self._host_lease, *(lease for each in self._viewers for lease in each.leases)]
        until("the channel being closed", lambda: not self.watch.stream.owes_removal, seconds=_TICK)
        found = self.show.channels = prove_channels(self._agora, [self._stream], leases)
        self._check(
            f"its channel is closed and empty, {found.tokens} tokens tried: none opens",
            held=not found.faults,
            saw="; ".join(found.faults),
        )

    # --- buying ---------------------------------------------------------------------------------

    def _viewer(self, name: str, where: str, pack: str, gifts: Sequence[str], api: Api | None = None) -> Viewer:
        key = new_key()
        token = self._stack.token(f"local|play-{key}", name=name, email=f"{name.lower()}-{key}@example.test")
        api = api or Api(self._stack.api_url, token)
        return Viewer(name, where, pack, gifts, api, Device(self._stack.agora.url, notices.AUDIENCE))

    def _buy(self, viewer: Viewer) -> None:
        """A pack, where the viewer's app buys such: the store's word of it comes when it comes."""
        viewer.api.call("PATCH", "/v1/me", {"birth_date": _BORN})
        shop = viewer.api.get(f"/v1/coins/packs?where={viewer.where}")
        (pack,) = [each for each in shop["packs"] if each["id"] == viewer.pack]
        viewer.bought = pack["coins"]
        self._tell("viewer", f"{viewer.name} buys {pack['coins']:,} coins {_AT[viewer.where]}")
        match pack["rails"]:
            case ["stripe"]:
                wanted = {"pack": pack["id"], "where": viewer.where}
                pay(viewer.api.post("/v1/coins/checkout", wanted)["checkout_url"], "4242 4242 4242 4242")
            case ["apple"]:
                bought = {"account_token": shop["account_token"], "product": pack["id"]}
                purchase = self._in_app_store[viewer.name] = self._at_apple("POST", "purchases", bought)
                self._tell("apple", f"signs {viewer.name}'s purchase; the API checks its certificates")
                self._hand_in(viewer, purchase)
            case ["google"]:
                token = self._stack.google.buy(pack["id"], shop["account_token"])["id"]
                viewer.api.post("/v1/coins/google", {"product_id": pack["id"], "purchase_token": token})
        viewer.coins()

    def _hand_in(self, viewer: Viewer, purchase: Json) -> None:
        viewer.api.post("/v1/coins/apple", {"signed_transaction": purchase["signed_transaction"]})

    def _at_apple(self, method: str, what: str, body: Json | None = None) -> Json:
        """What a person or Apple does in the App Store."""
        answer = requests.request(method, f"{self._stack.apple.url}/_local/{what}", json=body or {}, timeout=_SOON)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def _all_have_their_coins(self) -> bool:
        """Asks for each of them, so that each is shown."""
        return [each.coins() for each in self._viewers] == [each.bought for each in self._viewers]

    def _apple_was_heard(self) -> bool:
        told = self._at_apple("GET", "notifications")["data"]
        return all(each["state"] == "delivered" for notification in told for each in notification["deliveries"])

    # --- watching and looking -------------------------------------------------------------------

    def _all(self, act: Callable[[Viewer], T], viewers: Sequence[Viewer] = ()) -> list[T]:
        """What each of the viewers comes to, all of them at once."""
        with ThreadPoolExecutor(len(self._viewers)) as threads:
            return list(threads.map(act, viewers or self._viewers))

    def _come_in(self, viewer: Viewer) -> None:
        viewer.come_in(self._stream)
        self.watch.names[viewer.leases[-1]["uid"]] = viewer.name

    def _give_all(self, viewer: Viewer) -> list[Json]:
        return [viewer.give(self._stream, gift) for gift in viewer.gifts]

    def _board(self, totals: dict[str, int]) -> list[Json] | None:
        """The leaderboard once it is as it must be: it may be a moment behind."""
        items: list[Json] = self._reader.api.get(f"/v1/streams/{self._stream}/leaderboard")["items"]
        shown = [(each["sender"]["display_name"], each["coins"]) for each in items]
        falling = sorted(totals.values(), reverse=True)
        return items if dict(shown) == totals and [coins for _, coins in shown] == falling else None

    def _told(self) -> list[Json]:
        return [json.loads(each["payload"]) for each in self._agora.messages(self._stream)]

    def _told_gifts(self) -> dict[str, Json]:
        """By the id of each: what is told twice is one."""
        return {gift["id"]: gift for each in self._told() if each["type"] == "gifts" for gift in each["gifts"]}

    def _news(self) -> set[tuple[str, str]]:
        return {(each["type"], each["news"]) for each in self._told() if each["type"] != "gifts"}

    def _second_of_leave(self) -> int:
        """The beginning of the second in which Agora says that the host was out of the channel; 0 before."""
        _, left = notices.EVENTS[notices.BROADCASTER]
        told = [each["payload"] for each in self._agora.notices(self._stream) if each["event_type"] == left]
        return next((each["ts"] * SECOND for each in told if each["uid"] == HOST_UID), 0)

    def _earned(self) -> int:
        return int(self._reader.api.get("/v1/reader/earnings")["balance"]["amount"])

    def _fees(self) -> int:
        return statement.trial_balance(self._world).sum_of("platform:fees")

    def _sales(self, kind: str, coins: Sequence[int]) -> Sales:
        values = [coin_value(each, self._world.settings.cents_per_100_coins) for each in coins]
        reader = sum(map(reader_share, values))
        return Sales(kind, len(coins), sum(coins), reader, sum(values) - reader)

    def _purse(self, viewer: Viewer) -> Purse:
        moved: Counter[str] = Counter()
        for entry in entries(viewer.api, "/v1/wallet/entries?account=coins"):
            moved[entry["kind"]] += entry["amount"]["amount"]
        return Purse(
            name=viewer.name,
            store=STORES[viewer.where],
            bought=moved["coins_bought"],
            tickets=-moved["ticket"],
            gifts=-moved["gift"],
            taken_back=-moved["coins_taken_back"],
            left=viewer.coins(),
        )
