"""Private notes: the client's on a reading, the reader's on a client; nobody else ever reads them."""

import pytest

from chalicelib.kernel.errors import Forbidden, Invalid, NotFound
from chalicelib.sessions import afterwards
from chalicelib.sessions import service as sessions
from chalicelib.sessions.afterwards import Note
from chalicelib.sessions.model.commands import accept, finish, join
from tests.support.reading import CLIENT, READER, SESSION, Stage


def test_a_client_keeps_one_note_on_a_reading_in_whatever_state_it_is() -> None:
    stage = Stage()
    stage.asked()
    assert afterwards.session_note(stage.world, SESSION, CLIENT) == Note()
    first = afterwards.write_session_note(stage.world, SESSION, CLIENT, "Ask about  the river.\n")
    assert first == Note("Ask about the river.", stage.clock.now)
    stage.at(5)
    second = afterwards.write_session_note(stage.world, SESSION, CLIENT, "She knew.")
    assert afterwards.session_note(stage.world, SESSION, CLIENT) == second == Note("She knew.", stage.clock.now)


@pytest.mark.parametrize("user", [READER, "usr_stranger"])
def test_nobody_else_reads_or_writes_the_note_on_a_reading(user: str) -> None:
    stage = Stage().begun()
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "Mine.")
    with pytest.raises(Forbidden):
        afterwards.session_note(stage.world, SESSION, user)
    with pytest.raises(Forbidden):
        afterwards.write_session_note(stage.world, SESSION, user, "Yours?")
    assert afterwards.session_note(stage.world, SESSION, CLIENT).text == "Mine."


def test_there_is_no_note_on_no_reading() -> None:
    with pytest.raises(NotFound):
        afterwards.write_session_note(Stage().world, "ses_none", CLIENT, "x")


@pytest.mark.parametrize("empty", ["", " \n\t ", "\u200b"])
def test_an_empty_note_deletes(empty: str) -> None:
    stage = Stage().begun()
    rows = len(stage.tables.rows["sessions"])
    for note, write in (
        ((SESSION, CLIENT), afterwards.write_session_note),
        ((CLIENT, READER), afterwards.write_client_note),
    ):
        write(stage.world, *note, "Something.")
        assert write(stage.world, *note, empty) == Note()
        assert write(stage.world, *note, empty) == Note()
    assert len(stage.tables.rows["sessions"]) == rows


def test_a_note_has_5000_characters_at_most() -> None:
    stage = Stage().begun()
    assert len(afterwards.write_session_note(stage.world, SESSION, CLIENT, "x" * 5_000).text) == 5_000
    with pytest.raises(Invalid):
        afterwards.write_session_note(stage.world, SESSION, CLIENT, "y" * 5_001)
    assert afterwards.session_note(stage.world, SESSION, CLIENT).text == "x" * 5_000


def test_a_reader_keeps_one_note_on_a_client_they_talked_with() -> None:
    stage = Stage().begun()
    assert afterwards.client_note(stage.world, CLIENT, READER) == Note()
    afterwards.write_client_note(stage.world, CLIENT, READER, "Likes rivers.")
    stage.at(10).reader(finish)
    assert afterwards.client_note(stage.world, CLIENT, READER).text == "Likes rivers."


def test_a_reader_keeps_no_note_on_somebody_they_never_talked_with() -> None:
    stage = Stage()
    stage.asked()
    stage.reader(accept)
    stage.client(join)
    for client in (CLIENT, "usr_other"):
        with pytest.raises(Forbidden):
            afterwards.client_note(stage.world, client, READER)
        with pytest.raises(Forbidden):
            afterwards.write_client_note(stage.world, client, READER, "x")
    stage.reader(join)
    assert afterwards.client_note(stage.world, CLIENT, READER) == Note()


def test_who_talked_as_the_client_is_no_reader_of_the_other() -> None:
    stage = Stage().begun()
    assert sessions.have_met(stage.world, READER, CLIENT)
    assert not sessions.have_met(stage.world, CLIENT, READER)
    with pytest.raises(Forbidden):
        afterwards.client_note(stage.world, READER, CLIENT)


def test_the_notes_of_two_on_one_thing_are_two() -> None:
    stage = Stage().begun()
    afterwards.write_client_note(stage.world, CLIENT, READER, "The reader's.")
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "The client's.")
    assert afterwards.client_note(stage.world, CLIENT, READER).text == "The reader's."
    assert afterwards.session_note(stage.world, SESSION, CLIENT).text == "The client's."


def test_a_clients_newest_notes_on_readings_are_listed_and_no_others() -> None:
    stage = Stage().begun()
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "First.")
    afterwards.write_client_note(stage.world, CLIENT, READER, "Hers.")
    stage.client(finish)
    stage.at(200)
    stage.asked(session="ses_2")
    afterwards.write_session_note(stage.world, "ses_2", CLIENT, "Second.")
    found = afterwards.newest_notes(stage.world, CLIENT, 5)
    assert [(session.id, note.text) for session, note in found] == [("ses_2", "Second."), (SESSION, "First.")]
    assert afterwards.newest_notes(stage.world, READER, 5) == []
    assert len(afterwards.newest_notes(stage.world, CLIENT, 1)) == 1
    stage.at(210)
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "First, again.")
    afterwards.write_session_note(stage.world, "ses_2", CLIENT, "")
    found = afterwards.newest_notes(stage.world, CLIENT, 5)
    assert [(session.id, note.text) for session, note in found] == [(SESSION, "First, again.")]
