"""From a handler's annotations to the validators of its request and response."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from types import NoneType
from typing import Any

from gnomon_gtype import GType
from gnomon_ingress import Request, RequestValidator, Response, ResponseValidator, Upload, WebSocket
from gnomon_manifest.declare import HandlerDeclaration

from ._errors import HandlerUnusable
from ._places import place_of

# A success has the declared body, unless its status says that there is none (RFC 9110, sections 15.3.5 and 15.3.6).
_SUCCESSES = sorted({*range(200, 300)} - {204, 205})


# Text and bytes are messages, and items of a stream, as they are.
_RAW = (str, bytes, str | bytes, bytes | str)

# What says that there is no body.
_NOTHING = (None, NoneType)

# What says that an answer is streamed; its argument is the type of the items.
_STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)


def request_validator(handler: Callable[..., Any]) -> RequestValidator | None:
    """What checks the request of a handler; `None` if its annotation asks for nothing.

    Raises:
        HandlerUnusable: `req` is annotated with something else than `Request[...]`, or with a type that no request meets.
        UnsupportedAnnotation: A type that no validator can be made of.
    """
    body, query, headers, *_ = [*_arguments(handler, "req", Request), Any, Any, Any]
    _check_body(handler, body)
    _check_names(handler, headers)
    parts = (bytes if body is bytes else _gtype(body), _gtype(query), _gtype(headers))
    bodiless = body in _NOTHING
    if not bodiless and parts == (None, None, None):
        return None
    return RequestValidator(*parts, bodiless=bodiless)


def _check_body(handler: Callable[..., Any], body: Any) -> None:
    """Check that a typed body has no files: only the fields of a form are validated."""
    parts = [body, *typing.get_args(body), *_annotations(body).values()]
    if any(Upload in (part, *typing.get_args(part)) for part in parts):
        raise HandlerUnusable(
            f"{place_of(handler)}: {handler.__qualname__}: a typed body has no files, so every request would be refused; "
            "write req: Request, and take `await req.form()`, or `req.parts()` for files of any size"
        )


def _check_names(handler: Callable[..., Any], headers: Any) -> None:
    """Check that the keys of typed headers can be met."""
    for name in _annotations(headers):
        if name != name.lower():
            raise HandlerUnusable(
                f"{place_of(handler)}: {handler.__qualname__}: no header meets the key {name!r}, because their names are "
                f"offered in lower case; write {name.lower()!r}"
            )


def _annotations(kind: Any) -> Mapping[str, Any]:
    """The fields of a record by name: of a `TypedDict`, a dataclass or a named tuple."""
    record = typing.get_origin(kind) or kind
    if record is typing.Annotated:
        record = typing.get_args(kind)[0]
    try:
        return typing.get_type_hints(record) if isinstance(record, type) else {}
    except (NameError, AttributeError, TypeError):
        # Whoever makes a validator of it says so.
        return {}


def response_validator(
    handler: Callable[..., Any], declaration: HandlerDeclaration, *, development: bool
) -> ResponseValidator | None:
    """What checks the answers of a handler: its declared body for a success, and each declared status.

    Raises:
        HandlerUnusable: `res` is annotated with something else than `Response[...]`.
        UnsupportedAnnotation: A type that no validator can be made of.
    """
    types, items = _response_types(handler, declaration), item_type(handler)
    if not types and items is None:
        return None
    return ResponseValidator(types, items=items, development=development)


def types_of(
    handler: Callable[..., Any], declaration: HandlerDeclaration
) -> tuple[dict[str, GType[Any]], dict[int, GType[Any]]]:
    """The types of a handler's request by part (`body`, `query`, `headers`), and those of its answers by status."""
    arguments = _arguments(handler, "req", Request)
    answers = _response_types(handler, declaration)
    kinds = {
        part: _gtype(argument)
        for part, argument in zip(("body", "query", "headers"), arguments, strict=False)
        if argument is not bytes
    }
    return (
        {part: kind for part, kind in kinds.items() if kind is not None},
        {status: kind for status, kind in answers.items() if kind is not None},
    )


