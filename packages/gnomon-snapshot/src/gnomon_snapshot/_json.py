"""A tree as JSON and back: what JSON cannot say is an object with one key that begins with `$`."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any, Final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._errors import PatchError
from gnomon_snapshot._format import without_surrogates

_NAMES: Final = {
    getattr(tag, name): "$" + name.lower()
    for name in dir(tag)
    if name.isupper() and name not in ("FIRST", "LAST")
}
_NUMBERS: Final = {name: number for number, name in _NAMES.items()}


def to_json(node: Any) -> Any:
    """The JSON form of a node; keys of users that begin with `$` get one more."""
    cls = type(node)
    if cls is str:
        return node if node.isascii() or _encodable(node) else to_json(without_surrogates(node))
    if cls is dict:
        if not ((names := "".join(node)).isascii() or _encodable(names)):
            return to_json(without_surrogates(node))
        return {f"${key}" if key.startswith("$") else key: to_json(item) for key, item in node.items()}
    if cls is list:
        return [to_json(item) for item in node]
    if cls is CBORTag:
        return {_NAMES[node.tag]: to_json(node.value)}
    if cls is bytes:
        return {"$bytes": base64.b64encode(node).decode()}
    if cls is float and not math.isfinite(node):
        return {"$float": repr(node)}
    return node


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def from_json(value: Any) -> Any:
    """The node of a JSON form.

    Raises:
        PatchError: There is no such typed value.
    """
    cls = type(value)
    if cls is list:
        return [from_json(item) for item in value]
    if cls is not dict:
        return value
    if len(value) == 1:
        ((name, content),) = value.items()
        if name.startswith("$") and not name.startswith("$$"):
            return _typed(name, content)
    return {key.removeprefix("$"): from_json(item) for key, item in value.items()}


def _typed(name: str, content: Any) -> Any:
    try:
        if name == "$bytes":
            return base64.b64decode(content, validate=True)
        if name == "$float":
            return float(content)
        return CBORTag(_NUMBERS[name], from_json(content))
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise PatchError(f"{name} with {content!r:.100} is no value that a snapshot can hold") from None
