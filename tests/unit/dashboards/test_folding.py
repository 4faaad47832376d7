"""What is new is added once: however often, in whatever order and in however many pieces it is told."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.dashboards import checking, folding, handlers, rollups
from chalicelib.dashboards.model.news import Came, Chain, News, Posted, Stands
from chalicelib.gateways import World
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.time import DAY, HOUR, MINUTE
from chalicelib.readers import service as readers
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Item, Key
from chalicelib.sessions import afterwards
from chalicelib.wallet import service as wallet
from chalicelib.wallet.model import meter
from chalicelib.wallet.model.chain import Draft, Entry, Fact
from tests.support.duo import RATE, Duo
from tests.support.dying import Crash, Death, DyingTables
from tests.support.memory import MemoryTables
from tests.support.reading import add_reader, pay_in
from tests.support.show import Show
from tests.support.worlds import NOON, hand_world

SHARP = NOON - NOON % HOUR + HOUR
"""The first hour after the clock's beginning."""


def left() -> int:
    return 60_000


def told(world: World, *news: News) -> dict[str, int]:
    """Sum these up, nothing failing; what the platform has then."""
    assert folding.fold(world, news, left) == []
    return rollups.totals(world, rollups.PLATFORM)


def talked() -> Duo:
    """A reading of two minutes and a half, settled, and a tip of a dollar."""
    duo = Duo(hand_world(), "1")
    duo.ended(150_000)
    duo.noticed()
    afterwards.tip(duo.world, duo.session, duo.client, "tip_1", 100)
    return duo


