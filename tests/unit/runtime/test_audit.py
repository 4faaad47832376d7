"""The audit log's rows."""

from typing import Any

from chalicelib.runtime import audit
from chalicelib.runtime.tables import Absent, Put

FACTS: dict[str, Any] = {
    "subject": "usr_1",
    "action": "suspend",
    "actor": "usr_9",
    "reason": "abuse",
    "at": 1_700_000_000_123,
    "detail": {"was": "active", "amount": 5},
}


def test_an_entry_says_who_did_what_to_whom_when_and_why() -> None:
    put = audit.entry("audit", **FACTS)
    assert isinstance(put, Put)
    assert (put.table, put.when) == ("audit", (Absent("pk"),))
    assert put.item["pk"] == "usr_1"
    assert put.item["sk"].startswith("2023-11-14T22:13:20.123Z#aud_")
    assert {name: put.item[name] for name in ("action", "actor", "reason", "at", "detail")} == {
        name: FACTS[name] for name in ("action", "actor", "reason", "at", "detail")
    }


def test_the_same_facts_are_the_same_row() -> None:
    assert audit.entry("audit", **FACTS) == audit.entry("audit", **FACTS)


def test_any_other_fact_is_another_row() -> None:
    first = audit.entry("audit", **FACTS).item["sk"]
    others = [
        {**FACTS, name: value}
        for name, value in {
            "action": "reinstate",
            "actor": "usr_8",
            "reason": "x",
            "at": 1,
            "detail": {"was": "x"},
        }.items()
    ]
    assert len({first, *(audit.entry("audit", **each).item["sk"] for each in others)}) == 6
