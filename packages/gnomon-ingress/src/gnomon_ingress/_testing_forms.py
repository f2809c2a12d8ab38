"""Multipart forms as a browser writes them (RFC 7578), for tests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def multipart(fields: Mapping[str, Any], files: Mapping[str, tuple[str, bytes]]) -> tuple[bytes, str]:
    """Return a body and its content type.

    Args:
        fields: Values by name; a list repeats its name.
        files: By name, what the file is called and what is in it.
    """
    boundary = f"form-{os.urandom(12).hex()}"
    parts: list[bytes] = []
    for name, value in fields.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        parts += [_part(boundary, f'name="{_escape(name)}"', str(each).encode()) for each in values]
    for name, (filename, content) in files.items():
        names = f'name="{_escape(name)}"; filename="{_escape(filename)}"'
        parts.append(_part(boundary, names, content, "Content-Type: application/octet-stream\r\n"))
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, names: str, content: bytes, further: str = "") -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {names}\r\n{further}\r\n"
    return head.encode() + content + b"\r\n"


def _escape(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
