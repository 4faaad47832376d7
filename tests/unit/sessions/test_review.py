"""A review of a reading: once, by the client who paid for it; what it does to the reader's rating."""

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, InvalidState, NotFound
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.reviews import Review
from chalicelib.sessions import afterwards
from chalicelib.sessions.afterwards import Note, Own
from chalicelib.sessions.model import afterwards as model
from chalicelib.sessions.model.commands import cancel, finish
from tests.support.reading import CLIENT, READER, SESSION, Stage


def settled() -> Stage:
    stage = Stage().begun().at(10)
    stage.client(finish)
    return stage


def review(stage: Stage, rating: int = 4, text: str = "She knew.", user: str = CLIENT) -> Review:
    return afterwards.review(stage.world, SESSION, user, rating, text)


def rating(stage: Stage) -> tuple[int, int]:
    reader = readers.reader(stage.world, READER)
    return reader.rating_total, reader.rating_count


def shown(stage: Stage) -> list[Review]:
    return reviews.page(stage.world, READER, 20, None)[0]


def test_a_review_is_listed_and_counts() -> None:
    stage = settled()
    written = review(stage, 4, "She\u200b knew.\r\n\r\n\r\n\r\nThanks. ")
    assert (written.text, written.rating, written.name, written.at) == (
        "She knew.\n\nThanks.",
        4,
        "Cee",
        stage.clock.now,
    )
    assert shown(stage) == [written]
    assert rating(stage) == (4, 1)


@pytest.mark.parametrize(("name", "public"), [("Clara Zeh", "Clara"), ("Clara", "Clara"), ("Li 李", "Li")])
def test_of_the_clients_name_the_first_word_is_shown(name: str, public: str) -> None:
    assert model.public_name(name) == public


def test_a_review_needs_no_words() -> None:
    assert review(settled(), text="").text == ""


def test_the_same_review_again_is_the_same_and_counts_once() -> None:
    stage = settled()
    first = review(stage)
    assert review(stage.at(60)) == first
    assert rating(stage) == (4, 1)


@pytest.mark.parametrize(("stars", "text"), [(5, "She knew."), (4, "She knew nothing.")])
def test_another_review_of_the_same_reading_is_refused(stars: int, text: str) -> None:
    stage = settled()
    review(stage)
    with pytest.raises(AlreadyDone):
        review(stage, stars, text)
    assert rating(stage) == (4, 1)


@pytest.mark.parametrize("stars", [-1, 0, 6])
def test_a_rating_is_1_to_5(stars: int) -> None:
    stage = settled()
    with pytest.raises(Invalid):
        review(stage, stars)
    assert rating(stage) == (0, 0)


@pytest.mark.parametrize("stars", [1, 5])
def test_the_worst_and_the_best_rating_count(stars: int) -> None:
    stage = settled()
    review(stage, stars)
    assert rating(stage) == (stars, 1)


def test_a_review_has_2000_characters_at_most() -> None:
    stage = settled()
    with pytest.raises(Invalid):
        review(stage, text="x" * 2_001)
    assert len(review(stage, text="x" * 2_000).text) == 2_000


@pytest.mark.parametrize("user", [READER, "usr_stranger"])
def test_only_the_client_reviews(user: str) -> None:
    with pytest.raises(Forbidden):
        review(settled(), user=user)


def test_an_open_reading_is_not_reviewed() -> None:
    with pytest.raises(InvalidState):
        review(Stage().begun().at(10))


def test_who_paid_nothing_in_the_end_reviews_nothing() -> None:
    stage = Stage().begun()
    stage.reader(finish)
    with pytest.raises(InvalidState):
        review(stage)
    stage = Stage()
    stage.asked()
    stage.client(cancel)
    with pytest.raises(InvalidState):
        review(stage)


def test_there_must_be_such_a_reading() -> None:
    with pytest.raises(NotFound):
        afterwards.review(Stage().world, "ses_none", CLIENT, 5, "")


