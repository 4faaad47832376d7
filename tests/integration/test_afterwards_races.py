"""What follows a reading under many hands at once, and with each of its writes lost in turn, on a real DynamoDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from chalicelib.gateways import World
from chalicelib.kernel.errors import AlreadyDone, InsufficientFunds, InvalidState, Unavailable
from chalicelib.payouts import service as payouts
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.readers.model import Description
from chalicelib.readers.reviews import Review
from chalicelib.runtime.tables import Contended, DynamoTables
from chalicelib.sessions import afterwards, asking, costs
from chalicelib.sessions import service as sessions
from chalicelib.sessions.model.commands import accept, finish, join
from chalicelib.sessions.model.session import Side
from chalicelib.wallet import service as wallet
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import RATE, Duo, assert_books_balance, assert_whole, chain, refusals
from tests.support.faults import WRITES, Send, fault, never_answers, never_arrives
from tests.support.reading import add_reader
from tests.support.worlds import hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ADMIN = {"actor": "arn:admin", "reason": "ticket 7"}
SHARE = RATE * 70 // 100


@pytest.fixture
def own() -> str:
    """What makes this test's people and things its own."""
    return uuid4().hex[:10]


@pytest.fixture
def duo(world: World, own: str) -> Duo:
    """One minute, settled."""
    return settled(Duo(world, own))


def settled(duo: Duo, cents: int = 5_000) -> Duo:
    sessions.advance(duo.world, duo.ended(connected=1_000, cents=cents))
    assert duo.row().state == "finalized"
    return duo


# --- tips ----------------------------------------------------------------------------------------


def tip(world: World, place: int, given: list[tuple[str, str]], amount: int) -> int:
    """A tip of its own for each place, by one of the clients."""
    session, client = given[place % len(given)]
    return afterwards.tip(world, session, client, f"tip_{session}{place}", amount + place).amount


def tip_the_same(world: World, place: int, session: str, client: str) -> afterwards.Tip:
    return afterwards.tip(world, session, client, f"tip_{session}", 333)


def tip_another(world: World, place: int, session: str, client: str) -> afterwards.Tip:
    return afterwards.tip(world, session, client, f"tip_{session}", 300 + place)


