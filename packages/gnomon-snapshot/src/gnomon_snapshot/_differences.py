"""Tells what differs between two values of snapshots in their JSON form, and between two sequences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from cbor2 import CBORTag

from gnomon_snapshot import _tags as tag
from gnomon_snapshot._json import to_json
from gnomon_snapshot._losses import escaped

# Text that is a time or an id as a whole: RFC 9562, RFC 3339, and the ids of requests.
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_ASIDE: Final = frozenset({"$datetime", "$uuid"})
MISSING: Final = "(nothing)"
_MOST_NODES: Final = 1_000_000  # of one snapshot with everything shared written out


class Difference(NamedTuple):
    """One thing that is not what it was.

    Attributes:
        path: Where, as a JSON pointer (RFC 6901); for calls and events the number in their order.
        recorded: What it was, in the JSON form of snapshots.
        replayed: What it is.
    """

    path: str
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        return f"{self.path or '/'}: {_shown(self.recorded)} -> {_shown(self.replayed)}"


def is_same(a: Any, b: Any) -> bool:
    """Whether two parts encode the same and refer to no other part; else they have to be looked at."""
    waiting = [(a, b)]
    while waiting:
        one, two = waiting.pop()
        cls = type(one)
        if cls is not type(two):
            return False
        if cls is dict:
            if one.keys() != two.keys():
                return False
            waiting += [(item, two[key]) for key, item in one.items()]
        elif cls is list:
            if len(one) != len(two):
                return False
            waiting += zip(one, two, strict=True)
        elif cls is CBORTag:
            if one.tag != two.tag or one.tag == tag.REF:
                return False
            waiting.append((one.value, two.value))
        elif one is not two and (one != two or cls is float):
            return False
    return True


def sequence(
    a: list[Any], b: list[Any], path: str, *, shown: tuple[list[str], list[str]] | None = None
) -> Iterator[Difference]:
    """What was taken out, put in and replaced: what both begin or end with stays, of the rest what is equal in order."""
    shown_a, shown_b = (a, b) if shown is None else shown
    start = next(
        (index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    left = min(len(a), len(b)) - start
    end = next((index for index in range(left) if a[-1 - index] != b[-1 - index]), left)
    first, second = range(start, len(a) - end), range(start, len(b) - end)
    for index in range(start, max(first.stop, second.stop)):
        here = shown_a[index] if index in first else MISSING
        there = shown_b[index] if index in second else MISSING
        if index not in first or index not in second or a[index] != b[index]:
            yield Difference(f"{path}/{index}", here, there)


class Values:
    """The JSON form of parts of a snapshot, with what is shared written out wherever it stands, and without traces.

    One part may hold only a reference to what another holds; each is compared for itself.
    """

    def __init__(self, tree: dict[str, Any]) -> None:
        self._shared: dict[int, Any] = {}
        self._find(tree)
        self._left = _MOST_NODES

    def _find(self, root: Any) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            cls = type(node)
            if cls is dict:
                waiting += node.values()
            elif cls is list:
                waiting += node
            elif cls is CBORTag:
                if node.tag == tag.SHARED:
                    self._shared[node.value[0]] = node.value[1]
                waiting.append(node.value)

    def form(self, node: Any) -> Any:
        """The JSON form of one part."""
        return to_json(self._steady(node, ()))

    def _steady(self, node: Any, inside: tuple[int, ...]) -> Any:
        self._left -= 1
        cls = type(node)
        if cls is dict:
            return {key: self._steady(item, inside) for key, item in node.items()}
        if cls is list:
            return [self._steady(item, inside) for item in node]
        if cls is not CBORTag:
            return node
        number, content = node.tag, node.value
        if number in (tag.SHARED, tag.REF):
            identity = content[0] if number == tag.SHARED else content
            if identity in inside or self._left < 0:
                # a circle: how far up it leads, which is the same wherever it was entered
                return CBORTag(tag.REF, inside[::-1].index(identity) if identity in inside else -1)
            return self._steady(self._shared.get(identity), (*inside, identity))
        if number == tag.TEXT:  # text that UTF-8 cannot hold has this form once it was written
            return content.decode("utf-8", "surrogatepass")
        if number == tag.LOST:
            return CBORTag(number, ["" if content[2] == "sensitive" else content[0], "", content[2]])
        if number in (tag.SET, tag.FROZENSET):
            return CBORTag(number, sorted((self._steady(item, inside) for item in content), key=repr))
        if number == tag.EXCEPTION:
            content = [*content[:6], [], *content[7:]]
        return CBORTag(number, self._steady(content, inside))


def differences(a: Any, b: Any, path: str) -> Iterator[Difference]:
    if type(a) is dict and type(b) is dict:
        if len(a) == len(b) == 1 and a.keys() == b.keys() and a.keys() <= _ASIDE:
            return
        for key in dict.fromkeys((*a, *b)):
            step = f"{path}/{escaped(key)}"
            if key not in a or key not in b:
                yield Difference(step, a.get(key, MISSING), b.get(key, MISSING))
            else:
                yield from differences(a[key], b[key], step)
    elif type(a) is list and type(b) is list:
        for index in range(max(len(a), len(b))):
            if index >= len(a) or index >= len(b):
                here = a[index] if index < len(a) else MISSING
                there = b[index] if index < len(b) else MISSING
                yield Difference(f"{path}/{index}", here, there)
            else:
                yield from differences(a[index], b[index], f"{path}/{index}")
    elif (type(a) is not type(b) or repr(a) != repr(b)) and not _is_aside(a, b):
        yield Difference(path, a, b)


def _is_aside(a: Any, b: Any) -> bool:
    """Whether both are times, or both ids."""
    if type(a) is not str or type(b) is not str:
        return False
    return any(form.fullmatch(a) and form.fullmatch(b) for form in (_UUID, _TIME))


def _shown(value: Any) -> str:
    shown = value if type(value) is str else json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 300 else shown[:300] + "…"
