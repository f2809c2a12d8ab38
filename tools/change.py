"""Write a changelog fragment: ``nox -s change -- gnomon-gtype fixed "What a user notices."``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import graph

KINDS = ("breaking", "added", "fixed", "deprecated", "internal")
LONGEST_SLUG = 50


def slug(text: str) -> str:
    """A file name of the first words of a sentence.

    >>> slug("A key named `__proto__` is data.")
    'a-key-named-proto-is-data'
    """
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = ""
    for word in words:
        if len(name) + len(word) >= LONGEST_SLUG:
            break
        name += f"-{word}" if name else word
    if not name:
        raise ValueError("the text has no word in it")
    return name


def write(root: Path, package: str, kind: str, text: str) -> Path:
    """Write one fragment and return its path.

    Raises:
        ValueError: An unknown package or kind, an empty text, or a fragment of that name that exists.
    """
    known = graph.packages(root)
    if package not in known:
        raise ValueError(f"no package {package!r}; there are: {', '.join(known)}")
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; a change is one of: {', '.join(KINDS)}")
    path = known[package].folder / "changes" / f"+{slug(text)}.{kind}.md"
    if path.exists():
        raise ValueError(f"{path.name} is there already: edit it, or say it differently")
    path.write_text(text.strip() + "\n")
    return path


def main(arguments: list[str]) -> int:
    """The command line of this script."""
    if len(arguments) != 3:
        print(f"usage: change PACKAGE {{{','.join(KINDS)}}} TEXT", file=sys.stderr)
        return 2
    try:
        path = write(graph.ROOT, *arguments)
    except ValueError as error:
        print(f"change: {error}", file=sys.stderr)
        return 2
    print(path.relative_to(graph.ROOT))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
