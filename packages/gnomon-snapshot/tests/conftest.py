import os

import pytest
import trio.testing
from hypothesis import settings

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("slow", max_examples=2000, deadline=None)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE == "slow":
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="runs with HYPOTHESIS_PROFILE=slow"))


@pytest.fixture
def autojump_clock():
    return trio.testing.MockClock(autojump_threshold=0)
