"""The clients of AWS are bounded and made once."""

from collections.abc import Iterator

import pytest

from chalicelib.runtime import aws


@pytest.fixture(autouse=True)
def somewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    aws.client.cache_clear()
    yield
    aws.client.cache_clear()


def test_a_client_gives_up_in_time_for_an_answer_of_ours() -> None:
    config = aws.client("dynamodb").meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 3)


def test_a_service_has_one_client() -> None:
    assert aws.client("dynamodb") is aws.client("dynamodb")
    assert aws.client("dynamodb") is not aws.client("stepfunctions")
