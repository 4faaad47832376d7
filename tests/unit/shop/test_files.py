"""The file of a product is what was announced, byte for byte, or it is none; and its seller's while it is a draft."""

from __future__ import annotations

import io

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import Forbidden, Invalid, InvalidState, NotFound, ProviderFailed, Unavailable
from chalicelib.kernel.time import DAY, MINUTE, SECOND
from chalicelib.runtime.tables import Item
from chalicelib.shop import files
from chalicelib.shop.model.file import ENDINGS, File, FileType
from tests.support.losing import LosingTables
from tests.support.shelf import OTHER_PDF, PDF, Shelf, digest
from tests.support.worlds import NOON, OfflineObjects, hand_world

BEGINNINGS: dict[FileType, bytes] = {
    "application/pdf": PDF,
    "application/epub+zip": b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip",
    "application/zip": b"PK\x03\x04" + bytes(60),
    "audio/mpeg": b"ID3\x04\x00\x00\x00\x00\x0fv",
    "audio/mp4": b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "video/mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
}
WHY = {"actor": "arn:ops", "reason": "because"}


@pytest.fixture
def world() -> World:
    return hand_world()


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world).made()


@pytest.fixture
def local(shelf: Shelf) -> Shelf:
    """Whose bucket checks no digest at upload, as the local one does not."""
    shelf.bucket.checks_digests = False
    return shelf


def rows(shelf: Shelf, sk: str) -> list[Item]:
    return [each for each in shelf.world.tables.scan("shop").items if each["sk"] == sk]


def test_a_form_takes_the_very_bytes_that_were_announced_for_ten_minutes(shelf: Shelf) -> None:
    upload, form, until = files.form(
        shelf.world, shelf.seller, shelf.name, "Guide", "application/pdf", len(PDF), digest(PDF)
    )
    assert until == NOON + 10 * MINUTE
    assert form.url.endswith("/600")
    assert upload.file == File(upload.file.id, "Guide.pdf", "application/pdf", len(PDF), digest(PDF))
    for other in (PDF[:-1], PDF + b"x", OTHER_PDF):
        assert not shelf.bucket.posted(form, other, form.fields)
    assert shelf.bucket.posted(form, PDF, form.fields)
    assert list(shelf.bucket.held) == [f"uploads/{shelf.name}/{upload.file.id}"]
    (row,) = rows(shelf, "upload")
    assert row["expires"] == (NOON + DAY) // SECOND


@pytest.mark.parametrize("media_type", BEGINNINGS)
def test_a_file_of_each_type_is_taken_up_and_no_other_is_that(shelf: Shelf, media_type: FileType) -> None:
    content = BEGINNINGS[media_type] + bytes(100)
    file = shelf.takes_up(shelf.uploaded(content, media_type)).file
    assert file
    assert (file.media_type, file.size, file.sha256) == (media_type, len(content), digest(content))
    assert shelf.copies() == {file.id: content}
    assert shelf.file == file
    mp4 = {"audio/mp4", "video/mp4"}
    zips = {"application/zip", "application/epub+zip"}
    for said in ENDINGS:
        if said != media_type and {said, media_type} not in (mp4, zips):
            with pytest.raises(Invalid) as refused:
                shelf.takes_up(shelf.uploaded(content, said))
            assert refused.value.errors[0]["field"] == "media_type"
    assert shelf.copies() == {file.id: content}


@pytest.mark.parametrize("content", [b"<html><script>alert(1)</script>" + bytes(40), b"MZ\x90\x00" + bytes(60), b"hi"])
@pytest.mark.parametrize("said", ENDINGS)
def test_what_none_may_be_is_refused_whatever_it_was_said_to_be(shelf: Shelf, content: bytes, said: FileType) -> None:
    with pytest.raises(Invalid):
        shelf.takes_up(shelf.uploaded(content, said))
    assert shelf.copies() == {}


def test_what_has_another_digest_is_refused_where_the_bucket_let_it_in(local: Shelf) -> None:
    upload, form = local.announced(PDF)
    assert local.bucket.posted(form, OTHER_PDF, form.fields)
    with pytest.raises(Invalid) as refused:
        local.takes_up(upload.file.id)
    assert refused.value.errors == ({"field": "sha256", "message": "It has another digest."},)
    assert (local.copies(), local.file) == ({}, None)
    local.bucket.posted(form, PDF, form.fields)
    with pytest.raises(NotFound):  # it has to be announced anew
        local.takes_up(upload.file.id)


