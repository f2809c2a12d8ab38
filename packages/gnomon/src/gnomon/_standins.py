"""What stands in a replay for what was hidden when the request was recorded, so that it passes its type again."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from gnomon_ingress import Request, RequestInvalid, RequestState, RequestValidator, make_request

# What stands in a recording where something was hidden; the first, in those of earlier releases.
_MARKS: Final = ("(hidden)", "<withheld>")
_FORM: Final = "application/x-www-form-urlencoded"
# Tried one after the other, until one passes.
_TEXTS: Final = (
    *("hidden@example.com", "00000000-0000-4000-8000-000000000000", "https://hidden.example/"),
    *("2000-01-01T00:00:00Z", "2000-01-01", "00:00:00", "P7D", "192.0.2.7", "2001:db8::7"),
    *("4111111111111111", "+14155550107", "aGlkZGVu", "Hidden-7777777!", "hidden"),
    *("7" * length for length in (1, 2, 3, 4, 5, 6, 8, 10, 12, 13, 18, 24)),
    *("x" * length for length in (1, 2, 3, 4, 8, 10, 16, 20, 24, 32, 40, 64, 128, 256)),
)
_NUMBERS: Final = (7_777_777, 7_777_777.5, 77_777, 7_777, 777, 77, 7, 1, 0, -7_777_777, 0.5)
_OTHERS: Final[tuple[Any, ...]] = (False, True, None, [], {})


class Blanked(NamedTuple):
    """The body of a replayed request in which something was hidden.

    Attributes:
        value: As it was parsed, `None` if nothing in it was hidden.
        plain: Whether the handler gets it as it is parsed, with no object made of it.
    """

    value: Any
    plain: bool


class Lenient:
    """Checks a request, and finds something else that is taken where a hidden value is not: `<withheld>` is no address.

    Args:
        checked: What checks it.
        blanked: By request, what of its body was hidden.
    """

    def __init__(self, checked: RequestValidator, blanked: Mapping[Request[Any, Any, Any], Blanked]) -> None:
        self._checked = checked
        self._blanked = blanked
        self.reads_body = checked.reads_body

    def validate(self, subject: Request[Any, Any, Any], /) -> None:
        """Type the request; what was hidden in a body that is plain data stays as it is where nothing else is taken.

        Raises:
            RequestInvalid: Something is wrong that was not hidden, or nothing was found that is taken.
        """
        blanked = self._blanked[subject]
        try:
            self._checked.validate(subject)
            return
        except RequestInvalid as error:
            attempt = _Attempt(subject, blanked.value)
            failed = error
        while all(map(attempt.is_hidden, failed.problems)):
            if not attempt.go_on(failed.problems):
                if blanked.plain and all(map(_is_of_body, failed.problems)):
                    subject.body = blanked.value
                    return
                raise RequestInvalid([_told(problem) for problem in failed.problems])
            probe = attempt.request()
            try:
                self._checked.validate(probe)
            except RequestInvalid as error:
                failed = error
                continue
            subject.query = probe.query
            if self.reads_body:
                subject.body = probe.body
            with contextlib.suppress(RequestState):  # no type of the headers is declared
                subject.headers_typed = probe.headers_typed
            return
        raise failed


class _Attempt:
    """A request whose hidden places get other values, one after the other."""

    def __init__(self, subject: Request[Any, Any, Any], value: Any) -> None:
        self._subject = subject
        self._media = subject.media_type
        self._body = copy.deepcopy(value)
        self._query = parse_qsl(subject.query_string, keep_blank_values=True)
        self._fields = [(name, each) for name in subject.headers for each in subject.headers.getall(name)]
        self._tried: dict[tuple[str, str], int] = {}

    def is_hidden(self, problem: Any) -> bool:
        """Whether a problem is about a place that was hidden."""
        place = (problem.source, problem.pointer)
        return place in self._tried or _is_mark(self._at(*place))

    def _at(self, source: str, pointer: str) -> Any:
        if source == "body":
            return value_at(self._body, pointer)
        pairs = {"query": self._query, "headers": self._fields}.get(source, [])
        name = _name_of(pointer)
        return next((value for key, value in pairs if _is_same(key, name)), None)

    def go_on(self, problems: Iterable[Any]) -> bool:
        """Put the next value into the place of each problem; whether there is one for all of them."""
        for source, pointer in {(problem.source, problem.pointer) for problem in problems}:
            number = self._tried[source, pointer] = self._tried.get((source, pointer), -1) + 1
            text = source != "body" or self._media == _FORM
            values = (
                (*_TEXTS, *map(str, _NUMBERS), "false", "true") if text else (*_TEXTS, *_NUMBERS, *_OTHERS)
            )
            if number >= len(values):
                return False
            self._put(source, pointer, values[number])
        return True

    def _put(self, source: str, pointer: str, value: Any) -> None:
        if source == "body":
            self._body = with_value(self._body, pointer, value)
            return
        pairs, name = (self._query if source == "query" else self._fields), _name_of(pointer)
        pairs[:] = [(key, value if _is_same(key, name) else other) for key, other in pairs]

    def request(self) -> Request[Any, Any, Any]:
        """The request with these values."""
        subject = self._subject
        raw = subject.raw_body or b""
        body = raw if self._body is None else encoded(self._body, self._media)
        query = f"?{urlencode(self._query)}" if self._query else ""
        return make_request(
            subject.method,
            subject.target.partition("?")[0] + query,
            headers=self._fields,
            body=body,
            params=subject.params,
        )


def _is_of_body(problem: Any) -> bool:
    return bool(problem.source == "body")


def _is_mark(value: Any) -> bool:
    return isinstance(value, str) and (value == _MARKS[0] or _MARKS[1] in value)


def _name_of(pointer: str) -> str:
    return pointer.split("/")[1].replace("~1", "/").replace("~0", "~") if "/" in pointer else ""


def _is_same(name: str, other: str) -> bool:
    """Header fields are offered to their type with hyphens and with underscores."""
    return name == other or name.lower().replace("-", "_") == other.lower().replace("-", "_")


def _told(problem: Any) -> Any:
    return dataclasses.replace(
        problem,
        message=f"{problem.message} What stood here was hidden when it was recorded, and nothing was found that is "
        "taken in its place: give a body with `edit`.",
    )


def value_at(value: Any, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), `None` for nothing."""
    for key in _steps(pointer):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def with_value(value: Any, pointer: str, put: Any) -> Any:
    """The same JSON value with another one at a JSON pointer that leads to something."""
    *steps, last = ["", *_steps(pointer)]
    if not steps:
        return put
    owner = value
    for key in steps[1:]:
        owner = owner[int(key)] if isinstance(owner, list) else owner[key]
    owner[int(last) if isinstance(owner, list) else last] = put
    return value


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def encoded(value: Any, media: str) -> bytes:
    """The bytes of a body, as a form if its media type says so and as JSON else."""
    if media == _FORM and isinstance(value, dict):
        return urlencode(value, doseq=True).encode()
    return json.dumps(value, default=_as_data).encode()


def _as_data(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)


def sent_headers(headers: Iterable[tuple[str, str]], media: str) -> list[tuple[str, str]]:
    """The header fields of a request whose body is no longer in parts, and goes as JSON."""
    if not media.startswith("multipart/"):
        return list(headers)
    return [
        (name, "application/json" if name.lower() == "content-type" else value) for name, value in headers
    ]
