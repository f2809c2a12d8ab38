"""The client's address behind proxies that the configuration trusts."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from ._headers import Headers
from ._request import Client

Networks = tuple[IPv4Network | IPv6Network, ...]


def seen_through_proxies(
    peer: Client | None, scheme: str, headers: Headers, trusted: Networks
) -> tuple[Client | None, str]:
    """Return address and scheme of the client.

    ``X-Forwarded-For`` is read from the right, as long as each hop is trusted: what stands left of the first hop that
    is not was written by somebody we do not know. A Unix socket (an empty host) is trusted if any network is.
    """
    if not trusted or peer is None or not _is_trusted(peer.host, trusted):
        return peer, scheme
    forwarded = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    if forwarded in ("http", "https"):
        scheme = forwarded
    client = peer
    hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    for hop in reversed(hops):
        host = _host_of(hop)
        if host is None:
            break
        client = Client(host, 0)
        if not _is_trusted(host, trusted):
            break
    return client, scheme


def _is_trusted(host: str, trusted: Networks) -> bool:
    if not host:
        return True
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in trusted)


def _host_of(hop: str) -> str | None:
    """Return the address of one entry, which may be in brackets and may have a port; ``None`` for anything else."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        return str(ip_address(hop))
    except ValueError:
        return None
