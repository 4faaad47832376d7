"""``make serve`` killed in the middle of readings, and started again: nothing that was answered is lost.

A stack of its own, in processes of its own, because they are killed: the other tests' stack must not be.
"""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import requests
import stripe

from chalicelib.kernel.time import SECOND, Millis, ceil_div
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.session import Session
from infra.local.phone import Api, Json, Phone, new_key
from infra.local.proof import prove
from infra.local.rehearse import lose_and_bring_back
from infra.local.waiting import until
from scripts.backup.model import WORTHLESS
from tests.e2e.served import SOON, Served
from tests.e2e.stage import Office

SETTINGS: Final = {
    "BILLING_MINUTE_SECONDS": "6",
    "GRACE_SECONDS": "10",
    "RING_SECONDS": "30",
    "JOIN_SECONDS": "30",
    "BEAT_SECONDS": "2",
    # Who talks on must outlive a start, which is long on a busy machine: by beats, and in a channel by a token's life.
    "SILENCE_SECONDS": "150",
    "HOLD_MINUTES": "40",
    "RATE_LIMITS": "off",
}
CREDIT: Final = 15_000
POSTMAN: Final = """
import json, os
from botocore.session import get_session

def handler(event, context):
    queue = get_session().create_client("sqs")
    for record in event["Records"]:
        queue.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(record["dynamodb"]["Keys"]))
"""
OF_THE_DEPLOYMENT: Final = ("api_url", "function_urls", "stripe_webhook_secret", "tables")


@dataclass
class Reading:
    """A client and a reader in a reading, and what their phones know of it."""

    served: Served
    client: Phone
    reader: Phone
    asked_at: float
    """When joining was asked for that began the talk, in seconds."""

    @classmethod
    def begin(cls, served: Served, name: str, modality: str) -> "Reading":
        client, reader = served.client(CREDIT), served.reader(name)
        reader.session = client.ask(reader.id, modality)
        reader.do("accept")
        reader.join()
        asked_at = time.time()
        assert client.join()["state"] == "active"
        return cls(served, client, reader, asked_at)

    @property
    def row(self) -> Session:
        """As it is stored. Nothing is brought up to date by looking."""
        return sessions.load(self.served.world(), self.client.session["id"])

    @property
    def entries(self) -> list[Json]:
        """The client's statement, oldest first."""
        items: list[Json] = self.client.api.get("/v1/wallet/entries?limit=100")["items"]
        return items[::-1]

    def last_sign_of_life(self) -> Millis:
        """Of whichever side was silent first; the run itself began with both there."""
        row = self.row
        return max(row.running_since or 0, min(row.client.beat_at or 0, row.reader.beat_at or 0))

    def is_heard(self, *, since: Millis) -> bool:
        row = self.row
        return row.state == "active" and all((side.beat_at or 0) > since for side in (row.client, row.reader))

    def hang_up(self) -> None:
        self.client.hang_up()
        self.reader.hang_up()

    def settled(self) -> Session:
        """The reading once it is paid out, with the minute rule called meanwhile: paid is what was talked."""

        def look() -> Session | None:
            self.served.tick()
            row = self.row
            return row if row.state == "finalized" else None

        rules = self.served.world().settings.rules
        patience = (rules.silence + rules.grace) / SECOND + SOON
        row = until(f"the end of {self.client.session['id']}", look, seconds=patience, every=1)
        owed = ceil_div(row.connected_before, rules.minute) * row.rate - row.refunded
        receipt = self.client.api.get(f"/v1/sessions/{row.id}/receipt")
        assert receipt["total"]["amount"] == owed == CREDIT - self.client.credit()
        assert row.review is None
        return row


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("restarts"), SETTINGS)
    try:
        served.start()
        yield served
    finally:
        served.stop()


