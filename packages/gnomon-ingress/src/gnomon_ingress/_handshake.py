"""The opening request of a WebSocket (RFC 6455, section 4.2): checked to the letter, or refused."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Collection
from hashlib import sha1

from ._head import Refusal
from ._headers import Headers, MutableHeaders

_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Origins that may open WebSockets beside the server's own: a list of them, a predicate, or ``"*"`` for all.
Origins = Collection[str] | Callable[[str], bool]


def tokens(value: str) -> list[str]:
    """Return the members of a comma-separated list in lower case.

    >>> tokens("keep-alive, Upgrade")
    ['keep-alive', 'upgrade']
    """
    return [token.strip(" \t").lower() for token in value.split(",")]


def accept_token(key: str) -> str:
    """Return what proves that the opening request was understood (RFC 6455, section 4.2.2).

    >>> accept_token("dGhlIHNhbXBsZSBub25jZQ==")
    's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return b64encode(sha1(key.encode("ascii") + _MAGIC, usedforsecurity=False).digest()).decode("ascii")


def acceptance(key: str, subprotocol: str | None, extensions: str, headers: MutableHeaders) -> bytes:
    """Return the head that accepts an opening request, without its end."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.lines()]
    if subprotocol is not None:
        lines.append(f"sec-websocket-protocol: {subprotocol}\r\n")
    if extensions:
        lines.append(f"sec-websocket-extensions: {extensions}\r\n")
    return (
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-accept: {accept_token(key)}\r\n{''.join(lines)}"
    ).encode("latin-1")


def offered_subprotocols(headers: Headers) -> tuple[str, ...]:
    """Return the subprotocols a client offers, the preferred one first.

    Raises:
        Refusal: The field is no list of different tokens.
    """
    field = headers.get("sec-websocket-protocol")
    if field is None:
        return ()
    offered = tuple(item.strip(" \t") for item in field.split(","))
    if len(set(offered)) != len(offered) or not all(_TOKEN.fullmatch(item) for item in offered):
        raise Refusal(400, "invalid_opening", "Sec-WebSocket-Protocol is no list of different tokens.")
    return offered


def check_opening(method: str, headers: Headers, *, body: bool) -> None:
    """Check an HTTP/1.1 request whose ``Upgrade`` field names ``websocket``.

    Raises:
        Refusal: 426 for another version of the protocol, 400 for everything else that is not an opening request.
    """
    if method != "GET" or body:
        raise Refusal(400, "invalid_opening", "A WebSocket is opened with a GET that has no body.")
    if "upgrade" not in tokens(headers.get("connection", "")):
        raise Refusal(400, "invalid_opening", "A WebSocket is opened with Connection: Upgrade.")
    if headers.get("sec-websocket-version") != "13":
        raise Refusal(
            426, "unknown_websocket_version", "The only version of the protocol known here is 13.",
            extra=b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n",
        )  # fmt: skip
    if _KEY.fullmatch(headers.get("sec-websocket-key", "")) is None:
        raise Refusal(400, "invalid_opening", "Sec-WebSocket-Key is not 16 bytes in base64.")


def check_origin(headers: Headers, origins: Origins) -> None:
    """Refuse a page of another origin: it would speak with the cookies of the user (RFC 6455, section 10.2).

    A request without ``Origin`` comes from no browser. Schemes are not compared, because a proxy may have ended TLS.

    Raises:
        Refusal: 403.
    """
    origin = headers.get("origin")
    if origin is None or origins == "*":
        return
    if origin.partition("://")[2].lower() == headers.get("host", "").lower():
        return
    if not (origins(origin) if callable(origins) else origin in origins):
        raise Refusal(403, "origin_not_allowed", "Pages of this origin may not open a WebSocket here.")
