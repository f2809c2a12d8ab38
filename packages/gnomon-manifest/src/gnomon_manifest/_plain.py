"""Text that anybody may have written, made fit to be shown."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line", "shown"]

# control characters, halves of surrogate pairs, and what turns the direction of writing (Unicode, annex 9)
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def shown(text: str) -> str:
    """The text with a sign in the place of every character that would act on what shows it."""
    return _HIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """The same in one line, with single spaces."""
    return shown(" ".join(text.split()))