def test_a_reading_and_a_tip_are_in_the_sums_of_all_whom_they_concern() -> None:
    duo = talked()
    platform = told(duo.world, Chain(duo.account), Chain(f"earnings:{duo.reader}"))
    assert rollups.totals(duo.world, rollups.client(duo.client)) == {
        "topped_up": 5_000,
        "spent.reading": 3 * RATE,
        "spent.tip": 100,
        "readings": 1,
        "minutes": 3,
    }
    earned = {"earned.reading": 3 * RATE * 70 // 100, "earned.tip": 70}
    assert rollups.totals(duo.world, rollups.reader(duo.reader)) == earned | {"readings": 1, "minutes": 3}
    assert platform == rollups.totals(duo.world, rollups.client(duo.client)) | earned


def test_what_was_told_before_adds_nothing() -> None:
    duo = talked()
    news = [Chain(duo.account), Chain(f"earnings:{duo.reader}")]
    assert told(duo.world, *news) == told(duo.world, *news) == told(duo.world, *reversed(news))


def test_what_was_told_of_is_found_with_the_next_record_of_its_chain() -> None:
    world = hand_world()
    pay_in(world, "usr_1", 500, "one")  # of which no record came
    pay_in(world, "usr_1", 700, "two")
    assert told(world, Chain("credit:usr_1")) == {"topped_up": 1_200}
    pay_in(world, "usr_1", 10, "three")
    assert told(world, Chain("credit:usr_1")) == {"topped_up": 1_210}


def test_a_fact_of_a_journal_is_counted_once() -> None:
    duo = talked()
    (account,) = {row["account"] for row in ledger(duo.world) if row["seq"] == f"reading:{duo.session}"}
    fact = Posted(account, f"reading:{duo.session}")
    fee = 3 * RATE - 3 * RATE * 70 // 100
    assert told(duo.world, fact, fact) == {"share.reading": fee}
    assert told(duo.world, fact) == {"share.reading": fee}


def test_people_and_readers_are_counted_once_and_readers_where_they_stand() -> None:
    world = hand_world()
    person = accounts.sign_in(world, Claims("auth0|1", None, "Ada")).id
    assert told(world, Came(person), Came(person)) == {"people": 1}
    add_reader(world, "usr_r")
    verified = {"people": 1, "readers": 1, "standing.verified": 1}
    assert told(world, Stands("usr_r")) == told(world, Stands("usr_r")) == verified
    readers.withdraw(world, "usr_r", actor="admin", reason="test")
    assert told(world, Stands("usr_r")) == {"people": 1, "readers": 1, "standing.withdrawn": 1}
    readers.verify(world, "usr_r", actor="admin", reason="test")
    readers.withdraw(world, "usr_r", actor="admin", reason="again")
    assert told(world, Stands("usr_r")) == {"people": 1, "readers": 1, "standing.withdrawn": 1}


def test_an_entry_of_an_unknown_kind_alarms_is_counted_as_that_and_holds_up_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = hand_world()
    post(world, "credit:usr_1", "rained", 300)
    pay_in(world, "usr_1", 500, "one")
    assert told(world, Chain("credit:usr_1")) == {"other": 1, "topped_up": 500}
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("error", "entry_of_unknown_kind") in [(line["level"], line["event"]) for line in logged]


def test_what_cannot_be_summed_is_answered_and_all_else_is_summed() -> None:
    world = hand_world()
    post(world, "earnings:usr_r", "reading_earned", 70)  # of a session that nobody knows
    pay_in(world, "usr_1", 500, "one")
    pay_in(world, "usr_2", 300, "two")
    news = [Chain("credit:usr_1"), Chain("earnings:usr_r"), Chain("credit:usr_2")]
    assert folding.fold(world, news, left) == [Chain("earnings:usr_r")]
    assert rollups.totals(world, rollups.PLATFORM) == {"topped_up": 800}


def test_where_there_is_no_time_what_is_left_is_answered() -> None:
    world = hand_world()
    pay_in(world, "usr_1", 500, "one")
    assert folding.fold(world, [Chain("credit:usr_1")], lambda: folding.SPARE - 1) == [Chain("credit:usr_1")]
    assert rollups.totals(world, rollups.PLATFORM) == {}


def test_a_chain_of_any_length_is_summed_in_pieces() -> None:
    world = hand_world()
    for number in range(2 * folding.MOST_ENTRIES + 50):
        pay_in(world, "usr_1", 1, f"{number}")
    assert told(world, Chain("credit:usr_1")) == {"topped_up": 2 * folding.MOST_ENTRIES + 50}


def test_entries_of_more_hours_than_one_transaction_takes_are_summed_in_pieces() -> None:
    duo = sharp()
    for number in range(folding.MOST_ENTRIES - 1):
        pay_in(duo.world, "usr_1", 1, f"{number}")
        duo.forward(HOUR)
    assert told(duo.world, Chain("credit:usr_1")) == {"topped_up": folding.MOST_ENTRIES - 1}
    found = rollups.quarters(rollups.shown(duo.world), rollups.client("usr_1"), SHARP, SHARP + 90 * DAY)
    assert list(found) == [SHARP + number * HOUR for number in range(folding.MOST_ENTRIES - 1)]


def test_an_entry_that_is_not_seen_yet_is_waited_for() -> None:
    world = hand_world()
    for number in range(3):
        pay_in(world, "usr_1", 10**number, f"{number}")
    rows: dict[object, dict[str, object]] = world.tables.rows["ledger"]  # type: ignore[attr-defined]  # in memory
    second = rows.pop(("credit:usr_1", f"{2:012d}"))
    assert told(world, Chain("credit:usr_1")) == {"topped_up": 1}
    rows["credit:usr_1", f"{2:012d}"] = second
    assert told(world, Chain("credit:usr_1")) == {"topped_up": 111}


def test_the_row_that_an_entry_refers_to_is_waited_for_while_it_is_of_before() -> None:
    duo = Duo(hand_world(), "1")
    duo.active()
    earned(duo, 10)
    assert folding.fold(duo.world, [Chain(f"earnings:{duo.reader}")], left) == [Chain(f"earnings:{duo.reader}")]
    assert rollups.totals(duo.world, rollups.PLATFORM) == {}


def test_an_entry_whose_thing_is_not_seen_closed_holds_up_no_other_and_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    duo = Duo(hand_world(), "1")
    duo.active(5_000)
    earned(duo, 10)
    unseen = Chain(f"earnings:{duo.reader}")
    assert folding.fold(duo.world, [unseen, Chain(duo.account)], left) == [unseen]
    assert rollups.totals(duo.world, rollups.PLATFORM)["topped_up"] == 5_000
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line["id"]) for line in logged if line["event"] == "not_summed"] == [
        ("warning", unseen.account)
    ]


