"""Reports what modules do around their brokers, from Python's audit events; for tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, final

from gnomon_context._resources import acting_module, in_broker

# What reaches outside the process; see "Audit events table" in the documentation of Python.
_WATCHED = {
    "open": "file",
    "os.listdir": "file",
    "os.remove": "file",
    "os.rename": "file",
    "socket.bind": "network",
    "socket.connect": "network",
    "socket.getaddrinfo": "network",
    "socket.sendto": "network",
    "subprocess.Popen": "process",
    "os.system": "process",
}


@final
@dataclass(frozen=True, slots=True)
class Bypass:
    """One thing a module did without its brokers: `kind` is `file`, `network` or `process`.

    >>> Bypass("mailer", "network", "socket.connect", "('192.0.2.1', 25)").kind
    'network'
    """

    module: str
    kind: str
    event: str
    detail: str


@final
@dataclass(slots=True)
class AuditReport:
    """What was seen so far.

    >>> AuditReport([Bypass("mailer", "file", "open", "/etc/hosts")]).of("orders")
    []
    """

    bypasses: list[Bypass] = field(default_factory=list)

    def of(self, module: str) -> list[Bypass]:
        """What one module did."""
        return [bypass for bypass in self.bypasses if bypass.module == module]


_reports: list[AuditReport] = []
_installed = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _reports or event not in _WATCHED:
        return
    module = acting_module.get()
    # What the interpreter itself opens to import a module is no access of the module's.
    if module is None or in_broker.get() or _is_import(event, args):
        return
    bypass = Bypass(module, _WATCHED[event], event, _describe(event, args))
    for report in _reports:
        report.bypasses.append(bypass)


# A debugger and a measurement of coverage may look into the hook.
_hook.__cantrace__ = True  # type: ignore[attr-defined]


def _is_import(event: str, args: tuple[Any, ...]) -> bool:
    return event == "open" and isinstance(args[0], str) and args[0].endswith((".py", ".pyc", ".so", ".pyd"))


def _describe(event: str, args: tuple[Any, ...]) -> str:
    if event.startswith("socket.") and event != "socket.getaddrinfo":
        return str(args[1])
    first = args[0] if args else ""
    return os.fsdecode(first) if isinstance(first, (str, bytes)) else str(first)


@contextmanager
def audit_modules() -> Iterator[AuditReport]:
    """Report every file, connection and process that modules open without their brokers, in a `with` block.

    Seen is what runs in the task that starts and holds a module, in the tasks it starts and the threads it
    sends work to; a method that a handler calls runs in the handler's name and is not seen. An audit hook
    cannot be taken out again, so the first use leaves one in the process, which does nothing outside of the
    block. It finds mistakes; it is no sandbox.

    >>> with audit_modules() as report:
    ...     pass
    >>> report.bypasses
    []
    """
    global _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    report = AuditReport()
    _reports.append(report)
    try:
        yield report
    finally:
        _reports.remove(report)
