"""A rehearsal sees what is not to the byte what it was."""

import json

from infra.local.emptied import Rows
from infra.local.rehearse import Round


def key(pk: str, sk: str = "-") -> str:
    return json.dumps([{"S": pk}, {"S": sk}])


KEPT = {key("usr_1"): {"pk": {"S": "usr_1"}, "credit": {"N": "5"}}}


def test_what_came_back_as_it_was_is_no_fault() -> None:
    assert Round({"wallet": KEPT}, {"wallet": dict(KEPT)}).faults == []


def test_whatever_is_missing_changed_or_added_is_one() -> None:
    changed = {key("usr_1"): {"pk": {"S": "usr_1"}, "credit": {"N": "6"}}}
    for after in ({}, changed, KEPT | {key("usr_2"): {}}):
        assert len(Round({"wallet": KEPT}, {"wallet": after}).faults) == 1


def test_the_word_that_it_was_done_is_none() -> None:
    said: Rows = {key("backups", "2026"): {}, key("stage", "2026"): {}, key("payouts", "freeze"): {}}
    assert Round({"wallet": KEPT}, {"wallet": KEPT | said}).faults == []
    assert Round({"wallet": KEPT}, {"wallet": KEPT | {key("payouts#usr_1"): {}}}).faults
