"""Validation of requests and responses through any type of the right shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ._errors import RequestInvalid, RequestState, ResponseInvalid
from ._events import Event
from ._forms import FORM_TYPE, MULTIPART_TYPE, parameters_of, parse_form, parse_multipart
from ._json import is_json
from ._request import Request, unsupported_media
from ._response import Response


class RequestType(Protocol):
    """What a request validator needs of a type; raises an exception with ``problems`` to refuse a value."""

    def validate_json(self, data: bytes, /) -> Any:
        """Parse JSON into a value of the type."""
        ...

    def validate_strings(self, values: Mapping[str, Any], /) -> Any:
        """Turn strings, and lists of strings, into a value of the type."""
        ...


class ResponseType(Protocol):
    """What a response validator needs of a type; raises an exception with ``problems`` to refuse a value."""

    def validate(self, value: Any, /) -> Any:
        """Return the value as the type sees it."""
        ...

    def dump_json(self, value: Any, /) -> bytes:
        """Encode a validated value."""
        ...


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a message: where (``source`` and JSON ``pointer``), and what would be right."""

    source: str
    pointer: str
    code: str
    message: str
    expected: object


class RequestValidator:
    """Checks body, query, headers and path parameters of a request, and leaves them typed on it.

    A body must come as JSON or as a form; anything else is 415, and so is a body without a content type, because a
    browser sends such a body across origins without asking.

    Args:
        body: The type of the body, if the route takes one; ``bytes`` itself takes any body as it is; ``None`` for a route
            that has nothing to say about bodies.
        query: The type of the query, from strings; repeated keys are lists.
        headers: The type of the headers; a field is offered as ``x-request-id`` and as ``x_request_id``.
        params: The type of the path parameters.
        bodiless: The route takes no body: ``req.body`` is ``None`` whatever the client sends.

    Raises:
        ValueError: A body type for a route without a body.
    """

    __slots__ = ("_bodiless", "_body", "_headers", "_params", "_query", "reads_body")

    def __init__(
        self,
        body: RequestType | type[bytes] | None = None,
        query: RequestType | None = None,
        headers: RequestType | None = None,
        params: RequestType | None = None,
        *,
        bodiless: bool = False,
    ) -> None:
        if bodiless and body is not None:
            raise ValueError("a route without a body has no type of its body: leave one of the two out")
        self._body: RequestType | type[bytes] | None = body
        self._query: RequestType | None = query
        self._headers: RequestType | None = headers
        self._params: RequestType | None = params
        self._bodiless: bool = bodiless
        #: Whether the body has to be read before ``validate``.
        self.reads_body: bool = body is not None

    def validate(self, subject: Request[Any, Any, Any], /) -> None:
        """Type the request, or say everything that is wrong with it.

        Raises:
            RequestInvalid: With the problems of all parts.
            HttpError: 415 for a body of a type nobody reads here.
            RequestState: There is a body type and the body was not read.
        """
        problems: list[FieldProblem] = []
        if self._params is not None:
            values = {name: str(value) for name, value in subject.params.items()}
            subject.params = _collect(self._params.validate_strings, values, "params", problems)
        if self._query is not None:
            subject.query = _collect(self._query.validate_strings, _query_of(subject), "query", problems)
        if self._headers is not None:
            subject.headers_typed = _collect(
                self._headers.validate_strings, _field_names(subject), "headers", problems
            )
        if self._body is not None:
            subject.body = self._take_body(self._body, subject, problems)
        elif self._bodiless:
            subject.body = None
        if problems:
            raise RequestInvalid(problems, detail=_mistaken(subject) if self._body is not None else None)

    def _take_body(
        self, kind: RequestType | type[bytes], req: Request[Any, Any, Any], problems: list[FieldProblem]
    ) -> Any:
        raw = req.raw_body
        if raw is None:
            raise RequestState("the body was not read before it is validated: await req.read() first")
        if isinstance(kind, type):
            return raw
        content_type = req.headers.get("content-type")
        if content_type == "application/json" or (content_type is None and not raw):
            return _collect(kind.validate_json, raw, "body", problems)
        media, parameters = req.media_type, parameters_of(content_type or "")
        if parameters.get("charset", "utf-8").lower() == "utf-8":
            if is_json(media):
                return _collect(kind.validate_json, raw, "body", problems)
            if media == FORM_TYPE:
                return _collect(kind.validate_strings, parse_form(raw), "body", problems)
            if media == MULTIPART_TYPE:
                form = parse_multipart(raw, parameters.get("boundary", ""))
                return _collect(kind.validate_strings, form.fields, "body", problems)
        raise unsupported_media(("application/json", FORM_TYPE, MULTIPART_TYPE))


