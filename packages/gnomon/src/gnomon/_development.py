"""`gnomon dev`: a process that serves, and another one after every change of a file.

The parent holds the listening sockets and never imports the application; the child, `python -m gnomon._development`, inherits
them and a pipe whose end tells it that its parent is gone.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import trio

from gnomon_context import ContextError
from gnomon_ingress import Server, open_tcp_listeners

from . import _config
from ._serving import Address, serve_until_signalled
from ._supervisor import Supervisor
from ._targets import loaded, show_own
from ._watching import Look, look


def serving(target: str, url: str) -> str:
    """What is said once requests are answered."""
    return f"serving {target} on {url} (Ctrl-C stops)"


def develop(
    target: str, host: str, port: int, watch: Sequence[Path], *, tell: Callable[[str], object]
) -> None:
    """Serve a target in a process of its own, and in another one after every change, until SIGINT or SIGTERM.

    Args:
        target: What `gnomon serve` takes.
        host: A name or an address.
        port: 0 takes a free one, which stays.
        watch: Files and folders beside the Python files in the current folder.
        tell: Called with what happens, in words.

    Raises:
        OSError: The address is in use or not ours.
    """
    listeners = open_tcp_listeners(host, port)
    alive, lifeline = os.pipe()

    def start() -> subprocess.Popen[bytes]:
        descriptors = [listener.fileno() for listener in listeners]
        # Without -B a file that is written twice in a second may be taken from its cache.
        command = [sys.executable, "-B", "-m", "gnomon._development", target]
        command += [str(descriptor) for descriptor in (alive, *descriptors)]
        # A terminal sends Ctrl-C to both; the child is ended by us, also when it has no handler yet: what is blocked here
        # is blocked there.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return subprocess.Popen(command, pass_fds=(alive, *descriptors))  # noqa: S603 - ourselves
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

    def look_around() -> Look:
        return look([Path()], watch)

    try:
        Supervisor(start, look_around, tell=tell).run()
    finally:
        os.close(alive)
        os.close(lifeline)
        for listener in listeners:
            listener.close()


def main(arguments: Sequence[str]) -> None:
    """Be the child: serve a target on inherited sockets until SIGTERM."""
    target, alive, *descriptors = arguments
    # A handler that does nothing, and not SIG_IGN, which programs that the application starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    threading.Thread(target=_outlive_nobody, args=[int(alive)], daemon=True, name="gnomon dev").start()
    _config.development_by_default = True
    try:
        app = loaded(target)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    listeners = [socket.socket(fileno=int(descriptor)) for descriptor in descriptors]
    for listener in listeners:
        listener.setblocking(False)
    server = Server(app.dispatch, config=app.server_config)
    try:
        trio.run(
            serve_until_signalled,
            app,
            server,
            Address(listeners=listeners),
            lambda url: click.echo(serving(target, url)),
            [signal.SIGTERM],
        )
    except ContextError as error:
        show_own(error.__cause__ or error)
        click.echo(f"Error: {target} did not start: {error}", err=True)
        sys.exit(1)
    finally:
        for listener in listeners:
            listener.close()


def _outlive_nobody(alive: int) -> None:
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":  # pragma: no cover - the child, whose coverage ends with it
    main(sys.argv[1:])
