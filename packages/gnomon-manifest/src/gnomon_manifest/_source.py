"""Finding and reading the source files of a package, whatever state they are in."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import time
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from ._errors import ManifestError
from ._findings import CODES, Finding, Position

__all__ = ["SourceFile", "Stamp", "content", "find_files", "parse", "read", "stamps"]

# file systems tell times apart that are two seconds apart, the coarsest of them (FAT)
_COARSEST: Final = 2_000_000_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, read once: what is hashed is what is parsed. A cached one is known, and was not parsed."""

    module: str
    is_package: bool
    file: str
    digest: str
    text: str
    tree: ast.Module | None
    findings: tuple[Finding, ...] = ()
    cached: bool = False

    def same(self, other: SourceFile) -> bool:
        """Whether two readings found the same file."""
        return (self.module, self.file, self.digest) == (other.module, other.file, other.digest) and (
            bool(self.digest) or self.findings == other.findings
        )

    def matches(self, data: bytes | Finding, module: str) -> bool:
        """Whether a file, read again, is what it was."""
        if self.module != module:
            return False
        if isinstance(data, Finding):
            return not self.digest and self.findings == (data,)
        return hashlib.sha256(data).hexdigest() == self.digest


def _package_of(folder: Path) -> tuple[str, ...]:
    """The dotted name of a folder, as far up as folders are packages."""
    parts: list[str] = []
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return tuple(parts)


def _walk(
    folder: Path, shown: str, parts: tuple[str, ...], seen: set[str]
) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    real = os.path.realpath(folder)
    if real in seen:  # a symbolic link that leads back, or to what was read already
        return
    seen.add(real)
    try:
        # what is linked to is read under its own name, where it has one
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError:
        # the folder itself stands for what can not be listed, so that it is reported and not passed over
        yield folder, shown.removesuffix("/") or ".", parts
        return
    for entry in entries:
        stem, dot, suffix = entry.name.partition(".")
        if entry.is_dir():
            if entry.name.isidentifier() and entry.name != "__pycache__":
                yield from _walk(Path(entry.path), f"{shown}{entry.name}/", (*parts, entry.name), seen)
        elif dot and suffix == "py" and stem.isidentifier():
            yield Path(entry.path), shown + entry.name, parts if stem == "__init__" else (*parts, stem)


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
    for file, shown, parts in _walk(path, "", package, set()):
        yield file, shown, ".".join(parts)


class Stamp(NamedTuple):
    """What tells cheaply whether a file was written: never the same for two contents, but for writes in quick succession.

    `young` is whether the file was so new when it was looked at that a further write might not show.
    """

    shown: str
    module: str
    path: Path
    identity: tuple[int, ...] | None
    young: bool


def stamps(files: Iterable[tuple[Path, str, str]]) -> tuple[Stamp, ...]:
    """Look at files without reading them."""
    now = time.time_ns()
    found: list[Stamp] = []
    for file, shown, module in files:
        try:
            status = file.stat()
        except OSError:
            found.append(Stamp(shown, module, file, None, True))
            continue
        identity = (status.st_mtime_ns, status.st_size, status.st_ino)
        found.append(Stamp(shown, module, file, identity, now - status.st_mtime_ns < _COARSEST))
    return tuple(found)


def _fault(file: str, code: str, message: str, *, line: int = 1, column: int = 1) -> Finding:
    return Finding(Position(file, line, column), code, message, CODES[code])  # type: ignore[arg-type,index]


def content(path: Path, file: str) -> bytes | Finding:
    """The bytes of a file, or why there are none."""
    try:
        return path.read_bytes()
    except OSError as error:
        return _fault(file, "unreadable", f"the file can not be read: {error.strerror or error}")


def read(path: Path, file: str, module: str) -> SourceFile:
    """Read and parse one file; what goes wrong becomes a finding."""
    return parse(content(path, file), file=file, module=module, is_package=path.name == "__init__.py")


def _decoded(data: bytes) -> str:
    """The text of a file, in the encoding that it names (PEP 263) or UTF-8."""
    if b"coding" not in data[:500]:
        return data.decode("utf-8-sig")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding).read()


def parse(data: bytes | Finding, *, file: str, module: str, is_package: bool = False) -> SourceFile:
    """Decode and parse the bytes of one file; what goes wrong becomes a finding."""
    if isinstance(data, Finding):
        return SourceFile(module, is_package, file, "", "", None, (data,))
    digest = hashlib.sha256(data).hexdigest()
    try:
        text = _decoded(data)
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
        fault = _fault(file, "too_deep", "the file is nested too deeply to be parsed")
        return SourceFile(module, is_package, file, digest, text, None, (fault,))
    return SourceFile(module, is_package, file, digest, text, tree)
