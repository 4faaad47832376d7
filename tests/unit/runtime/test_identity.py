"""Tokens: RS256 of the issuer's keys, and nothing else opens the door."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.kernel.errors import Unauthenticated, Unavailable
from chalicelib.runtime.identity import Claims, Keys, Verifier, bearer


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verify(issuer: Any, clock: Clock) -> Verifier:
    return Verifier(issuer.url, issuer.audience, Keys(issuer.jwks_url, clock))


def test_a_token_of_the_issuer_says_who_it_is(issuer: Any, verify: Verifier) -> None:
    assert verify(issuer.token()) == Claims("auth0|1", "ada@example.com", "Ada")


def test_email_and_name_are_optional_and_only_taken_as_text(issuer: Any, verify: Verifier) -> None:
    assert verify(issuer.token(email=7, name=["x"])) == Claims("auth0|1", None, None)


def test_an_address_is_none_unless_the_issuer_says_that_it_is_theirs(issuer: Any, verify: Verifier) -> None:
    for said in (False, None, "true", 1):
        assert verify(issuer.token(email="a@example.test", email_verified=said)).email is None
    assert verify(issuer.token(email="a@example.test", without="email_verified")).email is None
    assert verify(issuer.token(email="a@example.test", email_verified=True)).email == "a@example.test"
    assert verify(issuer.token(name="x" * 256)).name is None


@pytest.mark.parametrize("claim", ["exp", "iss", "aud", "sub"])
def test_a_token_that_lacks_a_claim_is_refused(issuer: Any, verify: Verifier, claim: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(issuer.token(without=claim))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.test"},
        {"iss": "https://elsewhere.test/"},
        {"exp": 1_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": ""},
        {"sub": "x" * 256},
    ],
)
def test_a_token_for_another_place_or_time_is_refused(issuer: Any, verify: Verifier, claims: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verify(issuer.token(**claims))


def test_an_audience_may_be_one_of_several(issuer: Any, verify: Verifier) -> None:
    assert verify(issuer.token(aud=[issuer.audience, f"{issuer.url}userinfo"])).subject == "auth0|1"


def test_the_public_key_used_as_a_shared_secret_signs_nothing(issuer: Any, verify: Verifier) -> None:
    public = issuer.keys["first"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head, body, _ = issuer.token().split(".")
    forged = jwt.api_jws.PyJWS().encode(
        json.dumps(jwt.decode(issuer.token(), options={"verify_signature": False})).encode(),
        "x" * 32,
        "HS256",
        {"kid": "first"},
    )
    import base64
    import hashlib
    import hmac

    signed = ".".join(forged.split(".")[:2])
    mac = base64.urlsafe_b64encode(hmac.new(pem, signed.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    for token in (f"{signed}.{mac}", f"{head}.{body}.", f"{head}.{body}.AAAA"):
        with pytest.raises(Unauthenticated):
            verify(token)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS384", "PS256"])
def test_another_algorithm_is_refused_before_the_keys_are_looked_at(
    issuer: Any, verify: Verifier, algorithm: str
) -> None:
    key = {"none": "", "HS256": "a secret that is long enough for it"}.get(algorithm, issuer.keys["first"])
    token = jwt.encode({"sub": "a"}, key, algorithm, headers={"kid": "first"})
    with pytest.raises(Unauthenticated):
        verify(token)
    assert issuer.asked == 0


def test_a_key_of_another_kind_under_a_known_name_is_refused(issuer: Any, verify: Verifier) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    listed = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(curve)) | {"kid": "first", "use": "sig"}
    issuer.broken = json.dumps({"keys": [listed]}).encode()
    with pytest.raises(Unauthenticated):
        verify(issuer.token())


def test_a_signature_of_another_key_is_refused(issuer: Any, verify: Verifier) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unauthenticated):
        verify(issuer.token(key=stranger))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "é.é.é", "e30.e30.e30", "bnVsbA.bnVsbA.AA", "W10.W10.AA"])
def test_what_is_no_token_is_refused(verify: Verifier, token: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(token)


@pytest.mark.parametrize("kid", [7, None, ["first"]])
def test_a_key_name_that_is_no_text_is_refused(issuer: Any, verify: Verifier, kid: Any) -> None:
    import base64

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    with pytest.raises(Unauthenticated):
        verify(f"{part({'alg': 'RS256', 'kid': kid})}.{part({'sub': 'a'})}.AAAA")
    assert issuer.asked == 0


def test_the_keys_are_kept_for_300_seconds(issuer: Any, verify: Verifier, clock: Clock) -> None:
    verify(issuer.token())
    clock.now += 299
    verify(issuer.token())
    assert issuer.asked == 1
    clock.now += 1
    verify(issuer.token())
    assert issuer.asked == 2


def test_a_new_key_is_found_once_30_seconds_have_passed(issuer: Any, verify: Verifier, clock: Clock) -> None:
    verify(issuer.token())
    issuer.new_key("second")
    with pytest.raises(Unauthenticated):
        verify(issuer.token("second"))
    clock.now += 30
    assert verify(issuer.token("second")).subject == "auth0|1"


def test_invented_key_names_ask_the_issuer_once_in_30_seconds(issuer: Any, verify: Verifier, clock: Clock) -> None:
    verify(issuer.token())
    clock.now += 30
    for number in range(20):
        with pytest.raises(Unauthenticated):
            verify(issuer.token(f"invented-{number}", key=issuer.keys["first"]))
    assert issuer.asked == 2


def test_a_key_that_the_issuer_withdrew_opens_nothing_after_the_next_fetch(
    issuer: Any, verify: Verifier, clock: Clock
) -> None:
    old = issuer.token()
    verify(old)
    del issuer.keys["first"]
    issuer.new_key("second")
    clock.now += 300
    with pytest.raises(Unauthenticated):
        verify(old)


@pytest.mark.parametrize(("broken", "status"), [(b"", 500), (b"not json", 200), (b"[]", 200), (b'{"keys": []}', 200)])
def test_while_the_issuer_is_broken_known_keys_serve_on_and_it_is_asked_once_in_10_seconds(
    issuer: Any, verify: Verifier, clock: Clock, broken: bytes, status: int
) -> None:
    verify(issuer.token())
    issuer.broken, issuer.status = broken, status
    clock.now += 300
    for _ in range(5):
        assert verify(issuer.token()).subject == "auth0|1"
    assert issuer.asked == 2
    clock.now += 10
    verify(issuer.token())
    assert issuer.asked == 3


def test_stale_keys_serve_for_a_day_and_no_longer(issuer: Any, verify: Verifier, clock: Clock) -> None:
    verify(issuer.token())
    issuer.status = 503
    clock.now += 24 * 60 * 60
    with pytest.raises(Unavailable):
        verify(issuer.token())


def test_without_any_keys_an_issuer_out_of_reach_is_503_not_401(issuer: Any, verify: Verifier, clock: Clock) -> None:
    issuer.status = 500
    for _ in range(3):
        with pytest.raises(Unavailable):
            verify(issuer.token())
    assert issuer.asked == 1
    issuer.status = 200
    clock.now += 10
    assert verify(issuer.token()).subject == "auth0|1"


def test_an_address_where_nobody_listens_is_503() -> None:
    verify = Verifier("x", "y", Keys("http://127.0.0.1:9/jwks"))
    token = jwt.encode(
        {"sub": "a"}, rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256", headers={"kid": "k"}
    )
    with pytest.raises(Unavailable):
        verify(token)


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", " BEARER   abc "])
def test_the_scheme_is_bearer_in_any_case(header: str) -> None:
    assert bearer(header) == "abc"


@pytest.mark.parametrize("header", ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer" + " x" * 5_000])
def test_another_scheme_or_no_token_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer(header)
