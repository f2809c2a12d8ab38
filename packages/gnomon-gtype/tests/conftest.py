"""Hypothesis profiles, and the marker `slow`."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, settings

from gnomon_gtype import GType, ValidationError

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes long unless the slow profile is on."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "slow":
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="runs in the slow profile only"))


class Rows:
    """Tries one row of a table: an annotation, a channel, an input, and what comes of it.

    The outcome is the validated value, or `Refused` with the codes of all problems in order. What JSON text is accepted
    must be valid against the emitted JSON Schema too, and what is accepted from Python must survive writing and reading.
    """

    def __call__(self, annotation: Any, channel: str, given: Any, outcome: Any) -> None:
        gtype: GType[Any] = GType(annotation)
        validate = gtype.validate if channel == "python" else gtype.validate_json
        if isinstance(outcome, Refused):
            with pytest.raises(ValidationError) as caught:
                validate(given)
            problems = caught.value.problems
            assert tuple(problem.code for problem in problems) == outcome.codes, problems
            assert all(problem.message and problem.expected for problem in problems)
            return
        result = validate(given)
        assert type(result) is type(outcome)
        assert result == outcome or (isinstance(outcome, float) and math.isnan(outcome))
        if channel == "json":
            assert jsonschema_rs.Draft202012Validator(gtype.json_schema()).is_valid(json.loads(given))
            assert gtype.validate_json(gtype.dump_json(result)) == result


class Refused:
    """The codes of the problems that a refused value has."""

    def __init__(self, *codes: str) -> None:
        self.codes = codes

    def __repr__(self) -> str:
        return f"refused:{','.join(self.codes)}"


@pytest.fixture
def rows() -> Rows:
    """Tries rows of tables."""
    return Rows()


def pytest_configure(config: pytest.Config) -> None:
    """Tables are module-level data, which fixtures come too late for."""
    pytest.Refused = Refused  # type: ignore[attr-defined]
