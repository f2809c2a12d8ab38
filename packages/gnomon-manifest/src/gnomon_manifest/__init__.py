"""Reads source code, without importing it, into manifests of handlers, hooks and types.

The exports are loaded on first use: `gnomon_manifest.declare` is imported by every application, and must not
bring the analysis and its dependencies with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._errors import DeclarationError, ManifestError, SignatureError

if TYPE_CHECKING:
    from ._build import build
    from ._findings import Finding, Position, render
    from ._manifest import FORMAT, Manifest
    from ._model import Handler, HandlerTypes, Hook, ModuleDependency, OpenEdge, Policies, Problem, TypeEntry
    from ._wire import ManifestRefused

__all__ = [
    "FORMAT",
    "DeclarationError",
    "Finding",
    "Handler",
    "HandlerTypes",
    "Hook",
    "Manifest",
    "ManifestError",
    "ManifestRefused",
    "ModuleDependency",
    "OpenEdge",
    "Policies",
    "Position",
    "Problem",
    "SignatureError",
    "TypeEntry",
    "build",
    "render",
]

_HOMES = {
    "FORMAT": "_manifest",
    "Finding": "_findings",
    "Handler": "_model",
    "HandlerTypes": "_model",
    "Hook": "_model",
    "Manifest": "_manifest",
    "ManifestRefused": "_wire",
    "ModuleDependency": "_model",
    "OpenEdge": "_model",
    "Policies": "_model",
    "Position": "_findings",
    "Problem": "_model",
    "TypeEntry": "_model",
    "build": "_build",
    "render": "_findings",
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


for _own in (DeclarationError, ManifestError, SignatureError):
    _own.__module__ = __name__