def test_what_has_another_size_than_the_form_let_in_is_refused(shelf: Shelf) -> None:
    upload = shelf.uploaded()
    shelf.bucket.held[f"uploads/{shelf.name}/{upload}"] = PDF + b"x"
    with pytest.raises(Invalid) as refused:
        shelf.takes_up(upload)
    assert refused.value.errors == ({"field": "size", "message": f"It has {len(PDF) + 1} bytes."},)
    assert shelf.copies() == {}


def test_taking_up_again_is_the_same_and_a_new_file_takes_the_place_of_the_old(shelf: Shelf) -> None:
    first = shelf.uploaded()
    product = shelf.takes_up(first)
    assert shelf.takes_up(first) == product
    second = shelf.uploaded(OTHER_PDF)
    assert shelf.takes_up(second).file != product.file
    assert shelf.copies() == {second: OTHER_PDF}
    with pytest.raises(NotFound):  # it was replaced
        shelf.takes_up(first)
    assert shelf.copies() == {second: OTHER_PDF}
    assert rows(shelf, "upload") == []


def test_what_is_posted_to_the_form_afterwards_changes_nothing(local: Shelf) -> None:
    upload, form = local.announced(PDF)
    local.bucket.posted(form, PDF, form.fields)
    local.takes_up(upload.file.id)
    local.bucket.posted(form, OTHER_PDF, form.fields)
    assert local.takes_up(upload.file.id).file == upload.file
    assert local.copies() == {upload.file.id: PDF}


def test_what_was_not_uploaded_or_not_announced_or_for_another_product_is_not_found(world: World, shelf: Shelf) -> None:
    other = Shelf(world, "2").made(seller=shelf.seller)
    anothers = files.form(world, shelf.seller, other.name, "x", "application/pdf", len(PDF), digest(PDF))
    assert shelf.bucket.posted(anothers[1], PDF, anothers[1].fields)
    upload, _ = shelf.announced()
    for name in (upload.file.id, anothers[0].file.id, "upl_1", "../x"):
        with pytest.raises(NotFound):
            shelf.takes_up(name)
    with pytest.raises(NotFound):
        files.take_up(world, shelf.seller, "prd_none", upload.file.id)
    assert (shelf.copies(), shelf.file) == ({}, None)


def test_only_its_seller_sets_the_file_and_only_of_a_draft(world: World, shelf: Shelf) -> None:
    upload = shelf.uploaded()
    wanted = ("x", "application/pdf", 1, digest(b"x"))
    for stranger in ("usr_other", shelf.buyer):
        with pytest.raises(Forbidden):
            files.form(world, stranger, shelf.name, *wanted)  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            files.take_up(world, stranger, shelf.name, upload)
    for state in ("approved", "stopped"):
        shelf.becomes(state=state)
        with pytest.raises(InvalidState):
            shelf.announced()
        with pytest.raises(InvalidState):
            shelf.takes_up(upload)
    assert shelf.file is None


def test_what_was_taken_up_may_be_asked_for_again_after_the_approval(shelf: Shelf) -> None:
    upload = shelf.uploaded()
    shelf.takes_up(upload)
    shelf.becomes(state="approved")
    file = shelf.takes_up(upload).file
    assert file
    assert file.id == upload


def test_the_platforms_own_products_are_no_readers(world: World, shelf: Shelf) -> None:
    ours = Shelf(world, "2").made(seller=None)
    with pytest.raises(Forbidden):
        ours.announced()


def test_a_thing_that_is_sent_has_no_file(world: World) -> None:
    thing = Shelf(world).made(kind="physical")
    with pytest.raises(InvalidState):
        thing.announced()
    with pytest.raises(InvalidState):
        files.put(world, thing.name, io.BytesIO(PDF), ("x", "application/pdf", len(PDF), digest(PDF)), **WHY)


def test_an_admin_sets_the_file_of_whatever_is_digital_and_it_is_audited(world: World, shelf: Shelf) -> None:
    first = shelf.takes_up(shelf.uploaded()).file
    assert first
    shelf.becomes(state="approved", seller=None)
    terms = ("New", "application/pdf", len(OTHER_PDF), digest(OTHER_PDF))
    done = files.put(world, shelf.name, io.BytesIO(OTHER_PDF), terms, **WHY)  # type: ignore[arg-type]
    assert done.file
    assert (done.file.name, done.file.sha256) == ("New.pdf", digest(OTHER_PDF))
    assert shelf.copies() == {done.file.id: OTHER_PDF}
    (entry,) = world.tables.query("audit", ("pk", shelf.name)).items
    assert (entry["action"], entry["actor"], entry["reason"]) == ("product_file_set", "arn:ops", "because")
    assert entry["detail"] == {"file": done.file.id, "sha256": digest(OTHER_PDF), "before": first.id}


