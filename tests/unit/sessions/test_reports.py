"""A report of a reading: once a person, by either of the two, whatever its state; it waits for moderators."""

import pytest

from chalicelib.kernel.errors import AlreadyDone, Forbidden, Invalid, NotFound
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from tests.support.reading import CLIENT, READER, SESSION, Stage


@pytest.mark.parametrize("over", [False, True])
def test_each_of_the_two_reports_a_reading_while_it_runs_and_after(over: bool) -> None:
    stage = Stage().begun().at(10)
    if over:
        stage.client(finish)
    first = afterwards.report(stage.world, SESSION, CLIENT, "scam", "Asked for money elsewhere.")
    second = afterwards.report(stage.at(20).world, SESSION, READER, "abuse", "")
    assert (first.side, second.side) == ("client", "reader")
    assert first.id != second.id
    assert afterwards.open_reports(stage.world) == [first, second]


def test_the_same_report_again_is_the_same_and_another_is_refused() -> None:
    stage = Stage().begun()
    first = afterwards.report(stage.world, SESSION, CLIENT, "scam", "x")
    assert afterwards.report(stage.at(5).world, SESSION, CLIENT, "scam", " x ") == first
    with pytest.raises(AlreadyDone):
        afterwards.report(stage.world, SESSION, CLIENT, "abuse", "x")
    with pytest.raises(AlreadyDone):
        afterwards.report(stage.world, SESSION, CLIENT, "scam", "y")
    assert afterwards.open_reports(stage.world) == [first]


def test_a_stranger_reports_nothing() -> None:
    stage = Stage().begun()
    with pytest.raises(Forbidden):
        afterwards.report(stage.world, SESSION, "usr_stranger", "other", "")
    with pytest.raises(NotFound):
        afterwards.report(stage.world, "ses_none", CLIENT, "other", "")


def test_a_report_has_2000_characters_at_most() -> None:
    stage = Stage().begun()
    with pytest.raises(Invalid):
        afterwards.report(stage.world, SESSION, CLIENT, "other", "x" * 2_001)
    assert len(afterwards.report(stage.world, SESSION, CLIENT, "other", "x" * 2_000).text) == 2_000


def test_what_follows_a_reading_is_no_reading_to_the_clocks_or_to_a_persons_list() -> None:
    stage = Stage().begun().at(10)
    stage.client(finish)
    afterwards.report(stage.world, SESSION, CLIENT, "scam", "x")
    afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "x")
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "x")
    rows = [row for row in stage.tables.rows["sessions"].values() if row["pk"] != SESSION]
    assert len(rows) == 5
    for row in rows:
        assert not row.keys() & {"open_shard", "client", "reader", "created_at"}
        assert "#" in row["pk"], "a bare id could be asked for as a reading"