def test_killed_hard_in_three_readings_it_comes_back_and_each_settles_right(served: Served) -> None:
    goes_on, falls_silent, stands = (
        Reading.begin(served, name, modality)
        for name, modality in (("Rosa", "voice"), ("Rita", "text"), ("Ruth", "video"))
    )
    until("a second minute being paid", lambda: goes_on.client.credit() < CREDIT - 250, seconds=SOON)
    stands.client.leave()
    falls_silent.hang_up()
    readings = (goes_on, falls_silent, stands)
    silent_since = falls_silent.last_sign_of_life()
    before, deployed = [reading.entries for reading in readings], served.addresses
    talked = goes_on.last_sign_of_life() - (goes_on.row.started_at or 0)

    served.kill(everything=True)
    served.start()
    came_back = served.world().now()

    assert [served.addresses[name] for name in OF_THE_DEPLOYMENT] == [deployed[name] for name in OF_THE_DEPLOYMENT]
    assert [reading.entries[: len(known)] for reading, known in zip(readings, before, strict=True)] == before
    rules = served.world().settings.rules

    row = stands.settled()
    assert (row.reason, row.cut) == ("grace_expired", "client_left")
    assert row.ended_at == (row.paused_at or 0) + rules.grace  # to the millisecond, though nobody was there to see it

    until("both phones being heard in the reading again", lambda: goes_on.is_heard(since=came_back), seconds=SOON)
    goes_on.hang_up()
    goes_on.client.do("end")
    row = goes_on.settled()
    assert talked <= row.connected_before <= (time.time() - goes_on.asked_at) * SECOND

    now, noticed_at = served.world().now, silent_since + rules.silence  # before that, to tick only costs
    until("a silence that is noticed", lambda: now() >= noticed_at, seconds=rules.silence / SECOND, every=1)
    row = falls_silent.settled()
    assert (row.reason, row.cut, row.paused_at) == ("grace_expired", "network", silent_since)

    proof = prove(served.world())
    assert proof.faults == []


def test_killed_alone_it_takes_over_what_it_left_running_and_every_reader_of_a_stream_reads_on(served: Served) -> None:
    by_pipe, by_mapping = pipe_to_queue(served), mapping_to_queue(served)
    somebody = served.client(500)
    for queue in (by_pipe, by_mapping):
        await_word(served, queue, somebody)
    left = served.local_aws

    served.kill(everything=False)
    assert left.runs()
    served.start()

    assert not left.runs()
    assert somebody.credit() == 500
    somebody_else = served.client(700)
    for queue in (by_pipe, by_mapping):
        await_word(served, queue, somebody_else)


def test_all_tables_lost_and_brought_back_readings_go_on_and_not_a_cent_is_missing(
    served: Served, tmp_path: Path
) -> None:
    """The rehearsal of docs/runbooks/restore.md: copied, emptied past the program, brought back, proven."""
    office = Office(served.state_dir / "stack.json")
    try:
        rehearse(served, office, tmp_path / "backup")
    finally:
        office.close()


def rehearse(served: Served, office: Office, backup: Path) -> None:
    talks = Reading.begin(served, "Rhea", "voice")
    buyer = served.client(10_000)
    order = buyer.api.post("/v1/orders", asked_for(served, office), key=new_key())
    until("a second minute being paid", lambda: talks.client.credit() < CREDIT - 250, seconds=SOON)
    letters = letters_sent(served)

    named = served.addresses["tables"]
    worthless = [named[logical] for logical in WORTHLESS]
    kept = [each for each in named.values() if each not in worthless]
    phones = (talks.client, talks.reader)
    found = lose_and_bring_back(partial(admin, office), served.aws("dynamodb"), kept, worthless, backup, phones)
    came_back = served.world().now()
    assert found.items > len(kept)
    assert found.faults == []

    until("both phones being heard in the reading again", lambda: talks.is_heard(since=came_back), seconds=SOON)
    paid = talks.client.credit()
    until("a further minute being paid", lambda: talks.client.credit() < paid, seconds=SOON)
    talks.hang_up()
    talks.client.do("end")
    talks.settled()
    assert buyer.api.get(f"/v1/orders/{order['id']}")["state"] == "paid"
    assert buyer.credit() == 10_000 - order["total"]["amount"]
    waits = f"order:{order['id']} still holds {order['total']['amount']}"  # for its parcel
    assert prove(served.world()).faults == [waits]
    summed = ("rollups", "check", "--margin", "0", "--local", "--json")
    until("every sum being the ledger's", lambda: office.run(*summed)[0] == 0, seconds=SOON)
    admin(office, "ledger", "reconcile", "--margin", "0")
    admin(office, "payouts", "unfreeze")
    assert not set(letters) & set(letters_sent(served)[len(letters) :])  # nobody is told again what they were told


