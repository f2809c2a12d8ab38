import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A run that CI repeats finds the same; a noisy machine is no finding.
EVERYWHERE: dict[str, Any] = {
    "deadline": None,
    "derandomize": "CI" in os.environ,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("default", max_examples=100, stateful_step_count=25, **EVERYWHERE)
settings.register_profile("quick", max_examples=20, stateful_step_count=25, **EVERYWHERE)
settings.register_profile("slow", max_examples=2000, **EVERYWHERE)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE == "slow":
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=slow"))
