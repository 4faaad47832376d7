"""Asking for a reading: who may, whom, and with what; and that nothing is left behind by a refusal."""

import uuid

from infra.local.phone import Answer, Phone
from tests.e2e.stage import Pair, Stage, refusal


def asked(client: Phone, reader_id: str, modality: str = "voice") -> Answer:
    wanted = {"reader": reader_id, "modality": modality}
    return client.api.send("POST", "/v1/sessions", wanted, key=str(uuid.uuid4()))


def open_of(phone: Phone, side: str) -> list[str]:
    found = phone.api.get(f"/v1/sessions?as={side}&open=true")["items"]
    return [each["id"] for each in found]


def test_who_is_broke_is_402_and_nobody_is_taken(stage: Stage) -> None:
    reader, poor = stage.reader(), stage.client()
    assert refusal(asked(poor, reader.id)) == (402, "insufficient_funds")
    assert (open_of(poor, "client"), open_of(reader, "reader")) == ([], [])
    assert poor.api.get(f"/v1/readers/{reader.id}")["presence"] == "online"


def test_less_than_one_minute_is_as_good_as_nothing(stage: Stage) -> None:
    dear = stage.reader(rate=501)
    assert refusal(asked(stage.client(500), dear.id)) == (402, "insufficient_funds")


def test_who_asks_and_who_is_asked_are_taken_until_it_ends(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        assert open_of(pair.client, "client") == open_of(pair.reader, "reader") == [pair.id]
        assert open_of(pair.client, "reader") == []
        other = stage.client(500)
        assert refusal(asked(other, pair.reader.id)) == (409, "reader_busy")
        assert refusal(asked(pair.client, stage.reader().id)) == (409, "session_open")
        assert pair.client.api.get(f"/v1/readers/{pair.reader.id}")["presence"] == "busy"
        pair.client.do("cancel")
        assert open_of(pair.client, "client") == open_of(pair.reader, "reader") == []
        second = Pair(stage, other, pair.reader)
        second.ask()
        second.part()


def test_a_reader_can_be_in_one_reading_only_also_as_a_client(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        pair.reader.top_up(500)
        assert refusal(asked(pair.reader, stage.reader().id))[0] in (402, 409)


def test_the_answers_to_the_reader_tell_of_the_ring(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask("text")
        rung = pair.reader.api.put("/v1/reader/presence", {"status": "online"})
        assert (rung["presence"], rung["session"]["id"], rung["session"]["state"]) == ("busy", pair.id, "created")
        assert rung["session"]["seconds_left"] is None  # what is in the wallet is not the reader's to know
        assert pair.client.session["seconds_left"] == 2 * stage.rules.minute // 1_000


def test_a_reader_who_is_not_there_is_409(stage: Stage) -> None:
    reader, client = stage.reader(), stage.client(500)
    reader.api.put("/v1/reader/presence", {"status": "offline"})
    assert refusal(asked(client, reader.id)) == (409, "reader_unavailable")


def test_what_a_reader_does_not_offer_is_409(stage: Stage) -> None:
    reader, client = stage.reader(), stage.client(500)
    reader.api.put("/v1/reader/rates", {"voice": 250})
    assert refusal(asked(client, reader.id, "video")) == (409, "reader_unavailable")


def test_somebody_who_is_no_reader_is_404(stage: Stage) -> None:
    client = stage.client(500)
    assert refusal(asked(client, stage.client().id)) == (404, "not_found")
    assert refusal(asked(client, "usr_00000000000000000000000000")) == (404, "not_found")


def test_nobody_reads_for_themselves(stage: Stage) -> None:
    reader = stage.reader()
    assert refusal(asked(reader, reader.id)) == (422, "invalid")


def test_an_unknown_modality_is_422(stage: Stage) -> None:
    assert refusal(asked(stage.client(), "usr_1", "telepathy")) == (422, "invalid")


def test_a_reader_who_was_withdrawn_is_gone_from_the_directory_and_cannot_be_asked(stage: Stage) -> None:
    reader, client = stage.reader(), stage.client(500)
    stage.admin("readers", "withdraw", reader.id, "--reason", "e2e: on leave", "--yes")
    assert refusal(asked(client, reader.id)) == (409, "reader_unavailable")
    assert refusal(client.api.send("GET", f"/v1/readers/{reader.id}")) == (404, "not_found")
    answer = reader.api.send("PUT", "/v1/reader/presence", {"status": "online"})
    assert refusal(answer) == (403, "forbidden")


def test_the_rate_is_fixed_when_the_reading_is_asked_for(stage: Stage) -> None:
    with stage.pair() as pair:
        asked_at = pair.ask()["rate"]["amount"]
        pair.reader.api.put("/v1/reader/rates", {"voice": asked_at - 100})
        assert pair.reader.do("accept")["rate"]["amount"] == asked_at
