"""What is entered with `async with` says so to who writes `with`."""

from __future__ import annotations

from typing import TYPE_CHECKING


class AsyncOnly:
    """A base for async context managers."""

    # Who checks types goes on being told that there is no such thing.
    if not TYPE_CHECKING:  # pragma: no branch - only type checkers pass it by

        def __enter__(self):
            name = type(self).__name__
            raise TypeError(f"use `async with {name}(...)`, not `with {name}(...)`")

        # Looked up before it is entered.
        __exit__ = None
