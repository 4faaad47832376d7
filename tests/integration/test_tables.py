"""What ``runtime.tables.Tables`` promises, held by the tables in memory and by DynamoDB alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from chalicelib.runtime.tables import (
    MOST_KEYS,
    MOST_OPERATIONS,
    Absent,
    Check,
    Clause,
    ConditionFailed,
    Delete,
    DynamoTables,
    Equals,
    Item,
    Key,
    Page,
    Put,
    Range,
    Tables,
)
from infra.local.waiting import until
from tests.soak.storage import Shelf
from tests.soak.wire import Wire
from tests.support.aws import definitions
from tests.support.memory import INDEXES, KEYS, KEYS_ONLY, MemoryTables

RESERVED = ("at", "hash", "counter", "state", "name", "type", "status", "count", "value", "language", "end", "size")
VALUES: list[Any] = [
    "text",
    "",
    " \t\n ",
    "Zoë \N{CRYSTAL BALL} 占い \N{RIGHT-TO-LEFT MARK}",
    "12",
    "#p = :p",
    0,
    -1,
    2**63,
    -(10**38 - 1),
    10**38 - 1,
    True,
    False,
    None,
    [],
    {},
    [1, "1", True, None, [["deep", 0]], {"a": []}],
    {"at": 1, "": "an empty name", "nested": {"list": [{"x": None}]}},
]
NOT_VALUES: list[Any] = [1.5, 0.0, float("nan"), Decimal(1), b"bytes", {1, 2}, object()]


@dataclass(frozen=True)
class Store:
    """Tables, what they are called there, and a partition that no other test uses."""

    tables: Tables
    names: Mapping[str, str]
    own: str

    def key(self, sort: str = "s") -> Key:
        return {"pk": self.own, "sk": sort}

    def row(self, sort: str = "s", **more: Any) -> Item:
        return self.key(sort) | more

    def put(self, item: Item, *when: Clause) -> Put:
        return Put(self.names["wallet"], item, when)

    def delete(self, key: Key, *when: Clause) -> Delete:
        return Delete(self.names["wallet"], key, when)

    def check(self, key: Key, *when: Clause) -> Check:
        return Check(self.names["wallet"], key, when)

    def get(self, sort: str = "s") -> Item | None:
        return self.tables.get(self.names["wallet"], self.key(sort))

    def holds(self, *items: Item) -> None:
        """Put these rows."""
        for item in items:
            self.tables.write(self.put(item))

    def everything(self) -> list[Item]:
        return self.pages(limit=100)

    def pages(
        self, *, limit: int, table: str = "wallet", partition: tuple[str, str] | None = None, **how: Any
    ) -> list[Item]:
        """Every row of a partition, read ``limit`` at a time."""
        found: list[Item] = []
        start: Key | None = None
        for _ in range(50):
            page = self.tables.query(self.names[table], partition or ("pk", self.own), limit=limit, start=start, **how)
            assert len(page.items) <= limit
            found += page.items
            if page.next_key is None:
                return found
            start = page.next_key
        raise AssertionError("the pages never end")


@pytest.fixture(params=["memory", "wire", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    own = f"test#{uuid4().hex}"
    if request.param == "memory":
        return Store(MemoryTables(), {name: name for name in KEYS}, own)
    if request.param == "wire":
        return Store(DynamoTables(Wire(Shelf()).client), {name: name for name in KEYS}, own)
    return Store(request.getfixturevalue("tables"), request.getfixturevalue("table_names"), own)


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was_put_type_and_all(store: Store, value: Any) -> None:
    store.holds(store.row(value=value))
    found = store.get()
    assert found == store.row(value=value)
    assert type(found["value"]) is type(value)


def test_a_tuple_comes_back_as_a_list(store: Store) -> None:
    store.holds(store.row(split=(("paid", 1), ("lot", 2))))
    assert store.get() == store.row(split=[["paid", 1], ["lot", 2]])


@pytest.mark.parametrize("value", NOT_VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("wrapped", [lambda value: value, lambda value: [value], lambda value: {"in": value}])
def test_what_is_not_exact_is_refused_and_nothing_is_written(store: Store, value: Any, wrapped: Any) -> None:
    with pytest.raises(TypeError):
        store.tables.write(store.put(store.row(value=wrapped(value))))
    assert store.get() is None


def test_any_word_may_name_an_attribute_also_in_a_clause(store: Store) -> None:
    row = store.row() | dict.fromkeys(RESERVED, 1)
    store.holds(row)
    clauses = [Equals(word, 1) for word in RESERVED]
    store.tables.write(store.put(row | {"at": 2}, *clauses))
    assert store.get() == row | {"at": 2}


def test_a_change_to_what_was_put_or_got_does_not_reach_the_table(store: Store) -> None:
    row = store.row(many=[1])
    store.holds(row)
    row["many"].append(2)
    got = store.get()
    assert got == store.row(many=[1])
    got["many"].append(3)
    assert store.get() == store.row(many=[1])


# --- reading -------------------------------------------------------------------------------------


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get() is None
    assert store.tables.query(store.names["wallet"], ("pk", store.own)) == Page([], None)


def test_a_partition_is_read_in_the_order_of_its_sort_key_and_back(store: Store) -> None:
    rows = [store.row(f"{number:03d}", number=number) for number in (5, 1, 9, 3, 10)]
    store.holds(*rows)
    ordered = sorted(rows, key=lambda row: str(row["sk"]))
    assert store.everything() == ordered
    assert store.pages(limit=100, newest_first=True) == ordered[::-1]


def test_upper_case_sorts_before_lower_case_and_both_before_what_is_not_ascii(store: Store) -> None:
    store.holds(*(store.row(sort) for sort in ("é", "b", "B", "a", "\N{CRYSTAL BALL}", "~")))
    assert [row["sk"] for row in store.everything()] == ["B", "a", "b", "~", "é", "\N{CRYSTAL BALL}"]


def test_only_the_partition_asked_for_is_read(store: Store) -> None:
    store.holds(store.row("1"))
    store.tables.write(store.put({"pk": f"{store.own}+", "sk": "2"}))
    assert store.everything() == [store.row("1")]


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [("2", "4", "234"), ("0", "1", "1"), ("5", "9", "5"), ("6", "9", ""), ("3", "3", "3"), ("1", "5", "12345")],
)
def test_a_range_includes_both_its_ends(store: Store, low: str, high: str, found: str) -> None:
    store.holds(*(store.row(sort) for sort in "12345"))
    within = Range("sk", low, high)
    assert [row["sk"] for row in store.pages(limit=2, within=within)] == list(found)
    assert [row["sk"] for row in store.pages(limit=2, within=within, newest_first=True)] == list(found)[::-1]


def test_a_range_that_runs_backwards_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match=r"BETWEEN|backwards"):
        store.pages(limit=2, within=Range("sk", "2", "1"))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_of_any_size_add_up_to_the_whole_and_each_row_comes_once(
    store: Store, limit: int, newest_first: bool
) -> None:
    rows = [store.row(f"{number}") for number in range(6)]
    store.holds(*rows)
    assert store.pages(limit=limit, newest_first=newest_first) == (rows[::-1] if newest_first else rows)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_goes_on_where_the_last_one_ended_though_its_last_row_is_gone(store: Store, newest_first: bool) -> None:
    store.holds(*(store.row(sort) for sort in "12345"))
    wallet = store.names["wallet"]
    first = store.tables.query(wallet, ("pk", store.own), limit=3, newest_first=newest_first)
    store.tables.write(store.delete(store.key("3")))
    rest = store.tables.query(wallet, ("pk", store.own), start=first.next_key, newest_first=newest_first)
    assert [row["sk"] for row in rest.items] == (["2", "1"] if newest_first else ["4", "5"])


def test_a_scan_sees_every_row_of_the_table_once(store: Store) -> None:
    rows = [store.row(f"{number}") for number in range(7)]
    store.holds(*rows)
    found: list[Item] = []
    start: Key | None = None
    for _ in range(50):
        page = store.tables.scan(store.names["wallet"], start=start)
        found += [item for item in page.items if item["pk"] == store.own]
        start = page.next_key
        if start is None:
            break
    assert start is None
    assert sorted(found, key=lambda row: str(row["sk"])) == rows


@pytest.mark.parametrize("consistent", [True, False])
def test_many_are_read_in_the_order_asked_and_what_is_not_there_is_none(store: Store, consistent: bool) -> None:
    rows = [store.row(f"{number}", number=number) for number in range(5)]
    store.holds(*rows)
    keys = [store.key(sort) for sort in ("3", "gone", "0", "4")]

    def found() -> bool:
        read = store.tables.get_many(store.names["wallet"], keys, consistent=consistent)
        return read == [rows[3], None, rows[0], rows[4]]

    assert until("what was just written", found, seconds=0 if consistent else 20)


def test_many_are_none_to_a_hundred_keys_and_not_one_more(store: Store) -> None:
    rows = [store.row(f"{number:03d}") for number in range(MOST_KEYS)]
    store.tables.write(*(store.put(row) for row in rows))
    wallet = store.names["wallet"]
    assert store.tables.get_many(wallet, []) == []
    assert store.tables.get_many(wallet, rows) == rows
    with pytest.raises(ValueError, match="at most 100 keys"):
        store.tables.get_many(wallet, [*rows, store.key("one more")])


def test_a_key_that_is_asked_for_twice_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="twice"):
        store.tables.get_many(store.names["wallet"], [store.key("a"), store.key("b"), store.key("a")])


# --- indexes -------------------------------------------------------------------------------------


def session_row(store: Store, number: int, **more: Any) -> Item:
    return {"pk": f"{store.own}-{number}", "client": f"c{store.own}", "created_at": number, **more}


def indexed(store: Store, index: str, partition: tuple[str, str], count: int, **how: Any) -> list[Item]:
    """What the index lists; an index may be a moment behind its table."""

    def listed() -> list[Item] | None:
        found = store.pages(limit=2, table="sessions", index=index, partition=partition, **how)
        return found if len(found) == count else None

    return until(f"{count} rows in {index}", listed, seconds=20, every=0.05)


def test_an_index_lists_in_the_order_of_numbers_not_of_digits(store: Store) -> None:
    for number in (10, 9, 100, 1):
        store.tables.write(Put(store.names["sessions"], session_row(store, number)))
    partition = ("client", f"c{store.own}")
    found = indexed(store, "by_client", partition, 4)
    assert [item["created_at"] for item in found] == [1, 9, 10, 100]
    found = indexed(store, "by_client", partition, 2, newest_first=True, within=Range("created_at", 9, 10))
    assert [item["created_at"] for item in found] == [10, 9]


def test_a_row_is_in_an_index_only_while_it_says_so(store: Store) -> None:
    sessions, shard = store.names["sessions"], f"shard{store.own}"
    for number in range(5):
        more = {"open_shard": shard} if number % 2 == 0 else {}
        store.tables.write(Put(sessions, session_row(store, number, **more)))
    found = indexed(store, "open", ("open_shard", shard), 3)
    assert [item["created_at"] for item in found] == [0, 2, 4]
    store.tables.write(Put(sessions, session_row(store, 2)))
    store.tables.write(Delete(sessions, {"pk": f"{store.own}-4"}))
    found = indexed(store, "open", ("open_shard", shard), 1)
    assert found == [session_row(store, 0, open_shard=shard)]


def test_an_index_of_keys_only_gives_keys_only(store: Store) -> None:
    row = session_row(store, 1, open_shard=f"shard{store.own}", rate=250)
    store.tables.write(Put(store.names["sessions"], row))
    (by_client,) = indexed(store, "by_client", ("client", f"c{store.own}"), 1)
    assert by_client == {name: row[name] for name in ("pk", "client", "created_at")}
    (is_open,) = indexed(store, "open", ("open_shard", f"shard{store.own}"), 1)
    assert is_open == row


def test_rows_of_one_sort_key_in_an_index_all_come_page_by_page(store: Store) -> None:
    for number in range(5):
        row = session_row(store, 7) | {"pk": f"{store.own}-{number}"}
        store.tables.write(Put(store.names["sessions"], row))
    for newest_first in (False, True):
        found = indexed(store, "by_client", ("client", f"c{store.own}"), 5, newest_first=newest_first)
        assert {item["pk"] for item in found} == {f"{store.own}-{number}" for number in range(5)}


# --- one write -----------------------------------------------------------------------------------


def test_a_put_replaces_the_row_whole(store: Store) -> None:
    store.holds(store.row(old=1))
    store.holds(store.row(new=2))
    assert store.get() == store.row(new=2)


def test_a_put_where_nothing_may_be_fails_where_something_is_and_tells_what(store: Store) -> None:
    store.tables.write(store.put(store.row(by="first"), Absent("pk")))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.put(store.row(by="second"), Absent("pk")))
    assert failed.value.found == {0: store.row(by="first")}
    assert store.get() == store.row(by="first")


@pytest.mark.parametrize("value", ["open", "", 3, 0, 2**63])
def test_a_put_on_a_value_needs_that_very_value(store: Store, value: str | int) -> None:
    store.holds(store.row(state=value))
    store.tables.write(store.put(store.row(state="next"), Equals("state", value)))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.put(store.row(state="again"), Equals("state", value)))
    assert failed.value.found == {0: store.row(state="next")}


@pytest.mark.parametrize(("stored", "asked"), [("3", 3), (3, "3"), (1, 2)])
def test_a_number_is_not_its_digits(store: Store, stored: str | int, asked: str | int) -> None:
    store.holds(store.row(state=stored))
    with pytest.raises(ConditionFailed):
        store.tables.write(store.put(store.row(state="next"), Equals("state", asked)))


def test_a_put_on_a_value_fails_where_no_row_or_no_such_attribute_is(store: Store) -> None:
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.put(store.row(), Equals("rev", 1)))
    assert failed.value.found == {0: None}
    store.holds(store.row(other=1))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.put(store.row(rev=2), Equals("rev", 1)))
    assert failed.value.found == {0: store.row(other=1)}


def test_every_clause_must_hold(store: Store) -> None:
    store.holds(store.row(state="open", rev=1))
    with pytest.raises(ConditionFailed):
        store.tables.write(store.put(store.row(), Equals("state", "open"), Equals("rev", 2)))
    store.tables.write(store.put(store.row(state="shut"), Equals("state", "open"), Equals("rev", 1)))
    assert store.get() == store.row(state="shut")


def test_the_same_put_repeated_is_done_though_its_condition_no_longer_holds(store: Store) -> None:
    """The client repeats a request whose answer was lost; what it then meets is its own row."""
    put = store.put(store.row(rev=1, many=[1, None]), Absent("pk"))
    store.tables.write(put)
    store.tables.write(put)
    change = store.put(store.row(rev=2), Equals("rev", 1))
    store.tables.write(change)
    store.tables.write(change)
    assert store.get() == store.row(rev=2)


def test_a_delete_removes_the_row_and_does_not_mind_that_none_is_there(store: Store) -> None:
    store.holds(store.row())
    store.tables.write(store.delete(store.key()))
    assert store.get() is None
    store.tables.write(store.delete(store.key()))


def test_a_delete_on_a_value_needs_that_very_value(store: Store) -> None:
    store.holds(store.row(session="ses_1"))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.delete(store.key(), Equals("session", "ses_2")))
    assert failed.value.found == {0: store.row(session="ses_1")}
    store.tables.write(store.delete(store.key(), Equals("session", "ses_1")))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.delete(store.key(), Equals("session", "ses_1")))
    assert failed.value.found == {0: None}


def test_a_check_alone_writes_nothing_and_fails_like_any_clause(store: Store) -> None:
    store.tables.write(store.check(store.key(), Absent("pk")))
    assert store.get() is None
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(store.check(store.key(), Equals("rev", 1)))
    assert failed.value.found == {0: None}


# --- transactions --------------------------------------------------------------------------------


def test_a_transaction_writes_all_of_it_over_several_tables(store: Store) -> None:
    store.holds(store.row("gone"), store.row("checked", rev=4))
    store.tables.write(
        store.put(store.row("new"), Absent("pk")),
        store.delete(store.key("gone"), Equals("sk", "gone")),
        store.check(store.key("checked"), Equals("rev", 4)),
        Put(store.names["sessions"], {"pk": store.own}),
    )
    assert store.everything() == [store.row("checked", rev=4), store.row("new")]
    assert store.tables.get(store.names["sessions"], {"pk": store.own}) == {"pk": store.own}


@pytest.mark.parametrize("kind", ["put", "delete", "check"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_transaction_writes_nothing_when_one_clause_fails_and_tells_which_and_what_it_met(
    store: Store, kind: str, place: int
) -> None:
    store.holds(store.row("bad", rev=1))
    bad = {
        "put": store.put(store.row("bad", rev=3), Equals("rev", 2)),
        "delete": store.delete(store.key("bad"), Equals("rev", 2)),
        "check": store.check(store.key("bad"), Absent("pk")),
    }[kind]
    operations: list[Any] = [store.put(store.row(f"good{number}"), Absent("pk")) for number in range(3)]
    operations.insert(place, bad)
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(*operations)
    assert failed.value.found == {place: store.row("bad", rev=1)}
    assert store.everything() == [store.row("bad", rev=1)]


def test_every_clause_that_failed_is_told_in_the_order_of_the_operations(store: Store) -> None:
    store.holds(store.row("a", by="other"), store.row("c", by="other"))
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(
            store.put(store.row("c"), Absent("pk")),
            store.put(store.row("b"), Absent("pk")),
            store.put(store.row("a"), Absent("pk")),
            store.check(store.key("d"), Equals("rev", 1)),
        )
    assert failed.value.found == {0: store.row("c", by="other"), 2: store.row("a", by="other"), 3: None}


def test_a_repeated_transaction_fails_and_tells_that_it_met_its_own_rows(store: Store) -> None:
    """Whoever repeats one compares what was found: only the caller knows what makes two facts the same."""
    puts = [store.put(store.row(sort, by="me"), Absent("pk")) for sort in "ab"]
    store.tables.write(*puts)
    with pytest.raises(ConditionFailed) as failed:
        store.tables.write(*puts)
    assert failed.value.found == {0: store.row("a", by="me"), 1: store.row("b", by="me")}


def test_a_write_takes_a_hundred_operations_and_neither_none_nor_one_more(store: Store) -> None:
    many = [store.put(store.row(f"{number:03d}")) for number in range(MOST_OPERATIONS + 1)]
    for operations in ([], many):
        with pytest.raises(ValueError, match="1 to 100 operations"):
            store.tables.write(*operations)
    assert store.everything() == []
    store.tables.write(*many[:MOST_OPERATIONS])
    assert store.pages(limit=64) == [put.item for put in many[:MOST_OPERATIONS]]


def test_two_operations_on_one_row_in_a_transaction_are_refused(store: Store) -> None:
    with pytest.raises(Exception, match="multiple operations on one item"):
        store.tables.write(store.put(store.row(by=1)), store.delete(store.key()))
    assert store.get() is None


def test_an_empty_key_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="empty string"):
        store.tables.write(store.put({"pk": store.own, "sk": ""}))


# --- what the tables are made of -----------------------------------------------------------------


def test_the_tables_in_memory_have_the_keys_and_indexes_of_the_template() -> None:
    assert {name: _keys(table) for name, table in definitions().items()} == KEYS
    indexes = [index for table in definitions().values() for index in table.get("GlobalSecondaryIndexes", ())]
    assert {index["IndexName"]: _keys(index) for index in indexes} == INDEXES
    keys_only = {index["IndexName"] for index in indexes if index["Projection"]["ProjectionType"] == "KEYS_ONLY"}
    assert keys_only == KEYS_ONLY


def _keys(definition: Any) -> tuple[str, ...]:
    return tuple(key["AttributeName"] for key in definition["KeySchema"])
