"""Files as bodies: inside their root, conditional, in ranges, read in threads."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import trio

from ._errors import HttpError

_PIECE = 256 * 1024
#: Below this a file is read whole, with one hop into a thread.
SMALL = 64 * 1024

# The registry of the machine would make the answer depend on where the server runs.
_types = mimetypes.MimeTypes()
_EXTRA = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".webp": "image/webp",
}


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file and what a response says about it."""

    path: Path
    size: int
    modified: datetime
    etag: str
    media_type: str

    def read(self, start: int, end: int) -> bytes:
        """Read a range."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


def find_inside(root: str | Path, path: str) -> FileBody:
    """Find a regular file below a root.

    Args:
        root: The folder that nothing leaves, not even through a symbolic link.
        path: Relative to it, as it comes from a client; percent-decoded once and no more.

    Raises:
        HttpError: 404 for everything that is not a regular file below the root.
    """
    base = Path(root).resolve()
    missing = HttpError(404, "no_such_file", "There is no such file.")
    try:
        found = (base / path.lstrip("/")).resolve(strict=True)
        details = found.stat()
    except (OSError, ValueError, RuntimeError):
        # Before Python 3.13 a loop of symbolic links is a RuntimeError.
        raise missing from None
    # resolve() drops a slash at the end, which asks for a folder.
    if path.endswith("/") or not found.is_relative_to(base) or not stat.S_ISREG(details.st_mode):
        raise missing
    if not os.access(found, os.R_OK):
        raise missing
    modified = datetime.fromtimestamp(int(details.st_mtime), UTC)
    return FileBody(
        found, details.st_size, modified, f'"{details.st_mtime_ns:x}-{details.st_size:x}"', _media_type(found)
    )


def _media_type(path: Path) -> str:
    kind = _EXTRA.get(path.suffix.lower()) or _types.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


class FileChunks:
    """A range of a file as a stream; it is opened for the first piece, and closed by ``aclose``."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._position = start
        self._end = end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        wanted = min(_PIECE, self._end - self._position)
        piece = await trio.to_thread.run_sync(self._read, wanted) if wanted else b""
        if not piece:
            # Of a file that shrank too few bytes are there; the connection notices and cuts the answer.
            raise StopAsyncIteration
        self._position += len(piece)
        return piece

    def _read(self, size: int) -> bytes:
        if self._file is None:
            self._file = self._path.open("rb")
            self._file.seek(self._position)
        return self._file.read(size)

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def disposition(name: str) -> str:
    """Return a Content-Disposition that offers a download under a name (RFC 6266).

    >>> print(disposition("Zoë.txt"))
    attachment; filename="Zo_.txt"; filename*=UTF-8''Zo%C3%AB.txt
    """
    plain = "".join(
        character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
