"""Two people, their retries and both clocks, all at once on one reading: threads and processes on a real DynamoDB."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InvalidState, ReaderBusy, SessionOpen
from chalicelib.readers import service as readers
from chalicelib.readers.model import Description
from chalicelib.runtime.identity import Caller, Claims
from chalicelib.sessions import asking
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model import commands
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from tests.support.crowd import Crowd
from tests.support.duo import RATE, Duo, assert_whole, refusals
from tests.support.reading import add_reader, pay_in


@pytest.fixture
def own() -> str:
    return uuid4().hex[:10]


@pytest.fixture
def duo(world: World, own: str) -> Duo:
    return Duo(world, own)


def moves(world: World, place: int, session: str, people: list[str], names: list[str]) -> str:
    """Places take turns through people and commands: ``names[i]`` is what ``people[i]`` does."""
    turn = place % len(people)
    return sessions.perform(world, session, people[turn], getattr(commands, names[turn])).session.state


# --- the same command from everybody -------------------------------------------------------------


def test_an_accept_sent_16_times_at_once_accepts_once(duo: Duo, crowd: Crowd) -> None:
    duo.created()
    assert crowd(16, moves, duo.session, [duo.reader], ["accept"]) == ["waiting"] * 16
    row = duo.row()
    assert (row.state, row.epoch) == ("waiting", 1)
    duo.assert_ends_well()


def test_both_joining_at_once_and_again_start_one_meter_and_pay_one_minute(duo: Duo, crowd: Crowd) -> None:
    duo.waiting()
    outcomes = crowd(16, moves, duo.session, [duo.client, duo.reader], ["join", "join"])
    assert refusals(outcomes) == Counter()
    assert set(outcomes) <= {"waiting", "active"}
    assert "active" in outcomes
    assert duo.row().epoch == 2
    assert duo.minutes() == [1]
    assert assert_whole(duo.world, duo.account) == 5_000 - RATE


def test_both_joining_at_once_with_credit_for_nothing_pays_nothing_and_ends(duo: Duo, crowd: Crowd) -> None:
    duo.waiting(RATE + 10)
    wallet.spend(duo.world, duo.client, "order", 20, "platform:shop", f"order:{duo.client}", "ord_1")
    outcomes = crowd(8, moves, duo.session, [duo.client, duo.reader], ["join", "join"])
    assert set(refusals(outcomes)) <= {InvalidState.code}
    row = duo.row()
    assert (row.state, row.reason, row.started_at) == ("finalized", "low_balance", None)
    assert assert_whole(duo.world, duo.account) == RATE - 10
    duo.assert_ends_well()


def test_both_coming_back_at_once_run_the_meter_once_and_pay_no_minute_twice(duo: Duo, crowd: Crowd) -> None:
    duo.paused()
    outcomes = crowd(16, moves, duo.session, [duo.client, duo.reader], ["reconnect", "reconnect"])
    assert refusals(outcomes) == Counter()
    assert duo.row().state == "active"
    assert duo.row().epoch == 4
    assert duo.minutes() == [1]
    duo.assert_ends_well()


@pytest.mark.parametrize("state", ["created", "waiting", "active", "paused", "half_back"])
def test_both_ending_at_once_end_it_once_and_both_are_told_so(duo: Duo, crowd: Crowd, state: str) -> None:
    getattr(duo, state)()
    outcomes = crowd(16, moves, duo.session, [duo.client, duo.reader], ["finish", "finish"])
    assert refusals(outcomes) == Counter()
    assert set(outcomes) <= {"ended", "finalized"}
    assert sessions.busy_among(duo.world, [duo.client, duo.reader]) == set()
    row = duo.assert_ends_well()
    assert row.reason in {"client_ended", "reader_ended"}


def test_an_end_and_a_leave_at_once_cost_only_the_time_that_was_talked(duo: Duo, crowd: Crowd) -> None:
    duo.active().talked(61_000)
    people = [duo.client, duo.reader, duo.client, duo.reader]
    outcomes = crowd(16, moves, duo.session, people, ["finish", "leave", "leave", "finish"])
    assert set(refusals(outcomes)) <= {InvalidState.code}
    row = duo.assert_ends_well()
    assert row.connected_before == 61_000
    assert duo.minutes() == [1, 2]


def test_an_accept_a_decline_and_a_cancel_at_once_are_one_of_them(duo: Duo, crowd: Crowd) -> None:
    duo.created()
    outcomes = crowd(12, moves, duo.session, [duo.reader, duo.reader, duo.client], ["accept", "decline", "cancel"])
    assert set(refusals(outcomes)) <= {InvalidState.code}
    row = duo.row()
    assert (row.state, row.reason) in {("waiting", None), ("finalized", "declined"), ("finalized", "cancelled")}
    assert row.state == "waiting" or sessions.busy_among(duo.world, [duo.client, duo.reader]) == set()
    duo.assert_ends_well()


def test_heartbeats_of_both_and_ticks_at_once_all_count_and_charge_once(duo: Duo, crowd: Crowd) -> None:
    duo.active().talked(60_000)
    duo.forward(1_000)
    outcomes = crowd(24, moves, duo.session, [duo.client, duo.reader], ["heartbeat", "heartbeat"])
    assert outcomes == ["active"] * 24
    row = duo.row()
    assert {row.client.beat_at, row.reader.beat_at} == {duo.world.now()}
    assert duo.minutes() == [1, 2]


# --- asking for a reading ------------------------------------------------------------------------


def ask(world: World, place: int, asked: list[tuple[str, str, str]]) -> str:
    """Client, session and reader of each place."""
    client, session, reader = asked[place % len(asked)]
    return asking.create(world, Side(client, "Cee"), session, reader, "text").session.id


def test_a_request_repeated_16_times_at_once_is_one_reading(duo: Duo, crowd: Crowd) -> None:
    duo.ready()
    outcomes = crowd(16, ask, [(duo.client, duo.session, duo.reader)])
    assert outcomes == [duo.session] * 16
    mine, _ = sessions.sessions_of(duo.world, "client", duo.client, 10, None)
    assert [seen.session.id for seen in mine] == [duo.session]
    duo.assert_ends_well()


def test_of_clients_who_ask_one_reader_at_once_one_is_rung_and_the_others_hear_busy(
    world: World, crowd: Crowd, own: str
) -> None:
    duos = [Duo(world, own, number).ready() for number in range(8)]
    outcomes = crowd(8, ask, [(each.client, each.session, each.reader) for each in duos])
    assert refusals(outcomes) == {ReaderBusy.code: 7}
    (won,) = [each for each, outcome in zip(duos, outcomes, strict=True) if outcome == each.session]
    taken = sessions.busy_among(world, [duos[0].reader, *(each.client for each in duos)])
    assert taken == {won.reader, won.client}, "a loser is still held"
    won.does(won.client, commands.cancel)
    assert sessions.busy_among(world, [duos[0].reader, *(each.client for each in duos)]) == set()


def test_a_client_who_asks_several_readers_at_once_rings_one_and_holds_no_other(
    world: World, crowd: Crowd, own: str
) -> None:
    duo = Duo(world, own).ready()
    others = [f"{duo.reader}{number}" for number in range(5)]
    for reader in others:
        add_reader(world, reader, RATE)
        readers.set_presence(world, reader, "online")
    asked = [(duo.client, f"{duo.session}{reader}", reader) for reader in [duo.reader, *others]]
    outcomes = crowd(6, ask, asked)
    assert refusals(outcomes) == {SessionOpen.code: 5}
    (won,) = [reader for (_, session, reader), outcome in zip(asked, outcomes, strict=True) if outcome == session]
    assert sessions.busy_among(world, [duo.client, duo.reader, *others]) == {duo.client, won}


def test_two_who_ask_each_other_at_once_are_in_one_reading(world: World, crowd: Crowd, own: str) -> None:
    """Both are readers: each needs both locks, and neither may keep one."""
    one, two = Duo(world, own).ready(), Duo(world, f"{own}2").ready()
    for duo in (one, two):
        pay_in(world, duo.reader, 5_000, f"topup:{duo.reader}")
    asked = [(one.reader, one.session, two.reader), (two.reader, two.session, one.reader)]
    outcomes = crowd(4, ask, asked)
    assert refusals(outcomes).total() == 2
    assert len({outcome for outcome in outcomes if isinstance(outcome, str)}) == 1
    assert sessions.busy_among(world, [one.reader, two.reader]) == {one.reader, two.reader}


def test_a_reading_whose_time_is_over_does_not_stand_in_the_way_of_those_who_ask_next(
    world: World, crowd: Crowd, own: str
) -> None:
    old = Duo(world, own).created()
    old.forward(200_000)  # it rang out, and nobody noticed
    duos = [Duo(world, own, number).ready() for number in (1, 2, 3)]
    outcomes = crowd(6, ask, [(each.client, each.session, each.reader) for each in duos])
    assert refusals(outcomes) == {ReaderBusy.code: 4}
    assert len([outcome for outcome in outcomes if isinstance(outcome, str)]) == 2
    assert old.row().reason == "request_expired"
    assert old.client not in sessions.busy_among(world, [old.client])


def ask_and_spend(world: World, place: int, duo_session: tuple[str, str, str]) -> str:
    if place % 2:
        return ask(world, 0, [duo_session])
    client = duo_session[0]
    return wallet.spend(world, client, "order", 200, "platform:shop", f"order:{client}", "ord_1").kind


def test_a_request_and_a_purchase_at_once_never_open_a_reading_that_cannot_be_paid(duo: Duo, crowd: Crowd) -> None:
    duo.ready(RATE + 100)
    outcomes = crowd(8, ask_and_spend, (duo.client, duo.session, duo.reader))
    asked = [outcome for place, outcome in enumerate(outcomes) if place % 2]
    assert outcomes[::2] == ["order"] * 4  # before a meter runs, nothing is held
    opened = [outcome for outcome in asked if outcome == duo.session]
    assert refusals(asked).total() + len(opened) == 4
    assert assert_whole(duo.world, duo.account) == RATE - 100


# --- people --------------------------------------------------------------------------------------


def sign_in(world: World, place: int, subject: str) -> Caller:
    return accounts.sign_in(world, Claims(subject, f"{subject}@example.com", "Ada"))


def test_16_first_requests_of_one_person_at_once_make_one_profile(world: World, crowd: Crowd, own: str) -> None:
    callers = crowd(16, sign_in, f"auth0|{own}")
    assert refusals(callers) == Counter()
    assert set(callers) == {Caller(accounts.person_id(world, f"auth0|{own}"), "client", "Ada")}
    assert accounts.person(world, callers[0].id).rev == 1


def newcomers(world: World, own: str, count: int) -> list[str]:
    return [accounts.sign_in(world, Claims(f"auth0|{own}{number}", None, "Ada")).id for number in range(count)]


def invitation(world: World) -> str:
    token, _ = readers.invite(world, email=None, actor="usr_admin", reason="test")
    return token


def accept_invitation(world: World, place: int, people: list[str], token: str) -> str:
    return readers.accept_invitation(world, people[place], token).id


def test_an_invitation_used_by_many_at_once_makes_one_reader(world: World, crowd: Crowd, own: str) -> None:
    people = newcomers(world, own, 8)
    outcomes = crowd(8, accept_invitation, people, invitation(world))
    assert refusals(outcomes) == {AlreadyDone.code: 7}
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert [person for person in people if accounts.person(world, person).role == "reader"] == [winner]


def describe(world: World, place: int, people: list[str], slug: str) -> str:
    return readers.describe(world, people[place], Description(slug, f"Name {place}", "", (), ())).id


def test_a_slug_wanted_by_many_readers_at_once_goes_to_one(world: World, crowd: Crowd, own: str) -> None:
    people = newcomers(world, own, 8)
    for person in people:
        readers.accept_invitation(world, person, invitation(world))
    outcomes = crowd(8, describe, people, f"wanted-{own}")
    assert refusals(outcomes) == {AlreadyDone.code: 7}
    (owner,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    readers.verify(world, owner, actor="usr_admin", reason="test")
    assert readers.by_slug(world, f"wanted-{own}").id == owner
    assert [person for person in people if readers.reader(world, person).description] == [owner]
