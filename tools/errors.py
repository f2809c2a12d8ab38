"""The page of public errors, made from the classes themselves: `python tools/errors.py --write`."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator

import graph

PAGE = graph.ROOT / "docs/reference/errors.md"
HEAD = """# Errors

Every public exception has a `code`: a stable word in lower case with underscores. An exception is also the builtin named
beside it, so code that knows nothing of Gnomon can catch it. This page is made from the classes: `python tools/errors.py --write`.
"""
MODULES = {"gnomon-manifest": ("gnomon_manifest", "gnomon_manifest.declare")}


def public_errors(package: graph.Package) -> Iterator[type[Exception]]:
    """The exception classes that a package exports and owns, by name."""
    found: dict[str, type[Exception]] = {}
    for name in MODULES.get(package.name, (package.import_name,)):
        module = importlib.import_module(name)
        for exported in module.__all__:
            value = getattr(module, exported)
            own = inspect.isclass(value) and value.__module__.partition(".")[0] == package.import_name
            if own and issubclass(value, Exception):
                found[exported] = value
    yield from (found[name] for name in sorted(found))


def builtin_of(error: type[Exception]) -> str:
    """The most telling builtin exceptions that a class also is."""
    bases = [base for base in error.__mro__[1:] if base.__module__ == "builtins"]
    telling = [b for b in bases if not any(b is not other and issubclass(other, b) for other in bases)]
    return ", ".join(f"`{base.__name__}`" for base in telling)


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    for package in graph.packages().values():
        rows = [
            f"| `{error.code}` | `{error.__name__}` | {builtin_of(error)} | {_sentence(error)} |"  # type: ignore[attr-defined]
            for error in public_errors(package)
        ]
        if rows:
            table = ["| code | exception | also a | when |", "|---|---|---|---|", *rows]
            parts.append(f"\n## {package.name}\n\n" + "\n".join(table) + "\n")
    return "".join(parts)


def _sentence(error: type[Exception]) -> str:
    first = (inspect.getdoc(error) or "").partition("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(render())
    else:
        print(render())
