"""Hypothesis strategies for contexts; needs the extra `gnomon-context[testing]`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["configs", "host_patterns", "hosts", "keys", "metas", "traceparents"]

_LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)


def keys() -> st.SearchStrategy[str]:
    """Keys of a local context: any text, often the same."""
    return st.one_of(st.sampled_from(["a", "b", "user", ""]), st.text(max_size=10))


def hosts() -> st.SearchStrategy[str]:
    """Host names of a few labels that are often alike."""
    labels = st.one_of(st.sampled_from(["example", "evilexample", "com", "api"]), _LABELS)
    return st.lists(labels, min_size=1, max_size=5).map(".".join)


def host_patterns() -> st.SearchStrategy[str]:
    """Patterns that a module may declare: hosts, `*.host`, `**.host`, `**`."""
    return st.one_of(
        hosts(),
        hosts().map("*.{}".format),
        hosts().map("**.{}".format),
        st.just("**"),
        st.just("*.example.com"),
    )


def traceparents() -> st.SearchStrategy[str]:
    """Valid W3C `traceparent` headers of version 00."""
    return st.builds(
        "00-{:032x}-{:016x}-{:02x}".format,
        st.integers(1, 2**128 - 1),
        st.integers(1, 2**64 - 1),
        st.integers(0, 255),
    )


def metas() -> st.SearchStrategy[dict[str, Any]]:
    """What describes a request, as keyword arguments of `local_context`."""
    return st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["GET", "POST", "DELETE"]),
            "path": st.text(max_size=20).map("/{}".format),
            "route": st.sampled_from(["/", "/orders/{id}"]),
            "version": st.text(max_size=8),
            "flags": st.lists(st.text(max_size=5), max_size=3).map(tuple),
            "client_id": st.none() | st.text(max_size=8),
            "traceparent": st.none() | st.text(max_size=60) | traceparents(),
        },
    )


def configs() -> st.SearchStrategy[dict[str, Any]]:
    """Configuration values: nested tables, lists and scalars."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    names = st.from_regex(r"[a-z]{1,3}", fullmatch=True)
    values: st.SearchStrategy[Any] = st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(names, inner, max_size=3),
            st.sets(st.integers(), max_size=3),
        ),
        max_leaves=8,
    )
    return st.dictionaries(names, values, max_size=4)
