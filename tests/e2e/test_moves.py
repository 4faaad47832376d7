"""Every command in every state, by both sides, by a stranger, and on a reading that is not there."""

from typing import Final

import pytest

from infra.local.phone import Phone
from tests.e2e.stage import Pair, Stage, refusal

COMMANDS: Final = ("accept", "decline", "cancel", "join", "heartbeat", "token", "leave", "reconnect")
"""All but ``end``, which fits everywhere."""

OK: Final = (200, "")
WRONG: Final = (409, "invalid_state")
NOT_YOURS: Final = (403, "forbidden")

# Only moves that change nothing in that state are tried: what does fit is played in the other tests.
CREATED: Final = {
    ("client", "accept"): NOT_YOURS,
    ("client", "decline"): NOT_YOURS,
    ("reader", "cancel"): NOT_YOURS,
    **{(who, move): WRONG for who in ("client", "reader") for move in ("join", "token", "leave", "reconnect")},
    **{(who, "heartbeat"): OK for who in ("client", "reader")},
}
WAITING: Final = {
    ("client", "accept"): NOT_YOURS,
    ("client", "decline"): NOT_YOURS,
    ("client", "cancel"): WRONG,
    ("reader", "decline"): WRONG,
    ("reader", "cancel"): NOT_YOURS,
    ("reader", "accept"): OK,
    **{(who, move): WRONG for who in ("client", "reader") for move in ("token", "reconnect")},
    **{(who, move): OK for who in ("client", "reader") for move in ("heartbeat", "leave")},
}
ACTIVE: Final = {
    ("client", "accept"): NOT_YOURS,
    ("client", "decline"): NOT_YOURS,
    ("client", "cancel"): WRONG,
    ("reader", "decline"): WRONG,
    ("reader", "cancel"): NOT_YOURS,
    ("reader", "accept"): OK,
    **{(who, move): OK for who in ("client", "reader") for move in ("join", "heartbeat", "token", "reconnect")},
}
PAUSED: Final = {
    ("client", "cancel"): WRONG,
    ("reader", "decline"): WRONG,
    ("reader", "accept"): OK,
    **{(who, move): WRONG for who in ("client", "reader") for move in ("join", "token")},
    **{(who, move): OK for who in ("client", "reader") for move in ("heartbeat", "leave")},
}
OVER: Final = {
    ("client", "accept"): NOT_YOURS,
    ("client", "decline"): NOT_YOURS,
    ("client", "cancel"): WRONG,
    ("reader", "accept"): WRONG,
    ("reader", "decline"): WRONG,
    ("reader", "cancel"): NOT_YOURS,
    **{
        (who, move): WRONG
        for who in ("client", "reader")
        for move in ("join", "heartbeat", "token", "leave", "reconnect")
    },
    **{(who, "end"): OK for who in ("client", "reader")},
}


def tried(phone: Phone, session_id: str, move: str) -> tuple[int, str]:
    answer = phone.api.send("POST", f"/v1/sessions/{session_id}/{move}")
    return (answer.status, "") if answer.status == 200 else refusal(answer)


def answers(pair: Pair, table: dict[tuple[str, str], tuple[int, str]]) -> dict[tuple[str, str], tuple[int, str]]:
    phones = {"client": pair.client, "reader": pair.reader}
    return {(who, move): tried(phones[who], pair.id, move) for who, move in table}


def test_in_created_only_accept_decline_and_cancel_move_it(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        assert answers(pair, CREATED) == CREATED
        assert pair.row.state == "created"


def test_in_waiting_only_joining_moves_it(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.accept()
        assert answers(pair, WAITING) == WAITING
        assert pair.row.state == "waiting"


def test_while_active_what_already_holds_is_200_and_changes_nothing(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        assert answers(pair, ACTIVE) == ACTIVE
        row = pair.row
        assert (row.state, row.pauses) == ("active", 0)
        assert pair.client.credit() == 250


def test_in_paused_only_asking_back_in_moves_it(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        pair.hang_up()
        pair.client.do("leave")
        assert answers(pair, PAUSED) == PAUSED
        assert pair.row.state == "paused"


@pytest.mark.parametrize("last", ["cancel", "decline", "end"])
def test_when_it_is_over_nothing_but_end_is_taken(stage: Stage, last: str) -> None:
    with stage.pair() as pair:
        pair.ask()
        (pair.reader if last == "decline" else pair.client).do(last)
        repeated = ("client", "cancel") if last == "cancel" else ("reader", "decline")
        expected = OVER | ({repeated: OK} if last != "end" else {})  # one's own command, whose effect holds
        assert answers(pair, expected) == expected
        assert pair.row.state == "finalized"
        assert pair.client.credit() == 500


def test_a_stranger_is_403_on_everything(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.begin()
        stranger, other_reader = stage.client(500), stage.reader()
        for phone in (stranger, other_reader):
            assert {move: tried(phone, pair.id, move) for move in (*COMMANDS, "end")} == dict.fromkeys(
                (*COMMANDS, "end"), NOT_YOURS
            )
            for path in ("", "/receipt"):
                assert refusal(phone.api.send("GET", f"/v1/sessions/{pair.id}{path}")) == NOT_YOURS
        assert pair.row.state == "active"


def test_a_reading_that_is_not_there_is_404_on_everything(stage: Stage) -> None:
    client, nothing = stage.client(), "ses_00000000000000000000000000"
    assert {move: tried(client, nothing, move) for move in (*COMMANDS, "end")} == dict.fromkeys(
        (*COMMANDS, "end"), (404, "not_found")
    )


def test_a_person_sees_their_own_readings_and_no_others(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.ask()
        pair.client.do("cancel")
        pair.ask()
        listed = pair.client.api.get("/v1/sessions")["items"]
        assert [each["state"] for each in listed] == ["created", "finalized"]
        assert [each["state"] for each in pair.reader.api.get("/v1/sessions?as=reader")["items"]] == [
            "created",
            "finalized",
        ]
        assert pair.client.api.get("/v1/sessions?state=finalized")["items"][0]["reason"] == "cancelled"
        assert pair.client.api.get("/v1/sessions?as=reader")["items"] == []
        assert stage.client().api.get("/v1/sessions")["items"] == []


def test_a_media_token_is_for_the_channel_of_this_run_and_ends_with_the_money(stage: Stage) -> None:
    with stage.pair() as pair:
        pair.accept()
        waiting = pair.reader.join()
        media = pair.reader.media
        assert waiting["state"] == "waiting"
        assert media is not None
        assert (media["channel"], media["uid"]) == (f"{pair.id}-0", 2)
        pair.client.join()
        assert pair.client.media is not None
        assert (pair.client.media["channel"], pair.client.media["uid"]) == (f"{pair.id}-0", 1)
        assert pair.client.media["rtc_token"] != media["rtc_token"]
        pair.hang_up()
        pair.client.do("leave")
        pair.reader.reconnect()
        assert pair.reader.media is not None
        assert pair.reader.media["channel"] == f"{pair.id}-1"  # a token of before opens nothing
