"""What a client sees of a handler: one operation per method, with every answer that it can give."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ._bodies import is_raw
from ._manifest import Manifest
from ._model import Handler

__all__ = ["Operation", "accepted", "call_names", "errors_of", "operations"]

# a media range (RFC 9110, section 12.5.1)
_MEDIA: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+", re.ASCII)
# what a value of another form does not match, so that there is nothing at the path
_TYPED_PLACE: Final = re.compile(r":(?:int|float|uuid)\}")
_PARAMETER: Final = re.compile(r"\{([^{}:]*)(?::[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path.

    Args:
        name: unique name; the id of the handler, with the method where it has several.
        method: in upper case.
        path: with `{name}` for each parameter.
        handler: what answers.
        errors: by status, the problem codes that the source names; empty where it names none.
    """

    name: str
    method: str
    path: str
    handler: Handler
    errors: dict[int, tuple[str, ...]]


def call_names(operation: Operation, taken: int) -> list[str]:
    """Names for the call of an operation, the shortest first, and enough that one is free.

    Args:
        operation: what is called.
        taken: how many names are taken already.
    """
    handler = operation.handler
    suffix = "" if len(handler.methods) == 1 else f"_{operation.method.lower()}"
    parts = handler.id.split(".")
    names = ["_".join(parts[-count:]) + suffix for count in range(1, len(parts) + 1)]
    return names + [f"{names[-1]}_{number}" for number in range(2, taken + 3)]


def errors_of(handler: Handler) -> dict[int, tuple[str, ...]]:
    """Every error that a route can answer with as problem details: those that the code names, and the runtime's."""
    # whatever a route does, it can fail, and the server can shut down while it is at it
    found: dict[int, set[str]] = {500: {"internal_error"}, 503: {"shutting_down"}}
    types, policies = handler.types, handler.policies
    typed = types.body is not None and not is_raw(types)
    if typed or types.query or types.headers or types.params:
        found[400] = {"invalid_request"}
    if types.body is not None:
        found[413] = {"body_too_large"}
    if typed:
        found[415] = {"unsupported_media_type"}
    if _TYPED_PLACE.search(handler.path or ""):
        found[404] = {"route_not_found"}
    if policies.roles:
        found |= {401: set(), 403: set()}
    if policies.rate_limit:
        found[429] = set()
    if policies.timeout is not None and policies.timeout < math.inf:
        found[504] = {"deadline_exceeded"}
    for problem in handler.problems:
        codes = found.setdefault(problem.status, set())
        if problem.code is not None:
            codes.add(problem.code)
    return {status: tuple(sorted(codes)) for status, codes in sorted(found.items())}


def accepted(operation: Operation) -> str:
    """What a call asks for: the media types of its answers, and those of problems."""
    given = operation.handler.types.media
    media = {name for status, names in given.items() if status < 400 for name in names}
    wanted = [name for name in sorted(media) if _MEDIA.fullmatch(name)] or ["application/json"]
    return ", ".join(dict.fromkeys([*wanted, "application/problem+json"]))


def operations(manifest: Manifest) -> Iterator[Operation]:
    """Every operation that HTTP clients can call, sorted by path and method."""
    found: list[Operation] = []
    for handler in manifest.handlers:
        if handler.path is None or handler.websocket:
            continue
        for method in handler.methods:
            name = handler.id if len(handler.methods) == 1 else f"{handler.id}.{method.lower()}"
            path = _PARAMETER.sub(r"{\1}", handler.path)
            found.append(Operation(name, method, path, handler, errors_of(handler)))
    yield from sorted(found, key=lambda item: (item.path, item.method, item.name))
