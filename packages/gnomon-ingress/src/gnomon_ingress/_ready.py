"""How a worker tells its supervisor that it accepts connections."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

# Of this process: the pipe to the supervisor that waits for the word, and the sockets it is about.
_pipe: int | None = None
_awaited: frozenset[int] = frozenset()


def await_ready(pipe: int, listeners: Iterable[socket.socket]) -> None:
    """Have the word sent through a pipe, which is closed then; for the child of a supervisor."""
    global _pipe, _awaited
    _pipe = pipe
    _awaited = frozenset(listener.fileno() for listener in listeners)


def note_accepting(listeners: Iterable[socket.socket]) -> None:
    """Send the word if these sockets are among those it is about."""
    if _pipe is not None and not _awaited.isdisjoint(listener.fileno() for listener in listeners):
        worker_ready()


def worker_ready() -> None:
    """Tell the supervisor that this worker accepts connections, so that the one it replaces is told to stop.

    ``Server.serve`` says so by itself; a worker that serves its sockets in another way calls this. Does nothing the second
    time, and in a process that is no worker of ``run_workers``.

    >>> worker_ready()
    """
    global _pipe
    pipe, _pipe = _pipe, None
    if pipe is None:
        return
    try:
        os.write(pipe, b"!")
    except OSError:
        # There is no supervisor any more; its end reaches this worker on a way of its own.
        pass
    os.close(pipe)