@pytest.mark.parametrize("lost", [False, True])
def test_wherever_the_function_dies_or_hears_nothing_all_is_added_once_in_the_end(lost: bool) -> None:
    death = Death(lost=lost)
    tables = DyingTables(death)
    duo = Duo(hand_world(tables), "1")
    person = accounts.sign_in(duo.world, Claims("auth0|1", None, "Ada")).id
    duo.ended(150_000)
    duo.noticed()
    for number in range(folding.MOST_ENTRIES):  # so that there is more than one transaction
        pay_in(duo.world, duo.client, 1, f"{number}")
    (fee,) = [row for row in ledger(duo.world) if row["seq"] == f"reading:{duo.session}"]
    news: list[News] = [Chain(duo.account), Chain(f"earnings:{duo.reader}"), Posted(fee["account"], fee["seq"])]
    news += [Came(person), Stands(duo.reader)]
    right, ends = told(duo.world, *news), 0
    while death.at < ends:
        tables.rows["rollups"].clear()
        death.at, death.moments = death.at + 1, 0
        with suppress(Crash):
            folding.fold(duo.world, news, left)
        ends = max(ends, death.moments)
        assert told(duo.world, *news) == right
        assert checking.check(duo.world, 0, lambda _: None) == []
    assert ends >= 4


def test_who_is_deleted_is_still_somebody_who_came_and_a_reader_who_left_is_withdrawn() -> None:
    world = hand_world()
    person = accounts.sign_in(world, Claims("auth0|1", None, "Ada")).id
    add_reader(world, "usr_r")
    told(world, Stands("usr_r"))
    accounts.forget(world, person)
    readers.forget(world, "usr_r")
    pay_in(world, person, 500, "late")
    standing = {"readers": 1, "standing.withdrawn": 1}
    assert told(world, Came(person), Stands("usr_r"), Chain(f"credit:{person}")) == standing | {
        "people": 1,
        "topped_up": 500,
    }
    assert checking.check(world, 0, lambda _: None) == []


def test_whose_a_stream_is_is_read_once_for_all_that_was_given_on_it() -> None:
    class Asked(MemoryTables):
        streams = 0

        def get(self, table: str, key: Key, *, consistent: bool = True) -> Item | None:
            self.streams += table == "live"
            return super().get(table, key, consistent=consistent)

    tables = Asked()
    show = Show(hand_world(tables), "s").live()
    patron = show.patron("fan")
    for number in range(12):
        show.gives(patron, "rose", f"{number}")
    chains = [Chain(row["account"]) for row in ledger(show.world) if row["account"].startswith("stream:")]
    tables.streams = 0
    assert told(show.world, *chains)["on_streams"] == 12 * 70
    assert tables.streams == 1


def test_sums_are_by_the_quarter_and_what_is_asked_for_ends_before_its_end() -> None:
    duo = sharp()
    for cents, wait in ((1, 15 * MINUTE - 1), (10, 1), (100, 15 * MINUTE), (1_000, 30 * MINUTE), (10_000, 0)):
        pay_in(duo.world, "usr_1", cents, f"{cents}")
        duo.forward(wait)
    told(duo.world, Chain("credit:usr_1"))
    found = rollups.quarters(rollups.shown(duo.world), rollups.client("usr_1"), SHARP, SHARP + HOUR)
    assert {(begins - SHARP) // MINUTE: sums["topped_up"] for begins, sums in found.items()} == {
        0: 11,
        15: 100,
        30: 1_000,
    }
    assert rollups.quarters(rollups.shown(duo.world), rollups.client("usr_1"), SHARP + HOUR, SHARP + 2 * HOUR) == {
        SHARP + HOUR: {"topped_up": 10_000}
    }
    assert rollups.quarters(rollups.shown(duo.world), rollups.client("usr_2"), SHARP, SHARP + HOUR) == {}


