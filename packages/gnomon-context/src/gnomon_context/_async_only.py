"""What is entered with `async with` says so to who writes `with`."""

from __future__ import annotations

from typing import TYPE_CHECKING


class AsyncOnly:
    """A base for async context managers."""

    if not TYPE_CHECKING:  # who checks types goes on being told that there is no such thing

        def __enter__(self):
            name = type(self).__name__
            raise TypeError(f"use `async with {name}(...)`, not `with {name}(...)`")

        # Looked up before it is entered.
        __exit__ = None
