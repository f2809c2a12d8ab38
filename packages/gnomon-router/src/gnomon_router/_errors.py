"""Errors: what was refused, where, and how to mend it."""

from __future__ import annotations

from typing import ClassVar


class RouterError(Exception):
    """Every error of this package."""

    code: ClassVar[str] = "router_error"


class RouteNotFound(RouterError, LookupError):
    """No pattern matches the path, whatever the method: HTTP 404.

    Attributes:
        path: The path that was asked for.
    """

    code: ClassVar[str] = "route_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"no route matches the path {_shown(self.path)}"


class MethodNotAllowed(RouterError, LookupError):
    """Patterns match the path, none of them with this method: HTTP 405 (RFC 9110, section 15.5.6).

    Attributes:
        method: The method that was asked for.
        path: The path that was asked for.
        allowed: Exactly the methods that `Router.match` accepts for this path, sorted, `HEAD` among them
            where `GET` is. Joined with commas it is the value of the `Allow` header.
    """

    code: ClassVar[str] = "method_not_allowed"

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        super().__init__(method, path, allowed)
        self.method = method
        self.path = path
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{_shown(self.path)} does not answer {_shown(self.method)}, only {', '.join(self.allowed)}"


class RouteConflict(RouterError, ValueError):
    """A route answers the same method on exactly the same paths as one that was added before.

    Attributes:
        method: The method that both answer.
        existing: The pattern that was added first.
        added: The pattern that was refused.
    """

    code: ClassVar[str] = "route_conflict"

    def __init__(
        self, method: str, existing: str, added: str, existing_endpoint: object, added_endpoint: object
    ) -> None:
        super().__init__(method, existing, added, existing_endpoint, added_endpoint)
        self.method = method
        self.existing = existing
        self.added = added
        self.existing_endpoint = existing_endpoint
        self.added_endpoint = added_endpoint

    def __str__(self) -> str:
        return (
            f"{self.method} {self.added} ({_endpoint(self.added_endpoint)}) matches exactly the same paths as "
            f"{self.method} {self.existing} ({_endpoint(self.existing_endpoint)}): names of parameters do not "
            "tell routes apart; remove one of them, or change its method, its path or the type of a parameter"
        )


class PatternError(RouterError, ValueError):
    """A pattern cannot be read.

    Attributes:
        pattern: The whole pattern.
        position: Where the mistake begins, in characters from the start.
    """

    code: ClassVar[str] = "pattern_error"

    def __init__(self, pattern: str, position: int, problem: str) -> None:
        super().__init__(pattern, position, problem)
        self.pattern = pattern
        self.position = position
        self.problem = problem

    def __str__(self) -> str:
        return f"pattern {_shown(self.pattern)}, position {self.position}: {self.problem}"


class MethodError(RouterError, ValueError):
    """A method is not a token as RFC 9110 (section 9.1) spells them, or a standard one in small letters."""

    code: ClassVar[str] = "method_error"


def _shown(text: object) -> str:
    """The text as a literal, bounded: a path comes from the network and ends up in logs."""
    return (
        repr(text)
        if not isinstance(text, str) or len(text) <= 200
        else f"{text[:200]!r}… ({len(text)} characters)"
    )


def _endpoint(endpoint: object) -> str:
    name = getattr(endpoint, "__qualname__", None)
    if isinstance(name, str):
        return f"{getattr(endpoint, '__module__', '?')}.{name}"
    if type(endpoint).__str__ is not object.__str__:
        return str(endpoint)  # it has something to say of itself
    return f"of type {type(endpoint).__qualname__}"
