"""Who watches a stream is told what was written of it: in its order, together where it fits, and never held up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.live.handlers import told
from chalicelib.live.model.signal import LARGEST, Word, messages
from chalicelib.runtime.tables import Item, _marshalled
from tests.support.worlds import NOON, OfflineSignals, hand_world


def gift(number: int, stream: str = "str_1", name: str = "Ann") -> Item:
    return {
        "pk": f"gift#{stream}",
        "sk": f"{NOON:013d}#gft_{number}",
        "id": f"gft_{number}",
        "user": "usr_ann",
        "name": name,
        "gift": "rose",
        "animation": "rose_v1",
        "coins": 100,
        "at": NOON,
    }


def stream(news: str | None = "ended", **more: Any) -> Item:
    return {"pk": "str_1", "sk": "stream", "state": "ended", "title": "T", **({"news": news} if news else {}), **more}


def viewer(news: str | None) -> Item:
    return {"pk": "viewer#str_1", "sk": "usr_ann", **({"news": news} if news else {})}


def event(*rows: Item | None, kind: str = "INSERT") -> dict[str, Any]:
    records = []
    for number, row in enumerate(rows, start=100):
        change: dict[str, Any] = {"SequenceNumber": str(number)}
        if row is not None:
            change["NewImage"] = _marshalled(row)
        records.append({"eventName": kind if row else "REMOVE", "dynamodb": change})
    return {"Records": records}


def signals(*events: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    world = hand_world()
    for each in events:
        assert told(world, each) == {"batchItemFailures": []}
    assert isinstance(world.signals, OfflineSignals)
    return world.signals.told


def test_gifts_of_one_batch_are_one_message() -> None:
    ((channel, message),) = signals(event(gift(1), gift(2)))
    assert channel == "str_1"
    assert message["type"] == "gifts"
    assert [each["id"] for each in message["gifts"]] == ["gft_1", "gft_2"]
    assert message["gifts"][0] == {
        "id": "gft_1",
        "gift": "rose",
        "animation": "rose_v1",
        "coins": 100,
        "sender": {"id": "usr_ann", "display_name": "Ann"},
        "at": "2030-03-17T17:46:40.000Z",
    }


def test_each_stream_is_told_its_own_in_its_order() -> None:
    said = signals(event(gift(1), gift(2, "str_2"), stream("ended", ended_for="host_ended"), gift(3)))
    assert [(channel, message["type"]) for channel, message in said] == [
        ("str_1", "gifts"),
        ("str_1", "stream"),
        ("str_1", "gifts"),
        ("str_2", "gifts"),
    ]
    assert said[1][1] == {"type": "stream", "news": "ended", "reason": "host_ended"}


@pytest.mark.parametrize("news", ["muted", "unmuted", "banned", "unbanned"])
def test_what_moderators_decided_is_told(news: str) -> None:
    assert signals(event(viewer(news))) == [("str_1", {"type": "viewer", "news": news, "user": "usr_ann"})]


def test_what_is_nobodys_news_is_not_told_and_no_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (
        stream(None),
        viewer(None),
        None,
        {"pk": "fan#str_1", "sk": "usr_ann", "total": 100},
        {"pk": "ticket#str_1", "sk": "usr_ann"},
        {"pk": "gifts", "sk": "catalogue", "gifts": [], "rev": 1},
    )
    assert signals(event(*rows)) == []
    assert "signal_unreadable" not in capsys.readouterr().out


def test_a_gift_is_told_when_it_is_sent_and_not_when_its_row_is_changed() -> None:
    assert signals(event(gift(1), kind="MODIFY")) == []
    assert len(signals(event(stream(), kind="MODIFY"))) == 1


def test_a_stream_that_cannot_be_told_comes_again_from_its_first_record_on() -> None:
    world = hand_world(signals=OfflineSignals(down=True))
    failed = told(world, event({"pk": "fan#str_1", "sk": "usr_ann"}, gift(1), gift(2, "str_2"), gift(3)))
    assert failed == {"batchItemFailures": [{"itemIdentifier": "101"}, {"itemIdentifier": "102"}]}


def test_a_row_that_cannot_be_read_alarms_and_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    broken = gift(1)
    del broken["name"]
    said = signals(event(broken, gift(2)))
    assert [each["id"] for each in said[0][1]["gifts"]] == ["gft_2"]
    assert '"event":"signal_unreadable"' in capsys.readouterr().out


def test_one_stream_that_fails_holds_up_no_other() -> None:
    class OneDown(OfflineSignals):
        def publish(self, channel: str, messages: Any) -> None:
            if channel == "str_1":
                raise RuntimeError
            super().publish(channel, messages)

    down = OneDown()
    failed = told(hand_world(signals=down), event(gift(1), gift(2, "str_2")))
    assert failed == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert [channel for channel, _ in down.told] == ["str_2"]


def test_no_message_is_larger_than_what_may_be_sent() -> None:
    names = ["\U0001f33f" * 50, '"' * 50, "é" * 50]
    words = [Word("str_1", "gifts", {"id": f"gft_{number}", "name": names[number % 3]}) for number in range(1_000)]
    said = messages(words)
    sizes = [len(json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode()) for each in said]
    assert max(sizes) <= LARGEST
    assert min(sizes[:-1]) > LARGEST - 300, "each but the last is full"
    assert [each["id"] for message in said for each in message["gifts"]] == [f"gft_{number}" for number in range(1_000)]


def test_a_message_that_just_fits_is_one_and_a_byte_more_is_two() -> None:
    def word(size: int) -> Word:
        """A gift that takes so many bytes, the comma after it among them."""
        return Word("str_1", "gifts", {"id": "x" * (size - len('{"id":""},'))})

    room = 30 * 1024 - len('{"type":"gifts","gifts":[]}')
    assert [len(each["gifts"]) for each in messages([word(room - 100), word(100)])] == [2]
    assert [len(each["gifts"]) for each in messages([word(room - 100), word(101)])] == [1, 1]
