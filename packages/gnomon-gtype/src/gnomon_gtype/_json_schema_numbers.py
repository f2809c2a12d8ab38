"""How JSON text may write one number: what is one value to JSON Schema can be two to a type."""

from __future__ import annotations


def spellings(value: int | float) -> tuple[int | float, ...]:
    """A finite number as JSON text may write it: a whole one with a fraction and without."""
    if isinstance(value, float) and not value.is_integer():
        return (value,)
    whole = int(value)
    try:
        same = float(whole) == whole
    except OverflowError:
        same = False
    return (whole, float(whole)) if same else (whole,)
