"""What routing costs: fixed paths, typed parameters, refusals; in units, and beside Starlette's router."""

from __future__ import annotations

from collections.abc import Callable

from bench.harness import Case, Sampler, per_loop

REQUIRES: tuple[str, ...] = ("starlette>=0.46",)

RESOURCES = ("users", "orders", "items", "carts", "prices", "stocks", "labels", "reports", "teams", "keys")
GOAL_FIXED, GOAL_TYPED = 0.3, 1.0


def _patterns(parameter: str) -> list[tuple[str, str]]:
    """Fifty routes of an ordinary API: lists, items, parts of items, and a fixed page beside each."""
    routes = []
    for name in RESOURCES:
        routes += [
            ("GET", f"/api/{name}"),
            ("POST", f"/api/{name}"),
            ("GET", f"/api/{name}/recent"),
            ("GET", f"/api/{name}/{parameter}"),
            ("DELETE", f"/api/{name}/{parameter}"),
        ]
    return routes


def _matching(path: str) -> Sampler:
    from gnomon_router import Router

    router = Router[int]()
    for number, (method, pattern) in enumerate(_patterns("{id:int}")):
        router.add(method, pattern, number)
    router.add("GET", "/api/teams/{team:int}/members/{member:int}", 0)
    router.add("GET", "/files/{name}/{rest:path}", 0)
    match: Callable[[str, str], object] = router.match

    def run(count: int) -> None:
        for _ in range(count):
            match("GET", path)

    return per_loop(run)


def _starlette(path: str) -> Sampler:
    from starlette.routing import Match, Route

    def endpoint(request: object) -> None: ...

    routes = [Route(pattern, endpoint, methods=[method]) for method, pattern in _patterns("{id:int}")]
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}

    def run(count: int) -> None:
        for _ in range(count):
            for route in routes:
                found, _child_scope = route.matches(scope)
                if found is Match.FULL:
                    break

    return per_loop(run)


def _nothing() -> Sampler:
    def answer(method: str, path: str) -> None: ...

    def run(count: int) -> None:
        for _ in range(count):
            answer("GET", "/")

    return per_loop(run)


def cases() -> list[Case]:
    fixed, typed = "/api/labels/recent", "/api/labels/4711"
    cases = [
        Case("fixed path", _matching(fixed), at_most=GOAL_FIXED),
        Case("one int parameter", _matching(typed), at_most=GOAL_TYPED),
        Case("two int parameters", _matching("/api/teams/4711/members/42")),
        Case("text and path parameter", _matching("/files/a/b/c/d.txt")),
        Case("calling an empty function", _nothing()),
    ]
    try:
        cases += [
            Case("fixed path", _matching(fixed), peer=_starlette(fixed), peer_name="starlette", at_most=0.1),
            Case(
                "one int parameter",
                _matching(typed),
                peer=_starlette(typed),
                peer_name="starlette",
                at_most=0.2,
            ),
        ]
    except ImportError:  # the peer is installed by the session that runs this
        pass
    return cases
