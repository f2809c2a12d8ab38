"""The router: a tree of segments, and two dictionaries that answer most requests without walking it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Generic, NamedTuple, TypeVar, final

from gnomon_router._errors import MethodError, MethodNotAllowed, RouteConflict, RouteNotFound
from gnomon_router._pattern import CONVERTERS, RANK, Parameter, ParameterValue, parse

E = TypeVar("E")

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STANDARD = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_new = tuple.__new__  # a third of the time that calling a NamedTuple takes
_NO_PARAMETERS: Final[Mapping[str, ParameterValue]] = MappingProxyType({})


class Match(NamedTuple, Generic[E]):
    """The answer of `Router.match`.

    Attributes:
        endpoint: What was given to `Router.add`.
        params: The parameters by name, converted. Text is as it stood in the path.
        pattern: The pattern that matched.
    """

    endpoint: E
    params: Mapping[str, ParameterValue]
    pattern: str


class Route(NamedTuple, Generic[E]):
    """One method on one pattern."""

    method: str
    pattern: str
    endpoint: E
    parameters: tuple[Parameter, ...]


class _Served(NamedTuple, Generic[E]):
    endpoint: E
    names: tuple[str, ...]
    pattern: str


class _Leaf(Generic[E]):
    """The methods of all patterns of one shape."""

    __slots__ = ("routes", "served")

    def __init__(self) -> None:
        self.routes: dict[str, Route[E]] = {}
        self.served: dict[str, _Served[E]] = {}  # `routes`, and HEAD by GET


class _Node(Generic[E]):
    """What may stand behind one prefix of a path.

    `parameters` is ordered by precedence; a converter of `None` takes any text. `rest` and `rest_slash`
    are the ends of a path parameter, without and with a trailing slash.
    """

    __slots__ = ("branches", "leaf", "literals", "only", "parameters", "rest", "rest_slash")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[E]] = {}
        self.parameters: tuple[_Branch[E], ...] = ()
        self.branches = False  # whether anything but a literal may follow
        self.only: _Branch[E] | None = None  # the parameter, if nothing else but literals may follow
        self.rest: _Leaf[E] | None = None
        self.rest_slash: _Leaf[E] | None = None
        self.leaf: _Leaf[E] | None = None

    def settle(self) -> None:
        self.branches = True
        alone = len(self.parameters) == 1 and self.rest is None and self.rest_slash is None
        self.only = self.parameters[0] if alone else None


class _Branch(NamedTuple, Generic[E]):
    rank: int
    convert: Callable[[str], ParameterValue | None] | None
    node: _Node[E]


class _Tail(NamedTuple, Generic[E]):
    """A route whose one parameter is its last segment."""

    convert: Callable[[str], ParameterValue | None] | None
    served: _Served[E]


@final
class Router(Generic[E]):
    """Routes requests to endpoints of type `E`.

    A path is compared as it is given: percent-decoding, dot segments and case are the caller's business.
    Decode parameters after matching, so that an encoded slash stays inside its segment.

    >>> router = Router[str]()
    >>> _ = router.add("GET", "/users/me", "whoami")
    >>> _ = router.add("GET", "/users/{id:int}", "show user")
    >>> router.match("GET", "/users/7")
    Match(endpoint='show user', params={'id': 7}, pattern='/users/{id:int}')
    >>> router.match("HEAD", "/users/me").endpoint
    'whoami'
    """

    __slots__ = ("_fixed", "_root", "_routes", "_tails")

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, Match[E]]] = {}
        self._tails: dict[str, dict[str, tuple[_Tail[E], ...]]] = {}
        self._root: _Node[E] = _Node()
        self._routes: list[tuple[tuple[tuple[int, str], ...], Route[E]]] = []

    def add(self, method: str, pattern: str, endpoint: E) -> Route[E]:
        """Add a route; the order of additions never matters.

        Args:
            method: An HTTP method, case-sensitive (RFC 9110, section 9.1). `HEAD` is answered by `GET`
                unless it is added for the same pattern.
            pattern: Segments after slashes, each a literal or a parameter: `{name}` (any text), or
                `{name:kind}` with kind `int` (signed 64 bit, canonical spelling), `uuid`, `float`
                (finite), `str`, `path` (the rest of the path, at the end only). A trailing slash counts.
            endpoint: What `match` returns.

        Returns:
            The route as `routes` lists it.

        Raises:
            PatternError: The pattern cannot be read; with the position.
            MethodError: The method is none.
            RouteConflict: The method has a route for exactly the same paths. Nothing was added.

        >>> Router[str]().add("GET", "/users/<id>/{id:integer}", "show")
        Traceback (most recent call last):
        gnomon_router.PatternError: pattern '/users/<id>/{id:integer}', position 16: unknown type 'integer'; \
