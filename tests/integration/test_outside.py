"""Mail and files: what stands in for them in tests does what SES and S3 do on the local AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import uuid4

import boto3
import pytest
import requests

from chalicelib.gateways.mail import Letter, Mail, SesMail
from chalicelib.gateways.objects import Objects, S3Objects, UploadForm
from chalicelib.kernel.errors import ProviderFailed, Unavailable
from chalicelib.runtime import aws
from tests.support.worlds import OfflineMail, OfflineObjects, settings

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
        OfflineMail(down=True).send(Letter("ada@example.test", "Hello", "…"))


@pytest.mark.parametrize("kept_by", ["memory", "ses"])
def test_a_letter_reaches_its_person_as_it_was_written(kept_by: str, here: str) -> None:
    letter = Letter(f"{uuid4().hex}@example.test", "Über dich", "Line one\n\nLine two")
    if kept_by == "memory":
        mail: Mail = OfflineMail()
        mail.send(letter)
        assert isinstance(mail, OfflineMail)
        assert mail.sent == [letter]
        return
    own = settings()
    boto3.client("sesv2").create_email_identity(EmailIdentity="hello@soulseer.test")
    SesMail(own).send(letter)
    kept = requests.get(f"{here}/_ministack/ses/messages", timeout=SECONDS).text
    assert letter.to in kept
    assert "hello@soulseer.test" in kept
