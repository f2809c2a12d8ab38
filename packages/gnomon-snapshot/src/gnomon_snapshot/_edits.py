"""Edits of a live request, by JSON pointers (RFC 6901) into what its snapshot shows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final, final

from gnomon_context import LocalContext
from gnomon_snapshot._errors import PatchError

_REQUEST: Final = ("body", "method", "target")
_RESPONSE: Final = ("body", "status_code")


def edit(path: str, value: Any, lctx: LocalContext, request: Any, response: Any) -> None:
    """Put a copy of a value into a place of a live request.

    Raises:
        PatchError: There is no such place, or what stands there refused the value.
    """
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
    if steps[0] or len(steps) < 3:
        raise _no_place(path)
    _, part, name, *rest = steps
    try:
        value = copy.deepcopy(value)
        if part == "state":
            lctx.set(name, _within(lctx.get(name), rest, value, path) if rest else value)
            return
        owner = {"request": request, "response": response}.get(part)
        if owner is None:
            raise _no_place(path)
        if name == "headers" and len(rest) == 1:
            _set_header(owner, rest[0], value)
        elif name == "body" and rest:
            owner.body = _within(owner.body, rest, value, path)  # assigned, so that it is encoded anew
        elif name not in (_REQUEST if part == "request" else _RESPONSE) or rest:
            raise _no_place(path)
        elif name == "status_code":
            owner.status(value)
        else:
            setattr(owner, name, value)
    except PatchError:
        raise
    except Exception as error:
        raise PatchError(f"{path!r:.200} cannot be set: {type(error).__name__}: {error}") from error


def _no_place(path: str) -> PatchError:
    return PatchError(
        f"{path!r:.200} is no place that can be edited: those are /state/KEY, /request/body, /request/method, "
        "/request/target, /request/headers/NAME, /response/status_code, /response/body and /response/headers/NAME"
    )


def _within(root: Any, steps: list[str], value: Any, path: str) -> Any:
    """Set something in a value made of dictionaries and lists."""
    owner = root
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(owner, list) and last and step == "-":
            owner.append(value)
            return root
        key: Any = step
        if isinstance(owner, list):
            if not step.isascii() or not step.isdecimal() or int(step) >= len(owner):
                raise PatchError(f"there is nothing at {path!r:.200}: the list has {len(owner)} items")
            key = int(step)
        elif not isinstance(owner, MutableMapping):
            raise PatchError(
                f"{path!r:.200} leads into a {type(owner).__name__}: only dictionaries and lists are edited inside"
            )
        if last:
            owner[key] = value
        elif isinstance(owner, list) or key in owner:
            owner = owner[key]
        else:
            raise PatchError(f"there is nothing at {path!r:.200}: {key!r:.100} is missing")
    return root


def _set_header(owner: Any, name: str, value: Any) -> None:
    if type(value) is not str:
        raise PatchError("the value of a header field is text")
    if isinstance(owner.headers, MutableMapping):
        owner.headers[name] = value
    else:
        owner.headers = EditedHeaders(owner.headers, name, value)


@final
class EditedHeaders(Mapping[str, str]):
    """Header fields that cannot be changed, and one that was."""

    def __init__(self, before: Mapping[str, str], name: str, value: str) -> None:
        self._before = before
        self._name = name
        self._value = value

    def __getitem__(self, name: str) -> str:
        return self._value if name.lower() == self._name.lower() else self._before[name]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._before if name.lower() != self._name.lower())
        yield self._name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def getall(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        if name.lower() == self._name.lower():
            return (self._value,)
        several = getattr(self._before, "getall", None)
        return (self._before[name],) if several is None else tuple(several(name))
