"""Takes a snapshot of a live request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from cbor2 import CBORTag

from gnomon_context import LocalContext
from gnomon_snapshot import _tags as tag
from gnomon_snapshot._graph import Graph
from gnomon_snapshot._hidden import hidden_fields, parsed_body, redacted, withheld_copy, without_hidden_query
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._protect import protected
from gnomon_snapshot._secrets import Secrets
from gnomon_snapshot._snapshot import Snapshot
from gnomon_snapshot._types import NO_TYPES, Types

CREDENTIAL_HEADERS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-csrf-token",
    }
)
_LIMITS: Final = Limits()
_SHORT: Final = 4096


class Redactor(Protocol):
    """Blanks what is sensitive by its type; a GType is one."""

    def redact(self, value: Any, /) -> Any:
        """A copy of the value without what is sensitive."""
        ...


class RequestLike(Protocol):
    """What is read of a request; `raw_body`, the bytes read so far, is read too if it is there."""

    @property
    def method(self) -> str:
        """The method."""
        ...

    @property
    def target(self) -> str:
        """Path and query as sent."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields; where they have `raw`, those are the pairs of bytes as they came."""
        ...

    @property
    def body(self) -> Any:
        """The parsed body; may raise while there is none."""
        ...


class ResponseLike(Protocol):
    """What is read of a response; `finished` and `started` are read too if they are there."""

    @property
    def status_code(self) -> int:
        """The status as it stands."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields as they stand."""
        ...

    @property
    def body(self) -> Any:
        """The body as it stands."""
        ...


def capture(
    lctx: LocalContext,
    *,
    request: RequestLike | None = None,
    response: ResponseLike | None = None,
    events: Iterable[object] = (),
    manifest: str = "",
    redactors: Mapping[str, Redactor] | None = None,
    credential_headers: frozenset[str] = CREDENTIAL_HEADERS,
    limits: Limits = _LIMITS,
    types: Types = NO_TYPES,
) -> Snapshot:
    """Take a snapshot of a request: deep, independent, bounded.

    Nothing is awaited, so that no task of the request runs meanwhile. What cannot be written is listed in
    `Snapshot.losses`; only a context that is over is refused. An object whose class says `__sensitive__ = True` is never
    written, wherever it hides.

    Args:
        lctx: The context of the request; alive, for its end takes its state away.
        request: The request, as far as it has been read.
        response: The response, as far as it has been made.
        events: The lifecycle events so far.
        manifest: The fingerprint of the manifest in force.
        redactors: By place, `request.body`, `request.query`, `request.headers`, `request.target`, `response.body` or
            `state.<key>`: what blanks the sensitive parts of that value before it is written. Where one fails, nothing of
            the value is written. What they blank is blanked wherever else it stands in the snapshot, too. Those of an
            application that is protected (see `protect`; `gnomon.App` is) are in force without being given.
        credential_headers: Names of header fields, in small letters, whose values are not written.
        limits: Bounds.
        types: The classes that come back as themselves from this object; any reader can bring its own.

    Raises:
        gnomon_context.ContextClosed: The request is over.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> lctx = LocalContext(GlobalContext(), path="/orders")
    >>> lctx.set("handle", open)
    >>> [loss.path for loss in capture(lctx).losses]
    ['/state/handle']
    """
    found, secrets = protected(lctx, response, redactors or {})
    tree = capture_tree(
        lctx,
        secrets,
        request=request,
        response=response,
        events=events,
        manifest=manifest,
        redactors=found,
        credential_headers=credential_headers,
        limits=limits,
    )
    return Snapshot._of(secrets.blank(tree) if secrets else tree, None, types)


def capture_tree(
    lctx: LocalContext,
    secrets: Secrets,
    *,
    request: RequestLike | None,
    response: ResponseLike | None,
    events: Iterable[object],
    manifest: str,
    redactors: Mapping[str, Redactor],
    credential_headers: frozenset[str],
    limits: Limits,
) -> dict[str, Any]:
    """The tree of a snapshot, for `capture`; what is found hidden is remembered in `secrets`, and not blanked yet."""
    pass_ = _Pass(Graph(limits), redactors, credential_headers, secrets)
    copy = pass_.graph.copy
    # names and ids are no part of what the bounds are for, and a snapshot without its request id is lost
    plain = _Plain().copy
    outcome = lctx.outcome
    execution = lctx.execution
    tree: dict[str, Any] = {
        "captured_at": plain(lctx.now()),
        "cancel_reason": lctx.cancel_reason,
        "manifest": plain(manifest),
        "meta": _meta(lctx, plain),
        "phase": lctx.phase.value,
        "execution": None
        if execution is None
        else {name: plain(getattr(execution, name)) for name in _EXECUTION},
        "remaining": lctx.remaining(),
        "outcome": None
        if outcome is None
        else {
            "kind": outcome.kind,
            "error": copy(outcome.error),
            "truncated": outcome.truncated,
            "recovered": outcome.recovered,
        },
        "state": pass_.state(lctx),
        "tasks": [{name: copy(getattr(task, name), 1) for name in _TASK} for task in lctx.tasks],
        "compensations": _compensations(lctx, copy),
        "request": None if request is None else pass_.request(request),
        "response": None if response is None else pass_.response(response),
        "events": [copy(event) for event in tuple(events)],
    }
    pass_.graph.finish(tree)
    return tree


