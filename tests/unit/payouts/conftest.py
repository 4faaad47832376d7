import pytest

from tests.support.payee import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
