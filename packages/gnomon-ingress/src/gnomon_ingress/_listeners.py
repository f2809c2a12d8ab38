"""Sockets to listen on: for every address of a host, or a path."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket, and what holds for its clients alone; ``Server.serve`` takes it in place of the bare socket.

    Args:
        socket: Listens, and does not block.
        half_close: Whether a client may close its sending side and still wait for the answer; ``None`` takes the word of
            the configuration.

    >>> [public], [internal] = open_tcp_listeners("127.0.0.1", 0), open_tcp_listeners("127.0.0.1", 0)
    >>> listeners = [public, Listener(internal, half_close=True)]
    >>> public.close(), internal.close()
    (None, None)
    """

    socket: socket.socket
    half_close: bool | None = None


def described(listeners: Iterable[socket.socket | Listener]) -> list[Listener]:
    """Return listeners, of which a bare socket has nothing to itself."""
    return [listener if isinstance(listener, Listener) else Listener(listener) for listener in listeners]


def open_tcp_listeners(
    host: str, port: int, *, backlog: int = 1024, reuse_port: bool = False
) -> list[socket.socket]:
    """Open a listening socket for every address of a host.

    Args:
        host: A name or an address; ``""`` means all interfaces.
        port: 0 lets the system choose.
        backlog: Connections the kernel keeps waiting.
        reuse_port: Whether several processes share the port (``SO_REUSEPORT``).

    Raises:
        OSError: The address is in use or not ours.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(backlog)
    except OSError as error:
        for listener in listeners:
            listener.close()
        # As a file is named that cannot be opened.
        error.filename = f"{host}:{port}"
        raise
    return listeners


def open_unix_listener(path: str | Path, *, backlog: int = 1024, mode: int = 0o600) -> socket.socket:
    """Open a listening Unix socket, replacing one that a dead server left behind.

    Args:
        path: Where; removing it afterwards is the caller's business.
        backlog: Connections the kernel keeps waiting.
        mode: Permissions of the socket.

    Raises:
        OSError: Somebody listens there, or the path is something else.
    """
    where = Path(path)
    if where.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(where)) == 0:
                raise OSError(errno.EADDRINUSE, f"a server listens on {where} already")
        where.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.setblocking(False)
        listener.bind(str(where))
        where.chmod(mode)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener
