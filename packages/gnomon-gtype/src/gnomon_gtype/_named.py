"""Named types: text, numbers and times that every application needs."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from gnomon_gtype._errors import SchemaError
from gnomon_gtype._markers import Gt, Marker, Max, Min, MinLength, Pattern, TextFormat, Zone
from gnomon_gtype._problems import shown
from gnomon_gtype._schema import Schema

Email = Annotated[str, TextFormat("email")]
"""An e-mail address as browsers accept it, at most 254 characters."""

Url = Annotated[str, TextFormat("http-url")]
"""An absolute `http` or `https` URL without user and password."""

Uuid = Annotated[str, TextFormat("uuid")]
"""The text of a UUID, with hyphens (`uuid.UUID` is the class)."""

Slug = Annotated[str, TextFormat("slug")]
"""Lower-case ASCII words joined by single hyphens."""

Hostname = Annotated[str, TextFormat("hostname")]
"""A host name (RFC 1123)."""

Base64 = Annotated[str, TextFormat("base64")]
"""The text of standard base64, padded (RFC 4648 section 4); `bytes` decodes it."""

JsonString = Annotated[str, TextFormat("json")]
"""Text that is itself JSON."""

NonEmpty = Annotated[str, MinLength(1)]
"""Text of at least one character."""

Port = Annotated[int, Min(1), Max(65535)]
"""A TCP or UDP port."""

Positive = Annotated[int, Gt(0)]
"""An integer above 0."""

NonNegative = Annotated[int, Min(0)]
"""An integer of 0 or more."""

PositiveFloat = Annotated[float, Gt(0)]
"""A number above 0."""

Percentage = Annotated[float, Min(0), Max(100)]
"""A number from 0 to 100."""

Timestamp = Annotated[datetime.datetime, Zone("aware")]
"""A moment with a time zone (RFC 3339)."""

NaiveDatetime = Annotated[datetime.datetime, Zone("naive")]
"""A date and time without a time zone."""


_SCHEME = re.compile("[a-zA-Z][a-zA-Z0-9+.-]*")


class UrlWith(Marker):
    """Text that is a URL of one of some schemes: `Annotated[str, UrlWith("ftp", "sftp")]`.

    Args:
        schemes: without the colon, any case; at least one.

    Raises:
        SchemaError: a scheme is none (RFC 3986, section 3.1), or there is none.
    """

    __slots__ = ("schemes",)

    def __init__(self, *schemes: str) -> None:
        if not schemes or not all(isinstance(item, str) and _SCHEME.fullmatch(item) for item in schemes):
            raise SchemaError(f"UrlWith takes schemes such as 'ftp', without '://', not {shown(schemes)}")
        self.schemes: tuple[str, ...] = tuple(sorted({item.lower() for item in schemes}))

    def _key(self) -> tuple[object, ...]:
        return (type(self), *self.schemes)

    def apply(self, node: Schema) -> Schema:
        """The node as text with that format."""
        words = "|".join(map(re.escape, self.schemes))
        return Pattern(f"^(?i:{words}):").apply(TextFormat("url").apply(node))
