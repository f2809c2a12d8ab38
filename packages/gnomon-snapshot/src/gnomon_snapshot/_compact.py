"""The second format: an ordinary recording, written with as few values as will do.

Every recorded request pays for its recording, and what CBOR costs is counted in values, most of all in lists and tags.
A recording in which nothing is lost, shared, failed or still running is written as one list in a fixed order; what it
has in common with all others of its route, its trace above all, is encoded once and stands in it as bytes. Everything
else is written in the first format. A reader makes the tree of the first format of it, so that nothing but this module
knows that there are two.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from datetime import UTC
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import cbor2
from cbor2 import CBORTag

from gnomon_context import Execution, LocalContext, RequestMeta, RequestOutcome
from gnomon_snapshot._capture import pairs_of
from gnomon_snapshot._expand import EPOCH, EXECUTION, KINDS, MICROSECOND, TRACED, VALUES, tree_of
from gnomon_snapshot._format import COMPACT, digest_of, pack, seal, without_surrogates
from gnomon_snapshot._graph import PLAIN, Graph, NotPlain, copy_plain
from gnomon_snapshot._limits import Limits
from gnomon_snapshot._recording import trace_node
from gnomon_snapshot._secrets import Secrets
from gnomon_snapshot._session import Session
from gnomon_snapshot._store import Summary

_executed: Final = attrgetter(*EXECUTION)
# Integers of more than 64 bits whose length takes two bytes or more: only those can pass the bound of `Graph`.
_HUGE: Final = (b"\xc2\x59", b"\xc3\x59", b"\xc2\x5a", b"\xc3\x5a")
# Bounded: names of hooks and handlers stand in a frame, which somebody may make anew for every request.
_MOST_FRAMES: Final = 1024
_BINARY: Final = frozenset({bytes})
_LEAST_HUGE: Final = 4096
_CAPTURED: Final = VALUES.index("captured")
_RECEIVED: Final = VALUES.index("received")
_ASKED: Final = VALUES.index("fields")
_ANSWERED: Final = VALUES.index("answered")


class Frames:
    """What the recordings of a route have in common, encoded."""

    def __init__(self) -> None:
        self._known: dict[Any, bytes] = {}

    def encoded(self, common: tuple[Any, ...], execution: Execution | None, events: tuple[Any, ...]) -> bytes:
        """The frame of a request: method to `recovered` in the order of `FRAME`, what ran last, and the trace."""
        key = (common, execution, _rows_of(events))
        try:
            known = self._known.get(key)
        except TypeError:  # what is told with an event need not have a hash
            return _encoded_frame(common, execution, events)
        if known is None:
            known = _encoded_frame(common, execution, events)
            if all(map(_is_steady, key[2])):
                if len(self._known) >= _MOST_FRAMES:
                    self._known.clear()
                self._known[key] = known
        return known


def _rows_of(events: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """What a trace keeps of each event; for named tuples of one class in a fraction of the time."""
    kinds = {*map(type, events)}
    read = _reader(kinds.pop()) if len(kinds) == 1 else _TRACED
    return tuple(map(read, events))


_TRACED: Final = attrgetter(*TRACED)


@functools.lru_cache(maxsize=64)
def _reader(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    fields = getattr(cls, "_fields", ())
    if issubclass(cls, tuple) and {*TRACED} <= {*fields}:
        return itemgetter(*map(fields.index, TRACED))
    return _TRACED


def _encoded_frame(common: tuple[Any, ...], execution: Execution | None, events: tuple[Any, ...]) -> bytes:
    parts = [*common, None if execution is None else list(_executed(execution))]
    rows = [value for event in events for value in trace_node(event)[:6]]
    frame = {"frame": parts, "trace": rows}
    try:
        return cbor2.dumps(frame)
    except UnicodeEncodeError:
        return cbor2.dumps(without_surrogates(frame))


def _is_steady(row: tuple[Any, ...]) -> bool:
    """Whether what an event tells is the same in the next request."""
    detail = row[5]
    return row[4] is None and (detail is None or type(detail) in (str, RequestOutcome))


def compact(
    lctx: LocalContext,
    session: Session,
    *,
    request: Any,
    response: Any,
    events: tuple[Any, ...],
    timeout: float | None,
    settings: Settings,
    client: str | None,
) -> Draft:
    """An ordinary recording, to be written in the second format; nothing done later changes it.

    Raises:
        NotPlain: It is none.
    """
    outcome, extras = lctx.outcome, lctx.extras
    if outcome is None or outcome.error is not None or lctx.cancel_reason is not None:
        raise NotPlain
    if extras is not None and (extras.tasks or extras.compensations):
        raise NotPlain
    for event in events:
        if event.error is not None:
            raise NotPlain
    meta = lctx.meta
    captured = lctx.now()
    if captured.tzinfo is not UTC or meta.received_at.tzinfo is not UTC:
        raise NotPlain
    seen: set[int] = set()
    state = {}
    for key in lctx:
        value = lctx.get(key)
        state[str.__str__(key)] = value if type(value) in PLAIN else copy_plain(value, seen)
    credentials = settings.credentials
    values = [
        *(meta.request_id, meta.trace_id, meta.parent_id, meta.client_id, meta.path),
        *(meta.received_at, meta.received_ns, captured, lctx.remaining()),
        *(timeout, session.at()),
        state,
        *_request(request, session.secrets, credentials, seen),
        client,
        *_response(response, credentials, seen),
        [value for entry in session.calls for value in entry.values()],
        session.names.copy(),
        _draws(session.draws),
        session.config.copy() or None,
    ]
    return Draft(settings, session.secrets, values, meta, lctx.phase.value, outcome, lctx.execution, events)


def _has_tags(node: Any) -> bool:
    if type(node) is dict:
        return any(map(_has_tags, node.values()))
    if type(node) is list:
        return any(map(_has_tags, node))
    return type(node) is CBORTag


class Settings(NamedTuple):
    """What a recorder writes all its recordings with."""

    frames: Frames
    manifest: str
    limits: Limits
    credentials: frozenset[str]


class Draft:
    """A recording that is not encoded yet: many that are encoded together cost half of what each costs alone."""

    __slots__ = ("_events", "_execution", "_meta", "_outcome", "_phase", "_secrets", "_settings", "_values")

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        values: list[Any],
        meta: RequestMeta,
        phase: str,
        outcome: RequestOutcome,
        execution: Execution | None,
        events: tuple[Any, ...],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._values = values
        self._meta = meta
        self._phase = phase
        self._outcome = outcome
        self._execution = execution
        self._events = events

    def build(self) -> tuple[bytes, Summary | None]:
        """The bytes, and what a listing tells of them if they are of the second format; the same each time."""
        body, encoded = self._encoded()
        if encoded is None:
            return self._build_plain(body), None
        meta, outcome, captured = self._meta, self._outcome, self._values[_CAPTURED]
        data = seal(encoded, COMPACT)
        execution = self._execution
        summary = Summary(
            *(meta.request_id, captured, meta.method, meta.path, meta.route, meta.version),
            "" if execution is None else execution.handler_id,
            *(outcome.kind, "", digest_of(data), len(data)),
        )
        return data, summary

    def _encoded(self) -> tuple[dict[str, Any], bytes | None]:
        """The body of the second format, and its bytes; `None` for those if it has to be written in the first."""
        meta, outcome, settings = self._meta, self._outcome, self._settings
        common = (
            *(meta.method, meta.route, meta.version, meta.flags, settings.manifest, self._phase),
            *(outcome.kind, outcome.truncated, outcome.recovered),
        )
        values = self._values.copy()
        for place in (_CAPTURED, _RECEIVED):
            values[place] = (values[place] - EPOCH) // MICROSECOND
        if type(values[_ASKED]) is tuple:
            values[_ASKED] = _asked(_decoded(values[_ASKED]), self._secrets, settings.credentials)
        if type(values[_ANSWERED]) is tuple:
            values[_ANSWERED] = _answered(_decoded(values[_ANSWERED]), settings.credentials)
        frame = settings.frames.encoded(common, self._execution, self._events)
        body = {"frame": frame, "values": values}
        try:
            encoded = cbor2.dumps(body)
        except UnicodeEncodeError:  # text that has to be written as bytes
            return body, None
        secret = bool(self._secrets) and self._secrets.found_in(encoded)
        return body, None if secret or self._is_beyond(encoded) else encoded

    def tree(self) -> dict[str, Any] | None:
        """The tree of the first format, made without reading what is written; `None` where that is in this format."""
        body, encoded = self._encoded()
        return None if encoded is None else tree_of(body)

    def _is_beyond(self, encoded: bytes) -> bool:
        """Whether it is so long that something in it may be beyond its bounds."""
        limits, size = self._settings.limits, len(encoded)
        if size > limits.count or size > limits.size or size > limits.text:
            return True
        return size > _LEAST_HUGE and any(mark in encoded for mark in _HUGE)

    def _build_plain(self, body: dict[str, Any]) -> bytes:
        """In the first format, within the bounds, and without the secrets that the request has met."""
        limits = self._settings.limits
        tree = tree_of(body)
        graph = Graph(limits)
        for part, names in (("request", ("target", "body")), ("response", ("body",))):
            tree[part].update({name: graph.copy(tree[part][name], 1) for name in names})
            tree[part]["headers"] = [
                [name, value if type(value) is CBORTag else graph.copy(value, 2)]
                for name, value in tree[part]["headers"]
            ]
        tree["state"] = {key: graph.copy(value, 1) for key, value in tree["state"].items()}
        recording = tree["recording"]
        asked = recording["request"]
        again = Graph(limits)
        asked["target"] = again.copy(asked["target"])
        asked["headers"] = [[name, again.copy(value)] for name, value in asked["headers"]]
        if type(again.copy(asked["body"])) is not bytes:
            asked.update(body=None, missing=f"its {len(asked['body'])} bytes are more than the limit")
        for entry in recording["calls"]:
            if not _has_tags(entry["value"]):  # what has was made by a graph, within the bounds
                entry["value"] = Graph(limits).copy(entry["value"])
        data = pack(tree)
        if self._secrets and self._secrets.found_in(data):
            data = pack(self._secrets.blank(tree))
        return data


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
    fields: Any = _raw(request.headers)
    if fields is None:
        fields = _asked(pairs_of(request.headers), secrets, credentials)
    return _text(request.target), fields, body if type(body) in PLAIN else copy_plain(body, seen), data


def _raw(headers: Any) -> tuple[bytes, ...] | None:
    """Names and values in turn as they came, to be read when the recording is encoded; `None` if that cannot be."""
    raw = getattr(headers, "raw", None)
    if type(raw) is not tuple or len(raw) != len(headers) or not hasattr(headers, "getall"):
        return None
    flat = tuple(itertools.chain.from_iterable(raw))
    return flat if _BINARY.issuperset(map(type, flat)) else None


def _decoded(raw: tuple[bytes, ...]) -> list[tuple[str, str]]:
    """The same as pairs of text, see `pairs_of`."""
    names = (name.decode("latin-1").lower() for name in raw[::2])
    return [*zip(names, (value.decode("latin-1") for value in raw[1::2]), strict=True)]


def _asked(pairs: list[tuple[Any, Any]], secrets: Secrets, credentials: frozenset[str]) -> list[Any]:
    """Names and values in turn; at the end the places of the credentials, if there are any."""
    fields: list[Any] = []
    withheld = []
    for name, value in pairs:
        lowered = _text(name).lower()
        if lowered in credentials:
            withheld.append(len(fields) // 2)
            value = secrets.header(lowered, _text(value))
        fields += (name, _text(value))
    if withheld:
        fields.append(withheld)
    return fields


def _answered(pairs: list[tuple[Any, Any]], credentials: frozenset[str]) -> list[Any]:
    """Names and values in turn, `None` for those of credentials."""
    fields: list[Any] = []
    for name, value in pairs:
        fields += (_text(name), None if name.lower() in credentials else _text(value))
    return fields


def _response(response: Any, credentials: frozenset[str], seen: set[int]) -> tuple[Any, Any, Any, bool, bool]:
    """Status, header fields, body, and whether it was finished and had begun to be sent."""
    fields: Any = _raw(response.headers)
    if fields is None:
        fields = _answered(pairs_of(response.headers), credentials)
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
