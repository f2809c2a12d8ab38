"""Reads source code, without importing it, into manifests of handlers, hooks and types.

The exports are loaded on first use: `gnomon_manifest.declare` is imported by every application, and must not
bring the analysis and its dependencies with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._errors import ManifestError

if TYPE_CHECKING:
    from ._build import SourceTree, build, watch
    from ._compare import Difference, check, compare
    from ._findings import Finding, Position, render
    from ._manifest import FORMAT, Manifest
    from ._model import (
        Handler,
        HandlerTypes,
        Hook,
        ModuleDependency,
        ModuleEntry,
        OpenEdge,
        Policies,
        Problem,
        TypeEntry,
    )
    from ._openapi import openapi
    from ._python import python_client
    from ._reports import markdown, mermaid, sarif
    from ._typescript import typescript_client
    from ._wire import ManifestRefused

__all__ = [
    "FORMAT",
    "Difference",
    "Finding",
    "Handler",
    "HandlerTypes",
    "Hook",
    "Manifest",
    "ManifestError",
    "ManifestRefused",
    "ModuleDependency",
    "ModuleEntry",
    "OpenEdge",
    "Policies",
    "Position",
    "Problem",
    "SourceTree",
    "TypeEntry",
    "build",
    "check",
    "compare",
    "markdown",
    "mermaid",
    "openapi",
    "python_client",
    "render",
    "sarif",
    "typescript_client",
    "watch",
]

_HOMES = {
    "Difference": "_compare",
    "FORMAT": "_manifest",
    "Finding": "_findings",
    "Handler": "_model",
    "HandlerTypes": "_model",
    "Hook": "_model",
    "Manifest": "_manifest",
    "ManifestRefused": "_wire",
    "ModuleDependency": "_model",
    "ModuleEntry": "_model",
    "OpenEdge": "_model",
    "Policies": "_model",
    "Position": "_findings",
    "Problem": "_model",
    "SourceTree": "_build",
    "TypeEntry": "_model",
    "build": "_build",
    "check": "_compare",
    "compare": "_compare",
    "markdown": "_reports",
    "mermaid": "_reports",
    "openapi": "_openapi",
    "python_client": "_python",
    "render": "_findings",
    "sarif": "_reports",
    "typescript_client": "_typescript",
    "watch": "_build",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    if hasattr(found, "__qualname__"):
        found.__module__ = __name__  # tracebacks and documentation show the public home
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


ManifestError.__module__ = __name__
