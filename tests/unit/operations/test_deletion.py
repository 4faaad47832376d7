"""Product §1: request → code → thirty days → anonymised; money is settled first; every step can be repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts import uploads
from chalicelib.accounts.model.limits import Wanted
from chalicelib.accounts.model.person import FORGOTTEN_NAME, newcomer
from chalicelib.accounts.store import People
from chalicelib.community import service as community
from chalicelib.gateways import World
from chalicelib.gateways.mail import Letter
from chalicelib.kernel.errors import (
    Forbidden,
    Invalid,
    InvalidState,
    LinkExpired,
    NotFound,
    ProviderFailed,
    RateLimited,
    Unavailable,
)
from chalicelib.kernel.time import DAY, HOUR, MINUTE, Millis
from chalicelib.live import gifts
from chalicelib.messaging import service as messages
from chalicelib.messaging.model import Wanted as Wish
from chalicelib.notifications.model.notice import Notice
from chalicelib.notifications.model.said import words
from chalicelib.notifications.service import tell
from chalicelib.operations import deletions, exports, handlers
from chalicelib.operations.model import deletion as model
from chalicelib.operations.model.deletion import (
    CODE_LIFE,
    CODE_TRIES,
    LATE_PAYMENTS,
    LINGER,
    MOST_CODES,
    Deletion,
    State,
    Turn,
)
from chalicelib.payouts import payees, paying
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.model import Description
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.runtime.tables import Contended, Operation, Put
from chalicelib.scheduling import calendars
from chalicelib.sessions import afterwards, asking, settling
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.sessions.store import Sessions
from chalicelib.shop.store import products_of
from chalicelib.wallet import coins, limits, packs, purchases, refunds, topups
from chalicelib.wallet import service as wallet
from chalicelib.wallet.events import apply_event
from chalicelib.wallet.model.purchase import Told
from tests.support.counter import HOME, RATE
from tests.support.diary import TODAY, Diary
from tests.support.events import checkout_event, dispute_event, refund_event
from tests.support.memory import MemoryTables
from tests.support.pages import SUCCEEDED, Pages
from tests.support.payee import READER, Desk
from tests.support.reading import add_reader, pay_in
from tests.support.show import Show
from tests.support.worlds import NOON, Executions, HandClock, OfflineMail, OfflineObjects, OfflinePayments, hand_world

ADA = Claims("auth0|ada", "ada@example.test", "Ada Lovelace")
COOLING = 30 * DAY


class Crash(BaseException):
    """The function dies: no code of ours sees it."""


class CrashingTables(MemoryTables):
    """Dies at the ``at``th write from now, before or after it; counts writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.at = -1
        self.after = False

    def write(self, *operations: Operation) -> None:
        self.writes += 1
        if self.writes - 1 == self.at and not self.after:
            raise Crash
        super().write(*operations)
        if self.writes - 1 == self.at:
            raise Crash


@pytest.fixture
def tables() -> CrashingTables:
    return CrashingTables()


@pytest.fixture
def world(tables: CrashingTables) -> World:
    return hand_world(tables)


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, ADA).id


def forward(world: World, millis: Millis) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def mailed_code(world: World) -> str:
    assert isinstance(world.mail, OfflineMail)
    found = re.search(r"\b\d{8}\b", world.mail.sent[-1].text)
    assert found
    return found.group()


def confirmed(world: World, person: str) -> None:
    deletions.ask(world, person)
    deletions.confirm(world, person, mailed_code(world))


def carried_out(world: World, person: str) -> None:
    forward(world, COOLING)
    for _ in range(2):  # its own door is shut, then nobody else can begin anything with them
        assert deletions.advance(world, person) == world.now() + LINGER
        forward(world, LINGER)
    assert deletions.advance(world, person) == world.now() + DAY
    assert deletions.deletion_of(world, person).state == "deleted"


def audited(world: World, person: str) -> list[str]:
    return [row["action"] for row in world.tables.query("audit", ("pk", person)).items]


def told(world: World, person: str) -> list[str]:
    return [row["kind"] for row in world.tables.query("notices", ("pk", person)).items]


# --- the code ------------------------------------------------------------------------------------


def test_a_code_is_mailed_and_only_its_salted_hash_is_kept(world: World, tables: CrashingTables, ada: str) -> None:
    asked = deletions.ask(world, ada)
    code = mailed_code(world)
    assert asked.state == "asked"
    assert code not in json.dumps(list(tables.rows["accounts"].values()))
    deletions.ask(world, ada)
    (again,) = (row["code"] for row in tables.rows["accounts"].values() if "code" in row)
    assert asked.code
    assert (again["salt"], again["digest"]) != (asked.code.salt, asked.code.digest)


