"""Log lines: the listed fields and nothing else."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.runtime import logs
from chalicelib.runtime.logs import log

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def nothing_bound() -> None:
    logs.unbind()


def test_a_line_is_json_with_event_level_and_time(lines: Lines) -> None:
    log.info("minute_charged", session="ses_1", minute=3)
    (line,) = lines()
    assert line.pop("at").endswith("Z")
    assert line == {"level": "info", "event": "minute_charged", "session": "ses_1", "minute": 3}


def test_a_field_that_is_not_listed_is_dropped(lines: Lines) -> None:
    surprise: dict[str, Any] = {"token": "secret", "email": "ada@example.com", "body": "{}", "session": "ses_1"}
    log.warning("refused", **surprise)
    (line,) = lines()
    assert set(line) == {"at", "level", "event", "session"}


def test_a_value_is_a_scalar_and_short(lines: Lines) -> None:
    odd: dict[str, Any] = {"kind": {"email": "ada@example.com"}, "reason": "x" * 5_000}
    log.error("odd", **odd)
    (line,) = lines()
    assert line["kind"] == "dict"
    assert line["reason"] == "x" * 200


def test_bound_fields_are_on_every_line_until_unbound(lines: Lines) -> None:
    logs.bind(request_id="r1")
    logs.bind(caller="usr_1")
    log.info("a")
    logs.unbind()
    log.info("b")
    first, second = lines()
    assert (first["request_id"], first["caller"]) == ("r1", "usr_1")
    assert "request_id" not in second


def test_of_an_exception_only_its_type_its_causes_and_its_stack_are_kept(lines: Lines) -> None:
    def fail() -> None:
        try:
            dict[str, int]()["ada@example.com"]
        except KeyError as cause:
            raise ValueError("token eyJ…") from cause

    with pytest.raises(ValueError, match="token") as raised:
        fail()
    log.exception("unhandled", raised.value)
    (line,) = lines()
    assert (line["error"], line["causes"]) == ("ValueError", ["KeyError"])
    assert line["stack"][-1].endswith(" fail")
    assert "ada@example.com" not in json.dumps(line)
    assert "eyJ" not in json.dumps(line)
