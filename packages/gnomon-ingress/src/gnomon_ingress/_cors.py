"""Cross-Origin Resource Sharing, as the Fetch standard defines it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ._connection import Dispatch
from ._headers import add_vary, check_name
from ._request import Request
from ._response import Response


class Cors:
    """Lets pages of other origins use a service.

    The answer always names the one origin that asked, and says ``Vary: Origin``, so that no cache hands it to another.

    Args:
        origins: The exact origins, such as ``"https://app.example"``; or a predicate that is given an origin; or ``"*"``
            for every origin, which is refused together with credentials.
        methods: What a page may use beyond GET, HEAD and POST.
        headers: Request headers a page may set beyond the safe ones.
        expose: Response headers a page may read beyond the safe ones.
        credentials: Whether cookies and Authorization travel along.
        max_age: Seconds a browser may remember the answer to a preflight.

    Raises:
        ValueError: Every origin together with credentials; an origin with a path, or without a scheme.

    >>> async def hello(req, res):
    ...     res.text("hello")
    >>> dispatch = Cors(["https://app.example"]).wrap(hello)
    """

    def __init__(
        self,
        origins: Collection[str] | Callable[[str], bool],
        *,
        methods: Collection[str] = ("PUT", "PATCH", "DELETE"),
        headers: Collection[str] = ("content-type",),
        expose: Collection[str] = (),
        credentials: bool = False,
        max_age: float = 600.0,
    ) -> None:
        self._any = origins == "*"
        if self._any and credentials:
            raise ValueError(
                "every origin together with credentials gives every page the user's session: list the origins"
            )
        if callable(origins):
            self._allows: Callable[[str], bool] = origins
        else:
            exact = frozenset(() if self._any else origins)
            for origin in exact:
                scheme, found, host = origin.partition("://")
                if not (scheme and found and host) or "/" in host:
                    raise ValueError(
                        f"{origin!r} is not an origin: write scheme://host or scheme://host:port"
                    )
            self._allows = exact.__contains__
        self._methods = ", ".join(sorted({"GET", "HEAD", "POST", *methods}))
        self._headers = ", ".join(check_name(name) for name in headers)
        self._expose = ", ".join(check_name(name) for name in expose)
        self._credentials = credentials
        self._max_age = str(int(max_age))

    def wrap(self, dispatch: Dispatch) -> Dispatch:
        """Return a dispatch that answers preflights and marks every other answer, errors included."""

        async def with_cors(req: Request[Any, Any, Any], res: Response[Any]) -> None:
            if not self.apply(req, res):
                await dispatch(req, res)

        return with_cors

    def apply(self, req: Request[Any, Any, Any], res: Response[Any]) -> bool:
        """Mark a response; return whether the request was a preflight and is answered with that."""
        origin = req.headers.get("origin")
        if not self._any:
            add_vary(res.headers, "Origin")
        preflight = (
            req.method == "OPTIONS" and origin is not None and "access-control-request-method" in req.headers
        )
        if origin is not None and (self._any or self._allows(origin)):
            res.headers["access-control-allow-origin"] = "*" if self._any else origin
            if self._credentials:
                res.headers["access-control-allow-credentials"] = "true"
            if preflight:
                res.headers["access-control-allow-methods"] = self._methods
                res.headers["access-control-max-age"] = self._max_age
                if self._headers:
                    res.headers["access-control-allow-headers"] = self._headers
            elif self._expose:
                res.headers["access-control-expose-headers"] = self._expose
        if preflight:
            res.empty()
        return preflight
