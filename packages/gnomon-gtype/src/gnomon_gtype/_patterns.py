"""Regular expressions of the engine's own dialect: linear time, no look-around, no back-references."""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError as CoreSchemaError
from pydantic_core import SchemaValidator, ValidationError, core_schema

from gnomon_gtype._errors import SchemaError


@lru_cache(maxsize=4096)
def _searcher(pattern: str) -> SchemaValidator:
    try:
        return SchemaValidator(
            core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
        )
    except CoreSchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip().removeprefix("SchemaError: ")
        reason = reason.removeprefix("error: ")
        message = f"the pattern {pattern[:200]!r} does not compile: {reason} (the dialect is that of the Rust regex crate)"
        raise SchemaError(message) from None


def check_pattern(pattern: object) -> None:
    """Raise `SchemaError` unless `pattern` is text that the engine can compile."""
    if not isinstance(pattern, str):
        raise SchemaError(f"a pattern is a str, not {pattern!r}")
    try:
        pattern.encode()
    except UnicodeEncodeError:
        raise SchemaError(f"the pattern {pattern!r} contains a lone surrogate, which no text does") from None
    _searcher(pattern)


def found_in(pattern: str, text: str) -> bool:
    """Whether `pattern` matches anywhere in `text`, exactly as the compiled validators decide it."""
    try:
        _searcher(pattern).validate_python(text)
    except ValidationError:
        return False
    return True
