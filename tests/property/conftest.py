"""The same histories on every run. ``SOUL_PROPERTY=explore`` makes up new ones, as many times over as it pleases."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.property.books", "tests.property.history")

_QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("same", derandomize=True, database=None, **_QUIET)  # type: ignore[arg-type]
settings.register_profile("explore", **_QUIET)  # type: ignore[arg-type]
settings.load_profile("explore" if os.environ.get("SOUL_PROPERTY") == "explore" else "same")
