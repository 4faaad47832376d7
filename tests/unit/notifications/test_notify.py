"""``notify`` tells what was added to the outbox: in order, at least once, and nobody who is not to be told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import preferences
from chalicelib.gateways import World
from chalicelib.gateways.mail import Letter
from chalicelib.gateways.push import Message
from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.kernel.time import MINUTE, SECOND
from chalicelib.notifications import handlers, inbox
from chalicelib.notifications.model import notice, said
from chalicelib.notifications.model.words import Words, when
from chalicelib.runtime import outbox
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import _marshalled
from tests.support.worlds import NOON, OfflineMail, OfflinePush, OfflineQueue, hand_world


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of notice of this test's own."""
    kinds: Mapping[str, Any] = {
        **said.SAID,
        "a_test": lambda facts, zone: Words(f"Number {facts['number']}", when(NOON, zone)),
    }
    monkeypatch.setattr(said, "SAID", kinds)
    monkeypatch.setattr(notice, "ABOUT", {**notice.ABOUT, "a_test": "favorites"})


@pytest.fixture
def world() -> World:
    return hand_world()


def person(world: World, email: str | None) -> str:
    return accounts.sign_in(world, Claims(f"sub|{email}", email, "Ada")).id


def record(to: str, number: int, event: str = "INSERT", kind: str = "a_test") -> dict[str, Any]:
    row = outbox.notice("notices", to=to, kind=kind, fact=str(number), at=NOON, facts={"number": number})
    keys = {name: row.item[name] for name in ("pk", "sk")}
    return {"eventName": event, "dynamodb": {"Keys": _marshalled(keys), "NewImage": _marshalled(row.item)}}


def told(world: World, *records: dict[str, Any]) -> list[str]:
    """The numbers of the notices that must come again."""
    handlers.told(world, {"Records": list(records)}, lambda: MINUTE)
    assert isinstance(world.untold, OfflineQueue)
    return [each["notice"]["sk"].partition("#")[2] for each in world.untold.bodies()]


def again(world: World, to: str, *numbers: int) -> list[str]:
    """Try these again, from the queue; the numbers of those that must come once more."""
    keys = [{"pk": to, "sk": f"a_test#{number}"} for number in numbers]
    records = [{"messageId": key["sk"][7:], "body": json.dumps({"notice": key})} for key in keys]
    answer = handlers.told_again(world, {"Records": records}, lambda: MINUTE)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def keep(world: World, to: str, *numbers: int) -> None:
    """The rows of these, as they lie in the outbox."""
    for each in numbers:
        row = outbox.notice("notices", to=to, kind="a_test", fact=str(each), at=NOON, facts={"number": each})
        world.tables.write(row)


def letters(world: World) -> list[Letter]:
    assert isinstance(world.mail, OfflineMail)
    return world.mail.sent


def test_a_new_row_is_mailed_in_the_words_of_its_kind_and_the_persons_zone(world: World) -> None:
    ada = person(world, "ada@example.test")
    accounts.change(world, ada, accounts.Changes(time_zone="Asia/Kolkata"))
    assert told(world, record(ada, 1)) == []
    (letter,) = letters(world)
    assert (letter.to, letter.subject) == ("ada@example.test", "Number 1")
    for written in (letter.text, letter.html or ""):
        assert "Hello Ada," in written
        assert "Sun 17 March 2030, 23:16 (Asia/Kolkata)" in written


def test_what_is_no_new_row_is_not_told(world: World) -> None:
    ada = person(world, "ada@example.test")
    assert told(world, record(ada, 1, "MODIFY"), record(ada, 2, "REMOVE")) == []
    assert letters(world) == []


def test_nobody_is_told_who_is_gone_suspended_or_without_an_address(world: World) -> None:
    mute, shut = person(world, None), person(world, "shut@example.test")
    accounts.suspend(world, shut, actor="ada", reason="because")
    assert told(world, record(mute, 1), record(shut, 2), record("usr_none", 3)) == []
    assert letters(world) == []


def test_who_wishes_no_mail_of_such_things_gets_none(world: World) -> None:
    ada = person(world, "ada@example.test")
    assert told(world, record(ada, 1)) == []
    accounts.prefer(world, ada, {"favorites": frozenset({"inbox"})}, None, rev=0)
    assert told(world, record(ada, 2)) == []
    accounts.prefer(world, ada, {"favorites": frozenset({"email"})}, None, rev=1)
    assert told(world, record(ada, 3)) == []
    assert [each.subject for each in letters(world)] == ["Number 1", "Number 3"]


def test_what_nobody_wanted_is_not_told_when_it_comes_again_to_who_wants_it_by_then(world: World) -> None:
    ada = person(world, "ada@example.test")
    accounts.prefer(world, ada, {"favorites": frozenset()}, None, rev=0)
    assert told(world, record(ada, 1)) == []
    accounts.prefer(world, ada, {"favorites": frozenset({"email", "inbox"})}, None, rev=1)
    assert told(world, record(ada, 1), record(ada, 2)) == []
    assert [each.subject for each in letters(world)] == ["Number 2"]
    assert inbox.listing(world, ada, 10, None).unread == 1


