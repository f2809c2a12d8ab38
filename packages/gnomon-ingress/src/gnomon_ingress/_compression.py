"""Content codings for responses, chosen by Accept-Encoding (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable

#: Media types that shrink; everything else is taken to be compressed already.
_PREFIXES = ("text/", "application/json", "application/xml", "application/javascript", "image/svg+xml")
_SUFFIXES = ("+json", "+xml")


def compressible(media: str) -> bool:
    """Whether bodies of a media type are worth compressing.

    >>> compressible("text/html; charset=utf-8"), compressible("image/png")
    (True, False)
    """
    kind = media.partition(";")[0].strip().lower()
    return kind.startswith(_PREFIXES) or kind.endswith(_SUFFIXES)


def gzip(data: bytes) -> bytes:
    """Compress in the gzip format, without a time stamp, so that equal bodies stay equal."""
    compressor = zlib.compressobj(5, zlib.DEFLATED, 31)
    return compressor.compress(data) + compressor.flush()


def _brotli() -> Callable[[bytes], bytes] | None:
    try:
        module = importlib.import_module("brotli")
    except ImportError:
        return None
    return lambda data: bytes(module.compress(data, quality=4))


def _zstd() -> Callable[[bytes], bytes] | None:
    try:
        module = importlib.import_module("zstandard")
    except ImportError:
        return None
    return lambda data: bytes(module.ZstdCompressor(level=3).compress(data))


def available() -> dict[str, Callable[[bytes], bytes]]:
    """Return the codings that can be offered, best first: br and zstd where their libraries are installed."""
    found = {"br": _brotli(), "zstd": _zstd(), "gzip": gzip}
    return {name: encode for name, encode in found.items() if encode is not None}


def choose(accept: str, offered: dict[str, Callable[[bytes], bytes]]) -> str | None:
    """Return the coding the client likes best, ``None`` for the body as it is.

    Among equals the order of the offer decides.

    >>> choose("gzip;q=0.5, br", {"br": gzip, "gzip": gzip})
    'br'
    >>> choose("identity", {"gzip": gzip}) is None
    True
    """
    weights = parse_weights(accept)
    best, best_weight = None, 0.0
    for name in offered:
        weight = weights.get(name, weights.get("*", 0.0))
        if weight > best_weight:
            best, best_weight = name, weight
    return None if weights.get("identity", 0.0) > best_weight else best


def parse_weights(header: str) -> dict[str, float]:
    """Read a list with weights (RFC 9110, section 12.4.2); what has a broken weight is left out.

    >>> parse_weights("a;q=0.5, b")
    {'a': 0.5, 'b': 1.0}
    """
    weights: dict[str, float] = {}
    for item in header.split(","):
        name, *parameters = [part.strip().lower() for part in item.split(";")]
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = -1.0
        if name and 0.0 <= weight <= 1.0:
            weights[name] = weight
    return weights