def _mistaken(req: Request[Any, Any, Any]) -> str | None:
    """What to say of JSON that its client calls a form, as curl does unless it is told otherwise."""
    if req.media_type == FORM_TYPE and (req.raw_body or b"").lstrip()[:1] in (b"{", b"["):
        return "The body was read as a form, as its Content-Type says, and looks like JSON: send application/json."
    return None


class ResponseValidator:
    """Checks the body of a response against the type declared for its status, and encodes it once.

    Args:
        types: The type of the body by status; ``None`` where there must be no body.
        default: The type for every status that has none; ``None`` lets those through unchecked.
        items: The type of the items of a stream; ``None`` lets them through unchecked.
        development: Whether a key that the type does not know is an error; otherwise it is dropped and reported.
        report: Called with the dropped keys as problems; without it nobody looks for them.
    """

    __slots__ = ("_default", "_development", "_items", "_report", "_types", "reads_body")

    def __init__(
        self,
        types: Mapping[int, ResponseType | None],
        default: ResponseType | None = None,
        *,
        items: ResponseType | None = None,
        development: bool = True,
        report: Callable[[Sequence[FieldProblem]], object] | None = None,
    ) -> None:
        self._types: dict[int, ResponseType | None] = dict(types)
        self._default: ResponseType | None = default
        self._items: ResponseType | None = items
        self._development: bool = development
        self._report: Callable[[Sequence[FieldProblem]], object] | None = report
        #: A response has no body to read.
        self.reads_body: bool = False

    def validate(self, subject: Response[Any], /) -> None:
        """Return if the body is as declared; its encoded form is kept on the response.

        Raises:
            ResponseInvalid: It is not.
        """
        status = subject.status_code
        kind = self._types.get(status, self._default)
        bodiless = kind is None and status in self._types
        if bodiless and (subject.streaming or subject.body not in (None, b"", "")):
            raise ResponseInvalid(status, [_NO_BODY])
        if subject.streaming and self._items is not None:
            subject.set_item_encoder(self._items.dump_json)
        if kind is None or subject.streaming:
            return
        problems: list[FieldProblem] = []
        value = self._check(kind, subject.body, problems)
        if problems:
            raise ResponseInvalid(status, problems)
        if subject._encode is None:
            subject.set_encoded(kind.dump_json(value))

    def validate_item(self, item: Any, /) -> None:
        """Return if one item of a stream is as declared: the item itself, or the data of an ``Event``.

        Raises:
            ResponseInvalid: It is not.
        """
        if self._items is None:
            return
        problems: list[FieldProblem] = []
        self._check(self._items, item.data if isinstance(item, Event) else item, problems)
        if problems:
            raise ResponseInvalid(None, problems)

    def _check(self, kind: ResponseType, given: Any, problems: list[FieldProblem]) -> Any:
        value = _collect(kind.validate, given, "response", problems)
        if not problems and (self._development or self._report is not None):
            unknown = _unknown_keys(given, value, "")
            if unknown and self._report is not None:
                self._report(unknown)
            if self._development:
                problems += unknown
        return value


_NO_BODY = FieldProblem(
    "response", "", "unexpected_body", "this status is declared to have no body", "no body"
)


def _collect(validate: Callable[[Any], Any], value: Any, source: str, problems: list[FieldProblem]) -> Any:
    try:
        return validate(value)
    except Exception as error:
        found = getattr(error, "problems", None)
        if found is None:
            raise
        problems.extend(
            FieldProblem(source, problem.pointer, problem.code, problem.message, problem.expected)
            for problem in found
        )
        return None


def _query_of(req: Request[Any, Any, Any]) -> Mapping[str, Any]:
    values: Mapping[str, Any] = req.query
    return values


def _field_names(req: Request[Any, Any, Any]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name in req.headers:
        values = req.headers.getall(name)
        names[name] = names[name.replace("-", "_")] = values[0] if len(values) == 1 else list(values)
    return names


def _unknown_keys(given: Any, taken: Any, pointer: str) -> list[FieldProblem]:
    """Find the keys of records that validation dropped."""
    if isinstance(given, Mapping) and isinstance(taken, Mapping):
        found: list[FieldProblem] = []
        for key, value in given.items():
            here = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in taken:
                found.append(
                    FieldProblem(
                        "response", here, "unknown_key", "the type does not know this key", "no such key"
                    )
                )
            else:
                found += _unknown_keys(value, taken[key], here)
        return found
    if isinstance(given, (list, tuple)) and isinstance(taken, (list, tuple)):
        pairs = enumerate(zip(given, taken, strict=False))
        return [problem for index, (a, b) in pairs for problem in _unknown_keys(a, b, f"{pointer}/{index}")]
    return []
