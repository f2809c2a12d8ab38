"""Finding and reading the source files of a package, whatever state they are in."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ._errors import ManifestError
from ._findings import CODES, Finding, Position

__all__ = ["SourceFile", "find_files", "parse", "read"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, read once: what is hashed is what is parsed."""

    module: str
    is_package: bool
    file: str
    digest: str
    text: str
    tree: ast.Module | None
    findings: tuple[Finding, ...] = ()


def _package_of(folder: Path) -> tuple[str, ...]:
    """The dotted name of a folder, as far up as folders are packages."""
    parts: list[str] = []
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return tuple(parts)


def _walk(folder: Path, parts: tuple[str, ...], seen: set[str]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    real = os.path.realpath(folder)
    if real in seen:  # a symbolic link that leads back, or to what was read already
        return
    seen.add(real)
    try:
        # what is linked to is read under its own name, where it has one
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError:
        # the folder itself stands for what can not be listed, so that it is reported and not passed over
        yield folder, parts
        return
    for entry in entries:
        stem, dot, suffix = entry.name.partition(".")
        if entry.is_dir():
            if entry.name.isidentifier() and entry.name != "__pycache__":
                yield from _walk(Path(entry.path), (*parts, entry.name), seen)
        elif dot and suffix == "py" and stem.isidentifier():
            yield Path(entry.path), parts if stem == "__init__" else (*parts, stem)


def find_files(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Give every importable file under a path, sorted, as path, name to show, and module name.

    Args:
        path: a package, a folder of modules, or one file.

    Raises:
        ManifestError: when there is nothing at the path.
    """
    path = Path(path).absolute()
    if path.is_file():
        package = _package_of(path.parent)
        name = package if path.name == "__init__.py" else (*package, path.stem)
        yield path, path.name, ".".join(name)
        return
    if not path.is_dir():
        raise ManifestError(
            f"there is no file or folder at {str(path)!r}; give a package, a folder or a .py file"
        )
    package = _package_of(path)
    for file, parts in _walk(path, package, set()):
        yield file, file.relative_to(path).as_posix(), ".".join(parts)


def _fault(file: str, code: str, message: str, *, line: int = 1, column: int = 1) -> Finding:
    return Finding(Position(file, line, column), code, message, CODES[code])  # type: ignore[arg-type,index]


def read(path: Path, file: str, module: str) -> SourceFile:
    """Read and parse one file; what goes wrong becomes a finding."""
    package = path.name == "__init__.py"
    try:
        data = path.read_bytes()
    except OSError as error:
        fault = _fault(file, "unreadable", f"the file can not be read: {error.strerror or error}")
        return SourceFile(module, package, file, "", "", None, (fault,))
    return parse(data, file=file, module=module, is_package=package)


def parse(data: bytes, *, file: str, module: str, is_package: bool = False) -> SourceFile:
    """Decode and parse the bytes of one file; what goes wrong becomes a finding."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        fault = _fault(file, "unreadable", f"the file can not be decoded: {error}")
        return SourceFile(module, is_package, file, digest, "", None, (fault,))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in somebody's string is not ours to report
            tree = ast.parse(text, filename=file)
    except (SyntaxError, ValueError) as error:  # a null byte is one or the other, by version
        line, column = getattr(error, "lineno", None) or 1, max(getattr(error, "offset", None) or 1, 1)
        message = f"the file is not valid Python: {getattr(error, 'msg', error)}"
        fault = _fault(file, "syntax", message, line=line, column=column)
        return SourceFile(module, is_package, file, digest, text, None, (fault,))
    except (RecursionError, MemoryError):
        fault = _fault(file, "too-deep", "the file is nested too deeply to be parsed")
        return SourceFile(module, is_package, file, digest, text, None, (fault,))
    return SourceFile(module, is_package, file, digest, text, tree)
