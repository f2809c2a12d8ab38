"""JSON for bodies that no type encodes: strict and compact, without building an encoder for every value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from json import encoder as _encoder
from typing import Any, NoReturn


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
