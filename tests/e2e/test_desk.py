"""An admin's desk: what the command line shows of a running stage, and that each of its verbs refuses what it must.

Most verbs that change something are tried where what they change is: with orders, streams, messages, the books.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Final
from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from scripts.admin.asking import Verb
from scripts.admin.cli import every_verb
from tests.e2e.stage import Stage

REASON: Final = ("--reason", "an end-to-end test")
WHY: Final = (*REASON, "--yes")


def one(stage: Stage, *arguments: str) -> Any:
    (row,) = stage.admin(*arguments)["rows"]
    return row


def test_who_people_are_what_they_may_do_and_what_was_done_to_them(stage: Stage) -> None:
    client, reader = stage.client(1_000), stage.reader()
    email = accounts.person(stage.world, reader.id).email or ""
    assert one(stage, "people", "find", "--email", email)["id"] == reader.id
    assert one(stage, "people", "show", reader.id)["reader"]["state"] == "verified"
    assert one(stage, "readers", "withdraw", reader.id, *WHY)["state"] == "withdrawn"
    assert one(stage, "readers", "verify", reader.id, *WHY)["state"] == "verified"
    assert one(stage, "readers", "invite", "--email", "mia@example.test", *WHY)["token"]
    assert one(stage, "people", "make-admin", client.id, *WHY)["role"] == "admin"
    assert one(stage, "people", "revoke-admin", client.id, *WHY)["role"] == "client"

    reader.api.put("/v1/reader/presence", {"status": "online"})
    reading = client.ask(reader.id, "text")["id"]
    assert one(stage, "sessions", "show", reading)["state"] == "created"
    assert one(stage, "sessions", "safety-stop", reading, *WHY)["state"] == "finalized"
    assert one(stage, "wallet", "show", client.id)["credit_by_week"][-1] == 1_000
    assert one(stage, "coins", "show", client.id)["coins"] == 0

    seen = one(stage, "people", "case", client.id, *REASON)
    assert (seen["wallet"]["paid"], [each["reading"] for each in seen["readings"]]) == (1_000, [reading])
    assert [each["amount"] for each in seen["payments"]] == [1_000]
    log = stage.admin("audit", "show", client.id)["rows"]
    assert [each["action"] for each in log] == ["case_viewed", "role_changed", "role_changed"]
    assert {each["reason"] for each in log} == {REASON[1]}


def test_what_the_stage_sells_gives_and_forbids_is_listed(stage: Stage) -> None:
    lists = (
        ("promo", "list"),
        ("coins", "packs"),
        ("gifts", "list"),
        ("products", "list"),
        ("shipping", "list"),
        ("words", "list"),
        ("guarantees", "list"),
        ("payouts", "preview"),
        ("stage", "show"),
    )
    for noun, verb in lists:
        code, said, _ = stage.office.run(noun, verb, "--local")
        assert (code, bool(said.strip())) == (0, True), (noun, verb)
    word = f"w{uuid4().hex[:12]}x"
    stage.admin("words", "add", word, *WHY)
    assert one(stage, "words", "test", f"What a {word}!") == {"word": word}
    stage.admin("words", "remove", word, *WHY)
    assert stage.admin("words", "test", f"What a {word}!")["rows"] == []


def test_what_is_given_by_hand_waits_for_a_second_person_who_may_say_no(stage: Stage) -> None:
    user, ref = stage.client().id, f"ticket-{uuid4().hex[:12]}"
    asked = one(stage, "wallet", "adjust", user, "--amount", "15000", "--ref", ref, *WHY)
    assert asked["state"] == "pending"
    assert [each["id"] for each in stage.admin("adjustments", "list", "--user", user)["rows"]] == [asked["id"]]
    assert one(stage, "adjustments", "reject", asked["id"], *WHY)["state"] == "rejected"


def test_what_nobody_will_do_again_is_thrown_away(stage: Stage) -> None:
    queue = stage.stack.aws("sqs")
    sent = queue.send_message(QueueUrl=stage.world.settings.dead_letters_url, MessageBody=json.dumps({"a": "riddle"}))
    assert one(stage, "deadletters", "drop", "--id", sent["MessageId"], *WHY)["id"] == sent["MessageId"]
    (said,) = stage.admin("audit", "show", f"dead_letter:{sent['MessageId']}")["rows"]
    assert said["action"] == "dead_letter_dropped"


@pytest.mark.parametrize("noun", sorted({verb.noun for verb in every_verb()}))
def test_every_verb_refuses_what_is_not_there_or_makes_no_sense(stage: Stage, noun: str) -> None:
    for verb in (each for each in every_verb() if each.noun == noun):
        code, said, complained = stage.office.run(*unacceptable(verb))
        assert code in (1, 2), verb
        assert said == "", verb
        assert complained.strip(), verb


def unacceptable(verb: Verb) -> list[str]:
    """An example of the verb, about nobody; where it is about nothing in particular, with a word too many."""
    words = [word for word in shlex.split(verb.examples[0]) if word != "--local"]
    if "--stage" in words:
        place = words.index("--stage")
        del words[place : place + 2]
    about = [word.replace("…", "none") for word in words]
    return [*about, "--local"] if about != words and verb.noun != "audit" else [*about, "--local", "--nonsense"]
