"""How an application behaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gnomon_context import ConfigSources
from gnomon_ingress import Config as ServerConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How an application behaves.

    Args:
        timeout: Seconds for a request whose route declares none; `math.inf` for no deadline.
        development: A response with unknown keys is an error; in production they are dropped with a report. And the `end`
            event of a hook or handler that held the event loop for more than 0.1 s without a break says for how long.
        server: Limits and deadlines of the HTTP server.
        settings: What `gctx.config` holds: plain values, or the `ConfigSources` to load them from.

    Raises:
        ValueError: The timeout is not a positive number of seconds.
    """

    timeout: float = 30.0
    development: bool = False
    server: ServerConfig = field(default_factory=ServerConfig)
    settings: ConfigSources | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.timeout) or self.timeout <= 0:
            raise ValueError(f"timeout is a positive number of seconds, not {self.timeout!r}")
