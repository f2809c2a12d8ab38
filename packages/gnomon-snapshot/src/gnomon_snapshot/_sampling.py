"""Which requests are worth a snapshot."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

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

    Raises:
        ValueError: A share is not between 0 and 1.

    >>> from gnomon_context import GlobalContext, LocalContext
    >>> lctx = LocalContext(GlobalContext(), route="/orders")
    >>> Sampling(rate=0.0, routes={"/orders": 1.0}).wants(lctx)
    True
    """

    rate: float = 0.0
    routes: Mapping[str, float] = field(default_factory=dict)
    failures: bool = True

    def __post_init__(self) -> None:
        for share in (self.rate, *self.routes.values()):
            if not 0 <= share <= 1:
                raise ValueError(f"a share of requests is between 0 and 1, not {share}")

    def wants(self, lctx: LocalContext) -> bool:
        """Whether this request is chosen, by what is known of it at this moment."""
        outcome = lctx.outcome
        if self.failures and outcome is not None and not outcome.ok:
            return True
        share = self.routes.get(lctx.meta.route, self.rate) if self.routes else self.rate
        if share <= 0:
            return False
        return zlib.crc32(lctx.request_id.encode(errors="replace")) < share * 2**32
