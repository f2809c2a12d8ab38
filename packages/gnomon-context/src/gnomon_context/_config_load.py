"""Where configuration comes from: defaults, a TOML file, the environment, arguments, each over the last."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

from ._config import Config, hide
from ._errors import ConfigError

KeyPath: TypeAlias = tuple[str, ...]

#: What commands of the runtime read with the prefix that is the default here.
RESERVED = ("GNOMON_SNAPSHOTS",)

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")


@runtime_checkable
class ConfigValidator(Protocol):
    """What checks a whole configuration; a type of gnomon-gtype is one.

    `validate` returns the valid values, converted or not. It raises on invalid ones; an exception with
    `.problems`, each with `.pointer` (RFC 6901) and `.message`, makes an error that names key and source. One that has
    `redact`, which returns a copy of the values with what is sensitive replaced (as a type of gnomon-gtype does for
    `Sensitive[str]`), keeps that out of the `repr` of the configuration.

    >>> class Ports:
    ...     def validate(self, value):
    ...         if not 0 < value["port"] < 65536:
    ...             raise ValueError("port is a number from 1 to 65535")
    ...         return value
    >>> ConfigSources(defaults={"port": 8080}, environ={}, validator=Ports()).load().port
    8080
    """

    def validate(self, value: Any) -> Any:
        """Return the valid form of `value`, or raise."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSources:
    """Layers of configuration; a later one wins, key by key.

    Args:
        defaults: the lowest layer.
        file: a TOML file; one that is not there is an error, unless `optional_file`.
        optional_file: go on without the file if it is missing.
        prefix: of environment variables; `GNOMON_DATABASE__POOL_SIZE` is `database.pool_size`. They are
            read as the type of the value that they replace; without one they stay strings.
        environ: the environment; that of the process by default, at the time of loading.
        arguments: the highest layer, by dotted key or nested.
        validator: checks the whole, and may convert it; says what of it is never shown.
        closed: environment and arguments only replace what defaults and file have: a name that they do not
            have is an error, so that a typing mistake is found.
        reserved: environment variables with the prefix that belong to somebody else, and are no configuration.

    >>> sources = ConfigSources(defaults={"port": 80}, environ={"GNOMON_PORT": "8080"})
    >>> sources.load().port
    8080
    """

    # What may hold secrets is not in the repr.
    defaults: Mapping[str, Any] | None = field(default=None, repr=False)
    file: str | os.PathLike[str] | None = None
    optional_file: bool = False
    prefix: str = "GNOMON_"
    environ: Mapping[str, str] | None = field(default=None, repr=False)
    arguments: Mapping[str, Any] | None = field(default=None, repr=False)
    validator: ConfigValidator | None = None
    closed: bool = False
    reserved: Collection[str] = RESERVED

    def load(self) -> Config:
        """Read every layer and validate the whole.

        Raises:
            ConfigError: a layer cannot be read or the whole is not valid, with source and key.
        """
        merged = _Layers(closed=self.closed)
        merged.add("defaults", self.defaults or {})
        if self.file is not None:
            merged.add(f"file {os.fspath(self.file)}", self._read_file(Path(self.file)))
        environ = os.environ if self.environ is None else self.environ
        merged.add_environment(
            self.prefix, {name: environ[name] for name in environ if name not in self.reserved}
        )
        for path, value in _leaves(_nested(self.arguments or {}), ()):
            merged.override("arguments", path, value)
        values = merged.values if self.validator is None else self._validate(merged)
        if not isinstance(values, Mapping):
            raise ConfigError(
                f"the validator returned a {type(values).__qualname__}, and configuration is a mapping"
            )
        return self._hide(Config(values), values)

    def _hide(self, config: Config, values: Mapping[str, Any]) -> Config:
        redact = getattr(self.validator, "redact", None)
        if redact is None:
            return config
        try:
            return hide(config, redact(values))
        except Exception:
            # Nobody knows what may be shown.
            return hide(config, None)

    def _read_file(self, path: Path) -> Mapping[str, Any]:
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if self.optional_file:
                return {}
            raise ConfigError(f"the configuration file {path} does not exist") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"the configuration file {path} cannot be read: {error}") from error

    def _validate(self, merged: _Layers) -> Any:
        assert self.validator is not None
        try:
            return self.validator.validate(merged.values)
        except Exception as error:
            problems = getattr(error, "problems", None)
            if not problems:
                raise ConfigError(f"the configuration is not valid: {error}") from error
            lines = [f"{merged.locate(each.pointer)}: {str(each.message).rstrip('.')}" for each in problems]
            raise ConfigError("the configuration is not valid: " + "; ".join(lines)) from error


