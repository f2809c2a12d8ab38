"""What is known of a request, the phase it is in, and where its time and randomness come from."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ._errors import IllegalPhase
from ._extras import check_sync, name_of
from ._local_state import LocalState
from ._meta import RequestMeta, parse_traceparent
from ._phase import RequestPhase
from ._request_id import ids, make_request_id, request_id_at
from ._sources import SYSTEM, Sources

F = TypeVar("F", bound=Callable[..., Any])


class MetaMethods(LocalState):
    """Identity, metadata, phase and sources."""

    __slots__ = ()

    @property
    def request_id(self) -> str:
        """The id of the request; made when first asked for."""
        made = self._request_id
        if made is None:
            if self._sources is None:
                # As in make_request_id, written out: this is asked for in every request.
                since, until, prefix = ids.millisecond
                try:
                    fresh = since <= self._received < until
                    made = prefix + ids.pool.pop() if fresh else make_request_id(self._received)
                except IndexError:
                    made = make_request_id(self._received)
            else:
                made = request_id_at(self._received_at().timestamp())
            self._request_id = made
        return made

    @property
    def meta(self) -> RequestMeta:
        """The frozen description of the request."""
        made = self._meta
        if made is None:
            request_id = self.request_id
            trace_id, parent_id = parse_traceparent(self._traceparent) or (request_id, None)
            made = self._meta = RequestMeta(
                request_id,
                trace_id,
                parent_id,
                self._client_id,
                self._method,
                self._path,
                self._route,
                self._version,
                self._flags,
                self._received_at(),
                round(self._received * 1e9),
                self._source().monotonic,
            )
        return made

    def _received_at(self) -> datetime:
        # Reckoned back from now, so that a request whose metadata nobody reads pays for one clock only.
        source = self._source()
        waited = source.monotonic() - self._received
        return source.now() - timedelta(seconds=waited)

    @property
    def phase(self) -> RequestPhase:
        """Where the request is."""
        return self._phase

    def advance(self, phase: RequestPhase) -> None:
        """Move the request to `phase`; for whoever runs it.

        Raises:
            IllegalPhase: the lifecycle has no such move.
        """
        old = self._phase
        if type(phase) is not RequestPhase and phase in old.following:
            # The name of a phase equals it, and is none.
            phase = RequestPhase(phase)
        if phase not in old.following:
            raise IllegalPhase(
                f"a request cannot go from {old} to {phase}: from here it goes "
                + ("nowhere" if old.ended else "to " + " or ".join(map(str, old.following)))
            )
        self._phase = phase
        if self._extras is not None:
            for watch in tuple(self._extras.phase_watchers):
                try:
                    watch(phase, old)
                except Exception as error:
                    self.gctx.alert("phase_watcher_failed", error, name=name_of(watch))

    def on_phase_change(self, fn: F) -> F:
        """Call the sync `fn(new, old)` at every later change of phase; what it raises becomes an alert.

        Raises:
            TypeError: `fn` is no function, or async: a phase changes in one step, which nothing waits in.

        >>> from gnomon_context.testing import local_context
        >>> lctx = local_context()
        >>> _ = lctx.on_phase_change(lambda new, old: print(old, "->", new))
        >>> lctx.advance(RequestPhase.ROUTED)
        received -> routed
        """
        check_sync(fn, "on_phase_change")
        self._more().phase_watchers.append(fn)
        return fn

    def _source(self) -> Sources:
        return self._sources or SYSTEM

    def now(self) -> datetime:
        """The wall clock of this request, timezone-aware."""
        return self._source().now()

    def monotonic(self) -> float:
        """The monotonic clock of this request, in seconds."""
        return self._source().monotonic()

    @property
    def random(self) -> random.Random:
        """The random generator of this request."""
        return self._source().random

    def uuid(self) -> uuid.UUID:
        """A unique id from the source of this request."""
        return self._source().uuid()
