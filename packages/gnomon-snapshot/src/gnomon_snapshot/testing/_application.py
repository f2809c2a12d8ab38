"""A small application that can be recorded and replayed: hooks, a handler, modules, and no HTTP."""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import trio

from gnomon_context import Execution, GlobalContext, LocalContext, Module, open_global_context
from gnomon_context.runtime import begin, end, join_tasks
from gnomon_snapshot import MemoryStore, Recorder, Recording, ReplayRun

Handler = Callable[..., Any]
_GRACE = 5.0  # seconds for what runs after a failure


@dataclass
class Asked:
    """A request: `raw_body` are its bytes, and `body` too until a handler puts something else there."""

    method: str = "GET"
    target: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    raw_body: bytes | None = b""
    client: Any = None
    body: Any = None


@dataclass
class Answered:
    """A response: its handler sets the attributes."""

    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    finished: bool = False


class Happened(NamedTuple):
    """A lifecycle event."""

    kind: str
    name: str
    id: str | None = None
    attempt: int = 1
    error: BaseException | None = None
    detail: Any = None


class Application:
    """Runs `hooks`, `handler` and `after`, each of `(req, res, lctx, gctx)`, sync or async; it satisfies `Replayable`.

    Args:
        handler: Serves every request.
        hooks: Run before it, in order; their names are their ids.
        modules: By name: a value, or a `Module`.
        config: The configuration.
        recorder: How it records; everything, into memory, by default.
        timeout: Seconds for a request.
        after: Run behind it, in order, also after a failure.

    >>> from gnomon_snapshot import replay
    >>> async def handler(req, res, lctx, gctx):
    ...     res.body = await gctx.modules.prices.of("apple")
    >>> class Prices:
    ...     async def of(self, sku):
    ...         return len(sku)
    >>> app = Application(handler, modules={"prices": Prices()})
    >>> recording = app.record(Asked(target="/apple"))
    >>> recording.calls[0].value, replay(recording, app).empty
    (5, True)
    """

    def __init__(
        self,
        handler: Handler,
        *,
        hooks: Sequence[Handler] = (),
        modules: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        recorder: Recorder | None = None,
        timeout: float = math.inf,
        after: Sequence[Handler] = (),
    ) -> None:
        self.after: tuple[Handler, ...] = tuple(after)
        self.handler: Handler = handler
        self.hooks: tuple[Handler, ...] = tuple(hooks)
        self.modules: dict[str, Module] = {
            name: each if isinstance(each, Module) else Module(value=each)
            for name, each in (modules or {}).items()
        }
        self.config: dict[str, Any] = dict(config or {})
        self.recorder: Recorder = recorder or Recorder(MemoryStore())
        self.timeout: float = timeout

    def record(self, request: Asked | None = None, *, clock: trio.abc.Clock | None = None) -> Recording:
        """Serve one request in a loop of its own and return its recording."""
        return trio.run(self.serve, request or Asked(), clock=clock)

    async def serve(self, request: Asked) -> Recording:
        """Serve one request in an application of its own and return its recording."""
        made: list[Recording] = []
        async with open_global_context(modules=self.modules, config=self.config) as gctx:
            live = self.recorder.begin(gctx)

            def finish(lctx: LocalContext, res: Answered, events: list[Any]) -> None:
                timeout = None if self.timeout == math.inf else self.timeout
                made.append(live.finish(lctx, request=request, response=res, events=events, timeout=timeout))

            def before(step: str, lctx: LocalContext, res: Answered) -> bool:
                live.step(step, lctx, request, res)
                return True

            request_id = LocalContext(gctx).request_id
            await self._run(request, live.gctx, request_id, self.timeout, live.began, before, finish)
        return made[0]

    async def _run(
        self,
        request: Asked,
        gctx: GlobalContext[Any],
        request_id: str,
        timeout: float,
        began: Callable[[LocalContext], object],
        before: Callable[[str, LocalContext, Answered], bool | None],
        finish: Callable[[LocalContext, Answered, list[Any]], object],
    ) -> None:
        res = Answered()
        events: list[Happened] = []
        path = request.target.partition("?")[0]
        with trio.CancelScope() as scope:
            lctx = LocalContext(
                gctx, method=request.method, path=path, route=path, scope=scope,
                timeout=timeout, request_id=request_id,
            )  # fmt: skip
            began(lctx)
            begin(lctx)
            failure: BaseException | None = None

            async def run(step: Handler) -> None:
                name = "handler" if step is self.handler else step.__name__
                kind = "handler" if step is self.handler else "hook"
                lctx.execution = Execution("tests.handler", "", 0, name, None)
                events.append(Happened(f"{kind}.start", name, name))
                try:
                    verdict = before(name, lctx, res)
                    if verdict is None:
                        await trio.sleep_forever()
                    if verdict:
                        result = step(request, res, lctx, gctx)
                        if inspect.isawaitable(result):
                            await result
                except BaseException as error:
                    refused = hasattr(error, "problems")
                    failed = "validation:request" if refused else name
                    events.append(
                        Happened(
                            "validation.error" if refused else f"{kind}.error", name, failed, error=error
                        )
                    )
                    raise
                events.append(Happened(f"{kind}.end", name, name))

            try:
                for step in (*self.hooks, self.handler):
                    await run(step)
                await join_tasks(lctx)
                res.finished = True
            except (Exception, trio.Cancelled) as error:
                failure = error
                res.status_code, res.body = 500, type(error).__name__
                events.append(Happened("phase", "failed"))
            reason = lctx.cancel_reason
            lctx.settle(
                "ok" if failure is None else "cancelled" if reason == "explicit" else "error", failure
            )
            with trio.move_on_after(_GRACE, shield=True):
                for step in self.after:
                    await run(step)
            events.append(Happened("request.finished", "handler", error=failure, detail=lctx.outcome))
            finish(lctx, res, events)
            end(lctx)
            if isinstance(failure, trio.Cancelled):
                raise failure

    @asynccontextmanager
    async def open_replay(self, *, live: frozenset[str]) -> AsyncIterator[_Stage]:
        """Open for replays; see `gnomon_snapshot.Replayable`."""
        modules = {
            name: module if name in live else replace(module, lazy=True)
            for name, module in self.modules.items()
        }
        async with open_global_context(modules=modules, config=self.config) as gctx:
            yield _Stage(self, gctx)


class _Stage:
    def __init__(self, app: Application, gctx: GlobalContext[Any]) -> None:
        self._app = app
        self._gctx = gctx
        self.recorder = app.recorder

    def busy(self) -> bool:
        return False

    async def run(self, run: ReplayRun, /) -> None:
        asked = run.request
        request = Asked(asked.method, asked.target, dict(asked.headers), asked.body, body=asked.value)
        classes = {name: module.found_under for name, module in self._app.modules.items()}
        view = run.view(self._gctx, classes=classes)

        def before(step: str, _lctx: LocalContext, res: Answered) -> bool | None:
            if not (run.gated and run.skips(step)):
                return True
            failure = run.failure_at(step)
            if failure is not None:
                raise failure
            response = run.response_at(step)
            if response is not None:
                res.status_code, res.body = response.status_code, response.body
            return None if run.cancelled_at(step) else False

        def finish(lctx: LocalContext, res: Answered, events: list[Any]) -> None:
            run.finish(lctx, request=request, response=res, events=events)

        timeout = math.inf if run.timeout is None else run.timeout
        await self._app._run(request, view, run.request_id, timeout, run.began, before, finish)
