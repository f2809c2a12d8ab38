"""A slow router that is easy to believe, and Hypothesis strategies for patterns and paths.

Needs `hypothesis` (`pip install gnomon-router[testing]`).
"""

from __future__ import annotations

import re
from typing import Generic, TypeVar
from uuid import UUID

from hypothesis import strategies as st

from gnomon_router import Match, MethodNotAllowed, ParameterValue, RouteConflict, RouteNotFound

__all__ = ["ReferenceRouter", "methods", "paths", "patterns"]

E = TypeVar("E")

_ORDER = ("int", "uuid", "float", "str", "path")
_SEGMENT = re.compile(r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}")


class ReferenceRouter(Generic[E]):
    """Does what `gnomon_router.Router` promises, by trying every route against every path.

    >>> router = ReferenceRouter[str]()
    >>> router.add("GET", "/users/{id:int}", "show")
    >>> router.match("HEAD", "/users/7").params
    {'id': 7}
    """

    def __init__(self) -> None:
        self._routes: list[tuple[tuple[str, ...], str, str, E]] = []

    def add(self, method: str, pattern: str, endpoint: E) -> None:
        """Add a route whose pattern is known to be well-formed.

        Raises:
            RouteConflict: As `Router.add` does.
        """
        shape = tuple(_shape(text) for text in pattern.split("/"))
        for other_shape, other_method, other, other_endpoint in self._routes:
            if (shape, method) == (other_shape, other_method):
                raise RouteConflict(method, other, pattern, other_endpoint, endpoint)
        self._routes.append((shape, method, pattern, endpoint))

    def match(self, method: str, path: str) -> Match[E]:
        """Find the route as `Router.match` does.

        Raises:
            RouteNotFound: As `Router.match` does.
            MethodNotAllowed: As `Router.match` does.
        """
        candidates = []
        for shape, offered, pattern, endpoint in self._routes:
            params = _params(pattern.split("/"), path.split("/"))
            if params is not None:
                rank = tuple(_ORDER.index(kind[1:]) + 1 if kind[:1] == ":" else 0 for kind in shape)
                candidates.append((rank, offered, Match(endpoint, params, pattern)))
        if not candidates:
            raise RouteNotFound(path)
        candidates.sort(key=lambda candidate: candidate[0])
        for rank in sorted({rank for rank, _, _ in candidates}):
            offers = {offered: match for other, offered, match in candidates if other == rank}
            for name in (method, "GET") if method == "HEAD" else (method,):
                if name in offers:
                    return offers[name]
        names = {offered for _, offered, _ in candidates}
        raise MethodNotAllowed(method, path, tuple(sorted(names | ({"HEAD"} if "GET" in names else set()))))


def _shape(text: str) -> str:
    parameter = _SEGMENT.fullmatch(text)
    return text if parameter is None else f":{parameter['kind'] or 'str'}"


def _params(pattern: list[str], path: list[str]) -> dict[str, ParameterValue] | None:
    """Match segment by segment; the first of both is what stands before the first slash."""
    if not pattern or not path:
        return {} if pattern == path else None
    parameter = _SEGMENT.fullmatch(pattern[0])
    if parameter is None:
        return _params(pattern[1:], path[1:]) if pattern[0] == path[0] else None
    kind = parameter["kind"] or "str"
    taken = 1
    if kind == "path":
        taken = len(path) - (len(pattern) - 1)
    if taken < 1 or "" in path[:taken]:
        return None
    value = _value(kind, "/".join(path[:taken]))
    following = None if value is None else _params(pattern[1:], path[taken:])
    return None if value is None or following is None else {parameter["name"]: value, **following}


def _value(kind: str, text: str) -> ParameterValue | None:
    if kind == "int":
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,18}", text) or not -(2**63) <= int(text) < 2**63:
            return None
        return int(text)
    if kind == "uuid":
        hexadecimal = "[0-9a-fA-F]"
        spelling = "-".join(f"{hexadecimal}{{{count}}}" for count in (8, 4, 4, 4, 12))
        return UUID(hex=text.replace("-", "")) if re.fullmatch(spelling, text) else None
    if kind == "float":
        if len(text) > 64 or not re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", text):
            return None
        return None if float(text) in (float("inf"), -float("inf")) else float(text)
    return text


_KINDS = ("", "", ":str", ":int", ":uuid", ":float")
_WORDS = ("a", "b", "users", "7", "me", "%2F", "é")
_TEXTS = (
    "0",
    "-0",
    "-3",
    "007",
    "+1",
    "1_0",
    "٣",
    "9223372036854775807",
    "9223372036854775808",
    "1.5",
    "1e400",
    "nan",
    "4d9c0b1e-5f5e-4c0a-9a55-0b5d1f3f6a10",
    "4D9C0B1E-5F5E-4C0A-9A55-0B5D1F3F6A10",
    "4d9c0b1e5f5e4c0a9a550b5d1f3f6a10",
    " ",
    "..",
)


def methods() -> st.SearchStrategy[str]:
    """Methods, few enough that routes meet."""
    return st.sampled_from(("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PURGE"))


def patterns() -> st.SearchStrategy[str]:
    """Well-formed patterns of up to four segments, few enough that they overlap and conflict."""
    parameters = tuple(f"{{{name}{kind}}}" for name in ("id", "name") for kind in _KINDS)
    segments = st.lists(st.sampled_from((*_WORDS, *parameters)), max_size=4)
    return st.builds(_pattern, segments, st.sampled_from(("", "", "{rest:path}")), st.booleans())


def _pattern(texts: list[str], rest: str, slash: bool) -> str:
    # a name stands once in a pattern: number it
    numbered = [
        text.replace("{id", f"{{id{i}").replace("{name", f"{{name{i}") for i, text in enumerate(texts)
    ]
    whole = [*numbered, *([rest] if rest else [])]
    return "/" + "/".join([*whole, ""] if slash or not whole else whole)


def paths() -> st.SearchStrategy[str]:
    """Paths that meet `patterns`, with empty segments and texts at the edge of every type among them."""
    segment = st.sampled_from(_WORDS) | st.sampled_from(_TEXTS) | st.just("") | st.text(max_size=3)
    return st.lists(segment, min_size=1, max_size=6).map(
        lambda texts: "/" + "/".join(texts)
    ) | st.sampled_from(("", "*", "users", "/", "//"))
