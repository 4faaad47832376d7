"""The local issuer signs what a verifier of Auth0's tokens accepts, and can mint what one must refuse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from infra.local.issuer import Issuer, IssuerServer, new_key

AUDIENCE = "https://api.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IssuerServer]:
    running = IssuerServer(tmp_path_factory.mktemp("issuer"), audience=AUDIENCE)
    running.start()
    yield running
    running.stop()


def post_token(server: IssuerServer, body: Any) -> dict[str, Any]:
    response = requests.post(f"{server.url}/token", json=body, timeout=60)
    response.raise_for_status()
    answer: dict[str, Any] = response.json()
    return answer


def verified(server: IssuerServer, token: str) -> dict[str, Any]:
    keys = jwt.PyJWKClient(f"{server.url}/.well-known/jwks.json", timeout=60)
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=server.issuer.iss)


def test_a_token_is_verified_by_the_keys_at_the_jwks_address(server: IssuerServer) -> None:
    answer = post_token(server, {"sub": "local|ada", "email": "ada@example.test", "name": "Ada"})

    claims = verified(server, answer["access_token"])

    assert (claims["sub"], claims["email"], claims["name"]) == ("local|ada", "ada@example.test", "Ada")
    assert claims["iss"] == f"{server.url}/"
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 86_400
    assert answer["token_type"] == "Bearer"


def test_the_configuration_names_the_issuer_and_its_keys(server: IssuerServer) -> None:
    configuration = requests.get(f"{server.url}/.well-known/openid-configuration", timeout=60).json()

    assert configuration["issuer"] == f"{server.url}/"
    assert configuration["jwks_uri"] == f"{server.url}/.well-known/jwks.json"


@pytest.mark.parametrize("body", [{}, [], {"sub": ""}, {"sub": 7}, {"sub": "a" * 201}, {"sub": "a", "email": ["b"]}])
def test_a_token_needs_a_subject_and_plain_claims(server: IssuerServer, body: object) -> None:
    with pytest.raises(requests.HTTPError) as refused:
        post_token(server, body)

    assert "400" in str(refused.value)


def test_tokens_survive_a_restart(tmp_path: Path) -> None:
    before = IssuerServer(tmp_path, audience=AUDIENCE)
    token = before.issuer.mint("local|ada")
    before.stop()

    after = IssuerServer(tmp_path, port=before.port, audience=AUDIENCE)
    after.start()
    try:
        assert verified(after, token)["sub"] == "local|ada"
    finally:
        after.stop()


def test_a_taken_port_is_replaced_by_a_free_one(server: IssuerServer, tmp_path: Path) -> None:
    other = IssuerServer(tmp_path, port=server.port)
    other.stop()

    assert other.port != server.port


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    IssuerServer(tmp_path).stop()

    assert (tmp_path / "issuer.pem").stat().st_mode & 0o077 == 0


def test_what_a_verifier_must_refuse_can_be_minted(server: IssuerServer) -> None:
    mint = server.issuer.mint
    forged = [
        mint("eve", exp=1),
        mint("eve", aud="https://other.test"),
        mint("eve", aud=None),
        mint("eve", iss="https://other.test/"),
        mint("eve", key=new_key()),
        mint("eve", header={"kid": "unknown"}),
        mint("eve", algorithm="HS256", key=server.issuer.public_pem()),
        mint("eve", algorithm="none"),
        mint("eve", iat=2**33, nbf=2**33),
    ]

    for token in forged:
        with pytest.raises(jwt.PyJWTError):
            verified(server, token)


def test_the_same_key_has_the_same_id() -> None:
    key = new_key()

    assert Issuer("http://a", key=key).kid == Issuer("http://b", key=key).kid


def test_the_link_to_the_page_carries_the_tokens_where_no_server_sees_them(server: IssuerServer) -> None:
    assert requests.get(f"{server.url}/docs", timeout=60).status_code == 404
    link = server.leads_to("http://api.test/dev/docs", {"client": "a.b-c_d", "reader": "e.f"})

    answer = requests.get(link, timeout=60, allow_redirects=False)

    assert answer.status_code == 302
    assert answer.headers["location"] == "http://api.test/dev/docs#client=a.b-c_d&reader=e.f"
    assert answer.headers["cache-control"] == "no-store"
