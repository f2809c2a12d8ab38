"""Finds what a type calls sensitive in a request and its answer, and the same values wherever else they were put."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus

from gnomon_snapshot._records import WITHHELD

if TYPE_CHECKING:
    from gnomon_snapshot._capture import Redactor

_DEEPEST: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"
_NOTHING: Final = object()


class Hides(Protocol):
    """What remembers hidden values; `Secrets` does."""

    def hide(self, value: Any, /) -> None:
        """Remember one of them, with all that it holds."""
        ...


def hidden_in(value: Any, shown: Any, depth: int = 0) -> Iterator[Any]:
    """The parts of a value that a redacted copy of it does not show.

    >>> list(hidden_in({"card": "4111", "sku": "a"}, {"card": "(hidden)", "sku": "a"}))
    ['4111']
    """
    if value is shown:
        return
    if depth > _DEEPEST:
        yield value
    elif isinstance(shown, Mapping):
        fields = _fields_of(value)
        if fields is None:
            yield value
            return
        for key, item in fields.items():
            if key in shown:
                yield from hidden_in(item, shown[key], depth + 1)
            elif isinstance(value, Mapping):  # its key is hidden, and what it has stands under another
                yield from (key, item)
    elif isinstance(shown, (list, tuple)) and isinstance(value, (list, tuple)) and len(value) == len(shown):
        for item, other in zip(value, shown, strict=True):
            yield from hidden_in(item, other, depth + 1)
    elif _differ(value, shown):
        yield value


def withheld_copy(value: Any, shown: Any, depth: int = 0) -> Any:
    """A JSON value with `<withheld>` for each part that a redacted copy of it does not show.

    >>> withheld_copy({"card": "4111", "sku": "a"}, {"card": "(hidden)", "sku": "a"})
    {'card': '<withheld>', 'sku': 'a'}
    """
    if depth <= _DEEPEST and isinstance(shown, dict) and isinstance(value, dict):
        if value.keys() == shown.keys():
            return {key: withheld_copy(item, shown[key], depth + 1) for key, item in value.items()}
        return dict.fromkeys(shown, WITHHELD)
    if depth <= _DEEPEST and isinstance(shown, list) and isinstance(value, list) and len(value) == len(shown):
        return [withheld_copy(item, other, depth + 1) for item, other in zip(value, shown, strict=True)]
    return WITHHELD if _differ(value, shown) else value


def _differ(value: Any, shown: Any) -> bool:
    try:
        return bool(value != shown)
    except Exception:  # a comparison that is code of the value's class
        return value is not shown


def _fields_of(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    return getattr(value, "__dict__", None)


def redacted(redactor: Redactor, value: Any, secrets: Hides) -> Any:
    """What a redactor leaves of a value; what it takes out is remembered, all of it where the redactor fails.

    Raises:
        Exception: Whatever the redactor raised.
    """
    try:
        shown = redactor.redact(value)
    except Exception:
        secrets.hide(value)
        raise
    for hidden in hidden_in(value, shown):
        secrets.hide(hidden)
    return shown


def parsed_body(data: bytes, media: str) -> Any:
    """The body of a request as its type would read it, before it does; `None` if it is of no kind that is known."""
    kind = media.partition(";")[0].strip().lower()
    try:
        if kind == _FORM:
            return _gathered(parse_qsl(data.decode(), keep_blank_values=True))
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _gathered(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def without_hidden_query(target: str, redactor: Redactor, secrets: Hides) -> str:
    """A request target with `<withheld>` for the values of hidden query parameters.

    Raises:
        Exception: Whatever the redactor raised.
    """
    path, mark, query = target.partition("?")
    if not mark:
        return target
    given = _gathered(parse_qsl(query, keep_blank_values=True))
    shown = redacted(redactor, given, secrets)
    seen: dict[str, int] = {}
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        known = unquote_plus(name)
        number = seen[known] = seen.get(known, -1) + 1
        other = shown.get(known, _NOTHING) if isinstance(shown, Mapping) else _NOTHING
        if isinstance(other, list) and isinstance(given.get(known), list) and number < len(other):
            other = other[number]
        same = other == unquote_plus(value)
        pairs.append(pair if same or not equals else f"{name}={quote(WITHHELD)}")
    return f"{path}?{'&'.join(pairs)}"


def hidden_fields(headers: Any, redactor: Redactor, secrets: Hides) -> frozenset[str]:
    """The names, in small letters, of the header fields whose values are hidden; all where the redactor fails."""
    several = getattr(headers, "getall", None) or (lambda name: (headers[name],))
    given: dict[str, Any] = {}
    for name in headers:
        values = list(several(name))
        lowered = str(name).lower()
        given[lowered] = given[lowered.replace("-", "_")] = values[0] if len(values) == 1 else values
    try:
        shown = redacted(redactor, given, secrets)
    except Exception:
        return frozenset(str(name).lower() for name in headers)
    hidden = {
        name for name, value in given.items() if not isinstance(shown, Mapping) or shown.get(name) != value
    }
    lowered_names = {str(name).lower() for name in headers}
    return frozenset(name for name in lowered_names if name in hidden or name.replace("-", "_") in hidden)


def forms_of(text: str) -> set[str]:
    """The forms in which a text stands within other text: as it is, as in JSON, a URL, `repr`, HTML."""
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        quote(text, safe="", errors="surrogatepass"),
        quote(text, errors="surrogatepass"),
        quote_plus(text, errors="surrogatepass"),
        repr(text)[1:-1],
        html.escape(text),
    }
