"""Readings in which Agora has its say: phones that really are in the media channel, and what the product does about it.

Agora's notices are presence, its REST API puts out who may not be there any more, and a token of before a stop opens
nothing after it (product §3, rules 7 and 8).
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests

from chalicelib.kernel.money import part_rounded_up
from chalicelib.kernel.time import SECOND, Millis
from infra.local.agora import notices
from infra.local.agora.device import ChannelRefused, Device
from infra.local.phone import Json, Phone
from infra.local.waiting import until
from tests.e2e.conftest import Story
from tests.e2e.stage import SOON, TICK, Pair, Stage

STORY_SECONDS: Final = 400
BOTH: Final = {1, 2}


@dataclass
class AgoraDesk:
    """The local Agora as its console and its test tools see it."""

    stage: Stage

    def who(self, channel: str) -> set[int]:
        return self.stage.stack.agora.uids_in(channel)

    def await_in(self, channel: str, uids: set[int], seconds: float = SOON) -> None:
        until(f"{uids or 'nobody'} being in {channel}", lambda: self.who(channel) == uids, seconds=seconds)

    def told(self, channel: str, uid: int) -> list[Json]:
        """The notices of one participant, oldest first."""
        return [each for each in self.stage.stack.agora.notices(channel) if each["payload"]["uid"] == uid]

    def last_leave(self, channel: str, uid: int) -> Millis:
        """The beginning of the second of which Agora says that the participant left in it."""
        left = [each["payload"]["ts"] for each in self.told(channel, uid) if each["event_type"] == notices.LEFT]
        return int(left[-1]) * SECOND

    def send(self, notice: Json, **how: Any) -> list[int]:
        """Send a notice once more; how the first attempt of each delivery was answered."""
        sent = self.local("POST", f"notices/{notice['id']}/send", how)["deliveries"]
        channel = notice["payload"]["channelName"]

        def answered() -> list[int] | None:
            listed = self.local("GET", f"notices?channel={channel}")["data"]
            deliveries = [each for told in listed for each in told["deliveries"] if each["id"] in sent]
            attempts = [each["attempts"][0].get("status", 0) for each in deliveries if each["attempts"]]
            return attempts if len(attempts) == len(sent) else None

        return until(f"an answer to {notice['id']}", answered, seconds=SOON)

    def local(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = requests.request(method, f"{self.stage.stack.agora.url}/_local/{path}", json=body, timeout=SOON)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def talkers(stage: Stage, cents: int = 500) -> Iterator[tuple[Pair, AgoraDesk]]:
    """A pair whose phones go into the channel with each lease that they are given."""
    with stage.pair(cents) as pair:
        for phone in (pair.client, pair.reader):
            phone.device = Device(stage.stack.agora.url)
        yield pair, AgoraDesk(stage)


def device_of(phone: Phone) -> Device:
    assert phone.device is not None
    return phone.device


def await_heard(pair: Pair, *, client: bool = True, reader: bool = True) -> None:
    """Until the product has heard of Agora who is in the channel."""
    pair.await_row(
        f"client {client}, reader {reader} in the channel as the product knows",
        lambda row: (row.client.in_channel, row.reader.in_channel) == (client, reader),
    )


def begin(pair: Pair) -> str:
    """A talk in which both are in the channel, and the product was told; the channel."""
    pair.begin()
    await_heard(pair)
    return pair.row.channel


def refused(stage: Stage, lease: Json) -> str:
    """How Agora refuses a lease that is tried once more."""
    with pytest.raises(ChannelRefused) as refusal:
        Device(stage.stack.agora.url).join(lease)
    return refusal.value.code


def media(phone: Phone) -> Json:
    assert phone.media is not None
    return phone.media


# --- stories --------------------------------------------------------------------------------------


def a_client_who_drops_out_of_the_channel_pauses_the_talk_and_old_tokens_open_nothing(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        assert agora.who(channel) == BOTH
        old = [media(pair.client), media(pair.reader)]
        device_of(pair.client).lose_network()
        paused = pair.await_row("the pause", lambda row: row.pauses == 1)
        left = agora.last_leave(channel, 1)
        assert (paused.reason, paused.cut) == ("client_left", "client_left")
        assert left <= (paused.paused_at or 0) <= left + SECOND
        agora.await_in(channel, set())
        assert [refused(stage, lease) for lease in old] == ["banned", "banned"]
        assert refused(stage, old[0] | {"channel": f"{pair.id}-1"}) == "invalid_token"
        pair.reader.reconnect()
        assert pair.client.reconnect()["state"] == "active"
        agora.await_in(f"{pair.id}-1", BOTH)
        await_heard(pair)


def a_reader_who_drops_out_of_the_channel_is_paid_to_the_second_that_agora_names(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        pair.await_connected(2 * SECOND)
        device_of(pair.reader).leave()
        paused = pair.await_row("the pause", lambda row: row.pauses == 1)
        assert paused.reason == "reader_left"
        assert paused.paused_at == max(agora.last_leave(channel, 2), paused.started_at or 0)
        pair.hang_up()
        pair.client.do("end")
        row = pair.await_state("finalized")
        assert row.refunded == part_rounded_up(row.rate, -row.connected_before % stage.rules.minute, stage.rules.minute)
        agora.await_in(channel, set())


def an_app_that_leaves_but_stays_in_the_channel_is_put_out_and_pays_when_it_is_back(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        # Limits are looked at by whichever function starts the meter.
        pair.client.api.put("/v1/me/limits", {"day": 5_000, "week": None, "month": None, "self_excluded_until": None})
        pair.accept()
        pair.client.join()
        channel = pair.row.channel
        await_heard(pair, reader=False)
        pair.client.hang_up()
        pair.client.do("leave")
        agora.await_in(channel, set())
        row = pair.await_row("nobody being there", lambda row: not row.client.in_channel)
        assert (row.state, row.client.present) == ("waiting", False)
        pair.reader.join()
        assert pair.row.state == "waiting"
        # It may come back by the token that it kept; then it is there, whatever it says, and the meter runs.
        device_of(pair.client).join(media(pair.client))
        active = pair.await_state("active")
        assert active.client.present
        assert pair.client.credit() == 500 - active.rate


def an_app_that_leaves_a_talk_but_stays_in_the_channel_is_put_out(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        pair.hang_up()
        assert pair.client.do("leave")["state"] == "paused"
        agora.await_in(channel, set())
        assert agora.told(channel, 1)[-1]["payload"]["reason"] == 3
        assert refused(stage, media(pair.client)) == "banned"


def notices_that_come_twice_late_or_in_disorder_change_nothing(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        agora.local("PUT", "notices/way", {"lost": True, "channel": channel})
        device_of(pair.client).leave()
        device_of(pair.client).join(media(pair.client))
        agora.local("DELETE", "notices/way")
        joined, left, back = agora.told(channel, 1)
        assert agora.send(back) == [200]
        heard = pair.await_row("its newest notice", lambda row: row.client.notice_seq == back["payload"]["clientSeq"])
        assert agora.send(left, copies=3) + agora.send(joined) + agora.send(back) == [200] * 5
        row = pair.row
        assert (row.state, row.client.in_channel, row.client.notice_seq) == ("active", True, heard.client.notice_seq)
        # Another device of the same person: one comes, one goes, and nobody has left.
        other = Device(stage.stack.agora.url)
        other.join(media(pair.client))
        until("both of its notices", lambda: len(agora.told(channel, 1)) == 5, seconds=SOON)
        pair.await_row("the join of the other", lambda row: (row.client.notice_seq or 0) > back["payload"]["clientSeq"])
        assert pair.row.state == "active"
        # After a pause the channel is another, and what is told of the old one is not heard.
        other.leave()
        pair.await_row("the pause", lambda row: row.pauses == 1)
        pair.hang_up()
        standing = pair.row
        assert [status for told in agora.told(channel, 1) for status in agora.send(told)] == [200] * 6
        row = pair.row
        assert (row.state, row.client, row.pauses) == (standing.state, standing.client, 1)


def when_the_money_ends_the_channel_ends_and_not_a_second_before(stage: Stage) -> None:
    with talkers(stage, 500) as (pair, agora):
        channel = begin(pair)
        paid = 2 * stage.rules.minute
        dry = pair.await_row("the pause", lambda row: row.state != "active", seconds=paid / SECOND + SOON)
        assert (dry.reason, dry.connected_before, pair.client.credit()) == ("low_balance", paid, 0)
        agora.await_in(channel, set())
        assert refused(stage, media(pair.client)) in ("banned", "token_expired")


STORIES: Final[list[Story]] = [
    a_client_who_drops_out_of_the_channel_pauses_the_talk_and_old_tokens_open_nothing,
    a_reader_who_drops_out_of_the_channel_is_paid_to_the_second_that_agora_names,
    an_app_that_leaves_but_stays_in_the_channel_is_put_out_and_pays_when_it_is_back,
    an_app_that_leaves_a_talk_but_stays_in_the_channel_is_put_out,
    notices_that_come_twice_late_or_in_disorder_change_nothing,
    when_the_money_ends_the_channel_ends_and_not_a_second_before,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_channels(story: Story, stories: dict[Story, "Future[None]"]) -> None:
    stories[story].result(timeout=STORY_SECONDS)


# --- short ----------------------------------------------------------------------------------------


def test_a_notice_that_agora_did_not_sign_is_refused_and_changes_nothing(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        pair.hang_up()
        agora.local("PUT", "notices/way", {"lost": True, "channel": channel})
        device_of(pair.client).leave()
        agora.local("DELETE", "notices/way")
        left = agora.told(channel, 1)[-1]
        assert left["event_type"] == notices.LEFT
        assert agora.send(left, secret="another") == [400]
        hook = stage.stack.addresses.function_urls["agora_webhook"]
        for signature in ({}, {"agora-signature-v2": ""}, {"agora-signature-v2": "é".encode().decode("latin-1")}):
            answer = requests.post(hook["url"], data="{}", headers=hook["headers"] | signature, timeout=SOON)
            assert (answer.status_code, answer.json()) == (400, {"result": "signature"})
        row = pair.row
        assert (row.state, row.client.in_channel) == ("active", True)
        assert agora.send(left) == [200]
        assert pair.row.reason == "client_left"


def test_a_fresh_token_lets_a_phone_stay_longer_in_the_same_channel(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        until_then = media(pair.client)["expires_at"]
        pair.client.top_up(1_000)
        until("the credit", lambda: pair.client.credit() > 1_000, seconds=SOON)
        renewed = pair.client.api.post(f"/v1/sessions/{pair.id}/token")["media"]
        device_of(pair.client).use(renewed)
        assert (renewed["channel"], agora.who(channel)) == (channel, BOTH)
        assert renewed["expires_at"] > until_then
        assert len(agora.told(channel, 1)) == 1


def test_in_a_text_reading_the_channel_says_nothing(stage: Stage) -> None:
    with talkers(stage) as (pair, agora):
        pair.ask("text")
        pair.reader.do("accept")
        pair.client.join()
        channel = pair.row.channel
        assert agora.who(channel) == set()
        device_of(pair.client).join(media(pair.client))
        (joined,) = agora.told(channel, 1)
        assert agora.send(joined) == [200]
        row = pair.row
        assert (row.client.in_channel, row.client.notice_seq) == (False, None)


def test_while_agora_is_down_a_reading_is_settled_and_when_it_is_back_both_are_put_out(
    stage: Stage, quiet: None
) -> None:
    with talkers(stage) as (pair, agora):
        channel = begin(pair)
        agora.local("PUT", "fault", {"how": "hang"})
        try:
            pair.hang_up()
            pair.client.do("end")
            row = pair.await_state("finalized")
            assert (row.reason, row.review) == ("client_ended", None)
            assert row.owes_removal
            assert agora.who(channel) == BOTH  # it is settled, and they could talk on until their tokens end
            assert pair.receipt()["total"]["amount"] == row.rate
            stage.tick()
            assert pair.row.owes_removal
        finally:
            agora.local("DELETE", "fault")
        agora.await_in(channel, set(), seconds=TICK + SOON)  # by the minute rule, which nobody called
        row = pair.await_row("nothing being owed", lambda row: not row.owes_removal)
        assert (row.state, row.cleared) == ("finalized", 1)
        assert refused(stage, media(pair.reader)) == "banned"
