"""Which version of `api` answers, where AWS does not say."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.deployment.stack import Stack
from scripts.deployment.versions import tidy

NO_SESSION: Any = None


class Functions(Stack):
    """Lambda with seven versions of `api`, that refuses to name the one that answers."""

    def __init__(self, code: str) -> None:
        super().__init__("soulseer-dev", "packages", NO_SESSION)
        self.code = code
        self.gone: list[str] = []

    def client(self, service: str) -> Any:
        del service
        return self

    def get_paginator(self, name: str) -> Any:
        del name
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return [{"Versions": [{"Version": f"{number}"} for number in range(1, 8)]}]

    def get_alias(self, **_: object) -> None:
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetAlias")

    def delete_function(self, *, FunctionName: str, Qualifier: str) -> None:  # noqa: N803 - as boto3 calls it
        del FunctionName
        self.gone.append(Qualifier)


def test_a_version_that_may_not_be_asked_for_is_not_taken_for_none() -> None:
    stack = Functions("AccessDeniedException")
    with pytest.raises(ClientError):
        tidy(stack)
    assert stack.gone == []


def test_where_no_version_answers_yet_the_oldest_go() -> None:
    stack = Functions("ResourceNotFoundException")
    tidy(stack)
    assert stack.gone == ["1", "2"]
