"""JSON for bodies that no type reads or encodes: strict, and written without building an encoder for every value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from json import encoder as _encoder
from typing import Any, NoReturn

from ._errors import HttpError


def _refuse(value: object) -> NoReturn:
    # The value itself stays out of the message: it may be a secret.
    raise TypeError(
        f"a {type(value).__name__} has no JSON form: convert it, or declare a response type that does"
    )


def _make_chunks() -> Callable[[Any, int], Iterable[str]]:
    make: Any = getattr(_encoder, "c_make_encoder", None)
    if make is None:  # pragma: no cover — interpreters without the accelerator
        slow = json.JSONEncoder(default=_refuse, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return lambda value, _: slow.iterencode(value)
    # markers, default, encoder, indent, key separator, item separator, sort keys, skip keys, allow NaN. Without markers
    # a value that contains itself ends in RecursionError instead of a lookup per container.
    chunks: Callable[[Any, int], Iterable[str]] = make(
        None, _refuse, _encoder.encode_basestring, None, ":", ",", False, False, False
    )
    return chunks


_chunks = _make_chunks()


def dump_json(value: Any) -> bytes:
    r"""Encode a value as JSON in UTF-8.

    Raises:
        TypeError: It has no JSON form.
        ValueError: A float is not finite, a string is not valid Unicode, or the value contains itself.

    >>> dump_json({"name": "Zoë", "tags": [1, None]})
    b'{"name":"Zo\xc3\xab","tags":[1,null]}'
    """
    try:
        return "".join(_chunks(value, 0)).encode()
    except RecursionError:
        raise ValueError("the body is nested too deeply, or contains itself") from None


def is_json(media_type: str) -> bool:
    """Whether a media type without parameters is JSON: ``application/json`` or any ``+json``.

    >>> is_json("application/vnd.api+json"), is_json("text/plain")
    (True, False)
    """
    return media_type == "application/json" or (media_type.endswith("+json") and "/" in media_type)


def parse_json(data: bytes) -> Any:
    """Parse strict JSON: UTF-8, no duplicate keys, no NaN or Infinity.

    Raises:
        HttpError: 400, with the place where the text stops being JSON.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise HttpError(400, "invalid_json", "The body is nested too deeply.") from None
    except ValueError as error:
        raise HttpError(400, "invalid_json", f"The body is not JSON: {_where(error)}.") from None


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    # What else the parser refuses are integers beyond the interpreter's limit of digits, and our own findings.
    return "an integer has too many digits" if "digits" in str(error) else str(error)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
