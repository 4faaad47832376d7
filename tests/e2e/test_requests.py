"""What a request may look like: bodies, ids, queries, idempotency keys, pages."""

import csv
import io
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.phone import Answer, Json, Phone
from infra.local.waiting import until
from tests.e2e.stage import SOON, Stage, refusal


@pytest.fixture(scope="module")
def somebody(stage: Stage) -> Phone:
    """A client without money, for what is refused anyway."""
    return stage.client()


def topup(phone: Phone, content: bytes | None = None, body: object = None, **more: object) -> Answer:
    key = more.pop("key", str(uuid.uuid4()))
    assert key is None or isinstance(key, str)
    headers = more.pop("headers", {})
    assert isinstance(headers, dict)
    return phone.api.send("POST", "/v1/wallet/topups", body, key=key, content=content, headers=headers)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"amount=500",
        b'{"amount": 500,}',
        b'{"amount": 500, "amount": 900}',
        b'{"amount": NaN}',
        b'{"amount": 99999999999999999999}',
        b"\xff\xfe",
        b"[" * 20_000,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_body_that_is_not_json_everybody_reads_alike_is_400(somebody: Phone, content: bytes) -> None:
    assert refusal(topup(somebody, content)) == (400, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        [],
        "500",
        500,
        None,
        {},
        {"amount": "500"},
        {"amount": 500.5},
        {"amount": True},
        {"amount": None},
        {"amount": 499},
        {"amount": 50_001},
        {"amount": -500},
        {"amount": 1e300},
        {"amount": 500, "currency": "eur"},
        {"amount": 500, "user": "usr_00000000000000000000000000"},
    ],
    ids=str,
)
def test_a_body_that_does_not_fit_its_schema_is_422(somebody: Phone, body: object) -> None:
    content = b"null" if body is None else None
    assert refusal(topup(somebody, content, body)) == (422, "invalid")


def test_an_unknown_field_is_named_and_its_value_is_not_repeated(somebody: Phone) -> None:
    answer = topup(somebody, body={"amount": 500, "coupon": "s3cret-value"})
    assert answer.json["errors"][0]["field"] == "coupon"
    assert "s3cret-value" not in answer.text


def test_a_body_of_another_type_is_400(somebody: Phone) -> None:
    answer = topup(somebody, b'{"amount": 500}', headers={"Content-Type": "text/plain"})
    assert refusal(answer) == (400, "malformed")


def test_a_body_of_more_than_64_kib_is_413_on_any_route(somebody: Phone) -> None:
    large = b'{"amount": 500, "x": "' + b"x" * 66_000 + b'"}'
    assert refusal(topup(somebody, large)) == (413, "too_large")
    answer = somebody.api.send("POST", "/v1/sessions/ses_00000000000000000000000000/end", content=large)
    assert refusal(answer) == (413, "too_large")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=ten", "limit=5&limit=6", "cursor=forged", "page=2", "account=earnings"],
)
def test_a_query_that_does_not_fit_is_422(somebody: Phone, query: str) -> None:
    assert refusal(somebody.api.send("GET", f"/v1/wallet/entries?{query}")) == (422, "invalid")


@pytest.mark.parametrize("name", ["x" * 65, "ses%20x", "ses.x", "ses~1", "%24%7B7*7%7D", "ses_%C3%A9"])
def test_an_id_that_nothing_of_ours_could_have_is_404(somebody: Phone, name: str) -> None:
    assert refusal(somebody.api.send("GET", f"/v1/sessions/{name}")) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sessions/ses_00000000000000000000000000",
        "/v1/sessions/ses_00000000000000000000000000/receipt",
        "/v1/wallet/topups/top_00000000000000000000000000",
        "/v1/readers/nobody-of-this-name",
    ],
)
def test_an_id_that_is_not_there_is_404(somebody: Phone, path: str) -> None:
    assert refusal(somebody.api.send("GET", path)) == (404, "not_found")


def test_a_path_does_not_take_a_method_that_it_does_not_have(somebody: Phone) -> None:
    assert somebody.api.send("DELETE", "/v1/wallet").status in (403, 405)  # API Gateway answers first


# --- idempotency keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "two words", "k" * 256, "é"])
def test_what_costs_money_needs_an_idempotency_key(somebody: Phone, key: str | None) -> None:
    if key == "é":  # a header is bytes on the wire
        answer = topup(
            somebody, body={"amount": 500}, key=None, headers={"Idempotency-Key": "é".encode().decode("latin-1")}
        )
    else:
        answer = topup(somebody, body={"amount": 500}, key=key)
    assert refusal(answer) == (400, "idempotency_key_required")