_EXECUTION: Final = ("handler_id", "version", "step", "hook_id", "level", "attempt")
_TASK: Final = ("name", "status", "isolated", "result", "error", "started_ns", "ended_ns")
_META: Final = (
    "request_id",
    "trace_id",
    "parent_id",
    "client_id",
    "method",
    "path",
    "route",
    "version",
    "received_at",
    "received_ns",
)


def _meta(lctx: LocalContext, copy: Callable[..., Any]) -> dict[str, Any]:
    meta = lctx.meta
    fields = {name: copy(getattr(meta, name)) for name in _META}
    fields["flags"] = [copy(flag) for flag in meta.flags]
    return fields


def _compensations(lctx: LocalContext, copy: Callable[..., Any]) -> list[Any]:
    extras = lctx.extras
    if extras is None:
        return []
    return [
        {
            "name": copy(step.name),
            "args": [copy(argument, 1) for argument in step.args],
            "timeout": step.timeout,
        }
        for step in tuple(extras.compensations)
    ]


def pairs_of(headers: Any) -> list[tuple[Any, Any]]:
    """Names and values; a name that stands there several times comes several times where `getall` tells."""
    several = getattr(headers, "getall", None)
    if several is None:
        return [(name, headers[name]) for name in headers]
    raw = getattr(headers, "raw", None)
    if type(raw) is tuple and len(raw) == len(headers):  # every name once: no need to search for more
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
    return [(name, value) for name in headers for value in several(name)]


class _Plain:
    """Copies what is short text nearly always; a graph is made for what is not."""

    def copy(self, value: Any) -> Any:
        cls = type(value)
        if cls is int or value is None or (cls is str and len(value) <= _SHORT):
            return value
        return Graph(_LIMITS).copy(value)


class _Pass:
    """One capture: the graph and the places that are blanked."""

    def __init__(
        self, graph: Graph, redactors: Mapping[str, Redactor], headers: frozenset[str], secrets: Secrets
    ) -> None:
        self.graph = graph
        self.redactors = redactors
        self.headers = headers
        self.secrets = secrets

    def state(self, lctx: LocalContext) -> dict[str, Any]:
        # first all of it, for a `repr` or a redactor may change it meanwhile; a key may be a ContextKey, which is its name
        stored = [(str.__str__(key), lctx.get(key)) for key in lctx]
        if not self.redactors:
            return {key: self.graph.copy(value, 1) for key, value in stored}
        return {key: self.place(f"state.{key}", lambda value=value: value) for key, value in stored}  # type: ignore[misc]

    def request(self, request: RequestLike) -> dict[str, Any]:
        return {
            "method": self.place("request.method", lambda: request.method),
            "target": self.place("request.target", lambda: self._target(request)),
            "headers": self.fields(request, self._hidden_fields(request)),
            "body": self.place("request.body", lambda: self._body(request)),
        }

    def _target(self, request: RequestLike) -> Any:
        redactor = self.redactors.get("request.query")
        return (
            request.target
            if redactor is None
            else without_hidden_query(request.target, redactor, self.secrets)
        )

    def _hidden_fields(self, request: RequestLike) -> frozenset[str]:
        redactor = self.redactors.get("request.headers")
        return frozenset() if redactor is None else hidden_fields(request.headers, redactor, self.secrets)

    def _body(self, request: RequestLike) -> Any:
        raw = getattr(request, "raw_body", None)
        redactor = self.redactors.get("request.body")
        if redactor is not None and isinstance(raw, bytes):
            learn_body(request, raw, redactor, self.secrets)
        try:
            return request.body
        except Exception:  # not parsed yet, or refused
            return None if redactor is not None else raw

    def response(self, response: ResponseLike) -> dict[str, Any]:
        return {
            "status_code": self.place("response.status_code", lambda: response.status_code),
            "headers": self.fields(response),
            "body": self.place("response.body", lambda: response.body),
            "finished": bool(getattr(response, "finished", False)),
            "started": bool(getattr(response, "started", False)),
        }

    def fields(self, owner: RequestLike | ResponseLike, hidden: frozenset[str] = frozenset()) -> list[Any]:
        """Header fields without their credentials, and without those that are hidden."""
        withheld = self.headers | hidden if hidden else self.headers
        try:
            headers = owner.headers
            pairs = pairs_of(headers)
        except Exception:
            return []
        return [
            [
                self.graph.copy(name, 2),
                CBORTag(tag.LOST, ["str", "", "sensitive"])
                if str(name).lower() in withheld
                else self.graph.copy(value, 2),
            ]
            for name, value in pairs
        ]

    def place(self, name: str, read: Callable[[], Any]) -> Any:
        """Copy what stands in a place, blanked if there is a redactor for it; what fails is a loss."""
        try:
            value = read()
            redactor = self.redactors.get(name)
            if redactor is not None:
                value = redacted(redactor, value, self.secrets)
        except Exception as error:
            return CBORTag(tag.LOST, [type(error).__name__, "", "failed"])
        return self.graph.copy(value, 1)


def learn_body(request: RequestLike, raw: bytes, redactor: Redactor, secrets: Secrets) -> tuple[bool, Any]:
    """Remember what is hidden in a body as it came, also if it was refused.

    Returns:
        Whether it could be read, and its value with `<withheld>` in those places, `None` if nothing is hidden.
    """
    headers = request.headers
    value = parsed_body(raw, str(headers.get("content-type", "") if hasattr(headers, "get") else ""))
    if value is None:
        secrets.hide(raw)
        return False, None
    try:
        shown = withheld_copy(value, redacted(redactor, value, secrets))
    except Exception:  # all of it is hidden then
        return False, None
    return True, None if shown == value else shown
