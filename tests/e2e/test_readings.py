"""Whole readings in real time. Each is a story; see ``conftest``."""

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from rich.console import Console

from chalicelib.kernel.money import part_rounded_up
from chalicelib.kernel.time import SECOND, ceil_div, rfc3339
from chalicelib.sessions.model.session import Session
from infra.local.people import RATE
from infra.local.play import Play
from infra.local.screen import PlainScreen
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Pair, Stage, refusal

STORY_SECONDS = 300


def owed(stage: Stage, row: Session) -> int:
    """What the row's own connected time costs, refunds apart."""
    return ceil_div(row.connected_before, stage.rules.minute) * row.rate


def settled(pair: Pair, seconds: float = SOON) -> Session:
    """The reading once it is settled, with its books checked: the receipt is the connected time."""
    row = pair.await_state("finalized", seconds)
    receipt = pair.receipt()
    assert receipt["total"]["amount"] == owed(pair.stage, row) - row.refunded
    assert [minute["number"] for minute in receipt["minutes"]] == list(range(1, len(receipt["minutes"]) + 1))
    assert row.review is None
    return row


def the_whole_play(stage: Stage) -> None:
    played = Play(stage.stack, PlainScreen(Console()), alone=False).run()
    assert played.went_well, played.failed


def twenty_times_away_and_back_costs_the_connected_seconds_and_no_more(stage: Stage) -> None:
    with stage.pair(2_000) as pair:
        surely = perhaps = 0.0
        back_asked = time.monotonic()
        pair.begin()
        back_answered = time.monotonic()
        for _ in range(20):
            pair.await_connected(pair.row.connected(stage.world.now()) + 300)
            leaving = time.monotonic()
            pair.client.leave()
            surely += leaving - back_answered
            perhaps += time.monotonic() - back_asked
            pair.reader.reconnect()
            back_asked = time.monotonic()
            assert pair.client.reconnect()["state"] == "active"
            back_answered = time.monotonic()
        pair.hang_up()
        leaving = time.monotonic()
        pair.client.do("end")
        surely += leaving - back_answered
        perhaps += time.monotonic() - back_asked
        row = settled(pair)
        assert row.pauses == 20
        assert surely * SECOND <= row.connected_before <= perhaps * SECOND
        assert len(pair.receipt()["minutes"]) == ceil_div(row.connected_before, stage.rules.minute)
        assert pair.client.credit() == 2_000 - owed(stage, row)
        entries = pair.client.api.get("/v1/wallet/entries?limit=100")["items"]
        paid = [entry for entry in entries if entry["amount"]["amount"] < 0]
        assert len(paid) == len(pair.receipt()["minutes"])