use one of int, uuid, float, str, path
        """
        _check_method(method)
        segments = parse(pattern)
        parameters = tuple(segment for segment in segments if isinstance(segment, Parameter))
        route = Route(method, pattern, endpoint, parameters)
        leaf = self._leaf(segments)
        if (existing := leaf.routes.get(method)) is not None:
            raise RouteConflict(method, existing.pattern, pattern, existing.endpoint, endpoint)
        leaf.routes[method] = route
        served = _Served(endpoint, tuple(parameter.name for parameter in parameters), pattern)
        leaf.served[method] = served
        if method == "GET":
            leaf.served.setdefault("HEAD", served)
        if not parameters:
            self._fixed[pattern] = {
                name: Match(by.endpoint, _NO_PARAMETERS, pattern) for name, by in leaf.served.items()
            }
        elif len(parameters) == 1 and segments[-1] == parameters[0] and parameters[0].kind != "path":
            self._shorten(segments)
        self._routes.append((_precedence(segments), route))
        return route

    def match(self, method: str, path: str) -> Match[E]:
        """Find the endpoint of the most specific pattern that matches the path and has the method.

        Segments are compared from the left: a literal stands before `int`, `uuid`, `float`, `str`, and
        `path` comes last. An empty segment never matches a parameter.

        Args:
            method: The method of the request, as sent.
            path: The path of the request without its query; it starts with a slash.

        Raises:
            RouteNotFound: No pattern matches the path with any method.
            MethodNotAllowed: Some do, but not with this method; it names those that would. `OPTIONS` is a
                method like any other here: a caller that answers it for all routes does so on this error.

        >>> router = Router[str]()
        >>> _ = router.add("GET", "/files/{rest:path}", "read")
        >>> router.match("GET", "/files/a/b.txt").params["rest"]
        'a/b.txt'
        >>> router.match("PUT", "/files/a/b.txt")
        Traceback (most recent call last):
        gnomon_router.MethodNotAllowed: '/files/a/b.txt' does not answer 'PUT', only GET, HEAD
        """
        fixed = self._fixed.get(path)
        if fixed is not None:
            found = fixed.get(method)
            if found is not None:
                return found
        head, slash, last = path.rpartition("/")
        tails = self._tails.get(head)
        if tails is not None and slash and last:
            for convert, served in tails.get(method, ()):
                value = last if convert is None else convert(last)
                if value is not None:
                    return _new(Match, (served.endpoint, {served.names[0]: value}, served.pattern))
        return self._walk(method, path)

    def _walk(self, method: str, path: str) -> Match[E]:
        segments = path.split("/")
        refused: list[_Leaf[E]] = []
        if not segments[0] and len(segments) > 1:
            values: list[ParameterValue] = []
            served = _search(self._root, segments, 1, method, values, refused)
            if served is not None:
                params = dict(zip(served.names, values))  # noqa: B905 - as many by construction
                return _new(Match, (served.endpoint, params, served.pattern))
        if not refused:
            raise RouteNotFound(path)
        raise MethodNotAllowed(
            method, path, tuple(sorted({name for leaf in refused for name in leaf.served}))
        )

    def allowed(self, path: str) -> tuple[str, ...]:
        """The methods that `match` accepts for a path, sorted; empty where no pattern matches.

        >>> router = Router[str]()
        >>> _ = router.add("GET", "/users/{id}", "show")
        >>> _ = router.add("DELETE", "/users/{id:int}", "remove")
        >>> router.allowed("/users/7"), router.allowed("/users/me"), router.allowed("/")
        (('DELETE', 'GET', 'HEAD'), ('GET', 'HEAD'), ())
        """
        try:
            self.match("", path)  # no route has an empty method
        except MethodNotAllowed as error:
            return error.allowed
        except RouteNotFound:
            return ()
        raise AssertionError  # pragma: no cover - `add` refuses the empty method

    def routes(self) -> tuple[Route[E], ...]:
        """All routes, by precedence of their patterns, then by method; independent of the order of additions.

        >>> router = Router[int]()
        >>> _ = router.add("GET", "/{page}", 1)
        >>> _ = router.add("GET", "/about", 2)
        >>> [route.pattern for route in router.routes()]
        ['/about', '/{page}']
        """
        return tuple(
            route for _, route in sorted(self._routes, key=lambda entry: (entry[0], entry[1].method))
        )

    def _shorten(self, segments: tuple[str | Parameter, ...]) -> None:
        """Remember what the fixed path before a last parameter leads to.

        Nothing can come before these routes but a fixed path, and `match` has looked for that.
        """
        node = self._root
        for literal in segments[:-1]:
            node = node.literals[str(literal)]
        tails: dict[str, tuple[_Tail[E], ...]] = {}
        for _, convert, child in node.parameters:
            for method, served in child.leaf.served.items() if child.leaf is not None else ():
                tails[method] = (*tails.get(method, ()), _Tail(convert, served))
        self._tails["/".join(("", *map(str, segments[:-1])))] = tails

    def _leaf(self, segments: tuple[str | Parameter, ...]) -> _Leaf[E]:
        node = self._root
        for segment in segments:
            if isinstance(segment, str):
                node = node.literals.setdefault(segment, _Node())
                continue
            if segment.kind == "path":
                return _rest_leaf(node, slash=segments[-1] == "")
            node = _child(node, segment)
        if node.leaf is None:
            node.leaf = _Leaf()
        return node.leaf


def _check_method(method: str) -> None:
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise MethodError(f"{method!r} is not a method; it is a word such as 'GET' (RFC 9110, section 9.1)")
    if method not in _STANDARD and method.upper() in _STANDARD:
        raise MethodError(f"methods are case-sensitive: write {method.upper()!r} instead of {method!r}")


def _precedence(segments: tuple[str | Parameter, ...]) -> tuple[tuple[int, str], ...]:
    return tuple(
        (0, segment) if isinstance(segment, str) else (RANK[segment.kind], "") for segment in segments
    )


def _rest_leaf(node: _Node[E], *, slash: bool) -> _Leaf[E]:
    leaf = node.rest_slash if slash else node.rest
    if leaf is None:
        leaf = _Leaf()
        if slash:
            node.rest_slash = leaf
        else:
            node.rest = leaf
        node.settle()
    return leaf


def _child(node: _Node[E], parameter: Parameter) -> _Node[E]:
    rank = RANK[parameter.kind]
    for branch in node.parameters:
        if branch.rank == rank:
            return branch.node
    created: _Node[E] = _Node()
    branch = _Branch(rank, CONVERTERS.get(parameter.kind), created)
    node.parameters = tuple(sorted((*node.parameters, branch), key=lambda each: each.rank))
    node.settle()
    return created


def _search(
    node: _Node[E],
    segments: list[str],
    index: int,
    method: str,
    values: list[ParameterValue],
    refused: list[_Leaf[E]],
) -> _Served[E] | None:
    """Find the first leaf in order of precedence that has the method; note those that lack it.

    A node belongs to one prefix of patterns, so that it is entered at most once for one path: the work is
    bounded by the number of routes, whatever the path. `values` holds the parameters of the answer.
    """
    count = len(segments)
    while index < count:
        segment = segments[index]
        index += 1
        following = node.literals.get(segment)
        if following is None:
            only = node.only
            if only is None:
                return _search_branches(node, segments, index, method, values, refused)
            if not segment:
                return None
            value = segment if only.convert is None else only.convert(segment)
            if value is None:
                return None
            values.append(value)
            node = only.node
        elif node.branches:
            size = len(values)
            served = _search(following, segments, index, method, values, refused)
            if served is not None:
                return served
            del values[size:]
            return _search_branches(node, segments, index, method, values, refused)
        else:
            node = following
    return _serve(node.leaf, method, refused)


def _search_branches(
    node: _Node[E],
    segments: list[str],
    index: int,
    method: str,
    values: list[ParameterValue],
    refused: list[_Leaf[E]],
) -> _Served[E] | None:
    """Go on where the segment before `index` is a parameter."""
    segment = segments[index - 1]
    size = len(values)
    if segment:
        for _, convert, child in node.parameters:
            value = segment if convert is None else convert(segment)
            if value is None:
                continue
            values.append(value)
            served = _search(child, segments, index, method, values, refused)
            if served is not None:
                return served
            del values[size:]
    return _search_rest(node, segments[index - 1 :], method, values, refused)


def _search_rest(
    node: _Node[E], tail: list[str], method: str, values: list[ParameterValue], refused: list[_Leaf[E]]
) -> _Served[E] | None:
    leaf = node.rest
    if not tail[-1]:
        leaf = node.rest_slash
        tail.pop()
    if leaf is None or not tail or "" in tail:
        return None
    served = _serve(leaf, method, refused)
    if served is not None:
        values.append("/".join(tail))
    return served


def _serve(leaf: _Leaf[E] | None, method: str, refused: list[_Leaf[E]]) -> _Served[E] | None:
    if leaf is None:
        return None
    served = leaf.served.get(method)
    if served is None:
        refused.append(leaf)
    return served
