"""Which requests are worth a snapshot."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

from gnomon_context import LocalContext


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Chooses requests by rate, by route, and by how they ended.

    The choice by rate depends on the request id alone, so that every process and every moment of a request agree.

    Args:
        rate: The share of requests, 0 to 1.
        routes: Other shares for some routes.
        failures: Whether every request that did not end `ok` is chosen as well.
        header: The name of a header field by which a caller asks for its own request to be chosen, whatever its value.
        callers: From which addresses that header counts: IP addresses and networks; nobody by default.

    Raises:
        ValueError: A share is not between 0 and 1, or a caller is no address or network.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> lctx = LocalContext(GlobalContext(), route="/orders")
    >>> Sampling(rate=0.0, routes={"/orders": 1.0}).wants(lctx)
    True
    """

    rate: float = 0.0
    routes: Mapping[str, float] = field(default_factory=dict)
    failures: bool = True
    header: str = ""
    callers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for share in (self.rate, *self.routes.values()):
            if not 0 <= share <= 1:
                raise ValueError(f"a share of requests is between 0 and 1, not {share}")
        for caller in self.callers:
            ipaddress.ip_network(caller, strict=False)

    def wants(self, lctx: LocalContext, *, request: Any = None) -> bool:
        """Whether this request is chosen, by what is known of it at this moment.

        Args:
            lctx: Its context.
            request: The request, for the header: anything with `headers` and `client.host`.
        """
        if self.failures:
            outcome = lctx.outcome
            if outcome is not None and not outcome.ok:
                return True
        if self.header and request is not None and self.header in request.headers and self._allows(request):
            return True
        share = self.routes.get(lctx.meta.route, self.rate) if self.routes else self.rate
        if share <= 0:
            return False
        return share >= 1 or zlib.crc32(lctx.request_id.encode(errors="replace")) < share * 2**32

    def _allows(self, request: Any) -> bool:
        try:
            address = ipaddress.ip_address(request.client.host)
        except (AttributeError, ValueError):  # a Unix socket has none
            return False
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in ipaddress.ip_network(caller, strict=False) for caller in self.callers)
