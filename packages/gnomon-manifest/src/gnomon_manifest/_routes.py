"""The decorators of routes: one per HTTP method, `handler`, `websocket`, and `group` for what routes share."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypedDict, TypeVar, Unpack, final

from ._declarations import HandlerDeclaration, attach, check_path, check_responses, check_words, documented
from ._errors import DeclarationError
from ._hooks import check_route_hooks
from ._policy import RateLimit, parse_rate_limit, parse_roles, positive_bytes, positive_seconds
from ._shapes import AnyHandler, AnyHook, AnyWebSocketHandler, CatchHook
from ._signature import HANDLER, WEBSOCKET, check

__all__ = [
    "Group",
    "GroupOptions",
    "RouteOptions",
    "delete",
    "get",
    "group",
    "handler",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "websocket",
]

HandlerT = TypeVar("HandlerT", bound=AnyHandler)
SocketT = TypeVar("SocketT", bound=AnyWebSocketHandler)


class GroupOptions(TypedDict, total=False):
    """What routes of a group can share."""

    roles: Iterable[str]
    rate_limit: str | RateLimit | None
    body_limit: int | None
    timeout: float | None
    responses: Mapping[int, Any]
    before: Sequence[AnyHook]
    after: Sequence[AnyHook]
    catch: Sequence[CatchHook]
    tags: Iterable[str]
    version: str | None
    deprecated: bool | str


class RouteOptions(GroupOptions, total=False):
    """What one route can say; see `HandlerDeclaration` for the meaning of each."""

    id: str
    summary: str
    description: str


METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_GROUP_OPTIONS: Final = frozenset(GroupOptions.__annotations__)
_ROUTE_OPTIONS: Final = _GROUP_OPTIONS | {"id", "summary", "description"}


def _known(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(sorted(known))}"
            raise DeclarationError(f"{what} has no option {name!r}{hint}")


def _policies(given: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(given)
    if "roles" in found:
        found["roles"] = parse_roles(found["roles"])
    rate = found.get("rate_limit")
    if isinstance(rate, str):
        found["rate_limit"] = parse_rate_limit(rate)
    elif rate is not None and not isinstance(rate, RateLimit):
        raise DeclarationError(f"rate_limit is text such as '100/minute' or a RateLimit, not {rate!r}")
    if found.get("body_limit") is not None:
        found["body_limit"] = positive_bytes(found["body_limit"], "body_limit")
    if found.get("timeout") is not None:
        found["timeout"] = positive_seconds(found["timeout"], "timeout", unbounded=True)
    if not isinstance(found.get("deprecated", False), (bool, str)):
        raise DeclarationError(
            f"deprecated is True, or says what to use instead; not {found['deprecated']!r}"
        )
    found["responses"] = check_responses(found.get("responses"))
    found["tags"] = check_words(found.get("tags", ()), "tags")
    for point in ("before", "after", "catch"):
        found[point] = check_route_hooks(point, found.get(point, ()))
    return found


def _narrow_roles(outer: tuple[str, ...], inner: tuple[str, ...]) -> tuple[str, ...]:
    if outer and (not inner or not set(inner) <= set(outer)):
        raise DeclarationError(
            f"the group demands one of {', '.join(outer)}; a route in it can only narrow that, not take "
            f"{', '.join(inner) or 'no roles'}. Declare the route outside the group"
        )
    return inner


def _merge(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Put the options of a route into those of its group.

    Hooks, tags and responses add up, the group's first; roles can only be narrowed; all else is replaced.
    """
    merged = {**outer, **inner}
    for point in ("before", "after", "catch", "tags"):
        merged[point] = tuple(dict.fromkeys((*outer.get(point, ()), *inner[point])))
    if outer.get("responses"):
        merged["responses"] = MappingProxyType({**outer["responses"], **inner["responses"]})
    if "roles" in inner:
        merged["roles"] = _narrow_roles(outer.get("roles", ()), inner["roles"])
    return merged


def _route(
    methods: tuple[str, ...],
    path: str,
    given: Mapping[str, Any],
    *,
    prefix: str = "",
    shared: Mapping[str, Any] | None = None,
    socket: bool = False,
) -> Callable[[Any], Any]:
    if callable(path):
        raise DeclarationError(
            f'a route needs its path; write @{methods[0].lower()}("/...") above the function'
        )
    full = check_path(prefix + check_path(path))
    if not full:
        raise DeclarationError("the path of a route is not empty; write '/'")
    _known(given, _ROUTE_OPTIONS, "a route")
    merged = _merge(shared or {}, _policies(given))

    def declare(function: Any) -> Any:
        check(function, WEBSOCKET if socket else HANDLER)
        values = {"summary": None, "description": None, "deprecated": None, **merged}
        values.setdefault("id", f"{function.__module__}.{function.__qualname__}")
        values = documented(function, values)
        attach(function, HandlerDeclaration(methods=methods, path=full, websocket=socket, **values))
        return function

    return declare


def _check_methods(methods: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(check_words(methods, "methods")))
    unknown = [method for method in found if method not in METHODS]
    if unknown or not found:
        raise DeclarationError(
            f"methods are some of {', '.join(METHODS)}, in upper case; not {', '.join(found) or 'none'}"
        )
    return found


