"""The closed list of what a snapshot can hold beyond JSON: CBOR tags (RFC 8949, section 3.4) of our own.

They have a meaning inside our envelope only, so that no registration is needed. A number is never used for
something else again.
"""

from __future__ import annotations

from typing import Final

SHARED: Final = 47100  # [number, node]: what REF points to
REF: Final = 47101  # number
LOST: Final = 47102  # [type, repr, reason]
TUPLE: Final = 47103  # [node, …]
SET: Final = 47104  # [node, …]
FROZENSET: Final = 47105  # [node, …]
PAIRS: Final = 47106  # [[key, value], …]: a dict with keys that are not text
DATETIME: Final = 47107  # [year, …, microsecond, fold, zone]
DATE: Final = 47108  # [year, month, day]
TIME: Final = 47109  # [hour, minute, second, microsecond, fold, zone]
DURATION: Final = 47110  # [days, seconds, microseconds]
DECIMAL: Final = 47111  # text
UUID: Final = 47112  # 16 bytes
ENUM: Final = 47113  # [type, name, value]
OBJECT: Final = 47114  # [type, fields]
NAMEDTUPLE: Final = 47115  # [type, fields]
EXCEPTION: Final = 47116  # [type, args, fields, cause, context, suppress, trace, members or null]
SUBCLASS: Final = 47117  # [type, node of the built-in base, fields]
TEXT: Final = 47118  # bytes: text with lone surrogates
BYTEARRAY: Final = 47119  # bytes
COMPLEX: Final = 47120  # [real, imaginary]

FIRST: Final = SHARED
LAST: Final = COMPLEX