def after_grace_nobody_comes_back(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.hang_up()
        left = pair.client.do("leave")
        row = settled(pair, stage.rules.grace / SECOND + TICK)
        assert (row.reason, row.cut) == ("grace_expired", "client_left")
        assert rfc3339(row.ended_at or 0) == left["deadline_at"]
        for phone in (pair.client, pair.reader):
            answer = phone.api.send("POST", f"/v1/sessions/{pair.id}/reconnect")
            assert refusal(answer) == (410, "grace_expired")


def a_reader_who_joins_alone_waits_for_free(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.accept()
        pair.reader.join()
        row = settled(pair, stage.rules.join / SECOND + TICK)
        assert (row.reason, row.ended_at) == ("no_show_client", (row.accepted_at or 0) + stage.rules.join)
        assert pair.receipt() == {"minutes": [], "refunds": [], "total": {"amount": 0, "currency": "usd"}}
        assert pair.client.credit() == 500


def a_client_who_joins_alone_waits_for_free(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.accept()
        pair.client.join()
        row = settled(pair, stage.rules.join / SECOND + TICK)
        assert row.reason == "no_show_reader"
        assert pair.client.credit() == 500


def a_ring_that_nobody_answers_ends_at_its_deadline(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        row = settled(pair, stage.rules.ring / SECOND + TICK)
        assert (row.reason, row.ended_at) == ("request_expired", row.created_at + stage.rules.ring)
        assert pair.client.credit() == 500
        pair.ask()  # both are free again


def a_reader_who_falls_silent_left_at_the_last_beat_and_the_rest_is_given_back(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.await_beats()
        pair.reader.hang_up()
        beat = pair.last_signs_of_life()["reader"]
        paused = pair.await_state("paused", stage.rules.silence / SECOND + TICK)
        assert (paused.reason, paused.paused_at) == ("reader_left", beat)
        pair.client.hang_up()
        pair.client.do("end")
        row = settled(pair)
        unused = -row.connected_before % stage.rules.minute
        assert row.refunded == part_rounded_up(row.rate, unused, stage.rules.minute)
        assert pair.receipt()["refunds"][0]["reason"] == "reader_left"
        assert pair.client.credit() == 500 - owed(stage, row) + row.refunded


def a_client_who_falls_silent_left_when_the_silence_was_full_and_gets_nothing_back(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.client.hang_up()
        beat = pair.row.client.beat_at or 0
        paused = pair.await_row(
            "the pause", lambda row: row.state in ("paused", "reconnecting"), stage.rules.silence / SECOND + TICK
        )
        assert (paused.reason, paused.paused_at) == ("client_left", beat + stage.rules.silence)
        pair.client.do("end")
        row = settled(pair)
        assert (row.refunded, row.reason) == (0, "client_ended")


def both_falling_silent_is_the_network_and_the_rest_is_given_back(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.await_beats()
        pair.hang_up()
        silent, began = min(pair.last_signs_of_life().values()), pair.row.started_at or 0
        row = settled(pair, (stage.rules.silence + stage.rules.grace) / SECOND + 2 * TICK)
        assert (row.cut, row.reason, row.connected_before) == (
            "network",
            "grace_expired",
            silent - began,
        )
        assert pair.client.credit() == 500 - owed(stage, row) + row.refunded


def who_ends_it_decides_on_the_unused_rest(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.await_connected(SECOND)
        pair.hang_up()
        pair.client.do("end")
        row = settled(pair)
        assert (row.reason, row.refunded, pair.client.credit()) == ("client_ended", 0, 250)
    with stage.pair() as pair:
        pair.begin()
        pair.await_connected(SECOND)
        pair.hang_up()
        pair.reader.do("end")
        row = settled(pair)
        back = math.ceil(RATE * (stage.rules.minute - row.connected_before) / stage.rules.minute)
        assert (row.reason, row.refunded, pair.client.credit()) == ("reader_ended", back, 250 + back)
        earned = pair.reader.api.get("/v1/reader/earnings")
        assert earned["balance"]["amount"] == (RATE - back) * 70 // 100
        assert earned["available"]["amount"] == 0


def suspending_somebody_stops_their_reading_for_safety(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.await_connected(SECOND)
        pair.hang_up()
        stage.admin("people", "suspend", pair.client.id, "--reason", "e2e: reported", "--yes")
        paused = pair.row
        assert (paused.state, paused.reason) == ("paused", "safety")
        answer = pair.client.api.send("POST", f"/v1/sessions/{pair.id}/reconnect")
        assert refusal(answer) == (403, "account_suspended")
        row = pair.await_state("finalized", stage.rules.grace / SECOND + TICK)
        assert (row.reason, row.cut) == ("grace_expired", "safety")
        assert row.refunded > 0
        assert pair.reader.api.get("/v1/reader/earnings")["balance"]["amount"] == (RATE - row.refunded) * 70 // 100


def an_admin_ends_a_reading_and_the_rest_is_given_back(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        stage.admin("sessions", "force-end", pair.id, "--reason", "e2e: by hand", "--yes")
        row = settled(pair)
        assert row.reason == "admin"
        assert row.refunded > 0


def a_topup_while_it_runs_makes_it_last_longer(stage: Stage) -> None:
    with stage.pair() as pair:
        begun = pair.begin()
        assert begun["low_balance_warning"]  # two minutes were all there was
        pair.client.top_up(1_000)
        view = pair.await_row("the warning taken back by a beat", lambda row: not row.warned)
        assert view.state == "active"
        pair.await_connected(2 * stage.rules.minute + SECOND)
        longer = pair.client.api.post(f"/v1/sessions/{pair.id}/token")
        assert longer["session"]["state"] == "active"
        assert longer["session"]["minutes_charged"] == 3
        pair.hang_up()
        pair.client.do("end")
        settled(pair)


def many_at_once_at_the_boundary_charge_a_minute_once(stage: Stage) -> None:
    with stage.pair(1_000) as pair:
        pair.begin()
        # Not earlier: two cores that do nothing else let the heartbeats starve.
        pair.await_connected(stage.rules.minute - SECOND // 2)

        def hammer(number: int) -> None:
            phone = pair.client if number % 2 else pair.reader

            def past_the_boundary() -> bool:
                assert phone.api.send("GET", f"/v1/sessions/{pair.id}").status in (200, 503)
                return pair.row.connected(stage.world.now()) > stage.rules.minute + SECOND // 2

            until("the second minute", past_the_boundary, seconds=SOON, every=0)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(hammer, range(4)))
        pair.hang_up()
        pair.client.do("end")
        row = settled(pair)
        minutes = pair.receipt()["minutes"]
        # Two, where nothing is slow.
        assert len(minutes) == ceil_div(row.connected_before, stage.rules.minute) >= 2
        assert pair.client.credit() == 1_000 - 250 * len(minutes)


STORIES: list[Story] = [
    the_whole_play,
    twenty_times_away_and_back_costs_the_connected_seconds_and_no_more,
    after_grace_nobody_comes_back,
    a_reader_who_joins_alone_waits_for_free,
    a_client_who_joins_alone_waits_for_free,
    a_ring_that_nobody_answers_ends_at_its_deadline,
    a_reader_who_falls_silent_left_at_the_last_beat_and_the_rest_is_given_back,
    a_client_who_falls_silent_left_when_the_silence_was_full_and_gets_nothing_back,
    both_falling_silent_is_the_network_and_the_rest_is_given_back,
    who_ends_it_decides_on_the_unused_rest,
    suspending_somebody_stops_their_reading_for_safety,
    an_admin_ends_a_reading_and_the_rest_is_given_back,
    a_topup_while_it_runs_makes_it_last_longer,
    many_at_once_at_the_boundary_charge_a_minute_once,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_reading(story: Story, stories: dict[Story, "Future[None]"]) -> None:
    stories[story].result(timeout=STORY_SECONDS)