def test_the_right_code_begins_thirty_days_and_may_be_repeated(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    code = mailed_code(world)
    going = deletions.confirm(world, ada, code)
    assert (going.state, going.runs_at, going.code) == ("cooling", world.now() + COOLING, None)
    forward(world, 1_000)
    assert deletions.confirm(world, ada, code).runs_at == going.runs_at
    assert isinstance(world.clock, Executions)
    assert world.clock.started == {f"{ada}-1": going.runs_at}
    assert told(world, ada) == ["deletion_confirmed"]


def test_asking_again_makes_the_code_of_before_void(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    first = mailed_code(world)
    deletions.ask(world, ada)
    if first != mailed_code(world):
        with pytest.raises(Invalid):
            deletions.confirm(world, ada, first)
    assert deletions.confirm(world, ada, mailed_code(world)).confirmed


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


def test_after_five_wrong_codes_the_right_one_is_void_too(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    code = mailed_code(world)
    for _ in range(CODE_TRIES):
        with pytest.raises(Invalid):
            deletions.confirm(world, ada, wrong(code))
    with pytest.raises(LinkExpired):
        deletions.confirm(world, ada, code)
    assert deletions.deletion_of(world, ada).state == "asked"


def test_the_fifth_try_may_be_right(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    code = mailed_code(world)
    for _ in range(CODE_TRIES - 1):
        with pytest.raises(Invalid):
            deletions.confirm(world, ada, wrong(code))
    assert deletions.confirm(world, ada, code).confirmed


def test_a_code_lives_thirty_minutes(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    forward(world, CODE_LIFE - 1)
    with pytest.raises(Invalid):
        deletions.confirm(world, ada, wrong(mailed_code(world)))
    forward(world, 1)
    with pytest.raises(LinkExpired):
        deletions.confirm(world, ada, mailed_code(world))


def test_more_than_five_codes_a_day_are_refused_so_that_nobody_can_guess_on(world: World, ada: str) -> None:
    for _ in range(MOST_CODES):
        deletions.ask(world, ada)
    with pytest.raises(RateLimited) as refused:
        deletions.ask(world, ada)
    assert refused.value.wait == DAY
    deletions.cancel(world, ada)
    with pytest.raises(RateLimited):
        deletions.ask(world, ada)
    forward(world, DAY)
    assert deletions.ask(world, ada).state == "asked"


def test_without_an_address_nothing_can_be_confirmed(world: World) -> None:
    someone = accounts.sign_in(world, Claims("auth0|bare", None, None)).id
    with pytest.raises(InvalidState):
        deletions.ask(world, someone)
    with pytest.raises(NotFound):
        deletions.confirm(world, someone, "12345678")


def test_a_code_that_could_not_be_mailed_is_asked_for_again(world: World, ada: str) -> None:
    assert isinstance(world.mail, OfflineMail)
    world.mail.down = True
    with pytest.raises(Unavailable):
        deletions.ask(world, ada)
    world.mail.down = False
    confirmed(world, ada)


def test_a_code_that_was_refused_by_the_post_does_not_count(world: World, ada: str) -> None:
    class Refusing(OfflineMail):
        def send(self, letter: Letter) -> None:
            raise ProviderFailed

    refusing = replace(world, mail=Refusing())
    for _ in range(MOST_CODES + 1):
        with pytest.raises(ProviderFailed):
            deletions.ask(refusing, ada)
    confirmed(world, ada)


# --- the thirty days -----------------------------------------------------------------------------


def test_nothing_happens_before_the_thirty_days_are_over(world: World, ada: str) -> None:
    confirmed(world, ada)
    forward(world, COOLING - 1)
    assert deletions.advance(world, ada) == world.now() + 1
    assert accounts.sign_in(world, ADA).display_name == "Ada Lovelace"


def test_a_deletion_is_taken_back_until_it_is_carried_out(world: World, ada: str) -> None:
    with pytest.raises(NotFound):
        deletions.cancel(world, ada)
    confirmed(world, ada)
    deletions.cancel(world, ada)
    deletions.cancel(world, ada)
    forward(world, COOLING)
    assert deletions.advance(world, ada) is None
    assert not accounts.person(world, ada).deleted
    assert told(world, ada) == ["deletion_cancelled", "deletion_confirmed"]
    with pytest.raises(NotFound):
        deletions.deletion_of(world, ada)


def test_a_second_confirmation_counts_its_own_thirty_days_and_has_a_clock_of_its_own(world: World, ada: str) -> None:
    confirmed(world, ada)
    deletions.cancel(world, ada)
    forward(world, DAY)
    confirmed(world, ada)
    assert deletions.called_by_clock(world, ada, 1, 0) is None
    assert deletions.called_by_clock(world, ada, 2, 0) == world.now() + COOLING
    assert isinstance(world.clock, Executions)
    assert set(world.clock.started) == {f"{ada}-1", f"{ada}-2"}


def test_a_closed_account_cannot_be_kept(world: World, ada: str) -> None:
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    with pytest.raises(InvalidState):
        deletions.cancel(world, ada)


@pytest.mark.parametrize("clock", ["broken", "well"])
def test_the_minute_tick_carries_out_what_the_clock_does_not(world: World, ada: str, clock: str) -> None:
    assert isinstance(world.clock, Executions)
    world.clock.broken = clock == "broken"
    confirmed(world, ada)
    for wait in (COOLING - 1, 1, LINGER, LINGER):
        forward(world, wait)
        tick(world)
    assert accounts.person(world, ada).deleted
    assert deletions.deletion_of(world, ada).state == "deleted"


def tick(world: World) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    for shard in range(world.settings.tick_shards):
        told = handlers.work(world, {"shard": str(shard)}, Context(), lambda facts: None)
        assert told["failed"] == 0


# --- money ---------------------------------------------------------------------------------------


def stripe(world: World) -> OfflinePayments:
    assert isinstance(world.payments, OfflinePayments)
    return world.payments


def test_unused_credit_goes_back_to_the_cards_before_anybody_is_forgotten(world: World, ada: str) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    confirmed(world, ada)
    carried_out(world, ada)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [1_205]
    assert wallet.head(world, ada).balance == 0
    assert sorted(audited(world, ada)) == ["person_deleted", "person_forgotten", "refund_asked"]


def test_cards_that_are_slow_to_refuse_are_tried_on_another_day(world: World, ada: str) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    stripe(world).refusing.add("pi_1")
    stripe(world).takes_time = lambda: forward(world, 7_900)
    confirmed(world, ada)
    forward(world, COOLING)
    for asked in (2, 4):
        begun = world.now()
        deletions.advance(world, ada)
        assert world.now() - begun < 20_000, "the clock's function has 30 seconds"
        assert (stripe(world).asked, deletions.deletion_of(world, ada).owed) == (asked, 1_205)
        forward(world, DAY)
    deletions.advance(world, ada)
    assert (stripe(world).asked, accounts.person(world, ada).deleted) == (5, True)


def test_nobody_is_deleted_while_money_is_owed_to_them(world: World, ada: str) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    stripe(world).down = True
    confirmed(world, ada)
    forward(world, COOLING)
    assert deletions.advance(world, ada) == world.now() + DAY
    held = deletions.deletion_of(world, ada)
    assert (held.state, held.owed) == ("awaiting_refund", 1_205)
    assert accounts.sign_in(world, ADA).display_name == "Ada Lovelace"
    forward(world, DAY)
    deletions.advance(world, ada)
    assert sorted(audited(world, ada)) == ["deletion_awaits_refund", "refund_asked"]
    assert told(world, ada) == ["deletion_awaits_refund", "deletion_confirmed", "refund"]
    stripe(world).down = False
    forward(world, DAY)
    deletions.advance(world, ada)
    assert accounts.person(world, ada).deleted
    assert sorted(audited(world, ada)) == ["deletion_awaits_refund", "person_deleted", "refund_asked"]


def test_a_refund_of_their_own_that_is_on_its_way_keeps_an_account(world: World, ada: str) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    stripe(world).status = "pending"
    confirmed(world, ada)
    refunds.request(world, ada, "rfd_own", None)
    forward(world, COOLING)
    deletions.advance(world, ada)
    held = deletions.deletion_of(world, ada)
    assert (held.state, held.owed) == ("awaiting_refund", 1_205)
    failed = stripe(world).refunds["rfd_own:0"] | {"status": "failed"}
    apply_event(world, {"id": "evt_1", "type": "refund.failed", "data": {"object": failed}})
    stripe(world).status = "succeeded"
    forward(world, DAY)
    deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "closed"
    assert wallet.head(world, ada).balance == 0, "what came back went to the card again before the door was shut"


def test_a_payout_that_is_on_its_way_keeps_an_account() -> None:
    desk = Desk().ready().earned(2_000)
    desk.stripe.failures = ["before"]
    payout = desk.paid_out()
    assert payout
    assert (payout.state, desk.balance) == ("reserved", 0)
    confirmed(desk.world, READER)
    desk.clock.forward(COOLING)
    deletions.advance(desk.world, READER)
    held = deletions.deletion_of(desk.world, READER)
    assert (held.state, held.owed) == ("awaiting_refund", 2_000)
    desk.tick()
    assert paying.payout_of(desk.world, payout.id).state == "paid"
    desk.clock.forward(DAY)
    deletions.advance(desk.world, READER)
    assert deletions.deletion_of(desk.world, READER).state == "closed"


@pytest.mark.parametrize(("ends", "left"), [("won", 1_205), ("lost", 0)])
def test_a_dispute_that_may_yet_be_won_keeps_an_account(world: World, ada: str, ends: str, left: int) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    apply_event(world, dispute_event("created", "dp_1", "pi_1", 1_205, "needs_response"))
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    held = deletions.deletion_of(world, ada)
    assert (held.state, held.owed) == ("awaiting_refund", 1_205)
    apply_event(world, dispute_event("closed", "dp_1", "pi_1", 1_205, ends))
    forward(world, DAY)
    deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "closed"
    assert wallet.head(world, ada).balance == left, "what was disputed is never given back to the card"


def paid_late(world: World, ada: str) -> None:
    """A page was open when the account was closed, and is paid an hour after everything was forgotten."""
    confirmed(world, ada)
    open_page = topups.open_topup(world, ada, "top_1", 5_000)
    carried_out(world, ada)
    forward(world, HOUR)
    apply_event(world, checkout_event("evt_1", "checkout.session.completed", open_page))
    assert wallet.head(world, ada).balance == 5_000


def test_what_is_paid_after_the_account_was_closed_goes_back_within_a_day(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paid_late(world, ada)
    forward(world, DAY)
    tick(world)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [5_000]
    assert wallet.head(world, ada).balance == 0
    assert "deleted_with_balance" not in capsys.readouterr().out
    forward(world, LATE_PAYMENTS)
    assert deletions.advance(world, ada) is None
    assert deletions.advance(world, ada) is None, "and nobody looks any more"


def test_what_no_card_takes_back_after_the_account_was_closed_alarms_each_day_for_two_weeks(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paid_late(world, ada)
    stripe(world).refusing.add("pi_top_1")
    looks = 0
    while (at := deletions.deletion_of(world, ada).runs_at) is not None:
        forward(world, at - world.now())
        tick(world)
        looks += 1
        assert looks <= 14, "for ever"
    assert looks == 14
    assert capsys.readouterr().out.count('"deleted_with_balance"') == 14
    assert wallet.head(world, ada).balance == 5_000


def coins_paid_late(world: World, ada: str) -> None:
    confirmed(world, ada)
    early = packs.open_checkout(world, ada, "top_1", "coins_100", "web")
    late = packs.open_checkout(world, ada, "top_2", "coins_500", "web")
    apply_event(world, checkout_event("evt_1", "checkout.session.completed", early))
    carried_out(world, ada)
    forward(world, HOUR)
    apply_event(world, checkout_event("evt_2", "checkout.session.completed", late))
    assert coins.balance(world, ada) == 600
    forward(world, DAY)


def test_coins_that_are_paid_after_the_account_was_closed_go_back_to_the_card_and_others_are_lost(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    coins_paid_late(world, ada)
    for _ in range(2):
        tick(world)
        forward(world, DAY)
    assert [(each["payment_intent"], each["amount"]) for each in stripe(world).refunds.values()] == [("pi_top_2", 699)]
    assert coins.balance(world, ada) == 100
    assert "deleted_with" not in capsys.readouterr().out


@pytest.mark.parametrize("first", ["failed", "canceled", "pending"])
def test_coins_paid_late_that_no_bank_takes_back_alarm_each_day(
    world: World, ada: str, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    coins_paid_late(world, ada)
    stripe(world).status = first
    tick(world)
    if first == "pending":
        assert '"deleted_with_coins"' not in capsys.readouterr().out, "it is on its way"
        apply_event(world, refund_event("refund.failed", "re_late_pi_top_2", "pi_top_2", 699, "failed"))
    for _ in range(2):
        capsys.readouterr()
        forward(world, DAY)
        tick(world)
        (line,) = [line for line in capsys.readouterr().out.splitlines() if '"deleted_with_coins"' in line]
        assert {name: json.loads(line)[name] for name in ("level", "user", "id", "amount")} == {
            "level": "error",
            "user": ada,
            "id": "pi_top_2",
            "amount": 699,
        }
    assert coins.balance(world, ada) == 600


def test_coins_paid_late_whose_refund_is_not_known_are_asked_for_again(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    coins_paid_late(world, ada)
    stripe(world).loses_answers = True
    tick(world)
    assert '"deleted_with_coins"' in capsys.readouterr().out
    assert coins.balance(world, ada) == 600
    stripe(world).loses_answers = False
    forward(world, DAY)
    tick(world)
    assert coins.balance(world, ada) == 100
    assert len(stripe(world).refunds) == 1


def test_coins_below_zero_hold_nothing_up(world: World, ada: str) -> None:
    told = Told("apple", "1", ada, "coins_500", 500, standing=True, at=NOON, environment="Production")
    purchases.learn(world, told)
    coins.spend(world, ada, "gift", 500, "gift:1", "gft_1")
    purchases.learn(world, replace(told, standing=False, at=NOON + 1))
    confirmed(world, ada)
    carried_out(world, ada)
    assert deletions.deletion_of(world, ada).state == "deleted"
    assert coins.balance(world, ada) == -500


def test_what_was_left_behind_at_the_closing_is_not_tried_again(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    stripe(world).refusing.add("pi_1")
    confirmed(world, ada)
    carried_out(world, ada)
    asked = stripe(world).asked
    forward(world, DAY)
    tick(world)
    assert stripe(world).asked == asked
    assert "deleted_with_balance" not in capsys.readouterr().out


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("place", range(4))
def test_a_crash_while_it_is_looked_for_what_was_paid_late_gives_it_back_once(after: bool, place: int) -> None:
    tables = CrashingTables()
    world = hand_world(tables)
    ada = accounts.sign_in(world, ADA).id
    paid_late(world, ada)
    forward(world, DAY)
    tables.writes, tables.at, tables.after = 0, place, after
    insist(lambda: deletions.advance(world, ada))
    forward(world, MINUTE)
    tick(world)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [5_000]
    assert wallet.head(world, ada).balance == 0


def test_credit_that_no_card_takes_back_is_left_behind_and_the_audit_log_says_so(world: World, ada: str) -> None:
    pay_in(world, ada, 1_205, "topup:pi_1")
    stripe(world).refusing.add("pi_1")
    confirmed(world, ada)
    carried_out(world, ada)
    assert wallet.head(world, ada).balance == 1_205
    left = [row for row in world.tables.query("audit", ("pk", ada)).items if row["action"] == "deletion_leaves_credit"]
    assert [row["detail"] for row in left] == [{"amount": 1_205}]


def test_what_a_person_owes_is_left_behind_too(world: World, ada: str) -> None:
    pay_in(world, ada, -300, "dispute:1")
    confirmed(world, ada)
    carried_out(world, ada)
    assert "deletion_leaves_credit" in audited(world, ada)


def test_a_frozen_wallet_that_holds_money_keeps_its_person(world: World, ada: str) -> None:
    pay_in(world, ada, 500, "topup:pi_1")
    wallet.freeze(world, ada, "admin")
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    assert (deletions.deletion_of(world, ada).state, deletions.deletion_of(world, ada).owed) == ("awaiting_refund", 500)
    wallet.unfreeze(world, ada, "admin")
    forward(world, DAY)
    deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "closed"


@pytest.mark.parametrize("leaves", ["client", "reader"])
def test_a_reading_that_an_admin_must_divide_keeps_who_was_in_it_until_it_is(
    world: World, ada: str, leaves: str
) -> None:
    pay_in(world, ada, 250, "topup:1")
    reader = accounts.sign_in(world, Claims("auth0|rosa", "rosa@example.test", "Rosa")).id
    add_reader(world, reader)
    readers.set_presence(world, reader, "online")
    asking.create(world, Side(ada, "Ada Lovelace"), "ses_1", reader, "text")
    for user, command in ((reader, commands.accept), (ada, commands.join), (reader, commands.join)):
        sessions.perform(world, "ses_1", user, command)
    rows, was = Sessions(world.tables, "sessions"), sessions.load(world, "ses_1")
    world.tables.write(*rows.replace(replace(was, rate=was.rate + 1), was)[1])
    forward(world, 1_000)
    sessions.perform(world, "ses_1", ada, commands.finish)
    person = ada if leaves == "client" else reader
    confirmed(world, person)
    forward(world, COOLING)
    deletions.advance(world, person)
    held = deletions.deletion_of(world, person)
    assert (held.state, held.owed) == ("awaiting_refund", 250)
    settling.settle(world, "ses_1", earned=0, refunded=0, actor="ops", reason="nobody's")
    forward(world, DAY)
    deletions.advance(world, person)
    assert deletions.deletion_of(world, person).state == "closed"


def test_the_person_may_take_it_back_while_money_is_owed(world: World, ada: str) -> None:
    pay_in(world, ada, 500, "topup:1")
    stripe(world).down = True
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    deletions.cancel(world, ada)
    assert deletions.advance(world, ada) is None


def test_earnings_are_owed_too_and_promotional_credit_is_not(world: World, ada: str) -> None:
    reader = accounts.sign_in(world, Claims("auth0|rosa", "rosa@example.test", "Rosa")).id
    earned, posting = wallet.earn(world, f"earnings:{reader}", "reading_earned", 700, "session:ses_1", "ses_1")
    world.tables.write(posting)
    confirmed(world, reader)
    forward(world, COOLING)
    deletions.advance(world, reader)
    assert deletions.deletion_of(world, reader).owed == earned.balance == 700


def test_a_payout_on_its_way_is_owed_until_it_arrived() -> None:
    desk = Desk()
    desk.reader = accounts.sign_in(desk.world, ADA).id
    desk.ready().earned(1_500)
    desk.stripe.failures = ["before"]
    payout = desk.paid_out()
    assert payout
    assert payout.state == "reserved"
    confirmed(desk.world, desk.reader)
    paying.freeze(desk.world, actor="ops", reason="a difference")
    forward(desk.world, COOLING)
    deletions.advance(desk.world, desk.reader)
    held = deletions.deletion_of(desk.world, desk.reader)
    assert (held.state, held.owed) == ("awaiting_refund", 1_500)
    paying.unfreeze(desk.world, actor="ops", reason="explained")
    paying.advance(desk.world, payout.id)
    forward(desk.world, DAY)
    deletions.advance(desk.world, desk.reader)
    assert deletions.deletion_of(desk.world, desk.reader).state == "closed"


def test_who_was_forgotten_has_no_turn_in_the_daily_run_and_is_told_no_wants_of_stripes() -> None:
    desk = Desk()
    desk.reader = accounts.sign_in(desk.world, ADA).id
    account = f"acct_{desk.reader}"
    desk.ready().earned(2_000)
    payout = desk.paid_out()
    assert payout
    needs = {"currently_due": ["individual.verification.document"]}
    desk.stripe.onboarded(account, payouts_enabled=False, requirements=needs)
    desk.hear()
    assert list(paying.everybody(desk.world)) == [desk.reader]
    confirmed(desk.world, desk.reader)
    carried_out(desk.world, desk.reader)
    assert list(paying.everybody(desk.world)) == []
    paying.take_turn(desk.world, desk.reader)
    desk.stripe.onboarded(account, payouts_enabled=False, requirements=needs)
    desk.stripe.reverse(payout.id, 700)
    desk.hear()
    payee = payees.rows_of(desk.world).payee(desk.reader)
    assert payee
    assert (payee.requirements, payee.due_at) == ((), None)
    assert (payees.rows_of(desk.world).owner(account), desk.balance) == (desk.reader, 700)


def test_credit_that_comes_while_the_door_is_being_shut_goes_back_first(world: World, ada: str) -> None:
    confirmed(world, ada)
    forward(world, COOLING)
    tables = world.tables
    assert isinstance(tables, CrashingTables)

    class Between(CrashingTables):
        """Money is posted after the balance was read, before the door is shut."""

        def write(self, *operations: Operation) -> None:
            if len(operations) > 3 and not self.after:
                self.after = True
                pay_in(world, ada, 500, "topup:late")
            super().write(*operations)

    between = Between()
    between.rows = tables.rows
    deletions.advance(replace(world, tables=between), ada)
    assert deletions.deletion_of(world, ada).state == "closed"
    assert [each["amount"] for each in stripe(world).refunds.values()] == [500]
    assert wallet.head(world, ada).balance == 0


def test_an_open_reading_is_ended_and_paid_out_first(world: World, ada: str) -> None:
    pay_in(world, ada, 250, "topup:1")
    add_reader(world, "usr_reader")
    confirmed(world, ada)
    forward(world, COOLING - 1)
    readers.set_presence(world, "usr_reader", "online")
    asking.create(world, Side(ada, "Ada Lovelace"), "ses_1", "usr_reader", "text")
    for user, command in (("usr_reader", commands.accept), (ada, commands.join), ("usr_reader", commands.join)):
        sessions.perform(world, "ses_1", user, command)
    forward(world, 1)
    deletions.advance(world, ada)
    ended = sessions.load(world, "ses_1")
    assert (ended.state, ended.reason) == ("finalized", "admin")
    assert [each["amount"] for each in stripe(world).refunds.values()] == [250]  # the rest of the minute


def test_the_name_beside_gifts_is_taken_out_and_what_they_brought_stays(world: World, ada: str) -> None:
    accounts.change(world, ada, accounts.Changes(birth_date=date(1990, 1, 1)))
    show = Show(world).live()
    show.buys(ada, 3_000)
    for number in range(30):  # more than a page
        show.gives(ada, name=str(number))
    show.ends()
    confirmed(world, ada)
    carried_out(world, ada)
    page, _ = gifts.feed(world, show.host, show.stream, 0, 100, None)
    assert {(each.name, each.coins) for each in page} == {(FORGOTTEN_NAME, 100)}
    assert [each.name for each in gifts.leaders(world, show.host, show.stream)] == [FORGOTTEN_NAME]
    assert show.earned() == [("gift_earned", 2_100, show.stream)]


class Unsettling(CrashingTables):
    """In which no stream can be settled."""

    def write(self, *operations: Operation) -> None:
        if any(isinstance(each, Put) and each.item.get("kind") == "stream_settled" for each in operations):
            raise Contended
        super().write(*operations)


@pytest.mark.parametrize("still_live", [True, False])
def test_what_the_last_stream_earned_is_settled_before_the_door_is_shut(
    world: World, tables: CrashingTables, ada: str, still_live: bool
) -> None:
    show = Show(world)
    world.tables.write(People(tables, "accounts").add(newcomer(show.host, "Host", "host@example.test", 0)))
    accounts.change(world, ada, accounts.Changes(birth_date=date(1990, 1, 1)))
    show.buys(ada, 3_000)
    confirmed(world, show.host)
    forward(world, COOLING)
    show.live().gives(ada)
    tables.__class__ = Unsettling
    if not still_live:
        assert show.ends().state == "ended"
    for _ in range(2):
        with pytest.raises(Unavailable):
            deletions.advance(world, show.host)
    assert deletions.deletion_of(world, show.host).state == "cooling"
    tables.__class__ = CrashingTables
    deletions.advance(world, show.host)
    held = deletions.deletion_of(world, show.host)
    assert (held.state, held.owed) == ("awaiting_refund", 70)
    assert show.earned() == [("gift_earned", 70, show.stream)]


@pytest.fixture
def diary(world: World) -> Diary:
    """A client with credit and a reader to be had, both with accounts of their own."""
    diary = Diary(world).ready(7_500)
    for user in (diary.client, diary.reader):
        world.tables.write(People(world.tables, "accounts").add(newcomer(user, "Somebody", f"{user}@example.test", 0)))
    slug = diary.reader.replace("_", "-")  # the reader was put there without it
    world.tables.write(Put("readers", {"pk": f"slug#{slug}", "sk": "slug", "reader": diary.reader}))
    return diary


def test_an_escrow_that_is_not_divided_yet_keeps_its_reader_until_it_is(world: World, diary: Diary) -> None:
    """The reading ended a second before, and nobody has looked at its booking since."""
    confirmed(world, diary.reader)
    booked = diary.book(TODAY + COOLING - HOUR, 15)
    diary.at(booked.start)
    session = str(diary.noticed().session)
    for user in (diary.client, diary.reader):
        sessions.perform(world, session, user, commands.join)
    sessions.perform(world, session, diary.client, commands.finish)
    forward(world, COOLING)
    assert diary.escrow(booked.id)
    deletions.advance(world, diary.reader)
    assert not diary.escrow(booked.id)
    assert deletions.deletion_of(world, diary.reader).state == "awaiting_refund"


def test_whose_account_ends_with_the_reader_waiting_cancels_as_anybody_would(world: World, diary: Diary) -> None:
    confirmed(world, diary.client)
    booked = diary.book(TODAY + COOLING + HOUR, 30)
    diary.at(booked.start - 5 * MINUTE)
    sessions.perform(world, str(diary.noticed().session), diary.reader, commands.join)
    deletions.advance(world, diary.client)
    row = diary.row()
    assert (row.state, row.refunded) == ("cancelled_by_client", booked.price // 2)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [7_500 - booked.price + booked.price // 2]


@pytest.mark.parametrize("leaves", ["client", "reader"])
def test_what_is_booked_is_called_off_by_its_rules_before_it_is_looked_what_is_owed(
    world: World, diary: Diary, leaves: str
) -> None:
    """A day ahead all of it comes back; and what comes back is the client's, who is then not deleted over it."""
    person = diary.client if leaves == "client" else diary.reader
    booked = diary.book(TODAY + COOLING + 2 * DAY)
    assert diary.credit() == 0
    wallet.freeze(world, diary.client, "admin")  # so that it can be seen
    confirmed(world, person)
    forward(world, COOLING)
    deletions.advance(world, person)
    row = diary.row()
    assert (row.state, row.refunded, diary.credit()) == (f"cancelled_by_{leaves}", 7_500, 7_500)
    diary.assert_divided(row)
    state = deletions.deletion_of(world, person).state
    assert state == ("awaiting_refund" if leaves == "client" else "closed")
    if leaves == "reader":
        for _ in range(2):
            forward(world, LINGER)
            deletions.advance(world, person)
        assert deletions.deletion_of(world, person).state == "deleted"
        row = diary.row()
        assert (row.reader.name, row.client.name) == ("Deleted member", booked.client.name)


def test_the_calendar_of_who_was_deleted_shows_nothing_any_more(world: World, diary: Diary) -> None:
    secret = calendars.new_feed(world, diary.reader)
    confirmed(world, diary.reader)
    carried_out(world, diary.reader)
    with pytest.raises(NotFound):
        calendars.feed(world, secret)


def test_a_reading_that_uses_up_what_is_owed_is_not_disturbed(world: World, ada: str) -> None:
    add_reader(world, "usr_reader")
    _, posting = wallet.earn(world, f"earnings:{ada}", "reading_earned", 700, "session:ses_0", "ses_0")
    world.tables.write(posting)
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    pay_in(world, ada, 2_500, "topup:1")
    forward(world, DAY - 1)
    readers.set_presence(world, "usr_reader", "online")
    asking.create(world, Side(ada, "Ada Lovelace"), "ses_1", "usr_reader", "text")
    forward(world, 1)
    deletions.advance(world, ada)
    assert sessions.load(world, "ses_1").state == "created"


# --- what is forgotten ---------------------------------------------------------------------------


def lived(world: World) -> str:
    """Somebody with one of everything; their id."""
    person = accounts.sign_in(world, ADA).id
    accounts.change(world, person, accounts.Changes(birth_date=date(1990, 5, 17), time_zone="Europe/Rome"))
    other = accounts.sign_in(world, Claims("auth0|bob", None, "Bob")).id
    accounts.agree(world, person, "terms", "1")
    accounts.add_device(world, person, "ios", "token-of-ada")
    accounts.prefer(world, person, {"news": frozenset({"email"})}, None, 0)
    limits.set_limits(world, person, Wanted(50_000, None, None, None))
    export = exports.ask(world, person, "exp_1")
    exports.advance(world, export.id)
    token, _ = readers.invite(world, email=ADA.email, actor="admin", reason="good")
    readers.accept_invitation(world, person, token)
    readers.describe(world, person, Description("ada-reads", "Ada Reads", "I read.", ("tarot",), ("en",)))
    readers.set_rates(world, person, {"text": 250})
    readers.verify(world, person, actor="admin", reason="checked")
    pay_in(world, person, 250, "topup:1")
    add_reader(world, "usr_reader")
    readers.set_presence(world, "usr_reader", "online")
    asking.create(world, Side(person, "Ada Lovelace"), "ses_1", "usr_reader", "text")
    for user, command in (("usr_reader", commands.accept), (person, commands.join), ("usr_reader", commands.join)):
        sessions.perform(world, "ses_1", user, command)
    forward(world, 30_000)
    sessions.perform(world, "ses_1", person, commands.finish)
    afterwards.write_session_note(world, "ses_1", person, "a private thought")
    afterwards.review(world, "ses_1", person, 5, "Helped me.")
    pay_in(world, other, 250, "topup:2")
    readers.set_presence(world, person, "online")
    asking.create(world, Side(other, "Bob"), "ses_2", person, "text")
    for user, command in ((person, commands.accept), (other, commands.join), (person, commands.join)):
        sessions.perform(world, "ses_2", user, command)
    sessions.perform(world, "ses_2", person, commands.finish)  # at once: it costs nothing, and earns nothing
    afterwards.write_client_note(world, other, person, "a private thought of Bob")
    _ordered(world, person)
    _wrote(world, person, person, "usr_reader")
    _wrote(world, person, other, person)
    caller = Caller(person, "reader", "Ada Lovelace")
    post = community.open_thread(
        world, caller, "thr_1", "general", "a private thread", "a private post", ()
    ).thread.opening
    community.edit(world, caller, post, "another private post", None)
    accounts.block(world, person, other)
    tell(world, Notice(person, "refund", {"amount": 250}, "1", world.now()))
    return person


def _ordered(world: World, person: str) -> None:
    """The person was sent a thing, and pays on a page for another; they sell one themselves."""
    counter = Pages(world)
    for name in ("deck", "book"):
        counter.sells(name, "physical", 1_500, left=10)
    counter.sells("own", "physical", 900, seller=person)
    pay_in(world, person, 1_500 + RATE, "topup:3")
    home = replace(HOME, line1="12 private road")
    counter.orders({"deck": 1}, name="sent", buyer=person, address=home)
    counter.ships(name="sent")
    counter.orders({"book": 1}, "stripe", name="pending", buyer=person, address=home)


def _wrote(world: World, person: str, client: str, reader: str) -> None:
    """The person sends that reader, or to that client, a letter with a picture; one more was never sent."""
    conversation = messages.open_with(world, client, reader).id
    if person == reader:
        messages.send(world, client, conversation, f"msg_first_{reader}", Wish("Hello?"))
    for name in (f"msg_{reader}", f"msg_never_{reader}"):
        upload, form, _ = uploads.form(world, person, "image/png", 100)
        assert isinstance(world.attachments, OfflineObjects)
        world.attachments.posted(form, b"\x89PNG\r\n\x1a\n of a private kind", form.fields)
        uploads.take_up(world, person, [upload], f"messages/{person}/{name}")
        uploads.take_up(world, person, [upload], f"posts/{person}/pst_never")
        if "never" not in name:
            messages.send(world, person, conversation, name, Wish("a private letter", (upload,)))


TRACES = ("Ada", "ada@", "ada-reads", "1990-05", "Rome", "token-of-ada", "tarot", "a private", "private")


def traces(world: World) -> list[str]:
    """What still tells of the person, in any table or file."""
    assert isinstance(world.tables, MemoryTables)
    assert isinstance(world.exports, OfflineObjects)
    kept = [row for rows in world.tables.rows.values() for row in rows.values()]
    assert isinstance(world.attachments, OfflineObjects)
    text = json.dumps(kept, ensure_ascii=False) + repr(world.exports.held) + repr(world.attachments.held)
    return [each for each in TRACES if each in text]


def test_nothing_that_tells_who_it_was_is_left_in_any_table(world: World) -> None:
    ada = lived(world)
    assert traces(world) == list(TRACES)
    confirmed(world, ada)
    carried_out(world, ada)
    assert traces(world) == []
    gone = accounts.person(world, ada)
    assert (gone.display_name, gone.email, gone.birth_date, gone.status) == ("Deleted member", None, None, "deleted")
    assert sessions.load(world, "ses_1").client.name == sessions.load(world, "ses_2").reader.name == "Deleted member"
    assert sessions.load(world, "ses_1").reader.name != "Deleted member"
    review = reviews.of_session(world, "ses_1")
    assert review
    assert (review.author, review.name, review.rating, review.text) == ("", "Deleted member", 5, "Helped me.")
    with pytest.raises(NotFound):
        readers.by_slug(world, ada)
    assert [each.version for each in accounts.consents_of(world, ada).given] == ["1"]
    assert accounts.blocks_of(world, ada, 10, None) == ([], None)
    assert audited(world, ada)[-2:] == ["person_deleted", "person_forgotten"]
    assert isinstance(world.tables, MemoryTables)
    assert [key for key in world.tables.rows["inbox"] if ada in key[0]] == []


def test_orders_stay_with_nobody_and_nothing_is_sold_any_more(world: World) -> None:
    ada = lived(world)
    confirmed(world, ada)
    carried_out(world, ada)
    counter = Pages(world)
    assert (counter.order("sent").state, counter.order("pending").state) == ("shipped", "cancelled")
    assert (counter.left("deck"), counter.left("book")) == (9, 10)
    own = products_of(world).product(counter.id_of("own"))
    assert own
    assert own.state == "stopped"


def test_what_waits_to_be_sent_goes_back_and_from_there_to_the_cards(world: World, ada: str) -> None:
    counter = Pages(world)
    counter.sells("deck", "physical", 1_500, left=10)
    pay_in(world, ada, 5_000, "topup:pi_1")
    counter.orders({"deck": 2}, buyer=ada)
    confirmed(world, ada)
    carried_out(world, ada)
    assert counter.order().state == "refunded"
    assert [each["amount"] for each in stripe(world).refunds.values()] == [5_000]


def test_an_order_that_slipped_in_and_was_paid_by_bank_goes_back_once_it_is_paid(world: World, ada: str) -> None:
    counter = Pages(world)
    counter.sells("deck", "physical", 1_500, left=10)
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    counter.orders({"deck": 2}, "stripe", buyer=ada)  # let in before the door was shut
    counter.pays_by_bank()
    for _ in range(2):
        forward(world, LINGER)
        deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "deleted"
    assert counter.bank_says(SUCCEEDED).state == "paid"
    forward(world, DAY)
    deletions.advance(world, ada)
    assert (counter.order().state, counter.left("deck")) == ("refunded", 10)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [3_000 + RATE]


def test_a_seller_stays_until_what_they_sold_is_sent(world: World, ada: str) -> None:
    counter = Pages(world)
    add_reader(world, ada)
    pay_in(world, counter.known("buyer"), 10_000, "topup:2")
    counter.sells("book", "physical", 900, seller=ada, left=10)
    counter.orders({"book": 2})
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    held = deletions.deletion_of(world, ada)
    assert (held.state, held.owed) == ("awaiting_refund", 1_260)
    counter.ships()
    forward(world, DAY)
    deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).owed == 1_260  # earned now, and to be paid out


def test_the_ledger_keeps_every_entry(world: World, tables: CrashingTables) -> None:
    ada = lived(world)
    before = dict(tables.rows["ledger"])
    confirmed(world, ada)
    carried_out(world, ada)
    assert tables.rows["ledger"] == before


def test_who_was_deleted_is_shut_out_for_good(world: World, ada: str) -> None:
    confirmed(world, ada)
    carried_out(world, ada)
    for claims in (ADA, Claims(ADA.subject, "new@example.test", "Ada again"), Claims(ADA.subject, None, None)):
        with pytest.raises(Forbidden):
            accounts.sign_in(world, claims)
    assert accounts.person(world, ada).email is None
    with pytest.raises(Forbidden):
        accounts.change(world, ada, accounts.Changes(display_name="Ada"))
    for act in (accounts.suspend, accounts.reinstate):
        with pytest.raises(InvalidState):
            act(world, ada, actor="admin", reason="?")
    with pytest.raises(InvalidState):
        accounts.set_role(world, ada, "admin", actor="admin", reason="?")


def test_names_in_many_readings_are_taken_out_over_several_calls(world: World) -> None:
    ada = lived(world)
    for number in range(60):
        readers.set_presence(world, "usr_reader", "online")
        pay_in(world, ada, 250, f"more:{number}")
        asking.create(world, Side(ada, "Ada Lovelace"), f"ses_more_{number}", "usr_reader", "text")
        sessions.perform(world, f"ses_more_{number}", ada, commands.cancel)
        wallet.spend(world, ada, "order", 250, "platform:shop", f"more_order:{number}", "ord")
        forward(world, MINUTE)
    confirmed(world, ada)
    carried_out(world, ada)
    assert traces(world) == []


def test_nobody_counts_as_forgotten_while_their_files_cannot_be_removed(world: World) -> None:
    ada = lived(world)
    confirmed(world, ada)
    forward(world, COOLING)
    deletions.advance(world, ada)
    assert isinstance(world.attachments, OfflineObjects)
    for _ in ("what was uploaded", "what was sent"):
        forward(world, LINGER)
        world.attachments.down = True
        with pytest.raises(Unavailable):
            deletions.advance(world, ada)
        assert deletions.deletion_of(world, ada).state == "closed"
        world.attachments.down = False
        deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "deleted"
    assert traces(world) == []


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_whichever_write_a_crash_is_at_the_next_call_makes_up_for_it(after: bool) -> None:
    def play(at: int) -> tuple[dict[str, Any], int]:
        tables = CrashingTables()
        world = hand_world(tables)
        ada = lived(world)
        confirmed(world, ada)
        tables.writes, tables.at, tables.after = 0, at, after
        for wait in (COOLING, LINGER, LINGER):
            forward(world, wait)
            for _ in range(3):
                insist(lambda: deletions.advance(world, ada))
        assert traces(world) == []
        return {
            "audited": sorted(audited(world, ada)),
            "state": deletions.deletion_of(world, ada).state,
            "accounts": sorted(tables.rows["accounts"]),
            "told": told(world, ada),
        }, tables.writes

    expected, writes = play(-1)
    assert expected["state"] == "deleted"
    assert writes > 8
    for place in range(writes):
        assert play(place)[0] == expected, f"write {place} of {writes}"


def insist(act: Callable[[], object]) -> None:
    try:
        act()
    except Crash:
        act()


def test_every_notice_of_a_deletion_has_words() -> None:
    for kind in ("deletion_confirmed", "deletion_cancelled", "deletion_awaits_refund"):
        said = words(Notice("usr_1", kind, {"runs_at": NOON, "amount": 1_205}), "Europe/Vienna")
        assert said
        assert said.subject
    assert "$12.05 are owed to you" in (said.text if said else "")


# --- after a backup was brought back -------------------------------------------------------------


def brought_back(world: World, copy: Mapping[str, Any]) -> int:
    """The tables are as they were, and what the list of who leaves says is played again."""
    assert isinstance(world.tables, MemoryTables)
    world.tables.rows = deepcopy(dict(copy))
    return deletions.play_again(world, "arn:ops", "ticket 7", lambda _: None)


def copy_of(world: World) -> Mapping[str, Any]:
    assert isinstance(world.tables, MemoryTables)
    return deepcopy(world.tables.rows)


def test_a_restore_resurrects_nobody_who_was_forgotten_since(world: World) -> None:
    """By a copy from before they asked, however old: shut out and blank when it returns, the rest by the tick."""
    ada = lived(world)
    copy = copy_of(world)
    confirmed(world, ada)
    carried_out(world, ada)
    assert isinstance(world.digests, OfflineObjects)
    assert not [each for each in TRACES if each in repr(world.digests.held)]
    assert brought_back(world, copy) == 1
    assert accounts.is_deleted(world, ada)
    assert isinstance(world.tables, MemoryTables)
    shown = json.dumps([list(world.tables.rows[each].values()) for each in ("accounts", "readers")])
    assert not [each for each in ("ada@", "1990-05", "Rome", "token-of-ada", "ada-reads", "tarot") if each in shown]
    shut = deletions.deletion_of(world, ada)
    assert (shut.state, set(audited(world, ada)[-2:])) == ("closed", {"person_deleted", "deletion_closed_again"})
    deletions.play_again(world, "arn:ops", "ticket 7", lambda _: None)
    assert deletions.deletion_of(world, ada) == shut
    for wait in (LINGER, LINGER):
        forward(world, wait)
        tick(world)
    assert (deletions.deletion_of(world, ada).state, traces(world)) == ("deleted", [])


def test_a_restore_sends_no_credit_to_a_card_that_had_it_before_its_owner_left(
    world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody leaves while a card would take anything back: what an older copy holds for them was sent since."""
    pay_in(world, ada, 5_000, "topup:pi_1")
    wallet.spend(world, ada, "tip", 2_000, "session:1", "tip:1", "1")
    late = topups.open_topup(world, ada, "top_1", 700)
    copy = copy_of(world)
    confirmed(world, ada)
    deletions.cancel(world, ada)
    confirmed(world, ada)
    carried_out(world, ada)
    sent = [each["amount"] for each in stripe(world).refunds.values()]
    brought_back(world, copy)
    for wait in (LINGER, LINGER, DAY):
        forward(world, wait)
        tick(world)
    assert [each["amount"] for each in stripe(world).refunds.values()] == sent == [3_000]
    assert (deletions.deletion_of(world, ada).state, wallet.head(world, ada).balance) == ("deleted", 3_000)
    assert "deleted_with_balance" not in capsys.readouterr().out
    apply_event(world, checkout_event("evt_1", "checkout.session.completed", late))
    forward(world, DAY)
    tick(world)
    assert [each["amount"] for each in stripe(world).refunds.values()] == [3_000, 700], "what is paid since goes back"


def test_a_restore_takes_up_a_request_that_is_younger_than_its_copy_with_days_of_its_own(
    world: World, ada: str
) -> None:
    copy = copy_of(world)
    forward(world, DAY)
    confirmed(world, ada)
    forward(world, DAY)
    brought_back(world, copy)
    going = deletions.deletion_of(world, ada)
    assert (going.state, going.runs_at) == ("cooling", world.now() + COOLING)
    assert accounts.sign_in(world, ADA).display_name == "Ada Lovelace"
    carried_out(world, ada)


def test_a_restore_deletes_nobody_who_took_it_back_since(world: World, ada: str) -> None:
    confirmed(world, ada)
    copy = copy_of(world)
    deletions.cancel(world, ada)
    brought_back(world, copy)
    forward(world, COOLING)
    assert deletions.advance(world, ada) is None
    assert not accounts.person(world, ada).deleted


def test_a_request_that_a_crash_left_half_taken_back_is_taken_back_by_a_restore(
    world: World, tables: CrashingTables, ada: str
) -> None:
    confirmed(world, ada)
    copy = copy_of(world)
    tables.writes, tables.at = 0, 0
    with pytest.raises(Crash):
        deletions.cancel(world, ada)
    brought_back(world, copy)
    with pytest.raises(NotFound):
        deletions.deletion_of(world, ada)


def test_nobody_is_forgotten_before_the_list_says_so(world: World, ada: str) -> None:
    confirmed(world, ada)
    assert isinstance(world.digests, OfflineObjects)
    world.digests.down = True
    forward(world, COOLING)
    deletions.advance(world, ada)
    forward(world, LINGER)
    with pytest.raises(Unavailable):
        deletions.advance(world, ada)
    assert deletions.deletion_of(world, ada).state == "closed"
    world.digests.down = False
    deletions.advance(world, ada)
    assert [each.rpartition("-")[2] for each in world.digests.held] == ["confirmed", "closed"]


def test_a_code_that_was_taken_while_the_list_was_out_of_reach_is_given_again(world: World, ada: str) -> None:
    deletions.ask(world, ada)
    code = mailed_code(world)
    assert isinstance(world.digests, OfflineObjects)
    world.digests.down = True
    with pytest.raises(Unavailable):
        deletions.confirm(world, ada, code)
    world.digests.down = False
    deletions.confirm(world, ada, code)
    assert len(world.digests.held) == 1


def test_who_came_again_after_a_restore_without_them_is_somebody_new(world: World) -> None:
    copy = copy_of(world)
    ada = accounts.sign_in(world, ADA).id
    confirmed(world, ada)
    carried_out(world, ada)
    brought_back(world, copy)
    forward(world, DAY)
    assert accounts.sign_in(world, ADA).id == ada
    brought_back(world, copy_of(world))
    assert not accounts.person(world, ada).deleted


def test_something_else_among_who_leaves_is_passed_over_and_told_for_nobody_can_take_it_away(
    world: World, ada: str
) -> None:
    copy = copy_of(world)
    confirmed(world, ada)
    tomorrow = f"leaving/{accounts.sign_in(world, Claims('auth0|bob', None, 'Bob')).id}/{world.now() + DAY:013}-closed"
    others = [
        "leaving/usr_1/yesterday",
        "leaving/usr_1/١١١١١١١١١١١١١-closed",
        "leaving/../1111111111111-closed",
        tomorrow,
    ]
    for name in others:
        world.digests.put(name, b"", "text/plain")
    brought_back(world, copy)
    strange: list[str] = []
    assert deletions.play_again(world, "arn:ops", "ticket 7", lambda _: None, strange.append) == 1
    assert sorted(strange) == sorted(others)
    assert deletions.deletion_of(world, ada).state == "cooling"


@pytest.mark.parametrize(
    ("was", "turns", "state"),
    [
        (None, [(1, "confirmed")], "cooling"),
        (None, [(1, "cancelled"), (1, "confirmed")], None),
        (None, [(1, "confirmed"), (1, "closed")], "closed"),
        (None, [(1, "cancelled"), (1, "confirmed"), (2, "confirmed")], "cooling"),
        ((1, "asked"), [(1, "confirmed")], "cooling"),
        ((1, "cooling"), [(1, "confirmed")], "cooling"),
        ((1, "awaiting_refund"), [(1, "confirmed"), (1, "closed")], "closed"),
        ((1, "cooling"), [(1, "cancelled"), (1, "confirmed"), (2, "confirmed")], "cooling"),
        ((1, "cancelled"), [(1, "cancelled"), (1, "confirmed"), (2, "confirmed"), (2, "closed")], "closed"),
        ((2, "asked"), [(1, "cancelled"), (1, "confirmed")], "asked"),
        ((2, "cooling"), [(1, "cancelled"), (1, "confirmed")], "cooling"),
        ((1, "closed"), [(1, "closed"), (1, "confirmed")], "closed"),
        ((1, "deleted"), [(1, "closed"), (1, "confirmed")], "deleted"),
        ((1, "cooling"), [], "cooling"),
    ],
)
def test_the_newest_request_counts_and_its_end_counts_most(
    was: tuple[int, State] | None, turns: list[tuple[int, Turn]], state: State | None
) -> None:
    row = Deletion("usr_1", was[1], was[0], runs_at=5, epoch=3) if was else None
    told = [model.Told(*each) for each in turns]
    found = model.again(row, "usr_1", told, 100, COOLING)
    assert (found and found.state) == state
    if found and found != row and found.confirmed:
        assert found.epoch == (4 if row else 1)
        assert found.requested_at == max(each.asked_at for each in told)
        assert found.runs_at == 100 + (LINGER if state == "closed" else COOLING)
    assert model.again(found, "usr_1", told, 200, COOLING) == found