@pytest.mark.parametrize("ahead", [0, -HOUR, 93 * DAY + rollups.QUARTER, 1])
def test_only_quarters_are_asked_for_and_no_more_than_93_days(ahead: int) -> None:
    with pytest.raises(ValueError, match="quarters"):
        rollups.quarters(rollups.shown(hand_world()), rollups.PLATFORM, SHARP, SHARP + ahead)


# --- the function ----------------------------------------------------------------------------------


def record(table: str, number: int, **key: str) -> dict[str, object]:
    keys = {name: {"S": value} for name, value in key.items()}
    stream = f"arn:aws:dynamodb:us-east-1:0:table/{table}/stream/2026-11-26T00:00:00.000"
    return {"eventSourceARN": stream, "dynamodb": {"Keys": keys, "SequenceNumber": f"{number}"}}


def test_records_of_all_three_streams_are_summed_and_receipts_and_other_rows_are_none() -> None:
    world = hand_world()
    person = accounts.sign_in(world, Claims("auth0|1", None, "Ada")).id
    add_reader(world, "usr_r")
    pay_in(world, person, 500, "one")
    event = {
        "Records": [
            record("ledger", 1, account="receipt:topup:one", seq="receipt"),
            record("ledger", 2, account=f"credit:{person}", seq=f"{1:012d}"),
            record("accounts", 3, pk=person, sk="profile"),
            record("accounts", 4, pk=person, sk="devices"),
            record("readers", 5, pk="usr_r", sk="profile"),
        ]
    }
    assert handlers.summed(world, event, left) == {"batchItemFailures": []}
    platform = {"topped_up": 500, "people": 1, "readers": 1, "standing.verified": 1}
    assert rollups.totals(world, rollups.PLATFORM) == platform


def test_each_record_of_what_cannot_be_summed_is_named() -> None:
    world = hand_world()
    post(world, "earnings:usr_r", "reading_earned", 70)
    pay_in(world, "usr_1", 500, "one")
    event = {
        "Records": [
            record("ledger", 7, account="earnings:usr_r", seq=f"{1:012d}"),
            record("ledger", 8, account="credit:usr_1", seq=f"{1:012d}"),
            record("ledger", 9, account="earnings:usr_r", seq=f"{1:012d}"),
        ]
    }
    failed = handlers.summed(world, event, left)["batchItemFailures"]
    assert failed == [{"itemIdentifier": "7"}, {"itemIdentifier": "9"}]


def test_a_stream_of_another_table_is_no_news() -> None:
    with pytest.raises(LookupError):
        handlers.summed(hand_world(), {"Records": [record("wallet", 1, pk="a", sk="b")]}, left)


def test_called_again_by_hand_what_is_left_is_a_failure() -> None:
    world = hand_world()
    pay_in(world, "usr_1", 500, "one")
    again = {"source": "ledger", "keys": [{"account": "credit:usr_1", "seq": f"{1:012d}"}]}
    assert handlers.summed_again(world, again, left) == {}
    assert rollups.totals(world, rollups.PLATFORM) == {"topped_up": 500}
    pay_in(world, "usr_1", 500, "two")
    with pytest.raises(Unavailable):
        handlers.summed_again(world, again, lambda: 0)


def sharp() -> Duo:
    """Somebody, at the beginning of an hour."""
    return Duo(hand_world(), "1").forward(SHARP - NOON)


def ledger(world: World) -> list[Item]:
    return world.tables.scan("ledger").items


def post(world: World, account: str, kind: str, amount: int) -> Entry:
    """Something comes out of nowhere."""

    def draft_of(newest: Entry, now: int) -> Draft:
        del now
        return meter.receive(newest, kind, amount, "platform:sky", "sky_1")

    return wallet.post_once(world, account, f"{account}{kind}", Fact(kind, amount, "platform:sky", "sky_1"), draft_of)


def earned(duo: Duo, cents: int) -> None:
    """The reader's share of the reading as it is, which is not over."""
    account = f"earnings:{duo.reader}"
    duo.world.tables.write(wallet.earn(duo.world, account, "reading_earned", cents, "session:x", duo.session)[1])
