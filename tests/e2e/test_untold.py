"""Pushes, letters that come back, and notices that cannot be told: from the outbox to phone, post and queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, Final

import pytest

from chalicelib.accounts import suppression
from chalicelib.kernel.time import Millis, rfc3339
from chalicelib.operations import dead_letters
from chalicelib.operations.dead_letters import Found
from chalicelib.runtime import outbox
from infra.local.phone import Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal
from tests.e2e.test_leaving import Mailbox

WHY: Final = ("--reason", "an end-to-end test", "--yes")
BOOKED: Final[dict[str, Any]] = {"minutes": 15, "modality": "voice", "start": 1_900_000_000_000}


def put(stage: Stage, to: str, fact: str, facts: dict[str, Any] | None = None) -> None:
    """A row of the outbox, as what happened would have put it; without ``facts`` one that nobody can put into words."""
    told = BOOKED if facts is None else facts
    stage.world.tables.write(
        outbox.notice(
            stage.world.settings.tables.notices,
            to=to,
            kind="booking_made",
            fact=fact,
            at=stage.world.now(),
            facts=told,
        )
    )


def inbox(phone: Phone) -> list[str]:
    return [each["title"] for each in phone.api.get("/v1/notifications")["items"]]


def await_inbox(phone: Phone, *titles: str) -> None:
    """Until these, newest first, and no others lie there."""
    until(f"the inbox holding {titles}", lambda: inbox(phone) == list(titles), seconds=SOON)


# --- pushes --------------------------------------------------------------------------------------


def endpoint_of(stage: Stage, device: str) -> str | None:
    row = stage.world.tables.get(stage.world.settings.tables.inbox, {"pk": f"endpoint#{device}", "sk": "endpoint"})
    return str(row["arn"]) if row else None


def pushes(stage: Stage, endpoint: str) -> int:
    """How many the local SNS was given for it: that it says so is all that it does with them."""
    return stage.stack.ministack.log_file.read_text(errors="replace").count(f"publish stub to {endpoint}")


def test_a_push_reaches_the_phone_until_it_is_signed_out(stage: Stage) -> None:
    phone, token = stage.client(), uuid.uuid4().hex
    stage.confided.add("a device", token)
    device = phone.api.post("/v1/me/devices", {"platform": "ios", "token": token})["id"]
    put(stage, phone.id, "bkg_1")
    await_inbox(phone, "A reading is booked")
    endpoint = until("an endpoint", lambda: endpoint_of(stage, device), seconds=SOON)
    until("a push", lambda: pushes(stage, endpoint) == 1, seconds=SOON)
    kept = stage.stack.aws("sns").get_endpoint_attributes(EndpointArn=endpoint)["Attributes"]
    assert (kept["Token"], kept["Enabled"]) == (token, "true")
    assert phone.api.send("DELETE", f"/v1/me/devices/{device}").status == 204
    put(stage, phone.id, "bkg_2")
    await_inbox(phone, "A reading is booked", "A reading is booked")
    until("the endpoint being removed", lambda: endpoint_of(stage, device) is None, seconds=SOON)
    sns = stage.stack.aws("sns")
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_endpoint_attributes(EndpointArn=endpoint)
    assert pushes(stage, endpoint) == 1


# --- letters that come back ----------------------------------------------------------------------


def published(stage: Stage, told: Any) -> None:
    """What SES publishes; the local one publishes nothing."""
    topic = "arn:aws:sns:us-east-1:000000000000:soulseer-dev-mail-events"
    stage.stack.aws("sns").publish(TopicArn=topic, Message=told if isinstance(told, str) else json.dumps(told))


def bounce(address: str, at: Millis, source: str = "hello@soulseer.local") -> dict[str, Any]:
    told = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": address}], "timestamp": rfc3339(at)}
    return {"eventType": "Bounce", "mail": {"source": source}, "bounce": told}


def test_an_address_that_a_letter_came_back_from_gets_none_until_it_is_given_back(stage: Stage) -> None:
    ada, bob = Mailbox(stage), Mailbox(stage)
    now = stage.world.now()
    for nothing in ("{", bounce(bob.address, now, source="somebody@else.test"), {"eventType": "Delivery"}):
        published(stage, nothing)
    published(stage, bounce(ada.address, now))
    put(stage, bob.phone.id, "bkg_1")
    bob.letter("is booked")

    until("the address being shut", lambda: suppression.mark_of(stage.world, ada.address), seconds=SOON)
    (said,) = stage.admin("mail", "suppressed", ada.address)["rows"]
    assert (said["letters"], said["why"]) == ("are not sent", "bounce")
    put(stage, ada.phone.id, "bkg_1")
    await_inbox(ada.phone, "We send you no more mail", "A reading is booked")
    assert refusal(ada.phone.api.send("POST", "/v1/me/deletion")) == (409, "invalid_state")
    stage.admin("mail", "release", ada.address, *WHY)
    published(stage, bounce(ada.address, now))  # once more, of before
    put(stage, ada.phone.id, "bkg_2")
    ada.letter("is booked")
    assert len(ada.letters("")) == 1


# --- what cannot be told -------------------------------------------------------------------------


@pytest.fixture
def impatient(stage: Stage) -> Iterator[None]:
    """What cannot be told is tried twice in three seconds, rather than ten times in an hour."""
    sqs, url = stage.stack.aws("sqs"), stage.world.settings.untold_url
    usual = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["RedrivePolicy", "VisibilityTimeout", "DelaySeconds"]
    )["Attributes"]
    policy = json.loads(usual["RedrivePolicy"]) | {"maxReceiveCount": 2}
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "1", "DelaySeconds": "0"},
    )
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=usual)


def dead(stage: Stage, to: str) -> list[Found]:
    return [each for each in dead_letters.look(stage.world) if to in each.letter.what]


def records_of(stage: Stage, to: str) -> tuple[str, str, str, str]:
    """The stretch of the outbox's stream in which the person's rows came: stream, shard, first, last."""
    streams = stage.stack.aws("dynamodbstreams")
    (stream,) = streams.list_streams(TableName=stage.world.settings.tables.notices)["Streams"]
    arn = stream["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    found: list[str] = []
    following = at["ShardIterator"]
    for _ in range(20):
        page = streams.get_records(ShardIterator=following)
        found += [
            each["dynamodb"]["SequenceNumber"]
            for each in page["Records"]
            if each["dynamodb"]["Keys"]["pk"]["S"] == to and each["eventName"] == "INSERT"
        ]
        following = page.get("NextShardIterator")
        if not page["Records"] or not following:
            break
    return arn, shard["ShardId"], found[0], found[-1]


@pytest.mark.usefixtures("impatient")
def test_a_broken_notice_holds_up_no_other_and_is_told_once_when_it_is_mended(stage: Stage) -> None:
    phone = stage.client()
    put(stage, phone.id, "bkg_1", {})
    put(stage, phone.id, "bkg_2")
    await_inbox(phone, "A reading is booked")
    (found,) = until("the dead letter", lambda: dead(stage, phone.id) or None, seconds=SOON)
    listed = stage.admin("deadletters", "list")["rows"]
    (row,) = [each for each in listed if each["id"] == found.waiting.id]
    assert (row["from"], row["what"], row["why"]) == ("notify", f"booking_made#bkg_1 to {phone.id}", "KeyError")
    put(stage, phone.id, "bkg_1")  # mended: the stream tells of a row that changed, and that is told to nobody
    stage.admin("deadletters", "replay", "--id", found.waiting.id, *WHY)
    await_inbox(phone, "A reading is booked", "A reading is booked")
    assert dead(stage, phone.id) == []

    # As Lambda reports what notify broke down at: the stretch of the stream. All of it was told; nobody hears it twice.
    stream, shard, first, last = records_of(stage, phone.id)
    info = {"streamArn": stream, "shardId": shard, "startSequenceNumber": first, "endSequenceNumber": last}
    queue = stage.stack.aws("sqs")
    message = {"DDBStreamBatchInfo": info, "requestContext": {"condition": "RetryAttemptsExhausted"}}
    sent = queue.send_message(QueueUrl=stage.world.settings.dead_letters_url, MessageBody=json.dumps(message))
    (done,) = stage.admin("deadletters", "replay", "--id", sent["MessageId"], *WHY)["rows"]
    assert done["from"] == "notify"
    put(stage, phone.id, "bkg_3")
    await_inbox(phone, *["A reading is booked"] * 3)
