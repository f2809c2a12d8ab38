"""What a snapshot shows of tasks, compensations, request and response."""

from __future__ import annotations

from typing import Any, NamedTuple


class TaskState(NamedTuple):
    """A task of the request as it stood.

    Attributes:
        name: The name it was started under.
        status: `pending`, `done`, `failed` or `cancelled`.
        isolated: Whether its failure changes nothing else.
        result: What it returned.
        error: The exception that ended it.
        started_ns: When it was started, on the monotonic clock of that process.
        ended_ns: When it ended, `None` while it was pending.
    """

    name: str
    status: str
    isolated: bool
    result: Any
    error: Any
    started_ns: int
    ended_ns: int | None


class PendingCompensation(NamedTuple):
    """A compensation that had not run: its name, its arguments, and its timeout in seconds."""

    name: str
    args: tuple[Any, ...]
    timeout: float | None


class RequestState(NamedTuple):
    """The request as far as it had been read.

    Attributes:
        method: The method.
        target: Path and query as sent.
        headers: Names and values; those that carry credentials are `Lost`.
        body: The parsed body, or else the bytes read so far, or `None`.
    """

    method: str
    target: str
    headers: tuple[tuple[str, Any], ...]
    body: Any


class ResponseState(NamedTuple):
    """The response as it stood: status, headers, body, and whether it was complete and on its way."""

    status_code: int
    headers: tuple[tuple[str, Any], ...]
    body: Any
    finished: bool
    started: bool