class _Layers:
    """The merged values, and which layer each key came from."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.values: dict[str, Any] = {}
        self.origins: dict[KeyPath, str] = {}

    def add(self, source: str, layer: Mapping[str, Any]) -> None:
        for path, value in _leaves(layer, ()):
            self.put(source, path, value)

    def put(self, source: str, path: KeyPath, value: Any) -> None:
        section = self.values
        for depth, key in enumerate(path[:-1], 1):
            inner = section.get(key)
            if not isinstance(inner, dict):
                # What was a plain value becomes a section; its origin is the layer that says so.
                inner = section[key] = {}
                self.origins[path[:depth]] = source
            section = inner
        section[path[-1]] = value
        self.origins[path] = source

    def override(self, source: str, path: KeyPath, value: Any) -> None:
        """Put a value over what the layers below have; in closed layers they must have it."""
        if self.closed and self.get(path) is None and path not in self.origins:
            dotted = {".".join(known): known for known in self.origins}
            near = get_close_matches(".".join(path), dotted, 1)
            mend = f"did you mean {near[0]}?" if near else f"there are: {', '.join(dotted) or 'none'}"
            raise ConfigError(f"{source}: there is no {'.'.join(path)} in the configuration; {mend}")
        self.put(source, path, value)

    def get(self, path: KeyPath) -> Any:
        value: Any = self.values
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def add_environment(self, prefix: str, environ: Mapping[str, str]) -> None:
        for name in sorted(environ):
            if name.startswith(prefix) and len(name) > len(prefix):
                path = tuple(name[len(prefix) :].lower().split("__"))
                if not all(path):
                    raise ConfigError(f"the environment variable {name} has an empty part in its name")
                replaced = self.get(path)
                if isinstance(replaced, dict):
                    raise ConfigError(
                        f"the environment variable {name} would replace the whole section {'.'.join(path)}: "
                        f"name a key of it, such as {name}__KEY"
                    )
                self.override(f"environment variable {name}", path, _read_as(name, environ[name], replaced))

    def locate(self, pointer: str) -> str:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        for length in range(len(parts), 0, -1):
            origin = self.origins.get(tuple(parts[:length]))
            if origin is not None:
                return f"{'.'.join(parts)} (from {origin})"
        return f"{'.'.join(parts) or 'the whole'} (from no source)"


def _leaves(layer: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, value in layer.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), dict(value) if isinstance(value, Mapping) else value


def _nested(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    layers = _Layers()
    for path, value in _leaves(arguments, ()):
        layers.put("arguments", tuple(part for key in path for part in key.split(".")), value)
    return layers.values


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"it is none of {', '.join(_TRUE + _FALSE)}")


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text.strip() else []


_READERS: dict[type, tuple[Callable[[str], Any], str]] = {
    bool: (_boolean, "a boolean"),
    int: (int, "an integer"),
    float: (float, "a number"),
    list: (_items, "a list"),
    tuple: (_items, "a list"),
}


def _read_as(name: str, text: str, replaced: Any) -> Any:
    reader, expected = _READERS.get(type(replaced), (str, "a string"))
    try:
        return reader(text)
    except ValueError:
        # Without the text: it may be a secret.
        raise ConfigError(
            f"the environment variable {name} is not {expected}, as the value it replaces is"
        ) from None