@final
class Group:
    """Routes that share a prefix and options; made by `group`.

    The decorators of a group are those of the module: `get post put patch delete head options`, `handler`,
    `websocket`, and `group` for a group inside it. Hooks, tags and responses of the group come before those of
    the route; a route may narrow the roles of its group and replace everything else.
    """

    __slots__ = ("_prefix", "_shared")

    def __init__(self, prefix: str, shared: Mapping[str, Any]) -> None:
        self._prefix = check_path(prefix, prefix=True)
        self._shared = dict(shared)

    @property
    def prefix(self) -> str:
        """The path that every route of the group starts with."""
        return self._prefix

    def __repr__(self) -> str:
        return f"group({self._prefix!r})"

    def handler(
        self, path: str, *, methods: Iterable[str], **given: Unpack[RouteOptions]
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for several methods."""
        return _route(_check_methods(methods), path, given, prefix=self._prefix, shared=self._shared)

    def get(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for GET."""
        return _route(("GET",), path, given, prefix=self._prefix, shared=self._shared)

    def post(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for POST."""
        return _route(("POST",), path, given, prefix=self._prefix, shared=self._shared)

    def put(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for PUT."""
        return _route(("PUT",), path, given, prefix=self._prefix, shared=self._shared)

    def patch(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for PATCH."""
        return _route(("PATCH",), path, given, prefix=self._prefix, shared=self._shared)

    def delete(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for DELETE."""
        return _route(("DELETE",), path, given, prefix=self._prefix, shared=self._shared)

    def head(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for HEAD."""
        return _route(("HEAD",), path, given, prefix=self._prefix, shared=self._shared)

    def options(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
        """Declare a handler of this group for OPTIONS."""
        return _route(("OPTIONS",), path, given, prefix=self._prefix, shared=self._shared)

    def websocket(self, path: str, **given: Unpack[RouteOptions]) -> Callable[[SocketT], SocketT]:
        """Declare a websocket handler of this group."""
        return _route(("GET",), path, given, prefix=self._prefix, shared=self._shared, socket=True)

    def group(self, prefix: str, **given: Unpack[GroupOptions]) -> Group:
        """Open a group inside this one."""
        _known(given, _GROUP_OPTIONS, "a group")
        return Group(self._prefix + check_path(prefix, prefix=True), _merge(self._shared, _policies(given)))


def group(prefix: str, **given: Unpack[GroupOptions]) -> Group:
    """Share a prefix and options between routes.

    Args:
        prefix: path that starts with a slash and does not end with one, or "".
        given: options as for a route, but for `id`, `summary` and `description`.

    Raises:
        DeclarationError: when the prefix or an option is out of its range.

    >>> from gnomon_manifest.declare import declaration_of, group
    >>> orders = group("/orders", roles=("buyer",), tags=("orders",))
    >>> @orders.get("/{id}", timeout=2)
    ... async def read_order(req, res, lctx, gctx):
    ...     res.json({"id": req.params["id"]})
    >>> declaration_of(read_order).path, declaration_of(read_order).roles
    ('/orders/{id}', ('buyer',))
    """
    _known(given, _GROUP_OPTIONS, "a group")
    return Group(prefix, _policies(given))


def handler(
    path: str, *, methods: Iterable[str], **given: Unpack[RouteOptions]
) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for several methods.

    Args:
        path: path pattern, such as `/orders/{id}`.
        methods: HTTP methods in upper case.
        given: the options of a route; see `HandlerDeclaration`.

    Raises:
        SignatureError: when the function takes other parameters than `req, res, lctx, gctx`.
        DeclarationError: when an option is unknown or out of its range.

    >>> from gnomon_manifest.declare import declaration_of, handler
    >>> @handler("/ping", methods=("GET", "POST"))
    ... def ping(req, res, lctx, gctx):
    ...     res.text("pong")
    >>> declaration_of(ping).methods
    ('GET', 'POST')
    """
    return _route(_check_methods(methods), path, given)


def get(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for GET; the function stays the plain function.

    >>> from gnomon_manifest.declare import declaration_of, get
    >>> @get("/orders/{id}", rate_limit="100/minute")
    ... async def read_order(req, res, lctx, gctx):
    ...     '''Read an order.'''
    >>> declaration_of(read_order).summary
    'Read an order.'
    """
    return _route(("GET",), path, given)


def post(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for POST; the function stays the plain function."""
    return _route(("POST",), path, given)


def put(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for PUT; the function stays the plain function."""
    return _route(("PUT",), path, given)


def patch(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for PATCH; the function stays the plain function."""
    return _route(("PATCH",), path, given)


def delete(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for DELETE; the function stays the plain function."""
    return _route(("DELETE",), path, given)


def head(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for HEAD; the function stays the plain function."""
    return _route(("HEAD",), path, given)


def options(path: str, **given: Unpack[RouteOptions]) -> Callable[[HandlerT], HandlerT]:
    """Declare a handler for OPTIONS; the function stays the plain function."""
    return _route(("OPTIONS",), path, given)


def websocket(path: str, **given: Unpack[RouteOptions]) -> Callable[[SocketT], SocketT]:
    """Declare a websocket handler, which takes `req, ws, lctx, gctx`."""
    return _route(("GET",), path, given, socket=True)
