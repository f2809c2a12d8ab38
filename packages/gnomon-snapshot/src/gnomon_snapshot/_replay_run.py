"""One replay, between the recording that answers it and the application that runs it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, final

import trio

from gnomon_context import GlobalContext, LocalContext, SharedState
from gnomon_context.runtime import rebuild
from gnomon_snapshot._answered import AnsweredSources, answered_config
from gnomon_snapshot._answers import Answers, Divergence
from gnomon_snapshot._body import RecordedBody
from gnomon_snapshot._capture import Redactor, RequestLike, ResponseLike
from gnomon_snapshot._detached import detached_unseen
from gnomon_snapshot._errors import ReplayDiverged, ReplayError
from gnomon_snapshot._outside import STATE, topics_unseen
from gnomon_snapshot._recorded import LiveRecording
from gnomon_snapshot._recorder import Recorder
from gnomon_snapshot._recording import RecordedRequest, Recording
from gnomon_snapshot._registered import Registered, Restored
from gnomon_snapshot._report import ReplayReport, compare
from gnomon_snapshot._standin import protocols_of
from gnomon_snapshot._start import CANCELLED, Edit, Start
from gnomon_snapshot._streamed import Streamed, Taken
from gnomon_snapshot._views import ResponseState


@final
class ReplayRun:
    """One replay, as the application sees it that runs it; made by `replay`.

    Attributes:
        request: The request to run, edited.
        request_id: The id it has.
        timeout: Seconds until its deadline, `None` for no deadline.
    """

    def __init__(
        self,
        recording: Recording,
        recorder: Recorder,
        *,
        live: frozenset[str],
        from_step: int | str | None,
        edit: Edit | None,
    ) -> None:
        request = recording.request
        if request is None:
            raise ReplayError(
                f"the recording of {recording.request_id} has no request: it was not given to the recorder"
            )
        self._edit = edit or Edit()
        self.recording: Recording = recording
        self.request: RecordedRequest = self._edit.apply(request)
        self.request_id: str = recording.request_id
        self.timeout: float | None = recording.timeout
        self._recorder = recorder
        self._live = live
        self._start = Start(recording, from_step)
        self._lctx: LocalContext | None = None
        self._gate: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
        self._made: LiveRecording | None = None
        self._answers: Answers | None = None
        self._result: Recording | None = None

    def view(self, gctx: GlobalContext[Any], *, classes: Mapping[str, type | None]) -> GlobalContext[Any]:
        """The global context of the replayed request, answered from the recording.

        Args:
            gctx: The application's, in which the live modules run.
            classes: The modules of the application by name, with the class of each if it is known.

        Raises:
            ReplayError: A module that is to be live is none of the application.
        """
        unknown = self._live - classes.keys()
        if unknown:
            raise ReplayError(
                f"the application has no module {min(unknown)!r} that could be live; "
                f"it has: {', '.join(sorted(classes)) or 'none'}"
            )
        # What is live is recorded as always; the rest of the modules is not looked at.
        live = LiveRecording(self._recorder, gctx.view(only=self._live), AnsweredNothing())
        answers = Answers(
            self.recording,
            live.session,
            waits=not self._live,
            skip=self._start.skipped_calls,
            reached=self._reached,
        )
        names = dict.fromkeys(
            [*classes, *(node["on"].partition("#")[0] for node in self.recording.node["calls"])]
        )
        names.pop(STATE, None)
        modules: dict[str, Any] = {}
        for name in names:
            cls = classes.get(name)
            if name not in self._live:
                protocols = answers.protocols(name) | (frozenset() if cls is None else protocols_of(cls))
                modules[name] = answers.module(name, cls or object, protocols)
            else:
                modules[name] = live.gctx.modules[name]
        self._made, self._answers = live, answers
        live.gctx = gctx.view(
            modules=modules,
            config=answered_config(answers, gctx.config),
            sources=AnsweredSources(answers, self.recording),
            state=answers.module(STATE, SharedState, protocols_of(SharedState)),
            on_topic=topics_unseen(live.session.names),
            on_detach=detached_unseen(live.session, run=False),
        )
        return live.gctx

    @property
    def gated(self) -> bool:
        """Whether there are steps that are not to be called, so that `skips` has to be asked before each."""
        return self._start.boundary is not None

    def _reached(self, number: int) -> None:
        if number == self._start.edit_at:
            self._edit_state()

    def _edit_state(self) -> None:
        assert self._lctx is not None
        for key, value in self._edit.state.items():
            if value is not ...:
                self._lctx.set(key, value)
            elif key in self._lctx:
                self._lctx.delete(key)

    def began(
        self,
        lctx: LocalContext,
        *,
        gate: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:
        """Tell that the request begins, as soon as its context is made.

        Args:
            lctx: Its context.
            gate: If it is `gated`: put around hooks that a skipped step had registered on the request, so that `skips`
                is asked before each.
        """
        self._gate = gate
        self._lctx = lctx
        self._live_recording.began(lctx)
        then = self.recording.snapshot.meta
        rebuild(
            lctx,
            meta=dataclasses.replace(lctx.meta, received_at=then.received_at, received_ns=then.received_ns),
        )
        if self._start.boundary is None and self._start.edit_at is None:
            self._edit_state()

    def skips(self, step: str) -> bool:
        """Whether a hook or handler was over where the replay begins, and is not to be called.

        The first one that is asked for puts the state of the snapshot in place.

        Args:
            step: The id of the step.
        """
        start = self._start
        if not start.arrived and (step in start.over or step == start.first):
            self._arrive()
        return step in start.over

    def response_at(self, step: str) -> ResponseState | None:
        """The response to put in place of what a skipped step did to it, `None` if that is not the step to do it at.

        Args:
            step: The id of the step.
        """
        start = self._start
        return None if start.snapshot is None or step != start.answers_at else start.snapshot.response

    def failure_at(self, step: str) -> BaseException | None:
        """What a skipped step raised, `None` if it raised nothing: it has to be raised again.

        Args:
            step: The id of the step.
        """
        failed = self._start.failed
        if failed is None or step != failed.id or failed.error == CANCELLED:
            return None
        error = self._start.error()
        # a lone exception was taken out of its group; the step raised the group
        group = re.fullmatch(r"(?:Base)?ExceptionGroup: (.*) \(1 sub-exception\)", failed.error)
        if group is not None and not isinstance(error, BaseExceptionGroup):
            return BaseExceptionGroup(group[1], [error])
        return error

    def cancelled_at(self, step: str) -> bool:
        """Whether a skipped step was cancelled: whoever stands in its place waits until it is again.

        Who cancelled it does so once more: the request itself, a task that failed, or else the deadline or the client.

        Args:
            step: The id of the step.
        """
        failed, lctx = self._start.failed, self._lctx
        if lctx is not None and step == self._start.last and self._start.outcome == "cancelled":
            lctx.cancel()
        if failed is None or lctx is None or step != failed.id or failed.error != CANCELLED:
            return False
        if self._start.outcome == "error":
            lctx.start_soon(_fail, self._start.error(), name="replayed")
        return True

    def _arrive(self) -> None:
        start = self._start
        start.arrived = True
        assert start.snapshot is not None
        assert self._lctx is not None
        values = start.snapshot.fresh()
        for key, value in values["state"].items():
            self._lctx.set(key, value)
        assert self._answers is not None
        self._answers.pass_draws(start.skipped_draws)
        Restored(
            self._lctx, call=self._answers.function, gate=self._gate, diverge=self._diverge_at_start
        ).register(start.registered, values)
        if start.edit_at is None:
            self._edit_state()

    def _diverge_at_start(self, what: Registered, reason: str) -> None:
        assert self._answers is not None
        self._answers.divergences.append(Divergence(self._start.skipped_calls, "", "", str(what), reason))

    def finish(
        self,
        lctx: LocalContext,
        *,
        request: RequestLike | None = None,
        response: ResponseLike | None = None,
        events: Iterable[Any] = (),
        redactors: Mapping[str, Redactor] | None = None,
        sent: Streamed | None = None,
    ) -> None:
        """Tell what came of the request, before its context is closed; as `LiveRecording.finish`."""
        self._result = self._live_recording.finish(
            lctx,
            request=request,
            response=response,
            events=events,
            redactors=redactors,
            timeout=self.timeout,
            sent=sent,
        )

    def body(self) -> bytes | RecordedBody | None:
        """What the body of the request is to be made of: all its bytes, or an async iterable of its pieces.

        `None` where there is only a value, in which something was blanked: `request.value`.
        """
        request = self.request
        if request.body is not None or request.value is not None:
            return request.body
        return RecordedBody(
            request,
            lambda: self._live_recording.session,
            waits=not self._live,
            cut=self.recording.node["cancelled"] is not None,
            diverge=self._diverge_body,
        )

    def _diverge_body(self, position: int, reason: str) -> NoReturn:
        assert self._answers is not None
        divergence = Divergence(position, "", "", "the body of the request", f"is not all there: {reason}")
        self._answers.divergences.append(divergence)
        raise ReplayDiverged(str(divergence))

    def took(self) -> Taken:
        """What the pieces of a body that is taken as a stream are told to; as `LiveRecording.took`."""
        return self._live_recording.took()

    def sending(self) -> Streamed:
        """What the items of a streamed answer are told to; as `LiveRecording.sending`."""
        return self._live_recording.sending()

    @property
    def _live_recording(self) -> LiveRecording:
        assert self._made is not None, "view() comes first"
        return self._made

    async def cancel_as_recorded(self) -> None:
        """Cancel the request when it was cancelled then, if somebody else did: the client, or a shutdown."""
        reason = self.recording.node["cancelled"]
        if reason not in ("disconnect", "shutdown"):
            return
        calls = self.recording.node["calls"]
        ends = [node["ended"] for node in calls if node["how"] == "cancelled" and node["ended"] is not None]
        await trio.sleep(min([self.recording.node["ended"], *ends]) / 1e9)
        if self._lctx is not None and self._result is None:
            self._lctx.cancel(reason)

    def report(self) -> ReplayReport:
        """What differs, when the request is over.

        Raises:
            ReplayError: It did not come to its end.
        """
        if self._result is None or self._answers is None:
            raise ReplayError(
                f"the replay of {self.request_id} came to no end: the request was given up, or its application never called "
                "finish()"
            )
        start, divergences = self._start, self._answers.divergences
        if start.boundary is not None and not start.arrived:
            gone = "was not reached: it is not there any more, or the request ended before it"
            divergences.append(Divergence(start.skipped_calls, "", "", f"the step {start.first}", gone))
        return compare(
            self.recording,
            self._result,
            divergences=divergences,
            skipped_calls=self._start.skipped_calls,
        )


async def _fail(error: BaseException) -> None:
    """What a task does that failed before the place where the replay goes on."""
    raise error


class AnsweredNothing:
    """Sources that nobody asks: a replay has its own."""

    random: Any = None
    now: Any = None
    monotonic: Any = None
    uuid: Any = None
