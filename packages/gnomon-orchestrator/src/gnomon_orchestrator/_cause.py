"""Why a request failed, and what a client is told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import trio

from gnomon_context import DeadlineExceeded, LocalContext

from ._errors import RequestCancelled

# What a failure may say of the connection: its client is gone, or its server goes.
Gone: TypeAlias = Literal["disconnect", "shutdown"]

_KINDS = {"deadline": "timeout", "disconnect": "disconnect", "shutdown": "shutdown", "explicit": "cancelled"}


class Overdue(Exception):
    """A step came back although the request was cancelled meanwhile: a swallowed cancellation."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The first cause of a failure.

    Args:
        kind: The outcome it makes.
        error: What catch hooks are given; never a bare ``trio.Cancelled``, which is not theirs to keep.
        again: What has to be raised again when the ending has run.
    """

    kind: Any
    error: BaseException
    again: BaseException | None = None


def without_cancelled(failure: BaseException) -> BaseException | None:
    """What is left of ``failure`` without cancellations; a lone exception comes out of its groups.

    Raises:
        GeneratorExit: That is what it is: the event loop is gone, and nothing may be awaited any more.
    """
    if isinstance(failure, GeneratorExit):
        raise failure
    if isinstance(failure, trio.Cancelled):
        return None
    rest: BaseException | None = failure
    if isinstance(failure, BaseExceptionGroup):
        rest = failure.split(trio.Cancelled)[1]
    while isinstance(rest, BaseExceptionGroup) and len(rest.exceptions) == 1:
        rest = rest.exceptions[0]
    return rest


def classify(failure: BaseException, lctx: LocalContext, child: BaseException | None) -> Cause:
    """Find the first cause.

    Args:
        failure: What came out of the step that failed.
        lctx: The request, which knows whether it was cancelled and why.
        child: The failure of a task of the request, which cancels what runs, if there was one.
    """
    own = without_cancelled(failure)
    again = None if own is None or isinstance(own, Exception) else failure
    reason = lctx.cancel_reason
    if reason is None and isinstance(failure, (Overdue, DeadlineExceeded)) and lctx.remaining() == 0.0:
        # It passed while the loop was blocked, or while there was no scope through which to say so.
        lctx.cancel("deadline")
        reason = lctx.cancel_reason
    if reason is not None:
        error = _error_for(reason)
        error.__cause__ = None if isinstance(failure, Overdue) else own
        return Cause(_KINDS[reason], error, again)
    if child is not None and (own is None or isinstance(failure, Overdue)):
        return Cause("error", child, None if isinstance(child, Exception) else child)
    if own is None:
        return Cause("cancelled", RequestCancelled("outside"), failure)
    return Cause("error", own, again)


def _error_for(reason: str) -> Exception:
    if reason == "deadline":
        return DeadlineExceeded("the deadline of the request passed")
    return RequestCancelled(reason)


@dataclass(frozen=True, slots=True)
class Default:
    """The answer to a failure that no catch hook answered: problem details (RFC 9457)."""

    status: int
    code: str
    detail: str | None = None
    errors: Sequence[object] = ()
    headers: Mapping[str, str] | None = None


LAST_RESORT = Default(500, "internal_error")
_OF_KIND = {
    "timeout": Default(504, "deadline_exceeded", "The request took longer than it may."),
    # That the connection closes is said by the server, which owns it.
    "shutdown": Default(503, "shutting_down", "The server is shutting down."),
    "cancelled": Default(500, "request_cancelled", "The request was cancelled."),
}


def default_for(kind: str, error: BaseException, *, invalid_request: bool) -> Default:
    """What a client is told: nothing of an exception but what it was made to say."""
    if kind in _OF_KIND:
        return _OF_KIND[kind]
    stated = stated_by(error)
    if stated is not None:
        return stated
    problems = getattr(error, "problems", None)
    if invalid_request and problems is not None:
        return Default(400, "invalid_request", "The request is not as declared.", tuple(problems))
    return LAST_RESORT


def stated_by(error: BaseException) -> Default | None:
    """The answer that an exception carries, if it is a ``StatusError``."""
    if not all(hasattr(error, name) for name in ("status", "code", "detail", "headers", "errors")):
        return None
    stated: Any = error
    if not isinstance(stated.status, int) or not 400 <= stated.status <= 599:
        return None
    return Default(stated.status, str(stated.code), stated.detail, tuple(stated.errors), stated.headers)
