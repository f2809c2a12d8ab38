"""One request while it is recorded: what the outside world answers it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, final

import trio

from gnomon_context import GlobalContext, LocalContext, ModuleNotStarted, Sources
from gnomon_context.runtime import read_through, rebase
from gnomon_snapshot._capture import Redactor, RequestLike, ResponseLike, capture_tree, learn_body
from gnomon_snapshot._compact import compact
from gnomon_snapshot._detached import detached_unseen
from gnomon_snapshot._graph import Graph, NotPlain
from gnomon_snapshot._hidden import hidden_fields, redacted, without_hidden_query
from gnomon_snapshot._outside import STATE, RecordedConfig, RecordedSources, topics_unseen
from gnomon_snapshot._recording import Recording, trace_node
from gnomon_snapshot._registered import registered
from gnomon_snapshot._secrets import Secrets
from gnomon_snapshot._session import Session
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._streamed import Streamed, Taken
from gnomon_snapshot._timeline import Timeline

if TYPE_CHECKING:
    from gnomon_snapshot._recorder import Recorder


class _Connected(Protocol):
    @property
    def client(self) -> Any: ...


@final
class LiveRecording:
    """One request while it is recorded; made by `Recorder.begin`.

    Attributes:
        gctx: What the request gets as its global context: its modules, configuration and sources are recorded.
    """

    __slots__ = (
        *("_taken", "gctx", "places", "recorder", "secrets", "session", "timeline", "unrecorded"),
        "__weakref__",
    )

    def __init__(self, recorder: Recorder, gctx: GlobalContext[Any], sources: Sources) -> None:
        self.recorder: Recorder = recorder
        self.secrets: Secrets = Secrets()
        self.session: Session = Session(
            clock=trio.lowlevel.current_clock().current_time,
            types=recorder.types,
            limits=recorder.limits,
            secrets=self.secrets,
            secret_modules=recorder.secrets,
            redactors=recorder.redactors,
        )
        self.unrecorded: list[str] = []
        self.timeline: Timeline | None = None
        self.places: list[list[Any]] = []
        self._taken: Taken | None = None
        session = self.session
        self.gctx: GlobalContext[Any] = gctx.view(
            modules=self._modules(gctx),
            config=read_through(RecordedConfig(session, gctx.config)),
            sources=RecordedSources(session, sources),
            state=session.adopt(STATE, gctx.state),
            on_topic=topics_unseen(session.names),
            on_detach=detached_unseen(session, run=True),
        )

    def _modules(self, gctx: GlobalContext[Any]) -> dict[str, Any]:
        """A stand-in for every module that runs."""
        found = {}
        modules, adopt = gctx.modules, self.session.adopt
        for name in modules:
            try:
                found[name] = adopt(name, modules[name])
            except ModuleNotStarted:
                self.unrecorded.append(name)
        return found

    def began(self, lctx: LocalContext) -> None:
        """Tell that the request begins, as soon as its context is made.

        Args:
            lctx: Its context, made with `LiveRecording.gctx`.
        """
        session = self.session
        session.lctx = lctx
        session.paused = True
        lctx.meta  # noqa: B018 - made now, it asks no clock later
        session.paused = False

    def take_over(self, lctx: LocalContext) -> None:
        """Record a request whose context is made already, and has not begun; in the place of `began`.

        Args:
            lctx: Its context, made with the global context that was given to `Recorder.begin`. It gets
                `LiveRecording.gctx`.
        """
        rebase(lctx, self.gctx)
        self.began(lctx)
        # the time of its arrival is the first that a context asks for
        self.session.draw("monotonic", lctx.meta.received_ns / 1e9)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Nothing that is asked in this block is an answer to the request."""
        self.session.paused = True
        try:
            yield
        finally:
            self.session.paused = False

    def took(self) -> Taken:
        """What keeps the pieces of a request's body that is taken as a stream: its `add` gets each, and `b""` at the end."""
        if self._taken is None:
            self._taken = Taken(self.session)
        return self._taken

    def sending(self) -> Streamed:
        """What keeps the items of a streamed answer: its `add` gets each as it passes, and `finish` all of it."""
        return Streamed(self.session)

    def step(
        self,
        name: str,
        lctx: LocalContext,
        request: Any,
        response: Any,
        *,
        redactors: Mapping[str, Redactor] | None = None,
    ) -> None:
        """Keep a snapshot of the request as it is at a boundary, if the recorder keeps steps.

        Args:
            name: The id of the step that is about to run.
            lctx: Its context.
            request: The request.
            response: The response.
            redactors: Those of this route, beside the recorder's.
        """
        if self.recorder.steps:
            if self.timeline is None:
                self.timeline = Timeline(types=self.recorder.types)
            tree = self._capture(lctx, request, response, redactors or {})
            if self.secrets:
                tree = self.secrets.blank(tree)
            self.timeline.add(name, Snapshot._of(tree, None, self.recorder.types))
            self.places.append([name, len(self.session.calls), registered(lctx, self.session)])

    def _capture(
        self, lctx: LocalContext, request: Any, response: Any, redactors: Mapping[str, Redactor]
    ) -> dict[str, Any]:
        with self._aside():
            return capture_tree(
                lctx,
                self.secrets,
                request=request,
                response=response,
                events=(),
                manifest=self.recorder.manifest,
                redactors={**self.recorder.redactors, **redactors},
                credential_headers=self.recorder.credential_headers,
                limits=self.recorder.limits,
            )

    def finish(
        self,
        lctx: LocalContext,
        *,
        request: RequestLike | None = None,
        response: ResponseLike | None = None,
        events: Iterable[Any] = (),
        redactors: Mapping[str, Redactor] | None = None,
        timeout: float | None = None,
        sent: Streamed | None = None,
    ) -> Recording:
        """Take the final snapshot and make the recording, before the context is closed.

        Args:
            lctx: The context of the request.
            request: The request.
            response: The response.
            events: The lifecycle events of the request; what `traced` keeps of them is written.
            redactors: Those of this route, beside the recorder's.
            timeout: Seconds that the request had from its arrival, `None` for no deadline.
            sent: What passed through a streamed answer.

        Raises:
            gnomon_context.ContextClosed: The request is over.
        """
        for name in self.unrecorded:
            if name in self.gctx.modules and _runs(self.gctx, name):
                self.session.names[f"{name}!"] = (
                    "it was lazy and did not run when the request came: its calls went unseen"
                )
        events = tuple(events)
        if not redactors and sent is None and request is not None and response is not None:
            made = self._ordinary(lctx, request, response, events, timeout)
            if made is not None:
                self.session.close()
                return Recording._made(made)
        own = dict(redactors or {})
        answer: Any = response if response is None or sent is None else _Streaming(response)
        captured = self._capture(lctx, request, answer, own)
        session = self.session
        session.bound()
        outcome = lctx.outcome
        part: dict[str, Any] = {
            "request": None
            if request is None
            else self._request(request, {**self.recorder.redactors, **own}),
            "timeout": timeout,
            "ended": session.at(),
            "cancelled": None if outcome is None or outcome.kind in ("ok", "error") else lctx.cancel_reason,
            "calls": session.calls,
            "names": session.names,
            "draws": session.draws,
            "config": session.config,
            "trace": [trace_node(event) for event in events],
            "places": self.places,
            "timeline": None if self.timeline is None else self.timeline.to_bytes(),
        }
        tree = {**captured, "recording": part}
        if sent is not None and tree["response"] is not None:
            tree["response"] = {**tree["response"], "body": sent.node()}
        session.close()
        return Recording._made(self._guarded(tree))

    def _ordinary(
        self, lctx: LocalContext, request: Any, response: Any, events: tuple[Any, ...], timeout: float | None
    ) -> Snapshot | None:
        """The recording in the second format, `None` if that cannot say it."""
        recorder = self.recorder
        if self.timeline is not None or recorder.redactors:
            return None
        session = self.session
        session.paused = True
        try:
            draft = compact(
                lctx,
                session,
                request=request,
                response=response,
                events=events,
                timeout=timeout,
                settings=recorder._settings,
                client=_host(request),
            )
        except (NotPlain, AttributeError):
            return None
        finally:
            session.paused = False
        made = Snapshot._of(None, None, recorder.types)
        made._draft = draft
        return made

    def _request(self, request: Any, redactors: Mapping[str, Redactor]) -> dict[str, Any]:
        """The request as it has to be sent again, without its secrets."""
        copy = Graph(self.recorder.limits, first=1 << 23).copy
        return {
            "method": str(request.method),
            "target": copy(self._target(request, redactors)),
            "headers": [[name, copy(value)] for name, value in self._headers(request, redactors)],
            "client": _host(request),
            **self._body(request, redactors.get("request.body"), copy),
        }

    def _target(self, request: Any, redactors: Mapping[str, Redactor]) -> Any:
        target = _redacted(redactors.get("request.target"), request.target)
        query = redactors.get("request.query")
        if query is None:
            return target
        try:
            return without_hidden_query(target, query, self.secrets)
        except Exception:  # all of it is hidden then
            return target.partition("?")[0]

    def _headers(self, request: Any, redactors: Mapping[str, Redactor]) -> Iterable[tuple[str, str]]:
        headers, withheld = request.headers, self.recorder.credential_headers
        if "request.headers" in redactors:
            withheld |= hidden_fields(headers, redactors["request.headers"], self.secrets)
        several = getattr(headers, "getall", None) or (lambda name: (headers[name],))
        for name in headers:
            for value in several(name):
                secret = str(name).lower() in withheld
                yield str(name), self.secrets.header(str(name).lower(), str(value)) if secret else str(value)

    def _body(self, request: Any, redactor: Redactor | None, copy: Callable[[Any], Any]) -> dict[str, Any]:
        """The bytes of the body; its value where something in it is blanked; the reason where there is neither."""
        raw = getattr(request, "raw_body", None)
        found: dict[str, Any] = {"body": None, "value": None, "missing": "", "pieces": None}
        if redactor is not None:
            readable, value = False, None
            if isinstance(raw, bytes):
                readable, value = learn_body(request, raw, redactor, self.secrets)
            if not readable:
                try:
                    value = request.body
                    blanked = redacted(redactor, value, self.secrets)
                except Exception as error:
                    reason = f"it could not be read to take out what is sensitive ({type(error).__name__})"
                    return {**found, "missing": "" if raw == b"" else reason}
                value = None if blanked == value else blanked
            if value is not None:
                return {**found, "value": copy(value)}
        taken = self._taken
        if raw is None and taken is None:
            return {**found, "missing": "the handler took it as a stream, or never read it"}
        if raw is None:
            assert taken is not None
            return {**found, "pieces": taken.pieces, "missing": taken.missing}
        node = copy(bytes(raw))
        if type(node) is not bytes:
            return {**found, "missing": f"its {len(raw)} bytes are more than the limit"}
        return {**found, "body": node}

    def _guarded(self, tree: dict[str, Any]) -> Snapshot:
        """A snapshot in which no secret stands that the request has met."""
        types = self.recorder.types
        made = Snapshot._of(tree, None, types)
        if not self.secrets:
            return made
        timeline = tree["recording"]["timeline"]
        if self.secrets.found_in(made.to_bytes()) or (timeline and self.secrets.found_in(timeline)):
            blanked = self.secrets.blank(tree)
            if self.timeline is not None:
                again = self.timeline.rewritten(self.secrets.blank)
                blanked["recording"]["timeline"] = again.to_bytes()
            made = Snapshot._of(blanked, None, types)
        return made


def _runs(gctx: GlobalContext[Any], name: str) -> bool:
    try:
        gctx.modules[name]
    except ModuleNotStarted:
        return False
    return True


def _redacted(redactor: Redactor | None, value: Any) -> Any:
    return value if redactor is None else redactor.redact(value)


def _host(request: _Connected) -> str | None:
    client = getattr(request, "client", None)
    return None if client is None else str(getattr(client, "host", client))


class _Streaming:
    """A streamed response without the iterator, of which a snapshot could say nothing."""

    body: Any = None

    def __init__(self, response: Any) -> None:
        self._response = response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)
