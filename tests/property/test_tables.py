"""The quick tables of the histories mean what ``MemoryTables`` means."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.runtime.tables import Absent, Check, ConditionFailed, Delete, Equals, Operation, Put, Range
from chalicelib.wallet.model.chain import seq_key
from tests.property.tables import SwiftTables
from tests.support.memory import MemoryTables

ACCOUNT = "credit:usr_1"
NAMES = st.sampled_from(("a", "b"))
REVS = st.integers(0, 2)


def _key(name: str) -> dict[str, Any]:
    return {"pk": name}


OPERATIONS = st.one_of(
    st.builds(lambda name, rev: Put("sessions", _key(name) | {"rev": rev, "open_shard": "0"}), NAMES, REVS),
    st.builds(lambda name, rev: Put("sessions", _key(name) | {"rev": rev}, (Absent("pk"),)), NAMES, REVS),
    st.builds(lambda name, rev: Put("sessions", _key(name) | {"rev": rev + 1}, (Equals("rev", rev),)), NAMES, REVS),
    st.builds(lambda name, rev: Delete("sessions", _key(name), (Equals("rev", rev),)), NAMES, REVS),
    st.builds(lambda name: Delete("sessions", _key(name)), NAMES),
    st.builds(lambda name: Check("sessions", _key(name), (Absent("pk"),)), NAMES),
)


def _written(tables: MemoryTables, operations: list[Operation]) -> object:
    try:
        tables.write(*operations)
    except ConditionFailed as failed:
        return failed.found
    return None


@given(
    writes=st.lists(st.lists(OPERATIONS, min_size=1, max_size=2, unique_by=lambda each: str(_named(each))), max_size=12)
)
def test_writes_take_effect_and_fail_alike(writes: list[list[Operation]]) -> None:
    plain, swift = MemoryTables(), SwiftTables()
    for operations in writes:
        assert _written(swift, operations) == _written(plain, operations)
        assert swift.rows == plain.rows
        for name in ("a", "b"):
            assert swift.get("sessions", _key(name)) == plain.get("sessions", _key(name))
        shard = ("open_shard", "0")
        assert swift.query("sessions", shard, index="open") == plain.query("sessions", shard, index="open")


@given(
    length=st.integers(0, 12),
    limit=st.integers(1, 5),
    newest_first=st.booleans(),
    bounds=st.none() | st.tuples(st.integers(1, 14), st.integers(1, 14)).map(lambda pair: (min(pair), max(pair))),
)
def test_a_chain_is_read_alike_page_by_page(
    length: int, limit: int, newest_first: bool, bounds: tuple[int, int] | None
) -> None:
    plain, swift = MemoryTables(), SwiftTables()
    for seq in range(1, length + 1):
        for tables in (plain, swift):
            tables.write(Put("ledger", {"account": ACCOUNT, "seq": seq_key(seq)}, (Absent("account"),)))
    within = Range("seq", seq_key(bounds[0]), seq_key(bounds[1])) if bounds else None
    start = None
    for _ in range(length + 1):
        pages = [
            tables.query(
                "ledger", ("account", ACCOUNT), within=within, newest_first=newest_first, limit=limit, start=start
            )
            for tables in (plain, swift)
        ]
        assert pages[0] == pages[1]
        start = pages[0].next_key
        if start is None:
            return
    raise AssertionError("the pages do not end")


def _named(operation: Operation) -> str:
    return str(operation.item["pk"] if isinstance(operation, Put) else operation.key["pk"])
