"""What a module may use: hosts, files, secrets and other modules, by declaration.

A declaration keeps honest code honest and makes what a module touches readable. It is no sandbox: Python
code that wants to can open a socket without asking.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, final

from ._errors import CapabilityMissing

F = TypeVar("F", bound=Callable[..., Any])


def normal_host(host: str) -> str:
    """Lower case, without the final dot, in ASCII; an IPv6 address in its short form."""
    name = host.removeprefix("[").removesuffix("]").removesuffix(".").lower()
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    return name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_pattern(pattern: str) -> str:
    if pattern == "**":
        return pattern
    rest = pattern.removeprefix("**.").removeprefix("*.")
    name = normal_host(rest)
    wildcard = pattern[: len(pattern) - len(rest)]
    well_formed = _is_address(name) or not any(
        label == "" or "*" in label or ":" in label for label in name.split(".")
    )
    if not well_formed or (wildcard and _is_address(name)):
        raise ValueError(
            f"{pattern!r} is no host pattern: it is a host or an address without a port, '*.host' (one label "
            "more), '**.host' (one or more labels more), or '**' (every host)"
        )
    return wildcard + name


def host_matches(pattern: str, host: str) -> bool:
    """Whether a declared pattern admits `host`; patterns match whole labels.

    Args:
        pattern: `example.com`, `*.example.com` (exactly one label more), `**.example.com` (one or more),
            or `**` (every host).
        host: a name or an address.

    >>> host_matches("*.example.com", "api.example.com"), host_matches("*.example.com", "evilexample.com")
    (True, False)
    """
    pattern = _check_pattern(pattern)
    try:
        name = normal_host(host)
    except UnicodeError:
        return False
    labels = name.split(".")
    if not all(labels):
        return False
    if pattern == "**":
        return True
    if pattern.startswith("*"):
        if _is_address(name):
            return False
        wildcard, _, rest = pattern.partition(".")
        suffix = rest.split(".")
        more = len(labels) - len(suffix)
        enough = more == 1 if wildcard == "*" else more >= 1
        return enough and labels[more:] == suffix
    return pattern == name


def path_within(folder: str, path: str) -> bool:
    """Whether `path` is `folder` or lies in it, links and `..` resolved.

    >>> path_within("/data", "/data/a/../b"), path_within("/data", "/data/../etc"), path_within("/data", "/database")
    (True, False, False)
    """
    return Path(path).resolve().is_relative_to(Path(folder).resolve())


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a module may use; nothing by default.

    Args:
        hosts: patterns of network hosts, see `host_matches`.
        files: files and folders that may be read.
        writable: files and folders that may be read and written.
        secrets: names of secrets.
        modules: names of other modules.

    Raises:
        ValueError: a host pattern is none, or an entry is empty.
        TypeError: a single string where a sequence of strings belongs.

    >>> Capabilities(hosts=("*.example.com",)).covers(Capabilities(hosts=("*.example.com",)))
    True
    """

    hosts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            given: Iterable[str] = getattr(self, field.name)
            if isinstance(given, (str, bytes)):
                raise TypeError(f"{field.name} is a sequence of strings: write ({given!r},)")
            if "" in (entries := tuple(given)):
                # As a path it would mean the working directory.
                raise ValueError(f"an entry of {field.name} is empty: leave it out to declare nothing")
            object.__setattr__(self, field.name, entries)
        object.__setattr__(self, "hosts", tuple(_check_pattern(pattern) for pattern in self.hosts))

    def allows_host(self, host: str) -> bool:
        """Whether a connection to `host` is declared."""
        return any(host_matches(pattern, host) for pattern in self.hosts)

    def allows_file(self, path: str, *, write: bool) -> bool:
        """Whether reading (or writing) `path` is declared."""
        folders = self.writable if write else self.files + self.writable
        return any(path_within(folder, path) for folder in folders)

    def missing(self, needs: Capabilities) -> list[str]:
        """What `needs` names and this does not declare, each as `kind: name`."""
        absent = [
            f"{field.name}: {name}"
            for field in fields(self)
            if field.name not in ("hosts", "files")
            for name in getattr(needs, field.name)
            if name not in getattr(self, field.name)
        ]
        absent += [f"hosts: {pattern}" for pattern in needs.hosts if not self._covers_host(pattern)]
        absent += [f"files: {path}" for path in needs.files if not self.allows_file(path, write=False)]
        return absent

    def _covers_host(self, pattern: str) -> bool:
        if pattern in self.hosts or "**" in self.hosts:
            return True
        if not pattern.startswith("*"):
            return self.allows_host(pattern)
        # Some subdomains are covered by all subdomains of the same host, or of one above it.
        rest = pattern.partition(".")[2]
        wide = [have.removeprefix("**.") for have in self.hosts if have.startswith("**.")]
        return any(rest == base or rest.endswith(f".{base}") for base in wide)

    def covers(self, needs: Capabilities) -> bool:
        """Whether everything in `needs` is declared here."""
        return not self.missing(needs)


def needs(
    *,
    hosts: Iterable[str] = (),
    files: Iterable[str] = (),
    writable: Iterable[str] = (),
    secrets: Iterable[str] = (),
    modules: Iterable[str] = (),
) -> Callable[[F], F]:
    """Write on a module's factory what it needs; registering it with less is refused.

    Arguments as for `Capabilities`; written twice, both hold.

    >>> @needs(hosts=["api.example.com"])
    ... async def rates(resources):
    ...     return await resources.connect("api.example.com", 443, tls=True)
    """
    needed = Capabilities(
        hosts=tuple(hosts),
        files=tuple(files),
        writable=tuple(writable),
        secrets=tuple(secrets),
        modules=tuple(modules),
    )

    def mark(fn: F) -> F:
        before = needs_of(fn)
        every = {
            field.name: getattr(before, field.name) + getattr(needed, field.name) for field in fields(needed)
        }
        fn.__gnomon_needs__ = Capabilities(**every)  # type: ignore[attr-defined]  # functions take attributes
        return fn

    return mark


def needs_of(factory: object) -> Capabilities:
    """What was written on a factory with `needs`, also if some of its arguments are given already."""
    while isinstance(factory, partial):
        factory = factory.func
    found = getattr(factory, "__gnomon_needs__", None)
    return found if isinstance(found, Capabilities) else Capabilities()


def check_declared(
    name: str, declared: Capabilities | None, factory: Callable[..., Any], takes_resources: bool
) -> None:
    """Refuse a module that needs what it does not declare.

    Raises:
        CapabilityMissing: with what is missing.
    """
    if takes_resources and declared is None:
        raise CapabilityMissing(
            f"the factory of the module {name!r} takes resources, and the module declares no capabilities: "
            "register it with Module(capabilities=Capabilities(...))"
        )
    absent = (declared or Capabilities()).missing(needs_of(factory))
    if absent:
        raise CapabilityMissing(
            f"the module {name!r} needs what it does not declare: {'; '.join(absent)}; "
            "add it to Module(capabilities=Capabilities(...)) if it may have it"
        )
