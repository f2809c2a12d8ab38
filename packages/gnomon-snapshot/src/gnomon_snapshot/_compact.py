"""The second format: an ordinary recording, written with as few values as will do.

Every recorded request pays for its recording, and what CBOR costs is counted in values, most of all in lists and tags.
A recording in which nothing is lost, shared, failed or still running is written as one list in a fixed order; what it
has in common with all others of its route, its trace above all, is encoded once and stands in it as bytes. Everything
else is written in the first format. A reader makes the tree of the first format of it, so that nothing but this module
knows that there are two.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

import cbor2

from gnomon_context import LocalContext, RequestMeta, RequestOutcome
from gnomon_snapshot._capture import pairs_of
from gnomon_snapshot._expand import EPOCH, EXECUTION, KINDS, MICROSECOND, TRACED
from gnomon_snapshot._graph import PLAIN, NotPlain, copy_plain
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._readers import TEXT
from gnomon_snapshot._recording import trace_node
from gnomon_snapshot._secrets import Secrets
from gnomon_snapshot._session import Session

_traced: Final = attrgetter(*TRACED)
_executed: Final = attrgetter(*EXECUTION)
# Integers of more than 64 bits whose length takes two bytes or more: only those can pass the bound of `Graph`.
_HUGE: Final = (b"\xc2\x59", b"\xc3\x59", b"\xc2\x5a", b"\xc3\x5a")
# Bounded: names of hooks and handlers stand in a frame, which somebody may make anew for every request.
_MOST_FRAMES: Final = 1024


class Frames:
    """What the recordings of a route have in common, encoded."""

    def __init__(self) -> None:
        self._known: dict[Any, bytes] = {}

    def encoded(
        self, lctx: LocalContext, meta: RequestMeta, outcome: RequestOutcome, manifest: str, events: Any
    ) -> bytes:
        """The frame of a request.

        Raises:
            NotPlain: The trace tells of an exception, or of something else that differs from request to request.
        """
        execution = lctx.execution
        trace = tuple(map(_traced, events))
        key = (
            *(meta.method, meta.route, meta.version, meta.flags, manifest, lctx.phase.value),
            *(outcome.kind, outcome.truncated, outcome.recovered),
            execution,
            trace,
        )
        try:
            known = self._known.get(key)
        except TypeError:  # what is told with an event need not have a hash
            raise NotPlain from None
        if known is None:
            if any(row[4] is not None or not _is_steady(row[5]) for row in trace):
                raise NotPlain
            parts = [*key[:9], None if execution is None else list(_executed(execution))]
            rows = [value for event in events for value in trace_node(event)[:6]]
            known = cbor2.dumps({"frame": parts, "trace": rows})
            if len(self._known) >= _MOST_FRAMES:
                self._known.clear()
            self._known[key] = known
        return known


def _is_steady(detail: Any) -> bool:
    return detail is None or type(detail) is str or type(detail) is RequestOutcome


def compact(
    lctx: LocalContext,
    session: Session,
    *,
    request: Any,
    response: Any,
    events: Iterable[Any],
    timeout: float | None,
    frames: Frames,
    manifest: str,
    limits: Limits,
    credentials: frozenset[str],
    client: str | None,
) -> tuple[bytes, datetime]:
    """The body of an ordinary recording in the second format, and when it was made.

    Raises:
        NotPlain: It is none.
    """
    outcome, extras = lctx.outcome, lctx.extras
    if outcome is None or outcome.error is not None or lctx.cancel_reason is not None:
        raise NotPlain
    if extras is not None and (extras.tasks or extras.compensations):
        raise NotPlain
    meta = lctx.meta
    captured = lctx.now()
    seen: set[int] = set()
    state = {}
    for key in lctx:
        value = lctx.get(key)
        state[str.__str__(key)] = value if type(value) in PLAIN else copy_plain(value, seen)
    values = [
        *(meta.request_id, meta.trace_id, meta.parent_id, meta.client_id, meta.path),
        *(_stamp(meta.received_at), meta.received_ns, _stamp(captured), lctx.remaining()),
        *(timeout, session.at()),
        state,
        *_request(request, session.secrets, credentials, seen),
        client,
        *_response(response, credentials, seen),
        [value for entry in session.calls for value in entry.values()],
        session.names,
        _draws(session.draws),
        session.config or None,
    ]
    frame = frames.encoded(lctx, meta, outcome, manifest, events)
    try:
        body = cbor2.dumps({"frame": frame, "values": values})
    except UnicodeEncodeError:  # text that has to be written as bytes
        raise NotPlain from None
    size = len(body)
    if size > limits.count or size > limits.size or size > limits.text:
        raise NotPlain
    if size > _LEAST_HUGE and any(mark in body for mark in _HUGE):
        raise NotPlain
    return body, captured


_LEAST_HUGE: Final = 4096


def _stamp(moment: datetime) -> int:
    """Microseconds since the epoch of a time that says so in UTC."""
    if moment.tzinfo is not UTC:
        raise NotPlain
    return (moment - EPOCH) // MICROSECOND


def _text(value: Any) -> str:
    if type(value) is not str:
        raise NotPlain
    return value


def _request(
    request: Any, secrets: Secrets, credentials: frozenset[str], seen: set[int]
) -> tuple[Any, Any, Any, Any]:
    """Target, header fields, the body as it was parsed, and its bytes."""
    data = request.raw_body
    if type(data) is not bytes:
        raise NotPlain
    try:
        body = request.body
    except Exception:  # not parsed, or refused
        body = data
    fields: list[Any] = []
    for name, value in pairs_of(request.headers):
        lowered = name.lower()
        secret = lowered in credentials
        fields += (name, secrets.header(lowered, value) if secret else value)
    if not TEXT.issuperset(map(type, fields)):
        raise NotPlain
    if any(name.lower() in credentials for name in fields[::2]):
        withheld = [at for at, name in enumerate(fields[::2]) if name.lower() in credentials]
        fields.append(withheld)
    return _text(request.target), fields, body if type(body) in PLAIN else copy_plain(body, seen), data


def _response(response: Any, credentials: frozenset[str], seen: set[int]) -> tuple[Any, Any, Any, bool, bool]:
    """Status, header fields, body, and whether it was finished and had begun to be sent."""
    fields: list[Any] = []
    for name, value in pairs_of(response.headers):
        fields += (_text(name), None if name.lower() in credentials else _text(value))
    status, body = response.status_code, response.body
    if type(status) is not int:
        raise NotPlain
    return (
        status,
        fields,
        body if type(body) in PLAIN else copy_plain(body, seen),
        bool(getattr(response, "finished", False)),
        bool(getattr(response, "started", False)),
    )


def _draws(draws: dict[str, list[list[Any]]]) -> list[Any] | None:
    found: list[Any] = []
    for number, kind in enumerate(KINDS):
        for label, value in draws[kind]:
            found += (number, label, value.value if kind == "uuid" else value)
    return found or None
