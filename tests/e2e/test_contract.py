"""The deployed API against its own contract, docs/openapi.json: no 5xx, and no answer that the document does not tell.

Schemathesis makes the requests: such as fit the document, such as do not, and chains of them, in which an id of one
answer goes into the next request. ``SOUL_CONTRACT=100`` makes new ones, as many for each operation.
"""

import itertools
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.local.phone import REQUEST_SECONDS, Phone
from infra.local.waiting import until
from tests.e2e.stage import ROOT, SOON, Stage

EXPLORED: Final = int(os.environ.get("SOUL_CONTRACT", "0"))
EXAMPLES: Final = EXPLORED or 5
"""Requests for each operation that fit its description, and as many that do not."""
CHAINS: Final = EXPLORED or 3
"""From each of ``BEGINNINGS`` seeds."""
BEGINNINGS: Final = 4
STEPS: Final = 12
"""Requests of a chain."""

CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REFUSALS: Final = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""What may be said to what does not fit: schemathesis' own list, and that it is too large (which it forgot)."""
PATH_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(\.ics)?")

SETTINGS: Final = settings(
    max_examples=EXAMPLES,
    derandomize=not EXPLORED,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

document = json.loads((ROOT / "docs" / "openapi.json").read_text())
# Who asks is chosen here, so the document's security would only be in the way.
contract = schemathesis.openapi.from_dict(
    document,
    config=schemathesis.Config.from_dict(
        {
            "generation": {"with-security-parameters": False},
            "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        }
    ),
)
OPERATIONS: Final = [contract[path][method] for path, methods in document["paths"].items() for method in methods]


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who asks, and ids of things of theirs."""

    url: str
    people: dict[str, dict[str, str]]
    """Headers, by who it is."""
    ids: dict[str, list[str]]
    """By the parameter that takes them."""
    session: requests.Session

    def ask(self, case: Any, who: str, checks: list[Any]) -> None:
        """Send the request. Raises AssertionError with how to repeat it where the answer is not as described."""
        case.call_and_validate(
            base_url=self.url,
            session=self.session,
            headers=self.people[who],
            checks=checks,
            timeout=REQUEST_SECONDS,
        )


def _signed_in(phone: Phone) -> dict[str, str]:
    return {"Authorization": f"Bearer {phone.api._token}"}


@pytest.fixture(scope="module")
def visitors(stage: Stage) -> Iterator[Visitors]:
    client, reader, admin = stage.client(5_000), stage.reader(), stage.client()
    stage.admin("people", "make-admin", admin.id, "--reason", "e2e: contract", "--yes")
    topup = client.api.post("/v1/wallet/topups", {"amount": 500})
    refund = client.api.post("/v1/wallet/refunds", {"amount": 100})
    asked = client.ask(reader.id)
    client.do("cancel")
    booked = a_booking(client, reader)
    talk = client.api.post("/v1/conversations", {"reader": reader.id})["id"]
    client.api.post(f"/v1/conversations/{talk}/messages", {"text": "Are you there?"})
    reply = reader.api.post(f"/v1/conversations/{talk}/messages", {"text": "For you.", "price": 100})["id"]
    thread = client.api.post("/v1/threads", {"category": "general", "title": "A thread", "text": "to talk about"})
    client.api.post("/v1/reports", {"item": reader.id, "reason": "other"})
    case = admin.api.get("/v1/moderation?kind=person&limit=100")["items"][-1]
    wanted = {"name": "A guide", "description": "To read.", "kind": "digital", "price": 500}
    draft = reader.api.post("/v1/reader/products", wanted)["id"]
    calendar = client.api.post("/v1/me/calendar")["url"].rsplit("/", 1)[-1]
    with requests.Session() as session:
        yield Visitors(
            stage.stack.api_url,
            {
                "client": _signed_in(client),
                "reader": _signed_in(reader),
                "admin": _signed_in(admin),
                "nobody": {},
            },
            {
                "session_id": [asked["id"]],
                "topup_id": [topup["id"]],
                "refund_id": [refund["id"]],
                "booking_id": [booked],
                "conversation_id": [talk],
                "message_id": [reply],
                "case_id": [case["id"]],
                "feed_ics": [calendar],
                "product_id": [draft],
                "thread_id": [thread["id"]],
                "post_id": [thread["post"]],
                "slug": [reader.id],
                "file": ["page-js"],
            },
            session,
        )


def a_booking(client: Phone, reader: Phone) -> str:
    """The id of one that was called off: nothing is left in escrow."""
    reader.api.put("/v1/reader/availability", {"weekly": [{"day": "monday", "from": "00:00", "to": "24:00"}]})
    now = datetime.now(UTC)
    window = f"from={now:%Y-%m-%dT%H:%M:%SZ}&to={now + timedelta(days=8):%Y-%m-%dT%H:%M:%SZ}"
    path = f"/v1/readers/{reader.id}/slots?{window}&duration=15&modality=text"
    start = client.api.get(path)["slots"][-1]["start"]
    wish = {"reader": reader.id, "start": start, "duration_minutes": 15, "modality": "text"}
    booking: str = client.api.post("/v1/bookings", wish)["id"]
    client.api.post(f"/v1/bookings/{booking}/cancel")
    return booking


def named(operation: Any) -> str:
    return str(operation.definition.raw["operationId"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_answer_is_one_that_the_contract_tells(visitors: Visitors, operation: Any) -> None:
    ask_many(visitors, operation, GenerationMode.POSITIVE, CHECKS)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.query or each.body or each.headers], ids=named
)
def test_what_does_not_fit_the_contract_is_refused_as_it_tells(visitors: Visitors, operation: Any) -> None:
    ask_many(visitors, operation, GenerationMode.NEGATIVE, [*CHECKS, negative_data_rejection])


def ask_many(visitors: Visitors, operation: Any, mode: GenerationMode, checks: list[Any]) -> None:
    """Everybody sends such requests; some name things that are there, so that they come further than 404."""
    known = st.fixed_dictionaries(
        {},
        optional={name: st.sampled_from(ids) for name, ids in visitors.ids.items() if f"{{{name}}}" in operation.path},
    )

    @SETTINGS
    @given(case=operation.as_strategy(mode), who=st.sampled_from(sorted(visitors.people)), ids=known)
    def ask(case: Any, who: str, ids: dict[str, str]) -> None:
        case.path_parameters = dict(case.path_parameters or {}) | ids
        # What is no id never reaches a function of ours on AWS; test_requests has those that do.
        assume(all(PATH_VALUE.fullmatch(str(each)) for each in case.path_parameters.values()))
        visitors.ask(case, who, checks)

    ask()


ENOUGH: Final = 5_000
"""Cents that a chain begins with at least."""
MOVES: Final = (
    ("reader", "accept"),
    ("client", "join"),
    ("reader", "join"),
    ("client", "leave"),
    ("client", "reconnect"),
)


def a_reading(people: dict[str, Phone], moves: int) -> str:
    """The id of a fresh reading after so many of its usual moves. What was open ends first."""
    if people["client"].credit() < ENOUGH:  # a chain may have given it back
        people["client"].top_up(20_000)
        until("the credit of the top-up", lambda: people["client"].credit() >= ENOUGH, seconds=SOON)
    for left in people["client"].api.get("/v1/sessions?open=true")["items"]:
        people["client"].api.post(f"/v1/sessions/{left['id']}/end")
    people["reader"].api.put("/v1/reader/presence", {"status": "online"})
    session: str = people["client"].ask(people["reader"].id)["id"]
    for who, command in MOVES[:moves]:
        people[who].api.post(f"/v1/sessions/{session}/{command}")
    return session


def test_every_answer_in_a_chain_of_requests_is_one_that_the_contract_tells(stage: Stage) -> None:
    """The two people of a reading do one thing after another with it; each chain begins further on in a reading."""
    people = {"client": stage.client(20_000), "reader": stage.reader()}
    base: Any = contract.include(path_regex=r"/v1/(sessions|wallet|reader/presence)").as_state_machine()
    beginnings = itertools.cycle(range(len(MOVES) + 1))

    class Chain(base):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            self.turns = itertools.cycle(("client", "reader", "client"))
            self.session = a_reading(people, next(beginnings))

        def before_call(self, case: Any) -> None:
            if "session_id" in case.path_parameters:
                case.path_parameters["session_id"] = self.session
            if isinstance(case.body, dict) and "reader" in case.body:
                case.body["reader"] = people["reader"].id

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            needed = case.operation.definition.raw.get("security", [])
            who = "reader" if any(each.get("bearer") for each in needed) else next(self.turns)
            return {"base_url": stage.stack.api_url, "headers": _signed_in(people[who]), "timeout": REQUEST_SECONDS}

        def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
            try:
                case.validate_response(response, checks=CHECKS)
            except BaseException as wrong:
                found.append(str(wrong))
                raise

    found: list[str] = []
    for number in range(BEGINNINGS):
        # What is answered decides what may follow, so Hypothesis may find that a chain played again is another one.
        # What was wrong with an answer is kept here whatever it makes of that.
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(
                seed(number)(Chain), settings=settings(SETTINGS, max_examples=CHAINS, stateful_step_count=STEPS)
            )
    assert found == []
