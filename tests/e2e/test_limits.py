"""Limits as the deployed function keeps them. The suite runs without: its people come from one address, in a crowd."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from infra.local.phone import Answer, Phone
from tests.e2e.stage import Stage, refusal

_NOTHING = "/v1/sessions/ses_00000000000000000000000000/report"


@contextmanager
def limited(stage: Stage) -> Iterator[None]:
    """The API with its limits, as it is deployed elsewhere."""
    functions, name = stage.stack.aws("lambda"), "soulseer-dev-api"
    environment = stage.stack.function_environment()
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": environment | {"RATE_LIMITS": "on"}}
    )
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": environment})


def first_request(stage: Stage, address: str, subject: str) -> Answer:
    """Of somebody, from an address: the local gateway takes this header for it, AWS's never does."""
    token = stage.stack.token(subject, name="Nora")
    return stage.api(token).send("GET", "/v1/me", headers={"X-Forwarded-For": address})


def told(answer: Answer) -> tuple[str, str, str | None]:
    headers = answer.headers
    return headers["ratelimit-policy"], headers["ratelimit"].partition(";t=")[0], headers.get("retry-after")


def test_what_comes_too_often_is_refused_and_told_when_to_come_back(stage: Stage, quiet: None) -> None:
    client, other = stage.client(), stage.client()
    with limited(stage):
        assert client.api.send("GET", "/health").status == 200  # it starts anew; the clock of a bucket does not wait
        _reports(client, other)
        _public(stage)
        _newcomers(stage)
        _uncounted(client)


def _reports(client: Phone, other: Phone) -> None:
    answer = _report(client)
    assert (answer.status, told(answer)) == (422, ('"reports";q=5;w=60', '"reports";r=4', None))
    taken = next(number for number in range(1, 20) if (answer := _report(client)).status == 429)
    assert taken >= 5  # more where a busy machine took so long that one came back
    assert refusal(answer) == (429, "rate_limited")
    assert told(answer)[:2] == ('"reports";q=5;w=60', '"reports";r=0')
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert _report(other).status == 422


def _report(phone: Phone) -> Answer:
    return phone.api.send("POST", _NOTHING, {}, key=str(uuid4()))


def _public(stage: Stage) -> None:
    answer = stage.api().send("GET", "/v1/readers", headers={"X-Forwarded-For": "2001:db8:1:1::1"})
    assert (answer.status, told(answer)) == (200, ('"reading";q=600;w=60', '"reading";r=599', None))
    answer = stage.api().send("GET", "/v1/readers", headers={"X-Forwarded-For": "2001:db8:1:1::2"})
    assert told(answer)[1] in ('"reading";r=598', '"reading";r=599')


def _newcomers(stage: Stage) -> None:
    address, run = "198.51.100.7", uuid4().hex
    assert [first_request(stage, address, f"e2e|{run}{number}").status for number in range(5)] == [200] * 5
    answer = first_request(stage, address, f"e2e|{run}5")
    assert refusal(answer) == (429, "rate_limited")
    assert told(answer)[:2] == ('"newcomers";q=5;w=300', '"newcomers";r=0')
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert first_request(stage, address, f"e2e|{run}4").status == 200
    assert first_request(stage, "198.51.100.8", f"e2e|{run}5").status == 200


def _uncounted(client: Phone) -> None:
    for answer in (client.api.send("GET", "/v1/wallet"), client.api.send("GET", "/health")):
        assert answer.status == 200
        assert "ratelimit" not in answer.headers
