"""Exports and deletions on a real DynamoDB: any write of one that goes wrong, and many requests at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model.limits import Wanted
from chalicelib.gateways import World
from chalicelib.kernel.errors import Invalid, LinkExpired, Unavailable
from chalicelib.kernel.time import DAY
from chalicelib.operations import deletions, exports
from chalicelib.operations.model.deletion import CODE_TRIES, LINGER
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.tables import Contended, DynamoTables, Tables
from chalicelib.wallet import limits
from tests.support.aws import dynamodb_client
from tests.support.crowd import Crowd
from tests.support.duo import refusals
from tests.support.faults import WRITES, Made, Send, fault, never_answers, never_arrives
from tests.support.worlds import HandClock, OfflineMail, OfflineObjects, hand_world, settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def fragile(dynamodb_url: str) -> DynamoDBClient:
    """A client that does not try again by itself, so that a fault reaches us."""
    return dynamodb_client(dynamodb_url, attempts=1)


def somebody(world: World) -> str:
    return accounts.sign_in(world, Claims(uuid4().hex, f"{uuid4().hex}@example.test", "Ada")).id


def insist(act: Callable[[], Any]) -> Any:
    """As an app, and as each clock, does: again while the answer is 503."""
    for _ in range(5):
        try:
            return act()
        except (Contended, Unavailable):
            continue
    raise AssertionError("never answered")


def forward(world: World, millis: int) -> None:
    assert isinstance(world.now, HandClock)
    world.now.forward(millis)


def code_of(world: World) -> str:
    assert isinstance(world.mail, OfflineMail)
    found = re.search(r"\b\d{8}\b", world.mail.sent[-1].text)
    assert found
    return found.group()


def a_life(world: World) -> dict[str, Any]:
    """Somebody sets everything, takes it along, and leaves; what came of it."""
    person = insist(lambda: somebody(world))
    insist(lambda: accounts.agree(world, person, "terms", "1"))
    insist(lambda: accounts.add_device(world, person, "ios", uuid4().hex))
    insist(lambda: accounts.prefer(world, person, {"news": frozenset({"email"})}, None, 0))
    other = insist(lambda: somebody(world))
    insist(lambda: accounts.block(world, person, other))
    insist(lambda: limits.set_limits(world, person, Wanted(5_000, None, None, None)))
    export = f"exp_{uuid4().hex}"
    insist(lambda: exports.ask(world, person, export))
    insist(lambda: exports.advance(world, export))
    made = exports.load(world, export)
    insist(lambda: deletions.ask(world, person))
    insist(lambda: deletions.confirm(world, person, code_of(world)))
    for wait in (30 * DAY, LINGER, LINGER):
        forward(world, wait)
        insist(lambda: deletions.advance(world, person))
    assert isinstance(world.exports, OfflineObjects)
    rows = world.tables.query(world.settings.tables.accounts, ("pk", person)).items
    return {
        "export": (made.status(world.now() - 30 * DAY), made.mailed),
        "rows": [row["sk"] for row in rows],
        "profile": accounts.person(world, person).status,
        "state": deletions.deletion_of(world, person).state,
        "blocks": accounts.blocks_of(world, person, 10, None),
        "files": world.exports.held,
        "audited": [row["action"] for row in world.tables.query(world.settings.tables.audit, ("pk", person)).items],
        "told": [row["kind"] for row in world.tables.query(world.settings.tables.notices, ("pk", person)).items],
    }


@pytest.mark.parametrize("wrong", [never_answers, never_arrives])
def test_somebody_is_exported_and_forgotten_alike_whichever_write_goes_wrong(
    fragile: Any, table_names: dict[str, str], wrong: Send
) -> None:
    tables: Tables = DynamoTables(fragile)

    def played(at: int) -> tuple[dict[str, Any], Made]:
        world = hand_world(tables, settings=settings(names=table_names))
        with fault(fragile, wrong, *WRITES, at=at) as made:
            return a_life(world), made

    expected, made = played(at=-1)
    assert (expected["state"], expected["export"], expected["files"]) == ("deleted", ("ready", True), {})
    assert expected["rows"] == ["consents", "deletion", "exports", "profile"]
    assert made() > 15
    for place in made.apart():
        found, _ = played(place)
        assert found == expected, f"write {place} of {made()}"


def guess(world: World, place: int, person: str, code: str) -> str:
    wrong = f"{(int(code) + 1 + place) % 10**8:08}"
    return deletions.confirm(world, person, wrong).state


def ask_export(world: World, place: int, person: str) -> str:
    return exports.ask(world, person, f"exp_{person}_{place}").id


def test_of_many_guesses_at_once_no_more_than_five_are_looked_at(world: World, crowd: Crowd) -> None:
    person = somebody(world)
    deletions.ask(world, person)
    code = code_of(world)
    told = refusals(crowd(8, guess, person, code))
    assert set(told) <= {Invalid.code, LinkExpired.code, Unavailable.code}
    assert told[Invalid.code] <= CODE_TRIES
    while told[Invalid.code] < CODE_TRIES:
        with pytest.raises(Invalid):
            guess(world, 9, person, code)
        told[Invalid.code] += 1
    with pytest.raises(LinkExpired):
        deletions.confirm(world, person, code)


def test_of_many_exports_asked_for_at_once_one_is_made(world: World, crowd: Crowd) -> None:
    person = somebody(world)
    answers = set(crowd(8, ask_export, person))
    assert len(answers) == 1
