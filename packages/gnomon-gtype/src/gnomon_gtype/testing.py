"""Test data made of types: Hypothesis strategies of valid values, and of values that are wrong in exactly one place.

Needs Hypothesis: `pip install gnomon-gtype[testing]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st

from gnomon_gtype._composites import Definitions
from gnomon_gtype._gtype import GType
from gnomon_gtype._testing_misses import Breaking
from gnomon_gtype._testing_values import Making

__all__ = ["near_misses", "values"]

T = TypeVar("T")


def values(
    gtype: GType[T], *, opaque: Mapping[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[T]:
    """A strategy of values that the type accepts from Python, in strict mode.

    Args:
        gtype: the type.
        opaque: strategies for opaque parts, by their id. A part that is a class has `hypothesis.strategies.from_type` without.

    Raises:
        ValueError: an opaque part is no class, and `opaque` has no strategy for it.

    A type that accepts nothing gives `hypothesis.strategies.nothing()`. Text with several patterns, intersections and predicates
    are made by trying, so a type that hardly any value matches makes Hypothesis complain about filters.

    >>> from hypothesis import find
    >>> from gnomon_gtype import GType
    >>> find(values(GType(list[int])), lambda found: sum(found) > 10)
    [11]
    """
    making = _making(gtype, opaque)
    return making.values(gtype.schema)


def near_misses(
    gtype: GType[Any], *, opaque: Mapping[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[Any]:
    """A strategy of values that the type refuses because of exactly one place in them.

    All problems of such a value have the same path, and with another value in that place it could be accepted.

    Args:
        gtype: the type.
        opaque: as for `values`.

    Raises:
        ValueError: as for `values`.

    A type that accepts everything gives `hypothesis.strategies.nothing()`.

    >>> from hypothesis import find
    >>> from gnomon_gtype import GType
    >>> pair = GType(tuple[int, int])
    >>> near_miss = find(near_misses(pair), lambda found: type(found) is tuple and len(found) == 2)
    >>> len(pair.problems(near_miss))
    1
    """
    return Breaking(_making(gtype, opaque)).misses(gtype.schema)


def _making(gtype: GType[Any], opaque: Mapping[str, st.SearchStrategy[Any]] | None) -> Making:
    schema = gtype.schema
    known = schema.by_name if isinstance(schema, Definitions) else {}
    return Making(known, opaque or {})


for _exported in (near_misses, values):
    _exported.__module__ = __name__
