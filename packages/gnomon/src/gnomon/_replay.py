"""An application as replays see it: the same handlers, hooks and types, with the outside world answered."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import trio

import gnomon_context
import gnomon_gtype
import gnomon_ingress
import gnomon_orchestrator
from gnomon_context import GlobalContext, LocalContext, Module, open_global_context
from gnomon_ingress import Client, Request, Response, make_request
from gnomon_snapshot import MemoryStore, Recorder, ReplayRun

from ._lanes import Gate, Lane, Spec, gate_around
from ._recording import Redactors, Watch, Watched
from ._standins import Blanked, Lenient, encoded, sent_headers

# The errors of the runtime itself: they come back as themselves, so that a module's `HttpError` is answered as it was.
_ERRORS: Final = tuple(
    each
    for package in (gnomon_context, gnomon_gtype, gnomon_ingress, gnomon_orchestrator, trio)
    for each in vars(package).values()
    if isinstance(each, type) and issubclass(each, Exception)
)
# Asked of the application: route a request, and say which plan, timeout, version and limit it has.
Find = Callable[[Request[Any, Any, Any]], tuple[Spec, str, str, float, int | None]]


class Replays:
    """What an application keeps for its replays.

    Args:
        find: Routes a request.
        make_lane: Makes plans with a listener, a gate and wrapped validators.
        modules: The modules of the application.
        settings: Its configuration.
        recorder: Its recorder, if it has one.
        secrets: Where its modules get secrets.
    """

    def __init__(
        self,
        find: Find,
        make_lane: Callable[..., Lane],
        modules: Mapping[str, Any],
        settings: Any,
        recorder: Recorder | None,
        secrets: Callable[[str], Any] | None,
    ) -> None:
        self._secrets = secrets
        self.find = find
        self.recorder = recorder or Recorder(MemoryStore())
        self.recorder.types = self.recorder.types.extended(*_ERRORS)
        self.redactors = Redactors()
        self.watch = Watch()
        self.runs: dict[str, ReplayRun] = {}
        self.blanked: dict[Request[Any, Any, Any], Blanked] = {}
        self._make_lane = make_lane
        self._modules = {
            name: each if isinstance(each, Module) else Module(value=each) for name, each in modules.items()
        }
        self._settings = settings
        self._lanes: dict[bool, Lane] = {}

    def lane(self, *, gated: bool) -> Lane:
        """The plans of replays: as they are, or with a gate before each step that may be skipped."""
        if gated not in self._lanes:
            gate: Gate | None = (lambda function: gate_around(function, self._passes)) if gated else None
            self._lanes[gated] = self._make_lane(
                listeners=[self.watch], gate=gate, wrap=lambda checked: Lenient(checked, self.blanked)
            )
        return self._lanes[gated]

    def _passes(self, lctx: LocalContext, res: Response[Any]) -> bool | None:
        execution = lctx.execution
        step = "handler" if execution is None or execution.hook_id is None else execution.hook_id
        run = self.runs[lctx.request_id]
        if not run.skips(step):
            return True
        response, failure = run.response_at(step), run.failure_at(step)
        if response is not None:
            _put_response(res, response)
        if failure is not None:
            raise failure
        return None if run.cancelled_at(step) else False

    @asynccontextmanager
    async def open(self, live: frozenset[str]) -> AsyncIterator[ReplayStage]:
        """Open the application with the live modules alone; the others are known and stay as they are."""
        modules = {
            name: module if name in live else replace(module, lazy=True)
            for name, module in self._modules.items()
        }
        shared: GlobalContext[Any] = GlobalContext(
            modules=modules, config=self._settings, secrets=self._secrets
        )
        async with open_global_context(shared) as gctx:
            classes = {name: module.found_under for name, module in modules.items()}
            yield ReplayStage(self, gctx, classes)


class ReplayStage:
    """An application that is open for replays; see `gnomon_snapshot.Stage`."""

    def __init__(
        self, replays: Replays, gctx: GlobalContext[Any], classes: Mapping[str, type | None]
    ) -> None:
        self._replays = replays
        self._gctx = gctx
        self._classes = classes

    @property
    def recorder(self) -> Recorder:
        """The settings by which the application records."""
        return self._replays.recorder

    def busy(self) -> bool:
        """Whether a handler or hook is at work in a thread."""
        lanes = self._replays._lanes.values()
        return any(lane.orchestrator.thread_statistics().running for lane in lanes)

    async def run(self, run: ReplayRun, /) -> None:
        """Run one request through the lifecycle, from routing to cleanup."""
        replays = self._replays
        with trio.CancelScope() as scope:
            req = _make_request(run, scope)
            sink = _Collected(req)
            res: Response[Any] = Response(sink)
            spec, pattern, version, _, limit = replays.find(req)
            if limit is not None:
                req.body_limit = limit
            view = run.view(self._gctx, classes=self._classes)
            lctx = LocalContext(
                view,
                method=req.method,
                path=req.path,
                route=pattern,
                version=version,
                traceparent=req.headers.get("traceparent"),
                scope=scope,
                timeout=math.inf if run.timeout is None else run.timeout,
                request_id=run.request_id,
            )
            req.bind_abort(lctx.cancel)

            def finish(watched: Watched) -> None:
                run.finish(
                    lctx,
                    request=req,
                    response=res,
                    events=watched.events,
                    redactors=replays.redactors.of(spec, res.status_code),
                    sent=watched.sent,
                )

            shown = replays.redactors.shown(spec)
            replays.watch.live[run.request_id] = Watched(run, req, res, lctx, finish, shown)
            replays.runs[run.request_id] = run
            replays.blanked[req] = Blanked(run.request.value, replays.redactors.plain(spec))
            try:
                run.began(lctx, gate=lambda hook: gate_around(hook, replays._passes))
                await replays.lane(gated=run.gated).plan(spec).run(req, res, lctx, view)
            finally:
                del replays.runs[run.request_id], replays.blanked[req]
                replays.watch.live.pop(run.request_id, None)


def _make_request(run: ReplayRun, scope: trio.CancelScope) -> Request[Any, Any, Any]:
    recorded, body = run.request, run.body()
    headers: Iterable[tuple[str, str]] = recorded.headers
    if body is None:
        media = next((value for name, value in headers if name.lower() == "content-type"), "")
        media = media.partition(";")[0].strip().lower()
        body, headers = encoded(recorded.value, media), sent_headers(headers, media)
    client = None if recorded.client is None else Client(recorded.client, 0)
    return make_request(
        recorded.method, recorded.target, headers=headers, body=body, scope=scope, client=client
    )


def _put_response(res: Response[Any], recorded: Any) -> None:
    """Put a response where it stood."""
    for name, value in recorded.headers:
        res.headers[name] = str(value)
    res.status(recorded.status_code)
    if recorded.finished:
        media = res.headers.get("content-type", "application/json")
        if isinstance(recorded.body, bytes):
            res.bytes(recorded.body, media_type=media)
        elif isinstance(recorded.body, str) and not media.startswith("application/json"):
            res.text(recorded.body, media_type=media)
        else:
            res.json(recorded.body)
            res.headers["content-type"] = media


class _Collected:
    """Where the response of a replay goes: nowhere."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self.request: Request[Any, Any, Any] | None = request

    def deliver_nowait(self, response: Response[Any], payload: bytes) -> int:  # noqa: ARG002 - its protocol has them
        """Take a buffered response."""
        return 1

    async def flush(self) -> None:
        """Do nothing."""

    async def deliver(self, response: Response[Any], payload: bytes) -> None:
        """Do nothing: `deliver_nowait` has taken everything."""

    async def deliver_stream(
        self, response: Response[Any], chunks: AsyncIterable[bytes], before_last_byte: Any
    ) -> None:
        """Run a stream to its end."""
        iterator = chunks.__aiter__()
        try:
            async for _ in iterator:
                if not response.started:
                    response.note_start()
            if before_last_byte is not None:
                before_last_byte()
            if not response.started:
                response.note_start()
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                await close()
