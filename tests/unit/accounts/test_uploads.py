"""Files beside messages and posts: what is not what it was said to be is refused, and what was taken up stays so."""

import pytest

from chalicelib.accounts import uploads
from chalicelib.accounts.model.attachment import ENDINGS, MOST_BYTES, Attachment, AttachmentType
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, NotFound, Unavailable
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import MINUTE
from tests.support.worlds import NOON, OfflineObjects, hand_world

ADA, BOB, PLACE = "usr_ada", "usr_bob", "messages/usr_ada/msg_1"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
GIF_AND_SCRIPT = b"GIF89a/*\x00\x00*/=1;alert(document.domain)//<script>alert(1)</script>"
BEGINNINGS: dict[AttachmentType, tuple[bytes, ...]] = {
    "image/jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00"),
    "image/png": (PNG,),
    "image/webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ",),
    "image/gif": (b"GIF89a\x01\x00", b"GIF87a\x01\x00"),
    "application/pdf": (b"%PDF-1.7\n",),
    "audio/mp4": (
        b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom",
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    ),
    "audio/mpeg": (b"ID3\x03\x00\x00\x00\x00\x0fv", b"ID3\x04\x00\x00\x00\x00\x0fv", b"\xff\xfb\x90\x64"),
}
NONE_OF_THEM = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">',
    "html": b"<!DOCTYPE html><html><script>alert(1)</script>",
    "html with a PDF in it": b"<html><script>alert(1)</script>%PDF-1.7",
    "a program": b"MZ\x90\x00" + bytes(60),
    "an archive": b"PK\x03\x04" + bytes(60),
    "text": b"hello",
}


@pytest.fixture
def bucket() -> OfflineObjects:
    return OfflineObjects()


@pytest.fixture
def world(bucket: OfflineObjects) -> World:
    return hand_world(attachments=bucket)


def uploaded(world: World, content: bytes = PNG, media_type: AttachmentType = "image/png", person: str = ADA) -> str:
    """The id of an upload that says it is of that type."""
    upload, form, _ = uploads.form(world, person, media_type, len(content))
    bucket = world.attachments
    assert isinstance(bucket, OfflineObjects)
    assert bucket.posted(form, content, form.fields)
    return upload


def test_a_form_takes_what_was_announced_and_no_more_for_ten_minutes(world: World, bucket: OfflineObjects) -> None:
    upload, form, until = uploads.form(world, ADA, "image/png", 10)
    assert until == NOON + 10 * MINUTE
    assert form.url.endswith("/600")
    assert not bucket.posted(form, bytes(11), form.fields)
    assert bucket.posted(form, bytes(10), form.fields)
    assert list(bucket.held) == [f"uploads/{ADA}/{upload}"]


@pytest.mark.parametrize(
    ("media_type", "beginning"), [(kind, each) for kind, all_of in BEGINNINGS.items() for each in all_of]
)
def test_a_file_that_is_what_it_was_said_to_be_is_taken_up(
    world: World, bucket: OfflineObjects, media_type: AttachmentType, beginning: bytes
) -> None:
    content = beginning + bytes(300)
    upload = uploaded(world, content, media_type)
    assert uploads.take_up(world, ADA, [upload], PLACE) == (Attachment(upload, media_type, len(content)),)
    assert bucket.held[f"{PLACE}/{upload}"] == content


@pytest.mark.parametrize("content", NONE_OF_THEM.values(), ids=NONE_OF_THEM)
@pytest.mark.parametrize("said", ENDINGS)
def test_what_none_may_be_is_refused_whatever_it_was_said_to_be(
    world: World, bucket: OfflineObjects, content: bytes, said: AttachmentType
) -> None:
    with pytest.raises(Invalid) as refused:
        uploads.take_up(world, ADA, [uploaded(world, content, said)], PLACE)
    assert refused.value.errors[0]["field"] == "uploads"
    assert not [key for key in bucket.held if key.startswith(PLACE)]


@pytest.mark.parametrize("said", [kind for kind in ENDINGS if kind != "image/png"])
def test_a_picture_that_was_said_to_be_something_else_is_refused(world: World, said: AttachmentType) -> None:
    with pytest.raises(Invalid):
        uploads.take_up(world, ADA, [uploaded(world, PNG, said)], PLACE)


def test_a_type_that_nobody_may_send_is_refused_though_it_is_that(world: World, bucket: OfflineObjects) -> None:
    upload = uploaded(world, b"<html>")
    bucket.types[f"uploads/{ADA}/{upload}"] = "text/html"
    with pytest.raises(Invalid):
        uploads.take_up(world, ADA, [upload], PLACE)


