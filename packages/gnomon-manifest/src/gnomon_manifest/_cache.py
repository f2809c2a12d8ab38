"""What was read of a source tree, in a file, for the next program.

A file of lines: what it is made by and the digest of the rest, the types, then one line for each module. A line is
written anew only when its module was. It is read as JSON, so that nothing in it can run; whatever is wrong with it,
the tree is read as if there were none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
import json
import os
import sys
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from ._findings import Finding, Position
from ._model import Handler, HandlerTypes, Hook, ModuleEntry, OpenEdge, Policies, Problem, TypeEntry
from ._reach import installed_version
from ._source import SourceFile
from ._units import Unit
from ._wire import _fields, encode

__all__ = ["Cache", "Cached"]

_FORMAT: Final = 4
_Shared: TypeAlias = dict[Any, Any]
_Convert: TypeAlias = Callable[[Any, _Shared], Any]
# in the order in which one refers to another
_SHARED: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (OpenEdge, Policies, HandlerTypes, Problem, Hook)
}
_PACKAGES: Final = ("gnomon_manifest", "gnomon_gtype")


@dataclass(frozen=True, slots=True)
class Cached:
    """What a cache has of a source tree: its files, its modules, and each type with the module that names it."""

    sources: tuple[SourceFile, ...]
    units: tuple[Unit, ...]
    entries: dict[str, tuple[str, TypeEntry]]


@cache
def _made_by() -> str:
    """The digest of everything but the source that a manifest depends on: this Python, and the code that reads."""
    found = hashlib.sha256(f"{_FORMAT} {sys.version}".encode())
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            for file in sorted(Path(folder).rglob("*.py")):
                found.update(file.read_bytes())
    return found.hexdigest()


class Cache:
    """One file of what was read.

    Args:
        path: the file; it need not exist.
        undecorated: as the tree is read.
    """

    def __init__(self, path: str | Path, *, undecorated: bool) -> None:
        self.path = Path(path)
        self.undecorated = undecorated
        # by module: its handlers and the number of modules it looked into, which tell whether the line still holds
        self._lines: dict[str, tuple[list[Handler], int, str]] = {}
        self._written = ""

    def load(self) -> Cached | None:
        """What the file has; None when it is missing, damaged, or of anything else than this program."""
        try:
            head, _, body = self.path.read_bytes().partition(b"\n")
            digest = hashlib.sha256(body).hexdigest()
            if json.loads(head) != self._head(digest):
                return None
            found = self._read(body.decode("ascii").split("\n"))
        except Exception:
            # it is only a cache: whatever stands in it, it has to be read from the source instead
            self._lines = {}
            return None
        self._written = digest
        return found

    def _head(self, digest: str) -> dict[str, Any]:
        return {"cache": "gnomon-manifest", "by": _made_by(), "all": self.undecorated, "body": digest}

    def _read(self, lines: list[str]) -> Cached | None:
        sources = tuple(map(_source, json.loads(lines[0])))
        entries = {
            digest: (owner, _converter(TypeEntry)(entry, {}))
            for digest, (owner, entry) in json.loads(lines[1]).items()
        }
        units = []
        edges: set[tuple[str, str, str | None]] = set()
        for line in lines[2:]:
            value = json.loads(line)
            edges.update(map(tuple, value["shared"]["OpenEdge"]))
            units.append(unit := _unit(value))
            self._lines[unit.name] = (unit.handlers, len(unit.looked_into), line)
        if any(
            kind == "distribution" and installed_version(name) != version for kind, name, version in edges
        ):
            return None
        return Cached(sources, tuple(units), entries)

    def store(
        self,
        sources: Iterable[SourceFile],
        units: Iterable[Unit],
        entries: Mapping[str, tuple[str, TypeEntry]],
    ) -> None:
        """Write what was read, where it differs from what the file has; a file that can not be written is left."""
        lines = [
            _text([_packed(source) for source in sources]),
            _text(
                {digest: [owner, _Packer().pack(entry)] for digest, (owner, entry) in sorted(entries.items())}
            ),
        ]
        kept: dict[str, tuple[list[Handler], int, str]] = {}
        for unit in sorted(units, key=lambda unit: unit.name):
            known = self._lines.get(unit.name)
            if known is None or known[0] is not unit.handlers or known[1] != len(unit.looked_into):
                known = (unit.handlers, len(unit.looked_into), _text(_packed_unit(unit)))
            kept[unit.name] = known
            lines.append(known[2])
        self._lines = kept
        body = "\n".join(lines).encode("ascii")
        digest = hashlib.sha256(body).hexdigest()
        if digest != self._written:
            self._write(_text(self._head(digest)).encode("ascii") + b"\n" + body)
            self._written = digest

    def _write(self, data: bytes) -> None:
        """Whole or not at all, whoever else writes at the same time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name, suffix=".new")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(name).replace(self.path)
        except OSError:
            return


