"""A reader's picture: what is no picture is not shown, and nobody changes what was looked at."""

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.readers import pictures, service
from chalicelib.readers.model import MOST_PICTURE_BYTES, Filters, PictureType
from tests.support.reading import READER, add_reader
from tests.support.worlds import OfflineObjects, hand_world

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(40)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40)


@pytest.fixture
def bucket() -> OfflineObjects:
    return OfflineObjects()


@pytest.fixture
def world(bucket: OfflineObjects) -> World:
    world = hand_world(pictures=bucket)
    add_reader(world)
    return world


def uploaded(world: World, content: bytes, reader: str = READER, media_type: PictureType = "image/png") -> str:
    """The id of an upload that says it is of that type."""
    upload, form = pictures.form(world, reader, media_type)
    bucket = world.pictures
    assert isinstance(bucket, OfflineObjects)
    assert bucket.posted(form, content, form.fields)
    return upload


def shown(world: World) -> str | None:
    """What the picture of the reader is in the directory."""
    ((card, _),) = service.listing(world, Filters(), busy=lambda _: ()).items
    assert card.picture == service.reader(world, READER).picture
    return card.picture


@pytest.mark.parametrize(("content", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")])
def test_a_picture_that_was_taken_up_is_shown_everywhere(
    world: World, bucket: OfflineObjects, content: bytes, media_type: PictureType
) -> None:
    upload = uploaded(world, content, media_type=media_type)
    assert pictures.take_up(world, READER, upload).picture == upload == shown(world)
    link = pictures.link(world, READER, upload)
    assert link == f"memory:///pictures/{READER}/{upload}?3600"
    assert bucket.held == {f"pictures/{READER}/{upload}": content}


@pytest.mark.parametrize(
    "content",
    [
        b"<html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg">',
        b"GIF89a" + bytes(40),
        JPEG,
        b"x",
    ],
    ids=lambda content: repr(content[:6]),
)
def test_what_is_not_the_picture_it_was_said_to_be_by_its_first_bytes_is_refused_and_the_one_before_stays(
    world: World, bucket: OfflineObjects, content: bytes
) -> None:
    before = uploaded(world, PNG)
    pictures.take_up(world, READER, before)
    with pytest.raises(Invalid):
        pictures.take_up(world, READER, uploaded(world, content))
    assert shown(world) == before
    assert [key for key in bucket.held if key.startswith("pictures/")] == [f"pictures/{READER}/{before}"]


def test_what_is_larger_than_5_mb_is_refused_whatever_the_form_let_through(
    world: World, bucket: OfflineObjects
) -> None:
    upload = uploaded(world, PNG)
    bucket.held[f"uploads/{READER}/{upload}"] = PNG + bytes(MOST_PICTURE_BYTES)
    with pytest.raises(Invalid):
        pictures.take_up(world, READER, upload)
    assert shown(world) is None


def test_what_was_never_uploaded_or_was_by_another_is_not_found(world: World) -> None:
    for upload in ("upl_made_up", uploaded(world, PNG, "usr_other")):
        with pytest.raises(NotFound):
            pictures.take_up(world, READER, upload)


def test_what_is_posted_to_the_form_afterwards_is_not_shown(world: World, bucket: OfflineObjects) -> None:
    upload, form = pictures.form(world, READER, "image/png")
    bucket.posted(form, PNG, form.fields)
    pictures.take_up(world, READER, upload)
    bucket.posted(form, b"<html>", form.fields)
    assert pictures.take_up(world, READER, upload).picture == upload
    assert bucket.held[f"pictures/{READER}/{upload}"] == PNG


def test_another_picture_takes_the_place_of_the_first_and_dropping_may_be_repeated(
    world: World, bucket: OfflineObjects
) -> None:
    pictures.take_up(world, READER, uploaded(world, PNG))
    second = uploaded(world, JPEG, media_type="image/jpeg")
    pictures.take_up(world, READER, second)
    assert list(bucket.held) == [f"pictures/{READER}/{second}"]
    for _ in range(2):
        assert pictures.drop(world, READER).picture is None
    assert (shown(world), bucket.held) == (None, {})


def test_a_picture_that_cannot_be_removed_is_not_shown_all_the_same(world: World, bucket: OfflineObjects) -> None:
    pictures.take_up(world, READER, uploaded(world, PNG))
    bucket.down = True
    assert pictures.drop(world, READER).picture is None
    assert shown(world) is None