def test_64_tips_to_one_reader_at_once_are_each_posted_once_and_no_cent_is_lost(
    world: World, crowd: Crowd, own: str
) -> None:
    duos = [settled(Duo(world, own, number)) for number in range(8)]
    outcomes = crowd(64, tip, [(each.session, each.client) for each in duos], 100)
    assert refusals(outcomes) == Counter()
    assert outcomes == [100 + place for place in range(64)]
    shares = [amount * 70 // 100 for amount in outcomes]
    assert assert_whole(world, f"earnings:{duos[0].reader}") == 8 * SHARE + sum(shares)
    assert len(chain(world, f"earnings:{duos[0].reader}")) == 8 + 64
    for number, each in enumerate(duos):
        assert assert_whole(world, each.account) == 5_000 - RATE - sum(outcomes[number::8])
    assert_books_balance(world)


def test_one_tip_repeated_by_16_at_once_is_given_once(duo: Duo, crowd: Crowd) -> None:
    outcomes = crowd(16, tip_the_same, duo.session, duo.client)
    assert refusals(outcomes) == Counter()
    assert len(set(outcomes)) == 1
    assert assert_whole(duo.world, duo.account) == 5_000 - RATE - 333
    assert assert_whole(duo.world, f"earnings:{duo.reader}") == SHARE + 233


def test_one_key_with_two_amounts_is_given_once_and_the_others_are_told(duo: Duo, crowd: Crowd) -> None:
    outcomes = crowd(8, tip_another, duo.session, duo.client)
    assert refusals(outcomes) == {AlreadyDone.code: 7}
    assert len(chain(duo.world, f"earnings:{duo.reader}")) == 2
    assert_books_balance(duo.world)


def test_tips_beyond_the_credit_are_refused_and_the_reader_has_no_part_of_them(
    world: World, crowd: Crowd, own: str
) -> None:
    duo = settled(Duo(world, own), cents=RATE + 500)
    outcomes = crowd(16, tip, [(duo.session, duo.client)], 100)
    given = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert refusals(outcomes) == {InsufficientFunds.code: 16 - len(given)}
    assert assert_whole(world, duo.account) == 500 - sum(given)
    assert assert_whole(world, f"earnings:{duo.reader}") == SHARE + sum(each * 70 // 100 for each in given)
    assert_books_balance(world)


# --- reviews -------------------------------------------------------------------------------------


def a_review(own: str, place: int, rating: int) -> Review:
    session, client = f"ses_{own}{place}", f"usr_c{own}{place}"
    return Review(f"rev_{own}{place}", f"usr_r{own}", session, client, "Cee", rating, f"Number {place}.", 1_000 + place)


def write_review(world: World, place: int, own: str) -> int:
    return reviews.add(world, a_review(own, place, place % 5 + 1)).rating


def review_or_edit(world: World, place: int, own: str) -> object:
    """Reviews, the reader's own edits, and an admin who removes what is there, all at once."""
    if place % 8 == 6:
        said = Description(f"slug-{own}", f"Name {place}", "", (), ())
        return readers.describe(world, f"usr_r{own}", said).id
    if place % 8 == 7:
        return reviews.remove(world, f"rev_{own}_0", **ADMIN).standing
    return reviews.add(world, a_review(own, place, place % 5 + 1)).rating


def write_the_same_review(world: World, place: int, own: str) -> Review:
    return reviews.add(world, a_review(own, 0, 4))


def rating(world: World, own: str) -> tuple[int, int]:
    reader = readers.reader(world, f"usr_r{own}")
    return reader.rating_total, reader.rating_count


def shown(world: World, own: str) -> list[int]:
    return [each.rating for each in reviews.page(world, f"usr_r{own}", 100, None)[0]]


def test_reviews_by_32_clients_at_once_all_count_and_keep_the_average_exact(
    world: World, crowd: Crowd, own: str
) -> None:
    add_reader(world, f"usr_r{own}")
    outcomes = crowd(32, write_review, own)
    assert refusals(outcomes) == Counter()
    assert rating(world, own) == (sum(outcomes), 32)
    assert shown(world, own) == outcomes[::-1]


def test_one_review_by_16_at_once_counts_once(world: World, crowd: Crowd, own: str) -> None:
    add_reader(world, f"usr_r{own}")
    assert refusals(crowd(16, write_the_same_review, own)) == Counter()
    assert (rating(world, own), shown(world, own)) == ((4, 1), [4])


def test_reviews_edits_and_removals_at_once_keep_the_average_that_of_what_is_shown(
    world: World, crowd: Crowd, own: str
) -> None:
    add_reader(world, f"usr_r{own}")
    first = Review(f"rev_{own}_0", f"usr_r{own}", "ses_0", "usr_0", "Cee", 1, "", 1)
    reviews.add(world, first)
    outcomes = crowd(24, review_or_edit, own)
    assert set(refusals(outcomes)) <= {Unavailable.code}, "an edit of the profile tries eight times only"
    remaining = shown(world, own)
    assert len(remaining) == 18
    assert rating(world, own) == (sum(remaining), 18)


# --- the satisfaction request --------------------------------------------------------------------


def ask(world: World, place: int, asking: list[tuple[str, str]]) -> str:
    session, client = asking[place % len(asking)]
    return afterwards.ask_guarantee(world, session, client, "Not what I was told.").status


def decide(world: World, place: int, guarantee: str, ways: list[Callable[..., Any]]) -> str:
    status: str = ways[place % len(ways)](world, guarantee, **ADMIN).status
    return status


def audited(duo: Duo) -> Counter[str]:
    rows = duo.world.tables.query(duo.world.settings.tables.audit, ("pk", duo.session)).items
    return Counter(row["action"] for row in rows if row["actor"] == "arn:admin")


def asked(duo: Duo) -> str:
    return afterwards.ask_guarantee(duo.world, duo.session, duo.client, "Not what I was told.").id


def test_a_request_made_by_16_at_once_is_one(duo: Duo, crowd: Crowd) -> None:
    assert crowd(16, ask, [(duo.session, duo.client)]) == ["pending"] * 16
    assert [each.session for each in afterwards.pending_guarantees(duo.world)].count(duo.session) == 1


def test_of_requests_for_two_readings_of_one_client_at_once_one_is_made(duo: Duo, crowd: Crowd) -> None:
    second = second_reading(duo)
    assert costs.cost(duo.world, sessions.load(duo.world, second)).total == RATE
    outcomes = crowd(8, ask, [(duo.session, duo.client), (second, duo.client)])
    assert refusals(outcomes) == {InvalidState.code: 4}
    listed = [each for each in afterwards.pending_guarantees(duo.world) if each.user == duo.client]
    assert len(listed) == 1


def second_reading(duo: Duo) -> str:
    """Another reading of the same two, as settled as the first."""
    session = f"{duo.session}b"
    readers.set_presence(duo.world, duo.reader, "online")
    asking.create(duo.world, Side(duo.client, "Cee"), session, duo.reader, "text")
    for user, command in ((duo.reader, accept), (duo.client, join), (duo.reader, join)):
        sessions.perform(duo.world, session, user, command)
    duo.forward(1_000)
    sessions.perform(duo.world, session, duo.client, finish)
    return session


def test_a_request_granted_by_16_at_once_is_paid_once(duo: Duo, crowd: Crowd) -> None:
    assert crowd(16, decide, asked(duo), [afterwards.grant]) == ["granted"] * 16
    assert assert_whole(duo.world, duo.account) == 5_000
    assert assert_whole(duo.world, f"earnings:{duo.reader}") == 0
    assert audited(duo) == {"guarantee_granted": 1}
    assert_books_balance(duo.world)


def test_a_request_granted_and_refused_at_once_is_one_of_both_and_the_money_says_which(duo: Duo, crowd: Crowd) -> None:
    guarantee = asked(duo)
    outcomes = crowd(16, decide, guarantee, [afterwards.grant, afterwards.refuse])
    status = afterwards.guarantee(duo.world, guarantee).status
    assert refusals(outcomes) == {AlreadyDone.code: 8}
    assert assert_whole(duo.world, duo.account) == (5_000 if status == "granted" else 5_000 - RATE)
    assert audited(duo) == {f"guarantee_{status}": 1}
    assert_books_balance(duo.world)


def everything(world: World, place: int, given: list[tuple[str, str]], guarantees: list[str]) -> object:
    if place % 4 == 0:
        return decide(world, place, guarantees[place // 4 % len(guarantees)], [afterwards.grant])
    return tip(world, place, given, 100)


def test_tips_and_grants_at_once_on_one_readers_earnings_lose_and_make_no_cent(
    world: World, crowd: Crowd, own: str
) -> None:
    duos = [settled(Duo(world, own, number)) for number in range(4)]
    outcomes = crowd(32, everything, [(each.session, each.client) for each in duos], [asked(each) for each in duos])
    assert refusals(outcomes) == Counter()
    tips = {place: outcome for place, outcome in enumerate(outcomes) if isinstance(outcome, int)}
    assert len(tips) == 24
    newest = wallet.ledger(world).head(f"earnings:{duos[0].reader}")
    assert newest.balance == sum(amount * 70 // 100 for amount in tips.values())
    for number, each in enumerate(duos):
        assert assert_whole(world, each.account) == 5_000 - sum(tips[place] for place in tips if place % 4 == number)
    assert_books_balance(world)


# --- each write lost in turn ---------------------------------------------------------------------


@pytest.fixture
def fragile(dynamodb_url: str) -> DynamoDBClient:
    """A client that does not try again by itself, so that a fault reaches us."""
    return dynamodb_client(dynamodb_url, attempts=1)


def insist(act: Callable[[], Any]) -> Any:
    """As an app does: the same request again while the answer is 503."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def all_that_follows(duo: Duo) -> dict[str, Any]:
    """Everything that can follow a reading, and what came of it."""
    world, session, client, reader = duo.world, duo.session, duo.client, duo.reader
    insist(lambda: afterwards.tip(world, session, client, f"tip_{session}", 333))
    review = insist(lambda: afterwards.review(world, session, client, 2, "Not what I was told."))
    insist(lambda: afterwards.reply(world, review.id, reader, "I am sorry."))
    insist(lambda: afterwards.write_session_note(world, session, client, "Not again."))
    insist(lambda: afterwards.write_client_note(world, client, reader, "Sceptical."))
    guarantee = insist(lambda: afterwards.ask_guarantee(world, session, client, "Not what I was told."))
    granted = insist(lambda: afterwards.grant(world, guarantee.id, **ADMIN))
    removed = insist(lambda: reviews.remove(world, review.id, **ADMIN))
    assert_books_balance(world)
    kept = readers.reader(world, reader)
    return {
        "credit": [(entry.kind, entry.amount) for entry in chain(world, duo.account)],
        "earnings": [(entry.kind, entry.amount) for entry in chain(world, f"earnings:{reader}")],
        "earned": payouts.earnings_of(world, reader).balance,
        "status": granted.status,
        "rating": (kept.rating_total, kept.rating_count, kept.rev),
        "removed": (removed.reply, removed.standing == "removed"),
        "notes": [
            afterwards.session_note(world, session, client).text,
            afterwards.client_note(world, client, reader).text,
        ],
        "audited": audited(duo),
        "removals": len(world.tables.query(world.settings.tables.audit, ("pk", review.id)).items),
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_the_same_comes_of_it_whichever_write_goes_wrong(
    fragile: Any, table_names: dict[str, str], wrong: Send
) -> None:
    def played(at: int) -> tuple[dict[str, Any], int]:
        duo = settled(Duo(hand_world(DynamoTables(fragile), settings=settings(names=table_names)), uuid4().hex[:10]))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return all_that_follows(duo), made()

    expected, writes = played(at=-1)
    assert expected["credit"][-2:] == [("tip", -333), ("guarantee", RATE)]
    assert expected["earned"] == 233
    assert writes == 8
    for place in range(writes):
        found, _ = played(place)
        assert found == expected, f"write {place} of {writes}"
