"""Patterns: `/users/{id:int}` read into literals and parameters, and the types that a parameter can have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias, get_args
from uuid import UUID

from gnomon_router._errors import PatternError

Kind: TypeAlias = Literal["int", "uuid", "float", "str", "path"]
ParameterValue: TypeAlias = str | int | float | UUID

# The order is the precedence: what accepts less stands first. `int` and `uuid` have no text in common.
KINDS: tuple[Kind, ...] = get_args(Kind)
RANK: dict[Kind, int] = {kind: rank for rank, kind in enumerate(KINDS, start=1)}

MAX_LENGTH = 2_048
MAX_SEGMENTS = 128  # the search recurses once for each parameter
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NOT_IN_PATHS = re.compile(r"[?#{}\x00-\x20\x7f]")


class Parameter(NamedTuple):
    """A parameter of a pattern.

    >>> from gnomon_router import Router
    >>> router = Router[str]()
    >>> router.add("GET", "/users/{id:int}", "show").parameters
    (Parameter(name='id', kind='int'),)
    """

    name: str
    kind: Kind


def convert_int(text: str) -> int | None:
    """A signed 64-bit integer in its one canonical spelling, so that one resource has one path."""
    if len(text) > 20:
        return None
    try:
        value = int(text)
    except ValueError:
        return None
    # comparing the spelling refuses +1, 01, -0, 1_0, digits of other scripts and white space
    return value if -(2**63) <= value < 2**63 and str(value) == text else None


def convert_uuid(text: str) -> UUID | None:
    return UUID(text) if _UUID.fullmatch(text) else None


def convert_float(text: str) -> float | None:
    if len(text) > 64 or not _FLOAT.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


# `str` and `path` take the text as it is
CONVERTERS: dict[Kind, Callable[[str], ParameterValue | None]] = {
    "int": convert_int,
    "uuid": convert_uuid,
    "float": convert_float,
}


def parse(pattern: str) -> tuple[str | Parameter, ...]:
    """Split a pattern into segments; a trailing slash shows as a last, empty literal.

    Raises:
        PatternError: With the position of the first mistake.
    """
    if not isinstance(pattern, str):
        raise PatternError(pattern, 0, f"a pattern is a str, not of type {type(pattern).__qualname__}")
    if not pattern.startswith("/"):
        raise PatternError(pattern, 0, f"a pattern starts with a slash; write {'/' + pattern[:64]!r}")
    if len(pattern) > MAX_LENGTH:
        raise PatternError(pattern, MAX_LENGTH, f"a pattern has at most {MAX_LENGTH} characters")
    texts = pattern[1:].split("/")
    if len(texts) > MAX_SEGMENTS:
        raise PatternError(pattern, MAX_LENGTH, f"a pattern has at most {MAX_SEGMENTS} segments")
    segments: list[str | Parameter] = []
    seen: set[str] = set()
    position = 1
    for index, text in enumerate(texts):
        last = index == len(texts) - 1
        if "{" in text or "}" in text:
            parameter = _parameter(pattern, position, text)
            if parameter.name in seen:
                raise PatternError(
                    pattern, position, f"the name {parameter.name!r} stands here again; use another"
                )
            if parameter.kind == "path" and texts[index + 1 :] not in ([], [""]):
                raise PatternError(
                    pattern, position, "a path parameter takes all that follows; move it to the end"
                )
            seen.add(parameter.name)
            segments.append(parameter)
        else:
            _check_literal(pattern, position, text, last=last)
            segments.append(text)
        position += len(text) + 1
    return tuple(segments)


def _parameter(pattern: str, position: int, text: str) -> Parameter:
    if not (text.startswith("{") and text.endswith("}")) or text.count("{") + text.count("}") != 2:
        raise PatternError(
            pattern,
            position,
            f"a parameter fills a whole segment between two slashes, as in '/{{id}}/'; this segment is {text!r}",
        )
    name, colon, kind = text[1:-1].partition(":")
    if not _NAME.fullmatch(name):
        raise PatternError(
            pattern,
            position + 1,
            f"{name!r} is not a name; use ASCII letters, digits and underscores, as in {{user_id}}",
        )
    if not colon:
        return Parameter(name, "str")
    for known in KINDS:
        if kind == known:
            return Parameter(name, known)
    raise PatternError(
        pattern, position + 2 + len(name), f"unknown type {kind!r}; use one of {', '.join(KINDS)}"
    )


def _check_literal(pattern: str, position: int, text: str, *, last: bool) -> None:
    if not text and not last:
        raise PatternError(pattern, position, "an empty segment; write one slash instead of two")
    if text in (".", ".."):
        raise PatternError(
            pattern, position, f"clients resolve {text!r} before they send; write the path it means"
        )
    if wrong := _NOT_IN_PATHS.search(text):
        raise PatternError(
            pattern,
            position + wrong.start(),
            f"{wrong.group()!r} cannot stand in a path; write it percent-encoded, or leave the query out",
        )
