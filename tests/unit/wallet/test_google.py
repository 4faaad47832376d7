"""Product §4, in Google Play: coins come once and go once, whoever tells of it first, and each purchase is consumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.gateways import World
from chalicelib.gateways.play_answers import Bought, Notification, Unreadable, Voided
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, NotFound, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import DAY, HOUR, MINUTE, SECOND
from chalicelib.operations.handlers import KINDS
from chalicelib.wallet import coins, google, purchases, statement
from chalicelib.wallet.model import google as model
from chalicelib.wallet.model.google import order_id
from infra.local.google import orders
from tests.support.duo import chain
from tests.support.losing import LosingTables
from tests.support.memory import MemoryTables
from tests.support.people import person
from tests.support.play import OfflinePlay
from tests.support.worlds import NOON, HandClock, hand_world

USER = new_id("usr", NOON)
OTHER = new_id("usr", NOON)
PACK = "coins_500"


def made(tables: MemoryTables | None = None, stage: str = "dev") -> World:
    clock = HandClock()
    world = hand_world(tables, now=clock, play=OfflinePlay(clock))
    world = replace(world, settings=replace(world.settings, stage=stage))
    for user in (USER, OTHER):
        person(world, user)
    return world


@pytest.fixture
def world() -> World:
    return made()


def play_of(world: World) -> OfflinePlay:
    assert isinstance(world.play, OfflinePlay)
    return world.play


def forward(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def posted(world: World, user: str = USER) -> list[tuple[str, int]]:
    account = coins.coins_account(user)
    assert statement.verify_chain(world, account).broken_at is None
    assert set(statement.trial_balance(world).total.values()) <= {0}
    return [(each.kind, each.amount) for each in chain(world, account)]


def tick(world: World) -> int:
    """The minute tick, as far as Google is concerned: how many things it brought on."""
    count = 0
    for kind in ("purchase", "voided"):
        for shard in range(world.settings.tick_shards):
            for waiting in KINDS[kind].page(world, str(shard), 100, None)[0]:
                waiting.advance()
                count += 1
    return count


def hear(world: World, token: str | None = None) -> None:
    for notification in play_of(world).notifications(token):
        google.told(world, notification)


def outcome(world: World, notification: Notification) -> str | None:
    key = {"pk": f"event#google:{notification.id}", "sk": "event"}
    row = world.tables.get(world.settings.tables.wallet, key)
    return str(row["outcome"]) if row else None


def alarms(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    return [each["event"] for each in lines if each["level"] == "error"]


# --- the app tells ---------------------------------------------------------------------------------


def test_a_purchase_gives_its_coins_once_and_is_consumed_once(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    first = google.buy(world, USER, PACK, token)
    assert replace(google.buy(world, USER, PACK, token), rev=first.rev) == first
    assert (first.store, first.kept, first.standing) == ("google", 500, True)
    assert posted(world) == [("coins_bought", 500)]
    assert play_of(world).consumed == [token]
    forward(world, HOUR)
    assert tick(world) == 0


def test_several_of_a_pack_at_once_are_all_given(world: World) -> None:
    token = play_of(world).buy(PACK, USER, quantity=3)
    assert google.buy(world, USER, PACK, token).kept == 1_500
    assert posted(world) == [("coins_bought", 1_500)]


@pytest.mark.parametrize(
    ("bought", "user", "product", "refusal"),
    [
        ({}, OTHER, PACK, Forbidden),
        ({"user": None}, USER, PACK, Forbidden),
        ({}, USER, "coins_100", Invalid),
        ({"product": "hat_1"}, USER, "hat_1", Invalid),
        ({"quantity": 11}, USER, PACK, Invalid),
        ({"pending": True}, USER, PACK, InvalidState),
    ],
    ids=["another's", "nobody's", "another product", "no pack", "too many", "pending"],
)
def test_what_is_refused_gives_nothing_and_is_not_consumed(
    world: World, bought: dict[str, Any], user: str, product: str, refusal: type[Exception]
) -> None:
    token = play_of(world).buy(**{"product": PACK, "user": USER} | bought)
    with pytest.raises(refusal):
        google.buy(world, user, product, token)
    assert (posted(world), posted(world, OTHER), play_of(world).consumed) == ([], [], [])
    assert tick(world) == 0


@pytest.mark.parametrize("token", ["", "..", "a/b", "a?b", "\u202e", "x" * 2_001])
def test_what_can_be_no_token_is_not_asked_for(world: World, token: str) -> None:
    play_of(world).down = True
    with pytest.raises(Invalid):
        google.buy(world, USER, PACK, token)


def test_a_token_that_google_does_not_know_is_invalid(world: World) -> None:
    with pytest.raises(Invalid):
        google.buy(world, USER, PACK, "nobody-has-bought-this")


def test_who_is_named_by_no_id_of_ours_owns_nothing(world: World) -> None:
    play = play_of(world)
    for name in ("", "not-a-uuid", "00000000-0000-0000-0000-000000000000"):
        token = orders.buy(play.context, PACK, name)["id"]
        with pytest.raises(Forbidden):
            google.buy(world, USER, PACK, token)
        hear(world, token)
    assert posted(world) == []


def test_a_testers_purchase_counts_outside_of_production_only() -> None:
    for stage, given in (("dev", [("coins_bought", 500)]), ("prod", [])):
        world = made(stage=stage)
        token = play_of(world).buy(PACK, USER, test=True)
        if stage == "prod":
            with pytest.raises(Forbidden):
                google.buy(world, USER, PACK, token)
        else:
            assert google.buy(world, USER, PACK, token).environment == "test"
        hear(world)
        assert posted(world) == given


def test_a_pending_purchase_is_given_once_it_is_paid(world: World) -> None:
    token = play_of(world).buy(PACK, USER, pending=True)
    with pytest.raises(InvalidState):
        google.buy(world, USER, PACK, token)
    play_of(world).complete(token)
    assert google.buy(world, USER, PACK, token).kept == 500


def test_what_was_refunded_before_the_app_tells_is_never_given(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    play_of(world).void(token)
    for _ in range(2):
        with pytest.raises(InvalidState):
            google.buy(world, USER, PACK, token)
    hear(world)
    assert posted(world) == []


def test_what_a_bank_took_back_is_not_given_though_it_looks_purchased(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    play_of(world).void(token, orders.CHARGEBACK)
    bought, voided = play_of(world).notifications(token)
    google.told(world, voided)
    with pytest.raises(InvalidState):
        google.buy(world, USER, PACK, token)
    google.told(world, bought)
    assert posted(world) == []
    assert (outcome(world, voided), outcome(world, bought)) == ("voided", "not credited: purchased")


def test_a_refund_that_only_a_question_shows_is_taken_back(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    play_of(world).void(token)
    with pytest.raises(InvalidState):
        google.buy(world, USER, PACK, token)
    assert posted(world) == [("coins_bought", 500), ("coins_taken_back", -500)]


# --- Google tells ----------------------------------------------------------------------------------


def test_a_purchase_is_given_though_the_app_never_calls(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    (told,) = play_of(world).notifications(token)
    for _ in range(3):
        google.told(world, told)
    assert posted(world) == [("coins_bought", 500)]
    assert play_of(world).consumed == [token]
    assert outcome(world, told) == "credited"


def test_a_refund_takes_the_coins_back_once_told_twice_and_listed_too(world: World) -> None:
    token = play_of(world).buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    coins.spend(world, USER, "gift", 400, "gift:1", "gft_1")
    play_of(world).void(token)
    hear(world)
    hear(world)
    forward(world, DAY + MINUTE)
    assert tick(world) == 1
    assert posted(world) == [("coins_bought", 500), ("gift", -400), ("coins_taken_back", -500)]
    assert coins.balance(world, USER) == -400


@pytest.mark.parametrize("order", [*permutations(range(4))], ids=str)
def test_the_order_of_words_makes_no_difference(order: tuple[int, ...]) -> None:
    world = made()
    token = play_of(world).buy(PACK, USER)
    (bought,) = play_of(world).notifications(token)
    play_of(world).void(token, orders.CHARGEBACK)  # so that Google goes on calling it purchased
    _, voided = play_of(world).notifications(token)

    def app() -> None:
        google.buy(world, USER, PACK, token)

    words: list[Callable[[], object]] = [
        app,
        lambda: google.told(world, bought),
        lambda: google.told(world, voided),
        lambda: google.told(world, replace(voided, id="another")),
    ]
    for place in order:
        try:
            words[place]()
        except InvalidState:
            assert place == 0
    assert sum(amount for _, amount in posted(world)) == 0
    assert len(posted(world)) in (0, 2)
    assert tick(world) == 0


def test_a_part_of_several_is_taken_back_when_told_and_when_listed(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER, quantity=3)
    google.buy(world, USER, PACK, token)
    orders.refund_part(play.context, token, 1)
    hear(world)
    hear(world)
    assert posted(world) == [("coins_bought", 1_500), ("coins_taken_back", -500)]
    orders.refund_part(play.context, token, 1)  # nobody tells
    forward(world, DAY + MINUTE)
    tick(world)
    assert posted(world)[2:] == [("coins_taken_back", -500)]
    assert google.buy(world, USER, PACK, token).kept == 500
    play.void(token)
    hear(world)
    assert posted(world)[3:] == [("coins_taken_back", -500)]


def test_a_pending_purchase_that_is_canceled_gives_nothing(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER, pending=True)
    orders.cancel(play.context, token)
    (told,) = play.notifications(token)
    google.told(world, told)
    assert (outcome(world, told), posted(world)) == ("canceled", [])


def test_a_notification_of_a_pending_purchase_is_kept_and_gives_nothing(world: World) -> None:
    token = play_of(world).buy(PACK, USER, pending=True)
    told = Notification("1", "changed", "oneTimeProductNotification.1", token)
    google.told(world, told)
    assert (outcome(world, told), posted(world)) == ("not credited: pending", [])


@pytest.mark.parametrize(
    ("bought", "why"),
    [
        ({"user": None}, "of nobody"),
        ({"user": new_id("usr", NOON)}, "of nobody"),
        ({"product": "hat_1"}, "nothing that we sell"),
        ({"quantity": 11}, "nothing that we sell"),
    ],
    ids=["names nobody", "names a stranger", "no pack", "too many"],
)
def test_what_cannot_be_given_is_kept_and_alarms_and_google_gives_it_back(
    world: World, bought: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    play = play_of(world)
    token = play.buy(**{"product": PACK, "user": USER} | bought)
    (told,) = play.notifications(token)
    google.told(world, told)
    assert outcome(world, told) == why
    assert alarms(capsys) == ["play_notification_unexpected"]
    assert (posted(world), play.consumed) == ([], [])


def test_who_was_deleted_gets_nothing_more(world: World) -> None:
    gone = person(world, new_id("usr", NOON), "deleted")
    token = play_of(world).buy(PACK, gone)
    hear(world, token)
    assert (posted(world, gone), play_of(world).consumed) == ([], [])


def test_a_notification_of_no_purchase_is_kept_and_alarms(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    told = Notification("1", "changed", "oneTimeProductNotification.1", "unknown-token")
    google.told(world, told)
    assert outcome(world, told) == "of no purchase"
    assert alarms(capsys) == ["play_notification_unexpected"]


def test_what_is_not_about_purchases_is_kept_and_nothing_is_asked(world: World) -> None:
    play_of(world).down = True
    told = Notification("1", "other", "testNotification")
    google.told(world, told)
    assert outcome(world, told) == "not ours to handle"


def test_what_google_cannot_be_asked_about_is_not_kept_so_that_it_is_pushed_again(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    (told,) = play.notifications(token)
    play.down = True
    with pytest.raises(Unavailable):
        google.told(world, told)
    assert outcome(world, told) is None
    play.down = False
    google.told(world, told)
    assert posted(world) == [("coins_bought", 500)]


def test_a_refund_is_heard_while_google_is_down(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    play.void(token)
    play.down = True
    google.told(world, play.notifications(token)[-1])
    assert posted(world)[-1] == ("coins_taken_back", -500)


# --- what is owed to Google ------------------------------------------------------------------------


def test_consuming_is_owed_until_it_is_done(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    play.loses_answers = True
    assert google.buy(world, USER, PACK, token).kept == 500
    assert play.order(token)["consumed"]  # it is, and nobody knows
    assert tick(world) == 0  # not so soon again
    forward(world, MINUTE + SECOND)
    assert tick(world) == 1
    assert play.consumed == [token]
    forward(world, DAY)
    assert posted(world) == [("coins_bought", 500)]


def test_the_tick_consumes_what_the_function_died_before(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    bought = play.purchase(token)
    google._credit(world, bought, USER, token)
    assert tick(world) == 0
    forward(world, MINUTE)
    assert tick(world) == 1
    assert play.consumed == [token]
    assert google.advance(world, order_id(token)) is None


def test_while_google_is_down_it_is_tried_less_often_and_alarms_in_time(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google._credit(world, play.purchase(token), USER, token)
    play.down = True
    tries = 0
    for _ in range(2 * 24 * 60 - 1):
        forward(world, MINUTE)
        tries += tick_purchases(world)
    assert 50 < tries < 80
    assert alarms(capsys) == []
    forward(world, HOUR + MINUTE)
    tick_purchases(world)
    assert alarms(capsys) == ["play_purchase_not_consumed"]
    play.down = False
    forward(world, HOUR + MINUTE)
    assert tick_purchases(world) == 1
    assert play.consumed == [token]
    forward(world, HOUR + MINUTE)
    assert tick_purchases(world) == 0


def tick_purchases(world: World) -> int:
    found = [each for shard in ("0", "1") for each in KINDS["purchase"].page(world, shard, 100, None)[0]]
    for waiting in found:
        waiting.advance()
    return len(found)


def test_after_thirty_days_nobody_tries_any_more(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google._credit(world, play.purchase(token), USER, token)
    play.down = True
    forward(world, 30 * DAY)
    assert tick_purchases(world) == 1
    forward(world, DAY)
    assert tick_purchases(world) == 0


def test_what_was_canceled_before_it_was_consumed_is_taken_back_by_the_tick(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google._credit(world, play.purchase(token), USER, token)
    play.void(token)
    forward(world, MINUTE)
    assert tick_purchases(world) == 1
    assert posted(world) == [("coins_bought", 500), ("coins_taken_back", -500)]
    assert tick_purchases(world) == 0


def test_what_google_knows_no_more_is_owed_no_more(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google._credit(world, play.purchase(token), USER, token)
    play.context.store.remove(token)
    forward(world, MINUTE)
    assert tick_purchases(world) == 1
    assert alarms(capsys) == ["play_purchase_gone"]
    assert tick_purchases(world) == 0


def test_nothing_is_owed_for_what_the_app_consumed(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    orders.consume(play.context, PACK, token)
    assert google.buy(world, USER, PACK, token).kept == 500
    forward(world, DAY - HOUR)
    assert (tick(world), play.consumed) == (0, [])


def test_of_no_purchase_nothing_can_be_brought_on(world: World) -> None:
    with pytest.raises(NotFound):
        google.advance(world, "nothing")


# --- the list of what was voided -------------------------------------------------------------------


def test_a_refund_that_nobody_told_of_is_found_within_a_day(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    forward(world, HOUR)
    play.void(token, orders.CHARGEBACK)
    assert tick(world) == 0
    forward(world, DAY - HOUR)
    assert tick(world) == 1
    assert posted(world)[-1] == ("coins_taken_back", -500)
    assert tick(world) == 0
    forward(world, DAY)
    assert tick(world) == 1
    assert len(posted(world)) == 2


def test_all_pages_are_gone_through(world: World) -> None:
    play = play_of(world)
    tokens = [play.buy("coins_100", USER) for _ in range(230)]
    for token in tokens:
        google.buy(world, USER, "coins_100", token)
        play.void(token, orders.CHARGEBACK)
    forward(world, DAY)
    assert tick(world) == 1
    assert coins.balance(world, USER) == 0
    assert len(posted(world)) == 460


def test_a_look_that_google_breaks_off_goes_on_where_it_was(world: World) -> None:
    play = play_of(world)
    google.buy(world, USER, PACK, play.buy(PACK, USER))
    play.down = True
    forward(world, DAY)
    assert (tick(world), tick(world)) == (1, 0)
    late = play.buy(PACK, OTHER)
    play.down = False
    google.buy(world, OTHER, PACK, late)
    play.void(late, orders.CHARGEBACK)
    forward(world, 15 * MINUTE)
    assert tick(world) == 1
    forward(world, DAY)
    tick(world)
    assert [amount for _, amount in posted(world, OTHER)] == [500, -500]


def test_a_page_that_google_forgot_begins_the_look_again(world: World) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    play.void(token, orders.CHARGEBACK)
    play.refuses_lists = True
    forward(world, DAY)
    assert (tick(world), tick(world)) == (1, 0)
    play.refuses_lists = False
    forward(world, 15 * MINUTE)
    assert tick(world) == 1
    assert posted(world)[-1] == ("coins_taken_back", -500)


def test_the_first_look_goes_back_to_before_the_first_purchase(world: World) -> None:
    play = play_of(world)
    early = play.buy(PACK, OTHER)  # nobody tells of it
    play.void(early, orders.CHARGEBACK)
    forward(world, 20 * DAY)
    google.buy(world, USER, PACK, play.buy(PACK, USER))
    forward(world, DAY)
    assert tick(world) == 1
    with pytest.raises(InvalidState):
        google.buy(world, OTHER, PACK, early)
    assert posted(world, OTHER) == []


def test_a_look_that_was_missed_for_too_long_alarms_and_goes_as_far_back_as_it_can(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    play = play_of(world)
    token = play.buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    forward(world, 35 * DAY)
    play.void(token, orders.CHARGEBACK)
    forward(world, 3 * DAY)
    assert tick(world) == 1
    assert alarms(capsys) == ["play_voided_missed"]
    assert posted(world)[-1] == ("coins_taken_back", -500)


class OddLists(OfflinePlay):
    """Its list holds what nobody can read, and has no end unless told."""

    endless = False

    def voided(self, since: int, until: int, page: str | None) -> Voided:
        found = super().voided(since, until, page)
        return replace(found, following="0" if self.endless else None, unreadable=2)

    def purchase(self, token: str) -> Bought:
        bought = super().purchase(token)
        if bought.refunded:
            raise Unreadable
        return bought


def odd(*, endless: bool = False) -> World:
    clock = HandClock()
    play = OddLists(clock)
    play.endless = endless
    world = hand_world(now=clock, play=play)
    for user in (USER, OTHER):
        person(world, user)
    return world


def test_what_cannot_be_read_in_the_list_alarms_and_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    world = odd()
    play = play_of(world)
    part, token = play.buy(PACK, OTHER, quantity=3), play.buy(PACK, USER)
    google.buy(world, OTHER, PACK, part)
    google.buy(world, USER, PACK, token)
    orders.refund_part(play.context, part, 1)
    play.void(token, orders.CHARGEBACK)
    forward(world, DAY)
    assert tick(world) == 1
    assert posted(world)[-1] == ("coins_taken_back", -500)
    assert posted(world, OTHER) == [("coins_bought", 1_500)]
    assert alarms(capsys) == ["play_voided_unreadable"]
    assert tick(world) == 0, "it is over for a day"


def test_a_list_without_an_end_is_given_up_and_alarms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(model, "_MOST_PAGES", 50)
    world = odd(endless=True)
    google.buy(world, USER, PACK, play_of(world).buy(PACK, USER))
    forward(world, DAY)
    found = []
    for _ in range(4):
        tick(world)
        found += [each for each in alarms(capsys) if each != "play_voided_unreadable"]
    assert found == ["play_voided_endless"]


@pytest.mark.parametrize("fails", ["down", "refuses_lists"])
def test_a_look_that_has_not_ended_for_two_days_alarms(
    world: World, capsys: pytest.CaptureFixture[str], fails: str
) -> None:
    google.buy(world, USER, PACK, play_of(world).buy(PACK, USER))
    for _ in range(2):
        forward(world, DAY)
        assert tick(world) == 1
    forward(world, DAY)
    setattr(play_of(world), fails, True)
    for after, said in ((0, []), (2 * DAY - MINUTE, []), (HOUR, ["play_voided_not_ended"])):
        forward(world, after)
        assert tick(world) == 1
        assert alarms(capsys) == said
    setattr(play_of(world), fails, False)
    forward(world, HOUR)
    while tick(world):
        forward(world, MINUTE)
    capsys.readouterr()
    forward(world, DAY)
    assert (tick(world), alarms(capsys)) == (1, [])


# --- writes that are lost --------------------------------------------------------------------------


def life(world: World) -> None:
    """A purchase that the app and Google tell of, consumed, and refunded."""
    play = play_of(world)
    token = play.buy(PACK, USER)
    google.buy(world, USER, PACK, token)
    hear(world)
    play.void(token)
    hear(world)
    forward(world, DAY + MINUTE)
    tick(world)


@pytest.mark.parametrize("after", [False, True])
def test_whichever_write_is_lost_the_coins_come_once_and_go_once(*, after: bool) -> None:
    whole = LosingTables(10_000, after=after)
    life(made(whole))
    writes = 10_000 - whole.left
    for at in range(2, writes):
        world = made(LosingTables(at, after=after))
        life(world)
        forward(world, HOUR)
        tick(world)
        assert posted(world) == [("coins_bought", 500), ("coins_taken_back", -500)], at
        (token,) = play_of(world).consumed
        known = purchases.purchase_of(world, "google", order_id(token))
        assert known is not None
        assert known.kept == 0
