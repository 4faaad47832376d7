"""What the packaging step makes, made once for all tests of this folder."""

import pytest

from tests.unit.infra.made import Package, load


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return load(tmp_path_factory.mktemp("package"), "dev")
