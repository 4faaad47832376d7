"""What the functions do to tables while money moves, they may do: a right that is missing shows on AWS alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts import suppression
from chalicelib.accounts.model.limits import Wanted
from chalicelib.community import service as community
from chalicelib.dashboards import service as dashboards
from chalicelib.gateways import World
from chalicelib.gateways.agora import Notice
from chalicelib.gateways.appstore import WHOLE, Notification, Transaction
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import DAY, MINUTE, SECOND, rfc3339
from chalicelib.live import service as streams
from chalicelib.live import watching
from chalicelib.live.model.stream import HOST_UID
from chalicelib.moderation import service as moderation
from chalicelib.moderation.store import cases
from chalicelib.notifications import bounces
from chalicelib.notifications.handlers import told_again
from chalicelib.notifications.model.notice import notice_of
from chalicelib.notifications.service import tell
from chalicelib.operations import deletions, exports, handlers
from chalicelib.payouts import payees, paying
from chalicelib.readers import service as readers
from chalicelib.runtime import outbox
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.runtime.tables import Check, Delete, Put
from chalicelib.sessions import afterwards, asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.shop import events
from chalicelib.wallet import apple, google, limits, purchases, recharges, refunds, topups
from chalicelib.wallet import events as stripe_events
from chalicelib.wallet.model import recharge
from chalicelib.wallet.model.purchase import Told, account_token
from chalicelib.wallet.recharge_store import recharges_of
from infra.local.google import orders
from tests.support.border import CLIENT, READER, Border, border
from tests.support.desk import Desk, a_case_to_its_end
from tests.support.duo import Duo
from tests.support.events import checkout_event, dispute_event
from tests.support.forum import Forum
from tests.support.memory import MemoryTables
from tests.support.pages import Pages
from tests.support.pals import Pals
from tests.support.people import person
from tests.support.play import OfflinePlay
from tests.support.privileges import BY_FUNCTION, Right
from tests.support.purse import OWNER, Purse
from tests.support.show import Show
from tests.support.worlds import NOON, HandClock, hand_world

_WRITES: Final = {Put: "PutItem", Check: "ConditionCheckItem", Delete: "DeleteItem"}
_READS: Final = {"get": "GetItem", "get_many": "BatchGetItem", "query": "Query", "scan": "Scan"}


class Watched:
    """Tables that keep what was done to them."""

    def __init__(self, tables: Any) -> None:
        self._tables = tables
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, index: str | None = None, **named: Any) -> Any:
            if name in _READS and not (name == "get_many" and not given[1]):
                self._see(given[0] + (f"/index/{index}" if index else ""), _READS[name])
            return getattr(self._tables, name)(*given, **named, **({"index": index} if index else {}))

        return call

    def write(self, *operations: Any) -> None:
        for each in operations:
            self._see(each.table, _WRITES[type(each)])
        self._tables.write(*operations)

    def _see(self, table: str, action: str) -> None:
        self.seen.add(str(Right(f"table/{table}", f"dynamodb:{action}")))


class Unhurried:
    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def desk() -> Iterator[Border]:
    with border() as desk:
        desk.reader_is_ready()
        desk.pays(12_000)
        yield desk


def watched(desk: Border) -> Watched:
    tables = Watched(desk.tables)
    desk.world = replace(desk.world)
    object.__setattr__(desk.world, "tables", tables)
    return tables


def refused(function: str, watched: Watched) -> set[str]:
    return watched.seen - {str(right) for right, has in BY_FUNCTION[function].items() if has}


def test_the_tick_may_pay_readers_out_and_bring_on_what_waits(desk: Border) -> None:
    desk.earns(3_000)
    refunds.request(desk.world, CLIENT, "rfd_1", 500)
    desk.clock.forward(2 * DAY)
    tables = watched(desk)
    told = [handlers.work(desk.world, {"shard": shard}, Unhurried(), print) for shard in "01"]
    assert sum(each["failed"] for each in told) == 0
    assert len(paying.payouts_of(desk.world, READER, 10, None)[0]) == 1
    assert refused("billing_tick", tables) == set()


def test_the_reconciliation_may_prove_the_books_and_stop_payouts(desk: Border) -> None:
    desk.earns(3_000)
    paying.pay_out(desk.world, READER)
    refunds.request(desk.world, CLIENT, "rfd_1", 500)
    desk.hears()
    desk.pays(1_000, hears=False)
    desk.clock.forward(2 * DAY)
    tables = watched(desk)
    handlers.proven(desk.world, {}, Unhurried(), print)
    assert paying.why_frozen(desk.world)
    assert refused("reconcile", tables) == set()


def test_the_webhook_of_our_account_may_apply_every_event_that_moves_money(desk: Border) -> None:
    desk.earns(3_000)
    payout = paying.pay_out(desk.world, READER)
    assert payout
    refunds.request(desk.world, CLIENT, "rfd_1", 500)
    intent = desk.pays(2_000, hears=False)
    tables = watched(desk)
    desk.hears()
    desk.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": 700})
    dispute = desk.lever("disputes", charge=desk.stripe.v1.payment_intents.retrieve(intent).latest_charge)
    desk.hears()
    desk.lever(f"disputes/{dispute['id']}/close", outcome="won")
    desk.lever(f"transfers/{payout.transfer}/reverse", amount=500)
    desk.hears()
    assert refused("stripe_webhook", tables) == set()


def test_who_has_limits_is_no_riddle_to_the_webhook_of_our_account() -> None:
    purse = Purse(tables=(tables := Watched(MemoryTables())))  # type: ignore[arg-type]  # which hands on all there is
    purse.pays(5_000)
    purse.buys("coins_500", "c1")
    limits.set_limits(purse.world, OWNER, Wanted(100_000, None, None, None))
    told = purse.paid("coins_500", "c2")
    topup = topups.open_topup(purse.world, OWNER, "top_2", 1_000)
    tables.seen.clear()
    purse.tell(told, checkout_event("evt_2", "checkout.session.completed", topup))
    purse.tell(dispute_event("funds_withdrawn", "dp_1", "pi_top_c2", 699, "needs_response"))
    assert (purse.balance, purse.coins) == (6_000, 500)
    assert refused("stripe_webhook", tables) == set()


def test_a_top_up_of_who_has_limits_and_is_in_a_reading_may_charge_the_card_again() -> None:
    tables = Watched(MemoryTables())
    duo = Duo(hand_world(tables), "1").ready()
    has_bought_coins(duo.world, duo.client)
    rows = recharges_of(duo.world)
    was = rows.of(duo.client)
    card = recharge.Card("pm_1", "visa", "4242", 1, 2034, 1)
    tables.write(rows.keep(recharge.with_card(replace(was, customer="cus_1"), card), was))
    recharges.set_auto(duo.world, duo.client, recharge.Wanted(True, 1_000, 2_000, 20_000))
    limits.set_limits(duo.world, duo.client, Wanted(100_000, None, None, None))
    asking.create(duo.world, Side(duo.client, "Cee"), duo.session, duo.reader, "text")
    for who, command in ((duo.reader, commands.accept), (duo.client, commands.join), (duo.reader, commands.join)):
        duo.does(who, command)
    topup = topups.open_topup(duo.world, duo.client, "top_1", 500)
    duo.talked(19 * MINUTE)
    tables.seen.clear()
    stripe_events.apply_event(duo.world, checkout_event("evt_1", "checkout.session.completed", topup))
    assert recharges.settings_of(duo.world, duo.client).in_flight
    assert refused("stripe_webhook", tables) == set()


def test_notices_alone_may_begin_the_reading_of_who_has_limits() -> None:
    tables = Watched(MemoryTables())
    duo = Duo(hand_world(tables), "1").ready()
    has_bought_coins(duo.world, duo.client)
    limits.set_limits(duo.world, duo.client, Wanted(100_000, None, None, None))
    asking.create(duo.world, Side(duo.client, "Cee"), duo.session, duo.reader, "voice")
    duo.does(duo.reader, commands.accept)
    tables.seen.clear()
    for number, uid in enumerate(sessions._SIDES, 1):
        at = duo.forward(SECOND).world.now() // SECOND * SECOND
        sessions.hear(duo.world, Notice(duo.row().channel, uid, number, at, joined=True))
    assert duo.row().state == "active"
    assert refused("agora_webhook", tables) == set()


def test_notices_alone_may_end_a_stream_and_settle_it() -> None:
    tables = Watched(MemoryTables())
    show = Show(hand_world(tables)).live("premium", 300)
    ann = show.patron("ann")
    show.pays(ann)
    show.gives(ann)
    tables.seen.clear()
    for number, joined in ((2, False), (3, True)):
        at = show.forward((number - 2) * 3 * MINUTE).world.now() // SECOND * SECOND
        watching.hear(show.world, Notice(show.stream, HOST_UID, number, at, joined=joined))
    assert show.row.state == "finalized"
    assert refused("agora_webhook", tables) == set()


def test_a_notice_of_a_host_who_comes_too_late_may_give_the_tickets_back() -> None:
    tables = Watched(MemoryTables())
    show = Show(hand_world(tables)).scheduled("premium", 300)
    ann = show.patron("ann")
    show.pays(ann)
    streams.start(show.world, show.stream, show.host)
    tables.seen.clear()
    at = show.forward(3 * MINUTE).world.now() // SECOND * SECOND
    watching.hear(show.world, Notice(show.stream, HOST_UID, 1, at, joined=True))
    assert (show.row.state, show.coins(ann)) == ("finalized", 10_000)
    assert refused("agora_webhook", tables) == set()


def test_the_webhook_of_readers_accounts_may_apply_every_event_of_theirs(desk: Border) -> None:
    payee = payees.rows_of(desk.world).payee(READER)
    assert payee
    tables = watched(desk)
    about = {
        "account.updated": {"id": payee.account},
        "payout.failed": {"id": "po_1", "amount": 500, "currency": "usd"},
    }
    for kind, thing in about.items():
        event = {"id": f"evt_{kind}", "type": kind, "account": payee.account, "data": {"object": thing}}
        events.apply_connect_event(desk.world, event)
    assert refused("stripe_connect_webhook", tables) == set()


@pytest.mark.parametrize("function", ["stripe_webhook", "stripe_connect_webhook"])
def test_either_webhook_of_stripes_may_bring_an_order_to_any_end(function: str) -> None:
    """And what it is of to what Stripe says of it, for an endpoint may hear of both."""
    tables = Watched(MemoryTables())
    pages = Pages(hand_world(tables)).ready()
    pages.stripe.offers("TEN", percent_off=10, max_redemptions=5)
    for name, items in (("paid", {"book": 1, "spell": 1}), ("over", {"deck": 1}), ("late", {"deck": 1})):
        pages.opens(items, name, coupon="TEN")
    pages.cancels("late")
    pages.page("late").update(status="open")
    tables.seen.clear()
    pages.pays("paid")
    pages.runs_out("over")
    assert pages.pays("late").state == "refunded"
    pages.disputed("created", "needs_response", "paid").disputed("closed", "won", "paid")
    pages.given_back_by_hand(1, "paid")
    changed = {"id": "evt_product", "type": "product.updated", "data": {"object": {"id": pages.id_of("deck")}}}
    pages.tells(changed)
    assert refused(function, tables) == set()


def test_the_tick_may_look_after_orders_and_send_back_what_they_owe() -> None:
    tables = Watched(MemoryTables())
    pages = Pages(hand_world(tables)).ready()
    pages.opens({"deck": 1}, "paid")
    pages.opens({"deck": 1}, "over")
    pages.pays("paid")
    pages.stripe.down = True
    pages.cancels("paid")
    pages.stripe.down = False
    pages.forward(DAY)
    tables.seen.clear()
    told = [handlers.work(pages.world, {"shard": shard}, Unhurried(), print) for shard in "01"]
    assert (sum(each["advanced"] for each in told), sum(each["failed"] for each in told)) == (2, 0)
    assert (pages.order("paid").look_at, pages.order("over").state) == (None, "cancelled")
    assert refused("billing_tick", tables) == set()


def test_the_webhook_of_the_app_store_may_do_what_it_does_and_nothing_else() -> None:
    tables = Watched(MemoryTables())
    world = hand_world(tables)
    sign_in = accounts.sign_in(world, Claims("ada", None, "Ada"))
    accounts.agree(world, sign_in.id, "consumption", "1")
    tables.seen.clear()
    bought = Transaction("1", "coins_500", "Consumable", 1, account_token(sign_in.id), 0, NOON, "Sandbox")
    told = {
        "ONE_TIME_CHARGE": bought,
        "CONSUMPTION_REQUEST": bought,
        "REFUND": bought._replace(taken_back=WHOLE, at=NOON + 1),
        "REFUND_REVERSED": bought._replace(at=NOON + 2),
        "TEST": None,
    }
    for number, (kind, transaction) in enumerate(told.items()):
        apple.hear(world, Notification(f"{number}", kind, NOON, transaction))
    rights = {str(right) for right, has in BY_FUNCTION["apple_webhook"].items() if has and "table/" in str(right)}
    assert tables.seen == rights


def test_the_webhook_of_google_play_may_do_what_it_does_and_nothing_else() -> None:
    world = shop()
    play = world.play
    assert isinstance(play, OfflinePlay)
    tables = Watched(world.tables)
    watching = replace(world, tables=tables)
    first, second = (play.buy("coins_500", person(world, new_id("usr", NOON))) for _ in range(2))
    play.void(first)
    for notification in play.notifications(second) + play.notifications(first):
        google.told(watching, notification)
    orders.void(play.context, second, orders.CHARGEBACK)
    google.told(watching, play.notifications(second)[-1])
    rights = {str(right) for right, has in BY_FUNCTION["google_webhook"].items() if has and "table/" in str(right)}
    assert tables.seen == rights


def test_the_api_and_the_tick_may_do_with_google_play_what_they_do() -> None:
    world = shop()
    play = world.play
    assert isinstance(play, OfflinePlay)
    user = person(world, new_id("usr", NOON))
    token = play.buy("coins_500", user)
    play.loses_answers = True
    tables = Watched(world.tables)
    google.buy(replace(world, tables=tables), user, "coins_500", token)
    assert refused("api", tables) == set()
    play.void(token, orders.CHARGEBACK)
    world.now.forward(2 * DAY)  # type: ignore[attr-defined]  # the hand clock
    tables.seen.clear()
    told = [handlers.work(replace(world, tables=tables), {"shard": shard}, Unhurried(), print) for shard in "01"]
    assert sum(each["failed"] for each in told) == 0
    assert sum(each["advanced"] for each in told) == 2
    assert refused("billing_tick", tables) == set()


def test_the_api_may_moderate_and_the_tick_carry_out_what_a_suspension_owes() -> None:
    world = hand_world()
    tables = Watched(world.tables)
    desk = Desk(replace(world, tables=tables)).opened()
    forum = Forum(desk.world)
    forum.opens(forum.who("author"))
    tables.seen.clear()
    for name in "abc":
        moderation.report(desk.world, forum.who(name).id, forum.thread(), "spam", "")
    a_case_to_its_end(desk)
    for case in moderation.waiting(desk.world, "pending", None, 10, None)[0]:
        moderation.reports_of(desk.world, case)
        moderation.thing_of(desk.world, case)
        moderation.dismiss(desk.world, case.id, actor="usr_admin", reason="nothing")
    assert refused("api", tables) == set()
    was = desk.case
    world.tables.write(cases(world).replace(replace(was, owing=True, rev=was.rev + 1), was))
    tables.seen.clear()
    told = handlers.work(desk.world, {"shard": "0"}, Unhurried(), print)
    assert (told["advanced"], told["failed"], desk.case.owing) == (1, 0, False)
    assert refused("billing_tick", tables) == set()


def test_the_api_may_read_all_that_dashboards_show() -> None:
    world = hand_world()
    tables = Watched(world.tables)
    duo = Duo(replace(world, tables=tables), "1")
    person(world, duo.client)
    person(world, duo.reader, role="reader")
    person(world, "usr_admin", role="admin")
    duo.ended(60_000)
    duo.noticed()
    afterwards.write_session_note(duo.world, duo.session, duo.client, "Mine.")
    readers.keep_favorite(duo.world, duo.client, duo.reader, notify_online=True)
    tables.seen.clear()
    dashboards.client(duo.world, duo.client, 30, "UTC")
    dashboards.reader(duo.world, duo.reader, 30, "UTC")
    dashboards.admin(duo.world, "usr_admin", 30, "UTC")
    assert refused("api", tables) == set()


def has_bought_coins(world: World, user: str) -> None:
    """In an app, which a limit counts too."""
    purchases.learn(world, Told("apple", "1", user, "coins_500", 500, True, world.now(), "Production"))


def shop() -> World:
    """A world with a Google Play."""
    clock = HandClock()
    return hand_world(now=clock, play=OfflinePlay(clock))


def test_notify_may_tell_by_every_channel_and_let_a_dead_device_go() -> None:
    world = hand_world()
    ada = accounts.sign_in(world, Claims("sub|ada", "ada@example.test", "Ada")).id
    for token in ("alive", "no token"):
        accounts.add_device(world, ada, "ios", token)
    suppression.suppress(world, "ada@example.test", "bounce", NOON)
    facts: dict[str, str | int | bool | None] = {"minutes": 15, "modality": "voice", "start": NOON}
    row = outbox.notice("notices", to=ada, kind="booking_made", fact="1", at=NOON, facts=facts).item
    world.tables.write(Put("notices", row))
    tables = Watched(world.tables)
    object.__setattr__(world, "tables", tables)
    message = {"messageId": "1", "body": json.dumps({"notice": {"pk": ada, "sk": row["sk"]}})}
    told_again(world, {"Records": [message]}, lambda: MINUTE)
    for each in world.tables.query("notices", ("pk", ada)).items:
        if each["kind"] in ("device_gone", "mail_suppressed"):
            tell(world, notice_of(each))
    tables.seen.discard("dynamodb:Query on table/notices")  # our own
    assert len(accounts.devices_of(world, ada).registered) == 1
    assert refused("notify", tables) == set()


def test_mail_events_may_shut_an_address() -> None:
    world = hand_world()
    tables = Watched(world.tables)
    object.__setattr__(world, "tables", tables)
    told = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "a@b.test"}], "timestamp": rfc3339(NOON)}
    event = {"eventType": "Bounce", "mail": {"source": world.settings.mail_from}, "bounce": told}
    bounces.hear(world, {"Sns": {"Message": json.dumps(event)}})
    assert suppression.mark_of(world, "a@b.test")
    assert refused("mail_events", tables) == set()


@pytest.mark.parametrize("function", ["clock", "billing_tick"])
def test_the_clock_and_the_tick_may_write_down_all_that_somebody_wrote_and_forget_it(function: str) -> None:
    world = hand_world()
    pals, forum = Pals(world).opened(cents=1_000), Forum(world)
    pals.writes("client", uploads=(pals.uploads("client"),))
    pals.unlocks(pals.replies("paid"))
    pals.writes("reader", "free", "free")
    post = community.open_thread(
        world, Caller(pals.reader, "reader", "R"), forum.thread(), "general", "Title", "Text", ()
    ).thread.opening
    community.edit(world, Caller(pals.reader, "reader", "R"), post, "Another", None)
    moderation.report(world, pals.reader, pals.writes("client", "odd", "2").id, "spam", "")
    tables = Watched(world.tables)
    object.__setattr__(world, "tables", tables)
    for user in (pals.client, pals.reader):
        written = exports.everything(world, user)
        assert written["messages_as_client"] or written["messages_as_reader"]
        for forget in deletions.FORGETTING:
            forget(world, user)
        for shared in deletions.SHARED:
            start = shared(world, user, None)
            assert start is None
    of_sessions = {each for each in tables.seen if "table/sessions/index/" in each}  # one of them stands for all
    assert refused(function, tables) - of_sessions == set()
