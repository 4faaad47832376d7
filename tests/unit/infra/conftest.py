"""What the packaging step makes, made once for all tests of this folder."""

import pytest

from scripts.package import STAGES
from tests.unit.infra.made import Package, load


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    """By stage, each made for itself."""
    return {stage: load(tmp_path_factory.mktemp(stage), stage) for stage in STAGES}


@pytest.fixture(scope="session")
def packaged(stages: dict[str, Package]) -> Package:
    return stages["dev"]
