"""Lax mode: the engine's own conversions, and its errors put into the words of this package."""

from __future__ import annotations

from pydantic_core import ValidationError as CoreValidationError

from gnomon_gtype._composites import Array, Opaque, Record, Refined
from gnomon_gtype._problems import HIDDEN, MAX_PROBLEMS, Code, Problem, shown
from gnomon_gtype._read_composites import step_of
from gnomon_gtype._schema import UNSET, Schema
from gnomon_gtype._sensitive import holds_sensitive

CODES: dict[str, Code] = {
    "missing": "missing",
    "extra_forbidden": "unknown_key",
    "invalid_key": "wrong_key",
    "greater_than": "too_small",
    "greater_than_equal": "too_small",
    "less_than": "too_large",
    "less_than_equal": "too_large",
    "multiple_of": "not_multiple",
    "finite_number": "not_finite",
    "too_short": "too_short",
    "too_long": "too_long",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "bytes_too_short": "too_short",
    "bytes_too_long": "too_long",
    "string_pattern_mismatch": "pattern",
    "string_unicode": "not_unicode",
    "literal_error": "not_one_of",
    "enum": "not_one_of",
    "recursion_loop": "too_deep",
    "set_item_not_hashable": "unhashable",
    "timezone_naive": "timezone",
    "timezone_aware": "timezone",
    "union_tag_invalid": "unknown_tag",
    "union_tag_not_found": "missing",
    "value_error": "refused",
    "assertion_error": "refused",
}


def problems_of(error: Exception, tree: Schema) -> tuple[Problem, ...]:
    """The problems that an error of the engine stands for."""
    if not isinstance(error, CoreValidationError):
        return (Problem((), "too_deep", "The value is nested too deeply.", "a value with fewer levels", ""),)
    hide = holds_sensitive(tree, {})
    names = _field_names(tree) if hide else frozenset()
    problems = []
    for line in error.errors(include_url=False, include_context=False)[:MAX_PROBLEMS]:
        code = CODES.get(line["type"]) or ("wrong_type" if line["type"].endswith("_type") else "invalid")
        message = line["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        message = (
            message.replace("Input should be", "Expected") if not hide else "The value is not of the type."
        )
        path = tuple(step_of(part) for part in line["loc"])
        if hide:
            path = tuple(part if part in names else HIDDEN for part in path)
        actual = HIDDEN if hide else shown(line["input"])
        problems.append(
            Problem(path, code, message.rstrip(".") + ".", message.removeprefix("Expected "), actual)
        )
    return tuple(problems)


def runs_code(tree: Schema) -> bool:
    """Whether reading a value runs code of the application: a check, a class, a factory, a schema of another library."""
    return any(
        isinstance(node, (Refined, Opaque))
        or (isinstance(node, (Array, Record)) and node.cls is not None)
        or (isinstance(node, Record) and any(item.default_factory is not UNSET for item in node.fields))
        for _, node in tree.walk()
    )


def unreadable(tree: Schema, value: object, error: Exception) -> Problem:
    """The problem of a value whose own methods raise."""
    message = f"The value raises {type(error).__name__} when it is read."
    actual = HIDDEN if holds_sensitive(tree, {}) else shown(value)
    return Problem((), "invalid", message, "a value that can be read", actual)


def _field_names(tree: Schema) -> frozenset[str | int]:
    """The steps of a path that the type itself names, which give nothing of a value away."""
    records = (node for _, node in tree.walk() if isinstance(node, Record))
    return frozenset(item.name for node in records for item in node.fields)
