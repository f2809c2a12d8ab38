"""The errors that building a type can raise; what validation raises is in `_problems`."""

from __future__ import annotations


class GTypeError(Exception):
    """Root of every error of this package."""

    code: str = "gtype_error"


class SchemaError(GTypeError, ValueError):
    """A schema node was given arguments that have no meaning, such as a negative length or a pattern that does not compile."""

    code = "schema_invalid"


class UnsupportedAnnotation(GTypeError, TypeError):
    """An annotation cannot be served.

    Args:
        path: where it stands, such as `Order.lines[].price`.
        reason: what is wrong with it, and what to write instead.
    """

    code = "annotation_unsupported"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class UnsupportedSchema(GTypeError, ValueError):
    """A JSON Schema uses a keyword that cannot be honoured exactly.

    Args:
        keyword: the keyword, such as `unevaluatedProperties`.
        pointer: where it stands (RFC 6901), such as `/properties/user`.
        reason: why, and what to write instead; empty when the keyword says it all.
    """

    code = "schema_unsupported"

    def __init__(self, keyword: str, pointer: str, reason: str = "") -> None:
        super().__init__(keyword, pointer, reason)
        self.keyword = keyword
        self.pointer = pointer
        self.reason = reason

    def __str__(self) -> str:
        tail = f": {self.reason}" if self.reason else ""
        return f"{self.keyword!r} at {self.pointer or 'the root'} cannot be honoured exactly{tail}"
