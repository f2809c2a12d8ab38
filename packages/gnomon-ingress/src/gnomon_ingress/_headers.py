"""Header fields: an immutable view of a request's, a checked mutable mapping for a response's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TypeVar, overload

from ._errors import InvalidHeader

T = TypeVar("T")

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")

# Framing belongs to the connection: a handler that could set these could desynchronise the client.
_FRAMING = frozenset(
    {"content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "te"}
)


def check_name(name: str) -> str:
    """Return the header name in lower case, or raise ``InvalidHeader``."""
    if _TOKEN.fullmatch(name) is None:
        raise InvalidHeader(f"{name!r} is not a header name: only letters, digits and !#$%&'*+-.^_`|~ are")
    lowered = name.lower()
    if lowered in _FRAMING:
        raise InvalidHeader(f"the connection itself writes {lowered!r}; remove it here")
    return lowered


def check_value(name: str, value: str) -> str:
    """Return the header value, or raise ``InvalidHeader`` for what would break the message apart."""
    if _VALUE.fullmatch(value) is None:
        raise InvalidHeader(
            f"the value of {name!r} has a control character, a character beyond Latin-1, or blanks around it: "
            "strip and encode it first"
        )
    return value


class Headers(Mapping[str, str]):
    """The header fields of a request, by case-insensitive name.

    A repeated field reads as its values joined with ``", "`` (RFC 9110, section 5.3); ``getall`` keeps them apart.
    Values are decoded as Latin-1, which loses nothing.

    >>> headers = Headers([(b"Accept", b"a/b"), (b"accept", b"c/d"), (b"Host", b"example")])
    >>> headers["ACCEPT"]
    'a/b, c/d'
    >>> headers.getall("accept")
    ('a/b', 'c/d')
    """

    __slots__ = ("_fields", "_names", "_pairs")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._pairs: Sequence[tuple[bytes, bytes]] = list(pairs)
        self._fields = join_fields(self._pairs)
        # Only of fields that all have names of their own.
        self._names: tuple[bytes, ...] = ()

    @staticmethod
    def of_single(names: tuple[bytes, ...], fields: dict[str, bytes]) -> Headers:
        """Make headers in which no field is repeated.

        Args:
            names: In the client's case.
            fields: The values in the same order by lower-case name, the blanks around them still there.
        """
        headers = Headers.__new__(Headers)
        headers._pairs = ()
        headers._fields = fields
        headers._names = names
        return headers

    def copy_fields(self) -> dict[str, bytes]:
        """Return the values by lower-case name, the blanks around them still there."""
        return self._fields.copy()

    @property
    def names(self) -> tuple[bytes, ...]:
        """The names in the client's case; empty if one is repeated."""
        return self._names

    def changed_since(self, before: Headers) -> list[str] | None:
        """Return the names of fields with other values; ``None`` if the fields are others or one is repeated."""
        if not self._names or self._names != before._names:
            return None
        known = before._fields
        return [name for name, value in self._fields.items() if value != known[name]]

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()].strip(b" \t").decode("latin-1")

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T, /) -> str | T: ...
    # The one of the base class raises and catches an exception for each field that is not there, as most are not.
    def get(self, name: str, default: str | T | None = None, /) -> str | T | None:
        """Return the value of a field, the default if there is none."""
        value = self._fields.get(name.lower())
        return default if value is None else value.strip(b" \t").decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def getall(self, name: str) -> tuple[str, ...]:
        """Return every value of a field in the order it came, empty if there is none."""
        wanted = name.lower().encode("latin-1", "replace")
        return tuple(value.decode("latin-1") for key, value in self.raw if key.lower() == wanted)

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields exactly as they came: names in the client's case, repeats kept."""
        if self._names:
            values = [value.strip(b" \t") for value in self._fields.values()]
            return tuple(zip(self._names, values, strict=True))
        return tuple(self._pairs)

    def __repr__(self) -> str:
        # Values are left out: they carry credentials, and reprs end up in logs.
        return f"<Headers {', '.join(self._fields)}>"


def join_fields(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Fold repeated fields into one value each: with ``"; "`` for Cookie (RFC 6265), else ``", "``."""
    fields: dict[str, bytes] = {}
    for raw, value in pairs:
        name = raw.lower().decode("latin-1")
        if name in fields:
            fields[name] = fields[name] + (b"; " if name == "cookie" else b", ") + value
        else:
            fields[name] = value
    return fields


def add_vary(headers: MutableHeaders, name: str) -> None:
    """Say that the answer depends on a request header, once."""
    known = [item.strip().lower() for item in headers.get("vary", "").split(",")]
    if "*" not in known and name.lower() not in known:
        headers.add("vary", name)


class MutableHeaders(MutableMapping[str, str]):
    r"""The header fields of a response; every name and value is checked as it is set.

    Assigning replaces, ``add`` repeats. Framing fields (``Content-Length``, ``Transfer-Encoding``, ``Connection``…)
    are refused, because the connection writes them.

    >>> headers = MutableHeaders()
    >>> headers["X-Total"] = "3"
    >>> headers.add("Set-Cookie", "a=1")
    >>> headers.add("Set-Cookie", "b=2")
    >>> headers.getall("set-cookie")
    ('a=1', 'b=2')
    >>> headers["X-Bad"] = "a\r\nSet-Cookie: evil=1"
    Traceback (most recent call last):
      ...
    gnomon_ingress.InvalidHeader: the value of 'x-bad' has a control character, ...
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields: dict[str, tuple[str, ...]] = {}
        for name, value in (fields or {}).items():
            self[name] = value

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields[name.lower()])

    def __setitem__(self, name: str, value: str) -> None:
        lowered = check_name(name)
        self._fields[lowered] = (check_value(lowered, value),)

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def add(self, name: str, value: str) -> None:
        """Append one more value of a field, as its own line on the wire."""
        lowered = check_name(name)
        self._fields[lowered] = (*self._fields.get(lowered, ()), check_value(lowered, value))

    def getall(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, empty if there is none."""
        return self._fields.get(name.lower(), ())

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield one pair for each line on the wire."""
        for name, values in self._fields.items():
            for value in values:
                yield name, value

    def __repr__(self) -> str:
        return f"<MutableHeaders {', '.join(self._fields)}>"
