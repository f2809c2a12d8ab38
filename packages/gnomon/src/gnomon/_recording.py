"""What turns a sampled request into a recording: its own plans, with a listener and a boundary around its steps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gnomon_context import LocalContext
from gnomon_gtype import GType
from gnomon_gtype.schema import Sensitive
from gnomon_orchestrator import EVENT_KINDS, LifecycleEvent, Listener
from gnomon_orchestrator.protocols import Boundary
from gnomon_snapshot import LiveRecording, Recorder, ReplayRun, Streamed

from ._binding import item_type, request_validator, types_of
from ._lanes import Lane, Spec
from ._streams import Tee, shown_item


class Redactors:
    """The types of each route, which blank what they call sensitive; one that has nothing of the kind is not asked."""

    def __init__(self) -> None:
        self._known: dict[Spec, tuple[Mapping[str, GType[Any]], Mapping[int, GType[Any]]]] = {}
        self._items: dict[Spec, Callable[[Any], Any]] = {}
        self._streams: dict[Spec, bool] = {}
        self._plain: dict[Spec, bool] = {}

    def of(self, spec: Spec, status: int) -> dict[str, GType[Any]]:
        """By place: the types of the parts of the request, and that of the answer with this status."""
        if spec.handler is None or spec.declaration is None:
            return {}
        known = self._known.get(spec)
        if known is None:
            parts, answers = types_of(spec.handler, spec.declaration)
            known = self._known[spec] = (
                {f"request.{part}": kind for part, kind in parts.items() if _blanks(kind)},
                {status: kind for status, kind in answers.items() if _blanks(kind)},
            )
        asked, answered = known
        if status in answered:
            return {**asked, "response.body": answered[status]}
        return dict(asked)

    def plain(self, spec: Spec) -> bool:
        """Whether the body of a request is plain data to its handler, and no object is made of it."""
        if spec.handler is None or spec.declaration is None:
            return True
        known = self._plain.get(spec)
        if known is None:
            parts, _ = types_of(spec.handler, spec.declaration)
            nodes = parts["body"].schema.walk() if "body" in parts else ()
            known = self._plain[spec] = all(getattr(node, "cls", None) is None for _, node in nodes)
        return known

    def streams(self, spec: Spec) -> bool:
        """Whether the body of a request may be taken as a stream: not where its type reads it whole before."""
        known = self._streams.get(spec)
        if known is None:
            checked = None if spec.handler is None else request_validator(spec.handler)
            known = self._streams[spec] = checked is None or not checked.reads_body
        return known

    def shown(self, spec: Spec) -> Callable[[Any], Any]:
        """What makes of an item of a streamed answer what is written down of it."""
        known = self._items.get(spec)
        if known is None:
            kind = None if spec.handler is None else item_type(spec.handler)
            blanking = kind if kind is not None and _blanks(kind) else None
            known = self._items[spec] = functools.partial(shown_item, kind=blanking)
        return known


def _blanks(kind: GType[Any]) -> bool:
    """Whether anything in a type is sensitive; objects that say so themselves are kept out of snapshots anyway."""
    return any(isinstance(node, Sensitive) for _, node in kind.schema.walk())


class Watched:
    """One request whose lifecycle is taken down.

    Args:
        live: Its recording, or its replay.
        req: The request.
        res: The response.
        lctx: Its context.
        finish: Called when it is over.
        shown: Makes of an item of a streamed answer what is written down of it.
        streams: Whether its body may be taken as a stream.
    """

    __slots__ = ("_live", "_sent", "_shown", "events", "finish", "lctx", "req", "res")

    def __init__(
        self,
        live: LiveRecording | ReplayRun,
        req: Any,
        res: Any,
        lctx: LocalContext,
        finish: Callable[[Watched], object],
        shown: Callable[[Any], Any],
        *,
        streams: bool = True,
    ) -> None:
        self.req = req
        self.res = res
        self.lctx = lctx
        self.finish = finish
        self.events: list[LifecycleEvent] = []
        self._live = live
        self._shown = shown
        self._sent: Streamed | None = None
        if streams and req.raw_body is None:
            req.watch_body(live.took().add)

    def watch_stream(self) -> None:
        """Keep what passes through the answer, which is about to be streamed."""
        self._sent = self._live.sending()
        self.res.body = Tee(self.res.body, self._keep)

    def _keep(self, item: Any) -> None:
        assert self._sent is not None
        self._sent.add(self._shown(item), of=item)

    @property
    def sent(self) -> Streamed | None:
        """What was streamed, `None` if the answer was none in the end."""
        return self._sent if self.res.streaming else None


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
        kind = event.kind
        if kind == "phase":
            if event.name == "responding" and watched.res.streaming:
                watched.watch_stream()
        elif kind == "request.finished":
            del self.live[event.request_id]
            watched.finish(watched)


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

    async def run(self, spec: Spec, req: Any, res: Any, lctx: LocalContext, timeout: float) -> bool:
        """Run a chosen request and record it; `False`, with an alert, if it cannot be recorded and was not run.

        Args:
            spec: Its route.
            req: The request.
            res: The response.
            lctx: Its context, which has not begun.
            timeout: Seconds it has.
        """
        try:
            live = self.recorder.begin(lctx.gctx)
            plan = self._lane.plan(spec)
        except Exception as error:  # whatever is wrong with recording, requests go on
            lctx.gctx.alert("recording_failed", error, request_id=lctx.request_id)
            return False
        request_id = lctx.request_id
        live.take_over(lctx)
        req.bind_abort(lctx.cancel)

        def finish(watched: Watched) -> None:
            recording = live.finish(
                lctx,
                request=req,
                response=res,
                events=watched.events,
                redactors=self.redactors.of(spec, res.status_code),
                timeout=None if timeout == math.inf else timeout,
                sent=watched.sent,
            )
            self.recorder.offer(recording, lctx, req)

        shown = self.redactors.shown(spec)
        streams = self.redactors.streams(spec)
        self._watch.live[request_id] = Watched(live, req, res, lctx, finish, shown, streams=streams)
        self.live[request_id] = (live, spec)
        try:
            await plan.run(req, res, lctx, live.gctx)
        finally:
            del self.live[request_id]
            self._watch.live.pop(request_id, None)
        return True
