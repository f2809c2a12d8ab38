"""The fields of a local context, which the modules beside this one give methods to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._extras import Extras

if TYPE_CHECKING:
    import trio

    from ._global import GlobalContext
    from ._meta import RequestMeta
    from ._outcome import CancelReason, Execution, OutcomeKind, RequestOutcome
    from ._phase import RequestPhase
    from ._sources import Sources

# The mapping of every context in which nothing was put yet; nothing is ever put in here.
NOTHING: dict[Any, Any] = {}


class LocalState:
    """What a local context consists of. `LocalContext` is the only class made of it that is instantiated.

    Its methods stand by idea in classes without fields of their own: a method costs the same wherever in the
    line of classes it is found.
    """

    __slots__ = (
        "__weakref__",
        "_cancel_reason",
        "_cause",
        "_client_id",
        "_deadline",
        "_extras",
        "_flags",
        "_meta",
        "_method",
        "_outcome",
        "_path",
        "_phase",
        "_received",
        "_request_id",
        "_route",
        "_sources",
        "_traceparent",
        "_values",
        "_version",
        "_watched",
        "execution",
        "gctx",
        "scope",
    )

    # The public ones.
    gctx: GlobalContext[Any]
    scope: trio.CancelScope | None
    execution: Execution | None

    _method: str
    _path: str
    _route: str
    _version: str
    _flags: tuple[str, ...]
    _client_id: str | None
    _traceparent: str | None
    _request_id: str | None
    _sources: Sources | None
    # By name: a `ContextKey` is one, which checkers are not told.
    _values: dict[Any, Any]
    _extras: Extras | None
    _meta: RequestMeta | None
    _phase: RequestPhase
    _cause: OutcomeKind | None
    _cancel_reason: CancelReason | None
    _outcome: RequestOutcome | None
    # How often the watchdog met this request; 2 when its deadline is armed.
    _watched: int
    _deadline: float
    # Seconds of the monotonic clock: the comparisons in `request_id` are cheap for floats.
    _received: float

    def _more(self) -> Extras:
        extras = self._extras
        if extras is None:
            extras = self._extras = Extras()
        return extras
