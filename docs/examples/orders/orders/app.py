"""The composition: which code, which modules, which listeners."""

from collections.abc import Sequence
from pathlib import Path

from gnomon import App, Listener, Module

from .failures import FailureLog, open_failures
from .store import OrderStore, open_store


def build(folder: Path = Path(), *, listeners: Sequence[Listener] = ()) -> App:
    """The application over two SQLite files in a folder."""
    return App(
        "orders.hooks",
        "orders.handlers",
        modules={
            "orders": Module(factory=lambda: open_store(str(folder / "orders.sqlite3")), promises=OrderStore),
            "failures": Module(
                factory=lambda: open_failures(str(folder / "failures.sqlite3")), promises=FailureLog
            ),
        },
        listeners=listeners,
    )


app = build()