_text: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class _Packer:
    """Writes parts of the model as arrays, in the order of their fields; handlers of one module share what is equal."""

    def __init__(self) -> None:
        self.shared: dict[str, list[Any]] = {name: [] for name in _SHARED}
        self._places: dict[str, int] = {}

    def pack(self, value: Any) -> Any:
        if isinstance(value, (str, int, float)) or value is None:
            return value
        kind: Any = type(value)
        if not (names := _fields(kind)):
            return encode(value) if isinstance(value, Mapping) else [self.pack(item) for item in value]
        # what any JSON may stand in is written as it is
        packed = [
            encode(part) if names[name] is Any else self.pack(part)
            for name, part in ((name, getattr(value, name)) for name in names)
        ]
        if kind.__name__ not in _SHARED:
            return packed
        key = f"{kind.__name__} {_text(packed)}"
        if key not in self._places:
            table = self.shared[kind.__name__]
            self._places[key] = len(table)
            table.append(packed)
        return self._places[key]


def _packed(source: SourceFile) -> list[Any]:
    findings = _Packer().pack(source.findings) if source.findings else []
    return [source.file, source.module, source.is_package, source.digest, findings]


def _source(value: list[Any]) -> SourceFile:
    file, module, is_package, digest, findings = value
    return SourceFile(module, is_package, file, digest, "", None, _findings(findings), cached=True)


def _packed_unit(unit: Unit) -> dict[str, Any]:
    packer = _Packer()
    return {
        "name": unit.name,
        "looked_into": sorted(unit.looked_into),
        "gives": unit.gives,
        "shown": [[name, packer.pack(place)] for name, place in unit.shown],
        "findings": packer.pack(unit.findings),
        "handlers": packer.pack(unit.handlers),
        "types": list(unit.types),
        "modules": packer.pack(unit.modules),
        "roles": unit.roles,
        "roles_open": unit.roles_open,
        "shared": packer.shared,
    }


def _unit(value: dict[str, Any]) -> Unit:
    handler = _converter(Handler)
    place = _converter(Position)
    shared: _Shared = {}
    for name, kind in _SHARED.items():
        shared[name] = list(map(_converter(kind), value["shared"][name], itertools.repeat(shared)))
    return Unit(
        value["name"],
        set(value["looked_into"]),
        gives=value["gives"],
        shown=[(name, place(where, shared)) for name, where in value["shown"]],
        findings=list(_findings(value["findings"])),
        handlers=[handler(item, shared) for item in value["handlers"]],
        types=dict.fromkeys(value["types"]),
        modules=[_converter(ModuleEntry)(item, shared) for item in value["modules"]],
        roles=None if value["roles"] is None else tuple(value["roles"]),
        roles_open=value["roles_open"],
        live=False,
    )


def _findings(value: list[Any]) -> tuple[Finding, ...]:
    finding = _converter(Finding)
    return tuple(finding(item, {}) for item in value)


@cache
def _converter(kind: Any) -> _Convert:
    """What makes a part of the model from its JSON, for JSON that this program wrote: nothing is checked.

    It is written out as a dataclass writes its own methods: a thousand handlers have twenty thousand fields, and a loop
    over them takes twice as long.
    """
    names = _fields(kind)
    known: dict[str, Any] = {"new": object.__new__, "kind": kind}
    values = []
    for place, (name, inner) in enumerate(names.items()):
        made = _part(inner)
        if made is None:
            values.append(f"v{place}")
        elif typing.get_origin(inner) is tuple and _part(typing.get_args(inner)[0]) is None:
            values.append(f"tuple(v{place})")
        else:
            known[f"made{place}"] = made
            values.append(f"made{place}(v{place}, shared)")
        known[f"set{place}"] = getattr(vars(kind)[name], "__set__", None)
    head = f"def make(value, shared):\n {', '.join(f'v{place}' for place in range(len(names)))}, = value\n"
    if issubclass(kind, tuple):
        body = f" return tuple.__new__(kind, ({', '.join(values)},))"
    else:
        steps = [f" set{place}(item, {value})\n" for place, value in enumerate(values)]
        body = f" item = new(kind)\n{''.join(steps)} return item"
    exec(head + body, known)  # noqa: S102 - made of numbers alone
    return cast(_Convert, known["make"])


def _tuple_of(name: str) -> _Convert:
    """What makes a tuple of shared parts, which is shared as well: most handlers of a module have the same."""

    def convert(value: Any, shared: _Shared) -> Any:
        key = (name, *value)
        known = shared.get(key)
        if known is None:
            table = shared[name]
            known = shared[key] = tuple([table[place] for place in value])
        return known

    return convert


def _part(kind: Any) -> _Convert | None:
    """What makes a field from its JSON; None when it is the same."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        inner = _part(arguments[0])
        return (
            None if inner is None else lambda value, shared: None if value is None else inner(value, shared)
        )
    if origin is tuple:
        made = _part(arguments[0])
        if made is None:
            return lambda value, _: tuple(value)
        if arguments[0] in _SHARED.values():
            return _tuple_of(arguments[0].__name__)
        return lambda value, shared: tuple([made(item, shared) for item in value])
    if origin is not None and arguments[0] is int and issubclass(origin, Mapping):
        inside = _part(arguments[1])
        if inside is None:
            return lambda value, _: {int(key): item for key, item in value.items()}
        return lambda value, shared: {int(key): inside(item, shared) for key, item in value.items()}
    if kind in _SHARED.values():
        name = kind.__name__
        return lambda value, shared: shared[name][value]
    return _converter(kind) if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields") else None
