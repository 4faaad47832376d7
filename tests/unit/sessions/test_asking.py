"""Product §3, rule 1: asking for a reading takes both people; one open session a person, from creation to end."""

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.person import newcomer
from chalicelib.accounts.store import People
from chalicelib.kernel.errors import Blocked, Invalid, NotFound, Problem, ReaderBusy, ReaderUnavailable, SessionOpen
from chalicelib.readers import service as readers
from chalicelib.sessions import asking, service
from chalicelib.sessions.model.commands import accept, decline, finish, leave
from chalicelib.sessions.model.session import Side
from tests.support.reading import CLIENT, READER, SESSION, Stage, add_reader, pay_in, refusal

OTHER_CLIENT = "usr_other"
OTHER_READER = "usr_reader_two"


def ask(stage: Stage, client: str, reader: str, session: str) -> service.Snapshot:
    return asking.create(stage.world, Side(client, "Somebody"), session, reader, "text")


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    add_reader(stage.world, OTHER_READER)
    pay_in(stage.world, OTHER_CLIENT, 1_000, "topup:other")
    for reader in (READER, OTHER_READER):
        readers.set_presence(stage.world, reader, "online")
    return stage


def refused(problem: type[Problem], stage: Stage, client: str, reader: str) -> str:
    with pytest.raises(problem) as raised:
        ask(stage, client, reader, "ses_2")
    return refusal(raised.value)


def test_both_are_taken_from_creation_on(stage: Stage) -> None:
    stage.asked()
    assert refused(SessionOpen, stage, CLIENT, OTHER_READER) == "409 session_open"
    assert refused(ReaderBusy, stage, OTHER_CLIENT, READER) == "409 reader_busy"
    assert service.busy_among(stage.world, [READER, OTHER_READER]) == {READER}


@pytest.mark.parametrize("user", [CLIENT, READER])
def test_both_are_let_go_at_the_end(stage: Stage, user: str) -> None:
    stage.begun()
    stage.seen_by(user, finish)
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()
    assert ask(stage, CLIENT, READER, "ses_2").session.state == "created"


def test_a_pause_lets_nobody_go(stage: Stage) -> None:
    stage.begun()
    stage.client(leave)
    assert refused(SessionOpen, stage, CLIENT, OTHER_READER) == "409 session_open"
    assert refused(ReaderBusy, stage, OTHER_CLIENT, READER) == "409 reader_busy"


def test_a_session_whose_time_is_over_takes_nobody_even_when_nobody_noticed(stage: Stage) -> None:
    stage.asked()
    stage.at(180)
    readers.set_presence(stage.world, READER, "online")
    assert ask(stage, CLIENT, READER, "ses_2").session.state == "created"
    assert stage.row().reason == "request_expired"


def test_a_reader_can_be_a_client_elsewhere_but_in_one_session_at_a_time(stage: Stage) -> None:
    stage.asked()
    pay_in(stage.world, READER, 1_000, "topup:reader")
    assert refused(SessionOpen, stage, READER, OTHER_READER) == "409 session_open"


def test_nobody_reads_for_themselves(stage: Stage) -> None:
    pay_in(stage.world, READER, 1_000, "topup:reader")
    assert refused(Invalid, stage, READER, READER) == "422 invalid"


@pytest.mark.parametrize(("one", "other"), [(CLIENT, READER), (READER, CLIENT)])
def test_two_of_whom_one_blocked_the_other_do_not_meet_until_the_block_is_taken_back(
    stage: Stage, one: str, other: str
) -> None:
    people = People(stage.tables, "accounts")
    stage.world.tables.write(people.add(newcomer(other, None, None, 0)))
    accounts.block(stage.world, one, other)
    assert refused(Blocked, stage, CLIENT, READER) == "403 blocked"
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()
    assert ask(stage, CLIENT, OTHER_READER, "ses_2").session.state == "created"
    ask(stage, OTHER_CLIENT, READER, "ses_3")
    for session in ("ses_2", "ses_3"):
        service.force_end(stage.world, session, actor="admin", note="done")
    accounts.unblock(stage.world, one, other)
    assert ask(stage, CLIENT, READER, "ses_4").session.state == "created"


def test_a_reading_that_was_asked_for_before_the_block_is_found_by_the_repeat(stage: Stage) -> None:
    stage.world.tables.write(People(stage.tables, "accounts").add(newcomer(READER, None, None, 0)))
    stage.asked()
    accounts.block(stage.world, CLIENT, READER)
    assert ask(stage, CLIENT, READER, SESSION).session.state == "created"


def test_an_offline_reader_is_unavailable(stage: Stage) -> None:
    readers.set_presence(stage.world, READER, "offline")
    assert refused(ReaderUnavailable, stage, CLIENT, READER) == "409 reader_unavailable"


def test_a_reader_silent_for_90_s_is_unavailable(stage: Stage) -> None:
    stage.at(90)
    assert refused(ReaderUnavailable, stage, CLIENT, READER) == "409 reader_unavailable"


def test_a_modality_that_is_not_offered_is_unavailable(stage: Stage) -> None:
    readers.set_rates(stage.world, READER, {"voice": 250})
    assert refused(ReaderUnavailable, stage, CLIENT, READER) == "409 reader_unavailable"


def test_an_unknown_reader_is_not_found(stage: Stage) -> None:
    assert refused(NotFound, stage, CLIENT, "usr_nobody") == "404 not_found"


def test_a_repeat_of_the_request_finds_what_it_created(stage: Stage) -> None:
    first = stage.asked().session
    stage.reader(accept)
    again = stage.asked().session
    assert (again.id, again.state) == (first.id, "waiting")
    assert len(stage.tables.rows["sessions"]) == 3  # the session and its two people


def test_a_repeat_after_the_end_creates_nothing(stage: Stage) -> None:
    stage.asked()
    stage.reader(decline)
    assert stage.asked().session.reason == "declined"
    assert service.busy_among(stage.world, [CLIENT, READER]) == set()


def test_the_open_session_is_found_by_both(stage: Stage) -> None:
    stage.asked()
    for user in (CLIENT, READER):
        seen = service.open_session(stage.world, user)
        assert seen is not None
        assert seen.session.id == SESSION


def test_an_open_session_whose_time_is_over_is_not_open(stage: Stage) -> None:
    stage.asked()
    stage.at(180)
    assert service.open_session(stage.world, CLIENT) is None


def test_a_persons_sessions_are_listed_newest_first(stage: Stage) -> None:
    for number in range(3):
        stage.at(number)
        ask(stage, CLIENT, READER, f"ses_{number + 1}")
        service.perform(stage.world, f"ses_{number + 1}", CLIENT, finish)
    for who, user in (("client", CLIENT), ("reader", READER)):
        first, following = service.sessions_of(stage.world, who, user, 2, None)  # type: ignore[arg-type]
        rest, end = service.sessions_of(stage.world, who, user, 2, following)  # type: ignore[arg-type]
        assert [seen.session.id for seen in [*first, *rest]] == ["ses_3", "ses_2", "ses_1"]
        assert end is None
