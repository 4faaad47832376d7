"""Mail, files, pushes, queues: what stands in for them in tests does what AWS does, as far as the local one does it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import boto3
import pytest
import requests

from chalicelib.gateways.mail import Letter, Mail, SesMail
from chalicelib.gateways.objects import Objects, S3Objects, UploadForm
from chalicelib.gateways.push import DeadToken, Message, Push, SnsPush
from chalicelib.gateways.queues import Queue, SqsQueue, Waiting
from chalicelib.kernel.errors import NotFound, ProviderFailed, Unavailable
from chalicelib.runtime import aws
from tests.support.worlds import OfflineMail, OfflineObjects, OfflinePush, OfflineQueue, settings

SECONDS = 20


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, aws_url: str) -> Iterator[str]:
    """The clients of this process speak to the local AWS."""
    for name, value in (
        ("AWS_ENDPOINT_URL", aws_url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    aws.client.cache_clear()
    yield aws_url
    aws.client.cache_clear()


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest, here: str) -> Objects:
    if request.param == "memory":
        return OfflineObjects()
    name = f"b-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return S3Objects(name)


def posted(bucket: Objects, form: UploadForm, content: bytes, fields: Mapping[str, str]) -> bool:
    """Post the form as a browser does; whether it was taken."""
    if isinstance(bucket, OfflineObjects):
        return bucket.posted(form, content, fields)
    answer = requests.post(form.url, data=dict(fields), files={"file": content}, timeout=SECONDS)
    return answer.status_code < 300


def test_a_form_takes_one_object_of_its_type_and_size_at_its_key(bucket: Objects) -> None:
    form = bucket.upload_form("uploads/a", "image/png", 10, 60)
    assert posted(bucket, form, b"0123456789", form.fields)
    assert bucket.stored("uploads/a") == (10, "image/png")
    assert bucket.beginning("uploads/a", 4) == b"0123"
    assert not posted(bucket, form, b"0123456789x", form.fields), "larger than it may be"
    assert not posted(bucket, form, b"abc", {**form.fields, "key": "uploads/other"}), "another key"
    assert not posted(bucket, form, b"abc", {**form.fields, "Content-Type": "text/html"}), "another type"
    assert bucket.beginning("uploads/a", 10) == b"0123456789"


def test_an_exact_form_takes_one_very_object(bucket: Objects) -> None:
    form = bucket.exact_form("uploads/a", "image/png", 10, sha256(b"0123456789").hexdigest(), 60)
    assert not posted(bucket, form, b"012345678", form.fields), "smaller"
    assert not posted(bucket, form, b"0123456789x", form.fields), "larger"
    assert not posted(bucket, form, b"0123456789", {**form.fields, "key": "uploads/b"}), "another key"
    assert not posted(bucket, form, b"0123456789", {**form.fields, "x-amz-checksum-sha256": "x"}), "another digest"
    assert bucket.stored("uploads/a") is None
    assert posted(bucket, form, b"0123456789", form.fields)
    assert bucket.stored("uploads/a") == (10, "image/png")


def test_the_form_of_a_file_has_s3_check_its_digest(here: str) -> None:
    """The local S3 does not, and so nobody can be refused by it here."""
    form = S3Objects("b").exact_form("uploads/a", "image/png", 3, sha256(b"abc").hexdigest(), 60)
    checksum = {
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    }
    assert checksum.items() <= form.fields.items()
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    demanded = [{name: value} for name, value in checksum.items()]
    assert all(each in policy["conditions"] for each in [*demanded, ["content-length-range", 3, 3]])


def test_the_digest_of_an_object_is_that_of_its_bytes_whoever_reckons_it(bucket: Objects) -> None:
    content = bytes(range(256)) * 8_200  # two chunks and a bit
    bucket.put("a", content, "text/plain")
    digest = sha256(content).hexdigest()
    bucket.put_file("b", io.BytesIO(content), "text/plain", digest)  # of this one S3 keeps it
    assert bucket.copy("b", "c")
    assert [bucket.sha256(key) for key in "abcd"] == [digest, digest, digest, None]
    assert bucket.stored("c") == (len(content), "text/plain")


def test_a_file_of_another_digest_is_not_put(bucket: Objects) -> None:
    with pytest.raises(ProviderFailed):
        bucket.put_file("a", io.BytesIO(b"abd"), "text/plain", sha256(b"abc").hexdigest())
    assert bucket.stored("a") is None


def test_what_is_put_is_there_until_it_is_deleted(bucket: Objects) -> None:
    bucket.put("a.json", b"{}", "application/json")
    assert bucket.copy("a.json", "b.json")
    assert not bucket.copy("c.json", "d.json")
    there = (2, "application/json")
    assert [bucket.stored(f"{key}.json") for key in "abcd"] == [there, there, None, None]
    for _ in range(2):
        bucket.delete("a.json")
    assert bucket.stored("a.json") is None
    assert bucket.beginning("a.json", 1) == b""
    assert bucket.beginning("b.json", 100) == b"{}"


def test_what_lies_below_a_prefix_goes_whole_and_nothing_else(bucket: Objects) -> None:
    for key in ("p/ann/1", "p/ann/2", "p/anna/1", "u/ann/1"):
        bucket.put(key, b"x", "text/plain")
    for _ in range(2):
        bucket.delete_below("p/ann/")
    assert [bucket.beginning(key, 1) for key in ("p/ann/1", "p/ann/2", "p/anna/1", "u/ann/1")] == [b"", b"", b"x", b"x"]


def test_keys_below_a_prefix_come_in_their_order_page_by_page(bucket: Objects) -> None:
    for key in ("p/ann/2", "p/ann/1", "p/anna/1", "p/ann/3"):
        bucket.put(key, b"x", "text/plain")
    assert bucket.below("p/ann/", "", 2) == ["p/ann/1", "p/ann/2"]
    assert bucket.below("p/ann/", "p/ann/2", 2) == ["p/ann/3"]
    assert bucket.below("p/ann/", "p/ann/3", 2) == []


def test_what_is_put_as_new_is_put_once(bucket: Objects) -> None:
    assert bucket.put_new("a.json", b"1", "application/json")
    assert not bucket.put_new("a.json", b"2", "application/json")
    assert bucket.beginning("a.json", 9) == b"1"
    bucket.put("a.json", b"3", "application/json")
    assert bucket.beginning("a.json", 9) == b"3"


def test_a_link_shows_the_object(here: str) -> None:
    name = f"b-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    bucket = S3Objects(name)
    bucket.put("x/a.json", b'{"a": 1}', "application/json")
    answer = requests.get(bucket.link("x/a.json", 60), timeout=SECONDS)
    assert (answer.status_code, answer.json()) == (200, {"a": 1})
    assert "X-Amz-Expires=60" in bucket.link("x/a.json", 60)


def test_a_download_is_kept_and_not_shown_whatever_it_was_stored_as(here: str) -> None:
    name = f"b-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    bucket = S3Objects(name)
    bucket.put("x/a", b"<script>", "text/html")
    answer = requests.get(bucket.download("x/a", 60, "upl_1.gif", "image/gif"), timeout=SECONDS)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["Content-Type"] == "image/gif"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="upl_1.gif"'


def test_a_download_keeps_the_name_that_a_person_gave_it(here: str) -> None:
    name = f"b-{uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    bucket = S3Objects(name)
    bucket.put("x/a", b"%PDF", "text/html")
    answer = requests.get(bucket.download("x/a", 60, "Führer & ジ.pdf", "application/pdf"), timeout=SECONDS)
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"F_hrer & _.pdf\"; filename*=UTF-8''F%C3%BChrer%20%26%20%E3%82%B8.pdf"
    )


def test_a_bucket_that_refuses_is_a_provider_that_failed(here: str) -> None:
    with pytest.raises(ProviderFailed):
        S3Objects(f"b-{uuid4().hex}").put("a", b"a", "text/plain")


def test_files_and_mail_out_of_reach_are_unavailable(monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws.client.cache_clear()
    with pytest.raises(Unavailable):
        S3Objects("b").stored("a")
    with pytest.raises(Unavailable):
        SesMail(settings()).send(Letter("ada@example.test", "Hello", "…"))
    with pytest.raises(Unavailable):
        OfflineObjects(down=True).stored("a")
    with pytest.raises(Unavailable):
        SnsPush(settings()).endpoint("ios", "token")
    with pytest.raises(Unavailable):
        SqsQueue("http://127.0.0.1:9/000000000000/q").put({})
    with pytest.raises(Unavailable):
        OfflineQueue(down=True).put({})
    with pytest.raises(Unavailable):
        OfflinePush(down=True).endpoint("ios", "token")
    with pytest.raises(Unavailable):
        OfflineMail(down=True).send(Letter("ada@example.test", "Hello", "…"))


@pytest.mark.parametrize("kept_by", ["memory", "ses"])
def test_a_letter_reaches_its_person_as_it_was_written(kept_by: str, here: str) -> None:
    headers = (("List-Unsubscribe", "<https://api.test/v1/unsubscribe/x>"), ("List-Unsubscribe-Post", "One-Click"))
    letter = Letter(f"{uuid4().hex}@example.test", "Über dich", "Line one\n\nLine two", "<p>Line ö</p>", headers)
    if kept_by == "memory":
        mail: Mail = OfflineMail()
        mail.send(letter)
        assert isinstance(mail, OfflineMail)
        assert mail.sent == [letter]
        return
    boto3.client("sesv2").create_email_identity(EmailIdentity="hello@soulseer.test")
    sent: list[Any] = []
    events = aws.client("sesv2").meta.events
    events.register("before-send.sesv2.SendEmail", lambda request, **_: sent.append(json.loads(request.body)))
    SesMail(settings()).send(letter)
    kept = requests.get(f"{here}/_ministack/ses/messages", timeout=SECONDS).json()["messages"]
    (found,) = [each for account in kept.values() for each in account if letter.to in each["To"]]
    assert "hello@soulseer.test" in found["Source"]
    assert (found["Subject"], found["BodyText"], found["BodyHtml"]) == (letter.subject, letter.text, letter.html)
    # The local AWS lets headers go unseen: they are seen on their way.
    assert sent[0]["Content"]["Simple"]["Headers"] == [{"Name": name, "Value": value} for name, value in headers]


# --- pushes --------------------------------------------------------------------------------------

HELLO = Message("ntc_1", "Hello", "It is me.", {"reader": "usr_1"}, "favorites", 2, 60)


class Phones:
    """What a test sees and does of the phones, behind the ``Push`` that it asks."""

    def __init__(self, push: Push) -> None:
        self.push = push
        self.sent: list[dict[str, Any]] = []
        if not isinstance(push, OfflinePush):
            aws.client("sns", 1).meta.events.register("before-send.sns.Publish", self._keep)

    def shown(self) -> list[tuple[str, str]]:
        """Title and text of each push."""
        if isinstance(self.push, OfflinePush):
            return [(each.title, each.text) for _, each in self.push.pushed]
        alerts = [json.loads(json.loads(each["Message"][0])["APNS"])["aps"]["alert"] for each in self.sent]
        return [(each["title"], each["body"]) for each in alerts]

    def _keep(self, request: Any, **_: Any) -> None:
        self.sent.append(parse_qs(request.body))


@pytest.fixture(params=["memory", "sns"])
def phones(request: pytest.FixtureRequest, here: str) -> Phones:
    if request.param == "memory":
        return Phones(OfflinePush())
    for platform in ("APNS", "GCM"):
        boto3.client("sns").create_platform_application(Name="soulseer", Platform=platform, Attributes={})
    return Phones(SnsPush(settings()))


def made(phones: Phones, token: str | None = None) -> str:
    endpoint = phones.push.endpoint("ios", token or uuid4().hex)
    assert endpoint
    return endpoint


def test_a_push_is_shown_on_the_phone_of_its_endpoint(phones: Phones) -> None:
    phones.push.push(made(phones), HELLO)
    assert phones.shown() == [("Hello", "It is me.")]


def test_a_token_has_one_endpoint_on_each_system(phones: Phones) -> None:
    token = uuid4().hex
    first, again, other = made(phones, token), made(phones, token), phones.push.endpoint("android", token)
    assert first == again != other


def test_an_endpoint_that_was_removed_is_not_there_and_can_be_made_again(phones: Phones) -> None:
    token = uuid4().hex
    endpoint = made(phones, token)
    for _ in range(2):
        phones.push.forget(endpoint)
    with pytest.raises(NotFound):
        phones.push.push(endpoint, HELLO)
    phones.push.push(made(phones, token), HELLO)
    assert len(phones.shown()) == 1 + (not isinstance(phones.push, OfflinePush)), "the first was tried"


def answering(monkeypatch: pytest.MonkeyPatch, code: str, said: str = "-") -> SnsPush:
    """SNS refuses everything in these words: the local one knows no phone that is gone."""
    sns = boto3.client("sns")
    names = {"EndpointDisabled": "EndpointDisabledException", "NotFound": "NotFoundException"}

    class Refusing:
        def __getattr__(self, operation: str) -> Any:
            def refuse(**_: Any) -> None:
                error = getattr(sns.exceptions, names.get(code, ""), sns.exceptions.ClientError)
                raise error({"Error": {"Code": code, "Message": said}}, operation)

            return refuse

    monkeypatch.setattr("chalicelib.gateways.push.client", lambda *_: Refusing())
    return SnsPush(settings())


def test_a_phone_without_the_app_is_dead(monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    with pytest.raises(DeadToken):
        answering(monkeypatch, "EndpointDisabled").push("arn", HELLO)
    with pytest.raises(DeadToken):
        answering(monkeypatch, "InvalidParameter", "Invalid parameter: Token").endpoint("ios", "x")
    with pytest.raises(NotFound):
        answering(monkeypatch, "InvalidParameter", "TargetArn Reason: No endpoint found for it").push("arn", HELLO)


@pytest.mark.parametrize("code", ["InvalidParameter", "PlatformApplicationDisabled", "AuthorizationError"])
def test_what_is_not_the_phones_fault_leaves_it_alive(monkeypatch: pytest.MonkeyPatch, here: str, code: str) -> None:
    with pytest.raises(ProviderFailed):
        answering(monkeypatch, code).push("arn", HELLO)


@pytest.mark.parametrize("code", ["NotFound", "PlatformApplicationDisabled"])
def test_a_missing_application_is_no_dead_token(monkeypatch: pytest.MonkeyPatch, here: str, code: str) -> None:
    with pytest.raises(ProviderFailed):
        answering(monkeypatch, code).endpoint("ios", "token")


def test_a_busy_sns_is_unavailable(monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    with pytest.raises(Unavailable):
        answering(monkeypatch, "Throttled").push("arn", HELLO)


def test_an_endpoint_that_was_shut_is_opened_for_a_token_that_works_again(phones: Phones) -> None:
    token = uuid4().hex
    endpoint = made(phones, token)
    if isinstance(phones.push, OfflinePush):
        phones.push.shut.add(endpoint)
    else:
        boto3.client("sns").set_endpoint_attributes(EndpointArn=endpoint, Attributes={"CustomUserData": "another"})
    assert made(phones, token) == endpoint
    phones.push.push(endpoint, HELLO)


# --- queues --------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest, here: str) -> Queue:
    if request.param == "memory":
        return OfflineQueue()
    return SqsQueue(boto3.client("sqs").create_queue(QueueName=f"q-{uuid4().hex}")["QueueUrl"])


def numbers(found: Sequence[Waiting]) -> list[int]:
    return sorted(json.loads(each.body)["number"] for each in found)


def test_what_is_held_is_given_to_nobody_else_until_it_is_let_go(queue: Queue) -> None:
    for number in range(12):
        queue.put({"number": number})
    first = queue.held(11, 60)
    assert len(first) == 11
    second = queue.held(100, 60)
    assert numbers([*first, *second]) == list(range(12))
    assert queue.held(100, 60) == []
    for each in first:
        queue.let_go(each)
    assert numbers(queue.held(100, 60)) == numbers(first)


def test_what_is_removed_is_gone_and_may_be_let_go_after(queue: Queue) -> None:
    queue.put({"number": 1})
    (found,) = queue.held(1, 60)
    queue.remove(found)
    queue.let_go(found)
    assert queue.held(1, 60) == []


def test_a_queue_that_is_not_there_is_a_provider_that_failed(here: str) -> None:
    with pytest.raises(ProviderFailed):
        SqsQueue(f"{here}/000000000000/none-{uuid4().hex}").put({})