def test_the_reader_replies_once() -> None:
    stage = settled()
    written = review(stage)
    stage.at(90)
    replied = afterwards.reply(stage.world, written.id, READER, " Thank  you. ")
    assert (replied.reply, replied.replied_at, replied.text) == ("Thank you.", stage.clock.now, written.text)
    assert shown(stage) == [replied]
    stage.at(99)
    assert afterwards.reply(stage.world, written.id, READER, "Thank you.") == replied
    with pytest.raises(AlreadyDone):
        afterwards.reply(stage.world, written.id, READER, "Come again.")
    assert rating(stage) == (4, 1)


@pytest.mark.parametrize("user", [CLIENT, "usr_stranger"])
def test_nobody_else_replies(user: str) -> None:
    stage = settled()
    written = review(stage)
    with pytest.raises(Forbidden):
        afterwards.reply(stage.world, written.id, user, "x")
    assert shown(stage) == [written]


@pytest.mark.parametrize("text", ["", " \u200b", "x" * 2_001])
def test_a_reply_has_words(text: str) -> None:
    stage = settled()
    with pytest.raises(Invalid):
        afterwards.reply(stage.world, review(stage).id, READER, text)


def test_to_no_review_there_is_no_reply() -> None:
    with pytest.raises(NotFound):
        afterwards.reply(Stage().world, "rev_none", READER, "x")


def test_the_same_review_after_a_reply_is_still_the_same() -> None:
    stage = settled()
    written = review(stage)
    replied = afterwards.reply(stage.world, written.id, READER, "Thank you.")
    assert review(stage) == replied


# --- for a person's file, and for forgetting them


def test_what_one_wrote_after_a_reading_is_told_to_them_alone() -> None:
    stage = settled()
    written = review(stage)
    note = afterwards.write_session_note(stage.world, SESSION, CLIENT, "The client's.")
    other = afterwards.write_client_note(stage.world, CLIENT, READER, "The reader's.")
    asked = afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "x")
    session = stage.row()
    assert afterwards.own_of(stage.world, session, CLIENT) == Own(note, written, asked)
    assert afterwards.own_of(stage.world, session, READER) == Own(other, None, None)
    with pytest.raises(Forbidden):
        afterwards.own_of(stage.world, session, "usr_stranger")


def test_of_a_client_who_is_forgotten_a_nameless_review_stays_and_no_note() -> None:
    stage = settled()
    written = review(stage)
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "The client's.")
    afterwards.write_client_note(stage.world, CLIENT, READER, "The reader's.")
    for _ in range(2):
        afterwards.forget(stage.world, stage.row(), CLIENT, "Deleted member")
    (left,) = shown(stage)
    assert (left.name, left.author, left.text, left.rev) == ("Deleted member", "", written.text, 2)
    assert rating(stage) == (4, 1)
    assert afterwards.session_note(stage.world, SESSION, CLIENT) == Note()
    assert afterwards.client_note(stage.world, CLIENT, READER) == Note()


def test_of_a_reader_who_is_forgotten_the_notes_go_and_the_review_stays() -> None:
    stage = settled()
    written = review(stage)
    note = afterwards.write_session_note(stage.world, SESSION, CLIENT, "The client's.")
    afterwards.write_client_note(stage.world, CLIENT, READER, "The reader's.")
    afterwards.forget(stage.world, stage.row(), READER, "Deleted member")
    assert shown(stage) == [written]
    assert afterwards.client_note(stage.world, CLIENT, READER) == Note()
    assert afterwards.session_note(stage.world, SESSION, CLIENT) == note
    with pytest.raises(Forbidden):
        afterwards.forget(stage.world, stage.row(), "usr_stranger", "x")


def test_a_removed_review_is_made_nameless_where_it_is_kept() -> None:
    stage = settled()
    written = review(stage)
    reviews.remove(stage.world, written.id, actor="arn:admin", reason="ticket 7")
    afterwards.forget(stage.world, stage.row(), CLIENT, "Deleted member")
    assert reviews.review(stage.world, written.id).name == "Deleted member"
    assert shown(stage) == []


def test_where_nothing_was_written_nothing_is_forgotten() -> None:
    stage = settled()
    before = {table: dict(rows) for table, rows in stage.tables.rows.items()}
    afterwards.forget(stage.world, stage.row(), CLIENT, "Deleted member")
    assert stage.tables.rows == before
