"""How an application behaves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gnomon_context import ConfigSources
from gnomon_ingress import Config as ServerConfig

from ._arguments import check_kind

# What `gnomon dev` turns on in the process that serves.
development_by_default = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How an application behaves.

    Args:
        timeout: Seconds for a request whose route declares none; `math.inf` for no deadline.
        development: A response with unknown keys is an error; in production they are dropped. And the `end`
            event of a hook or handler that held the event loop for more than 0.1 s without a break says for how long.
            Left out, it is what the command says: on for `gnomon dev`, off otherwise.
        server: Limits and deadlines of the HTTP server.
        max_detached: Tasks that requests may have handed to the application at one time.
        settings: What `gctx.config` holds: plain values, or the `ConfigSources` to load them from.

    Raises:
        ValueError: The timeout is not a positive number of seconds.
        TypeError: `server` or `settings` is of another kind.
    """

    timeout: float = 30.0
    development: bool = field(default_factory=lambda: development_by_default)
    server: ServerConfig = field(default_factory=ServerConfig)
    max_detached: int = 1000
    settings: ConfigSources | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.timeout) or self.timeout <= 0:
            raise ValueError(f"timeout is a positive number of seconds, not {self.timeout!r}")
        check_kind(
            "server",
            self.server,
            ServerConfig,
            "is a gnomon_ingress.Config, as in Config(limits=Limits(...))",
        )
        if not isinstance(self.settings, ConfigSources):
            check_kind("settings", self.settings, Mapping, "is a mapping or a gnomon_context.ConfigSources")
