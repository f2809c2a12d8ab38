import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from trio.testing import MockClock

# A run that CI repeats finds the same; a noisy machine is no finding.
EVERYWHERE: dict[str, Any] = {
    "deadline": None,
    "derandomize": "CI" in os.environ,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("default", max_examples=100, **EVERYWHERE)
settings.register_profile("quick", max_examples=20, **EVERYWHERE)
settings.register_profile("slow", max_examples=2000, **EVERYWHERE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)
