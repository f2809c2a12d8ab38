"""Runs a recorded request again, through the real lifecycle of an application, with the outside world answered."""

from __future__ import annotations

import functools
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import trio

from gnomon_context.runtime import lone_error
from gnomon_snapshot._clock import ReplayClock, steady_scheduling
from gnomon_snapshot._errors import ReplayError
from gnomon_snapshot._recorder import Recorder
from gnomon_snapshot._recording import Recording
from gnomon_snapshot._replay_run import ReplayRun
from gnomon_snapshot._report import ReplayReport
from gnomon_snapshot._start import Edit
from gnomon_snapshot._types import NO_TYPES

# Seconds, of the clock of the replay, after which a request without a deadline that waits for nothing is given up.
_PATIENCE: Final = 86_400.0


class Stage(Protocol):
    """An application that was opened for replays."""

    @property
    def recorder(self) -> Recorder:
        """The settings by which it records: types, redactors, secrets."""
        ...

    def busy(self) -> bool:
        """Whether something is at work that does not wait for time, such as a thread of its own."""
        ...

    async def run(self, run: ReplayRun, /) -> None:
        """Run one request through the whole lifecycle.

        It gets `run.request`; its global context is `run.view(...)` of that of the application, its id `run.request_id`
        and its timeout `run.timeout`. `run.began(lctx)` is called with its context, and `run.finish(lctx, ...)` with
        what came of it, before the context is closed.
        """
        ...


class Replayable(Protocol):
    """What can run a recorded request; `gnomon.App` is one."""

    def open_replay(self, *, live: frozenset[str]) -> AbstractAsyncContextManager[Stage]:
        """Open the application with these modules and no others, beside whatever else it does.

        Args:
            live: The names of the modules to start; none of the rest is started or touched.
        """
        ...


def replay(
    recording: Recording,
    app: Replayable,
    *,
    allow_live: Collection[str] = (),
    from_step: int | str | None = None,
    edit: Edit | None = None,
) -> ReplayReport:
    """Run a recorded request again and tell what differs.

    It is sync: the replay has an event loop of its own, in which time stands while code runs and jumps to where it is
    waited for. From async code, await `replay_async`.

    The request goes through the real lifecycle of the application. No module is started or touched: calls are answered
    from the recording, and end when they ended then. Results are the same on every run. A call that the recording cannot
    answer raises `ReplayDiverged` where it is made, and is a `Divergence` of the report.

    Args:
        recording: What to replay.
        app: Today's application, or any other.
        allow_live: The names of modules that are started and asked, instead of the recording; then time flows.
        from_step: A number or name in `Recording.steps`. At a hook or the handler, what came before it is not run: state
            and response are those of its snapshot. At a module call, the handler runs again with the earlier calls
            answered.
        edit: What to change before.

    Raises:
        ReplayError: The recording has no request, or no such step; a module of `allow_live` is none of the application; or
            this is called where an event loop runs.
    """
    if trio.lowlevel.in_trio_run():
        raise ReplayError(
            "replay() runs an event loop of its own and cannot be called from async code: await replay_async() with the "
            "same arguments"
        )

    async def main() -> ReplayReport:
        async with app.open_replay(live=live) as stage:
            clock.wait_for(stage.busy)
            return await run_on(stage, recording, live=live, from_step=from_step, edit=edit)

    live = frozenset([allow_live] if isinstance(allow_live, str) else allow_live)
    clock = ReplayClock(flowing=bool(live))
    with steady_scheduling():
        return trio.run(main, clock=clock)


async def replay_async(
    recording: Recording,
    app: Replayable,
    *,
    allow_live: Collection[str] = (),
    from_step: int | str | None = None,
    edit: Edit | None = None,
) -> ReplayReport:
    """As `replay`, from async code: in a thread, with its own event loop beside the one that this is awaited in.

    A cancellation waits for the end of the replay.

    Raises:
        ReplayError: The recording has no request, or no such step, or a module is none of the application.

    >>> import trio
    >>> from gnomon_snapshot.testing import Application
    >>> async def main(recording, app):
    ...     return await replay_async(recording, app)
    >>> app = Application(lambda req, res, lctx, gctx: lctx.set("total", 7))
    >>> trio.run(main, app.record(), app).empty
    True
    """
    run = functools.partial(replay, recording, app, allow_live=allow_live, from_step=from_step, edit=edit)
    return await trio.to_thread.run_sync(run)


async def run_on(
    stage: Stage,
    recording: Recording,
    *,
    live: frozenset[str] = frozenset(),
    from_step: int | str | None = None,
    edit: Edit | None = None,
) -> ReplayReport:
    """One replay on an application that is open for it, in the loop of a `ReplayClock`."""
    recorder = stage.recorder
    if recorder.types is not NO_TYPES and recorder.types is not recording.snapshot._types:
        recording = recording.using(recorder.types)
    run = ReplayRun(recording, recorder, live=live, from_step=from_step, edit=edit)
    with trio.move_on_after(_PATIENCE):
        if recording.node["cancelled"] is None:
            await stage.run(run)
        else:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(run.cancel_as_recorded)
                    await stage.run(run)
                    nursery.cancel_scope.cancel()
    return run.report()
