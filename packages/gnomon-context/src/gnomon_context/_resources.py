"""The brokers through which a module reaches the outside world, limited to what it declares."""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

import trio

from ._capabilities import Capabilities, normal_host
from ._errors import CapabilityDenied

if TYPE_CHECKING:
    from ._modules import ModuleRegistry

SecretProvider: TypeAlias = Callable[[str], Any]

# Whose code runs, and whether a broker runs for it; the audit of a test reads them.
acting_module: ContextVar[str | None] = ContextVar("gnomon_module", default=None)
in_broker: ContextVar[bool] = ContextVar("gnomon_broker", default=False)


@final
class Resources:
    """What a module's factory gets to reach hosts, files, secrets and other modules.

    Every request outside the module's declaration is refused with `CapabilityDenied`, and nothing is
    touched. This is no sandbox: it bounds code that asks.

    >>> import trio
    >>> from gnomon_context import Module, open_global_context
    >>> async def mailer(resources):
    ...     return len(await resources.secret("smtp"))
    >>> async def main():
    ...     declared = Module(factory=mailer, capabilities=Capabilities(secrets=("smtp",)))
    ...     async with open_global_context(modules={"mailer": declared}, secrets={"smtp": "pw"}.get) as gctx:
    ...         return gctx.modules.mailer
    >>> trio.run(main)
    2
    """

    __slots__ = ("_registry", "_secrets", "capabilities", "module_name")

    def __init__(
        self, name: str, capabilities: Capabilities, registry: ModuleRegistry, secrets: SecretProvider | None
    ) -> None:
        self.module_name: str = name
        self.capabilities: Capabilities = capabilities
        self._registry = registry
        self._secrets = secrets

    def _deny(self, what: str, kind: str, name: str) -> NoReturn:
        raise CapabilityDenied(
            f"the module {self.module_name!r} may not {what} {name!r}: its declaration has no such entry in "
            f"{kind}; it has: {', '.join(getattr(self.capabilities, kind)) or 'none'}"
        )

    async def connect(
        self, host: str, port: int, *, tls: bool = False, ssl_context: ssl.SSLContext | None = None
    ) -> trio.abc.Stream:
        """Open a TCP connection, with TLS if `tls`, to a declared host.

        Raises:
            CapabilityDenied: the host is not declared.
            OSError: the connection failed.
        """
        if not self.capabilities.allows_host(host):
            self._deny("connect to", "hosts", host)
        # What was checked is what is connected to: another reading of the name could mean another host.
        real = normal_host(host)
        stream: trio.abc.Stream = await self._brokered(_connect, real, port, tls, ssl_context)
        return stream

    async def open(self, path: str | os.PathLike[str], mode: str = "r", **options: Any) -> Any:
        """Open a declared file; returns trio's async file object.

        Args:
            path: where; links are followed before the declaration is consulted.
            mode: as for `open`; all but plain reading needs `writable`.
            options: as for `open`.

        Raises:
            CapabilityDenied: the path is not declared for that mode.
            OSError: it cannot be opened.
        """
        write = set(mode) - set("rbt") != set()
        real, allowed = await trio.to_thread.run_sync(self._resolve, os.fspath(path), write)
        if not allowed:
            self._deny("write" if write else "read", "writable" if write else "files", os.fspath(path))
        # What was checked is what is opened: the path without its links.
        return await self._brokered(trio.open_file, real, mode, **options)

    def _resolve(self, path: str, write: bool) -> tuple[str, bool]:
        real = str(Path(path).resolve())
        return real, self.capabilities.allows_file(real, write=write)

    async def secret(self, name: str) -> Any:
        """Fetch a declared secret from the application's provider.

        Raises:
            CapabilityDenied: the secret is not declared.
            LookupError: the application has no provider of secrets.
        """
        if name not in self.capabilities.secrets:
            self._deny("read the secret", "secrets", name)
        if self._secrets is None:
            raise LookupError(
                "the application has no provider of secrets: give secrets=..., a function of a name"
            )
        return await self._brokered(_fetch, self._secrets, name)

    def module(self, key: Any) -> Any:
        """Another running module, declared in `depends_on` or `capabilities.modules`.

        Raises:
            CapabilityDenied: it is not declared.
            ModuleNotFound, ModuleNotStarted: it is not there.
        """
        own = self._registry.entries[self.module_name]
        entry = self._registry.require(key)
        declared = self.capabilities.modules + tuple(each.name for each in self._registry.dependencies(own))
        if entry.name not in declared:
            self._deny("use the module", "modules", entry.name)
        return self._registry.access[key]

    async def _brokered(self, fn: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        token = in_broker.set(True)
        try:
            return await fn(*args, **options)
        finally:
            in_broker.reset(token)

    def __repr__(self) -> str:
        return f"<resources of module {self.module_name!r}>"


async def _connect(host: str, port: int, tls: bool, ssl_context: ssl.SSLContext | None) -> trio.abc.Stream:
    if tls:
        return await trio.open_ssl_over_tcp_stream(host, port, ssl_context=ssl_context)
    return await trio.open_tcp_stream(host, port)


async def _fetch(provider: SecretProvider, name: str) -> Any:
    value = provider(name)
    return await value if inspect.isawaitable(value) else value
