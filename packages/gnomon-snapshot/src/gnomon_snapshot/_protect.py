"""What an application's own types call sensitive, hidden in every snapshot that anybody takes of its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

from gnomon_context import GlobalContext, LocalContext
from gnomon_context.runtime import application_of
from gnomon_snapshot._secrets import Secrets

if TYPE_CHECKING:
    from gnomon_snapshot._capture import Redactor

#: Called with a context and its response (`None` where it was not given): redactors by place.
Hidden: TypeAlias = "Callable[[LocalContext, Any], Mapping[str, Redactor]]"

_known: WeakKeyDictionary[object, Hidden] = WeakKeyDictionary()
# What earlier snapshots of a request have found hidden: it may have been taken out of the request since.
_met: WeakKeyDictionary[LocalContext, Secrets] = WeakKeyDictionary()


def protect(gctx: GlobalContext[Any], hidden: Hidden) -> None:
    """Have `capture` hide what an application calls sensitive, whoever calls it: a debugger, time travel, a handler.

    `gnomon.App` does it for the types of its handlers. What stands in a request or response that `capture` is not given
    is not known to it, and so not looked for in the state.

    Args:
        gctx: The application; all its views are meant.
        hidden: Gives for one of its requests what blanks the sensitive parts of which place, as the argument `redactors`
            of `capture` does; what that has for the same place is asked in addition.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> class Card:
    ...     def redact(self, value):
    ...         return {**value, "card": "***"}
    >>> class Request:
    ...     method, target, headers, body = "POST", "/pay", {}, {"card": "4111-1111"}
    >>> gctx = GlobalContext()
    >>> protect(gctx, lambda lctx, response: {"request.body": Card()})
    >>> lctx = LocalContext(gctx)
    >>> lctx.set("note", "paid with 4111-1111")
    >>> capture(lctx, request=Request()).state
    {'note': 'paid with <withheld>'}
    """
    _known[application_of(gctx)] = hidden


def protected(
    lctx: LocalContext, response: Any, own: Mapping[str, Redactor]
) -> tuple[Mapping[str, Redactor], Secrets]:
    """The redactors that were given for one snapshot with those of the application, and what is known to be hidden."""
    hidden = _known.get(application_of(lctx.gctx)) if _known else None
    if hidden is None:
        return own, Secrets()
    met = _met.get(lctx)
    if met is None:
        met = _met[lctx] = Secrets()
    found = dict(hidden(lctx, response))
    for place, redactor in own.items():
        found[place] = _Both(found[place], redactor) if place in found else redactor
    return found, met


class _Both:
    """Two redactors, one after the other."""

    def __init__(self, first: Redactor, second: Redactor) -> None:
        self._first = first
        self._second = second

    def redact(self, value: Any, /) -> Any:
        return self._second.redact(self._first.redact(value))
