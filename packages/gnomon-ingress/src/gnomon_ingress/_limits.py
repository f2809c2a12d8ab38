"""How much of everything one client may ask of the server, and how the server is set up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may use; every default is meant to be safe in production.

    Args:
        head_size: Bytes of a request head, request line included; more is 431 (414 if the line alone is longer).
        header_count: Header fields of a request; more is 431.
        target_length: Bytes of the request target; more is 414.
        body_size: Bytes of a body, unless the route sets ``req.body_limit``; more is 413.
        idle_timeout: Seconds a connection may stay without a request; then it is closed.
        head_timeout: Seconds from the first byte of a head to its last; then 408.
        body_timeout: Seconds the server waits for one body; then 408.
        body_rate: Bytes per second that prolong ``body_timeout`` and ``message_timeout``: a large upload may take its time, a trickle may not.
        send_timeout: Seconds the server waits for the client to take one response; then the connection is cut.
        send_rate: Bytes per second that prolong ``send_timeout``.
        connections: Open connections; the next gets 503 and is closed.
        requests_per_connection: Requests on one connection; the last answer says ``Connection: close``.
        pipeline_depth: Requests answered in a row from bytes already here, before other tasks get a turn.
        discard_size: Unread bytes of a body that are read and dropped to keep a connection; more closes it.
        message_size: Bytes of one WebSocket message, unless the route sets ``ws.message_limit``; more is 1009.
        message_fragments: Frames of one WebSocket message; more is 1008.
        message_timeout: Seconds from the first byte of a WebSocket message, or of a frame, to its last; more is 1008.
        ping_interval: Seconds of silence after which a WebSocket's client is pinged.
        pong_timeout: Seconds it then has to show that it lives; else the connection is lost (1006).
        close_timeout: Seconds a client has to answer a close, and a handler has to end after its client has closed.

    Raises:
        ValueError: A limit is not positive.

    >>> Limits(body_size=10 * 2**20).body_size
    10485760
    """

    head_size: int = 16 * 1024
    header_count: int = 100
    target_length: int = 8 * 1024
    body_size: int = 1024 * 1024
    idle_timeout: float = 60.0
    head_timeout: float = 10.0
    body_timeout: float = 30.0
    body_rate: float = 1024.0
    send_timeout: float = 30.0
    send_rate: float = 1024.0
    connections: int = 10_000
    requests_per_connection: int = 1_000_000
    pipeline_depth: int = 16
    discard_size: int = 64 * 1024
    message_size: int = 1024 * 1024
    message_fragments: int = 1024
    message_timeout: float = 30.0
    ping_interval: float = 20.0
    pong_timeout: float = 20.0
    close_timeout: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"Limits.{name} must be positive, not {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """Something that happened on a connection and is not a request's own business.

    ``refused``: the parser or the policy refused bytes, with ``status`` and ``code`` of the answer; a WebSocket's status is
    its close code. ``crashed``: the
    dispatch raised ``error``. ``timeout``: a deadline of ``Limits`` passed. ``overload``: no connection to spare.
    ``accept``: accepting failed with ``error`` and is retried.
    """

    kind: Literal["refused", "crashed", "timeout", "overload", "accept"]
    status: int = 0
    code: str = ""
    detail: str = ""
    error: BaseException | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """How messages of WebSockets are compressed (permessage-deflate, RFC 7692), for clients that offer it.

    Args:
        compress_from: Bytes from which a message that is sent is compressed.
        context_takeover: Whether a message may refer to those before it. Small, similar messages then become much smaller,
            and every connection holds 50 to 80 KiB for as long as it lives (with the default window); without it nothing is
            held between messages.
        window_bits: The window of what is sent, and of what is received if the client can be told: 2 to the power of it
            bytes, 9 to 15.

    Raises:
        ValueError: A number is out of its range.
    """

    compress_from: int = 1024
    context_takeover: bool = False
    window_bits: int = 12

    def __post_init__(self) -> None:
        if self.compress_from < 0 or not 9 <= self.window_bits <= 15:
            raise ValueError("compress_from is not negative, and window_bits is from 9 to 15")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How a server behaves.

    Args:
        limits: What a client may use.
        half_close: Whether a client may close its sending side and still wait for the answer. By default a FIN while a
            request runs is a disconnect. A ``Listener`` may say otherwise for its own clients.
        drain_grace: Seconds that running requests get to finish once the server drains.
        exit_timeout: Seconds after the grace until what still runs is cancelled for good.
        backlog: Connections the kernel keeps waiting.
        trusted_proxies: Networks (CIDR) whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        live_path: Where the server says that it runs; ``None`` leaves the path to the application.
        ready_path: Where it says whether it takes work: 503 while draining or while ``is_ready`` says no.
        is_ready: Asked for each readiness check, beyond the server's own state; sync or async.
        websocket_origins: Whose pages may open WebSockets, beside the server's own: exact origins such as
            ``"https://app.example"``, a predicate that is given an origin, or ``"*"`` for every page. A page that may speaks
            with the cookies of its user (cross-site WebSocket hijacking), so none is let in by default: 403.
        websocket_deflate: How messages of WebSockets are compressed, if their clients can. Off by default, for the reason
            ``compress_from`` is; ``message_size`` bounds what a message inflates to, while it is inflated.
        server_header: The ``Server`` field of responses, none by default.
        compress_from: Bytes from which buffered text-like bodies are compressed as the client accepts (br and zstd if their
            libraries are installed, gzip). Off by default: compressing secrets together with what a client chose leaks
            them by length (BREACH).
        decompress: Whether request bodies in gzip or deflate are decompressed as they are read; ``body_size`` then bounds
            what comes out as well. Off by default: reading one is 415.
        on_event: Called with each ``ConnectionEvent``; must not block, and what it raises is logged.

    Raises:
        ValueError: A duration is negative, or a network is none.
    """

    limits: Limits = field(default_factory=Limits)
    half_close: bool = False
    drain_grace: float = 10.0
    exit_timeout: float = 5.0
    backlog: int = 1024
    trusted_proxies: tuple[str, ...] = ()
    live_path: str | None = "/livez"
    ready_path: str | None = "/readyz"
    is_ready: Callable[[], bool | Awaitable[bool]] | None = None
    websocket_origins: Collection[str] | Callable[[str], bool] = ()
    websocket_deflate: Deflate | None = None
    server_header: str | None = None
    compress_from: int | None = None
    decompress: bool = False
    on_event: Callable[[ConnectionEvent], object] | None = None

    def __post_init__(self) -> None:
        if self.drain_grace < 0 or self.exit_timeout < 0:
            raise ValueError("drain_grace and exit_timeout are seconds and must not be negative")
        self.trusted_networks()

    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return ``trusted_proxies`` as networks."""
        return tuple(ip_network(network) for network in self.trusted_proxies)