def test_an_admins_file_that_changes_on_its_way_is_refused(world: World, shelf: Shelf) -> None:
    terms = ("New", "application/pdf", len(OTHER_PDF), digest(OTHER_PDF))
    with pytest.raises(ProviderFailed):
        files.put(world, shelf.name, io.BytesIO(PDF), terms, **WHY)  # type: ignore[arg-type]
    assert (shelf.file, shelf.bucket.held) == (None, {})


def test_a_product_that_somebody_else_changes_meanwhile_keeps_that_change(shelf: Shelf) -> None:
    upload = shelf.uploaded()
    looks = shelf.bucket.sha256

    def interrupted(key: str) -> str | None:
        shelf.becomes(price=2_000)
        return looks(key)

    shelf.bucket.sha256 = interrupted  # type: ignore[method-assign]
    product = shelf.takes_up(upload)
    assert (product.price, product.file and product.file.id) == (2_000, upload)


def test_a_product_that_is_approved_while_its_new_file_is_looked_at_keeps_the_old_one(shelf: Shelf) -> None:
    first, upload = shelf.uploaded(), shelf.uploaded(OTHER_PDF)
    shelf.takes_up(first)
    looks = shelf.bucket.sha256

    def interrupted(key: str) -> str | None:
        shelf.becomes(state="approved")
        return looks(key)

    shelf.bucket.sha256 = interrupted  # type: ignore[method-assign]
    with pytest.raises(InvalidState):
        shelf.takes_up(upload)
    assert shelf.file
    assert shelf.file.id == first
    assert shelf.copies()[first] == PDF


def test_a_bucket_that_cannot_be_cleared_up_holds_nothing_up(world: World, shelf: Shelf) -> None:
    first = shelf.uploaded()
    shelf.takes_up(first)
    second = shelf.uploaded(OTHER_PDF)

    class Broken(OfflineObjects):
        def delete(self, key: str) -> None:
            raise Unavailable

    bucket = Broken(shelf.bucket.held, shelf.bucket.forms, shelf.bucket.types)
    broken = Shelf(hand_world(world.tables, files=bucket))
    assert broken.takes_up(second).file == broken.file
    assert shelf.copies() == {first: PDF, second: OTHER_PDF}
    third = shelf.uploaded()
    shelf.takes_up(third)
    assert shelf.copies() == {third: PDF}, "whoever comes next clears up"


def test_a_bucket_out_of_reach_is_unavailable_and_nothing_changes(shelf: Shelf) -> None:
    upload = shelf.uploaded()
    shelf.bucket.down = True
    with pytest.raises(Unavailable):
        shelf.takes_up(upload)
    shelf.bucket.down = False
    assert shelf.file is None
    file = shelf.takes_up(upload).file
    assert file
    assert file.id == upload


def test_the_address_gives_the_file_to_keep_under_its_name_for_five_minutes(world: World, shelf: Shelf) -> None:
    file = shelf.takes_up(shelf.uploaded()).file
    assert file
    place = f"products/{shelf.name}/{file.id}"
    assert files.link(world, shelf.name, file) == f"memory:///{place}?300&Guide.pdf&application/pdf"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 5))
def test_whichever_write_is_lost_the_file_is_the_last_one_and_nothing_else_is_left(at: int, *, after: bool) -> None:
    """Number 0 makes the product; then each is announced, and becomes its file."""
    tables = LosingTables(at, after=after)
    shelf = Shelf(hand_world(tables)).made()
    shelf.takes_up(shelf.uploaded())
    file = shelf.takes_up(shelf.uploaded(OTHER_PDF)).file
    assert tables.left <= -1, "the write was lost"
    assert shelf.file == file
    assert file
    assert shelf.copies() == {file.id: OTHER_PDF}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_refusal_whose_write_is_lost_is_a_refusal_all_the_same(*, after: bool) -> None:
    tables = LosingTables(2, after=after)
    shelf = Shelf(hand_world(tables)).made()
    with pytest.raises(Invalid):
        shelf.takes_up(shelf.uploaded(b"hello"))
    assert tables.left <= -1
    assert (rows(shelf, "upload"), shelf.copies(), shelf.file) == ([], {}, None)