def test_what_is_larger_than_10_mb_is_refused_whatever_the_form_let_through(
    world: World, bucket: OfflineObjects
) -> None:
    upload = uploaded(world)
    bucket.held[f"uploads/{ADA}/{upload}"] = PNG + bytes(MOST_BYTES + 1 - len(PNG))
    with pytest.raises(Invalid):
        uploads.take_up(world, ADA, [upload], PLACE)
    bucket.held[f"uploads/{ADA}/{upload}"] = PNG + bytes(MOST_BYTES - len(PNG))
    assert uploads.take_up(world, ADA, [upload], PLACE)[0].size == MOST_BYTES


def test_what_was_never_uploaded_or_was_by_another_is_not_found(world: World, bucket: OfflineObjects) -> None:
    bucket.put(f"uploads/{ADA}/x", PNG, "image/png")
    for upload in (new_id("upl", NOON), uploaded(world, person=BOB), "x", f"../{BOB}/upl_1", ""):
        with pytest.raises(NotFound):
            uploads.take_up(world, ADA, [upload], PLACE)


def test_at_most_four_are_taken_up_and_each_once(world: World, bucket: OfflineObjects) -> None:
    five = [uploaded(world) for _ in range(5)]
    for refused in (five, [five[0], five[0]]):
        with pytest.raises(Invalid):
            uploads.take_up(world, ADA, refused, PLACE)
    assert not [key for key in bucket.held if key.startswith(PLACE)]
    assert [each.id for each in uploads.take_up(world, ADA, five[:4], PLACE)] == five[:4]
    assert uploads.take_up(world, ADA, [], PLACE) == ()


def test_what_is_posted_to_the_form_afterwards_changes_nothing(world: World, bucket: OfflineObjects) -> None:
    upload, form, _ = uploads.form(world, ADA, "image/png", 100)
    bucket.posted(form, PNG, form.fields)
    first = uploads.take_up(world, ADA, [upload], PLACE)
    bucket.posted(form, PNG + b"more", form.fields)
    assert uploads.take_up(world, ADA, [upload], PLACE) == first
    assert bucket.held[f"{PLACE}/{upload}"] == PNG


def test_what_was_copied_and_not_yet_looked_at_is_looked_at(world: World, bucket: OfflineObjects) -> None:
    upload = uploaded(world)
    bucket.put(f"{PLACE}/{upload}", b"<html>", "image/png")
    with pytest.raises(Invalid):
        uploads.take_up(world, ADA, [upload], PLACE)
    assert f"{PLACE}/{upload}" not in bucket.held
    assert uploads.take_up(world, ADA, [upload], PLACE)[0].size == len(PNG)


def test_a_link_gives_a_picture_with_a_script_in_it_as_a_picture_to_keep(world: World) -> None:
    upload = uploaded(world, GIF_AND_SCRIPT, "image/gif")
    (attachment,) = uploads.take_up(world, ADA, [upload], PLACE)
    assert uploads.link(world, PLACE, attachment) == f"memory:///{PLACE}/{upload}?900&{upload}.gif&image/gif"


def test_dropping_removes_all_of_that_place_and_nothing_of_another_and_may_be_repeated(
    world: World, bucket: OfflineObjects
) -> None:
    two = [uploaded(world), uploaded(world)]
    (kept,) = uploads.take_up(world, ADA, two[:1], f"{PLACE}1")
    uploads.take_up(world, ADA, two, PLACE)
    for _ in range(2):
        uploads.drop(world, PLACE)
    assert [key for key in bucket.held if key.startswith(PLACE)] == [f"{PLACE}1/{kept.id}"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_a_sweep_removes_page_by_page_what_is_beside_nothing_that_is_kept(
    world: World, bucket: OfflineObjects, limit: int
) -> None:
    two = [uploaded(world), uploaded(world)]
    for thing in ("messages/usr_ada/msg_1", "messages/usr_ada/msg_2", "messages/usr_ada2/msg_3", "posts/usr_ada/pst_1"):
        uploads.take_up(world, ADA, two, thing)
    start, swept = None, 0
    while swept == 0 or start:
        start = uploads.sweep(world, "messages/usr_ada", lambda thing: thing == "msg_2", limit, start)
        swept += 1
    left = {key.rpartition("/")[0] for key in bucket.held if not key.startswith("uploads/")}
    assert left == {"messages/usr_ada/msg_2", "messages/usr_ada2/msg_3", "posts/usr_ada/pst_1"}
    assert swept == 4 // limit + 1


def test_what_a_forgotten_person_uploaded_is_gone_and_nothing_of_others(world: World, bucket: OfflineObjects) -> None:
    uploaded(world)
    of_bob = uploaded(world, person=BOB)
    for _ in range(2):
        uploads.forget(world, ADA)
    assert list(bucket.held) == [f"uploads/{BOB}/{of_bob}"]


def test_a_bucket_out_of_reach_is_unavailable(world: World, bucket: OfflineObjects) -> None:
    upload = uploaded(world)
    bucket.down = True
    with pytest.raises(Unavailable):
        uploads.take_up(world, ADA, [upload], PLACE)
