"""What turns a sampled request into a recording: its own plans, with a listener and a boundary around its steps."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from gnomon_context import LocalContext
from gnomon_gtype import GType
from gnomon_gtype.schema import Sensitive
from gnomon_orchestrator import EVENT_KINDS, LifecycleEvent, Listener
from gnomon_orchestrator.protocols import Boundary
from gnomon_snapshot import LiveRecording, Recorder

from ._binding import types_of
from ._lanes import Lane, Spec

# Bytes of a streamed answer that a recording keeps.
_MOST_SENT: Final = 1024 * 1024


class Redactors:
    """The types of each route, which blank what they call sensitive; one that has nothing of the kind is not asked."""

    def __init__(self) -> None:
        self._known: dict[Spec, tuple[GType[Any] | None, Mapping[int, GType[Any]]]] = {}

    def of(self, spec: Spec, status: int) -> dict[str, GType[Any]]:
        """By place: the type of the request's body, and that of the answer with this status."""
        if spec.handler is None or spec.declaration is None:
            return {}
        known = self._known.get(spec)
        if known is None:
            body, answers = types_of(spec.handler, spec.declaration)
            known = self._known[spec] = (
                body if body is not None and _blanks(body) else None,
                {status: kind for status, kind in answers.items() if _blanks(kind)},
            )
        body, blanking = known
        found = {"request.body": body, "response.body": blanking.get(status)}
        return {place: kind for place, kind in found.items() if kind is not None}


def _blanks(kind: GType[Any]) -> bool:
    """Whether anything in a type is sensitive; objects that say so themselves are kept out of snapshots anyway."""
    return any(isinstance(node, Sensitive) for _, node in kind.schema.walk())


class Watched:
    """One request whose lifecycle is taken down."""

    __slots__ = ("events", "finish", "lctx", "req", "res", "sent")

    def __init__(self, req: Any, res: Any, lctx: LocalContext, finish: Callable[[Watched], object]) -> None:
        self.req = req
        self.res = res
        self.lctx = lctx
        self.finish = finish
        self.events: list[LifecycleEvent] = []
        self.sent: bytearray | None = None

    def body_sent(self) -> bytes | None:
        """What was sent of a stream, `None` if the answer was none."""
        return None if self.sent is None else bytes(self.sent)


class Watch:
    """A listener that takes down the lifecycle of watched requests, and finishes them before their context is closed."""

    kinds = EVENT_KINDS

    def __init__(self) -> None:
        self.live: dict[str, Watched] = {}

    def __call__(self, event: LifecycleEvent, /) -> None:
        """Take note of one event."""
        watched = self.live.get(event.request_id)
        if watched is None:
            return
        watched.events.append(event)
        if event.kind == "phase" and event.name == "responding" and watched.res.streaming:
            watched.sent = bytearray()
            watched.res.body = _Tee(watched.res.body, watched.sent)
        elif event.kind == "request.finished":
            del self.live[event.request_id]
            watched.finish(watched)


class _Tee:
    """Iterates over the chunks of a stream, and keeps a bounded part; no generator, which could hold a scope open."""

    def __init__(self, chunks: AsyncIterable[bytes], sent: bytearray) -> None:
        self._chunks = chunks.__aiter__()
        self._sent = sent

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._chunks.__anext__()
        self._sent += chunk[: max(0, _MOST_SENT - len(self._sent))]
        return chunk

    async def aclose(self) -> None:
        """Close what is iterated over, if it can be closed."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


class _Steps:
    """A boundary that keeps a snapshot before each hook and handler."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    async def before_step(self, step: Any, lctx: LocalContext, /) -> None:
        """Keep the request as it is."""
        if step.kind in ("hook", "handler"):
            live, spec = self._recordings.live[lctx.request_id]
            redactors = self._recordings.redactors.of(spec, step.res.status_code)
            live.step(step.id, lctx, step.req, step.res, redactors=redactors)

    async def after_step(self, step: Any, lctx: LocalContext, error: BaseException | None, /) -> None:
        """Do nothing: the next step begins where this one ended."""


class Recordings:
    """Records the sampled requests of one application.

    Args:
        recorder: What chooses and keeps them.
        make_lane: Makes the plans of recorded requests, with listeners and boundaries.
        listeners: Those of the application, which hear of recorded requests as of all others.
        boundaries: Those of the application, which stand between the steps of recorded requests, too.
    """

    def __init__(
        self,
        recorder: Recorder,
        make_lane: Callable[..., Lane],
        listeners: Iterable[Listener],
        boundaries: Iterable[Boundary],
    ) -> None:
        self.recorder = recorder
        self.live: dict[str, tuple[LiveRecording, Spec]] = {}
        self.redactors = Redactors()
        self._watch = Watch()
        steps: list[Boundary] = [_Steps(self)] if recorder.steps else []
        self._lane = make_lane(listeners=[*listeners, self._watch], boundaries=[*boundaries, *steps])

    async def run(self, spec: Spec, req: Any, res: Any, asked: LocalContext, timeout: float) -> bool:
        """Run a chosen request and record it; `False`, with an alert, if it cannot be recorded and was not run.

        Args:
            spec: Its route.
            req: The request.
            res: The response.
            asked: The context that it would have had.
            timeout: Seconds it has.
        """
        try:
            live = self.recorder.begin(asked.gctx)
            plan = self._lane.plan(spec)
        except Exception as error:  # whatever is wrong with recording, requests go on
            asked.gctx.alert("recording_failed", error, request_id=asked.request_id)
            return False
        meta = asked.meta
        lctx = LocalContext(
            live.gctx,
            method=meta.method,
            path=meta.path,
            route=meta.route,
            version=meta.version,
            flags=meta.flags,
            traceparent=req.headers.get("traceparent"),
            scope=req.scope,
            timeout=timeout,
            request_id=meta.request_id,
        )
        live.began(lctx)
        req.bind_abort(lctx.cancel)

        def finish(watched: Watched) -> None:
            recording = live.finish(
                lctx,
                request=req,
                response=res,
                events=watched.events,
                redactors=self.redactors.of(spec, res.status_code),
                timeout=None if timeout == math.inf else timeout,
                sent=watched.body_sent(),
            )
            self.recorder.offer(recording, lctx, req)

        self._watch.live[meta.request_id] = Watched(req, res, lctx, finish)
        self.live[meta.request_id] = (live, spec)
        try:
            await plan.run(req, res, lctx, live.gctx)
        finally:
            del self.live[meta.request_id]
            self._watch.live.pop(meta.request_id, None)
        return True
