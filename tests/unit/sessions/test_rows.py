"""What follows a reading lies in the table of sessions, and is none."""

from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from tests.support.reading import CLIENT, SESSION, Stage


def test_what_follows_a_reading_is_no_reading_to_the_clocks_or_to_a_persons_list() -> None:
    stage = Stage().begun().at(10)
    stage.client(finish)
    afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "x")
    afterwards.write_session_note(stage.world, SESSION, CLIENT, "x")
    rows = [row for row in stage.tables.rows["sessions"].values() if row["pk"] != SESSION]
    assert len(rows) == 4
    for row in rows:
        assert not row.keys() & {"open_shard", "client", "reader", "created_at"}
        assert "#" in row["pk"], "a bare id could be asked for as a reading"
