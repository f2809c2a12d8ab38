"""What differs between two snapshots, and how to make one of the other: JSON Patch (RFC 6902) and one operation more.

A patch works on the JSON form of a snapshot (`_json`). JSON has no order of keys, dictionaries have: `order` sets it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from gnomon_snapshot._errors import PatchError, SnapshotError
from gnomon_snapshot._format import pack
from gnomon_snapshot._json import from_json, to_json
from gnomon_snapshot._losses import escaped
from gnomon_snapshot._snapshot import Snapshot

Verb: TypeAlias = Literal["add", "remove", "replace", "move", "copy", "test", "order"]
_VERBS: Final = get_args(Verb)
_PLAIN: Final = frozenset({str, int, bool, type(None)})


class Operation(NamedTuple):
    """One step of a patch.

    Attributes:
        op: An operation of RFC 6902, section 4, or `order`, which puts the keys of an object into the order of `value`.
        path: Where, as a JSON pointer (RFC 6901).
        value: The value of `add`, `replace`, `test` and `order`, in the JSON form of snapshots.
        source: The `from` of `move` and `copy`.
    """

    op: Verb
    path: str
    value: Any = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """The operation as RFC 6902 writes it.

        >>> Operation("remove", "/state/cart").to_json()
        {'op': 'remove', 'path': '/state/cart'}
        """
        written: dict[str, Any] = {"op": self.op, "path": self.path}
        if self.op in ("move", "copy"):
            written["from"] = self.source
        elif self.op != "remove":
            written["value"] = self.value
        return written

    @classmethod
    def from_json(cls, written: Any) -> Operation:
        """Read an operation.

        Raises:
            PatchError: It is none.

        >>> Operation.from_json({"op": "add", "path": "/state/x", "value": 1})
        Operation(op='add', path='/state/x', value=1, source='')
        """
        try:
            verb, path = written["op"], written["path"]
            if verb not in _VERBS or type(path) is not str:
                raise TypeError
            if verb in ("move", "copy"):
                return cls(verb, path, None, str(written["from"]))
            return cls(verb, path, None if verb == "remove" else written["value"])
        except (KeyError, TypeError):
            raise PatchError(f"{written!r:.200} is no operation: see RFC 6902, section 4") from None


def diff(a: Snapshot, b: Snapshot) -> tuple[Operation, ...]:
    """What makes `b` of `a`; empty if and only if they are equal.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> from gnomon_snapshot import capture
    >>> lctx = LocalContext(GlobalContext())
    >>> lctx.set("cart", ["apple"])
    >>> before = capture(lctx)
    >>> lctx.get("cart").append("pear")
    >>> after = capture(lctx)
    >>> [step for step in diff(before, after) if step.path.startswith("/state")]
    [Operation(op='add', path='/state/cart/1', value='pear', source='')]
    >>> apply(diff(before, after), before) == after
    True
    """
    return tuple(differences(form(a), form(b)))


def apply(patch: Iterable[Operation], snapshot: Snapshot) -> Snapshot:
    """Make another snapshot by a patch.

    Raises:
        PatchError: An operation does not fit, a `test` fails, or the result is no snapshot.
    """
    document = form(snapshot)
    for operation in patch:
        document = _apply(operation, document)
    try:
        return Snapshot.from_bytes(pack(from_json(document)), types=snapshot._types)
    except (SnapshotError, TypeError, AttributeError) as error:
        raise PatchError(f"the patched document is no snapshot: {error}") from error


def form(snapshot: Snapshot) -> Any:
    """The JSON form of a snapshot, which patches are about."""
    return to_json(snapshot.tree)


def differences(a: Any, b: Any, path: str = "") -> Iterator[Operation]:
    if type(a) is dict and type(b) is dict:
        yield from _object_differences(a, b, path)
    elif type(a) is list and type(b) is list:
        yield from _array_differences(a, b, path)
    elif not _same(a, b):
        yield Operation("replace", path, b)


def _object_differences(a: dict[str, Any], b: dict[str, Any], path: str) -> Iterator[Operation]:
    if len(a) == len(b) == 1 and a.keys() != b.keys():
        yield Operation("replace", path, b)  # most likely two types of value
        return
    for key in a:
        if key not in b:
            yield Operation("remove", f"{path}/{escaped(key)}")
    for key, item in b.items():
        if key not in a:
            yield Operation("add", f"{path}/{escaped(key)}", item)
            continue
        was = a[key]
        # most of a snapshot is as it was: no path is made for that
        if type(item) in _PLAIN and type(was) is type(item) and was == item:
            continue
        yield from differences(was, item, f"{path}/{escaped(key)}")
    patched = [*(key for key in a if key in b), *(key for key in b if key not in a)]
    if patched != list(b):
        yield Operation("order", path, list(b))


def _array_differences(a: list[Any], b: list[Any], path: str) -> Iterator[Operation]:
    """Items that both begin or end with stay; of the rest those in one place are compared."""
    shorter = min(len(a), len(b))
    start = next((index for index in range(shorter) if not _same(a[index], b[index])), shorter)
    left = shorter - start
    end = next((index for index in range(left) if not _same(a[-1 - index], b[-1 - index])), left)
    for index in range(start, shorter - end):
        yield from differences(a[index], b[index], f"{path}/{index}")
    for index in reversed(range(shorter - end, len(a) - end)):
        yield Operation("remove", f"{path}/{index}")
    for index in range(shorter - end, len(b) - end):
        yield Operation("add", f"{path}/{index}", b[index])


def _same(a: Any, b: Any) -> bool:
    """Equal and of the same type, so that 1, 1.0 and True differ, and 0.0 and -0.0."""
    if type(a) is not type(b):
        return False
    if type(a) is dict:
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if type(a) is list:
        return len(a) == len(b) and all(map(_same, a, b))
    return repr(a) == repr(b) if type(a) is float else bool(a == b)


def _apply(operation: Operation, document: Any) -> Any:
    verb, path, value, source = operation
    if verb == "test":
        if not _same(_find(document, path), value):
            raise PatchError(f"what stands at {path!r} is not what the patch expects")
        return document
    if verb == "order":
        found = _find(document, path)
        if type(found) is not dict or type(value) is not list or set(value) != found.keys():
            raise PatchError(f"{path!r} does not have the keys that the patch puts in order")
        return _put(document, path, {key: found[key] for key in value}, replace=True)
    if verb in ("move", "copy"):
        value = copy.deepcopy(_find(document, source))
        if verb == "move":
            document = _remove(document, source)
    if verb in ("remove", "replace"):
        _find(document, path)
    if verb == "remove":
        return _remove(document, path)
    return _put(document, path, copy.deepcopy(value), replace=verb == "replace")


def _steps(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise PatchError(f"{path!r} is no JSON pointer: it begins with a slash")
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _find(document: Any, path: str) -> Any:
    found = document
    for step in _steps(path):
        found = _child(found, step, path)
    return found


def _child(owner: Any, step: str, path: str) -> Any:
    if type(owner) is dict and step in owner:
        return owner[step]
    if type(owner) is list:
        return owner[_index(step, len(owner) - 1, path)]
    raise PatchError(f"there is nothing at {path!r}")


def _index(step: str, last: int, path: str) -> int:
    if not step.isascii() or not step.isdecimal() or (step[0] == "0" and step != "0") or len(step) > 9:
        raise PatchError(f"{step!r} in {path!r} is no place in an array")
    if int(step) > last:
        raise PatchError(f"there is nothing at {path!r}")
    return int(step)


def _remove(document: Any, path: str) -> Any:
    steps = _steps(path)
    if not steps:
        return None
    owner = _find(document, path.rpartition("/")[0])
    _child(owner, steps[-1], path)
    del owner[steps[-1] if type(owner) is dict else int(steps[-1])]
    return document


def _put(document: Any, path: str, value: Any, *, replace: bool) -> Any:
    steps = _steps(path)
    if not steps:
        return value
    owner = _find(document, path.rpartition("/")[0])
    if type(owner) is dict:
        owner[steps[-1]] = value
    elif type(owner) is not list:
        raise PatchError(f"nothing can be put at {path!r}")
    elif replace:
        owner[_index(steps[-1], len(owner) - 1, path)] = value
    else:
        owner.insert(len(owner) if steps[-1] == "-" else _index(steps[-1], len(owner), path), value)
    return document
