"""The local context: everything that belongs to one request and dies with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from inspect import isfunction
from time import monotonic
from typing import TYPE_CHECKING, Any, final

from ._extras import abandon
from ._local_hooks import HookMethods
from ._local_mapping import MappingMethods
from ._local_state import NOTHING
from ._local_tasks import TaskMethods
from ._local_topics import TopicMethods
from ._phase import RequestPhase

if TYPE_CHECKING:
    import trio

    from ._extras import Extras
    from ._global import GlobalContext
    from ._outcome import Execution
    from ._sources import Sources

_INF = math.inf
_RECEIVED = RequestPhase.RECEIVED


@final
class LocalContext(MappingMethods, HookMethods, TaskMethods, TopicMethods):
    """The state of one request.

    Made by whoever runs the request (`open_local_context`, or a runtime through `gnomon_context.runtime`).
    It may be used from the tasks of its request only, in the thread of the event loop; after the end of the
    request every use raises `ContextClosed`, while `meta`, `phase`, `outcome`, `execution`,
    `cancel_reason` and `tasks` stay readable.

    Args:
        gctx: what this request shares with the others.
        method: the HTTP method or another verb.
        path: the path as received.
        route: the pattern that matched.
        version: the version that serves the request.
        flags: free marks.
        client_id: who calls.
        traceparent: the W3C header of that name, as received.
        scope: the cancel scope that `cancel()` and the deadline act on; its owner keeps it.
        timeout: seconds until the request deadline.
        request_id: an id to keep (a restored request); by default one is made when first asked for.
        sources: where time, randomness and ids come from; those of `gctx` by default.

    Raises:
        TypeError: `flags` is one string, or holds what is none.
        ValueError: `timeout` is not a number.

    >>> from gnomon_context.testing import local_context
    >>> lctx = local_context(path="/orders", flags=["canary"])
    >>> lctx.set("user", 7)
    >>> lctx.get("user"), lctx.meta.path, lctx.meta.flags
    (7, '/orders', ('canary',))
    """

    __slots__ = ()

    def __init__(
        self,
        gctx: GlobalContext[Any],
        *,
        method: str = "",
        path: str = "",
        route: str = "",
        version: str = "",
        flags: Iterable[str] = (),
        client_id: str | None = None,
        traceparent: str | None = None,
        scope: trio.CancelScope | None = None,
        timeout: float = _INF,
        request_id: str | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.gctx = gctx
        self.scope = scope
        self.execution: Execution | None = None
        self._method = method
        self._path = path
        self._route = route
        self._version = version
        self._flags = _frozen(flags) if flags else ()
        self._client_id = client_id
        self._traceparent = traceparent
        self._request_id = request_id
        self._sources = source = sources or gctx._sources
        self._values = NOTHING
        self._extras = None
        self._meta = None
        self._phase = _RECEIVED
        self._cause = None
        self._cancel_reason = None
        self._outcome = None
        self._watched = 0
        self._deadline = _INF if timeout == _INF else _deadline_in(timeout, gctx)
        self._received = monotonic() if source is None else source.monotonic()

    def _leave_extras(self, extras: Extras) -> None:
        # What its tasks do from now on is none of the scope's, which may serve the next request.
        extras.joining = extras.cleaning = True
        self._cancel_tasks()
        if extras.topics is not None:
            extras.topics.close()
        if extras.cleanups:
            names = [step.name for step in extras.cleanups]
            self.gctx.alert("cleanups_skipped", None, request_id=self.request_id, names=names)
            abandon(extras.cleanups)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._method} {self._path} {self._phase}>"


def _frozen(flags: Iterable[str]) -> tuple[str, ...]:
    frozen = tuple(flags)
    if isinstance(flags, str) or not all(isinstance(flag, str) for flag in frozen):
        raise TypeError(f"flags are a sequence of strings, such as ('canary',), not {flags!r}")
    return frozen


def _deadline_in(timeout: float, gctx: GlobalContext[Any]) -> float:
    if timeout != timeout:
        raise ValueError("the timeout of a request is a number of seconds, not nan")
    try:
        return gctx._application.clock() + timeout
    except TypeError:
        raise TypeError(f"the timeout of a request is a number of seconds, not {timeout!r}") from None


def _show_as_own(part: type[Any]) -> None:
    """Let errors and tracebacks name the class that users know, not the part of it that a method stands in."""
    for name, member in vars(part).items():
        method: Any = member.fget if isinstance(member, property) else member
        if isfunction(method):
            method.__qualname__ = f"{LocalContext.__qualname__}.{name}"


for _part in LocalContext.__mro__[1:-1]:
    _show_as_own(_part)
