"""What a part of a path may be, and where the caller found the API."""

import pytest
from chalice.app import Request as ChaliceRequest

from chalicelib.kernel.errors import NotFound
from chalicelib.runtime.endpoint import _base_url
from chalicelib.runtime.parsing import path_of


@pytest.mark.parametrize(("name", "value"), [("id", "ses_1"), ("id", "a" * 64), ("feed_ics", "s3cret_-.ics")])
def test_a_part_of_a_path_is_an_id_or_a_slug_with_the_suffix_that_its_name_tells(name: str, value: str) -> None:
    assert path_of({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "ses_1.ics"),
        ("id", "ses.1"),
        *(("feed_ics", each) for each in ("s3cret", ".ics", "sxics", "a.ics.ics", "a" * 65 + ".ics", "a.ics\n")),
    ],
)
def test_any_other_is_404(name: str, value: str) -> None:
    with pytest.raises(NotFound):
        path_of({name: value})


def sent(path: str, host: str = "abc.execute-api.us-east-1.amazonaws.com") -> ChaliceRequest:
    context = {"resourcePath": "/v1/things/{id}", "path": path, "apiId": "abc", "stage": "prod", "httpMethod": "GET"}
    return ChaliceRequest(
        {
            "requestContext": context,
            "headers": {"host": host},
            "pathParameters": {"id": "t_1"},
            "multiValueQueryStringParameters": None,
            "body": None,
            "stageVariables": None,
            "isBase64Encoded": False,
        }
    )


@pytest.mark.parametrize(
    ("known", "request_", "expected"),
    [
        (None, sent("/prod/v1/things/t_1"), "https://abc.execute-api.us-east-1.amazonaws.com/prod"),
        (None, sent("/v1/things/t_1", "api.soulseer.com"), "https://api.soulseer.com"),
        ("https://api.soulseer.com", sent("/prod/v1/things/t_1"), "https://api.soulseer.com"),
        ("http://127.0.0.1:1/{api}/{stage}/x", sent("/prod/v1/things/t_1"), "http://127.0.0.1:1/abc/prod/x"),
    ],
)
def test_the_api_is_where_the_caller_found_it_or_where_it_is_known_to_be(
    known: str | None, request_: ChaliceRequest, expected: str
) -> None:
    assert _base_url(known, request_, {"id": "t_1"}) == expected