def test_what_keeps_an_account_safe_is_mailed_whatever_is_wished_and_to_a_suspended_person_too(world: World) -> None:
    ada = person(world, "ada@example.test")
    for kind in preferences.DEFAULTS:
        rev = accounts.preferences_of(world, ada).rev
        accounts.prefer(world, ada, {kind: frozenset()}, None, rev=rev)
    accounts.suspend(world, ada, actor="admin", reason="because")
    assert told(world, record(ada, 1, kind="deletion_cancelled")) == []
    assert len(letters(world)) == 1


def test_what_cannot_be_told_waits_and_holds_up_nobody(world: World) -> None:
    class Slow(OfflineMail):
        def send(self, letter: Letter) -> None:
            if letter.subject == "Number 1":
                raise Unavailable
            super().send(letter)

    ada = person(world, "ada@example.test")
    slow = replace(world, mail=Slow())
    assert told(slow, record(ada, 1), record(ada, 2)) == ["1"]
    assert [each.subject for each in letters(slow)] == ["Number 2"]


def test_what_waits_is_told_when_it_can_be_and_then_never_again(world: World) -> None:
    ada = person(world, "ada@example.test")
    keep(world, ada, 1, 2)
    cut = replace(world, mail=OfflineMail(down=True))
    assert told(cut, record(ada, 1), record(ada, 2)) == ["1", "2"]
    assert again(cut, ada, 1, 2) == ["1", "2"]
    assert again(world, ada, 1, 2, 1) == []
    assert sorted(each.subject for each in letters(world)) == ["Number 1", "Number 2"]


def test_a_broken_notice_waits_by_its_key_alone_and_holds_up_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = person(world, "ada@example.test")
    broken = outbox.notice("notices", to=ada, kind="a_test", fact="1", at=NOON, facts={"name": "Grace Hopper"})
    image = {"Keys": _marshalled({"pk": ada, "sk": "a_test#1"}), "NewImage": _marshalled(broken.item)}
    assert told(world, {"eventName": "INSERT", "dynamodb": image}, record(ada, 2)) == ["1"]
    assert isinstance(world.untold, OfflineQueue)
    assert world.untold.bodies() == [{"notice": {"pk": ada, "sk": "a_test#1"}, "error": "KeyError"}]
    assert [each.subject for each in letters(world)] == ["Number 2"]
    said = capsys.readouterr().out
    assert '"event":"notice_not_told"' in said
    assert "Hopper" not in said


def test_a_row_that_nobody_can_read_waits_too(world: World) -> None:
    ada = person(world, "ada@example.test")
    image = {"Keys": _marshalled({"pk": ada, "sk": "a_test#1"}), "NewImage": {"pk": {"B": "…"}}}
    assert told(world, {"eventName": "INSERT", "dynamodb": image}, record(ada, 2)) == ["1"]
    assert len(letters(world)) == 1


def test_where_the_queue_is_out_of_reach_too_the_stream_comes_again(world: World) -> None:
    ada = person(world, "ada@example.test")
    cut = replace(world, mail=OfflineMail(down=True), untold=OfflineQueue(down=True))
    with pytest.raises(Unavailable):
        handlers.told(cut, {"Records": [record(ada, 1)]}, lambda: MINUTE)


def test_what_there_is_no_time_for_waits(world: World) -> None:
    ada = person(world, "ada@example.test")
    left = iter([31 * SECOND, 29 * SECOND])
    handlers.told(world, {"Records": [record(ada, 1), record(ada, 2)]}, lambda: next(left))
    assert isinstance(world.untold, OfflineQueue)
    assert world.untold.bodies() == [{"notice": {"pk": ada, "sk": "a_test#2"}, "error": "NoTime"}]
    assert [each.subject for each in letters(world)] == ["Number 1"]


def test_a_notice_whose_row_is_gone_is_done(world: World) -> None:
    assert again(world, person(world, "ada@example.test"), 1) == []
    assert letters(world) == []


def test_a_message_that_is_none_comes_again_and_ends_among_the_dead_letters(world: World) -> None:
    answer = handlers.told_again(world, {"Records": [{"messageId": "m", "body": "{"}]}, lambda: MINUTE)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_a_mail_that_is_refused_for_good_holds_up_nobody(world: World) -> None:
    class Refusing(OfflineMail):
        def send(self, letter: Letter) -> None:
            if letter.subject == "Number 1":
                raise ProviderFailed
            super().send(letter)

    ada = person(world, "ada@example.test")
    picky = replace(world, mail=Refusing())
    assert told(picky, record(ada, 1), record(ada, 2)) == []
    assert [each.subject for each in letters(picky)] == ["Number 2"]


def test_a_mistake_in_one_channel_holds_up_no_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(OfflinePush):
        def push(self, endpoint: str, message: Message) -> None:
            raise KeyError(message.title)

    ada = person(world, "ada@example.test")
    accounts.add_device(world, ada, "ios", "phone")
    accounts.prefer(world, ada, {"favorites": frozenset({"email", "push"})}, None, rev=0)
    keep(world, ada, 1)
    broken = replace(world, push=Broken())
    assert told(broken, record(ada, 1)) == again(broken, ada, 1) == ["1"]
    assert len(letters(world)) == 1
    assert '"event":"step_failed"' in capsys.readouterr().out
    assert again(world, ada, 1) == []
    assert len(letters(world)) == 1


def test_a_kind_without_words_is_an_error_that_holds_up_nobody(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = person(world, "ada@example.test")
    assert told(world, record(ada, 1, kind="unheard_of"), record(ada, 2)) == []
    assert '"event":"notice_without_words"' in capsys.readouterr().out
    assert len(letters(world)) == 1
