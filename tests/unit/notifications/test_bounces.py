"""A letter that came back for good, or was called unwanted, shuts its address; anything else changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts import suppression
from chalicelib.accounts.suppression import Mark
from chalicelib.gateways import World
from chalicelib.notifications import bounces, service
from chalicelib.notifications.inbox import listing
from chalicelib.notifications.mail_event import Refusal, refusals
from chalicelib.notifications.model.notice import notice_of
from chalicelib.runtime import outbox
from chalicelib.runtime.identity import Claims
from tests.support.worlds import NOON, HandClock, OfflineMail, hand_world

ADA = "ada@example.test"
OURS = "SoulSeer <hello@soulseer.test>"
AT = "2030-03-17T17:46:40.250Z"


def bounce(kind: str = "Permanent", to: str = ADA, source: str = OURS, **more: Any) -> dict[str, Any]:
    """As SES publishes it by a configuration set."""
    told = {"bounceType": kind, "bouncedRecipients": [{"emailAddress": to}], "timestamp": AT}
    return {"eventType": "Bounce", "mail": {"source": source}, "bounce": told} | more


def complaint(feedback: str | None = "abuse") -> dict[str, Any]:
    told = {"complainedRecipients": [{"emailAddress": ADA}], "timestamp": AT}
    kind = {"complaintFeedbackType": feedback} if feedback else {}
    return {"eventType": "Complaint", "mail": {"source": OURS}, "complaint": told | kind}


def of(event: Any) -> list[Refusal]:
    return refusals(json.dumps(event), OURS)


def test_a_permanent_bounce_and_a_complaint_refuse_at_their_moment() -> None:
    assert of(bounce()) == [Refusal(ADA, "bounce", NOON + 250)]
    assert of(complaint()) == [Refusal(ADA, "complaint", NOON + 250)]
    assert of(complaint(None)) == [Refusal(ADA, "complaint", NOON + 250)]


def test_the_older_form_of_the_event_says_the_same() -> None:
    event = bounce()
    event["notificationType"] = event.pop("eventType")
    assert of(event) == [Refusal(ADA, "bounce", NOON + 250)]


def test_an_address_is_read_as_mail_writes_it() -> None:
    assert of(bounce(to="Ada L. <ADA@example.test>")) == [Refusal(ADA, "bounce", NOON + 250)]
    assert of(bounce(to="nobody")) == []


@pytest.mark.parametrize(
    "event",
    [
        bounce("Transient"),
        bounce("Undetermined"),
        complaint("not-spam"),
        bounce(source="somebody@else.test"),
        bounce(eventType="Delivery"),
    ],
)
def test_what_passes_what_is_no_complaint_and_what_is_not_ours_refuses_nothing(event: Any) -> None:
    assert of(event) == []


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        '"Bounce"',
        "{}",
        json.dumps({"eventType": "Bounce"}),
        json.dumps(bounce() | {"bounce": {"bounceType": "Permanent"}}),
        json.dumps(bounce() | {"bounce": {"bounceType": "Permanent", "bouncedRecipients": 7, "timestamp": AT}}),
        json.dumps(bounce() | {"bounce": {"bounceType": "Permanent", "bouncedRecipients": [], "timestamp": "now"}}),
        "[" * 100_000,
    ],
)
def test_what_is_no_event_is_told_apart(message: str) -> None:
    with pytest.raises(ValueError, match="no event of SES"):
        refusals(message, OURS)


# --- heard ---------------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    return hand_world()


def heard(world: World, event: Any) -> None:
    bounces.hear(world, {"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event)}})


@pytest.mark.parametrize("written", ["\ud800@example.test", "ada\x00@example.test"])
def test_an_address_that_nobody_has_holds_up_no_other_of_its_letter(world: World, written: str) -> None:
    """JSON can say what is no text: a call that failed at it would fail for ever."""
    event = bounce()
    event["bounce"]["bouncedRecipients"].insert(0, {"emailAddress": written})
    heard(world, event)
    assert of(event) == [Refusal(ADA, "bounce", NOON + 250)]
    assert suppression.mark_of(world, ADA) == Mark("bounce", NOON + 250)


def test_what_is_heard_shuts_the_address_once(world: World) -> None:
    for event in (bounce(), bounce(), complaint()):
        heard(world, event)
    assert suppression.mark_of(world, ADA) == Mark("bounce", NOON + 250)


@pytest.mark.parametrize("record", [{}, {"Sns": None}, {"Sns": {"Message": 7}}, {"Sns": {"Message": "{"}}])
def test_a_record_that_is_none_changes_nothing_and_alarms(
    world: World, capsys: pytest.CaptureFixture[str], record: Any
) -> None:
    bounces.hear(world, record)
    assert world.tables.scan("inbox").items == []
    assert '"level":"error","event":"mail_event_unreadable"' in capsys.readouterr().out


def tell_all(world: World, to: str) -> None:
    """Everything in the person's outbox, as often as it takes until nothing new comes."""
    for _ in range(2):
        for row in world.tables.query("notices", ("pk", to)).items:
            service.tell(world, notice_of(row))


def test_who_gets_no_more_mail_reads_so_once_and_gets_it_at_another_address(world: World) -> None:
    assert isinstance(world.mail, OfflineMail)
    assert isinstance(world.now, HandClock)
    ada = accounts.sign_in(world, Claims("sub|ada", ADA, "Ada")).id
    heard(world, bounce())
    for number in range(2):
        accounts.suspend(world, ada, actor="admin", reason=f"{number}")
        world.tables.write(
            outbox.notice("notices", to=ada, kind="deletion_cancelled", fact=f"{number}", at=NOON, facts={})
        )
        tell_all(world, ada)
        world.now.forward(1_000)
    assert world.mail.sent == []
    said = [words.subject for _, words in listing(world, ada, 10, None).items]
    assert said.count("We send you no more mail") == 1
    assert said.count("Your SoulSeer account stays") == 2
    accounts.reinstate(world, ada, actor="admin", reason="-")
    accounts.sign_in(world, Claims("sub|ada", "ada@elsewhere.test", "Ada"))
    world.tables.write(outbox.notice("notices", to=ada, kind="deletion_cancelled", fact="2", at=NOON, facts={}))
    tell_all(world, ada)
    assert [each.to for each in world.mail.sent] == ["ada@elsewhere.test"]
