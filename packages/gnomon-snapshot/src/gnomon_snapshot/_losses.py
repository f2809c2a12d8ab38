"""Finds in a tree what does not come back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._records import WITHHELD, Loss
from gnomon_snapshot._types import Types

_KINDS: Final = {
    tag.OBJECT: "object",
    tag.NAMEDTUPLE: "namedtuple",
    tag.ENUM: "enum",
    tag.SUBCLASS: "subclass",
    tag.EXCEPTION: "exception",
}
_ERROR_PARTS: Final = ("", "args", "", "cause", "context", "", "", "members")


def losses_of(body: Any, types: Types) -> tuple[Loss, ...]:
    """Every loss in a tree, in the order of the tree."""
    return tuple(_walk(body, "", types))


def _walk(node: Any, path: str, types: Types) -> Iterator[Loss]:
    cls = type(node)
    if cls is dict:
        for key, item in node.items():
            yield from _walk(item, f"{path}/{escaped(key)}", types)
    elif cls is list:
        for index, item in enumerate(node):
            yield from _walk(item, f"{path}/{index}", types)
    elif cls is CBORTag:
        yield from _walk_tag(node.tag, node.value, path, types)
    elif cls is str and WITHHELD in node:
        yield Loss(path, "builtins.str", "sensitive", "")


def _walk_tag(number: int, content: Any, path: str, types: Types) -> Iterator[Loss]:
    if number == tag.LOST:
        name, shown, reason = content
        yield Loss(path, name, reason, shown)
    elif number == tag.SHARED:
        yield from _walk(content[1], path, types)
    elif number in (tag.DATETIME, tag.TIME):
        if content[-1] is not None and len(content[-1]) == 3:
            yield Loss(path, content[-1][2], "time zone", "")
    elif number in _KINDS:
        if types.find(content[0], _KINDS[number]) is None:  # type: ignore[arg-type]
            yield Loss(path, content[0], "unregistered", "")
        yield from _walk_instance(number, content, path, types)
    else:
        yield from _walk(content, path, types)


def _walk_instance(number: int, content: Any, path: str, types: Types) -> Iterator[Loss]:
    if number == tag.ENUM:
        yield from _walk(content[2], f"{path}/value", types)
    elif number == tag.SUBCLASS:
        yield from _walk(content[1], path, types)
        yield from _walk(content[2], path, types)
    elif number == tag.EXCEPTION:
        yield from _walk(content[2], path, types)
        for part, name in zip(content, _ERROR_PARTS, strict=True):
            if name:
                yield from _walk(part, f"{path}/{name}", types)
    else:
        yield from _walk(content[1], path, types)


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")
