"""Who may come in: tokens of the issuer, RS256 and nothing else; and who is shut out."""

import time

import pytest

from infra.local.issuer import Issuer, new_key
from infra.local.phone import Api
from tests.e2e.stage import Stage, refusal

SUBJECT = "e2e|somebody"


def forged(stage: Stage) -> dict[str, str]:
    """Tokens that must not open anything, by what is wrong with them."""
    ours = stage.stack.issuer.issuer
    foreign = Issuer(ours.url, ours.audience, new_key())
    good = ours.mint(SUBJECT)
    header, claims, signature = good.split(".")
    other_claims = ours.mint("e2e|another").split(".")[1]
    return {
        "foreign key": foreign.mint(SUBJECT),
        "foreign key under our key's name": foreign.mint(SUBJECT, header={"kid": ours.kid}),
        "HS256 signed with the public key": ours.mint(SUBJECT, algorithm="HS256", key=ours.public_pem()),
        "HS256 signed with a guess": ours.mint(SUBJECT, algorithm="HS256", key="secret"),
        "none": ours.mint(SUBJECT, algorithm="none"),
        "another audience": ours.mint(SUBJECT, aud="https://api.elsewhere"),
        "no audience": ours.mint(SUBJECT, aud=None),
        "another issuer": ours.mint(SUBJECT, iss="https://elsewhere.test/"),
        "expired": ours.mint(SUBJECT, exp=int(time.time()) - 60),
        "never expires": ours.mint(SUBJECT, exp=None),
        "nobody's": ours.mint(SUBJECT, sub=None),
        "not yet valid": ours.mint(SUBJECT, nbf=int(time.time()) + 600),
        "no key's name": ours.mint(SUBJECT, header={"kid": None}),
        "changed claims": f"{header}.{other_claims}.{signature}",
        "cut off": f"{header}.{claims}",
        "no token at all": "nonsense",
    }


def test_a_token_that_is_not_ours_is_401_whatever_is_wrong_with_it(stage: Stage) -> None:
    answers = {}
    for wrong, token in forged(stage).items():
        answer = stage.api(token).send("GET", "/v1/me")
        answers[wrong] = refusal(answer)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answers.values()) == {(401, "unauthenticated")}, answers


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic dXNlcjpwYXNz", "Token x", "Bearer " + "x" * 9000])
def test_an_authorization_header_of_another_kind_is_401(stage: Stage, header: str) -> None:
    answer = stage.api().send("GET", "/v1/me", headers={"Authorization": header})
    assert refusal(answer) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/me"), ("GET", "/v1/wallet"), ("POST", "/v1/sessions"), ("GET", "/v1/sessions?open=true")],
)
def test_without_a_token_only_public_routes_answer(stage: Stage, method: str, path: str) -> None:
    assert refusal(stage.api().send(method, path, {} if method == "POST" else None)) == (401, "unauthenticated")


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/v1/meta/trust", "/v1/readers"])
def test_public_routes_need_no_token(stage: Stage, path: str) -> None:
    assert stage.api().send("GET", path).status == 200


def test_the_first_request_makes_a_client_whatever_role_the_token_claims(stage: Stage) -> None:
    token = stage.stack.token("e2e|ambitious", name="Ava", role="admin", roles=["admin"], scope="admin")
    me = stage.api(token).get("/v1/me")
    assert (me["role"], me["display_name"], me["status"]) == ("client", "Ava", "active")
    assert stage.api(token).get("/v1/me")["id"] == me["id"]


def test_what_belongs_to_readers_is_403_for_a_client(stage: Stage) -> None:
    client = stage.client()
    for method, path, body in (
        ("PUT", "/v1/reader/presence", {"status": "online"}),
        ("PUT", "/v1/reader/rates", {"voice": 100}),
        ("GET", "/v1/reader/profile", None),
        ("GET", "/v1/reader/earnings", None),
    ):
        assert refusal(client.api.send(method, path, body)) == (403, "forbidden"), path


def test_every_answer_carries_the_security_headers_and_a_request_id(stage: Stage) -> None:
    for answer in (stage.api().send("GET", "/health"), stage.api().send("GET", "/v1/me")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-request-id"]


def test_a_suspended_person_is_403_from_the_next_request_on_until_reinstated(stage: Stage) -> None:
    client = stage.client()
    assert client.me["status"] == "active"
    stage.admin("people", "suspend", client.id, "--reason", "e2e: told off", "--yes")
    for method, path in (("GET", "/v1/me"), ("GET", "/v1/wallet"), ("POST", "/v1/wallet/topups")):
        body = {"amount": 500} if method == "POST" else None
        assert refusal(client.api.send(method, path, body, key="suspended-1")) == (403, "account_suspended"), path
    stage.admin("people", "reinstate", client.id, "--reason", "e2e: said sorry", "--yes")
    assert client.api.get("/v1/me")["status"] == "active"


def test_an_unknown_key_name_does_not_lock_out_who_has_a_good_token(stage: Stage) -> None:
    good: Api = stage.api(stage.stack.token(SUBJECT))
    assert good.send("GET", "/v1/me").status == 200
    for number in range(5):
        stranger = stage.stack.issuer.issuer.mint(SUBJECT, header={"kid": f"invented-{number}"})
        assert refusal(stage.api(stranger).send("GET", "/v1/me")) == (401, "unauthenticated")
    assert good.send("GET", "/v1/me").status == 200
