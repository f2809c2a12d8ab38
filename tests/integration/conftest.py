import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from trio.testing import MockClock

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("slow", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)
