"""That a stack that is served as it is keeps its limits. The other stacks run without: their people come in a crowd."""

from typing import Any, Final
from uuid import uuid4

import requests

from infra.local.phone import Answer, Api
from tests.e2e.stage import SOON, refusal

_REPORT: Final = "/v1/sessions/ses_00000000000000000000000000/report"


def assert_limits_are_kept(served: dict[str, Any]) -> None:
    """By the addresses and tokens of ``stack.json``."""
    client, reader = (Api(served["api_url"], served["tokens"][name]) for name in ("client", "reader"))
    answer = _report(client)
    assert (answer.status, _told(answer)) == (422, ('"reports";q=5;w=60', '"reports";r=4'))
    taken = next(number for number in range(1, 20) if (answer := _report(client)).status == 429)
    assert taken >= 5  # more where a busy machine took so long that one came back
    assert refusal(answer) == (429, "rate_limited")
    assert _told(answer) == ('"reports";q=5;w=60', '"reports";r=0')
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert _report(reader).status == 422
    for answer in (client.send("GET", "/v1/wallet"), client.send("GET", "/health")):
        assert (answer.status, "ratelimit" in answer.headers) == (200, False)
    _public(Api(served["api_url"]))
    _newcomers(served)


def _public(api: Api) -> None:
    """By address, which the local gateway takes from this header; AWS's never does."""
    for host, left in (("1::1", 599), ("1::2", 598), ("2::1", 599)):
        answer = api.send("GET", "/v1/readers", headers={"X-Forwarded-For": f"2001:db8:1:{host}"})
        assert answer.status == 200
        assert _told(answer)[0] == '"reading";q=600;w=60'
        assert _told(answer)[1] in (f'"reading";r={left}', '"reading";r=599')


def _newcomers(served: dict[str, Any]) -> None:
    run = uuid4().hex
    assert [_first(served, f"{run}{number}").status for number in range(5)] == [200] * 5
    answer = _first(served, f"{run}5")
    assert refusal(answer) == (429, "rate_limited")
    assert _told(answer) == ('"newcomers";q=5;w=300', '"newcomers";r=0')
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert _first(served, f"{run}4").status == 200
    assert _first(served, f"{run}5", "198.51.100.8").status == 200


def _first(served: dict[str, Any], subject: str, address: str = "127.0.0.1") -> Answer:
    """The first request of somebody."""
    told = requests.post(f"{served['issuer_url']}/token", json={"sub": f"limits|{subject}"}, timeout=SOON).json()
    return Api(served["api_url"], told["access_token"]).send("GET", "/v1/me", headers={"X-Forwarded-For": address})


def _report(api: Api) -> Answer:
    return api.send("POST", _REPORT, {}, key=uuid4().hex)


def _told(answer: Answer) -> tuple[str, str]:
    return answer.headers["ratelimit-policy"], answer.headers["ratelimit"].partition(";t=")[0]