def asked_for(served: Served, office: Office) -> Json:
    """An order of something that is sold, for its address."""
    product = f"prd_{uuid4().hex[:20]}"
    api = stripe.StripeClient("sk_test_desk", base_addresses={"api": served.addresses["stripe_url"]})
    price = {"default_price_data": {"unit_amount": 1_500, "currency": "usd"}}
    params: Any = {"name": "A deck", "id": product, "shippable": True} | price
    api.v1.products.create(params=params)
    nobody = Api(served.addresses["api_url"], None)
    until("it being known", lambda: nobody.send("GET", f"/v1/products/{product}").status == HTTPStatus.OK, seconds=SOON)
    admin(office, "products", "stock", product, "--left", "5")
    home = {"name": "Clara", "line1": "1 Main St", "city": "Salem", "postal_code": "01970", "country": "US"}
    items = [{"product": product, "quantity": 1}]
    return {"items": items, "rail": "credit", "where": "web", "shipping_rate": "standard", "address": home}


def admin(office: Office, *arguments: str) -> None:
    code, said, complained = office.run(*arguments, "--local", "--json", "--reason", "a rehearsal", "--yes")
    assert code == 0, (arguments, said, complained)


def letters_sent(served: Served) -> list[tuple[str, str]]:
    """To whom, and what, oldest first."""
    sent = requests.get(f"{served.addresses['endpoint_url']}/_ministack/ses/messages", timeout=SOON)
    letters = [each for account in sent.json()["messages"].values() for each in account]
    return [(json.dumps(each["To"]), each["BodyText"]) for each in letters]


def pipe_to_queue(served: Served) -> str:
    """What the template's own pipe tells the topic of the pages."""
    queue = new_queue(served, "by-pipe")
    topics = served.aws("sns").list_topics()["Topics"]
    (pages,) = (each["TopicArn"] for each in topics if each["TopicArn"].endswith("-pages"))
    arn = served.aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    served.aws("sns").subscribe(TopicArn=pages, Protocol="sqs", Endpoint=arn)
    return queue


def mapping_to_queue(served: Served) -> str:
    """What a function is given that is mapped to the stream of the ledger, as those of later contexts will be."""
    queue = new_queue(served, "by-mapping")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("postman.py", POSTMAN)
    functions = served.aws("lambda")
    functions.create_function(
        FunctionName="postman",
        Runtime=functions.get_function_configuration(FunctionName="soulseer-dev-api")["Runtime"],
        Role="arn:aws:iam::000000000000:role/postman",
        Handler="postman.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"QUEUE": queue}},
    )
    table = served.aws("dynamodb").describe_table(TableName=served.addresses["tables"]["ledger"])["Table"]
    functions.create_event_source_mapping(
        FunctionName="postman", EventSourceArn=table["LatestStreamArn"], StartingPosition="TRIM_HORIZON"
    )
    return queue


def new_queue(served: Served, name: str) -> str:
    return str(served.aws("sqs").create_queue(QueueName=name)["QueueUrl"])


def await_word(served: Served, queue: str, somebody: Phone) -> None:
    """Until a message of the queue is about this person's account."""

    def look() -> bool:
        found = served.aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return any(somebody.id in message["Body"] for message in found)

    until("the top-up in the queue", look, seconds=SOON)