def _response_types(
    handler: Callable[..., Any], declaration: HandlerDeclaration
) -> dict[int, GType[Any] | None]:
    """By status: the type of the body, or `None` where there is to be none."""
    types: dict[int, GType[Any] | None] = {}
    for argument in _arguments(handler, "res", Response):
        if argument is not Any and not _streams(argument):
            types = dict.fromkeys(_SUCCESSES, _gtype(argument))
    for status, annotation in declaration.responses.items():
        if annotation is not Any:
            types[status] = _gtype(annotation)
    return types


def item_type(handler: Callable[..., Any]) -> GType[Any] | None:
    """The type of what a handler streams: `Item` in `Response[AsyncIterator[Item]]`."""
    for argument in _arguments(handler, "res", Response):
        if _streams(argument) and (items := typing.get_args(argument)) and items[0] not in _RAW:
            return _gtype(items[0])
    return None


def _streams(annotation: Any) -> bool:
    return (typing.get_origin(annotation) or annotation) in _STREAMS


def message_types(handler: Callable[..., Any]) -> tuple[GType[Any] | None, GType[Any] | None]:
    """What checks the messages that a WebSocket handler receives and sends; `None` where they go as they are.

    Raises:
        HandlerUnusable: `ws` is annotated with something else than `WebSocket[...]`.
        UnsupportedAnnotation: A type that no validator can be made of.
    """
    arguments = [*_arguments(handler, "ws", WebSocket), Any, Any]
    receive, send = (None if each in _RAW else _gtype(each) for each in arguments[:2])
    return receive, send


def check_hook(hook: Callable[..., Any]) -> None:
    """Check that a hook does not call its request or response something that it is not.

    Raises:
        HandlerUnusable: `req` or `res` is annotated with a class that it is not one of.
    """
    if not inspect.isfunction(hook):
        return
    for parameter, generic in (("req", Request), ("res", Response)):
        hint = _hint(hook, parameter)
        named = typing.get_origin(hint) or hint
        try:
            wrong = named is not Any and isinstance(named, type) and not issubclass(generic, named)
        except TypeError:
            # A protocol that cannot be asked.
            continue
        if wrong:
            raise HandlerUnusable(
                f"{place_of(hook)}: the hook {hook.__qualname__} takes a {generic.__name__} as {parameter}, and not "
                f"{hint!r}; write {parameter}: {generic.__name__}, or {generic.__name__}[...]"
            )


def _hint(function: Callable[..., Any], parameter: str) -> Any:
    """The annotation of a parameter; `Any` if there is none, or if it is there for type checkers alone."""
    annotation = getattr(function, "__annotations__", {}).get(parameter, Any)
    holder = type("holder", (), {"__annotations__": {parameter: annotation}})
    try:
        return typing.get_type_hints(holder, globalns=function.__globals__, include_extras=True)[parameter]
    except (NameError, AttributeError):
        return Any


def _gtype(annotation: Any) -> GType[Any] | None:
    """Nothing is checked where nothing is declared: `Any`, and `None` for no body."""
    return None if annotation is Any or annotation in _NOTHING else GType(annotation)


def _arguments(handler: Callable[..., Any], parameter: str, generic: type) -> tuple[Any, ...]:
    """The arguments of `Request[...]` or `Response[...]` in a handler's annotation, strings resolved."""
    annotation = getattr(handler, "__annotations__", {}).get(parameter, Any)
    # Only this one is resolved: other parameters may name what is imported for type checkers alone.
    holder = type("holder", (), {"__annotations__": {parameter: annotation}})
    where = f"{place_of(handler)}: {handler.__qualname__}"
    try:
        hint = typing.get_type_hints(holder, globalns=handler.__globals__, include_extras=True)[parameter]
    except NameError as error:
        raise HandlerUnusable(
            f"{where}: the annotation of {parameter} names {error.name!r}, which is not there at run time; import it "
            "outside of `if TYPE_CHECKING`, and define types of requests and responses at the top of a module"
        ) from error
    if hint in (Any, generic):
        return ()
    if typing.get_origin(hint) is not generic:
        raise HandlerUnusable(
            f"{where}: {parameter} is annotated with {hint!r}, so nothing would check it; "
            f"write {parameter}: {generic.__name__}[...]"
        )
    return typing.get_args(hint)
