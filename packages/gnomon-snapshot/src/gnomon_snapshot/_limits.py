"""How much of a request a snapshot takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one snapshot; what passes them is listed in its losses.

    Args:
        depth: How many containers may stand inside each other, at most 64.
        count: How many values a snapshot holds; a container that does not fit is left out whole.
        size: How many bytes of text and binary data it holds.
        text: How many bytes one text or binary value has.
        shown: How many characters of `repr` are kept of what is left out.

    Raises:
        ValueError: A bound is not positive, or `depth` is more than 64.
    """

    depth: int = 64
    count: int = 50_000
    size: int = 8 * 2**20
    text: int = 2 * 2**20
    shown: int = 200

    def __post_init__(self) -> None:
        if min(self.depth, self.count, self.size, self.text, self.shown) < 1:
            raise ValueError("every bound of a snapshot is at least 1")
        if self.depth > 64:
            raise ValueError(
                f"depth {self.depth} is more than 64, which is as deep as a snapshot can be read"
            )