def test_the_same_key_and_body_replays_the_first_answer(somebody: Phone) -> None:
    key = str(uuid.uuid4())
    first = topup(somebody, body={"amount": 700}, key=key)
    again = topup(somebody, b'{ "amount" :700 }', key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_with_another_body_is_422(somebody: Phone) -> None:
    key = str(uuid.uuid4())
    assert topup(somebody, body={"amount": 700}, key=key).status == 201
    assert refusal(topup(somebody, body={"amount": 800}, key=key)) == (422, "idempotency_mismatch")


def test_a_key_belongs_to_one_person(stage: Stage, somebody: Phone) -> None:
    key = str(uuid.uuid4())
    mine = topup(somebody, body={"amount": 700}, key=key).json
    theirs = topup(stage.client(), body={"amount": 700}, key=key).json
    assert mine["id"] != theirs["id"]


def test_a_refusal_is_not_kept_under_its_key(stage: Stage) -> None:
    reader, key = stage.reader(), str(uuid.uuid4())
    poor = stage.client()
    wanted = {"reader": reader.id, "modality": "text"}
    assert refusal(poor.api.send("POST", "/v1/sessions", wanted, key=key)) == (402, "insufficient_funds")
    poor.top_up(500)
    _credited(poor, 500)
    created = poor.api.call("POST", "/v1/sessions", wanted, key=key)
    assert created["state"] == "created"
    poor.api.post(f"/v1/sessions/{created['id']}/cancel")


def test_many_at_once_under_one_key_make_one_thing(somebody: Phone) -> None:
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: topup(somebody, body={"amount": 900}, key=key), range(4)))
    made = {answer.json["id"] for answer in answers if answer.status == 201}
    others = {(answer.status, answer.code) for answer in answers if answer.status != 201}
    assert len(made) == 1
    assert others <= {(409, "idempotency_in_progress")}


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saver(stage: Stage) -> Phone:
    """Somebody with five top-ups."""
    phone = stage.client(500)
    for number in range(2, 6):
        phone.top_up(500)
        _credited(phone, 500 * number)
    return phone


def _credited(phone: Phone, cents: int) -> None:
    until(f"{cents} cents of credit", lambda: phone.credit() == cents, seconds=SOON)


def _pages(phone: Phone, limit: int) -> list[list[Json]]:
    pages, cursor = [], ""
    for _ in range(20):
        page = phone.api.get(f"/v1/wallet/entries?limit={limit}{cursor}")
        pages.append(page["items"])
        if page["next_cursor"] is None:
            return pages
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("the pages do not end")


def test_pages_of_a_statement_join_without_a_gap_and_without_a_repeat(saver: Phone) -> None:
    whole = saver.api.get("/v1/wallet/entries")["items"]
    pages = _pages(saver, 2)
    assert [len(page) for page in pages] in ([2, 2, 1], [2, 2, 1, 0])
    assert [entry for page in pages for entry in page] == whole


def test_a_statement_is_newest_first_with_running_balances(saver: Phone) -> None:
    entries = saver.api.get("/v1/wallet/entries")["items"]
    assert [entry["balance"]["amount"] for entry in entries] == [2500, 2000, 1500, 1000, 500]
    assert {entry["kind"] for entry in entries} == {"topup"}
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)


def test_a_cursor_of_somebody_elses_statement_is_422(stage: Stage, saver: Phone) -> None:
    cursor = saver.api.get("/v1/wallet/entries?limit=2")["next_cursor"]
    answer = stage.client().api.send("GET", f"/v1/wallet/entries?limit=2&cursor={cursor}")
    assert refusal(answer) == (422, "invalid")


def test_a_statement_as_csv_says_the_same(saver: Phone) -> None:
    entries = saver.api.get("/v1/wallet/entries")["items"]
    answer = saver.api.send("GET", "/v1/wallet/entries", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["id"], int(row["amount"]), int(row["balance"])) for row in rows] == [
        (entry["id"], entry["amount"]["amount"], entry["balance"]["amount"]) for entry in entries
    ]


def test_somebody_without_coins_has_an_empty_statement_of_them(saver: Phone) -> None:
    assert saver.api.get("/v1/wallet/entries?account=coins") == {"items": [], "next_cursor": None}
